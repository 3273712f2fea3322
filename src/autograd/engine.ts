// The backward pass: nodes run in reverse order of their making, each once all its gradients have arrived.
// Generic over the value that flows, so it can be read and tested with plain numbers.
import { runPreHooks, runPostHooks } from "./hooks.ts";
import { latestSequence, type Node, numbering, type Pass } from "./node.ts";
import { observation } from "./observer.ts";
import { executionOrder } from "./order.ts";
import { mapped } from "../core/list.ts";

/** A node's output: where a gradient enters or is captured. */
interface Edge<V> {
  readonly node: Node<V>;
  readonly index: number;
}

export interface Root<V> extends Edge<V> {
  readonly value: V;
}

/** Asks for the gradient that arrives at an edge; `execute` says whether the node itself runs as well. */
export interface Capture<V> extends Edge<V> {
  readonly execute: boolean;
  take(value: V | null): void;
}

interface Shadow<V> {
  readonly node: Node<V>;
  readonly task: Pass<V>;
  readonly dependencies: number;
  readonly incoming: V | null;
  readonly incomingRest: (V | null)[] | null;
}

function take<V>(node: Node<V>, captures: readonly Capture<V>[]): void {
  for (const capture of captures) capture.take(node.received(capture.index));
}

/** The number of the oldest node at which something is captured. Sinks count as older than any other node. */
function oldestOf<V>(captures: ReadonlyMap<Node<V>, unknown>): number {
  let oldest = latestSequence();
  for (const { sequence, next } of captures.keys())
    oldest = Math.min(oldest, next.length === 0 ? 0 : sequence);
  return oldest;
}

/** The innermost pass in progress, as hooks may ask about it. */
export interface Current {
  /** Different for every pass, and growing. */
  readonly id: number;
  /** The node being run, with its hooks; null between nodes. */
  readonly running: object | null;
  /** Calls a function once the pass has gone through. */
  queue(callback: () => void): void;
  /** Whether a node runs, or a gradient is captured at it, in this pass. False again once that is over. */
  includes(node: object): boolean;
  /** The nodes of the pass in the order in which it comes to them, from its beginning. */
  order(): readonly object[];
}

/** The pass in progress, and how many were asked for their number. A mutable record rather than variables, for those who import it. */
export const passes: { current: Current | null; numbered: number } = { current: null, numbered: 0 };

const noRoots: readonly never[] = [];

/** One backward pass. A pass may start inside another; what the outer one knew of shared nodes is put back afterwards. */
export class Task<V> implements Pass<V>, Current {
  running: Node<V> | null;
  private readonly add: (a: V, b: V) => V;
  private readonly keepGraph: boolean;
  // Told of every value that hooks of nodes see, and may keep.
  private readonly shown: ((value: V) => void) | null;
  private readonly visited: Node<V>[];
  // The latest node that is ready, and the others in a binary heap, which most graphs are too narrow to need.
  private top: Node<V> | null;
  private others: Node<V>[] | null;
  // Nodes without edges, the sinks of leaves: nothing waits for them, and their gradients land as soon as they are complete.
  private sink: Node<V> | null;
  private sinks: Node<V>[] | null;
  private shadows: Shadow<V>[] | null;
  private captures: ReadonlyMap<Node<V>, readonly Capture<V>[]> | null;
  private needed: Set<Node<V>> | null;
  private collected: (V | null)[] | null;
  private callbacks: (() => void)[] | null;
  private narrowed: readonly (Node<V> | null)[] | null;
  private number: number;
  private roots: readonly Root<V>[];
  // Nodes are made after those they lead to, so none older than every captured one lies on a way to it. Sinks are numbered apart.
  private oldest: number;

  constructor(
    add: (a: V, b: V) => V,
    keepGraph: boolean,
    shown: ((value: V) => void) | null = null,
  ) {
    this.add = add;
    this.shown = shown;
    this.keepGraph = keepGraph;
    // Assigned here rather than where they are declared: initialisers cost a call for each pass.
    this.running = null;
    this.visited = [];
    this.top = null;
    this.others = null;
    this.sink = null;
    this.sinks = null;
    this.shadows = null;
    this.captures = null;
    this.needed = null;
    this.collected = null;
    this.callbacks = null;
    this.narrowed = null;
    this.number = 0;
    this.roots = noRoots;
    this.oldest = 0;
  }

