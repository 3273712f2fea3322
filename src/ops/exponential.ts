// Exponentials, logarithms, roots and powers.
import { float64 } from "../core/dtype.ts";
import { DTypeError } from "../core/errors.ts";
import { constant, type Expression, gradient } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { Tensor } from "../core/tensor.ts";
import { dispatch, type Variant } from "./define/dispatch.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { noBool, onlyFloating } from "./define/refusals.ts";
import type { Method, MethodWithInPlace } from "./define/registry.ts";
import type { Unary } from "./types.ts";

/**
 * The exponential, e to the power x. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).exp() // => tensor([1.0000, 2.7183])
 * ```
 */
export const exp: Unary = pointwise({
  name: "exp",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.exp(self),
});

/**
 * 2 to the power x. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 3]).exp2() // => tensor([1., 8.])
 * ```
 */
export const exp2: Unary = pointwise({
  name: "exp2",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.exp2(self),
});

/**
 * `exp(x) - 1`, exact near 0. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1e-10]).expm1() // => tensor([0.0000e+00, 1.0000e-10])
 * ```
 */
export const expm1: Unary = pointwise({
  name: "expm1",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.expm1(self),
});

/**
 * The natural logarithm; -infinity at 0, NaN below. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([1, 10]).log() // => tensor([0.0000, 2.3026])
 * ```
 */
export const log: Unary = pointwise({
  name: "log",
  inputs: ["self"],
  promotion: "floating",
  domain: [0.2, 4],
  expression: (self) => f.log(self),
});

/**
 * The logarithm to base 2. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([1, 8]).log2() // => tensor([0., 3.])
 * ```
 */
export const log2: Unary = pointwise({
  name: "log2",
  inputs: ["self"],
  promotion: "floating",
  domain: [0.2, 4],
  expression: (self) => f.log2(self),
});

/**
 * The logarithm to base 10. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([1, 1000]).log10() // => tensor([0., 3.])
 * ```
 */
export const log10: Unary = pointwise({
  name: "log10",
  inputs: ["self"],
  promotion: "floating",
  domain: [0.2, 4],
  expression: (self) => f.log10(self),
});

/**
 * `log(1 + x)`, exact near 0. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1e-10]).log1p() // => tensor([0.0000e+00, 1.0000e-10])
 * ```
 */
export const log1p: Unary = pointwise({
  name: "log1p",
  node: "Log1P",
  inputs: ["self"],
  promotion: "floating",
  domain: [-0.8, 4],
  expression: (self) => f.log1p(self),
});

/**
 * The square root; NaN below 0. Its gradient at 0 is infinite. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([4, 9]).sqrt() // => tensor([2., 3.])
 * ```
 */
export const sqrt: Unary = pointwise({
  name: "sqrt",
  inputs: ["self"],
  promotion: "floating",
  domain: [0.2, 4],
  expression: (self) => f.sqrt(self),
});

/**
 * The reciprocal of the square root, `1 / sqrt(x)`. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([4, 0.25]).rsqrt() // => tensor([0.5000, 2.0000])
 * ```
 */
export const rsqrt: Unary = pointwise({
  name: "rsqrt",
  inputs: ["self"],
  promotion: "floating",
  domain: [0.2, 4],
  expression: (self) => f.rsqrt(self),
});

// The powers that need no general power function, exact as PyTorch computes them.
const powers: ReadonlyMap<number, Variant> = new Map(
  (
    [
      [0, () => constant(1), () => constant(0)],
      [2, (x) => f.mul(x, x), (x) => f.mul(gradient, f.mul(x, 2))],
      [3, (x) => f.mul(f.mul(x, x), x), (x) => f.mul(gradient, f.mul(f.mul(x, x), 3))],
      [0.5, (x) => f.sqrt(x), (x) => f.div(gradient, f.mul(f.sqrt(x), 2))],
      [-0.5, (x) => f.rsqrt(x), (x) => f.mul(gradient, f.mul(f.pow(x, -1.5), -0.5))],
    ] as const satisfies readonly [
      number,
      (x: Expression) => Expression,
      (x: Expression) => Expression,
    ][]
  ).map(([exponent, value, derivative]) => [
    exponent,
    pointwise({
      name: "pow",
      domain: [0.3, 2],
      inputs: ["self"],
      promotion: "arithmetic",
      expression: value,
      derivative: (self) => [derivative(self)],
      masks: true,
    }),
  ]),
);

