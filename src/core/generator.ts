// PyTorch's CPU random number generator: from the same seed the same numbers, in the same order of
// draws.

import { fused, normalBlockDouble, normalBlockSingle } from "./boxmuller.ts";
import { fillWith, fillWithBigints, wholeRange } from "./fill.ts";
import type { FloatArray, NumberArray } from "./fill.ts";
import { decodeState, encodeState } from "./generatorstate.ts";
import { Mersenne } from "./mersenne.ts";

/**
 * Rounds a float32 to a narrower floating type; given where a Float32Array stands for float16 or
 * bfloat16 numbers.
 */
export type Rounding = (value: number) => number;

const defaultSeed = 67280421310721;
const word = 2 ** 32;
// Ranges up to here are drawn from one 32-bit word, longer ones from two.
const singleWordRange = 2 ** 28;
// Up to here a remainder of 64 bits can be taken in steps that stay exact in a double.
const exactRemainderRange = 2 ** 37;

/**
 * A stream of random numbers: mt19937 with PyTorch's way of making each distribution from it. The
 * methods named `fill...` write a whole typed array in row-major order; the array type chooses the
 * dtype. Range errors of the arguments are thrown before anything is drawn.
 *
 * @example
 * ```ts
 * const values = new Float32Array(3);
 * new Generator().manualSeed(0).fillUniform(values); // 0.4963, 0.7682, 0.0885
 * ```
 */
export class Generator {
  readonly #engine: Mersenne;
  #seed: bigint;
  // Box-Muller makes two numbers at a time; the scalar path keeps the second one for the next call.
  #spare: number | undefined = undefined;

  constructor() {
    this.#seed = BigInt(defaultSeed);
    this.#engine = new Mersenne(Number(BigInt.asUintN(32, this.#seed)));
  }

