// Views of a part of a dimension: one position, a range, a diagonal, sliding windows.
import { int64 } from "../core/dtype.ts";
import { ArgumentError, IndexError, ShapeError } from "../core/errors.ts";
import { formatSizes, sameSizes, wrapDimension } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { fromNumbers } from "./define/creation.ts";
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

interface SliceOptions {
  readonly dim?: number;
  readonly start?: number | null;
  readonly end?: number | null;
  readonly step?: number;
}

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
  Trailing<[dim: number, start: number | null, end: number | null, step: number], SliceOptions>
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

/** The two dimensions of a diagonal, the rest, and where the diagonal lies. */
function diagonalLayout(
  name: string,
  self: Tensor,
  offset: number,
  dim1: number,
  dim2: number,
): { readonly sizes: number[]; readonly strides: number[]; readonly offset: number } {
  const rank = self.sizes.length;
  if (rank < 2)
    throw new ShapeError(
      `${name}: a diagonal needs two dimensions, and the tensor has shape ${formatSizes(self.sizes)}`,
    );
  const first = wrapDimension(name, dim1, rank);
  const second = wrapDimension(name, dim2, rank);
  if (first === second)
    throw new ArgumentError(
      `${name}: the dimensions ${dim1} and ${dim2} are the same; a diagonal needs two`,
    );
  const [rows, columns] = [self.sizes[first]!, self.sizes[second]!];
  const length = Math.max(
    offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns),
    0,
  );
  const shift =
    length === 0
      ? 0
      : offset >= 0
        ? offset * self.strides[second]!
        : -offset * self.strides[first]!;
  const keep = (_: number, d: number): boolean => d !== first && d !== second;
  return {
    sizes: [...self.sizes.filter(keep), length],
    strides: [...self.strides.filter(keep), self.strides[first]! + self.strides[second]!],
    offset: self.offset + shift,
  };
}

interface DiagonalOptions {
  readonly offset?: number;
  readonly dim1?: number;
  readonly dim2?: number;
}
type DiagonalArguments = Trailing<[offset: number, dim1: number, dim2: number], DiagonalOptions>;
const diagonalParameters = {
  offset: p.optional(p.integer, 0),
  dim1: p.optional(p.integer, 0),
  dim2: p.optional(p.integer, 1),
};

/**
 * A view of a diagonal of two dimensions, as the last dimension of the result; `offset` counts diagonals above (positive) or below.
 * @example
 * ```ts
 * torch.arange(4).view(2, 2).diagonal() // => tensor([0, 3])
 * ```
 */
export const diagonal: Method<DiagonalArguments> = operation({
  name: "diagonal",
  parameters: { self: p.tensor, ...diagonalParameters },
  view: "single",
  forward: ({ self, offset, dim1, dim2 }) => {
    const layout = diagonalLayout("diagonal", self, offset, dim1, dim2);
    return relayout(self, layout.sizes, layout.strides, layout.offset);
  },
  backward: {
    self: (g, { sizesOf, offset, dim1, dim2 }) => {
      const whole = g.newZeros(sizesOf["self"]!);
      whole.diagonal(offset, dim1, dim2).copy_(g);
      return whole;
    },
  },
});

/**
 * A view of all windows of `size` positions of a dimension, `step` apart: the dimension counts the windows, and a last one goes through each.
 * @example
 * ```ts
 * torch.arange(4).unfold(0, 2, 1) // => tensor([[0, 1],\n        [1, 2],\n        [2, 3]])
 * ```
 */
