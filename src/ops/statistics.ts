// Variances and standard deviations, covariances and counts.
import { int64 } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { input } from "../core/expression.ts";
import { Program } from "../core/program.ts";
import { f } from "../core/scalar.ts";
import { formatSizes, type Sizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { computeType } from "./define/formula.ts";
import { empty, readElement } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { reduceRaw, regionOf } from "./define/reduction.ts";
import type { Method, Trailing } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";
import type { Dimensions } from "./types.ts";

type Spread<O> = Method<
  Trailing<
    [dim: Dimensions | boolean | null, unbiased: boolean, keepdim: boolean],
    {
      readonly dim?: Dimensions | null;
      readonly unbiased?: boolean;
      readonly correction?: number | null;
      readonly keepdim?: boolean;
    }
  >,
  O
>;

const spreadParameters = {
  self: p.tensor,
  dim: p.optional(p.anything, null),
  unbiased: p.optional(p.boolean, null),
  keepdim: p.optional(p.boolean, false),
  correction: p.optional(p.number, null),
};

/** What PyTorch's several signatures come to: var(unbiased), var(dim, unbiased, keepdim) and var(dim, { correction, keepdim }). */
function spreadArguments(
  name: string,
  values: {
    readonly self: Tensor;
    readonly dim: unknown;
    readonly unbiased: boolean | null;
    readonly correction: number | null;
  },
): { dim: Sizes; correction: number } {
  if (values.self.dtype.kind !== "floating")
    throw new DTypeError(
      `${name}: takes floating-point tensors, got ${values.self.dtype.name}; convert it first`,
    );
  const flag = typeof values.dim === "boolean" ? values.dim : values.unbiased;
  if (flag !== null && values.correction !== null)
    throw new ArgumentError(`${name}: give either unbiased or correction, not both`);
  const dim =
    typeof values.dim === "boolean" || values.dim === null
      ? []
      : p.dimensions.convert(values.dim, name, "dim");
  return { dim, correction: values.correction ?? (flag === false ? 0 : 1) };
}

const deviation = f.sub(input(0), input(1));
const squaredDeviations = new Program([f.mul(deviation, deviation)], 2, 0);
const squareRoot = new Program([f.sqrt(input(0))], 1, 0);

/** The squared deviations from the mean, summed and divided by n - correction: two passes, exact for data far from zero. */
function spread(self: Tensor, dim: Sizes, correction: number, keepdim: boolean): Tensor {
  const region = regionOf("var", self.sizes, dim);
  const { dtype, sizes } = self;
  const center = reduceRaw("sum", [self], sizes, region, true, dtype, undefined, [], region.count);
  const divisor = Math.max(region.count - correction, 0);
  const operands = [self, center];
  return reduceRaw("sum", operands, sizes, region, keepdim, dtype, squaredDeviations, [], divisor);
}

const varianceGradient: (
  g: Tensor,
  self: Tensor,
  center: Tensor,
  options: { readonly scale: number },
) => Tensor = pointwise({
  name: "var",
  inputs: ["g", "self", "center"],
  scalars: { scale: 1 },
  promotion: "arithmetic",
  expression: (g, self, center, scale) => f.mul(f.mul(g, scale), f.sub(self, center)),
});
const deviationGradient: (
  g: Tensor,
  self: Tensor,
  center: Tensor,
  result: Tensor,
  options: { readonly scale: number },
) => Tensor = pointwise({
  name: "std",
  inputs: ["g", "self", "center", "result"],
  scalars: { scale: 1 },
  promotion: "arithmetic",
  // Where nothing deviates, PyTorch takes the gradient to be zero.
  expression: (g, self, center, result, scale) =>
    f.mul(f.select(f.eq(result, 0), 0, f.div(f.mul(g, scale), result)), f.sub(self, center)),
});

const resolved = {
  self: p.tensor,
  dim: p.dimensions,
  correction: p.number,
  keepdim: p.boolean,
};
const variance: (self: Tensor, dim: Sizes, correction: number, keepdim: boolean) => Tensor =
  operation({
    name: "var",
    parameters: resolved,
    saves: ["self"],
    forward: ({ self, dim, correction, keepdim }) => spread(self, dim, correction, keepdim),
    backward: {
      self: (g, { self, dim, correction }) => {
        const { kept, count } = regionOf("var", self.sizes, dim);
        const scale = 2 / Math.max(count - correction, 0);
        return varianceGradient(g.reshape(kept), self, self.mean(dim, true), { scale });
      },
    },
  });
const standardDeviation: (
  self: Tensor,
  dim: Sizes,
  correction: number,
  keepdim: boolean,
) => Tensor = operation({
  name: "std",
  parameters: resolved,
  saves: ["self", "output"],
  forward: ({ self, dim, correction, keepdim }) => {
    const out = spread(self, dim, correction, keepdim);
    const { dtype } = out;
    out.storage.device.backend.map(
      squareRoot.typed(computeType(dtype), [dtype], [dtype]),
      out,
      [out],
      [],
    );
    return out;
  },
  backward: {
    self: (g, { self, output, dim, correction }) => {
      const { kept, count } = regionOf("std", self.sizes, dim);
      const scale = 1 / Math.max(count - correction, 0);
      const center = self.mean(dim, true);
      return deviationGradient(g.reshape(kept), self, center, output.reshape(kept), { scale });
    },
  },
});

/**
 * The variance: the sum of squared deviations from the mean, divided by n - correction. `correction` is 1, or 0 with unbiased false.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3, 4]).var() // => tensor(1.6667)
 * ```
 */
const varOperation: Spread<Tensor> = composite({
  name: "var",
  parameters: spreadParameters,
  compute: (v) => {
    const { dim, correction } = spreadArguments("var", v);
    return variance(v.self, dim, correction, v.keepdim);
  },
});
export { varOperation as var };

/**
 * The standard deviation: the square root of the variance.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3, 4]).std({ correction: 0 }) // => tensor(1.1180)
 * ```
 */
export const std: Spread<Tensor> = composite({
  name: "std",
  parameters: spreadParameters,
  compute: (v) => {
    const { dim, correction } = spreadArguments("std", v);
    return standardDeviation(v.self, dim, correction, v.keepdim);
  },
});

/**
 * The variance and the mean, as an array of the two.
 * @example
 * ```ts
 * torch.varMean(torch.tensor([1, 3]))[1] // => tensor(2.)
 * ```
 */
export const varMean: Spread<readonly [Tensor, Tensor]> = composite({
  name: "varMean",
  parameters: spreadParameters,
  compute: (v) => {
    const { dim, correction } = spreadArguments("varMean", v);
    return [variance(v.self, dim, correction, v.keepdim), v.self.mean(dim, v.keepdim)];
  },
});

/**
 * The standard deviation and the mean, as an array of the two.
 * @example
 * ```ts
 * torch.stdMean(torch.tensor([1, 3]))[1] // => tensor(2.)
 * ```
 */
export const stdMean: Spread<readonly [Tensor, Tensor]> = composite({
  name: "stdMean",
  parameters: spreadParameters,
  compute: (v) => {
    const { dim, correction } = spreadArguments("stdMean", v);
    return [standardDeviation(v.self, dim, correction, v.keepdim), v.self.mean(dim, v.keepdim)];
  },
});

function checkWeights(
  name: string,
  weights: Tensor,
  count: number,
  kind: "integer" | "floating",
): void {
  if (weights.sizes.length > 1 || (weights.sizes[0] ?? 1) !== count)
    throw new ShapeError(
      `cov: ${name} must have one value for each of the ${count} observations, got ${formatSizes(weights.sizes)}`,
    );
  if (weights.dtype.kind !== kind)
    throw new DTypeError(`cov: ${name} must be of ${kind} type, got ${weights.dtype.name}`);
  if (weights.count > 0 && Number(weights.detach().amin().item()) < 0)
    throw new ArgumentError(`cov: ${name} must not be negative`);
}

/**
 * The covariance matrix of variables in rows, with observations in columns. `fweights` counts observations, `aweights` weighs them.
 * @example
 * ```ts
 * torch.tensor([[1, 2, 3], [3, 2, 1]]).cov() // => tensor([[ 1., -1.],\n        [-1.,  1.]])
 * ```
 */
export const cov: Method<
  Trailing<
    [],
    {
      readonly correction?: number;
      readonly fweights?: Tensor | null;
      readonly aweights?: Tensor | null;
    }
  >
> = composite({
  name: "cov",
  parameters: {
    self: p.tensor,
    correction: p.optional(p.integer, 1),
    fweights: p.optional(p.tensor, null),
    aweights: p.optional(p.tensor, null),
  },
  compute: ({ self, correction, fweights, aweights }) => {
    if (self.sizes.length > 2)
      throw new ShapeError(`cov: takes at most 2 dimensions, got ${formatSizes(self.sizes)}`);
    if (self.dtype.kind === "boolean") throw new DTypeError("cov: bool has no covariance");
    const rows = self.sizes.length === 2 ? self : self.reshape([1, self.count]);
    const x = rows.dtype.kind === "floating" ? rows : rows.float();
    const observations = x.sizes[1]!;
    if (fweights !== null) checkWeights("fweights", fweights, observations, "integer");
    if (aweights !== null) checkWeights("aweights", aweights, observations, "floating");
    let weights: Tensor | null = fweights === null ? null : fweights.to(x.dtype);
    if (aweights !== null)
      weights = weights === null ? aweights.to(x.dtype) : weights.mul(aweights);
    if (weights !== null && !(Number(weights.detach().sum().item()) > 0))
      throw new ArgumentError("cov: the weights sum to zero, so no mean is defined");
    const total = weights === null ? observations : weights.sum();
    const center =
      weights === null
        ? x.mean(1, true)
        : x
            .mul(weights)
            .sum(1, true)
            .div(total as Tensor);
    let norm: Tensor | number;
    if (weights === null) norm = Math.max(observations - correction, 0);
    else if (correction === 0) norm = total;
    else if (aweights === null || fweights === null)
      norm =
        aweights === null
          ? (total as Tensor).sub(correction)
          : (total as Tensor).sub(
              weights
                .mul(aweights)
                .sum()
                .div(total as Tensor)
                .mul(correction),
            );
    else
      norm = (total as Tensor).sub(
        weights
          .mul(aweights)
          .sum()
          .div(total as Tensor)
          .mul(correction),
      );
    const centered = x.sub(center);
    const scaled = weights === null ? centered : centered.mul(weights);
    const product = centered.mm(scaled.transpose(0, 1)).div(norm);
    return product.count === 1 ? product.reshape([]) : product;
  },
});

/**
 * The matrix of Pearson's correlation coefficients of variables in rows, with observations in columns.
 * @example
 * ```ts
 * torch.tensor([[1, 2, 3], [3, 2, 1]]).corrcoef() // => tensor([[ 1., -1.],\n        [-1.,  1.]])
 * ```
 */
export const corrcoef: Method = composite({
  name: "corrcoef",
  parameters: { self: p.tensor },
  compute: ({ self }) => {
    const c = self.cov();
    if (c.sizes.length === 0) return c.div(c);
    const n = c.sizes[0]!;
    const deviations = c.asStrided([n], [n + 1], 0).sqrt();
    return c.div(deviations.view(n, 1)).div(deviations).clamp(-1, 1);
  },
});

/**
 * How often each whole number from 0 occurs, or the sum of its weights; at least `minlength` numbers. Refuses negative values.
 * @example
 * ```ts
 * torch.tensor([1, 1, 3], { dtype: torch.int64 }).bincount() // => tensor([0, 2, 0, 1])
 * ```
 */
export const bincount: Method<
  Trailing<
    [weights: Tensor | null, minlength: number],
    { readonly weights?: Tensor | null; readonly minlength?: number }
  >
> = composite({
  name: "bincount",
  parameters: {
    self: p.tensor,
    weights: p.optional(p.tensor, null),
    minlength: p.optional(p.integer, 0),
  },
  compute: ({ self, weights, minlength }) => {
    if (self.dtype.kind !== "integer" || self.sizes.length !== 1)
      throw new DTypeError(
        `bincount: takes a vector of integers, got ${self.dtype.name} of shape ${formatSizes(self.sizes)}`,
      );
    if (minlength < 0)
      throw new ArgumentError(`bincount: minlength must not be negative, got ${minlength}`);
    if (weights !== null && (weights.sizes.length !== 1 || weights.count !== self.count))
      throw new ShapeError(
        `bincount: weights must have the shape of the input, ${formatSizes(self.sizes)}, got ${formatSizes(weights.sizes)}`,
      );
    const all = regionOf("bincount", self.sizes, null);
    const read = (kind: "minimum" | "maximum"): number =>
      Number(readElement(reduceRaw(kind, [self], self.sizes, all, false, self.dtype), 0));
    if (self.count > 0 && read("minimum") < 0)
      throw new ArgumentError("bincount: takes numbers of at least 0, got a negative one");
    const bins = Math.max(self.count > 0 ? read("maximum") + 1 : 0, minlength);
    const typed =
      weights === null
        ? null
        : weights.dtype.kind === "floating"
          ? weights.detach()
          : weights.double();
    const out = empty([bins], typed === null ? int64 : typed.dtype, self.device);
    fillWith(out, 0);
    const source = typed ?? empty(self.sizes, int64, self.device);
    if (typed === null) fillWith(source, 1);
    const index = self.dtype === int64 ? self : self.to(int64);
    out.storage.device.backend.scatter("sum", out, 0, index, source);
    return out;
  },
});

/**
 * How many elements fall into each of equally wide bins between `min` and `max`, or between the extremes where both are 0.
 * @example
 * ```ts
 * torch.tensor([1, 2, 1]).histc(4, 0, 3) // => tensor([0., 2., 1., 0.])
 * ```
 */
export const histc: Method<
  Trailing<
    [bins: number, min: number, max: number],
    { readonly bins?: number; readonly min?: number; readonly max?: number }
  >
> = composite({
  name: "histc",
  parameters: {
    self: p.tensor,
    bins: p.optional(p.integer, 100),
    min: p.optional(p.number, 0),
    max: p.optional(p.number, 0),
  },
  compute: ({ self, bins, min, max }) => {
    if (bins < 1 || bins > 2 ** 24)
      throw new ArgumentError(`histc: bins must be between 1 and 2^24, got ${bins}`);
    if (self.dtype.kind === "boolean") throw new DTypeError("histc: bool cannot be binned");
    const values = Array.from(self.detach().reshape([-1]).toTypedArray(), Number);
    let [low, high] = [min, max];
    if (low === high && values.length > 0)
      [low, high] = [
        values.reduce((a, b) => Math.min(a, b)),
        values.reduce((a, b) => Math.max(a, b)),
      ];
    if (!Number.isFinite(low) || !Number.isFinite(high))
      throw new ArgumentError(`histc: the range ${low} to ${high} is not finite`);
    if (low > high) throw new ArgumentError(`histc: max ${max} must be larger than min ${min}`);
    if (low === high) [low, high] = [low - 1, high + 1];
    const counts = new Array<number>(bins).fill(0);
    for (const value of values)
      if (value >= low && value <= high) {
        const at = Math.min(Math.floor(((value - low) / (high - low)) * bins), bins - 1);
        counts[at] = counts[at]! + 1;
      }
    const out = empty([bins], self.dtype, self.device);
    counts.forEach((count, i) => fillWith(out.select(0, i), count));
    return out;
  },
});
