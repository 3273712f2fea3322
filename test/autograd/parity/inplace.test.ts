// Operations in place: what they do to graphs made before and after, as PyTorch's tests have it.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { missing } from "./parity.ts";

type T = torch.Tensor;
type Place = Parameters<T["setAt_"]>[0];
const ones = (...size: number[]): T => torch.ones(size, { requiresGrad: true });
const leaf = (...size: number[]): T => torch.randn(size, { requiresGrad: true });
const five = torch.ones(5, 5);
const changed = /modified by an inplace operation/;

/** Writing a number into part of a result takes that part out of the gradient. */
function writesNumber(size: number[], index: Place): void {
  const x = ones(...size);
  const y = x.add(2);
  const before = y.version;
  y.setAt_(index, 2);
  expect(y.version).toBeGreaterThan(before);
  y.backward(torch.ones(size));
  expect(x.grad!.tolist()).toEqual(torch.ones(size).setAt_(index, 0).tolist());
}

/** Writing a tensor hands that part of the gradient to the tensor. */
function writesTensor(size: number[], index: Place): void {
  const x = ones(...size);
  const y = x.add(2);
  const before = y.version;
  const part = Array.isArray(index) ? x.detach().at(...index) : x.detach().at(index as number);
  const value = torch.fullLike(part, 7).requiresGrad_();
  y.setAt_(index, value);
  expect(y.version).toBeGreaterThan(before);
  y.backward(torch.ones(size));
  expect(x.grad!.tolist()).toEqual(torch.ones(size).setAt_(index, 0).tolist());
  expect(value.grad!.tolist()).toEqual(torch.onesLike(part).tolist());
}

