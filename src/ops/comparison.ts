// Comparisons and questions about single elements.
import { getDefaultDtype } from "../core/dtype.ts";
import { ArgumentError, DTypeError } from "../core/errors.ts";
import { constant, type Expression } from "../core/expression.ts";
import { sameSizes } from "../core/shape.ts";
import { f } from "../core/scalar.ts";
import { Tensor } from "../core/tensor.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { sameTypes } from "./define/refusals.ts";
import type { Method, MethodWithInPlace, Trailing } from "./define/registry.ts";
import type { Comparison, Predicate } from "./types.ts";

/**
 * Whether `self == other`. Broadcast; gives bool.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).eq(2) // => tensor([False,  True, False])
 * ```
 */
export const eq: Comparison = pointwise({
  name: "eq",
  inputs: ["self", "other?"],
  promotion: "comparison",
  inPlace: true,
  expression: (self, other) => f.eq(self, other),
});

/**
 * Whether `self != other`. Broadcast; gives bool.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).ne(2) // => tensor([ True, False,  True])
 * ```
 */
export const ne: Comparison = pointwise({
  name: "ne",
  inputs: ["self", "other?"],
  promotion: "comparison",
  inPlace: true,
  expression: (self, other) => f.ne(self, other),
});

/**
 * Whether `self < other`. Broadcast; gives bool.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).lt(2) // => tensor([ True, False, False])
 * ```
 */
export const lt: Comparison = pointwise({
  name: "lt",
  inputs: ["self", "other?"],
  promotion: "comparison",
  inPlace: true,
  expression: (self, other) => f.lt(self, other),
});

/**
 * Whether `self <= other`. Broadcast; gives bool.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).le(2) // => tensor([ True,  True, False])
 * ```
 */
export const le: Comparison = pointwise({
  name: "le",
  inputs: ["self", "other?"],
  promotion: "comparison",
  inPlace: true,
  expression: (self, other) => f.le(self, other),
});

/**
 * Whether `self > other`. Broadcast; gives bool.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).gt(2) // => tensor([False, False,  True])
 * ```
 */
export const gt: Comparison = pointwise({
  name: "gt",
  inputs: ["self", "other?"],
  promotion: "comparison",
  inPlace: true,
  expression: (self, other) => f.gt(self, other),
});

/**
 * Whether `self >= other`. Broadcast; gives bool.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).ge(2) // => tensor([False,  True,  True])
 * ```
 */
export const ge: Comparison = pointwise({
  name: "ge",
  inputs: ["self", "other?"],
  promotion: "comparison",
  inPlace: true,
  expression: (self, other) => f.ge(self, other),
});

/** The same as `ne`. */
export const notEqual: Comparison = ne;

/** The same as `lt`. */
export const less: Comparison = lt;

/** The same as `le`. */
export const lessEqual: Comparison = le;

/** The same as `gt`. */
export const greater: Comparison = gt;

/** The same as `ge`. */
export const greaterEqual: Comparison = ge;

// A number less itself is 0, but for NaN and infinities; so these hold for integers as well.
const infinite = (x: Expression): Expression => f.and(f.eq(x, x), f.ne(f.sub(x, x), constant(0)));

/**
 * Whether the element is NaN. Gives bool.
 * @example
 * ```ts
 * torch.tensor([1, NaN, Infinity, -Infinity]).isnan() // => tensor([False,  True, False, False])
 * ```
 */
export const isnan: Predicate = pointwise({
  name: "isnan",
  inputs: ["self"],
  promotion: "comparison",
  expression: (self) => f.ne(self, self),
});

/**
 * Whether the element is infinite. Gives bool.
 * @example
 * ```ts
 * torch.tensor([1, NaN, Infinity, -Infinity]).isinf() // => tensor([False, False,  True,  True])
 * ```
 */
export const isinf: Predicate = pointwise({
  name: "isinf",
  inputs: ["self"],
  promotion: "comparison",
  expression: (self) => infinite(self),
});

/**
 * Whether the element is neither infinite nor NaN. Gives bool.
 * @example
 * ```ts
 * torch.tensor([1, NaN, Infinity, -Infinity]).isfinite() // => tensor([ True, False, False, False])
 * ```
 */
export const isfinite: Predicate = pointwise({
  name: "isfinite",
  inputs: ["self"],
  promotion: "comparison",
  expression: (self) => f.eq(f.sub(self, self), 0),
});

/**
 * Whether the element is infinity. Gives bool.
 * @example
 * ```ts
 * torch.tensor([1, NaN, Infinity, -Infinity]).isposinf() // => tensor([False, False,  True, False])
 * ```
 */
export const isposinf: Predicate = pointwise({
  name: "isposinf",
  inputs: ["self"],
  promotion: "comparison",
  expression: (self) => f.and(infinite(self), f.gt(self, 0)),
});

/**
 * Whether the element is -infinity. Gives bool.
 * @example
 * ```ts
 * torch.tensor([1, NaN, Infinity, -Infinity]).isneginf() // => tensor([False, False, False,  True])
 * ```
 */
