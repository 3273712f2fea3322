// Pointwise operations: an expression for one element; kernels, derivatives, broadcasting and promotion follow from it.
import { gradMode } from "../../autograd/mode.ts";
import { Node, type Sender } from "../../autograd/node.ts";
import type { Operand } from "../../core/backend.ts";
import { bool, type DType, float32, getDefaultDtype } from "../../core/dtype.ts";
import {
  ArgumentError,
  AutogradError,
  DeviceError,
  DTypeError,
  ShapeError,
} from "../../core/errors.ts";
import { constant, type Expression, input, scalar } from "../../core/expression.ts";
import { resultType } from "../../core/promotion.ts";
import { broadcastSizes, formatSizes, noSizes, sameSizes, type Sizes } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { computeType, type Derivation, Formula, fromGradient, fromResult } from "./formula.ts";
import {
  bumpVersion,
  checkInPlace,
  gradientNode,
  rebaseHistory,
  requiresGradient,
} from "./history.ts";
import { empty, emptyLikeDense } from "./memory.ts";
import { fit, nodeName } from "./operation.ts";
import {
  boolean,
  number,
  optional,
  type Parameters,
  readArguments,
  tensor,
  tensorOrNumber,
} from "./parameters.ts";
import type { Attached, Example } from "./registry.ts";
import { alreadyFreed, checkVersions, versionsOf } from "./saved.ts";

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
   * `false` where PyTorch has none: a backward pass through the operation fails.
   */
  readonly derivative?: ((...operands: Expression[]) => readonly (Expression | null)[]) | false;
  /** Refuses a type by returning why. */
  readonly refuses?: (dtype: DType) => string | undefined;
  /** Refuses operands by returning why; called with the type they have in common, not for plain floating-point calls. */
  readonly check?: (operands: readonly (Tensor | number)[], common: DType) => string | undefined;
  /** Whether `name_` exists. Comparisons and predicates have none by default. */
  readonly inPlace?: boolean;
  /** Whether the function takes `inplace: true`, which writes into its first operand. */
  readonly inplaceOption?: boolean;
  /** Where the generic tests take their values from. */
  readonly domain?: readonly [number, number];
  readonly examples?: readonly Example[];
}

const noScalars: readonly number[] = [];

class PointwiseNode extends Node<Tensor> {
  readonly #formula: Formula;
  /** Which operand each tensor of the formula is; plain numbers have a slot without an edge. */
  readonly #slots: readonly number[];
  #inputs: readonly (Tensor | null)[] | null;
  readonly #inputVersions: readonly number[] | null;
  #result: Tensor | null;
  readonly #resultVersion: number;
  readonly #scalars: readonly number[];
  readonly #fits: readonly { readonly sizes: Sizes; readonly dtype: DType }[] | null;
  #freed: boolean = false;

  constructor(
    formula: Formula,
    slots: readonly number[],
    next: readonly (Node<Tensor> | null)[],
    nextIndex: readonly number[],
    inputs: readonly (Tensor | null)[] | null,
    result: Tensor | null,
    scalars: readonly number[],
    fits: readonly { readonly sizes: Sizes; readonly dtype: DType }[] | null,
  ) {
    super(next, nextIndex);
    this.#formula = formula;
    this.#slots = slots;
    this.#inputs = inputs;
    this.#inputVersions = inputs === null ? null : versionsOf(inputs);
    this.#result = result;
    this.#resultVersion = result === null ? 0 : result.storage.version;
    this.#scalars = scalars;
    this.#fits = fits;
  }

  get name(): string {
    return this.#formula.node;
  }

  override get savedValues(): readonly { readonly name: string; readonly value: Tensor }[] {
    const inputs = (this.#inputs ?? []).flatMap((value, i) =>
      value === null ? [] : [{ name: `operand ${i}`, value }],
    );
    return this.#result === null ? inputs : [...inputs, { name: "result", value: this.#result }];
  }

