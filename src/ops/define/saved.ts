// Values saved for the backward pass: the check that they are still what was saved, and hooks that put something else in their place.
import { forwardMode } from "../../autograd/forward.ts";
import { gradMode, withRecording } from "../../autograd/mode.ts";
import { Node } from "../../autograd/node.ts";
import { userCode } from "../../autograd/usercode.ts";
import { type DType, float32 } from "../../core/dtype.ts";
import { AutogradError, DTypeError, ShapeError } from "../../core/errors.ts";
import { mapped } from "../../core/list.ts";
import { formatSizes, noSizes, sameSizes, type Sizes } from "../../core/shape.ts";
import { uncounted } from "../../core/storage.ts";
import { type GraphNode, Tensor } from "../../core/tensor.ts";
import { gradientFunction, gradientNode } from "./history.ts";
import { alias } from "./memory.ts";
import { alreadyFreed, changed, detached } from "./stale.ts";
import { shareTangents } from "./tangent.ts";

/** What takes a saved tensor's place, and how the tensor comes back. */
export interface SavingHooks {
  readonly pack: (tensor: Tensor) => unknown;
  readonly unpack: (packed: unknown) => Tensor;
}

/** The hooks through which tensors are saved now; null, the common case, where they are kept as they are. */
export const savingMode: { hooks: SavingHooks | null } = { hooks: null };

/** Runs a callback in which tensors are saved through other hooks, or as they are. */
export function savedThrough<T>(hooks: SavingHooks | null, callback: () => T): T {
  const before = savingMode.hooks;
  savingMode.hooks = hooks;
  try {
    return callback();
  } finally {
    savingMode.hooks = before;
  }
}

/** What a node holds in a saved tensor's place: the tensor, or, where hooks have to do with it, what remembers it. */
export type Kept = Tensor | SavedTensor | null;

/** Stands where versions would, in a node whose tensors are all remembered by a SavedTensor. */
export const sealed: readonly number[] = [];

/** The versions at which tensors are saved; null where all are 0, which is the common case. */
export function versionsOf(
  node: { readonly name: string },
  saved: readonly (Tensor | null)[],
): readonly number[] | null {
  for (let i = 0; i < saved.length; i++) {
    const tensor = saved[i];
    if (tensor !== null && tensor !== undefined && tensor.storage.version !== 0)
      return mapped(saved, (t) => (t === null ? 0 : countedVersion(node.name, t)));
  }
  return null;
}

function countedVersion(node: string, tensor: Tensor): number {
  // In inference mode only a rule about to be transposed is recorded, and nothing of it stays.
  if (tensor.storage.version === uncounted && !gradMode.inference)
    throw new AutogradError(
      `${node}: inference tensors cannot be saved for backward, and this operation must keep one, a tensor of shape ${formatSizes(tensor.sizes)} made in inferenceMode; clone() it for a normal tensor, or make it inside torch.noGrad(() => ...) instead`,
    );
  return tensor.storage.version;
}

/** Throws AutogradError where a saved value was changed in place since. */
function checkVersions(
  node: SavingNode,
  saved: readonly (Tensor | null)[],
  versions: readonly number[] | null,
): void {
  for (let i = 0; i < saved.length; i++) {
    const tensor = saved[i]!;
    if (tensor === null) continue;
    const expected = versions === null ? 0 : versions[i]!;
    if (tensor.storage.version !== expected)
      throw changed(node.name, node.savedName(i), tensor, expected);
    // Its value is still right, but the way from it into the graph is gone.
    if (wasDetached(node, tensor) && node.resultAt(i) < 0)
      throw detached(node.name, node.savedName(i));
  }
}

/** Whether detach_() took the tensor out of the graph after the node saved it. */
function wasDetached(node: SavingNode, { hooks }: Tensor): boolean {
  return hooks !== null && hooks.detachedAt > node.sequence;
}

/** What was saved at a place, and, while gradients are recorded, at its place in the graph: a result stands at the node itself. */
function inGraph(node: SavingNode, tensor: Tensor, index: number): Tensor {
  if (!gradMode.enabled || !wasDetached(node, tensor)) return tensor;
  const out = alias(tensor);
  out.node = node;
  out.outputIndex = node.resultAt(index);
  out.tracked = true;
  return out;
}