export const isneginf: Predicate = pointwise({
  name: "isneginf",
  inputs: ["self"],
  promotion: "comparison",
  expression: (self) => f.and(infinite(self), f.lt(self, 0)),
});

/**
 * Whether the element is a real number: always so, there are no complex types. Gives bool.
 * @example
 * ```ts
 * torch.tensor([1, NaN, Infinity, -Infinity]).isreal() // => tensor([True, True, True, True])
 * ```
 */
export const isreal: Predicate = pointwise({
  name: "isreal",
  inputs: ["self"],
  promotion: "comparison",
  expression: () => f.eq(0, 0),
});

/**
 * Whether the element has a minus sign, as negative numbers and -0 have. Gives bool.
 * @example
 * ```ts
 * torch.tensor([1, -1, -0]).signbit() // => tensor([False,  True,  True])
 * ```
 */
export const signbit: Predicate = pointwise({
  name: "signbit",
  inputs: ["self"],
  promotion: "comparison",
  expression: (self) => f.signbit(self),
});

/**
 * The step function: 0 below zero, `values` at zero, 1 above. Operands of one type; broadcast. It cannot be differentiated.
 * @example
 * ```ts
 * torch.tensor([-1, 0, 2]).heaviside(torch.tensor([0.5])) // => tensor([0.0000, 0.5000, 1.0000])
 * ```
 */
export const heaviside: MethodWithInPlace<[values: Tensor]> = pointwise({
  name: "heaviside",
  inputs: ["self", "values"],
  promotion: "arithmetic",
  check: sameTypes,
  expression: (self, values) => f.select(f.eq(self, 0), values, f.gt(self, 0)),
  derivative: "none",
});

const near: (self: Tensor, other: Tensor, rtol: number, atol: number, equalNan: number) => Tensor =
  pointwise({
    name: "isclose",
    inputs: ["self", "other"],
    scalars: { rtol: 1e-5, atol: 1e-8, equalNan: 0 },
    promotion: "comparison",
    expression: (self, other, rtol, atol, equalNan) => {
      const gap = f.abs(f.sub(self, other));
      const within = f.le(gap, f.add(atol, f.abs(f.mul(rtol, other))));
      const same = f.or(f.eq(self, other), f.and(f.eq(f.sub(gap, gap), 0), within));
      return f.or(same, f.and(equalNan, f.and(f.ne(self, self), f.ne(other, other))));
    },
  });

type Tolerance = Trailing<
  [rtol: number, atol: number, equalNan: boolean],
  { readonly rtol?: number; readonly atol?: number; readonly equalNan?: boolean }
>;
const tolerance = {
  self: p.tensor,
  other: p.tensor,
  rtol: p.optional(p.number, 1e-5),
  atol: p.optional(p.number, 1e-8),
  equalNan: p.optional(p.boolean, false),
};

/**
 * Whether `|self - other| <= atol + rtol * |other|`, or both are the same infinity, or, with `equalNan`, both NaN.
 * Operands of one type; broadcast. Gives bool. Negative tolerances are refused.
 * @example
 * ```ts
 * torch.tensor([1, 2]).isclose(torch.tensor([1.000001, 2.1])) // => tensor([ True, False])
 * ```
 */
export const isclose: Method<[other: Tensor, ...Tolerance]> = composite({
  name: "isclose",
  parameters: tolerance,
  compute: ({ self, other, rtol, atol, equalNan }) => {
    if (!(rtol >= 0 && atol >= 0))
      throw new ArgumentError(`isclose: rtol = ${rtol} and atol = ${atol} must not be negative`);
    const refusal = sameTypes([self, other], self.dtype);
    if (refusal !== undefined) throw new DTypeError(`isclose: ${refusal}`);
    if (self.dtype.kind === "floating") return near(self, other, rtol, atol, Number(equalNan));
    return near(self.to(getDefaultDtype()), other.to(getDefaultDtype()), rtol, atol, 0).logicalOr(
      self.eq(other),
    );
  },
});

/**
 * Whether all elements are close, as `isclose` says. Gives true or false.
 * @example
 * ```ts
 * torch.tensor([1, 2]).allclose(torch.tensor([1.000001, 2])) // => true
 * ```
 */
export const allclose: Method<[other: Tensor, ...Tolerance], boolean> = composite({
  name: "allclose",
  parameters: tolerance,
  compute: ({ self, other, rtol, atol, equalNan }) =>
    everywhere(self.isclose(other, rtol, atol, equalNan)),
});

/**
 * Whether both tensors have the same shape and the same elements. Gives true or false.
 * @example
 * ```ts
 * torch.tensor([1, 2]).equal(torch.tensor([1, 2])) // => true
 * ```
 */
export const equal: Method<[other: Tensor], boolean> = composite({
  name: "equal",
  parameters: { self: p.tensor, other: p.tensor },
  compute: ({ self, other }) => sameSizes(self.sizes, other.sizes) && everywhere(self.eq(other)),
});

function everywhere(condition: Tensor): boolean {
  return condition.logicalNot().sum().item() === 0;
}
