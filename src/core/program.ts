// Expressions compiled to short register programs, and programs with their element types fixed: what a backend runs.
import type { DType } from "./dtype.ts";
import { type Expression, postorder } from "./expression.ts";

/** One step: `destination` = function(operands). Numbers are slots: inputs first, then scalars, constants, registers. */
export interface Instruction {
  readonly name: string;
  readonly destination: number;
  readonly operands: readonly number[];
}

/** A compiled expression or several. A slot names a value: [inputs | scalars | constants | registers] in one numbering. */
export class Program {
  readonly inputCount: number;
  readonly scalarCount: number;
  readonly constants: readonly number[];
  readonly registerCount: number;
  readonly instructions: readonly Instruction[];
  /** The slot of each output. */
  readonly outputs: readonly number[];
  readonly expressions: readonly Expression[];
  readonly #typed = new Map<string, TypedProgram>();

  constructor(expressions: readonly Expression[], inputCount: number, scalarCount: number) {
    this.expressions = expressions;
    this.inputCount = inputCount;
    this.scalarCount = scalarCount;
    const order = postorder(expressions);
    this.constants = order.flatMap((e) => (e.kind === "constant" ? [e.value] : []));
    const constantBase = inputCount + scalarCount;
    const registerBase = constantBase + this.constants.length;

    const lastUse = new Map<Expression, number>();
    order.forEach((e, at) => {
      if (e.kind === "call") for (const operand of e.operands) lastUse.set(operand, at);
    });
    for (const e of expressions) lastUse.set(e, Number.POSITIVE_INFINITY);

    const slots = new Map<Expression, number>();
    const free: number[] = [];
    const instructions: Instruction[] = [];
    let registers = 0;
    let constants = 0;
    order.forEach((e, at) => {
      if (e.kind === "input") slots.set(e, e.index);
      else if (e.kind === "scalar") slots.set(e, inputCount + e.index);
      else if (e.kind === "constant") slots.set(e, constantBase + constants++);
      else if (e.kind === "call") {
        const operands = e.operands.map((operand) => slots.get(operand)!);
        // A register whose value is used here for the last time may receive the result: steps read before they write.
        for (const operand of new Set(e.operands))
          if (operand.kind === "call" && lastUse.get(operand) === at)
            free.push(slots.get(operand)!);
        const destination = free.pop() ?? registerBase + registers++;
        slots.set(e, destination);
        instructions.push({ name: e.name, destination, operands });
      } else throw new Error(`a program cannot read ${e.kind}: it must be substituted by an input`);
    });
    this.registerCount = registers;
    this.instructions = instructions;
    this.outputs = expressions.map((e) => slots.get(e)!);
  }

  /** The program for these element types; the same object each time, so that a backend may keep what it prepared on it. */
  typed(compute: DType, inputs: readonly DType[], outputs: readonly DType[]): TypedProgram {
    const key = `${compute.index}:${inputs.map((d) => d.index).join()}:${outputs.map((d) => d.index).join()}`;
    let found = this.#typed.get(key);
    if (found === undefined)
      this.#typed.set(key, (found = new TypedProgram(this, compute, inputs, outputs)));
    return found;
  }
}

/**
 * A program with types: inputs are converted to `compute` when read, outputs from it when written. `compute` is float32, float64
 * or int64; int64 stands for every integer type and bool (a write wraps to the narrower type; to bool it tests for non-zero).
 */
export class TypedProgram {
  readonly program: Program;
  readonly compute: DType;
  readonly inputs: readonly DType[];
  readonly outputs: readonly DType[];
  /** The native backend's number for this program; -1 until it has one. */
  handle: number = -1;

  constructor(
    program: Program,
    compute: DType,
    inputs: readonly DType[],
    outputs: readonly DType[],
  ) {
    this.program = program;
    this.compute = compute;
    this.inputs = inputs;
    this.outputs = outputs;
  }
}
