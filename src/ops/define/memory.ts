// Making tensors: fresh memory, and new layouts over memory that is there.
import { cpu, type Device } from "../../core/device.ts";
import type { DType } from "../../core/dtype.ts";
import { mapped, mappedNumbers } from "../../core/list.ts";
import {
  broadcastStrides,
  contiguousStrides,
  denseStrides,
  elementCount,
  isContiguous,
  isPacked,
  sameSizes,
  type Sizes,
} from "../../core/shape.ts";
import { Storage } from "../../core/storage.ts";
import { Tensor } from "../../core/tensor.ts";

/** A tensor over fresh, undefined memory. */
export function empty(sizes: Sizes, dtype: DType, device: Device = cpu): Tensor {
  const count = elementCount(sizes);
  return new Tensor(
    device.backend.allocate(count * dtype.itemsize),
    dtype,
    sizes,
    contiguousStrides(sizes),
    0,
    count,
    true,
  );
}

/** Fresh memory with the sizes of a dense tensor, whose layout arrays are shared. */
export function emptyLikeDense(like: Tensor, dtype: DType): Tensor {
  const { count } = like;
  return new Tensor(
    like.storage.device.backend.allocate(count * dtype.itemsize),
    dtype,
    like.sizes,
    like.strides,
    0,
    count,
    true,
  );
}

/** Fresh memory without gaps, with the given strides. */
function emptyLaidOut(sizes: Sizes, strides: Sizes, dtype: DType, device: Device): Tensor {
  const out = empty(sizes, dtype, device);
  out.strides = strides;
  out.dense = isContiguous(sizes, strides);
  return out;
}

/** Fresh memory with a tensor's sizes, and its strides where they leave no gaps; otherwise its dimensions keep their order in memory. */
export function emptyLike(
  like: Tensor,
  dtype: DType = like.dtype,
  device: Device = like.storage.device,
): Tensor {
  const { sizes, strides, dense, storage } = like;
  if (dense && device === storage.device) return emptyLikeDense(like, dtype);
  const kept = isPacked(sizes, strides) ? strides : denseStrides(sizes, [strides]);
  return emptyLaidOut(sizes, kept, dtype, device);
}

/** A tensor's strides for reading larger sizes: 0 along what is broadcast, and its own along what has one element in both. */
function stepsAlong({ sizes: own, strides }: Tensor, sizes: Sizes): number[] {
  const lead = sizes.length - own.length;
  return mappedNumbers(sizes, (size, i) =>
    i < lead || (own[i - lead] === 1 && size !== 1) ? 0 : strides[i - lead]!,
  );
}

/** Whether no operand asks for another order in memory than row-major: all are dense, or one number expanded. */
function areRowMajor(tensors: readonly Tensor[]): boolean {
  for (let i = 0; i < tensors.length; i++) {
    const { dense, strides } = tensors[i]!;
    if (!dense) for (let d = 0; d < strides.length; d++) if (strides[d] !== 0) return false;
  }
  return true;
}

/** Fresh memory for what is computed element by element from tensors that broadcast to `sizes`, laid out as they are. */
export function emptyAlong(sizes: Sizes, dtype: DType, tensors: readonly Tensor[]): Tensor {
  const first = tensors[0]!;
  if (areRowMajor(tensors)) return empty(sizes, dtype, first.storage.device);
  if (tensors.every((one) => sameSizes(one.sizes, sizes) && sameSizes(one.strides, first.strides)))
    return emptyLike(first, dtype);
  const read = mapped(tensors, (one) => stepsAlong(one, sizes));
  return emptyLaidOut(sizes, denseStrides(sizes, read), dtype, first.storage.device);
}

/** Another layout over the same memory, outside the graph. */
export function relayout(of: Tensor, sizes: Sizes, strides: Sizes, offset: number): Tensor {
  return new Tensor(
    of.storage,
    of.dtype,
    sizes,
    strides,
    offset,
    elementCount(sizes),
    isContiguous(sizes, strides),
  );
}

/** The same memory under other sizes, in row-major order from where the tensor starts. Outside the graph: a result, unlike a view, may be it. */
export function rowMajor(of: Tensor, sizes: Sizes): Tensor {
  return relayout(of, sizes, contiguousStrides(sizes), of.offset);
}

/** A tensor seen with the sizes of the target; outside the graph. */
export function broadcast(name: string, t: Tensor, target: Sizes): Tensor {
  return relayout(t, target, broadcastStrides(name, t.sizes, t.strides, target), t.offset);
}

/** The same elements, outside the graph. */
export function alias(of: Tensor): Tensor {
  return new Tensor(of.storage, of.dtype, of.sizes, of.strides, of.offset, of.count, of.dense);
}

type Shown = Pick<Tensor, "storage" | "dtype" | "sizes" | "strides" | "offset" | "count" | "dense">;

/**
 * Gives a tensor the memory, type and layout of another. Whoever holds the tensor keeps holding it: this is how the parameters of a
 * module change their type without an optimizer losing them.
 */
export function adopt(tensor: Tensor, from: Shown): void {
  const { storage, dtype, sizes, strides, offset, count, dense } = from;
  Object.assign(tensor, { storage, dtype, sizes, strides, offset, count, dense });
}

/** Gives a tensor a storage object of its own over the memory that it shows, whose version goes on from the given one. */
export function shareMemory(tensor: Tensor, version: number): void {
  const { device, byteLength } = tensor.storage;
  // Only an ArrayBuffer stays in its place however often it is shown.
  const memory = device.backend.valueless === true ? tensor.storage.memory : tensor.storage.host();
  tensor.storage.kept = true;
  const storage = new Storage(device, memory, -1, byteLength);
  storage.kept = true;
  storage.version = version;
  const { dtype, sizes, strides, offset, count, dense } = tensor;
  adopt(tensor, { storage, dtype, sizes, strides, offset, count, dense });
}

/** A tensor over an ArrayBuffer of the caller's. */
export function overBuffer(
  buffer: ArrayBuffer,
  dtype: DType,
  sizes: Sizes,
  offset: number = 0,
): Tensor {
  const count = elementCount(sizes);
  const storage = new Storage(cpu, buffer, -1, buffer.byteLength);
  return new Tensor(storage, dtype, sizes, contiguousStrides(sizes), offset, count, true);
}

/** One element, by its place in the storage. */
export function readElement(of: Tensor, index: number): number | bigint | boolean {
  return of.storage.device.backend.read(of.storage, of.dtype, index);
}

/** Whether a condition holds; undefined where values cannot be looked at, because there are none or many. */
export function isTrue(condition: Tensor): boolean | undefined {
  return condition.storage.device.backend.valueless === true
    ? undefined
    : readElement(condition, condition.offset) === true;
}

/** Whether elements lie without gaps, in whatever order of dimensions. */
export function hasNoGaps({ dense, sizes, strides }: Tensor): boolean {
  return dense || isPacked(sizes, strides);
}

/** Whether every element has memory of its own storage to itself: nothing else could share it except another tensor on the same storage. */
export function coversStorage(tensor: Tensor): boolean {
  const { count, dtype, offset, storage } = tensor;
  return offset === 0 && count * dtype.itemsize === storage.byteLength && hasNoGaps(tensor);
}
