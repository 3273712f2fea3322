// Tensors made from JavaScript values: nested arrays, numbers, typed arrays, buffers.
import { cpu, type Device } from "../core/device.ts";
import {
  bool,
  type DType,
  float16,
  float32,
  float64,
  getDefaultDtype,
  int16,
  int32,
  int64,
  int8,
  uint8,
} from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { formatSizes, maximumDimensions, sameSizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { allocate, checkDifferentiable, elements, encoded, shared } from "./define/creation.ts";
import { relayout } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Method } from "./define/registry.ts";
import { transfer } from "./define/transfer.ts";
import type { CreationOptions } from "./types.ts";

type Scalar = number | bigint | boolean;
type TypedArray = Exclude<ArrayBufferView, DataView>;
/** What a tensor is made from: a value, nested arrays of values, a typed array, a tensor, or arrays of tensors of one shape. */
export type TensorData = Scalar | Tensor | TypedArray | readonly TensorData[];

const creation = {
  dtype: p.optional(p.dtype, null),
  device: p.optional(p.device, cpu),
  requiresGrad: p.optional(p.boolean, false),
};

const typesOfArrays = new Map<string, DType>([
  ["Float64Array", float64],
  ["Float32Array", float32],
  ["Float16Array", float16],
  ["BigInt64Array", int64],
  ["Int32Array", int32],
  ["Int16Array", int16],
  ["Int8Array", int8],
  ["Uint8Array", uint8],
  ["Uint8ClampedArray", uint8],
]);

function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** The element type of a typed array. A subclass, such as Node's Buffer, counts as what it extends. */
function typeOfArray(name: string, array: TypedArray): DType {
  const kind = (array as unknown as { readonly [Symbol.toStringTag]: string })[Symbol.toStringTag];
  const dtype = typesOfArrays.get(kind);
  if (dtype === undefined)
    throw new DTypeError(
      `${name}: there is no element type for ${kind}; convert it to one of ${[...typesOfArrays.keys()].join(", ")}`,
    );
  return dtype;
}

/** A tensor over the memory of a typed array. */
function over(name: string, array: TypedArray): Tensor {
  if (!(array.buffer instanceof ArrayBuffer))
    throw new ArgumentError(
      `${name}: the typed array lies in a SharedArrayBuffer; copy it with slice() first`,
    );
  const dtype = typeOfArray(name, array);
  return shared(array.buffer, dtype, array.byteOffset, array.byteLength / dtype.itemsize);
}

function sizeOf(value: unknown): number {
  return Array.isArray(value) ? value.length : (value as { readonly length: number }).length;
}

/** The sizes that nested arrays have along their first elements. */
function nestedSizes(name: string, data: unknown): number[] {
  const sizes: number[] = [];
  for (let at = data; ;) {
    if (at instanceof Tensor) {
      sizes.push(...at.sizes);
      break;
    }
    if (!Array.isArray(at) && !isTypedArray(at)) break;
    sizes.push(sizeOf(at));
    if (sizes.length > maximumDimensions)
      throw new ShapeError(
        `${name}: the arrays are nested more than ${maximumDimensions} deep; perhaps one contains itself`,
      );
    if (sizeOf(at) === 0 || isTypedArray(at)) break;
    at = at[0];
  }
  return sizes;
}

type Leaf = (value: Scalar | Tensor | TypedArray, at: number) => void;

/** Walks over the values in row-major order, refusing arrays that do not have the sizes. */
function walk(name: string, data: unknown, sizes: readonly number[], leaf: Leaf): void {
  let at = 0;
  const ragged = (depth: number, got: string): ShapeError =>
    new ShapeError(
      `${name}: the arrays are ragged: at depth ${depth} expected ${depth < sizes.length ? `${sizes[depth]} elements` : "a value"}, as in the first, but found ${got}; all should have one length`,
    );
  const visit = (value: unknown, depth: number): void => {
    if (value instanceof Tensor || isTypedArray(value)) {
      const own = value instanceof Tensor ? value.sizes : [sizeOf(value)];
      if (!sameSizes(own, sizes.slice(depth)))
        throw ragged(depth, `one of shape ${formatSizes(own)}`);
      leaf(value, at);
      at += own.reduce((count, n) => count * n, 1);
      return;
    }
    if (Array.isArray(value)) {
      if (depth >= sizes.length || value.length !== sizes[depth])
        throw ragged(depth, `an array of ${value.length}`);
      for (let i = 0; i < value.length; i++) visit(value[i], depth + 1);
      return;
    }
    if (typeof value !== "number" && typeof value !== "boolean" && typeof value !== "bigint")
      throw new ArgumentError(
        `${name}: expected numbers, booleans or bigints in nested arrays, found ${p.describe(value)}`,
      );
    if (depth < sizes.length) throw ragged(depth, String(value));
    leaf(value, at++);
  };
  visit(data, 0);
}

