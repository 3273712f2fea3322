// Losses as modules: each is its functional form with the settings fixed.
import { crossEntropy, nllLoss } from "../ops/classes.ts";
import { binaryCrossEntropy, binaryCrossEntropyWithLogits, klDiv } from "../ops/entropy.ts";
import { gaussianNllLoss, poissonNllLoss } from "../ops/likelihood.ts";
import { huberLoss, l1Loss, mseLoss, smoothL1Loss } from "../ops/loss.ts";
import { hingeEmbeddingLoss, marginRankingLoss, softMarginLoss } from "../ops/margin.ts";
import { FunctionModule, type OperationLike } from "./function.ts";

/** What losses of an input and a target have in common. */
abstract class Loss<F extends OperationLike> extends FunctionModule<F, 2> {
  static override readonly inputs = 2;
}

/** The mean (or sum, or each) of |input - target|. */
export class L1Loss extends Loss<typeof l1Loss> {
  static override readonly operation: OperationLike = l1Loss;
}

/**
 * The mean (or sum, or each) of (input - target)^2.
 * @example
 * ```ts
 * new torch.nn.MSELoss()(torch.tensor([1, 2]), torch.tensor([1, 4])) // => tensor(2.)
 * ```
 */
export class MSELoss extends Loss<typeof mseLoss> {
  static override readonly operation: OperationLike = mseLoss;
}

/** Quadratic below `beta`, linear beyond. */
export class SmoothL1Loss extends Loss<typeof smoothL1Loss> {
  static override readonly operation: OperationLike = smoothL1Loss;
}

/** Quadratic below `delta`, linear beyond; `delta` times the smooth L1 loss. */
export class HuberLoss extends Loss<typeof huberLoss> {
  static override readonly operation: OperationLike = huberLoss;
}

/**
 * The cross entropy of logits [N, C, ...] and targets: classes [N, ...], or probabilities of the input's shape.
 * @example
 * ```ts
 * const target = torch.tensor([1n]);
 * new torch.nn.CrossEntropyLoss()(torch.tensor([[0, 0]]), target) // => tensor(0.6931)
 * ```
 */
export class CrossEntropyLoss extends Loss<typeof crossEntropy> {
  static override readonly operation: OperationLike = crossEntropy;
}

/** The negative log likelihood: of log-probabilities [N, C, ...], minus that of the target's class. */
export class NLLLoss extends Loss<typeof nllLoss> {
  static override readonly operation: OperationLike = nllLoss;
}

/** The cross entropy of probabilities and targets between 0 and 1. */
export class BCELoss extends Loss<typeof binaryCrossEntropy> {
  static override readonly operation: OperationLike = binaryCrossEntropy;
}

/** The cross entropy of logits and targets between 0 and 1, computed without overflow. */
export class BCEWithLogitsLoss extends Loss<typeof binaryCrossEntropyWithLogits> {
  static override readonly operation: OperationLike = binaryCrossEntropyWithLogits;
}

/** The divergence of Kullback and Leibler between log-probabilities and a target. */
export class KLDivLoss extends Loss<typeof klDiv> {
  static override readonly operation: OperationLike = klDiv;
}

/** The negative log likelihood of counts under Poisson distributions. */
export class PoissonNLLLoss extends Loss<typeof poissonNllLoss> {
  static override readonly operation: OperationLike = poissonNllLoss;
}

/** The input where the target is 1, max(0, margin - input) where it is -1. */
export class HingeEmbeddingLoss extends Loss<typeof hingeEmbeddingLoss> {
  static override readonly operation: OperationLike = hingeEmbeddingLoss;
}

/** log(1 + exp(-target input)). */
export class SoftMarginLoss extends Loss<typeof softMarginLoss> {
  static override readonly operation: OperationLike = softMarginLoss;
}

/** max(0, margin - target (input1 - input2)). */
export class MarginRankingLoss extends FunctionModule<typeof marginRankingLoss, 3> {
  static override readonly operation: OperationLike = marginRankingLoss;
  static override readonly inputs = 3;
}

/** The negative log likelihood of targets under normal distributions of given means and variances. */
export class GaussianNLLLoss extends FunctionModule<typeof gaussianNllLoss, 3> {
  static override readonly operation: OperationLike = gaussianNllLoss;
  static override readonly inputs = 3;
}
