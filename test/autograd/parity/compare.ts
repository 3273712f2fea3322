// What the tests of the engine share: random leaves, and comparing tensors.
import * as torch from "flambeau";
import { expect } from "vitest";

type T = torch.Tensor;

/** A random leaf that requires a gradient, in double precision. */
export function leaf(...shape: number[]): T {
  return torch.randn(shape, { dtype: torch.float64, requiresGrad: true });
}

/** Random numbers in double precision. */
export function random(...shape: number[]): T {
  return torch.randn(shape, { dtype: torch.float64 });
}

/** Whether two tensors have one shape and nearly the same values. */
export function close(actual: T | null | undefined, expected: T | number): void {
  const wanted = typeof expected === "number" ? torch.tensor(expected) : expected.detach();
  expect(actual).toBeInstanceOf(torch.Tensor);
  expect([...actual!.shape]).toEqual([...wanted.shape]);
  expect(
    torch.allclose(actual!.detach().to(torch.float64), wanted.to(torch.float64), 1e-5, 1e-6),
  ).toBe(true);
}

/** The values, or null. */
export const list = (x: T | null | undefined): unknown => x?.tolist() ?? null;

/** The accumulation node of a leaf. */
export function accumulatorOf(x: T): torch.autograd.graph.Node<T> {
  return x.viewAs(x).gradFn!.nextFunctions[0]![0]!;
}
