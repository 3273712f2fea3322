// Matrix products by the definition; floating products are summed in double precision and rounded once.
import type { Operand } from "../../core/backend.ts";
import { float64, int64, wholeBigInt } from "../../core/dtype.ts";
import { elementCount } from "../../core/shape.ts";
import { decoderFor, elementsOf, encoderFor, type Lane, makeLane } from "./memory.ts";
import { Walk } from "./walk.ts";

/** The matrices of a batched operand one after another, each copied into one buffer. */
function* matrices(operand: Operand, buffer: Lane): Generator<undefined> {
  const rank = operand.sizes.length;
  const elements = elementsOf(operand);
  const decode = decoderFor(operand.dtype, buffer instanceof BigInt64Array ? int64 : float64);
  const batch = new Walk(
    operand.sizes.slice(0, rank - 2),
    operand.strides.slice(0, rank - 2),
    operand.offset,
  );
  const inner = new Walk(operand.sizes.slice(rank - 2), operand.strides.slice(rank - 2), 0);
  const target: { [position: number]: number | bigint } = buffer;
  for (;;) {
    inner.reset(batch.next());
    for (let i = 0; i < buffer.length; i++) target[i] = decode(elements[inner.next()]!);
    yield;
  }
}

/** out = a @ b for row-major numbers. */
function multiply(
  out: Float64Array,
  a: Float64Array,
  b: Float64Array,
  rows: number,
  depth: number,
  columns: number,
): void {
  out.fill(0);
  for (let m = 0; m < rows; m++)
    for (let k = 0; k < depth; k++) {
      const factor = a[m * depth + k]!;
      for (let n = 0; n < columns; n++) out[m * columns + n]! += factor * b[k * columns + n]!;
    }
}

/** The same for integers, wrapping to 64 bits. */
function multiplyIntegers(
  out: BigInt64Array,
  a: BigInt64Array,
  b: BigInt64Array,
  rows: number,
  depth: number,
  columns: number,
): void {
  out.fill(0n);
  for (let m = 0; m < rows; m++)
    for (let k = 0; k < depth; k++) {
      const factor = a[m * depth + k]!;
      for (let n = 0; n < columns; n++) out[m * columns + n]! += factor * b[k * columns + n]!;
    }
}

/** See `Backend.matmul`. */
export function matmul(
  output: Operand,
  a: Operand,
  b: Operand,
  alpha: number,
  beta: number,
  addend: Operand | null,
): void {
  const count = elementCount(output.sizes);
  if (count === 0) return;
  const rank = output.sizes.length;
  const rows = output.sizes[rank - 2]!;
  const columns = output.sizes[rank - 1]!;
  const depth = a.sizes[rank - 1]!;
  const compute = output.dtype.kind === "floating" ? float64 : int64;
  const left = makeLane(compute, rows * depth);
  const right = makeLane(compute, depth * columns);
  const product = makeLane(compute, rows * columns);
  const lefts = matrices(a, left);
  const rights = matrices(b, right);

  const elements = elementsOf(output);
  const encode = encoderFor(compute, output.dtype);
  const places = new Walk(output.sizes, output.strides, output.offset);
  // As in PyTorch, a beta of 0 ignores the addend, NaN included.
  const added = beta === 0 ? null : addend;
  const addends = added === null ? null : elementsOf(added);
  const addendPlaces = added === null ? null : new Walk(added.sizes, added.strides, added.offset);
  const decode = decoderFor(output.dtype, compute);

  for (let done = 0; done < count; done += rows * columns) {
    lefts.next();
    rights.next();
    if (product instanceof BigInt64Array) {
      multiplyIntegers(
        product,
        left as BigInt64Array,
        right as BigInt64Array,
        rows,
        depth,
        columns,
      );
      for (const value of product) {
        const rest =
          addends === null
            ? 0n
            : wholeBigInt(beta) * (decode(addends[addendPlaces!.next()]!) as bigint);
        elements[places.next()] = encode(wholeBigInt(alpha) * value + rest);
      }
    } else {
      multiply(
        product as Float64Array,
        left as Float64Array,
        right as Float64Array,
        rows,
        depth,
        columns,
      );
      for (const value of product) {
        const rest =
          addends === null ? 0 : beta * (decode(addends[addendPlaces!.next()]!) as number);
        elements[places.next()] = encode(alpha * value + rest);
      }
    }
  }
}
