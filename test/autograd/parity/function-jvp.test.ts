// PyTorch's tests of custom functions in forward mode.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

type Tensor = torch.Tensor;
type Ctx<State = object> = torch.autograd.FunctionContext<State, Tensor[]>;
const { forwardAd, Function, grad } = torch.autograd;

const leaf = (...sizes: number[]): Tensor =>
  torch.randn(sizes, { dtype: torch.float64 }).requiresGrad_();

/** Compares forward mode with the backward pass: <v, J t> and <J^T v, t> for random v and t. */
function compare(fn: (...args: Tensor[]) => Tensor | readonly Tensor[], inputs: Tensor[]): void {
  const tangents = inputs.map((x) => torch.randnLike(x));
  const list = (value: Tensor | readonly Tensor[]): readonly Tensor[] =>
    value instanceof torch.Tensor ? [value] : value;
  const pushed = forwardAd.dualLevel(() =>
    list(fn(...inputs.map((x, i) => forwardAd.makeDual(x.detach(), tangents[i]!)))).map(
      (out) => forwardAd.unpackDual(out).tangent,
    ),
  );
  const outputs = list(fn(...inputs));
  outputs.forEach((output, i) => {
    const v = torch.randnLike(output);
    const found = grad(output, inputs, { gradOutputs: v, allowUnused: true, retainGraph: true });
    const backward = found.reduce(
      (sum, g, k) => sum + (g === null ? 0 : (g.mul(tangents[k]!).sum().item() as number)),
      0,
    );
    expect(pushed[i]!.mul(v).sum().item()).toBeCloseTo(backward, 10);
  });
}

