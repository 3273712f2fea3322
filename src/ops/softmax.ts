// Softmax and its relatives along a dimension.
import { isDifferentiable } from "../autograd/mode.ts";
import { type DType } from "../core/dtype.ts";
import { DTypeError } from "../core/errors.ts";
import { f } from "../core/scalar.ts";
import { wrapDimension } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { joinedDevice } from "./define/levels.ts";
import { empty, relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { pointwise } from "./define/pointwise.ts";
import type { Method, Trailing } from "./define/registry.ts";

/** A view with dimension `dim` last, outside the graph: what the kernels work along. */
function lined(t: Tensor, dim: number): Tensor {
  const rank = t.sizes.length;
  if (rank === 0) return relayout(t, [1], [1], t.offset);
  if (dim === rank - 1) return t;
  const sizes = [...t.sizes];
  const strides = [...t.strides];
  sizes.push(...sizes.splice(dim, 1));
  strides.push(...strides.splice(dim, 1));
  return relayout(t, sizes, strides, t.offset);
}

function forward(name: string, self: Tensor, dim: number, logarithm: boolean): Tensor {
  const d = wrapDimension(name, dim, self.sizes.length);
  if (self.dtype.kind !== "floating")
    throw new DTypeError(
      `${name}: takes floating-point tensors, got ${self.dtype.name}; give dtype to convert it`,
    );
  const out = empty(self.sizes, self.dtype, self.device);
  out.storage.device.backend.softmax(lined(out, d), lined(self, d), logarithm);
  return out;
}

/** The gradient in one kernel, where it need not be differentiated again. */
function backward(g: Tensor, result: Tensor, dim: number, logarithm: boolean): Tensor {
  const d = wrapDimension("softmax", dim, result.sizes.length);
  const out = empty(result.sizes, result.dtype, joinedDevice(result.device, g.device));
  out.storage.device.backend.softmaxBackward(
    lined(out, d),
    lined(g, d),
    lined(result, d),
    logarithm,
  );
  return out;
}

const softGradient: (g: Tensor, result: Tensor, total: Tensor) => Tensor = pointwise({
  name: "softmaxBackwardData",
  inputs: ["g", "result", "total"],
  promotion: "arithmetic",
  expression: (g, result, total) => f.mul(f.sub(g, total), result),
});
const logGradient: (g: Tensor, result: Tensor, total: Tensor) => Tensor = pointwise({
  name: "logSoftmaxBackwardData",
  inputs: ["g", "result", "total"],
  promotion: "arithmetic",
  expression: (g, result, total) => f.sub(g, f.mul(f.exp(result), total)),
});

const plain: (self: Tensor, dim: number) => Tensor = operation({
  name: "softmax",
  symmetric: true,
  parameters: { self: p.tensor, dim: p.integer },
  saves: ["output"],
  forward: ({ self, dim }) => forward("softmax", self, dim, false),
  backward: {
    self: (g, { output, dim }) =>
      isDifferentiable()
        ? softGradient(g, output, g.mul(output).sum(dim, true))
        : backward(g, output, dim, false),
  },
});

const logarithmic: (self: Tensor, dim: number) => Tensor = operation({
  name: "logSoftmax",
  parameters: { self: p.tensor, dim: p.integer },
  saves: ["output"],
  forward: ({ self, dim }) => forward("logSoftmax", self, dim, true),
  backward: {
    self: (g, { output, dim }) =>
      isDifferentiable()
        ? logGradient(g, output, g.sum(dim, true))
        : backward(g, output, dim, true),
  },
});

type AlongDimension = Method<
  Trailing<
    [dim: number | null, dtype: DType | null],
    { readonly dim?: number | null; readonly dtype?: DType | null }
  >
>;

const parameters = {
  self: p.tensor,
  dim: p.optional(p.integer, null),
  dtype: p.optional(p.dtype, null),
};

/** The dimension PyTorch's functional forms take where none is given: 0 for vectors, single matrices' stacks and scalars, else 1. */
const implicit = (rank: number): number => (rank === 0 || rank === 1 || rank === 3 ? 0 : 1);

/**
 * exp(x) / sum(exp(x)) along `dim`, computed against the maximum so that nothing overflows.
 * @example
 * ```ts
 * torch.tensor([1000, 1000]).softmax(0) // => tensor([0.5000, 0.5000])
 * ```
 */
export const softmax: AlongDimension = composite({
  name: "softmax",
  parameters,
  compute: ({ self, dim, dtype }) =>
    plain(dtype === null ? self : self.to(dtype), dim ?? implicit(self.sizes.length)),
});

/**
 * The logarithm of softmax along `dim`: x - log(sum(exp(x))), without computing softmax itself.
 * @example
 * ```ts
 * torch.tensor([1000, 1000]).logSoftmax(0) // => tensor([-0.6931, -0.6931])
 * ```
 */
export const logSoftmax: AlongDimension = composite({
  name: "logSoftmax",
  parameters,
  compute: ({ self, dim, dtype }) =>
    logarithmic(dtype === null ? self : self.to(dtype), dim ?? implicit(self.sizes.length)),
});

/**
 * The softmax of the negated input along `dim`.
 * @example
 * ```ts
 * torch.nn.functional.softmin(torch.tensor([1, 1]), 0) // => tensor([0.5000, 0.5000])
 * ```
 */
export const softmin: AlongDimension = composite({
  name: "softmin",
  parameters,
  compute: ({ self, dim, dtype }) => (dtype === null ? self : self.to(dtype)).neg().softmax(dim),
});
