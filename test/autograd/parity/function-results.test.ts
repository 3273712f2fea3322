// PyTorch's tests of custom functions: what they return, what they save, what they mark.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

type Tensor = torch.Tensor;
type Ctx = torch.autograd.FunctionContext<object, (Tensor | null)[]>;
const { Function, grad, gradcheck, gradgradcheck } = torch.autograd;

const leaf = (...sizes: number[]): Tensor =>
  torch.randn(sizes, { dtype: torch.float64 }).requiresGrad_();
const close = (a: Tensor | null | undefined, b: Tensor): void =>
  expect(torch.allclose(a!, b)).toBe(true);

describe("T12 custom Function", () => {
  test("testMarkNonDifferentiable", () => {
    class MyFunction extends Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        const output = x.gt(0);
        ctx.markNonDifferentiable(output);
        return output;
      }
      static backward(_ctx: Ctx, g: Tensor): Tensor {
        return g.mul(0);
      }
    }
    const x = leaf(5, 5);
    const mask = MyFunction.apply(x);
    expect(mask.requiresGrad).toBe(false);
    x.maskedFill(mask, 0).sum().backward();
    close(x.grad, x.le(0).to(torch.float64));
  });

  test("testMarkNonDifferentiableMixed", () => {
    let seen: Tensor[] = [];
    class MyFunction extends Function {
      static forward(ctx: Ctx, x: Tensor) {
        const [a, b] = [x.add(1), x.add(2)] as const;
        ctx.markNonDifferentiable(a);
        return [a, b] as const;
      }
      static backward(_ctx: Ctx, ga: Tensor, gb: Tensor): Tensor {
        seen = [ga, gb];
        return gb;
      }
    }
    const x = leaf(5, 5);
    const [a, b] = MyFunction.apply(x);
    expect([a.requiresGrad, b.requiresGrad]).toEqual([false, true]);
    b.sum().backward();
    expect([seen[0]!.sum().item(), seen[1]!.sum().item()]).toEqual([0, 25]);
    close(x.grad, torch.ones([5, 5], { dtype: torch.float64 }));
  });

  test("testMarkNonDifferentiableNone", () => {
    class MyFunction extends Function {
      static forward(ctx: Ctx, input: Tensor): Tensor {
        const output = input.clone();
        ctx.markNonDifferentiable(output);
        return output;
      }
      static backward(): null {
        return null;
      }
    }
    const x = leaf(5, 5);
    const r = MyFunction.apply(x.mul(x));
    expect(r.requiresGrad).toBe(false);
    r.mul(x).sum().backward();
    close(x.grad, r);
  });

  test("testReturnDuplicate", () => {
    class DoubleDuplicate extends Function {
      static forward(_ctx: Ctx, x: Tensor) {
        const output = x.mul(2);
        return [output, output] as const;
      }
      static backward(_ctx: Ctx, g: Tensor, h: Tensor): Tensor {
        return g.mul(2).add(h.mul(2));
      }
    }
    const fn = (x: Tensor): Tensor => {
      const [a, b] = DoubleDuplicate.apply(x);
      expect(a).toBe(b);
      return a.add(b);
    };
    const x = leaf(5, 5);
    expect(gradcheck(fn, x)).toBe(true);
    expect(gradgradcheck(fn, x)).toBe(true);
  });

  class DoubleInplace extends Function {
    static forward(ctx: Ctx, x: Tensor) {
      x.mul_(2);
      ctx.markDirty(x);
      return [x, x] as const;
    }
    static backward(_ctx: Ctx, g: Tensor, h: Tensor): Tensor {
      return g.mul(2).add(h.mul(2));
    }
  }

  test("testReturnDuplicateInplace", () => {
    const fn = (x: Tensor): Tensor => {
      const [a, b] = DoubleInplace.apply(x.clone());
      expect(a).toBe(b);
      return a.add(b);
    };
    const x = leaf(5, 5);
    expect(gradcheck(fn, x)).toBe(true);
    expect(gradgradcheck(fn, x)).toBe(true);
    expect(() => DoubleInplace.apply(x)).toThrow("leaf that requires grad");
    expect(() => DoubleInplace.apply(x.clone().at(0))).toThrow("cannot return more than one");
  });

  class Identity extends Function {
    static forward(_ctx: Ctx, a: Tensor, b: Tensor) {
      return [a, a.add(b)] as const;
    }
    static backward(_ctx: Ctx, ga: Tensor, gab: Tensor): Tensor[] {
      return [ga.add(gab), gab];
    }
  }

  test("testReturnLeaf", () => {
    const [x, y] = [leaf(5, 5), leaf(5, 5)];
    const [q, p] = Identity.apply(x, y);
    let hooked = false;
    q.registerHook(() => void (hooked = true));
    q.add(p).add(x).sum().backward();
    close(x.grad, torch.full([5, 5], 3, { dtype: torch.float64 }));
    close(y.grad, torch.ones([5, 5], { dtype: torch.float64 }));
    expect(hooked).toBe(true);
  });

  test("testReturnLeafInplace", () => {
    class Inplace extends Function {
      static forward(ctx: Ctx, a: Tensor, b: Tensor) {
        ctx.markDirty(a);
        return [a.add_(b), b.add(2)] as const;
      }
      static backward(_ctx: Ctx, ga: Tensor, gb: Tensor): Tensor[] {
        return [ga, ga.add(gb)];
      }
    }
    const x = torch.randn([5, 5], { dtype: torch.float64 });
    const y = leaf(5, 5);
    const [q, p] = Inplace.apply(x, y);
    expect(q).toBe(x);
    expect([q.requiresGrad, p.requiresGrad]).toEqual([true, true]);
    q.sum().backward();
    close(y.grad, torch.ones([5, 5], { dtype: torch.float64 }));
  });

  test("testSaveNoneForBackward", () => {
    class MyFn extends Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        ctx.saveForBackward(null, x, null);
        return x.mul(x);
      }
      static backward(ctx: Ctx, g: Tensor): Tensor {
        const [a, x, b] = ctx.savedTensors;
        expect([a, b]).toEqual([null, null]);
        return g.mul(2).mul(x!);
      }
    }
    const x = leaf(5, 5);
    MyFn.apply(x).sum().backward();
    close(x.grad, x.mul(2));
    expect(() => {
      class Wrong extends Function {
        static forward(ctx: Ctx, t: Tensor): Tensor {
          ctx.saveForBackward(1 as never);
          return t.clone();
        }
      }
      Wrong.apply(x);
    }).toThrow("argument 0 is 1");
  });

  test("testDepNograd", () => {
    class F1 extends Function {
      static forward(ctx: Ctx, input: Tensor) {
        const out = torch.randn(input.shape, { dtype: torch.float64 });
        ctx.markNonDifferentiable(out);
        return [input.clone(), out] as const;
      }
      static backward(_ctx: Ctx, g: Tensor): Tensor {
        return g;
      }
    }
    class F2 extends Function {
      static forward(_ctx: Ctx, input: Tensor, _ignored: Tensor): Tensor {
        return input.clone();
      }
      static backward(_ctx: Ctx, g: Tensor): (Tensor | null)[] {
        return [g, null];
      }
    }
    const x = leaf(5);
    const [a, b] = F1.apply(x);
    const c = F2.apply(a.add(b), b);
    expect(b.requiresGrad).toBe(false);
    c.sum().backward();
    close(x.grad, torch.ones([5], { dtype: torch.float64 }));
  });

  test("testCustomAutogradRepeatedGradGrad", () => {
    // PyTorch's bug 10532: gradients of gradients, several times over, of a function that saves its result.
    const product = (x: Tensor): Tensor => x.prod(-1).prod(-1);
    class Mult extends Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        const y = product(x);
        ctx.saveForBackward(x, y);
        return y;
      }
      static backward(ctx: Ctx, g: Tensor): Tensor {
        const [x, y] = ctx.savedTensors;
        return g.mul(y!).unsqueeze(-1).unsqueeze(-1).div(x!);
      }
    }
    const twice = (fn: (x: Tensor) => Tensor, x: Tensor): Tensor => {
      const [g] = grad(fn(x).sum(), x, { createGraph: true });
      return grad(g!.mul(g!).sum(), x)[0]!;
    };
    const x = torch.ones([2, 4, 4], { dtype: torch.float64 }).requiresGrad_();
    for (let i = 0; i < 3; i++)
      close(
        twice((t) => Mult.apply(t), x),
        twice(product, x),
      );
  });

  test("testCustomAutogradNoEarlyFree", () => {
    class Double extends Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        const y = x.pow(2);
        ctx.saveForBackward(x, y);
        return y;
      }
      static backward(ctx: Ctx, g: Tensor): Tensor {
        return g.mul(2).mul(ctx.savedTensors[0]!);
      }
    }
    class Double2 extends Double {
      static override backward(ctx: Ctx, g: Tensor): Tensor {
        const [x, y] = ctx.savedTensors;
        return g.mul(2).mul(y!).div(x!);
      }
    }
    const x = torch.tensor(2, { dtype: torch.float64, requiresGrad: true });
    for (const fn of [Double, Double2]) {
      expect(gradcheck((t: Tensor) => fn.apply(t), x)).toBe(true);
      expect(gradgradcheck((t: Tensor) => fn.apply(t), x)).toBe(true);
      const [g] = grad(fn.apply(x), x, { createGraph: true });
      const [h] = grad(g!, x);
      expect(h!.item()).toBe(2);
    }
  });
});
