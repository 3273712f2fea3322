// Pointwise arithmetic.
import { f } from "../core/scalar.ts";
import { Tensor } from "../core/tensor.ts";
import { dispatch, type Variant } from "./define/dispatch.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { noBool, noBools, noZeroDivisor, onlyFloating, onlyIntegers } from "./define/refusals.ts";
import type { FunctionOnly, Method, MethodWithInPlace } from "./define/registry.ts";
import type { Binary, BinaryWithAlpha, Unary } from "./types.ts";

/**
 * The sum `self + alpha * other`, broadcast and promoted.
 * @example
 * ```ts
 * torch.tensor([1, 2]).add(torch.tensor([10, 20]), { alpha: 2 }) // => tensor([21., 42.])
 * ```
 */
export const add: BinaryWithAlpha = pointwise({
  name: "add",
  inputs: ["self?", "other?"],
  scalars: { alpha: 1 },
  promotion: "arithmetic",
  expression: (self, other, alpha) => f.add(self, f.mul(other, alpha)),
});

/**
 * The difference `self - alpha * other`, broadcast and promoted. Refuses bool, as PyTorch does.
 * @example
 * ```ts
 * torch.tensor([1, 2]).sub(3) // => tensor([-2., -1.])
 * ```
 */
export const sub: BinaryWithAlpha = pointwise({
  name: "sub",
  inputs: ["self?", "other?"],
  scalars: { alpha: 1 },
  promotion: "arithmetic",
  refuses: noBool("use bitwiseXor or logicalXor"),
  check: noBools,
  expression: (self, other, alpha) => f.sub(self, f.mul(other, alpha)),
});

/**
 * The difference the other way round, `other - alpha * input`. Refuses bool.
 * @example
 * ```ts
 * torch.rsub(torch.tensor([1, 2]), 3) // => tensor([2., 1.])
 * ```
 */
export const rsub: FunctionOnly<
  (input: Tensor, other: Tensor | number, options?: { readonly alpha?: number }) => Tensor
> = pointwise({
  name: "rsub",
  nodeWithNumber: "Rsub1",
  inputs: ["input", "other?"],
  scalars: { alpha: 1 },
  promotion: "arithmetic",
  refuses: noBool("use bitwiseXor or logicalXor"),
  check: noBools,
  inPlace: false,
  expression: (input, other, alpha) => f.sub(other, f.mul(input, alpha)),
});

/**
 * The product `self * other`, broadcast and promoted.
 * @example
 * ```ts
 * torch.tensor([1, 2]).mul(torch.tensor([[3], [4]])) // => tensor([[3., 6.],
 *     //            [4., 8.]])
 * ```
 */
export const mul: Binary = pointwise({
  name: "mul",
  inputs: ["self?", "other?"],
  promotion: "arithmetic",
  expression: (self, other) => f.mul(self, other),
});

const quotient: Variant = pointwise({
  name: "div",
  inputs: ["self?", "other?"],
  promotion: "floating",
  domain: [0.3, 2],
  expression: (self, other) => f.div(self, other),
});

