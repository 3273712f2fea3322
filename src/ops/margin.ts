// Losses that ask for a margin between scores.
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { type Expression, gradient, input, scalar } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { formatSizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  combine,
  looseType,
  type Pairwise,
  type Reducing,
  reductionKind,
  reductionParameters,
  softplus,
} from "./define/losses.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { Reduction } from "./define/reduction.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

const [x, y] = [input(0), input(1)];
const margin = scalar(0);

/** A loss of input and target alone. */
function pairwise(name: string, terms: Reduction): Pairwise {
  return composite({
    name,
    parameters: { input: p.tensor, target: p.tensor, ...reductionParameters },
    compute: (v) => combine(terms, [v.input, v.target], [], reductionKind(name, v)),
  });
}

/** max(e, 0) whose gradient at 0 is 1, as clamp's; NaN stays, with a gradient of 0. */
const positive = (e: Expression): Expression =>
  f.select(f.ge(e, 0), e, f.select(f.lt(e, 0), 0, Number.NaN));

const hinge = new Reduction({
  name: "hingeEmbeddingLoss",
  inputs: 2,
  scalars: 1,
  expression: f.add(
    f.select(f.ne(y, 1), positive(f.sub(margin, x)), 0),
    f.select(f.ne(y, -1), x, 0),
  ),
  masks: true,
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
  masks: true,
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
    const tensors = [v.input1, v.input2, v.target];
    return combine(ranking, tensors, [v.margin], kind, looseType(tensors));
  },
});

const matching = new Reduction({
  name: "cosineEmbeddingLoss",
  inputs: 2,
  scalars: 1,
  expression: f.add(
    f.select(f.eq(y, 1), f.sub(1, x), 0),
    f.select(f.eq(y, -1), positive(f.sub(x, margin)), 0),
  ),
  masks: true,
});

/**
 * 1 - cos where the target is 1, max(0, cos - margin) where it is -1, with cos the cosine of input1 and input2 along the last dimension.
 * @example
 * ```ts
 * const [a, b] = [torch.tensor([[1, 0]]), torch.tensor([[0, 1]])];
 * torch.nn.functional.cosineEmbeddingLoss(a, b, torch.tensor([1])) // => tensor(1.)
 * ```
 */
export const cosineEmbeddingLoss: FunctionOnly<
  (
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    ...rest: Trailing<[margin: number], Reducing & { readonly margin?: number }>
  ) => Tensor
> = composite({
  name: "cosineEmbeddingLoss",
  parameters: {
    input1: p.tensor,
    input2: p.tensor,
    target: p.tensor,
    margin: p.optional(p.number, 0),
    ...reductionParameters,
  },
  compute: (v) => {
    const kind = reductionKind("cosineEmbeddingLoss", v);
    const { input1, input2, target } = v;
    if (
      target.sizes.length > 1 ||
      input1.sizes.length !== target.sizes.length + 1 ||
      input2.sizes.length !== input1.sizes.length
    )
      throw new ShapeError(
        `cosineEmbeddingLoss: for a target of shape ${formatSizes(target.sizes)} the inputs need one dimension more, got ${formatSizes(input1.sizes)} and ${formatSizes(input2.sizes)}`,
      );
    const type = looseType([input1, input2]);
    const [a, b] = [input1.to(type), input2.to(type)];
    const length = (t: Tensor): Tensor => t.mul(t).sum(-1).add(1e-12);
    const cosine = a
      .mul(b)
      .sum(-1)
      .div(length(a).mul(length(b)).sqrt());
    return combine(matching, [cosine, target], [v.margin], kind, type);
  },
});

