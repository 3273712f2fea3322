// Random tensors, number for number as PyTorch's generator.
import { cpu } from "../core/device.ts";
import { type DType, getDefaultDtype, int64, uint8 } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { defaultGenerator, Generator } from "../core/generator.ts";
import { fillMultinomial } from "../core/multinomial.ts";
import { fillPermutation } from "../core/permutation.ts";
import { broadcastSizes, formatSizes, sameSizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { elements, overValues } from "./define/creation.ts";
import {
  checkFloating,
  checkRange,
  drawn,
  floating,
  floatsOf,
  normalNumbers,
  type NumberFill,
  refusing,
  roundingOf,
} from "./define/draw.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Method, Trailing } from "./define/registry.ts";
import type { RandomOptions, SizesThenRandom } from "./types.ts";

export { defaultGenerator, Generator } from "../core/generator.ts";

const generator = p.optional(p.instance("a torch.Generator", Generator), defaultGenerator);
const creation = {
  dtype: p.optional(p.dtype, null),
  device: p.optional(p.device, cpu),
  requiresGrad: p.optional(p.boolean, false),
};
const like = { ...creation, device: p.optional(p.device, null) };

/**
 * Restarts the default generator from a seed, a whole number from -2^63 to 2^64 - 1: the same numbers follow as in PyTorch.
 * Gives the generator. Throws ArgumentError for any other seed.
 * @example
 * ```ts
 * torch.manualSeed(0);
 * torch.rand(2) // => tensor([0.4963, 0.7682])
 * ```
 */
export function manualSeed(seed: number | bigint): Generator {
  if (typeof seed !== "bigint" && typeof seed !== "number")
    throw new ArgumentError(`manualSeed: the seed must be a whole number, got ${p.describe(seed)}`);
  return refusing(() => defaultGenerator.manualSeed(seed));
}

/** Restarts the default generator from a seed that nobody can foresee, and gives that seed. */
export function seed(): number {
  return defaultGenerator.seed();
}

/** The seed that the default generator started from. Throws ArgumentError for one beyond 2^53. */
export function initialSeed(): number {
  return refusing(() => defaultGenerator.initialSeed());
}

/**
 * The state of the default generator: the 5056 bytes that PyTorch gives, as a uint8 tensor.
 * @example
 * ```ts
 * torch.getRngState().shape // => 5056
 * ```
 */
export function getRngState(): Tensor {
  const bytes = defaultGenerator.getState();
  return overValues([bytes.length], uint8, (target) => (target as Uint8Array).set(bytes));
}

/**
 * Continues the default generator from a state. Throws ArgumentError for bytes that are none.
 * @example
 * ```ts
 * const state = torch.getRngState();
 * const first = torch.rand(1).item();
 * torch.setRngState(state);
 * torch.rand(1).item() === first // => true
 * ```
 */
export const setRngState: FunctionOnly<(newState: Tensor) => void> = composite({
  name: "setRngState",
  parameters: { newState: p.tensor },
  compute: ({ newState }) => {
    if (newState.dtype !== uint8)
      throw new DTypeError(
        `setRngState: the state must be of type uint8, as getRngState gives it, not ${newState.dtype.name}`,
      );
    const bytes = elements(newState.detach().contiguous()) as Uint8Array;
    refusing(() => defaultGenerator.setState(bytes));
  },
});

type Distribution = (generator: Generator) => NumberFill;
type RandomFromSizes = FunctionOnly<(...args: SizesThenRandom) => Tensor>;

const fromSizes = (name: string, distribution: Distribution): RandomFromSizes =>
  composite({
    name,
    parameters: { size: p.sizes, ...creation, generator },
    compute: ({ size, dtype, device, requiresGrad, generator: source }) =>
      drawn(name, size, dtype ?? getDefaultDtype(), device, requiresGrad, distribution(source)),
  });

const fromTensor = (name: string, distribution: Distribution): Method<[options?: RandomOptions]> =>
  composite({
    name,
    parameters: { self: p.tensor, ...like, generator },
    compute: ({ self, dtype, device, requiresGrad, generator: source }) =>
      drawn(
        name,
        self,
        dtype ?? self.dtype,
        device ?? self.device,
        requiresGrad,
        distribution(source),
      ),
  });

const uniformFill =
  (name: string): Distribution =>
  (source) =>
    floating(name, (target, rounding) => source.fillUniform(target, 0, 1, rounding));
const normalFill =
  (name: string): Distribution =>
  (source) =>
    normalNumbers(name, source, 0, 1);

/**
 * Numbers uniform on [0, 1).
 * @example
 * ```ts
 * torch.manualSeed(0);
 * torch.rand(2, 2) // => tensor([[0.4963, 0.7682],\n        [0.0885, 0.1320]])
 * ```
 */
export const rand: RandomFromSizes = fromSizes("rand", uniformFill("rand"));

/**
 * Numbers of the standard normal distribution.
 * @example
 * ```ts
 * torch.manualSeed(0);
 * torch.randn(3) // => tensor([ 1.5410, -0.2934, -2.1788])
 * ```
 */
export const randn: RandomFromSizes = fromSizes("randn", normalFill("randn"));

/** Numbers uniform on [0, 1), with the sizes, type and device of another tensor. */
export const randLike: Method<[options?: RandomOptions]> = fromTensor(
  "randLike",
  uniformFill("randLike"),
);

/** Normal numbers with the sizes, type and device of another tensor. */
export const randnLike: Method<[options?: RandomOptions]> = fromTensor(
  "randnLike",
  normalFill("randnLike"),
);

type Whole = number | bigint;

const wholeOf = (name: string, parameter: string, value: unknown): Whole =>
  p.whole.convert(value, name, parameter);

function integers(
  name: string,
  shape: readonly number[] | Tensor,
  low: Whole,
  high: Whole,
  dtype: DType,
  rest: {
    readonly device: Tensor["device"];
    readonly requiresGrad: boolean;
    readonly source: Generator;
  },
): Tensor {
  if (BigInt(low) >= BigInt(high))
    throw new ArgumentError(
      `${name}: low is ${low} and high ${high}; low should be less than high`,
    );
  checkRange(name, dtype, low, high);
  return drawn(name, shape, dtype, rest.device, rest.requiresGrad, (target) =>
    rest.source.fillIntegers(target, low, high),
  );
}

/**
 * Whole numbers uniform on low..high-1, int64 unless a dtype is given: `randint(high, size)` or `randint(low, high, size)`.
 * Throws ArgumentError unless low < high, and for bounds that the dtype does not hold.
 * @example
 * ```ts
 * torch.manualSeed(0);
 * torch.randint(10, [4]) // => tensor([4, 9, 3, 0])
 * ```
 */
export const randint: FunctionOnly<{
  (high: Whole, size: readonly number[], options?: RandomOptions): Tensor;
  (low: Whole, high: Whole, size: readonly number[], options?: RandomOptions): Tensor;
  (
    options: RandomOptions & {
      readonly low?: Whole;
      readonly high: Whole;
      readonly size: readonly number[];
    },
  ): Tensor;
}> = composite({
  name: "randint",
  parameters: {
    low: p.optional(p.anything, 0),
    high: p.optional(p.anything, null),
    size: p.optional(p.anything, null),
    ...creation,
    generator,
  },
  compute: ({ low, high, size, dtype, device, requiresGrad, generator: source }) => {
    const short = size === null && high !== null && typeof high === "object";
    const sizes = p.integers.convert(short ? high : size, "randint", "size");
    return integers(
      "randint",
      sizes,
      short ? 0 : wholeOf("randint", "low", low),
      wholeOf("randint", "high", short ? low : high),
      dtype ?? int64,
      { device, requiresGrad, source: source },
    );
  },
});

/**
 * Whole numbers with the sizes and type of another tensor: `randintLike(x, high)` or `randintLike(x, low, high)`.
 * @example
 * ```ts
 * torch.randintLike(torch.zeros(2, 3), 10).shape // => 2,3
 * ```
 */
export const randintLike: Method<
  [high: Whole, options?: RandomOptions] | [low: Whole, high: Whole, options?: RandomOptions]
> = composite({
  name: "randintLike",
  parameters: {
    self: p.tensor,
    low: p.optional(p.anything, 0),
    high: p.optional(p.anything, null),
    ...like,
    generator,
  },
  compute: ({ self, low, high, dtype, device, requiresGrad, generator: source }) =>
    integers(
      "randintLike",
      self,
      high === null ? 0 : wholeOf("randintLike", "low", low),
      wholeOf("randintLike", "high", high ?? low),
      dtype ?? self.dtype,
      { device: device ?? self.device, requiresGrad, source: source },
    ),
});

/**
 * The numbers 0..n-1 in random order, int64 unless a dtype is given.
 * @example
 * ```ts
 * torch.manualSeed(0);
 * torch.randperm(4) // => tensor([0, 1, 3, 2])
 * ```
 */
export const randperm: FunctionOnly<(n: number, options?: RandomOptions) => Tensor> = composite({
  name: "randperm",
  parameters: { n: p.integer, ...creation, generator },
  compute: ({ n, dtype, device, requiresGrad, generator: source }) => {
    if (n < 0) throw new ArgumentError(`randperm: n is ${n}; it should be at least 0`);
    if (n > 0) checkRange("randperm", dtype ?? int64, 0, n);
    return drawn("randperm", [n], dtype ?? int64, device, requiresGrad, (target) =>
      fillPermutation(source, target),
    );
  },
});

/**
 * Normal numbers with given means and standard deviations: either may be a tensor, and two tensors broadcast; two numbers need a size.
 * The gradient is zero. Throws ArgumentError for a negative deviation.
 * @example
 * ```ts
 * torch.manualSeed(0);
 * torch.normal(10, 0.1, [2]) // => tensor([10.1541,  9.9707])
 * ```
 */
export const normal: FunctionOnly<
  (
    mean: Tensor | number,
    std?: Tensor | number | null,
    sizeOrOptions?: readonly number[] | RandomOptions | null,
    options?: RandomOptions,
  ) => Tensor
> = operation({
  name: "normal",
  parameters: {
    mean: p.optional(p.tensorOrNumber, 0),
    std: p.optional(p.tensorOrNumber, 1),
    size: p.optional(p.integers, null),
    ...creation,
    generator,
  },
  forward: ({ mean, std, size, dtype, device, requiresGrad, generator: source }) => {
    const draw = (sizes: readonly number[], own: DType): Tensor =>
      drawn("normal", sizes, own, device, false, normalFill("normal")(source));
    if (mean instanceof Tensor || std instanceof Tensor) {
      const first = mean instanceof Tensor ? mean : (std as Tensor);
      const sizes =
        mean instanceof Tensor && std instanceof Tensor
          ? broadcastSizes("normal", mean.sizes, std.sizes)
          : first.sizes;
      if (size !== null && !sameSizes(size, sizes))
        throw new ShapeError(
          `normal: the size ${formatSizes(size)} does not go with tensors of shape ${formatSizes(sizes)}; leave it out`,
        );
      for (const own of [mean, std]) if (own instanceof Tensor) checkFloating("normal", own.dtype);
      if (std instanceof Tensor && floatsOf(std).some((v) => !(v >= 0)))
        throw new ArgumentError(
          "normal: a standard deviation is negative; all should be at least 0",
        );
      if (typeof std === "number" && !(std >= 0))
        throw new ArgumentError(
          `normal: the standard deviation is ${std}; it should be at least 0`,
        );
      return draw(sizes, first.dtype).mul(std).add(mean);
    }
    const out = drawn(
      "normal",
      size ?? [],
      dtype ?? getDefaultDtype(),
      device,
      requiresGrad,
      normalNumbers("normal", source, mean, std),
    );
    if (size === null)
      throw new ArgumentError(
        "normal: with two numbers the size must be given, as in normal(0, 1, [2, 3])",
      );
    return out;
  },
  backward: {
    mean: (g) => g.newZeros(g.sizes),
    std: (g) => g.newZeros(g.sizes),
  },
});

/**
 * Zeros and ones: each element is 1 with the probability that `self` holds there, or with probability `p`. The gradient is zero.
 * Throws ArgumentError for a probability outside 0..1.
 * @example
 * ```ts
 * torch.tensor([0, 1]).bernoulli() // => tensor([0., 1.])
 * ```
 */
export const bernoulli: Method<
  Trailing<[p: number], { readonly p?: number | null; readonly generator?: Generator | null }>
> = operation({
  name: "bernoulli",
  parameters: { self: p.tensor, p: p.optional(p.number, null), generator },
  forward: ({ self, p: probability, generator: source }) => {
    const from = source;
    if (probability !== null)
      return drawn("bernoulli", self.sizes, self.dtype, self.device, false, (target) =>
        from.fillBernoulli(target, probability),
      );
    checkFloating("bernoulli", self.dtype);
    return drawn("bernoulli", self.sizes, self.dtype, self.device, false, (target) =>
      from.fillBernoulliEach(target, floatsOf(self)),
    );
  },
  backward: { self: (g) => g.newZeros(g.sizes) },
});

/**
 * Draws `numSamples` categories for each row of weights, which need not sum to 1. `self` is [n] or [rows, n], floating; the result
 * int64 [numSamples] or [rows, numSamples]. Throws ArgumentError for weights that are negative, not finite or all 0, and for more samples
 * than categories without replacement.
 * @example
 * ```ts
 * torch.tensor([0, 3, 0]).multinomial(1) // => tensor([1])
 * ```
 */
export const multinomial: Method<
  Trailing<
    [numSamples: number, replacement: boolean],
    {
      readonly numSamples?: number;
      readonly replacement?: boolean;
      readonly generator?: Generator | null;
    }
  >
> = composite({
  name: "multinomial",
  parameters: {
    self: p.tensor,
    numSamples: p.integer,
    replacement: p.optional(p.boolean, false),
    generator,
  },
  compute: ({ self, numSamples, replacement, generator: source }) => {
    checkFloating("multinomial", self.dtype);
    const rank = self.sizes.length;
    if (rank < 1 || rank > 2)
      throw new ShapeError(
        `multinomial: the weights have shape ${formatSizes(self.sizes)}; they should be [n] or [rows, n]`,
      );
    const categories = self.sizes[rank - 1]!;
    if (numSamples < 1)
      throw new ArgumentError(`multinomial: ${numSamples} samples; draw at least one`);
    if (categories < 1 || categories > 2 ** 24)
      throw new ShapeError(
        `multinomial: ${categories} categories; there should be 1 to ${2 ** 24} of them`,
      );
    if (!replacement && numSamples > categories)
      throw new ArgumentError(
        `multinomial: ${numSamples} samples of ${categories} categories need replacement: true`,
      );
    const sizes = [...self.sizes.slice(0, -1), numSamples];
    return drawn("multinomial", sizes, int64, self.device, false, (target) =>
      fillMultinomial(
        source,
        target,
        floatsOf(self),
        categories,
        replacement,
        roundingOf(self.dtype),
      ),
    );
  },
});
