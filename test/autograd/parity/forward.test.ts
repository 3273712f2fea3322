// Dual tensors: making and taking apart, levels, layouts, views and in-place changes.
import * as torch from "flambeau";
import type { Tensor } from "flambeau";
import { describe, expect, test } from "vitest";
import { collected } from "./collected.ts";
import { missing } from "./parity.ts";

const { forwardAd } = torch.autograd;
const { dualLevel, makeDual, unpackDual } = forwardAd;
const list = (t: Tensor | null): unknown => t?.tolist() ?? null;
const tangentOf = (t: Tensor): unknown => list(unpackDual(t).tangent);

describe("T19 forward-mode AD: levels and packing", () => {
  test("testForwardLevelCleanup", async () => {
    const foo = torch.rand(2);
    const [dual, reference] = ((): [Tensor, WeakRef<Tensor>] => {
      const t = torch.rand(2, { requiresGrad: true });
      return dualLevel(() => [makeDual(foo, t), new WeakRef(t)]);
    })();
    expect(await collected(reference)).toBe(true);
    expect(dual.shape).toEqual([2]);
  });

  test("testSizeCheck", () => {
    const foo = torch.rand(2);
    const tangent = torch.rand(3);
    dualLevel(() => {
      expect(() => makeDual(foo, tangent)).toThrow(torch.ShapeError);
      expect(() => makeDual(foo, tangent)).toThrow(/set a forward gradient of a different size/);
      expect(tangentOf(makeDual(foo, tangent.narrow(0, 1, 2)))).toEqual(
        list(tangent.narrow(0, 1, 2)),
      );
    });
  });

  test("testDefaultLevel", () => {
    const foo = torch.rand(2);
    const bar = torch.rand(2);
    const baz = dualLevel(() => {
      const dual = makeDual(foo, bar);
      const { primal, tangent } = unpackDual(dual);
      expect(list(primal)).toEqual(list(foo));
      // The tangent itself comes back, not a copy.
      expect(tangent).toBe(bar);
      return dual;
    });
    const { primal, tangent } = unpackDual(baz);
    expect(list(primal)).toEqual(list(foo));
    expect(tangent).toBeNull();
  });

  test("testFwdGradEnabled", () => {
    expect(forwardAd.isFwdGradEnabled()).toBe(true);
    try {
      forwardAd.setFwdGradEnabled(false);
      expect(forwardAd.isFwdGradEnabled()).toBe(false);
    } finally {
      forwardAd.setFwdGradEnabled(true);
    }
    expect(forwardAd.isFwdGradEnabled()).toBe(true);
  });

  test("testSetFwdGradEnabled", () => {
    try {
      forwardAd.setFwdGradEnabled(false);
      expect(forwardAd.isFwdGradEnabled()).toBe(false);
      forwardAd.setFwdGradEnabled(true, () => expect(forwardAd.isFwdGradEnabled()).toBe(true));
      expect(forwardAd.isFwdGradEnabled()).toBe(false);
      dualLevel(() => {
        const dual = makeDual(torch.ones(2), torch.ones(2));
        expect(tangentOf(dual.mul(2))).toBeNull();
        forwardAd.setFwdGradEnabled(true, () => expect(tangentOf(dual.mul(2))).toEqual([2, 2]));
      });
    } finally {
      forwardAd.setFwdGradEnabled(true);
    }
  });

  test("testNestedLevel", () => {
    expect(forwardAd.enterDualLevel()).toBe(0);
    forwardAd.exitDualLevel();
    dualLevel(() => {
      expect(() => forwardAd.enterDualLevel()).toThrow(/nested forward mode AD is not supported/);
      expect(() => dualLevel(() => 1)).toThrow(torch.AutogradError);
    });
    expect(() => forwardAd.exitDualLevel()).toThrow(torch.AutogradError);
    expect(() => makeDual(torch.ones(1), torch.ones(1))).toThrow(/no level exists/);
  });

  test("testSetFwGradHavingOwnFwGradAtSameLevel", () => {
    const [foo, bar, baz] = [torch.rand(2), torch.rand(2), torch.rand(2)];
    dualLevel(() => {
      const dual = makeDual(foo, bar);
      expect(() => makeDual(baz, dual)).toThrow(/has a forward gradient at the same level/);
      expect(() => makeDual(dual, baz)).toThrow(/has a forward gradient at the same level/);
    });
  });

  test("testMakeDualInferenceTensorInInferenceMode", () => {
    torch.inferenceMode(() => {
      const foo = torch.rand(2);
      const bar = torch.rand(2);
      const before = list(foo);
      dualLevel(() => {
        const dual = makeDual(foo, bar);
        expect(dual.isView()).toBe(false);
        dual.add_(1);
        expect(list(foo)).not.toEqual(before);
      });
    });
  });

  test("testMakeDualForbidIntegralDtype", () => {
    const integers = torch.ones(2, { dtype: torch.int64 });
    const floats = torch.ones(2);
    dualLevel(() => {
      expect(() => makeDual(integers, floats)).toThrow(/expected the primal to be floating point/);
      expect(() => makeDual(integers, integers)).toThrow(
        /expected the primal to be floating point/,
      );
      expect(() => makeDual(floats, integers)).toThrow(/expected the tangent to be floating point/);
      expect(() => makeDual(floats, integers)).toThrow(torch.DTypeError);
    });
  });

  test("testPrint", () => {
    dualLevel(() => {
      const a = torch.rand(3);
      expect(String(a)).not.toContain("tangent=");
      const b = makeDual(a, torch.tensor([1, 2, 3]));
      expect(String(a)).not.toContain("tangent=");
      expect(String(b)).toContain("tangent=tensor([1., 2., 3.])");
      const { primal, tangent } = unpackDual(b);
      expect(String(primal)).not.toContain("tangent=");
      expect(String(tangent)).not.toContain("tangent=");
    });
  });

  test("testBasicPackingUnpacking", () => {
    const foo = torch.rand(2);
    const bar = torch.rand(2);
    dualLevel(() => {
      const baz = makeDual(foo, bar);
      const [primal, tangent] = unpackDual(baz);
      expect(list(primal!)).toEqual(list(foo));
      expect(tangent).toBe(bar);
      // A new view each time, but the tangent itself.
      expect(unpackDual(baz).primal === primal).toBe(false);
      expect(list(unpackDual(baz).primal)).toEqual(list(foo));
      expect(unpackDual(baz).tangent).toBe(bar);
      expect(list(unpackDual(foo).primal)).toEqual(list(foo));
      expect(unpackDual(foo).tangent).toBeNull();
    });
  });

  test("testAdvancedPackingUnpacking", () => {
    const foo = torch.rand(2);
    const bar = torch.ones(2);
    dualLevel(() => {
      const dual = makeDual(foo, bar);
      expect(dual.storage).toBe(foo.storage);
      expect(dual.version).toBe(foo.version);
      foo.add_(1);
      expect(dual.version).toBe(foo.version);
      const { primal, tangent } = unpackDual(dual);
      expect(primal.storage).toBe(foo.storage);
      expect(tangent).toBe(bar);
      foo.add_(1);
      expect(primal.version).toBe(foo.version);
      bar.add_(1);
      expect(tangent!.version).toBe(bar.version);
    });
    dualLevel(() => {
      foo.requiresGrad_();
      bar.requiresGrad_();
      const dual = makeDual(foo, bar);
      const { primal, tangent } = unpackDual(dual);
      const of = (y: Tensor): unknown[] =>
        [...torch.autograd.grad(y.sum(), [foo, bar], { retainGraph: true, allowUnused: true })].map(
          list,
        );
      expect(of(primal)).toEqual([[1, 1], null]);
      expect(of(tangent!)).toEqual([null, [1, 1]]);
      // detach leaves both modes, noGrad only the backward one.
      const detached = unpackDual(dual.detach().mul(2));
      expect(detached.primal.requiresGrad).toBe(false);
      expect(detached.tangent).toBeNull();
      const apart = unpackDual(torch.noGrad(() => dual.mul(3)));
      expect(apart.primal.requiresGrad).toBe(false);
      expect(apart.tangent!.requiresGrad).toBe(false);
      expect(list(apart.primal)).toEqual(list(foo.detach().mul(3)));
      expect(list(apart.tangent)).toEqual(list(bar.detach().mul(3)));
      const copy = dual.clone();
      copy.detach_();
      expect(unpackDual(copy).tangent).toBeNull();
    });
  });

  test("testGradCleanup", () => {
    const [foo, bar, baz] = [torch.rand(2), torch.rand(2), torch.rand(2)];
    const dual = dualLevel(() => {
      const made = makeDual(foo, bar);
      expect(unpackDual(foo).tangent).toBeNull();
      expect(unpackDual(made).tangent).toBe(bar);
      return made;
    });
    expect(unpackDual(dual).tangent).toBeNull();
    dualLevel(() => {
      expect(unpackDual(foo).tangent).toBeNull();
      const next = makeDual(foo, baz);
      expect(list(unpackDual(dual).primal)).toEqual(list(unpackDual(next).primal));
      expect(unpackDual(dual).tangent).toBeNull();
      expect(unpackDual(next).tangent).toBe(baz);
    });
  });

  test("testDetachViewTracking", async () => {
    const [out, reference] = ((): [Tensor, WeakRef<Tensor>] => {
      const foo = torch.rand(2);
      return [foo.detach(), new WeakRef(foo)];
    })();
    expect(await collected(reference)).toBe(true);
    expect(out.shape).toEqual([2]);
  });

  test("testBackwardGraphDestruction", async () => {
    const reference = dualLevel(() => {
      const a = torch.rand(10, { requiresGrad: true });
      const dual = makeDual(torch.randLike(a), a);
      // The tangent's graph keeps the tensor that keeps the tangent.
      return new WeakRef(dual.exp());
    });
    expect(await collected(reference)).toBe(true);
  });
});

