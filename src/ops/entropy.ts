// Cross-entropies of probabilities and logits, element by element, and the Kullback-Leibler divergence.
import { bool } from "../core/dtype.ts";
import { ArgumentError } from "../core/errors.ts";
import { type Expression, gradient, input } from "../core/expression.ts";
import { Program } from "../core/program.ts";
import { f } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  checkSame,
  combine,
  type LossReduction,
  type Reducing,
  reductionKind,
  reductionParameters,
  softplus,
} from "./define/losses.ts";
import { isTrue } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { reduceRaw, Reduction, regionOf } from "./define/reduction.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

const [x, y] = [input(0), input(1)];
const logits = new Reduction({
  name: "binaryCrossEntropyWithLogits",
  inputs: 2,
  expression: f.add(f.mul(f.sub(1, y), x), softplus(f.neg(x))),
  derivatives: [f.mul(gradient, f.sub(f.sigmoid(x), y)), f.mul(gradient, f.neg(x))],
});

/** The form with weights; `weight` and `positive` are the places of those operands, -1 for none. */
function weightedLogits(weight: number, positive: number): Reduction {
  const factor = weight < 0 ? 1 : input(weight);
  const more = positive < 0 ? 0 : f.sub(input(positive), 1);
  const scale = f.add(f.mul(more, y), 1);
  const g = f.mul(gradient, factor);
  return new Reduction({
    name: "binaryCrossEntropyWithLogits",
    inputs: 2 + Number(weight >= 0) + Number(positive >= 0),
    expression: f.mul(f.add(f.mul(f.sub(1, y), x), f.mul(scale, softplus(f.neg(x)))), factor),
    derivatives: [
      f.mul(g, f.sub(f.sub(1, y), f.mul(scale, f.sigmoid(f.neg(x))))),
      f.mul(g, f.sub(f.mul(more, softplus(f.neg(x))), x)),
      ...(weight < 0 ? [] : [null]),
      ...(positive < 0 ? [] : [null]),
    ],
  });
}
const logitForms = {
  both: weightedLogits(2, 3),
  weight: weightedLogits(2, -1),
  positive: weightedLogits(-1, 2),
};

/**
 * The binary cross-entropy of sigmoid(input): (1 - y) * x + log(1 + exp(-x)), stable for any logit. `weight` scales terms,
 * `posWeight` those of positive targets.
 * @example
 * ```ts
 * torch.nn.functional.binaryCrossEntropyWithLogits(torch.tensor([0]), torch.tensor([1])) // => tensor(0.6931)
 * ```
 */
export const binaryCrossEntropyWithLogits: FunctionOnly<
  (
    input: Tensor,
    target: Tensor,
    ...rest: Trailing<
      [weight: Tensor | null],
      Reducing & { readonly weight?: Tensor | null; readonly posWeight?: Tensor | null }
    >
  ) => Tensor
> = composite({
  name: "binaryCrossEntropyWithLogits",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    weight: p.optional(p.tensor, null),
    ...reductionParameters,
    posWeight: p.optional(p.tensor, null),
  },
  commonest: {
    fits: p.areTensors,
    compute: (given, target) => ofLogits(given as Tensor, target as Tensor, null, null, "mean"),
  },
  compute: (v) =>
    ofLogits(
      v.input,
      v.target,
      v.weight,
      v.posWeight,
      reductionKind("binaryCrossEntropyWithLogits", v),
    ),
});

function ofLogits(
  given: Tensor,
  target: Tensor,
  weight: Tensor | null,
  posWeight: Tensor | null,
  kind: LossReduction,
): Tensor {
  checkSame("binaryCrossEntropyWithLogits", given, target);
  const form =
    weight === null
      ? posWeight === null
        ? logits
        : logitForms.positive
      : posWeight === null
        ? logitForms.weight
        : logitForms.both;
  const tensors = [given, target];
  if (weight !== null) tensors.push(weight);
  if (posWeight !== null) tensors.push(posWeight);
  return combine(form, tensors, [], kind);
}

