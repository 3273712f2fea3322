// Negative log-likelihoods of counts and of normal distributions.
import { bool } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { gradient, input, scalar } from "../core/expression.ts";
import { Program } from "../core/program.ts";
import { f } from "../core/scalar.ts";
import { formatSizes, sameSizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import {
  combine,
  type LossReduction,
  type Reducing,
  reductionKind,
  reductionParameters,
} from "./define/losses.ts";
import { isTrue } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { reduceRaw, Reduction, regionOf } from "./define/reduction.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

const [x, y] = [input(0), input(1)];
const eps = scalar(0);
const stirling = f.select(
  f.gt(y, 1),
  f.add(f.sub(f.mul(y, f.log(y)), y), f.mul(f.log(f.mul(y, 2 * Math.PI)), 0.5)),
  0,
);
function poisson(logarithmic: boolean, full: boolean): Reduction {
  const terms = logarithmic
    ? f.sub(f.exp(x), f.mul(y, x))
    : f.sub(x, f.mul(y, f.log(f.add(x, eps))));
  return new Reduction({
    name: "poissonNllLoss",
    inputs: 2,
    scalars: 1,
    expression: full ? f.add(terms, stirling) : terms,
  });
}
const poissonForms = [
  [poisson(false, false), poisson(false, true)],
  [poisson(true, false), poisson(true, true)],
] as const;

/**
 * The negative log-likelihood of counts: exp(x) - y * x where `logInput`, else x - y * log(x + eps); `full` adds Stirling's term.
 * @example
 * ```ts
 * torch.nn.functional.poissonNllLoss(torch.tensor([0]), torch.tensor([2])) // => tensor(1.)
 * ```
 */
export const poissonNllLoss: FunctionOnly<
  (
    input: Tensor,
    target: Tensor,
    ...rest: Trailing<
      [logInput: boolean, full: boolean],
      Reducing & { readonly logInput?: boolean; readonly full?: boolean; readonly eps?: number }
    >
  ) => Tensor
> = composite({
  name: "poissonNllLoss",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    logInput: p.optional(p.boolean, true),
    full: p.optional(p.boolean, false),
    sizeAverage: reductionParameters.sizeAverage,
    eps: p.optional(p.number, 1e-8),
    reduce: reductionParameters.reduce,
    reduction: reductionParameters.reduction,
  },
  compute: (v) => {
    const kind = reductionKind("poissonNllLoss", v);
    const terms = poissonForms[v.logInput ? 1 : 0][v.full ? 1 : 0];
    const a = v.input.dtype.kind === "floating" ? v.input : v.input.float();
    return combine(terms, [a, v.target], [v.eps], kind);
  },
});

const difference = f.sub(x, y);
const variance = f.maximum(input(2), eps);
function gaussian(full: boolean): Reduction {
  const square = f.mul(difference, difference);
  const terms = f.mul(f.add(f.log(variance), f.div(square, variance)), 0.5);
  const slope = f.mul(gradient, f.div(difference, variance));
  return new Reduction({
    name: "gaussianNllLoss",
    inputs: 3,
    scalars: 1,
    expression: full ? f.add(terms, 0.5 * Math.log(2 * Math.PI)) : terms,
    derivatives: [
      slope,
      f.neg(slope),
      // The variance is cut off from below, but its gradient passes as if it were not.
      f.mul(
        gradient,
        f.mul(f.sub(f.div(1, variance), f.div(square, f.mul(variance, variance))), 0.5),
      ),
    ],
  });
}
const gaussianForms = [gaussian(false), gaussian(true)] as const;
const isNegative = new Program([f.lt(x, 0)], 1, 0);

/**
 * The negative log-likelihood of normal distributions: (log(var) + (input - target)^2 / var) / 2, with var at least `eps`.
 * @example
 * ```ts
 * torch.nn.functional.gaussianNllLoss(torch.tensor([0]), torch.tensor([2]), torch.tensor([1])) // => tensor(2.)
 * ```
 */
export const gaussianNllLoss: FunctionOnly<
  (
    input: Tensor,
    target: Tensor,
    variance: Tensor | number,
    ...rest: Trailing<
      [full: boolean, eps: number, reduction: LossReduction],
      { readonly full?: boolean; readonly eps?: number; readonly reduction?: LossReduction }
    >
  ) => Tensor
> = composite({
  name: "gaussianNllLoss",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    var: p.tensorOrNumber,
    full: p.optional(p.boolean, false),
    eps: p.optional(p.number, 1e-6),
    reduction: reductionParameters.reduction,
  },
  compute: ({ input: a, target, var: given, full, eps: least, reduction }) => {
    let v = given instanceof Tensor ? given : a.detach().mul(0).add(given);
    if (!sameSizes(v.sizes, a.sizes) && v.count !== 1) {
      const own = v.sizes;
      if (sameSizes(own, a.sizes.slice(0, -1))) v = v.unsqueeze(-1);
      else if (!sameSizes(own.slice(0, -1), a.sizes.slice(0, -1)) || own[own.length - 1] !== 1)
        throw new ShapeError(
          `gaussianNllLoss: var of shape ${formatSizes(own)} fits no input of shape ${formatSizes(a.sizes)}; it must be equal, or lack or have 1 in the last dimension`,
        );
    }
    const region = regionOf("gaussianNllLoss", v.sizes, null);
    const bad = reduceRaw("any", [v], v.sizes, region, false, bool, isNegative, [], 1, v.dtype);
    if (isTrue(bad) === true) throw new ArgumentError("gaussianNllLoss: var has negative elements");
    return combine(gaussianForms[full ? 1 : 0], [a, target, v], [least], reduction);
  },
});
