// PyTorch's tests of anomaly mode, and what ours says beyond it.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as torch from "flambeau";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { originOf } from "../../../src/autograd/origin.ts";

const { detectAnomaly, setDetectAnomaly, isAnomalyEnabled, isAnomalyCheckNanEnabled } =
  torch.autograd;

type Ctx = torch.autograd.FunctionContext<{ which: number; fails: boolean }>;
type Gradients = (torch.Tensor | null)[];

function messageOf(callback: () => unknown): string {
  try {
    callback();
  } catch (error) {
    return String(error);
  }
  return "";
}

/** One element is 0 / 0. */
function spoiled(gradient: torch.Tensor): torch.Tensor {
  return torch.noGrad(() => {
    const out = gradient.detach().clone().expand(10).clone();
    out.at(0).zero_().div_(0);
    return out;
  });
}

class MyFunc extends torch.autograd.Function {
  static forward(ctx: Ctx, a: torch.Tensor, _b: torch.Tensor, which: number): torch.Tensor {
    ctx.which = which;
    return a.sum(0, true);
  }
  static backward(ctx: Ctx, gradient: torch.Tensor): Gradients {
    const bad = spoiled(gradient);
    return ctx.which === 0 ? [bad, null, null] : [null, bad, null];
  }
}

/** Adds a gradient of its own, which fails in its turn. */
class Outer extends torch.autograd.Function {
  static forward(ctx: Ctx, x: torch.Tensor, fails: boolean): torch.Tensor {
    ctx.fails = fails;
    return x.sum(0, true);
  }
  static backward(ctx: Ctx, gradient: torch.Tensor): Gradients {
    return [Inner.apply(gradient, ctx.fails), null];
  }
}
class Inner extends torch.autograd.Function {
  static forward(ctx: Ctx, gradient: torch.Tensor, fails: boolean): torch.Tensor {
    ctx.fails = fails;
    return gradient.expand(10).clone();
  }
  static backward(ctx: Ctx, second: torch.Tensor): Gradients {
    const sum = second.sum(0, true);
    return [ctx.fails ? sum.mul(Number.NaN) : sum, null];
  }
}

class Failing extends torch.autograd.Function {
  static forward(_ctx: Ctx, x: torch.Tensor): torch.Tensor {
    return x.clone();
  }
  static backward(): Gradients {
    throw new RangeError("oops");
  }
}

class AddsNan extends torch.autograd.Function {
  static forward(_ctx: Ctx, x: torch.Tensor): torch.Tensor {
    return x.clone();
  }
  static backward(_ctx: Ctx, gradient: torch.Tensor): torch.Tensor {
    return gradient.add(Number.NaN);
  }
}

beforeEach(() => void vi.spyOn(console, "warn").mockImplementation(() => {}));

describe("T16 anomaly detection", () => {
  test("testAnomalyDetectNan", () => {
    const input = (): torch.Tensor => torch.rand(10, { requiresGrad: true });
    const apply = (which: number): torch.Tensor => {
      const x = input();
      return MyFunc.apply(x, x, which);
    };
    apply(0).backward();
    const late = apply(0);
    const unknown = messageOf(() => detectAnomaly(() => late.backward()));
    expect(unknown).toContain("MyFuncBackward returned nan values in its output 0");
    expect(unknown).toContain("while no lines were kept");
    const known = messageOf(() => detectAnomaly(() => apply(1).backward()));
    expect(known).toContain("MyFuncBackward returned nan values in its output 1");
    expect(known).toMatch(/at apply \(.*anomaly\.test\.ts:\d+:\d+\)/);
  });

  test("testNestedAnomalyDetectNan", () => {
    const twice = (fails: boolean): void => {
      const input = torch.rand(10, { requiresGrad: true });
      const out = Outer.apply(input, fails);
      const seed = torch.ones(1, { requiresGrad: true });
      const [gradient] = torch.autograd.grad(out, input, { gradOutputs: seed, createGraph: true });
      gradient!.sum().backward();
    };
    twice(false);
    const message = messageOf(() => detectAnomaly(() => twice(true)));
    expect(message).toContain("InnerBackward returned nan values in its output 0");
    expect(message).toMatch(/InnerBackward was recorded by the call\n +at \S*backward/);
    expect(message).toMatch(/backward of OuterBackward[^]*at twice/);
  });

  test("testAnomalyGradWarnings", () => {
    // PyTorch checks that its warning with the trace appears beside the error; here the error itself carries the trace.
    const x = torch.ones(2, { requiresGrad: true });
    const run = (): void => Failing.apply(x.mul(2)).sum().backward();
    expect(() => detectAnomaly(run)).toThrow(RangeError);
    const message = messageOf(() => detectAnomaly(run));
    expect(message).toMatch(/^RangeError: oops\n.*in FailingBackward\.\n[^]*anomaly\.test\.ts/);
    expect(messageOf(run)).toBe("RangeError: oops");
  });

  test("testAnomalyModeNoCheckNan", () => {
    const run = (x: torch.Tensor): torch.Tensor => AddsNan.apply(x).sum();
    detectAnomaly({ checkNan: false }, () => {
      expect([isAnomalyEnabled(), isAnomalyCheckNanEnabled()]).toEqual([true, false]);
      const out = run(torch.rand([10, 10], { requiresGrad: true }));
      out.backward({ retainGraph: true });
      expect(() => detectAnomaly(true, () => out.backward({ retainGraph: true }))).toThrow(
        /AddsNanBackward returned nan values in its output 0/,
      );
      out.backward();
    });
    expect([isAnomalyEnabled(), isAnomalyCheckNanEnabled()]).toEqual([false, true]);
  });

  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  /** Whether the object goes once nobody holds it. What the last calls left on the stack may keep it for a few rounds. */
  const vanishes = async (ref: WeakRef<object>): Promise<boolean> => {
    for (let round = 0; round < 20; round++) {
      await new Promise((resolve) => setTimeout(resolve));
      collect();
      if (ref.deref() === undefined) return true;
    }
    return false;
  };

  test("testAnomalyAssignParentCleanup", async () => {
    const make = (): WeakRef<object> => {
      const x = torch.randn([2, 2], { requiresGrad: true });
      const t = x.exp();
      return detectAnomaly(() => {
        const [gradient] = torch.autograd.grad(t, x, {
          gradOutputs: torch.onesLike(t),
          createGraph: true,
        });
        expect(originOf(gradient!.gradFn!)!.parent).toBe(t.gradFn);
        return new WeakRef(t.gradFn!);
      });
    };
    expect(await vanishes(make())).toBe(true);
  });

  test("testNestedAnomalyPrintstackCleanup", async () => {
    const make = (): WeakRef<object> => {
      const x = torch.zeros(1, { requiresGrad: true });
      const [gradient] = detectAnomaly(() => {
        const made = torch.autograd.grad(x.pow(1.5), x, { createGraph: true });
        expect(messageOf(() => made[0]!.div(0).mul(0).backward())).toContain("nan values");
        return made;
      });
      return new WeakRef(gradient!.gradFn!);
    };
    expect(await vanishes(make())).toBe(true);
  });
});

