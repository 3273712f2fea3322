// Kernels that read and write at computed places.
import type { Operand, ScatterKind } from "../../core/backend.ts";
import { ArgumentError } from "../../core/errors.ts";
import { type Call, changes, reads, type Role, writes } from "./call.ts";
import { maximumOperands, slot, strideStep } from "./slot.ts";

const scatters: readonly ScatterKind[] = ["set", "sum", "product", "minimum", "maximum"];

/** The common part of gather and scatter: `named` is the number of the operand whose elements the index names along `dim`. */
function alongDimension(
  call: Call,
  operands: readonly Operand[],
  output: Role,
  named: number,
  dim: number,
): void {
  const { frame } = call;
  const { sizes } = operands[1]!;
  const target = operands[named]!;
  call.sizes(sizes);
  operands.forEach((operand, k) => call.operand(k, operand, k === 0 ? output : reads));
  if (sizes.length === 0) for (let k = 0; k < 3; k++) frame[slot.strides + k * strideStep] = 0;
  frame[slot.strides + named * strideStep + dim] = 0;
  frame[slot.dim] = dim;
  frame[slot.alpha] = target.strides[dim] ?? 1;
  frame[slot.beta] = target.sizes[dim] ?? 1;
}

export function gather(
  call: Call,
  output: Operand,
  input: Operand,
  dim: number,
  index: Operand,
): void {
  if (output.count === 0) return;
  alongDimension(call, [output, index, input], writes, 2, dim);
  call.frame[slot.flag] = output.dtype.itemsize;
  call.kernels.gather();
  call.check("gather", false, (k) => k);
}

export function scatter(
  call: Call,
  kind: ScatterKind,
  output: Operand,
  dim: number,
  index: Operand,
  source: Operand,
): void {
  if (index.count === 0) return;
  alongDimension(call, [output, index, source], changes, 0, dim);
  call.frame[slot.kind] = scatters.indexOf(kind);
  call.frame[slot.dtype] = output.dtype.index;
  call.kernels.scatter();
  call.check("scatter", false, (k) => k);
}

/** `named` is indexed in its first dimensions; `other` has the indices' dimensions followed by the rest. */
function named(
  call: Call,
  target: Operand,
  targetRole: Role,
  other: Operand,
  otherRole: Role,
  indices: readonly Operand[],
): void {
  const { frame } = call;
  if (indices.length + 2 > maximumOperands)
    throw new ArgumentError(
      `index: ${indices.length} indices; at most ${maximumOperands - 2} are supported`,
    );
  const lead = indices[0]!.sizes.length;
  const rest = other.sizes.length - lead;
  frame[slot.count] = lead;
  frame[slot.dim] = rest;
  frame[slot.operands] = indices.length;
  for (let d = 0; d < other.sizes.length; d++) {
    frame[slot.sizes + d] = other.sizes[d]!;
    frame[slot.strides + d] = d < lead ? 0 : target.strides[d - lead + indices.length]!;
    frame[slot.strides + strideStep + d] = other.strides[d]!;
    for (let k = 0; k < indices.length; k++)
      frame[slot.strides + (2 + k) * strideStep + d] = d < lead ? indices[k]!.strides[d]! : 0;
  }
  call.place(0, target, targetRole);
  call.place(1, other, otherRole);
  for (let k = 0; k < indices.length; k++) {
    call.place(2 + k, indices[k]!, reads);
    frame[slot.scalars + k] = target.sizes[k]!;
    frame[slot.step + k] = target.strides[k]!;
  }
}

export function index(
  call: Call,
  output: Operand,
  input: Operand,
  indices: readonly Operand[],
): void {
  if (output.count === 0) return;
  named(call, input, reads, output, writes, indices);
  call.frame[slot.flag] = output.dtype.itemsize;
  call.kernels.index();
  call.check("index", true, (k) => k);
}

export function indexPut(
  call: Call,
  output: Operand,
  indices: readonly Operand[],
  source: Operand,
  accumulate: boolean,
): void {
  if (source.count === 0) return;
  named(call, output, changes, source, reads, indices);
  call.frame[slot.kind] = accumulate ? 1 : 0;
  call.frame[slot.dtype] = output.dtype.index;
  call.kernels.index_put();
  call.check("indexPut", true, (k) => k);
}

export function nonzero(call: Call, output: Operand, input: Operand): void {
  if (output.count === 0) return;
  const { frame } = call;
  frame[slot.count] = input.sizes.length;
  for (let d = 0; d < input.sizes.length; d++) frame[slot.sizes + d] = input.sizes[d]!;
  call.strides(1, input.strides);
  frame[slot.dtype] = input.dtype.index;
  call.place(0, output, writes);
  call.place(1, input, reads);
  frame[slot.alpha] = output.strides[0]!;
  frame[slot.beta] = output.strides[1]!;
  frame[slot.dim] = output.sizes[0]!;
  call.kernels.nonzero();
}
