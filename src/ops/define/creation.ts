// Fresh tensors: checked allocation, and memory written from JavaScript values.
import { cpu, type Device } from "../../core/device.ts";
import { bool, type DType, type ElementArray, float32, float64 } from "../../core/dtype.ts";
import { DTypeError } from "../../core/errors.ts";
import { checkSizes, type Sizes } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { requireInRange } from "./integers.ts";
import { empty, emptyLike, overBuffer } from "./memory.ts";

/** A tensor over undefined memory, after checks of sizes and type; of the sizes given, or laid out as a tensor is. */
export function allocate(
  operation: string,
  shape: Sizes | Tensor,
  dtype: DType,
  device: Device,
  requiresGrad: boolean,
): Tensor {
  const like = shape instanceof Tensor;
  if (!like) checkSizes(operation, shape);
  checkDifferentiable(operation, dtype, requiresGrad);
  const out = like ? emptyLike(shape, dtype, device) : empty(shape, dtype, device);
  out.tracked = requiresGrad;
  return out;
}

/** Refuses a gradient for types that have none. */
export function checkDifferentiable(operation: string, dtype: DType, requiresGrad: boolean): void {
  if (requiresGrad && !dtype.isFloatingPoint)
    throw new DTypeError(
      `${operation}: only floating-point tensors can require gradients, not ${dtype.name}; give a dtype such as torch.float32`,
    );
}

/** A tensor over memory that `write` fills. The array holds raw elements: bits for float16 and bfloat16. */
export function overValues(
  sizes: Sizes,
  dtype: DType,
  write: (target: ElementArray) => void,
): Tensor {
  const out = empty(sizes, dtype, cpu);
  write(elements(out));
  return out;
}

/** The raw elements of a tensor whose memory is dense, for reading and writing at once. */
export function elements(of: Tensor): ElementArray {
  // An empty view may lie behind the end of its memory.
  if (of.count === 0) return new of.dtype.codec.array(new ArrayBuffer(0));
  const { buffer, byteOffset } = of.storage.bytes();
  return new of.dtype.codec.array(buffer, byteOffset + of.offset * of.dtype.itemsize, of.count);
}

/** A dense tensor whose i-th element is the i-th number that `next` gives; on a device without values only its sizes. */
export function fromNumbers(
  operation: string,
  sizes: Sizes,
  dtype: DType,
  device: Device,
  requiresGrad: boolean,
  next: (index: number) => number,
): Tensor {
  // Numbers from JavaScript are the same for all members of a batch.
  const out = allocate(operation, sizes, dtype, device.base, requiresGrad);
  if (device.type === "meta") return out;
  const target = elements(out);
  if (dtype === float32 || dtype === float64)
    for (let i = 0; i < target.length; i++) target[i] = next(i);
  else {
    const { encode } = dtype.codec;
    for (let i = 0; i < target.length; i++) target[i] = encode(next(i));
  }
  return out;
}

/** The raw element for a value. Throws ArgumentError for one that an integer type cannot hold. */
export function encoded(
  operation: string,
  value: number | bigint | boolean,
  dtype: DType,
): number | bigint {
  const plain = typeof value === "boolean" ? Number(value) : value;
  requireInRange(operation, plain, dtype);
  return dtype === bool
    ? plain === 0 || plain === 0n
      ? 0
      : 1
    : dtype.codec.encode(
        typeof plain === "bigint" && dtype.isFloatingPoint ? Number(plain) : plain,
      );
}

/** A tensor over memory of the caller's, from element `offset` on. */
export function shared(
  buffer: ArrayBuffer,
  dtype: DType,
  byteOffset: number,
  count: number,
): Tensor {
  return overBuffer(buffer, dtype, [count], byteOffset / dtype.itemsize);
}