const quotientTowardZero: Variant = pointwise({
  name: "div",
  node: "Div2",
  inputs: ["self?", "other?"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  check: noZeroDivisor,
  domain: [0.3, 2],
  expression: (self, other) => f.trunc(f.div(self, other)),
});

const quotientDown: Variant = pointwise({
  name: "div",
  node: "Div2",
  inputs: ["self?", "other?"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  check: noZeroDivisor,
  domain: [0.3, 2],
  expression: (self, other) => f.floorDivide(self, other),
});

/**
 * The quotient `self / other`, broadcast; integers give the default floating type.
 * With `roundingMode` "trunc" or "floor" the quotient is rounded toward zero or down: integers then stay integers and must not be divided by zero,
 * and gradients are 0.
 * @example
 * ```ts
 * torch.tensor([7, -7]).div(2, { roundingMode: "floor" }) // => tensor([ 3., -4.])
 * ```
 */
export const div: MethodWithInPlace<
  [other: Tensor | number, options?: { readonly roundingMode?: "trunc" | "floor" | null }]
> = dispatch({
  name: "div",
  parameters: {
    self: p.tensorOrNumber,
    other: p.tensorOrNumber,
    roundingMode: p.optional(p.choice("trunc", "floor"), null),
  },
  variants: [quotient, quotientTowardZero, quotientDown],
  direct: () => quotient,
  choose: ({ self, other, roundingMode }) => [
    roundingMode === null ? quotient : roundingMode === "trunc" ? quotientTowardZero : quotientDown,
    self,
    other,
  ],
});

/** The same as `div`. */
export const divide: typeof div = div;

/**
 * The quotient `self / other`, broadcast; integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([1, 2]).trueDivide(4) // => tensor([0.2500, 0.5000])
 * ```
 */
export const trueDivide: Binary = dispatch({
  name: "trueDivide",
  parameters: { self: p.tensorOrNumber, other: p.tensorOrNumber },
  variants: [quotient],
  direct: () => quotient,
  choose: ({ self, other }) => [quotient, self, other],
});

/**
 * The quotient rounded down, broadcast and promoted. Integers must not be divided by zero. It cannot be differentiated; `div` with a
 * `roundingMode` can.
 * @example
 * ```ts
 * torch.tensor([7, -7]).floorDivide(2) // => tensor([ 3., -4.])
 * ```
 */
export const floorDivide: Binary = pointwise({
  name: "floorDivide",
  inputs: ["self?", "other?"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  check: noZeroDivisor,
  domain: [0.3, 2],
  expression: (self, other) => f.floorDivide(self, other),
  derivative: "none",
});

/**
 * The remainder of division rounded down, `self - other * floor(self / other)`, which has the sign of `other`. Broadcast and promoted.
 * Integers must not be divided by zero.
 * @example
 * ```ts
 * torch.tensor([7, -7]).remainder(3) // => tensor([1., 2.])
 * ```
 */
export const remainder: Binary = pointwise({
  name: "remainder",
  node: "Remainder1",
  nodeWithNumber: "Remainder0",
  inputs: ["self?", "other?"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  check: noZeroDivisor,
  domain: [0.3, 2],
  expression: (self, other) => f.remainder(self, other),
});

/**
 * The remainder of division rounded toward zero, which has the sign of `self`. Broadcast and promoted. Integers must not be divided by zero.
 * @example
 * ```ts
 * torch.tensor([7, -7]).fmod(3) // => tensor([ 1., -1.])
 * ```
 */
export const fmod: Binary = pointwise({
  name: "fmod",
  node: "Fmod1",
  nodeWithNumber: "Fmod0",
  inputs: ["self", "other?"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  check: noZeroDivisor,
  domain: [0.3, 2],
  expression: (self, other) => f.fmod(self, other),
});

/** The same as `sub`. */
export const subtract: BinaryWithAlpha = sub;

/** The same as `mul`. */
export const multiply: Binary = mul;

/**
 * The negative `-self`. Refuses bool.
 * @example
 * ```ts
 * torch.tensor([1, -2]).neg() // => tensor([-1.,  2.])
 * ```
 */
export const neg: Unary = pointwise({
  name: "neg",
  inputs: ["self"],
  promotion: "arithmetic",
  refuses: noBool("use logicalNot"),
  expression: (self) => f.neg(self),
});

/** The same as `neg`. */
export const negative: Unary = neg;

/**
 * The tensor itself. Refuses bool.
 * @example
 * ```ts
 * torch.tensor([1, -2]).positive() // => tensor([ 1., -2.])
 * ```
 */
export const positive: Method = composite({
  name: "positive",
  parameters: { self: p.tensor },
  compute: ({ self }) => (self.dtype.kind === "boolean" ? self.neg() : self),
});

/**
 * The magnitude. Refuses bool. The gradient at 0 is 0.
 * @example
 * ```ts
 * torch.tensor([1, -2]).abs() // => tensor([1., 2.])
 * ```
 */
export const abs: Unary = pointwise({
  name: "abs",
  inputs: ["self"],
  promotion: "arithmetic",
  refuses: noBool("its values are their own magnitudes"),
  expression: (self) => f.abs(self),
});

/** The same as `abs`. */
export const absolute: Unary = abs;

/**
 * -1, 0 or 1 as the element is negative, zero or positive; 0 for NaN. The gradient is 0.
 * @example
 * ```ts
 * torch.tensor([3, 0, -2]).sign() // => tensor([ 1.,  0., -1.])
 * ```
 */
export const sign: Unary = pointwise({
  name: "sign",
  inputs: ["self"],
  promotion: "arithmetic",
  expression: (self) => f.sign(self),
});

/**
 * The sign: of real numbers the same as `sign`.
 * @example
 * ```ts
 * torch.tensor([3, 0, -2]).sgn() // => tensor([ 1.,  0., -1.])
 * ```
 */
export const sgn: Unary = pointwise({
  name: "sgn",
  inputs: ["self"],
  promotion: "arithmetic",
  expression: (self) => f.sign(self),
});

/**
 * `1 / x`. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([2, -4]).reciprocal() // => tensor([ 0.5000, -0.2500])
 * ```
 */
export const reciprocal: Unary = pointwise({
  name: "reciprocal",
  inputs: ["self"],
  promotion: "floating",
  domain: [0.3, 2],
  expression: (self) => f.reciprocal(self),
});

/**
 * The greatest common divisor, at least 0; broadcast. Integers only.
 * @example
 * ```ts
 * torch.tensor([12n, -18n]).gcd(torch.tensor([8n, 12n])) // => tensor([4, 6])
 * ```
 */
export const gcd: MethodWithInPlace<[other: Tensor]> = pointwise({
  name: "gcd",
  inputs: ["self", "other"],
  promotion: "arithmetic",
  refuses: onlyIntegers,
  expression: (self, other) => f.gcd(self, other),
});

/**
 * The least common multiple, at least 0; broadcast. Integers only.
 * @example
 * ```ts
 * torch.tensor([4n, -6n]).lcm(torch.tensor([6n, 9n])) // => tensor([12, 18])
 * ```
 */
export const lcm: MethodWithInPlace<[other: Tensor]> = pointwise({
  name: "lcm",
  inputs: ["self", "other"],
  promotion: "arithmetic",
  refuses: onlyIntegers,
  expression: (self, other) => f.abs(f.mul(f.div(self, f.gcd(self, other)), other)),
});

/**
 * `self + value * tensor1 * tensor2`, broadcast and promoted.
 * @example
 * ```ts
 * torch.tensor([1, 1]).addcmul(torch.tensor([2, 3]), torch.tensor([4, 5]), { value: 10 }) // => tensor([ 81., 151.])
 * ```
 */
export const addcmul: MethodWithInPlace<
  [tensor1: Tensor, tensor2: Tensor, options?: { readonly value?: number }]
> = pointwise({
  name: "addcmul",
  inputs: ["self", "tensor1", "tensor2"],
  scalars: { value: 1 },
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  expression: (self, tensor1, tensor2, value) => f.add(self, f.mul(f.mul(tensor1, tensor2), value)),
});

/**
 * `self + value * tensor1 / tensor2`, broadcast and promoted. Refuses to divide integers by integers.
 * @example
 * ```ts
 * torch.tensor([1, 1]).addcdiv(torch.tensor([2, 3]), torch.tensor([4, 6])) // => tensor([1.5000, 1.5000])
 * ```
 */
export const addcdiv: MethodWithInPlace<
  [tensor1: Tensor, tensor2: Tensor, options?: { readonly value?: number }]
> = pointwise({
  name: "addcdiv",
  inputs: ["self", "tensor1", "tensor2"],
  scalars: { value: 1 },
  promotion: "arithmetic",
  refuses: onlyFloating,
  check: ([, tensor1, tensor2]) =>
    [tensor1, tensor2].every((t) => t instanceof Tensor && t.dtype.kind !== "floating")
      ? "tensor1 and tensor2 are both integers; convert one to a floating-point type"
      : undefined,
  domain: [0.5, 2],
  expression: (self, tensor1, tensor2, value) => f.add(self, f.mul(f.div(tensor1, tensor2), value)),
});
