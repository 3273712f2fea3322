// Finite differences: what a function's derivative is, by trying.
import { ArgumentError } from "../core/errors.ts";
import { flatten } from "../core/tree.ts";
import { noGrad } from "../autograd/mode.ts";
import { formatSizes, type Sizes } from "../core/shape.ts";
import { relayout } from "../ops/define/memory.ts";
import { fillWith, transfer } from "../ops/define/transfer.ts";
import { stack } from "../ops/join.ts";
import { zeros } from "../ops/create.ts";
import { Tensor } from "../ops/methods.ts";
import { isTensor } from "../ops/access.ts";

/** The tensors among what a function returned. */
export function outputsOf(result: unknown): readonly Tensor[] {
  return flatten(result, isTensor).leaves;
}

/** The positions in memory of a tensor's elements, in row-major order. */
function* places(of: Tensor): Generator<number> {
  const index = of.sizes.map(() => 0);
  for (let n = 0; n < of.count; n++) {
    yield index.reduce((sum, i, dim) => sum + i * of.strides[dim]!, of.offset);
    for (let dim = index.length - 1; dim >= 0; dim--) {
      if (++index[dim]! < of.sizes[dim]!) break;
      index[dim] = 0;
    }
  }
}

/** Copies of the outputs now: an output may share the memory that is about to be perturbed. */
function evaluate(call: () => unknown): readonly Tensor[] {
  const outputs = outputsOf(call());
  return noGrad(() => outputs.map((output) => output.detach().clone()));
}

function sameKind(before: Tensor, after: Tensor, index: number): void {
  const sizes = (of: { readonly sizes: Sizes }): string => formatSizes(of.sizes);
  if (sizes(before) !== sizes(after))
    throw new ArgumentError(
      `gradcheck: the function must return outputs with the same shape when inputs are perturbed, but output ${index} went from ${sizes(before)} to ${sizes(after)}; a function whose shapes depend on values has no derivative there`,
    );
  if (before.dtype !== after.dtype)
    throw new ArgumentError(
      `gradcheck: the function must return outputs with the same dtype when inputs are perturbed, but output ${index} went from ${before.dtype.name} to ${after.dtype.name}; a function whose types depend on values has no derivative there`,
    );
}

/** (b - a) / step for each output. */
function quotients(a: readonly Tensor[], b: readonly Tensor[], step: number): Tensor[] {
  if (a.length !== b.length)
    throw new ArgumentError(
      `gradcheck: the function must return as many outputs when inputs are perturbed, but returned ${a.length} and then ${b.length}`,
    );
  return noGrad(() =>
    a.map((low, i) => {
      sameKind(low, b[i]!, i);
      return low.dtype.isFloatingPoint
        ? b[i]!.sub(low).div(step)
        : zeros(low.sizes, { device: low.device });
    }),
  );
}

/**
 * The derivative of every output along a direction in one input: (f(x + eps d) - f(x - eps d)) / (2 eps), the central difference.
 * The input itself is changed meanwhile, and put back: the function may hold it without taking it as an argument.
 */
export function alongDirection(
  call: () => unknown,
  input: Tensor,
  direction: Tensor,
  eps: number,
): Tensor[] {
  const { original, step } = noGrad(() => ({
    original: input.detach().clone(),
    step: direction.mul(eps).reshape(input.sizes),
  }));
  const shifted = (sign: 1 | -1): readonly Tensor[] => {
    noGrad(() => transfer(original.add(step, { alpha: sign }), input));
    return evaluate(call);
  };
  try {
    return quotients(shifted(-1), shifted(1), 2 * eps);
  } finally {
    transfer(original, input);
  }
}

/**
 * The Jacobian of every output with respect to one input by central differences: row i, column j is the derivative of the output's
 * element j with respect to the input's element i, as in PyTorch's gradcheck.
 */
export function differenceJacobian(call: () => unknown, input: Tensor, eps: number): Tensor[] {
  const rows: Tensor[][] = [];
  for (const place of places(input)) {
    // Written without counting a version: the value is back before anyone else looks.
    const element = relayout(input, [], [], place);
    const original = Number(element.item());
    try {
      fillWith(element, original - eps);
      const low = evaluate(call);
      fillWith(element, original + eps);
      const high = evaluate(call);
      rows.push(quotients(low, high, 2 * eps));
    } finally {
      fillWith(element, original);
    }
  }
  if (rows.length === 0)
    return evaluate(call).map((output) => zeros([0, output.count], { dtype: output.dtype }));
  return noGrad(() => rows[0]!.map((_, o) => stack(rows.map((row) => row[o]!.reshape(-1)))));
}
