// Devices: where tensors live, each with the backend that computes there.
import type { Backend } from "./backend.ts";
import { DeviceError } from "./errors.ts";
import { printsAs } from "./inspect.ts";

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

/** A place for tensors. Prints as its name; compared by identity. */
export class Device {
  readonly type: DeviceType;
  /** What computes here now. A plain field: every operation reads it. */
  backend: Backend;

  constructor(type: DeviceType) {
    this.type = type;
    this.backend = absentBackend(type);
  }

  toString(): string {
    return this.type;
  }
}

printsAs(Device.prototype, (device) => `device(type='${device.type}')`);

export const cpu: Device = new Device("cpu");
export const meta: Device = new Device("meta");

/** The device of that name. Throws DeviceError naming those that exist. */
export function deviceOf(device: Device | string): Device {
  if (device instanceof Device) return device;
  const name = String(device).split(":")[0];
  if (name === "cpu") return cpu;
  if (name === "meta") return meta;
  throw new DeviceError(`there is no device "${String(device)}"; this build has "cpu" and "meta"`);
}
