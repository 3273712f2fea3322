// Tensors made from sizes: filled with one value, or left as the memory was.
import { cpu, type Device } from "../core/device.ts";
import { bool, type DType, getDefaultDtype, int64 } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import { checkSizes, formatSizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { allocate, encoded, overValues } from "./define/creation.ts";
import { relayout } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Method } from "./define/registry.ts";
import { fillWith, transfer } from "./define/transfer.ts";
import type { CreationOptions, FromSizes, SizesThenOptions } from "./types.ts";

const creation = {
  dtype: p.optional(p.dtype, null),
  device: p.optional(p.device, cpu),
  requiresGrad: p.optional(p.boolean, false),
};
const like = {
  dtype: p.optional(p.dtype, null),
  device: p.optional(p.device, null),
  requiresGrad: p.optional(p.boolean, false),
};

const filled = (name: string, value: number | null): FromSizes =>
  composite({
    name,
    parameters: { size: p.sizes, ...creation },
    compute: ({ size, dtype, device, requiresGrad }) => {
      const out = allocate(name, size, dtype ?? getDefaultDtype(), device, requiresGrad);
      if (value !== null) fillWith(out, value);
      return out;
    },
  });

const filledLike = (name: string, value: number | null): Method<[options?: CreationOptions]> =>
  composite({
    name,
    parameters: { self: p.tensor, ...like },
    compute: ({ self, dtype, device, requiresGrad }) => {
      const out = allocate(name, self, dtype ?? self.dtype, device ?? self.device, requiresGrad);
      if (value !== null) fillWith(out, value);
      return out;
    },
  });

const newFilled = (name: string, value: number | null): Method<SizesThenOptions> =>
  composite({
    name,
    parameters: { self: p.tensor, size: p.sizes, ...like },
    compute: ({ self, size, dtype, device, requiresGrad }) => {
      const out = allocate(name, size, dtype ?? self.dtype, device ?? self.device, requiresGrad);
      if (value !== null) fillWith(out, value);
      return out;
    },
  });

/**
 * A tensor of zeros. Throws ShapeError for a negative size, DeviceError where there is not that much memory.
 * @example
 * ```ts
 * torch.zeros(2, 3) // => tensor([[0., 0., 0.],\n        [0., 0., 0.]])
 * ```
 */
export const zeros: FromSizes = filled("zeros", 0);

/**
 * A tensor of ones. Throws ShapeError for a negative size, DeviceError where there is not that much memory.
 * @example
 * ```ts
 * torch.ones([2], { dtype: torch.int64 }) // => tensor([1, 1])
 * ```
 */
export const ones: FromSizes = filled("ones", 1);

/**
 * A tensor whose values are whatever the memory held: write it before reading it.
 * @example
 * ```ts
 * torch.empty(2, 3).shape // => 2,3
 * ```
 */
export const empty: FromSizes = filled("empty", null);

/**
 * A tensor of zeros with the sizes, type and device of another.
 * @example
 * ```ts
 * torch.zerosLike(torch.ones(2)) // => tensor([0., 0.])
 * ```
 */
export const zerosLike: Method<[options?: CreationOptions]> = filledLike("zerosLike", 0);

/**
 * A tensor of ones with the sizes, type and device of another.
 * @example
 * ```ts
 * torch.onesLike(torch.zeros(2)) // => tensor([1., 1.])
 * ```
 */
export const onesLike: Method<[options?: CreationOptions]> = filledLike("onesLike", 1);

/**
 * A tensor of undefined values with the sizes, type and device of another.
 * @example
 * ```ts
 * torch.emptyLike(torch.zeros(2, 3)).shape // => 2,3
 * ```
 */
export const emptyLike: Method<[options?: CreationOptions]> = filledLike("emptyLike", null);

/**
 * A tensor of zeros with the type and device of this one.
 * @example
 * ```ts
 * torch.ones(1, { dtype: torch.int64 }).newZeros(2) // => tensor([0, 0])
 * ```
 */
export const newZeros: Method<SizesThenOptions> = newFilled("newZeros", 0);

/**
 * A tensor of ones with the type and device of this one.
 * @example
 * ```ts
 * torch.zeros(1).newOnes(2) // => tensor([1., 1.])
 * ```
 */
export const newOnes: Method<SizesThenOptions> = newFilled("newOnes", 1);

/**
 * A tensor of undefined values with the type and device of this one.
 * @example
 * ```ts
 * torch.zeros(1).newEmpty(2, 3).shape // => 2,3
 * ```
 */
export const newEmpty: Method<SizesThenOptions> = newFilled("newEmpty", null);

type FillValue = number | bigint | boolean | Tensor;

/** A tensor in which every element is `value`; null stands for the type that the value has by itself. */
function full_(
  name: string,
  shape: readonly number[] | Tensor,
  value: unknown,
  dtype: DType | null,
  device: Device,
  requiresGrad: boolean,
): Tensor {
  if (value instanceof Tensor) {
    if (value.count !== 1)
      throw new ShapeError(
        `${name}: the value to fill with has shape ${formatSizes(value.sizes)}; give a number or a tensor of one element`,
      );
    const out = allocate(name, shape, dtype ?? value.dtype, device, requiresGrad);
    transfer(relayout(value, [], [], value.offset), out);
    return out;
  }
  if (typeof value !== "number" && typeof value !== "bigint" && typeof value !== "boolean")
    throw new ArgumentError(
      `${name}: the value to fill with must be a number, got ${p.describe(value)}`,
    );
  const own =
    typeof value === "boolean" ? bool : typeof value === "bigint" ? int64 : getDefaultDtype();
  const out = allocate(name, shape, dtype ?? own, device, requiresGrad);
  const raw = encoded(name, value, out.dtype);
  if (typeof value === "bigint")
    transfer(
      overValues([], out.dtype, (target) => (target[0] = raw)),
      out,
    );
  else fillWith(out, Number(value));
  return out;
}

