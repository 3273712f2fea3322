// Activation functions made of straight pieces. At a kink the gradient is that of PyTorch: mostly of the flat side.
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { type Expression, gradient, result } from "../core/expression.ts";
import { mappedNumbers } from "../core/list.ts";
import { f } from "../core/scalar.ts";
import type { Tensor } from "../core/tensor.ts";
import { dispatch, type Variant } from "./define/dispatch.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { noBool, onlyFloating, sameTypes } from "./define/refusals.ts";
import type { FunctionOnly, Method, MethodWithInPlace, Trailing } from "./define/registry.ts";

/** The gradient between two bounds, and 0 at and beyond them. */
const inside = (x: Expression, low: Expression | number, high: Expression | number): Expression =>
  f.select(f.or(f.le(x, low), f.ge(x, high)), 0, gradient);
const between = (x: Expression, limit: Expression): Expression =>
  f.and(f.ge(x, f.neg(limit)), f.le(x, limit));

/**
 * The positive part, `max(x, 0)`. Refuses bool. The gradient at 0 is 0.
 * @example
 * ```ts
 * torch.tensor([-1, 0, 2]).relu() // => tensor([0., 0., 2.])
 * ```
 */
export const relu: MethodWithInPlace<Trailing<[], { readonly inplace?: boolean }>> = pointwise({
  name: "relu",
  inputs: ["self"],
  promotion: "arithmetic",
  refuses: noBool("convert to an integer type"),
  inplaceOption: true,
  expression: (self) => f.maximum(self, 0),
  derivative: () => [f.select(f.le(result, 0), 0, gradient)],
});

/**
 * `min(max(x, 0), 6)`. The gradient at 0 and 6 is 0.
 * @example
 * ```ts
 * torch.nn.functional.relu6(torch.tensor([-1, 3, 8])) // => tensor([0., 3., 6.])
 * ```
 */
export const relu6: FunctionOnly<
  (input: Tensor, ...args: Trailing<[], { readonly inplace?: boolean }>) => Tensor
> = pointwise({
  name: "relu6",
  node: "Hardtanh",
  inputs: ["input"],
  promotion: "arithmetic",
  refuses: noBool("convert to a floating-point type"),
  inplaceOption: true,
  expression: (input) => f.minimum(f.maximum(input, 0), 6),
  derivative: (input) => [inside(input, 0, 6)],
});

/**
 * x where positive, `negativeSlope * x` elsewhere.
 * @example
 * ```ts
 * torch.nn.functional.leakyRelu(torch.tensor([-1, 0, 2])) // => tensor([-0.0100,  0.0000,  2.0000])
 * ```
 */
export const leakyRelu: FunctionOnly<
  (
    input: Tensor,
    ...args: Trailing<
      [negativeSlope: number],
      { readonly negativeSlope?: number; readonly inplace?: boolean }
    >
  ) => Tensor
> = pointwise({
  name: "leakyRelu",
  inputs: ["input"],
  scalars: { negativeSlope: 0.01 },
  promotion: "arithmetic",
  refuses: onlyFloating,
  inplaceOption: true,
  expression: (input, negativeSlope) =>
    f.select(f.gt(input, 0), input, f.mul(input, negativeSlope)),
  derivative: (input, negativeSlope) => [
    f.select(f.gt(input, 0), gradient, f.mul(gradient, negativeSlope)),
  ],
});

const limited: Variant = pointwise({
  name: "hardtanh",
  inputs: ["input"],
  scalars: { minVal: -1, maxVal: 1 },
  promotion: "arithmetic",
  exactNumbers: true,
  refuses: noBool("convert to a floating-point type"),
  inplaceOption: true,
  expression: (input, minVal, maxVal) => f.minimum(f.maximum(input, minVal), maxVal),
  derivative: (input, minVal, maxVal) => [inside(input, minVal, maxVal)],
});

/**
 * x limited to `minVal` and `maxVal`, of which integers take the whole part. Refuses bool and `minVal` above `maxVal`. The gradient at the bounds is 0.
 * @example
 * ```ts
 * torch.nn.functional.hardtanh(torch.tensor([-1, 0, 2])) // => tensor([-1.,  0.,  1.])
 * ```
 */
export const hardtanh: FunctionOnly<
  (
    input: Tensor,
    ...args: Trailing<
      [minVal: number, maxVal: number],
      { readonly minVal?: number; readonly maxVal?: number; readonly inplace?: boolean }
    >
  ) => Tensor
> = dispatch({
  name: "hardtanh",
  parameters: {
    input: p.tensor,
    minVal: p.optional(p.number, -1),
    maxVal: p.optional(p.number, 1),
    inplace: p.optional(p.boolean, false),
  },
  variants: [limited],
  choose: ({ input, minVal, maxVal, inplace }) => {
    if (minVal > maxVal)
      throw new ArgumentError(
        `hardtanh: minVal = ${minVal} exceeds maxVal = ${maxVal}; give them in order`,
      );
    const bounds = [minVal, maxVal].map((bound) =>
      input.dtype.kind === "floating" ? bound : Math.trunc(bound),
    );
    return [limited, input, ...bounds, inplace];
  },
});

/**
 * `min(max(x / 6 + 1 / 2, 0), 1)`. The gradient at -3 and 3 is 0.
 * @example
 * ```ts
 * torch.nn.functional.hardsigmoid(torch.tensor([-1, 0, 2])) // => tensor([0.3333, 0.5000, 0.8333])
 * ```
 */
export const hardsigmoid: FunctionOnly<
  (input: Tensor, ...args: Trailing<[], { readonly inplace?: boolean }>) => Tensor