/** The saved tensors themselves, checked, or unpacked where hooks took them in. */
export function opened(
  node: SavingNode,
  saved: readonly Kept[],
  versions: readonly number[] | null,
): readonly (Tensor | null)[] {
  if (versions === sealed) return mapped(saved, (kept) => (kept as SavedTensor).unpack());
  const tensors = saved as readonly (Tensor | null)[];
  checkVersions(node, tensors, versions);
  for (let i = 0; i < tensors.length; i++)
    if (tensors[i]?.hooks) return mapped(tensors, (t, k) => t && inGraph(node, t, k));
  return tensors;
}

/** A node that saves tensors for its gradient. Where none of them has to do with hooks, it holds them as they are. */
export abstract class SavingNode extends Node<Tensor> {
  /** What the saved tensor at a place is called. */
  abstract savedName(index: number): string;

  /** What is saved, in order; null once freed. */
  abstract get kept(): readonly Kept[] | null;

  /** Which of the node's results is saved at a place; -1 for an argument. */
  abstract resultAt(index: number): number;

  /** The versions at which `kept` was saved, null for 0, or `sealed`. */
  protected abstract get keptVersions(): readonly number[] | null;

  /** Puts what remembers the tensors into their places. */
  protected abstract seal(list: readonly SavedTensor[]): void;

  /** A saved argument that is not a tensor; undefined where there is none of that name. */
  protected abstract plainValue(name: string): unknown;

  override get savedValues(): readonly { readonly name: string; readonly value: Tensor }[] {
    return (this.kept ?? []).flatMap((kept, i) => {
      const value = kept instanceof SavedTensor ? kept.unpack() : kept;
      return value === null ? [] : [{ name: this.savedName(i), value }];
    });
  }

  /** Has every saved tensor remembered by a SavedTensor, through the given hooks if there are any. */
  protected sealAll(hooks: SavingHooks | null): void {
    const { keptVersions } = this;
    const list = this.kept!.map(
      (tensor, i) =>
        new SavedTensor(this, i, tensor as Tensor | null, this.resultAt(i), keptVersions?.[i]),
    );
    if (hooks !== null) for (const saved of list) if (!saved.isNull) saved.register(hooks);
    this.seal(list);
  }

  /** What a property `savedName` of a node gives: an argument by its name. */
  savedArgument(name: string): unknown {
    const plain = this.plainValue(name);
    if (plain !== undefined) return plain;
    const found = this.named(name);
    if (found.length === 0) return undefined;
    const values = mapped(found, (i) => {
      const kept = this.kept![i]!;
      if (kept instanceof SavedTensor) return kept.unpack();
      checkVersions(
        this,
        this.kept!.map((tensor, k) => (k === i ? (tensor as Tensor | null) : null)),
        this.keptVersions,
      );
      return kept;
    });
    return this.savedName(found[0]!) === name ? values[0] : values;
  }

  /** What a property `rawSavedName` gives: what remembers the tensor, on which hooks can be registered. */
  rawSaved(name: string): SavedTensor | readonly SavedTensor[] | undefined {
    const found = this.named(name);
    if (found.length === 0) return undefined;
    if (this.keptVersions !== sealed) this.sealAll(null);
    const list = mapped(found, (i) => this.kept![i] as SavedTensor);
    return this.savedName(found[0]!) === name ? list[0] : list;
  }

  /** The places of what is saved under a name; a list has several, whose names go on with an index. */
  private named(name: string): number[] {
    const { kept } = this;
    if (kept === null)
      throw new AutogradError(
        `${this.name}: its saved values are read after they have already been freed, by a backward pass that did not retain the graph; give it { retainGraph: true }, or read them before`,
      );
    return kept.flatMap((_, i) => {
      const own = this.savedName(i);
      return own === name || own.startsWith(`${name}[`) ? [i] : [];
    });
  }
}

const freed: readonly Kept[] = [];

/** A node whose saved tensors are one list. */
export abstract class ListNode extends SavingNode {
  /** In order, null for those that no gradient asked for reads; null as a whole where nothing is saved. */
  protected saved: readonly Kept[] | null;
  private versions: readonly number[] | null;

  constructor(next: readonly (Node<Tensor> | null)[], nextIndex: readonly number[]) {
    super(next, nextIndex);
    this.saved = null;
    this.versions = null;
  }