describe("anomaly mode, beyond PyTorch's tests", () => {
  test("names the line of the in-place change beside that of the operation", () => {
    const x = torch.ones(2, { requiresGrad: true });
    function spoil(y: torch.Tensor): void {
      y.add_(1);
    }
    const run = (): void => {
      const y = x.exp();
      spoil(y);
      y.sum().backward();
    };
    expect(messageOf(() => detectAnomaly(run))).toMatch(
      /add_ changed it.*last at .*anomaly\.test\.ts:\d+:\d+;[^]*by the call\n.*at run/,
    );
    const off = messageOf(run);
    expect(off).toContain("add_ changed it");
    expect(off).toContain("detectAnomaly() names the lines");
  });

  test("tells what the failing rule was given, and of masks that leave a branch out", () => {
    const x = torch.tensor([0, 4], { requiresGrad: true });
    const masked = (): void => torch.where(x.gt(0), x.sqrt(), 0).sum().backward();
    const message = messageOf(() => detectAnomaly(masked));
    expect(message).toContain("SqrtBackward0 returned nan values in its output 0");
    expect(message).toContain("it was given a gradient from 0 to 1, and kept result from 0 to 2");
    expect(message).toContain("torch.where(ok, x, 1).sqrt()");
    const spoiledSeed = (): void => x.mul(2).backward(torch.tensor([Number.NaN, 1]));
    expect(messageOf(() => detectAnomaly(spoiledSeed))).toContain("a gradient that holds nan");
  });

  test("is entered for a callback, until a guard is disposed of, or for good", () => {
    const guard = detectAnomaly(false);
    expect([isAnomalyEnabled(), isAnomalyCheckNanEnabled()]).toEqual([true, false]);
    setDetectAnomaly(false, () => expect(isAnomalyEnabled()).toBe(false));
    expect(isAnomalyEnabled()).toBe(true);
    guard[Symbol.dispose]();
    expect(isAnomalyEnabled()).toBe(false);
    setDetectAnomaly(true, false);
    expect(isAnomalyCheckNanEnabled()).toBe(false);
    setDetectAnomaly(false);
    expect([isAnomalyEnabled(), isAnomalyCheckNanEnabled()]).toEqual([false, true]);
  });

  test("refuses promises and unknown options", () => {
    expect(() => detectAnomaly(() => Promise.resolve(1))).toThrow(/returned a promise/);
    expect(() => detectAnomaly({ checkNaN: false } as never)).toThrow(/checkNan/);
    expect(() => setDetectAnomaly(1 as never)).toThrow(/expected true or false, got/);
    expect(isAnomalyEnabled()).toBe(false);
  });

  test("finds NaN of one member of a batch", () => {
    const x = torch.tensor([1, 0, 4], { requiresGrad: true });
    const run = (): void => {
      torch
        .vmap((one: torch.Tensor) => one.sqrt().mul(0))(x)
        .sum()
        .backward();
    };
    expect(messageOf(() => detectAnomaly(run))).toContain("SqrtBackward0 returned nan values");
  });

  test("looks at gradients after hooks, and leaves them alone", () => {
    const x = torch.ones(2, { requiresGrad: true });
    detectAnomaly(() => {
      const y = x.mul(3);
      y.registerHook((gradient) => gradient.mul(2));
      y.sum().backward();
    });
    expect(x.grad!.tolist()).toEqual([6, 6]);
  });
});
