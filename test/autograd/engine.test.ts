// The engine on plain numbers: order, sums, captures, hooks, passes inside passes, and what is left after a failure.
import { describe, expect, it } from "vitest";
import { type Capture, Task } from "../../src/autograd/engine.ts";
import { Node, type Sender } from "../../src/autograd/node.ts";

type Rule = (gradients: readonly (number | null)[]) => readonly (number | null)[];

const log: string[] = [];

/** A node whose rule is a function of numbers. */
class Step extends Node<number> {
  readonly name: string;
  readonly #rule: Rule;
  runs = 0;
  released = 0;

  constructor(name: string, next: readonly (Node<number> | null)[], rule: Rule, index?: number[]) {
    super(next, index ?? next.map(() => 0));
    this.name = name;
    this.#rule = rule;
  }

  run(task: Sender<number>): void {
    this.runs++;
    log.push(this.name);
    const given = [this.incoming, ...(this.incomingRest?.slice(1) ?? [])];
    this.#rule(given).forEach((value, slot) => task.send(this, slot, value));
  }

  override release(): void {
    this.released++;
  }
}

/** A leaf: what arrives is added up. */
class Leaf extends Node<number> {
  readonly name: string;
  total: number | null = null;

  constructor(name: string) {
    super([], []);
    this.name = name;
    this.sequence = Number.MAX_SAFE_INTEGER;
  }

  run(): void {
    log.push(this.name);
    this.total = (this.total ?? 0) + this.incoming!;
  }
}

const times =
  (factor: number): Rule =>
  ([g]) => [g === null ? null : g! * factor];
const both: Rule = ([g]) => [g!, g!];

function pass(node: Node<number>, value = 1, keep = false, index = 0): void {
  log.length = 0;
  new Task<number>((a, b) => a + b, keep).run([{ node, index, value }], null);
}

function capture(
  root: Node<number>,
  wanted: readonly { node: Node<number>; index?: number; execute?: boolean }[],
): (number | null)[] {
  log.length = 0;
  const found: (number | null)[] = wanted.map(() => null);
  const captures = new Map<Node<number>, Capture<number>[]>();
  wanted.forEach(({ node, index = 0, execute = false }, i) =>
    captures.set(node, [
      ...(captures.get(node) ?? []),
      { node, index, execute, take: (value) => (found[i] = value) },
    ]),
  );
  new Task<number>((a, b) => a + b, true).run([{ node: root, index: 0, value: 1 }], captures);
  return found;
}

