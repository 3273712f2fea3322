// Losses that ask the scores of target classes to exceed the others by a margin.
import { int64 } from "../core/dtype.ts";
import { ArgumentError, DTypeError, IndexError, ShapeError } from "../core/errors.ts";
import { type Expression, input, scalar } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { formatSizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  checkSame,
  floatingType,
  type Pairwise,
  type Reducing,
  reductionKind,
  reductionParameters,
} from "./define/losses.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { Reduction } from "./define/reduction.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

const x = input(0);
const margin = scalar(0);
/** max(e, 0) whose gradient at 0 is 0; 0 for NaN. */
const positive = (e: Expression): Expression => f.select(f.gt(e, 0), e, 0);

/** The class scores as [N, C] and the targets as [N, ...], for inputs with or without a batch. */
function batched(name: string, scores: Tensor, target: Tensor): Tensor {
  const rank = scores.sizes.length;
  if (rank > 2 || scores.sizes[rank - 1] === 0)
    throw new ShapeError(
      `${name}: takes scores [C] or [N, C] with at least one class, got ${formatSizes(scores.sizes)}`,
    );
  if (target.dtype !== int64)
    throw new DTypeError(
      `${name}: the target holds class numbers and must be int64, got ${target.dtype.name}`,
    );
  return rank === 2 ? scores : scores.reshape([1, scores.count]);
}

const powers = [1, 2].map((exponent) => {
  const gap = positive(f.add(f.sub(margin, input(1)), x));
  const terms = exponent === 1 ? gap : f.mul(gap, gap);
  return [
    new Reduction({ name: "multiMarginLoss", inputs: 2, scalars: 1, expression: terms }),
    new Reduction({
      name: "multiMarginLoss",
      inputs: 3,
      scalars: 1,
      expression: f.mul(terms, input(2)),
    }),
  ] as const;
});

/**
 * The mean over classes i other than the target t of max(0, margin - x[t] + x[i])^p, times weight[t].
 * @example
 * ```ts
 * const target = torch.tensor([0], { dtype: torch.int64 });
 * torch.nn.functional.multiMarginLoss(torch.tensor([[0, 1]]), target) // => tensor(1.)
 * ```
 */
export const multiMarginLoss: FunctionOnly<
  (
    input: Tensor,
    target: Tensor,
    ...rest: Trailing<
      [p: number, margin: number, weight: Tensor | null],
      Reducing & {
        readonly p?: number;
        readonly margin?: number;
        readonly weight?: Tensor | null;
      }
    >
  ) => Tensor
> = composite({
  name: "multiMarginLoss",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    p: p.optional(p.number, 1),
    margin: p.optional(p.number, 1),
    weight: p.optional(p.tensor, null),
    ...reductionParameters,
  },
  compute: (v) => {
    const kind = reductionKind("multiMarginLoss", v);
    if (v.p !== 1 && v.p !== 2)
      throw new ArgumentError(`multiMarginLoss: p must be 1 or 2, got ${v.p}`);
    const scores = batched("multiMarginLoss", v.input, v.target);
    const [rows, classes] = scores.sizes as [number, number];
    if (v.target.sizes.length > 1 || v.target.count !== rows)
      throw new ShapeError(
        `multiMarginLoss: the target must be [${rows}], one class for each row, got ${formatSizes(v.target.sizes)}`,
      );
    if (v.weight !== null && (v.weight.sizes.length !== 1 || v.weight.count !== classes))
      throw new ShapeError(
        `multiMarginLoss: weight must be [${classes}], got ${formatSizes(v.weight.sizes)}`,
      );
    const target = v.target.reshape([rows, 1]);
    const own = scores.gather(1, target);
    const [plain, weighted] = powers[v.p - 1]!;
    const type = floatingType("multiMarginLoss", [scores]);
    const factor = v.weight
      ?.detach()
      .indexSelect(0, target.reshape([rows]))
      .view(rows, 1);
    const terms = factor === undefined ? plain : weighted;
    const beside = (all: Tensor, one: Tensor): Tensor[] =>
      factor === undefined ? [all, one] : [all, one, factor];
    // The mean includes the target's own term, whose gradients cancel; it is taken off as it was computed.
    const ownTerm = terms.each(beside(own.detach(), own.detach()), [v.margin], type);
    const out = terms
      .mean(beside(scores, own), [v.margin], type, [1])
      .sub(ownTerm.view(rows).div(classes));
    if (kind === "none") return v.input.sizes.length < 2 ? out.reshape(v.target.sizes) : out;
    return kind === "mean" ? out.mean() : out.sum();
  },
});

/**
 * The sum over target classes t (those before the first -1) and other classes i of max(0, 1 - x[t] + x[i]), over the number of classes.
 * @example
 * ```ts
 * const target = torch.tensor([[1, -1]], { dtype: torch.int64 });
 * torch.nn.functional.multilabelMarginLoss(torch.tensor([[0, 2]]), target) // => tensor(0.)
 * ```
 */
export const multilabelMarginLoss: Pairwise = composite({
  name: "multilabelMarginLoss",
  parameters: { input: p.tensor, target: p.tensor, ...reductionParameters },
  compute: (v) => {
    const kind = reductionKind("multilabelMarginLoss", v);
    checkSame("multilabelMarginLoss", v.input, v.target);
    const scores = batched("multilabelMarginLoss", v.input, v.target);
    const [rows, classes] = scores.sizes as [number, number];
    const target = v.target.reshape([rows, classes]);
    if (target.count > 0 && Number(target.amin().item()) < -1)
      throw new IndexError(
        "multilabelMarginLoss: a target is below -1; give class numbers, then -1",
      );
    const valid = target.ge(0).to(int64).cumprod(1);
    const index = target.mul(valid);
    const isTarget = scores.detach().mul(0).scatterAdd(1, index, valid.to(scores.dtype));
    const own = scores.gather(1, index).unsqueeze(2);
    const factor = valid.unsqueeze(2).mul(isTarget.eq(0).unsqueeze(1));
    const tensors = [scores.unsqueeze(1), own, factor];
    const type = floatingType("multilabelMarginLoss", [scores]);
    const out = powers[0]![1].sum(tensors, [1], type, [1, 2]).mul(1 / classes);
    if (kind === "none") return v.input.sizes.length < 2 ? out.reshape([]) : out;
    return kind === "mean" ? out.mean() : out.sum();
  },
});
