// Custom functions that return views, or change views in place, and layouts changed in place, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

const { Function, gradcheck, gradgradcheck } = torch.autograd;
type T = torch.Tensor;
type One = torch.autograd.FunctionContext<object, [T]>;
type Indexed = torch.autograd.FunctionContext<{ index: number }, [T]>;
type Sized = torch.autograd.FunctionContext<{ narrowed: boolean; size: readonly number[] }, []>;
const double = (...size: number[]): T =>
  torch.randn(size, { dtype: torch.float64, requiresGrad: true });

const several = /one of several views that \w+ returned/;
const byCustom = /view was made by the custom function \w+.*clone\(\)/;
const outsideNoGrad = /view was made by \w+ inside noGrad and is changed in place outside/;

/** A gradient of the first elements as one of all of them. */
function widened(ctx: Sized, g: T): T {
  if (!ctx.narrowed) return g;
  const whole = g.newZeros(ctx.size);
  whole.narrow(0, 0, 2).copy_(g);
  return whole;
}

function part(ctx: Sized, x: T, narrowed: boolean): T {
  ctx.narrowed = narrowed;
  ctx.size = x.shape;
  return narrowed ? x.narrow(0, 0, 2) : x.clone();
}

let called = 0;

class OneOutput extends Function {
  static forward(ctx: Sized, a: T, _b: T, narrowed: boolean): T {
    return part(ctx, a, narrowed);
  }
  static backward(ctx: Sized, g: T): (T | null)[] {
    called++;
    return [widened(ctx, g), null, null];
  }
}

class TwoOutputs extends Function {
  static forward(ctx: Sized, a: T, b: T, narrowed: boolean): T[] {
    const x = part(ctx, a, narrowed);
    const sum = part(ctx, a, narrowed).add(part(ctx, b, narrowed));
    return [x, sum];
  }
  static backward(ctx: Sized, g: T, h: T): (T | null)[] {
    called++;
    return [widened(ctx, g.add(h)), widened(ctx, h), null];
  }
}

class ViewOfCopy extends Function {
  static forward(ctx: Sized, a: T, _b: T, narrowed: boolean): T {
    return part(ctx, a, narrowed).clone().select(0, 0);
  }
  static backward(ctx: Sized, g: T): (T | null)[] {
    called++;
    const whole = g.newZeros(ctx.size);
    whole.select(0, 0).copy_(g);
    return [whole, null, null];
  }
}