  /** Saves tensors: the last step of a constructor, because hooks ask for the node's names. */
  protected save(tensors: readonly (Tensor | null)[]): void {
    this.saved = tensors;
    this.versions = versionsOf(this, tensors);
    if (savingMode.hooks !== null) this.sealAll(savingMode.hooks);
  }

  /** The saved tensors, checked. */
  protected open(): readonly (Tensor | null)[] | null {
    const { saved } = this;
    if (saved === null) return null;
    if (saved === freed) throw alreadyFreed(this.name);
    return opened(this, saved, this.versions);
  }

  get kept(): readonly Kept[] | null {
    return this.saved === freed ? null : (this.saved ?? []);
  }

  resultAt(_index: number): number {
    return -1;
  }

  protected get keptVersions(): readonly number[] | null {
    return this.versions;
  }

  protected seal(list: readonly SavedTensor[]): void {
    this.saved = list;
    this.versions = sealed;
  }

  protected plainValue(_name: string): unknown {
    return undefined;
  }

  override release(): void {
    if (this.saved !== null) this.saved = freed;
  }
}

/** Lets nodes be asked for what they saved under these names: `node.savedSelf`, `node.rawSavedSelf`. */
export function offerSaved(names: readonly string[]): void {
  for (const name of names) {
    const ending = `${name[0]!.toUpperCase()}${name.slice(1)}`;
    offer(`saved${ending}`, (node) => node.savedArgument(name));
    offer(`rawSaved${ending}`, (node) => node.rawSaved(name));
  }
}

function offer(property: string, get: (node: SavingNode) => unknown): void {
  if (property in SavingNode.prototype) return;
  Object.defineProperty(SavingNode.prototype, property, {
    get(this: SavingNode): unknown {
      return get(this);
    },
  });
}

/** The properties of nodes under which saved arguments are found: PyTorch's `_saved_self` is `savedSelf`, `_raw_saved_self` is `rawSavedSelf`. */
export interface SavedProperties {
  readonly [name: `rawSaved${string}`]: SavedTensor | undefined;
  readonly [name: `saved${string}`]: unknown;
}

/** A tensor saved by a node, or what hooks made of it. */
export class SavedTensor {
  readonly #owner: SavingNode;
  readonly #index: number;
  #tensor: Tensor | null;
  /** Which of its owner's results the tensor is; -1 for an argument. */
  readonly #output: number;
  readonly #version: number;
  #hooks: SavingHooks | null = null;
  #packed: unknown = null;
  readonly sizes: Sizes;
  readonly dtype: DType;
  /** The tensor's place in the graph, for what is unpacked: its node, or a leaf's sink. */
  #node: GraphNode | null = null;
  #accumulator: GraphNode | null = null;
  #outputIndex = 0;
  /** The tensor itself, where it may have tangents, which go with what is unpacked. */
  #carrier: Tensor | null = null;
  /** A view written in place, whose place in the graph is known only later. */
  #rewritten: Tensor | null = null;

  constructor(
    owner: SavingNode,
    index: number,
    tensor: Tensor | null,
    output: number,
    version: number | undefined,
  ) {
    this.#owner = owner;
    this.#index = index;
    this.#tensor = tensor;
    this.#output = output;
    this.#version = version ?? tensor?.storage.version ?? 0;
    this.sizes = tensor?.sizes ?? noSizes;
    this.dtype = tensor?.dtype ?? float32;
  }

  /** Whether there was no tensor to save. */
  get isNull(): boolean {
    return this.#tensor === null && this.#hooks === null;
  }

  /** What is held: the tensor, or what a hook packed it into. */
  get data(): unknown {
    return this.#hooks === null ? this.#tensor : this.#packed;
  }

  /** The hook that brings the tensor back; null where there is none. */
  get unpackHook(): ((packed: unknown) => Tensor) | null {
    return this.#hooks?.unpack ?? null;
  }

