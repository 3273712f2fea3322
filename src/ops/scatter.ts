// Gathering and scattering along a dimension.
import { int32, int64 } from "../core/dtype.ts";
import { DTypeError, ShapeError } from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import { contiguousStrides, formatSizes, wrapDimension } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { requireInRange } from "./define/integers.ts";
import { empty, relayout } from "./define/memory.ts";
import { checkDevices } from "./define/levels.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, MethodWithInPlace } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";

/** A tensor without dimensions as a vector of one element, which is what kernels take. */
function dimensioned(of: Tensor): Tensor {
  return of.sizes.length === 0 ? relayout(of, [1], [1], of.offset) : of;
}

/** The index as kernels read it, after checks of its type and shape against the tensor. */
function indexFor(name: string, self: Tensor, dim: number, index: Tensor): Tensor {
  const at = dimensioned(index);
  const own = dimensioned(self).sizes;
  if (at.count === 0) return at.to(int64);
  if (index.dtype !== int64 && index.dtype !== int32)
    throw new DTypeError(`${name}: the index is of type ${index.dtype.name}; it should be int64`);
  if (at.sizes.length !== own.length)
    throw new ShapeError(
      `${name}: an index of shape ${formatSizes(index.sizes)} for a tensor of shape ${formatSizes(self.sizes)}; both should have the same number of dimensions`,
    );
  if (at.sizes.some((n, d) => d !== dim && n > own[d]!))
    throw new ShapeError(
      `${name}: the index of shape ${formatSizes(index.sizes)} is larger than ${formatSizes(self.sizes)} outside dimension ${dim}; it should be no larger`,
    );
  return at.detach().to(int64);
}

/**
 * out[i][j] = self[index[i][j]][j] for dim 0, and so on: along `dim` elements are picked by position. The result has the shape of `index`.
 * Throws IndexError for a position outside the dimension, ShapeError where the index is larger elsewhere.
 * @example
 * ```ts
 * torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[0n], [1n]])) // => tensor([[1.],\n        [4.]])
 * ```
 */
export const gather: Method<
  [dim: number, index: Tensor, options?: { readonly sparseGrad?: boolean }]
> = operation({
  name: "gather",
  linear: true,
  parameters: {
    self: p.tensor,
    dim: p.integer,
    index: p.indexTensor,
    sparseGrad: p.optional(p.boolean, false),
  },
  saves: ["index"],
  forward: ({ self, dim, index }) => {
    const d = wrapDimension("gather", dim, self.sizes.length);
    checkDevices("gather", [self, index]);
    const at = indexFor("gather", self, d, index);
    const out = empty(index.sizes, self.dtype, self.device);
    if (out.count > 0) self.device.backend.gather(dimensioned(out), dimensioned(self), d, at);
    return out;
  },
  backward: {
    self: (g, { sizesOf, dim, index }) => g.newZeros(sizesOf["self"]!).scatterAdd(dim, index, g),
  },
});

type Kind = "set" | "sum" | "product" | "minimum" | "maximum";

/** Writes a source, or one number, at positions along a dimension. */
function writeAt(
  name: string,
  kind: Kind,
  self: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor | number,
): void {
  const d = wrapDimension(name, dim, self.sizes.length);
  const at = indexFor(name, self, d, index);
  let from: Tensor;
  if (source instanceof Tensor) {
    checkDevices(name, [self, index, source]);
    if (source.dtype !== self.dtype)
      throw new DTypeError(
        `${name}: self is ${self.dtype.name} and the source ${source.dtype.name}; they should have one type`,
      );
    from = dimensioned(source);
    if (at.count > 0 && from.sizes.length !== at.sizes.length)
      throw new ShapeError(
        `${name}: an index of shape ${formatSizes(index.sizes)} and a source of shape ${formatSizes(source.sizes)}; both should have the same number of dimensions`,
      );
    if (at.count > 0 && at.sizes.some((n, k) => n > from.sizes[k]!))
      throw new ShapeError(
        `${name}: the index of shape ${formatSizes(index.sizes)} is larger than the source of shape ${formatSizes(source.sizes)}; it should be no larger`,
      );
  } else {
    requireInRange(name, source, self.dtype);
    const single = empty([], self.dtype, self.device);
    fillWith(single, source);
    from = relayout(
      single,
      at.sizes,
      mappedNumbers(at.sizes, () => 0),
      0,
    );
  }
  if (at.count > 0) self.device.backend.scatter(kind, dimensioned(self), d, at, from);
}

/** The part of a gradient that a source got: its positions beyond the index got none. */
function sourceGradient(g: Tensor, dim: number, index: Tensor, sizes: readonly number[]): Tensor {
  const picked = g.gather(dim, index);
  if (sizes.length !== picked.sizes.length || sizes.every((n, d) => n === picked.sizes[d]))
    return picked.reshape(sizes);
  const whole = g.newZeros(sizes);
  whole.asStrided(picked.sizes, contiguousStrides(sizes)).copy_(picked);
  return whole;
}

