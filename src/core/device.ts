// Devices: where tensors live, each with the backend that computes there.
import type { Backend } from "./backend.ts";
import { DeviceError } from "./errors.ts";
import { printsAs } from "./inspect.ts";
import type { Tensor } from "./tensor.ts";

export type DeviceType = "cpu" | "meta";

/** Stands for a backend until one has been chosen: whatever is asked of it says so. */
function absentBackend(type: DeviceType): Backend {
  return new Proxy({} as Backend, {
    get(): never {
      throw new DeviceError(
        `no backend computes on ${type}; import "flambeau" rather than its parts`,
      );
    },
  });
}

/** What random operations do while a function is mapped over a batch: refuse, draw once for all, or draw for each. */
export type Randomness = "error" | "same" | "different";

/** A hidden dimension: every operation on such a device runs once for each member of a batch. */
export interface Batch {
  readonly size: number;
  /** The device that holds the members. */
  readonly parent: Device;
  readonly randomness: Randomness;
  /** A tensor of a lower level on the device itself, the same for every member; recorded. */
  readonly lift: (tensor: Tensor) => Tensor;
  /** Members along a dimension of a tensor of the parent's as one tensor here; recorded. */
  readonly enter: (tensor: Tensor, dim: number) => Tensor;
}

/** A place for tensors. Prints as its name; compared by identity. */
export class Device {
  readonly type: DeviceType;
  /** What computes here now. A plain field: every operation reads it. */
  backend: Backend;
  readonly batch: Batch | null;
  /** How many hidden dimensions tensors here have. */
  readonly level: number;
  /** The device at level 0, where values from JavaScript are written. */
  readonly base: Device;

  constructor(type: DeviceType, batch: Batch | null = null) {
    this.type = type;
    this.backend = absentBackend(type);
    this.batch = batch;
    this.level = batch === null ? 0 : batch.parent.level + 1;
    this.base = batch === null ? this : batch.parent.base;
  }

  toString(): string {
    return this.type;
  }
}

printsAs(Device.prototype, (device) => `device(type='${device.type}')`);

export const cpu: Device = new Device("cpu");
export const meta: Device = new Device("meta");

/** Which batch is being mapped over, innermost last, and whether there ever was one: if not, no tensor has a level. */
export const batches: { innermost: Device | null; used: boolean } = {
  innermost: null,
  used: false,
};

/** The device of that name. Throws DeviceError naming those that exist. */
export function deviceOf(device: Device | string): Device {
  if (device instanceof Device) return device;
  const name = String(device).split(":")[0];
  if (name === "cpu") return cpu;
  if (name === "meta") return meta;
  throw new DeviceError(`there is no device "${String(device)}"; this build has "cpu" and "meta"`);
}
