// The rows or columns of Jacobian matrices: one at a time, or all at once by mapping the pass over unit vectors.
import { AutogradError } from "../core/errors.ts";
import { mapped } from "../core/list.ts";
import { captureGradients } from "../ops/define/pass.ts";
import { stack } from "../ops/join.ts";
import type { Tensor } from "../ops/methods.ts";
import { gradients } from "./evaluation.ts";
import { jvp } from "./forward.ts";
import { vmap } from "./vmap.ts";

const total = (tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, { count }) => sum + count, 0);

/**
 * The rows from `from` to `to` of the identity matrix over the elements of all tensors, in one matrix for each tensor that
 * holds the columns of its elements, of its type and on its device.
 */
export function standardBasis(
  tensors: readonly Tensor[],
  from: number = 0,
  to: number = total(tensors),
): readonly Tensor[] {
  let before = 0;
  return mapped(tensors, (tensor) => {
    const part = tensor.newZeros([to - from, tensor.count]);
    part.diagonal({ offset: from - before }).fill_(1);
    before += tensor.count;
    return part;
  });
}

/** How many elements of unit vectors are kept at once. */
const blockElements = 1 << 20;

/** The unit vectors of a tensor's space, in its shape. */
function* unitVectors(tensor: Tensor): Generator<Tensor> {
  const { count } = tensor;
  const rows = Math.max(1, Math.floor(blockElements / Math.max(count, 1)));
  for (let from = 0; from < count; from += rows) {
    const to = Math.min(from + rows, count);
    const [block] = standardBasis([tensor], from, to);
    yield* block!.view([to - from, ...tensor.shape]).unbind(0);
  }
}

/** The gradients of one output, row by row: for each input a tensor of the output's and the input's sizes, one after the other. */
export function rowsOf(
  operation: string,
  output: Tensor,
  position: number,
  inputs: readonly Tensor[],
  createGraph: boolean,
  strict: boolean,
): readonly Tensor[] {
  const rows = mapped(inputs, (): Tensor[] => []);
  if (output.requiresGrad)
    for (const seed of unitVectors(output)) {
      const found = captureGradients(operation, [output], inputs, [seed], true, createGraph);
      found.forEach((gradient, i) => {
        if (strict && gradient === null)
          throw new AutogradError(
            `${operation}: output ${position} of the function is independent of input ${i}, which strict mode does not allow`,
          );
        if (strict && createGraph && !gradient!.requiresGrad)
          throw new AutogradError(
            `${operation}: the Jacobian of the function is independent of input ${i}, which strict mode does not allow with createGraph`,
          );
        rows[i]!.push(gradient ?? inputs[i]!.newZeros(inputs[i]!.shape));
      });
    }
  return mapped(rows, (list, i) => {
    const input = inputs[i]!;
    const shape = [...output.shape, ...input.shape];
    if (list.length === 0) return input.newZeros(shape);
    if (output.dim() === 0) return list[0]!;
    return (list.length === 1 ? list[0]! : stack(list)).view(shape);
  });
}

/** The pieces of a tensor along a dimension, one for each of the others, with the dimension given that one's sizes. */
export function pieces(
  joined: Tensor,
  dim: 0 | -1,
  others: readonly Tensor[],
  rest: { readonly shape: readonly number[] },
): readonly Tensor[] {
  let before = 0;
  return mapped(others, (other) => {
    const piece = joined.narrow(dim, before, other.count);
    before += other.count;
    const shape = dim === 0 ? [...other.shape, ...rest.shape] : [...rest.shape, ...other.shape];
    return piece.reshape(shape);
  });
}

/** The unit vectors of the space of several tensors together, in the shapes of the tensors, along a new first dimension. */
export function allUnitVectors(tensors: readonly Tensor[]): readonly Tensor[] {
  return standardBasis(tensors).map((part, i) => part.view([part.shape[0]!, ...tensors[i]!.shape]));
}

const zerosFor = (a: Tensor, b: Tensor, like: Tensor): Tensor =>
  like.newZeros([...a.shape, ...b.shape]);

/** All rows in one mapped pass: for each output and each input a tensor of their sizes, one after the other. */
export function rowsAtOnce(
  operation: string,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  createGraph: boolean,
): readonly (readonly Tensor[])[] {
  if (total(outputs) === 0)
    return mapped(outputs, (output) => mapped(inputs, (input) => zerosFor(output, input, input)));
  const pass = (...seeds: readonly Tensor[]): readonly Tensor[] =>
    gradients(operation, outputs, inputs, seeds, createGraph, true).map(
      (gradient, i) => gradient ?? inputs[i]!.newZeros(inputs[i]!.shape),
    );
  const joined = vmap(pass)(...allUnitVectors(outputs));
  const byInput = mapped(joined, (rows, i) => pieces(rows, 0, outputs, inputs[i]!));
  return mapped(outputs, (_, k) => mapped(byInput, (list) => list[k]!));
}

/**
 * The Jacobian in forward mode, column by column or all columns in one mapped evaluation: for each output and each input a tensor of
 * their sizes, one after the other.
 */
export function columnsOf(
  func: (...inputs: readonly Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  vectorize: boolean,
): readonly (readonly Tensor[])[] {
  const count = total(inputs);
  if (count === 0)
    return func(...inputs).map((output) =>
      mapped(inputs, (input) => zerosFor(output, input, output)),
    );
  const column = (...tangents: readonly Tensor[]): readonly Tensor[] =>
    jvp(func, inputs, tangents)[1];
  const basis = allUnitVectors(inputs);
  const joined = vectorize
    ? vmap(column, { outDims: -1 })(...basis)
    : stacked(
        Array.from({ length: count }, (_, i) => column(...mapped(basis, (part) => part.at(i)))),
      );
  return mapped(joined, (columns) =>
    pieces(columns, -1, inputs, { shape: columns.shape.slice(0, -1) }),
  );
}

/** Lists of tensors as one list of tensors with a new last dimension. */
function stacked(lists: readonly (readonly Tensor[])[]): readonly Tensor[] {
  return mapped(lists[0]!, (_, k) =>
    stack(
      mapped(lists, (list) => list[k]!),
      -1,
    ),
  );
}
