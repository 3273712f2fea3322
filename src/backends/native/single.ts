// Programs of one instruction on one element, computed where JavaScript sees the memory: a call into the addon costs several times more.
import type { Operand } from "../../core/backend.ts";
import { type DType, float32, float64 } from "../../core/dtype.ts";
import type { Program, TypedProgram } from "../../core/program.ts";
import type { NativeBlock } from "./memory.ts";

/** Sums, differences, products and quotients of floats: JavaScript computes them in double precision, and rounding once more changes nothing. */
export class SingleElement {
  readonly #singles: Float32Array;
  readonly #doubles: Float64Array;

  constructor(arena: ArrayBuffer) {
    this.#singles = new Float32Array(arena);
    this.#doubles = new Float64Array(arena);
  }

  /** Computes a program for an output of one element; false, and nothing done, where that is not possible here. */
  map(
    { program }: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): boolean {
    const { single, outputs } = program;
    const { dtype } = output;
    if (dtype !== float32 && dtype !== float64) return false;
    const shift = dtype === float32 ? 2 : 3;
    const at = place(output, dtype, shift);
    if (at < 0) return false;
    const memory = dtype === float32 ? this.#singles : this.#doubles;
    if (single === null) {
      const slot = outputs[0];
      // A number written as it is.
      if (program.instructions.length > 0 || slot === undefined || slot < inputs.length)
        return false;
      memory[at] = numberAt(program, slot - inputs.length, scalars);
      return true;
    }
    if (single.operands.length !== 2) return false;
    let x = 0;
    let y = 0;
    for (let k = 0; k < 2; k++) {
      const slot = single.operands[k]!;
      let value: number;
      if (slot < inputs.length) {
        const from = place(inputs[slot]!, dtype, shift);
        if (from < 0) return false;
        value = memory[from]!;
      } else {
        value = numberAt(program, slot - inputs.length, scalars);
        if (dtype === float32) value = Math.fround(value);
      }
      if (k === 0) x = value;
      else y = value;
    }
    switch (single.name) {
      case "add":
        memory[at] = x + y;
        return true;
      case "sub":
        memory[at] = x - y;
        return true;
      case "mul":
        memory[at] = x * y;
        return true;
      case "div":
        memory[at] = x / y;
        return true;
      default:
        return false;
    }
  }
}

/** A scalar, or one of the constants after them. */
function numberAt(program: Program, index: number, scalars: readonly number[]): number {
  return index < scalars.length ? scalars[index]! : program.constants[index - scalars.length]!;
}

/** Where the element lies, counted in elements of the arena; negative where it is of another type or lies elsewhere. */
function place({ storage, dtype, offset }: Operand, expected: DType, shift: number): number {
  if (dtype !== expected || storage.position < 0) return -1;
  const block = storage.memory as NativeBlock;
  return block.place < 0 ? -1 : ((block.place + storage.position) >> shift) + offset;
}
