// Choosing between elements: by a condition, by bounds, by size.
import { ArgumentError } from "../core/errors.ts";
import { gradient } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { Tensor } from "../core/tensor.ts";
import { dispatch, type Variant } from "./define/dispatch.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { boolAt, onlyFloating, sameTypes } from "./define/refusals.ts";
import type { Method, MethodWithInPlace, PublicRecord, Trailing } from "./define/registry.ts";

const chosen: Variant = pointwise({
  name: "where",
  inputs: ["condition", "self?", "other?"],
  promotion: "arithmetic",
  conditions: ["condition"],
  check: boolAt(0, "the condition"),
  inPlace: false,
  exactNumbers: true,
  expression: (condition, self, other) => f.select(condition, self, other),
});

/**
 * The elements of `self` where `condition` holds and of `other` elsewhere, broadcast and promoted; both may be numbers. As a method:
 * `self.where(condition, other)`.
 * Refuses a condition that is not bool.
 * @example
 * ```ts
 * torch.where(torch.tensor([true, false]), torch.tensor([1, 2]), 0) // => tensor([1., 0.])
 * ```
 */
export const where: {
  (condition: Tensor, self: Tensor | number | boolean, other: Tensor | number | boolean): Tensor;
  readonly record: PublicRecord;
  readonly method: (condition: Tensor, other: Tensor | number | boolean) => Tensor;
} = dispatch({
  name: "where",
  parameters: {
    condition: p.tensor,
    self: p.tensorOrScalar,
    other: p.tensorOrScalar,
  },
  variants: [chosen],
  choose: ({ condition, self, other }) => [chosen, condition, self, other],
});

/**
 * The elements of `self`, but `value` where `mask` holds; a number or a tensor without dimensions, converted to the type of `self`.
 * The mask broadcasts. Refuses a mask that is not bool.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).maskedFill(torch.tensor([true, false, true]), 0) // => tensor([0., 2., 0.])
 * ```
 */
export const maskedFill: MethodWithInPlace<[mask: Tensor, value: Tensor | number]> = pointwise({
  name: "maskedFill",
  node: "MaskedFill1",
  nodeWithNumber: "MaskedFill0",
  inputs: ["self", "mask", "value?"],
  promotion: "arithmetic",
  conditions: ["mask", "value"],
  check: (operands, common) => {
    const value = operands[2];
    if (value instanceof Tensor && value.sizes.length > 0)
      return `value must be a number or a tensor without dimensions, got shape [${value.sizes.join(", ")}]`;
    if (value instanceof Tensor && value.dtype.kind === "floating" && common.kind !== "floating")
      return `value is ${value.dtype.name} and cannot be written into ${common.name}; convert one of them`;
    return boolAt(1, "mask")(operands, common);
  },
  exactNumbers: true,
  expression: (self, mask, value) => f.select(mask, value, self),
});

/** The bound from below, as clamp calls it or under its own name. */
const atLeast = (name: string, node: string, nodeWithNumber: string): Variant =>
  pointwise({
    name,
    node,
    nodeWithNumber,
    inputs: ["self", "min?"],
    promotion: "arithmetic",
    exactNumbers: true,
    expression: (self, min) => f.maximum(self, min),
    masks: true,
    derivative: (self, min) => [
      f.select(f.ge(self, min), gradient, 0),
      f.select(f.lt(self, min), gradient, 0),
    ],
  });
const atMost = (name: string, node: string, nodeWithNumber: string): Variant =>
  pointwise({
    name,
    node,
    nodeWithNumber,
    inputs: ["self", "max?"],
    promotion: "arithmetic",
    exactNumbers: true,
    expression: (self, max) => f.minimum(self, max),
    masks: true,
    derivative: (self, max) => [
      f.select(f.le(self, max), gradient, 0),
      f.select(f.gt(self, max), gradient, 0),
    ],
  });
const raised = atLeast("clamp", "Clamp0", "Clamp1");
const lowered = atMost("clamp", "Clamp0", "Clamp1");

const between: Variant = pointwise({
  name: "clamp",
  node: "Clamp0",
  nodeWithNumber: "Clamp1",
  inputs: ["self", "min?", "max?"],
  promotion: "arithmetic",
  exactNumbers: true,
  expression: (self, min, max) => f.minimum(f.maximum(self, min), max),
  masks: true,
  derivative: (self, min, max) => [
    f.select(f.and(f.ge(self, min), f.le(self, max)), gradient, 0),
    f.select(f.and(f.lt(self, min), f.lt(min, max)), gradient, 0),
    f.select(f.or(f.gt(self, max), f.lt(max, min)), gradient, 0),
  ],
});

/**
 * The elements of `self` limited to `min` and `max`, numbers or tensors, of which one may be left out. Broadcast and promoted; NaN stays.
 * Where `min` exceeds `max`, the result is `max`. At a bound the gradient goes to `self`.
 * @example
 * ```ts
 * torch.tensor([-2, 0.5, 2]).clamp(-1, 1) // => tensor([-1.0000,  0.5000,  1.0000])
 * ```
 */
