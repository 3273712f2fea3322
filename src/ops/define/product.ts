// What matrix products share: checks, the raw kernel, and transposes without copies.
import { isDifferentiable } from "../../autograd/mode.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { formatSizes, type Sizes } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import { checkDevices, joinedDevice } from "./levels.ts";
import { empty, relayout } from "./memory.ts";
import { fillWith } from "./transfer.ts";

/** Refuses operands of several types or devices. */
export function checkTypes(name: string, tensors: readonly Tensor[]): void {
  const first = tensors[0]!;
  for (const tensor of tensors)
    if (tensor.dtype !== first.dtype)
      throw new DTypeError(
        `${name}: the operands are ${first.dtype.name} and ${tensor.dtype.name}; convert them to one type`,
      );
  checkDevices(name, tensors);
}

/** The same for two. */
export function checkPair(name: string, a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype || a.storage.device !== b.storage.device) checkTypes(name, [a, b]);
}

/** Refuses a tensor of another rank. */
export function checkRank(name: string, parameter: string, tensor: Tensor, rank: number): void {
  if (tensor.sizes.length !== rank)
    throw new ShapeError(
      `${name}: ${parameter} must have ${rank} dimension${rank === 1 ? "" : "s"}, got shape ${formatSizes(tensor.sizes)}`,
    );
}

/** The error for inner dimensions that do not meet. */
export function mismatch(name: string, a: Tensor, b: Tensor): ShapeError {
  return new ShapeError(
    `${name}: shapes ${formatSizes(a.sizes)} and ${formatSizes(b.sizes)} cannot be multiplied; the last dimension of the first must equal the dimension of the second that it meets`,
  );
}

/** A matrix, or a batch of them, transposed without a copy: recorded where recording is on. */
export function transposed(t: Tensor): Tensor {
  if (isDifferentiable()) return t.transpose(-2, -1);
  const r = t.sizes.length;
  const sizes = [...t.sizes];
  const strides = [...t.strides];
  [sizes[r - 2], sizes[r - 1]] = [sizes[r - 1]!, sizes[r - 2]!];
  [strides[r - 2], strides[r - 1]] = [strides[r - 1]!, strides[r - 2]!];
  return relayout(t, sizes, strides, t.offset);
}

/** A tensor times a number, itself where that is 1. */
export const scaled: (t: Tensor, by: number) => Tensor = (t, by) => (by === 1 ? t : t.mul(by));

/** output = alpha * a @ b + beta * addend, for operands of one rank; the raw kernel, outside the graph. */
export function product(
  a: Tensor,
  b: Tensor,
  batch: Sizes,
  alpha: number = 1,
  beta: number = 0,
  addend: Tensor | null = null,
): Tensor {
  const r = a.sizes.length;
  // Factors of integers lose their fraction, as in PyTorch.
  if (a.dtype.kind !== "floating") [alpha, beta] = [Math.trunc(alpha), Math.trunc(beta)];
  const rows = a.sizes[r - 2]!;
  const columns = b.sizes[b.sizes.length - 1]!;
  const out = empty(
    batch.length === 0 ? [rows, columns] : [...batch, rows, columns],
    a.dtype,
    joinedDevice(a.storage.device, b.storage.device),
  );
  // A sum of no products is zero, whatever a kernel makes of an empty loop.
  if (a.sizes[r - 1] === 0 && (addend === null || beta === 0)) fillWith(out, 0);
  else
    out.storage.device.backend.matmul(
      out,
      a,
      b,
      alpha,
      addend === null ? 0 : beta,
      beta === 0 ? null : addend,
    );
  return out;
}

/** Refuses fractional factors of integer tensors. */
export function checkWhole(name: string, t: Tensor, ...factors: readonly number[]): void {
  if (t.dtype.kind === "boolean") return;
  for (const factor of factors)
    if (t.dtype.kind === "integer" && !Number.isInteger(factor))
      throw new DTypeError(
        `${name}: alpha and beta must be whole numbers for integer tensors, got ${factor}`,
      );
}
