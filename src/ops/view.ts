// Views: other layouts over the same memory.
import { ShapeError } from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import {
  broadcastStrides,
  checkSizes,
  formatSizes,
  inferSizes,
  viewStrides,
  wrapDimension,
  wrapDimensions,
} from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { relayoutInPlace } from "./define/layout.ts";
import { alias as sameElements, relayout, rowMajor } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Method, Trailing } from "./define/registry.ts";
import type { Dimensions, SizeArguments } from "./types.ts";

/**
 * A view of the same elements, in row-major order, with other sizes; one size may be -1.
 * Throws ShapeError where the layout does not allow it without a copy: use `reshape`.
 * @example
 * ```ts
 * torch.arange(6).view(2, -1) // => tensor([[0, 1, 2],\n        [3, 4, 5]])
 * ```
 */
export const view: Method<SizeArguments> = operation({
  name: "view",
  parameters: { self: p.tensor, size: p.sizes },
  view: "single",
  forward: ({ self, size }) => {
    const sizes = inferSizes("view", size, self.count);
    const strides = viewStrides(self.sizes, self.strides, sizes);
    if (strides === null)
      throw new ShapeError(
        `view: ${formatSizes(sizes)} does not fit the memory layout of ${formatSizes(self.sizes)} with strides ${formatSizes(self.strides)}; use reshape, which copies where it must`,
      );
    return relayout(self, sizes, strides, self.offset);
  },
  backward: { self: (g, { sizesOf }) => g.reshape(sizesOf["self"]!) },
});

// A view of memory that nothing else shows, so that it need not count as a view.
const unsafeView: (self: Tensor, size: readonly number[]) => Tensor = operation({
  name: "unsafeView",
  linear: true,
  parameters: { self: p.tensor, size: p.integers },
  forward: ({ self, size }) => rowMajor(self, size),
  backward: { self: (g, { sizesOf }) => g.reshape(sizesOf["self"]!) },
});

/**
 * The same elements with other sizes: a view where possible, else a copy. One size may be -1.
 * @example
 * ```ts
 * torch.eye(2, 3).t().reshape(6) // => tensor([1., 0., 0., 1., 0., 0.])
 * ```
 */
export const reshape: Method<SizeArguments> = composite({
  name: "reshape",
  parameters: { self: p.tensor, shape: p.sizes },
  compute: ({ self, shape }) => {
    const sizes = inferSizes("reshape", shape, self.count);
    return viewStrides(self.sizes, self.strides, sizes) === null
      ? unsafeView(self.contiguous(), sizes)
      : self.view(sizes);
  },
});

/**
 * A view with the sizes of another tensor. Throws ShapeError as `view` does.
 * @example
 * ```ts
 * torch.arange(4).viewAs(torch.zeros(2, 2)) // => tensor([[0, 1],\n        [2, 3]])
 * ```
 */
export const viewAs: Method<[other: Tensor]> = composite({
  name: "viewAs",
  parameters: { self: p.tensor, other: p.tensor },
  compute: ({ self, other }) => self.view(other.sizes),
});

/**
 * The same elements with the sizes of another tensor.
 * @example
 * ```ts
 * torch.arange(4).reshapeAs(torch.zeros(2, 2)).shape // => 2,2
 * ```
 */
export const reshapeAs: Method<[other: Tensor]> = composite({
  name: "reshapeAs",
  parameters: { self: p.tensor, other: p.tensor },
  compute: ({ self, other }) => self.reshape(other.sizes),
});

/**
 * The dimensions from `startDim` to `endDim` made into one, in row-major order.
 * @example
 * ```ts
 * torch.zeros(2, 3, 5).flatten(1).shape // => 2,15
 * ```
 */
export const flatten: Method<
  Trailing<
    [startDim: number, endDim: number],
    { readonly startDim?: number; readonly endDim?: number }
  >
> = composite({
  name: "flatten",
  parameters: {
    self: p.tensor,
    startDim: p.optional(p.integer, 0),
    endDim: p.optional(p.integer, -1),
  },
  compute: ({ self, startDim, endDim }) => {
    const rank = self.sizes.length;
    const first = wrapDimension("flatten", startDim, rank);
    const last = wrapDimension("flatten", endDim, rank);
    if (first > last)
      throw new ShapeError(
        `flatten: startDim ${startDim} comes after endDim ${endDim}; give them in order`,
      );
    if (rank === 0) return self.reshape(1);
    if (first === last) return self;
    const count = self.sizes.slice(first, last + 1).reduce((n, size) => n * size, 1);
    return self.reshape([...self.sizes.slice(0, first), count, ...self.sizes.slice(last + 1)]);
  },
});

/**
 * One dimension split into several; one of the sizes may be -1.
 * @example
 * ```ts
 * torch.zeros(6, 2).unflatten(0, [2, 3]).shape // => 2,3,2
 * ```
 */
