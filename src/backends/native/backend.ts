// The native backend: describes each kernel's work in the frame and calls the addon.
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
import { type Addon, loadAddon, type Unavailable } from "./addon.ts";
import { Call } from "./call.ts";
import { slot, strideStep } from "./frame.ts";
import { gather, index, indexPut, nonzero, scatter } from "./indexing.ts";
import { scan, softmax, softmaxBackward, sort } from "./lines.ts";
import { NativeMemory } from "./memory.ts";

const reductions: readonly ReductionKind[] = [
  "sum",
  "product",
  "minimum",
  "maximum",
  "argmin",
  "argmax",
  "all",
  "any",
];

/** Kernels in C++ for the processor's widest registers, on all cores; memory that V8's collector owns. */
export class NativeBackend implements Backend {
  readonly name = "native";
  /** The processor features that the kernels use: "baseline", "avx2" or "avx512". */
  readonly instructionSet: string;
  readonly #addon: Addon;
  readonly #frame: Float64Array;
  readonly #memory: NativeMemory;
  readonly #call: Call;

  constructor(addon: Addon) {
    this.#call = new Call(addon);
    this.#addon = addon;
    this.#frame = addon.frame;
    this.#memory = new NativeMemory(addon);
    this.instructionSet = addon.instructionSet;
  }

  supports(_kind: KernelKind, _compute: DType): boolean {
    return true;
  }

  allocate(byteLength: number): Storage {
    return this.#memory.allocate(byteLength);
  }

  /** Takes back the memory of a storage that nobody will use again; it is reused at once. The storage is dead afterwards. */
  release(storage: Storage): void {
    this.#memory.release(storage);
  }

  /** How many threads large kernels may use. */
  setThreads(count: number): void {
    this.#frame[0] = count;
    this.#addon.setThreads();
  }

  read(storage: Storage, dtype: DType, index: number): number | bigint | boolean {
    const { codec, itemsize } = dtype;
    if (storage.address === 0)
      return codec.decode(new codec.array(storage.host(), index * itemsize, 1)[0]!);
    this.#frame[0] = storage.address + index * itemsize;
    const element = elements[itemsize]!;
    this.#addon.copyOut(element.buffer);
    return codec.decode(new codec.array(element.buffer, 0, 1)[0]!);
  }

  map(
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void {
    const count = output.count;
    if (count === 0) return;
    const frame = this.#frame;
    let handle = program.handle;
    if (handle < 0) handle = this.#call.register(program);
    let dense = output.dense;
    frame[slot.address] = this.#call.address(output);
    for (let k = 0; k < inputs.length; k++) {
      const input = inputs[k]!;
      frame[slot.address + 1 + k] = this.#call.address(input);
      if (input.count === 1) frame[slot.step + 1 + k] = 0;
      else if (input.dense && input.count === count) frame[slot.step + 1 + k] = 1;
      else dense = false;
    }
    for (let k = 0; k < scalars.length; k++) frame[slot.scalars + k] = scalars[k]!;
    frame[slot.handle] = handle;
    if (dense) {
      frame[slot.count] = count;
      this.#addon.map();
      return;
    }
    this.#call.layouts(output.sizes, [output], inputs);
    this.#addon.map_strided();
  }

  mapMany(
    program: TypedProgram,
    outputs: readonly Operand[],
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void {
    const { count, sizes } = outputs[0]!;
    if (count === 0) return;
    const frame = this.#frame;
    frame[slot.handle] = program.handle < 0 ? this.#call.register(program) : program.handle;
    let dense = true;
    let at = 0;
    for (const operand of outputs) {
      frame[slot.address + at] = this.#call.address(operand);
      frame[slot.step + at++] = 1;
      dense &&= operand.dense;
    }
    for (const operand of inputs) {
      frame[slot.address + at] = this.#call.address(operand);
      frame[slot.step + at++] = operand.count === 1 ? 0 : 1;
      dense &&= operand.count === 1 || (operand.dense && operand.count === count);
    }
    for (let k = 0; k < scalars.length; k++) frame[slot.scalars + k] = scalars[k]!;
    if (dense) {
      frame[slot.count] = count;
      this.#addon.map();
      return;
    }
    this.#call.layouts(sizes, outputs, inputs);
    this.#addon.map_strided();
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
    const frame = this.#frame;
    frame[slot.handle] = program.handle < 0 ? this.#call.register(program) : program.handle;
    frame[slot.kind] = reductions.indexOf(kind);
    frame[slot.beta] = divisor;
    frame[slot.dtype] = output.dtype.index;
    frame[slot.count] = sizes.length;
    frame[slot.address] = this.#call.address(output);
    for (let k = 0; k < inputs.length; k++)
      frame[slot.address + 1 + k] = this.#call.address(inputs[k]!);
    for (let k = 0; k < scalars.length; k++) frame[slot.scalars + k] = scalars[k]!;
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
    this.#addon.reduce();
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
    const frame = this.#frame;
    const rank = output.sizes.length;
    const batch = rank - 2;
    frame[slot.count] = batch;
    frame[slot.dtype] = output.dtype.index;
    frame[slot.alpha] = alpha;
    frame[slot.beta] = beta;
    frame[slot.flag] = addend === null ? 0 : 1;
    for (let d = 0; d < rank; d++) {
      frame[slot.sizes + d] = output.sizes[d]!;
      frame[slot.strides + d] = output.strides[d]!;
      frame[slot.strides + strideStep + d] = a.strides[d]!;
      frame[slot.strides + 2 * strideStep + d] = b.strides[d]!;
      if (addend !== null) frame[slot.strides + 3 * strideStep + d] = addend.strides[d]!;
    }
    frame[slot.dim] = a.sizes[rank - 1]!;
    frame[slot.address] = this.#call.address(output);
    frame[slot.address + 1] = this.#call.address(a);
    frame[slot.address + 2] = this.#call.address(b);
    if (addend !== null) frame[slot.address + 3] = this.#call.address(addend);
    frame[slot.status] = 0;
    this.#addon.matmul();
    if (frame[slot.status] !== 0)
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

// Room for one element, by its size.
const elements = Array.from({ length: 9 }, (_, size) => new Uint8Array(size));

/** The native backend, or why there is none on this machine. */
export function createNativeBackend(): NativeBackend | Unavailable {
  const addon = loadAddon();
  return "reason" in addon ? addon : new NativeBackend(addon);
}
