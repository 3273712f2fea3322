// Running sums, products and extrema along a dimension.
import { isDifferentiable } from "../autograd/mode.ts";
import type { ScanKind } from "../core/backend.ts";
import { type DType, int64 } from "../core/dtype.ts";
import { DTypeError } from "../core/errors.ts";
import { gradient as arriving } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { wrapDimension } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty, isTrue, relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { ValuesAndIndices } from "./define/picking.ts";
import { place } from "./define/pick.ts";
import { pointwise } from "./define/pointwise.ts";
import type { Method, MethodWithInPlace } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";

/** The tensor with one dimension running backwards, outside the graph. */
function reversed(t: Tensor, dim: number): Tensor {
  const strides = [...t.strides];
  const size = t.sizes[dim]!;
  strides[dim] = -strides[dim]!;
  return relayout(t, t.sizes, strides, t.offset + Math.max(size - 1, 0) * t.strides[dim]!);
}

/** One scan kernel, outside the graph; from the end where `backwards`. A tensor without dimensions is its own scan. */
function scanned(
  kind: ScanKind,
  self: Tensor,
  dim: number,
  out: Tensor,
  positions: Tensor | null,
  backwards: boolean = false,
): void {
  const line = (t: Tensor): Tensor => {
    const whole = t.sizes.length === 0 ? relayout(t, [1], [1], t.offset) : t;
    return backwards ? reversed(whole, dim) : whole;
  };
  const { backend } = out.storage.device;
  backend.scan(kind, line(out), line(self), dim, positions === null ? null : line(positions));
}

function typed(self: Tensor, dtype: DType | null): Tensor {
  const target = dtype ?? (self.dtype.kind === "floating" ? self.dtype : int64);
  if (target === self.dtype) return self;
  return self.to(target);
}

function summing(
  name: string,
  backwards: boolean,
  adjoint: (g: Tensor, dim: number) => Tensor,
): (self: Tensor, dim: number) => Tensor {
  return operation({
    name,
    linear: true,
    parameters: { self: p.tensor, dim: p.integer },
    forward: ({ self, dim }) => {
      const d = wrapDimension(name, dim, self.sizes.length);
      const out = empty(self.sizes, self.dtype, self.device);
      scanned("sum", self, d, out, null, backwards);
      return out;
    },
    backward: { self: (g, { dim }) => adjoint(g, dim) },
  });
}
const forwardSum: (self: Tensor, dim: number) => Tensor = summing("cumsum", false, (g, dim) =>
  backwardSum(g, dim),
);
const backwardSum: (self: Tensor, dim: number) => Tensor = summing("cumsum", true, (g, dim) =>
  forwardSum(g, dim),
);

type Running = MethodWithInPlace<[dim: number, options?: { readonly dtype?: DType | null }]>;
const runningParameters = {
  self: p.tensor,
  dim: p.integer,
  dtype: p.optional(p.dtype, null),
};

/**
 * The running sum along `dim`. Integers are summed in int64.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).cumsum(0) // => tensor([1., 3., 6.])
 * ```
 */
export const cumsum: Running = composite({
  name: "cumsum",
  parameters: runningParameters,
  inPlace: true,
  compute: ({ self, dim, dtype }) => forwardSum(typed(self, dtype), dim),
});

const forwardProduct: (self: Tensor, dim: number) => Tensor = operation({
  name: "cumprod",
  parameters: { self: p.tensor, dim: p.integer },
  saves: ["self", "output"],
  forward: ({ self, dim }) => {
    const d = wrapDimension("cumprod", dim, self.sizes.length);
    const out = empty(self.sizes, self.dtype, self.device);
    scanned("product", self, d, out, null);
    return out;
  },
  backward: {
    self: (g, { self, output, dim }) => {
      if (self.sizes.length === 0 || self.count === 0) return g;
      if (isTrue(self.detach().all()) === true) return backwardSum(g.mul(output), dim).div(self);
      return productsWithZeros(g, self, dim);
    },
  },
});

/** The exact gradient where elements are zero: the running product is taken once for each element replaced by 1. */
function productsWithZeros(g: Tensor, self: Tensor, dim: number): Tensor {
  const rank = self.sizes.length;
  const lines = self.transpose(dim, -1);
  const n = lines.sizes[rank - 1]!;
  const lead = lines.sizes.slice(0, -1);
  const eye = empty([n, n], self.dtype, self.device);
  fillWith(eye, 0);
  fillWith(relayout(eye, [n], [n + 1], 0), 1);
  // Row i holds the running product without element i; positions before i do not contain it.
  const others = replaced(lines.unsqueeze(-2).expand([...lead, n, n]), eye).cumprod(-1);
  const reach = eye.cumsum(1);
  const gradients = reached(others, g.transpose(dim, -1).unsqueeze(-2), reach).sum(-1);
  return gradients.transpose(dim, -1);
}
const replaced: (self: Tensor, own: Tensor) => Tensor = pointwise({
  name: "where",
  inputs: ["self", "own"],
  promotion: "arithmetic",
  expression: (self, own) => f.select(own, 1, self),
});