describe("T19 forward-mode AD: layouts", () => {
  test("testMetadataCheckChecksStorageNumel", () => {
    const primal = torch.randn(5).narrow(0, 0, 4).detach();
    const tangent = torch.randn(4);
    dualLevel(() => {
      const dual = makeDual(primal, tangent);
      const before = list(tangent);
      unpackDual(dual).tangent!.mul_(2);
      expect(list(tangent)).toEqual(before);
      // The whole memory has a tangent, so that any view of it has.
      expect(dual.asStrided([5], [1], 0).shape).toEqual([5]);
      expect(unpackDual(dual.asStrided([5], [1], 0)).tangent!.shape).toEqual([5]);
    });
  });

  test("testMetadataCheckChecksIgnoresSizeZero", () => {
    const a = torch.ones(0).asStrided([0, 1], [1, 1], 0);
    const b = torch.ones(0).asStrided([0, 1], [1, 0], 0);
    dualLevel(() => {
      const dual = makeDual(a, b);
      expect(unpackDual(dual).tangent).toBe(b);
      expect(unpackDual(dual.diagonal(0)).tangent!.shape).toEqual([0]);
    });
  });

  test("testMetadataCheckIgnoreStorageOffsetForZeroNumelTensor", () => {
    const a = torch.tensor([1]).asStrided([0], [1], 1);
    const b = torch.tensor([1]).asStrided([0], [1], 2);
    dualLevel(() => expect(unpackDual(makeDual(a, b)).tangent).toBe(b));
  });

  missing("testMetadataCheckWhenPrimalHasConjBit", "there are no complex tensors");
  missing("testMetadataCheckWhenPrimalHasNegBit", "there are no complex tensors");
  missing("testMetadataCheckCheckConj", "there are no complex tensors");
});

