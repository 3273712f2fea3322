// Into and out of a batch: the operations that give a tensor a hidden axis and take it away again.
import { forwardMode } from "../../autograd/forward.ts";
import { gradMode } from "../../autograd/mode.ts";
import { BatchedBackend } from "../../backends/batched/backend.ts";
import { membersOf, memberStorage } from "../../backends/batched/storage.ts";
import { type Axis, Device, mapping, type Randomness } from "../../core/device.ts";
import { elementCount, isContiguous } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { requiresGradient } from "./history.ts";
import { operation } from "./operation.ts";
import * as p from "./parameters.ts";

/** A tensor's memory with one axis more, whose members lie `step` elements apart. */
function shown(
  tensor: Tensor,
  axis: Axis,
  step: number,
  sizes: readonly number[],
  strides: readonly number[],
): Tensor {
  const { storage, dtype, offset } = tensor;
  const device = axis.over(storage.device);
  const { inner, steps } = membersOf(storage);
  // Others hold this memory too: nothing may take it over.
  inner.kept = true;
  const own = steps.toSpliced(device.axes.indexOf(axis), 0, step * dtype.itemsize);
  return new Tensor(
    memberStorage(device, inner, own),
    dtype,
    sizes,
    strides,
    offset,
    elementCount(sizes),
    isContiguous(sizes, strides),
  );
}

type Move<A extends readonly unknown[]> = (self: Tensor, axis: Axis, ...rest: A) => Tensor;

/** A recorded operation, without it for calls that leave nothing behind besides their result. */
function spared<A extends readonly unknown[]>(recorded: Move<A>, raw: Move<A>): Move<A> {
  return (self, axis, ...rest) =>
    (gradMode.enabled && requiresGradient(self)) || forwardMode.active
      ? recorded(self, axis, ...rest)
      : raw(self, axis, ...rest);
}

function entered(self: Tensor, axis: Axis, dim: number): Tensor {
  const { sizes, strides } = self;
  return shown(self, axis, strides[dim]!, sizes.toSpliced(dim, 1), strides.toSpliced(dim, 1));
}

function left(self: Tensor, axis: Axis, dim: number): Tensor {
  const { storage, dtype, offset } = self;
  const { axes, base } = storage.device;
  const { inner, steps } = membersOf(storage);
  const at = axes.indexOf(axis);
  const sizes = self.sizes.toSpliced(dim, 0, axis.size);
  const strides = self.strides.toSpliced(dim, 0, at < 0 ? 0 : steps[at]! / dtype.itemsize);
  const memory =
    at < 0
      ? storage
      : axes.length === 1
        ? inner
        : memberStorage(deviceWith(base, axes.toSpliced(at, 1)), inner, steps.toSpliced(at, 1));
  const count = self.count * axis.size;
  return new Tensor(memory, dtype, sizes, strides, offset, count, isContiguous(sizes, strides));
}

/** A linear move along a dimension, whose gradient goes the other way. */
function moved(
  name: string,
  raw: Move<[dim: number]>,
  back: Move<[dim: number]>,
): Move<[dim: number]> {
  return spared(
    operation({
      name,
      linear: true,
      parameters: { self: p.tensor, axis: p.anything, dim: p.integer },
      forward: ({ self, axis, dim }) => raw(self, axis as Axis, dim),
      backward: { self: (g, { axis, dim }) => back(g, axis as Axis, dim) },
    }),
    raw,
  );
}

/** The slices of a tensor along `dim` as the members of one tensor: the start of a mapped function. */
const enter: Move<[dim: number]> = moved("enterBatch", entered, (g, axis, dim) =>
  leaveBatch(g, axis, dim),
);

/** The members of a tensor side by side along `dim`: the end of a mapped function. A tensor without the axis is repeated. */
export const leaveBatch: Move<[dim: number]> = moved("leaveBatch", left, enter);

/**
 * The members of all batches side by side, or of the innermost `depth`, outer batches first, outside the graph: what may be asked about them
 * together. The tensor itself without axes.
 */
export function membersTogether(tensor: Tensor, depth: number = Infinity): Tensor {
  return tensor.storage.device.axes
    .slice(-depth)
    .reduceRight((inner, axis) => left(inner, axis, 0), tensor);
}

function lifted(self: Tensor, axis: Axis): Tensor {
  return shown(self, axis, 0, self.sizes, self.strides);
}

/** A tensor with one axis more, the same for all members. Its gradient is the sum of theirs. */
const lift: Move<[]> = spared(
  operation({
    name: "liftToBatch",
    parameters: { self: p.tensor, axis: p.anything },
    forward: ({ self, axis }) => lifted(self, axis as Axis),
    backward: { self: (g, { axis }) => leaveBatch(g, axis as Axis, 0).sum(0) },
  }),
  lifted,
);

function deviceWith(base: Device, axes: readonly Axis[]): Device {
  return axes.reduce((device, axis) => axis.over(device), base);
}

let created = 0;

class BatchAxis implements Axis {
  readonly number: number = created++;
  readonly size: number;
  readonly randomness: Randomness;
  // Devices with the same axes are the same: each is kept by the last of its axes.
  private readonly devices = new Map<Device, Device>();

  constructor(size: number, randomness: Randomness) {
    this.size = size;
    this.randomness = randomness;
  }

  lift(tensor: Tensor): Tensor {
    return lift(tensor, this);
  }

  enter(tensor: Tensor, dim: number): Tensor {
    return enter(tensor, this, dim);
  }

  over(below: Device): Device {
    const { axes, base } = below;
    const later = axes.findIndex(({ number }) => number > this.number);
    if (later >= 0) return deviceWith(base, axes.toSpliced(later, 0, this));
    let device = this.devices.get(below);
    if (device === undefined) {
      device = new Device(base.type, [...axes, this], base);
      device.backend = new BatchedBackend(device);
      this.devices.set(below, device);
    }
    return device;
  }
}

/** A new axis. */
export function newAxis(size: number, randomness: Randomness): Axis {
  mapping.used = true;
  return new BatchAxis(size, randomness);
}
