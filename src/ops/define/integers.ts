// Numbers that meet integer types: which of them a type holds, and what the others become.
import { type DType, int64 } from "../../core/dtype.ts";
import { ArgumentError } from "../../core/errors.ts";

/** What an integer type holds: from `least` to `most`; as numbers, from `first` up to but without `end`. */
interface Range {
  readonly least: bigint;
  readonly most: bigint;
  readonly first: number;
  readonly end: number;
}

const signed = (bits: number): Range => ({
  least: -(2n ** BigInt(bits - 1)),
  most: 2n ** BigInt(bits - 1) - 1n,
  first: -(2 ** (bits - 1)),
  end: 2 ** (bits - 1),
});

const ranges: Readonly<Record<string, Range>> = {
  int64: signed(64),
  int32: signed(32),
  int16: signed(16),
  int8: signed(8),
  uint8: { least: 0n, most: 255n, first: 0, end: 256 },
};

/** The smallest and the largest value of an integer type. */
export function integerRange(dtype: DType): readonly [bigint, bigint] | undefined {
  const range = ranges[dtype.name];
  return range === undefined ? undefined : [range.least, range.most];
}

/**
 * Refuses a number that is to be stored in an integer type which cannot hold its whole part. Unsigned types take negative ones as PyTorch
 * does, down to minus their largest: -1 becomes the largest itself.
 */
export function requireInRange(operation: string, value: number | bigint, dtype: DType): void {
  const range = ranges[dtype.name];
  if (range === undefined) return;
  const { least, most, first, end } = range;
  const fits =
    typeof value === "bigint"
      ? value >= (least < 0n ? least : -most) && value <= most
      : Math.trunc(value) >= (first < 0 ? first : 1 - end) && value < end;
  if (!fits)
    throw new ArgumentError(
      `${operation}: ${String(value)} does not fit ${dtype.name}, which holds ${least} to ${most}`,
    );
}

/** A number as an operand beside integers: modulo what the type can tell apart, as the type's own arithmetic is. */
export function modulo(operation: string, value: number, dtype: DType): number {
  const range = ranges[dtype.name];
  if (range === undefined || (value >= range.first && value < range.end)) return value;
  requireInRange(operation, value, int64);
  const bits = 8 * dtype.itemsize;
  const whole = BigInt(Math.trunc(value));
  return Number(range.first < 0 ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole));
}
