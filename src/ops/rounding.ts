// Rounding, and the parts that floating-point numbers are made of.
import { type DType, int32 } from "../core/dtype.ts";
import { DTypeError } from "../core/errors.ts";
import { type Expression, gradient } from "../core/expression.ts";
import type { NamedPair } from "../core/namedtuple.ts";
import { f } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import { dispatch, type Variant } from "./define/dispatch.ts";
import { operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { noBool, onlyFloating } from "./define/refusals.ts";
import type { Method, MethodWithInPlace, Trailing } from "./define/registry.ts";
import type { Binary, Unary } from "./types.ts";

/**
 * The largest whole number that is not greater. Integers stay as they are. The gradient is 0.
 * @example
 * ```ts
 * torch.tensor([1.5, -1.5]).floor() // => tensor([ 1., -2.])
 * ```
 */
export const floor: Unary = pointwise({
  name: "floor",
  inputs: ["self"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  expression: (self) => f.floor(self),
});

/**
 * The smallest whole number that is not less. Integers stay as they are. The gradient is 0.
 * @example
 * ```ts
 * torch.tensor([1.5, -1.5]).ceil() // => tensor([ 2., -1.])
 * ```
 */
export const ceil: Unary = pointwise({
  name: "ceil",
  inputs: ["self"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  expression: (self) => f.ceil(self),
});

/**
 * The whole part, rounded toward 0. Integers stay as they are. The gradient is 0.
 * @example
 * ```ts
 * torch.tensor([1.5, -1.5]).trunc() // => tensor([ 1., -1.])
 * ```
 */
export const trunc: Unary = pointwise({
  name: "trunc",
  inputs: ["self"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  expression: (self) => f.trunc(self),
});

/** The same as `trunc`. */
export const fix: Unary = trunc;

const roundWhole: Variant = pointwise({
  name: "round",
  inputs: ["self"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  expression: (self) => f.round(self),
});

/** Rounds to multiples of a power of ten, given as `scale` above 1 ... */
const roundTimes: Variant = pointwise({
  name: "round",
  node: "Round1",
  inputs: ["self", "scale?"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  expression: (self, scale) => f.div(f.round(f.mul(self, scale)), scale),
});

/** ... or as the step. */
const roundOver: Variant = pointwise({
  name: "round",
  node: "Round1",
  inputs: ["self", "step?"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  expression: (self, step) => f.mul(f.round(f.div(self, step)), step),
});

/**
 * The nearest whole number, of two equally near ones the even one; or the nearest multiple of `10 ** -decimals`.
 * Integers stay as they are and take no decimals. The gradient is 0.
 * @example
 * ```ts
 * torch.tensor([0.5, 1.5, 2.25]).round() // => tensor([0., 2., 2.])
 * ```
 */
export const round: MethodWithInPlace<[options?: { readonly decimals?: number }]> = dispatch({
  name: "round",
  parameters: { self: p.tensor, decimals: p.optional(p.integer, 0) },
  variants: [roundWhole, roundTimes, roundOver],
  choose: ({ self, decimals }) =>
    decimals === 0
      ? [roundWhole, self]
      : decimals > 0
        ? [roundTimes, self, 10 ** decimals]
        : [roundOver, self, 10 ** -decimals],
});

/**
 * The part after the point, `x - trunc(x)`. Floating-point operands only.
 * @example
 * ```ts
 * torch.tensor([1.5, -1.25]).frac() // => tensor([ 0.5000, -0.2500])
 * ```
 */
export const frac: Unary = pointwise({
  name: "frac",
  inputs: ["self"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  expression: (self) => f.sub(self, f.trunc(self)),
  derivative: () => [gradient],
});

const replaceNonFinite: Variant = pointwise({
  name: "nanToNum",
  inputs: ["self", "nan?", "positive?", "negative?"],
  promotion: "arithmetic",
  conditions: ["nan", "positive", "negative"],
  expression: (self, nan, positive, negative) =>
    f.select(
      f.ne(self, self),
      nan,
      f.select(
        f.eq(self, Number.POSITIVE_INFINITY),
        positive,
        f.select(f.eq(self, Number.NEGATIVE_INFINITY), negative, self),
      ),
    ),
  derivative: (self) => [f.select(f.eq(f.sub(self, self), 0), gradient, 0), null, null, null],
  masks: true,
});

/** Integers and bools are all finite. */
const keepAll: Variant = pointwise({
  name: "nanToNum",
  inputs: ["self"],
  promotion: "arithmetic",
  expression: (self) => self,
});

// The largest number of each floating-point type.
const largest: Readonly<Record<string, number>> = {
  float16: 65504,
  bfloat16: 2 ** 127 * (2 - 2 ** -7),
  float32: 2 ** 127 * (2 - 2 ** -23),
  float64: Number.MAX_VALUE,
};
const greatest = (dtype: DType): number => largest[dtype.name]!;

/**
 * Replaces NaN by `nan`, infinity by `posinf` and -infinity by `neginf`; these are by default the largest and smallest numbers of the type.
 * Integers stay as they are. No gradient flows where an element was replaced.
 * @example
 * ```ts
 * torch.tensor([NaN, 2, -Infinity]).nanToNum({ neginf: -1 }) // => tensor([ 0.,  2., -1.])
 * ```
 */
export const nanToNum: MethodWithInPlace<
  Trailing<
    [nan: number | null, posinf: number | null, neginf: number | null],
    {
      readonly nan?: number | null;
      readonly posinf?: number | null;
      readonly neginf?: number | null;
    }
  >
> = dispatch({
  name: "nanToNum",
  parameters: {
    self: p.tensor,
    nan: p.optional(p.number, 0),
    posinf: p.optional(p.number, null),
    neginf: p.optional(p.number, null),
  },
  variants: [replaceNonFinite, keepAll],
  choose: ({ self, nan, posinf, neginf }) =>
    self.dtype.kind === "floating"
      ? [
          replaceNonFinite,
          self,
          nan,
          posinf ?? greatest(self.dtype),
          neginf ?? -greatest(self.dtype),
        ]
      : [keepAll, self],
});

/**
 * The magnitude of `self` with the sign of `other`, which may be a number and whose zeros have signs. Broadcast; integers give the default
 * floating type. Gradients reach `self` only, and are 0 where it is 0.
 * @example
 * ```ts
 * torch.tensor([1, 2]).copysign(torch.tensor([-1, 1])) // => tensor([-1.,  2.])
 * ```
 */
export const copysign: Binary = pointwise({
  name: "copysign",
  nodeWithNumber: "Copysign1",
  inputs: ["self", "other?"],
  promotion: "floating",
  expression: (self, other) => f.copysign(self, other),
});

/**
 * `self * 2 ** other`, broadcast. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([1, 3]).ldexp(torch.tensor([2, -1])) // => tensor([4.0000, 1.5000])
 * ```
 */
export const ldexp: MethodWithInPlace<[other: Tensor]> = pointwise({
  name: "ldexp",
  inputs: ["self", "other"],
  promotion: "floating",
  expression: (self, other) => f.mul(self, f.exp2(other)),
});

/** The exponent of the power of two just above each magnitude: a guess by the logarithm, put right where that was rounded. */
const binaryExponent: Variant = pointwise({
  name: "frexp",
  inputs: ["self"],
  promotion: "arithmetic",
  expression: (self) => {
    const guess = f.add(f.floor(f.log2(f.abs(self))), 1);
    const mantissa = timesPowerOfTwo(f.abs(self), guess);
    const exponent = f.add(guess, f.sub(f.ge(mantissa, 1), f.lt(mantissa, 0.5)));
    return f.select(f.and(f.eq(f.sub(self, self), 0), f.ne(self, 0)), exponent, 0);
  },
  derivative: "none",
});

const scaledDown: Variant = pointwise({
  name: "frexp",
  inputs: ["self", "exponent"],
  promotion: "arithmetic",
  expression: (self, exponent) => timesPowerOfTwo(self, exponent),
});

/** x * 2 ** -exponent in two steps, neither of which leaves the range of the type. */
function timesPowerOfTwo(x: Expression, exponent: Expression): Expression {
  const half = f.trunc(f.div(exponent, 2));
  return f.mul(f.mul(x, f.exp2(f.neg(half))), f.exp2(f.sub(half, exponent)));
}

/**
 * Splits each element into a mantissa of 0.5 to 1 in magnitude and a power of two, `mantissa * 2 ** exponent`; exponents are int32.
 * Floating-point operands only. Zero, infinities and NaN have the exponent 0 and are their own mantissa.
 * @example
 * ```ts
 * torch.tensor([6, -0.25]).frexp().mantissa // => tensor([ 0.7500, -0.5000])
 * ```
 */
export const frexp: Method<[], NamedPair<"mantissa", "exponent", Tensor>> = operation({
  name: "frexp",
  parameters: { self: p.tensor },
  outputs: ["mantissa", "exponent"],
  saves: ["output"],
  savedOutputs: [1],
  forward: ({ self }) => {
    const refusal = onlyFloating(self.dtype);
    if (refusal !== undefined) throw new DTypeError(`frexp: ${refusal}`);
    const exponent = binaryExponent(self);
    return [scaledDown(self, exponent), exponent.to(int32)];
  },
  backward: { self: (g, { output }) => scaledDown(g, output.to(g.dtype)) },
});

/**
 * The next floating-point number after `self` in the direction of `other`, of one type; broadcast. Gradients reach `self`, where it moves.
 * @example
 * ```ts
 * torch.tensor([1]).nextafter(torch.tensor([2])).sub(1) // => tensor([1.1921e-07])
 * ```
 */
export const nextafter: MethodWithInPlace<[other: Tensor]> = pointwise({
  name: "nextafter",
  inputs: ["self", "other"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  expression: (self, other) => f.nextafter(self, other),
  derivative: (self, other) => [f.select(f.eq(self, other), 0, gradient), f.mul(gradient, 0)],
});
