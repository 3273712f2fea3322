// Passes inside passes, the order of nodes, callbacks after a pass, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { close, leaf } from "./compare.ts";
import { doesNotApply, missing } from "./parity.ts";

type T = torch.Tensor;
const { graph } = torch.autograd;

/** The value unchanged, with a function in the place of its derivative: another pass may start there. */
function through(x: T, backward: (gradient: T) => T): T {
  const y = x.clone();
  y.registerHook(backward);
  return y;
}

describe("T14 reentrant backward, order, callbacks", () => {
  test("testSimpleReentrant", () => {
    const y = torch.randn(2, 2);
    const x = torch.randn(2, 2, { requiresGrad: true });
    const inner = x.clone();
    const out = through(inner, (g) => {
      const a = inner.detach().requiresGrad_();
      torch.enableGrad(() => a.mul(y).sum().backward());
      return g.mul(a.grad!);
    });
    out.sum().backward();
    close(x.grad, y);
    expect(torch.isGradEnabled()).toBe(true);
  });

  test("testReentrantChildError", () => {
    // A pass in a hook of another fails; its error comes out as it is, and the graph can be used again.
    const a = torch.rand(3, 3, { requiresGrad: true });
    const b = torch.rand(3, 3, { requiresGrad: true });
    const failing = a.mul(b);
    failing.registerHook(() => {
      throw new RangeError("simulated");
    });
    const bad = failing.sum();
    const c = torch.rand(3, 3, { requiresGrad: true });
    const d = through(c, (g) => {
      bad.backward({ retainGraph: true });
      return g;
    });
    const loss = d.mul(d).sum();
    expect(() => loss.backward()).toThrow(new RangeError("simulated"));
    expect([torch.isGradEnabled(), graph.currentGraphTaskId()]).toEqual([true, -1]);
    expect(c.grad).toBeNull();
    c.mul(2).sum().backward();
    close(c.grad, torch.full([3, 3], 2));
  });

  const withCallbacks = (depths: readonly number[]): { inner: number; outer: number } => {
    const counter = { inner: 0, outer: 0 };
    const x = torch.rand(3, 3, { requiresGrad: true });
    const y = through(x, (g) => {
      if (depths.includes(0)) graph.queueCallback(() => void counter.outer++);
      const before = counter.inner;
      const a = x.detach().requiresGrad_();
      const b = torch.enableGrad(() =>
        through(a, (h) => {
          if (depths.includes(1)) graph.queueCallback(() => void counter.inner++);
          return h;
        }).sum(),
      );
      b.backward();
      // A pass calls back before it returns to the one that it is in.
      expect(counter.inner).toBe(before + (depths.includes(1) ? 1 : 0));
      expect(counter.outer).toBe(0);
      return g;
    });
    y.sum().backward();
    return counter;
  };

  test("testReentrantWithCallbacksDepth0", () => {
    expect(withCallbacks([0])).toEqual({ inner: 0, outer: 1 });
    expect(() => graph.queueCallback(() => {})).toThrow(/no backward pass is in progress/);
    expect(() => graph.queueCallback(3 as never)).toThrow(torch.ArgumentError);
  });

  test("testReentrantWithCallbacksDepth1", () => {
    expect(withCallbacks([1])).toEqual({ inner: 1, outer: 0 });
  });

  test("testReentrantWithCallbacksBothDepths", () => {
    expect(withCallbacks([0, 1])).toEqual({ inner: 1, outer: 1 });
  });

  test("testReentrantWithLeafVariableHook", () => {
    let handle: { remove(): void } | null = null;
    const parameter = torch.tensor(123, { dtype: torch.float32 }).requiresGrad_();
    const penalty = (g: T): T => {
      handle!.remove();
      const fresh = torch.enableGrad(() => {
        const p = g.detach().requiresGrad_().mul(parameter);
        p.backward();
        return p;
      });
      return g.add(fresh.detach().mul(0));
    };
    handle = parameter.registerHook(penalty);
    parameter.mul(3).backward();
    // 3 from the inner pass, in which the gradient is a factor, and 3 from the outer.
    close(parameter.grad, 6);
  });

  test("testReentrantWithNonLeafVariableHook", () => {
    let handle: { remove(): void } | null = null;
    const x = torch.tensor(1, { dtype: torch.float32 }).requiresGrad_();
    const parameter = x.mul(123);
    handle = parameter.registerHook((g) => {
      handle!.remove();
      torch.enableGrad(() => g.detach().requiresGrad_().mul(x).backward());
      return g;
    });
    parameter.mul(3).backward();
    close(x.grad, 3 + 3 * 123);
  });

  test("testCurrentGraphTaskId", () => {
    let id = -1;
    const t = torch.tensor(1, { requiresGrad: true }).clone();
    t.registerHook(() => void (id = graph.currentGraphTaskId()));
    const pass = (): number => {
      t.backward({ retainGraph: true });
      return id;
    };
    const first = pass();
    expect([pass() - first, pass() - first]).toEqual([1, 2]);
    expect(graph.currentGraphTaskId()).toBe(-1);
  });

  test("testCurrentGraphTaskExecutionOrder", () => {
    type Node = torch.autograd.graph.Node<T>;
    const nodeOf = (t: T): Node => graph.getGradientEdge(t).node;
    /** What a pass is told at its start to be its order, and the tensors in the order in which their hooks ran. */
    const check = (tensors: readonly T[], first: T, run: () => unknown): Node[] => {
      const actual: Node[] = [];
      let predicted: readonly Node[] = [];
      const handles = tensors.map((t) => t.registerHook(() => void actual.push(nodeOf(t))));
      handles.push(
        first.registerHook(() => void (predicted = graph.currentGraphTaskExecutionOrder())),
      );
      run();
      for (const handle of handles) handle.remove();
      expect(predicted.map((node) => actual.indexOf(node))).toEqual(actual.map((_, i) => i));
      return [...predicted];
    };
    const leafOf = (value: number): T => torch.tensor(value, { requiresGrad: true });
    // A chain.
    const start = leafOf(1);
    const cloned = start.clone();
    const sine = cloned.sin();
    const t = sine.exp();
    expect(check([start, cloned, sine, t], t, () => t.backward()).map((node) => node.name)).toEqual(
      ["ExpBackward0", "SinBackward0", "CloneBackward0", "AccumulateGrad"],
    );
    // Sinks come as soon as they are ready, whatever their number.
    const [a, b] = [leafOf(1), leafOf(2)];
    const [c, d] = [b.sin(), a.cos()];
    const out = c.mul(d);
    check([a, b, c, d, out], out, () => out.backward({ retainGraph: true }));
    // One leaf on two ways, several roots, an edge that leads nowhere.
    const [e, f] = [a.sin(), a.cos()];
    const both = e.mul(f);
    check([a, e, f, both], both, () => both.backward());
    const [g, h] = [a.mul(2).exp(), b.mul(3).sin()];
    check([g, h], h, () => torch.autograd.grad([g, h], [g, h], null, { retainGraph: true }));
    // Inputs on one way, and a part of the graph.
    const k = a.mul(2);
    const l = k.sin();
    check([a, k, l], l, () => torch.autograd.grad(l, [a, k], { retainGraph: true }));
    check([a, k, l], l, () => l.backward({ inputs: [a, k], retainGraph: true }));
    const m = a.mul(b);
    const n = m.sin().mul(b.exp());
    check([n], n, () => torch.autograd.grad(n, n, { retainGraph: true }));
    expect(() => graph.currentGraphTaskExecutionOrder()).toThrow(/no backward pass/);
  });

  test("testCurrentNode", () => {
    const seen: (string | null)[] = [];
    const note = (): void => void seen.push(graph.currentAutogradNode()?.name ?? null);
    const a = torch.rand(10, { requiresGrad: true });
    const b = a.mul(2);
    const c = b.div(3);
    const d = c.sum();
    note();
    for (const t of [a, b, c, d]) t.registerHook(note);
    b.gradFn!.registerHook(note);
    d.backward();
    note();
    expect(seen).toEqual([
      null,
      "SumBackward0",
      "DivBackward0",
      "MulBackward0",
      "MulBackward0",
      "AccumulateGrad",
      null,
    ]);
  });

  test("testWillEngineExecuteNode", () => {
    const [a, b] = [leaf(2, 3), leaf(2, 3)];
    const [a1, b1] = [a.clone(), b.clone()];
    const out = a1.mul(2).add(b1.mul(3)).sum();
    const unrelated = leaf(1).clone();
    let expected: readonly [T, boolean][] = [];
    let asked = 0;
    const nodeOf = (t: T): torch.autograd.graph.Node<T> => graph.getGradientEdge(t).node;
    out.registerHook(() => {
      for (const [t, will] of expected) {
        asked++;
        expect(graph.willEngineExecuteNode(nodeOf(t))).toBe(will);
      }
    });
    const run = (pairs: readonly [T, boolean][], pass: () => unknown): void => {
      expected = pairs;
      pass();
    };
    const all: [T, boolean][] = [a, b, a1, b1].map((t) => [t, true]);
    run([...all, [unrelated, false]], () => out.backward({ retainGraph: true }));
    const onlyA: [T, boolean][] = [
      [a, true],
      [a1, true],
      [b, false],
      [b1, false],
    ];
    run(onlyA, () => out.backward({ inputs: [a], retainGraph: true }));
    run(onlyA, () => torch.autograd.grad(out, a, { retainGraph: true }));
    // A gradient is captured at the node of an input that is no leaf; what lies below is not reached.
    run(
      [
        [a1, true],
        [a, false],
        [b, true],
        [b1, true],
      ],
      () => torch.autograd.grad(out, [a1, b], { retainGraph: true }),
    );
    expect(asked).toBe(17);
    expect(() => graph.willEngineExecuteNode(nodeOf(a))).toThrow(/no backward pass/);
  });

  const threads = "tensors belong to one thread: workers share no objects";
  doesNotApply("testMultithreadedExceptionPropagation", threads);
  doesNotApply("testSimpleBackward", threads);
  doesNotApply("testSimpleBackwardSameInput", threads);
  doesNotApply("testPythonThreadInMiddle", threads);
  doesNotApply("testMultiGradAllHooks", threads);
  doesNotApply("testMultiGradAnyHooks", threads);
  doesNotApply("testSetMultithreadingEnabledAsContextManagerAndFunction", threads);
  missing("testCatStackRToC", "there are no complex tensors");
});
