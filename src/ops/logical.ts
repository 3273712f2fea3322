// Logic on truth values and on bits.
import { f } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import { dispatch, type Variant } from "./define/dispatch.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { noFloating, onlyIntegers } from "./define/refusals.ts";
import type { MethodWithInPlace } from "./define/registry.ts";
import type { Binary, Unary } from "./types.ts";

type Combination = MethodWithInPlace<[other: Tensor]>;

/**
 * Whether both elements are non-zero. Broadcast; gives bool.
 * @example
 * ```ts
 * torch.tensor([0, 1, 2]).logicalAnd(torch.tensor([1, 0, 1])) // => tensor([False, False,  True])
 * ```
 */
export const logicalAnd: Combination = pointwise({
  name: "logicalAnd",
  inputs: ["self", "other"],
  promotion: "comparison",
  inPlace: true,
  expression: (self, other) => f.and(self, other),
});

/**
 * Whether one of the elements is non-zero. Broadcast; gives bool.
 * @example
 * ```ts
 * torch.tensor([0, 0, 2]).logicalOr(torch.tensor([1, 0, 1])) // => tensor([ True, False,  True])
 * ```
 */
export const logicalOr: Combination = pointwise({
  name: "logicalOr",
  inputs: ["self", "other"],
  promotion: "comparison",
  inPlace: true,
  expression: (self, other) => f.or(self, other),
});

/**
 * Whether exactly one of the elements is non-zero. Broadcast; gives bool.
 * @example
 * ```ts
 * torch.tensor([0, 0, 2]).logicalXor(torch.tensor([1, 0, 1])) // => tensor([ True, False, False])
 * ```
 */
export const logicalXor: Combination = pointwise({
  name: "logicalXor",
  inputs: ["self", "other"],
  promotion: "comparison",
  inPlace: true,
  expression: (self, other) => f.ne(f.not(self), f.not(other)),
});

/**
 * Whether the element is zero. Gives bool.
 * @example
 * ```ts
 * torch.tensor([0, 1, 2]).logicalNot() // => tensor([ True, False, False])
 * ```
 */
export const logicalNot: Unary = pointwise({
  name: "logicalNot",
  inputs: ["self"],
  promotion: "comparison",
  inPlace: true,
  expression: (self) => f.not(self),
});

/**
 * The bits that both have; of bools whether both are true. Broadcast. Integers and bool only.
 * @example
 * ```ts
 * torch.tensor([12n, 10n]).bitwiseAnd(6) // => tensor([4, 2])
 * ```
 */
export const bitwiseAnd: Binary = pointwise({
  name: "bitwiseAnd",
  inputs: ["self?", "other?"],
  promotion: "arithmetic",
  refuses: noFloating,
  expression: (self, other) => f.bitAnd(self, other),
});

/**
 * The bits that one of them has; of bools whether one is true. Broadcast. Integers and bool only.
 * @example
 * ```ts
 * torch.tensor([12n, 10n]).bitwiseOr(6) // => tensor([14, 14])
 * ```
 */
export const bitwiseOr: Binary = pointwise({
  name: "bitwiseOr",
  inputs: ["self?", "other?"],
  promotion: "arithmetic",
  refuses: noFloating,
  expression: (self, other) => f.bitOr(self, other),
});

/**
 * The bits that exactly one of them has; of bools whether exactly one is true. Broadcast. Integers and bool only.
 * @example
 * ```ts
 * torch.tensor([12n, 10n]).bitwiseXor(6) // => tensor([10, 12])
 * ```
 */
export const bitwiseXor: Binary = pointwise({
  name: "bitwiseXor",
  inputs: ["self?", "other?"],
  promotion: "arithmetic",
  refuses: noFloating,
  expression: (self, other) => f.bitXor(self, other),
});

const complement: Variant = pointwise({
  name: "bitwiseNot",
  inputs: ["self"],
  promotion: "arithmetic",
  refuses: onlyIntegers,
  expression: (self) => f.bitNot(self),
});

const negation: Variant = pointwise({
  name: "bitwiseNot",
  inputs: ["self"],
  promotion: "arithmetic",
  expression: (self) => f.not(self),
});

/**
 * The bits that are not set, `-1 - x`; of bools the opposite. Integers and bool only.
 * @example
 * ```ts
 * torch.tensor([0n, 5n]).bitwiseNot() // => tensor([-1, -6])
 * ```
 */
export const bitwiseNot: Unary = dispatch({
  name: "bitwiseNot",
  parameters: { self: p.tensor },
  variants: [complement, negation],
  choose: ({ self }) => [self.dtype.kind === "boolean" ? negation : complement, self],
});

/**
 * The bits moved up, `self * 2 ** other`; what leaves the type is lost. Broadcast. Integers only.
 * @example
 * ```ts
 * torch.tensor([1n, 3n]).bitwiseLeftShift(2) // => tensor([ 4, 12])
 * ```
 */
export const bitwiseLeftShift: Binary = pointwise({
  name: "bitwiseLeftShift",
  inputs: ["self?", "other?"],
  promotion: "arithmetic",
  refuses: onlyIntegers,
  expression: (self, other) => f.shiftLeft(self, other),
});

/**
 * The bits moved down, `floor(self / 2 ** other)`. Broadcast. Integers only.
 * @example
 * ```ts
 * torch.tensor([16n, -5n]).bitwiseRightShift(2) // => tensor([ 4, -2])
 * ```
 */
export const bitwiseRightShift: Binary = pointwise({
  name: "bitwiseRightShift",
  inputs: ["self?", "other?"],
  promotion: "arithmetic",
  refuses: onlyIntegers,
  expression: (self, other) => f.shiftRight(self, other),
});