export const unflatten: Method<[dim: number, sizes: readonly number[]]> = composite({
  name: "unflatten",
  parameters: { self: p.tensor, dim: p.integer, sizes: p.integers },
  compute: ({ self, dim, sizes }) => {
    if (self.sizes.length === 0 || sizes.length === 0)
      throw new ShapeError(
        `unflatten: cannot make sizes ${formatSizes(sizes)} of a dimension of ${formatSizes(self.sizes)}; give at least one size`,
      );
    const d = wrapDimension("unflatten", dim, self.sizes.length);
    const inner = inferSizes("unflatten", sizes, self.sizes[d]!);
    return self.view([...self.sizes.slice(0, d), ...inner, ...self.sizes.slice(d + 1)]);
  },
});

/**
 * All elements in one dimension, in row-major order: a view where possible.
 * @example
 * ```ts
 * torch.eye(2).ravel() // => tensor([1., 0., 0., 1.])
 * ```
 */
export const ravel: Method = composite({
  name: "ravel",
  parameters: { self: p.tensor },
  compute: ({ self }) => self.contiguous().view(-1),
});

/**
 * A view in which dimensions of size 1 are repeated without copying; -1 keeps a size.
 * @example
 * ```ts
 * torch.tensor([[1], [2]]).expand(2, 3) // => tensor([[1., 1., 1.],\n        [2., 2., 2.]])
 * ```
 */
export const expand: Method<SizeArguments> = operation({
  name: "expand",
  parameters: { self: p.tensor, size: p.sizes },
  view: "single",
  forward: ({ self, size }) => {
    const lead = size.length - self.sizes.length;
    const target = mappedNumbers(size, (n, i) =>
      n === -1 && i >= lead ? self.sizes[i - lead]! : n,
    );
    checkSizes("expand", target);
    return relayout(
      self,
      target,
      broadcastStrides("expand", self.sizes, self.strides, target),
      self.offset,
    );
  },
  backward: { self: (g) => g },
});

/**
 * A view expanded to the sizes of another tensor.
 * @example
 * ```ts
 * torch.ones(1, 2).expandAs(torch.zeros(3, 2)).shape // => 3,2
 * ```
 */
export const expandAs: Method<[other: Tensor]> = composite({
  name: "expandAs",
  parameters: { self: p.tensor, other: p.tensor },
  compute: ({ self, other }) => self.expand(other.sizes),
});

/**
 * A view broadcast to the given sizes; the same as `expand`.
 * @example
 * ```ts
 * torch.ones(2).broadcastTo(3, 2).shape // => 3,2
 * ```
 */
export const broadcastTo: Method<SizeArguments> = composite({
  name: "broadcastTo",
  parameters: { self: p.tensor, size: p.sizes },
  compute: ({ self, size }) => self.expand(size),
});

function squeezed(self: Tensor, drop: (dim: number) => boolean): Tensor {
  const keep = (_: number, d: number): boolean => self.sizes[d] !== 1 || !drop(d);
  return relayout(self, self.sizes.filter(keep), self.strides.filter(keep), self.offset);
}

const squeezeAll: (self: Tensor) => Tensor = operation({
  name: "squeeze",
  parameters: { self: p.tensor },
  view: "single",
  forward: ({ self }) => squeezed(self, () => true),
  backward: { self: (g, { sizesOf }) => g.reshape(sizesOf["self"]!) },
});

const squeezeOne: (self: Tensor, dim: number) => Tensor = operation({
  name: "squeeze",
  node: "Squeeze1",
  parameters: { self: p.tensor, dim: p.integer },
  view: "single",
  forward: ({ self, dim }) => {
    const only = wrapDimension("squeeze", dim, self.sizes.length);
    return squeezed(self, (d) => d === only);
  },
  backward: { self: (g, { sizesOf }) => g.reshape(sizesOf["self"]!) },
});

const squeezeSome: (self: Tensor, dim: readonly number[]) => Tensor = operation({
  name: "squeeze",
  node: "Squeeze2",
  parameters: { self: p.tensor, dim: p.integers },
  view: "single",
  forward: ({ self, dim }) => {
    const some = wrapDimensions("squeeze", dim, self.sizes.length);
    return squeezed(self, (d) => some.includes(d));
  },
  backward: { self: (g, { sizesOf }) => g.reshape(sizesOf["self"]!) },
});

type OptionalDimensions = Trailing<[dim: Dimensions | null], { readonly dim?: Dimensions | null }>;

function squeezeAny(self: Tensor, dim: unknown): Tensor {
  if (dim === null) return squeezeAll(self);
  return typeof dim === "number" ? squeezeOne(self, dim) : squeezeSome(self, dim as number[]);
}

/**
 * A view without dimensions of size 1: all of them, or those given.
 * @example
 * ```ts
 * torch.zeros(1, 3, 1).squeeze().shape // => 3
 * ```
 */