/** The type that values have by themselves. */
function typeOfData(name: string, data: unknown, sizes: readonly number[]): DType {
  let found: DType | null = null;
  const meet = (dtype: DType): void => {
    if (found !== null && found !== dtype)
      throw new DTypeError(
        `${name}: the values are mixed, ${found.name} and ${dtype.name}; give { dtype } to say what they should become`,
      );
    found = dtype;
  };
  walk(name, data, sizes, (value) =>
    meet(
      value instanceof Tensor
        ? value.dtype
        : isTypedArray(value)
          ? typeOfArray(name, value)
          : typeof value === "boolean"
            ? bool
            : typeof value === "bigint"
              ? int64
              : getDefaultDtype(),
    ),
  );
  return found ?? getDefaultDtype();
}

function fromData(
  name: string,
  data: unknown,
  dtype: DType | null,
  device: Device,
  requiresGrad: boolean,
): Tensor {
  if (data === undefined || data === null || typeof data === "string" || typeof data === "function")
    throw new ArgumentError(
      `${name}: expected a number, nested arrays, a typed array or a tensor, got ${p.describe(data)}`,
    );
  const sizes = nestedSizes(name, data);
  const type = dtype ?? typeOfData(name, data, sizes);
  const out = allocate(name, sizes, type, device, requiresGrad);
  if (device.type === "meta") return out;
  const target = elements(out);
  walk(name, data, sizes, (value, at) => {
    if (value instanceof Tensor || isTypedArray(value)) {
      const source = value instanceof Tensor ? value : over(name, value);
      const part = relayout(out, [source.count], [1], out.offset + at);
      transfer(source.count === part.count ? source.detach().reshape(part.count) : source, part);
    } else target[at] = encoded(name, value, type);
  });
  return out;
}

/**
 * A tensor that holds copies of the values: a number, nested arrays, a typed array, a tensor. Numbers give the default floating-point type,
 * booleans bool, bigints int64; typed arrays and tensors keep their type; `dtype` decides otherwise.
 * Throws ShapeError for ragged arrays, DTypeError for mixed values without a dtype, ArgumentError for anything else than values.
 * @example
 * ```ts
 * torch.tensor([[1, 2], [3, 4]]) // => tensor([[1., 2.],\n        [3., 4.]])
 * ```
 */
export const tensor: FunctionOnly<(data: TensorData, options?: CreationOptions) => Tensor> =
  composite({
    name: "tensor",
    parameters: { data: p.anything, ...creation },
    compute: ({ data, dtype, device, requiresGrad }) =>
      fromData("tensor", data, dtype, device, requiresGrad),
  });

/**
 * A tensor with the type and device of this one that holds copies of the values.
 * @example
 * ```ts
 * torch.ones(1, { dtype: torch.int64 }).newTensor([1, 2]) // => tensor([1, 2])
 * ```
 */
export const newTensor: Method<[data: TensorData, options?: CreationOptions]> = composite({
  name: "newTensor",
  parameters: {
    self: p.tensor,
    data: p.anything,
    ...creation,
    device: p.optional(p.device, null),
  },
  compute: ({ self, data, dtype, device, requiresGrad }) =>
    fromData("newTensor", data, dtype ?? self.dtype, device ?? self.device, requiresGrad),
});

/**
 * The values as a tensor, without a copy where that is possible: a tensor stays itself, and the tensor of a typed array shares its memory.
 * @example
 * ```ts
 * const values = Float32Array.of(1, 2);
 * torch.asTensor(values).add_(1);
 * values.join(" ") // => 2 3
 * ```
 */
export const asTensor: FunctionOnly<
  (
    data: TensorData,
    options?: { readonly dtype?: DType | null; readonly device?: Device | string | null },
  ) => Tensor
