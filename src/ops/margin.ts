// Losses that ask for a margin between scores.
import { ShapeError } from "../core/errors.ts";
import { type Expression, gradient, input, scalar } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  combine,
  type Pairwise,
  type Reducing,
  reductionKind,
  reductionParameters,
} from "./define/losses.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { Reduction } from "./define/reduction.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

const [x, y] = [input(0), input(1)];
/** log(1 + exp(z)), which overflows for no z. */
const softplus = (z: Expression): Expression =>
  f.add(f.maximum(z, 0), f.log1p(f.exp(f.neg(f.abs(z)))));
const margin = scalar(0);

/** A loss of input and target alone. */
function pairwise(name: string, terms: Reduction): Pairwise {
  return composite({
    name,
    parameters: { input: p.tensor, target: p.tensor, ...reductionParameters },
    compute: (v) => combine(terms, [v.input, v.target], [], reductionKind(name, v)),
  });
}

/** max(e, 0) whose gradient at 0 is 1, as clamp's. */
const positive = (e: Expression): Expression => f.select(f.ge(e, 0), e, 0);

const hinge = new Reduction({
  name: "hingeEmbeddingLoss",
  inputs: 2,
  scalars: 1,
  expression: f.add(
    f.select(f.ne(y, 1), positive(f.sub(margin, x)), 0),
    f.select(f.ne(y, -1), x, 0),
  ),
});

/**
 * x where the target is 1, max(0, margin - x) where it is -1.
 * @example
 * ```ts
 * torch.nn.functional.hingeEmbeddingLoss(torch.tensor([2, 0.5]), torch.tensor([1, -1])) // => tensor(1.2500)
 * ```
 */
export const hingeEmbeddingLoss: FunctionOnly<
  (
    input: Tensor,
    target: Tensor,
    ...rest: Trailing<[margin: number], Reducing & { readonly margin?: number }>
  ) => Tensor
> = composite({
  name: "hingeEmbeddingLoss",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    margin: p.optional(p.number, 1),
    ...reductionParameters,
  },
  compute: (v) =>
    combine(hinge, [v.input, v.target], [v.margin], reductionKind("hingeEmbeddingLoss", v)),
});

/**
 * log(1 + exp(-target * input)) for targets of 1 and -1.
 * @example
 * ```ts
 * torch.nn.functional.softMarginLoss(torch.tensor([0]), torch.tensor([1])) // => tensor(0.6931)
 * ```
 */
export const softMarginLoss: Pairwise = pairwise(
  "softMarginLoss",
  new Reduction({
    name: "softMarginLoss",
    inputs: 2,
    expression: softplus(f.neg(f.mul(x, y))),
    derivatives: [
      f.mul(gradient, f.neg(f.mul(y, f.sigmoid(f.neg(f.mul(x, y)))))),
      f.mul(gradient, f.neg(f.mul(x, f.sigmoid(f.neg(f.mul(x, y)))))),
    ],
  }),
);

const ranking = new Reduction({
  name: "marginRankingLoss",
  inputs: 3,
  scalars: 1,
  expression: positive(f.add(f.mul(f.neg(input(2)), f.sub(x, y)), margin)),
});

/**
 * max(0, -target * (input1 - input2) + margin): target 1 asks for the first to be larger, -1 for the second.
 * @example
 * ```ts
 * const [a, b] = [torch.tensor([1]), torch.tensor([3])];
 * torch.nn.functional.marginRankingLoss(a, b, torch.tensor([1])) // => tensor(2.)
 * ```
 */
export const marginRankingLoss: FunctionOnly<
  (
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    ...rest: Trailing<[margin: number], Reducing & { readonly margin?: number }>
  ) => Tensor
> = composite({
  name: "marginRankingLoss",
  parameters: {
    input1: p.tensor,
    input2: p.tensor,
    target: p.tensor,
    margin: p.optional(p.number, 0),
    ...reductionParameters,
  },
  compute: (v) => {
    const kind = reductionKind("marginRankingLoss", v);
    const ranks = [v.input1, v.input2, v.target].map((t) => t.sizes.length);
    if (ranks[0] !== ranks[1] || ranks[0] !== ranks[2])
      throw new ShapeError(
        `marginRankingLoss: all three tensors need the same number of dimensions, got ${ranks.join(", ")}`,
      );
    return combine(ranking, [v.input1, v.input2, v.target], [v.margin], kind);
  },
});