export const squeeze: Method<OptionalDimensions> = composite({
  name: "squeeze",
  parameters: { self: p.tensor, dim: p.optional(p.anything, null) },
  compute: ({ self, dim }) => squeezeAny(self, dim),
});

/** Drops dimensions of size 1 from the tensor itself. */
export const squeeze_: Method<OptionalDimensions> = composite({
  name: "squeeze_",
  parameters: { self: p.tensor, dim: p.optional(p.anything, null) },
  compute: ({ self, dim }) => relayoutInPlace("squeeze_", self, () => squeezeAny(self, dim)),
});

/**
 * A view with a dimension of size 1 put in at `dim`.
 * @example
 * ```ts
 * torch.zeros(2, 3).unsqueeze(1).shape // => 2,1,3
 * ```
 */
export const unsqueeze: Method<[dim: number]> = operation({
  name: "unsqueeze",
  parameters: { self: p.tensor, dim: p.integer },
  view: "single",
  forward: ({ self, dim }) => {
    const d = wrapDimension("unsqueeze", dim, self.sizes.length + 1);
    const step = d < self.sizes.length ? self.sizes[d]! * self.strides[d]! : 1;
    return relayout(
      self,
      self.sizes.toSpliced(d, 0, 1),
      self.strides.toSpliced(d, 0, step),
      self.offset,
    );
  },
  backward: {
    self: (g, { dim }) => g.squeeze(dim),
  },
});

/** Puts a dimension of size 1 into the tensor itself. */
export const unsqueeze_: Method<[dim: number]> = composite({
  name: "unsqueeze_",
  parameters: { self: p.tensor, dim: p.integer },
  compute: ({ self, dim }) => relayoutInPlace("unsqueeze_", self, () => self.unsqueeze(dim)),
});

type AtLeast = Method & {
  (tensors: readonly Tensor[]): readonly Tensor[];
  (first: Tensor, second: Tensor, ...more: readonly Tensor[]): readonly Tensor[];
};

/** A view with at least so many dimensions; of several tensors an array of them. */
const atLeast = (name: string, raise: (self: Tensor) => Tensor): AtLeast =>
  composite({
    name,
    parameters: { self: { ...p.tensors, convert: (value: unknown) => value, variadic: true } },
    compute: ({ self }) => {
      const given = self as Tensor | readonly unknown[];
      if (!Array.isArray(given)) return raise(p.tensor.convert(given, name, "self"));
      const list = given.length === 1 && Array.isArray(given[0]) ? given[0] : given;
      const tensors = p.tensors.convert(list, name, "tensors").map(raise);
      return list === given && given.length === 1 ? tensors[0] : tensors;
    },
  });

/**
 * The tensor with at least one dimension; of several tensors an array.
 * @example
 * ```ts
 * torch.tensor(5).atleast1d() // => tensor([5.])
 * ```
 */
export const atleast1d: AtLeast = atLeast("atleast1d", (self) =>
  self.sizes.length === 0 ? self.reshape(1) : self,
);

/**
 * The tensor with at least two dimensions, a vector as a row; of several tensors an array.
 * @example
 * ```ts
 * torch.ones(2).atleast2d() // => tensor([[1., 1.]])
 * ```
 */
export const atleast2d: AtLeast = atLeast("atleast2d", (self) =>
  self.sizes.length === 0 ? self.reshape(1, 1) : self.sizes.length === 1 ? self.unsqueeze(0) : self,
);

/**
 * The tensor with at least three dimensions: a vector [n] becomes [1, n, 1], a matrix [n, m] becomes [n, m, 1]; of several tensors an array.
 * @example
 * ```ts
 * torch.ones(2).atleast3d().shape // => 1,2,1
 * ```
 */
export const atleast3d: AtLeast = atLeast("atleast3d", (self) => {
  const rank = self.sizes.length;
  if (rank === 0) return self.reshape(1, 1, 1);
  if (rank === 1) return self.unsqueeze(0).unsqueeze(-1);
  return rank === 2 ? self.unsqueeze(-1) : self;
});

/**
 * A view of the whole tensor: another tensor over the same memory.
 * @example
 * ```ts
 * torch.ones(2).alias() // => tensor([1., 1.])
 * ```
 */
export const alias: Method = operation({
  name: "alias",
  parameters: { self: p.tensor },
  view: "single",
  forward: ({ self }) => sameElements(self),
  backward: { self: (g) => g },
});

/**
 * The real part: of a real tensor, the tensor itself.
 * @example
 * ```ts
 * torch.real(torch.ones(2)) // => tensor([1., 1.])
 * ```
 */
export const real: FunctionOnly<(input: Tensor) => Tensor> = composite({
  name: "real",
  parameters: { input: p.tensor },
  compute: ({ input }) => input,
});
