// Elements at positions that a tensor holds, along one dimension or in row-major order.
import { int32, int64 } from "../core/dtype.ts";
import { DTypeError, IndexError, ShapeError } from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import { broadcastSizes, formatSizes, wrapDimension } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { elements } from "./define/creation.ts";
import { requireInRange } from "./define/integers.ts";
import { empty, relayout } from "./define/memory.ts";
import { checkDevices } from "./define/levels.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, MethodWithInPlace, Trailing } from "./define/registry.ts";
import { fillWith, transfer } from "./define/transfer.ts";

/** Positions as the vector of int64 that kernels read; counted from the end where the operation lets them be. */
function vector(name: string, index: Tensor, negative: boolean): Tensor {
  if (index.sizes.length > 1)
    throw new ShapeError(
      `${name}: the positions have shape ${formatSizes(index.sizes)}; give a vector`,
    );
  if (index.dtype !== int64 && index.dtype !== int32)
    throw new DTypeError(
      `${name}: the positions are of type ${index.dtype.name}; they should be int64 or int32`,
    );
  const out = index.detach().to(int64).reshape(-1).contiguous();
  if (!negative && out.device.backend.valueless !== true)
    for (const position of elements(out))
      if (position < 0)
        throw new IndexError(`${name}: position ${position} is negative; give positions from 0 on`);
  return out;
}

/** The tensor with the dimension first, as kernels index it. */
function leading(of: Tensor, dim: number): Tensor {
  if (of.sizes.length === 0) return relayout(of, [1], [1], of.offset);
  const order = [dim, ...[...of.sizes.keys()].filter((d) => d !== dim)];
  return relayout(
    of,
    mappedNumbers(order, (d) => of.sizes[d]!),
    mappedNumbers(order, (d) => of.strides[d]!),
    of.offset,
  );
}

/**
 * The slices of dimension `dim` at the given positions, in their order. Throws IndexError for a position outside the dimension.
 * @example
 * ```ts
 * torch.eye(3).indexSelect(0, torch.tensor([2n, 0n])) // => tensor([[0., 0., 1.],\n        [1., 0., 0.]])
 * ```
 */
export const indexSelect: Method<[dim: number, index: Tensor]> = operation({
  name: "indexSelect",
  linear: true,
  parameters: { self: p.tensor, dim: p.integer, index: p.indexTensor },
  saves: ["index"],
  forward: ({ self, dim, index }) => {
    const d = wrapDimension("indexSelect", dim, self.sizes.length);
    checkDevices("indexSelect", [self, index]);
    const at = vector("indexSelect", index, false);
    const sizes = self.sizes.length === 0 ? [] : self.sizes.with(d, at.count);
    if (self.sizes.length === 0 && at.count !== 1)
      throw new ShapeError(
        `indexSelect: ${at.count} positions of a tensor without dimensions; give one`,
      );
    const out = empty(sizes, self.dtype, self.device);
    self.device.backend.index(leading(out, d), leading(self, d), [at]);
    return out;
  },
  backward: {
    self: (g, { sizesOf, dim, index }) => g.newZeros(sizesOf["self"]!).indexAdd(dim, index, g),
  },
});

/** Refuses a source that does not have one slice for each position. */
function checkSlices(
  name: string,
  self: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
): number {
  const d = wrapDimension(name, dim, self.sizes.length);
  checkDevices(name, [self, index, source]);
  if (source.dtype !== self.dtype)
    throw new DTypeError(
      `${name}: self is ${self.dtype.name} and the source ${source.dtype.name}; they should have one type`,
    );
  const rank = Math.max(self.sizes.length, 1);
  const own = self.sizes.length === 0 ? [1] : self.sizes;
  const given = source.sizes.length === 0 ? [1] : source.sizes;
  if (given.length !== rank || given.some((n, i) => n !== (i === d ? index.count : own[i])))
    throw new ShapeError(
      `${name}: a source of shape ${formatSizes(source.sizes)} does not go with self ${formatSizes(self.sizes)} and ${index.count} positions along dimension ${d}; it should be ${formatSizes(own.with(d, index.count))}`,
    );
  return d;
}

/**
 * Adds `alpha` times slice i of `source` to the slice of `self` at position `index[i]`; repeated positions add up.
 * @example
 * ```ts
 * torch.zeros(3).indexAdd(0, torch.tensor([1n, 1n]), torch.ones(2)) // => tensor([0., 2., 0.])
 * ```
 */
export const indexAdd: MethodWithInPlace<
  [dim: number, index: Tensor, source: Tensor, options?: { readonly alpha?: number }]
