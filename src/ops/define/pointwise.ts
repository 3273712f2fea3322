// Pointwise operations: an expression for one element; kernels, derivatives, broadcasting and promotion follow from it.
import { beneath, forwardMode } from "../../autograd/forward.ts";
import { gradMode } from "../../autograd/mode.ts";
import { observation } from "../../autograd/observer.ts";
import { bool, type DType, float32, getDefaultDtype } from "../../core/dtype.ts";
import { ArgumentError, DTypeError } from "../../core/errors.ts";
import { constant, type Expression, input, scalar } from "../../core/expression.ts";
import { mapped } from "../../core/list.ts";
import { resultType } from "../../core/promotion.ts";
import { Tensor } from "../../core/tensor.ts";
import { nodeName } from "./nodename.ts";
import { commonSizes, differential, evaluate, record } from "./evaluate.ts";
import { observable, observed } from "./observable.ts";
import { computeType, Formula } from "./formula.ts";
import { modulo, requireInRange } from "./integers.ts";
import { checkShared, together } from "./levels.ts";
import { bumpVersion, checkInPlace, requiresGradient, snapshot } from "./history.ts";
import {
  boolean,
  number,
  optional,
  type Parameters,
  Signature,
  tensor,
  tensorOrScalar,
} from "./parameters.ts";
import { checkFits } from "./refusals.ts";
import type { Attached } from "./registry.ts";
import { offerSaved } from "./saved.ts";
import { overwriteTangent, tangentsOf } from "./tangent.ts";

/**
 * The result type of an operation: `arithmetic` promotes, `floating` promotes and turns integers to the default floating type,
 * `comparison` promotes and gives bool.
 */
export type Promotion = "arithmetic" | "floating" | "comparison";

export interface PointwiseRecord {
  readonly name: string;
  /** PyTorch's name of the node where it is not the operation's. */
  readonly node?: string;
  /** The same for calls in which an operand is a plain number. */
  readonly nodeWithNumber?: string;
  /** The operands in order. A name ending in "?" also takes a plain number. */
  readonly inputs: readonly string[];
  /** Numbers by name, with their defaults; at its default a number is folded into the program. */
  readonly scalars?: Readonly<Record<string, number>>;
  readonly promotion: Promotion;
  /** Operands that are conditions: their type does not take part in promotion. */
  readonly conditions?: readonly string[];
  /** The element's value: one expression for each operand, then one for each scalar. */
  readonly expression: (...operands: Expression[]) => Expression;
  /**
   * Gradients by hand, where numerics or PyTorch's convention at a kink asks for it: in the operands, `gradient` and `result`.
   * "none" where PyTorch has none: a backward pass that comes to the operation fails.
   */
  readonly derivative?: ((...operands: Expression[]) => readonly (Expression | null)[]) | "none";
  /** Whether a gradient that carries a graph does not depend on what it only compares; PyTorch's does where it has a function of its own. */
  readonly masks?: boolean;
  /** Refuses a type by returning why. */
  readonly refuses?: (dtype: DType) => string | undefined;
  /**
   * Refuses operands by returning why, given the type they have in common and the scalars. Floating tensors of that one type with
   * scalars at their defaults are not asked about.
   */
  readonly check?: (
    operands: readonly (Tensor | number)[],
    common: DType,
    scalars: Readonly<Record<string, number>>,
  ) => string | undefined;
  /** Whether numbers that the operands' integer type cannot hold are refused; else they are taken as its arithmetic would. */
  readonly exactNumbers?: boolean;
  /** Whether `name_` exists. Comparisons and predicates have none by default. */
  readonly inPlace?: boolean;
  /** Whether the function takes `inplace: true`, which writes into its first operand. */
  readonly inplaceOption?: boolean;
  /** Where the generic tests take their values from. */
  readonly domain?: readonly [number, number];
}

const noScalars: readonly number[] = [];

/** A pointwise operation with its formulas, one for each choice of tensors, numbers and non-default scalars. */
class Pointwise {
  readonly record: PointwiseRecord;
  readonly parameters: Parameters;
  private readonly signature: Signature<Parameters>;
  private readonly signatureInPlace: Signature<Parameters>;
  private readonly names: readonly string[];
  private readonly takesNumber: readonly boolean[];
  private readonly scalarNames: readonly string[];
  private readonly scalarDefaults: readonly number[];
  private readonly formulas: (Formula | undefined)[] = [];
  /** Number of operands if floating tensors of one type need no promotion and no refusal, else 0. */
  private readonly quick: number;
  private readonly quickNumber: boolean;

