// The structure of the graph: leaves, requiresGrad, edges, going through a graph twice, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { close, leaf, list, random } from "./compare.ts";
import { doesNotApply } from "./parity.ts";

type T = torch.Tensor;
const { graph } = torch.autograd;
const integers = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool];

describe("T3 graph structure", () => {
  test("testRequiresGrad", () => {
    const [x, y, z] = [random(5, 5), random(5, 5), leaf(5, 5)];
    const a = x.add(y);
    expect(a.requiresGrad).toBe(false);
    const b = a.add(z);
    expect(b.requiresGrad).toBe(true);
    const failing = (): never => {
      throw new Error("should not be called");
    };
    expect(() => x.registerHook(failing)).toThrow(/does not require grad/);
    b.backward(torch.ones(5, 5));
    expect([x.grad, y.grad]).toEqual([null, null]);
    close(z.grad, torch.ones(5, 5));
    // A gradient that was there is not touched once the leaf requires none.
    z.requiresGrad = false;
    expect(z.mul(2).requiresGrad).toBe(false);
    expect(() => z.registerHook(failing)).toThrow(torch.AutogradError);
  });

  test("testRequiresGrad_", () => {
    const [x, y] = [random(5, 5), leaf(5, 5)];
    expect(x.requiresGrad_()).toBe(x);
    expect(y.requiresGrad_()).toBe(y);
    expect(x.requiresGrad_().requiresGrad).toBe(true);
    expect(y.requiresGrad_().requiresGrad).toBe(true);
    const z = x.mul(y);
    expect(() => z.requiresGrad_(false)).toThrow(torch.AutogradError);
    expect(z.requiresGrad_()).toBe(z);
    expect(z.requiresGrad).toBe(true);
    expect(x.requiresGrad_(false)).toBe(x);
    expect(y.requiresGrad_(false)).toBe(y);
    expect([x.requiresGrad, y.requiresGrad]).toEqual([false, false]);
  });

  test("testRequiresGradInplace", () => {
    const a = random(5, 5);
    a.add_(leaf(5, 5));
    expect(a.requiresGrad).toBe(true);
    // Not a leaf.
    const b = random(5, 5).mul(1);
    b.add_(leaf(5, 5));
    expect(b.requiresGrad).toBe(true);
  });

  test("testNoRequiresGradInplace", () => {
    const a = torch.randn(2, 3);
    a.add_(5);
    a.requiresGrad = true;
    a.sum().backward();
    expect(list(a.grad)).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ]);
    const b = torch.randn(2, 3).requiresGrad_();
    expect(() => b.add_(5)).toThrow(/leaf that requires grad/);
  });

  test("testSetRequiresGradOnlyForFloats", () => {
    const floats = [torch.float16, torch.bfloat16, torch.float32, torch.float64];
    for (const dtype of floats) {
      const a = torch.ones(1, { dtype });
      a.requiresGrad = true;
      a.requiresGrad = false;
      a.requiresGrad_();
      expect(torch.ones(1, { dtype, requiresGrad: true }).requiresGrad).toBe(true);
    }
    for (const dtype of integers) {
      const a = torch.ones(1, { dtype });
      expect(() => (a.requiresGrad = true)).toThrow(/only floating-point/);
      expect(() => a.requiresGrad_()).toThrow(/only floating-point/);
      expect(() => torch.ones(1, { dtype, requiresGrad: true })).toThrow(torch.TorchError);
      a.requiresGrad = false;
      a.requiresGrad_(false);
      expect(a.requiresGrad).toBe(false);
    }
  });

  test("testRequiresGradFactory", () => {
    const x = torch.randn(2, 3);
    for (const make of [torch.onesLike, torch.randnLike, torch.zerosLike, torch.randLike])
      for (const dtype of [torch.float32, torch.float64])
        for (const requiresGrad of [true, false]) {
          const out = make(x, { dtype, requiresGrad });
          expect([out.requiresGrad, out.dtype, out.device]).toEqual([
            requiresGrad,
            dtype,
            x.device,
          ]);
        }
  });

  test("testNextFunctions", () => {
    const [x, y] = [leaf(5, 5), leaf(5, 5)];
    const a = x.add(y);
    const next = a.gradFn!.nextFunctions;
    expect(next.map(([node, index]) => [node?.name, index])).toEqual([
      ["AccumulateGrad", 0],
      ["AccumulateGrad", 0],
    ]);
    expect(next[0]![0]).toBe(graph.getGradientEdge(x).node);
    expect(next[1]![0]).toBe(graph.getGradientEdge(y).node);
    const b = a.add(5);
    expect(b.gradFn!.nextFunctions).toEqual([
      [a.gradFn, 0],
      [null, 0],
    ]);
  });

  test("testBackwardTwiceWithSavedValues", () => {
    const b = leaf(3);
    const c = torch.zeros(3, { dtype: torch.float64 });
    const positions = torch.tensor([1, 2], { dtype: torch.int64 });
    c.indexPut_([positions], b.at(torch.tensor([1, 1], { dtype: torch.int64 })));
    const seed = torch.tensor([1, 1, 1], { dtype: torch.float64 });
    const square = c.mul(c);
    square.backward(seed);
    expect(() => square.backward(seed)).toThrow(
      /MulBackward0.*backward through the graph a second time/,
    );
  });

  test("testBackwardTwiceRetainedGraphWithSavedValues", () => {
    const b = leaf(3);
    const c = b.mul(b);
    const seed = torch.tensor([1, 1, 1], { dtype: torch.float64 });
    c.backward(seed, { retainGraph: true });
    c.backward(seed);
    close(b.grad, b.mul(4));
    expect(() => c.backward(seed)).toThrow(/second time/);
  });

  test("testBackwardTwiceWithoutSavedValues", () => {
    const b = leaf(3);
    const c = b.add(1);
    const seed = torch.tensor([1, 1, 1], { dtype: torch.float64 });
    c.backward(seed);
    c.backward(seed);
    close(b.grad, torch.full([3], 2));
  });

  test("testBackwardTwiceRetainedGraphWithoutSavedValues", () => {
    const b = leaf(3);
    const c = torch.zeros(3, { dtype: torch.float64 });
    c.narrow(0, 0, 2).copy_(b.narrow(0, 1, 2));
    const seed = torch.tensor([1, 1, 1], { dtype: torch.float64 });
    c.backward(seed, { retainGraph: true });
    c.backward(seed);
    expect(list(b.grad)).toEqual([0, 2, 2]);
  });

  test("testIntegerOutputs", () => {
    const x = leaf(5, 5, 5);
    const whole = (t: T): void => {
      expect([t.dtype.isFloatingPoint, t.requiresGrad, t.gradFn]).toEqual([false, false, null]);
    };
    for (const t of [x.argmax(), x.argmin(), x.argsort(), x.argmax(1, true), x.argmin(-1)])
      whole(t);
    for (const { values, indices } of [x.sort(), x.topk(2), x.max(0), x.min(1), x.kthvalue(2)]) {
      whole(indices);
      expect(values.requiresGrad).toBe(true);
    }
    for (const t of [x.gt(0), x.eq(x), x.isnan(), x.to(torch.int64), x.nonzero()]) whole(t);
    whole(torch.randint(0, 3, [4], { dtype: torch.int64 }).bincount());
  });

  test("testNonDifferentiableOps", () => {
    const x = torch.tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { requiresGrad: true },
    );
    expect(x.signbit().requiresGrad).toBe(false);
    expect(x.isfinite().requiresGrad).toBe(false);
    expect(x.eq(torch.tensor([2, 3])).requiresGrad).toBe(false);
  });

  test("testShape", () => {
    const x = torch.randn(3, 4);
    expect([x.shape.length, x.shape[0], x.shape[1], x.dim()]).toEqual([2, 3, 4, 2]);
  });

  test("testAutogradPrintTensor", () => {
    const a = torch.ones(1, { requiresGrad: true });
    const b = a.clone();
    expect([String(a), String(b)]).toEqual([
      "tensor([1.], requires_grad=True)",
      "tensor([1.], grad_fn=<CloneBackward0>)",
    ]);
    // A view made in noGrad of what is changed afterwards has no origin to show.
    const [base, other] = [torch.ones(1, { requiresGrad: true }).clone(), torch.ones(1)];
    const view = torch.noGrad(() => base.view(1));
    expect(() => view.add_(other)).toThrow(torch.AutogradError);
    base.mul_(2);
    expect(String(view)).toBe("tensor([2.], grad_fn=<Invalid>)");
  });

  test("testAutogradNodeIsinstance", () => {
    const x = torch.ones(2, { requiresGrad: true });
    const nodes = [x.add(1), x.sum(), x.view(2), x.matmul(x), x.split(1)[0]!].map((t) => t.gradFn);
    for (const node of nodes) expect(node).toBeInstanceOf(graph.Node);
    expect(graph.getGradientEdge(x).node).toBeInstanceOf(graph.Node);
    expect(x.gradFn instanceof graph.Node).toBe(false);
    expect(x.clone() instanceof graph.Node).toBe(false);
  });

  test("testGradFnAttrBindings", () => {
    const x = torch.ones(2, 3, { requiresGrad: true });
    const saved = (t: T, name: `saved${string}`): unknown => t.gradFn![name];
    // Numbers and booleans are there as they were given.
    expect(saved(x.select(0, 1), "savedDim")).toBe(0);
    expect(saved(x.select(0, 1), "savedIndex")).toBe(1);
    expect(saved(x.narrow(0, 1, 1), "savedStart")).toBe(1);
    expect(saved(x.transpose(0, 1), "savedDim1")).toBe(1);
    expect(saved(x.max(0).values, "savedKeepdim")).toBe(false);
    expect(saved(x.clamp({ min: 0.5 }), "savedMin")).toBe(0.5);
    expect(saved(x.mul(3), "savedOther")).toBe(3);
    expect(saved(torch.cat([x, x], 1), "savedDim")).toBe(1);
    // Tensors are those that were saved, arguments or results.
    const y = x.add(1);
    expect(saved(x.mul(y), "savedSelf")).toBe(x);
    expect(saved(x.mul(y), "savedOther")).toBe(y);
    const e = x.exp();
    close(saved(e, "savedResult") as T, e);
    expect(saved(e, "savedSelf") ?? null).toBeNull();
    const positions = torch.tensor([0], { dtype: torch.int64 });
    expect(saved(x.indexSelect(0, positions), "savedIndex")).toBe(positions);
    close(saved(x.softmax(1), "savedResult") as T, x.softmax(1));
    // What is not saved is not there, and what was freed says so.
    expect(saved(x.add(1), "savedSelf") ?? null).toBeNull();
    e.sum().backward();
    expect(() => saved(e, "savedResult")).toThrow(torch.AutogradError);
  });

  test("testNumpyRequiresGrad", () => {
    const x = torch.randn(2, 2, { requiresGrad: true });
    expect(() => x.toTypedArray()).toThrow(/requires grad.*detach\(\)/);
    expect(() => x.mul(2).toTypedArray()).toThrow(torch.AutogradError);
    expect(x.detach().toTypedArray().length).toBe(4);
    expect(torch.noGrad(() => x.mul(2)).toTypedArray().length).toBe(4);
  });

  test("testTypeConversions", () => {
    const x = torch.randn(5, 5);
    expect([x.float().dtype, x.double().dtype, x.int().dtype, x.long().dtype]).toEqual([
      torch.float32,
      torch.float64,
      torch.int32,
      torch.int64,
    ]);
    for (const [from, to] of [
      [torch.float32, torch.float64],
      [torch.float64, torch.float32],
      [torch.float32, torch.bfloat16],
    ] as const) {
      const y = torch.randn(5, 5, { dtype: from, requiresGrad: true });
      const z = y.to(to);
      expect([z.dtype, z.requiresGrad, z.gradFn!.name]).toEqual([to, true, "ToCopyBackward0"]);
      z.backward(torch.ones(5, 5, { dtype: to }));
      expect(y.grad!.dtype).toBe(from);
      close(y.grad, torch.ones(5, 5));
    }
  });

  test("testCopy_", () => {
    const x = torch.randn(10, { requiresGrad: true });
    const floats = [torch.float16, torch.bfloat16, torch.float32, torch.float64];
    for (const dtype of [...floats, ...integers]) {
      const y = torch.empty(10, { dtype });
      y.copy_(x);
      expect(y.requiresGrad).toBe(dtype.isFloatingPoint);
      expect(torch.emptyLike(x, { dtype }).copy_(x).requiresGrad).toBe(dtype.isFloatingPoint);
    }
  });

  test("testPyscalarConversions", () => {
    for (const dtype of [torch.float32, torch.float64, torch.int32, torch.int64, torch.uint8]) {
      const one = torch.tensor(5, { dtype });
      expect(Number(one.item())).toBe(5);
      expect(Boolean(one.item())).toBe(true);
    }
    expect(torch.tensor([[2.5]]).item()).toBe(2.5);
    expect(Object.is(torch.tensor(Infinity).item(), Infinity)).toBe(true);
    expect(torch.tensor(NaN).item()).toBeNaN();
    expect(torch.tensor(1.5, { requiresGrad: true }).item()).toBe(1.5);
    expect(() => torch.tensor(2n ** 62n).item()).toThrow(/no JavaScript number/);
    expect(() => torch.ones(2).item()).toThrow(torch.TorchError);
  });

  test("testFreeDeepGraph", () => {
    const run = (): void => {
      let x: T = torch.randn(1, { requiresGrad: true });
      for (let i = 0; i < 150_000; i++) x = x.add(1);
    };
    run();
    run();
    expect(torch.ones(1).item()).toBe(1);
  });

  test("testFreeDeepGraphComplicated", () => {
    const choice = torch.rand(50_000).gt(0.5).tolist() as boolean[];
    let x: T = torch.randn(1, { requiresGrad: true });
    const first = x;
    let [before, before2] = [x, x];
    for (const skip of choice) {
      [before2, before] = [before, x];
      x = skip ? x.add(before).mul(0.5) : x.add(before2).mul(0.5);
    }
    x.sum().backward();
    close(first.grad, torch.ones(1));
  });

  test("testNotImplementedGrad", () => {
    const a = torch.rand(2, { requiresGrad: true });
    const y = a.heaviside(torch.ones(2)).sum();
    expect(y.requiresGrad).toBe(true);
    expect(() => y.backward()).toThrow(/heaviside has no derivative/);
  });

  doesNotApply(
    "testAttributeDeletion",
    "properties of classes live on the prototype, where `delete` on an instance does nothing; null resets grad",
  );
  doesNotApply(
    "testBackwardCreateGraphWarns",
    "the warning is of a reference cycle that is never freed; a garbage collector frees it",
  );
});
