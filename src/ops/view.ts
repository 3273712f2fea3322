// Views: other layouts over the same memory.
import { IndexError, ShapeError } from "../core/errors.ts";
import {
  broadcastStrides,
  formatSizes,
  inferSizes,
  viewStrides,
  wrapDimension,
} from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, Trailing } from "./define/registry.ts";
import type { SizeArguments } from "./types.ts";

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
      ? self.clone().view(sizes)
      : self.view(sizes);
  },
});

/**
 * A view with any sizes and strides over the tensor's memory, starting at `storageOffset` elements.
 * Throws ShapeError where the layout would leave the memory.
 * @example
 * ```ts
 * torch.arange(5).asStrided([3, 2], [1, 1]) // => tensor([[0, 1],\n        [1, 2],\n        [2, 3]])
 * ```
 */
export const asStrided: Method<
  [size: readonly number[], stride: readonly number[], storageOffset?: number | null]
> = operation({
  name: "asStrided",
  parameters: {
    self: p.tensor,
    size: p.integers,
    stride: p.integers,
    storageOffset: p.optional(p.integer, null),
  },
  view: "single",
  forward: ({ self, size, stride, storageOffset }) => {
    const offset = storageOffset ?? self.offset;
    const last = size.reduce((most, n, i) => most + (n - 1) * stride[i]!, offset);
    const capacity = self.storage.byteLength / self.dtype.itemsize;
    if (
      size.length !== stride.length ||
      stride.some((s) => s < 0) ||
      offset < 0 ||
      (!size.includes(0) && last >= capacity)
    )
      throw new ShapeError(
        `asStrided: sizes ${formatSizes(size)} with strides ${formatSizes(stride)} from ${offset} do not lie within the ${capacity} elements of the memory`,
      );
    return relayout(self, size, stride, offset);
  },
  backward: {
    self: (g, { sizesOf, size, stride }) => {
      void sizesOf;
      void size;
      void stride;
      return g;
    },
  },
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
    const target = size.map((n, i) => (n === -1 && i >= lead ? self.sizes[i - lead]! : n));
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
 * A view with two dimensions exchanged.
 * @example
 * ```ts
 * torch.zeros(2, 3).transpose(0, 1).shape // => 3,2
 * ```
 */
export const transpose: Method<[dim0: number, dim1: number]> = operation({
  name: "transpose",
  parameters: { self: p.tensor, dim0: p.integer, dim1: p.integer },
  view: "single",
  forward: ({ self, dim0, dim1 }) => {
    const a = wrapDimension("transpose", dim0, self.sizes.length);
    const b = wrapDimension("transpose", dim1, self.sizes.length);
    const sizes = [...self.sizes];
    const strides = [...self.strides];
    if (sizes.length > 0) {
      [sizes[a], sizes[b]] = [sizes[b]!, sizes[a]!];
      [strides[a], strides[b]] = [strides[b]!, strides[a]!];
    }
    return relayout(self, sizes, strides, self.offset);
  },
  backward: { self: (g, { dim0, dim1 }) => g.transpose(dim0, dim1) },
});

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
