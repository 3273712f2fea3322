// Into and out of a batch: the operations between a device and the device with a hidden batch dimension above it.
import { BatchedBackend } from "../../backends/batched/backend.ts";
import { Members, memberStorage } from "../../backends/batched/storage.ts";
import { batches, Device, type Randomness } from "../../core/device.ts";
import { isContiguous } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { highestDevice, raised } from "./levels.ts";
import { operation } from "./operation.ts";
import * as p from "./parameters.ts";

function without<T>(items: readonly T[], at: number): T[] {
  return items.filter((_, i) => i !== at);
}

function withItem<T>(items: readonly T[], at: number, item: T): T[] {
  return [...items.slice(0, at), item, ...items.slice(at)];
}

/** What a storage of the device shows of a tensor's memory: members `step` elements apart. */
function shown(
  tensor: Tensor,
  device: Device,
  step: number,
  sizes: readonly number[],
  strides: readonly number[],
): Tensor {
  const { size } = device.batch!;
  const storage = memberStorage(device, tensor.storage, step * tensor.dtype.itemsize, size);
  const count = sizes.reduce((product, own) => product * own, 1);
  const dense = isContiguous(sizes, strides);
  // Others hold this memory too: nothing may take it over.
  storage.kept = true;
  return new Tensor(storage, tensor.dtype, sizes, strides, tensor.offset, count, dense);
}

/** The slices of a tensor along `dim`, as one tensor on the device: the start of a mapped function. */
const enter: (self: Tensor, device: Device, dim: number) => Tensor = operation({
  name: "enterBatch",
  linear: true,
  node: "EnterBatch",
  parameters: { self: p.tensor, device: p.anything, dim: p.integer },
  forward: ({ self, device, dim }) =>
    shown(
      self,
      device as Device,
      self.strides[dim]!,
      without(self.sizes, dim),
      without(self.strides, dim),
    ),
  backward: { self: (g, { device, dim }) => leave(g, device as Device, dim) },
});

/** The members of a tensor on the device side by side along `dim` of a tensor of its parent's: the end of a mapped function. */
const leave: (self: Tensor, device: Device, dim: number) => Tensor = operation({
  name: "leaveBatch",
  linear: true,
  node: "LeaveBatch",
  parameters: { self: p.tensor, device: p.anything, dim: p.integer },
  forward: ({ self, device, dim }) => {
    const on = device as Device;
    const { size } = on.batch!;
    const memory = self.storage.device === on ? (self.storage.memory as Members) : null;
    const sizes = withItem(self.sizes, dim, size);
    const step = memory === null ? 0 : memory.step / self.dtype.itemsize;
    const strides = withItem(self.strides, dim, step);
    return new Tensor(
      memory?.inner ?? self.storage,
      self.dtype,
      sizes,
      strides,
      self.offset,
      self.count * size,
      isContiguous(sizes, strides),
    );
  },
  backward: { self: (g, { device, dim }) => enter(g, device as Device, dim) },
});

/** A tensor of a lower level on the device, the same for all members. Its gradient is the sum of theirs. */
const lift: (self: Tensor, device: Device) => Tensor = operation({
  name: "liftToBatch",
  linear: true,
  node: "LiftToBatch",
  parameters: { self: p.tensor, device: p.anything },
  forward: ({ self, device }) => shown(self, device as Device, 0, self.sizes, self.strides),
  backward: { self: (g, { device }) => leave(g, device as Device, 0).sum(0) },
});

/** The device on which a batch of these tensors has its members: theirs, or that of the mapped function around. */
export function enclosingDevice(tensors: readonly Tensor[]): Device {
  const { innermost } = batches;
  const highest = highestDevice(tensors);
  return innermost !== null && innermost.level > highest.level ? innermost : highest;
}

/** A device that runs every operation for `size` members at once. */
export function batchedDevice(parent: Device, size: number, randomness: Randomness): Device {
  const liftTo = (tensor: Tensor): Tensor => lift(raised("vmap", tensor, parent), device);
  const device: Device = new Device(parent.type, {
    size,
    parent,
    randomness,
    lift: liftTo,
    enter: (tensor, dim) => enter(raised("vmap", tensor, parent), device, dim),
  });
  device.backend = new BatchedBackend(device);
  batches.used = true;
  return device;
}

/** A tensor's members along dimension `dim` of a tensor on the parent; the same for all where it is of a lower level. */
export function leaveBatch(tensor: Tensor, device: Device, dim: number): Tensor {
  return leave(tensor, device, dim);
}
