// Sixteen-bit floats as JavaScript numbers, and back with rounding to nearest even.

const word = new DataView(new ArrayBuffer(8));

/** The value of an IEEE binary16 bit pattern. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The IEEE binary16 bit pattern nearest to the value's float32, ties to even: PyTorch rounds a double twice as well. */
export function numberToFloat16(double: number): number {
  const value = Math.fround(double);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(magnitude)) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  // Below the smallest normal, steps are 2^-24; above it they grow with the exponent.
  const exponent = magnitude < 2 ** -14 ? -14 : Math.floor(Math.log2(magnitude));
  const fixed =
    magnitude < 2 ** exponent
      ? exponent - 1
      : magnitude >= 2 ** (exponent + 1)
        ? exponent + 1
        : exponent;
  const scale = Math.max(fixed, -14);
  const steps = roundHalfEven(magnitude * 2 ** (10 - scale));
  // A carry out of the fraction walks into the exponent by itself.
  return sign | (magnitude < 2 ** -14 ? steps : ((scale + 15) << 10) + (steps - 1024));
}

/** The value of a bfloat16 bit pattern: the upper half of a float32. */
export function bfloat16ToNumber(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** The nearest bfloat16 bit pattern, ties to even. */
export function numberToBfloat16(value: number): number {
  word.setFloat32(0, value);
  const bits = word.getUint32(0);
  if (Number.isNaN(value)) return 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Rounds to the nearest integer, ties to the even one. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return value < 0 && floor === 0 ? -0 : floor;
  if (rest > 0.5) return value < 0 && floor === -1 ? -0 : floor + 1;
  return floor % 2 === 0 ? floor : value < 0 && floor === -1 ? -0 : floor + 1;
}