describe("a pass", () => {
  it("multiplies along a chain", () => {
    const x = new Leaf("x");
    pass(new Step("b", [new Step("a", [x], times(3))], times(2)), 5);
    expect(x.total).toBe(30);
    expect(log).toEqual(["b", "a", "x"]);
  });

  it("runs a node once, after everything that uses it", () => {
    const x = new Leaf("x");
    const shared = new Step("shared", [x], times(10));
    const left = new Step("left", [shared], times(2));
    const right = new Step("right", [shared], times(3));
    pass(new Step("sum", [left, right], both));
    expect(x.total).toBe(50);
    expect(shared.runs).toBe(1);
    expect(log).toEqual(["sum", "right", "left", "shared", "x"]);
  });

  it("takes the latest node first, and a leaf as soon as it is complete", () => {
    const x = new Leaf("x");
    const y = new Leaf("y");
    const early = new Step("early", [x], times(1));
    const late = new Step("late", [y], times(1));
    pass(new Step("sum", [early, late], both));
    expect(log).toEqual(["sum", "late", "y", "early", "x"]);
  });

  it("keeps the order of many ready nodes", () => {
    const x = new Leaf("x");
    const steps = Array.from({ length: 100 }, (_, i) => new Step(`s${i}`, [x], times(1)));
    const mixed = steps.map((_, i) => steps[(i * 37) % 100]!);
    pass(new Step("sum", mixed, ([g]) => mixed.map(() => g!)));
    expect(x.total).toBe(100);
    expect(log.slice(1, -1)).toEqual(steps.map((s) => s.name).reverse());
  });

  it("counts an edge taken twice as two", () => {
    const x = new Leaf("x");
    pass(new Step("square", [x, x], ([g]) => [g! * 7, g! * 7]));
    expect(x.total).toBe(14);
  });

  it("keeps gradients of several outputs apart", () => {
    const x = new Leaf("x");
    const split = new Step("split", [x], ([a, b]) => [100 * (a ?? 0) + (b ?? 0)]);
    pass(new Step("sum", [split, split], ([g]) => [g! * 2, g! * 3], [0, 1]));
    expect(x.total).toBe(203);
    pass(split, 4, false, 1);
    expect(x.total).toBe(207);
  });

  it("takes several roots, one of them twice, one below another", () => {
    const x = new Leaf("x");
    const low = new Step("low", [x], times(2));
    const high = new Step("high", [low], times(3));
    const root = (node: Node<number>, value: number) => ({ node, index: 0, value });
    new Task<number>((a, b) => a + b, false).run(
      [root(high, 1), root(low, 1), root(high, 1)],
      null,
    );
    expect(x.total).toBe(14);
    expect(low.runs).toBe(1);
  });

  it("passes null on without running a node that received nothing", () => {
    const x = new Leaf("x");
    const y = new Leaf("y");
    const idle = new Step("idle", [x], times(1));
    pass(new Step("half", [idle, y], ([g]) => [null, g!]));
    expect(idle.runs).toBe(0);
    expect([x.total, y.total]).toEqual([null, 1]);
  });

  it("releases what ran, unless the graph is kept", () => {
    const x = new Leaf("x");
    const node = new Step("node", [x], times(1));
    pass(node, 1, true);
    expect(node.released).toBe(0);
    pass(node);
    expect(node.released).toBe(1);
  });

  it("needs no stack for a deep graph", () => {
    const x = new Leaf("x");
    let node: Node<number> = x;
    for (let i = 0; i < 300_000; i++) node = new Step("", [node], times(1));
    pass(node);
    expect(x.total).toBe(1);
    expect(capture(node, [{ node: x }])).toEqual([1]);
  });

  it("leaves nothing of itself on the nodes", () => {
    const x = new Leaf("x");
    const node = new Step("node", [x], times(1));
    pass(node);
    for (const n of [x, node])
      expect([n.task, n.incoming, n.incomingRest, n.dependencies]).toEqual([null, null, null, 0]);
    capture(node, [{ node: x }]);
    for (const n of [x, node])
      expect([n.task, n.incoming, n.incomingRest]).toEqual([null, null, null]);
  });
});

