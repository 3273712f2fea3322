// Graph nodes: what an operation leaves behind so that gradients can flow back through it.
import { observation } from "./observer.ts";

import type { Device } from "../core/device.ts";
import type { DType } from "../core/dtype.ts";
import { AutogradError } from "../core/errors.ts";
import type { Sizes } from "../core/shape.ts";
import {
  type HookHandle,
  NodeHooks,
  type PostHook,
  type PreHook,
  register,
  type TensorHook,
} from "./hooks.ts";
import { userCode } from "./usercode.ts";

/** Carries gradients along edges. */
export interface Sender<V> {
  send(from: Node<V>, slot: number, value: V | null): void;
}

/** The pass in progress, as its nodes know it. */
export interface Pass<V> extends Sender<V> {
  /** Says that a hook for after a node's run was added to it, perhaps while it runs. */
  observe(node: Node<V>): void;
  /** Says that another pass needs all edges of a node that this one may be running. */
  widen(node: Node<V>): void;
}

function checkFunction(operation: string, hook: unknown): void {
  if (typeof hook !== "function")
    throw new AutogradError(`${operation}: expected a function, got ${typeof hook}`);
}

/** What is known of one result of an operation. */
export interface ResultMetadata {
  readonly shape: Sizes;
  readonly dtype: DType;
  readonly device: Device;
}

// Noted when a tensor is asked for its node, and so no burden on the nodes that nobody asks for.
const results = new WeakMap<object, ResultMetadata[]>();

/** Whether a node was ever given another number. Until then, nodes have larger numbers than those they lead to. */
export const numbering: { changed: boolean } = { changed: false };

let created = 0;

/** The number of the node made last. */
export function latestSequence(): number {
  return created;
}

/**
 * One step of the graph, generic over the kind of value that flows. `next[i]` is the node to which the gradient of input i goes
 * (null where that input needs none), and `nextIndex[i]` says which of that node's outputs the input was.
 */
export abstract class Node<V> {
  /** Later operations have larger numbers and run earlier in the backward pass. */
  sequence: number;
  next: readonly (Node<V> | null)[];
  nextIndex: readonly number[];
  hooks: NodeHooks<V> | null;

  // What the pass in progress knows of this node. Kept here rather than in a map: a lookup for each edge would cost more than the edge.
  task: Pass<V> | null;
  dependencies: number;
  incoming: V | null;
  incomingRest: (V | null)[] | null;

  constructor(next: readonly (Node<V> | null)[], nextIndex: readonly number[]) {
    this.next = next;
    this.nextIndex = nextIndex;
    // Assigned here rather than where they are declared: initialisers cost a call for each node.
    this.sequence = ++created;
    this.hooks = null;
    this.task = null;
    this.dependencies = 0;
    this.incoming = null;
    this.incomingRest = null;
    if (observation.created !== null) observation.created(this);
  }

  /** The name that PyTorch gives such a node, for example `MulBackward0`. */
  abstract get name(): string;

  /** Whether `run` wants to be called although no gradient arrived. */
  get runsWithoutGradient(): boolean {
    return false;
  }

  /** Sends a gradient, or null, to every input: `task.send(this, slot, value)` exactly once for each slot. */
  abstract run(task: Sender<V>): void;

  /** Drops what was saved for `run`, after a pass that does not keep the graph. */
  release(): void {}

  /** What the node keeps for its gradient, by name; empty once freed. */
  get savedValues(): readonly { readonly name: string; readonly value: V }[] {
    return [];
  }

  /** `[node, output index]` for each input; null where an input needs no gradient. */
  get nextFunctions(): readonly (readonly [Node<V> | null, number])[] {
    return this.next.map((node, i) => [node, this.nextIndex[i] ?? 0] as const);
  }

  /** True: a node is there only where a gradient is needed. */
  get requiresGrad(): boolean {
    return true;
  }