  /**
   * Restarts the stream. `seed` is whole, from -2^63 to 2^64 - 1; a negative seed stands for
   * seed + 2^64. Throws a RangeError otherwise.
   *
   * @example
   * ```ts
   * new Generator().manualSeed(42).initialSeed(); // 42
   * ```
   */
  manualSeed(seed: number | bigint): this {
    if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
      throw new RangeError(
        `manualSeed: the seed is ${seed}; it should be a whole number, and a bigint beyond 2^53`,
      );
    }
    const exact = BigInt(seed);
    if (exact < -(2n ** 63n) || exact >= 2n ** 64n)
      throw new RangeError(`manualSeed: the seed is ${seed}; it should lie from -2^63 to 2^64 - 1`);
    this.#seed = BigInt.asUintN(64, exact);
    this.#engine.seed(Number(BigInt.asUintN(32, this.#seed)));
    this.#spare = undefined;
    return this;
  }

  /** Restarts the stream from a seed that nobody can foresee, and gives that seed. */
  seed(): number {
    const seed = Math.floor(Math.random() * 2 ** 53);
    this.manualSeed(seed);
    return seed;
  }

  /**
   * The seed that the stream started from. Throws a RangeError beyond 2^53: `initialSeed64()` gives
   * it as a bigint.
   */
  initialSeed(): number {
    const seed = Number(this.#seed);
    if (!Number.isSafeInteger(seed))
      throw new RangeError(
        `initialSeed: the seed ${this.#seed} does not fit a number; read initialSeed64()`,
      );
    return seed;
  }

  /** The seed that the stream started from, from 0 to 2^64 - 1. */
  initialSeed64(): bigint {
    return this.#seed;
  }

  /** The state as the 5056 bytes that PyTorch's `get_rng_state` gives. */
  getState(): Uint8Array {
    return encodeState(this.#engine, { seed: this.#seed, spare: this.#spare });
  }

  /**
   * Continues from a state that `getState` or PyTorch gave. Throws a RangeError when the bytes are
   * none.
   *
   * @example
   * ```ts
   * const generator = new Generator();
   * const state = generator.getState();
   * generator.random() === generator.setState(state).random(); // true
   * ```
   */
  setState(bytes: Uint8Array): this {
    const { seed, spare } = decodeState(this.#engine, bytes);
    this.#seed = seed;
    this.#spare = spare;
    return this;
  }

  /** The next 32 random bits, as a whole number from 0 to 2^32 - 1. */
  random(): number {
    return this.#engine.word();
  }

  /**
   * The next 64 random bits, as a whole number from 0 to 2^64 - 1; the first 32 are the upper ones.
   */
  random64(): bigint {
    const upper = this.#engine.word();
    return (BigInt(upper) << 32n) | BigInt(this.#engine.word());
  }

  /** The next number uniform on [0, 1), with 53 random bits. */
  uniform(): number {
    const upper = this.#engine.word() & 0x1fffff;
    return (upper * word + this.#engine.word()) * 2 ** -53;
  }

  /** The next number of the standard normal distribution, by the scalar Box-Muller method. */
  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const angle = 2 * Math.PI * this.uniform();
    const radius = Math.sqrt(-2 * Math.log1p(-this.uniform()));
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /**
   * Fills with numbers uniform on [from, to): 24 random bits each for float32, 53 for float64.
   * Throws a RangeError unless from <= to.
   */
  fillUniform(target: FloatArray, from: number = 0, to: number = 1, rounding?: Rounding): void {
    const limit = target instanceof Float64Array ? Number.MAX_VALUE : 3.4028234663852886e38;
    if (!(from >= -limit && to <= limit && from <= to && to - from <= limit)) {
      throw new RangeError(
        `uniform: the bounds are ${from} and ${to}; they should be finite numbers of the dtype with from <= to`,
      );
    }
    if (target instanceof Float64Array) this.#uniformDouble(target, from, to);
    else this.#uniformSingle(target, from, to, rounding);
  }

  #uniformDouble(target: Float64Array, from: number, to: number): void {
    const span = to - from;
    for (let index = 0; index < target.length; index++) {
      const value = fused(this.uniform(), span, from);
      target[index] = value === to ? from : value;
    }
  }

  #uniformSingle(
    target: Float32Array,
    from: number,
    to: number,
    rounding: Rounding | undefined,
  ): void {
    const engine = this.#engine;
    const low = Math.fround(from);
    const high = Math.fround(to);
    const scale = Math.fround(high - low) * 2 ** -24;
    // Rounding up may reach the upper bound, which the interval leaves out.
    const first = rounding === undefined ? low : rounding(low);
    const end = rounding === undefined ? high : rounding(high);
    for (let index = 0; index < target.length; index++) {
      let value = Math.fround((engine.word() & 0xffffff) * scale + low);
      if (rounding !== undefined) value = rounding(value);
      target[index] = value === end ? first : value;
    }
  }

  /**
   * Fills with normal numbers. From 16 numbers on, blocks of 16 are made at once and the last 16
   * are drawn anew when the length is no multiple of 16; shorter arrays take the scalar path.
   * Throws a RangeError when `deviation` is negative.
   */
  fillNormal(
    target: FloatArray,
    mean: number = 0,
    deviation: number = 1,
    rounding?: Rounding,
  ): void {
    if (target.length < 16) return this.fillNormalSerial(target, mean, deviation);
    if (!(deviation >= 0))
      throw new RangeError(
        `normal: the standard deviation is ${deviation}; it should be at least 0`,
      );
    const size = target.length;
    const tail = size % 16 === 0 ? size : size - 16;
    if (target instanceof Float64Array) {
      for (let index = 0; index < size; index++) target[index] = this.uniform();
      for (let start = 0; start + 16 <= size; start += 16)
        normalBlockDouble(target, start, mean, deviation);
      for (let index = tail; index < size; index++) target[index] = this.uniform();
      if (tail < size) normalBlockDouble(target, tail, mean, deviation);
      return;
    }
    const center = Math.fround(mean);
    const scale = Math.fround(deviation);
    // Narrow types draw block by block, so that the numbers of an incomplete last block are never
    // drawn.
    const drawn = rounding === undefined ? size : size - (size % 16);
    this.#uniformSingle(target.subarray(0, drawn), 0, 1, undefined);
    for (let start = 0; start + 16 <= size; start += 16)
      normalBlockSingle(target, start, center, scale);
    if (tail < size) {
      this.#uniformSingle(target.subarray(tail), 0, 1, undefined);
      normalBlockSingle(target, tail, center, scale);
    }
    if (rounding !== undefined)
      for (let index = 0; index < size; index++) target[index] = rounding(target[index]!);
  }

  /**
   * Fills with normal numbers one by one, whatever the length, as PyTorch does for a tensor that is
   * not contiguous.
   */
  fillNormalSerial(target: FloatArray, mean: number = 0, deviation: number = 1): void {
    if (!(deviation >= 0))
      throw new RangeError(
        `normal: the standard deviation is ${deviation}; it should be at least 0`,
      );
    for (let index = 0; index < target.length; index++)
      target[index] = fused(this.normal(), deviation, mean);
  }

  /** Fills with exp(n), n normal. Throws a RangeError unless `deviation` is positive. */
  fillLogNormal(target: FloatArray, mean: number = 1, deviation: number = 2): void {
    if (!(deviation > 0))
      throw new RangeError(
        `logNormal: the standard deviation is ${deviation}; it should be positive`,
      );
    for (let index = 0; index < target.length; index++)
      target[index] = Math.exp(fused(this.normal(), deviation, mean));
  }

  /**
   * Fills with median + scale * tan(pi (u - 1/2)), u uniform. Throws a RangeError unless `scale` is
   * positive.
   */
  fillCauchy(target: FloatArray, median: number = 0, scale: number = 1): void {
    if (!(scale > 0)) throw new RangeError(`cauchy: the scale is ${scale}; it should be positive`);
    for (let index = 0; index < target.length; index++)
      target[index] = fused(scale, Math.tan(Math.PI * (this.uniform() - 0.5)), median);
  }

  /** Fills with -ln(1 - u) / rate, u uniform. Throws a RangeError unless `rate` is positive. */
  fillExponential(target: FloatArray, rate: number = 1): void {
    if (!(rate > 0))
      throw new RangeError(`exponential: the rate is ${rate}; it should be positive`);
    const scale = -1 / rate;
    for (let index = 0; index < target.length; index++)
      target[index] = scale * Math.log1p(-this.uniform());
  }

  /**
   * Fills with the number of trials until the first success, ceil(ln u / ln(1 - p)). Throws a
   * RangeError unless 0 < p < 1.
   */
  fillGeometric(target: NumberArray, p: number): void {
    if (!(p > 0 && p < 1))
      throw new RangeError(`geometric: p is ${p}; it should lie between 0 and 1`);
    const scale = Math.log1p(-p);
    fillWith(target, () => Math.ceil(Math.log(this.uniform()) / scale));
  }

  /** Fills with 1 (probability p) and 0, drawing 53 bits each; p from 0 to 1, else a RangeError. */
  fillBernoulli(target: NumberArray, p: number = 0.5): void {
    if (!(p >= 0 && p <= 1))
      throw new RangeError(`bernoulli: p is ${p}; it should lie from 0 to 1`);
    fillWith(target, () => (this.uniform() < p ? 1 : 0));
  }

  /**
   * Fills with 1 (probability p[i]) and 0, drawing 24 bits each for float32 p and 53 for float64.
   * Throws a RangeError unless all 0 <= p <= 1.
   */
  fillBernoulliEach(target: NumberArray, p: FloatArray): void {
    if (p.length !== target.length)
      throw new RangeError(
        `bernoulli: there are ${p.length} probabilities for ${target.length} numbers`,
      );
    for (let index = 0; index < p.length; index++) {
      if (!(p[index]! >= 0 && p[index]! <= 1))
        throw new RangeError(`bernoulli: p is ${p[index]} at ${index}; it should lie from 0 to 1`);
    }
    let index = 0;
    if (p instanceof Float64Array) fillWith(target, () => (this.uniform() < p[index++]! ? 1 : 0));
    else
      fillWith(target, () => ((this.#engine.word() & 0xffffff) * 2 ** -24 < p[index++]! ? 1 : 0));
  }

  /**
   * Fills with whole numbers uniform on [low, high): a word modulo high - low. Throws a RangeError
   * unless low < high.
   */
  fillIntegers(target: NumberArray, low: number | bigint, high: number | bigint): void {
    const base = wholeArgument("low", low);
    const range = wholeArgument("high", high) - base;
    if (range <= 0n || range >= 2n ** 64n)
      throw new RangeError(
        `randint: the bounds are ${low} and ${high}; low should be less than high`,
      );
    const engine = this.#engine;
    const start = Number(base);
    const span = Number(range);
    const exact = Number.isSafeInteger(start) && Number.isSafeInteger(start + span);
    if (exact && span < singleWordRange) {
      const modulus = span >>> 0;
      fillWith(target, () => (engine.word() % modulus) + start);
    } else if (exact && span <= exactRemainderRange) {
      fillWith(target, () => this.remainder64(span) + start);
    } else {
      const draw = (): bigint => (span < singleWordRange ? BigInt(engine.word()) : this.random64());
      fillWithBigints(target, () => (draw() % range) + base);
    }
  }

  /** The next 64 random bits modulo `modulus`, which may go up to 2^37. */
  remainder64(modulus: number): number {
    const upper = this.#engine.word() % modulus;
    const lower = this.#engine.word();
    const middle = (upper * 65536 + (lower >>> 16)) % modulus;
    return (middle * 65536 + (lower & 0xffff)) % modulus;
  }

  /**
   * Fills with whole numbers of the dtype's own range, as `random_()` without bounds: from 0 to the
   * largest integer, or to 2^24 (float32) and 2^53 (float64). `modulus` is for the dtypes kept in
   * another's array: 2 for bool, 2049 for float16, 257 for bfloat16.
   */
  fillRandom(target: NumberArray, modulus?: number): void {
    const engine = this.#engine;
    if (target instanceof BigInt64Array) {
      fillWithBigints(target, () => BigInt.asUintN(63, this.random64()));
    } else if (target instanceof Float64Array) {
      // 2^64 bits modulo 2^53 + 1: the upper eleven bits each stand for 2^53, that is for -1.
      fillWith(target, () => {
        const upper = engine.word();
        const rest = (upper & 0x1fffff) * word + engine.word() - (upper >>> 21);
        return rest < 0 ? rest + 1 + 2 ** 53 : rest;
      });
    } else {
      const divisor = modulus ?? wholeRange(target);
      fillWith(target, () => engine.word() % divisor);
    }
  }

  /** Fills with 64 random bits each, read as a signed integer, as `random_(-2^63, None)`. */
  fillFullRange(target: BigInt64Array | FloatArray): void {
    fillWithBigints(target, () => BigInt.asIntN(64, this.random64()));
  }
}

function wholeArgument(name: string, value: number | bigint): bigint {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new RangeError(
      `randint: ${name} is ${value}; it should be a whole number, and a bigint beyond 2^53`,
    );
  }
  return BigInt(value);
}

/** The generator that random operations use when they are given none. */
export const defaultGenerator: Generator = new Generator();
