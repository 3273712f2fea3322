// A pointwise computation with its operands fixed to tensors or numbers: the program that computes it, and its derivatives,
// which are formulas again.
import { differentiate } from "../../core/derivative.ts";
import { type DType, float32, float64, int64 } from "../../core/dtype.ts";
import {
  type Expression,
  gradient,
  input,
  postorder,
  result,
  substitute,
} from "../../core/expression.ts";
import { Program, type TypedProgram } from "../../core/program.ts";

/** Where an operand of a derivative comes from: the incoming gradient, the saved result, or saved operand k. */
export const fromGradient = -1;
export const fromResult = -2;

/** How the gradient for one operand is computed: passed on as it is, or by a formula on gradient and saved values. */
export interface Derivation {
  readonly passes: boolean;
  readonly formula: Formula;
  readonly sources: readonly number[];
}

/** The type a program computes in for operands of this type: 16-bit floats in float32, every integer and bool in int64. */
export function computeType(dtype: DType): DType {
  if (dtype.kind !== "floating") return int64;
  return dtype === float64 ? float64 : float32;
}

export class Formula {
  /** The operation, for error messages. */
  readonly name: string;
  /** The name of its nodes in the graph. */
  readonly node: string;
  readonly expression: Expression;
  readonly inputCount: number;
  readonly scalarCount: number;
  readonly program: Program;
  readonly #uniform: (TypedProgram | undefined)[] = [];
  readonly #given: readonly (Expression | null)[] | null;
  #derivations: readonly (Derivation | null)[] | null = null;

  /** Whether there are derivatives. Where not, a backward pass that comes here fails. */
  readonly differentiable: boolean;

  /**
   * `derivatives`, if given, take the place of symbolic ones: expressions in inputs, scalars, `gradient` and `result`.
   * None at all make the operation one that cannot be differentiated.
   */
  constructor(
    name: string,
    node: string,
    expression: Expression,
    inputCount: number,
    scalarCount: number,
    derivatives: readonly (Expression | null)[] | null = null,
  ) {
    this.name = name;
    this.node = node;
    this.differentiable = derivatives === null || derivatives.length > 0 || inputCount === 0;
    this.expression = expression;
    this.inputCount = inputCount;
    this.scalarCount = scalarCount;
    this.program = new Program([expression], inputCount, scalarCount);
    this.#given = derivatives;
  }

  /** The program for operands and result of one floating type. */
  uniform(dtype: DType): TypedProgram {
    return (this.#uniform[dtype.index] ??= this.program.typed(
      computeType(dtype),
      new Array<DType>(this.inputCount).fill(dtype),
      [dtype],
    ));
  }

  /** How gradients reach each operand; worked out when first asked for. */
  get derivations(): readonly (Derivation | null)[] {
    return (this.#derivations ??= (
      this.#given ?? differentiate(this.expression, this.inputCount)
    ).map((e) => this.#derive(e)));
  }

  #derive(expression: Expression | null): Derivation | null {
    if (expression === null) return null;
    const sources: number[] = [];
    const place = (source: number): Expression => {
      const at = sources.indexOf(source);
      return input(at >= 0 ? at : sources.push(source) - 1);
    };
    // The gradient comes first, so that a result without other operands still has its shape and type.
    const gradientInput = place(fromGradient);
    for (const e of postorder([expression])) if (e.kind === "input") place(e.index);
    const replaced = substitute(expression, (e) =>
      e === gradient
        ? gradientInput
        : e === result
          ? place(fromResult)
          : e.kind === "input"
            ? place(e.index)
            : undefined,
    );
    return {
      passes: expression === gradient,
      formula: new Formula(this.name, this.node, replaced, sources.length, this.scalarCount),
      sources,
    };
  }
}
