// Trigonometric and hyperbolic functions and their inverses.
import { f } from "../core/scalar.ts";
import { gradient } from "../core/expression.ts";
import { pointwise } from "./define/pointwise.ts";
import { powerSeries } from "./define/series.ts";
import type { Method, MethodWithInPlace } from "./define/registry.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Unary } from "./types.ts";

/**
 * The sine, of angles in radians. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).sin() // => tensor([0.0000, 0.8415])
 * ```
 */
export const sin: Unary = pointwise({
  name: "sin",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.sin(self),
});

/**
 * The cosine, of angles in radians. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).cos() // => tensor([1.0000, 0.5403])
 * ```
 */
export const cos: Unary = pointwise({
  name: "cos",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.cos(self),
});

/**
 * The tangent, of angles in radians. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).tan() // => tensor([0.0000, 1.5574])
 * ```
 */
export const tan: Unary = pointwise({
  name: "tan",
  inputs: ["self"],
  promotion: "floating",
  domain: [-1.3, 1.3],
  expression: (self) => f.tan(self),
});

/**
 * The inverse sine, in -pi/2 to pi/2; NaN outside -1 to 1. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).asin() // => tensor([0.0000, 1.5708])
 * ```
 */
export const asin: Unary = pointwise({
  name: "asin",
  inputs: ["self"],
  promotion: "floating",
  domain: [-0.9, 0.9],
  expression: (self) => f.asin(self),
});

/**
 * The inverse cosine, in 0 to pi; NaN outside -1 to 1. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).acos() // => tensor([1.5708, 0.0000])
 * ```
 */
export const acos: Unary = pointwise({
  name: "acos",
  inputs: ["self"],
  promotion: "floating",
  domain: [-0.9, 0.9],
  expression: (self) => f.acos(self),
});

/**
 * The inverse tangent, in -pi/2 to pi/2. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).atan() // => tensor([0.0000, 0.7854])
 * ```
 */
export const atan: Unary = pointwise({
  name: "atan",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.atan(self),
});

/**
 * The angle of the point (`other`, `self`) as seen from the origin, in -pi to pi: the inverse tangent of `self / other` with the quadrant.
 * Broadcast; integers give the default floating type. The gradient at the origin is 0.
 * @example
 * ```ts
 * torch.tensor([1, -1]).atan2(torch.tensor([-1, 1])) // => tensor([ 2.3562, -0.7854])
 * ```
 */
export const atan2: MethodWithInPlace<[other: Tensor]> = pointwise({
  name: "atan2",
  inputs: ["self", "other"],
  promotion: "floating",
  expression: (self, other) => f.atan2(self, other),
});

/**
 * The hyperbolic sine, `(exp(x) - exp(-x)) / 2`. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).sinh() // => tensor([0.0000, 1.1752])
 * ```
 */
export const sinh: Unary = pointwise({
  name: "sinh",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.sinh(self),
});

/**
 * The hyperbolic cosine, `(exp(x) + exp(-x)) / 2`. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).cosh() // => tensor([1.0000, 1.5431])
 * ```
 */
export const cosh: Unary = pointwise({
  name: "cosh",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.cosh(self),
});

/**
 * The hyperbolic tangent, `sinh(x) / cosh(x)`. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).tanh() // => tensor([0.0000, 0.7616])
 * ```
 */
export const tanh: Unary = pointwise({
  name: "tanh",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.tanh(self),
});

/**
 * The inverse hyperbolic sine. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).asinh() // => tensor([0.0000, 0.8814])
 * ```
 */
export const asinh: Unary = pointwise({
  name: "asinh",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.asinh(self),
});

/**
 * The inverse hyperbolic cosine; NaN below 1. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([1, 2]).acosh() // => tensor([0.0000, 1.3170])
 * ```
 */
export const acosh: Unary = pointwise({
  name: "acosh",
  inputs: ["self"],
  promotion: "floating",
  domain: [1.2, 4],
  expression: (self) => f.acosh(self),
});

/**
 * The inverse hyperbolic tangent; infinite at -1 and 1, NaN beyond. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 0.5]).atanh() // => tensor([0.0000, 0.5493])
 * ```
 */
export const atanh: Unary = pointwise({
  name: "atanh",
  inputs: ["self"],
  promotion: "floating",
  domain: [-0.9, 0.9],
  expression: (self) => f.atanh(self),
});

// (sin(a) - a cos(a)) / a^2 is a/3 times this in powers of a^2.
const sincSlope = [1, -1 / 10, 1 / 280, -1 / 15120, 1 / 1330560];

/**
 * The normalized cardinal sine, `sin(pi x) / (pi x)`, which is 1 at 0. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 0.5]).sinc() // => tensor([1.0000, 0.6366])
 * ```
 */
export const sinc: Unary = pointwise({
  name: "sinc",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) =>
    f.select(f.eq(self, 0), 1, f.div(f.sin(f.mul(self, Math.PI)), f.mul(self, Math.PI))),
  derivative: (self) => {
    const angle = f.mul(self, Math.PI);
    const square = f.mul(angle, angle);
    const slope = f.div(f.sub(f.mul(angle, f.cos(angle)), f.sin(angle)), f.mul(angle, self));
    // Near 0 that is a difference of equals; its Taylor series there is exact. Adding 0 makes a -0 positive.
    const near = f.add(f.mul(f.mul(self, -(Math.PI ** 2) / 3), powerSeries(square, sincSlope)), 0);
    return [f.select(f.lt(f.abs(angle), 0.1), f.mul(gradient, near), f.mul(gradient, slope))];
  },
});

/**
 * Angles in radians from angles in degrees, `x * pi / 180`. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([180, 90]).deg2rad() // => tensor([3.1416, 1.5708])
 * ```
 */
export const deg2rad: Unary = pointwise({
  name: "deg2rad",
  node: "Deg2Rad",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.mul(self, Math.PI / 180),
});

/**
 * Angles in degrees from angles in radians, `x * 180 / pi`. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).rad2deg() // => tensor([ 0.0000, 57.2958])
 * ```
 */
export const rad2deg: Unary = pointwise({
  name: "rad2deg",
  node: "Rad2Deg",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.mul(self, 180 / Math.PI),
});

/**
 * The angle of each element as a complex number: 0, pi for negative ones, NaN for NaN. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([1, -1]).angle() // => tensor([0.0000, 3.1416])
 * ```
 */
export const angle: Method = pointwise({
  name: "angle",
  inputs: ["self"],
  promotion: "floating",
  inPlace: false,
  expression: (self) => f.select(f.ne(self, self), self, f.select(f.lt(self, 0), Math.PI, 0)),
  derivative: () => [f.mul(gradient, 0)],
});

/** The same as `asin`. */
export const arcsin: Unary = asin;

/** The same as `acos`. */
export const arccos: Unary = acos;

/** The same as `atan`. */
export const arctan: Unary = atan;

/** The same as `atan2`. */
export const arctan2: MethodWithInPlace<[other: Tensor]> = atan2;

/** The same as `asinh`. */
export const arcsinh: Unary = asinh;

/** The same as `acosh`. */
export const arccosh: Unary = acosh;

/** The same as `atanh`. */
export const arctanh: Unary = atanh;