export const clamp: MethodWithInPlace<
  Trailing<
    [min: Tensor | number | null, max: Tensor | number | null],
    { readonly min?: Tensor | number | null; readonly max?: Tensor | number | null }
  >
> = dispatch({
  name: "clamp",
  parameters: {
    self: p.tensor,
    min: p.optional(p.tensorOrNumber, null),
    max: p.optional(p.tensorOrNumber, null),
  },
  variants: [between, raised, lowered],
  choose: ({ self, min, max }) => {
    if (min !== null) return max === null ? [raised, self, min] : [between, self, min, max];
    if (max === null) throw new ArgumentError("clamp: give min, max or both");
    return [lowered, self, max];
  },
});

/** The same as `clamp`. */
export const clip: typeof clamp = clamp;

/**
 * The elements of `self`, but at least `min`, a number or a tensor. Broadcast and promoted; NaN stays.
 * @example
 * ```ts
 * torch.tensor([-2, 2]).clampMin(0) // => tensor([0., 2.])
 * ```
 */
export const clampMin: MethodWithInPlace<[min: Tensor | number]> = atLeast(
  "clampMin",
  "ClampMin1",
  "ClampMin0",
) as unknown as MethodWithInPlace<[min: Tensor | number]>;

/**
 * The elements of `self`, but at most `max`, a number or a tensor. Broadcast and promoted; NaN stays.
 * @example
 * ```ts
 * torch.tensor([-2, 2]).clampMax(0) // => tensor([-2.,  0.])
 * ```
 */
export const clampMax: MethodWithInPlace<[max: Tensor | number]> = atMost(
  "clampMax",
  "ClampMax1",
  "ClampMax0",
) as unknown as MethodWithInPlace<[max: Tensor | number]>;

/**
 * Linear interpolation, `self + weight * (end - self)`, computed from the nearer side; broadcast. Floating-point operands of one type only.
 * @example
 * ```ts
 * torch.tensor([0, 10]).lerp(torch.tensor([10, 20]), 0.25) // => tensor([ 2.5000, 12.5000])
 * ```
 */
export const lerp: MethodWithInPlace<[end: Tensor, weight: Tensor | number]> = pointwise({
  name: "lerp",
  node: "Lerp1",
  nodeWithNumber: "Lerp0",
  inputs: ["self", "end", "weight?"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  check: sameTypes,
  expression: (self, end, weight) => {
    const way = f.sub(end, self);
    return f.select(
      f.lt(f.abs(weight), 0.5),
      f.add(self, f.mul(weight, way)),
      f.sub(end, f.mul(way, f.sub(1, weight))),
    );
  },
  derivative: (self, end, weight) => [
    f.mul(gradient, f.sub(1, weight)),
    f.mul(gradient, weight),
    f.mul(gradient, f.sub(end, self)),
  ],
});

/**
 * The larger of two elements; NaN where one is NaN. Broadcast and promoted. Where they are equal each gets half of the gradient.
 * @example
 * ```ts
 * torch.tensor([1, 5]).maximum(torch.tensor([3, 2])) // => tensor([3., 5.])
 * ```
 */
export const maximum: Method<[other: Tensor]> = pointwise({
  name: "maximum",
  inputs: ["self", "other"],
  promotion: "arithmetic",
  inPlace: false,
  expression: (self, other) => f.maximum(self, other),
  masks: true,
});

/**
 * The smaller of two elements; NaN where one is NaN. Broadcast and promoted. Where they are equal each gets half of the gradient.
 * @example
 * ```ts
 * torch.tensor([1, 5]).minimum(torch.tensor([3, 2])) // => tensor([1., 2.])
 * ```
 */
export const minimum: Method<[other: Tensor]> = pointwise({
  name: "minimum",
  inputs: ["self", "other"],
  promotion: "arithmetic",
  inPlace: false,
  expression: (self, other) => f.minimum(self, other),
  masks: true,
});

/**
 * The larger of two elements; where one is NaN, the other. Broadcast and promoted. Where they are equal `self` gets the gradient.
 * @example
 * ```ts
 * torch.tensor([1, NaN]).fmax(torch.tensor([3, 2])) // => tensor([3., 2.])
 * ```
 */
export const fmax: Method<[other: Tensor]> = pointwise({
  name: "fmax",
  inputs: ["self", "other"],
  promotion: "arithmetic",
  inPlace: false,
  expression: (self, other) => f.fmax(self, other),
  masks: true,
});

/**
 * The smaller of two elements; where one is NaN, the other. Broadcast and promoted. Where they are equal `self` gets the gradient.
 * @example
 * ```ts
 * torch.tensor([1, NaN]).fmin(torch.tensor([3, 2])) // => tensor([1., 2.])
 * ```
 */
export const fmin: Method<[other: Tensor]> = pointwise({
  name: "fmin",
  inputs: ["self", "other"],
  promotion: "arithmetic",
  inPlace: false,
  expression: (self, other) => f.fmin(self, other),
  masks: true,
});
