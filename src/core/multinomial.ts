// Drawing categories in proportion to weights, as PyTorch's multinomial does.

import { copyIndices } from "./fill.ts";
import type { FloatArray, NumberArray } from "./fill.ts";
import type { Generator, Rounding } from "./generator.ts";

/**
 * Fills rows with indices of categories drawn with the given weights, which need not sum to one.
 * `weights` is rows by `categories`,
 * `target` rows by samples. With replacement: binary search of a uniform number in the cumulative
 * weights. Without: the largest weight / e, with e exponential ("exponential race"), the lower
 * index first on ties, where PyTorch's order depends on its selection algorithm (seen with narrow
 * dtypes only); `rounding` as for `fillUniform`. Throws a RangeError when a weight is negative or
 * not finite, when a row sums to 0 or has fewer categories than samples.
 *
 * @example
 * ```ts
 * const picks = new Int32Array(2);
 * fillMultinomial(new torch.Generator().manualSeed(0), picks, Float32Array.of(1, 2, 3), 3, false); // 2, 1
 * ```
 */
export function fillMultinomial(
  generator: Generator,
  target: NumberArray,
  weights: FloatArray,
  categories: number,
  replacement: boolean,
  rounding?: Rounding,
): void {
  if (target.length === 0) return;
  const rows = weights.length / categories;
  const samples = target.length / rows;
  if (!Number.isInteger(rows) || !Number.isInteger(samples)) {
    throw new RangeError(
      `multinomial: ${weights.length} weights do not fit ${categories} categories and ${target.length} samples in all`,
    );
  }
  if (!replacement && samples > categories) {
    throw new RangeError(
      `multinomial: ${samples} samples without replacement; there should be at most ${categories}, one a category`,
    );
  }
  const picks = new Int32Array(target.length);
  // One sample is the same distribution either way, and PyTorch draws it without replacement.
  const draw = replacement && samples > 1 ? drawAgain : drawOnce;
  checkWeights(weights, categories);
  draw(generator, picks, weights, categories, samples, rounding);
  copyIndices(target, picks);
}

function checkWeights(weights: FloatArray, categories: number): void {
  for (let start = 0; start < weights.length; start += categories) {
    let positive = false;
    for (let index = start; index < start + categories; index++) {
      const weight = weights[index]!;
      if (!(weight >= 0 && weight < Infinity))
        throw new RangeError(
          `multinomial: weight ${index} is ${weight}; it should be finite and at least 0`,
        );
      positive ||= weight > 0;
    }
    if (!positive)
      throw new RangeError("multinomial: the weights of a row are all 0; one should be positive");
  }
}

function drawAgain(
  generator: Generator,
  picks: Int32Array,
  weights: FloatArray,
  categories: number,
  samples: number,
): void {
  const cumulative = weights.slice(0, categories);
  let start = 0;
  for (let pick = 0; pick < picks.length; pick++) {
    if (pick % samples === 0) {
      accumulate(cumulative, weights, start);
      start += categories;
    }
    const mass = generator.uniform();
    let left = 0;
    let right = categories;
    while (left < right) {
      const middle = (left + right) >>> 1;
      if (cumulative[middle]! < mass) left = middle + 1;
      else right = middle;
    }
    picks[pick] = left;
  }
}

/**
 * The running sums of a row, scaled to end at 1; each is rounded to the dtype of the weights by
 * being written to the array.
 */
function accumulate(cumulative: FloatArray, weights: FloatArray, start: number): void {
  const last = cumulative.length - 1;
  cumulative[0] = weights[start]!;
  for (let index = 1; index <= last; index++)
    cumulative[index] = cumulative[index - 1]! + weights[start + index]!;
  const total = cumulative[last]!;
  for (let index = 0; index < last; index++) cumulative[index] = cumulative[index]! / total;
  cumulative[last] = 1;
}

function drawOnce(
  generator: Generator,
  picks: Int32Array,
  weights: FloatArray,
  categories: number,
  samples: number,
  rounding: Rounding | undefined,
): void {
  const scores = weights.slice();
  generator.fillExponential(scores);
  for (let index = 0; index < scores.length; index++) {
    scores[index] =
      rounding === undefined
        ? weights[index]! / scores[index]!
        : rounding(Math.fround(weights[index]! / rounding(scores[index]!)));
  }
  for (let row = 0; row * categories < scores.length; row++) {
    const score = scores.subarray(row * categories, (row + 1) * categories);
    const order = Array.from(score.keys()).sort((one, other) => score[other]! - score[one]!);
    for (let sample = 0; sample < samples; sample++) picks[row * samples + sample] = order[sample]!;
  }
}