/** The power with a tensor as exponent, and a tensor or a number as base. */
const powerOfTensor: Variant = pointwise({
  name: "pow",
  node: "Pow1",
  nodeWithNumber: "Pow2",
  inputs: ["self?", "exponent"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  domain: [0.3, 2],
  expression: (self, exponent) => f.pow(self, exponent),
});

/** The power with a number as exponent. */
const powerOfNumber: Variant = pointwise({
  name: "pow",
  inputs: ["self", "exponent?"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  exactNumbers: true,
  domain: [0.3, 2],
  expression: (self, exponent) => f.pow(self, exponent),
});

/**
 * `self` to the power `exponent`, either of which may be a number; broadcast and promoted.
 * Integers stay integers and wrap; a negative number as exponent of integers is refused, and so are two bools.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).pow(2) // => tensor([1., 4., 9.])
 * ```
 */
export const pow: MethodWithInPlace<[exponent: Tensor | number]> &
  ((self: Tensor | number, exponent: Tensor | number) => Tensor) = dispatch({
  name: "pow",
  parameters: { self: p.tensorOrNumber, exponent: p.tensorOrNumber },
  variants: [powerOfTensor, powerOfNumber, ...powers.values()],
  direct: (exponent) => (exponent instanceof Tensor ? powerOfTensor : undefined),
  choose: ({ self, exponent }) => {
    if (exponent instanceof Tensor) return [powerOfTensor, self, exponent];
    const whole = self instanceof Tensor && self.dtype.kind !== "floating";
    if (whole && exponent < 0 && Number.isInteger(exponent))
      throw new DTypeError(
        `pow: the exponent ${exponent} is negative, and integers have no negative powers; convert to a floating-point type`,
      );
    const special = powers.get(exponent);
    return special !== undefined && self instanceof Tensor && self.dtype.kind === "floating"
      ? [special, self]
      : [powerOfNumber, self, exponent];
  },
});

/**
 * The square, `x * x`. Bool gives int64.
 * @example
 * ```ts
 * torch.tensor([1, -2, 3]).square() // => tensor([1., 4., 9.])
 * ```
 */
export const square: Unary = dispatch({
  name: "square",
  parameters: { self: p.tensor },
  variants: [powerOfNumber, powers.get(2)!],
  choose: ({ self }) =>
    self.dtype.kind === "floating" ? [powers.get(2)!, self] : [powerOfNumber, self, 2],
});

/**
 * `self` to the power `exponent`, computed in float64 whatever the operands are. In place only for float64.
 * @example
 * ```ts
 * torch.tensor([2, 3]).floatPower(-1).dtype // => torch.float64
 * ```
 */
export const floatPower: MethodWithInPlace<[exponent: Tensor | number]> &
  ((self: Tensor | number, exponent: Tensor | number) => Tensor) = dispatch({
  name: "floatPower",
  parameters: { self: p.tensorOrNumber, exponent: p.tensorOrNumber },
  variants: [powerOfTensor, powerOfNumber],
  choose: ({ self, exponent }, inPlace) => {
    if (inPlace && self instanceof Tensor && self.dtype !== float64)
      throw new DTypeError(
        `floatPower_: the result is float64 and cannot be written into ${self.dtype.name}; use floatPower`,
      );
    const [base, power] = [self, exponent].map((o) => (o instanceof Tensor ? o.to(float64) : o));
    return [power instanceof Tensor ? powerOfTensor : powerOfNumber, base, power];
  },
});

/**
 * `log(exp(self) + exp(other))` without overflow, broadcast. Floating-point operands only.
 * @example
 * ```ts
 * torch.tensor([1000]).logaddexp(torch.tensor([1000])) // => tensor([1000.6932])
 * ```
 */
export const logaddexp: Method<[other: Tensor]> = pointwise({
  name: "logaddexp",
  inputs: ["self", "other"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  inPlace: false,
  expression: (self, other) => logSum(self, other, (gap) => f.log1p(f.exp(gap))),
  derivative: (self, other) => [
    f.mul(gradient, f.sigmoid(f.sub(self, other))),
    f.mul(gradient, f.sigmoid(f.sub(other, self))),
  ],
});

/**
 * `log2(2 ** self + 2 ** other)` without overflow, broadcast. Floating-point operands only.
 * @example
 * ```ts
 * torch.tensor([1000]).logaddexp2(torch.tensor([1000])) // => tensor([1001.])
 * ```
 */
export const logaddexp2: Method<[other: Tensor]> = pointwise({
  name: "logaddexp2",
  inputs: ["self", "other"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  inPlace: false,
  expression: (self, other) => logSum(self, other, (gap) => f.div(f.log1p(f.exp2(gap)), Math.LN2)),
  derivative: (self, other) => [
    f.mul(gradient, f.sigmoid(f.mul(f.sub(self, other), Math.LN2))),
    f.mul(gradient, f.sigmoid(f.mul(f.sub(other, self), Math.LN2))),
  ],
});

/**
 * `self * log(other)`, which is 0 where `self` is 0; either may be a number. Broadcast; integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 2]).xlogy(torch.tensor([0, 1])) // => tensor([0., 0.])
 * ```
 */
export const xlogy: MethodWithInPlace<[other: Tensor | number]> &
  ((self: Tensor | number, other: Tensor | number) => Tensor) = pointwise({
  name: "xlogy",
  nodeWithNumber: "Xlogy2",
  inputs: ["self?", "other?"],
  promotion: "floating",
  domain: [0.3, 3],
  expression: (self, other) =>
    f.select(f.ne(other, other), other, f.select(f.eq(self, 0), 0, f.mul(self, f.log(other)))),
  derivative: (self, other) => [
    f.select(f.and(f.eq(self, 0), f.le(other, 0)), 0, f.mul(gradient, f.log(other))),
    f.mul(gradient, f.div(self, other)),
  ],
  masks: true,
});

/**
 * The length of the hypotenuse, `sqrt(self ** 2 + other ** 2)`, without overflow; broadcast. Floating-point operands only.
 * @example
 * ```ts
 * torch.tensor([3, 5]).hypot(torch.tensor([4, 12])) // => tensor([ 5., 13.])
 * ```
 */
export const hypot: MethodWithInPlace<[other: Tensor]> = pointwise({
  name: "hypot",
  inputs: ["self", "other"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  expression: (self, other) => f.hypot(self, other),
});

/** The larger operand plus what the smaller adds, a function of their distance; equal infinities give themselves. */
function logSum(a: Expression, b: Expression, added: (gap: Expression) => Expression): Expression {
  const larger = f.maximum(a, b);
  return f.select(
    f.eq(a, b),
    f.add(a, added(constant(0))),
    f.add(larger, added(f.neg(f.abs(f.sub(a, b))))),
  );
}
