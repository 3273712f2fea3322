// What the backward pass says a function's derivative is, and whether it says the same twice.
import { noGrad } from "../autograd/mode.ts";
import { GradcheckError } from "../core/errors.ts";
import { formatSizes, sameSizes } from "../core/shape.ts";
import { captureGradients } from "../ops/define/pass.ts";
import { relayout } from "../ops/define/memory.ts";
import { fillWith } from "../ops/define/transfer.ts";
import { stack } from "../ops/join.ts";
import { zeros, zerosLike } from "../ops/create.ts";
import type { Tensor } from "../ops/methods.ts";

/** v^T J for each input; null where the output does not depend on it. */
export type Pullback = (seed: Tensor) => readonly (Tensor | null)[];

export function pullback(output: Tensor, inputs: readonly Tensor[]): Pullback {
  return (seed) => captureGradients("gradcheck", [output], inputs, [seed], true, false);
}

/** What a gradient has to be like. */
export interface Requirements {
  readonly nondetTol: number;
  readonly checkGradDtypes: boolean;
}

function checkKind(
  input: Tensor,
  gradient: Tensor | null,
  name: string,
  { checkGradDtypes }: Requirements,
): void {
  if (gradient === null) return;
  if (!sameSizes(input.sizes, gradient.sizes))
    throw new GradcheckError(
      `gradcheck: the analytical gradient for ${name} has incorrect size ${formatSizes(gradient.sizes)}; the input has ${formatSizes(input.sizes)}`,
    );
  if (checkGradDtypes && gradient.dtype !== input.dtype)
    throw new GradcheckError(
      `gradcheck: the gradient for ${name} has dtype mismatch: it is ${gradient.dtype.name}, the input ${input.dtype.name}`,
    );
}

function same(a: readonly Tensor[], b: readonly Tensor[], tolerance: number): boolean {
  return a.every((x, i) => {
    const y = b[i]!;
    return x.count === 0 || x.sub(y).abs().max().item() <= tolerance;
  });
}

/** Refuses a derivative that is another when it is computed again. */
function checkTwice(once: () => Tensor[], requirements: Requirements): Tensor[] {
  const first = once();
  if (!noGrad(() => same(first, once(), requirements.nondetTol)))
    throw new GradcheckError(
      `gradcheck: backward is not reentrant: running it again with the same input and gradient gives different values, apart by more than nondetTol, ${requirements.nondetTol}; look for randomness or for state in the backward rule`,
    );
  return first;
}

/** One seed for each element of an output: 1 there, 0 elsewhere. */
export function* basis(output: Tensor): Generator<Tensor> {
  for (let j = 0; j < output.count; j++) {
    const seed = noGrad(() => zeros(output.sizes, { dtype: output.dtype, device: output.device }));
    fillWith(relayout(seed, [], [], j), 1);
    yield seed;
  }
}

/** The Jacobian of one output with respect to each input, laid out as by `differenceJacobian`, a backward pass for each column. */
export function reverseJacobian(
  output: Tensor,
  inputs: readonly Tensor[],
  names: readonly string[],
  requirements: Requirements,
): Tensor[] {
  const back = pullback(output, inputs);
  return checkTwice(() => {
    const columns: (Tensor | null)[][] = inputs.map(() => []);
    for (const seed of basis(output))
      back(seed).forEach((gradient, k) => {
        checkKind(inputs[k]!, gradient, names[k]!, requirements);
        columns[k]!.push(gradient);
      });
    return noGrad(() => inputs.map((input, k) => joined(columns[k]!, input)));
  }, requirements);
}

function joined(columns: readonly (Tensor | null)[], input: Tensor): Tensor {
  if (columns.length === 0) return zeros([input.count, 0], { dtype: input.dtype });
  const flat = columns.map((g) => (g ?? zerosLike(input)).detach().reshape(-1));
  return stack(flat, 1);
}

/** (v^T J) u for each input: one number where the Jacobian would be a matrix. */
export function reverseProjection(
  output: Tensor,
  seed: Tensor,
  inputs: readonly Tensor[],
  directions: readonly Tensor[],
  names: readonly string[],
  requirements: Requirements,
): Tensor[] {
  const back = pullback(output, inputs);
  return checkTwice(() => {
    const gradients = back(seed);
    return noGrad(() =>
      gradients.map((gradient, k) => {
        checkKind(inputs[k]!, gradient, names[k]!, requirements);
        const u = directions[k]!;
        return gradient === null ? u.sum().mul(0) : gradient.reshape(-1).mul(u).sum();
      }),
    );
  }, requirements);
}
