// torch.func.jvp and linearize: nesting in any order, nested records, refusals, and what is left behind.
import * as torch from "flambeau";
import type { Tensor } from "flambeau";
import { describe, expect, it } from "vitest";

const { grad, jvp, linearize, vjp, vmap } = torch.func;
const { dualLevel, makeDual, unpackDual } = torch.autograd.forwardAd;
const number = (value: number): Tensor => torch.tensor(value, { dtype: torch.float64 });
const one = number(1);
const slopeOf = (f: (x: Tensor) => Tensor): ((x: Tensor) => Tensor) => {
  const gradient = grad(f);
  return (x) => gradient(x);
};
const along = (f: (x: Tensor) => Tensor): ((x: Tensor) => Tensor) => {
  return (x) => jvp(f, [x], [x.onesLike()])[1];
};

describe("jvp", () => {
  it("gives the value and the derivative in a direction", () => {
    const [y, dy] = jvp((x: Tensor) => x.sin(), [number(0.5)], [number(2)]);
    expect(y.item()).toBeCloseTo(Math.sin(0.5), 12);
    expect(dy.item()).toBeCloseTo(2 * Math.cos(0.5), 12);
    expect([y.requiresGrad, dy.requiresGrad]).toEqual([false, false]);
  });

  it("takes expanded tensors, whose tangents differ where the elements are one", () => {
    const rows = torch.ones(1, 2).expand(3, 2);
    const tangent = torch.arange(6, { dtype: torch.float32 }).reshape(3, 2);
    const doubled = tangent.mul(2);
    const square = (x: Tensor): Tensor => x.mul(x);
    expect(jvp(square, [rows], [tangent])[1].equal(doubled)).toBe(true);
    expect(jvp((x: Tensor) => square(x.t()), [rows], [tangent])[1].equal(doubled.t())).toBe(true);
    const mapped = jvp((x: Tensor) => vmap(square)(x), [rows], [tangent])[1];
    expect(mapped.equal(doubled)).toBe(true);
    dualLevel(() => {
      const dual = unpackDual(square(makeDual(rows, tangent)));
      expect(dual.tangent!.equal(doubled)).toBe(true);
    });
    expect(torch.func.hessian((x: Tensor) => square(x).sum())(rows).shape).toEqual([3, 2, 3, 2]);
  });

  it("keeps levels apart", () => {
    // d/dx (x d/dy (x y)) = d/dx x^2: the inner derivative must not see the outer one's tangent as its own.
    const f = along((x) => along((y) => x.mul(y))(one).mul(x));
    expect(f(number(3)).item()).toBe(6);
    // The same with the inner function constant in its own argument.
    expect(along((x) => along(() => x)(one).mul(x))(number(3)).item()).toBe(0);
    expect(along((x) => along((y) => y.mul(x).mul(y))(x))(number(3)).item()).toBe(12);
  });

  it("nests with grad in any order and to any depth", () => {
    const f = (x: Tensor): Tensor => x.pow(5);
    let orders: ((x: Tensor) => Tensor)[] = [f];
    for (let depth = 1; depth <= 4; depth++) {
      orders = orders.flatMap((g) => [along(g), slopeOf(g)]);
      const want = [1, 5 * 16, 20 * 8, 60 * 4, 120 * 2][depth]!;
      for (const g of orders) expect(g(number(2)).item()).toBeCloseTo(want, 9);
    }
  });

  it("works with vmap on both sides, and inside dualLevel", () => {
    const x = torch.tensor([1, 2, 3]);
    const cube = (t: Tensor): Tensor => t.pow(3);
    expect(vmap(along(cube))(x).tolist()).toEqual([3, 12, 27]);
    expect(along(vmap(cube))(x).tolist()).toEqual([3, 12, 27]);
    const basis = torch.eye(3);
    const rows = vmap((t: Tensor) => jvp(cube, [x], [t])[1])(basis);
    expect(rows.tolist()).toEqual([
      [3, 0, 0],
      [0, 12, 0],
      [0, 0, 27],
    ]);
    dualLevel(() => {
      const dual = makeDual(number(2), one);
      const slope = along(cube)(dual);
      expect(slope.item()).toBe(12);
      expect(unpackDual(slope).tangent!.item()).toBe(12);
    });
  });

  it("gives Hessian-vector products over a gradient, also over backward()", () => {
    const f = (x: Tensor): Tensor => x.mul(x).mul(x).sum().mul(x.select(0, 0));
    const x = torch.tensor([1, 2], { dtype: torch.float64 });
    const v = torch.tensor([1, -1], { dtype: torch.float64 });
    const [, over] = jvp(grad(f), [x], [v]);
    const [, product] = vjp(grad(f), x);
    expect(over.tolist()).toEqual(product(v)[0].tolist());
    const leaf = x.clone().requiresGrad_();
    dualLevel(() => {
      f(makeDual(leaf, v)).backward();
      expect(unpackDual(leaf.grad!).tangent!.tolist()).toEqual(over.tolist());
      f(makeDual(leaf, v)).backward();
      expect(unpackDual(leaf.grad!).tangent!.tolist()).toEqual(over.mul(2).tolist());
    });
    expect(dualLevel(() => unpackDual(leaf.grad!).tangent)).toBeNull();
  });

  it("differentiates by tangents as well", () => {
    const x = number(3);
    const t = number(2).requiresGrad_();
    const [, dy] = jvp((a: Tensor) => a.mul(a), [x], [t]);
    expect(torch.autograd.grad(dy, t)[0]!.item()).toBe(6);
    const p = number(5).requiresGrad_();
    const [y, slope] = jvp((a: Tensor) => a.mul(a).mul(p), [x], [one]);
    expect(torch.autograd.grad([y, slope], p)[0]!.item()).toBe(9 + 6);
  });

  it("takes nested records and several arguments", () => {
    const f = ({ a, b }: { a: Tensor; b: readonly Tensor[] }, c: Tensor) => ({
      sum: a.add(b[0]!).mul(c),
      rest: [b[1]!.mul(c), a],
    });
    const [out, tangent] = jvp(
      f,
      [{ a: number(1), b: [number(2), number(3)] }, number(4)],
      [{ a: one, b: [one, number(0)] }, number(10)],
    );
    expect([out.sum.item(), out.rest[0]!.item(), out.rest[1]!.item()]).toEqual([12, 12, 1]);
    expect([tangent.sum.item(), tangent.rest[0]!.item(), tangent.rest[1]!.item()]).toEqual([
      38, 30, 1,
    ]);
  });

  it("passes aux through, and gives zeros for constants unless it is strict", () => {
    const [y, dy, aux] = jvp((x: Tensor) => [x.mul(2), { kept: x.add(1) }] as const, [one], [one], {
      hasAux: true,
    });
    expect([y.item(), dy.item(), aux.kept.item()]).toEqual([2, 2, 2]);
    expect(jvp((_x: Tensor) => torch.ones(3), [one], [one])[1].tolist()).toEqual([0, 0, 0]);
    expect(jvp((x: Tensor) => x.gt(0), [one], [one])[1].item()).toBe(false);
    expect(() => jvp((_x: Tensor) => torch.ones(3), [one], [one], { strict: true })).toThrow(
      /must not be independent of the inputs/,
    );
  });

  it("leaves no tangents behind, whatever happens", () => {
    let captured: Tensor | null = null;
    const [y] = jvp((x: Tensor) => (captured = x.mul(2)), [one], [one]);
    expect(String(y)).not.toContain("tangent");
    expect(() =>
      jvp(
        (_x: Tensor) => {
          throw new Error("inside");
        },
        [one],
        [one],
      ),
    ).toThrow("inside");
    dualLevel(() => expect(unpackDual(captured!.mul(2)).tangent).toBeNull());
    const state = torch.zeros(1);
    jvp((x: Tensor) => state.add_(x).sum(), [one], [one]);
    dualLevel(() => expect(unpackDual(state.mul(2)).tangent).toBeNull());
  });

  it("works in inference mode and without recording", () => {
    for (const mode of [torch.noGrad, torch.inferenceMode])
      mode(() => {
        const x = torch.tensor([[0.5, 1]]);
        const f = (a: Tensor): Tensor => a.cumprod(1).logSoftmax(1).mm(a.t());
        const [y, dy] = jvp(f, [x], [torch.ones(1, 2)]);
        expect([y.requiresGrad, dy.requiresGrad]).toEqual([false, false]);
        expect(Number.isFinite(dy.item())).toBe(true);
        expect(dy.item()).not.toBe(0);
      });
  });

  it("refuses what does not fit", () => {
    const f = (x: Tensor): Tensor => x;
    const bad =
      (...args: readonly unknown[]) =>
      (): unknown =>
        (jvp as (...given: readonly unknown[]) => unknown)(...args);
    expect(bad(3, [one], [one])).toThrow(/expected a function/);
    expect(bad(f, one, one)).toThrow(/primals must be an array with one entry for each argument/);
    expect(bad(f, [], [])).toThrow(/at least one tensor/);
    expect(bad(f, [3], [3])).toThrow(/contain only tensors, but primals\[0\] is/);
    expect(bad(f, [one], [one, one])).toThrow(/nested alike/);
    expect(bad(f, [{ a: one }], [{ b: one }])).toThrow(/nested alike/);
    expect(bad(f, [torch.ones(2)], [torch.ones(3)])).toThrow(
      /forward gradient of a different size/,
    );
    expect(bad(f, [torch.tensor([1], { dtype: torch.int64 })], [one])).toThrow(torch.DTypeError);
    expect(bad(() => 3, [one], [one])).toThrow(/must return tensors/);
    expect(bad(f, [one], [one], { hasAux: true })).toThrow(/\[result, aux\]/);
    expect(bad(f, [one], [one], { nonsense: true })).toThrow(torch.ArgumentError);
  });
});

