// PyTorch's tests of custom functions: definition, contexts, results.
import * as torch from "flambeau";
import { describe, expect, test, vi } from "vitest";
import { doesNotApply } from "./parity.ts";

type Tensor = torch.Tensor;
type Ctx<State = object> = torch.autograd.FunctionContext<State, [Tensor, Tensor]>;
type One = torch.autograd.FunctionContext<object, [Tensor]>;
const { Function, grad, onceDifferentiable } = torch.autograd;

const leaf = (...sizes: number[]): Tensor => {
  const x = torch.randn(sizes, { dtype: torch.float64 });
  return x.requiresGrad_();
};
const close = (a: Tensor | null, b: Tensor): void => expect(torch.allclose(a!, b)).toBe(true);

/** The double backward that several of PyTorch's tests share. */
function functionTest(
  apply: (x: Tensor, scalar: number, y: Tensor) => Tensor,
): readonly [Tensor, Tensor] {
  const x = leaf(5, 5);
  const y = leaf(5, 5);
  const result = apply(x, 2, y);
  const go = torch.ones([], { dtype: torch.float64, requiresGrad: true });
  result.sum().backward(go, { createGraph: true });
  close(x.grad, y.add(1));
  close(y.grad, x.add(2));
  expect(x.grad!.gradFn).not.toBe(null);
  return [x, y];
}

const names = (node: torch.Tensor["gradFn"]): unknown[] =>
  node!.nextFunctions.map(([next]) => next?.name ?? null);

