// A tensor taken apart into several views.
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { wrapDimension } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { concatenate } from "./define/concatenate.ts";
import { relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, Trailing } from "./define/registry.ts";

/**
 * All positions of a dimension as separate views.
 * @example
 * ```ts
 * torch.eye(2).unbind()[1] // => tensor([0., 1.])
 * ```
 */
export const unbind: Method<
  Trailing<[dim: number], { readonly dim?: number }>,
  readonly Tensor[]
> = operation({
  name: "unbind",
  parameters: { self: p.tensor, dim: p.optional(p.integer, 0) },
  view: "multiple",
  forward: ({ self, dim }) => {
    if (self.sizes.length === 0)
      throw new ShapeError("unbind: a tensor without dimensions has nothing to take apart");
    const d = wrapDimension("unbind", dim, self.sizes.length);
    const keep = (_: number, i: number): boolean => i !== d;
    const [sizes, strides] = [self.sizes.filter(keep), self.strides.filter(keep)];
    return Array.from({ length: self.sizes[d]! }, (_, i) =>
      relayout(self, sizes, strides, self.offset + i * self.strides[d]!),
    );
  },
  backward: {
    self: (_g, { sizesOf, dim }, gradients) => {
      const whole = (gradients.find((g) => g !== null) as Tensor).newZeros(sizesOf["self"]!);
      gradients.forEach((g, i) => {
        if (g !== null) whole.select(dim, i).copy_(g);
      });
      return whole;
    },
  },
});
type SplitSize = number | readonly number[];
type Parts = readonly Tensor[];
interface Along {
  readonly dim?: number;
}

/** The views of consecutive lengths along a dimension. */
function partsOf(name: string, self: Tensor, lengths: readonly number[], dim: number): Tensor[] {
  if (self.sizes.length === 0)
    throw new ShapeError(`${name}: a tensor without dimensions has nothing to take apart`);
  const d = wrapDimension(name, dim, self.sizes.length);
  const size = self.sizes[d]!;
  const total = lengths.reduce((sum, n) => sum + n, 0);
  if (lengths.some((n) => n < 0) || total !== size)
    throw new ShapeError(
      `${name}: the lengths [${lengths.slice(0, 8).join(", ")}${lengths.length > 8 ? ", ..." : ""}] add up to ${total}, but dimension ${d} has size ${size}; they should add up to it, none negative`,
    );
  let at = self.offset;
  return lengths.map((n) => {
    const part = relayout(self, self.sizes.with(d, n), self.strides, at);
    at += n * self.strides[d]!;
    return part;
  });
}

/** The gradient of all parts together: those that none arrived for are zeros. */
function joinParts(
  gradients: readonly (Tensor | null)[],
  sizes: readonly number[],
  lengths: readonly number[],
  dim: number,
): Tensor {
  const known = gradients.find((g) => g !== null) as Tensor;
  const d = dim < 0 ? dim + sizes.length : dim;
  return concatenate(
    "split",
    lengths.map((n, k) => gradients[k] ?? known.newZeros(sizes.with(d, n))),
    d,
  );
}

const partition = (
  name: string,
  node: string,
  view: boolean,
): ((self: Tensor, lengths: readonly number[], dim: number) => Parts) =>
  operation({
    name,
    node,
    parameters: { self: p.tensor, lengths: p.integers, dim: p.integer },
    linear: true,
    ...(view ? { view: "multiple" as const } : {}),
    forward: ({ self, lengths, dim }) => partsOf(name, self, lengths, dim),
    backward: {
      self: (_g, { sizesOf, lengths, dim }, gradients) =>
        joinParts(gradients, sizesOf["self"]!, lengths, dim),
    },
  });

const splitEqual = partition("split", "Split", true);
const splitSizes = partition("splitWithSizes", "SplitWithSizes", true);
const unsafeEqual = partition("unsafeSplit", "UnsafeSplit", false);
const unsafeSizes = partition("unsafeSplitWithSizes", "UnsafeSplitWithSizes", false);

/** The lengths of parts of equal length, the last one what remains. */
function equalLengths(name: string, self: Tensor, length: number, dim: number): number[] {
  if (self.sizes.length === 0)
    throw new ShapeError(`${name}: a tensor without dimensions has nothing to take apart`);
  const size = self.sizes[wrapDimension(name, dim, self.sizes.length)]!;
  if (length < 0 || (length === 0 && size > 0))
    throw new ArgumentError(
      `${name}: parts of length ${length} of a dimension of size ${size}; the length should be positive`,
    );
  const count = length === 0 ? 1 : Math.max(Math.ceil(size / length), 1);
  return Array.from({ length: count }, (_, k) =>
    k < count - 1 ? length : size - length * (count - 1),
  );
}

