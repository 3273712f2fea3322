// Sorting along the last dimension, and the positions of non-zero elements.
import type { Operand } from "../../core/backend.ts";
import { elementCount } from "../../core/shape.ts";
import { converter, elementsOf } from "./memory.ts";
import { Walk } from "./walk.ts";

type Value = number | bigint;

/** Ascending, NaN last; 0 for equals. */
function compare(a: Value, b: Value): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

/** See `Backend.sort`. */
export function sort(
  values: Operand,
  positions: Operand,
  input: Operand,
  descending: boolean,
): void {
  const { sizes } = input;
  const length = sizes.length === 0 ? 1 : sizes[sizes.length - 1]!;
  const from = elementsOf(input);
  const decode = input.dtype.codec.decode;
  const convert = converter(input.dtype, values.dtype);
  const to = elementsOf(values);
  const found = elementsOf(positions);
  const [sources, targets, places] = [input, values, positions].map(
    (o) => new Walk(o.sizes, o.strides, o.offset),
  ) as [Walk, Walk, Walk];
  const sign = descending ? -1 : 1;
  for (let left = elementCount(sizes); left > 0; left -= length) {
    const raw = Array.from({ length }, () => from[sources.next()]!);
    const keys = raw.map((value) => decode(value) as Value);
    const order = raw.map((_value, i) => i);
    order.sort((a, b) => sign * compare(keys[a]!, keys[b]!) || a - b);
    for (const i of order) {
      to[targets.next()] = convert(raw[i]!);
      found[places.next()] = BigInt(i);
    }
  }
}

/** See `Backend.nonzero`. */
export function nonzero(output: Operand, input: Operand): void {
  const rank = input.sizes.length;
  const from = elementsOf(input);
  const decode = input.dtype.codec.decode;
  const sources = new Walk(input.sizes, input.strides, input.offset);
  const to = elementsOf(output);
  const targets = new Walk(output.sizes, output.strides, output.offset);
  const index = input.sizes.map(() => 0);
  for (let left = output.sizes[0]! * rank > 0 ? elementCount(input.sizes) : 0; left > 0; left--) {
    // NaN counts as non-zero.
    if (Number(decode(from[sources.next()]!)) !== 0)
      for (const i of index) to[targets.next()] = BigInt(i);
    for (let dim = rank - 1; dim >= 0 && ++index[dim]! === input.sizes[dim]; dim--) index[dim] = 0;
  }
}
