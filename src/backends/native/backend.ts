// The native backend: the kernels as a Node addon, over memory that the addon owns and V8's collector frees.
import type { Operand, ReductionKind } from "../../core/backend.ts";
import type { TypedProgram } from "../../core/program.ts";
import type { DType } from "../../core/dtype.ts";
import { elementCount, type Sizes } from "../../core/shape.ts";
import type { Storage } from "../../core/storage.ts";
import { FrameBackend } from "../frame/backend.ts";
import { Call } from "../frame/call.ts";
import { slot } from "../frame/slot.ts";
import { mapFew, productFew, sumFew } from "./few.ts";
import { type Addon, loadAddon, type Unavailable } from "./addon.ts";
import { type NativeBlock, NativeMemory } from "./memory.ts";
import { mostElements } from "./script.ts";

/** Operands lie where their storages do. */
class NativeCall extends Call {
  readonly #addon: Addon;

  constructor(addon: Addon) {
    super(addon, addon.frame);
    this.#addon = addon;
  }

  place(k: number, { storage, dtype, offset }: Operand): void {
    const { position } = storage;
    const start =
      position < 0
        ? this.#addon.addressOf(storage.host())
        : (storage.memory as NativeBlock).address + position;
    this.frame[slot.address + k] = start + offset * dtype.itemsize;
  }

  protected store(words: Int32Array, constants: Float64Array): number {
    return this.#addon.register(words, constants);
  }
}

/** Kernels in C++ for the processor's widest registers, on all cores; memory that V8's collector owns. */
export class NativeBackend extends FrameBackend {
  override readonly name = "native";
  /** The processor features that the kernels use: "baseline", "avx2" or "avx512". */
  readonly instructionSet: string;
  readonly #addon: Addon;
  readonly #frame: Float64Array;
  readonly #memory: NativeMemory;

  constructor(addon: Addon) {
    super(new NativeCall(addon));
    this.#addon = addon;
    this.#frame = addon.frame;
    this.#memory = new NativeMemory(addon);
    this.instructionSet = addon.instructionSet;
  }

  allocate(byteLength: number): Storage {
    return this.#memory.allocate(byteLength);
  }

  override map(
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void {
    if (output.count > mostElements || !mapFew(program, output, inputs, scalars))
      super.map(program, output, inputs, scalars);
  }

  override reduce(
    kind: ReductionKind,
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
    sizes: Sizes,
    divisor: number,
  ): void {
    if (kind === "sum" && output.count === 1) {
      const count = elementCount(sizes);
      if (count <= mostElements && sumFew(program, output, inputs, scalars, count, divisor)) return;
    }
    super.reduce(kind, program, output, inputs, scalars, sizes, divisor);
  }

  override matmul(
    output: Operand,
    a: Operand,
    b: Operand,
    alpha: number,
    beta: number,
    addend: Operand | null,
  ): void {
    if (
      output.count > mostElements ||
      alpha !== 1 ||
      addend !== null ||
      output.sizes.length !== 2 ||
      !productFew(output, a, b)
    )
      super.matmul(output, a, b, alpha, beta, addend);
  }

  get threads(): number {
    return this.#threads(0);
  }

  set threads(count: number) {
    this.#threads(count);
  }

  #threads(count: number): number {
    this.#frame[0] = count;
    this.#addon.threads();
    return this.#frame[0]!;
  }

  read(storage: Storage, dtype: DType, index: number): number | bigint | boolean {
    const { codec, itemsize } = dtype;
    if (storage.position < 0)
      return codec.decode(new codec.array(storage.host(), index * itemsize, 1)[0]!);
    this.#frame[0] = (storage.memory as NativeBlock).address + storage.position + index * itemsize;
    const element = elements[itemsize]!;
    this.#addon.copyOut(element.buffer);
    return codec.decode(new codec.array(element.buffer, 0, 1)[0]!);
  }
}

// Room for one element, by its size.
const elements = Array.from({ length: 9 }, (_, size) => new Uint8Array(size));

/** The native backend, or why there is none on this machine. */
export function createNativeBackend(): NativeBackend | Unavailable {
  const addon = loadAddon();
  return "reason" in addon ? addon : new NativeBackend(addon);
}
