// What the backends over the C++ kernels share: each kernel's work is described in the frame, then the kernel is called.
import type {
  Backend,
  KernelKind,
  Operand,
  ReductionKind,
  ScanKind,
  ScatterKind,
} from "../../core/backend.ts";
import type { DType } from "../../core/dtype.ts";
import { DeviceError } from "../../core/errors.ts";
import type { TypedProgram } from "../../core/program.ts";
import type { Sizes } from "../../core/shape.ts";
import type { Storage } from "../../core/storage.ts";
import { type Call, reads, writes } from "./call.ts";
import { gather, index, indexPut, nonzero, scatter } from "./indexing.ts";
import { scan, softmax, softmaxBackward, sort } from "./lines.ts";
import { slot, strideStep } from "./slot.ts";

/** The numbers by which the kernels know them. */
const reductions: Readonly<Record<ReductionKind, number>> = {
  sum: 0,
  product: 1,
  minimum: 2,
  maximum: 3,
  argmin: 4,
  argmax: 5,
  all: 6,
  any: 7,
};

/** Whether a layout shows one element everywhere, as an expanded scalar does. */
function repeatsOne(operand: Operand): boolean {
  const { strides, sizes } = operand;
  for (let d = 0; d < strides.length; d++) if (strides[d] !== 0 && sizes[d] !== 1) return false;
  return true;
}

/** Kernels in C++, called through a frame. */
export abstract class FrameBackend implements Backend {
  abstract readonly name: string;
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  supports(_kind: KernelKind, _compute: DType): boolean {
    return true;
  }

  abstract allocate(byteLength: number): Storage;

  abstract read(storage: Storage, dtype: DType, index: number): number | bigint | boolean;

