// Graph nodes: what an operation leaves behind so that gradients can flow back through it.
import { observation } from "./observer.ts";

/** Carries gradients along edges: the pass in progress. */
export interface Sender<V> {
  send(from: Node<V>, slot: number, value: V | null): void;
}

export type TensorHook<V> = (gradient: V) => V | null | undefined | void;
export type PreHook<V> = (
  gradients: readonly (V | null)[],
) => readonly (V | null)[] | null | undefined | void;
export type PostHook<V> = (
  inputs: readonly (V | null)[],
  outputs: readonly (V | null)[],
) => readonly (V | null)[] | null | undefined | void;

/** The hooks of one node: on single outputs, before it runs, on retained gradients, and after it ran. */
export class NodeHooks<V> {
  tensor: Map<number, Set<{ readonly hook: TensorHook<V> }>> | null = null;
  pre: Set<{ readonly hook: PreHook<V> }> | null = null;
  retain: Map<number, (gradient: V) => void> | null = null;
  post: Set<{ readonly hook: PostHook<V> }> | null = null;
}

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
  task: Sender<V> | null;
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

  /** The gradient that arrived for output `index`. */
  received(index: number): V | null {
    return index === 0 ? this.incoming : (this.incomingRest?.[index] ?? null);
  }

  receive(index: number, value: V | null): void {
    if (index === 0) this.incoming = value;
    else (this.incomingRest ??= [])[index] = value;
  }
}