describe("T12 custom Function", () => {
  test("testFunction", () => {
    class MyFunction extends Function {
      static forward(ctx: Ctx<{ scalar: number }>, a: Tensor, scalar: number, b: Tensor): Tensor {
        ctx.scalar = scalar;
        ctx.saveForBackward(a, b);
        return a.add(b.mul(scalar)).add(a.mul(b));
      }
      static backward(ctx: Ctx<{ scalar: number }>, g: Tensor): (Tensor | null)[] {
        const [a, b] = ctx.savedTensors;
        expect(ctx.needsInputGrad).toEqual([true, false, true]);
        return [g.add(g.mul(b)), null, g.mul(ctx.scalar).add(g.mul(a))];
      }
    }
    const [x, y] = functionTest((a, s, b) => MyFunction.apply(a, s, b));
    const before = x.grad!.detach().clone();
    x.grad!.sum().backward();
    close(x.grad!, before);
    close(y.grad!.detach(), x.detach().add(3));
    expect(MyFunction.apply(x, 2, y).gradFn!.name).toBe("MyFunctionBackward");
  });

  test("testOnceDifferentiable", () => {
    class MyFunction extends Function {
      static forward(ctx: Ctx<{ scalar: number }>, a: Tensor, scalar: number, b: Tensor): Tensor {
        ctx.scalar = scalar;
        ctx.saveForBackward(a, b);
        return a.add(b.mul(scalar)).add(a.mul(b));
      }
      static backward = onceDifferentiable(
        (ctx: Ctx<{ scalar: number }>, g: Tensor): (Tensor | null)[] => {
          expect(torch.isGradEnabled()).toBe(false);
          const [a, b] = ctx.savedTensors;
          return [g.add(g.mul(b)), null, g.mul(ctx.scalar).add(g.mul(a))];
        },
      );
    }
    const [x, y] = functionTest((a, s, b) => MyFunction.apply(a, s, b));
    const error = x.grad!.gradFn!.nextFunctions[0]![0]!;
    expect(error.name).toBe("Error");
    expect(names(error as never).slice(0, 2)).toEqual(["AccumulateGrad", "AccumulateGrad"]);
    expect(() => y.grad!.sum().backward()).toThrow("trying to differentiate twice");
  });

  test("testFunctionReturnsInput", () => {
    class MyFunction extends Function {
      static forward(_ctx: One, x: Tensor): Tensor {
        return x;
      }
      static backward(_ctx: One, g: Tensor): Tensor {
        return g.mul(2);
      }
    }
    for (const shape of [[1], []]) {
      const v = torch.ones(shape, { requiresGrad: true });
      MyFunction.apply(v).backward();
      close(v.grad, torch.full(shape, 2));
      v.grad = null;
      MyFunction.apply(v.clone()).backward();
      close(v.grad, torch.full(shape, 2));
    }
  });

  test("testFunctionReturnsUndefinedTensor", () => {
    class MyFunction extends Function {
      static forward(_ctx: One, x: Tensor): Tensor {
        return x.mul(2);
      }
      static backward(): null {
        return null;
      }
    }
    const x = torch.ones(1, { requiresGrad: true });
    MyFunction.apply(x).backward();
    expect(x.grad).toBe(null);
    MyFunction.apply(x.pow(2)).backward();
    expect(x.grad).toBe(null);
    MyFunction.apply(x).sum().backward();
    expect(x.grad).toBe(null);
    expect(grad(MyFunction.apply(x), x, { allowUnused: true })[0]).toBe(null);
  });

  /** A function whose backward gives no gradient, as PyTorch's UndefinedGrad. */
  class NoGradient extends Function {
    static forward(_ctx: One, x: Tensor): Tensor {
      return x.clone();
    }
    static backward(): null {
      return null;
    }
  }

  test("testMaterializeGrads", () => {
    let seen: Tensor | null | undefined;
    class MyFunction extends Function {
      static forward(_ctx: One, x: Tensor): Tensor {
        return x;
      }
      static backward(_ctx: One, g: Tensor): Tensor {
        return (seen = g);
      }
    }
    NoGradient.apply(MyFunction.apply(torch.ones(1, { requiresGrad: true }))).backward();
    expect(seen!.tolist()).toEqual([0]);
  });

  test("testDontMaterializeGrads", () => {
    let seen: Tensor | null | undefined;
    class MyFunction extends Function {
      static forward(ctx: One, x: Tensor): Tensor {
        ctx.setMaterializeGrads(false);
        return x;
      }
      static backward(_ctx: One, g: Tensor | null): Tensor | null {
        return (seen = g);
      }
    }
    NoGradient.apply(MyFunction.apply(torch.ones(1, { requiresGrad: true }))).backward();
    expect(seen).toBe(null);
  });

  doesNotApply(
    "testSetMaterializeNonDiffGrads",
    "a private flag for the compiler; results that are not differentiable get zeros here, as by PyTorch's default",
  );

  test("testLegacyFunctionDeprecationException", () => {
    class MyFunction extends Function {
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    // @ts-expect-error: there is no static forward
    expect(() => MyFunction.apply(torch.randn(3, 4))).toThrow("no static forward");
  });

  test("testCustomFunctionException", () => {
    class SimulateBackwardError extends Function {
      static forward(_ctx: One, x: Tensor): Tensor {
        return x.clone();
      }
      static backward(): Tensor {
        throw new RangeError("Simulate error on backward pass");
      }
    }
    const t1 = torch.rand([3, 3], { requiresGrad: true });
    const t2 = torch.rand([3, 3], { requiresGrad: true });
    const out = SimulateBackwardError.apply(t1.add(t2).mul(t2.pow(2)).add(t1.sub(t2)));
    expect(() => out.sum().backward()).toThrow(new RangeError("Simulate error on backward pass"));
  });

  test("testCustomFunctionNonTensorInputsOutputs", () => {
    let needs: readonly boolean[] = [];
    class MyFunction extends Function {
      static forward(
        ctx: Ctx<{ scale: number }>,
        t1: Tensor,
        t2: Tensor,
        scale: number,
        t3: Tensor,
      ) {
        const t4 = t1.add(t2.mul(scale)).add(t3);
        ctx.scale = scale;
        ctx.saveForBackward(t1, t2);
        return [scale, t4, null, true, t4.mul(t3), "bar", t1] as const;
      }
      static backward(ctx: Ctx<{ scale: number }>, ...gradients: (Tensor | null)[]) {
        expect(gradients.length).toBe(7);
        for (const i of [0, 2, 3, 5]) expect(gradients[i]).toBe(null);
        for (const i of [1, 4, 6]) expect(gradients[i]).toBeInstanceOf(torch.Tensor);
        needs = ctx.needsInputGrad;
        return [gradients[1]!, gradients[1]!.mul(ctx.scale), null, gradients[4]!];
      }
    }
    const t1 = leaf(10);
    const t2 = leaf(10);
    const t3 = torch.randn([10], { dtype: torch.float64 });
    const [scale, t4, none, yes, t5, bar, same] = MyFunction.apply(t1, t2, 10, t3);
    expect([scale, none, yes, bar]).toEqual([10, null, true, "bar"]);
    close(same, t1);
    expect([t4.requiresGrad, t5.requiresGrad, same.requiresGrad]).toEqual([true, true, true]);
    torch.autograd.backward([t5.sum(), t4.sum()]);
    expect(needs).toEqual([true, true, false, false]);
    close(t1.grad, torch.ones([10], { dtype: torch.float64 }));
    close(t2.grad, torch.full([10], 10, { dtype: torch.float64 }));
    expect(t3.grad).toBe(null);
  });

  test("testCustomFunctionNoTensors", () => {
    class MyFunction extends Function {
      static forward(_ctx: One, a: number, scale: number, b: number) {
        return [scale, a + b * scale, null, true, "bar"] as const;
      }
      static backward(_ctx: One, ...gradients: (Tensor | null)[]) {
        return gradients;
      }
    }
    expect(MyFunction.apply(1.5, 2, 3)).toEqual([2, 7.5, null, true, "bar"]);
  });

  test("testInvalidGradients", () => {
    class MyFunction extends Function {
      static forward(_ctx: One, x: Tensor): Tensor {
        return x.mul(2);
      }
      static backward(): Tensor {
        return torch.randn(10, { dtype: torch.float32 });
      }
    }
    const input = torch.randn(5, { requiresGrad: true });
    expect(() => MyFunction.apply(input).sum().backward()).toThrow(
      "expected a shape compatible with [5]",
    );
  });

  doesNotApply(
    "testCustomFunctionVmapDefaults",
    "there is no generateVmapRule to have a default: a function maps as it is, or by a vmap of its own",
  );

  test("testCustomFunctionError", () => {
    class NoForward extends Function {
      static backward(_ctx: One, g: Tensor): Tensor {
        return g;
      }
    }
    class NoBackward extends Function {
      static forward(_ctx: One, x: Tensor): Tensor {
        return x.clone();
      }
    }
    class Both extends NoBackward {
      static backward(_ctx: One, g: Tensor): Tensor {
        return g;
      }
      static vjp(_ctx: One, g: Tensor): Tensor {
        return g;
      }
    }
    const x = torch.ones(2, { requiresGrad: true });
    // @ts-expect-error: there is no forward
    expect(() => NoForward.apply(x)).toThrow("must implement the forward");
    expect(() => NoBackward.apply(x).sum().backward()).toThrow("either the backward or vjp method");
    expect(() => Both.apply(x).sum().backward()).toThrow("both backward and vjp");
  });

  test("testNaughtyAutogradFunctionAttributeAccess", () => {
    class Id extends Function {
      static forward(_ctx: One, x: Tensor): Tensor {
        return x;
      }
      static backward(_ctx: One, g: Tensor): Tensor {
        return g;
      }
    }
    expect(() => Reflect.construct(Id, [])).toThrow("should not be instantiated");
  });

  test("testNaughtyAutogradFunctionStashingCtx", () => {
    const saved: One[] = [];
    class Id extends Function {
      static forward(ctx: One, x: Tensor): Tensor {
        ctx.saveForBackward(x);
        return x;
      }
      static backward(ctx: One, g: Tensor): Tensor {
        saved.push(ctx);
        return g.mul(ctx.savedTensors[0]);
      }
    }
    const x = torch.zeros(1, { requiresGrad: true });
    const y = Id.apply(x);
    y.backward({ retainGraph: true });
    expect(saved[0]!.savedTensors.length).toBe(1);
    y.backward();
    expect(() => saved[0]!.savedTensors).toThrow("a second time");
  });

  doesNotApply(
    "testSavedVariablesDeprecated",
    "ctx.saved_variables is a name from before savedTensors",
  );
  doesNotApply("testVolatileDeprecated", "volatile is an attribute from before noGrad");
  test("testCallbackAddsCallback", () => {
    const called: string[] = [];
    const { queueCallback } = torch.autograd.graph;
    class MyFunc extends Function {
      static forward(_ctx: One, x: Tensor): Tensor {
        return x.clone();
      }
      static backward(_ctx: One, g: Tensor): Tensor {
        queueCallback(() => {
          called.push("first");
          queueCallback(() => void called.push("second"));
        });
        return g;
      }
    }
    MyFunc.apply(torch.rand([3, 3], { requiresGrad: true }))
      .sum()
      .backward();
    expect(called).toEqual(["first", "second"]);
  });

  test("testPreserveBacktrace", () => {
    class Foo extends Function {
      static forward(_ctx: One, x: Tensor): Tensor {
        return x;
      }
      static backward(): Tensor {
        throw new Error("something");
      }
    }
    const t = torch.rand([10], { requiresGrad: true });
    let stack = "";
    try {
      Foo.apply(t).sum().backward();
    } catch (error) {
      stack = (error as Error).stack ?? "";
    }
    expect(stack).toMatch(/at .*backward/);
  });

  test("testWarningInBackward", () => {
    const warning = vi.spyOn(console, "warn").mockImplementation(() => {});
    class WarnOnce extends Function {
      static forward(_ctx: One, x: Tensor): Tensor {
        return x.clone();
      }
      static backward(_ctx: One, g: Tensor): Tensor {
        console.warn("warn in backward");
        return g;
      }
    }
    WarnOnce.apply(torch.ones(1, { requiresGrad: true })).backward();
    expect(warning.mock.calls).toEqual([["warn in backward"]]);
    warning.mockRestore();
  });
});