describe("T13 custom Function forward-mode", () => {
  test("testCustomFunctionForwardModeViewChecks", () => {
    const errors = {
      ok: null,
      notAView: "jvp is not returning a view",
      notAViewOfInput: "jvp is not returning a view of the given",
      notAViewOfBase: "jvp is not returning a view of the given",
    } as const;
    for (const [flag, error] of Object.entries(errors)) {
      class ViewFn extends Function {
        static forward(ctx: Ctx<{ rows: number }>, foo: Tensor, size: number): Tensor {
          ctx.rows = foo.shape[0]!;
          return foo.narrow(0, 0, size);
        }
        static vjp(ctx: Ctx<{ rows: number }>, g: Tensor) {
          const out = g.newZeros([ctx.rows, g.shape[1]!]);
          out.narrow(0, 0, 2).copy_(g);
          return [out, null];
        }
        static jvp(_ctx: Ctx, t: Tensor): Tensor {
          const part = t.narrow(0, 0, 2);
          if (flag === "ok") return part;
          const copy = part.clone();
          return flag === "notAView" ? copy : copy.viewAs(copy);
        }
      }
      const fn = (x: Tensor): Tensor =>
        ViewFn.apply(flag === "notAViewOfBase" ? x.viewAs(x) : x, 2);
      const run = (): void => compare(fn, [leaf(4, 4)]);
      if (error === null) run();
      else expect(run).toThrow(error);
    }
  });

  test("testCustomFunctionForwardModeInplaceChecks", () => {
    class InplaceFn extends Function {
      static forward(ctx: Ctx<{ apart: boolean }>, foo: Tensor, apart: boolean): Tensor {
        ctx.markDirty(foo);
        ctx.apart = apart;
        return foo.mul_(2);
      }
      static vjp(_ctx: Ctx, g: Tensor) {
        return [g.mul(2), null];
      }
      static jvp(ctx: Ctx<{ apart: boolean }>, t: Tensor): Tensor {
        return ctx.apart ? t.mul(2) : t.mul_(2);
      }
    }
    compare((x) => InplaceFn.apply(x.clone(), false), [leaf(4, 4)]);
    expect(() => compare((x) => InplaceFn.apply(x.clone(), true), [leaf(4, 4)])).toThrow(
      "not modifying the forward mode gradients inplace",
    );
    // A view's base sees the change, and the change of its tangent.
    compare(
      (x) => {
        const base = x.clone();
        InplaceFn.apply(base.at(1), false);
        return base;
      },
      [leaf(4, 4)],
    );
  });

  test("testCustomFunctionForwardModeWrongFormula", () => {
    class UserFn extends Function {
      static forward(ctx: Ctx<{ fail: boolean }>, foo: Tensor, fail: boolean): Tensor {
        ctx.fail = fail;
        return foo.mul(2);
      }
      static vjp(_ctx: Ctx, g: Tensor) {
        return [g.mul(2), null];
      }
      static jvp(ctx: Ctx<{ fail: boolean }>, t: Tensor): Tensor {
        return t.mul(ctx.fail ? 3 : 2);
      }
    }
    const check = (fail: boolean): void =>
      compare(
        (x) => UserFn.apply(x, fail),
        [torch.rand([], { dtype: torch.float64 }).requiresGrad_()],
      );
    check(false);
    expect(() => check(true)).toThrow();
  });

  test("testCustomFunctionForwardModeNonTensorBeforeTensorArgs", () => {
    class MyFn extends Function {
      static forward(_ctx: Ctx, _a: string, x: Tensor, _b: object, y: Tensor): Tensor {
        return x.mul(2).add(y.mul(3));
      }
      static jvp(_ctx: Ctx, a: unknown, x: Tensor, b: unknown, y: Tensor): Tensor {
        expect([a, b]).toEqual([null, null]);
        return x.mul(2).add(y.mul(3));
      }
    }
    const x = torch.tensor(1, { dtype: torch.float64 });
    const t = torch.tensor(1, { dtype: torch.float64 });
    forwardAd.dualLevel(() => {
      const out = MyFn.apply("a", forwardAd.makeDual(x, t), {}, forwardAd.makeDual(x, t));
      expect(forwardAd.unpackDual(out).tangent!.item()).toBe(5);
    });
  });

  test("testCustomFunctionForwardModeForwardIsNoOp", () => {
    const ways: Record<string, (x: Tensor) => Tensor> = {
      viewAs: (x) => x.viewAs(x),
      self: (x) => x,
      twice: (x) => x.mul(2),
    };
    for (const [name, way] of Object.entries(ways)) {
      class MyFn extends Function {
        static forward(_ctx: Ctx, x: Tensor, y: Tensor) {
          return [x.add(y), x] as const;
        }
        static vjp(_ctx: Ctx, g: Tensor, h: Tensor) {
          return [g.add(h), g];
        }
        static jvp(_ctx: Ctx, x: Tensor, y: Tensor) {
          return [x.add(y), way(x)] as const;
        }
      }
      const run = (): void => compare((x, y) => MyFn.apply(x, y), [leaf(), leaf()]);
      if (name === "viewAs") run();
      else expect(run).toThrow("forward is returning a view (or an input as-is)");
    }
  });

  test("testCustomFunctionSaveForForward", () => {
    class Func extends Function {
      static forward(ctx: Ctx<{ z: number }>, x: Tensor, y: Tensor, z: number): Tensor {
        ctx.saveForBackward(x, y);
        ctx.saveForForward(x, y);
        ctx.z = z;
        return x.mul(y).mul(z);
      }
      static jvp(ctx: Ctx<{ z: number }>, tx: Tensor, ty: Tensor): Tensor {
        const [x, y] = ctx.savedTensors;
        return y!.mul(tx).add(x!.mul(ty)).mul(ctx.z);
      }
      static vjp(ctx: Ctx<{ z: number }>, g: Tensor) {
        const [x, y] = ctx.savedTensors;
        return [g.mul(ctx.z).mul(y!), g.mul(ctx.z).mul(x!), null];
      }
    }
    compare((x, y) => Func.apply(x, y, 4), [leaf(3), leaf(3)]);
    let saved = -1;
    class OnlyBackward extends Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        ctx.saveForBackward(x);
        return x.clone();
      }
      static jvp(ctx: Ctx, t: Tensor): Tensor {
        saved = ctx.savedTensors.length;
        return t.clone();
      }
    }
    forwardAd.dualLevel(() => {
      const x = torch.tensor(1, { dtype: torch.float64, requiresGrad: true });
      OnlyBackward.apply(forwardAd.makeDual(x, torch.ones([], { dtype: torch.float64 })));
    });
    expect(saved).toBe(0);
  });

  test("testCustomFunctionForwardModeNonDifferentiable", () => {
    class Func extends Function {
      static forward(ctx: Ctx, x: Tensor) {
        const [out, mask] = [x.mul(2), x.clone()] as const;
        ctx.markNonDifferentiable(mask);
        return [out, mask, x.argmax()] as const;
      }
      static jvp(_ctx: Ctx, t: Tensor) {
        return [t.mul(2), null, null] as const;
      }
    }
    const x = torch.tensor([1, 2], { dtype: torch.float64 });
    forwardAd.dualLevel(() => {
      const made = Func.apply(forwardAd.makeDual(x, torch.onesLike(x)));
      expect(made.map((t) => forwardAd.unpackDual(t).tangent?.tolist() ?? null)).toEqual([
        [2, 2],
        null,
        null,
      ]);
    });
  });

  test("a tangent for a result without derivative is refused", () => {
    class Integer extends Function {
      static forward(_ctx: Ctx, x: Tensor) {
        return x.to(torch.int32);
      }
      static jvp(_ctx: Ctx, t: Tensor) {
        return t;
      }
    }
    const x = torch.ones(2);
    expect(() => forwardAd.dualLevel(() => Integer.apply(forwardAd.makeDual(x, x)))).toThrow(
      "not differentiable; return null",
    );
  });

  test("what jvp returns is checked", () => {
    const returning = (value: unknown) => {
      class Returns extends Function {
        static forward(_ctx: Ctx, x: Tensor) {
          return [x.mul(2), x.mul(3)] as const;
        }
        static jvp(): unknown {
          return value;
        }
      }
      const x = torch.ones(2);
      return () => forwardAd.dualLevel(() => Returns.apply(forwardAd.makeDual(x, torch.ones(2))));
    };
    const t = torch.ones(2);
    expect(returning([t])).toThrow("invalid number of tangents (expected 2");
    expect(returning([t, 1])).toThrow("must return a tensor or null");
    expect(returning([t, torch.ones(3)])).toThrow(torch.ShapeError);
    class None extends Function {
      static forward(_ctx: Ctx, x: Tensor): Tensor {
        return x.clone();
      }
    }
    expect(() => forwardAd.dualLevel(() => None.apply(forwardAd.makeDual(t, t)))).toThrow(
      "must implement the jvp function",
    );
  });
});