  /** The number by which nodes that are ready are chosen: the largest runs first. It may be set. */
  get sequenceNr(): number {
    return this.sequence;
  }
  set sequenceNr(value: number) {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new AutogradError(
        `sequenceNr: expected a whole number from 0 on, got ${String(value)}`,
      );
    numbering.changed = true;
    this.sequence = value;
  }

  /** A place for notes of the user's, kept as long as the node. */
  get metadata(): Record<string, unknown> {
    return (this.ownHooks().metadata ??= {});
  }

  /**
   * Calls a function with the gradients of the node's inputs, which it computed, and of its outputs, which it was given; what it
   * returns, if anything, takes the place of the former.
   */
  registerHook(hook: PostHook<V>): HookHandle {
    checkFunction("registerHook", hook);
    this.task?.observe(this);
    return register((this.ownHooks().post ??= new Set()), hook);
  }

  /** Calls a function with the gradients of the node's outputs before the node runs; what it returns, if anything, takes their place. */
  registerPrehook(hook: PreHook<V>): HookHandle {
    checkFunction("registerPrehook", hook);
    return register((this.ownHooks().pre ??= new Set()), hook);
  }

  /** Calls a function with the gradient of one output, whether the node runs or its gradient is only asked for. */
  addTensorHook(index: number, hook: TensorHook<V>): HookHandle {
    const map = (this.ownHooks().tensor ??= new Map());
    let set = map.get(index);
    if (set === undefined) map.set(index, (set = new Set()));
    return register(set, hook);
  }

  /** Calls a function with the gradient of one output, as the hooks on it left it; one function for each output. */
  retain(index: number, keep: (gradient: V) => void): void {
    (this.ownHooks().retain ??= new Map()).set(index, keep);
  }

  /**
   * What the node sends back for gradients of its results, one for each input; null where the input needs none. Accumulation nodes
   * accumulate. Throws AutogradError unless there is a gradient, or null, for each result.
   */
  apply(...gradients: readonly (V | null)[]): readonly (V | null)[] {
    if (gradients.length !== this.resultCount)
      throw new AutogradError(
        `${this.name}: expected ${this.resultCount} gradients, one for each result, got ${gradients.length}`,
      );
    const { incoming, incomingRest } = this;
    const sent: (V | null)[] = this.next.map(() => null);
    gradients.forEach((gradient, index) => this.receive(index, gradient));
    try {
      this.run({ send: (_from, slot, value) => void (sent[slot] = value) });
    } finally {
      this.incoming = incoming;
      this.incomingRest = incomingRest;
    }
    return sent;
  }

  private ownHooks(): NodeHooks<V> {
    userCode.possible = true;
    return (this.hooks ??= new NodeHooks<V>());
  }

  /** The gradient that arrived for output `index`. */
  received(index: number): V | null {
    return index === 0 ? this.incoming : (this.incomingRest?.[index] ?? null);
  }

  receive(index: number, value: V | null): void {
    if (index === 0) this.incoming = value;
    else (this.incomingRest ??= [])[index] = value;
  }

  /** How many results of the operation the node stands for. */
  get resultCount(): number {
    return 1;
  }

  /** Shape, type and device of each result, which a gradient that enters here must have; null where no tensor led here. */
  get inputMetadata(): readonly (ResultMetadata | null)[] {
    const noted = results.get(this);
    return Array.from({ length: this.resultCount }, (_, i) => noted?.[i] ?? null);
  }

  /** Notes what a result looks like. */
  noteResult(index: number, { shape, dtype, device }: ResultMetadata): void {
    let noted = results.get(this);
    if (noted === undefined) results.set(this, (noted = []));
    noted[index] ??= { shape, dtype, device };
  }

  /** The gradients that arrived, one for each result. */
  arrived(): (V | null)[] {
    const count = Math.max(this.resultCount, this.incomingRest?.length ?? 0);
    return Array.from({ length: count }, (_, i) => this.received(i));
  }
}

/** What a node keeps, for debugging: empty where it was freed, or where a hook that should bring a value back fails. */
export function readableValues<V>(node: Node<V>): Node<V>["savedValues"] {
  try {
    return node.savedValues;
  } catch {
    return [];
  }
}
