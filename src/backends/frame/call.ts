// Describing a call in the frame: operands, layouts, programs. What differs between backends is where an operand lies.
import type { Operand } from "../../core/backend.ts";
import { ArgumentError, DeviceError, IndexError } from "../../core/errors.ts";
import type { TypedProgram } from "../../core/program.ts";
import { functionNames } from "../../core/scalar.ts";
import type { Sizes } from "../../core/shape.ts";
import { maximumOperands, slot, strideStep } from "./slot.ts";

const opcodes: ReadonlyMap<string, number> = new Map(functionNames.map((name, i) => [name, i]));

/** The kernels: functions without arguments that read the frame and write results there. */
export interface Kernels {
  map(): void;
  map_strided(): void;
  reduce(): void;
  scan(): void;
  matmul(): void;
  gather(): void;
  scatter(): void;
  index(): void;
  index_put(): void;
  nonzero(): void;
  sort(): void;
  softmax(): void;
  softmax_backward(): void;
}

/** What a kernel does with an operand: reads it, writes all of its elements without reading any, or changes some of them. */
export type Role = 0 | 1 | 2;
export const reads = 0;
export const writes = 1;
export const changes = 2;

/** Writes calls into the frame and runs them. */
export abstract class Call {
  readonly kernels: Kernels;
  /** May be another view of the frame after a program was registered or a kernel has run. */
  frame: Float64Array;
  readonly #handles = new WeakMap<TypedProgram, number>();

  constructor(kernels: Kernels, frame: Float64Array) {
    this.kernels = kernels;
    this.frame = frame;
  }

  /** Makes the k-th operand known to the kernel; operands come in order. Throws DeviceError where its ArrayBuffer was detached. */
  abstract place(k: number, operand: Operand, role: Role): void;

  /** Stores an encoded program for good: its number, 0 where there is no memory. */
  protected abstract store(words: Int32Array, constants: Float64Array): number;

  /** Writes the sizes iterated and every operand's strides, 0 where it broadcasts. */
  layouts(sizes: Sizes, outputs: readonly Operand[], inputs: readonly Operand[]): void {
    const frame = this.frame;
    const rank = sizes.length;
    frame[slot.count] = rank;
    for (let d = 0; d < rank; d++) frame[slot.sizes + d] = sizes[d]!;
    let base: number = slot.strides;
    for (let k = 0; k < outputs.length + inputs.length; k++) {
      const operand = k < outputs.length ? outputs[k]! : inputs[k - outputs.length]!;
      const lead = rank - operand.sizes.length;
      for (let d = 0; d < rank; d++)
        frame[base + d] =
          d < lead || operand.sizes[d - lead] !== sizes[d] ? 0 : operand.strides[d - lead]!;
      base += strideStep;
    }
  }

  #own(typed: TypedProgram, handle: number): number {
    typed.owner = this;
    typed.handle = handle;
    return handle;
  }

  /** The kernels' number of a program that another backend, or nobody, has numbered last. */
  register(typed: TypedProgram): number {
    const known = this.#handles.get(typed);
    if (known !== undefined) return this.#own(typed, known);
    const { program, compute, inputs, outputs } = typed;
    if (inputs.length + outputs.length > maximumOperands || program.scalarCount > maximumOperands)
      throw new ArgumentError(
        `a pointwise program has ${inputs.length} inputs, ${outputs.length} outputs and ${program.scalarCount} scalars; at most ${maximumOperands} of each are supported`,
      );
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
    const handle = this.store(Int32Array.from(words), Float64Array.from([...program.constants, 0]));
    if (handle === 0) throw new DeviceError("no memory for a program");
    this.#handles.set(typed, handle);
    return this.#own(typed, handle);
  }

  /** Places an operand and writes its type and its strides. */
  operand(k: number, operand: Operand, role: Role): void {
    this.frame[slot.types + k] = operand.dtype.index;
    this.place(k, operand, role);
    this.strides(k, operand.strides);
  }

  strides(k: number, strides: Sizes): void {
    const base = slot.strides + k * strideStep;
    for (let d = 0; d < strides.length; d++) this.frame[base + d] = strides[d]!;
  }

  /** Writes the number of dimensions and the sizes; a tensor without dimensions counts as one of a single element. */
  sizes(sizes: Sizes): void {
    const frame = this.frame;
    frame[slot.count] = Math.max(sizes.length, 1);
    frame[slot.sizes] = 1;
    for (let d = 0; d < sizes.length; d++) frame[slot.sizes + d] = sizes[d]!;
  }

  /** Throws what the kernel that just ran found wrong; `dimension` names the dimension that its number stands for. */
  check(operation: string, negative: boolean, dimension: (k: number) => number): void {
    const frame = this.frame;
    const status = frame[slot.status]!;
    if (status === 0) return;
    if (status === 2)
      throw new DeviceError(`${operation}: no memory for working on a line of these operands`);
    const range = frame[slot.badRange]!;
    throw new IndexError(
      `${operation}: index ${new BigInt64Array(frame.buffer, frame.byteOffset)[slot.badValue]} is out of range for dimension ${dimension(frame[slot.badDim]!)} of size ${range}; ${range === 0 ? "an empty dimension has no valid index" : `give ${negative ? -range : 0} to ${range - 1}`}`,
    );
  }
}