const softLabel = f.add(f.mul(y, softplus(f.neg(x))), f.mul(f.sub(1, y), softplus(x)));
const softLabelSlope = f.sub(f.mul(f.sub(1, y), f.sigmoid(x)), f.mul(y, f.sigmoid(f.neg(x))));
const weight = input(2);
const softLabels = new Reduction({
  name: "multilabelSoftMarginLoss",
  inputs: 2,
  expression: softLabel,
  derivatives: [f.mul(gradient, softLabelSlope), f.mul(gradient, f.neg(x))],
});
const weightedSoftLabels = new Reduction({
  name: "multilabelSoftMarginLoss",
  inputs: 3,
  expression: f.mul(softLabel, weight),
  derivatives: [
    f.mul(gradient, f.mul(softLabelSlope, weight)),
    f.mul(gradient, f.mul(f.neg(x), weight)),
    f.mul(gradient, softLabel),
  ],
});

/**
 * The mean over classes of the binary cross-entropies of the logits with targets of 0 and 1.
 * @example
 * ```ts
 * torch.nn.functional.multilabelSoftMarginLoss(torch.tensor([[0, 0]]), torch.tensor([[1, 0]])) // => tensor(0.6931)
 * ```
 */
export const multilabelSoftMarginLoss: FunctionOnly<
  (
    input: Tensor,
    target: Tensor,
    ...rest: Trailing<[weight: Tensor | null], Reducing & { readonly weight?: Tensor | null }>
  ) => Tensor
> = composite({
  name: "multilabelSoftMarginLoss",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    weight: p.optional(p.tensor, null),
    ...reductionParameters,
  },
  compute: (v) => {
    const kind = reductionKind("multilabelSoftMarginLoss", v);
    const [terms, tensors] =
      v.weight === null
        ? [softLabels, [v.input, v.target]]
        : [weightedSoftLabels, [v.input, v.target, v.weight]];
    const type = looseType(tensors);
    if (kind === "mean") return terms.mean(tensors, [], type);
    const rows = terms.mean(tensors, [], type, [-1]);
    return kind === "sum" ? rows.sum() : rows;
  },
});

/**
 * max(0, |anchor - positive| - |anchor - negative| + margin) with norms of order `p`; `swap` also tries the distance from positive to negative.
 * @example
 * ```ts
 * const [a, near, far] = [torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[3, 4]])];
 * torch.nn.functional.tripletMarginLoss(a, near, far) // => tensor(0.)
 * ```
 */
export const tripletMarginLoss: FunctionOnly<
  (
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    ...rest: Trailing<
      [margin: number, p: number, eps: number, swap: boolean],
      Reducing & {
        readonly margin?: number;
        readonly p?: number;
        readonly eps?: number;
        readonly swap?: boolean;
      }
    >
  ) => Tensor
> = composite({
  name: "tripletMarginLoss",
  parameters: {
    anchor: p.tensor,
    positive: p.tensor,
    negative: p.tensor,
    margin: p.optional(p.number, 1),
    p: p.optional(p.number, 2),
    eps: p.optional(p.number, 1e-6),
    swap: p.optional(p.boolean, false),
    ...reductionParameters,
  },
  compute: (v) => {
    const kind = reductionKind("tripletMarginLoss", v);
    if (!(v.margin > 0))
      throw new ArgumentError(`tripletMarginLoss: margin must be greater than 0, got ${v.margin}`);
    const ranks = [v.anchor, v.positive, v.negative].map((t) => t.sizes.length);
    if (ranks[0] !== ranks[1] || ranks[0] !== ranks[2])
      throw new ShapeError(
        `tripletMarginLoss: anchor, positive and negative need the same number of dimensions, got ${ranks.join(", ")}`,
      );
    const type = looseType([v.anchor, v.positive, v.negative]);
    const [anchor, near, far] = [v.anchor, v.positive, v.negative].map((t) => t.to(type)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const distance = (a: Tensor, b: Tensor): Tensor => a.sub(b).add(v.eps).norm(v.p, -1);
    let away = distance(anchor, far);
    if (v.swap) away = away.minimum(distance(near, far));
    return combine(triplets, [distance(anchor, near), away], [v.margin], kind);
  },
});
const triplets = new Reduction({
  name: "tripletMarginLoss",
  inputs: 2,
  scalars: 1,
  expression: positive(f.add(f.sub(x, y), margin)),
  masks: true,
});
