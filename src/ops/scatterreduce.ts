// Scattering with a reduction: several values that meet at one place are combined.
import { AutogradError, DTypeError, ShapeError } from "../core/errors.ts";
import type { DType } from "../core/dtype.ts";
import { formatSizes, sameSizes, wrapDimension } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { checkDevices } from "./define/levels.ts";
import { integerRange } from "./define/integers.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, MethodWithInPlace } from "./define/registry.ts";

const reductions = ["sum", "prod", "mean", "amax", "amin"] as const;
type Reduction = (typeof reductions)[number];
type Kernel = "sum" | "product" | "minimum" | "maximum";

const kernels: Readonly<Record<Reduction, Kernel>> = {
  sum: "sum",
  mean: "sum",
  prod: "product",
  amax: "maximum",
  amin: "minimum",
};

/** The value that changes nothing in a reduction. */
function identityOf(reduce: Reduction, dtype: DType): number | bigint {
  if (reduce === "prod") return 1;
  if (reduce === "sum" || reduce === "mean") return 0;
  const low = reduce === "amax";
  if (dtype.isFloatingPoint) return low ? -Infinity : Infinity;
  const range = integerRange(dtype) ?? [0n, 1n];
  return range[low ? 0 : 1];
}

interface Call {
  readonly self: Tensor;
  readonly dim: number;
  readonly index: Tensor;
  readonly src: Tensor;
  readonly reduce: Reduction;
  readonly includeSelf: boolean;
}

/** How many values meet at each place, at least 1. */
function countsAt(like: Tensor, dim: number, index: Tensor, includeSelf: boolean): Tensor {
  const start = includeSelf ? like.newOnes(like.sizes) : like.newZeros(like.sizes);
  const counts = start.scatterAdd(dim, index, like.newOnes(index.sizes));
  return counts.maskedFill(counts.eq(0), 1);
}

function reduceInto({ self, dim, index, src, reduce, includeSelf }: Call): void {
  if (!includeSelf)
    self.copy_(
      self.scatter(
        dim,
        index,
        self.newFull([], identityOf(reduce, self.dtype)).expand(index.sizes),
      ),
    );
  if (index.count > 0) {
    const whole = (of: Tensor): Tensor => (of.sizes.length === 0 ? of.reshape(1) : of);
    const d = wrapDimension("scatterReduce", dim, self.sizes.length);
    self.device.backend.scatter(kernels[reduce], whole(self), d, whole(index).long(), whole(src));
  }
  if (reduce === "mean") {
    const counts = countsAt(self.detach(), dim, index, includeSelf);
    self.copy_(
      self.dtype.isFloatingPoint ? self.div(counts) : self.div(counts, { roundingMode: "floor" }),
    );
  }
}

/** The same tensor; whoever differentiates it where `several` factors are zero learns that its formula does not hold there. */
const derivedOnce: (self: Tensor, several: Tensor) => Tensor = operation({
  name: "scatterReduce",
  parameters: { self: p.tensor, several: p.tensor },
  saves: ["several"],
  forward: ({ self }) => self.clone(),
  backward: {
    self: (g, { several }) => {
      if (several.any().item())
        throw new AutogradError(
          "scatterReduce: a product cannot be differentiated twice with respect to src where more than one zero of src meets at the same place",
        );
      return g;
    },
  },
});

/** The gradients of a product for self and source, where factors may be zero. */
function productGradient(
  g: Tensor,
  call: Call,
  result: Tensor,
): { readonly self: () => Tensor; readonly src: () => Tensor } {
  const { self, dim, index, src, includeSelf } = call;
  return {
    self: () => {
      const nonzero = self.maskedFill(self.eq(0), 1);
      const others = nonzero.scatterReduce(dim, index, src, "prod", { includeSelf });
      return g.mul(others).div(nonzero);
    },
    src: () => {
      const zero = src.eq(0);
      const zeros = self
        .newZeros(self.sizes)
        .scatterAdd(dim, index, zero.to(self.dtype))
        .gather(dim, index);
      const single = zero.logicalAnd(zeros.eq(1));
      const others = self.scatterReduce(dim, index, src.maskedFill(single, 1), "prod", {
        includeSelf,
      });
      const usual = result.gather(dim, index).div(src.maskedFill(zero, 1));
      const factor = others.gather(dim, index).where(single, usual);
      return g.gather(dim, index).mul(derivedOnce(factor, zeros.gt(1)));
    },
  };
}