> = composite({
  name: "asTensor",
  parameters: {
    data: p.anything,
    dtype: p.optional(p.dtype, null),
    device: p.optional(p.device, null),
  },
  compute: ({ data, dtype, device }) => {
    if (data instanceof Tensor) return data.to({ dtype: dtype ?? data.dtype });
    if (isTypedArray(data) && data.buffer instanceof ArrayBuffer)
      return over("asTensor", data).to({ dtype: dtype ?? typeOfArray("asTensor", data) });
    return fromData("asTensor", data, dtype, device ?? cpu, false);
  },
});

/**
 * A tensor of one dimension over the memory of a typed array: what is written to one is seen in the other.
 * @example
 * ```ts
 * torch.fromTypedArray(Int32Array.of(1, 2)) // => tensor([1, 2], dtype=torch.int32)
 * ```
 */
export const fromTypedArray: FunctionOnly<(array: TypedArray) => Tensor> = composite({
  name: "fromTypedArray",
  parameters: { array: p.anything },
  compute: ({ array }) => {
    if (!isTypedArray(array))
      throw new ArgumentError(`fromTypedArray: expected a typed array, got ${p.describe(array)}`);
    return over("fromTypedArray", array);
  },
});

interface BufferOptions {
  readonly dtype?: DType | null;
  readonly count?: number;
  readonly offset?: number;
  readonly requiresGrad?: boolean;
}

/**
 * A tensor of one dimension over the memory of an ArrayBuffer or typed array, which it shares: `count` elements of `dtype` (-1: as many
 * as there are) from byte `offset` on. Throws ArgumentError where the memory ends before, or the offset is not a multiple of the element size.
 * @example
 * ```ts
 * torch.frombuffer(Uint8Array.of(1, 0, 2, 0).buffer, { dtype: torch.int16 }) // => tensor([1, 2], dtype=torch.int16)
 * ```
 */
export const frombuffer: FunctionOnly<
  (buffer: ArrayBuffer | TypedArray, options?: BufferOptions) => Tensor
> = composite({
  name: "frombuffer",
  parameters: {
    buffer: p.anything,
    dtype: p.optional(p.dtype, null),
    count: p.optional(p.integer, -1),
    offset: p.optional(p.integer, 0),
    requiresGrad: p.optional(p.boolean, false),
  },
  compute: ({ buffer: given, dtype, count, offset, requiresGrad }) => {
    const view = isTypedArray(given) ? given : null;
    const buffer = view?.buffer ?? given;
    if (!(buffer instanceof ArrayBuffer))
      throw new ArgumentError(
        `frombuffer: expected an ArrayBuffer or a typed array over one, got ${p.describe(given)}`,
      );
    const type = dtype ?? (view === null ? null : typeOfArray("frombuffer", view));
    if (type === null)
      throw new ArgumentError(
        "frombuffer: an ArrayBuffer does not say what it holds; give { dtype }",
      );
    checkDifferentiable("frombuffer", type, requiresGrad);
    const length = view?.byteLength ?? buffer.byteLength;
    const { itemsize } = type;
    if (length === 0) throw new ArgumentError("frombuffer: the buffer is empty");
    if (offset < 0 || offset >= length)
      throw new ArgumentError(
        `frombuffer: offset ${offset} lies outside the ${length} bytes; give 0 to ${length - 1}`,
      );
    if (count === 0 || count < -1)
      throw new ArgumentError(
        `frombuffer: count is ${count}; give a positive number, or -1 for all there are`,
      );
    const rest = length - offset;
    if (count < 0 && rest % itemsize !== 0)
      throw new ArgumentError(
        `frombuffer: ${rest} bytes are no whole number of ${type.name} elements of ${itemsize} bytes; give { count }`,
      );
    const n = count < 0 ? rest / itemsize : count;
    if (n * itemsize > rest)
      throw new ArgumentError(
        `frombuffer: ${n} elements of ${itemsize} bytes from byte ${offset} on go beyond the ${length} bytes`,
      );
    const from = (view?.byteOffset ?? 0) + offset;
    if (from % itemsize !== 0)
      throw new ArgumentError(
        `frombuffer: the memory starts at byte ${from} of its buffer, which is no multiple of the ${itemsize} bytes of ${type.name}; copy it with slice() first`,
      );
    const out = shared(buffer, type, from, n);
    out.tracked = requiresGrad;
    return out;
  },
});
