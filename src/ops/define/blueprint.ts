// What follows from the record of an operation that is not pointwise, and the graph node that its calls leave behind.
import type { Node, Sender } from "../../autograd/node.ts";
import { userCode } from "../../autograd/usercode.ts";
import { type DType, float32 } from "../../core/dtype.ts";
import { noSizes, type Sizes } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { fit, type Shown, shownOf } from "./fit.ts";
import { nodeName } from "./nodename.ts";
import { firstOutputs, gradientNode, withOutput } from "./history.ts";
import type { Parameters, Values } from "./parameters.ts";
import type { AnyRecord, Rule } from "./record.ts";
import {
  type Kept,
  offerSaved,
  opened,
  SavedTensor,
  savingMode,
  SavingNode,
  sealed,
  versionsOf,
} from "./saved.ts";
import { alreadyFreed } from "./stale.ts";

/** What follows from a record once and for all its calls. */
export class Blueprint {
  readonly record: AnyRecord;
  /** The parameters in order. */
  readonly names: readonly string[];
  /** The first parameter: what a view shows, and what an in-place form writes. */
  readonly self: string;
  /** The tensor parameters in order: each has a slot in the node, a list of tensors one for each of its items. */
  readonly tensorNames: readonly string[];
  readonly ruleNames: readonly string[];
  /** The rule of each tensor parameter, where it has one. */
  readonly tensorRules: readonly (Rule<Parameters, string> | undefined)[];
  readonly savedNames: readonly string[];
  readonly savesOutput: boolean;
  /** What the rule of each parameter reads, where the record says so. */
  private readonly reads: Readonly<Record<string, readonly string[] | undefined>> | null;
  private readonly unreadNames: (readonly string[] | undefined)[] = [];
  private readonly Context: typeof NodeContext;

  constructor(record: AnyRecord) {
    this.record = record;
    const names = Object.keys(record.parameters);
    this.names = names;
    this.self = names[0]!;
    this.tensorNames = names.filter((name) => record.parameters[name]!.tensors);
    this.tensorRules = this.tensorNames.map((name) => record.backward?.[name]);
    this.ruleNames = this.tensorNames.filter((name) => record.backward?.[name] !== undefined);
    const saves = record.saves ?? [];
    this.reads = isList(saves) ? null : saves;
    const read = isList(saves) ? saves : Object.values(saves).flatMap((some) => some ?? []);
    this.savedNames = names.filter((name) => read.includes(name));
    this.savesOutput = read.includes("output");
    offerSaved(names);
    if (this.savesOutput) offerSaved(record.outputs ?? ["result"]);
    // A class of its own for each record: its instances have the arguments as properties, and making one costs next to nothing.
    this.Context = class extends NodeContext {};
    for (const name of names)
      Object.defineProperty(this.Context.prototype, name, {
        get(this: NodeContext): unknown {
          return this.ownArguments[name];
        },
      });
  }

  /** The tensor arguments that no gradient reads of those asked for; bit i of `wanted`: that of rule i. */
  unread(wanted: number): readonly string[] {
    return (this.unreadNames[wanted] ??= this.findUnread(wanted));
  }

  private findUnread(wanted: number): readonly string[] {
    const { reads } = this;
    const read =
      reads === null
        ? this.savedNames
        : this.ruleNames.flatMap((rule, i) => ((wanted >> i) & 1 ? (reads[rule] ?? []) : []));
    return this.tensorNames.filter((name) => !read.includes(name));
  }

  /** Those of a call's results that the rules read. */
  savedResults(outputs: readonly Tensor[]): readonly Tensor[] {
    const { savedOutputs } = this.record;
    return savedOutputs === undefined ? outputs : savedOutputs.map((index) => outputs[index]!);
  }

  /** Which result of a call is saved at a place among the saved results. */
  resultAt(place: number): number {
    return this.record.savedOutputs?.[place] ?? place;
  }

  /** What a rule of this record may read, from a node's arguments and results. */
  contextOf(
    node: OperationNode,
    values: Values<Parameters>,
    outputs: readonly Tensor[] | null,
  ): NodeContext {
    return new this.Context(node, values, outputs);
  }
}

function isList(value: readonly string[] | object): value is readonly string[] {
  return Array.isArray(value);
}

class NodeContext {
  readonly node: OperationNode;
  /** Not named after what any operation calls its arguments: those are properties too. */
  readonly ownArguments: Values<Parameters>;
  private readonly results: readonly Tensor[] | null;

  constructor(node: OperationNode, values: Values<Parameters>, results: readonly Tensor[] | null) {
    this.node = node;
    this.ownArguments = values;
    this.results = results;
  }