/**
 * The tensor in views of `splitSize` positions along a dimension, the last one shorter where it does not divide; or of the given lengths,
 * which must add up to the size.
 * @example
 * ```ts
 * torch.arange(5).split(2)[2] // => tensor([4])
 * ```
 */
export const split: Method<[splitSize: SplitSize, ...rest: Trailing<[dim: number], Along>], Parts> =
  composite({
    name: "split",
    parameters: { self: p.tensor, splitSize: p.anything, dim: p.optional(p.integer, 0) },
    compute: ({ self, splitSize, dim }) =>
      Array.isArray(splitSize)
        ? splitSizes(self, p.integers.convert(splitSize, "split", "splitSize"), dim)
        : splitEqual(
            self,
            equalLengths("split", self, p.integer.convert(splitSize, "split", "splitSize"), dim),
            dim,
          ),
  });

/**
 * The tensor in views of the given lengths along a dimension.
 * @example
 * ```ts
 * torch.arange(5).splitWithSizes([1, 4])[1] // => tensor([1, 2, 3, 4])
 * ```
 */
export const splitWithSizes: Method<
  [splitSizes: readonly number[], ...rest: Trailing<[dim: number], Along>],
  Parts
> = composite({
  name: "splitWithSizes",
  parameters: { self: p.tensor, splitSizes: p.integers, dim: p.optional(p.integer, 0) },
  compute: ({ self, splitSizes: lengths, dim }) => splitSizes(self, lengths, dim),
});

/** As `split`, but the parts do not count as views: they may be changed in place, and the changes are not seen by the graph. */
export const unsafeSplit: Method<
  [splitSize: number, ...rest: Trailing<[dim: number], Along>],
  Parts
> = composite({
  name: "unsafeSplit",
  parameters: { self: p.tensor, splitSize: p.integer, dim: p.optional(p.integer, 0) },
  compute: ({ self, splitSize, dim }) =>
    unsafeEqual(self, equalLengths("unsafeSplit", self, splitSize, dim), dim),
});

/** As `splitWithSizes`, but the parts do not count as views. */
export const unsafeSplitWithSizes: Method<
  [splitSizes: readonly number[], ...rest: Trailing<[dim: number], Along>],
  Parts
> = composite({
  name: "unsafeSplitWithSizes",
  parameters: { self: p.tensor, splitSizes: p.integers, dim: p.optional(p.integer, 0) },
  compute: ({ self, splitSizes: lengths, dim }) => unsafeSizes(self, lengths, dim),
});

/** The lengths of at most `chunks` equal parts. */
function chunkLengths(name: string, self: Tensor, chunks: number, dim: number): number[] {
  if (chunks < 1)
    throw new ArgumentError(`${name}: ${chunks} chunks; there should be at least one`);
  if (self.sizes.length === 0)
    throw new ShapeError(`${name}: a tensor without dimensions has nothing to take apart`);
  const size = self.sizes[wrapDimension(name, dim, self.sizes.length)]!;
  if (size === 0) return new Array<number>(Math.min(chunks, 2 ** 20)).fill(0);
  return equalLengths(name, self, Math.ceil(size / chunks), dim);
}

/**
 * The tensor in at most `chunks` views of equal length along a dimension, the last one shorter where it does not divide.
 * @example
 * ```ts
 * torch.arange(5).chunk(2)[1] // => tensor([3, 4])
 * ```
 */
export const chunk: Method<[chunks: number, ...rest: Trailing<[dim: number], Along>], Parts> =
  composite({
    name: "chunk",
    parameters: { self: p.tensor, chunks: p.integer, dim: p.optional(p.integer, 0) },
    compute: ({ self, chunks, dim }) =>
      splitEqual(self, chunkLengths("chunk", self, chunks, dim), dim),
  });

/** As `chunk`, but the parts do not count as views. */
export const unsafeChunk: Method<[chunks: number, ...rest: Trailing<[dim: number], Along>], Parts> =
  composite({
    name: "unsafeChunk",
    parameters: { self: p.tensor, chunks: p.integer, dim: p.optional(p.integer, 0) },
    compute: ({ self, chunks, dim }) =>
      unsafeEqual(self, chunkLengths("unsafeChunk", self, chunks, dim), dim),
  });

