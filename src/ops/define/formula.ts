// A pointwise computation with its operands fixed to tensors or numbers: the program that computes it, and its derivatives,
// which are formulas again.
import { differentiate } from "../../core/derivative.ts";
import { type DType, float32, float64, int64 } from "../../core/dtype.ts";
import { AutogradError } from "../../core/errors.ts";
import {
  call,
  constant,
  type Expression,
  gradient,
  input,
  postorder,
  result,
  substitute,
} from "../../core/expression.ts";
import { Program, type TypedProgram } from "../../core/program.ts";

/** The place of the incoming gradient among a derivative's sources; others are places among the saved values. */
export const fromGradient = -1;

/** How the gradient for one operand is computed: passed on as it is, or by a formula on gradient and saved values. */
export interface Derivation {
  readonly passes: boolean;
  readonly formula: Formula;
  /** For each operand of `formula`: `fromGradient`, tensor k of the call, or the number of tensors for the call's result. */
  readonly sources: readonly number[];
}

/** What a recorded call keeps when gradients are asked for a given set of its tensors. */
export interface SavingPlan {
  /** Whether anything is kept, and whether that is just all the tensors and not the result. */
  readonly keeps: "nothing" | "tensors" | "some";
  /** Bit k: tensor k; the bit after the last tensor: the result. */
  readonly mask: number;
}

/** How the result's tangent is computed from tangents of the tensors. */
export interface TangentPlan {
  readonly formula: Formula;
  /** For each operand of `formula`: tensor k of the call, the number of tensors n for the call's result, n + 1 + k for tensor k's tangent. */
  readonly sources: readonly number[];
}

/** The type a program computes in for operands of this type: 16-bit floats in float32, every integer and bool in int64. */
export function computeType(dtype: DType): DType {
  if (dtype.kind !== "floating") return int64;
  return dtype === float64 ? float64 : float32;
}

/** What of a formula is particular to the operation it belongs to. */
export interface FormulaOptions {
  /** The operation, for error messages. */
  readonly name: string;
  /** PyTorch's name of the node. */
  readonly node: string;
  /** Which argument each tensor is; plain numbers among the arguments have a slot without an edge. */
  readonly slots: readonly number[];
  readonly slotCount: number;
  /** What the arguments in the slots and the scalars are called, where they have names of their own. */
  readonly names?: readonly string[];
  readonly scalarNames?: readonly string[];
  /**
   * Take the place of symbolic derivatives: expressions in inputs, scalars, `gradient` and `result`.
   * With "none" a backward pass that comes to the operation fails.
   */
  readonly derivatives: readonly (Expression | null)[] | "none" | null;
  /**
   * Whether a gradient that carries a graph does not depend on what it only compares, as with PyTorch's masks; else it requires a gradient,
   * of 0, wherever an operand does.
   */
  readonly masks?: boolean | undefined;
  /** Bit k: whether a result that is recorded requires a gradient because tensor k does; all by default. */
  readonly reached?: number | undefined;
}

export class Formula {
  readonly expression: Expression;
  readonly inputCount: number;
  readonly scalarCount: number;
  readonly program: Program;
  readonly options: FormulaOptions;
  readonly reached: number;
  private readonly uniformPrograms: (TypedProgram | undefined)[] = [];
  private readonly plans: (SavingPlan | undefined)[] = [];
  private known: readonly (Derivation | null)[] | null = null;
  private readonly tangents = new Map<number, TangentPlan>();

  constructor(
    expression: Expression,
    inputCount: number,
    scalarCount: number,
    options: FormulaOptions,
  ) {
    this.expression = expression;
    this.inputCount = inputCount;
    this.scalarCount = scalarCount;
    this.options = options;
    this.reached = options.reached ?? -1;
    this.program = new Program([expression], inputCount, scalarCount);
  }

  /** The program for operands and result of one floating type. */
  uniform(dtype: DType): TypedProgram {
    return (this.uniformPrograms[dtype.index] ??= this.program.typed(
      computeType(dtype),
      new Array<DType>(this.inputCount).fill(dtype),
      [dtype],
    ));
  }

  /** How gradients reach each operand; worked out when first asked for. */
  get derivations(): readonly (Derivation | null)[] {
    if (this.known === null) {
      const { derivatives } = this.options;
      const expressions =
        derivatives === "none"
          ? new Array<null>(this.inputCount).fill(null)
          : (derivatives ?? differentiate(this.expression, this.inputCount));
      this.known = expressions.map((e) => this.derive(e));
    }
    return this.known;
  }