describe("linearize", () => {
  it("gives jvp's tangents from one evaluation", () => {
    let calls = 0;
    const f = (x: Tensor, { y }: { y: Tensor }): { a: Tensor; b: Tensor; c: Tensor } => {
      calls++;
      return { a: x.mul(y).sin(), b: x.sum(), c: torch.ones(1) };
    };
    const x = torch.randn(3, { dtype: torch.float64 });
    const y = torch.randn(3, { dtype: torch.float64 });
    const [out, push] = linearize(f, x, { y });
    for (let k = 0; k < 3; k++) {
      const t = torch.randn(3, { dtype: torch.float64 });
      const u = torch.randn(3, { dtype: torch.float64 });
      const [value, want] = jvp(f, [x, { y }], [t, { y: u }]);
      const got = push(t, { y: u });
      expect(out.a.tolist()).toEqual(value.a.tolist());
      for (const name of ["a", "b", "c"] as const)
        expect(torch.allclose(got[name], want[name])).toBe(true);
      expect(got.a.requiresGrad).toBe(false);
    }
    expect(calls).toBe(1 + 3);
  });

  it("differentiates again", () => {
    const slope = (x: Tensor): Tensor => linearize((y: Tensor) => y.pow(3), x)[1](one);
    expect(grad(slope)(number(2)).item()).toBe(12);
    expect(along(slope)(number(2)).item()).toBe(12);
    const t = number(2).requiresGrad_();
    const [, push] = linearize((y: Tensor) => y.pow(3), number(2));
    expect(torch.autograd.grad(push(t), t)[0]!.item()).toBe(12);
  });

  it("refuses tangents that do not fit", () => {
    const [, push] = linearize((x: Tensor) => x.sin(), torch.ones(2));
    expect(() => push(torch.ones(3))).toThrow(torch.ShapeError);
    expect(() => push(torch.ones(2, { dtype: torch.float64 }))).toThrow(torch.DTypeError);
    expect(() => (push as (...t: Tensor[]) => Tensor)(torch.ones(2), torch.ones(2))).toThrow(
      /nested as the primals/,
    );
  });
});
