// Views of a part of a dimension: one position, a range, a diagonal, sliding windows.
import { ArgumentError, IndexError, ShapeError } from "../core/errors.ts";
import { wrapDimension } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, Trailing } from "./define/registry.ts";

/**
 * A view of one position of a dimension, which is dropped.
 * @example
 * ```ts
 * torch.eye(3).select(0, 1) // => tensor([0., 1., 0.])
 * ```
 */
export const select: Method<[dim: number, index: number]> = operation({
  name: "select",
  parameters: { self: p.tensor, dim: p.integer, index: p.integer },
  view: "single",
  forward: ({ self, dim, index }) => {
    if (self.sizes.length === 0)
      throw new IndexError("select: a tensor without dimensions has nothing to select from");
    const d = wrapDimension("select", dim, self.sizes.length);
    const size = self.sizes[d]!;
    if (index < -size || index >= size)
      throw new IndexError(
        `select: index ${index} is out of bounds for dimension ${d} with size ${size}; give ${-size} to ${size - 1}`,
      );
    const at = index < 0 ? index + size : index;
    const keep = (_: number, i: number): boolean => i !== d;
    return relayout(
      self,
      self.sizes.filter(keep),
      self.strides.filter(keep),
      self.offset + at * self.strides[d]!,
    );
  },
  backward: {
    self: (g, { sizesOf, dim, index }) => {
      const whole = g.newZeros(sizesOf["self"]!);
      whole.select(dim, index).copy_(g);
      return whole;
    },
  },
});

/** A range's bounds as PyTorch reads them: from the end when negative, cut off at the ends. */
function clipped(position: number, size: number): number {
  return Math.min(Math.max(position < 0 ? position + size : position, 0), size);
}

/**
 * A view of every `step`-th position of a dimension from `start` up to but without `end`; both count from the end when negative, and are
 * cut off where the dimension ends. Throws ArgumentError for a step that is not positive.
 * @example
 * ```ts
 * torch.arange(6).slice(0, 1, 5, 2) // => tensor([1, 3])
 * ```
 */
export const slice: Method<
  Trailing<
    [dim: number, start: number | null, end: number | null, step: number],
    {
      readonly dim?: number;
      readonly start?: number | null;
      readonly end?: number | null;
      readonly step?: number;
    }
  >
> = operation({
  name: "slice",
  parameters: {
    self: p.tensor,
    dim: p.optional(p.integer, 0),
    start: p.optional(p.integer, null),
    end: p.optional(p.integer, null),
    step: p.optional(p.integer, 1),
  },
  view: "single",
  forward: ({ self, dim, start, end, step }) => {
    if (self.sizes.length === 0)
      throw new IndexError("slice: a tensor without dimensions has no range to take");
    if (step <= 0)
      throw new ArgumentError(`slice: the step is ${step}; it must be positive, flip() reverses`);
    const d = wrapDimension("slice", dim, self.sizes.length);
    const size = self.sizes[d]!;
    const from = clipped(start ?? 0, size);
    const to = Math.max(clipped(end ?? size, size), from);
    return relayout(
      self,
      self.sizes.with(d, Math.ceil((to - from) / step)),
      self.strides.with(d, self.strides[d]! * step),
      self.offset + from * self.strides[d]!,
    );
  },
  backward: {
    self: (g, { sizesOf, dim, start, end, step }) => {
      const whole = g.newZeros(sizesOf["self"]!);
      whole.slice(dim, start, end, step).copy_(g);
      return whole;
    },
  },
});

/**
 * A view of `length` positions of a dimension from `start` on. Throws IndexError where they go beyond its end.
 * @example
 * ```ts
 * torch.arange(6).narrow(0, 2, 3) // => tensor([2, 3, 4])
 * ```
 */
export const narrow: Method<[dim: number, start: number | Tensor, length: number]> = composite({
  name: "narrow",
  parameters: { self: p.tensor, dim: p.integer, start: p.integer, length: p.integer },
  compute: ({ self, dim, start, length }) => {
    if (self.sizes.length === 0)
      throw new ShapeError("narrow: a tensor without dimensions has no range to take");
    const d = wrapDimension("narrow", dim, self.sizes.length);
    const size = self.sizes[d]!;
    const from = start < 0 ? start + size : start;
    if (length < 0)
      throw new ArgumentError(`narrow: the length is ${length}; it should be at least 0`);
    if (from < 0 || from > size || from + length > size)
      throw new IndexError(
        `narrow: ${length} positions from ${start} on go beyond dimension ${d} of size ${size}`,
      );
    return self.slice(d, from, from + length, 1);
  },
});
