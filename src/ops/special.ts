// Special functions: of the error integral, the gamma function and Bessel.
import { gradMode } from "../autograd/mode.ts";
import { ArgumentError, AutogradError } from "../core/errors.ts";
import { type Expression, gradient, result } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { Tensor } from "../core/tensor.ts";
import { dispatch, type Variant } from "./define/dispatch.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import type { FunctionOnly, MethodWithInPlace } from "./define/registry.ts";
import { powerSeries } from "./define/series.ts";
import { hasTangent } from "./define/tangent.ts";
import type { Unary } from "./types.ts";

/**
 * The error function, `2 / sqrt(pi)` times the integral of `exp(-t ** 2)` from 0 to x. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).erf() // => tensor([0.0000, 0.8427])
 * ```
 */
export const erf: Unary = pointwise({
  name: "erf",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.erf(self),
});

/**
 * `1 - erf(x)`, without cancellation for large x. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).erfc() // => tensor([1.0000, 0.1573])
 * ```
 */
export const erfc: Unary = pointwise({
  name: "erfc",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.erfc(self),
});

/**
 * The inverse of erf; infinite at -1 and 1, NaN beyond. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 0.5]).erfinv() // => tensor([0.0000, 0.4769])
 * ```
 */
export const erfinv: Unary = pointwise({
  name: "erfinv",
  inputs: ["self"],
  promotion: "floating",
  domain: [-0.9, 0.9],
  expression: (self) => f.erfinv(self),
});

/**
 * The logarithm of the magnitude of the gamma function; infinite at 0 and the negative whole numbers. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([1, 4]).lgamma() // => tensor([0.0000, 1.7918])
 * ```
 */
export const lgamma: Unary = pointwise({
  name: "lgamma",
  inputs: ["self"],
  promotion: "floating",
  domain: [0.3, 4],
  expression: (self) => f.lgamma(self),
});

/**
 * The derivative of lgamma. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([1, 4]).digamma() // => tensor([-0.5772,  1.2561])
 * ```
 */
export const digamma: Unary = pointwise({
  name: "digamma",
  inputs: ["self"],
  promotion: "floating",
  domain: [0.3, 4],
  expression: (self) => f.digamma(self),
});

const digammaOrder: Variant = pointwise({
  name: "polygamma",
  inputs: ["self"],
  promotion: "floating",
  domain: [0.3, 4],
  expression: (self) => f.digamma(self),
});

const trigamma: Variant = pointwise({
  name: "polygamma",
  inputs: ["self"],
  promotion: "floating",
  domain: [0.3, 4],
  expression: (self) => f.trigamma(self),
});

/** The (n - 1)-th derivative of trigamma, for n above 1: a factor times Hurwitz's zeta function. */
const higherPolygamma: Variant = pointwise({
  name: "polygamma",
  inputs: ["self", "factor?", "exponent?"],
  promotion: "floating",
  conditions: ["factor", "exponent"],
  domain: [0.3, 4],
  expression: (self, factor, exponent) => f.mul(f.zeta(exponent, self), factor),
});

/**
 * The n-th derivative of digamma, for whole n from 0. As a method: `self.polygamma(n)`. Integers give the default floating type.
 * @example
 * ```ts
 * torch.polygamma(1, torch.tensor([1, 2])) // => tensor([1.6449, 0.6449])
 * ```
 */
export const polygamma: MethodWithInPlace<[n: number]> & ((n: number, self: Tensor) => Tensor) =
  dispatch({
    name: "polygamma",
    parameters: { n: p.anything, self: p.anything },
    variants: [digammaOrder, trigamma, higherPolygamma],
    choose: (given) => {
      const [n, self] =
        given.self instanceof Tensor ? [given.n, given.self] : [given.self, given.n];
      const order = p.integer.convert(n, "polygamma", "n");
      const input = p.tensor.convert(self, "polygamma", "self");
      if (order < 0) throw new ArgumentError(`polygamma: n must not be negative, got ${order}`);
      if (order === 0) return [digammaOrder, input];
      if (order === 1) return [trigamma, input];
      let factor = order % 2 === 0 ? -1 : 1;
      // Beyond 170 the factorial is infinite, and stays so.
      for (let k = 2; k <= Math.min(order, 171); k++) factor *= k;
      return [higherPolygamma, input, factor, order + 1];
    },
  });

/**
 * The logarithm of the multivariate gamma function of dimension p, `p (p - 1) / 4 log(pi)` plus the sum of `lgamma(x - i / 2)` for i below p.
 * Refuses p below 1. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([2, 3]).mvlgamma(2) // => tensor([0.4516, 1.5502])
 * ```
 */
