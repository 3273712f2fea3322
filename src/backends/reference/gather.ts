// Reading and writing elements at positions that other tensors hold.
import type { Operand, ScatterKind } from "../../core/backend.ts";
import { int64 } from "../../core/dtype.ts";
import { IndexError } from "../../core/errors.ts";
import { functionOf } from "../../core/scalar.ts";
import { elementCount, type Sizes } from "../../core/shape.ts";
import { computeTypeOf, converter, decoderFor, elementsOf, encoderFor } from "./memory.ts";
import { Walk } from "./walk.ts";

type Value = number | bigint;

/** An index value as a position from 0; `lowest` is the smallest value allowed. */
function checked(
  operation: string,
  value: Value,
  dim: number,
  size: number,
  lowest: number,
): number {
  if (value < lowest || value >= size)
    throw new IndexError(
      size === 0
        ? `${operation}: index ${value} is out of range for dimension ${dim}, which has size 0`
        : `${operation}: index ${value} is out of range for dimension ${dim} of size ${size}; give ${lowest} to ${size - 1}`,
    );
  return Number(value) + (value < 0 ? size : 0);
}

/** Storage positions of operand[p with p[dim] replaced by index[p]], for every p of index. */
function alongDimension(
  operation: string,
  operand: Operand,
  dim: number,
  index: Operand,
): Float64Array {
  const positions = new Float64Array(elementCount(index.sizes));
  const others = operand.strides.map((stride, d) => (d === dim ? 0 : stride));
  // A tensor without dimensions counts as one dimension of size 1.
  const size = operand.sizes[dim] ?? 1;
  const stride = operand.strides[dim] ?? 0;
  const values = elementsOf(index);
  const places = new Walk(index.sizes, index.strides, index.offset);
  const bases = new Walk(index.sizes, others, operand.offset);
  for (let i = 0; i < positions.length; i++)
    positions[i] = bases.next() + stride * checked(operation, values[places.next()]!, dim, size, 0);
  return positions;
}

/** Storage positions of operand[indices[0][i], indices[1][i], ..., rest...], for every i and rest in row-major order. */
function byIndices(
  operation: string,
  operand: Operand,
  indices: readonly Operand[],
  sizes: Sizes,
): Float64Array {
  const positions = new Float64Array(elementCount(sizes));
  if (positions.length === 0) return positions;
  const values = indices.map(elementsOf);
  const places = indices.map((index) => new Walk(index.sizes, index.strides, index.offset));
  const rest = operand.sizes.slice(indices.length);
  const restCount = elementCount(rest);
  const walk = new Walk(rest, operand.strides.slice(indices.length), 0);
  for (let i = 0; i < positions.length; i += restCount) {
    let base = operand.offset;
    for (let d = 0; d < indices.length; d++) {
      const size = operand.sizes[d]!;
      base +=
        operand.strides[d]! * checked(operation, values[d]![places[d]!.next()]!, d, size, -size);
    }
    walk.reset(base);
    for (let r = 0; r < restCount; r++) positions[i + r] = walk.next();
  }
  return positions;
}

function readAt(output: Operand, input: Operand, positions: Float64Array): void {
  const elements = elementsOf(input);
  const convert = converter(input.dtype, output.dtype);
  // All is read before the first is written: the output may be the input.
  const values = Array.from(positions, (position) => convert(elements[position]!));
  const target = elementsOf(output);
  const places = new Walk(output.sizes, output.strides, output.offset);
  for (const value of values) target[places.next()] = value;
}

function writeAt(
  kind: ScatterKind,
  output: Operand,
  positions: Float64Array,
  source: Operand,
  sizes: Sizes,
): void {
  const compute = computeTypeOf(output.dtype);
  const combine = combinationOf(kind, compute === int64);
  const elements = elementsOf(source);
  const convert = converter(source.dtype, output.dtype);
  const target = elementsOf(output);
  const decode = decoderFor(output.dtype, compute);
  const encode = encoderFor(compute, output.dtype);
  const places = new Walk(sizes, source.strides, source.offset);
  for (const position of positions) {
    const value = convert(elements[places.next()]!);
    target[position] =
      combine === null ? value : encode(combine(decode(target[position]!), decode(value)));
  }
}

function combinationOf(
  kind: ScatterKind,
  integer: boolean,
): ((a: Value, b: Value) => Value) | null {
  if (kind === "set") return null;
  const { evaluate, integer: exact } = functionOf(
    kind === "sum" ? "add" : kind === "product" ? "mul" : kind,
  );
  return (integer ? exact : evaluate) as (a: Value, b: Value) => Value;
}

/** See `Backend.gather`. */
export function gather(output: Operand, input: Operand, dim: number, index: Operand): void {
  readAt(output, input, alongDimension("gather", input, dim, index));
}

/** See `Backend.scatter`. */
export function scatter(
  kind: ScatterKind,
  output: Operand,
  dim: number,
  index: Operand,
  source: Operand,
): void {
  writeAt(kind, output, alongDimension("scatter", output, dim, index), source, index.sizes);
}

/** See `Backend.index`. */
export function index(output: Operand, input: Operand, indices: readonly Operand[]): void {
  readAt(output, input, byIndices("index", input, indices, output.sizes));
}

/** See `Backend.indexPut`. */
export function indexPut(
  output: Operand,
  indices: readonly Operand[],
  source: Operand,
  accumulate: boolean,
): void {
  writeAt(
    accumulate ? "sum" : "set",
    output,
    byIndices("indexPut", output, indices, source.sizes),
    source,
    source.sizes,
  );
}