  run(task: Sender<Tensor>): void {
    if (this.#freed) throw alreadyFreed(this.name);
    if (!this.#formula.differentiable)
      throw new AutogradError(
        `${this.name}: ${this.#formula.name} has no derivative; detach() the tensors that go into it`,
      );
    if (this.#inputs !== null)
      checkVersions(this.name, this.#inputs, this.#inputVersions, (i) => `operand ${i}`);
    if (this.#result !== null && this.#result.storage.version !== this.#resultVersion)
      checkVersions(this.name, [this.#result], [this.#resultVersion], () => "result");
    const gradient = this.incoming!;
    const { derivations } = this.#formula;
    const slots = this.#slots;
    let at = 0;
    for (let slot = 0; slot < this.next.length; slot++) {
      const isTensor = at < slots.length && slots[at] === slot;
      const own = isTensor ? at++ : -1;
      if (this.next[slot] === null) continue;
      const derivation = derivations[own];
      if (derivation === null || derivation === undefined) task.send(this, slot, null);
      else {
        const value = derivation.passes ? gradient : this.#derive(derivation, gradient);
        task.send(this, slot, this.#fits === null ? value : fit(value, this.#fits[own]!));
      }
    }
  }

  #derive(derivation: Derivation, gradient: Tensor): Tensor {
    const { sources, formula } = derivation;
    const operands = new Array<Tensor>(sources.length);
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i]!;
      operands[i] =
        source === fromGradient
          ? gradient
          : source === fromResult
            ? this.#result!
            : this.#inputs![source]!;
    }
    return evaluate(formula, operands, this.#scalars, gradient.dtype);
  }

  override release(): void {
    if (this.#inputs === null && this.#result === null) return;
    this.#inputs = null;
    this.#result = null;
    this.#freed = true;
  }
}

/** Whether all tensors are dense, of this type and sizes: then elements pair up without any arithmetic on layouts. */
function aligned(tensors: readonly Tensor[], dtype: DType, sizes: Sizes): boolean {
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i]!;
    if (!tensor.dense || tensor.dtype !== dtype || !sameSizes(tensor.sizes, sizes)) return false;
  }
  return true;
}

/** Computes a formula into a fresh tensor of type `output` and records it. */
function evaluate(
  formula: Formula,
  tensors: readonly Tensor[],
  scalars: readonly number[],
  output: DType,
  compute: DType = computeType(output),
  slots: readonly number[] | null = null,
  slotCount: number = tensors.length,
): Tensor {
  const first = tensors[0]!;
  let out: Tensor;
  let simple = false;
  if (output.kind === "floating" && aligned(tensors, output, first.sizes)) {
    simple = true;
    out = emptyLikeDense(first, output);
    first.storage.device.backend.map(formula.uniform(output), out, tensors, scalars);
  } else {
    const sizes = commonSizes(formula.name, tensors);
    out = empty(sizes, output, commonDevice(formula.name, tensors));
    out.storage.device.backend.map(
      typedFor(formula, tensors, compute, output),
      out,
      tensors,
      scalars,
    );
  }
  if (gradMode.enabled && output.kind === "floating")
    record(formula, tensors, scalars, out, slots, slotCount, simple, null);
  return out;
}

function typedFor(
  formula: Formula,
  tensors: readonly Tensor[],
  compute: DType,
  output: DType,
): ReturnType<Formula["uniform"]> {
  return formula.program.typed(
    compute,
    tensors.map((t) => t.dtype),
    [output],
  );
}

function commonSizes(name: string, tensors: readonly Tensor[]): Sizes {
  let sizes: Sizes = noSizes;
  for (const tensor of tensors) sizes = broadcastSizes(name, sizes, tensor.sizes);
  return sizes;
}

function commonDevice(name: string, tensors: readonly Tensor[]): Tensor["storage"]["device"] {
  const { device } = tensors[0]!.storage;
  for (const tensor of tensors)
    if (tensor.storage.device !== device)
      throw new DeviceError(
        `${name}: the operands are on different devices, ${String(device)} and ${String(tensor.storage.device)}; move them to one`,
      );
  return device;
}

const identitySlots: readonly (readonly number[])[] = [
  [],
  [0],
  [0, 1],
  [0, 1, 2],
  [0, 1, 2, 3],
  [0, 1, 2, 3, 4],
];

function record(
  formula: Formula,
  tensors: readonly Tensor[],
  scalars: readonly number[],
  out: Tensor,
  slots: readonly number[] | null,
  slotCount: number,
  simple: boolean,
  original: Tensor | null,
): void {
  let recorded = false;
  for (let i = 0; i < tensors.length; i++) if (requiresGradient(tensors[i]!)) recorded = true;
  if (!recorded) return;
  const places = slots ?? identitySlots[tensors.length] ?? tensors.map((_, i) => i);
  const next = new Array<Node<Tensor> | null>(slotCount).fill(null);
  const nextIndex = new Array<number>(slotCount).fill(0);
  const { derivations } = formula;
  let keepsInputs = false;
  let keepsAll = true;
  let keepsResult = false;
  let needed = 0;
  let fits = false;
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i]!;
    if (!simple && (tensor.dtype !== out.dtype || !sameSizes(tensor.sizes, out.sizes))) fits = true;
    const node = tensor.dtype.isFloatingPoint ? gradientNode(tensor) : null;
    if (node === null) continue;
    next[places[i]!] = node;
    nextIndex[places[i]!] = tensor.outputIndex;
    const derivation = derivations[i];
    if (derivation === null || derivation === undefined || derivation.passes) continue;
    for (const source of derivation.sources)
      if (source === fromResult) keepsResult = true;
      else if (source >= 0) needed |= 1 << source;
  }
  for (let i = 0; i < tensors.length; i++)
    if ((needed >> i) & 1) keepsInputs = true;
    else keepsAll = false;
  const kept: readonly Tensor[] = original === null ? tensors : [original, ...tensors.slice(1)];
  const inputs = !keepsInputs
    ? null
    : keepsAll
      ? kept
      : kept.map((t, i) => ((needed >> i) & 1 ? t : null));
  const node = new PointwiseNode(
    formula,
    places,
    next,
    nextIndex,
    inputs,
    keepsResult ? out : null,
    scalars,
    fits ? tensors.map((t) => ({ sizes: t.sizes, dtype: t.dtype })) : null,
  );
  if (original === null && out !== tensors[0]) {
    out.node = node;
    out.tracked = true;
  } else rebaseHistory(out, node);
}

/** A pointwise operation with its formulas, one for each choice of tensors, numbers and non-default scalars. */
class Pointwise {
  readonly record: PointwiseRecord;
  readonly #scalarNames: readonly string[];
  readonly #scalarDefaults: readonly number[];
  readonly #names: readonly string[];
  readonly #takesNumber: readonly boolean[];
  readonly parameters: Parameters;
  readonly #formulas: (Formula | undefined)[] = [];
  readonly #slots: (readonly number[] | undefined)[] = [];
  /** Whether a floating-point call may skip the reading of arguments. */
  readonly #direct: boolean;

  constructor(record: PointwiseRecord) {
    this.record = record;
    this.#names = record.inputs.map((name) => name.replace("?", ""));
    this.#takesNumber = record.inputs.map((name) => name.endsWith("?"));
    this.#scalarNames = Object.keys(record.scalars ?? {});
    this.#scalarDefaults = Object.values(record.scalars ?? {});
    this.#direct = record.promotion !== "comparison" && record.refuses?.(float32) === undefined;
    this.parameters = Object.fromEntries([
      ...this.#names.map((name, i) => [name, this.#takesNumber[i]! ? tensorOrNumber : tensor]),
      ...this.#scalarNames.map((name, j) => [name, optional(number, this.#scalarDefaults[j]!)]),
      ...(record.inplaceOption === true ? [["inplace", optional(boolean, false)]] : []),
    ]) as Parameters;
  }

  /** The call with all operands tensors and all scalars at their defaults needs no reading of arguments. */
  call(a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): Tensor {
    const { inputs } = this.record;
    if (inputs.length === 2 && c === undefined && a instanceof Tensor) {
      if (b instanceof Tensor) {
        if (this.#direct && a.dtype.kind === "floating" && a.dtype === b.dtype)
          return evaluate(this.#formula(0), [a, b], noScalars, a.dtype);
      } else if (
        typeof b === "number" &&
        this.#direct &&
        this.#takesNumber[1]! &&
        a.dtype.kind === "floating"
      )
        return evaluate(this.#formula(2), [a], [b], a.dtype, undefined, this.#slotsOf(2), 2);
    } else if (
      inputs.length === 1 &&
      b === undefined &&
      a instanceof Tensor &&
      this.#direct &&
      a.dtype.kind === "floating"
    )
      return evaluate(this.#formula(0), [a], noScalars, a.dtype);
    return this.#general([a, b, c, d, e], null);
  }

  callInPlace(self: Tensor, args: readonly unknown[]): Tensor {
    return this.#general([self, ...args], self);
  }

  /** Bit i: operand i is a number. Bit inputs + j: scalar j differs from its default. */
  #formula(pattern: number): Formula {
    return (this.#formulas[pattern] ??= this.#build(pattern));
  }

  #slotsOf(pattern: number): readonly number[] {
    return (this.#slots[pattern] ??= this.#names.flatMap((_, i) =>
      (pattern >> i) & 1 ? [] : [i],
    ));
  }

  #build(pattern: number): Formula {
    const { record } = this;
    let tensors = 0;
    let scalars = 0;
    const operands = this.#names.map((_, i) =>
      (pattern >> i) & 1 ? scalar(scalars++) : input(tensors++),
    );
    this.#scalarDefaults.forEach((value, j) =>
      operands.push(
        (pattern >> (this.#names.length + j)) & 1 ? scalar(scalars++) : constant(value),
      ),
    );
    const derivatives =
      record.derivative === false
        ? []
        : (record.derivative?.(...operands).filter((_, i) => !((pattern >> i) & 1)) ?? null);
    const withNumber = tensors < this.#names.length ? record.nodeWithNumber : undefined;
    return new Formula(
      record.name,
      nodeName(record.name, withNumber ?? record.node),
      record.expression(...operands),
      tensors,
      scalars,
      derivatives,
    );
  }

  #general(args: readonly unknown[], self: Tensor | null): Tensor {
    const { record } = this;
    const name = self === null ? record.name : `${record.name}_`;
    const values = Object.values(readArguments(name, this.parameters, args));
    if (
      self === null &&
      record.inplaceOption === true &&
      values[this.#names.length + this.#scalarNames.length] === true
    )
      return this.callInPlace(
        values[0] as Tensor,
        values.slice(1, this.#names.length + this.#scalarNames.length),
      );
    const tensors: Tensor[] = [];
    const scalars: number[] = [];
    const promoted: (Tensor | number | bigint | boolean)[] = [];
    let pattern = 0;
    this.#names.forEach((own, i) => {
      const value = values[i];
      const condition = record.conditions?.includes(own) === true;
      if (value instanceof Tensor) tensors.push(value);
      else {
        pattern |= 1 << i;
        scalars.push(Number(value));
      }
      if (!condition) promoted.push(value as Tensor | number);
    });
    this.#scalarDefaults.forEach((fallback, j) => {
      const value = Number(values[this.#names.length + j]);
      if (value === fallback) return;
      pattern |= 1 << (this.#names.length + j);
      scalars.push(value);
      if (
        record.promotion === "arithmetic" &&
        !Number.isInteger(value) &&
        resultType(...promoted).kind !== "floating"
      )
        throw new DTypeError(
          `${name}: ${this.#scalarNames[j]!} = ${value} is not whole, but the operands are integers; convert them to a floating-point type`,
        );
    });
    if (tensors.length === 0)
      throw new ArgumentError(`${name}: at least one operand must be a tensor`);
    const common = resultType(...promoted);
    const refusal =
      record.refuses?.(common) ??
      record.check?.(values.slice(0, this.#names.length) as (Tensor | number)[], common);
    if (refusal !== undefined) throw new DTypeError(`${name}: ${refusal}`);
    const floating =
      record.promotion === "floating" && common.kind !== "floating" ? getDefaultDtype() : common;
    const output = record.promotion === "comparison" ? bool : floating;
    const compute = computeType(floating);
    const formula = this.#formula(pattern);
    const slots = this.#slotsOf(pattern);
    if (self !== null)
      return this.#writeInPlace(name, formula, tensors, scalars, self, output, compute, slots);
    return evaluate(formula, tensors, scalars, output, compute, slots, this.#names.length);
  }

  #writeInPlace(
    name: string,
    formula: Formula,
    tensors: readonly Tensor[],
    scalars: readonly number[],
    self: Tensor,
    output: DType,
    compute: DType,
    slots: readonly number[],
  ): Tensor {
    const kinds = ["boolean", "integer", "floating"];
    if (kinds.indexOf(output.kind) > kinds.indexOf(self.dtype.kind))
      throw new DTypeError(
        `${name}: the result is ${output.name} and cannot be written into a tensor of type ${self.dtype.name}; use the out-of-place form`,
      );
    const sizes = commonSizes(name, tensors);
    if (!sameSizes(sizes, self.sizes))
      throw new ShapeError(
        `${name}: the result has shape ${formatSizes(sizes)} and cannot be written into ${formatSizes(self.sizes)}; only the other operand may broadcast`,
      );
    const device = commonDevice(name, tensors);
    const recorded = gradMode.enabled && tensors.some(requiresGradient);
    checkInPlace(name, self, recorded);
    // A rule that reads the old value gets a copy of it; an operand that shares this memory in another layout is copied first.
    const reads =
      recorded &&
      formula.derivations.some(
        (d, i) => d !== null && requiresGradient(tensors[i]!) && d.sources.includes(0),
      );
    const original = reads && tensors[0] === self ? self.detach().clone() : null;
    const operands: Operand[] = tensors.map((t) =>
      t !== self && t.storage === self.storage ? t.detach().clone() : t,
    );
    device.backend.map(
      formula.program.typed(
        compute,
        operands.map((t) => t.dtype),
        [self.dtype],
      ),
      self,
      operands,
      scalars,
    );
    bumpVersion(name, self);
    if (recorded && self.dtype.isFloatingPoint)
      record(formula, tensors, scalars, self, slots, this.#names.length, false, original);
    return self;
  }
}

/** Makes the callable of a pointwise operation from its record. */
export function pointwise<F>(record: PointwiseRecord): F {
  const own = new Pointwise(record);
  const attached: Attached = {
    record: { ...record, parameters: own.parameters },
    inPlace:
      (record.inPlace ?? record.promotion !== "comparison")
        ? (self, ...args) => own.callInPlace(self as Tensor, args)
        : null,
  };
  const call = (a: unknown, b: unknown, c: unknown, d: unknown, e: unknown): Tensor =>
    own.call(a, b, c, d, e);
  return Object.assign(call, attached) as F;
}
