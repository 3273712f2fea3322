// What the tests of torch.autograd.functional share: assertions about nesting, and functions that lead nowhere.
import * as torch from "flambeau";
import { expect } from "vitest";

export type Nested = torch.Tensor | readonly Nested[];

/** Numbers drawn from [0, 1). */
export const rand = (...size: number[]): torch.Tensor => torch.rand(size);

/** The sizes of a tensor, or of the tensors in nested arrays. */
const shapes = (value: Nested): unknown =>
  value instanceof torch.Tensor ? [...value.shape] : value.map(shapes);

/** A result is nested like `base`, with tensors of the same sizes. */
export function expectSameNesting(result: Nested, base: Nested): void {
  expect(shapes(result)).toEqual(shapes(base));
}

/** A result is nested like `outer` around `inner`, with tensors of both sizes one after the other. */
export function expectInterleaved(result: Nested, outer: Nested, inner: Nested): void {
  const cross = (a: Nested, b: Nested): unknown =>
    a instanceof torch.Tensor
      ? b instanceof torch.Tensor
        ? [...a.shape, ...b.shape]
        : b.map((part) => cross(a, part))
      : a.map((part) => cross(part, b));
  expect(shapes(result)).toEqual(cross(outer, inner));
}

/** Two results are nested alike and hold nearly the same numbers of the same types. */
export function expectClose(result: Nested, expected: Nested): void {
  if (result instanceof torch.Tensor && expected instanceof torch.Tensor) {
    expect(result.shape).toEqual(expected.shape);
    expect(result.dtype).toBe(expected.dtype);
    expect(torch.allclose(result, expected, { rtol: 1.3e-6, atol: 1e-5 })).toBe(true);
    return;
  }
  expect([Array.isArray(result), Array.isArray(expected)]).toEqual([true, true]);
  const [list, wanted] = [result as readonly Nested[], expected as readonly Nested[]];
  expect(list.length).toBe(wanted.length);
  list.forEach((part, i) => expectClose(part, wanted[i]!));
}

const leaves = (value: Nested): torch.Tensor[] =>
  value instanceof torch.Tensor ? [value] : value.flatMap(leaves);

export function expectGraph(value: Nested, present: boolean): void {
  for (const tensor of leaves(value)) expect(tensor.gradFn !== null).toBe(present);
}

export function expectZeros(value: Nested): void {
  for (const tensor of leaves(value)) expect(tensor.abs().sum().item()).toBe(0);
}

export function expectNotZeros(value: Nested): void {
  for (const tensor of leaves(value)) expect(tensor.abs().sum().item()).not.toBe(0);
}

/** Requires gradients and has a graph, yet one that does not lead to the argument. */
export const unconnected = (x: torch.Tensor): torch.Tensor =>
  x.to(torch.int64).to(torch.float32).requiresGrad_().clone();