  /**
   * Packs the tensor at once into whatever `pack` returns; `unpack` makes a tensor of the same content from it whenever it is read.
   * Throws AutogradError where there are hooks already, where nothing is saved, and where `pack` writes into its argument.
   * @example
   * ```ts
   * const y = torch.tensor([1, 2], { requiresGrad: true }).exp();
   * y.gradFn.rawSavedResult.registerHooks((t) => t.tolist(), (list) => torch.tensor(list));
   * y.gradFn.rawSavedResult.data.length // => 2
   * ```
   */
  registerHooks<P>(pack: (tensor: Tensor) => P, unpack: (packed: P) => Tensor): void {
    const name = this.#owner.name;
    if (typeof pack !== "function" || typeof unpack !== "function")
      throw new AutogradError(
        `registerHooks: expected two functions, pack and unpack, got ${typeof pack} and ${typeof unpack}`,
      );
    if (this.#hooks !== null)
      throw new AutogradError(
        `registerHooks: hooks have already been set on this saved tensor of ${name}; only one pair is possible at a time`,
      );
    if (this.#owner.kept === null)
      throw new AutogradError(
        `registerHooks: the saved values of ${name} have already been freed by a backward pass; register hooks before it`,
      );
    if (this.#tensor === null)
      throw new AutogradError(
        `registerHooks: there is nothing to pack: ${name} saved null as "${this.#owner.savedName(this.#index)}"`,
      );
    this.register({ pack, unpack: unpack as (packed: unknown) => Tensor });
  }

  /** The same, without checks of the call. */
  register(hooks: SavingHooks): void {
    const tensor = this.#tensor!;
    userCode.possible = true;
    if (this.#output < 0) {
      const node = gradientNode(tensor);
      if (tensor.node === null) this.#accumulator = node;
      else this.#node = node;
      this.#outputIndex = tensor.outputIndex;
    } else if (tensor.viewOf !== null) this.#rewritten = tensor;
    if (forwardMode.active) this.#carrier = tensor;
    const { version } = tensor.storage;
    this.#packed = withRecording(false, () => hooks.pack(tensor));
    if (tensor.storage.version !== version)
      throw new AutogradError(
        `${this.#owner.name}: a pack hook of a saved tensor is modifying its input in place (${tensor.storage.writer}), which would change the values of the computation itself; work on a clone()`,
      );
    this.#hooks = hooks;
    this.#tensor = null;
  }

  /** The tensor as it was when saved. Throws AutogradError where it was changed since, or where a hook returns something else. */
  unpack(): Tensor | null {
    const hooks = this.#hooks;
    if (this.#owner.kept === null) throw alreadyFreed(this.#owner.name);
    if (hooks === null) {
      const only = new Array<Tensor | null>(this.#index + 1).fill(null);
      const versions = new Array<number>(this.#index + 1).fill(this.#version);
      only[this.#index] = this.#tensor;
      checkVersions(this.#owner, only, versions);
      return this.#tensor && inGraph(this.#owner, this.#tensor, this.#index);
    }
    return this.attached(this.checked(hooks.unpack(this.#packed)));
  }

  /** What an unpack hook returned, where it can be what was packed. */
  private checked(value: unknown): Tensor {
    const what = `${this.#owner.name}: the unpack hook of its saved value "${this.#owner.savedName(this.#index)}"`;
    if (!(value instanceof Tensor))
      throw new AutogradError(
        `${what} is expected to be a Tensor in what it returns, but gave ${value === null ? "null" : typeof value}; return a tensor of the packed one's content`,
      );
    if (!sameSizes(value.sizes, this.sizes))
      throw new ShapeError(
        `${what} returned shape ${formatSizes(value.sizes)} for a tensor of shape ${formatSizes(this.sizes)}; it must give back what was packed`,
      );
    if (value.dtype !== this.dtype)
      throw new DTypeError(
        `${what} returned ${value.dtype.name} for a ${this.dtype.name} tensor; it must give back what was packed`,
      );
    return value;
  }

  /** The unpacked values at the saved tensor's place in the graph. */
  private attached(value: Tensor): Tensor {
    const origin = this.#rewritten;
    const made = this.#output >= 0 && this.dtype.isFloatingPoint;
    const node = !made ? this.#node : origin === null ? this.#owner : this.placeOf(origin);
    const leads = node !== null || this.#accumulator !== null;
    const carrier = forwardMode.active ? this.#carrier : null;
    if (!leads && !value.tracked && carrier === null) return value;
    const out = alias(value);
    if (carrier !== null) shareTangents(carrier, out);
    out.node = node;
    out.accumulator = this.#accumulator;
    out.outputIndex = !made ? this.#outputIndex : (origin?.outputIndex ?? this.#output);
    out.tracked = leads;
    return out;
  }

  private placeOf(view: Tensor): GraphNode | null {
    if (view.storage.version !== this.#version)
      throw changed(this.#owner.name, this.#owner.savedName(this.#index), view, this.#version);
    return gradientFunction(view);
  }
}
