// Operations that are not pointwise: their record, and how a call is recorded in the graph.
import { gradMode } from "../../autograd/mode.ts";
import { Node, type Sender } from "../../autograd/node.ts";
import { AutogradError } from "../../core/errors.ts";
import { sameSizes, type Sizes } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import type { DType } from "../../core/dtype.ts";
import {
  bumpVersion,
  checkInPlace,
  gradientNode,
  rebaseHistory,
  requiresGradient,
  View,
  viewOf,
} from "./history.ts";
import { type Parameter, type Parameters, readArguments, type Values } from "./parameters.ts";
import { alreadyFreed, checkVersions, versionsOf } from "./saved.ts";
import type { Attached, Example } from "./registry.ts";

type TensorNames<P extends Parameters> = {
  [K in keyof P]: P[K] extends Parameter<infer T>
    ? Extract<T, Tensor | readonly Tensor[]> extends never
      ? never
      : K
    : never;
}[keyof P] &
  string;

/** What a rule may read: the plain arguments, the saved tensors by name, and the sizes and types of all tensor arguments. */
export type RuleContext<P extends Parameters, S extends string> = Omit<
  Values<P>,
  Exclude<TensorNames<P>, S>
> & {
  readonly sizesOf: Readonly<Record<string, Sizes>>;
  readonly dtypeOf: Readonly<Record<string, DType>>;
  /** The saved results. Present where `saves` lists "output". */
  readonly outputs: S extends "output" ? readonly Tensor[] : never;
  readonly output: S extends "output" ? Tensor : never;
  /** Whether the gradient for that parameter is asked for. */
  readonly needs: (name: TensorNames<P>) => boolean;
};

/** The gradient for one parameter from the gradients of the results; an array for a list of tensors. */
export type Rule<P extends Parameters, S extends string> = (
  gradient: Tensor,
  context: RuleContext<P, S>,
  gradients: readonly (Tensor | null)[],
) => Tensor | null | readonly (Tensor | null)[];

/** One operation: everything there is to know about it. */
export interface OperationRecord<P extends Parameters, S extends string> {
  readonly name: string;
  /** PyTorch's name of the node, without `Backward0`; by default the name with a capital. A digit may follow: `Select`, `Max1`. */
  readonly node?: string;
  readonly parameters: P;
  /** Computes the result or results. Runs unrecorded. */
  readonly forward?: (values: Values<P>) => Tensor | readonly Tensor[];
  /** Names of tensor arguments that the rules read, and "output" for the results. */
  readonly saves?: readonly S[];
  /** The rule of each differentiable parameter. None: results never require gradients. */
  readonly backward?: { readonly [K in keyof P]?: Rule<P, S> };
  /** Results that share the first argument's memory: one, or several, which then may not be changed in place. */
  readonly view?: "single" | "multiple";
  /** Field names of several results, in order. */
  readonly outputs?: readonly string[];
  /** Whether `name_` exists, which writes the result into the first argument. */
  readonly inPlace?: boolean;
  /** Writes the result into the first argument directly; `forward` is then derived by cloning. */
  readonly write?: (values: Values<P>) => void;
  /** Calls for the generic tests. */
  readonly examples?: readonly Example[];
}

// The record with its parameter types erased, as the shared code below handles it.
interface AnyRecord extends Omit<
  OperationRecord<Parameters, string>,
  "backward" | "saves" | "forward"
> {
  readonly forward: (values: Values<Parameters>) => Tensor | readonly Tensor[];
  readonly saves?: readonly string[];
  readonly backward?: Readonly<Record<string, Rule<Parameters, string> | undefined>>;
}