  get sizesOf(): Record<string, Sizes> {
    return this.node.perParameter((slot) => this.node.shownAt(slot).sizes);
  }
  get dtypeOf(): Record<string, DType> {
    return this.node.perParameter((slot) => this.node.shownAt(slot).dtype);
  }
  get outputs(): readonly Tensor[] {
    return this.results!;
  }
  get output(): Tensor {
    return this.results![0]!;
  }
  get needs(): (name: string) => boolean {
    return (name) => this.node.needs(name);
  }
}

function isKept(value: unknown): value is Tensor | SavedTensor {
  return value instanceof Tensor || value instanceof SavedTensor;
}

/** Stands for an argument that was not given. */
const absent: Shown = { sizes: noSizes, dtype: float32 };

/** The node of a recorded call. */
export class OperationNode extends SavingNode {
  private readonly blueprint: Blueprint;
  /**
   * The arguments, with what they showed in the place of tensors that no rule reads; null once freed. Where hooks have to do with them,
   * what remembers the tensors.
   */
  private values: Values<Parameters> | null;
  /** The results, where a rule reads them. */
  private outputs: readonly Tensor[] | readonly SavedTensor[] | null;
  private versions: readonly number[] | null;
  /** Sizes and types by slot where there are lists of tensors; else `values` tells them. */
  private readonly shown: readonly Shown[] | null;
  /** How many slots each tensor parameter has; null where each has one. */
  private readonly counts: readonly number[] | null;
  private readonly outputCount: number;

  constructor(
    blueprint: Blueprint,
    values: Values<Parameters>,
    inputs: readonly (Tensor | null)[],
    counts: readonly number[] | null,
    outputs: readonly Tensor[],
  ) {
    const next = new Array<Node<Tensor> | null>(inputs.length);
    let nextIndex = firstOutputs(inputs.length);
    for (let i = 0; i < inputs.length; i++) {
      const tensor = inputs[i]!;
      next[i] = tensor === null ? null : gradientNode(tensor);
      if (tensor !== null) nextIndex = withOutput(nextIndex, i, tensor.outputIndex);
    }
    super(next, nextIndex);
    this.blueprint = blueprint;
    this.values = values;
    this.outputs = blueprint.savesOutput ? blueprint.savedResults(outputs) : null;
    this.shown = counts === null ? null : inputs.map((tensor) => shownOf(tensor ?? outputs[0]!));
    this.counts = counts;
    this.outputCount = outputs.length;
    this.versions = this.changed(null) ? versionsOf(this, this.savedList() as Tensor[]) : null;
    if (savingMode.hooks !== null && this.savesAnything) this.sealAll(savingMode.hooks);
  }

  /**
   * Whether a saved tensor is at another version than the given ones, null standing for 0, or may have been detached in place.
   * Allocates nothing.
   */
  private changed(versions: readonly number[] | null): boolean {
    const { savedNames } = this.blueprint;
    let at = 0;
    for (let i = 0; i < savedNames.length; i++) {
      const value = this.values![savedNames[i]!];
      if (value instanceof Tensor) {
        if (value.storage.version !== (versions === null ? 0 : versions[at])) return true;
        if (value.hooks !== null) return true;
        at++;
      } else if (Array.isArray(value))
        for (const item of value as Tensor[])
          if (
            item.storage.version !== (versions === null ? 0 : versions[at++]) ||
            item.hooks !== null
          )
            return true;
    }
    for (let i = 0; this.outputs !== null && i < this.outputs.length; i++) {
      const { storage, hooks } = this.outputs[i] as Tensor;
      if (storage.version !== (versions === null ? 0 : versions[at++]) || hooks !== null)
        return true;
    }
    return false;
  }

  get name(): string {
    return nodeName(this.blueprint.record.name, this.blueprint.record.node);
  }

  get kept(): readonly Kept[] | null {
    return this.values === null ? null : this.savedList();
  }

  resultAt(index: number): number {
    const { firstResult } = this;
    return index < firstResult ? -1 : this.blueprint.resultAt(index - firstResult);
  }

  /** Where the results begin among what is saved. */
  private get firstResult(): number {
    return this.savedList().length - (this.outputs?.length ?? 0);
  }

  protected get keptVersions(): readonly number[] | null {
    return this.versions;
  }

  protected seal(list: readonly SavedTensor[]): void {
    const first = this.firstResult;
    this.values = this.withTensors(list);
    if (this.outputs !== null) this.outputs = list.slice(first);
    this.versions = sealed;
  }

  protected plainValue(name: string): unknown {
    const value = this.values?.[name];
    return this.blueprint.record.parameters[name]?.tensors === true ? undefined : value;
  }