export const mvlgamma: MethodWithInPlace<[p: number]> = composite({
  name: "mvlgamma",
  parameters: { self: p.tensor, p: p.integer },
  inPlace: true,
  compute: ({ self, p: order }) => {
    if (order < 1) throw new ArgumentError(`mvlgamma: p must be at least 1, got ${order}`);
    if (order > 10_000)
      throw new ArgumentError(
        `mvlgamma: p = ${order} would add up that many terms; at most 10000 are supported`,
      );
    let sum = self.lgamma().add((order * (order - 1) * Math.log(Math.PI)) / 4);
    for (let i = 1; i < order; i++) sum = sum.add(self.sub(i / 2).lgamma());
    return sum;
  },
});

/**
 * The modified Bessel function of the first kind of order 0. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).i0() // => tensor([1.0000, 1.2661])
 * ```
 */
export const i0: Unary = pointwise({
  name: "i0",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.mul(f.exp(f.abs(self)), f.i0e(self)),
  derivative: (self) => [f.mul(gradient, besselI1(self))],
});

/**
 * `exp(-|x|)` times the modified Bessel function of order 0. Integers give the default floating type.
 * @example
 * ```ts
 * torch.special.i0e(torch.tensor([0, 1])) // => tensor([1.0000, 0.4658])
 * ```
 */
export const i0e: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "i0e",
  node: "SpecialI0E",
  inputs: ["input"],
  promotion: "floating",
  inPlace: false,
  expression: (input) => f.i0e(input),
});

// The derivative of I1 in powers of x^2 (Abramowitz & Stegun 9.6.10), where I0(x) - I1(x) / x would lose what its own derivative needs.
const i1Slope = [1 / 2, 3 / 16, 5 / 384, 7 / 18432];

/**
 * The modified Bessel function of the first kind of order 1. Integers give the default floating type.
 * @example
 * ```ts
 * torch.special.i1(torch.tensor([0, 1])) // => tensor([0.0000, 0.5652])
 * ```
 */
export const i1: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "i1",
  node: "SpecialI10",
  inputs: ["input"],
  promotion: "floating",
  inPlace: false,
  expression: (input) => besselI1(input),
  // PyTorch gives the slope at 0 to NaN as well.
  derivative: (input) => {
    const far = f.gt(f.abs(input), 0.01);
    const slope = f.sub(f.mul(f.exp(f.abs(input)), f.i0e(input)), f.div(result, input));
    const near = f.select(f.eq(input, input), powerSeries(f.mul(input, input), i1Slope), 0.5);
    return [f.select(far, f.mul(gradient, slope), f.mul(gradient, near))];
  },
});

/**
 * `exp(-|x|)` times the modified Bessel function of order 1. Integers give the default floating type.
 * @example
 * ```ts
 * torch.special.i1e(torch.tensor([0, 1])) // => tensor([0.0000, 0.2079])
 * ```
 */
export const i1e: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "i1e",
  node: "SpecialI1E",
  inputs: ["input"],
  promotion: "floating",
  inPlace: false,
  expression: (input) => f.i1e(input),
});

/**
 * The entropy term `-x log(x)`; 0 at 0 and -infinity below. Integers give the default floating type.
 * @example
 * ```ts
 * torch.special.entr(torch.tensor([0, 0.5])) // => tensor([0.0000, 0.3466])
 * ```
 */
export const entr: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "entr",
  node: "SpecialEntr",
  inputs: ["input"],
  promotion: "floating",
  inPlace: false,
  domain: [0.2, 3],
  expression: (input) =>
    f.select(
      f.ne(input, input),
      input,
      f.select(
        f.gt(input, 0),
        f.neg(f.mul(input, f.log(input))),
        f.select(f.eq(input, 0), 0, Number.NEGATIVE_INFINITY),
      ),
    ),
  derivative: (input) => [f.mul(gradient, f.sub(-1, f.log(input)))],
});

/**
 * `exp(x ** 2) * erfc(x)`, which does not underflow. Integers give the default floating type.
 * @example
 * ```ts
 * torch.special.erfcx(torch.tensor([0, 10])) // => tensor([1.0000, 0.0561])
 * ```
 */
export const erfcx: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "erfcx",
  node: "SpecialErfcx",
  inputs: ["input"],
  promotion: "floating",
  inPlace: false,
  expression: (input) => f.erfcx(input),
});

/**
 * The fraction of a standard normal distribution below x. Integers give the default floating type.
 * @example
 * ```ts
 * torch.special.ndtr(torch.tensor([0, 1])) // => tensor([0.5000, 0.8413])
 * ```
 */
