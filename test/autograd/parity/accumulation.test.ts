// .grad: which object it is, its layout and type, and gradients that are retained, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test, vi } from "vitest";
import { collected } from "./collected.ts";
import { close, leaf, list, random } from "./compare.ts";
import { missing } from "./parity.ts";

type T = torch.Tensor;

/** Whether two tensors lie in the same memory. */
const shares = (a: T, b: T): boolean => a.storage === b.storage;

describe("T4 .grad", () => {
  test("testAccumulateGrad", () => {
    const ones = torch.ones(5, 5);
    const check = (createGraph: boolean, same: boolean): void => {
      const x = torch.ones(5, 5, { requiresGrad: true });
      const y = x.mul(2);
      y.backward(ones, { retainGraph: true });
      const before = x.grad!;
      const value = before.clone();
      y.backward(ones, { createGraph });
      expect(x.grad === before).toBe(same);
      close(before, same ? value.mul(2) : value);
      close(x.grad, torch.full([5, 5], 4));
    };
    check(false, true);
    check(true, false);
  });

  test("testAccumulateGradTensorReference", () => {
    const check = (createGraph: boolean, same: boolean): void => {
      const x = torch.ones(5, { requiresGrad: true });
      x.grad = torch.zeros(5);
      const reference = x.grad;
      x.mul(torch.ones(5)).sum().backward({ createGraph });
      expect(x.grad === reference).toBe(same);
      close(x.grad, torch.ones(5));
      close(reference, same ? torch.ones(5) : torch.zeros(5));
    };
    check(false, true);
    check(true, false);
  });

  test("testAccumulateGradWithZeroNumelGrad", () => {
    const [a, b] = [
      torch.rand(4, 0, { requiresGrad: true }),
      torch.rand(4, 1, { requiresGrad: true }),
    ];
    const c = a.add(b);
    expect([...c.shape]).toEqual([4, 0]);
    c.sum().backward();
    close(b.grad, torch.zeros(4, 1));
    expect([...a.grad!.shape]).toEqual([4, 0]);
  });

  test("testTensorGradWarnings", () => {
    const told = vi.spyOn(console, "warn").mockImplementation(() => {});
    torch.setWarnAlways(true);
    const warns = (read: () => unknown): boolean => {
      told.mockClear();
      read();
      return told.mock.calls.some(([text]) =>
        /not a leaf.*retainGrad\(\).*leaf/.test(String(text)),
      );
    };
    try {
      const x = torch.ones(2, 3);
      expect(warns(() => x.grad)).toBe(false);
      x.requiresGrad = true;
      expect(warns(() => x.grad)).toBe(false);
      const y = x.clone();
      expect(warns(() => y.grad)).toBe(true);
      y.retainGrad();
      expect(warns(() => y.grad)).toBe(false);
      expect(warns(() => x.mul(2).detach().grad)).toBe(false);
      // Once for all, as a rule.
      torch.setWarnAlways(false);
      expect(warns(() => x.clone().grad)).toBe(false);
      expect(torch.isWarnAlwaysEnabled()).toBe(false);
    } finally {
      torch.setWarnAlways(false);
      told.mockRestore();
    }
  });

  test("testRetainGrad", () => {
    const input = torch.rand(1, 3, { requiresGrad: true });
    const h1 = input.mul(3);
    const out = h1.mul(h1).sum();
    h1.retainGrad();
    h1.retainGrad();
    out.backward({ retainGraph: true });
    close(h1.grad, h1.mul(2));
    out.backward({ retainGraph: true });
    close(h1.grad, h1.mul(4));
    input.grad!.zero_();
    input.retainGrad();
    input.retainGrad();
    out.backward();
    close(input.grad, input.mul(18));
    expect([input.retainsGrad, h1.retainsGrad]).toEqual([false, true]);
  });

  test("testRetainGradInplace", () => {
    const one = (): T => torch.tensor([1], { requiresGrad: true }).clone();
    const a = one();
    a.retainGrad();
    a.mul_(2);
    a.sum().backward();
    expect(list(a.grad)).toEqual([1]);
    const b = one();
    b.retainGrad();
    b.mul_(2);
    b.retainGrad();
    b.sum().backward();
    expect(list(b.grad)).toEqual([1]);
    // A hook stays with the value that it was registered on.
    const c = one();
    let hooked: unknown = null;
    c.registerHook((g) => {
      hooked = list(g);
      return g.mul(2);
    });
    c.retainGrad();
    c.mul_(3);
    c.registerHook((g) => g.mul(5));
    c.sum().backward();
    expect([list(c.grad), hooked]).toEqual([[5], [15]]);
  });

  test("testRetainGradInplaceOverView", () => {
    const base = torch.tensor([1], { requiresGrad: true }).clone();
    const [view, view2] = [base.viewAs(base), base.viewAs(base)];
    view.retainGrad();
    view2.retainGrad();
    view.mul_(2);
    view.add(view2).sum().backward();
    expect([list(view.grad), list(view2.grad)]).toEqual([[1], [1]]);
    const other = torch.tensor([1], { requiresGrad: true }).clone();
    const of = other.viewAs(other);
    of.retainGrad();
    other.mul_(2);
    of.mul(5).sum().backward();
    expect(list(of.grad)).toEqual([5]);
  });

  test("testRetainGradCycle", async () => {
    const x = torch.ones(5, 5, { requiresGrad: true });
    const make = (): [T, WeakRef<T>] => {
      const y = x.mul(2);
      y.retainGrad();
      return [y.div(2), new WeakRef(y)];
    };
    const [z, ref] = make();
    expect(await collected(ref)).toBe(true);
    z.sum().backward();
    close(x.grad, torch.ones(5, 5));
  });

  test("testRetainsGradCanAlwaysObserveTensorPrehook", () => {
    const a = torch.tensor(1, { requiresGrad: true });
    const b = a.clone();
    b.registerHook((g) => g.add(2));
    b.retainGrad();
    b.registerHook((g) => g.add(2));
    b.clone().backward();
    close(b.grad, 5);
    close(a.grad, 5);
  });

  test("testGradDtype", () => {
    const x = torch.tensor([1, 2], { requiresGrad: true });
    expect(x.gradDtype).toBe(torch.float32);
    expect(() => (x.grad = torch.ones(2, { dtype: torch.float64 }))).toThrow(/gradDtype/);
    x.gradDtype = torch.float64;
    x.mul(2).sum().backward();
    expect([list(x.grad), x.grad!.dtype]).toEqual([[2, 2], torch.float64]);
    x.mul(2).sum().backward();
    expect([list(x.grad), x.grad!.dtype]).toEqual([[4, 4], torch.float64]);
    expect(() => (x.gradDtype = torch.float32)).toThrow(/gradient of type float64 already/);
    x.gradDtype = null;
    expect(x.gradDtype).toBeNull();
    x.grad = torch.ones(2, { dtype: torch.bfloat16 });
    x.grad = null;
    x.mul(2).sum().backward();
    expect(x.grad!.dtype).toBe(torch.float32);
    const y = x.mul(2);
    expect(() => y.gradDtype).toThrow(/only leaves/);
    expect(() => (y.gradDtype = torch.float32)).toThrow(/only leaves/);
    expect(() => (x.gradDtype = 3 as never)).toThrow(torch.DTypeError);
  });

  test("testGradAssignment", () => {
    const x = torch.randn(5, 5);
    expect(() => (x.grad = torch.randn(2, 2))).toThrow(torch.ShapeError);
    expect(() => (x.grad = torch.randn(5, 5, { dtype: torch.float64 }))).toThrow(torch.DTypeError);
    expect(() => (x.grad = x)).toThrow(/own gradient/);
    expect(() => (x.grad = 0 as never)).toThrow(torch.AutogradError);
    expect(() => (x.grad = torch.empty([5, 5], { device: "meta" }))).toThrow(torch.AutogradError);
    const g = torch.randn(5, 5);
    x.grad = g;
    expect(x.grad).toBe(g);
    x.grad = null;
    expect(x.grad).toBeNull();
    // 0-dimensional, and of no elements.
    const y = torch.tensor(1);
    y.grad = torch.tensor(2);
    expect(list(y.grad)).toBe(2);
    const z = torch.zeros(0);
    z.grad = torch.zeros(0);
    expect([...z.grad.shape]).toEqual([0]);
  });

  test("testStridedLeafGradLayout", () => {
    const fill = (x: T): T => torch.noGrad(() => x.copy_(torch.randn(x.shape))).requiresGrad_();
    const of = (x: T, use: (x: T) => T): readonly number[] => {
      use(x).sum().backward();
      const strides = [...x.grad!.strides];
      x.grad = null;
      return strides;
    };
    // Without gaps or overlaps: the leaf's own strides.
    const turned = fill(torch.empty([3, 2]).t());
    expect(of(turned, (x) => x.mul(2))).toEqual([...turned.strides]);
    expect(of(turned, (x) => x.t().contiguous())).toEqual([...turned.strides]);
    turned.backward(torch.ones(2, 3));
    expect([...turned.grad!.strides]).toEqual([...turned.strides]);
    // With gaps: row-major.
    const gaps = fill(torch.empty([2, 4]).narrow(1, 0, 3));
    expect(of(gaps, (x) => x.mul(2))).toEqual([3, 1]);
    // A gradient in another layout is rewritten.
    const rows = fill(torch.empty([2, 3]));
    rows.backward(torch.ones(3, 2).t());
    expect([...rows.grad!.strides]).toEqual([3, 1]);
    rows.grad = null;
    rows.add(0).backward(torch.ones(3, 2).t());
    expect([...rows.grad!.strides]).toEqual([3, 1]);
  });

  test("testNoGradCopy", () => {
    // A gradient that nobody else holds becomes .grad itself.
    const passed: T[] = [];
    const x = torch.randn(5, 6, { requiresGrad: true });
    x.mul(2).sum().backward();
    const first = x.grad!;
    x.grad = null;
    x.mul(2).sum().backward();
    expect(shares(x.grad!, first)).toBe(false);
    // Held by a hook, it is copied.
    const handle = x.registerHook((g) => void passed.push(g));
    x.grad = null;
    x.mul(2).sum().backward();
    expect(shares(x.grad!, passed[0]!)).toBe(false);
    handle.remove();
    // Two leaves that get the same gradient do not share it, nor do they keep the caller's seed.
    const [a, b] = [torch.randn(5, { requiresGrad: true }), torch.randn(5, { requiresGrad: true })];
    const seed = torch.ones(5);
    a.add(b).backward(seed);
    expect([shares(a.grad!, b.grad!), shares(a.grad!, seed), shares(b.grad!, seed)]).toEqual([
      false,
      false,
      false,
    ]);
    // What a hook on a node kept is not written into by the next pass.
    const y = torch.ones(2, { requiresGrad: true });
    const kept: T[] = [];
    const run = (): void => {
      const z = y.mul(3);
      z.gradFn!.registerHook(([g]) => void kept.push(g!));
      z.sum().backward();
    };
    run();
    run();
    expect([kept.map(list), list(y.grad)]).toEqual([
      [
        [3, 3],
        [3, 3],
      ],
      [6, 6],
    ]);
  });

  test("testInputBufferAccum", () => {
    const x = leaf(2);
    // The same seed for several roots, and sums of gradients, leave the seed as it was.
    const seed = torch.ones(2, { dtype: torch.float64 });
    const before = seed.clone();
    torch.autograd.backward([x, x, x.mul(2)], [seed, seed, seed]);
    close(x.grad, torch.full([2], 4));
    close(seed, before);
    expect(seed.version).toBe(0);
    x.grad!.mul_(3);
    close(seed, before);
  });

  test("testBackwardCopy", () => {
    // Gradients that meet are summed into memory of their own.
    const [a, b] = [leaf(5, 5), leaf(5, 5)];
    const sum = a.add(b);
    const c = sum.add(a).add(sum);
    const g = random(5, 5);
    const copy = g.clone();
    c.backward(g);
    close(g, copy);
    close(a.grad, g.mul(3));
    close(b.grad, g.mul(2));
    // No gradient that fans out is changed by what happens on one of its ways.
    const [x, y] = [leaf(2), leaf(2)];
    const [u, v] = [x.add(0), y.add(0)];
    u.registerHook((h) => h.mul(2));
    u.add(v)
      .add(v)
      .backward(torch.ones(2, { dtype: torch.float64 }));
    expect([list(x.grad), list(y.grad)]).toEqual([
      [2, 2],
      [2, 2],
    ]);
  });

  test("testParameterResize", () => {
    const parameter = new torch.nn.Parameter(torch.ones(16, { dtype: torch.float64 }));
    for (let i = 0; i < 2; i++) {
      torch.noGrad(() => {
        parameter.set_(parameter.at("1:"));
        parameter.grad = null;
      });
      torch.cat([parameter, parameter]).sum().backward();
      close(parameter.grad, torch.full([15 - i], 2, { dtype: torch.float64 }));
    }
  });

  missing("testNoGradCopySparse", "there are no sparse tensors");
});