describe("T9 views and custom functions", () => {
  test("testInplaceOnViewPython", () => {
    class Add extends Function {
      static forward(ctx: One, x: T, y: T): T {
        ctx.markDirty(x);
        return x.add_(y);
      }
      static backward(_ctx: One, g: T): T[] {
        return [g, g];
      }
    }
    const [a, b] = [double(4, 4), double(2, 2)];
    const changed = (root: T, by: T): T => {
      const x = root.clone();
      Add.apply(x.narrow(1, 2, 2).narrow(0, 1, 2), by);
      Add.apply(x.narrow(1, 0, 2).narrow(0, 1, 2), by);
      return x;
    };
    expect(gradcheck(changed, [a, b])).toBe(true);
    expect(gradgradcheck(changed, [a, b], [double(4, 4)])).toBe(true);
  });

  test("testInplaceOnViewUndefinedGradOutput", () => {
    class Doubled extends Function {
      static forward(ctx: One, x: T, _other: T): T {
        ctx.markDirty(x);
        return x.mul_(2);
      }
      static backward(_ctx: One, g: T): (T | null)[] {
        return [g.mul(2), null];
      }
    }
    const a = torch.tensor([1], { requiresGrad: true });
    const b = torch.tensor(1, { requiresGrad: true });
    const v = a.clone().at(":");
    Doubled.apply(v, b).backward();
    expect(b.grad).toBe(null);
    expect(a.grad!.item()).toBe(2);
  });

  test("testAutogradSimpleViewsPython", () => {
    const cases: readonly [
      (a: T, b: T, narrowed: boolean) => readonly T[],
      RegExp,
      (narrowed: boolean) => boolean,
    ][] = [
      [(a, b, n) => [OneOutput.apply(a, b, n)], byCustom, (narrowed) => narrowed],
      [(a, b, n) => TwoOutputs.apply(a, b, n), several, (narrowed) => narrowed],
      [(a, b, n) => [ViewOfCopy.apply(a, b, n)], byCustom, () => true],
    ];
    for (const [make, refusal, isView] of cases)
      for (const inPlace of [true, false])
        for (const narrowed of [true, false]) {
          const run = (a: T, b: T): T => {
            const results = make(a.clone(), b.clone(), narrowed);
            const moved = results.map((result) => (inPlace ? result.add_(3) : result.add(3)));
            return moved.reduce((product, result) => product.mul(result)).sum();
          };
          const [a, b] = [double(2), double(2)];
          const refused = inPlace && isView(narrowed);
          called = 0;
          if (refused) {
            expect(() => run(a, b)).toThrow(refusal);
            expect(called).toBe(0);
            continue;
          }
          run(a, b).abs().backward();
          expect(called).toBe(1);
          expect(gradcheck(run, [a, b], { raiseException: true })).toBe(true);
        }
  });

  test("testAutogradMultipleViewsPython", () => {
    let runs = 0;
    class TwoViews extends Function {
      static forward(ctx: Indexed, a: T, index: number): T {
        ctx.saveForBackward(a);
        ctx.index = index;
        return a.narrow(0, index, 1).select(0, 0);
      }
      static backward(ctx: Indexed, g: T): (T | null)[] {
        runs++;
        const [a] = ctx.savedTensors;
        return [torch.zerosLike(a).setAt_(ctx.index, g), null];
      }
    }
    const a = torch.ones(2, { requiresGrad: true });
    TwoViews.apply(a, 1).sum().backward();
    expect(runs).toBe(1);
    expect(a.grad!.tolist()).toEqual([0, 1]);
    expect(() => TwoViews.apply(a.clone(), 1).add_(1)).toThrow(byCustom);
  });

  test("testAutogradInplaceViewsCreationMeta", () => {
    class Viewed extends Function {
      static forward(_ctx: One, x: T): T {
        return x.viewAs(x);
      }
      static backward(_ctx: One, g: T): T {
        return g;
      }
    }
    const makers: readonly [(base: T) => T, RegExp | null][] = [
      [(base) => base.viewAs(base), null],
      [(base) => base.unbind()[0]!, several],
      [(base) => Viewed.apply(base), byCustom],
    ];
    const layouts: readonly ((v: T) => T)[] = [
      (v) => v.asStrided_([1, 0], [2, 2]),
      (v) => v.transpose_(0, 0),
      (v) => v.t_(),
      (v) => v.squeeze_(0),
      (v) => v.unsqueeze_(0),
      (v) => v.swapdims_(0, 0),
      (v) => v.swapaxes_(0, 0),
    ];
    const both = [true, false];
    for (const layout of layouts)
      for (const [make, own] of makers)
        for (const making of both)
          for (const laying of both)
            for (const requiresGrad of both) {
              const base = torch.rand(2, 3, { requiresGrad }).clone();
              const v = torch.setGradEnabled(making, () => make(base));
              const refusal = !requiresGrad ? null : making ? own : outsideNoGrad;
              const lay = (): T => torch.setGradEnabled(laying, () => layout(v));
              if (laying && refusal !== null) {
                expect(lay).toThrow(refusal);
                continue;
              }
              lay();
              if (refusal !== null) expect(() => v.add_(1)).toThrow(refusal);
              else v.add_(1);
            }
  });
});

describe("a view laid out anew where nothing is recorded", () => {
  test("gets its gradient from its base", () => {
    const root = torch.arange(6, { dtype: torch.float32, requiresGrad: true });
    const v = root.clone().view(2, 3);
    torch.noGrad(() => v.t_());
    const seed = torch.arange(6).view(3, 2).float();
    v.backward(seed);
    expect(root.grad!.view(2, 3).tolist()).toEqual(seed.t().tolist());
  });
});
