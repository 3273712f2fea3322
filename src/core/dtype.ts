// Element types: their names, sizes, and how one element is read from and written to memory.
import { DTypeError } from "./errors.ts";
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from "./half.ts";
import { printsAs } from "./inspect.ts";

export type DTypeKind = "boolean" | "integer" | "floating";

/** The typed arrays that hold elements; float16 and bfloat16 are held as their 16 bits. */
export type ElementArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array;

interface Codec {
  readonly array: new (buffer: ArrayBuffer, byteOffset?: number, length?: number) => ElementArray;
  readonly decode: (raw: number | bigint) => number | bigint | boolean;
  readonly encode: (value: number | bigint) => number | bigint;
}

/** An element type, such as `torch.float32`. Frozen; compared by identity. */
export class DType {
  readonly name: string;
  /** Position in `dtypes`: the number by which kernels know the type. */
  readonly index: number;
  readonly itemsize: number;
  readonly kind: DTypeKind;
  readonly codec: Codec;

  constructor(name: string, index: number, itemsize: number, kind: DTypeKind, codec: Codec) {
    this.name = name;
    this.index = index;
    this.itemsize = itemsize;
    this.kind = kind;
    this.codec = codec;
    Object.freeze(this);
  }

  get isFloatingPoint(): boolean {
    return this.kind === "floating";
  }

  get isComplex(): boolean {
    return false;
  }

  toString(): string {
    return `torch.${this.name}`;
  }
}

printsAs(DType.prototype, String);

const same = (raw: number | bigint): number | bigint => raw;
const asNumber = (value: number | bigint): number => Number(value);

const integerCodec = (array: Codec["array"]): Codec => ({
  array,
  decode: same,
  // Through BigInt: a double beyond 32 bits must wrap as an integer does, not saturate.
  encode: (value) =>
    typeof value === "number" && Math.abs(value) < 2147483648
      ? Math.trunc(value)
      : Number(BigInt.asIntN(32, wholeBigInt(value))),
});

/** The integer part of a value as a bigint; NaN and infinities become the smallest int64, as on x86. */
export function wholeBigInt(value: number | bigint): bigint {
  if (typeof value === "bigint") return value;
  if (!Number.isFinite(value) || Math.abs(value) >= 9223372036854775808)
    return -9223372036854775808n;
  return BigInt(Math.trunc(value));
}

export const float32: DType = new DType("float32", 0, 4, "floating", {
  array: Float32Array,
  decode: same,
  encode: asNumber,
});
export const float64: DType = new DType("float64", 1, 8, "floating", {
  array: Float64Array,
  decode: same,
  encode: asNumber,
});
export const int64: DType = new DType("int64", 2, 8, "integer", {
  array: BigInt64Array,
  decode: same,
  encode: (value) => BigInt.asIntN(64, wholeBigInt(value)),
});
export const int32: DType = new DType("int32", 3, 4, "integer", integerCodec(Int32Array));
export const int16: DType = new DType("int16", 4, 2, "integer", integerCodec(Int16Array));
export const int8: DType = new DType("int8", 5, 1, "integer", integerCodec(Int8Array));
export const uint8: DType = new DType("uint8", 6, 1, "integer", integerCodec(Uint8Array));
export const bool: DType = new DType("bool", 7, 1, "boolean", {
  array: Uint8Array,
  decode: (raw) => raw !== 0,
  encode: (value) => (Number(value) === 0 ? 0 : 1),
});
export const float16: DType = new DType("float16", 8, 2, "floating", {
  array: Uint16Array,
  decode: (raw) => float16ToNumber(Number(raw)),
  encode: (value) => numberToFloat16(Number(value)),
});
export const bfloat16: DType = new DType("bfloat16", 9, 2, "floating", {
  array: Uint16Array,
  decode: (raw) => bfloat16ToNumber(Number(raw)),
  encode: (value) => numberToBfloat16(Number(value)),
});

/** Every element type, each at its `index`. */
export const dtypes: readonly DType[] = [
  float32,
  float64,
  int64,
  int32,
  int16,
  int8,
  uint8,
  bool,
  float16,
  bfloat16,
];

let defaultFloating: DType = float32;

/** The type of floating-point tensors made without a `dtype`: float32 unless `setDefaultDtype` changed it. */
export function getDefaultDtype(): DType {
  return defaultFloating;
}

/** Sets the type of floating-point tensors made without a `dtype`. Throws DTypeError for a type that is not floating. */
export function setDefaultDtype(dtype: DType): void {
  if (!(dtype instanceof DType) || !dtype.isFloatingPoint)
    throw new DTypeError(
      `setDefaultDtype: ${String(dtype)} is not a floating-point type; give torch.float32 or torch.float64`,
    );
  defaultFloating = dtype;
}