const scatterTensor: MethodWithInPlace<[dim: number, index: Tensor, src: Tensor]> = operation({
  name: "scatter",
  linear: true,
  parameters: { self: p.tensor, dim: p.integer, index: p.indexTensor, src: p.tensor },
  saves: ["index"],
  write: ({ self, dim, index, src }) => writeAt("scatter", "set", self, dim, index, src),
  backward: {
    self: (g, { dim, index }) => g.scatter(dim, index, 0),
    src: (g, { sizesOf, dim, index }) => sourceGradient(g, dim, index, sizesOf["src"]!),
  },
});

const scatterValue: MethodWithInPlace<[dim: number, index: Tensor, value: number]> = operation({
  name: "scatter",
  node: "Scatter1",
  parameters: { self: p.tensor, dim: p.integer, index: p.indexTensor, value: p.number },
  saves: ["index"],
  write: ({ self, dim, index, value }) => writeAt("scatter", "set", self, dim, index, value),
  backward: { self: (g, { dim, index }) => g.scatter(dim, index, 0) },
});

const scatterCombined: MethodWithInPlace<
  [dim: number, index: Tensor, src: Tensor | number, reduce: "add" | "multiply"]
> = operation({
  name: "scatter",
  node: "Scatter2",
  parameters: {
    self: p.tensor,
    dim: p.integer,
    index: p.indexTensor,
    src: { ...p.tensorOrNumber, tensors: false },
    reduce: p.choice("add", "multiply"),
  },
  write: ({ self, dim, index, src, reduce }) =>
    writeAt("scatter", reduce === "add" ? "sum" : "product", self, dim, index, src),
});

const scatterParameters = {
  self: p.tensor,
  dim: p.integer,
  index: p.indexTensor,
  src: p.optional(p.tensorOrNumber, null),
  value: p.optional(p.number, null),
  reduce: p.optional(p.choice("add", "multiply"), null),
};

interface ScatterValues {
  readonly self: Tensor;
  readonly dim: number;
  readonly index: Tensor;
  readonly src: Tensor | number | null;
  readonly value: number | null;
  readonly reduce: "add" | "multiply" | null;
}

function scattered(values: ScatterValues, inPlace: boolean): Tensor {
  const { self, dim, index, reduce } = values;
  const source = values.src ?? values.value;
  if (source === null)
    throw new ShapeError("scatter: give a source tensor or a value to write at the positions");
  if (reduce !== null) return call(scatterCombined, inPlace, [self, dim, index, source, reduce]);
  return source instanceof Tensor
    ? call(scatterTensor, inPlace, [self, dim, index, source])
    : call(scatterValue, inPlace, [self, dim, index, source]);
}

function call(of: unknown, inPlace: boolean, args: readonly unknown[]): Tensor {
  const run = of as ((...args: readonly unknown[]) => Tensor) & {
    readonly inPlace: (...args: readonly unknown[]) => Tensor;
  };
  return inPlace ? run.inPlace(...args) : run(...args);
}

type Scatter = Method<
  [
    dim: number,
    index: Tensor,
    srcOrOptions?: Tensor | number | { readonly src?: Tensor; readonly value?: number },
    options?: { readonly reduce?: "add" | "multiply" },
  ]
>;

/**
 * Writes `src`, or one value, at positions along `dim`: self[index[i][j]][j] = src[i][j] for dim 0, and so on. With `reduce` "add" or
 * "multiply" the values are combined with those there, without a gradient. Of several values for one place the last stays.
 * @example
 * ```ts
 * torch.zeros(3).scatter(0, torch.tensor([2n, 0n]), torch.tensor([5, 6])) // => tensor([6., 0., 5.])
 * ```
 */
export const scatter: Scatter = composite({
  name: "scatter",
  parameters: scatterParameters,
  compute: (values) => scattered(values, false),
});

/** Writes at positions along `dim` into the tensor itself; see `scatter`. */
export const scatter_: Scatter = composite({
  name: "scatter_",
  parameters: scatterParameters,
  compute: (values) => scattered(values, true),
});

/**
 * Adds `src` at positions along `dim`: self[index[i][j]][j] += src[i][j] for dim 0, and so on; repeated positions add up.
 * @example
 * ```ts
 * torch.zeros(3).scatterAdd(0, torch.tensor([1n, 1n]), torch.ones(2)) // => tensor([0., 2., 0.])
 * ```
 */
export const scatterAdd: MethodWithInPlace<[dim: number, index: Tensor, src: Tensor]> = operation({
  name: "scatterAdd",
  linear: true,
  parameters: { self: p.tensor, dim: p.integer, index: p.indexTensor, src: p.tensor },
  saves: ["index"],
  write: ({ self, dim, index, src }) => writeAt("scatterAdd", "sum", self, dim, index, src),
  backward: {
    self: (g) => g,
    src: (g, { sizesOf, dim, index }) => sourceGradient(g, dim, index, sizesOf["src"]!),
  },
});
