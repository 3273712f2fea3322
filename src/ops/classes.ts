// Losses against classes: the negative log-likelihood and the cross-entropy.
import { isDifferentiable } from "../autograd/mode.ts";
import { int64, uint8 } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { input, scalar } from "../core/expression.ts";
import { mappedNumbers } from "../core/list.ts";
import { Program } from "../core/program.ts";
import { f } from "../core/scalar.ts";
import { formatSizes, sameSizes, type Sizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { membersTogether } from "./define/batch.ts";
import { computeType } from "./define/formula.ts";
import {
  type LossReduction,
  type Reducing,
  reductionKind,
  reductionParameters,
} from "./define/losses.ts";
import { alias, empty, readElement, relayout, rowMajor } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { place } from "./define/pick.ts";
import { reduceRaw, Reduction, regionOf } from "./define/reduction.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

const ignored = f.eq(input(0), scalar(0));
const countKept = new Program([f.ne(input(0), scalar(0))], 1, 1);
const replaceIgnored = new Program([f.select(ignored, 0, input(0))], 1, 1);
const keptFactor = new Program([f.select(ignored, 0, -1)], 1, 1);
const keptWeight = new Program([f.select(ignored, 0, f.neg(input(1)))], 2, 1);
const negated = new Program([f.neg(input(0))], 1, 0);
/** What stands where an ignored target points may be infinite. */
const products = new Program([f.select(ignored, 0, f.mul(input(1), input(2)))], 3, 1);
/** An ignored target has no share, even where nothing else is left to share. */
const shares = new Program(
  [f.select(f.eq(input(0), 0), 0, f.div(input(0), f.neg(input(1))))],
  2,
  0,
);
const quotients = new Program([f.div(input(0), f.neg(input(1)))], 2, 0);

/** The dimension of the classes: the second, or the only one of an unbatched input. */
const classDimension = (sizes: Sizes): number => (sizes.length === 1 ? 0 : 1);

function checkTarget(name: string, self: Tensor, target: Tensor, weight: Tensor | null): void {
  if (target.dtype !== int64 && target.dtype !== uint8)
    throw new DTypeError(
      `${name}: the target holds class numbers and must be int64, got ${target.dtype.name}; convert it with .to(torch.int64)`,
    );
  if (self.dtype.kind !== "floating")
    throw new DTypeError(`${name}: the input must be floating-point, got ${self.dtype.name}`);
  if (self.sizes.length === 0)
    throw new ShapeError(`${name}: the input needs a dimension of classes, got a scalar`);
  const dim = classDimension(self.sizes);
  const expected = self.sizes.filter((_, i) => i !== dim);
  if (!sameSizes(target.sizes, expected))
    throw new ShapeError(
      `${name}: the target has shape ${formatSizes(target.sizes)}; for an input of shape ${formatSizes(self.sizes)} it must be ${formatSizes(expected)}`,
    );
  if (weight !== null && (weight.sizes.length !== 1 || weight.sizes[0] !== self.sizes[dim]))
    throw new ShapeError(
      `${name}: weight has shape ${formatSizes(weight.sizes)}; it needs one value for each of the ${self.sizes[dim]} classes`,
    );
  if (weight !== null && weight.dtype !== self.dtype)
    throw new DTypeError(
      `${name}: weight is ${weight.dtype.name} and the input ${self.dtype.name}; convert one`,
    );
}

/** What of the targets the loss and its gradient need. */
interface Targets {
  /** The class numbers with the input's rank. */
  readonly given: Tensor;
  /** The same with those ignored replaced by 0. */
  readonly index: Tensor;
  /** What each picked value is multiplied with (0 where ignored); null where it is -1 throughout. */
  readonly factors: Tensor | null;
  /** How many are not ignored, by which a mean without weights divides; NaN where members of a batch differ, whose factors then tell it. */
  readonly kept: number;
}

/** How many targets are not ignored; NaN where that differs between the members of a batch, or cannot be looked at. */
function countOf(targets: Tensor, ignoreIndex: number): number {
  const all = membersTogether(targets);
  if (all.device.backend.valueless === true) return Number.NaN;
  const region = regionOf("nllLoss", all.sizes, null);
  const found = Number(
    readElement(
      reduceRaw("sum", [all], all.sizes, region, false, int64, countKept, [ignoreIndex]),
      0,
    ),
  );
  if (all === targets) return found;
  return found === all.count ? targets.count : Number.NaN;
}

function readTargets(
  self: Tensor,
  target: Tensor,
  weight: Tensor | null,
  ignoreIndex: number,
): Targets {
  const dim = classDimension(self.sizes);
  const sizes = self.sizes.with(dim, 1);
  const strides = [...target.strides];
  strides.splice(dim, 0, 1);
  const given = relayout(target, sizes, strides, target.offset);
  const { backend } = target.device;
  const kept = countOf(given, ignoreIndex);
  let index = given;
  if (kept !== target.count || given.dtype !== int64) {
    index = empty(sizes, int64, target.device);
    backend.map(replaceIgnored.typed(int64, [given.dtype], [int64]), index, [given], [ignoreIndex]);
  }
  if (weight === null && kept === target.count) return { given, index, factors: null, kept };
  const compute = computeType(self.dtype);
  const factors = empty(sizes, self.dtype, target.device);
  if (weight === null)
    backend.map(
      keptFactor.typed(compute, [given.dtype], [self.dtype]),
      factors,
      [given],
      [ignoreIndex],
    );
  else {
    const own = empty(sizes, self.dtype, target.device);
    const spread = relayout(
      weight,
      self.sizes,
      mappedNumbers(self.sizes, (_, i) => (i === dim ? weight.strides[0]! : 0)),
      weight.offset,
    );
    backend.gather(own, spread, dim, index);
    backend.map(
      keptWeight.typed(compute, [given.dtype, self.dtype], [self.dtype]),
      factors,
      [given, own],
      [ignoreIndex],
    );
  }
  return { given, index, factors, kept };
}

/** The gradient as PyTorch sees it when it is differentiated again: formally a function of the input, constant in it. */
const dependent: (self: Tensor, origin: Tensor) => Tensor = operation({
  name: "nllLossBackward",
  parameters: { self: p.tensor, origin: p.tensor },
  forward: ({ self }) => alias(self),
  backward: { self: (g) => g, origin: (g) => g.newZeros(g.shape) },
});

function likelihood(
  node: string,
): (
  self: Tensor,
  target: Tensor,
  weight: Tensor | null,
  reduction: LossReduction,
  ignoreIndex: number,
) => Tensor {
  return operation({
    name: "nllLoss",
    node,
    parameters: {
      self: p.tensor,
      target: p.tensor,
      weight: p.optional(p.tensor, null),
      reduction: reductionParameters.reduction,
      ignoreIndex: p.optional(p.integer, -100),
    },
    saves: ["self", "target", "weight"],
    forward: ({ self, target, weight, reduction, ignoreIndex }) => {
      checkTarget("nllLoss", self, target, weight);
      const { dtype } = self;
      const { given, index, factors, kept } = readTargets(self, target, weight, ignoreIndex);
      const { sizes } = index;
      const picked = empty(sizes, dtype, self.device);
      const { backend } = self.device;
      backend.gather(picked, self, classDimension(self.sizes), index);
      const compute = computeType(dtype);
      if (reduction === "none") {
        if (factors === null)
          backend.map(negated.typed(compute, [dtype], [dtype]), picked, [picked], []);
        else
          backend.map(
            products.typed(compute, [given.dtype, dtype, dtype], [dtype]),
            picked,
            [given, picked, factors],
            [ignoreIndex],
          );
        return rowMajor(picked, target.sizes);
      }
      const all = regionOf("nllLoss", sizes, null);
      const mean = reduction === "mean";
      if (factors === null)
        return reduceRaw("sum", [picked], sizes, all, false, dtype, negated, [], mean ? kept : 1);
      const total = reduceRaw("sum", [given, picked, factors], sizes, all, false, dtype, products, [
        ignoreIndex,
      ]);
      if (mean) {
        const share = reduceRaw("sum", [factors], sizes, all, false, dtype);
        backend.map(quotients.typed(compute, [dtype, dtype], [dtype]), total, [total, share], []);
      }
      return total;
    },
    backward: {
      self: (g, { self, target, weight, reduction, ignoreIndex }) => {
        const { sizes, dtype } = self;
        const { index, factors, kept } = readTargets(self, target, weight, ignoreIndex);
        const dim = classDimension(sizes);
        const mean = reduction === "mean";
        let scale: Tensor;
        if (factors === null) scale = g.mul(mean ? -1 / kept : -1);
        else if (mean) {
          const all = regionOf("nllLoss", index.sizes, null);
          const share = reduceRaw("sum", [factors], index.sizes, all, false, dtype);
          const own = empty(index.sizes, dtype, target.device);
          own.storage.device.backend.map(
            shares.typed(computeType(dtype), [dtype, dtype], [dtype]),
            own,
            [factors, share],
            [],
          );
          scale = g.mul(own);
        } else scale = (reduction === "none" ? g.reshape(index.sizes) : g).mul(factors);
        const spread =
          scale.sizes.length === 0 ? scale.expand(index.sizes) : scale.reshape(index.sizes);
        const out = place(spread, dim, index, sizes[dim]!);
        return isDifferentiable() ? dependent(out, self) : out;
      },
    },
  });
}
const likelihoods = { flat: likelihood("NllLoss"), spatial: likelihood("NllLoss2D") };

type AgainstClasses<O> = FunctionOnly<
  (
    input: Tensor,
    target: Tensor,
    ...rest: Trailing<
      [weight: Tensor | null],
      Reducing & O & { readonly weight?: Tensor | null; readonly ignoreIndex?: number }
    >
  ) => Tensor
>;

const classParameters = {
  input: p.tensor,
  target: p.tensor,
  weight: p.optional(p.tensor, null),
  sizeAverage: reductionParameters.sizeAverage,
  ignoreIndex: p.optional(p.integer, -100),
  reduce: reductionParameters.reduce,
  reduction: reductionParameters.reduction,
};

/**
 * The negative log-likelihood -weight[t] * input[t] of the target classes t, given log-probabilities [N, C] or [N, C, ...].
 * The mean is weighted; targets equal to `ignoreIndex` do not count. Throws IndexError for a target outside 0..C-1.
 * @example
 * ```ts
 * torch.nn.functional.nllLoss(torch.tensor([[-1, -2]]), torch.tensor([1], { dtype: torch.int64 })) // => tensor(2.)
 * ```
 */
export const nllLoss: AgainstClasses<object> = composite({
  name: "nllLoss",
  parameters: classParameters,
  compute: (v) => {
    const form = v.input.sizes.length > 2 ? likelihoods.spatial : likelihoods.flat;
    return form(v.input, v.target, v.weight, reductionKind("nllLoss", v), v.ignoreIndex);
  },
});

const [logProbability, share, weighting] = [input(0), input(1), input(2)];
const soft = new Reduction({
  name: "crossEntropy",
  inputs: 2,
  expression: f.neg(f.mul(logProbability, share)),
});
const softWeighted = new Reduction({
  name: "crossEntropy",
  inputs: 3,
  expression: f.neg(f.mul(f.mul(logProbability, share), weighting)),
});
const smoothing = new Reduction({
  name: "crossEntropy",
  inputs: 2,
  scalars: 1,
  expression: f.select(f.eq(share, scalar(0)), 0, f.neg(logProbability)),
});
const smoothingWeighted = new Reduction({
  name: "crossEntropy",
  inputs: 3,
  scalars: 1,
  expression: f.select(f.eq(share, scalar(0)), 0, f.neg(f.mul(logProbability, weighting))),
});

/** The weights of the classes, seen along the dimension of the classes. */
function alongClasses(weight: Tensor, sizes: Sizes): Tensor {
  const dim = classDimension(sizes);
  return weight.view(mappedNumbers(sizes, (n, i) => (i === dim ? n : 1)));
}

/** The loss against probabilities: the target has the input's shape. */
function againstProbabilities(
  logs: Tensor,
  target: Tensor,
  weight: Tensor | null,
  kind: LossReduction,
  smooth: number,
): Tensor {
  const dim = classDimension(logs.sizes);
  const classes = logs.sizes[dim]!;
  const goal = smooth === 0 ? target : target.mul(1 - smooth).add(smooth / classes);
  const [terms, operands] =
    weight === null
      ? [soft, [logs, goal]]
      : [softWeighted, [logs, goal, alongClasses(weight, logs.sizes)]];
  if (kind === "none") return terms.sum(operands, [], logs.dtype, [dim]);
  const total = terms.sum(operands, [], logs.dtype);
  return kind === "sum" ? total : total.mul(classes / logs.count);
}

/**
 * The cross-entropy of logits [N, C] or [N, C, ...] with classes, or with probabilities of the input's shape: nllLoss(logSoftmax(input)).
 * `labelSmoothing` mixes in the uniform distribution. Throws IndexError for a class outside 0..C-1.
 * @example
 * ```ts
 * torch.nn.functional.crossEntropy(torch.tensor([[0, 0]]), torch.tensor([1], { dtype: torch.int64 })) // => tensor(0.6931)
 * ```
 */
export const crossEntropy: AgainstClasses<{ readonly labelSmoothing?: number }> = composite({
  name: "crossEntropy",
  parameters: { ...classParameters, labelSmoothing: p.optional(p.number, 0) },
  compute: (v) => {
    const { input: self, target, weight, ignoreIndex, labelSmoothing: smooth } = v;
    const kind = reductionKind("crossEntropy", v);
    if (!(smooth >= 0 && smooth <= 1))
      throw new ArgumentError(
        `crossEntropy: labelSmoothing must be between 0 and 1, got ${smooth}`,
      );
    if (self.sizes.length === 0)
      throw new ShapeError("crossEntropy: the input needs a dimension of classes, got a scalar");
    const probabilities = sameSizes(self.sizes, target.sizes) && target.dtype.kind === "floating";
    if (!probabilities) checkTarget("crossEntropy", self, target, weight);
    const dim = classDimension(self.sizes);
    const logs = self.logSoftmax(dim);
    if (probabilities) {
      if (ignoreIndex >= 0)
        throw new ArgumentError(
          `crossEntropy: ignoreIndex ${ignoreIndex} means nothing for targets that are probabilities`,
        );
      return againstProbabilities(logs, target, weight, kind, smooth);
    }
    const form = self.sizes.length > 2 ? likelihoods.spatial : likelihoods.flat;
    const hard = form(logs, target, weight, kind, ignoreIndex);
    if (smooth === 0) return hard;
    const even = againstAll(logs, target, weight, kind, ignoreIndex);
    return hard.mul(1 - smooth).add(even.mul(smooth / self.sizes[dim]!));
  },
});

/** The loss against all classes alike, which label smoothing mixes in. */
function againstAll(
  logs: Tensor,
  target: Tensor,
  weight: Tensor | null,
  kind: LossReduction,
  ignoreIndex: number,
): Tensor {
  const dim = classDimension(logs.sizes);
  const sizes = logs.sizes.with(dim, 1);
  const classes = target.reshape(sizes);
  const [terms, operands] =
    weight === null
      ? [smoothing, [logs, classes]]
      : [smoothingWeighted, [logs, classes, alongClasses(weight, logs.sizes)]];
  if (kind === "none") return terms.sum(operands, [ignoreIndex], logs.dtype, [dim]);
  const total = terms.sum(operands, [ignoreIndex], logs.dtype);
  if (kind === "sum") return total;
  const { factors, kept } = readTargets(logs, target, weight, ignoreIndex);
  const counted = weight === null && !Number.isNaN(kept);
  return counted || factors === null ? total.mul(1 / kept) : total.div(factors.sum().neg());
}
