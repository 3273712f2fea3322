// PyTorch's tests of gradcheck and gradgradcheck.
import * as torch from "flambeau";
import { afterEach, describe, expect, test, vi } from "vitest";
import { differenceJacobian } from "../../../src/func/difference.ts";
import { reverseJacobian } from "../../../src/func/reverse.ts";
import { missing } from "./parity.ts";

const { gradcheck, gradgradcheck, GradcheckError } = torch.autograd;
const double = { dtype: torch.float64, requiresGrad: true } as const;
const modes = [{ fastMode: false }, { fastMode: true }] as const;

afterEach(() => vi.restoreAllMocks());

/** A copy whose gradient is wrong by a constant. */
function offset(x: torch.Tensor): torch.Tensor {
  const y = x.clone();
  y.registerHook((gradient) => gradient.add(1e-2));
  return y;
}

type Jitter = torch.autograd.FunctionContext<{ jitter: number }>;

/** Its gradient is another each time, and so is the gradient of that. */
class NonDetFunc extends torch.autograd.Function {
  static forward(ctx: Jitter, x: torch.Tensor, jitter: number): torch.Tensor {
    ctx.jitter = jitter;
    return x.clone();
  }
  static backward(ctx: Jitter, gradient: torch.Tensor): (torch.Tensor | null)[] {
    const noise = torch.randLike(gradient).mul(ctx.jitter).add(1);
    return [NonDetFunc.apply(gradient, ctx.jitter).mul(noise), null];
  }
}
const jittered = (x: torch.Tensor, jitter: number): torch.Tensor => NonDetFunc.apply(x, jitter);

type Missing = torch.autograd.FunctionContext<{ missing: () => torch.Tensor | null }>;

/** Passes gradients on, and does something of its own where there is none. */
class Peculiar extends torch.autograd.Function {
  static forward(ctx: Missing, x: torch.Tensor, missing: () => torch.Tensor | null): torch.Tensor {
    ctx.setMaterializeGrads(false);
    ctx.missing = missing;
    return x.clone();
  }
  static backward(ctx: Missing, gradient: torch.Tensor | null): (torch.Tensor | null)[] {
    return [gradient ?? ctx.missing(), null];
  }
}
const peculiar = (x: torch.Tensor, missing: () => torch.Tensor | null): torch.Tensor =>
  Peculiar.apply(x, missing);

