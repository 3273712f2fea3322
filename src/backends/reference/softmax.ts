// Softmax and its gradient along the last dimension, row by row in double precision.
import type { Operand } from "../../core/backend.ts";
import { float64 } from "../../core/dtype.ts";
import { elementCount } from "../../core/shape.ts";
import { decoderFor, elementsOf, encoderFor } from "./memory.ts";
import { Walk } from "./walk.ts";

/** Applies `compute` to the rows of the inputs; it leaves its result in the first. */
function rowwise(
  output: Operand,
  inputs: readonly Operand[],
  compute: (...rows: Float64Array[]) => void,
): void {
  const { sizes } = output;
  const length = sizes.length === 0 ? 1 : sizes[sizes.length - 1]!;
  const sources = inputs.map((operand) => ({
    elements: elementsOf(operand),
    decode: decoderFor(operand.dtype, float64),
    walk: new Walk(operand.sizes, operand.strides, operand.offset),
    row: new Float64Array(length),
  }));
  const rows = sources.map((source) => source.row);
  const target = elementsOf(output);
  const encode = encoderFor(float64, output.dtype);
  const places = new Walk(sizes, output.strides, output.offset);
  for (let left = elementCount(sizes); left > 0; left -= length) {
    for (const { elements, decode, walk, row } of sources)
      for (let i = 0; i < length; i++) row[i] = decode(elements[walk.next()]!) as number;
    compute(...rows);
    for (const value of rows[0]!) target[places.next()] = encode(value);
  }
}

/** See `Backend.softmax`. */
export function softmax(output: Operand, input: Operand, logarithm: boolean): void {
  rowwise(output, [input], (row) => {
    let largest = Number.NEGATIVE_INFINITY;
    for (const x of row!) largest = Math.max(largest, x);
    let sum = 0;
    for (const x of row!) sum += Math.exp(x - largest);
    const shift = Math.log(sum);
    for (let i = 0; i < row!.length; i++)
      row![i] = logarithm ? row![i]! - largest - shift : Math.exp(row![i]! - largest) / sum;
  });
}

/** See `Backend.softmaxBackward`. */
export function softmaxBackward(
  output: Operand,
  gradient: Operand,
  result: Operand,
  logarithm: boolean,
): void {
  rowwise(output, [gradient, result], (g, y) => {
    let sum = 0;
    for (let i = 0; i < g!.length; i++) sum += logarithm ? g![i]! : g![i]! * y![i]!;
    for (let i = 0; i < g!.length; i++)
      g![i] = logarithm ? g![i]! - Math.exp(y![i]!) * sum : y![i]! * (g![i]! - sum);
  });
}
