// Elements of storages as numbers and bigints: how they are seen, converted for computing, and stored.
import type { Operand } from "../../core/backend.ts";
import { type DType, float32, float64, int64, wholeBigInt } from "../../core/dtype.ts";
import type { Storage } from "../../core/storage.ts";

/** Numbers or bigints by position, whatever the typed array beneath. */
export interface Elements {
  readonly length: number;
  [position: number]: number | bigint;
}

/** Values of a compute type. Writing rounds to float32 or wraps to 64 bits by itself. */
export type Lane = Float32Array | Float64Array | BigInt64Array;

/** The bytes of a storage as elements of a type. */
export function elementsIn(storage: Storage, dtype: DType): Elements {
  return new dtype.codec.array(storage.host(), 0, Math.floor(storage.byteLength / dtype.itemsize));
}

export function elementsOf(operand: Operand): Elements {
  return elementsIn(operand.storage, operand.dtype);
}

/** The type in which values of `dtype` are combined: halves in float32, integers and bool in int64. */
export function computeTypeOf(dtype: DType): DType {
  return dtype.kind !== "floating" ? int64 : dtype === float64 ? float64 : float32;
}

/** Room for `length` values of a compute type. */
export function makeLane(compute: DType, length: number): Lane {
  return compute === int64
    ? new BigInt64Array(length)
    : compute === float64
      ? new Float64Array(length)
      : new Float32Array(length);
}

/** An integer as a number that rounds to float32 as the integer itself would: bits below the 53rd are kept as one sticky bit. */
function numberOf(value: bigint): number {
  if (value >= -9007199254740992n && value <= 9007199254740992n) return Number(value);
  return Number(((value >> 11n) | ((value & 2047n) === 0n ? 0n : 1n)) << 11n);
}

/** What turns a stored element into a value of the compute type (before the rounding that a lane does). */
export function decoderFor(
  dtype: DType,
  compute: DType,
): (raw: number | bigint) => number | bigint {
  const decode = dtype.codec.decode;
  if (compute === int64)
    return dtype.kind === "floating"
      ? (raw) => wholeBigInt(decode(raw) as number)
      : (raw) => BigInt(raw);
  if (dtype === int64) return compute === float32 ? (raw) => numberOf(raw as bigint) : Number;
  return dtype.kind === "floating" ? (raw) => decode(raw) as number : Number;
}

/** What turns a value of the compute type into a stored element. */
export function encoderFor(
  compute: DType,
  dtype: DType,
): (value: number | bigint) => number | bigint {
  const encode = dtype.codec.encode;
  return compute === int64 && dtype.kind === "floating" && dtype !== float64
    ? (value) => encode(Math.fround(numberOf(value as bigint)))
    : encode;
}

/** What turns stored elements of one type into stored elements of another. */
export function converter(from: DType, to: DType): (raw: number | bigint) => number | bigint {
  if (from === to) return (raw) => raw;
  const compute = from.kind === "floating" ? computeTypeOf(from) : int64;
  const decode = decoderFor(from, compute);
  const encode = encoderFor(compute, to);
  return (raw) => encode(decode(raw));
}
