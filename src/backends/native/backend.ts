// The native backend: describes each kernel's work in the frame and calls the addon.
import type { Backend, KernelKind, Operand, ReductionKind } from "../../core/backend.ts";
import type { DType } from "../../core/dtype.ts";
import { DeviceError } from "../../core/errors.ts";
import type { TypedProgram } from "../../core/program.ts";
import { functionNames } from "../../core/scalar.ts";
import type { Sizes } from "../../core/shape.ts";
import type { Storage } from "../../core/storage.ts";
import { type Addon, loadAddon, type Unavailable } from "./addon.ts";
import { slot, strideStep } from "./frame.ts";
import { NativeMemory } from "./memory.ts";

const reductions: readonly ReductionKind[] = ["sum", "product", "minimum", "maximum", "argmin", "argmax", "all", "any"];
const kinds: ReadonlySet<KernelKind> = new Set<KernelKind>(["map", "reduce", "matmul"]);
const opcodes: ReadonlyMap<string, number> = new Map(functionNames.map((name, i) => [name, i]));

/** Kernels in C++ for the processor's widest registers, on all cores; memory that V8's collector owns. */
export class NativeBackend implements Backend {
  readonly name = "native";
  /** The processor features that the kernels use: "baseline", "avx2" or "avx512". */
  readonly instructionSet: string;
  readonly #addon: Addon;
  readonly #frame: Float64Array;
  readonly #memory: NativeMemory;

  constructor(addon: Addon) {
    this.#addon = addon;
    this.#frame = addon.frame;
    this.#memory = new NativeMemory(addon);
    this.instructionSet = addon.instructionSet;
  }

  supports(kind: KernelKind, _compute: DType): boolean {
    return kinds.has(kind);
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
    if (storage.address === 0) return codec.decode(new codec.array(storage.host(), index * itemsize, 1)[0]!);
    this.#frame[0] = storage.address + index * itemsize;
    const element = elements[itemsize]!;
    this.#addon.copyOut(element.buffer);
    return codec.decode(new codec.array(element.buffer, 0, 1)[0]!);
  }

