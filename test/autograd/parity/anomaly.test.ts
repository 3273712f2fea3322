// PyTorch's tests of anomaly mode, and what ours says beyond it.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as torch from "flambeau";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { Node, type Sender } from "../../../src/autograd/node.ts";
import { originOf } from "../../../src/autograd/origin.ts";
import { gradientNode } from "../../../src/ops/define/history.ts";

const { detectAnomaly, setDetectAnomaly, isAnomalyEnabled, isAnomalyCheckNanEnabled } =
  torch.autograd;

type Rule = (gradient: torch.Tensor) => readonly (torch.Tensor | null)[];

/** A node with a rule of the test's own. */
class Custom extends Node<torch.Tensor> {
  readonly name: string;
  readonly rule: Rule;
  constructor(name: string, inputs: readonly torch.Tensor[], rule: Rule) {
    super(
      inputs.map((input) => gradientNode(input)),
      inputs.map((input) => input.outputNr),
    );
    this.name = name;
    this.rule = rule;
  }
  run(task: Sender<torch.Tensor>): void {
    this.rule(this.incoming!).forEach((value, slot) => task.send(this, slot, value));
  }
}

/** A function with a rule of its own, which records itself. */
function custom(
  name: string,
  inputs: readonly torch.Tensor[],
  forward: () => torch.Tensor,
  rule: Rule,
): torch.Tensor {
  const out = torch.noGrad(forward);
  out.node = new Custom(name, inputs, rule);
  out.tracked = true;
  return out;
}

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

function myFunc(x: torch.Tensor, which: 0 | 1): torch.Tensor {
  return custom(
    "MyFuncBackward",
    [x, x],
    () => x.sum(0, true),
    (gradient) => (which === 0 ? [spoiled(gradient), null] : [null, spoiled(gradient)]),
  );
}

beforeEach(() => void vi.spyOn(console, "warn").mockImplementation(() => {}));

describe("T16 anomaly detection", () => {
  test("testAnomalyDetectNan", () => {
    const input = (): torch.Tensor => torch.rand(10, { requiresGrad: true });
    myFunc(input(), 0).backward();
    const late = myFunc(input(), 0);
    const unknown = messageOf(() => detectAnomaly(() => late.backward()));
    expect(unknown).toContain("MyFuncBackward returned nan values in its output 0");
    expect(unknown).toContain("while no lines were kept");
    const known = messageOf(() => detectAnomaly(() => myFunc(input(), 1).backward()));
    expect(known).toContain("MyFuncBackward returned nan values in its output 1");
    expect(known).toMatch(/myFunc \(.*anomaly\.test\.ts:\d+:\d+\)/);
  });

  test("testNestedAnomalyDetectNan", () => {
    const outer = (x: torch.Tensor, fails: boolean): torch.Tensor =>
      custom(
        "MyFuncBackward",
        [x],
        () => x.sum(0, true),
        (gradient) => [inner(gradient, fails)],
      );
    function inner(gradient: torch.Tensor, fails: boolean): torch.Tensor {
      const wide = (): torch.Tensor => gradient.detach().expand(10).clone();
      if (!gradient.requiresGrad) return wide();
      return custom("MyFunc2Backward", [gradient], wide, (second) => {
        const sum = second.sum(0, true).detach();
        return [fails ? sum.mul(Number.NaN) : sum];
      });
    }
    const twice = (fails: boolean): void => {
      const input = torch.rand(10, { requiresGrad: true });
      const out = outer(input, fails);
      const seed = torch.ones(1, { requiresGrad: true });
      const [gradient] = torch.autograd.grad(out, input, { gradOutputs: seed, createGraph: true });
      gradient!.sum().backward();
    };
    twice(false);
    const message = messageOf(() => detectAnomaly(() => twice(true)));
    expect(message).toContain("MyFunc2Backward returned nan values in its output 0");
    expect(message).toContain("inner");
    expect(message).toMatch(/backward of MyFuncBackward[^]*outer/);
  });

  test("testAnomalyGradWarnings", () => {
    // PyTorch checks that its warning with the trace appears beside the error; here the error itself carries the trace.
    const fails = (): never => {
      throw new RangeError("oops");
    };
    const x = torch.ones(2, { requiresGrad: true });
    const run = (): void =>
      custom("FailBackward", [x.mul(2)], () => x.clone(), fails)
        .sum()
        .backward();
    expect(() => detectAnomaly(run)).toThrow(RangeError);
    const message = messageOf(() => detectAnomaly(run));
    expect(message).toMatch(/^RangeError: oops\n.*in FailBackward\.\n[^]*anomaly\.test\.ts/);
    expect(messageOf(run)).toBe("RangeError: oops");
  });

  test("testAnomalyModeNoCheckNan", () => {
    const run = (x: torch.Tensor): torch.Tensor =>
      custom(
        "MyFuncBackward",
        [x],
        () => x.clone(),
        (gradient) => [gradient.add(Number.NaN)],
      ).sum();
    detectAnomaly({ checkNan: false }, () => {
      expect([isAnomalyEnabled(), isAnomalyCheckNanEnabled()]).toEqual([true, false]);
      const out = run(torch.rand([10, 10], { requiresGrad: true }));
      out.backward({ retainGraph: true });
      expect(() => detectAnomaly(true, () => out.backward({ retainGraph: true }))).toThrow(
        /MyFuncBackward returned nan values in its output 0/,
      );
      out.backward();
    });
    expect([isAnomalyEnabled(), isAnomalyCheckNanEnabled()]).toEqual([false, true]);
  });

  const collect = (): void => {
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as () => void)();
  };
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

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
    const ref = make();
    await settled();
    collect();
    expect(ref.deref()).toBeUndefined();
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
    const ref = make();
    await settled();
    collect();
    expect(ref.deref()).toBeUndefined();
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
