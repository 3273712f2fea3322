// Operands of one operation brought to one device: inside a mapped function, tensors from outside get its axis.
import { beneath, forwardMode } from "../../autograd/forward.ts";
import type { Device } from "../../core/device.ts";
import { AutogradError, DeviceError } from "../../core/errors.ts";
import { mapped } from "../../core/list.ts";
import type { Tensor } from "../../core/tensor.ts";
import { setTangent, tangentOf } from "./tangent.ts";

/** Refuses tensors on devices that no axis brings together. */
export function checkDevices(name: string, tensors: readonly Tensor[]): void {
  const { base } = tensors[0]!.storage.device;
  for (const tensor of tensors) {
    const other = tensor.storage.device.base;
    if (other !== base)
      throw new DeviceError(
        `${name}: the operands are on different devices, ${String(base)} and ${String(other)}; move them to one`,
      );
  }
}

/** The device with the axes of both. */
export function joinedDevice(a: Device, b: Device): Device {
  if (a === b || b.axes.length === 0) return a;
  if (a.axes.length === 0) return b;
  return b.axes.reduce(
    (device, axis) => (device.axes.includes(axis) ? device : axis.over(device)),
    a,
  );
}

/** The tensor, with its tangents, and with all axes of the device: the same for all members where it did not have one. */
export function raised(tensor: Tensor, device: Device): Tensor {
  if (tensor.storage.device === device) return tensor;
  let out = tensor;
  const lift = (): void => {
    for (const axis of device.axes)
      if (!out.storage.device.axes.includes(axis)) out = axis.lift(out);
  };
  if (!forwardMode.active) {
    lift();
    return out;
  }
  beneath(forwardMode.levels[0]!, lift);
  // A tangent may have axes of its own already.
  if (out !== tensor)
    for (const level of forwardMode.levels) {
      const tangent = tangentOf(tensor, level);
      if (tangent !== null)
        setTangent(
          out,
          level,
          beneath(level, () => raised(tangent, device)),
        );
    }
  return out;
}

/** The tensors on one device, which has the axes of them all. */
export function together(name: string, tensors: readonly Tensor[]): readonly Tensor[] {
  let { device } = tensors[0]!.storage;
  let same = true;
  for (const tensor of tensors)
    if (tensor.storage.device !== device) {
      same = false;
      device = joinedDevice(device, tensor.storage.device);
    }
  if (same) return tensors;
  checkDevices(name, tensors);
  return mapped(tensors, (tensor) => raised(tensor, device));
}

/** Refuses to write what differs between the members of a batch into a tensor that they share. */
export function checkShared(name: string, self: Tensor, operands: readonly Tensor[]): void {
  const { axes } = self.storage.device;
  for (const operand of operands)
    for (const axis of operand.storage.device.axes)
      if (!axes.includes(axis))
        throw new AutogradError(
          `${name}: inside vmap, a tensor that all members of the batch share cannot be changed in place with values that differ between them; ` +
            `use the out-of-place form, or make the tensor inside the mapped function from a mapped one, as with x.newZeros()`,
        );
}
