// Custom functions in forward mode: their jvp, and what is asked of it for views and in-place changes.
import * as torch from "flambeau";
import type { FunctionContext } from "../../../src/func/function.ts";
import type { Tensor } from "flambeau";
import { describe, expect, test } from "vitest";
import { expectTangents } from "../forward/check.ts";

const { Function } = torch.autograd;
const { dualLevel, makeDual, unpackDual } = torch.autograd.forwardAd;
const float64 = { dtype: torch.float64 };
const number = (value: number): Tensor => torch.tensor(value, float64);

describe("T13 custom Function forward-mode", () => {
  test("testCustomFunctionForwardModeViewChecks", () => {
    type Flag = "ok" | "notAView" | "notAViewOfInp" | "notAViewOfInpBase";
    type Ctx = FunctionContext<{ flag: Flag; size: readonly number[] }>;
    class ViewFn extends Function {
      static forward(ctx: Ctx, foo: Tensor, flag: Flag): Tensor {
        ctx.flag = flag;
        ctx.size = foo.shape;
        return foo.narrow(0, 0, 2);
      }
      static vjp(ctx: Ctx, g: Tensor): readonly (Tensor | null)[] {
        const out = g.newZeros(ctx.size);
        out.narrow(0, 0, 2).copy_(g);
        return [out, null];
      }
      static jvp(ctx: Ctx, t: Tensor): Tensor {
        let out = t.narrow(0, 0, 2);
        if (ctx.flag !== "ok") out = out.clone();
        if (ctx.flag.startsWith("notAViewOf")) out = out.viewAs(out);
        return out;
      }
    }
    const input = torch.rand(4, 4, float64);
    const compute =
      (flag: Flag) =>
      (given: Tensor): Tensor =>
        ViewFn.apply(flag === "notAViewOfInpBase" ? given.viewAs(given) : given, flag);
    expectTangents(compute("ok"), [input]);
    const failing = (flag: Flag) => (): unknown =>
      dualLevel(() => compute(flag)(makeDual(input, torch.rand(4, 4, float64))));
    expect(failing("notAView")).toThrow(/jvp is not returning a view/);
    expect(failing("notAViewOfInp")).toThrow(/jvp is not returning a view of the given/);
    expect(failing("notAViewOfInpBase")).toThrow(/jvp is not returning a view of the same base/);
    expect(failing("notAView")).toThrow(torch.AutogradError);
  });

  test("testCustomFunctionForwardModeInplaceChecks", () => {
    type Ctx = FunctionContext<{ flag: boolean }>;
    class InplaceFn extends Function {
      static forward(ctx: Ctx, foo: Tensor, flag: boolean): Tensor {
        ctx.markDirty(foo);
        ctx.flag = flag;
        return foo.mul_(2);
      }
      static vjp(_ctx: Ctx, g: Tensor): readonly (Tensor | null)[] {
        return [g.mul(2), null];
      }
      static jvp(ctx: Ctx, t: Tensor): Tensor {
        return ctx.flag ? t.mul(2) : t.mul_(2);
      }
    }
    const compute =
      (flag: boolean) =>
      (input: Tensor): Tensor =>
        InplaceFn.apply(input.clone(), flag);
    expectTangents(compute(false), [torch.rand(4, 4, float64)]);
    dualLevel(() => {
      const dual = makeDual(torch.rand(2), torch.rand(2));
      expect(() => compute(true)(dual)).toThrow(
        /inplace custom Function is not modifying the forward mode gradients inplace/,
      );
    });
  });

  test("testCustomFunctionForwardModeWrongFormula", () => {
    type Ctx = FunctionContext<{ fails: boolean }>;
    class UserFn extends Function {
      static forward(ctx: Ctx, foo: Tensor, fails: boolean): Tensor {
        ctx.fails = fails;
        return foo.mul(2);
      }
      static vjp(_ctx: Ctx, g: Tensor): readonly (Tensor | null)[] {
        return [g.mul(2), null];
      }
      static jvp(ctx: Ctx, t: Tensor): Tensor {
        return t.mul(ctx.fails ? 3 : 2);
      }
    }
    const input = torch.rand(10, { dtype: torch.float64, requiresGrad: true });
    const check = (fails: boolean): boolean =>
      torch.autograd.gradcheck((x: Tensor) => UserFn.apply(x, fails), [input], {
        checkForwardAd: true,
      });
    expect(check(false)).toBe(true);
    expect(() => check(true)).toThrow(/[Jj]acobian computed with forward mode mismatch/);
  });

  test("testCustomFunctionForwardModeNonTensorBeforeTensorArgs", () => {
    class MyFn extends Function {
      static forward(_ctx: FunctionContext, _n: number, x: Tensor, _m: number, y: Tensor): Tensor {
        return x.mul(2).add(y.mul(3));
      }
      static backward(_ctx: FunctionContext, g: Tensor): readonly (Tensor | null)[] {
        return [null, g.mul(2), null, g.mul(3)];
      }
      static jvp(_ctx: FunctionContext, n: null, x: Tensor, m: null, y: Tensor): Tensor {
        expect([n, m]).toEqual([null, null]);
        return x.mul(2).add(y.mul(3));
      }
    }
    const [x, y] = [number(1), number(1)];
    dualLevel(() => {
      const out = MyFn.apply(1, makeDual(x, number(5)), 1, y);
      expect(unpackDual(out).tangent!.item()).toBe(10);
    });
    expectTangents((a, b) => MyFn.apply(1, a!, 1, b!), [x, y]);
  });

  test("testCustomFunctionForwardModeForwardIsNoOp", () => {
    const results = {
      viewAs: (x: Tensor) => x.viewAs(x),
      self: (x: Tensor) => x,
      mulBy2: (x: Tensor) => x.mul(2),
    };
    for (const [name, fn] of Object.entries(results)) {
      class MyFn extends Function {
        static forward(_ctx: FunctionContext, x: Tensor, y: Tensor): readonly Tensor[] {
          return [x.add(y), x];
        }
        static vjp(_ctx: FunctionContext, a: Tensor, b: Tensor): readonly Tensor[] {
          return [a.add(b), a];
        }
        static jvp(_ctx: FunctionContext, x: Tensor, y: Tensor): readonly Tensor[] {
          return [x.add(y), fn(x)];
        }
      }
      for (const rank of [[], [1]] as const) {
        const [a, t, b] = [
          torch.ones([...rank], float64),
          torch.ones([...rank], float64),
          number(1),
        ];
        dualLevel(() => {
          const dual = makeDual(a, t);
          if (name === "viewAs") {
            const [, out] = MyFn.apply(dual, b);
            expect(unpackDual(out!).tangent!.base === t).toBe(true);
          } else
            expect(() => MyFn.apply(dual, b)).toThrow(
              /a custom Function's forward is returning a view \(or an input as-is\)/,
            );
        });
      }
      if (name === "viewAs") expectTangents((x, y) => MyFn.apply(x!, y!), [number(1), number(2)]);
    }
  });

  test("testCustomFunctionSaveForForward", () => {
    type Ctx = FunctionContext<{ z: number }, [Tensor, Tensor]>;
    class Func extends Function {
      static forward(ctx: Ctx, x: Tensor, y: Tensor, z: number): Tensor {
        ctx.saveForBackward(x, y);
        ctx.saveForForward(x, y);
        ctx.z = z;
        return x.mul(y).mul(z);
      }
      static jvp(ctx: Ctx, xt: Tensor, yt: Tensor): Tensor {
        const [x, y] = ctx.savedTensors;
        return y.mul(xt).add(x.mul(yt)).mul(ctx.z);
      }
      static vjp(ctx: Ctx, g: Tensor): readonly (Tensor | null)[] {
        const [x, y] = ctx.savedTensors;
        return [g.mul(y).mul(ctx.z), g.mul(x).mul(ctx.z), null];
      }
    }
    const a = number(1).requiresGrad_();
    const b = number(2).requiresGrad_();
    dualLevel(() => {
      const out = Func.apply(makeDual(a, number(3)), b, 4);
      expect(unpackDual(out).tangent!.item()).toBe(24);
      out.backward();
    });
    expect([a.grad!.item(), b.grad!.item()]).toEqual([8, 4]);
    expectTangents((x, y) => Func.apply(x!, y!, 4), [a, b]);

    class Backward extends Function {
      static forward(ctx: FunctionContext, x: Tensor): Tensor {
        ctx.saveForBackward(x);
        return x.clone();
      }
      static jvp(ctx: FunctionContext, t: Tensor): Tensor {
        expect(ctx.savedTensors.length).toBe(0);
        return t;
      }
      static vjp(ctx: FunctionContext, g: Tensor): Tensor {
        expect(ctx.savedTensors.length).toBe(1);
        return g;
      }
    }
    dualLevel(() => Backward.apply(makeDual(a, number(3))).backward());
    expectTangents((x) => Backward.apply(x!), [a]);
  });

  test("testCustomFunctionForwardModeNonDifferentiable", () => {
    class Marked extends Function {
      static forward(ctx: FunctionContext, x: Tensor): Tensor {
        const out = x.clone();
        ctx.markNonDifferentiable(out);
        return out;
      }
      static jvp(): null {
        return null;
      }
    }
    class Integer extends Function {
      static forward(_ctx: FunctionContext, x: Tensor): Tensor {
        return x.to(torch.int32);
      }
      static jvp(): null {
        return null;
      }
    }
    class Wrong extends Function {
      static forward(_ctx: FunctionContext, x: Tensor): Tensor {
        return x.to(torch.int32);
      }
      static jvp(_ctx: FunctionContext, t: Tensor): Tensor {
        return t;
      }
    }
    dualLevel(() => {
      const x = makeDual(torch.tensor(2), torch.tensor(1));
      expect(unpackDual(Marked.apply(x)).tangent).toBeNull();
      expect(unpackDual(Integer.apply(x)).tangent).toBeNull();
      expect(() => Wrong.apply(x)).toThrow(/result is not differentiable; return null there/);
    });
  });
});

