// PyTorch's tests of gradcheck with forward mode and with vmap.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

const { gradcheck, gradgradcheck, forwardAd, GradcheckError } = torch.autograd;
const double = { dtype: torch.float64, requiresGrad: true } as const;
const modes = [{ fastMode: false }, { fastMode: true }] as const;

const carries = (x: torch.Tensor): boolean => forwardAd.unpackDual(x).tangent !== null;

/** A copy whose tangent is wrong by a factor. */
function stretched(x: torch.Tensor): torch.Tensor {
  const { primal, tangent } = forwardAd.unpackDual(x);
  return tangent === null ? x.clone() : forwardAd.makeDual(primal, tangent.mul(1.1)).clone();
}

describe("T15 gradcheck", () => {
  test("testGradcheckCheckBatchedGrad", () => {
    const reading = (x: torch.Tensor): torch.Tensor => {
      const y = x.clone();
      y.registerHook((gradient) => void gradient.sum().item());
      return y;
    };
    for (const mode of modes) {
      const x = torch.rand([10], double);
      const checks = { checkBatchedGrad: true, ...mode };
      expect(gradcheck((t) => t.sin(), [x], checks)).toBe(true);
      expect(() => gradcheck(reading, [x], checks)).toThrow(
        /while computing the gradient of output 0 as a batch, by vmap, got:[^]*no value to read/,
      );
      expect(gradcheck(reading, [x], { raiseException: false, ...checks })).toBe(false);
    }
  });

  test("testGradcheckForwardAd", () => {
    const fine = (x: torch.Tensor, y: torch.Tensor): torch.Tensor[] => [x.add(y), y];
    const bad = (x: torch.Tensor, y: torch.Tensor): torch.Tensor[] => {
      const z = stretched(y);
      return [x.add(z), z];
    };
    for (const mode of modes) {
      const inputs = [torch.rand([2], double), torch.rand([2], double)] as const;
      expect(gradcheck(fine, inputs, { checkForwardAd: true, ...mode })).toBe(true);
      const wrong = (): unknown => gradcheck(bad, inputs, { checkForwardAd: true, ...mode });
      expect(wrong).toThrow(GradcheckError);
      expect(wrong).toThrow(
        /Jacobian computed with forward mode mismatch for output 0 with respect to input 1/,
      );
    }
  });

  test("testGradcheckForwardAdRunsWithNoRequiresGrad", () => {
    let forwards = 0;
    const user = (x: torch.Tensor, y: torch.Tensor): torch.Tensor[] => {
      if (carries(x) || carries(y)) {
        forwards++;
        expect([x.requiresGrad, y.requiresGrad]).toEqual([false, false]);
      }
      return [x.clone(), y.clone()];
    };
    for (const mode of modes) {
      const inputs = [torch.rand([1], double), torch.rand([1], double)] as const;
      const forward = { checkForwardAd: true, checkBackwardAd: false, ...mode };
      gradcheck(user, inputs, { ...forward, checkUndefinedGrad: false });
      gradcheck(user, inputs, { ...forward, checkUndefinedGrad: true });
      gradcheck(user, inputs, { ...forward, checkBatchedForwardGrad: true });
    }
    expect(forwards).toBeGreaterThan(0);
  });

  test("testGradcheckForwardAdRespectsRequiresGrad", () => {
    let count = 0;
    const user = (x: torch.Tensor, y: torch.Tensor): torch.Tensor[] => {
      if (carries(x) || carries(y)) count++;
      return [x.clone(), y.clone()];
    };
    const counted = (second: boolean, options: torch.autograd.GradcheckOptions): number => {
      count = 0;
      const x = torch.rand([1], double);
      const y = torch.rand([1], { dtype: torch.float64, requiresGrad: second });
      gradcheck(user, [x, y], { checkForwardAd: true, checkBackwardAd: false, ...options });
      return count;
    };
    for (const mode of modes) {
      expect(counted(true, { checkUndefinedGrad: false, ...mode })).toBe(2);
      expect(counted(true, { checkUndefinedGrad: true, ...mode })).toBe(6);
      expect(counted(true, { checkBatchedForwardGrad: true, ...mode })).toBe(12);
      expect(counted(false, { checkBatchedForwardGrad: true, ...mode })).toBe(5);
    }
  });

  test("testGradcheckCheckForwardOrBackwardOnly", () => {
    const user = (x: torch.Tensor, forwardBad: boolean, backwardBad: boolean): torch.Tensor => {
      if (forwardBad && carries(x)) throw new Error("FAIL FWD");
      const y = x.mul(2);
      if (backwardBad && y.requiresGrad)
        y.registerHook(() => {
          throw new Error("FAIL BWD");
        });
      return y;
    };
    const both = [true, false];
    for (const mode of modes)
      for (const checkForwardAd of both)
        for (const checkBackwardAd of both)
          for (const forwardBad of both)
            for (const backwardBad of both) {
              const run = (): unknown =>
                gradcheck(user, [torch.rand([2], double), forwardBad, backwardBad] as const, {
                  checkForwardAd,
                  checkBackwardAd,
                  checkUndefinedGrad: checkBackwardAd,
                  checkBatchedGrad: checkBackwardAd,
                  ...mode,
                });
              if (!checkForwardAd && !checkBackwardAd)
                expect(run).toThrow(/at least one of checkForwardAd and checkBackwardAd/);
              else if (backwardBad && checkBackwardAd) expect(run).toThrow(/FAIL BWD/);
              else if (forwardBad && checkForwardAd) expect(run).toThrow(/FAIL FWD/);
              else expect(run()).toBe(true);
            }
  });

  test("testGradcheckForwardAdBatchedGrad", () => {
    const x = torch.rand([2], double);
    const options = {
      checkForwardAd: true,
      checkBackwardAd: false,
      checkUndefinedGrad: false,
      checkBatchedForwardGrad: true,
    };
    expect(
      gradcheck((a: torch.Tensor, b: number) => [a.clone(), a.add(b)], [x, 1] as const, options),
    ).toBe(true);
    expect(gradcheck((a, _c) => a.clone(), [x, x.clone()] as const, options)).toBe(true);
    const random = (a: torch.Tensor): torch.Tensor => {
      const { tangent } = forwardAd.unpackDual(a);
      if (tangent !== null) torch.randnLike(tangent);
      return a.mul(2);
    };
    expect(() => gradcheck(random, [x], options)).toThrow(/as a batch, by vmap, got: .*random/);
  });
});

describe("gradcheck with forward mode, beyond PyTorch's tests", () => {
  test("checks forward mode over the backward pass", () => {
    const x = torch.rand([3], double);
    const y = torch.rand([3], double);
    const options = { checkFwdOverRev: true };
    for (const mode of modes)
      expect(gradgradcheck((a, b) => a.mul(b).sin(), [x, y], { ...options, ...mode })).toBe(true);
    expect(gradgradcheck((a) => a.exp(), [x], { ...options, checkRevOverRev: false })).toBe(true);
    expect(gradgradcheck((a) => a.sigmoid(), [x], { checkBatchedGrad: true })).toBe(true);
  });

  test("takes nested arguments and results", () => {
    const w = torch.rand([2, 3], double);
    const b = torch.rand([2], double);
    interface Model {
      readonly w: torch.Tensor;
      readonly rest: readonly torch.Tensor[];
    }
    const model = ({ w: weight, rest }: Model): unknown => ({
      out: [weight.sum(1).add(rest[0]!).tanh()],
    });
    const checks = { checkForwardAd: true, checkBatchedGrad: true, checkBatchedForwardGrad: true };
    expect(gradcheck(model, [{ w, rest: [b] }], checks)).toBe(true);
  });
});