  constructor(record: PointwiseRecord) {
    this.record = record;
    this.names = record.inputs.map((name) => name.replace("?", ""));
    this.takesNumber = record.inputs.map((name) => name.endsWith("?"));
    this.scalarNames = Object.keys(record.scalars ?? {});
    this.scalarDefaults = Object.values(record.scalars ?? {});
    offerSaved([...this.names, ...this.scalarNames, "result"]);
    this.parameters = Object.fromEntries([
      ...this.names.map((name, i) => [name, this.takesNumber[i]! ? tensorOrScalar : tensor]),
      ...this.scalarNames.map((name, j) => [name, optional(number, this.scalarDefaults[j]!)]),
      ...(record.inplaceOption === true ? [["inplace", optional(boolean, false)]] : []),
    ]) as Parameters;
    this.signature = new Signature(record.name, this.parameters);
    this.signatureInPlace = new Signature(`${record.name}_`, this.parameters);
    const plain = record.promotion !== "comparison" && record.conditions === undefined;
    this.quick = plain && record.refuses?.(float32) === undefined ? this.names.length : 0;
    this.quickNumber = this.quick === 2 && this.takesNumber[1]!;
  }

  /** Floating tensors of one type, and a number as second operand, need no reading of arguments. */
  call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): Tensor {
    if (a instanceof Tensor && a.dtype.kind === "floating") {
      if (this.quick === 2 && c === undefined) {
        if (b instanceof Tensor) {
          if (a.dtype === b.dtype) return evaluate(this.formula(0), [a, b], noScalars, a.dtype);
        } else if (this.quickNumber && typeof b === "number")
          return evaluate(this.formula(2), [a], [b], a.dtype);
      } else if (this.quick === 1 && b === undefined)
        return evaluate(this.formula(0), [a], noScalars, a.dtype);
    }
    return this.general([a, b, c, d, e], null);
  }

  callInPlace(self: Tensor, args: readonly unknown[]): Tensor {
    return this.general([self, ...args], self);
  }

  /** Bit i: operand i is a number. Bit operands + j: scalar j differs from its default. */
  private formula(pattern: number): Formula {
    return (this.formulas[pattern] ??= this.build(pattern));
  }

  private build(pattern: number): Formula {
    const { record, names } = this;
    const scalarNames: string[] = [];
    const slots = names.flatMap((_, i) => ((pattern >> i) & 1 ? [] : [i]));
    const scalarNamed = (name: string): Expression => scalar(scalarNames.push(name) - 1);
    const operands = names.map((name, i) => {
      const at = slots.indexOf(i);
      return at < 0 ? scalarNamed(name) : input(at);
    });
    this.scalarDefaults.forEach((value, j) =>
      operands.push(
        (pattern >> (names.length + j)) & 1 ? scalarNamed(this.scalarNames[j]!) : constant(value),
      ),
    );
    const withNumber = slots.length < names.length ? record.nodeWithNumber : undefined;
    const derivatives =
      record.derivative === "none"
        ? "none"
        : (record.derivative?.(...operands).filter((_, i) => slots.includes(i)) ?? null);
    return new Formula(record.expression(...operands), slots.length, scalarNames.length, {
      name: record.name,
      node: nodeName(record.name, withNumber ?? record.node),
      slots,
      slotCount: names.length,
      names,
      scalarNames,
      derivatives,
      masks: record.masks,
    });
  }

  private general(args: readonly unknown[], given: Tensor | null): Tensor {
    const { record } = this;
    const values = (given === null ? this.signature : this.signatureInPlace).read(args);
    const self = values["inplace"] === true ? (values[this.names[0]!] as Tensor) : given;
    const name = self === null ? record.name : `${record.name}_`;
    const tensors: Tensor[] = [];
    const scalars: number[] = [];
    const promoted: (Tensor | number | boolean)[] = [];
    let pattern = 0;
    this.names.forEach((own, i) => {
      const value = values[own] as Tensor | number | boolean;
      if (value instanceof Tensor) tensors.push(value);
      else {
        pattern |= 1 << i;
        scalars.push(Number(value));
      }
      if (record.conditions?.includes(own) !== true) promoted.push(value);
    });
    if (tensors.length === 0)
      throw new ArgumentError(`${name}: at least one operand must be a tensor`);
    const common = resultType(promoted);
    this.scalarNames.forEach((own, j) => {
      const value = values[own] as number;
      if (value === this.scalarDefaults[j]) return;
      pattern |= 1 << (this.names.length + j);
      scalars.push(value);
      if (
        record.promotion === "arithmetic" &&
        !Number.isInteger(value) &&
        common.kind !== "floating"
      )
        throw new DTypeError(
          `${name}: ${own} = ${value} is not whole, but the operands are integers; convert them to a floating-point type`,
        );
    });
    const operandType =
      record.promotion === "floating" && common.kind !== "floating" ? getDefaultDtype() : common;
    const numbers =
      operandType.kind === "integer" ? this.besideIntegers(name, scalars, common) : scalars;
    let number = 0;
    const refusal =
      record.refuses?.(common) ??
      record.check?.(
        this.names.map((own) => {
          const value = values[own];
          return value instanceof Tensor ? value : numbers[number++]!;
        }),
        common,
        values as Readonly<Record<string, number>>,
      );
    if (refusal !== undefined) throw new DTypeError(`${name}: ${refusal}`);
    const output = record.promotion === "comparison" ? bool : operandType;
    const formula = this.formula(pattern);
    return self === null
      ? evaluate(formula, tensors, numbers, output, computeType(operandType))
      : writeInPlace(name, formula, tensors, numbers, self, output, computeType(operandType));
  }

  /** The numbers of a call as operands beside integers. */
  private besideIntegers(name: string, scalars: readonly number[], common: DType): number[] {
    return mapped(scalars, (number) => {
      if (this.record.exactNumbers === true) requireInRange(name, number, common);
      return modulo(name, number, common);
    });
  }
}

