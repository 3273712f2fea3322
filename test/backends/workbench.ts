// Operands for backend tests: values laid out in memory in many ways, kernels run on them, and memory beside them watched.
import type { Backend, Operand } from "../../src/core/backend.ts";
import { bool, type DType, float32, float64, int64 } from "../../src/core/dtype.ts";
import { call, type Expression, input } from "../../src/core/expression.ts";
import { Program, type TypedProgram } from "../../src/core/program.ts";
import { contiguousStrides, elementCount, isContiguous, type Sizes } from "../../src/core/shape.ts";

export type Value = number | bigint;

/** How an operand lies in memory. `broadcast` repeats along its first dimension, so it serves inputs only. */
export const layouts = ["dense", "transposed", "stepped", "negative", "padded", "offset"] as const;
export type Layout = (typeof layouts)[number] | "broadcast";

interface Placement {
  readonly strides: Sizes;
  readonly offset: number;
  readonly length: number;
}

function place(sizes: Sizes, layout: Layout): Placement {
  const count = elementCount(sizes);
  const strides = contiguousStrides(sizes);
  if (layout === "transposed") {
    const back = [...contiguousStrides([...sizes].reverse())].reverse();
    return { strides: back, offset: 0, length: count };
  }
  if (layout === "stepped")
    return { strides: strides.map((s) => s * 3), offset: 2, length: count * 3 + 2 };
  if (layout === "negative")
    return { strides: strides.map((s) => -s), offset: Math.max(count - 1, 0), length: count };
  if (layout === "padded") {
    const wide = sizes.map((size, i) => (i === sizes.length - 1 ? size + 5 : size));
    return { strides: contiguousStrides(wide), offset: 0, length: elementCount(wide) };
  }
  if (layout === "offset") return { strides, offset: 5, length: count + 9 };
  if (layout === "broadcast") {
    const kept = sizes.slice(1);
    return {
      strides: [0, ...contiguousStrides(kept)].slice(0, sizes.length),
      offset: 0,
      length: elementCount(kept),
    };
  }
  return { strides, offset: 0, length: count };
}

/** Storage positions of an operand in row-major order. */
function positionsOf({
  sizes,
  strides,
  offset,
}: Pick<Operand, "sizes" | "strides" | "offset">): number[] {
  let positions = [offset];
  sizes.forEach((size, dim) => {
    positions = positions.flatMap((base) =>
      Array.from({ length: size }, (_, i) => base + i * strides[dim]!),
    );
  });
  return positions;
}

const guard = 0x5a;

/** One backend under test. */
export class Workbench {
  readonly backend: Backend;
  readonly #watched: { readonly operand: Operand; readonly length: number }[] = [];

  constructor(backend: Backend) {
    this.backend = backend;
  }

  /** An operand that holds these values in row-major order; a broadcast one repeats its first part. */
  of(dtype: DType, sizes: Sizes, values: readonly Value[], layout: Layout = "dense"): Operand {
    const operand = this.#make(dtype, sizes, layout);
    const elements: { [i: number]: Value } = new dtype.codec.array(
      operand.storage.host(),
      0,
      operand.storage.byteLength / dtype.itemsize,
    );
    positionsOf(operand).forEach((position, i) => {
      elements[position] = dtype.codec.encode(values[i]!);
    });
    return operand;
  }

  /** The same, but copied by a kernel into memory that the host has not touched. */
  resident(dtype: DType, sizes: Sizes, values: readonly Value[]): Operand {
    const copy = this.#make(dtype, sizes, "dense");
    this.backend.map(identity(dtype), copy, [this.of(dtype, sizes, values)], []);
    return copy;
  }

  /** Room for a result. Dense rooms stay untouched by the host; around the others it is watched that nothing is written. */
  room(dtype: DType, sizes: Sizes, layout: Layout = "dense"): Operand {
    const operand = this.#make(dtype, sizes, layout);
    if (layout === "dense") return operand;
    new Uint8Array(operand.storage.host()).fill(guard);
    this.#watched.push({ operand, length: operand.storage.byteLength });
    return operand;
  }

  #make(dtype: DType, sizes: Sizes, layout: Layout): Operand {
    const { strides, offset, length } = place(sizes, layout);
    const storage = this.backend.allocate(length * dtype.itemsize);
    return {
      storage,
      dtype,
      sizes,
      strides,
      offset,
      count: elementCount(sizes),
      dense: isContiguous(sizes, strides),
    };
  }

  /** The values in row-major order, those of integers and bool as bigints. */
  values(operand: Operand): Value[] {
    this.#checkSurroundings();
    const elements = new operand.dtype.codec.array(
      operand.storage.host(),
      0,
      operand.storage.byteLength / operand.dtype.itemsize,
    );
    return positionsOf(operand).map((position) => {
      const value = operand.dtype.codec.decode(elements[position]!);
      return operand.dtype.kind === "floating" ? (value as number) : BigInt(value);
    });
  }

  #checkSurroundings(): void {
    for (const { operand, length } of this.#watched) {
      const bytes = new Uint8Array(operand.storage.host());
      const size = operand.dtype.itemsize;
      const own = new Set(positionsOf(operand));
      for (let at = 0; at < length; at++)
        if (!own.has(Math.floor(at / size)) && bytes[at] !== guard)
          throw new Error(`byte ${at} was written, outside the output`);
    }
    this.#watched.length = 0;
  }
}

/** The program of one expression. */
export function programOf(
  expression: Expression | readonly Expression[],
  inputCount: number,
  scalarCount: number,
  compute: DType,
  inputs: readonly DType[],
  outputs: readonly DType[],
): TypedProgram {
  return new Program(
    expression instanceof Array ? expression : [expression as Expression],
    inputCount,
    scalarCount,
  ).typed(compute, inputs, outputs);
}

/** The type in which a program over this type computes. */
export function computeOf(dtype: DType): DType {
  return dtype.kind !== "floating" ? int64 : dtype === float64 ? float64 : float32;
}
export function identity(dtype: DType): TypedProgram {
  return programOf(input(0), 1, 0, computeOf(dtype), [dtype], [dtype]);
}

export function applied(
  name: string,
  dtype: DType,
  arity: number,
  output: DType = dtype,
): TypedProgram {
  const operands = Array.from({ length: arity }, (_, i) => input(i));
  return programOf(
    call(name, ...operands),
    arity,
    0,
    computeOf(dtype),
    operands.map(() => dtype),
    [output],
  );
}

/** Values that look random: small, of both signs, some equal; fit for the type. */
export function sample(dtype: DType, count: number, seed: number): Value[] {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const unit = state / 4294967296;
    if (dtype === bool) return unit < 0.5 ? 0n : 1n;
    if (dtype.kind === "integer")
      return BigInt(Math.floor(unit * 100) - (dtype.name === "uint8" ? 0 : 50));
    return dtype.codec.decode(dtype.codec.encode(Math.fround(unit * 8 - 4))) as number;
  });
}
