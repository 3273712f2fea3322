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
  /** The only instruction, where there is just one. */
  readonly single: Instruction | null;
  readonly expressions: readonly Expression[];
  private readonly versions: TypedProgram[] = [];
  private last: TypedProgram | null = null;

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
    this.single = instructions.length === 1 ? instructions[0]! : null;
    this.outputs = expressions.map((e) => slots.get(e)!);
  }

  /** The program for these element types; the same object each time, so that a backend may keep what it prepared on it. */
  typed(compute: DType, inputs: readonly DType[], outputs: readonly DType[]): TypedProgram {
    for (const typed of this.versions) if (typed.fits(compute, inputs, outputs)) return typed;
    const made = new TypedProgram(this, compute, inputs, outputs);
    this.versions.push(made);
    return made;
  }

  /** The same, for the types that operands have; it allocates nothing where the types are those of the last call. */
  typedFor(
    compute: DType,
    operands: readonly { readonly dtype: DType }[],
    output: DType,
  ): TypedProgram {
    const last = this.last;
    if (last !== null && last.compute === compute && last.outputs[0] === output) {
      let same = true;
      for (let i = 0; i < operands.length; i++)
        if (operands[i]!.dtype !== last.inputs[i]) same = false;
      if (same) return last;
    }
    const inputs = operands.map((operand) => operand.dtype);
    return (this.last = this.typed(compute, inputs, [output]));
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
  /** What numbered this program last, and the number: whoever finds another owner here looks up, or makes, a number of its own. */
  owner: object | null = null;
  handle: number = -1;
  /** What a backend made of it that computes a few elements in JavaScript; null before. */
  scripts: object | null = null;

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

  /** Whether this is the version for these types. */
  fits(compute: DType, inputs: readonly DType[], outputs: readonly DType[]): boolean {
    return (
      compute === this.compute &&
      inputs.every((dtype, i) => dtype === this.inputs[i]) &&
      outputs.every((dtype, i) => dtype === this.outputs[i])
    );
  }
}