export const unfold: Method<[dimension: number, size: number, step: number]> = operation({
  name: "unfold",
  parameters: { self: p.tensor, dimension: p.integer, size: p.integer, step: p.integer },
  view: "single",
  forward: ({ self, dimension, size, step }) => {
    const d = wrapDimension("unfold", dimension, self.sizes.length);
    const length = self.sizes[d] ?? 1;
    const stride = self.strides[d] ?? 1;
    if (size < 0 || size > length)
      throw new ShapeError(
        `unfold: windows of ${size} positions do not fit dimension ${d} of size ${length}`,
      );
    if (step <= 0) throw new ArgumentError(`unfold: the step is ${step}; it should be positive`);
    if (self.sizes.length === 0) return relayout(self, [size], [1], self.offset);
    return relayout(
      self,
      [...self.sizes.with(d, Math.floor((length - size) / step) + 1), size],
      [...self.strides.with(d, stride * step), stride],
      self.offset,
    );
  },
  backward: {
    self: (g, { sizesOf, dimension, size, step }) => {
      const sizes = sizesOf["self"]!;
      if (sizes.length === 0) return g.sum();
      const d = wrapDimension("unfold", dimension, sizes.length);
      const positions = fromNumbers(
        "unfold",
        [g.sizes[d]! * size],
        int64,
        g.device,
        false,
        (i) => Math.floor(i / size) * step + (i % size),
      );
      return g.newZeros(sizes).indexAdd(d, positions, g.movedim(-1, d + 1).flatten(d, d + 1));
    },
  },
});

/** Copies `self` and writes `src` over the part of the copy that `part` shows. */
function written(name: string, self: Tensor, src: Tensor, part: (whole: Tensor) => Tensor): Tensor {
  const whole = self.clone();
  const target = part(whole);
  if (!sameSizes(target.sizes, src.sizes))
    throw new ShapeError(
      `${name}: the source has shape ${formatSizes(src.sizes)}; it should have that of the part it replaces, ${formatSizes(target.sizes)}`,
    );
  target.copy_(src);
  return whole;
}

/**
 * A copy with `src` in the place of one position of a dimension.
 * @example
 * ```ts
 * torch.zeros(2, 2).selectScatter(torch.ones(2), 0, 1) // => tensor([[0., 0.],\n        [1., 1.]])
 * ```
 */
export const selectScatter: Method<[src: Tensor, dim: number, index: number]> = operation({
  name: "selectScatter",
  linear: true,
  parameters: { self: p.tensor, src: p.tensor, dim: p.integer, index: p.integer },
  forward: ({ self, src, dim, index }) =>
    written("selectScatter", self, src, (whole) => whole.select(dim, index)),
  backward: {
    self: (g, { sizesOf, dim, index }) => g.selectScatter(g.newZeros(sizesOf["src"]!), dim, index),
    src: (g, { dim, index }) => g.select(dim, index),
  },
});

/**
 * A copy with `src` in the place of a range of a dimension.
 * @example
 * ```ts
 * torch.zeros(4).sliceScatter(torch.ones(2), 0, 1, 3) // => tensor([0., 1., 1., 0.])
 * ```
 */
export const sliceScatter: Method<
  [
    src: Tensor,
    ...rest: Trailing<
      [dim: number, start: number | null, end: number | null, step: number],
      SliceOptions
    >,
  ]
> = operation({
  name: "sliceScatter",
  linear: true,
  parameters: {
    self: p.tensor,
    src: p.tensor,
    dim: p.optional(p.integer, 0),
    start: p.optional(p.integer, null),
    end: p.optional(p.integer, null),
    step: p.optional(p.integer, 1),
  },
  forward: ({ self, src, dim, start, end, step }) =>
    written("sliceScatter", self, src, (whole) => whole.slice(dim, start, end, step)),
  backward: {
    self: (g, { sizesOf, dim, start, end, step }) =>
      g.sliceScatter(g.newZeros(sizesOf["src"]!), dim, start, end, step),
    src: (g, { dim, start, end, step }) => g.slice(dim, start, end, step),
  },
});

/**
 * A copy with `src` in the place of a diagonal.
 * @example
 * ```ts
 * torch.zeros(2, 2).diagonalScatter(torch.ones(2)) // => tensor([[1., 0.],\n        [0., 1.]])
 * ```
 */
export const diagonalScatter: Method<[src: Tensor, ...rest: DiagonalArguments]> = operation({
  name: "diagonalScatter",
  linear: true,
  parameters: { self: p.tensor, src: p.tensor, ...diagonalParameters },
  forward: ({ self, src, offset, dim1, dim2 }) =>
    written("diagonalScatter", self, src, (whole) => whole.diagonal(offset, dim1, dim2)),
  backward: {
    self: (g, { sizesOf, offset, dim1, dim2 }) =>
      g.diagonalScatter(g.newZeros(sizesOf["src"]!), offset, dim1, dim2),
    src: (g, { offset, dim1, dim2 }) => g.diagonal(offset, dim1, dim2),
  },
});
