// Reductions: one value from many, over some dimensions or all.
import { bool, type DType, int64, uint8 } from "../core/dtype.ts";
import { DTypeError, ShapeError } from "../core/errors.ts";
import { input } from "../core/expression.ts";
import { Program } from "../core/program.ts";
import { f } from "../core/scalar.ts";
import { formatSizes, type Sizes, wrapDimensions } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { computeType } from "./define/formula.ts";
import { empty, isTrue, relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { reduceRaw, Reduction, regionOf } from "./define/reduction.ts";
import type { Method, Trailing } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";
import type { Dimensions } from "./types.ts";

type Over = Trailing<
  [dim: Dimensions | null, keepdim: boolean],
  { readonly dim?: Dimensions | null; readonly keepdim?: boolean; readonly dtype?: DType | null }
>;
type OverWithoutType = Trailing<
  [dim: Dimensions | null, keepdim: boolean],
  { readonly dim?: Dimensions | null; readonly keepdim?: boolean }
>;

const over = {
  self: p.tensor,
  dim: p.optional(p.dimensions, null),
  keepdim: p.optional(p.boolean, false),
};
const overWithType = { ...over, dtype: p.optional(p.dtype, null) };

const x = input(0);
const plainSum = new Reduction({ name: "sum", inputs: 1, expression: x });
const sumOver = new Reduction({ name: "sum", node: "Sum1", inputs: 1, expression: x });
const plainMean = new Reduction({ name: "mean", inputs: 1, expression: x });
const meanOver = new Reduction({ name: "mean", node: "Mean1", inputs: 1, expression: x });
const present = f.select(f.ne(x, x), 0, x);
const presentSum = new Reduction({ name: "nansum", inputs: 1, expression: present, masks: true });

/**
 * The sum over all elements, or over the given dimensions. Integers are summed in int64.
 * @example
 * ```ts
 * torch.tensor([[1, 2], [3, 4]]).sum(1) // => tensor([3., 7.])
 * ```
 */
export const sum: Method<Over> = composite({
  name: "sum",
  parameters: overWithType,
  compute: ({ self, dim, keepdim, dtype }) => {
    const out = dtype ?? (self.dtype.kind === "floating" ? self.dtype : int64);
    return (dim === null ? plainSum : sumOver).sum([self], [], out, dim, keepdim);
  },
});

/**
 * The sum in which NaN counts as zero.
 * @example
 * ```ts
 * torch.tensor([1, NaN, 2]).nansum() // => tensor(3.)
 * ```
 */
export const nansum: Method<Over> = composite({
  name: "nansum",
  parameters: overWithType,
  compute: ({ self, dim, keepdim, dtype }) => {
    if (self.dtype.kind !== "floating") return self.sum(dim, keepdim, { dtype });
    return presentSum.sum([self], [], dtype ?? self.dtype, dim, keepdim);
  },
});

function floating(name: string, self: Tensor, dtype: DType | null): DType {
  const out = dtype ?? self.dtype;
  if (out.kind !== "floating")
    throw new DTypeError(
      `${name}: the mean of ${out.name} is not of its type; give dtype, or convert the tensor to a floating-point type`,
    );
  return out;
}

/**
 * The mean over all elements, or over the given dimensions: their sum divided by their number. Refuses integers without `dtype`.
 * @example
 * ```ts
 * torch.tensor([[1, 2], [3, 4]]).mean(0) // => tensor([2., 3.])
 * ```
 */
export const mean: Method<Over> = composite({
  name: "mean",
  parameters: overWithType,
  compute: ({ self, dim, keepdim, dtype }) =>
    (dim === null ? plainMean : meanOver).mean(
      [self],
      [],
      floating("mean", self, dtype),
      dim,
      keepdim,
    ),
});

const presentCount = new Program([f.eq(x, x)], 1, 0);

/**
 * The mean of the elements that are not NaN.
 * @example
 * ```ts
 * torch.tensor([1, NaN, 3]).nanmean() // => tensor(2.)
 * ```
 */
export const nanmean: Method<Over> = composite({
  name: "nanmean",
  parameters: overWithType,
  compute: ({ self, dim, keepdim, dtype }) => {
    const out = floating("nanmean", self, dtype);
    const region = regionOf("nanmean", self.sizes, dim);
    const count = reduceRaw("sum", [self], self.sizes, region, keepdim, out, presentCount);
    return presentSum.sum([self], [], out, dim, keepdim).div(count);
  },
});

/** Sums broadcast dimensions away, so that the result has the given sizes. */
export const sumToSize: Method<readonly number[] | readonly [readonly number[]]> = composite({
  name: "sumToSize",
  parameters: { self: p.tensor, size: p.sizes },
  compute: ({ self, size }) => {
    const lead = self.sizes.length - size.length;
    if (lead < 0 || size.some((n, i) => n !== 1 && n !== self.sizes[i + lead]))
      throw new ShapeError(
        `sumToSize: ${formatSizes(self.sizes)} cannot be summed to ${formatSizes(size)}; every size must be equal or 1`,
      );
    const dims = self.sizes.flatMap((n, i) =>
      i < lead || (size[i - lead] === 1 && n !== 1) ? [i] : [],
    );
    if (dims.length > 0) return self.sum(dims, true).reshape(size);
    return self.dtype.kind === "floating" ? self : self.to(int64);
  },
});

type Product = (self: Tensor, dim: Sizes | null, keepdim: boolean, dtype: DType | null) => Tensor;

const product = (node: string): Product =>
  operation({
    name: "prod",
    node,
    parameters: overWithType,
    saves: ["self", "output"],
    forward: ({ self, dim, keepdim, dtype }) => {
      const out = dtype ?? (self.dtype.kind === "floating" ? self.dtype : int64);
      return reduceRaw(
        "product",
        [self],
        self.sizes,
        regionOf("prod", self.sizes, dim),
        keepdim,
        out,
      );
    },
    backward: {
      self: (g, { self, output, dim }) => {
        const { kept } = regionOf("prod", self.sizes, dim);
        const gradient = g.reshape(kept);
        if (self.count === 0) return self.mul(0);
        const nonzero = reduceRaw(
          "all",
          [self],
          self.sizes,
          regionOf("prod", self.sizes, null),
          false,
          bool,
          undefined,
          [],
          1,
          self.dtype,
        );
        if (isTrue(nonzero) === true) return gradient.mul(output.reshape(kept)).div(self);
        return gradient.mul(productOfOthers(self, dim));
      },
    },
  });

const productOfAll = product("Prod0");
const productOver = product("Prod1");

/** For each element the product of the others it is multiplied with: exact where elements are zero. */
function productOfOthers(self: Tensor, dim: Sizes | null): Tensor {
  const rank = self.sizes.length;
  const d = dim === null ? -1 : wrapDimensions("prod", dim, rank)[0]!;
  const lines = dim === null || rank === 0 ? self.reshape([-1]) : self.transpose(d, rank - 1);
  const n = lines.sizes[lines.sizes.length - 1]!;
  // Row i of the square holds the line with element i replaced by 1.
  const own = diagonal(self, n);
  const others = lines
    .reshape([...lines.sizes.slice(0, -1), 1, n])
    .expand([...lines.sizes.slice(0, -1), n, n]);
  const out = blank(others, own).prod(-1);
  return dim === null || rank === 0 ? out.reshape(self.sizes) : out.transpose(d, rank - 1);
}

const blank: (self: Tensor, own: Tensor) => Tensor = pointwise({
  name: "where",
  inputs: ["self", "own"],
  promotion: "arithmetic",
  expression: (self, own) => f.select(own, 1, self),
});

/** The identity matrix in a tensor's type. */
function diagonal(like: Tensor, n: number): Tensor {
  const out = empty([n, n], like.dtype, like.device);
  fillWith(out, 0);
  fillWith(relayout(out, [n], [n + 1], 0), 1);
  return out;
}

/**
 * The product of all elements, or over one dimension. Integers are multiplied in int64.
 * @example
 * ```ts
 * torch.tensor([[1, 2], [3, 4]]).prod(1) // => tensor([ 2., 12.])
 * ```
 */
export const prod: Method<
  Trailing<
    [dim: number | null, keepdim: boolean],
    { readonly dim?: number | null; readonly keepdim?: boolean; readonly dtype?: DType | null }
  >
> = composite({
  name: "prod",
  parameters: { ...overWithType, dim: p.optional(p.integer, null) },
  compute: ({ self, dim, keepdim, dtype }) => {
    const typed = dtype !== null && dtype !== self.dtype ? self.to(dtype) : self;
    return dim === null
      ? productOfAll(typed, null, keepdim, dtype)
      : productOver(typed, [dim], keepdim, dtype);
  },
});

function tested(kind: "all" | "any"): Method<OverWithoutType> {
  return composite({
    name: kind,
    parameters: over,
    compute: ({ self, dim, keepdim }) => {
      const out = self.dtype === uint8 ? uint8 : bool;
      const region = regionOf(kind, self.sizes, dim);
      const found = reduceRaw(
        kind,
        [self],
        self.sizes,
        region,
        keepdim,
        bool,
        undefined,
        [],
        1,
        self.dtype,
      );
      return out === bool ? found : found.to(out);
    },
  });
}

/**
 * Whether all elements are non-zero: a bool.
 * @example
 * ```ts
 * torch.tensor([1, 0]).all() // => tensor(False)
 * ```
 */
export const all: Method<OverWithoutType> = tested("all");

/**
 * Whether any element is non-zero: a bool.
 * @example
 * ```ts
 * torch.tensor([1, 0]).any() // => tensor(True)
 * ```
 */
export const any: Method<OverWithoutType> = tested("any");

const nonzeroFlag = new Program([f.ne(x, 0)], 1, 0);

/**
 * The number of elements that are not zero, int64.
 * @example
 * ```ts
 * torch.tensor([1, 0, 2]).countNonzero() // => tensor(2)
 * ```
 */
export const countNonzero: Method<
  Trailing<[dim: Dimensions | null], { readonly dim?: Dimensions | null }>
> = composite({
  name: "countNonzero",
  parameters: { self: p.tensor, dim: p.optional(p.dimensions, null) },
  compute: ({ self, dim }) =>
    reduceRaw(
      "sum",
      [self],
      self.sizes,
      regionOf("countNonzero", self.sizes, dim),
      false,
      int64,
      nonzeroFlag,
      [],
      1,
      int64,
      computeType(self.dtype),
    ),
});

/**
 * The sum of the diagonal of a matrix.
 * @example
 * ```ts
 * torch.tensor([[1, 2], [3, 4]]).trace() // => tensor(5.)
 * ```
 */
export const trace: Method = operation({
  name: "trace",
  linear: true,
  parameters: { self: p.tensor },
  forward: ({ self }) => {
    const [rows, columns] = self.sizes;
    if (rows === undefined || columns === undefined || self.sizes.length !== 2)
      throw new ShapeError(`trace: takes a matrix, got shape ${formatSizes(self.sizes)}`);
    const step = self.strides[0]! + self.strides[1]!;
    return relayout(self, [Math.min(rows, columns)], [step], self.offset).sum();
  },
  backward: {
    self: (g, { sizesOf }) => {
      const [rows, columns] = sizesOf["self"] as [number, number];
      const mask = empty([rows, columns], g.dtype, g.device);
      fillWith(mask, 0);
      fillWith(relayout(mask, [Math.min(rows, columns)], [columns + 1], 0), 1);
      return g.mul(mask);
    },
  },
});
