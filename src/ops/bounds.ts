// The extent of values over dimensions: extrema that share their gradient among ties, and the smooth maximum.
import { type DType, getDefaultDtype } from "../core/dtype.ts";
import { ShapeError } from "../core/errors.ts";
import { gradient, input } from "../core/expression.ts";
import type { NamedPair } from "../core/namedtuple.ts";
import { Program } from "../core/program.ts";
import { f } from "../core/scalar.ts";
import { formatSizes, type Sizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { computeType } from "./define/formula.ts";
import { empty, rowMajor } from "./define/memory.ts";
import { composite, namedResults, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { reduceRaw, regionOf } from "./define/reduction.ts";
import type { Method, Trailing } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";
import type { Dimensions } from "./types.ts";

type OverWithoutType = Trailing<
  [dim: Dimensions | null, keepdim: boolean],
  { readonly dim?: Dimensions | null; readonly keepdim?: boolean }
>;

const over = {
  self: p.tensor,
  dim: p.optional(p.dimensions, null),
  keepdim: p.optional(p.boolean, false),
};

const x = input(0);

/** The gradient shared by all elements equal to the extremum; NaN where the extremum is NaN. */
const shared: (g: Tensor, self: Tensor, result: Tensor, count: Tensor) => Tensor = pointwise({
  name: "div",
  inputs: ["g", "self", "result", "count"],
  promotion: "arithmetic",
  expression: (g, self, result, count) => f.div(f.mul(g, f.eq(self, result)), count),
  derivative: (_g, self, result, count) => [
    f.div(f.mul(gradient, f.eq(self, result)), count),
    null,
    null,
    null,
  ],
});
const equalCount = new Program([f.eq(input(0), input(1))], 2, 0);

function checkNonEmpty(name: string, self: Tensor, dim: Sizes | null): void {
  const region = regionOf(name, self.sizes, dim);
  if (region.count === 0)
    throw new ShapeError(
      `${name}: the extremum of no elements is not defined, and the reduced dimensions of ${formatSizes(self.sizes)} hold none`,
    );
}

function extremum(name: "amin" | "amax"): Method<OverWithoutType> {
  return operation({
    name,
    parameters: { ...over, dim: p.optional(p.dimensions, [] as Sizes) },
    saves: ["self", "output"],
    forward: ({ self, dim, keepdim }) => {
      checkNonEmpty(name, self, dim);
      return reduceRaw(
        name === "amin" ? "minimum" : "maximum",
        [self],
        self.sizes,
        regionOf(name, self.sizes, dim),
        keepdim,
        self.dtype,
      );
    },
    backward: {
      self: (g, { self, output, dim }) => {
        const region = regionOf(name, self.sizes, dim);
        const result = output.detach().reshape(region.kept);
        const operands = [self, result];
        const count = reduceRaw("sum", operands, self.sizes, region, true, self.dtype, equalCount);
        return shared(g.reshape(region.kept), self.detach(), result, count);
      },
    },
  });
}

/**
 * The smallest element, over all or the given dimensions. Ties share the gradient evenly.
 * @example
 * ```ts
 * torch.tensor([[1, 4], [3, 2]]).amin(1) // => tensor([1., 2.])
 * ```
 */
export const amin: Method<OverWithoutType> = extremum("amin");

/**
 * The largest element, over all or the given dimensions. Ties share the gradient evenly.
 * @example
 * ```ts
 * torch.tensor([[1, 4], [3, 2]]).amax(1) // => tensor([4., 3.])
 * ```
 */
export const amax: Method<OverWithoutType> = extremum("amax");

/**
 * The smallest and the largest element, of all or along one dimension, as `{ min, max }`.
 * @example
 * ```ts
 * torch.tensor([3, 1, 2]).aminmax().max // => tensor(3.)
 * ```
 */
export const aminmax: Method<
  Trailing<[], { readonly dim?: number | null; readonly keepdim?: boolean }>,
  NamedPair<"min", "max", Tensor>
> = composite({
  name: "aminmax",
  parameters: {
    self: p.tensor,
    dim: p.optional(p.integer, null),
    keepdim: p.optional(p.boolean, false),
  },
  compute: ({ self, dim, keepdim }) => {
    const dims = dim === null ? [] : [dim];
    const bounds = [self.amin(dims, keepdim), self.amax(dims, keepdim)];
    return namedResults("aminmax", ["min", "max"], bounds);
  },
});

const shiftedExponentials = new Program([f.exp(f.sub(input(0), input(1)))], 2, 0);
const restored = new Program([f.add(f.log(input(0)), input(1))], 2, 0);
const finite = new Program([f.select(f.eq(f.sub(x, x), 0), x, 0)], 1, 0);

const softened: (self: Tensor, dim: Sizes, keepdim: boolean) => Tensor = operation({
  name: "logsumexp",
  parameters: over,
  saves: ["self", "output"],
  forward: ({ self, dim, keepdim }) => {
    const region = regionOf("logsumexp", self.sizes, dim);
    const { dtype } = self;
    const { backend } = self.device;
    const uniform = (program: Program, count: number) =>
      program.typed(computeType(dtype), new Array<DType>(count).fill(dtype), [dtype]);
    // Against the maximum nothing overflows; where it is infinite, against 0.
    const shift = empty(region.kept, dtype, self.device);
    if (region.count === 0) fillWith(shift, 0);
    else {
      const largest = reduceRaw("maximum", [self], self.sizes, region, true, dtype);
      backend.map(uniform(finite, 1), shift, [largest], []);
    }
    const total = reduceRaw(
      "sum",
      [self, shift],
      self.sizes,
      region,
      true,
      dtype,
      shiftedExponentials,
    );
    backend.map(uniform(restored, 2), total, [total, shift], []);
    return keepdim ? total : rowMajor(total, region.dropped);
  },
  backward: {
    self: (g, { self, output, dim }) => {
      const { kept } = regionOf("logsumexp", self.sizes, dim);
      return weighted(g.reshape(kept), self, output.reshape(kept));
    },
  },
});
const weighted: (g: Tensor, self: Tensor, result: Tensor) => Tensor = pointwise({
  name: "logsumexp",
  inputs: ["g", "self", "result"],
  promotion: "arithmetic",
  expression: (g, self, result) => f.mul(g, f.exp(f.sub(self, result))),
});

/**
 * log(sum(exp(x))) over the given dimensions, computed against the maximum so that nothing overflows.
 * @example
 * ```ts
 * torch.tensor([1000, 1000]).logsumexp(0) // => tensor(1000.6932)
 * ```
 */
export const logsumexp: Method<
  Trailing<
    [dim: Dimensions, keepdim: boolean],
    { readonly dim?: Dimensions; readonly keepdim?: boolean }
  >
> = composite({
  name: "logsumexp",
  parameters: { ...over, dim: p.dimensions },
  compute: ({ self, dim, keepdim }) =>
    softened(self.dtype.kind === "floating" ? self : self.to(getDefaultDtype()), dim, keepdim),
});
