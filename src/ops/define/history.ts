// A tensor's place in the graph: which node its gradient goes to, what in-place changes do to it, and how views follow their base.
import { forwardMode } from "../../autograd/forward.ts";
import { gradMode, withRecording } from "../../autograd/mode.ts";
import { Node, type Sender } from "../../autograd/node.ts";
import { AutogradError } from "../../core/errors.ts";
import { mayOverlap, type Sizes } from "../../core/shape.ts";
import { uncounted } from "../../core/storage.ts";
import type { GraphNode, Tensor, ViewRecord } from "../../core/tensor.ts";
import { AccumulateGrad } from "./accumulate.ts";
import { emptyLike } from "./memory.ts";
import { copyTangents } from "./tangent.ts";
import { transfer } from "./transfer.ts";

/** How a view came about; it decides whether it may be changed in place while recording. */
export type ViewCreation = "single" | "multiple" | "noGrad" | "inference" | "custom";

/** A view's root, and the version of their memory at which the view's own node is valid. */
export class View implements ViewRecord {
  readonly base: Tensor;
  readonly creation: ViewCreation;
  /** The operation that made the view, for error messages. */
  readonly operation: string;
  version: number;

  constructor(base: Tensor, creation: ViewCreation, operation: string) {
    this.base = base;
    this.creation = creation;
    this.operation = operation;
    this.version = base.storage.version;
  }
}

export function viewOf(tensor: Tensor): View | null {
  return tensor.viewOf as View | null;
}

/** Whether operations on the tensor are recorded: it, or the base it shows, requires a gradient. */
export function requiresGradient(tensor: Tensor): boolean {
  return tensor.tracked || (tensor.viewOf !== null && tensor.viewOf.base.tracked);
}

/** Whether the tensor was allocated in inference mode, or shows the memory of one that was. */
export function isInferenceTensor(tensor: Tensor): boolean {
  return tensor.storage.version === uncounted;
}

/** Whether nothing but inference tensors goes into an operation: such operations are not recorded, in either mode. */
export function onlyInference(tensors: readonly Tensor[]): boolean {
  for (let i = 0; i < tensors.length; i++) if (!isInferenceTensor(tensors[i]!)) return false;
  return true;
}

/** The node that made the tensor; null for leaves. A view whose memory was changed gets a new one, from its base. */
export function gradientFunction(tensor: Tensor): Node<Tensor> | null {
  const view = tensor.viewOf as View | null;
  if (view !== null && view.version !== tensor.storage.version) refreshView(tensor, view);
  return tensor.node as Node<Tensor> | null;
}

/** Where the tensor's gradient goes: its node, its leaf's sink, or null when it needs none. */
export function gradientNode(tensor: Tensor): Node<Tensor> | null {
  if (tensor.viewOf !== null) gradientFunction(tensor);
  if (!tensor.tracked) return null;
  return (tensor.node ?? (tensor.accumulator ??= new AccumulateGrad(tensor))) as Node<Tensor>;
}

const zeros: (readonly number[])[] = [];

/** The output indices of edges that all lead to output 0 of a node, as most do: nodes of as many edges, if they are few, share one list. */
export function firstOutputs(count: number): readonly number[] {
  const known = zeros[count];
  if (known !== undefined) return known;
  const indices = Array.from({ length: count }, () => 0);
  if (count < 8) zeros[count] = indices;
  return indices;
}

/** The same list with the index of one edge's output: itself where that is what it says. */
export function withOutput(
  indices: readonly number[],
  slot: number,
  index: number,
): readonly number[] {
  if (indices[slot] === index) return indices;
  const own = indices.slice();
  own[slot] = index;
  return own;
}

/** Whether the tensor is a view whose base was changed in a way that leaves it without a place in the graph. */
export function isOriginLost(tensor: Tensor): boolean {
  const view = tensor.viewOf as View | null;
  if (view === null || view.version === tensor.storage.version) return false;
  return view.base.tracked && view.creation !== "single";
}

function refreshView(tensor: Tensor, view: View): void {
  const { base } = view;
  if (base.tracked) {
    if (isOriginLost(tensor))
      throw new AutogradError(
        `${view.operation}: ${views[view.creation]}, and its base or another view of it was changed in place since, so that the view has no gradient of its own; clone() it before the change, or make the view after it`,
      );
    const { sizes, strides, offset } = tensor;
    withRecording(true, () => settle(tensor, base.asStrided(sizes, strides, offset).node));
  }
  view.version = tensor.storage.version;
}

/** What is special about a view, for error messages. */
const views: Readonly<Record<ViewCreation, string>> = {
  single: "",
  multiple: "the tensor is one of several views returned together",
  noGrad: "the view was made inside noGrad",
  inference: "the view was made inside inferenceMode",
  custom: "the view was made by a custom function",
};

/** Why a view may not be changed in place while recording, and what to do instead. */
const fixed: Readonly<Record<ViewCreation, ((maker: string) => string) | null>> = {
  single: null,
  multiple: (maker) =>
    `the tensor is one of several views that ${maker} returned, and such views cannot be changed in place; use the out-of-place form, or clone() it`,
  noGrad: (maker) =>
    `the view was made by ${maker} inside noGrad and is changed in place outside, which is ambiguous; do both inside noGrad, or both outside`,
  inference: (maker) =>
    `the view was made by ${maker} inside inferenceMode and is changed in place outside, which is ambiguous; do both inside inferenceMode, or both outside`,
  custom: (maker) =>
    `the view was made by the custom function ${maker}, whose own backward an in-place change would override; clone() the result before changing it`,
};

/** Whether the tensor's gradient is kept although it is not a leaf. */
export function isRetained({ hooks }: Tensor): boolean {
  return hooks !== null && hooks.retained !== null;
}