describe("captures", () => {
  it("asks rules only for what leads to them", () => {
    const [x, y] = [new Leaf("x"), new Leaf("y")];
    let edges: boolean[] = [];
    const product: Step = new Step("product", [x, y], ([g]) => {
      edges = product.next.map((node) => node !== null);
      return [g! * 2, g! * 3];
    });
    expect(capture(product, [{ node: y }])).toEqual([3]);
    expect(edges).toEqual([false, true]);
    expect(product.next).toEqual([x, y]);
    pass(product);
    expect(edges).toEqual([true, true]);
  });

  it("leaves all edges to a pass inside the rule", () => {
    const [x, y] = [new Leaf("x"), new Leaf("y")];
    let depth = 0;
    const product: Step = new Step("product", [x, y], ([g]) => {
      if (depth++ === 0) pass(product, 10, true);
      return [g! * 2, g! * 3];
    });
    expect(capture(product, [{ node: y }])).toEqual([3]);
    expect([x.total, y.total]).toEqual([20, 30]);
    expect(product.next).toEqual([x, y]);
  });

  it("gives a rule that fails its edges back", () => {
    const [x, y] = [new Leaf("x"), new Leaf("y")];
    const bad = new Step("bad", [x, y], () => {
      throw new Error("no");
    });
    expect(() => capture(bad, [{ node: y }])).toThrow("no");
    expect(bad.next).toEqual([x, y]);
  });

  it("gives gradients without running leaves", () => {
    const x = new Leaf("x");
    const a = new Step("a", [x], times(3));
    const b = new Step("b", [a], times(2));
    expect(capture(b, [{ node: a }, { node: x }, { node: b }])).toEqual([2, 6, 1]);
    expect(x.total).toBeNull();
  });

  it("runs only what leads to one of them", () => {
    const x = new Leaf("x");
    const y = new Leaf("y");
    const a = new Step("a", [x], times(3));
    const b = new Step("b", [y], times(5));
    const root = new Step("sum", [a, b], both);
    expect(capture(root, [{ node: x }])).toEqual([3]);
    expect([a.runs, b.runs]).toEqual([1, 0]);
  });

  it("gives null for what was not reached, and the same twice for one asked for twice", () => {
    const x = new Leaf("x");
    const root = new Step("root", [x], times(4));
    expect(capture(root, [{ node: new Leaf("z") }, { node: x }, { node: x }])).toEqual([
      null,
      4,
      4,
    ]);
  });

  it("runs captured nodes that are to be executed", () => {
    const x = new Leaf("x");
    capture(new Step("root", [x], times(4)), [{ node: x, execute: true }]);
    expect(x.total).toBe(4);
  });

  it("calls no hook of a node that is not needed", () => {
    const x = new Leaf("x");
    const y = new Leaf("y");
    let calls = 0;
    y.addTensorHook(0, () => void calls++);
    capture(new Step("sum", [x, y], both), [{ node: x }]);
    expect(calls).toBe(0);
  });

  it("captures after hooks where the node does not run, and before them where it does, as PyTorch", () => {
    const x = new Leaf("x");
    const a = new Step("a", [x], times(2));
    const root = new Step("root", [a], times(3));
    a.addTensorHook(0, (g) => g * 10);
    expect(capture(root, [{ node: a }])).toEqual([30]);
    expect(capture(root, [{ node: a }, { node: x }])).toEqual([3, 60]);
  });
});

describe("hooks", () => {
  it("run in the order: tensor, before the node, the node, after it", () => {
    const x = new Leaf("x");
    const node = new Step("node", [x], times(2));
    node.registerHook(
      (inputs, outputs) => void log.push(`post ${inputs.join()} ${outputs.join()}`),
    );
    node.registerPrehook((gradients) => void log.push(`pre ${gradients.join()}`));
    node.addTensorHook(0, (g) => (log.push(`tensor ${g}`), g + 1));
    pass(node, 1);
    expect(log).toEqual(["tensor 1", "pre 2", "node", "post 4 2", "x"]);
  });

  it("replace what travels on", () => {
    const x = new Leaf("x");
    const node = new Step("node", [x], times(2));
    node.registerPrehook(([g]) => [g! + 1]);
    node.registerHook(([g]) => [g! * 100]);
    pass(node, 1);
    expect(x.total).toBe(400);
  });

  it("see each other's results, can be removed twice, and while they run", () => {
    const x = new Leaf("x");
    const node = new Step("node", [x], times(1));
    const first = node.addTensorHook(0, (g) => {
      second.remove();
      return g * 2;
    });
    const second = node.addTensorHook(0, (g) => g * 5);
    pass(node, 1, true);
    expect(x.total).toBe(10);
    pass(node, 1, true);
    expect(x.total).toBe(12);
    first.remove();
    first.remove();
    pass(node, 1, true);
    expect(x.total).toBe(13);
  });

  it("of one output leave the others alone, and are not called without a gradient", () => {
    const x = new Leaf("x");
    const node = new Step("node", [x], ([a, b]) => [(a ?? 0) + 10 * (b ?? 0)]);
    let calls = 0;
    node.addTensorHook(0, (g) => (calls++, g));
    node.addTensorHook(1, (g) => g * 2);
    pass(node, 1, true, 1);
    expect([x.total, calls]).toEqual([20, 0]);
  });

  it("after a node run also when it received nothing", () => {
    const x = new Leaf("x");
    const idle = new Step("idle", [x], times(1));
    idle.registerHook(() => [8]);
    pass(new Step("root", [idle], () => [null]));
    expect([idle.runs, x.total]).toEqual([0, 8]);
  });

  it("on a node are run even where the node's own rule adds them", () => {
    const x = new Leaf("x");
    const node: Step = new Step("node", [x], ([g]) => {
      node.registerHook(([sent]) => [sent! / 2]);
      return [g! * 6];
    });
    pass(node);
    expect(x.total).toBe(3);
  });

  it("must return as many gradients as they were given", () => {
    const node = new Step("node", [new Leaf("x")], times(1));
    const handle = node.registerHook(() => [1, 2]);
    expect(() => pass(node, 1, true)).toThrow(/returned 2 gradients in place of 1/);
    handle.remove();
    node.registerPrehook(() => 3 as never);
    expect(() => pass(node, 1, true)).toThrow(/must return an array/);
  });
});