> = pointwise({
  name: "hardsigmoid",
  inputs: ["input"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  inplaceOption: true,
  expression: (input) => f.div(f.minimum(f.maximum(f.add(input, 3), 0), 6), 6),
  derivative: (input) => [f.select(f.and(f.gt(input, -3), f.lt(input, 3)), f.div(gradient, 6), 0)],
});

/**
 * `x * min(max(x + 3, 0), 6) / 6`.
 * @example
 * ```ts
 * torch.nn.functional.hardswish(torch.tensor([-1, 0, 2])) // => tensor([-0.3333,  0.0000,  1.6667])
 * ```
 */
export const hardswish: FunctionOnly<
  (input: Tensor, ...args: Trailing<[], { readonly inplace?: boolean }>) => Tensor
> = pointwise({
  name: "hardswish",
  inputs: ["input"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  inplaceOption: true,
  expression: (input) => f.div(f.mul(input, f.minimum(f.maximum(f.add(input, 3), 0), 6)), 6),
  derivative: (input) => [
    f.select(
      f.le(input, -3),
      0,
      f.select(f.lt(input, 3), f.mul(gradient, f.add(f.div(input, 3), 0.5)), gradient),
    ),
  ],
});

/**
 * 0 between `-lambd` and `lambd`, x elsewhere.
 * @example
 * ```ts
 * torch.tensor([-1, 0.2, 2]).hardshrink() // => tensor([-1.,  0.,  2.])
 * ```
 */
export const hardshrink: Method<Trailing<[lambd: number], { readonly lambd?: number }>> = pointwise(
  {
    name: "hardshrink",
    inputs: ["self"],
    scalars: { lambd: 0.5 },
    promotion: "arithmetic",
    refuses: onlyFloating,
    expression: (self, lambd) => f.select(between(self, lambd), 0, self),
    derivative: (self, lambd) => [f.select(between(self, lambd), 0, gradient)],
  },
);

/**
 * x moved toward 0 by `lambd`, and 0 where it is nearer than that. Refuses a negative `lambd`.
 * @example
 * ```ts
 * torch.nn.functional.softshrink(torch.tensor([-1, 0, 2])) // => tensor([-0.5000,  0.0000,  1.5000])
 * ```
 */
export const softshrink: FunctionOnly<
  (input: Tensor, ...args: Trailing<[lambd: number], { readonly lambd?: number }>) => Tensor
> = pointwise({
  name: "softshrink",
  inputs: ["input"],
  scalars: { lambd: 0.5 },
  promotion: "arithmetic",
  refuses: onlyFloating,
  check: (_operands, _common, { lambd }) =>
    lambd! < 0 ? `lambd = ${lambd} is negative; give 0 or more` : undefined,
  expression: (input, lambd) =>
    f.select(
      f.gt(input, lambd),
      f.sub(input, lambd),
      f.select(f.lt(input, f.neg(lambd)), f.add(input, lambd), f.mul(input, 0)),
    ),
  derivative: (input, lambd) => [f.select(between(input, lambd), 0, gradient)],
});

/**
 * x where it exceeds `threshold`, `value` elsewhere. Refuses bool.
 * @example
 * ```ts
 * torch.nn.functional.threshold(torch.tensor([-1, 0, 2]), 0.5, 9) // => tensor([9., 9., 2.])
 * ```
 */
export const threshold: FunctionOnly<
  (
    input: Tensor,
    threshold: number,
    value: number,
    options?: { readonly inplace?: boolean },
  ) => Tensor
> = pointwise({
  name: "threshold",
  inputs: ["input", "threshold?", "value?"],
  promotion: "arithmetic",
  conditions: ["threshold", "value"],
  exactNumbers: true,
  refuses: noBool("convert to an integer type"),
  inplaceOption: true,
  expression: (input, threshold, value) => f.select(f.le(input, threshold), value, input),
  derivative: (input, threshold) => [f.select(f.le(input, threshold), 0, gradient), null, null],
});

const preluKernel: Variant = pointwise({
  name: "preluKernel",
  inputs: ["self", "weight"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  check: sameTypes,
  inPlace: false,
  expression: (self, weight) => f.select(f.gt(self, 0), self, f.mul(weight, self)),
  derivative: (self, weight) => [
    f.select(f.gt(self, 0), gradient, f.mul(weight, gradient)),
    f.select(f.gt(self, 0), 0, f.mul(self, gradient)),
  ],
});

/**
 * x where positive, `weight * x` elsewhere, with one weight or one for each position of dimension 1. Operands of one floating-point type.
 * Refuses other numbers of weights.
 * @example
 * ```ts
 * torch.tensor([-4, 2]).prelu(torch.tensor(0.25)) // => tensor([-1.,  2.])
 * ```
 */
export const prelu: Method<[weight: Tensor]> = composite({
  name: "prelu",
  parameters: { self: p.tensor, weight: p.tensor },
  compute: ({ self, weight }) => {
    const refusal = sameTypes([self, weight], self.dtype);
    if (refusal !== undefined) throw new DTypeError(`prelu: ${refusal}`);
    const rank = self.sizes.length;
    if (weight.sizes.length > 1)
      throw new ShapeError(
        `prelu: weight must have at most one dimension, got shape [${weight.sizes.join(", ")}]`,
      );
    if (weight.count === 1) return preluKernel(self, weight.reshape([]));
    const channels = rank < 2 ? 1 : self.sizes[1]!;
    if (weight.count !== channels)
      throw new ShapeError(
        `prelu: there are ${weight.count} weights for ${channels} channels; give 1 or ${channels}`,
      );
    return preluKernel(
      self,
      weight.reshape(mappedNumbers(self.sizes, (_, i) => (i === 1 ? channels : 1))),
    );
  },
});
