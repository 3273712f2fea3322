// Tensors made from sizes and values.
import { cpu, type Device } from "../core/device.ts";
import { type DType, getDefaultDtype } from "../core/dtype.ts";
import { AutogradError } from "../core/errors.ts";
import { checkSizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty as allocate } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Method } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";
import type { CreationOptions } from "./types.ts";

const creation = {
  dtype: p.optional(p.dtype, null),
  device: p.optional(p.device, cpu),
  requiresGrad: p.optional(p.boolean, false),
};

function make(
  name: string,
  sizes: readonly number[],
  dtype: DType,
  device: Device,
  requiresGrad: boolean,
): Tensor {
  checkSizes(name, sizes);
  if (requiresGrad && !dtype.isFloatingPoint)
    throw new AutogradError(
      `${name}: only floating-point tensors can require gradients, not ${dtype.name}`,
    );
  const out = allocate(sizes, dtype, device);
  out.tracked = requiresGrad;
  return out;
}

type FromSizes = FunctionOnly<
  (...args: readonly (number | readonly number[] | CreationOptions)[]) => Tensor
>;

/** A tensor of ones. */
export const ones: FromSizes = composite({
  name: "ones",
  parameters: { size: p.sizes, ...creation },
  compute: ({ size, dtype, device, requiresGrad }) => {
    const out = make("ones", size, dtype ?? getDefaultDtype(), device, requiresGrad);
    fillWith(out, 1);
    return out;
  },
});

/** A tensor of zeros with this one's type. */
export const newZeros: Method<[size: readonly number[]]> = composite({
  name: "newZeros",
  parameters: { self: p.tensor, size: p.sizes, ...creation },
  compute: ({ self, size, dtype, requiresGrad }) => {
    const out = make("newZeros", size, dtype ?? self.dtype, self.device, requiresGrad);
    fillWith(out, 0);
    return out;
  },
});

export const emptyLike: Method = composite({
  name: "emptyLike",
  parameters: { self: p.tensor, ...creation },
  compute: ({ self, dtype, requiresGrad }) =>
    make("emptyLike", self.sizes, dtype ?? self.dtype, self.device, requiresGrad),
});