describe("T15 gradcheck", () => {
  test("testGradcheckSingleInput", () => {
    const f = (x: torch.Tensor): torch.Tensor => x.mul(5);
    for (const mode of modes) {
      const x = torch.rand([10], double);
      expect(gradcheck(f, x, mode)).toBe(true);
      expect(gradgradcheck(f, x, mode)).toBe(true);
    }
  });

  missing("testGradcheckInput", "there are no sparse tensors");

  test("testGradcheckNondeterministic", () => {
    for (const mode of modes) {
      const input = torch.randn([5, 5], double);
      const again = /backward is not reentrant/;
      gradcheck((x) => jittered(x, 0), input, mode);
      expect(() => gradcheck((x) => jittered(x, 1e-6), input, mode)).toThrow(again);
      expect(() => gradgradcheck((x) => jittered(x, 1e-12), input, mode)).toThrow(again);
      gradcheck((x) => jittered(x, 0), input, { nondetTol: 1e-5, ...mode });
      gradcheck((x) => jittered(x, 1e-6), input, { nondetTol: 1e-5, ...mode });
      gradgradcheck((x) => jittered(x, 1e-12), input, { nondetTol: 1e-5, ...mode });
    }
  });

  test("testGradcheckValidatesInputs", () => {
    const warning = vi.spyOn(console, "warn").mockImplementation(() => {});
    for (const mode of modes) {
      const same = (x: torch.Tensor): torch.Tensor => x;
      expect(() => gradcheck(same, [torch.rand(10)], { raiseException: false, ...mode })).toThrow(
        /at least one input tensor must require gradient/,
      );
      warning.mockClear();
      const single = torch.ones([1], { requiresGrad: true });
      expect(gradcheck(same, [single], { atol: 1e-1, ...mode })).toBe(true);
      expect(warning.mock.lastCall?.[0]).toMatch(/not of double precision but float32/);
      const wide = torch.ones([1], double).expand(2, 2);
      expect(() => gradcheck(same, [wide], { raiseException: false, ...mode })).toThrow(
        /input 0 has a dimension with stride 0/,
      );
    }
  });

  test("testGradcheckCheckNoDifferentiableOutputs", () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    for (const mode of modes) {
      const x = torch.ones([1], { requiresGrad: true });
      const cut = (t: torch.Tensor): torch.Tensor => torch.tensor([t.item()]);
      expect(() => gradcheck(cut, x, mode)).toThrow(
        /numerical gradient of output 0 with respect to input 0 was expected to be zero/,
      );
      expect(gradcheck(cut, x, { raiseException: false, ...mode })).toBe(false);
      expect(gradcheck(() => [], [x], mode)).toBe(true);
    }
  });

  test("testGradcheckBackwardMulByGradOutput", () => {
    for (const mode of modes) {
      const x = torch.ones([1], double);
      expect(() => gradcheck(offset, [x], { atol: 1e-1, ...mode })).toThrow(
        /backward not multiplied by grad_output/,
      );
      expect(gradcheck(offset, [x], { atol: 1e-1, raiseException: false, ...mode })).toBe(false);
    }
  });

  test("testGradcheckUndefinedGrad", () => {
    for (const mode of modes) {
      const x = torch.ones([1], double);
      const failing = (t: torch.Tensor): torch.Tensor =>
        peculiar(t, () => {
          throw new Error("x is undefined");
        });
      expect(() => gradcheck(failing, [x], mode)).toThrow(
        /expected backward function to handle undefined output grads.*x is undefined/,
      );
      expect(gradcheck(failing, [x], { raiseException: false, ...mode })).toBe(false);
      const inventing = (t: torch.Tensor): torch.Tensor => peculiar(t, () => torch.onesLike(t));
      expect(() => gradcheck(inventing, [x], mode)).toThrow(/null or zero when all output/);
      expect(gradcheck(inventing, [x], { raiseException: false, ...mode })).toBe(false);
      expect(gradcheck(inventing, [x], { checkUndefinedGrad: false, ...mode })).toBe(true);
    }
  });

  test("testGradcheckJacobianMismatch", () => {
    const message = /Jacobian mismatch for output 0 with respect to input 0/;
    for (const mode of modes) {
      const x = torch.ones([2, 2], double);
      expect(() => gradcheck(offset, [x], mode)).toThrow(message);
      expect(gradcheck(offset, [x], { raiseException: false, ...mode })).toBe(false);
      const second = (t: torch.Tensor): torch.Tensor[] => [t.clone(), offset(t)];
      expect(() => gradcheck(second, [x], mode)).toThrow(
        /Jacobian mismatch for output 1 with respect to input 0/,
      );
      const inner = ({
        a,
        b,
      }: {
        readonly a: torch.Tensor;
        readonly b: torch.Tensor;
      }): unknown => ({
        u: a.mul(2),
        v: offset(b),
      });
      const both = { a: x, b: torch.ones([3], double) };
      expect(() => gradcheck(inner, [both], mode)).toThrow(
        /Jacobian mismatch for output \.v with respect to input 0\.b/,
      );
    }
  });

  missing("testGradcheckDenseAndSparseInputs", "there are no sparse tensors");

  test("testGradcheckOutputShapeOrDtypeDependOnValues", () => {
    for (const mode of modes) {
      const a = torch.ones([1], double);
      const large = (x: torch.Tensor): boolean => Boolean(x.ge(1).all().item());
      const grows = (x: torch.Tensor): torch.Tensor => (large(x) ? torch.cat([x, x]) : x);
      expect(() => gradcheck(grows, [a], mode)).toThrow(
        /return outputs with the same shape when inputs are perturbed/,
      );
      const narrows = (x: torch.Tensor): torch.Tensor => (large(x) ? x.to(torch.float32) : x);
      expect(() => gradcheck(narrows, [a], mode)).toThrow(
        /return outputs with the same dtype when inputs are perturbed/,
      );
    }
  });

  missing("testGradcheckComplexNonComplexOutputs", "there are no complex types");
  missing("testGradcheckAdjustedAtolComplexInputs", "there are no complex types");

  test("testGradcheckGetNumericalJacobian", () => {
    const a = torch.rand([2, 2], double);
    const b = torch.rand([2, 2], double);
    const call = (): torch.Tensor[] => [a.mul(2).add(b), a.add(b.mul(2))];
    const eye = torch.eye(4, { dtype: torch.float64 });
    const near = (found: torch.Tensor | undefined, factor: number): boolean =>
      found!.allclose(eye.mul(factor));
    expect(differenceJacobian(call, a, 1e-6).map((j, o) => near(j, [2, 1][o]!))).toEqual([
      true,
      true,
    ]);
    expect(near(differenceJacobian(call, b, 1e-6)[0], 1)).toBe(true);
  });

  test("testGradcheckGetAnalyticalJacobian", () => {
    const a = torch.rand([2, 2], double);
    const b = torch.rand([2, 2], double);
    const eye = torch.eye(4, { dtype: torch.float64 });
    const strict = { nondetTol: 0, checkGradDtypes: true };
    const found = reverseJacobian(a.mul(2).add(b), [a, b], ["a", "b"], strict);
    expect(found[0]!.allclose(eye.mul(2))).toBe(true);
    expect(found[1]!.allclose(eye)).toBe(true);
    expect(() => reverseJacobian(jittered(a, 1e-6), [a], ["a"], strict)).toThrow(/not reentrant/);
  });

  test("testGradcheckCustomError", () => {
    for (const mode of modes) {
      const x = torch.ones([2, 2], double);
      expect(() => gradcheck(offset, [x], mode)).toThrow(GradcheckError);
      expect(() => gradcheck(offset, [x], mode)).toThrow(torch.AutogradError);
      expect(gradcheck(offset, [x], { raiseException: false, ...mode })).toBe(false);
      const throwing = (): torch.Tensor => {
        throw new Error("Not a GradcheckError!");
      };
      expect(() => gradcheck(throwing, [x], { raiseException: false, ...mode })).toThrow(
        /^Not a GradcheckError!$/,
      );
    }
  });
});

