// Norms, distances and similarities of vectors.
import { type DType } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { gradient, input, scalar } from "../core/expression.ts";
import { mappedNumbers } from "../core/list.ts";
import { Program } from "../core/program.ts";
import { f } from "../core/scalar.ts";
import { broadcastSizes, formatSizes, type Sizes, wrapDimension } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { computeType } from "./define/formula.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { reduceRaw, Reduction, regionOf } from "./define/reduction.ts";
import type { FunctionOnly, Method, Trailing } from "./define/registry.ts";
import type { Dimensions } from "./types.ts";

const x = input(0);
const squares = new Program([f.mul(x, x)], 1, 0);
const powers = new Program([f.pow(f.abs(x), scalar(0))], 1, 1);
const squareRoot = new Program([f.sqrt(x)], 1, 0);
const root = new Program([f.pow(x, f.div(1, scalar(0)))], 1, 1);
const magnitudes = new Reduction({ name: "vectorNorm", inputs: 1, expression: f.abs(x) });
const nonzeros = new Reduction({
  name: "vectorNorm",
  inputs: 1,
  expression: f.ne(x, 0),
  derivatives: [f.mul(gradient, 0)],
});

const euclideanGradient: (g: Tensor, self: Tensor, result: Tensor) => Tensor = pointwise({
  name: "vectorNorm",
  inputs: ["g", "self", "result"],
  promotion: "arithmetic",
  expression: (g, self, result) => f.select(f.eq(result, 0), 0, f.mul(g, f.div(self, result))),
});
const powerGradient: (
  g: Tensor,
  self: Tensor,
  result: Tensor,
  options: { readonly exponent: number },
) => Tensor = pointwise({
  name: "vectorNorm",
  inputs: ["g", "self", "result"],
  scalars: { exponent: 1 },
  promotion: "arithmetic",
  expression: (g, self, result, exponent) =>
    f.select(
      f.or(f.eq(result, 0), f.eq(self, 0)),
      0,
      f.mul(f.mul(g, f.sign(self)), f.pow(f.div(f.abs(self), result), exponent)),
    ),
});

const powerNorm: (self: Tensor, ord: number, dim: Sizes, keepdim: boolean) => Tensor = operation({
  name: "vectorNorm",
  node: "LinalgVectorNorm",
  parameters: { self: p.tensor, ord: p.number, dim: p.dimensions, keepdim: p.boolean },
  saves: ["self", "output"],
  forward: ({ self, ord, dim, keepdim }) => {
    const { dtype, sizes } = self;
    const region = regionOf("vectorNorm", sizes, dim);
    const out =
      ord === 2
        ? reduceRaw("sum", [self], sizes, region, keepdim, dtype, squares)
        : reduceRaw("sum", [self], sizes, region, keepdim, dtype, powers, [ord]);
    out.storage.device.backend.map(
      (ord === 2 ? squareRoot : root).typed(computeType(dtype), [dtype], [dtype]),
      out,
      [out],
      ord === 2 ? [] : [ord],
    );
    return out;
  },
  backward: {
    self: (g, { self, output, ord, dim }) => {
      const { kept } = regionOf("vectorNorm", self.sizes, dim);
      const [gradientHere, result] = [g.reshape(kept), output.reshape(kept)];
      return ord === 2
        ? euclideanGradient(gradientHere, self, result)
        : powerGradient(gradientHere, self, result, { exponent: ord - 1 });
    },
  },
});

/** A string is no order of a vector norm, except "fro", which is 2, and infinities spelled out. */
function orderOf(name: string, given: unknown): number {
  if (given === null || given === "fro") return 2;
  if (given === "inf") return Number.POSITIVE_INFINITY;
  if (given === "-inf") return Number.NEGATIVE_INFINITY;
  if (typeof given === "number") return given;
  throw new ArgumentError(`${name}: the order must be a number or "fro", got ${p.describe(given)}`);
}

/**
 * The norm (sum |x|^ord)^(1/ord) over the given dimensions, or of all elements; ord may be infinite (the largest |x|, or the
 * smallest) or 0 (how many are not zero). Where the norm is zero its gradient is zero.
 * @example
 * ```ts
 * torch.vectorNorm(torch.tensor([3, -4])) // => tensor(5.)
 * ```
 */
