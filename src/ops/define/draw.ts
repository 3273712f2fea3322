// Random numbers into tensors: the generator fills typed arrays, this decides which array stands for which element type.
import { type Device, mapping } from "../../core/device.ts";
import { type DType, type ElementArray, uint8, bool } from "../../core/dtype.ts";
import { ArgumentError, AutogradError, DTypeError, TorchError } from "../../core/errors.ts";
import type { FloatArray, NumberArray } from "../../core/fill.ts";
import type { Generator, Rounding } from "../../core/generator.ts";
import { mappedNumbers } from "../../core/list.ts";
import type { Sizes } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { allocate, checkDifferentiable, elements } from "./creation.ts";
import { integerRange } from "./integers.ts";
import { checkShared } from "./levels.ts";
import { empty, relayout } from "./memory.ts";
import { transfer } from "./transfer.ts";

/** Fills an array of floats; with a rounding, a Float32Array that stands for a narrower type. */
export type FloatFill = (
  target: FloatArray,
  rounding: Rounding | undefined,
  serial: boolean,
) => void;
/** Fills an array of any numbers; `serial` where PyTorch draws one by one because the tensor's memory has gaps or another order. */
export type NumberFill = (target: NumberArray, dtype: DType, serial: boolean) => void;

/** Runs a method of the generator, whose RangeErrors become ours. */
export function refusing<T>(callback: () => T): T {
  try {
    return callback();
  } catch (error) {
    if (error instanceof RangeError && !(error instanceof TorchError))
      throw new ArgumentError(error.message);
    throw error;
  }
}

/** Any element type as something the generator fills: a narrow float through float32. */
function fillElements(
  target: ElementArray,
  dtype: DType,
  fill: NumberFill,
  serial: boolean = false,
): void {
  if (dtype.kind !== "floating" || !(target instanceof Uint16Array)) {
    fill(target, dtype, serial);
    return;
  }
  const wide = new Float32Array(target.length);
  fill(wide, dtype, serial);
  for (let i = 0; i < wide.length; i++) target[i] = Number(dtype.codec.encode(wide[i]!));
}

/** The rounding of a type that is drawn in float32; undefined for the others. */
export function roundingOf(dtype: DType): Rounding | undefined {
  if (dtype.kind !== "floating" || dtype.itemsize !== 2) return undefined;
  const { decode, encode } = dtype.codec;
  return (value) => decode(encode(value)) as number;
}

/** A fill of floats as one of numbers; refuses types that are not floating. */
export function floating(operation: string, fill: FloatFill): NumberFill {
  return (target, dtype, serial) => {
    checkFloating(operation, dtype);
    fill(target as FloatArray, roundingOf(dtype), serial);
  };
}

export function checkFloating(operation: string, dtype: DType): void {
  if (!dtype.isFloatingPoint)
    throw new DTypeError(
      `${operation}: draws real numbers, which ${dtype.name} does not hold; use a floating-point type, or randint`,
    );
}

/** Normal numbers as PyTorch draws them: many at once where memory is row-major, else one by one. */
export function normalNumbers(
  operation: string,
  source: Generator,
  mean: number,
  std: number,
): NumberFill {
  return floating(operation, (target, rounding, serial) =>
    serial
      ? source.fillNormalSerial(target, mean, std)
      : source.fillNormal(target, mean, std, rounding),
  );
}

/** A new tensor with drawn elements, of the sizes given, or laid out as a tensor is. */
export function drawn(
  operation: string,
  shape: Sizes | Tensor,
  dtype: DType,
  device: Device,
  requiresGrad: boolean,
  fill: NumberFill,
): Tensor {
  const sizes = shape instanceof Tensor ? shape.sizes : shape;
  let out: Tensor;
  if (shape instanceof Tensor && !shape.dense && mapping.active.length === 0) {
    out = allocate(operation, shape, dtype, device, false);
    redraw(out, fill);
  } else out = drawnFor(operation, sizes, dtype, device.base, fill);
  checkDifferentiable(operation, dtype, requiresGrad);
  out.tracked = requiresGrad;
  return out;
}