  /** What to keep when the tensors in `wanted` (bit k: tensor k) need gradients. */
  plan(wanted: number): SavingPlan {
    return (this.plans[wanted] ??= this.makePlan(wanted));
  }

  /**
   * The result's tangent where the tensors in `given` (bit k: tensor k) have one: each tangent takes the place of the gradient in its
   * tensor's derivative, because a pointwise operation's Jacobian is diagonal, and the terms are added. `fromResult` says whether the
   * call's result may be read, or is computed again.
   */
  tangentPlan(given: number, fromResult: boolean): TangentPlan {
    const key = fromResult ? given : -1 - given;
    let plan = this.tangents.get(key);
    if (plan === undefined) this.tangents.set(key, (plan = this.planTangent(given, fromResult)));
    return plan;
  }

  private planTangent(given: number, fromResult: boolean): TangentPlan {
    const { derivations, inputCount, options } = this;
    const sources: number[] = [];
    const place = (source: number): Expression => {
      const at = sources.indexOf(source);
      return input(at >= 0 ? at : sources.push(source) - 1);
    };
    const again = (): Expression =>
      substitute(this.expression, (e) => (e.kind === "input" ? place(e.index) : undefined));
    let sum: Expression | null = null;
    for (let k = 0; k < inputCount; k++) {
      const derivation = derivations[k]!;
      if (((given >> k) & 1) === 0) continue;
      if (derivation === null) {
        this.checkConstant(k);
        continue;
      }
      const term = substitute(derivation.formula.expression, (e) => {
        if (e.kind !== "input") return undefined;
        const source = derivation.sources[e.index]!;
        if (source === fromGradient) return place(inputCount + 1 + k);
        return source === inputCount && !fromResult ? again() : place(source);
      });
      sum = sum === null ? term : call("add", sum, term);
    }
    const slots = sources.map((_, i) => i);
    return {
      formula: new Formula(sum ?? constant(0), sources.length, this.scalarCount, {
        name: options.name,
        node: options.node,
        slots,
        slotCount: slots.length,
        derivatives: null,
        reached: this.reachedIn(sum ?? constant(0), sources.length),
      }),
      sources,
    };
  }

  /** Refuses a tangent of an operand for which no derivative is given although the result depends on it. */
  private checkConstant(operand: number): void {
    const { derivatives, name } = this.options;
    if (derivatives === null) return;
    if (derivatives === "none" || differentiate(this.expression, this.inputCount)[operand] !== null)
      throw new AutogradError(
        `${name}: trying to use forward AD with ${name} that does not support it by operand ${operand}, because there is no derivative; detach() that tensor`,
      );
  }

  private makePlan(wanted: number): SavingPlan {
    let mask = 0;
    this.derivations.forEach((derivation, k) => {
      if (derivation === null || derivation.passes || ((wanted >> k) & 1) === 0) return;
      for (const source of derivation.sources) if (source !== fromGradient) mask |= 1 << source;
    });
    const all = (1 << this.inputCount) - 1;
    return { mask, keeps: mask === 0 ? "nothing" : mask === all ? "tensors" : "some" };
  }

  /** Which operands a formula made of this one's derivatives depends on, where that is not all. */
  private reachedIn(expression: Expression, inputCount: number): number | undefined {
    if (this.options.masks !== true) return undefined;
    const derivatives = differentiate(expression, inputCount);
    return derivatives.reduce(
      (bits, derivative, k) =>
        derivative === null || derivative === constant(0) ? bits : bits | (1 << k),
      0,
    );
  }

  private derive(expression: Expression | null): Derivation | null {
    if (expression === null) return null;
    const sources: number[] = [];
    const place = (source: number): Expression => {
      const at = sources.indexOf(source);
      return input(at >= 0 ? at : sources.push(source) - 1);
    };
    // The gradient comes first, so that a derivative without other operands still has its shape and type.
    const gradientInput = place(fromGradient);
    for (const e of postorder([expression])) if (e.kind === "input") place(e.index);
    const replaced = substitute(expression, (e) =>
      e === gradient
        ? gradientInput
        : e === result
          ? place(this.inputCount)
          : e.kind === "input"
            ? place(e.index)
            : undefined,
    );
    const slots = sources.map((_, i) => i);
    return {
      passes: expression === gradient,
      formula: new Formula(replaced, sources.length, this.scalarCount, {
        name: this.options.name,
        node: this.options.node,
        slots,
        slotCount: slots.length,
        derivatives: null,
        reached: this.reachedIn(replaced, sources.length),
      }),
      sources,
    };
  }
}