export const vectorNorm: FunctionOnly<
  (
    x: Tensor,
    ...rest: Trailing<
      [ord: number, dim: Dimensions | null, keepdim: boolean],
      {
        readonly ord?: number;
        readonly dim?: Dimensions | null;
        readonly keepdim?: boolean;
        readonly dtype?: DType | null;
      }
    >
  ) => Tensor
> = composite({
  name: "vectorNorm",
  parameters: {
    x: p.tensor,
    ord: p.optional(p.anything, 2),
    dim: p.optional(p.dimensions, null),
    keepdim: p.optional(p.boolean, false),
    dtype: p.optional(p.dtype, null),
  },
  compute: ({ x: given, ord, dim, keepdim, dtype }) =>
    measure("vectorNorm", given, orderOf("vectorNorm", ord), dim, keepdim, dtype),
});

function measure(
  name: string,
  given: Tensor,
  order: number,
  dim: Sizes | null,
  keepdim: boolean,
  dtype: DType | null,
): Tensor {
  const self = dtype === null || dtype === given.dtype ? given : given.to(dtype);
  if (self.dtype.kind !== "floating")
    throw new DTypeError(
      `${name}: takes floating-point tensors, got ${self.dtype.name}; convert it, or give dtype`,
    );
  const dims = dim ?? [];
  if (order === Number.POSITIVE_INFINITY || order < 0) {
    const region = regionOf(name, self.sizes, dims);
    if (region.count === 0)
      throw new ShapeError(
        `${name}: the norm of order ${order} of no elements is not defined; ${formatSizes(self.sizes)} has none in the reduced dimensions`,
      );
  }
  if (order === Number.POSITIVE_INFINITY) return self.abs().amax(dims, keepdim);
  if (order === Number.NEGATIVE_INFINITY) return self.abs().amin(dims, keepdim);
  if (order === 0) return nonzeros.sum([self], [], self.dtype, dims, keepdim);
  if (order === 1) return magnitudes.sum([self], [], self.dtype, dims, keepdim);
  return powerNorm(self, order, dims, keepdim);
}

/**
 * The norm of all elements, or over dimensions: of order `p`, "fro" meaning 2.
 * @example
 * ```ts
 * torch.tensor([[3, -4], [0, 0]]).norm(2, 1) // => tensor([5., 0.])
 * ```
 */
export const norm: Method<
  Trailing<
    [p: number | "fro" | null, dim: Dimensions | null, keepdim: boolean],
    {
      readonly p?: number | "fro" | null;
      readonly dim?: Dimensions | null;
      readonly keepdim?: boolean;
      readonly dtype?: DType | null;
    }
  >
> = composite({
  name: "norm",
  parameters: {
    self: p.tensor,
    p: p.optional(p.anything, "fro"),
    dim: p.optional(p.dimensions, null),
    keepdim: p.optional(p.boolean, false),
    dtype: p.optional(p.dtype, null),
  },
  compute: ({ self, p: order, dim, keepdim, dtype }) =>
    measure("norm", self, orderOf("norm", order), dim, keepdim, dtype),
});

/**
 * The norm of self - other, of order `p`.
 * @example
 * ```ts
 * torch.tensor([1, 2]).dist(torch.tensor([4, 6])) // => tensor(5.)
 * ```
 */
export const dist: Method<
  [other: Tensor, ...rest: Trailing<[p: number], { readonly p?: number }>]
> = composite({
  name: "dist",
  parameters: { self: p.tensor, other: p.tensor, p: p.optional(p.number, 2) },
  compute: ({ self, other, p: order }) => self.sub(other).norm(order),
});

/** The larger of a value and `least`, whose gradient passes as if it were the value. */
const atLeast: (self: Tensor, options: { readonly least: number }) => Tensor = pointwise({
  name: "clampMin",
  inputs: ["self"],
  scalars: { least: 0 },
  promotion: "arithmetic",
  expression: (self, least) => f.maximum(self, least),
  derivative: () => [gradient],
});

/**
 * The input divided by its norm of order `p` along `dim`, which counts as at least `eps`.
 * @example
 * ```ts
 * torch.nn.functional.normalize(torch.tensor([[3, 4]])) // => tensor([[0.6000, 0.8000]])
 * ```
 */
export const normalize: FunctionOnly<
  (
    input: Tensor,
    ...rest: Trailing<
      [p: number, dim: Dimensions, eps: number],
      { readonly p?: number; readonly dim?: Dimensions; readonly eps?: number }
    >
  ) => Tensor