function writeInPlace(
  name: string,
  formula: Formula,
  given: readonly Tensor[],
  scalars: readonly number[],
  self: Tensor,
  output: DType,
  compute: DType,
): Tensor {
  checkFits(name, self, commonSizes(name, given), output);
  const tensors = together(name, given);
  checkShared(name, self, tensors);
  const recorded = gradMode.enabled && tensors.some(requiresGradient);
  checkInPlace(name, self, recorded);
  // A rule that reads the old value gets a copy of it.
  const reads =
    recorded &&
    formula.derivations.some(
      (d, i) =>
        d !== null &&
        requiresGradient(tensors[i]!) &&
        d.sources.some((source) => tensors[source] === self),
    );
  const old = reads ? snapshot(self) : self;
  // Another layout over the same memory is read before it is overwritten.
  const apart = (t: Tensor): Tensor => (t !== self && t.storage === self.storage ? snapshot(t) : t);
  const operands = tensors.map(apart);
  const rewriteTangents = forwardMode.active
    ? tangentsInPlace(formula, given.map(apart), scalars, self)
    : null;
  self.storage.device.backend.map(
    formula.program.typedFor(compute, operands, self.dtype),
    self,
    operands,
    scalars,
  );
  bumpVersion(name, self);
  if (recorded && self.dtype.isFloatingPoint)
    record(formula, operands, scalars, self, true, { old });
  rewriteTangents?.();
  return self;
}

/** Computes the tangents that an in-place change will leave, from the values before it; they are written once it is made. */
function tangentsInPlace(
  formula: Formula,
  tensors: readonly Tensor[],
  scalars: readonly number[],
  self: Tensor,
): () => void {
  const touched = forwardMode.levels.filter((level) => tangentsOf(tensors, level) !== null);
  if (touched.length === 0) return () => {};
  // The tangents' own graph may read the old value, and the old tangent.
  const operands = gradMode.enabled ? tensors.map((t) => (t === self ? snapshot(t) : t)) : tensors;
  const writes = touched.map((level) => {
    const tangents = tangentsOf(operands, level)!;
    const fresh = beneath(level, () =>
      differential(formula, operands, tangents, scalars, self, null),
    );
    return () => overwriteTangent(self, level, fresh);
  });
  return () => writes.forEach((write) => write());
}

/** Makes the callable of a pointwise operation from its record. */
export function pointwise<F>(record: PointwiseRecord): F {
  const own = new Pointwise(record);
  const attached: Attached = {
    record: { ...record, parameters: own.parameters },
    inPlace:
      (record.inPlace ?? record.promotion !== "comparison")
        ? observable(`${record.name}_`, ([self, ...args]) => own.callInPlace(self as Tensor, args))
        : null,
  };
  const callWith = ([a, b, c, d, e]: readonly unknown[]): Tensor => own.call(a, b, c, d, e);
  const call = (a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): Tensor =>
    observation.call === null
      ? own.call(a, b, c, d, e)
      : (observed(record.name, [a, b, c, d, e], callWith) as Tensor);
  return Object.assign(call, attached) as F;
}
