// Jacobians and Hessians whose rows or columns are computed at once, compared with row by row, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test, vi } from "vitest";
import { standardBasis } from "../../../src/func/rows.ts";
import { expectClose, type Nested } from "./functional.ts";
import { missing } from "./parity.ts";

const { hessian, jacobian } = torch.autograd.functional;
type T = torch.Tensor;

const randn = (...size: number[]): T => torch.randn(size);

/** All ways to a Jacobian give the same. */
function expectJacobiansAgree(
  f: (...inputs: readonly T[]) => T | readonly T[],
  inputs: T | readonly T[],
  forward = true,
): void {
  const expected = jacobian(f, inputs, { vectorize: false }) as Nested;
  expectClose(jacobian(f, inputs, { vectorize: true }) as Nested, expected);
  if (forward)
    expectClose(
      jacobian(f, inputs, { strategy: "forward-mode", vectorize: true }) as Nested,
      expected,
    );
}

/** All ways to a Hessian give the same. */
function expectHessiansAgree(f: (...inputs: readonly T[]) => T, inputs: T | readonly T[]): void {
  const expected = hessian(f, inputs, { vectorize: false }) as Nested;
  expectClose(hessian(f, inputs, { vectorize: true }) as Nested, expected);
  expectClose(
    hessian(f, inputs, { outerJacobianStrategy: "forward-mode", vectorize: true }) as Nested,
    expected,
  );
}

describe("F functional", () => {
  test("testConstructStandardBasisFor", () => {
    for (const tensors of [
      [randn(2, 3)],
      [randn(1)],
      [randn()],
      [randn(1), randn(), randn()],
      [randn(2), randn(3), randn()],
      [randn(2), randn(), randn(3)],
      [randn(2, 3), randn(3), randn(3, 4, 2)],
      [randn(2).to(torch.float64), randn(3)],
    ]) {
      const basis = standardBasis(tensors);
      expect(basis.map(({ dtype }) => dtype)).toEqual(tensors.map(({ dtype }) => dtype));
      const total = tensors.reduce((sum, tensor) => sum + tensor.numel(), 0);
      const joined = torch.cat(
        basis.map((part) => part.reshape(total, -1).to(torch.float32)),
        1,
      );
      expectClose(joined, torch.eye(total));
    }
  });

  missing("testConstructStandardBasisForCuda", "there is one device that computes");
  missing("testJacobianVectorizeCorrectnessDifferentDevices", "there is one device that computes");

  test("testJacobianVectorizeRaisesNoWarnings", () => {
    const warn = vi.spyOn(console, "warn");
    jacobian((x) => x.pow(2).sum(), randn(3), { vectorize: true });
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  test("testHessianVectorizeRaisesNoWarnings", () => {
    const warn = vi.spyOn(console, "warn");
    hessian((x) => x.pow(2).sum(), randn(3), { vectorize: true });
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });

  test("testJacobianVectorizeCorrectnessSimple", () => {
    expectJacobiansAgree((x) => x!.pow(2).mul(3), randn(2, 3, 5));
  });

  test("testJacobianVectorizeCorrectnessMultiInput", () => {
    expectJacobiansAgree((x, y) => x!.cos().mul(x!).matmul(y!.sin()), [randn(2, 3), randn(3, 5)]);
  });

  test("testJacobianVectorizeCorrectnessMultiInputMultiOutput", () => {
    expectJacobiansAgree(
      (x, y) => [x!.mul(x!).matmul(y!), x!.matmul(x!.sum(1).mul(y!)), y!.sum()],
      [randn(5, 3), randn(3, 5)],
    );
  });

  test("testJacobianVectorizeCorrectnessUnrelatedOutputs", () => {
    expectJacobiansAgree((x, y) => [x!, y!, x!, y!], [randn(2), randn(3)]);
  });

  test("testJacobianVectorizeCorrectnessZeroDim", () => {
    expectJacobiansAgree((x, y) => [x!.sum(), y!.sum(), x!.mul(y!)], [randn(3), randn(3)]);
    expectJacobiansAgree((x) => torch.stack([x!, x!, x!]), randn());
    expectJacobiansAgree((x, y) => [y!.sum(), x!.mul(y!)], [randn(), randn(1)]);
  });

  test("testJacobianVectorizeCorrectnessDifferentDtype", () => {
    // Forward, a Jacobian has the type of the output; in reverse, that of the input.
    expectJacobiansAgree(
      (x, y) => [x!.mul(y!).float(), x!.mul(y!).double()],
      [randn(3), randn(3)],
      false,
    );
  });

  test("testHessianVectorizeCorrectnessSimple", () => {
    expectHessiansAgree((x) => x!.pow(2).mul(3).sum(), randn(2, 3, 5));
  });

  test("testHessianVectorizeCorrectnessMultiInput", () => {
    expectHessiansAgree(
      (x, y, z) => x!.relu().mul(x!).matmul(y!.sin()).matmul(z!).sum(),
      [randn(2, 3), randn(3, 5), randn(5, 5)],
    );
  });

  test("testHessianVectorizeCorrectnessUnrelatedOutputs", () => {
    expectHessiansAgree((x) => x!.pow(2).sum(), [randn(2), randn(3)]);
    expectHessiansAgree(() => torch.ones([]), [randn(2), randn(3)]);
  });
});