/** Parts between positions, or so many parts whose lengths differ by at most one. */
function tensorParts(name: string, self: Tensor, how: unknown, dim: number): Parts {
  if (self.sizes.length === 0)
    throw new ShapeError(`${name}: a tensor without dimensions has nothing to take apart`);
  const d = wrapDimension(name, dim, self.sizes.length);
  const size = self.sizes[d]!;
  const given = how instanceof Tensor ? (how.sizes.length === 0 ? how.item() : how.tolist()) : how;
  if (Array.isArray(given)) {
    const positions = p.integers.convert(given, name, "indices");
    const bounds = [0, ...positions.map((at) => at), size];
    return bounds
      .slice(1)
      .map((to, k) => self.slice(d, bounds[k]!, k === positions.length ? size : to, 1));
  }
  const sections = p.integer.convert(given, name, "sections");
  if (sections < 1)
    throw new ArgumentError(`${name}: ${sections} sections; there should be at least one`);
  if (sections > 2 ** 20)
    throw new ArgumentError(`${name}: ${sections} sections; at most 2^20 are supported`);
  const least = Math.floor(size / sections);
  const longer = size % sections;
  let at = 0;
  return Array.from({ length: sections }, (_, k) => {
    const from = at;
    at += least + (k < longer ? 1 : 0);
    return self.slice(d, from, at, 1);
  });
}

/**
 * The tensor taken apart along a dimension: into so many parts whose lengths differ by at most one, or before each of the given positions.
 * @example
 * ```ts
 * torch.arange(5).tensorSplit([1, 3])[1] // => tensor([1, 2])
 * ```
 */
export const tensorSplit: Method<
  [indicesOrSections: SplitSize | Tensor, ...rest: Trailing<[dim: number], Along>],
  Parts
> = composite({
  name: "tensorSplit",
  parameters: {
    self: p.tensor,
    indicesOrSections: p.optional(p.anything, null),
    dim: p.optional(p.integer, 0),
    indices: p.optional(p.anything, null),
    sections: p.optional(p.anything, null),
  },
  compute: ({ self, indicesOrSections, dim, indices, sections }) =>
    tensorParts("tensorSplit", self, indicesOrSections ?? indices ?? sections, dim),
});

/** `tensorSplit` along a fixed dimension, into parts of equal length. */
const alongFixed = (
  name: string,
  least: number,
  dimOf: (self: Tensor) => number,
): Method<[indicesOrSections: SplitSize], Parts> =>
  composite({
    name,
    parameters: {
      self: p.tensor,
      indicesOrSections: p.optional(p.anything, null),
      indices: p.optional(p.anything, null),
      sections: p.optional(p.anything, null),
    },
    compute: ({ self, indicesOrSections, indices, sections }) => {
      if (self.sizes.length < least)
        throw new ShapeError(
          `${name}: needs at least ${least} dimension${least === 1 ? "" : "s"}, and the tensor has ${self.sizes.length}`,
        );
      const how = indicesOrSections ?? indices ?? sections;
      const dim = dimOf(self);
      if (typeof how === "number" && (how < 1 || self.sizes[dim]! % how !== 0))
        throw new ShapeError(
          `${name}: dimension ${dim} of size ${self.sizes[dim]} does not divide into ${how} equal parts; use tensorSplit`,
        );
      return tensorParts(name, self, how, dim);
    },
  });

/**
 * The tensor taken apart along its second dimension, a vector along its only one.
 * @example
 * ```ts
 * torch.arange(4).hsplit(2)[1] // => tensor([2, 3])
 * ```
 */
export const hsplit: Method<[indicesOrSections: SplitSize], Parts> = alongFixed(
  "hsplit",
  1,
  (self) => (self.sizes.length === 1 ? 0 : 1),
);

/**
 * The tensor taken apart along its first dimension.
 * @example
 * ```ts
 * torch.eye(2).vsplit(2)[1] // => tensor([[0., 1.]])
 * ```
 */
export const vsplit: Method<[indicesOrSections: SplitSize], Parts> = alongFixed(
  "vsplit",
  2,
  () => 0,
);

/**
 * The tensor taken apart along its third dimension.
 * @example
 * ```ts
 * torch.zeros(1, 1, 4).dsplit(2)[1].shape // => 1,1,2
 * ```
 */
export const dsplit: Method<[indicesOrSections: SplitSize], Parts> = alongFixed(
  "dsplit",
  3,
  () => 2,
);