describe("passes inside passes", () => {
  it("share nodes without disturbing the outer pass", () => {
    const x = new Leaf("x");
    const shared = new Step("shared", [x], times(10));
    const left = new Step("left", [shared], times(2));
    const right = new Step("right", [shared], ([g]) => {
      new Task<number>((a, b) => a + b, true).run([{ node: shared, index: 0, value: 1000 }], null);
      return [g! * 3];
    });
    pass(new Step("sum", [left, right], both));
    expect(x.total).toBe(10_000 + 50);
    expect(shared.runs).toBe(2);
  });

  it("nest deeply", () => {
    const x = new Leaf("x");
    let node: Node<number> = x;
    for (let i = 0; i < 300; i++) {
      const inner = node;
      node = new Step("outer", [x], ([g]) => {
        new Task<number>((a, b) => a + b, false).run([{ node: inner, index: 0, value: 1 }], null);
        return [g!];
      });
    }
    pass(node);
    expect(x.total).toBe(301);
  });

  it("survive the failure of the inner one", () => {
    const x = new Leaf("x");
    const bad = new Step("bad", [x], () => {
      throw new Error("inner");
    });
    const node = new Step("node", [x], ([g]) => {
      expect(() =>
        new Task<number>((a, b) => a + b, true).run([{ node: bad, index: 0, value: 1 }], null),
      ).toThrow("inner");
      return [g! * 2];
    });
    pass(node);
    expect(x.total).toBe(2);
  });

  it("capture inside, accumulate outside", () => {
    const x = new Leaf("x");
    const a = new Step("a", [x], times(3));
    let inner: (number | null)[] = [];
    const b = new Step("b", [a], ([g]) => {
      inner = capture(a, [{ node: x }]);
      return [g! * 2];
    });
    pass(b);
    expect(inner).toEqual([3]);
    expect(x.total).toBe(6);
  });
});

describe("a failure", () => {
  it("keeps its error, and leaves the graph usable", () => {
    const x = new Leaf("x");
    const y = new Leaf("y");
    let fails = true;
    const a = new Step("a", [x], ([g]) => {
      if (fails) throw new TypeError("no");
      return [g! * 2];
    });
    const b = new Step("b", [y], times(5));
    const root = new Step("sum", [a, b], both);
    expect(() => pass(root, 1, true)).toThrow(new TypeError("no"));
    expect(y.total).toBe(5);
    for (const node of [x, y, a, b, root]) expect([node.task, node.incoming]).toEqual([null, null]);
    fails = false;
    pass(root, 1, true);
    expect([x.total, y.total]).toEqual([2, 10]);
  });

  it("in a hook is one too", () => {
    const x = new Leaf("x");
    const node = new Step("node", [x], times(1));
    const handle = node.registerHook(() => {
      throw new Error("hook");
    });
    expect(() => pass(node, 1, true)).toThrow("hook");
    handle.remove();
    pass(node);
    expect(x.total).toBe(1);
  });
});
