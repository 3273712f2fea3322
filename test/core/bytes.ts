// Reads elements out of the little-endian bytes that golden files hold.

/** The number whose float16 pattern is `bits`. */
function fromHalf(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size =
    exponent === 31
      ? fraction === 0
        ? Infinity
        : NaN
      : exponent === 0
        ? fraction * 2 ** -24
        : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}

/** The number whose bfloat16 pattern is `bits`. */
function fromBrain(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;
}

/** Element `index` of `bytes`, read as the dtype of that name. */
export function readElement(
  bytes: Uint8Array,
  dtype: string,
  index: number,
): number | bigint | boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (dtype) {
    case "float64":
      return view.getFloat64(8 * index, true);
    case "float32":
      return view.getFloat32(4 * index, true);
    case "float16":
      return fromHalf(view.getUint16(2 * index, true));
    case "bfloat16":
      return fromBrain(view.getUint16(2 * index, true));
    case "int64":
      return view.getBigInt64(8 * index, true);
    case "int32":
      return view.getInt32(4 * index, true);
    case "int16":
      return view.getInt16(2 * index, true);
    case "int8":
      return view.getInt8(index);
    case "uint8":
      return view.getUint8(index);
    case "bool":
      return view.getUint8(index) !== 0;
    default:
      throw new Error(`no reader of ${dtype}`);
  }
}

/**
 * `value` rounded to a binary format with `digits` significant bits and least exponent `lowest`,
 * ties to even.
 */
function roundTo(value: number, digits: number, lowest: number, largest: number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const unit = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), lowest) - digits + 1);
  const steps = value / unit;
  const below = Math.floor(steps);
  const rest = steps - below;
  const rounded = (rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below) * unit;
  return Math.abs(rounded) > largest ? Math.sign(rounded) * Infinity : rounded;
}

/** `value` rounded to float16. */
export function roundHalf(value: number): number {
  return roundTo(value, 11, -14, 65504);
}

/** `value` rounded to bfloat16. */
export function roundBrain(value: number): number {
  return roundTo(value, 8, -126, 3.3895313892515355e38);
}