/**
 * A tensor in which every element is `fillValue`. Without a dtype a number gives the default floating-point type, a boolean bool, a bigint
 * int64. Throws ArgumentError for a value that the dtype cannot hold.
 * @example
 * ```ts
 * torch.full([2], 7) // => tensor([7., 7.])
 * ```
 */
export const full: FunctionOnly<
  (size: readonly number[] | number, fillValue: FillValue, options?: CreationOptions) => Tensor
> = composite({
  name: "full",
  parameters: { size: p.dimensions, fillValue: p.anything, ...creation },
  compute: ({ size, fillValue, dtype, device, requiresGrad }) =>
    full_("full", size, fillValue, dtype, device, requiresGrad),
});

/**
 * A tensor of one value with the sizes, type and device of another.
 * @example
 * ```ts
 * torch.fullLike(torch.zeros(2), 7) // => tensor([7., 7.])
 * ```
 */
export const fullLike: Method<[fillValue: FillValue, options?: CreationOptions]> = composite({
  name: "fullLike",
  parameters: { self: p.tensor, fillValue: p.anything, ...like },
  compute: ({ self, fillValue, dtype, device, requiresGrad }) =>
    full_("fullLike", self, fillValue, dtype ?? self.dtype, device ?? self.device, requiresGrad),
});

/**
 * A tensor of one value with the type and device of this one.
 * @example
 * ```ts
 * torch.zeros(1).newFull([2], 7) // => tensor([7., 7.])
 * ```
 */
export const newFull: Method<
  [size: readonly number[] | number, fillValue: FillValue, options?: CreationOptions]
> = composite({
  name: "newFull",
  parameters: { self: p.tensor, size: p.dimensions, fillValue: p.anything, ...like },
  compute: ({ self, size, fillValue, dtype, device, requiresGrad }) =>
    full_("newFull", size, fillValue, dtype ?? self.dtype, device ?? self.device, requiresGrad),
});

/**
 * A tensor without dimensions that holds one value. Without a dtype it has the default floating-point type.
 * @example
 * ```ts
 * torch.scalarTensor(2.5) // => tensor(2.5000)
 * ```
 */
export const scalarTensor: FunctionOnly<(value: FillValue, options?: CreationOptions) => Tensor> =
  composite({
    name: "scalarTensor",
    parameters: { value: p.anything, ...creation },
    compute: ({ value, dtype, device, requiresGrad }) =>
      full_("scalarTensor", [], value, dtype ?? getDefaultDtype(), device, requiresGrad),
  });

/** Undefined memory that holds the layout, and nothing beyond it. */
function strided(
  name: string,
  size: readonly number[],
  stride: readonly number[],
  dtype: DType,
  device: Device,
  requiresGrad: boolean,
): Tensor {
  checkSizes(name, size);
  if (stride.length !== size.length || stride.some((step) => step < 0))
    throw new ShapeError(
      `${name}: strides ${formatSizes(stride)} do not go with sizes ${formatSizes(size)}; give one for each size, none negative`,
    );
  const reach = size.includes(0) ? 0 : size.reduce((most, n, i) => most + (n - 1) * stride[i]!, 1);
  const out = relayout(allocate(name, [reach], dtype, device, requiresGrad), size, stride, 0);
  out.tracked = requiresGrad;
  return out;
}

/**
 * A tensor of undefined values with given sizes and strides.
 * @example
 * ```ts
 * torch.emptyStrided([2, 3], [1, 2]).stride() // => 1,2
 * ```
 */
export const emptyStrided: FunctionOnly<
  (size: readonly number[], stride: readonly number[], options?: CreationOptions) => Tensor
> = composite({
  name: "emptyStrided",
  parameters: { size: p.integers, stride: p.integers, ...creation },
  compute: ({ size, stride, dtype, device, requiresGrad }) =>
    strided("emptyStrided", size, stride, dtype ?? getDefaultDtype(), device, requiresGrad),
});

/**
 * A tensor of undefined values whose dimensions lie in memory in the order that `physicalLayout` lists them, outermost first.
 * @example
 * ```ts
 * torch.emptyPermuted([2, 3], [1, 0]).stride() // => 1,2
 * ```
 */
export const emptyPermuted: FunctionOnly<
  (size: readonly number[], physicalLayout: readonly number[], options?: CreationOptions) => Tensor
> = composite({
  name: "emptyPermuted",
  parameters: { size: p.integers, physicalLayout: p.integers, ...creation },
  compute: ({ size, physicalLayout, dtype, device, requiresGrad }) => {
    const stride = mappedNumbers(size, () => 0);
    const order = [...physicalLayout];
    if ([...order].sort((a, b) => a - b).some((d, i) => d !== i) || order.length !== size.length)
      throw new ShapeError(
        `emptyPermuted: [${order.join(", ")}] is not an order of the ${size.length} dimensions; name each of 0 to ${size.length - 1} once`,
      );
    order.reduceRight((step, d) => ((stride[d] = step), step * (size[d]! || 1)), 1);
    return strided("emptyPermuted", size, stride, dtype ?? getDefaultDtype(), device, requiresGrad);
  },
});
