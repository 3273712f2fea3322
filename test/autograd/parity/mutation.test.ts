// Saved tensors that may be changed in place inside allowMutationOnSavedTensors, as PyTorch's tests have it.
import * as torch from "flambeau";
import { afterEach, describe, expect, test, vi } from "vitest";
import { collected } from "./collected.ts";
import { missing } from "./parity.ts";

const { grad, graph } = torch.autograd;
const { allowMutationOnSavedTensors } = graph;
type T = torch.Tensor;
const leaf = (...size: number[]): T => torch.randn(size, { requiresGrad: true });
const close = (a: T | null | undefined, b: T): void => expect(torch.allclose(a!, b)).toBe(true);

/** How many tensors a callback copies. */
function copies(callback: () => void): number {
  const spy = vi.spyOn(torch.Tensor.prototype, "clone");
  callback();
  const count = spy.mock.calls.length;
  spy.mockRestore();
  return count;
}

afterEach(() => vi.restoreAllMocks());

describe("T8 mutation of saved tensors", () => {
  test("testBasic", () => {
    const run = (a: T): T => {
      const b = a.clone();
      const out = b.pow(2).sum();
      b.sin_();
      out.sum().backward();
      return a.grad!;
    };
    const a = leaf(2, 3);
    expect(() => run(a)).toThrow(/modified by an inplace operation/);
    close(
      allowMutationOnSavedTensors(() => run(a)),
      a.mul(2),
    );
    expect(copies(() => expect(() => run(a)).toThrow(/modified by an inplace/))).toBe(1);
  });

  test("testViews", () => {
    const a = leaf(2, 3);
    allowMutationOnSavedTensors(() => {
      const b = a.clone();
      const c = b.viewAs(b);
      const out = b.pow(2).sum();
      c.sin_();
      out.backward();
    });
    close(a.grad, a.mul(2));
  });

  test("testSaveBaseAndModifyView", () => {
    const a = leaf(2, 3);
    allowMutationOnSavedTensors(() => {
      const b = a.clone();
      const c = b.at("0:1");
      const out = b.pow(2);
      expect(copies(() => void c.mul_(10))).toBe(1);
      out.sum().backward();
    });
    close(a.grad, a.mul(2));
  });

  test("testSaveViewModifyBase", () => {
    const a = leaf(2, 3);
    allowMutationOnSavedTensors(() => {
      const b = a.clone();
      const c = b.at(":");
      const out = c.pow(2).sum();
      b.mul_(2);
      out.backward();
    });
    close(a.grad, a.mul(2));
  });

  test("testDoubleBackward", () => {
    const a = leaf(2, 3);
    allowMutationOnSavedTensors(() => {
      const b = a.clone();
      const out = b.pow(2).sum();
      b.sin_();
      const [first] = grad(out, a, { createGraph: true });
      const [second] = grad(first!.sum(), a);
      close(first, a.mul(2));
      close(second, torch.full([2, 3], 2));
    });
  });

  test("testSavedButNotAnymore", async () => {
    const guard = allowMutationOnSavedTensors();
    const a = leaf(2, 3).clone();
    const run = (): WeakRef<T> => {
      const out = a.pow(2);
      out.sum().backward();
      return new WeakRef(out);
    };
    await collected(run());
    // The node has let go of what it saved: there is nothing to keep.
    expect(copies(() => void a.sin_())).toBe(0);
    guard[Symbol.dispose]();
  });

  test("testSavedSameTensorManyTimes", () => {
    allowMutationOnSavedTensors(() => {
      const origin = leaf(2, 3);
      const a = origin.clone();
      const [b, c] = [a.pow(2), a.pow(2)];
      expect(copies(() => void a.sin_())).toBe(1);
      b.add(c).sum().backward();
      close(origin.grad, origin.mul(4));
    });
  });

  test("testSavedSameTensorDifferentVersions", () => {
    allowMutationOnSavedTensors(() => {
      const origin = leaf(2, 3);
      const a = origin.clone();
      let [b, c]: (T | null)[] = [null, null];
      const made = copies(() => {
        b = a.pow(2);
        a.add_(1);
        c = a.pow(2);
        a.add_(1);
      });
      expect(made).toBe(2);
      b!.add(c!).sum().backward();
      close(origin.grad, origin.mul(2).add(origin.add(1).mul(2)));
    });
  });

  missing(
    "testWithMathViews",
    "the views in question are conjugates, and there are no complex types",
  );
  missing("testWithOutVariant", "operations take no out=");

  test("testBackwardOutOfContext", () => {
    const outside = /outside of the allowMutationOnSavedTensors/;
    const made = (): T => allowMutationOnSavedTensors(() => leaf(2, 3).pow(2).sum());
    const first = made();
    expect(() => first.backward()).toThrow(outside);
    const second = made();
    allowMutationOnSavedTensors(() => expect(() => second.backward()).toThrow(outside));
  });

  test("testDisallowNesting", () => {
    allowMutationOnSavedTensors(() =>
      expect(() => allowMutationOnSavedTensors(() => {})).toThrow(/cannot be nested/),
    );
    allowMutationOnSavedTensors(() => {});
  });

  missing("testInplaceForeach", "there are no functions over lists of tensors, `_foreach_*`");

  test("covers an optimizer's step, which updates several tensors at once", () => {
    const w = leaf(2, 3);
    const before = w.detach().clone();
    const optimizer = new torch.optim.SGD([w], { lr: 0.1, momentum: 0.9 });
    allowMutationOnSavedTensors(() => {
      const out = w.pow(2).sum();
      w.grad = torch.ones(2, 3);
      optimizer.step();
      w.grad = null;
      out.backward();
      close(w.grad, before.mul(2));
    });
  });
});