  map(
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void {
    const count = output.count;
    if (count === 0) return;
    const call = this.#call;
    const handle = program.owner === call ? program.handle : call.register(program);
    const frame = call.frame;
    let dense = output.dense;
    call.place(0, output, writes);
    for (let k = 0; k < inputs.length; k++) {
      const input = inputs[k]!;
      call.place(1 + k, input, reads);
      if (input.dense && input.count === count) frame[slot.step + 1 + k] = 1;
      else if (input.count === 1 || repeatsOne(input)) frame[slot.step + 1 + k] = 0;
      else dense = false;
    }
    for (let k = 0; k < scalars.length; k++) frame[slot.scalars + k] = scalars[k]!;
    frame[slot.handle] = handle;
    if (dense) {
      frame[slot.count] = count;
      call.kernels.map();
    } else {
      call.layouts(output.sizes, [output], inputs);
      call.kernels.map_strided();
    }
  }

  mapMany(
    program: TypedProgram,
    outputs: readonly Operand[],
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void {
    const { count, sizes } = outputs[0]!;
    if (count === 0) return;
    const call = this.#call;
    const handle = program.owner === call ? program.handle : call.register(program);
    const frame = call.frame;
    frame[slot.handle] = handle;
    let dense = true;
    let at = 0;
    for (const operand of outputs) {
      call.place(at, operand, writes);
      frame[slot.step + at++] = 1;
      dense &&= operand.dense;
    }
    for (const operand of inputs) {
      call.place(at, operand, reads);
      frame[slot.step + at++] = operand.count === 1 ? 0 : 1;
      dense &&= operand.count === 1 || (operand.dense && operand.count === count);
    }
    for (let k = 0; k < scalars.length; k++) frame[slot.scalars + k] = scalars[k]!;
    if (dense) {
      frame[slot.count] = count;
      call.kernels.map();
      return;
    }
    call.layouts(sizes, outputs, inputs);
    call.kernels.map_strided();
  }

  reduce(
    kind: ReductionKind,
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
    sizes: Sizes,
    divisor: number,
  ): void {
    if (output.count === 0) return;
    const call = this.#call;
    const handle = program.owner === call ? program.handle : call.register(program);
    const frame = call.frame;
    frame[slot.handle] = handle;
    frame[slot.kind] = reductions[kind];
    frame[slot.beta] = divisor;
    frame[slot.dtype] = output.dtype.index;
    frame[slot.count] = sizes.length;
    call.place(0, output, writes);
    for (let k = 0; k < inputs.length; k++) call.place(1 + k, inputs[k]!, reads);
    for (let k = 0; k < scalars.length; k++) frame[slot.scalars + k] = scalars[k]!;
    if (output.count === 1 && this.#flatten(inputs, sizes)) {
      call.kernels.reduce();
      return;
    }
    frame[slot.flag] = 0;
    // Kept dimensions first, reduced ones behind them.
    let at = 0;
    for (let pass = 0; pass < 2; pass++) {
      for (let d = 0; d < sizes.length; d++) {
        const size = sizes[d]!;
        const reduced = output.sizes[d] !== size;
        if (reduced !== (pass === 1)) continue;
        frame[slot.sizes + at] = size;
        frame[slot.strides + at] = reduced ? 0 : output.strides[d]!;
        for (let k = 0; k < inputs.length; k++) {
          const input = inputs[k]!;
          const own = d - sizes.length + input.sizes.length;
          frame[slot.strides + (1 + k) * strideStep + at] =
            own < 0 || input.sizes[own] !== size ? 0 : input.strides[own]!;
        }
        at++;
      }
      if (pass === 0) frame[slot.dim] = at;
    }
    call.kernels.reduce();
  }

  /** Describes a reduction of everything as one of a single dimension, where all inputs are dense or single elements. */
  #flatten(inputs: readonly Operand[], sizes: Sizes): boolean {
    const frame = this.#call.frame;
    let count = 1;
    for (let d = 0; d < sizes.length; d++) count *= sizes[d]!;
    for (let k = 0; k < inputs.length; k++) {
      const input = inputs[k]!;
      const whole = input.dense && input.count === count;
      if (!whole && input.count !== 1) return false;
      frame[slot.step + 1 + k] = whole ? 1 : 0;
      frame[slot.strides + (1 + k) * strideStep] = whole ? 1 : 0;
    }
    frame[slot.flag] = 1;
    frame[slot.count] = 1;
    frame[slot.dim] = 0;
    frame[slot.sizes] = count;
    frame[slot.strides] = 0;
    return true;
  }

  matmul(
    output: Operand,
    a: Operand,
    b: Operand,
    alpha: number,
    beta: number,
    addend: Operand | null,
  ): void {
    if (output.count === 0) return;
    const call = this.#call;
    const frame = call.frame;
    const rank = output.sizes.length;
    const batch = rank - 2;
    frame[slot.count] = batch;
    frame[slot.dtype] = output.dtype.index;
    frame[slot.alpha] = alpha;
    frame[slot.beta] = beta;
    // Nothing of an addend counts with beta = 0, its NaNs neither.
    frame[slot.flag] = addend === null || beta === 0 ? 0 : 1;
    for (let d = 0; d < rank; d++) {
      frame[slot.sizes + d] = output.sizes[d]!;
      frame[slot.strides + d] = output.strides[d]!;
      frame[slot.strides + strideStep + d] = a.strides[d]!;
      frame[slot.strides + 2 * strideStep + d] = b.strides[d]!;
      if (addend !== null) frame[slot.strides + 3 * strideStep + d] = addend.strides[d]!;
    }
    frame[slot.dim] = a.sizes[rank - 1]!;
    call.place(0, output, writes);
    call.place(1, a, reads);
    call.place(2, b, reads);
    if (addend !== null) call.place(3, addend, reads);
    frame[slot.status] = 0;
    call.kernels.matmul();
    if (call.frame[slot.status] !== 0)
      throw new DeviceError("matmul: no memory for the product of these operands in a wider type");
  }

  scan(
    kind: ScanKind,
    output: Operand,
    input: Operand,
    dim: number,
    positions: Operand | null,
  ): void {
    scan(this.#call, kind, output, input, dim, positions);
  }

  gather(output: Operand, input: Operand, dim: number, index: Operand): void {
    gather(this.#call, output, input, dim, index);
  }

  scatter(kind: ScatterKind, output: Operand, dim: number, index: Operand, source: Operand): void {
    scatter(this.#call, kind, output, dim, index, source);
  }

  index(output: Operand, input: Operand, indices: readonly Operand[]): void {
    index(this.#call, output, input, indices);
  }

  indexPut(
    output: Operand,
    indices: readonly Operand[],
    source: Operand,
    accumulate: boolean,
  ): void {
    indexPut(this.#call, output, indices, source, accumulate);
  }

  nonzero(output: Operand, input: Operand): void {
    nonzero(this.#call, output, input);
  }

  sort(values: Operand, positions: Operand, input: Operand, descending: boolean): void {
    sort(this.#call, values, positions, input, descending);
  }

  softmax(output: Operand, input: Operand, logarithm: boolean): void {
    softmax(this.#call, output, input, logarithm);
  }

  softmaxBackward(output: Operand, gradient: Operand, result: Operand, logarithm: boolean): void {
    softmaxBackward(this.#call, output, gradient, result, logarithm);
  }
}
