// Random numbers drawn into a tensor that is there: normal_, uniform_, bernoulli_ and the others.
import { ArgumentError, DTypeError } from "../core/errors.ts";
import { defaultGenerator, Generator } from "../core/generator.ts";
import { Tensor } from "../core/tensor.ts";
import {
  checkRange,
  floating,
  floatsOf,
  normalNumbers,
  type NumberFill,
  randomModulus,
  redraw,
} from "./define/draw.ts";
import { inPlaceOnly } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, Trailing } from "./define/registry.ts";

const generator = p.optional(p.instance("a torch.Generator", Generator), defaultGenerator);

interface WithGenerator {
  readonly generator?: Generator | null;
}
type TwoNumbers<A extends string, B extends string> = Method<
  Trailing<[number, number], WithGenerator & { readonly [K in A | B]?: number }>
>;

/** The in-place draw with two real parameters. */
function withTwo<const A extends string, const B extends string>(
  name: string,
  first: readonly [A, number],
  second: readonly [B, number],
  fill: (source: Generator, a: number, b: number) => NumberFill,
): TwoNumbers<A, B> {
  return inPlaceOnly({
    name,
    parameters: {
      self: p.tensor,
      [first[0]]: p.optional(p.number, first[1]),
      [second[0]]: p.optional(p.number, second[1]),
      generator,
    },
    write: (values) => {
      const given = values as Readonly<Record<string, unknown>>;
      redraw(
        given["self"] as Tensor,
        fill(
          given["generator"] as Generator,
          given[first[0]] as number,
          given[second[0]] as number,
        ),
      );
    },
    backward: { self: (g: Tensor) => g.newZeros(g.sizes) },
  });
}

/**
 * Draws normal numbers into the tensor. Throws ArgumentError for a negative `std`, DTypeError for a type that is not floating.
 * @example
 * ```ts
 * torch.manualSeed(0);
 * torch.empty(2).normal_() // => tensor([ 1.5410, -0.2934])
 * ```
 */
export const normal_: TwoNumbers<"mean", "std"> = withTwo(
  "normal",
  ["mean", 0],
  ["std", 1],
  (source, mean, std) => normalNumbers("normal_", source, mean, std),
);

/**
 * Draws numbers uniform on [from, to) into the tensor.
 * @example
 * ```ts
 * torch.manualSeed(0);
 * torch.empty(2).uniform_(-1, 1) // => tensor([-0.0075,  0.5364])
 * ```
 */
export const uniform_: TwoNumbers<"from", "to"> = withTwo(
  "uniform",
  ["from", 0],
  ["to", 1],
  (source, from, to) =>
    floating("uniform_", (target, rounding) => source.fillUniform(target, from, to, rounding)),
);

/** Draws exp(n), n normal with this mean and standard deviation, into the tensor. */
export const logNormal_: TwoNumbers<"mean", "std"> = withTwo(
  "logNormal",
  ["mean", 1],
  ["std", 2],
  (source, mean, std) =>
    floating("logNormal_", (target) => source.fillLogNormal(target, mean, std)),
);

/** Draws numbers of the Cauchy distribution into the tensor. */
export const cauchy_: TwoNumbers<"median", "sigma"> = withTwo(
  "cauchy",
  ["median", 0],
  ["sigma", 1],
  (source, median, sigma) =>
    floating("cauchy_", (target) => source.fillCauchy(target, median, sigma)),
);

/** Draws numbers of the exponential distribution with rate `lambd` into the tensor. */
export const exponential_: Method<
  Trailing<[lambd: number], WithGenerator & { readonly lambd?: number }>
> = inPlaceOnly({
  name: "exponential",
  parameters: { self: p.tensor, lambd: p.optional(p.number, 1), generator },
  write: ({ self, lambd, generator: source }) =>
    redraw(
      self,
      floating("exponential_", (target) => source.fillExponential(target, lambd)),
    ),
  backward: { self: (g) => g.newZeros(g.sizes) },
});

/** Draws the number of trials until the first success, each of probability `p`, into the tensor. */
export const geometric_: Method<Trailing<[p: number], WithGenerator & { readonly p?: number }>> =
  inPlaceOnly({
    name: "geometric",
    parameters: { self: p.tensor, p: p.number, generator },
    write: ({ self, p: probability, generator: source }) =>
      redraw(self, (target) => source.fillGeometric(target, probability)),
    backward: { self: (g) => g.newZeros(g.sizes) },
  });

/**
 * Draws zeros and ones into the tensor: 1 with probability `p`, a number or a tensor of probabilities that broadcasts.
 * @example
 * ```ts
 * torch.empty(2).bernoulli_(1) // => tensor([1., 1.])
 * ```
 */
export const bernoulli_: Method<
  Trailing<[p: number | Tensor], WithGenerator & { readonly p?: number | Tensor }>
> = inPlaceOnly({
  name: "bernoulli",
  parameters: {
    self: p.tensor,
    p: p.optional({ ...p.tensorOrNumber, tensors: false }, 0.5),
    generator,
  },
  write: ({ self, p: probability, generator: source }) => {
    const from = source;
    if (probability instanceof Tensor) {
      if (probability.dtype.kind !== "floating")
        throw new DTypeError(
          `bernoulli_: p holds probabilities and must be of a floating-point type, got ${probability.dtype.name}`,
        );
      const each = floatsOf(probability.detach().to(probability.dtype).expand(self.sizes));
      redraw(self, (target) => from.fillBernoulliEach(target, each));
    } else redraw(self, (target) => from.fillBernoulli(target, probability));
  },
  backward: { self: (g) => g.newZeros(g.sizes) },
});

/**
 * Draws whole numbers into the tensor: from..to-1, 0..to-1, or without bounds the whole range of the type (for floats the whole
 * numbers it holds exactly). `random_(to)` or `random_(from, to)`.
 * @example
 * ```ts
 * torch.manualSeed(0);
 * torch.empty(4).random_(10) // => tensor([4., 9., 3., 0.])
 * ```
 */
export const random_: Method<
  Trailing<
    [from: number | bigint, to: number | bigint | null],
    WithGenerator & {
      readonly from?: number | bigint;
      readonly to?: number | bigint | null;
    }
  >
> = inPlaceOnly({
  name: "random",
  parameters: {
    self: p.tensor,
    from: p.optional(p.whole, null),
    to: p.optional(p.whole, null),
    generator,
  },
  write: ({ self, from, to, generator: source }) => {
    const own = source;
    if (from === null && to === null) {
      redraw(self, (target, dtype) => own.fillRandom(target, randomModulus(dtype)));
      return;
    }
    const low = to === null ? 0 : (from ?? 0);
    const high = to ?? from ?? 0;
    if (BigInt(low) >= BigInt(high))
      throw new ArgumentError(
        `random_: the bounds are ${low} and ${high}; the first should be less than the second`,
      );
    checkRange("random_", self.dtype, low, high);
    redraw(self, (target) => own.fillIntegers(target, low, high));
  },
  backward: { self: (g) => g.newZeros(g.sizes) },
});
