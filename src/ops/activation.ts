// Smooth activation functions of networks. Those that are methods of Tensor in PyTorch are so here.
import { DTypeError, ShapeError } from "../core/errors.ts";
import { type Expression, gradient } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { wrapDimension } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { dispatch, type Variant } from "./define/dispatch.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import { noBool, onlyFloating } from "./define/refusals.ts";
import type { FunctionOnly, MethodWithInPlace, Trailing } from "./define/registry.ts";
import type { Unary } from "./types.ts";

const seluScale = 1.0507009873554805;
const seluAlpha = 1.6732632423543772;

/** min(x, 0), so that an exponential never overflows where it is not used. */
const negativePart = (x: Expression): Expression => f.select(f.gt(x, 0), 0, x);
/** The same without a slope at 0: PyTorch's second derivatives there are those of the other side. */
const strictlyNegativePart = (x: Expression): Expression => f.select(f.ge(x, 0), 0, x);
/** log(1 + exp(x)), which beyond 40 is x to the last digit. */
const softened = (x: Expression): Expression => {
  const far = f.gt(x, 40);
  return f.select(far, x, f.log1p(f.exp(f.select(far, 40, x))));
};
/** The fraction of a standard normal distribution below x. */
const normalBelow = (x: Expression): Expression =>
  f.mul(f.add(f.erf(f.mul(x, Math.SQRT1_2)), 1), 0.5);

/**
 * The logistic function, `1 / (1 + exp(-x))`. Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0, 1]).sigmoid() // => tensor([0.5000, 0.7311])
 * ```
 */
export const sigmoid: Unary = pointwise({
  name: "sigmoid",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.sigmoid(self),
});

/**
 * x where positive, `alpha * (exp(x) - 1)` elsewhere.
 * @example
 * ```ts
 * torch.nn.functional.elu(torch.tensor([-1, 0, 2])) // => tensor([-0.6321,  0.0000,  2.0000])
 * ```
 */
export const elu: FunctionOnly<
  (
    input: Tensor,
    ...args: Trailing<[alpha: number], { readonly alpha?: number; readonly inplace?: boolean }>
  ) => Tensor
> = pointwise({
  name: "elu",
  inputs: ["input"],
  scalars: { alpha: 1 },
  promotion: "arithmetic",
  refuses: onlyFloating,
  inplaceOption: true,
  expression: (input, alpha) =>
    f.select(f.gt(input, 0), input, f.mul(alpha, f.expm1(negativePart(input)))),
  derivative: (input, alpha) => [
    f.select(
      f.le(input, 0),
      f.mul(gradient, f.mul(alpha, f.exp(strictlyNegativePart(input)))),
      gradient,
    ),
  ],
});

/**
 * x where positive, `alpha * (exp(x / alpha) - 1)` elsewhere. Refuses `alpha = 0`.
 * @example
 * ```ts
 * torch.nn.functional.celu(torch.tensor([-1, 0, 2])) // => tensor([-0.6321,  0.0000,  2.0000])
 * ```
 */
export const celu: FunctionOnly<
  (
    input: Tensor,
    ...args: Trailing<[alpha: number], { readonly alpha?: number; readonly inplace?: boolean }>
  ) => Tensor
> = pointwise({
  name: "celu",
  inputs: ["input"],
  scalars: { alpha: 1 },
  promotion: "arithmetic",
  refuses: onlyFloating,
  check: (_operands, _common, { alpha }) =>
    alpha === 0 ? "alpha = 0 would divide by zero; give another" : undefined,
  inplaceOption: true,
  expression: (input, alpha) =>
    f.select(f.gt(input, 0), input, f.mul(alpha, f.expm1(f.div(negativePart(input), alpha)))),
  derivative: (input, alpha) => [
    f.select(
      f.le(input, 0),
      f.mul(gradient, f.exp(f.div(strictlyNegativePart(input), alpha))),
      gradient,
    ),
  ],
});

/**
 * `scale * (max(x, 0) + min(0, alpha * (exp(x) - 1)))` with the constants of Klambauer et al., "Self-Normalizing Neural Networks" (2017).
 * @example
 * ```ts
 * torch.nn.functional.selu(torch.tensor([-1, 0, 2])) // => tensor([-1.1113,  0.0000,  2.1014])
 * ```
 */
export const selu: FunctionOnly<
  (input: Tensor, ...args: Trailing<[], { readonly inplace?: boolean }>) => Tensor