  /** Runs from the roots. With captures, only nodes on a path to one of them run. */
  run(
    roots: readonly Root<V>[],
    captures: ReadonlyMap<Node<V>, readonly Capture<V>[]> | null,
  ): void {
    const outer = passes.current;
    let finished = false;
    this.roots = roots;
    try {
      passes.current = this;
      for (let i = 0; i < roots.length; i++) this.visit(roots[i]!.node);
      // Assigned in every pass: V8 would compile for passes without captures alone, and throw that away at the first with some.
      this.oldest = captures === null || numbering.changed ? 0 : oldestOf(captures);
      this.countDependencies();
      this.captures = captures;
      this.needed = captures === null ? null : this.leadingTo(captures);
      this.enter(roots);
      for (let node = this.pop(); node !== null; node = this.pop())
        if (observation.visit === null)
          if (node.hooks === null && captures === null && observation.pass === null)
            this.executeUnseen(node);
          else this.execute(node);
        else this.executeVisited(node, observation.visit);
      finished = true;
      if (this.callbacks !== null) this.callBack(this.callbacks);
    } finally {
      passes.current = outer;
      if (!finished || captures !== null || this.shadows !== null) this.restore();
    }
  }

  /** Passes a gradient along edge `slot` of a node. */
  send(from: Node<V>, slot: number, value: V | null): void {
    if (this.collected !== null) {
      this.collected[slot] = value;
      return;
    }
    const next = from.next[slot];
    if (next === null || next === undefined || next.sequence < this.oldest) return;
    if (value !== null) this.deliver(next, from.nextIndex[slot]!, value);
    if (--next.dependencies === 0) this.push(next);
  }

  get id(): number {
    return (this.number ||= ++passes.numbered);
  }

  observe(node: Node<V>): void {
    if (this.running === node) this.collected ??= node.next.map(() => null);
  }

  queue(callback: () => void): void {
    (this.callbacks ??= []).push(callback);
  }

  includes(node: object): boolean {
    const own = node as Node<V>;
    if (own.task !== this) return false;
    return this.needed === null || this.needed.has(own) || this.captures?.has(own) === true;
  }

  order(): readonly Node<V>[] {
    if (this.running !== null) this.widen(this.running);
    const { needed, captures } = this;
    const reached = this.visited.filter(
      (node) => needed === null || needed.has(node) || captures?.has(node) === true,
    );
    return executionOrder(
      this.roots.map(({ node }) => node),
      new Set(reached),
    );
  }

  // A callback may queue another.
  private callBack(callbacks: readonly (() => void)[]): void {
    this.running = null;
    for (const callback of callbacks) callback();
  }

  private deliver(node: Node<V>, index: number, value: V): void {
    if (index === 0)
      node.incoming = node.incoming === null ? value : this.add(node.incoming, value);
    else {
      const before = node.received(index);
      node.receive(index, before === null ? value : this.add(before, value));
    }
  }

  /** Delivers the roots' values; nodes that wait for nothing else are ready. */
  private enter(roots: readonly Root<V>[]): void {
    for (let i = 0; i < roots.length; i++) {
      const { node, index, value } = roots[i]!;
      this.deliver(node, index, value);
    }
    for (let i = 0; i < roots.length; i++) {
      const { node } = roots[i]!;
      // A node may be the root of several values.
      if (node.dependencies === 0 && (i === 0 || roots.findIndex((r) => r.node === node) === i))
        this.push(node);
    }
  }

  private visit(node: Node<V>): void {
    if (node.task === this) return;
    if (node.task !== null) {
      node.task.widen(node);
      (this.shadows ??= []).push({
        node,
        task: node.task,
        dependencies: node.dependencies,
        incoming: node.incoming,
        incomingRest: node.incomingRest,
      });
    }
    node.task = this;
    node.dependencies = 0;
    node.incoming = null;
    node.incomingRest = null;
    this.visited.push(node);
  }

  private countDependencies(): void {
    const visited = this.visited;
    for (let i = 0; i < visited.length; i++) {
      const next = visited[i]!.next;
      for (let k = 0; k < next.length; k++) {
        const node = next[k]!;
        if (node === null || node.sequence < this.oldest) continue;
        if (node.task !== this) this.visit(node);
        node.dependencies++;
      }
    }
  }

  /** The nodes from which a captured one can be reached, found without recursion: graphs are deep. */
  private leadingTo(captures: ReadonlyMap<Node<V>, readonly Capture<V>[]>): Set<Node<V>> {
    const users = new Map<Node<V>, Node<V>[]>();
    for (const node of this.visited)
      for (const next of node.next)
        if (next !== null) {
          const list = users.get(next);
          if (list === undefined) users.set(next, [node]);
          else list.push(node);
        }
    const needed = new Set<Node<V>>();
    const open = [...captures.keys()];
    for (const [node, list] of captures)
      if (list.some((capture) => capture.execute)) needed.add(node);
    for (let node = open.pop(); node !== undefined; node = open.pop())
      for (const user of users.get(node) ?? [])
        if (!needed.has(user)) {
          needed.add(user);
          open.push(user);
        }
    return needed;
  }

  /** What `execute` comes to where nobody has hooks on the node, asks for its gradient, or observes. */
  private executeUnseen(node: Node<V>): void {
    this.running = node;
    if (node.incoming === null && node.incomingRest === null && !node.runsWithoutGradient)
      for (let slot = 0; slot < node.next.length; slot++) this.send(node, slot, null);
    else node.run(this);
    // The node may have been given a hook while it ran.
    if (this.collected !== null) this.sendObserved(node, this.collected);
    if (!this.keepGraph) node.release();
    node.incoming = null;
    node.incomingRest = null;
    if (this.shadows === null) node.task = null;
  }

