// What scalar functions mean where JavaScript has no operator for it: for numbers, for booleans as numbers, and for bigints.

export const flag = (value: boolean): number => (value ? 1 : 0);
export const bigFlag = (value: boolean): bigint => (value ? 1n : 0n);
// NaN wins over everything.
export const minimum = (a: number, b: number): number =>
  Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b);
export const maximum = (a: number, b: number): number =>
  Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b);
/** a - b floor(a / b): the remainder with the sign of b. */
export const floorRemainder = (a: number, b: number): number => {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
};
/** floor(a / b), exact where a / b rounds up to the next whole number. */
export const floorQuotient = (a: number, b: number): number => {
  if (b === 0) return a / b;
  const rest = a % b;
  let quotient = (a - rest) / b;
  if (rest !== 0 && b < 0 !== rest < 0) quotient -= 1;
  if (quotient === 0) return Object.is(a / b, -0) || a / b < 0 ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
};
export const bigAbs = (a: bigint): bigint => (a < 0n ? -a : a);
export const bigFloorQuotient = (a: bigint, b: bigint): bigint => {
  if (b === 0n) return 0n;
  const quotient = a / b;
  return quotient * b !== a && a < 0n !== b < 0n ? quotient - 1n : quotient;
};
export const bigPower = (a: bigint, b: bigint): bigint => {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b % 2n === 0n ? 1n : -1n) : 0n;
  let out = 1n;
  for (let base = a, rest = b; rest > 0n; rest >>= 1n) {
    if (rest & 1n) out = BigInt.asIntN(64, out * base);
    base = BigInt.asIntN(64, base * base);
  }
  return out;
};

export function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [bigAbs(a), bigAbs(b)];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

// Neighbours in the order of floats have neighbouring bits.
const bits = new DataView(new ArrayBuffer(8));
export function nextAfter(from: number, to: number): number {
  if (Number.isNaN(from) || Number.isNaN(to)) return Number.NaN;
  if (from === to) return to;
  if (from === 0) return to > 0 ? Number.MIN_VALUE : -Number.MIN_VALUE;
  bits.setFloat64(0, from);
  bits.setBigInt64(0, bits.getBigInt64(0) + (from < to === from > 0 ? 1n : -1n));
  return bits.getFloat64(0);
}

export function nextAfterSingle(from: number, to: number): number {
  if (Number.isNaN(from) || Number.isNaN(to)) return Number.NaN;
  if (from === to) return to;
  if (from === 0) return to > 0 ? 2 ** -149 : -(2 ** -149);
  bits.setFloat32(0, from);
  bits.setInt32(0, bits.getInt32(0) + (from < to === from > 0 ? 1 : -1));
  return bits.getFloat32(0);
}
