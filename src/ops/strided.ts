// The view with any layout, and its gradient, on which in-place changes through views rest.
import { int64 } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { checkSizes, formatSizes, mayOverlap, type Sizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { fromNumbers } from "./define/creation.ts";
import { relayoutInPlace } from "./define/layout.ts";
import { relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method } from "./define/registry.ts";

/**
 * The gradient of a strided view for the tensor it shows: gradients of elements that lie on one place are summed, then each element of the
 * input gets that of its place, shared equally where several of its own elements lie there.
 */
function scatteredBack(
  gradient: Tensor,
  from: Geometry,
  to: { readonly sizes: Sizes; readonly strides: Sizes; readonly offset: number },
): Tensor {
  let g = gradient;
  const sizes: number[] = [];
  const strides: number[] = [];
  for (let d = from.sizes.length - 1; d >= 0; d--) {
    if (from.sizes[d] === 0) return gradient.newZeros(to.sizes);
    if (from.sizes[d] === 1) g = g.squeeze(d);
    else if (from.strides[d] === 0) g = g.sum(d);
    else {
      sizes.unshift(from.sizes[d]!);
      strides.unshift(from.strides[d]!);
    }
  }
  if (to.sizes.includes(0)) return gradient.newZeros(to.sizes);
  const kept = to.sizes.flatMap((n, d) => (n === 1 ? [] : [d]));
  const ownSizes = kept.map((d) => to.sizes[d]!);
  const ownStrides = kept.map((d) => to.strides[d]!);
  const first = Math.min(from.offset, to.offset);
  const length = Math.max(
    reach(sizes, strides) + from.offset - first,
    reach(ownSizes, ownStrides) + to.offset - first,
  );
  const flat = (n: Sizes, step: Sizes, offset: number): Tensor =>
    positions(length, gradient)
      .asStrided(n, step, offset - first)
      .reshape(-1);
  let memory = gradient.newZeros([length]);
  if (mayOverlap(sizes, strides))
    memory = memory.indexAdd(0, flat(sizes, strides, from.offset), g.reshape(-1));
  else memory.asStrided(sizes, strides, from.offset - first).copy_(g);
  if (mayOverlap(ownSizes, ownStrides)) {
    const where = flat(ownSizes, ownStrides, to.offset);
    const count = gradient.newZeros([length]).indexAdd(0, where, gradient.newOnes(where.sizes));
    const counts = count.detach().toTypedArray();
    memory = memory.mul(
      fromNumbers("asStrided", [length], g.dtype, g.device, false, (i) => 1 / Number(counts[i])),
    );
  }
  return memory.asStrided(to.sizes, to.strides, to.offset - first);
}

interface Geometry {
  readonly sizes: Sizes;
  readonly strides: Sizes;
  readonly offset: number;
}

/** How many elements a layout reaches over. */
function reach(sizes: Sizes, strides: Sizes): number {
  return sizes.reduce((most, n, d) => most + (n - 1) * strides[d]!, 1);
}

function positions(length: number, like: Tensor): Tensor {
  return fromNumbers("asStrided", [length], int64, like.device, false, (i) => i);
}

const strided: (
  self: Tensor,
  size: Sizes,
  stride: Sizes,
  storageOffset: number,
  ownStrides: Sizes,
  ownOffset: number,
) => Tensor = operation({
  name: "asStrided",
  parameters: {
    self: p.tensor,
    size: p.integers,
    stride: p.integers,
    storageOffset: p.integer,
    ownStrides: p.integers,
    ownOffset: p.integer,
  },
  view: "single",
  forward: ({ self, size, stride, storageOffset: offset }) => {
    const last = size.reduce((most, n, i) => most + (n - 1) * stride[i]!, offset);
    const capacity = Math.floor(self.storage.byteLength / self.dtype.itemsize);
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
    self: (g, { sizesOf, size, stride, storageOffset, ownStrides, ownOffset }) =>
      scatteredBack(
        g,
        { sizes: size, strides: stride, offset: storageOffset },
        { sizes: sizesOf["self"]!, strides: ownStrides, offset: ownOffset },
      ),
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
> = composite({
  name: "asStrided",
  parameters: {
    self: p.tensor,
    size: p.integers,
    stride: p.integers,
    storageOffset: p.optional(p.integer, null),
  },
  compute: ({ self, size, stride, storageOffset }) => {
    checkSizes("asStrided", size);
    const offset = storageOffset ?? self.offset;
    return strided(self, size, stride, offset, self.strides, self.offset);
  },
});

/** Gives the tensor itself any sizes and strides over its memory. Throws as `asStrided` does. */
export const asStrided_: Method<
  [size: readonly number[], stride: readonly number[], storageOffset?: number | null]
> = composite({
  name: "asStrided_",
  parameters: {
    self: p.tensor,
    size: p.integers,
    stride: p.integers,
    storageOffset: p.optional(p.integer, null),
  },
  compute: ({ self, size, stride, storageOffset }) =>
    relayoutInPlace("asStrided_", self, () => self.asStrided(size, stride, storageOffset)),
});