  private execute(node: Node<V>): void {
    this.running = node;
    const hooks = node.hooks;
    const wanted = this.needed === null || this.needed.has(node);
    const captured = this.captures?.get(node);
    // As in PyTorch: a gradient is captured before hooks where the node runs as well, and after them where it does not.
    if (captured !== undefined && wanted) take(node, captured);
    if (hooks !== null && (wanted || captured !== undefined)) {
      this.show(node.arrived());
      runPreHooks(hooks, node, wanted);
      this.show(node.arrived());
    }
    if (captured !== undefined && !wanted) take(node, captured);
    if (wanted) {
      const observer = observation.pass;
      if (this.needed !== null) this.narrow(node);
      if (observer !== null || (hooks !== null && hooks.post !== null)) this.observe(node);
      if (node.incoming === null && node.incomingRest === null && !node.runsWithoutGradient)
        for (let slot = 0; slot < node.next.length; slot++) this.send(node, slot, null);
      else if (observer === null) node.run(this);
      else this.runObserved(node, observer);
      if (this.narrowed !== null) this.widen(node);
      if (this.collected !== null) this.sendObserved(node, this.collected);
      if (!this.keepGraph) node.release();
    }
    node.incoming = null;
    node.incomingRest = null;
    if (this.shadows === null && this.captures === null) node.task = null;
  }

  private show(values: readonly (V | null)[]): void {
    if (this.shown !== null) for (const value of values) if (value !== null) this.shown(value);
  }

  // Closures have methods of their own: where one is made, all that it sees moves to the heap.
  private executeVisited(node: Node<V>, visit: NonNullable<(typeof observation)["visit"]>): void {
    visit(node, () => this.execute(node));
  }

  private runObserved(node: Node<V>, observer: NonNullable<(typeof observation)["pass"]>): void {
    observer.run(node, () => node.run(this));
  }

  // Hooks and observers that see a node's results get them before they travel on.
  private sendObserved(node: Node<V>, collected: readonly (V | null)[]): void {
    this.collected = null;
    this.show(collected);
    const results =
      node.hooks === null ? collected : runPostHooks(node.hooks, collected, node.arrived());
    observation.pass?.computed(node, results);
    this.show(results);
    results.forEach((value, slot) => this.send(node, slot, value));
  }

  // Rules compute nothing for edges that lead nowhere, so while a node runs it is shown without those that lead to no captured one.
  private narrow(node: Node<V>): void {
    const { next } = node;
    const leadsOn = (to: Node<V> | null): boolean =>
      to === null || this.needed!.has(to) || this.captures!.has(to);
    if (next.every(leadsOn)) return;
    this.narrowed = next;
    node.next = mapped(next, (to) => (leadsOn(to) ? to : null));
  }

  /** Gives the running node all its edges back, for another pass that comes by or once it has run. */
  widen(node: Node<V>): void {
    if (this.narrowed === null || this.running !== node) return;
    node.next = this.narrowed;
    this.narrowed = null;
  }

  private restore(): void {
    if (this.running !== null) this.widen(this.running);
    for (const node of this.visited) {
      node.task = null;
      node.incoming = null;
      node.incomingRest = null;
    }
    for (const shadow of this.shadows ?? []) {
      shadow.node.task = shadow.task;
      shadow.node.dependencies = shadow.dependencies;
      shadow.node.incoming = shadow.incoming;
      shadow.node.incomingRest = shadow.incomingRest;
    }
  }

  private push(node: Node<V>): void {
    if (node.next.length === 0) {
      if (this.sink !== null) (this.sinks ??= []).push(this.sink);
      this.sink = node;
      return;
    }
    const { top } = this;
    if (top === null) this.top = node;
    else if (node.sequence > top.sequence) {
      this.top = node;
      this.sift(top);
    } else this.sift(node);
  }

  private pop(): Node<V> | null {
    const { sink, top } = this;
    if (sink !== null) {
      this.sink = this.sinks?.pop() ?? null;
      return sink;
    }
    if (top !== null) this.top = this.latest();
    return top;
  }

  /** Puts a node into the heap. */
  private sift(node: Node<V>): void {
    const heap = (this.others ??= []);
    let at = heap.length;
    heap.push(node);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.sequence >= node.sequence) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = node;
  }

  /** Takes the latest node out of the heap, if there is any. */
  private latest(): Node<V> | null {
    const heap = this.others;
    const last = heap?.pop();
    if (heap === null || last === undefined) return null;
    if (heap.length === 0) return last;
    const top = heap[0]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.sequence > heap[child]!.sequence) child++;
      if (heap[child]!.sequence <= last.sequence) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
