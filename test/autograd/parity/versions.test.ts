// Detaching, and counting the writes into a memory, as PyTorch's tests have it.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { doesNotApply } from "./parity.ts";

const { incrementVersion, unsafePreserveVersionCounter } = torch.autograd.graph;
type T = torch.Tensor;
const leaf = (...size: number[]): T => torch.randn(size, { requiresGrad: true });
const filled = (value: number, ...size: number[]): unknown => torch.full(size, value).tolist();

describe("T7 detach and versions", () => {
  test("testDetach", () => {
    const first = leaf(10, 10).add(2).detach();
    expect([first.requiresGrad, first.mul(4).add(2).requiresGrad]).toEqual([false, false]);

    const x = leaf(10, 10);
    const y = x.mul(2).detach();
    expect([y.requiresGrad, y.gradFn]).toEqual([false, null]);
    x.add(y).sum().backward();
    expect(x.grad!.tolist()).toEqual(filled(1, 10, 10));

    const [u, v] = [leaf(10, 10), leaf(10, 10)];
    const a = u.mul(2);
    v.add(a).sum().backward(null, true);
    a.detach_();
    expect(a.requiresGrad).toBe(false);
    v.add(a).sum().backward();
    expect(u.grad!.tolist()).toEqual(filled(2, 10, 10));
    expect(v.grad!.tolist()).toEqual(filled(2, 10, 10));

    expect(() => u.narrow(0, 1, 4).detach_()).toThrow(/detach_: the tensor is a view.*detach\(\)/);
  });

  test("testDetachBase", () => {
    const x = leaf(10, 10);
    const view = x.narrow(0, 1, 4);
    x.detach_();
    expect(x.requiresGrad).toBe(false);
    expect(view.requiresGrad).toBe(true);
    expect(view.gradFn).not.toBe(null);
    expect(view.base).toBe(x);
  });

  test("testDetachThenInplaceRaisesInAutograd", () => {
    const x = leaf();
    const y = x.pow(2);
    x.detach().zero_();
    expect(() => y.backward()).toThrow(/modified by an inplace operation/);
  });

  test("testVersionCounter", () => {
    const x = torch.randn(1, 2);
    const before = x.version;
    x.add_(1).add_(1);
    expect(x.version).toBe(before + 2);
    const view = x.at(":");
    expect(view.version).toBe(x.version);
    view.add_(1);
    expect([view.version, x.version]).toEqual([before + 3, before + 3]);
    const detached = x.detach();
    detached.add_(1);
    expect([view.version, x.version]).toEqual([before + 4, before + 4]);
    // A copy counts its own writes, and what came from elsewhere does not reset a count.
    const copy = x.clone();
    copy.copy_(torch.ones(1, 2)).setAt_([0, 0], 3);
    expect([copy.version, x.version]).toEqual([2, before + 4]);
    x.copy_(copy);
    expect(view.version).toBe(before + 5);
  });

  test("testIncrementVersion", () => {
    for (const a of [leaf(5), torch.zeros(5, { dtype: torch.int32 })]) {
      const before = a.version;
      incrementVersion(a);
      expect(a.version).toBe(before + 1);
      incrementVersion([a, a.detach()]);
      expect(a.version).toBe(before + 3);
    }
    const a = torch.inferenceMode(() => torch.ones(2));
    incrementVersion(a);
    expect(() => a.version).toThrow(/inference tensors/);
    const x = leaf(2);
    const y = x.mul(x).sum();
    incrementVersion(x);
    expect(() => y.backward()).toThrow(/incrementVersion changed it/);
  });

  test("testUnsafeSetVersionCounter", () => {
    const x = torch.ones(2, { requiresGrad: true }).clone();
    x.add_(1).add_(2);
    expect(x.version).toBe(2);
    unsafePreserveVersionCounter(x, () => {
      x.mul_(2).mul_(3);
      expect(x.version).toBe(4);
    });
    expect(x.version).toBe(2);
    const guard = unsafePreserveVersionCounter([x]);
    x.mul_(2);
    guard[Symbol.dispose]();
    expect(x.version).toBe(2);
  });

  test("testResizeVersionBump", () => {
    const x = torch.rand(2, 2);
    const y = torch.rand(2, 2);
    x.resize_(2, 2);
    expect(x.version).toBe(0);
    x.resizeAs_(y);
    expect(x.version).toBe(0);
    x.resize_(3, 1);
    expect(x.version).toBe(1);
    x.resizeAs_(y);
    expect(x.version).toBe(2);
  });

  doesNotApply(
    "testSetDataSelfRequiresGrad",
    "there is no `.data`, whose changes would escape the check of saved values; detach() and copy_() do what it is for",
  );

  test("testSavedVariableVersionCounter", () => {
    const b = leaf(2).exp();
    const saved = b.gradFn!.savedValues.find(({ name }) => name === "result")!.value;
    expect(saved.tolist()).toEqual(b.tolist());
    expect(saved.version).toBe(b.version);
    torch.noGrad(() => b.add_(1));
    expect(saved.tolist()).toEqual(b.tolist());
    expect(saved.version).toBe(b.version);
  });

  test("testSavedVariableSavedOriginalInplaceDetach", () => {
    // What was saved of an argument has lost its place in the graph.
    for (const make of [(t: T) => t.sin(), (t: T) => t.prod()]) {
      const a = torch.tensor(1, { requiresGrad: true }).clone();
      const b = make(a);
      a.detach_();
      expect(() => b.backward()).toThrow(/detached in place.*detach_\(\).*use detach\(\)/);
    }
    // A result is where the node itself is.
    const leafOne = torch.tensor(1, { requiresGrad: true });
    const a = leafOne.clone();
    const b = a.exp();
    a.detach_();
    b.backward();
    expect(leafOne.grad!.item()).toBeCloseTo(Math.E, 5);
    const c = leafOne.exp();
    const d = c.mul(1).sum();
    c.detach_();
    d.backward();
    // While gradients are recorded it still leads there, whichever kind of node saved it.
    for (const make of [(t: T) => t.exp(), (t: T) => t.softmax(0), (t: T) => t.logsumexp(0)]) {
      const second = (detach: boolean): unknown => {
        const x = torch.tensor([0.3, 0.5, 0.9], { requiresGrad: true });
        const y = make(x);
        const z = y.mul(torch.tensor([1, 2, 3])).sum();
        if (detach) y.detach_();
        const [g] = torch.autograd.grad(z, [x], { createGraph: true });
        return torch.autograd.grad(g!.mul(g!).sum(), [x])[0]!.tolist();
      };
      expect(second(true)).toEqual(second(false));
    }
  });

  test("testNoUnnecessarySave", () => {
    // A product with a constant keeps the constant alone, so that its other operand may be overwritten.
    const mu = torch.ones(1, { requiresGrad: true });
    const x = torch.empty(1);
    let loss = torch.zeros([]);
    for (let i = 0; i < 3; i++) {
      x.detach_();
      x.copy_(mu.add(i));
      loss = loss.add(x.mul(torch.tensor([i])).sum());
    }
    loss.backward();
    expect(mu.grad!.tolist()).toEqual([3]);
  });

  test("testIndexBackwardDoesNotSaveTensor", () => {
    const a = torch.tensor([1, 0, 0]);
    const b = torch.zeros(3, { requiresGrad: true });
    const t = b.add(0);
    t.setAt_([a.ne(0)], t.at(a.ne(0)));
    t.backward(torch.ones(3));
    expect(b.grad!.tolist()).toEqual([1, 1, 1]);
  });
});