/** Gives a tensor a new origin; a gradient that is to be retained follows the newest. */
function settle(tensor: Tensor, node: GraphNode | null): void {
  const old = tensor.node as Node<Tensor> | null;
  const retained = old?.hooks?.retain;
  const hook = retained?.get(tensor.outputIndex);
  if (hook !== undefined && node !== null && isRetained(tensor)) {
    retained!.delete(tensor.outputIndex);
    (node as Node<Tensor>).retain(0, hook);
  }
  tensor.node = node;
  tensor.outputIndex = 0;
  tensor.tracked = true;
}

/**
 * A copy of a tensor's present value that stands at the same place of the graph: what a rule reads once the tensor itself has been
 * overwritten.
 */
export function snapshot(tensor: Tensor): Tensor {
  const copy = emptyLike(tensor);
  transfer(tensor, copy);
  copy.node = gradientNode(tensor);
  copy.outputIndex = tensor.outputIndex;
  copy.tracked = tensor.tracked;
  if (forwardMode.active) copyTangents(tensor, copy);
  return copy;
}

/** Called before an operation writes into a tensor, where someone wants to know; null, the common case, where nobody does. */
export const writing: { watcher: { beforeWrite(tensor: Tensor): void } | null } = { watcher: null };

/** Refuses to write into a tensor where that would lose or falsify a gradient, or elements. Called before memory is touched. */
export function checkInPlace(operation: string, tensor: Tensor, recorded: boolean): void {
  if (mayOverlap(tensor.sizes, tensor.strides))
    throw new AutogradError(
      `${operation}: several elements of the tensor share one place in memory, as after expand(), so it cannot be written in place; clone() it first`,
    );
  checkChange(operation, tensor, recorded);
}

/** The same for a change of the tensor itself that writes no element. */
export function checkChange(operation: string, tensor: Tensor, recorded: boolean): void {
  writing.watcher?.beforeWrite(tensor);
  if (tensor.storage.version === uncounted && !gradMode.inference)
    throw new AutogradError(
      `${operation}: the tensor was made in inferenceMode and cannot be changed in place outside of it; clone() it for a normal tensor`,
    );
  if (!recorded || !gradMode.enabled) return;
  const view = tensor.viewOf as View | null;
  if (view === null) {
    if (tensor.tracked && gradientFunction(tensor) === null)
      throw new AutogradError(
        `${operation}: a leaf that requires grad cannot be changed in place, its gradient would belong to no value; do it inside torch.noGrad(() => ...), or on a clone()`,
      );
    return;
  }
  const refusal = fixed[view.creation];
  if (refusal !== null) throw new AutogradError(`${operation}: ${refusal(view.operation)}`);
  const atLeaf = (of: Tensor): boolean => of.tracked && gradientFunction(of) === null;
  if (atLeaf(view.base) || (view.version === tensor.storage.version && atLeaf(tensor)))
    throw new AutogradError(
      `${operation}: the tensor is a view of a leaf that requires grad, which cannot be changed in place; do it inside torch.noGrad(() => ...), or on a clone() of the leaf`,
    );
}

/** Notes that memory was written by an operation. */
export function bumpVersion(operation: string, tensor: Tensor): void {
  tensor.storage.written(operation);
}

/** Makes a node the origin of a tensor's new value. The node's input 0 was the old value. */
export function rebaseHistory(tensor: Tensor, node: Node<Tensor>): void {
  const view = tensor.viewOf as View | null;
  if (view === null) {
    settle(tensor, node);
    return;
  }
  settle(view.base, new CopySlices(view.base, tensor, node));
  view.version = -1;
  tensor.tracked = true;
  if (isRetained(tensor)) gradientFunction(tensor);
}

/** The layout of a tensor without its memory. */
interface Geometry {
  readonly sizes: Sizes;
  readonly strides: Sizes;
  readonly offset: number;
}

/** An in-place change through a view, seen from the base: the gradient inside the view's region takes the operation's way. */
class CopySlices extends Node<Tensor> {
  readonly #operation: Node<Tensor>;
  readonly #base: Geometry;
  readonly #view: Geometry;

  constructor(base: Tensor, view: Tensor, operation: Node<Tensor>) {
    super(
      [gradientNode(base), ...operation.next.slice(1)],
      [base.outputIndex, ...operation.nextIndex.slice(1)],
    );
    this.#operation = operation;
    this.#base = { sizes: base.sizes, strides: base.strides, offset: base.offset };
    this.#view = { sizes: view.sizes, strides: view.strides, offset: view.offset - base.offset };
  }

  get name(): string {
    return "CopySlices";
  }

  run(task: Sender<Tensor>): void {
    const arrived = this.incoming!;
    const whole = arrived.newEmptyStrided(this.#base.sizes, this.#base.strides).copy_(arrived);
    const region = whole.asStrided(this.#view.sizes, this.#view.strides, this.#view.offset);
    const operation = this.#operation;
    const sent: (Tensor | null)[] = operation.next.map(() => null);
    // The operation's own edge to the old view is not followed: that gradient goes back into the region.
    const keptNext = operation.next;
    operation.next = [this.next[0] === null ? null : this, ...keptNext.slice(1)];
    operation.incoming = region.clone();
    try {
      operation.run({ send: (_from, slot, value) => void (sent[slot] = value) });
    } finally {
      operation.incoming = null;
      operation.next = keptNext;
    }
    const inner = sent[0];
    if (inner === null || inner === undefined) region.zero_();
    else region.copy_(inner);
    task.send(this, 0, whole);
    for (let slot = 1; slot < sent.length; slot++) task.send(this, slot, sent[slot] ?? null);
  }

  override release(): void {
    this.#operation.release();
  }
}