const clampedLog = (e: Expression): Expression => f.maximum(e, -100);
const entropy = f.neg(
  f.add(f.mul(y, clampedLog(f.log(x))), f.mul(f.sub(1, y), clampedLog(f.log1p(f.neg(x))))),
);
const entropyGradients = (g: Expression): Expression[] => [
  f.mul(g, f.div(f.sub(x, y), f.maximum(f.mul(f.sub(1, x), x), 1e-12))),
  f.mul(g, f.sub(f.log1p(f.neg(x)), f.log(x))),
];
const probabilities = new Reduction({
  name: "binaryCrossEntropy",
  inputs: 2,
  expression: entropy,
  derivatives: entropyGradients(gradient),
});
const weightedProbabilities = new Reduction({
  name: "binaryCrossEntropy",
  inputs: 3,
  expression: f.mul(entropy, input(2)),
  derivatives: [...entropyGradients(f.mul(gradient, input(2))), null],
});
const isProbability = new Program([f.and(f.ge(x, 0), f.le(x, 1))], 1, 0);

/**
 * The binary cross-entropy -(y log(x) + (1 - y) log(1 - x)) of probabilities; logarithms are cut at -100.
 * Throws for an input outside 0..1. binaryCrossEntropyWithLogits is more accurate.
 * @example
 * ```ts
 * torch.nn.functional.binaryCrossEntropy(torch.tensor([0.5]), torch.tensor([1])) // => tensor(0.6931)
 * ```
 */
export const binaryCrossEntropy: FunctionOnly<
  (
    input: Tensor,
    target: Tensor,
    ...rest: Trailing<[weight: Tensor | null], Reducing & { readonly weight?: Tensor | null }>
  ) => Tensor
> = composite({
  name: "binaryCrossEntropy",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    weight: p.optional(p.tensor, null),
    ...reductionParameters,
  },
  compute: (v) => {
    const kind = reductionKind("binaryCrossEntropy", v);
    const { input: a } = v;
    checkSame("binaryCrossEntropy", a, v.target);
    const region = regionOf("binaryCrossEntropy", a.sizes, null);
    const fine = reduceRaw("all", [a], a.sizes, region, false, bool, isProbability, [], 1, a.dtype);
    if (isTrue(fine) === false)
      throw new ArgumentError(
        "binaryCrossEntropy: all elements of the input must be between 0 and 1; apply sigmoid first, or use binaryCrossEntropyWithLogits",
      );
    return v.weight === null
      ? combine(probabilities, [a, v.target], [], kind)
      : combine(weightedProbabilities, [a, v.target, v.weight], [], kind);
  },
});

const divergence = new Reduction({
  name: "klDiv",
  inputs: 2,
  expression: f.sub(f.select(f.eq(y, 0), 0, f.mul(y, f.log(y))), f.mul(y, x)),
  derivatives: [
    f.mul(gradient, f.neg(y)),
    // NaN where the target is 0, whose logarithm has no slope there, as PyTorch's: its y / y is left as it is.
    f.mul(gradient, f.sub(f.add(f.select(f.eq(y, 0), 0, f.log(y)), f.div(y, y)), x)),
  ],
});
const logDivergence = new Reduction({
  name: "klDiv",
  inputs: 2,
  expression: f.mul(f.exp(y), f.sub(y, x)),
});

/**
 * The Kullback-Leibler divergence y * (log(y) - x) of log-probabilities x from y, which `logTarget` says are logarithms too.
 * "batchmean" divides the sum by the batch size, which is the mathematical definition.
 * @example
 * ```ts
 * const logProbabilities = torch.tensor([[0.5, 0.5]]).log();
 * torch.nn.functional.klDiv(logProbabilities, torch.tensor([[1, 0]]), { reduction: "batchmean" }) // => tensor(0.6931)
 * ```
 */
export const klDiv: FunctionOnly<
  (
    input: Tensor,
    target: Tensor,
    options?: Omit<Reducing, "reduction"> & {
      readonly reduction?: LossReduction | "batchmean";
      readonly logTarget?: boolean;
    },
  ) => Tensor
> = composite({
  name: "klDiv",
  parameters: {
    input: p.tensor,
    target: p.tensor,
    ...reductionParameters,
    reduction: p.optional(p.choice("mean", "sum", "none", "batchmean"), "mean"),
    logTarget: p.optional(p.boolean, false),
  },
  compute: (v) => {
    const batch = v.reduction === "batchmean";
    const kind = reductionKind("klDiv", {
      ...v,
      reduction: batch ? "sum" : (v.reduction as LossReduction),
    });
    const out = combine(v.logTarget ? logDivergence : divergence, [v.input, v.target], [], kind);
    return batch ? out.div(v.input.sizes[0] ?? 1) : out;
  },
});
