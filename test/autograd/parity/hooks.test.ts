// Hooks on tensors, nodes and accumulation: what they see, what they may replace, in which order they run, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { collected } from "./collected.ts";
import { accumulatorOf, close, leaf, list } from "./compare.ts";

type T = torch.Tensor;
const { grad } = torch.autograd;
const scalar = (value: number): T => torch.tensor(value, { requiresGrad: true });

describe("T10 hooks", () => {
  test("testHooks", () => {
    const x = torch.ones(5, 5, { requiresGrad: true });
    const y = torch.full([5, 5], 4).requiresGrad_();
    let counter = 0;
    const count = (by: number) => (g: T) => {
      expect(g).toBeInstanceOf(torch.Tensor);
      counter += by;
    };
    const z = x.pow(2).add(x.mul(2)).add(x.mul(y)).add(y);
    const seed = torch.ones(5, 5);
    const again = (): void => z.backward(seed, { retainGraph: true });
    x.registerHook(count(0));
    const first = z.registerHook(count(1));
    again();
    expect(counter).toBe(1);
    const second = z.registerHook(count(2));
    again();
    expect(counter).toBe(4);
    second.remove();
    again();
    expect(counter).toBe(5);
    first.remove();
    z.registerHook((g) => g.mul(2));
    y.grad!.zero_();
    again();
    close(y.grad, x.add(1).mul(2));
    y.registerHook((g) => g.mul(2));
    y.grad!.zero_();
    z.backward(seed);
    close(y.grad, x.add(1).mul(4));
  });

  test("testHooksCpp", () => {
    const layer = new torch.nn.Softplus();
    let counter = 0;
    const x = torch.ones(5, 5, { requiresGrad: true });
    const z = layer(x);
    z.registerHook((g) => {
      counter++;
      return g.mul(2);
    });
    z.sum().backward();
    expect(counter).toBe(1);
    close(x.grad, x.sigmoid().mul(2));
  });

  test("testHookNone", () => {
    let called = false;
    const [x, y] = [leaf(5, 5).mul(1), leaf(5, 5).mul(1)];
    const sum = x.add(y);
    sum.gradFn!.registerHook(([gx]) => [gx!, null]);
    x.registerHook((g) => {
      expect(g).toBeInstanceOf(torch.Tensor);
      called = true;
    });
    y.registerHook(() => {
      throw new Error("there is no gradient for it");
    });
    sum.sum().backward();
    expect(called).toBe(true);
  });

  test("testHookWithNoName", () => {
    // A function without a name, from inside an object.
    const hooks = [(g: T): T => g.clone()];
    Object.defineProperty(hooks[0], "name", { value: undefined });
    const x = leaf(5);
    x.clone().registerHook(hooks[0]!);
    const y = x.clone();
    y.registerHook(hooks[0]!);
    y.sum().backward();
    close(x.grad, torch.ones(5));
  });

  test("testGradFnPrehooks", () => {
    for (const useGrad of [false, true]) {
      const run = (y: T, x: T): T => {
        if (useGrad) return grad(y, x)[0]!;
        y.backward();
        return x.grad!;
      };
      // Several hooks, one after the other; nothing returned keeps what was there.
      const a = scalar(1);
      const b = a.clone();
      const seen: unknown[] = [];
      b.gradFn!.registerPrehook(([g]) => [g!.mul(3)]);
      b.gradFn!.registerPrehook(([g]) => void seen.push(list(g)));
      b.gradFn!.registerPrehook(([g]) => [g!.add(1)]);
      close(run(b, a), 4);
      expect(seen).toEqual([3]);
      // On an accumulation node, which only accumulating runs.
      const c = scalar(1);
      let calls = 0;
      accumulatorOf(c).registerPrehook(([g]) => {
        calls++;
        return [g!.mul(5)];
      });
      close(run(c.mul(2), c), useGrad ? 2 : 10);
      expect(calls).toBe(useGrad ? 0 : 1);
    }
    const d = scalar(1).clone();
    d.gradFn!.registerPrehook(([g]) => [g!, g!]);
    expect(() => d.backward()).toThrow(/returned 2 gradients in place of 1/);
    expect(() => d.gradFn!.registerPrehook(3 as never)).toThrow(/expected a function/);
  });

  test("testGradFnPrehooksMultipleOutputs", () => {
    const x = torch.rand(2, 3, { requiresGrad: true });
    const lengths: number[] = [];
    const [a, b] = x.unbind(0);
    const twice = (gs: readonly (T | null)[]): (T | null)[] => {
      lengths.push(gs.length);
      return gs.map((g) => g?.mul(2) ?? null);
    };
    a!.gradFn!.registerPrehook(twice);
    b!.gradFn!.registerPrehook(twice);
    a!.add(b!).sum().backward();
    expect(lengths).toEqual([2, 2]);
    close(x.grad, torch.full([2, 3], 4));
    // Where one result was not used, its gradient is null.
    x.grad = null;
    const [c] = x.unbind(0);
    const seen: unknown[] = [];
    c!.gradFn!.registerPrehook((gs) => void seen.push(gs.map((g) => g === null)));
    c!.sum().backward();
    expect(seen).toEqual([[false, true]]);
  });

  test("testGradFnPrehooksRemoveHooks", () => {
    for (const useGrad of [true, false]) {
      // Removed before the pass.
      const a = torch.rand(3, 3, { requiresGrad: true });
      let b = a.mul(2);
      const calls: string[] = [];
      const run = (): void => {
        if (useGrad) grad(b.sum(), a);
        else b.sum().backward();
      };
      b.gradFn!.registerPrehook(() => void calls.push("one"));
      b.gradFn!.registerPrehook(() => void calls.push("two")).remove();
      run();
      expect(calls).toEqual(["one"]);
      // Removed by another hook in the pass: those of the node in progress still run, later ones do not.
      calls.length = 0;
      b = a.mul(2);
      const c = b.mul(3);
      const late = b.gradFn!.registerPrehook(() => void calls.push("late"));
      c.gradFn!.registerPrehook(() => {
        calls.push("first");
        late.remove();
        late.remove();
      });
      if (useGrad) grad(c.sum(), a);
      else c.sum().backward();
      expect(calls).toEqual(["first"]);
    }
  });

  test("testPrehookOrdering", () => {
    const log: number[] = [];
    const onTensor = (g: T): T => {
      log.push(1);
      return g.mul(3);
    };
    const onNode = (gs: readonly (T | null)[]): (T | null)[] => {
      log.push(2);
      return gs.map((g) => g?.mul(2) ?? null);
    };
    const a = scalar(1);
    const b = a.clone();
    b.gradFn!.registerPrehook(onNode);
    b.registerHook(onTensor);
    b.gradFn!.registerPrehook(onNode);
    const sink = accumulatorOf(a);
    a.registerHook(onTensor);
    sink.registerPrehook(onNode);
    a.registerHook(onTensor);
    b.retainGrad();
    b.backward({ retainGraph: true });
    expect(log).toEqual([1, 2, 2, 1, 1, 2]);
    close(b.grad, 3);
    close(a.grad, 3 * 4 * 9 * 2);
    // grad() runs the hooks on a leaf's tensor, not those on its node.
    log.length = 0;
    grad(b, a, { retainGraph: true });
    expect(log).toEqual([1, 2, 2, 1, 1]);
    log.length = 0;
    b.backward({ inputs: [b] });
    expect(log.length).toBe(3);
    // The retained gradient is what hooks on the tensor left, not those on the node; it is added up over three passes.
    close(b.grad, 9);
  });

  test("testAccumulateGradPosthooksCanObserveTensorPrehook", () => {
    const a = scalar(1);
    let calls = 0;
    a.registerHook((g) => g.mul(2));
    accumulatorOf(a).registerHook((inputs, outputs) => {
      calls++;
      expect(inputs).toEqual([]);
      expect(list(outputs[0])).toBe(2);
      expect(list(a.grad)).toBe(2);
    });
    a.mul(1).backward();
    expect(calls).toBe(1);
  });

  test("testAccumulateGradPosthooksShouldNotExecute", () => {
    const [a, b] = [scalar(1), scalar(1)];
    const fail = (): never => {
      throw new Error("should not run");
    };
    accumulatorOf(a).registerHook(fail);
    accumulatorOf(a).registerPrehook(fail);
    a.registerPostAccumulateGradHook(fail);
    const c = a.add(b);
    c.backward({ inputs: [b], retainGraph: true });
    close(b.grad, 1);
    grad(c, [a, b]);
    expect(a.grad).toBeNull();
  });

  test("testHookEdgeCaseWhenCalledWithGrad", () => {
    const a = scalar(1);
    let log: string[] = [];
    const note = (what: string) => () => void log.push(what);
    const sink = accumulatorOf(a);
    a.registerHook(note("a"));
    sink.registerPrehook(note("sink pre"));
    sink.registerHook(note("sink post"));
    const run = (what: (b: T, c: T) => void): string[] => {
      const b = a.mul(2);
      const c = b.mul(1);
      b.registerHook(note("b"));
      b.gradFn!.registerPrehook(note("b pre"));
      b.gradFn!.registerHook(note("b post"));
      b.retainGrad();
      log = [];
      what(b, c);
      close(b.grad, 1);
      return log;
    };
    const all = ["b", "b pre", "b post", "a"];
    expect(run((b, c) => void grad(c, [a, b]))).toEqual(all);
    expect(run((b, c) => void grad(c, b))).toEqual(["b"]);
    expect(run((_, c) => void grad(c, a))).toEqual(all);
    expect(run((b, c) => c.backward({ inputs: [b] }))).toEqual(["b", "b pre", "b post"]);
    expect(run((_, c) => c.backward({ inputs: [a] }))).toEqual([...all, "sink pre", "sink post"]);
    // A gradient that is captured at a node that runs is as it came; at one that does not, as the hooks left it.
    const x = scalar(1);
    const y = x.mul(2);
    const z = y.mul(1);
    y.registerHook((g) => g.mul(10));
    expect(grad(z, [x, y], { retainGraph: true }).map((g) => list(g))).toEqual([20, 1]);
    expect(grad(z, [y], { retainGraph: true }).map((g) => list(g))).toEqual([10]);
  });

  test("testPostAccumulateGradHookOnNonLeaf", () => {
    const y = torch.rand(3, { requiresGrad: true }).clone();
    expect(() => y.registerPostAccumulateGradHook(() => {})).toThrow(/only a leaf/);
    expect(() => torch.rand(3).registerPostAccumulateGradHook(() => {})).toThrow(/requires grad/);
  });

  test("testPostAccumulateGradHookMultipleHooks", () => {
    const x = torch.rand(3, { requiresGrad: true });
    x.registerPostAccumulateGradHook((p) => void p.grad!.mul_(2));
    x.registerPostAccumulateGradHook((p) => void p.grad!.add_(3));
    const sum = x.sum();
    sum.backward();
    close(x.grad, torch.full([3], 5));
  });

  test("testPostAccumulateGradHookMultipleTensors", () => {
    const [x, y] = [torch.rand(3, { requiresGrad: true }), torch.rand(3, { requiresGrad: true })];
    const hook = (p: T): void => void p.grad!.mul_(2);
    x.registerPostAccumulateGradHook(hook);
    const handle = y.registerPostAccumulateGradHook(hook);
    torch.cat([x, y]).sum().backward();
    expect([list(x.grad), list(y.grad)]).toEqual([
      [2, 2, 2],
      [2, 2, 2],
    ]);
    handle.remove();
    handle.remove();
    y.grad = null;
    y.sum().backward();
    close(y.grad, torch.ones(3));
  });

  test("testPostAccumulateGradHookReturnsNotNone", () => {
    const x = torch.rand(3, { requiresGrad: true });
    x.registerPostAccumulateGradHook(((p: T) => p.grad!.mul(2)) as never);
    const sum = x.sum();
    expect(() => sum.backward()).toThrow(/after accumulation must return nothing/);
  });

  test("testPostAccumulateGradHookE2e", () => {
    torch.manualSeed(1);
    const net = (): torch.nn.Linear => {
      torch.manualSeed(1);
      return new torch.nn.Linear(4, 2);
    };
    const [inBackward, reference] = [net(), net()];
    const optimizers = new Map(
      [...inBackward.parameters()].map(
        (p) => [p, new torch.optim.Adam([p], { lr: 0.1 })] as [T, torch.optim.Adam],
      ),
    );
    for (const p of inBackward.parameters())
      p.registerPostAccumulateGradHook((leaf) => {
        optimizers.get(leaf)!.step();
        optimizers.get(leaf)!.zeroGrad();
      });
    const optimizer = new torch.optim.Adam(reference.parameters(), { lr: 0.1 });
    for (let i = 0; i < 3; i++) {
      const x = torch.randn(3, 4);
      inBackward(x).pow(2).sum().backward();
      reference(x).pow(2).sum().backward();
      optimizer.step();
      optimizer.zeroGrad();
    }
    const [a, b] = [[...inBackward.parameters()], [...reference.parameters()]];
    a.forEach((p, i) => {
      expect(p.grad).toBeNull();
      close(p, b[i]!);
    });
  });

  test("testPostAccumulateGradHookGetsCleanedUp", async () => {
    const make = (): WeakRef<object> => {
      const held = { something: 1 };
      const x = torch.rand(3, { requiresGrad: true });
      x.registerPostAccumulateGradHook(() => void held.something++);
      x.sum().backward();
      expect(held.something).toBe(2);
      return new WeakRef(held);
    };
    const ref = make();
    expect(await collected(ref)).toBe(true);
  });

  test("testPostAccumulateGradHookOrdering", () => {
    const x = torch.rand(3, { requiresGrad: true });
    const log: string[] = [];
    x.registerPostAccumulateGradHook(() => void log.push("accumulated"));
    x.registerHook(() => void log.push("tensor"));
    const sink = accumulatorOf(x);
    sink.registerPrehook(() => void log.push("before"));
    sink.registerHook(() => void log.push("after"));
    x.sum().backward();
    expect(log).toEqual(["tensor", "before", "accumulated", "after"]);
  });
});
