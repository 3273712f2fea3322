// A gradient brought to what it is the gradient of.
import type { DType } from "../../core/dtype.ts";
import { sameSizes, type Sizes } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";

/** What a gradient must look like. A tensor shows it; a node that does not keep the tensor keeps just this. */
export interface Shown {
  readonly sizes: Sizes;
  readonly dtype: DType;
}

/** What a tensor shows without being kept. */
export function shownOf({ sizes, dtype }: Tensor): Shown {
  return { sizes, dtype };
}

/** Undoes broadcasting: the gradient with the sizes of what it is for. */
export function summedTo(gradient: Tensor, sizes: Sizes): Tensor {
  return sameSizes(gradient.sizes, sizes) ? gradient : gradient.sumToSize(sizes);
}

/** Undoes broadcasting and promotion: the gradient with the sizes and the type of what it is for. */
export function fit(gradient: Tensor, to: Shown): Tensor {
  const out = summedTo(gradient, to.sizes);
  return out.dtype === to.dtype ? out : out.to(to.dtype);
}