describe("T19 forward-mode AD: views and in-place changes", () => {
  test("testViewInplaceNonDifferentiableViews", () => {
    const foo = torch.rand(2, { dtype: torch.float64 });
    const bar = torch.ones(2, { dtype: torch.float64 });
    const [a, b] = foo.tolist() as number[];
    dualLevel(() => {
      const dual = makeDual(foo, bar);
      dual.mul_(2);
      expect(unpackDual(foo).tangent).toBeNull();
      expect(list(bar)).toEqual([2, 2]);
      expect(tangentOf(dual)).toEqual([2, 2]);
      expect(list(foo)).toEqual([a! * 2, b! * 2]);
      const { primal, tangent } = unpackDual(dual);
      expect(unpackDual(primal).tangent).toBeNull();
      expect(unpackDual(tangent!).tangent).toBeNull();
      primal.mul_(2);
      expect(list(unpackDual(dual).primal)).toEqual([a! * 4, b! * 4]);
      expect(tangentOf(dual)).toEqual([2, 2]);
      tangent!.mul_(2);
      expect(list(unpackDual(dual).primal)).toEqual([a! * 4, b! * 4]);
      expect(tangentOf(dual)).toEqual([4, 4]);
    });
  });

  test("testViewInplaceDifferentiableViews", () => {
    const foo = torch.rand(2, { dtype: torch.float64 });
    dualLevel(() => {
      const dual = makeDual(foo, torch.ones(2, { dtype: torch.float64 }));
      const view = dual.narrow(0, 0, 1);
      view.mul_(2);
      expect(unpackDual(foo).tangent).toBeNull();
      expect(tangentOf(dual)).toEqual([2, 1]);
      expect(tangentOf(view)).toEqual([2]);
      // What was not dual becomes so.
      const whole = torch.rand(2, { dtype: torch.float64 });
      whole.add_(dual);
      expect(tangentOf(whole)).toEqual([2, 1]);
      const part = torch.rand(2, { dtype: torch.float64 });
      part.select(0, 0).copy_(dual.select(0, 0));
      // Where nothing was written the tangent is zero.
      expect(tangentOf(part)).toEqual([2, 0]);
      const base = torch.rand(2, { dtype: torch.float64 });
      base.detach().add_(dual);
      expect(unpackDual(base).tangent).toBeNull();
    });
  });

  test("testViewInplaceAlwaysCreatesAView", () => {
    for (const change of ["add_", "mul_", "copy_"] as const) {
      const base = torch.randn(2, 2);
      const view = base.transpose(0, 1);
      dualLevel(() => {
        view[change](makeDual(torch.randn(2, 2), torch.randn(2, 2)));
        const before = unpackDual(base);
        const doubled = [list(before.primal.mul(2)), list(before.tangent!.mul(2))];
        view.mul_(2);
        const { primal, tangent } = unpackDual(base);
        expect([list(primal), list(tangent)]).toEqual(doubled);
      });
    }
  });

  missing("testOutVariant", "no operation writes into a tensor given as `out`");

  test("testNonDifferentiable", () => {
    dualLevel(() => {
      const foo = makeDual(torch.rand(2), torch.rand(2));
      const bar = torch.rand(2);
      expect(unpackDual(foo.eq(bar)).tangent).toBeNull();
      // Written into foo, the result has no derivative either.
      foo.copy_(foo.eq(bar));
      expect(tangentOf(foo)).toEqual([0, 0]);
    });
  });

  test("testCopyForwardAdBroadcasting", () => {
    dualLevel(() => {
      const tangent = torch.rand(3, 3);
      const target = torch.rand(1, 3, 3);
      target.copy_(makeDual(torch.rand(3, 3), tangent));
      expect(tangentOf(target)).toEqual([list(tangent)]);
    });
  });

  test("testCopyForwardAdSameLayoutCopiesGrad", () => {
    const tangent = torch.tensor([[5], [6]]);
    dualLevel(() => {
      const target = torch.tensor([[1], [2]]);
      target.copy_(makeDual(torch.tensor([[3], [4]]), tangent));
      expect(tangentOf(target)).toEqual([[5], [6]]);
      expect(unpackDual(target).tangent === tangent).toBe(false);
      target.mul_(2);
      expect(list(tangent)).toEqual([[5], [6]]);
    });
  });

  test("testNotImplementedFwad", () => {
    dualLevel(() => {
      const dual = makeDual(torch.randn(3), torch.rand(3));
      expect(() => torch.heaviside(dual, dual)).toThrow(
        /heaviside: trying to use forward AD with .* that does not support it/,
      );
      expect(() => torch.heaviside(dual, dual)).toThrow(torch.AutogradError);
    });
  });
});

