// Kernels along one dimension: scans, sorting, softmax. Each writes its line as the last dimension of the frame's layout.
import type { Operand, ScanKind } from "../../core/backend.ts";
import type { Sizes } from "../../core/shape.ts";
import { type Call, type Role, reads, writes } from "./call.ts";
import { slot, strideStep } from "./slot.ts";

const scans: readonly ScanKind[] = ["sum", "product", "maximum", "minimum", "logSumExp"];

const scanRoles: readonly Role[] = [writes, reads, writes];
const sortRoles: readonly Role[] = [writes, writes, reads];
const softmaxRoles: readonly Role[] = [writes, reads, reads];

const noDimension = (k: number): number => k;

/** Sizes and strides with `dim` moved to the end. */
function describe(
  call: Call,
  sizes: Sizes,
  operands: readonly Operand[],
  roles: readonly Role[],
  dim: number,
): void {
  const { frame } = call;
  const rank = sizes.length;
  if (rank === 0) {
    call.sizes(sizes);
    operands.forEach((operand, k) => {
      call.operand(k, operand, roles[k]!);
      frame[slot.strides + k * strideStep] = 1;
    });
    return;
  }
  frame[slot.count] = rank;
  for (let d = 0, at = 0; d < rank; d++)
    frame[slot.sizes + (d === dim ? rank - 1 : at++)] = sizes[d]!;
  operands.forEach((operand, k) => {
    const base = slot.strides + k * strideStep;
    frame[slot.types + k] = operand.dtype.index;
    call.place(k, operand, roles[k]!);
    for (let d = 0, at = 0; d < rank; d++)
      frame[base + (d === dim ? rank - 1 : at++)] = operand.strides[d]!;
  });
}

export function scan(
  call: Call,
  kind: ScanKind,
  output: Operand,
  input: Operand,
  dim: number,
  positions: Operand | null,
): void {
  if (output.count === 0) return;
  describe(
    call,
    output.sizes,
    positions === null ? [output, input] : [output, input, positions],
    scanRoles,
    dim,
  );
  call.frame[slot.kind] = scans.indexOf(kind);
  call.frame[slot.flag] = positions === null ? 0 : 1;
  call.kernels.scan();
  call.check("scan", false, noDimension);
}

export function sort(
  call: Call,
  values: Operand,
  positions: Operand,
  input: Operand,
  descending: boolean,
): void {
  if (values.count === 0) return;
  describe(call, values.sizes, [values, positions, input], sortRoles, values.sizes.length - 1);
  call.frame[slot.flag] = descending ? 1 : 0;
  call.kernels.sort();
  call.check("sort", false, noDimension);
}

export function softmax(call: Call, output: Operand, input: Operand, logarithm: boolean): void {
  if (output.count === 0) return;
  describe(call, output.sizes, [output, input], softmaxRoles, output.sizes.length - 1);
  call.frame[slot.flag] = logarithm ? 1 : 0;
  call.kernels.softmax();
  call.check("softmax", false, noDimension);
}

export function softmaxBackward(
  call: Call,
  output: Operand,
  gradient: Operand,
  result: Operand,
  logarithm: boolean,
): void {
  if (output.count === 0) return;
  describe(call, output.sizes, [output, gradient, result], softmaxRoles, output.sizes.length - 1);
  call.frame[slot.flag] = logarithm ? 1 : 0;
  call.kernels.softmax_backward();
  call.check("softmaxBackward", false, noDimension);
}
