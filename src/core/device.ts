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

/** A hidden dimension: operations on a device that has it run once for each of its members. */
export interface Axis {
  /** Later axes have larger numbers. */
  readonly number: number;
  readonly size: number;
  readonly randomness: Randomness;
  /** A device with this axis more. */
  over(device: Device): Device;
  /** A tensor without the axis as one that is the same for every member; recorded. */
  lift(tensor: Tensor): Tensor;
  /** The slices of a tensor along a dimension as the members of one tensor; recorded. */
  enter(tensor: Tensor, dim: number): Tensor;
}

const noAxes: readonly Axis[] = [];

/** A place for tensors. Prints as its name; compared by identity. */
export class Device {
  readonly type: DeviceType;
  /** What computes here now. A plain field: every operation reads it. */
  backend: Backend;
  /** The hidden dimensions of tensors here, by number. */
  readonly axes: readonly Axis[];
  /** The device without hidden dimensions, where values from JavaScript are written. */
  readonly base: Device;

  constructor(type: DeviceType, axes: readonly Axis[] = noAxes, base: Device | null = null) {
    this.type = type;
    this.backend = absentBackend(type);
    this.axes = axes;
    this.base = base ?? this;
  }

  toString(): string {
    return this.type;
  }
}

printsAs(Device.prototype, (device) => `device(type='${device.type}')`);

export const cpu: Device = new Device("cpu");
export const meta: Device = new Device("meta");

/** The axes that functions are being mapped over, innermost last, and whether there ever was one: if not, no tensor has any. */
export const mapping: { active: readonly Axis[]; used: boolean } = { active: [], used: false };

/** The device of that name. Throws DeviceError naming those that exist. */
export function deviceOf(device: Device | string): Device {
  if (device instanceof Device) return device;
  const name = String(device).split(":")[0];
  if (name === "cpu") return cpu;
  if (name === "meta") return meta;
  throw new DeviceError(`there is no device "${String(device)}"; this build has "cpu" and "meta"`);
}