describe("T13 custom Function forward-mode, beyond PyTorch's tests", () => {
  class Double extends Function {
    static forward(_ctx: FunctionContext, x: Tensor): Tensor {
      return x.mul(2);
    }
    static jvp(_ctx: FunctionContext, t: Tensor): unknown {
      return reply(t);
    }
  }
  let reply: (t: Tensor) => unknown = (t) => t.mul(2);

  test("levels nest, and the function's own operations push nothing by themselves", () => {
    reply = (t) => t.mul(20);
    const inner = (x: Tensor): Tensor =>
      torch.func.jvp((y: Tensor) => Double.apply(y).mul(y), [x], [torch.ones(1)])[1];
    // d/dx (2x) x = 20 x + 2 x where the rule says 20, and once more: 20 + 2 + ... with each 2 x of the values at 20.
    const [first, second] = torch.func.jvp(inner, [torch.ones(1)], [torch.ones(1)]);
    expect([first.item(), second.item()]).toEqual([22, 40]);
  });

  test("bad rules are refused", () => {
    const run = (answer: (t: Tensor) => unknown) => (): unknown => {
      reply = answer;
      return dualLevel(() => Double.apply(makeDual(torch.ones(2), torch.ones(2))));
    };
    expect(run((t) => [t, t])).toThrow(/invalid number of tangents \(expected 1.*got 2\)/);
    expect(run(() => null)).toThrow(/jvp must return a tensor for result 0, got null/);
    expect(run((t) => t.sum())).toThrow(torch.ShapeError);
    class Without extends Function {
      static forward(_ctx: FunctionContext, x: Tensor): Tensor {
        return x.mul(2);
      }
    }
    expect(() => dualLevel(() => Without.apply(makeDual(torch.ones(2), torch.ones(2))))).toThrow(
      /must implement the jvp function/,
    );
    dualLevel(() => expect(unpackDual(Without.apply(torch.ones(2))).tangent).toBeNull());
  });
});