export const ndtr: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "ndtr",
  node: "Mul",
  inputs: ["input"],
  promotion: "floating",
  inPlace: false,
  expression: (input) => f.mul(f.erfc(f.mul(input, -Math.SQRT1_2)), 0.5),
});

/**
 * The logarithm of the fraction of a standard normal distribution below x, accurate in both tails. Integers give the default floating type.
 * @example
 * ```ts
 * torch.special.logNdtr(torch.tensor([0, -20])) // => tensor([  -0.6931, -203.9172])
 * ```
 */
export const logNdtr: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "logNdtr",
  node: "SpecialLogNdtr",
  inputs: ["input"],
  promotion: "floating",
  inPlace: false,
  expression: (input) =>
    f.select(
      f.lt(input, -1),
      f.sub(
        f.log(f.mul(f.erfcx(f.mul(input, -Math.SQRT1_2)), 0.5)),
        f.mul(f.mul(input, input), 0.5),
      ),
      f.log1p(f.mul(f.erfc(f.mul(input, Math.SQRT1_2)), -0.5)),
    ),
  // Density by distribution function. Far above, where erfcx overflows, the latter is 1.
  derivative: (input) => {
    const far = f.gt(input, 10);
    const density = f.div(f.exp(f.mul(f.mul(input, input), -0.5)), Math.sqrt(2 * Math.PI));
    const scaled = f.erfcx(f.mul(f.select(far, 10, input), -Math.SQRT1_2));
    return [
      f.select(
        far,
        f.mul(gradient, density),
        f.div(f.mul(gradient, Math.sqrt(2 / Math.PI)), scaled),
      ),
    ];
  },
});

/**
 * The inverse of ndtr: the x below which the fraction lies; NaN outside 0 to 1. Integers give the default floating type.
 * @example
 * ```ts
 * torch.special.ndtri(torch.tensor([0.5, 0.975])) // => tensor([0.0000, 1.9600])
 * ```
 */
export const ndtri: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "ndtri",
  node: "SpecialNdtri",
  inputs: ["input"],
  promotion: "floating",
  inPlace: false,
  domain: [0.1, 0.9],
  expression: (input) => f.ndtri(input),
});

/**
 * `input * log(1 + other)`, which is 0 where `input` is 0. Either may be a number. Broadcast; integers give the default floating type.
 * @example
 * ```ts
 * torch.special.xlog1py(torch.tensor([0, 2]), torch.tensor([-1, 1])) // => tensor([0.0000, 1.3863])
 * ```
 */
export const xlog1py: FunctionOnly<(input: Tensor | number, other: Tensor | number) => Tensor> =
  pointwise({
    name: "xlog1py",
    node: "SpecialXlog1Py",
    inputs: ["input?", "other?"],
    promotion: "floating",
    inPlace: false,
    domain: [0.3, 3],
    expression: (input, other) =>
      f.select(
        f.ne(other, other),
        other,
        f.select(f.eq(input, 0), 0, f.mul(input, f.log1p(other))),
      ),
    derivative: (input, other) => [
      f.select(f.and(f.eq(input, 0), f.le(other, -1)), 0, f.mul(gradient, f.log1p(other))),
      f.mul(gradient, f.div(input, f.add(other, 1))),
    ],
  });

const hurwitz: Variant = pointwise({
  name: "zeta",
  node: "SpecialZeta",
  inputs: ["input?", "other?"],
  promotion: "floating",
  inPlace: false,
  domain: [1.5, 4],
  expression: (input, other) => f.zeta(input, other),
});

/**
 * Hurwitz's zeta function, the sum of `(other + k) ** -input` over k from 0. Either may be a number. Broadcast; integers give the
 * default floating type. There is no derivative by `input`: it must not require a gradient.
 * @example
 * ```ts
 * torch.special.zeta(torch.tensor([2]), 1) // => tensor([1.6449])
 * ```
 */
export const zeta: FunctionOnly<(input: Tensor | number, other: Tensor | number) => Tensor> =
  dispatch({
    name: "zeta",
    parameters: { input: p.tensorOrNumber, other: p.tensorOrNumber },
    variants: [hurwitz],
    choose: ({ input, other }) => {
      if (!(input instanceof Tensor)) return [hurwitz, input, other];
      if ((gradMode.enabled && input.requiresGrad) || hasTangent(input))
        throw new AutogradError(
          "zeta: there is no derivative by input, which requires a gradient or has a tangent; detach() it",
        );
      return [hurwitz, input, other];
    },
  });

function besselI1(x: Expression): Expression {
  return f.mul(f.exp(f.abs(x)), f.i1e(x));
}