  map(program: TypedProgram, output: Operand, inputs: readonly Operand[], scalars: readonly number[]): void {
    const count = output.count;
    if (count === 0) return;
    const frame = this.#frame;
    let handle = program.handle;
    if (handle < 0) handle = this.#register(program);
    let dense = output.dense;
    frame[slot.address] = this.#address(output);
    for (let k = 0; k < inputs.length; k++) {
      const input = inputs[k]!;
      frame[slot.address + 1 + k] = this.#address(input);
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
    this.#layouts(output.sizes, [output], inputs);
    this.#addon.map_strided();
  }

  mapMany(program: TypedProgram, outputs: readonly Operand[], inputs: readonly Operand[], scalars: readonly number[]): void {
    const { count, sizes } = outputs[0]!;
    if (count === 0) return;
    const frame = this.#frame;
    frame[slot.handle] = program.handle < 0 ? this.#register(program) : program.handle;
    let dense = true;
    let at = 0;
    for (const operand of outputs) {
      frame[slot.address + at] = this.#address(operand);
      frame[slot.step + at++] = 1;
      dense &&= operand.dense;
    }
    for (const operand of inputs) {
      frame[slot.address + at] = this.#address(operand);
      frame[slot.step + at++] = operand.count === 1 ? 0 : 1;
      dense &&= operand.count === 1 || (operand.dense && operand.count === count);
    }
    for (let k = 0; k < scalars.length; k++) frame[slot.scalars + k] = scalars[k]!;
    if (dense) {
      frame[slot.count] = count;
      this.#addon.map();
      return;
    }
    this.#layouts(sizes, outputs, inputs);
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
    frame[slot.handle] = program.handle < 0 ? this.#register(program) : program.handle;
    frame[slot.kind] = reductions.indexOf(kind);
    frame[slot.beta] = divisor;
    frame[slot.dtype] = output.dtype.index;
    frame[slot.count] = sizes.length;
    frame[slot.address] = this.#address(output);
    for (let k = 0; k < inputs.length; k++) frame[slot.address + 1 + k] = this.#address(inputs[k]!);
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
          frame[slot.strides + (1 + k) * strideStep + at] = own < 0 || input.sizes[own] !== size ? 0 : input.strides[own]!;
        }
        at++;
      }
      if (pass === 0) frame[slot.dim] = at;
    }
    this.#addon.reduce();
  }

  matmul(output: Operand, a: Operand, b: Operand, alpha: number, beta: number, addend: Operand | null): void {
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
    frame[slot.sizes + rank] = a.sizes[rank - 1]!;
    frame[slot.address] = this.#address(output);
    frame[slot.address + 1] = this.#address(a);
    frame[slot.address + 2] = this.#address(b);
    if (addend !== null) frame[slot.address + 3] = this.#address(addend);
    frame[slot.status] = 0;
    this.#addon.matmul();
    if (frame[slot.status] !== 0) throw new DeviceError("matmul: no memory for the product of these operands in a wider type");
  }

  scan(): never {
    throw unsupported("scan");
  }
  gather(): never {
    throw unsupported("gather");
  }
  scatter(): never {
    throw unsupported("scatter");
  }
  index(): never {
    throw unsupported("index");
  }
  indexPut(): never {
    throw unsupported("indexPut");
  }
  nonzero(): never {
    throw unsupported("nonzero");
  }
  sort(): never {
    throw unsupported("sort");
  }
  softmax(): never {
    throw unsupported("softmax");
  }
  softmaxBackward(): never {
    throw unsupported("softmaxBackward");
  }

  #address(operand: Operand): number {
    const { storage, dtype, offset } = operand;
    const address = storage.address;
    return (address === 0 ? this.#addon.addressOf(storage.host()) : address) + offset * dtype.itemsize;
  }

  /** Writes the sizes iterated and every operand's strides, 0 where it broadcasts. */
  #layouts(sizes: Sizes, outputs: readonly Operand[], inputs: readonly Operand[]): void {
    const frame = this.#frame;
    const rank = sizes.length;
    frame[slot.count] = rank;
    for (let d = 0; d < rank; d++) frame[slot.sizes + d] = sizes[d]!;
    let base: number = slot.strides;
    for (let k = 0; k < outputs.length + inputs.length; k++) {
      const operand = k < outputs.length ? outputs[k]! : inputs[k - outputs.length]!;
      const lead = rank - operand.sizes.length;
      for (let d = 0; d < rank; d++) frame[base + d] = d < lead || operand.sizes[d - lead] !== sizes[d] ? 0 : operand.strides[d - lead]!;
      base += strideStep;
    }
  }

  #register(typed: TypedProgram): number {
    const { program, compute, inputs, outputs } = typed;
    const words = [
      compute.index,
      program.inputCount,
      program.outputs.length,
      program.scalarCount,
      program.constants.length,
      program.registerCount,
      program.instructions.length,
      ...inputs.map((dtype) => dtype.index),
      ...outputs.map((dtype) => dtype.index),
      ...program.outputs,
    ];
    for (const { name, destination, operands } of program.instructions) {
      const [first, second = first, third = first] = operands;
      words.push(opcodes.get(name)!, destination, first!, second!, third!);
    }
    // A typed array without elements may have no address.
    const handle = this.#addon.register(Int32Array.from(words), Float64Array.from([...program.constants, 0]));
    if (handle === 0) throw new DeviceError("no memory for a program");
    typed.handle = handle;
    return handle;
  }
}

// Room for one element, by its size.
const elements = Array.from({ length: 9 }, (_, size) => new Uint8Array(size));

function unsupported(kind: KernelKind): DeviceError {
  return new DeviceError(`the native backend does not compute ${kind}`);
}

/** The native backend, or why there is none on this machine. */
export function createNativeBackend(): NativeBackend | Unavailable {
  const addon = loadAddon();
  return "reason" in addon ? addon : new NativeBackend(addon);
}