describe("T19 forward-mode AD: inside vmap", () => {
  const overTangents = (tangents: Tensor, jvp: (tangent: Tensor) => Tensor): Tensor =>
    torch.vmap(jvp)(tangents);

  test("testOutOfPlaceBasic", () => {
    const a = torch.rand(4, 4, { dtype: torch.float64 });
    const b = torch.rand(4, 4, { dtype: torch.float64 });
    const tangents = torch.randn(3, 4, 4, { dtype: torch.float64 });
    for (const compute of [
      (x: Tensor) => x.sin(),
      (x: Tensor) => x.add(b),
      (x: Tensor) => b.mul(x),
    ]) {
      const push = (t: Tensor): Tensor =>
        dualLevel(() => unpackDual(compute(makeDual(a, t))).tangent!);
      const mapped = overTangents(tangents, push);
      expect(list(mapped)).toEqual(tangents.unbind(0).map((t) => list(push(t))));
    }
  });

  test("testOutOfPlaceNotSameLayout", () => {
    const input = torch.zeros(2, 2).transpose(0, 1);
    const tangents = torch.randn(2, 2, 2);
    const found = overTangents(tangents, (t) =>
      dualLevel(() => {
        const { tangent } = unpackDual(makeDual(input, t));
        expect(tangent === t).toBe(false);
        expect(tangent!.stride()).toEqual(input.stride());
        return tangent!;
      }),
    );
    expect(list(found)).toEqual(list(tangents));
  });

  test("testInplaceOnViewSameLayout", () => {
    const input = torch.zeros(2, 2);
    const base = torch.zeros(2, 2);
    const view = base.viewAs(base);
    const tangents = torch.randn(2, 2, 2);
    const found = overTangents(tangents, (t) =>
      dualLevel(() => {
        const x = makeDual(input, t);
        expect(unpackDual(x).tangent).toBe(t);
        view.copy_(x);
        expect(unpackDual(view).tangent!.storage).toBe(unpackDual(base).tangent!.storage);
        return unpackDual(base).tangent!.add(0);
      }),
    );
    expect(list(found)).toEqual(list(tangents));
  });

  test("testInplaceOnViewNotSameLayout", () => {
    const input = torch.zeros(2, 2);
    const base = torch.zeros(2, 2);
    const view = base.transpose(0, 1);
    const tangents = torch.randn(2, 2, 2);
    const found = overTangents(tangents, (t) =>
      dualLevel(() => {
        const x = makeDual(input, t);
        view.copy_(x);
        expect(unpackDual(view).tangent!.base).toBe(unpackDual(base).tangent);
        expect(unpackDual(x).tangent).toBe(t);
        return unpackDual(base).tangent!.add(0);
      }),
    );
    expect(list(found)).toEqual(list(tangents.transpose(1, 2)));
  });

  test("testMetadataCheckForStorageNumelSkipped", () => {
    const primal = torch.randn(5).narrow(0, 0, 4).detach();
    const tangents = torch.randn(10, 4);
    const found = overTangents(tangents, (t) =>
      dualLevel(() => {
        const dual = makeDual(primal, t);
        // No copy is made, and so there is no tangent beyond the elements that the primal shows.
        expect(unpackDual(dual).tangent).toBe(t);
        expect(() => dual.asStrided([5], [1], 0)).toThrow(torch.ShapeError);
        return unpackDual(dual).tangent!;
      }),
    );
    expect(list(found)).toEqual(list(tangents));
  });
});
