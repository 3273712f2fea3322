// Where `to` takes a tensor or a module: the parameters that say so, and how they are read.
import { Device, deviceOf } from "../../core/device.ts";
import { DType } from "../../core/dtype.ts";
import { ArgumentError } from "../../core/errors.ts";
import { Tensor } from "../../core/tensor.ts";
import * as p from "./parameters.ts";

const target: p.Parameter<DType | Device | Tensor> = p.required(
  "a dtype, a device, or a tensor that has both",
  (v): DType | Device | Tensor | undefined =>
    v instanceof DType || v instanceof Device || v instanceof Tensor
      ? v
      : typeof v === "string"
        ? deviceOf(v)
        : undefined,
);

/** Parameters: a dtype, a device, or a tensor that has both; or either by name. */
export const destination: {
  readonly target: p.Parameter<DType | Device | Tensor | null>;
  readonly dtype: p.Parameter<DType | null>;
  readonly device: p.Parameter<Device | null>;
} = {
  target: p.optional(target, null),
  dtype: p.optional(p.dtype, null),
  device: p.optional(p.device, null),
};

/** The type and the device that the arguments name; null for what they leave as it is. */
export function destinationOf(
  operation: string,
  given: p.Values<typeof destination>,
): { readonly dtype: DType | null; readonly device: Device | null } {
  const { target } = given;
  const own =
    target instanceof Tensor
      ? { dtype: target.dtype, device: target.device.base }
      : target instanceof DType
        ? { dtype: target, device: null }
        : { dtype: null, device: target };
  for (const name of ["dtype", "device"] as const)
    if (own[name] !== null && given[name] !== null && own[name] !== given[name])
      throw new ArgumentError(
        `${operation}: the first argument says ${name} ${String(own[name])}, and ${name} is ${String(given[name])}; give one of them`,
      );
  return { dtype: own.dtype ?? given.dtype, device: own.device ?? given.device };
}
