// Operands of one operation brought to one device: inside a mapped function, tensors from outside are lifted to its level.
import type { Device } from "../../core/device.ts";
import { AutogradError, DeviceError } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensor.ts";

function apart(name: string, a: Device, b: Device): DeviceError {
  return new DeviceError(
    a.level > 0 && b.level > 0 && a.base === b.base
      ? `${name}: one operand belongs to a function mapped by vmap that has ended; return it from the mapped function instead of keeping it in a variable`
      : `${name}: the operands are on different devices, ${String(a)} and ${String(b)}; move them to one`,
  );
}

/** Refuses tensors on devices that no level of a mapped function brings together. */
export function checkDevices(name: string, tensors: readonly Tensor[]): void {
  const { device } = tensors[0]!.storage;
  for (const tensor of tensors)
    if (tensor.storage.device.base !== device.base)
      throw apart(name, device, tensor.storage.device);
}

/** The tensor on a device of its own level or a higher one. */
export function raised(name: string, tensor: Tensor, device: Device): Tensor {
  const from = tensor.storage.device;
  if (from === device) return tensor;
  if (device.batch === null || from.level >= device.level) throw apart(name, from, device);
  return device.batch.lift(tensor);
}

/** The device of the highest level among tensors. */
export function highestDevice(tensors: readonly Tensor[]): Device {
  let { device } = tensors[0]!.storage;
  for (const tensor of tensors)
    if (tensor.storage.device.level > device.level) device = tensor.storage.device;
  return device;
}

/** The tensors on one device: those of lower levels are lifted to the highest. */
export function together(name: string, tensors: readonly Tensor[]): readonly Tensor[] {
  const device = highestDevice(tensors);
  for (const tensor of tensors)
    if (tensor.storage.device !== device) return tensors.map((t) => raised(name, t, device));
  return tensors;
}

/** Refuses to write what differs between the members of a batch into a tensor that they share. */
export function checkLevel(name: string, self: Tensor, operands: readonly Tensor[]): void {
  const { device } = self.storage;
  for (const operand of operands)
    if (operand.storage.device.level > device.level)
      throw new AutogradError(
        `${name}: inside vmap, a tensor that all members of the batch share cannot be changed in place with values that differ between them; ` +
          `use the out-of-place form, or make the tensor inside the mapped function from a mapped one, as with x.newZeros()`,
      );
}