/** The share of a gradient that goes to each of the values equal to the extremum. */
function extremumGradient(
  g: Tensor,
  { self, dim, index, src }: Call,
  result: Tensor,
): { readonly self: () => Tensor; readonly src: () => Tensor } {
  const own = self.eq(result).to(self.dtype);
  const taken = src.eq(result.gather(dim, index)).to(self.dtype);
  const share = g.div(own.scatterAdd(dim, index, taken));
  return {
    self: () => own.mul(share),
    src: () => taken.mul(share.gather(dim, index)),
  };
}

function gradients(
  g: Tensor,
  call: Call,
  result: Tensor,
): { readonly self: () => Tensor; readonly src: () => Tensor } {
  const { dim, index, reduce, includeSelf } = call;
  if (reduce === "sum") return { self: () => g, src: () => g.gather(dim, index) };
  if (reduce === "prod") return productGradient(g, call, result);
  if (reduce !== "mean") return extremumGradient(g, call, result);
  const share = g.div(countsAt(g.detach(), dim, index, includeSelf));
  return { self: () => share, src: () => share.gather(dim, index) };
}

const parameters = {
  self: p.tensor,
  dim: p.integer,
  index: p.indexTensor,
  src: p.tensor,
  reduce: p.choice(...reductions),
  includeSelf: p.optional(p.boolean, true),
};

const reduceWhole: MethodWithInPlace<
  [dim: number, index: Tensor, src: Tensor, reduce: Reduction, includeSelf: boolean]
> = operation({
  name: "scatterReduce",
  parameters,
  saves: ["self", "index", "src", "output"],
  write: reduceInto,
  backward: {
    self: (g, context) => {
      const own = gradients(g, context, context.output).self();
      return context.includeSelf ? own : own.scatter(context.dim, context.index, 0);
    },
    src: (g, context) => gradients(g, context, context.output).src(),
  },
});

/** The source cut to the shape of the index: the kernel reads no more of it. */
function prepared(values: Call): Tensor {
  const { self, dim, index, src } = values;
  checkDevices("scatterReduce", [self, index, src]);
  if (src.dtype !== self.dtype)
    throw new DTypeError(
      `scatterReduce: self is ${self.dtype.name} and the source ${src.dtype.name}; they should have one type`,
    );
  const d = wrapDimension("scatterReduce", dim, self.sizes.length);
  if (index.count === 0) return src;
  const rank = Math.max(self.sizes.length, 1);
  if (Math.max(index.sizes.length, 1) !== rank || Math.max(src.sizes.length, 1) !== rank)
    throw new ShapeError(
      `scatterReduce: self ${formatSizes(self.sizes)}, index ${formatSizes(index.sizes)} and source ${formatSizes(src.sizes)} should have the same number of dimensions`,
    );
  if (index.sizes.some((n, k) => n > (src.sizes[k] ?? 1) || (k !== d && n > (self.sizes[k] ?? 1))))
    throw new ShapeError(
      `scatterReduce: the index of shape ${formatSizes(index.sizes)} is larger than the source ${formatSizes(src.sizes)}, or than self ${formatSizes(self.sizes)} outside dimension ${d}`,
    );
  if (sameSizes(index.sizes, src.sizes) || index.sizes.length !== src.sizes.length) return src;
  return index.sizes.reduce((all: Tensor, n, k) => all.narrow(k, 0, n), src);
}

type ScatterReduce = Method<
  [
    dim: number,
    index: Tensor,
    src: Tensor,
    reduce: Reduction,
    options?: boolean | { readonly includeSelf?: boolean },
  ]
>;

/**
 * Combines `src` with the tensor at positions along `dim`, as `scatter` names them: "sum", "prod", "mean", "amax" or "amin" of all values that
 * meet at a place, with the tensor's own unless `includeSelf` is false. Equal extrema share the gradient.
 * @example
 * ```ts
 * const index = torch.tensor([0n, 0n, 1n]);
 * torch.zeros(2).scatterReduce(0, index, torch.tensor([3, 5, 2]), "amax") // => tensor([5., 2.])
 * ```
 */
export const scatterReduce: ScatterReduce = composite({
  name: "scatterReduce",
  parameters,
  compute: (values) =>
    reduceWhole(
      values.self,
      values.dim,
      values.index,
      prepared(values),
      values.reduce,
      values.includeSelf,
    ),
});

/** Combines `src` with the tensor itself; see `scatterReduce`. */
export const scatterReduce_: ScatterReduce = composite({
  name: "scatterReduce_",
  parameters,
  compute: (values) =>
    (reduceWhole as unknown as { readonly inPlace: typeof reduceWhole }).inPlace(
      values.self,
      values.dim,
      values.index,
      prepared(values),
      values.reduce,
      values.includeSelf,
    ),
});
