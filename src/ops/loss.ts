// Losses that measure distances between a prediction and a target, element by element. Sums and means take one kernel.
import { ArgumentError } from "../core/errors.ts";
import { type Expression, gradient, input, scalar } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { broadcastSizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  combine,
  type LossReduction,
  type Pairwise,
  reductionKind,
  reductionParameters,
} from "./define/losses.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { Reduction } from "./define/reduction.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

const [x, y] = [input(0), input(1)];
const difference = f.sub(x, y);
/** Derivatives of a function of input - target, from the one for the input. */
const opposite = (own: Expression): readonly Expression[] => [own, f.neg(own)];

/**
 * The squared differences (input - target)^2, their mean by default. Shapes broadcast.
 * @example
 * ```ts
 * torch.nn.functional.mseLoss(torch.tensor([1, 2]), torch.tensor([1, 4])) // => tensor(2.)
 * ```
 */
export const mseLoss: Pairwise<{ readonly weight?: Tensor | null }> = composite({
  name: "mseLoss",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    ...reductionParameters,
    weight: p.optional(p.tensor, null),
  },
  compute: (v) => {
    const kind = reductionKind("mseLoss", v);
    if (v.weight === null) return combine(squares, [v.input, v.target], [], kind);
    const total = combine(
      weightedSquares,
      [v.input, v.target, v.weight],
      [],
      kind === "mean" ? "sum" : kind,
    );
    const sizes = broadcastSizes("mseLoss", v.input.sizes, v.target.sizes);
    return kind === "mean" ? total.div(v.weight.expand(sizes).sum()) : total;
  },
});
const squares = new Reduction({
  name: "mseLoss",
  inputs: 2,
  expression: f.mul(difference, difference),
  derivatives: opposite(f.mul(gradient, f.mul(difference, 2))),
});
const weightedSquares = new Reduction({
  name: "mseLoss",
  inputs: 3,
  expression: f.mul(f.mul(difference, difference), input(2)),
});

/**
 * The absolute differences |input - target|, their mean by default. The gradient is 0 where they are equal.
 * @example
 * ```ts
 * torch.nn.functional.l1Loss(torch.tensor([1, 2]), torch.tensor([1, 4])) // => tensor(1.)
 * ```
 */
export const l1Loss: Pairwise<{ readonly weight?: Tensor | null }> = composite({
  name: "l1Loss",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    ...reductionParameters,
    weight: p.optional(p.tensor, null),
  },
  compute: (v) => {
    const kind = reductionKind("l1Loss", v);
    if (v.weight === null) return combine(distances, [v.input, v.target], [], kind);
    const total = combine(
      weightedDistances,
      [v.input, v.target, v.weight],
      [],
      kind === "mean" ? "sum" : kind,
    );
    const sizes = broadcastSizes("l1Loss", v.input.sizes, v.target.sizes);
    return kind === "mean" ? total.div(v.weight.expand(sizes).sum()) : total;
  },
});
const distances = new Reduction({ name: "l1Loss", inputs: 2, expression: f.abs(difference) });
const weightedDistances = new Reduction({
  name: "l1Loss",
  inputs: 3,
  expression: f.mul(f.abs(difference), input(2)),
});

const edge = scalar(0);
/** One thing below the edge, another from it on; NaN where the difference is. */
const bending = (below: Expression, beyond: Expression): Expression =>
  f.select(
    f.lt(f.abs(difference), edge),
    below,
    f.select(f.ge(f.abs(difference), edge), beyond, Number.NaN),
  );
const smoothed = new Reduction({
  name: "smoothL1Loss",
  inputs: 2,
  scalars: 1,
  expression: bending(
    f.div(f.mul(f.mul(difference, difference), 0.5), edge),
    f.sub(f.abs(difference), f.mul(edge, 0.5)),
  ),
  derivatives: opposite(f.mul(gradient, bending(f.div(difference, edge), f.sign(difference)))),
});

/**
 * d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, with d = input - target. Throws for a negative beta.
 * @example
 * ```ts
 * torch.nn.functional.smoothL1Loss(torch.tensor([0, 0]), torch.tensor([1, 3])) // => tensor(1.5000)
 * ```
 */
export const smoothL1Loss: Pairwise<{ readonly beta?: number }> = composite({
  name: "smoothL1Loss",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    ...reductionParameters,
    beta: p.optional(p.number, 1),
  },
  compute: (v) => {
    const kind = reductionKind("smoothL1Loss", v);
    if (v.beta < 0)
      throw new ArgumentError(`smoothL1Loss: beta must not be negative, got ${v.beta}`);
    return v.beta === 0
      ? combine(distances, [v.input, v.target], [], kind)
      : combine(smoothed, [v.input, v.target], [v.beta], kind);
  },
});

const bent = new Reduction({
  name: "huberLoss",
  inputs: 2,
  scalars: 1,
  expression: bending(
    f.mul(f.mul(difference, difference), 0.5),
    f.mul(edge, f.sub(f.abs(difference), f.mul(edge, 0.5))),
  ),
  derivatives: opposite(f.mul(gradient, bending(difference, f.mul(edge, f.sign(difference))))),
});

/**
 * d^2 / 2 where |d| < delta, else delta * (|d| - delta / 2), with d = input - target. Throws unless delta is positive.
 * @example
 * ```ts
 * torch.nn.functional.huberLoss(torch.tensor([0, 0]), torch.tensor([1, 3])) // => tensor(1.5000)
 * ```
 */
export const huberLoss: FunctionOnly<
  (
    input: Tensor,
    target: Tensor,
    ...rest: Trailing<
      [reduction: LossReduction, delta: number, weight: Tensor | null],
      {
        readonly reduction?: LossReduction;
        readonly delta?: number;
        readonly weight?: Tensor | null;
      }
    >
  ) => Tensor
> = composite({
  name: "huberLoss",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    reduction: reductionParameters.reduction,
    delta: p.optional(p.number, 1),
    weight: p.optional(p.tensor, null),
  },
  compute: ({ input: a, target, reduction, delta, weight }) => {
    if (!(delta > 0)) throw new ArgumentError(`huberLoss: delta must be positive, got ${delta}`);
    if (weight === null) return combine(bent, [a, target], [delta], reduction);
    const terms = combine(bent, [a, target], [delta], "none").mul(weight);
    if (reduction === "none") return terms;
    return reduction === "sum" ? terms.sum() : terms.sum().div(weight.expand(terms.sizes).sum());
  },
});