> = operation({
  name: "indexAdd",
  linear: true,
  parameters: {
    self: p.tensor,
    dim: p.integer,
    index: p.indexTensor,
    source: p.tensor,
    alpha: p.optional(p.number, 1),
  },
  saves: ["index"],
  write: ({ self, dim, index, source, alpha }) => {
    const d = checkSlices("indexAdd", self, dim, index, source);
    const at = vector("indexAdd", index, false);
    const scaled = alpha === 1 ? source : source.mul(alpha);
    self.device.backend.indexPut(leading(self, d), [at], leading(scaled, d), true);
  },
  backward: {
    self: (g) => g,
    source: (g, { sizesOf, dim, index, alpha }) => {
      const own = g.indexSelect(dim, index).reshape(sizesOf["source"]!);
      return alpha === 1 ? own : own.mul(alpha);
    },
  },
});

/**
 * Writes slice i of `source` over the slice of `self` at position `index[i]`.
 * @example
 * ```ts
 * torch.zeros(3).indexCopy(0, torch.tensor([2n]), torch.ones(1)) // => tensor([0., 0., 1.])
 * ```
 */
export const indexCopy: MethodWithInPlace<[dim: number, index: Tensor, source: Tensor]> = operation(
  {
    name: "indexCopy",
    parameters: { self: p.tensor, dim: p.integer, index: p.indexTensor, source: p.tensor },
    saves: ["index"],
    write: ({ self, dim, index, source }) => {
      const d = checkSlices("indexCopy", self, dim, index, source);
      const at = vector("indexCopy", index, false);
      self.device.backend.indexPut(leading(self, d), [at], leading(source, d), false);
    },
    backward: {
      self: (g, { dim, index }) => g.indexFill(dim, index, 0),
      source: (g, { sizesOf, dim, index }) => g.indexSelect(dim, index).reshape(sizesOf["source"]!),
    },
  },
);

/**
 * Writes one value over the slices of `self` at the given positions, which may count from the end.
 * @example
 * ```ts
 * torch.zeros(3).indexFill(0, torch.tensor([0n, 2n]), 5) // => tensor([5., 0., 5.])
 * ```
 */
export const indexFill: MethodWithInPlace<[dim: number, index: Tensor, value: number | Tensor]> =
  operation({
    name: "indexFill",
    linear: true,
    parameters: {
      self: p.tensor,
      dim: p.integer,
      index: p.indexTensor,
      value: p.tensorOrNumber,
    },
    saves: ["index"],
    write: ({ self, dim, index, value }) => {
      const d = wrapDimension("indexFill", dim, self.sizes.length);
      const at = vector("indexFill", index, true);
      if (value instanceof Tensor && value.sizes.length > 0)
        throw new ShapeError(
          `indexFill: the value has shape ${formatSizes(value.sizes)}; give a number or a tensor without dimensions`,
        );
      const source = empty([], self.dtype, self.device);
      if (value instanceof Tensor) transfer(value, source);
      else {
        requireInRange("indexFill", value, self.dtype);
        fillWith(source, value);
      }
      const target = leading(self, d);
      const sizes = target.sizes.with(0, at.count);
      const spread = relayout(
        source,
        sizes,
        mappedNumbers(sizes, () => 0),
        source.offset,
      );
      self.device.backend.indexPut(target, [at], spread, false);
    },
    backward: {
      self: (g, { dim, index }) => g.indexFill(dim, index, 0),
      value: (g, { dim, index }) => g.indexSelect(dim, index).sum(),
    },
  });

/** The elements in row-major order, as one dimension; a copy where the layout asks for one. */
function flat(of: Tensor): Tensor {
  const dense = of.detach().contiguous();
  return relayout(dense, [dense.count], [1], dense.offset);
}

function flatPositions(name: string, index: Tensor): Tensor {
  if (index.dtype !== int64)
    throw new DTypeError(`${name}: the positions are ${index.dtype.name}; they should be int64`);
  return flat(index);
}

/**
 * The elements at row-major positions of the whole tensor, with the shape of `index`. Negative positions count from the end.
 * @example
 * ```ts
 * torch.eye(2).take(torch.tensor([0n, 1n, -1n])) // => tensor([1., 0., 1.])
 * ```
 */
export const take: Method<[index: Tensor]> = operation({
  name: "take",
  linear: true,
  parameters: { self: p.tensor, index: p.indexTensor },
  saves: ["index"],
  forward: ({ self, index }) => {
    const at = flatPositions("take", index);
    if (self.count === 0 && index.count > 0)
      throw new IndexError("take: the tensor is empty, there is nothing to take from it");
    const out = empty(index.sizes, self.dtype, self.device);
    self.device.backend.index(relayout(out, [out.count], [1], 0), flat(self), [at]);
    return out;
  },
  backward: {
    self: (g, { sizesOf, index }) => g.newZeros(sizesOf["self"]!).put(index, g, true),
  },
});

