// Operands for testing kernels: made from plain numbers, read back as plain numbers.
import { createNativeBackend, type NativeBackend } from "../../src/backends/native/backend.ts";
import type { Operand } from "../../src/core/backend.ts";
import { cpu } from "../../src/core/device.ts";
import { type DType, float32, float64, int64 } from "../../src/core/dtype.ts";
import { type Expression, input } from "../../src/core/expression.ts";
import { Program, type TypedProgram } from "../../src/core/program.ts";
import { contiguousStrides, elementCount, isContiguous, type Sizes } from "../../src/core/shape.ts";
import { Storage } from "../../src/core/storage.ts";
import { Tensor } from "../../src/core/tensor.ts";

const created = createNativeBackend();
if ("reason" in created) throw new Error(created.reason);
export const backend: NativeBackend = created;

export function empty(sizes: Sizes, dtype: DType = float32): Tensor {
  const count = elementCount(sizes);
  return new Tensor(
    backend.allocate(count * dtype.itemsize),
    dtype,
    sizes,
    contiguousStrides(sizes),
    0,
    count,
    true,
  );
}

export function view(
  tensor: Tensor,
  sizes: Sizes,
  strides: Sizes,
  offset: number = tensor.offset,
): Tensor {
  return new Tensor(
    tensor.storage,
    tensor.dtype,
    sizes,
    strides,
    offset,
    elementCount(sizes),
    isContiguous(sizes, strides),
  );
}

/** In an ArrayBuffer of its own, as memory that a user hands in. */
export function hosted(
  values: readonly (number | bigint)[],
  sizes: Sizes,
  dtype: DType = float32,
): Tensor {
  const array = new dtype.codec.array(new ArrayBuffer(values.length * dtype.itemsize));
  values.forEach((value, i) => {
    array[i] = dtype.codec.encode(value) as never;
  });
  const storage = new Storage(cpu, array.buffer as ArrayBuffer, 0, array.byteLength);
  return new Tensor(storage, dtype, sizes, contiguousStrides(sizes), 0, values.length, true);
}

export function computeType(dtype: DType): DType {
  return dtype.kind !== "floating" ? int64 : dtype === float64 ? float64 : float32;
}

const identity = new Program([input(0)], 1, 0);
export function same(dtype: DType): TypedProgram {
  return identity.typed(computeType(dtype), [dtype], [computeType(dtype)]);
}

/** In native memory. */
export function tensor(
  values: readonly (number | bigint)[],
  sizes: Sizes,
  dtype: DType = float32,
): Tensor {
  const out = empty(sizes, dtype);
  backend.map(
    identity.typed(computeType(dtype), [dtype], [dtype]),
    out,
    [hosted(values, sizes, dtype)],
    [],
  );
  return out;
}

export function program(
  expression: Expression,
  inputs: number,
  scalars: number,
  compute: DType,
): TypedProgram {
  const types = Array.from({ length: inputs }, () => compute);
  return new Program([expression], inputs, scalars).typed(compute, types, [compute]);
}

/** Every element in row-major order, as numbers. */
export function values(operand: Operand): number[] {
  const out: number[] = [];
  const visit = (dim: number, at: number): void => {
    if (dim === operand.sizes.length)
      out.push(Number(backend.read(operand.storage, operand.dtype, at)));
    else
      for (let i = 0; i < operand.sizes[dim]!; i++) visit(dim + 1, at + i * operand.strides[dim]!);
  };
  visit(0, operand.offset);
  return out;
}

/** A reproducible sequence of numbers in [-1, 1). */
export function noise(count: number, seed: number = 1): number[] {
  let state = seed >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(state / 2147483648 - 1);
  });
}

/** Every index tuple of these sizes, in row-major order. */
export function positions(sizes: Sizes): number[][] {
  let out: number[][] = [[]];
  for (const size of sizes)
    out = out.flatMap((head) => Array.from({ length: size }, (_, i) => [...head, i]));
  return out;
}

export function transposed(operand: Tensor): Tensor {
  const [m, n] = operand.sizes as [number, number];
  return view(operand, [n, m], [...operand.strides].reverse());
}
