// Copies and conversions: clone, copy_, to, contiguous, fill_.
import { type Device } from "../core/device.ts";
import { type DType, float32, float64, int32, int64 } from "../core/dtype.ts";
import { DeviceError, ShapeError } from "../core/errors.ts";
import { broadcastStrides, contiguousStrides, formatSizes, sameSizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { destination, destinationOf } from "./define/destination.ts";
import { requireInRange } from "./define/integers.ts";
import { empty, emptyLike } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { fillWith, transfer } from "./define/transfer.ts";
import type { Method, MethodWithInPlace, Trailing } from "./define/registry.ts";

const copied = (memoryFor: (self: Tensor) => Tensor): Method =>
  operation({
    name: "clone",
    linear: true,
    parameters: { self: p.tensor },
    forward: ({ self }) => {
      const out = memoryFor(self);
      transfer(self, out);
      return out;
    },
    backward: { self: (g) => g },
  });

/**
 * A copy with memory of its own, without gaps; dimensions keep their order in memory. Gradients pass through.
 * @example
 * ```ts
 * const x = torch.ones(2);
 * const y = x.clone();
 * y.add_(1);
 * x // => tensor([1., 1.])
 * ```
 */
export const clone: Method = copied((self) => emptyLike(self));
const rowMajorCopy: Method = copied((self) => empty(self.sizes, self.dtype, self.device));

/**
 * Writes `source` into this tensor, converted to its type and broadcast to its shape.
 * Gradients reach `source`; none reach the old value.
 * @example
 * ```ts
 * torch.zeros(2, 2).copy_(torch.tensor([1, 2])) // => tensor([[1., 2.],\n        [1., 2.]])
 * ```
 */
export const copy: MethodWithInPlace<[source: Tensor]> = operation({
  name: "copy",
  linear: true,
  node: "CopyBackwards",
  parameters: { self: p.tensor, source: p.tensor },
  write: ({ self, source }) => {
    // Throws where the source does not broadcast.
    if (!sameSizes(source.sizes, self.sizes))
      broadcastStrides("copy_", source.sizes, source.strides, self.sizes);
    transfer(source, self);
  },
  backward: { self: (g) => g.newZeros(g.shape), source: (g) => g },
});

/**
 * Writes one value into every element, in place as `fill_` or into a copy.
 * @example
 * ```ts
 * torch.empty(3).fill_(7) // => tensor([7., 7., 7.])
 * ```
 */
export const fill: MethodWithInPlace<[value: Tensor | number]> = operation({
  name: "fill",
  linear: true,
  parameters: { self: p.tensor, value: p.tensorOrNumber },
  write: ({ self, value }) => {
    if (!(value instanceof Tensor)) {
      requireInRange("fill", value, self.dtype);
      return fillWith(self, value);
    }
    if (value.sizes.length > 0)
      throw new ShapeError(
        `fill_: the value must be a number or a tensor without dimensions, got shape ${formatSizes(value.sizes)}; copy_ writes several values`,
      );
    return transfer(value, self);
  },
  backward: { self: (g) => g.newZeros(g.shape), value: (g) => g.sum() },
});

/**
 * Sets every element to zero, in place as `zero_`.
 * @example
 * ```ts
 * torch.ones(2).zero_() // => tensor([0., 0.])
 * ```
 */
export const zero: MethodWithInPlace = operation({
  name: "zero",
  linear: true,
  parameters: { self: p.tensor },
  write: ({ self }) => fillWith(self, 0),
  backward: { self: (g) => g.newZeros(g.shape) },
});

/** A device with the hidden dimensions of a tensor. */
const among = (place: Device, { device }: Tensor): Device =>
  place.base === device.base
    ? device
    : device.axes.reduce((found, axis) => axis.over(found), place.base);

const convert: (self: Tensor, dtype: DType, place: Device, home: Device) => Tensor = operation({
  name: "to",
  linear: true,
  node: "ToCopy",
  parameters: { self: p.tensor, dtype: p.dtype, place: p.device, home: p.device },
  forward: ({ self, dtype, place }) => {
    const out = emptyLike(self, dtype, among(place, self));
    transfer(self, out);
    return out;
  },
  backward: { self: (g, { dtypeOf, home }) => g.to({ dtype: dtypeOf["self"]!, device: home }) },
});

/**
 * The tensor as another element type or on another device; itself where nothing changes. A tensor without values cannot leave "meta".
 * @example
 * ```ts
 * torch.tensor([1.7, -1.7]).to(torch.int64) // => tensor([ 1, -1])
 * ```
 */
export const to: Method<
  Trailing<
    [target: DType | Device | string | Tensor, dtype: DType],
    { readonly dtype?: DType; readonly device?: Device | string; readonly copy?: boolean }
  >
> = composite({
  name: "to",
  parameters: { self: p.tensor, ...destination, copy: p.optional(p.boolean, false) },
  compute: ({ self, copy: always, ...given }) => {
    const { dtype, device } = destinationOf("to", given);
    const [home, place] = [self.device.base, (device ?? self.device).base];
    if (place !== home && home.backend.valueless === true)
      throw new DeviceError(
        `to: a ${home.type} tensor has no values to take to ${place.type}; emptyLike of a tensor and toEmpty of a module give undefined ones`,
      );
    if (place !== home || (dtype ?? self.dtype) !== self.dtype)
      return convert(self, dtype ?? self.dtype, place, home);
    return always ? self.clone() : self;
  },
});

const conversion = (name: string, dtype: DType): Method =>
  composite({ name, parameters: { self: p.tensor }, compute: ({ self }) => self.to(dtype) });

/** The tensor as float32. @example ```ts\n * torch.tensor([true]).float() // => tensor([1.])\n * ``` */
export const float: Method = conversion("float", float32);
/** The tensor as float64. */
export const double: Method = conversion("double", float64);
/** The tensor as int64. */
export const long: Method = conversion("long", int64);
/** The tensor as int32. */
export const int: Method = conversion("int", int32);

/**
 * The tensor in row-major order: itself if it is so already, else a copy.
 * @example
 * ```ts
 * torch.eye(2, 3).t().contiguous().stride() // => 2,1
 * ```
 */
export const contiguous: Method = composite({
  name: "contiguous",
  parameters: { self: p.tensor },
  compute: ({ self }) => (self.dense ? self : rowMajorCopy(self)),
});

/** Uninitialised memory of given sizes and strides, of this tensor's type. */
export const newEmptyStrided: Method<[size: readonly number[], stride: readonly number[]]> =
  composite({
    name: "newEmptyStrided",
    parameters: { self: p.tensor, size: p.integers, stride: p.integers },
    compute: ({ self, size, stride }) => {
      if (sameSizes(stride, contiguousStrides(size))) return empty(size, self.dtype, self.device);
      const reach = size.reduce((most, n, i) => most + Math.max(n - 1, 0) * stride[i]!, 1);
      return empty([reach], self.dtype, self.device).asStrided(size, stride, 0);
    },
  });