/**
 * Writes the elements of `source` at row-major positions of the whole tensor, or adds them where `accumulate`.
 * @example
 * ```ts
 * torch.zeros(2, 2).put(torch.tensor([1n, 2n]), torch.tensor([5, 6])) // => tensor([[0., 5.],\n        [6., 0.]])
 * ```
 */
export const put: MethodWithInPlace<
  [index: Tensor, source: Tensor, accumulate?: boolean | { readonly accumulate?: boolean }]
> = operation({
  name: "put",
  linear: true,
  parameters: {
    self: p.tensor,
    index: p.indexTensor,
    source: p.tensor,
    accumulate: p.optional(p.boolean, false),
  },
  saves: ["index"],
  write: ({ self, index, source, accumulate }) => {
    if (index.count !== source.count)
      throw new ShapeError(
        `put: ${index.count} positions and ${source.count} values; give one value for each position`,
      );
    if (source.dtype !== self.dtype)
      throw new DTypeError(
        `put: self is ${self.dtype.name} and the source ${source.dtype.name}; they should have one type`,
      );
    if (self.count === 0 && index.count > 0)
      throw new IndexError("put: the tensor is empty, there is no place to write to");
    const target = flat(self);
    const at = flatPositions("put", index);
    self.device.backend.indexPut(target, [at], flat(source), accumulate);
    if (!self.dense)
      transfer(relayout(target, self.sizes, empty(self.sizes, int64).strides, 0), self);
  },
  backward: {
    self: (g, { index, accumulate }) =>
      accumulate ? g : g.put(index, g.newZeros(index.sizes), false),
    source: (g, { sizesOf, index }) => g.take(index).reshape(sizesOf["source"]!),
  },
});

/** Positions that may count from the end, counted from the start. */
function fromStart(indices: Tensor, size: number): Tensor {
  return indices.add(size).where(indices.lt(0), indices);
}

/**
 * `gather` with `indices` broadcast against the tensor in all other dimensions; without `dim` both are taken flat.
 * @example
 * ```ts
 * const x = torch.tensor([[3, 1], [2, 4]]);
 * x.takeAlongDim(torch.tensor([[1n], [0n]]), 1) // => tensor([[1.],\n        [2.]])
 * ```
 */
export const takeAlongDim: Method<
  [indices: Tensor, ...rest: Trailing<[dim: number | null], { readonly dim?: number | null }>]
> = composite({
  name: "takeAlongDim",
  parameters: { self: p.tensor, indices: p.indexTensor, dim: p.optional(p.integer, null) },
  compute: ({ self, indices, dim }) => {
    if (indices.dtype !== int64)
      throw new DTypeError(
        `takeAlongDim: the indices are ${indices.dtype.name}; they should be int64`,
      );
    if (dim === null) return self.reshape(-1).gather(0, fromStart(indices.reshape(-1), self.count));
    const rank = self.sizes.length;
    if (indices.sizes.length !== rank)
      throw new ShapeError(
        `takeAlongDim: indices of shape ${formatSizes(indices.sizes)} for a tensor of shape ${formatSizes(self.sizes)}; both should have the same number of dimensions`,
      );
    const d = wrapDimension("takeAlongDim", dim, rank);
    if (rank === 0) return self.gather(0, indices);
    const common = broadcastSizes("takeAlongDim", self.sizes.with(d, 1), indices.sizes.with(d, 1));
    return self
      .expand(common.with(d, self.sizes[d]!))
      .gather(d, fromStart(indices, self.sizes[d]!).expand(common.with(d, indices.sizes[d]!)));
  },
});
/**
 * Combines slice i of `source` with the slice of `self` at position `index[i]`: "prod", "mean", "amax" or "amin", with self's own value
 * unless `includeSelf` is false.
 * @example
 * ```ts
 * torch.ones(2).indexReduce(0, torch.tensor([1n, 1n]), torch.tensor([3, 4]), "prod") // => tensor([ 1., 12.])
 * ```
 */
export const indexReduce: MethodWithInPlace<
  [
    dim: number,
    index: Tensor,
    source: Tensor,
    reduce: "prod" | "mean" | "amax" | "amin",
    options?: { readonly includeSelf?: boolean },
  ]
> = composite({
  name: "indexReduce",
  inPlace: true,
  parameters: {
    self: p.tensor,
    dim: p.integer,
    index: p.indexTensor,
    source: p.tensor,
    reduce: p.choice("prod", "mean", "amax", "amin"),
    includeSelf: p.optional(p.boolean, true),
  },
  compute: ({ self, dim, index, source, reduce, includeSelf }) => {
    const d = checkSlices("indexReduce", self, dim, index, source);
    const at = vector("indexReduce", index, false);
    const spread = at
      .reshape(mappedNumbers(source.sizes, (_, i) => (i === d ? at.count : 1)))
      .expand(source.sizes);
    return self.scatterReduce(d, spread, source, reduce, { includeSelf });
  },
});
