// Programs run block by block: load a block of every input, apply each instruction to whole blocks, store the outputs.
import type { Operand } from "../../core/backend.ts";
import { float32, int64, wholeBigInt } from "../../core/dtype.ts";
import type { TypedProgram } from "../../core/program.ts";
import { functionOf } from "../../core/scalar.ts";
import { broadcastStrides, elementCount, type Sizes } from "../../core/shape.ts";
import {
  decoderFor,
  elementsOf,
  encoderFor,
  type Elements,
  type Lane,
  makeLane,
} from "./memory.ts";
import { blockLength, Walk } from "./walk.ts";

type Apply = (...x: (number | bigint)[]) => number | bigint;

/** One input on its way into a lane. */
class Source {
  readonly #elements: Elements;
  readonly #decode: (raw: number | bigint) => number | bigint;
  readonly #walk: Walk;
  readonly #lane: Elements;

  constructor(operand: Operand, program: TypedProgram, sizes: Sizes, strides: Sizes, lane: Lane) {
    this.#elements = elementsOf(operand);
    this.#decode = decoderFor(operand.dtype, program.compute);
    this.#walk = new Walk(sizes, strides, operand.offset);
    this.#lane = lane;
  }

  reset(offset: number): void {
    this.#walk.reset(offset);
  }

  load(count: number): void {
    for (let i = 0; i < count; i++)
      this.#lane[i] = this.#decode(this.#elements[this.#walk.next()]!);
  }
}

/** A program bound to inputs, walking `sizes` in row-major order; `strides` has a layout of those sizes for each input. */
export class Execution {
  readonly #sources: readonly Source[];
  readonly #slots: readonly Lane[];
  readonly #steps: readonly {
    readonly apply: Apply;
    readonly operands: readonly Elements[];
    readonly destination: Elements;
  }[];
  /** Where each output of the program stands after `run`. */
  readonly results: readonly Lane[];

  constructor(
    program: TypedProgram,
    inputs: readonly Operand[],
    scalars: readonly number[],
    sizes: Sizes,
    strides: readonly Sizes[],
  ) {
    const { inputCount, constants, registerCount, instructions, outputs } = program.program;
    const { compute } = program;
    const fixed = [...scalars, ...constants];
    const length = Math.min(blockLength, elementCount(sizes));
    this.#slots = Array.from({ length: inputCount + fixed.length + registerCount }, () =>
      makeLane(compute, length),
    );
    fixed.forEach((value, i) => {
      const lane = this.#slots[inputCount + i]!;
      if (lane instanceof BigInt64Array) lane.fill(wholeBigInt(value));
      else lane.fill(value);
    });
    this.#sources = inputs.map(
      (operand, i) => new Source(operand, program, sizes, strides[i]!, this.#slots[i]!),
    );
    this.#steps = instructions.map(({ name, operands, destination }) => ({
      apply: meaningOf(name, program),
      operands: operands.map((slot) => this.#slots[slot]!),
      destination: this.#slots[destination]!,
    }));
    this.results = outputs.map((slot) => this.#slots[slot]!);
  }

  /** Starts again, with the first element of each input at these positions. */
  reset(offsets: readonly number[]): void {
    this.#sources.forEach((source, i) => source.reset(offsets[i]!));
  }

  /** Computes the next `count` elements, at most a block. */
  run(count: number): void {
    for (const source of this.#sources) source.load(count);
    for (const { apply, operands, destination } of this.#steps) {
      const [a, b, c] = operands;
      if (c !== undefined)
        for (let i = 0; i < count; i++) destination[i] = apply(a![i]!, b![i]!, c[i]!);
      else if (b !== undefined)
        for (let i = 0; i < count; i++) destination[i] = apply(a![i]!, b[i]!);
      else for (let i = 0; i < count; i++) destination[i] = apply(a![i]!);
    }
  }
}

/** A scalar function in the program's compute type. */
function meaningOf(name: string, { compute }: TypedProgram): Apply {
  const { evaluate, single, integer } = functionOf(name);
  if (compute === float32) return (single ?? evaluate) as Apply;
  if (compute !== int64) return evaluate as Apply;
  if (integer !== null) return integer as Apply;
  return (...x) => wholeBigInt(evaluate(...x.map(Number)));
}

/** Runs a program over equally sized outputs, to whose sizes the inputs broadcast. */
export function map(
  program: TypedProgram,
  outputs: readonly Operand[],
  inputs: readonly Operand[],
  scalars: readonly number[],
): void {
  const { sizes } = outputs[0]!;
  const count = elementCount(sizes);
  if (count === 0) return;
  const strides = inputs.map((operand) =>
    broadcastStrides("map", operand.sizes, operand.strides, sizes),
  );
  const execution = new Execution(program, inputs, scalars, sizes, strides);
  const targets = outputs.map((operand, i) => ({
    elements: elementsOf(operand),
    encode: encoderFor(program.compute, operand.dtype),
    walk: new Walk(sizes, operand.strides, operand.offset),
    lane: execution.results[i]!,
  }));
  for (let done = 0; done < count; done += blockLength) {
    const length = Math.min(blockLength, count - done);
    execution.run(length);
    for (const { elements, encode, walk, lane } of targets)
      for (let i = 0; i < length; i++) elements[walk.next()] = encode(lane[i]!);
  }
}