class OperationNode extends Node<Tensor> {
  readonly #record: AnyRecord;
  /** The tensor parameters in order, each with how many slots it has. */
  readonly #slots: readonly {
    readonly name: string;
    readonly count: number;
    readonly list: boolean;
  }[];
  #context: Record<string, unknown> | null;
  readonly #fits: readonly { readonly sizes: Sizes; readonly dtype: DType }[];
  readonly #saved: readonly (Tensor | null)[];
  readonly #savedNames: readonly string[];
  readonly #versions: readonly number[] | null;
  readonly #outputCount: number;
  #freed = false;

  constructor(
    record: AnyRecord,
    slots: OperationNode["slotsType"],
    inputs: readonly (Tensor | null)[],
    context: Record<string, unknown>,
    saved: readonly (Tensor | null)[],
    savedNames: readonly string[],
    outputCount: number,
  ) {
    super(
      inputs.map((t) => (t === null ? null : gradientNode(t))),
      inputs.map((t) => t?.outputIndex ?? 0),
    );
    this.#record = record;
    this.#slots = slots;
    this.#context = context;
    this.#fits = inputs.map((t) => ({ sizes: t?.sizes ?? [], dtype: t?.dtype as DType }));
    this.#saved = saved;
    this.#savedNames = savedNames;
    this.#versions = versionsOf(saved);
    this.#outputCount = outputCount;
  }

  declare slotsType: readonly {
    readonly name: string;
    readonly count: number;
    readonly list: boolean;
  }[];

  get name(): string {
    return nodeName(this.#record.name, this.#record.node);
  }

  override get savedValues(): readonly { readonly name: string; readonly value: Tensor }[] {
    return this.#freed
      ? []
      : this.#saved.flatMap((value, i) =>
          value === null ? [] : [{ name: this.#savedNames[i]!, value }],
        );
  }

  run(task: Sender<Tensor>): void {
    if (this.#freed || this.#context === null) throw alreadyFreed(this.name);
    checkVersions(this.name, this.#saved, this.#versions, (i) => this.#savedNames[i]!);
    const gradients: (Tensor | null)[] = [];
    for (let i = 0; i < this.#outputCount; i++) gradients.push(this.received(i));
    let slot = 0;
    for (const { name, count, list } of this.#slots) {
      const first = slot;
      slot += count;
      const wanted = this.next.slice(first, slot).some((next) => next !== null);
      const rule = wanted ? this.#record.backward?.[name] : undefined;
      const result = rule?.(gradients[0]!, this.#context as never, gradients) ?? null;
      for (let k = 0; k < count; k++) {
        const value = list
          ? ((result as readonly (Tensor | null)[] | null)?.[k] ?? null)
          : (result as Tensor | null);
        task.send(
          this,
          first + k,
          value === null || this.next[first + k] === null
            ? null
            : fit(value, this.#fits[first + k]!),
        );
      }
    }
  }

  override release(): void {
    // Without saved tensors there is nothing to free, and PyTorch lets such a graph be run again.
    if (this.#saved.some((t) => t !== null)) {
      this.#freed = true;
      this.#context = null;
    }
  }
}

/** `mul` gives MulBackward0 and `log2` Log2Backward0; a digit at the end of a given node name takes the place of the 0. */
export function nodeName(name: string, given?: string): string {
  const digit = given === undefined ? null : /\d$/.exec(given);
  if (digit !== null) return `${given!.slice(0, -1)}Backward${digit[0]}`;
  return `${given ?? name[0]!.toUpperCase() + name.slice(1)}Backward0`;
}

/** Undoes broadcasting and promotion: the gradient with the sizes and the type of what it is for. */
export function fit(
  gradient: Tensor,
  to: { readonly sizes: Sizes; readonly dtype: DType },
): Tensor {
  let out = gradient;
  if (!sameSizes(out.sizes, to.sizes)) out = out.sumToSize(to.sizes);
  if (out.dtype !== to.dtype) out = out.to(to.dtype);
  return out;
}

function run(
  record: AnyRecord,
  values: Values<Parameters>,
  inPlace: boolean,
): Tensor | readonly Tensor[] {
  const names = Object.keys(record.parameters);
  const self = values[names[0]!];
  const differentiable = names.filter(
    (name) =>
      record.backward?.[name] !== undefined || (record.view !== undefined && name === names[0]),
  );
  const recorded =
    gradMode.enabled &&
    record.backward !== undefined &&
    differentiable.some((name) => anyTracked(values[name]));
  let original: Tensor | null = null;
  if (inPlace) {
    checkInPlace(`${record.name}_`, self as Tensor, recorded || requiresGradient(self as Tensor));
    if (recorded && record.saves?.includes(names[0]!) === true)
      original = unrecorded(() => (self as Tensor).clone());
  }
  const result = unrecorded(() =>
    inPlace ? writeInPlace(record, values, self as Tensor) : record.forward(values),
  );
  const outputs = result instanceof Tensor ? [result] : result;
  if (inPlace) bumpVersion(`${record.name}_`, self as Tensor);
  if (record.view !== undefined) {
    const source = self as Tensor;
    const creation = gradMode.enabled ? record.view : "noGrad";
    const from = viewOf(source);
    const inherited = from !== null && from.creation !== "single" ? from.creation : creation;
    for (const output of outputs)
      output.viewOf = new View(from?.base ?? source, inherited, record.name);
  }
  if (recorded) attach(record, values, outputs, inPlace, original);
  return result;
}

function attach(
  record: AnyRecord,
  values: Values<Parameters>,
  outputs: readonly Tensor[],
  inPlace: boolean,
  original: Tensor | null,
): void {
  const slots: { name: string; count: number; list: boolean }[] = [];
  const inputs: (Tensor | null)[] = [];
  const context: Record<string, unknown> = {};
  const sizesOf: Record<string, Sizes> = {};
  const dtypeOf: Record<string, DType> = {};
  const saved: (Tensor | null)[] = [];
  const savedNames: string[] = [];
  const names = Object.keys(record.parameters);
  for (const name of names) {
    const value = values[name];
    const list = Array.isArray(value) && record.parameters[name]!.tensors;
    if (value instanceof Tensor) {
      sizesOf[name] = value.sizes;
      dtypeOf[name] = value.dtype;
      if (record.saves?.includes(name) === true) {
        const keep = name === names[0] && original !== null ? original : value;
        context[name] = keep;
        saved.push(keep);
        savedNames.push(name);
      }
    } else if (list && record.saves?.includes(name) === true) {
      context[name] = value;
      for (const item of value as Tensor[]) {
        saved.push(item);
        savedNames.push(name);
      }
    } else if (!list) context[name] = value;
    if (record.parameters[name]!.tensors) {
      const tensors = list
        ? (value as Tensor[])
        : [value instanceof Tensor && record.backward?.[name] !== undefined ? value : null];
      slots.push({ name, count: tensors.length, list });
      inputs.push(...tensors);
    }
  }
  if (record.saves?.includes("output") === true) {
    context["outputs"] = outputs;
    context["output"] = outputs[0];
    outputs.forEach((output) => {
      saved.push(output);
      savedNames.push("result");
    });
  }
  context["sizesOf"] = sizesOf;
  context["dtypeOf"] = dtypeOf;
  const node = new OperationNode(record, slots, inputs, context, saved, savedNames, outputs.length);
  context["needs"] = (name: string): boolean => {
    let first = 0;
    for (const slot of slots) {
      if (slot.name === name)
        return node.next.slice(first, first + slot.count).some((next) => next !== null);
      first += slot.count;
    }
    return false;
  };
  outputs.forEach((output, index) => {
    if (!output.dtype.isFloatingPoint) return;
    if (inPlace) rebaseHistory(output, node);
    else {
      output.node = node;
      output.outputIndex = index;
      output.tracked = true;
    }
  });
}

function writeInPlace(record: AnyRecord, values: Values<Parameters>, self: Tensor): Tensor {
  if (record.write !== undefined) record.write(values);
  else self.copy_(record.forward(values) as Tensor);
  return self;
}

function anyTracked(value: unknown): boolean {
  if (value instanceof Tensor) return requiresGradient(value);
  return (
    Array.isArray(value) && value.some((item) => item instanceof Tensor && requiresGradient(item))
  );
}

/** Runs something without recording it. */
export function unrecorded<T>(callback: () => T): T {
  const before = gradMode.enabled;
  gradMode.enabled = false;
  try {
    return callback();
  } finally {
    gradMode.enabled = before;
  }
}

/** An object with named fields that also iterates over them in order, as PyTorch's named tuples do. */
export function named(names: readonly string[], values: readonly Tensor[]): object {
  const out: Record<string, Tensor> = {};
  names.forEach((name, i) => (out[name] = values[i]!));
  Object.defineProperty(out, Symbol.iterator, { value: () => values[Symbol.iterator]() });
  return out;
}

function present(record: AnyRecord, result: Tensor | readonly Tensor[]): unknown {
  return record.outputs === undefined || result instanceof Tensor
    ? result
    : named(record.outputs, result);
}

/** Makes the callable of an operation from its record. The public type is the annotation of the constant it is assigned to. */
export function operation<const P extends Parameters, const S extends TensorNames<P> | "output", F>(
  record: OperationRecord<P, S>,
): F {
  const { write } = record;
  const forward =
    record.forward ??
    ((values: Values<P>): Tensor => {
      const first = Object.keys(record.parameters)[0]!;
      const self = (values[first as keyof P] as Tensor).clone();
      write!({ ...values, [first]: self });
      return self;
    });
  const full = { ...record, forward } as unknown as AnyRecord;
  const attached: Attached = {
    record: full as Attached["record"],
    inPlace:
      record.inPlace === true || write !== undefined
        ? (...args) => run(full, readArguments(`${full.name}_`, full.parameters, args), true)
        : null,
  };
  const invoke = (...args: readonly unknown[]): unknown =>
    present(full, run(full, readArguments(full.name, full.parameters, args), false));
  return Object.assign(invoke, attached) as F;
}

/** An operation made of others: it has no rule, its parts have. */
export function composite<const P extends Parameters, F>(record: {
  readonly name: string;
  readonly parameters: P;
  readonly compute: (values: Values<P>) => unknown;
  readonly inPlace?: boolean;
  readonly examples?: readonly Example[];
}): F {
  const invoke = (...args: readonly unknown[]): unknown =>
    record.compute(readArguments(record.name, record.parameters, args));
  const inPlace = (...args: readonly unknown[]): unknown => {
    const self = args[0] as Tensor;
    return self.copy_(invoke(...args) as Tensor);
  };
  const attached: Attached = {
    record: record as Attached["record"],
    inPlace: record.inPlace === true ? inPlace : null,
  };
  return Object.assign(invoke, attached) as F;
}

/** Refuses arguments on two devices. */
export function checkSameDevice(operation: string, tensors: readonly Tensor[]): void {
  const first = tensors[0];
  for (const tensor of tensors)
    if (tensor.storage.device !== first!.storage.device)
      throw new AutogradError(
        `${operation}: the tensors are on different devices, ${String(first!.storage.device)} and ${String(tensor.storage.device)}; move them to one`,
      );
}