  /** The arguments with other things in the saved tensors' places. */
  private withTensors(list: readonly unknown[]): Values<Parameters> {
    const out: Record<string, unknown> = { ...this.values };
    let at = 0;
    for (const name of this.blueprint.savedNames) {
      const value = out[name];
      if (isKept(value)) out[name] = list[at++];
      else if (Array.isArray(value)) out[name] = value.map(() => list[at++]);
    }
    return out;
  }

  override get resultCount(): number {
    return this.outputCount;
  }

  /** Sizes and type of what a slot's gradient is for. */
  shownAt(slot: number): Shown {
    if (this.shown !== null) return this.shown[slot]!;
    return (this.values![this.blueprint.tensorNames[slot]!] as Shown | null | undefined) ?? absent;
  }

  /** A property of the first slot of each tensor parameter, by name. */
  perParameter<T>(of: (slot: number) => T): Record<string, T> {
    const out: Record<string, T> = {};
    let slot = 0;
    this.blueprint.tensorNames.forEach((name, i) => {
      out[name] = of(slot);
      slot += this.counts?.[i] ?? 1;
    });
    return out;
  }

  needs(name: string): boolean {
    let slot = 0;
    for (let i = 0; i < this.blueprint.tensorNames.length; i++) {
      const count = this.counts?.[i] ?? 1;
      if (this.blueprint.tensorNames[i] === name) return this.leadsOn(slot, slot + count);
      slot += count;
    }
    return false;
  }

  private leadsOn(from: number, to: number): boolean {
    for (let slot = from; slot < to; slot++) if (this.next[slot] !== null) return true;
    return false;
  }

  private get savesAnything(): boolean {
    return this.outputs !== null || this.blueprint.savedNames.length > 0;
  }

  private savedList(): (Tensor | SavedTensor)[] {
    const list: (Tensor | SavedTensor)[] = [];
    for (const name of this.blueprint.savedNames) {
      const value = this.values![name];
      if (isKept(value)) list.push(value);
      else if (Array.isArray(value)) list.push(...(value as Tensor[]));
    }
    if (this.outputs !== null) list.push(...this.outputs);
    return list;
  }

  savedName(index: number): string {
    const names = this.blueprint.savedNames.flatMap((name) => {
      const value = this.values![name];
      if (Array.isArray(value)) return value.map((_, i) => `${name}[${i}]`);
      return isKept(value) ? [name] : [];
    });
    if (index < names.length) return names[index]!;
    const { record } = this.blueprint;
    return record.outputs?.[this.blueprint.resultAt(index - names.length)] ?? "result";
  }

  /** What the rules may read, checked, and unpacked where hooks took it in. */
  context(): NodeContext {
    if (this.values === null) throw alreadyFreed(this.name);
    let { values, outputs } = this;
    if (this.versions === sealed) {
      const list = this.savedList().map((saved) => (saved as SavedTensor).unpack());
      values = this.withTensors(list);
      if (outputs !== null) outputs = list.slice(this.firstResult) as Tensor[];
    } else if (this.changed(this.versions)) {
      const list = opened(this, this.savedList() as Tensor[], this.versions);
      if (outputs !== null) outputs = list.slice(this.firstResult) as Tensor[];
    }
    return this.blueprint.contextOf(this, values, outputs as readonly Tensor[] | null);
  }

  run(task: Sender<Tensor>): void {
    const { blueprint, counts } = this;
    const context = this.context();
    const gradients = new Array<Tensor | null>(this.outputCount);
    for (let i = 0; i < this.outputCount; i++) gradients[i] = this.received(i);
    const { tensorRules } = blueprint;
    const inputs = this.next.length;
    let slot = 0;
    for (let i = 0; i < tensorRules.length; i++) {
      const end = slot + (counts === null ? 1 : counts[i]!);
      const rule = this.leadsOn(slot, end) ? tensorRules[i] : undefined;
      const result = rule?.(gradients[0]!, context as never, gradients) ?? null;
      for (let k = 0; slot < end; slot++, k++) {
        const value = result === null || result instanceof Tensor ? result : (result[k] ?? null);
        const travels = value !== null && this.next[slot] !== null;
        // A hook of one that takes it over as its .grad could change what others have yet to read.
        if (travels && inputs > 1 && userCode.possible && value.storage === gradients[0]?.storage)
          value.storage.kept = true;
        task.send(this, slot, travels ? this.fitted(value, slot) : null);
      }
    }
  }

  private fitted(value: Tensor, slot: number): Tensor {
    const shown = this.shownAt(slot);
    return value.sizes === shown.sizes && value.dtype === shown.dtype ? value : fit(value, shown);
  }

  override release(): void {
    // Without saved tensors there is nothing to free, and PyTorch lets such a graph be run again.
    if (this.savesAnything) this.values = null;
  }
}
