// PyTorch's tests of custom functions: what they change in place, and what they leave behind.
import * as torch from "flambeau";
import { describe, expect, test, vi } from "vitest";
import { collected } from "./collected.ts";

type Tensor = torch.Tensor;
type Ctx = torch.autograd.FunctionContext<object, (Tensor | null)[]>;
const { Function, gradcheck } = torch.autograd;

const leaf = (...sizes: number[]): Tensor =>
  torch.randn(sizes, { dtype: torch.float64 }).requiresGrad_();
const close = (a: Tensor | null | undefined, b: Tensor): void =>
  expect(torch.allclose(a!, b)).toBe(true);

class Add_ extends Function {
  static forward(ctx: Ctx, a: Tensor, b: Tensor): Tensor {
    a.add_(b);
    ctx.markDirty(a);
    return a;
  }
  static backward(_ctx: Ctx, g: Tensor): Tensor[] {
    return [g, g];
  }
}

class Increment_ extends Function {
  static forward(ctx: Ctx, x: Tensor): Tensor {
    x.add_(1);
    ctx.markDirty(x);
    return x;
  }
  static backward(_ctx: Ctx, g: Tensor): Tensor {
    return g;
  }
}

describe("T12 custom Function", () => {
  test("testAutogradPythonCustomFunctionInplace", () => {
    const warning = vi.spyOn(console, "warn").mockImplementation(() => {});
    const run = (fn: (a: Tensor, b: Tensor) => Tensor): readonly [Tensor, Tensor] => {
      const [a, b] = [leaf(2), leaf(2)];
      fn(a, b).sum().backward();
      return [a.grad!, b.grad!];
    };
    const ones = torch.ones([2], { dtype: torch.float64 });
    for (const fn of [
      (a: Tensor, b: Tensor) => Add_.apply(a.clone(), b),
      (a: Tensor, b: Tensor) => Add_.apply(a.clone(), b).add_(2),
      (a: Tensor, b: Tensor) => Add_.apply(a.clone().viewAs(a), b),
    ])
      for (const g of run(fn)) close(g, ones);

    class MarksAnother extends Function {
      static forward(ctx: Ctx, a: Tensor, b: Tensor): Tensor {
        const c = a.mul(3);
        c.add_(b);
        ctx.markDirty(c);
        return c;
      }
      static backward(_ctx: Ctx, g: Tensor): Tensor[] {
        return [g.mul(3), g];
      }
    }
    const [three] = run((a, b) => MarksAnother.apply(a.clone(), b));
    close(three, ones.mul(3));
    expect(warning.mock.calls).toEqual([
      [expect.stringContaining("a tensor that was not an input")],
    ]);
    warning.mockRestore();

    class TwoResults extends Function {
      static forward(ctx: Ctx, a: Tensor, b: Tensor) {
        a.add_(b);
        ctx.markDirty(a);
        return [a, a.add(b)] as const;
      }
      static backward(_ctx: Ctx, ga: Tensor, gab: Tensor): Tensor[] {
        return [ga.add(gab), ga.add(gab.mul(2))];
      }
    }
    const product = (extra: boolean) => (a: Tensor, b: Tensor) => {
      const [c, d] = TwoResults.apply(a.clone(), b);
      return (extra ? c.add_(2) : c).mul(d);
    };
    const [a, b] = [leaf(2), leaf(2)];
    for (const extra of [false, true]) expect(gradcheck(product(extra), [a, b])).toBe(true);
    expect(() => TwoResults.apply(a.clone().viewAs(a), b)).toThrow("modifies a view in place");

    class ReturnsCopy extends Function {
      static forward(ctx: Ctx, x: Tensor, y: Tensor) {
        x.add_(y);
        ctx.markDirty(x);
        return [x.clone(), x.add(y)] as const;
      }
      static backward(_ctx: Ctx, g: Tensor, h: Tensor): Tensor[] {
        return [g.add(h), g.add(h.mul(2))];
      }
    }
    expect(() => ReturnsCopy.apply(a.clone().viewAs(a), b)).toThrow("marked as dirty");
  });

  test("a view that is changed in place may be any of the arguments", () => {
    class AddToSecond extends Function {
      static forward(ctx: Ctx, a: Tensor, b: Tensor): Tensor {
        ctx.markDirty(b);
        return b.add_(a.mul(2));
      }
      static backward(_ctx: Ctx, g: Tensor): Tensor[] {
        return [g.mul(2), g];
      }
    }
    const fn = (a: Tensor, b: Tensor): Tensor => {
      const base = b.clone();
      AddToSecond.apply(a, base.at("1:3"));
      return base.mul(base);
    };
    expect(gradcheck(fn, [leaf(2), leaf(4)])).toBe(true);
  });

  test("testCustomFunctionMarkDirtyNotDifferentiable", () => {
    class InplaceMul extends Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        const result = x.mul_(2);
        ctx.markDirty(result);
        return result;
      }
      static backward(): null {
        return null;
      }
      static jvp(_ctx: Ctx, x: Tensor): Tensor {
        return x.mul_(2);
      }
    }
    for (const requiresGrad of [true, false]) {
      const z = torch.tensor(1, { requiresGrad });
      const x = z.clone();
      expect(InplaceMul.apply(x)).toBe(x);
      close(x, z.mul(2));
    }
  });

  test("testCustomFunctionMarkOutputViewOfIntermediate", () => {
    class Func extends Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        const copy = x.clone();
        const view = copy.viewAs(copy);
        ctx.markDirty(view);
        return view;
      }
    }
    expect(() => Func.apply(leaf(2))).toThrow("a tensor that was not an input");
  });

  test("testCustomFunctionInplaceOnNonDefaultView", () => {
    const [a] = leaf(2).clone().unbind();
    expect(() => Increment_.apply(a!)).toThrow("one of several views");
  });

  test("testCustomFunctionInplaceOnViewOfLeaf", () => {
    expect(() => Increment_.apply(leaf(2))).toThrow("leaf that requires grad");
    expect(() => Increment_.apply(leaf(2).at(0))).toThrow("view of a leaf");
  });

  test("testCustomFunctionSavingMutatedViewNoLeak", async () => {
    class Saves extends Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        ctx.markDirty(x);
        ctx.saveForBackward(x);
        return x;
      }
      static backward(_ctx: Ctx, g: Tensor): Tensor {
        return g;
      }
    }
    const scope = (): Tensor => {
      const x = leaf(2).clone();
      const view = x.viewAs(x);
      Saves.apply(view);
      return view;
    };
    expect(await collected(new WeakRef(scope()))).toBe(true);
  });

  test("testCustomFunctionReturnViewInNograd", () => {
    class Alias extends Function {
      static forward(_ctx: Ctx, x: Tensor): Tensor {
        return x.at(":");
      }
      static backward(_ctx: Ctx, g: Tensor): Tensor {
        return g;
      }
    }
    const x = leaf(2);
    const output = torch.noGrad(() => Alias.apply(x));
    expect(output.requiresGrad).toBe(torch.noGrad(() => x.at(":")).requiresGrad);
    expect(() => output.zero_()).toThrow("noGrad");
    const recorded = Alias.apply(x.clone());
    expect(() => recorded.zero_()).toThrow("custom function");
  });

  test("testCustomFunctionLocalInplace", () => {
    class MyFn extends Function {
      static forward(_ctx: Ctx, x: Tensor, inplace: boolean): Tensor {
        const view = x.clone().at("0:3");
        return inplace ? view.add_(2) : view;
      }
      static backward(_ctx: Ctx, g: Tensor) {
        const out = torch.zeros([10], { dtype: torch.float64 });
        out.at("0:3").copy_(g);
        return [out, null];
      }
    }
    for (const inplace of [true, false]) {
      const base = leaf(10);
      const x = MyFn.apply(base, inplace);
      expect(x.requiresGrad).toBe(true);
      expect(x.gradFn!.name).toBe("MyFnBackward");
      x.sum().backward();
      expect(base.grad!.sum().item()).toBe(3);
    }
  });

  test("testCustomFunctionCycle", async () => {
    class MyFn extends Function {
      static forward(
        ctx: torch.autograd.FunctionContext<{ metadata: unknown; x: Tensor | null }>,
        x: Tensor,
        metadata: { extra?: Tensor },
      ): Tensor {
        ctx.metadata = metadata;
        ctx.x = x;
        return x.clone();
      }
      static backward(_ctx: Ctx, g: Tensor) {
        return [g, null];
      }
    }
    const scope = (backward: boolean) => (): object => {
      const metadata: { extra?: Tensor } = {};
      const out = MyFn.apply(leaf(10), metadata);
      // The result holds its context, which holds the record, which holds the result.
      metadata.extra = out;
      if (backward) out.sum().backward();
      return out;
    };
    expect(await collected(new WeakRef(scope(false)()))).toBe(true);
    expect(await collected(new WeakRef(scope(true)()))).toBe(true);
  });
});