// Chosen, not multiplied by 0 or 1: others may be infinite.
const reached: (others: Tensor, gradient: Tensor, reach: Tensor) => Tensor = pointwise({
  name: "where",
  inputs: ["others", "gradient", "reach"],
  promotion: "arithmetic",
  expression: (others, gradient, reach) => f.select(reach, f.mul(others, gradient), 0),
});

/**
 * The running product along `dim`. Integers are multiplied in int64.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3]).cumprod(0) // => tensor([1., 2., 6.])
 * ```
 */
export const cumprod: Running = composite({
  name: "cumprod",
  parameters: runningParameters,
  inPlace: true,
  compute: ({ self, dim, dtype }) => forwardProduct(typed(self, dtype), dim),
});

type RunningExtremum = Method<[dim: number], ValuesAndIndices>;

function runningExtremum(name: "cummax" | "cummin"): RunningExtremum {
  return operation({
    name,
    parameters: { self: p.tensor, dim: p.integer },
    outputs: ["values", "indices"],
    saves: ["output"],
    savedOutputs: [1],
    forward: ({ self, dim }) => {
      const d = wrapDimension(name, dim, self.sizes.length);
      const values = empty(self.sizes, self.dtype, self.device);
      const indices = empty(self.sizes, int64, self.device);
      scanned(name === "cummax" ? "maximum" : "minimum", self, d, values, indices);
      return [values, indices];
    },
    backward: {
      self: (g, { output, dim, sizesOf }) => {
        const sizes = sizesOf["self"]!;
        if (sizes.length === 0) return g;
        const d = wrapDimension(name, dim, sizes.length);
        return place(g, d, output, sizes[d]!);
      },
    },
  });
}

/**
 * The largest element so far along `dim`, and where it lies (of equals the last), as `{ values, indices }`.
 * @example
 * ```ts
 * torch.tensor([1, 3, 2]).cummax(0).values // => tensor([1., 3., 3.])
 * ```
 */
export const cummax: RunningExtremum = runningExtremum("cummax");

/**
 * The smallest element so far along `dim`, and where it lies (of equals the last), as `{ values, indices }`.
 * @example
 * ```ts
 * torch.tensor([2, 3, 1]).cummin(0).values // => tensor([2., 2., 1.])
 * ```
 */
export const cummin: RunningExtremum = runningExtremum("cummin");

/** log(g) where g is positive, else minus infinity; its own gradient is 1 / g there, else 0. */
const logPositive: (self: Tensor) => Tensor = pointwise({
  name: "log",
  inputs: ["self"],
  promotion: "floating",
  expression: (self) => f.select(f.gt(self, 0), f.log(self), Number.NEGATIVE_INFINITY),
  derivative: (self) => [f.select(f.gt(self, 0), f.div(arriving, self), 0)],
});

function logSums(backwards: boolean): (self: Tensor, dim: number) => Tensor {
  return operation({
    name: "logcumsumexp",
    parameters: { self: p.tensor, dim: p.integer },
    saves: ["self", "output"],
    forward: ({ self, dim }) => {
      const d = wrapDimension("logcumsumexp", dim, self.sizes.length);
      const out = empty(self.sizes, self.dtype, self.device);
      scanned("logSumExp", self, d, out, null, backwards);
      return out;
    },
    backward: {
      self: (g, { self, output, dim }) => {
        if (isDifferentiable()) {
          // A plain product of exponentials, which differentiates again; shifted by the largest element.
          const shift = self.count === 0 ? self : self.detach().amax(dim, true);
          const sums = backwards ? forwardSum : backwardSum;
          return sums(g.mul(shift.sub(output).exp()), dim).mul(self.sub(shift).exp());
        }
        // In logarithms throughout, positive and negative gradients apart, so that nothing overflows.
        const other = backwards ? forwardLogSum : backwardLogSum;
        const part = (signed: Tensor): Tensor =>
          other(logPositive(signed).sub(output), dim).add(self).exp();
        return part(g).sub(part(g.neg()));
      },
    },
  });
}
const forwardLogSum: (self: Tensor, dim: number) => Tensor = logSums(false);
const backwardLogSum: (self: Tensor, dim: number) => Tensor = logSums(true);

/**
 * The logarithm of the running sum of exponentials along `dim`, without overflow.
 * @example
 * ```ts
 * torch.tensor([0, 0]).logcumsumexp(0) // => tensor([0.0000, 0.6931])
 * ```
 */
export const logcumsumexp: Method<[dim: number]> = composite({
  name: "logcumsumexp",
  parameters: { self: p.tensor, dim: p.integer },
  compute: ({ self, dim }) => {
    if (self.dtype.kind !== "floating")
      throw new DTypeError(
        `logcumsumexp: takes floating-point tensors, got ${self.dtype.name}; convert it first`,
      );
    return forwardLogSum(self, dim);
  },
});