describe("T8 in-place operations", () => {
  test("testInplace", () => {
    const x = ones(5, 5);
    const y = torch.ones(5, 5).mul(4).requiresGrad_();
    const seed = five;

    let z = x.mul(y);
    let q = z.add(y);
    let w = z.mul(y);
    z.add_(2);
    q.backward(seed, true);
    expect(() => w.backward(seed)).toThrow(changed);

    z = x.mul(y);
    q = z.mul(y);
    let r = z.add(y);
    w = z.add_(y);
    w.backward(seed, true);
    r.backward(seed, true);
    expect(() => q.backward(seed)).toThrow(changed);

    torch.noGrad(() => x.grad!.zero_());
    z = x.div(2).add(y.div(8));
    q = z.mul(y);
    r = z.add(y);
    const before = z.version;
    w = z.exp_();
    expect(z.version).not.toBe(before);
    r.backward(seed, true);
    expect(x.grad!.tolist()).toEqual(torch.full([5, 5], 0.5).tolist());
    w.backward(seed, true);
    expect(torch.allclose(x.grad!, torch.full([5, 5], (1 + Math.E) / 2))).toBe(true);
    expect(() => q.backward(seed)).toThrow(changed);

    const source = ones(5, 5);
    const copy = source.clone();
    copy.add_(10);
    expect(copy.tolist()).toEqual(torch.full([5, 5], 11).tolist());
    const further = copy.add(2);
    further.backward(seed);
    expect(source.grad!.tolist()).toEqual(five.tolist());
    const product = copy.mul(further);
    copy.add_(2);
    expect(() => product.backward(seed)).toThrow(changed);
  });

  test("testSetitem", () => {
    const long = (...values: (number | number[])[]): T =>
      torch.tensor(values, { dtype: torch.int64 });
    writesNumber([5, 5], 1);
    writesNumber([5], 1);
    writesNumber([1], 0);
    writesNumber([10], [[0, 4, 2]]);
    writesNumber(
      [5, 5],
      [
        [0, 4],
        [2, 2],
      ],
    );
    writesNumber([5, 5, 5], [":", ":", [1, 3]]);
    writesNumber([5, 5, 5], [":", [2, 4], [1, 3]]);
    writesNumber([5, 5, 5], [[1, 3], [2, 4], ":"]);
    writesTensor([5, 5], 3);
    writesTensor(
      [5, 5],
      [
        [0, 1],
        [1, 0],
      ],
    );
    writesTensor([5], 3);
    writesTensor([5], [long(3).sum()]);
    writesTensor([5], [[0, 1, 2, 3]]);
    writesTensor([5, 5, 5], [":", ":", [1, 3]]);
    writesTensor([5, 5, 5], [":", [2, 4], [1, 3]]);
    writesTensor([5, 5, 5], [[1, 3], [2, 4], ":"]);
    writesTensor([5, 5, 5], [long(1), long(3), ":"]);
    // A value that is broadcast gets the sum.
    const x = leaf(4);
    const y = torch.zeros(2, 3, 4);
    y.setAt_(1, x);
    const seed = torch.randn(2, 3, 4);
    y.backward(seed);
    expect(x.grad!.shape).toEqual([4]);
    expect(torch.allclose(x.grad!, seed.at(1).sum(0))).toBe(true);
  });

  test("testSetitemMask", () => {
    const mask = torch.rand(5, 5).gt(0.5).setAt_([0, 0], true);
    for (const write of [writesNumber, writesTensor]) {
      write([5, 5], [mask]);
      write([5], [mask.at(0)]);
      write([1], [mask.at(0, "0:1")]);
    }
  });

  test("testLeafAssignment", () => {
    const x = torch.randn(5, 5);
    const [y, z] = [leaf(5), leaf(5)];
    x.setAt_(0, y);
    x.setAt_(1, z.mul(2));
    expect(x.requiresGrad).toBe(true);
    expect(x.gradFn).not.toBe(null);
    x.sum().backward();
    expect(y.grad!.tolist()).toEqual([1, 1, 1, 1, 1]);
    expect(z.grad!.tolist()).toEqual([2, 2, 2, 2, 2]);
    const own = leaf(5, 5);
    expect(() => own.setAt_(0, y)).toThrow(/view of a leaf that requires grad/);
    expect(() => own.add_(1)).toThrow(/a leaf that requires grad cannot be changed in place/);
  });

  missing(
    "testOutVariantRaisesWhenInputsRequireGrad",
    "operations take no out=; copy_() writes a result into a tensor that is there, and is recorded",
  );

  test("testCopySlicesGraphTaskUpdates", () => {
    class Failing extends torch.autograd.Function {
      static forward(_ctx: unknown, x: T): T {
        return x.clone();
      }
      static backward(): T {
        throw new Error("Boom!");
      }
    }
    const changedView = (x: T, y: T): T => x.clone().view(-1).add_(y);
    const alsoUsedBefore = (x: T, y: T): T => {
      const out = x.clone().view(-1);
      const b = out.mul(2);
      return out.add_(y).add(b);
    };
    const [x, y] = [leaf(2), leaf(2)];
    const unsafe = Failing.apply(y);
    const { grad } = torch.autograd;
    for (const make of [changedView, alsoUsedBefore]) {
      expect(() => make(x, unsafe).sum().backward()).toThrow("Boom!");
      expect(() => grad(make(x, unsafe).sum(), y)).toThrow("Boom!");
      // Where nobody asks for what lies behind it, it does not run.
      grad(make(x, unsafe).sum(), x);
      grad(make(x, unsafe).sum(), unsafe);
      grad(make(x, unsafe).sum(), [x, unsafe]);
    }
    const out = x.clone().view(-1);
    out.registerHook(() => expect.unreachable("the view's own node is not needed"));
    const b = out.mul(2);
    out.add_(unsafe);
    grad(out.add(b).sum(), [b, unsafe]);
  });

  test("testInplaceNotRequiresGrad", () => {
    class View extends torch.autograd.Function {
      static forward(_ctx: unknown, x: T): T {
        return x.viewAs(x);
      }
      static backward(_ctx: unknown, g: T): T {
        return g;
      }
    }
    const a = (): T => torch.rand(1, 2);
    const b = torch.rand(1, { requiresGrad: true });
    for (const write of [(t: T) => t.add_(b), (t: T) => t.copy_(b)]) {
      expect(() => write(View.apply(a()))).toThrow(/view.*custom function View.*clone\(\)/);
      expect(() => write(a().unbind()[0]!)).toThrow(/several views that unbind returned/);
      expect(write(a().select(1, 0)).requiresGrad).toBe(true);
    }
  });

  test("testTensorHooksInplace", () => {
    let [first, second, third] = [0, 0, 0];
    const a = torch.tensor([1], { requiresGrad: true });
    const b = a.clone();
    b.registerHook((g) => {
      first++;
      // Twice from the product, twice from the second hook.
      expect(g.tolist()).toEqual([4]);
      return g.mul(2);
    });
    b.mul_(2);
    b.registerHook((g) => {
      second++;
      expect(g.tolist()).toEqual([1]);
      return g.mul(2);
    });
    b.sum().backward();
    expect([first, second]).toEqual([1, 1]);
    expect(a.grad!.tolist()).toEqual([8]);

    const c = torch.tensor([1], { requiresGrad: true });
    const d = c.clone();
    d.registerHook((g) => {
      third++;
      expect(g.tolist()).toEqual([4]);
      return g.mul(2);
    });
    d.mul_(2);
    d.mul_(2);
    d.sum().backward();
    expect(third).toBe(1);
    expect(c.grad!.tolist()).toEqual([8]);
  });

  test("testTensorHooksInplaceMultipleOutputs", () => {
    const calls: string[] = [];
    const hook =
      (name: string, expected: number) =>
      (g: T): T => {
        calls.push(name);
        expect(g.tolist()).toEqual([expected]);
        return g.mul(2);
      };
    const a = torch.tensor([1, 1], { requiresGrad: true });
    const [b, c] = a.unsafeSplit(1) as [T, T];
    b.registerHook(hook("b before", 2 * 2));
    c.registerHook(hook("c before", 3));
    b.mul_(2);
    b.registerHook(hook("b after", 1));
    b.add(c.mul(3)).sum().backward();
    expect(calls.sort()).toEqual(["b after", "b before", "c before"]);
    expect(a.grad!.tolist()).toEqual([8, 6]);
  });

  test("testTensorHooksInplaceOverView", () => {
    let count = 0;
    const base = torch.tensor([1], { requiresGrad: true }).clone();
    const [view, other] = [base.at(":"), base.at(":")];
    const never = (): void => expect.unreachable("a hook on what was there before the change");
    view.registerHook(never);
    other.registerHook(never);
    view.mul_(2);
    // Its new node is made when it is asked for; a hook goes to the node of the moment.
    expect(other.gradFn).not.toBe(null);
    other.registerHook((g) => {
      count++;
      expect(g.tolist()).toEqual([1]);
    });
    view.add(other).sum().backward();
    expect(count).toBe(1);
  });
});