> = pointwise({
  name: "selu",
  node: "Elu",
  inputs: ["input"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  inplaceOption: true,
  expression: (input) =>
    f.select(
      f.gt(input, 0),
      f.mul(input, seluScale),
      f.mul(f.expm1(negativePart(input)), seluScale * seluAlpha),
    ),
  derivative: (input) => [
    f.select(
      f.le(input, 0),
      f.mul(gradient, f.mul(f.exp(strictlyNegativePart(input)), seluScale * seluAlpha)),
      f.mul(gradient, seluScale),
    ),
  ],
});

const geluExact: Variant = pointwise({
  name: "gelu",
  inputs: ["input"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  expression: (input) => f.mul(input, normalBelow(input)),
  derivative: (input) => [
    f.mul(
      gradient,
      f.add(
        normalBelow(input),
        f.mul(input, f.mul(f.exp(f.mul(f.mul(input, input), -0.5)), 1 / Math.sqrt(2 * Math.PI))),
      ),
    ),
  ],
});

const geluTanh: Variant = pointwise({
  name: "gelu",
  inputs: ["input"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  expression: (input) => {
    const cubic = f.add(input, f.mul(f.mul(f.mul(input, input), input), 0.044715));
    return f.mul(f.mul(input, 0.5), f.add(f.tanh(f.mul(cubic, Math.sqrt(2 / Math.PI))), 1));
  },
});

/**
 * x times the fraction of a standard normal distribution below x; with `approximate: "tanh"`
 * `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x ** 3)))` (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).
 * @example
 * ```ts
 * torch.nn.functional.gelu(torch.tensor([-1, 0, 2])) // => tensor([-0.1587,  0.0000,  1.9545])
 * ```
 */
export const gelu: FunctionOnly<
  (input: Tensor, options?: { readonly approximate?: "none" | "tanh" }) => Tensor
> = dispatch({
  name: "gelu",
  parameters: { input: p.tensor, approximate: p.optional(p.choice("none", "tanh"), "none") },
  variants: [geluExact, geluTanh],
  choose: ({ input, approximate }) => [approximate === "tanh" ? geluTanh : geluExact, input],
});

/**
 * `x * sigmoid(x)`, also called swish.
 * @example
 * ```ts
 * torch.nn.functional.silu(torch.tensor([-1, 0, 2])) // => tensor([-0.2689,  0.0000,  1.7616])
 * ```
 */
export const silu: FunctionOnly<
  (input: Tensor, ...args: Trailing<[], { readonly inplace?: boolean }>) => Tensor
> = pointwise({
  name: "silu",
  inputs: ["input"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  inplaceOption: true,
  expression: (input) => f.mul(input, f.sigmoid(input)),
  derivative: (input) => {
    const share = f.sigmoid(input);
    return [f.mul(gradient, f.mul(share, f.add(f.mul(input, f.sub(1, share)), 1)))];
  },
});

/**
 * `x * tanh(log(1 + exp(x)))`.
 * @example
 * ```ts
 * torch.nn.functional.mish(torch.tensor([-1, 0, 2])) // => tensor([-0.3034,  0.0000,  1.9440])
 * ```
 */
export const mish: FunctionOnly<
  (input: Tensor, ...args: Trailing<[], { readonly inplace?: boolean }>) => Tensor
> = pointwise({
  name: "mish",
  inputs: ["input"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  inplaceOption: true,
  expression: (input) => f.mul(input, f.tanh(softened(input))),
  derivative: (input) => {
    const bend = f.tanh(softened(input));
    const slope = f.mul(f.sigmoid(input), f.sub(1, f.mul(bend, bend)));
    return [f.mul(gradient, f.add(bend, f.mul(input, slope)))];
  },
});

/**
 * A smooth relu, `log(1 + exp(beta * x)) / beta`; x itself where `beta * x` exceeds `threshold`.
 * @example
 * ```ts
 * torch.nn.functional.softplus(torch.tensor([-1, 0, 2])) // => tensor([0.3133, 0.6931, 2.1269])
 * ```
 */
export const softplus: FunctionOnly<
  (
    input: Tensor,
    ...args: Trailing<
      [beta: number, threshold: number],
      { readonly beta?: number; readonly threshold?: number }
    >
  ) => Tensor
> = pointwise({
  name: "softplus",
  inputs: ["input"],
  scalars: { beta: 1, threshold: 20 },
  promotion: "arithmetic",
  refuses: onlyFloating,
  expression: (input, beta, threshold) => {
    const scaled = f.mul(input, beta);
    return f.select(f.gt(scaled, threshold), input, f.div(softened(scaled), beta));
  },
  derivative: (input, beta, threshold) => {
    const scaled = f.mul(input, beta);
    // At the threshold, too, the second derivative is 0.
    const below = f.select(f.ge(scaled, threshold), threshold, scaled);
    return [f.select(f.gt(scaled, threshold), gradient, f.mul(gradient, f.sigmoid(below)))];
  },
});

/**
 * `x - tanh(x)`. Refuses bool; integers give the default floating type.
 * @example
 * ```ts
 * torch.nn.functional.tanhshrink(torch.tensor([-1, 0, 2])) // => tensor([-0.2384,  0.0000,  1.0360])
 * ```
 */
export const tanhshrink: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "tanhshrink",
  node: "Sub",
  inputs: ["input"],
  promotion: "floating",
  refuses: noBool("convert to a floating-point type"),
  expression: (input) => f.sub(input, f.tanh(input)),
});

/**
 * `x / (1 + |x|)`. Refuses bool; integers give the default floating type.
 * @example
 * ```ts
 * torch.nn.functional.softsign(torch.tensor([-1, 0, 2])) // => tensor([-0.5000,  0.0000,  0.6667])
 * ```
 */
export const softsign: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "softsign",
  node: "Div",
  inputs: ["input"],
  promotion: "floating",
  refuses: noBool("convert to a floating-point type"),
  expression: (input) => f.div(input, f.add(f.abs(input), 1)),
});

/**
 * `log(sigmoid(x))`, without overflow.
 * @example
 * ```ts
 * torch.nn.functional.logsigmoid(torch.tensor([-1, 0, 2])) // => tensor([-1.3133, -0.6931, -0.1269])
 * ```
 */
export const logsigmoid: FunctionOnly<(input: Tensor) => Tensor> = pointwise({
  name: "logsigmoid",
  node: "LogSigmoid",
  inputs: ["input"],
  promotion: "arithmetic",
  refuses: onlyFloating,
  expression: (input) => f.sub(f.minimum(input, 0), f.log1p(f.exp(f.neg(f.abs(input))))),
  derivative: (input) => [f.mul(gradient, f.sigmoid(f.neg(input)))],
});

/**
 * `log(x / (1 - x))`, the inverse of sigmoid, after limiting x to `eps` and `1 - eps` where `eps` is given. NaN outside 0 to 1.
 * Integers give the default floating type.
 * @example
 * ```ts
 * torch.tensor([0.5, 0.9]).logit() // => tensor([0.0000, 2.1972])
 * ```
 */
export const logit: MethodWithInPlace<
  Trailing<[eps: number | null], { readonly eps?: number | null }>
> = pointwise({
  name: "logit",
  inputs: ["self"],
  scalars: { eps: -1 },
  promotion: "floating",
  domain: [0.1, 0.9],
  expression: (self, eps) => {
    const inner = f.minimum(f.maximum(self, eps), f.sub(1, eps));
    const limited = f.select(f.ge(eps, 0), inner, self);
    return f.log(f.div(limited, f.sub(1, limited)));
  },
  derivative: (self, eps) => {
    const low = f.select(f.ge(eps, 0), eps, 0);
    const outside = f.or(f.lt(self, low), f.gt(self, f.sub(1, low)));
    const beyond = f.select(f.ge(eps, 0), 0, Number.NaN);
    return [f.select(outside, beyond, f.div(gradient, f.mul(self, f.sub(1, self))))];
  },
});

/**
 * The first half of a dimension times the sigmoid of the second. Floating-point operands only; refuses an odd size.
 * @example
 * ```ts
 * torch.nn.functional.glu(torch.tensor([1, 2, 0, 0])) // => tensor([0.5000, 1.0000])
 * ```
 */
export const glu: FunctionOnly<
  (input: Tensor, ...args: Trailing<[dim: number], { readonly dim?: number }>) => Tensor
> = composite({
  name: "glu",
  parameters: { input: p.tensor, dim: p.optional(p.integer, -1) },
  compute: ({ input, dim }) => {
    const refusal = onlyFloating(input.dtype);
    if (refusal !== undefined) throw new DTypeError(`glu: ${refusal}`);
    const rank = input.sizes.length;
    if (rank === 0) throw new ShapeError("glu: a tensor without dimensions cannot be split");
    const at = wrapDimension("glu", dim, rank);
    const size = input.sizes[at]!;
    if (size % 2 !== 0)
      throw new ShapeError(
        `glu: dimension ${at} has the odd size ${size}; it is split in two halves`,
      );
    return input.narrow(at, 0, size / 2).mul(input.narrow(at, size / 2, size / 2).sigmoid());
  },
});