> = composite({
  name: "normalize",
  parameters: {
    input: p.tensor,
    p: p.optional(p.number, 2),
    dim: p.optional(p.dimensions, [1] as Sizes),
    eps: p.optional(p.number, 1e-12),
  },
  compute: ({ input: self, p: order, dim, eps }) =>
    self.div(self.norm(order, dim, true).clampMin(eps)),
});

/**
 * The cosine of the angle between vectors along `dim`: their dot product over the product of their norms, each at least `eps`.
 * @example
 * ```ts
 * torch.cosineSimilarity(torch.tensor([[1, 0]]), torch.tensor([[1, 1]])) // => tensor([0.7071])
 * ```
 */
export const cosineSimilarity: FunctionOnly<
  (
    x1: Tensor,
    x2: Tensor,
    ...rest: Trailing<[dim: number, eps: number], { readonly dim?: number; readonly eps?: number }>
  ) => Tensor
> = composite({
  name: "cosineSimilarity",
  parameters: {
    x1: p.tensor,
    x2: p.tensor,
    dim: p.optional(p.integer, 1),
    eps: p.optional(p.number, 1e-8),
  },
  compute: ({ x1, x2, dim, eps }) => {
    const sizes = broadcastSizes("cosineSimilarity", x1.sizes, x2.sizes);
    const rank = sizes.length;
    const along = wrapDimension("cosineSimilarity", dim, rank) - rank;
    const unit = (t: Tensor): Tensor => {
      const lead = rank - t.sizes.length;
      // Elements repeated along the vectors belong to their length; those repeated elsewhere do not matter.
      const whole = mappedNumbers(sizes, (n, d) =>
        d === rank + along ? n : (t.sizes[d - lead] ?? 1),
      );
      const vectors = t.expand(whole);
      return vectors.div(atLeast(vectors.norm(2, along, true), { least: eps }));
    };
    return unit(x1).mul(unit(x2)).sum(along);
  },
});

/**
 * The norm of x1 - x2 + eps along the last dimension.
 * @example
 * ```ts
 * torch.pairwiseDistance(torch.tensor([[0, 0]]), torch.tensor([[3, 4]])) // => tensor([5.0000])
 * ```
 */
export const pairwiseDistance: FunctionOnly<
  (
    x1: Tensor,
    x2: Tensor,
    ...rest: Trailing<
      [p: number, eps: number, keepdim: boolean],
      { readonly p?: number; readonly eps?: number; readonly keepdim?: boolean }
    >
  ) => Tensor
> = composite({
  name: "pairwiseDistance",
  parameters: {
    x1: p.tensor,
    x2: p.tensor,
    p: p.optional(p.number, 2),
    eps: p.optional(p.number, 1e-6),
    keepdim: p.optional(p.boolean, false),
  },
  compute: ({ x1, x2, p: order, eps, keepdim }) => x1.sub(x2).add(eps).norm(order, -1, keepdim),
});

const shrinking: (norms: Tensor, options: { readonly most: number }) => Tensor = pointwise({
  name: "renorm",
  inputs: ["norms"],
  scalars: { most: 0 },
  promotion: "arithmetic",
  expression: (norms, most) => f.select(f.gt(norms, most), f.div(most, f.add(norms, 1e-7)), 1),
});

/**
 * The slices along `dim`, those whose norm of order `p` exceeds `maxnorm` scaled down to it.
 * @example
 * ```ts
 * torch.tensor([[3, 4], [0.3, 0.4]]).renorm(2, 0, 1) // => tensor([[0.6000, 0.8000],\n        [0.3000, 0.4000]])
 * ```
 */
export const renorm: Method<[p: number, dim: number, maxnorm: number]> = composite({
  name: "renorm",
  parameters: { self: p.tensor, p: p.number, dim: p.integer, maxnorm: p.number },
  compute: ({ self, p: order, dim, maxnorm }) => {
    if (!(order > 0)) throw new ArgumentError(`renorm: p must be positive, got ${order}`);
    if (maxnorm < 0)
      throw new ArgumentError(`renorm: maxnorm must not be negative, got ${maxnorm}`);
    if (self.sizes.length < 2)
      throw new ShapeError(
        `renorm: takes at least 2 dimensions, got shape ${formatSizes(self.sizes)}`,
      );
    const d = wrapDimension("renorm", dim, self.sizes.length);
    const others = self.sizes.flatMap((_, i) => (i === d ? [] : [i]));
    return self.mul(shrinking(self.norm(order, others, true), { most: maxnorm }));
  },
});
