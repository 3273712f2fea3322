// Pointwise arithmetic on two operands.
import { f } from "../core/scalar.ts";
import { pointwise } from "./define/pointwise.ts";
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
  inputs: ["self", "other?"],
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
  inputs: ["self", "other?"],
  scalars: { alpha: 1 },
  promotion: "arithmetic",
  refuses: (dtype) =>
    dtype.kind === "boolean" ? "bool has no subtraction; use bitwiseXor or logicalXor" : undefined,
  expression: (self, other, alpha) => f.sub(self, f.mul(other, alpha)),
});

/**
 * The product `self * other`, broadcast and promoted.
 * @example
 * ```ts
 * torch.tensor([1, 2]).mul(torch.tensor([[3], [4]])) // => tensor([[3., 6.],\n        [4., 8.]])
 * ```
 */
export const mul: Binary = pointwise({
  name: "mul",
  inputs: ["self", "other?"],
  promotion: "arithmetic",
  expression: (self, other) => f.mul(self, other),
});

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
  refuses: (dtype) =>
    dtype.kind === "boolean" ? "bool has no negative; use logicalNot" : undefined,
  expression: (self) => f.neg(self),
});