describe("gradcheck, beyond PyTorch's tests", () => {
  test("varies inputs in place, so that functions may hold them, and puts them back", () => {
    const layer = new torch.nn.Linear(2, 2).to(torch.float64);
    const x = torch.randn([3, 2], { dtype: torch.float64 });
    const before = layer.weight.detach().clone();
    expect(gradcheck(() => layer(x), [...layer.parameters()])).toBe(true);
    expect(layer.weight.equal(before)).toBe(true);
    expect(layer.weight.version).toBe(0);
  });

  test("varies the elements of inputs that do not lie one after the other", () => {
    const x = torch.randn([3, 2], double);
    expect(gradcheck((t) => t.mul(t), [x.t()])).toBe(true);
    expect(gradgradcheck((t) => t.exp(), [x], { genNonContigGradOutputs: true })).toBe(true);
  });

  test("refuses what it cannot check", () => {
    const x = torch.ones([1], double);
    expect(() => gradcheck(3 as never, [x])).toThrow(/expected a function to check, got/);
    expect(() => gradcheck((t) => t, 3 as never)).toThrow(/inputs must be a tensor or an array/);
    expect(() => gradcheck((t) => t, x, { checkBackwardAd: false })).toThrow(/at least one of/);
    expect(() => gradcheck((t) => t, x, { eps: 0 })).toThrow(/eps must be above 0/);
    expect(() => gradgradcheck((t) => t.detach(), x)).toThrow(/no output of the function/);
  });

  test("says where a second derivative is missing", () => {
    const x = torch.tensor([1, 2], double);
    expect(() => gradgradcheck((t) => t.mul(t.detach()).mul(t), [x])).toThrow(
      /Jacobian mismatch for output 0 with respect to input 0/,
    );
  });
});