/** New elements; inside a mapped function drawn as it was told to. */
function drawnFor(
  operation: string,
  sizes: Sizes,
  dtype: DType,
  device: Device,
  fill: NumberFill,
): Tensor {
  for (const { randomness } of mapping.active)
    if (randomness === "error")
      throw new AutogradError(
        `${operation}: a random operation inside vmap, which was not told whether all members of the batch draw the same numbers; ` +
          `give vmap { randomness: "same" } or { randomness: "different" }, or draw outside of it`,
      );
  const axes = mapping.active.filter(({ randomness }) => randomness === "different");
  const whole = [...axes.map(({ size }) => size), ...sizes];
  const out = allocate(operation, whole, dtype, device, false);
  if (device.type !== "meta") refusing(() => fillElements(elements(out), dtype, fill));
  return axes.reduce((tensor, axis) => axis.enter(tensor, 0), out);
}

/** Draws new elements into a tensor, in the order in which they lie in memory. */
export function redraw(self: Tensor, fill: NumberFill): void {
  if (self.device.type === "meta") return;
  if (mapping.active.length > 0) {
    const fresh = drawnFor("random", self.sizes, self.dtype, self.device.base, fill);
    checkShared("random", self, [fresh]);
    transfer(fresh, self);
    return;
  }
  if (self.dense) {
    refusing(() => fillElements(elements(self), self.dtype, fill));
    return;
  }
  const order = self.sizes
    .map((_, d) => d)
    .sort((a, b) => self.strides[b]! - self.strides[a]! || a - b);
  const sizes = mappedNumbers(order, (d) => self.sizes[d]!);
  const fresh = empty(sizes, self.dtype, self.device);
  refusing(() => fillElements(elements(fresh), self.dtype, fill, true));
  transfer(
    fresh,
    relayout(
      self,
      sizes,
      mappedNumbers(order, (d) => self.strides[d]!),
      self.offset,
    ),
  );
}

/** The elements of a floating tensor as an array the generator reads: row-major, narrow types widened. */
export function floatsOf(tensor: Tensor): FloatArray {
  const source = tensor.detach().contiguous();
  const raw = elements(source);
  // Copied, because the memory may be another tensor's by the time the generator reads it.
  if (raw instanceof Float32Array || raw instanceof Float64Array) return raw.slice();
  const { decode } = source.dtype.codec;
  return Float32Array.from(raw as Uint16Array, (bits) => decode(bits) as number);
}

const largestWhole: Readonly<Record<string, number>> = {
  float16: 2048,
  bfloat16: 256,
  float32: 2 ** 24,
  float64: 2 ** 53,
};

/** Refuses bounds of whole numbers that the type does not hold. */
export function checkRange(
  operation: string,
  dtype: DType,
  low: number | bigint,
  high: number | bigint,
): void {
  const [least, most] =
    dtype === bool
      ? [0n, 1n]
      : (integerRange(dtype) ?? [
          -BigInt(largestWhole[dtype.name]!),
          BigInt(largestWhole[dtype.name]!),
        ]);
  for (const bound of [low, high])
    if (typeof bound === "number" && !Number.isSafeInteger(bound))
      throw new ArgumentError(
        `${operation}: the bound ${bound} is not a whole number, or beyond 2^53, where a bigint is needed`,
      );
  if (BigInt(low) < least || BigInt(high) - 1n > most)
    throw new ArgumentError(
      `${operation}: ${low} to ${high} goes beyond what ${dtype.name} holds exactly, ${least} to ${most}`,
    );
}

/** The modulus of `random_` without bounds for types that are drawn in another's array. */
export function randomModulus(dtype: DType): number | undefined {
  if (dtype === bool) return 2;
  if (dtype === uint8) return undefined;
  const largest = dtype.itemsize === 2 ? largestWhole[dtype.name] : undefined;
  return largest === undefined ? undefined : largest + 1;
}
