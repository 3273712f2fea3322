// Elements chosen by a mask, and the positions of elements that are not zero.
import { bool, int64 } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { broadcastSizes, formatSizes, sameSizes, type Sizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { concatenate } from "./define/concatenate.ts";
import {
  columnsOf,
  countNonzero,
  isMask,
  nonzeroRows,
  readAt,
  stretched,
  writeAt,
} from "./define/indices.ts";
import { empty, relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, MethodWithInPlace } from "./define/registry.ts";
import { fillWith, transfer } from "./define/transfer.ts";

/** A mask that says yes or no and needs no gradient. */
const mask = {
  ...p.tensor,
  tensors: false,
  convert: (value: unknown, operation: string, name: string): Tensor => {
    const found = p.tensor.convert(value, operation, name);
    if (!isMask(found.dtype))
      throw new DTypeError(
        `${operation}: ${name} is ${found.dtype.name}; a mask should be bool, as comparisons give it`,
      );
    return found;
  },
};

/** A tensor with at least one dimension, so that positions can be named. */
function vectorized(of: Tensor): Tensor {
  return of.sizes.length === 0 ? relayout(of, [1], [1], of.offset) : of;
}

/**
 * The elements where the mask is true, in row-major order; tensor and mask broadcast.
 * @example
 * ```ts
 * const x = torch.arange(4);
 * x.maskedSelect(x.gt(1)) // => tensor([2, 3])
 * ```
 */
export const maskedSelect: Method<[mask: Tensor]> = operation({
  name: "maskedSelect",
  linear: true,
  parameters: { self: p.tensor, mask },
  saves: ["mask"],
  forward: ({ self, mask: chosen }) => {
    const sizes = broadcastSizes("maskedSelect", self.sizes, chosen.sizes);
    const source = vectorized(stretched(self, sizes));
    const columns = columnsOf(vectorized(stretched(chosen, sizes)));
    return readAt(source, [...source.sizes.keys()], columns);
  },
  backward: {
    self: (g, { sizesOf, mask: chosen }) => {
      const sizes = broadcastSizes("maskedSelect", sizesOf["self"]!, chosen.sizes);
      return g.newZeros(sizes).maskedScatter(chosen, g);
    },
  },
});

const scatterWhole: MethodWithInPlace<[mask: Tensor, source: Tensor]> = operation({
  name: "maskedScatter",
  linear: true,
  parameters: { self: p.tensor, mask, source: p.tensor },
  saves: ["mask"],
  write: ({ self, mask: chosen, source }) => {
    if (chosen.dtype !== bool)
      throw new DTypeError(`maskedScatter: the mask is ${chosen.dtype.name}; it should be bool`);
    if (source.dtype !== self.dtype)
      throw new DTypeError(
        `maskedScatter: self is ${self.dtype.name} and the source ${source.dtype.name}; they should have one type`,
      );
    if (!sameSizes(broadcastSizes("maskedScatter", self.sizes, chosen.sizes), self.sizes))
      throw new ShapeError(
        `maskedScatter: a mask of shape ${formatSizes(chosen.sizes)} does not broadcast to ${formatSizes(self.sizes)}`,
      );
    const target = vectorized(self);
    const columns = columnsOf(vectorized(stretched(chosen, self.sizes)));
    const count = columns[0]!.count;
    if (count > source.count)
      throw new ShapeError(
        `maskedScatter: the mask chooses ${count} elements, but the source has ${source.count}; it should have at least as many`,
      );
    writeAt.inPlace(
      target,
      [...target.sizes.keys()],
      columns,
      source.reshape(-1).narrow(0, 0, count),
      false,
    );
  },
  backward: {
    self: (g, { mask: chosen }) => g.maskedFill(chosen, 0),
    source: (g, { sizesOf, mask: chosen }) => {
      const sizes = sizesOf["source"]!;
      const taken = g.maskedSelect(chosen.expand(g.sizes));
      const count = sizes.reduce((all: number, n) => all * n, 1);
      const rest = g.newZeros([count - taken.count]);
      return concatenate("maskedScatter", [taken, rest], 0).reshape(sizes);
    },
  },
});

type MaskedScatter = Method<[mask: Tensor, source: Tensor]>;

/**
 * A copy with the elements where the mask is true replaced by those of `source`, one after another in row-major order.
 * @example
 * ```ts
 * torch.zeros(3).maskedScatter(torch.tensor([true, false, true]), torch.tensor([1, 2])) // => tensor([1., 0., 2.])
 * ```
 */
export const maskedScatter: MaskedScatter = composite({
  name: "maskedScatter",
  parameters: { self: p.tensor, mask, source: p.tensor },
  compute: ({ self, mask: chosen, source }) => {
    const sizes: Sizes = broadcastSizes("maskedScatter", self.sizes, chosen.sizes);
    return scatterWhole(self.expand(sizes), chosen, source);
  },
});

/** Replaces the elements of the tensor itself where the mask is true; see `maskedScatter`. */
export const maskedScatter_: MaskedScatter = composite({
  name: "maskedScatter_",
  parameters: { self: p.tensor, mask, source: p.tensor },
  compute: ({ self, mask: chosen, source }) =>
    (scatterWhole as unknown as { inPlace: typeof scatterWhole }).inPlace(self, chosen, source),
});

/**
 * The positions of elements that are not zero: int64 [n, dimensions], in row-major order; or with `asTuple` one vector for each dimension.
 * @example
 * ```ts
 * torch.eye(2).nonzero() // => tensor([[0, 0],\n        [1, 1]])
 * ```
 */
export const nonzero: Method<[options?: { readonly asTuple?: false }]> & {
  (self: Tensor, options: { readonly asTuple: true }): readonly Tensor[];
} = composite({
  name: "nonzero",
  parameters: { self: p.tensor, asTuple: p.optional(p.boolean, false) },
  compute: ({ self, asTuple }) =>
    asTuple ? columnsOf(vectorized(self.detach())) : nonzeroRows(self.detach()),
});

/**
 * The positions of elements that are not zero: int64 [n, dimensions], in row-major order.
 * @example
 * ```ts
 * torch.tensor([0, 5]).argwhere() // => tensor([[1]])
 * ```
 */
export const argwhere: Method = composite({
  name: "argwhere",
  parameters: { self: p.tensor },
  compute: ({ self }) => nonzeroRows(self.detach()),
});

/**
 * The first `size` positions of elements that are not zero, rows of `fillValue` where there are fewer.
 * @example
 * ```ts
 * torch.tensor([0, 5]).nonzeroStatic({ size: 2 }) // => tensor([[ 1],\n        [-1]])
 * ```
 */
export const nonzeroStatic: Method<
  [options: { readonly size: number; readonly fillValue?: number }]
> = composite({
  name: "nonzeroStatic",
  parameters: { self: p.tensor, size: p.integer, fillValue: p.optional(p.integer, -1) },
  compute: ({ self, size, fillValue }) => {
    if (size < 0)
      throw new ArgumentError(`nonzeroStatic: the size is ${size}; it should be at least 0`);
    const out = empty([size, self.sizes.length], int64, self.device);
    fillWith(out, fillValue);
    const count = Math.min(size, countNonzero(self));
    const rows = nonzeroRows(self.detach());
    if (count > 0 && self.sizes.length > 0)
      transfer(
        relayout(rows, [count, rows.sizes[1]!], rows.strides, rows.offset),
        relayout(out, [count, rows.sizes[1]!], out.strides, 0),
      );
    return out;
  },
});
