// Decimal digits of numbers as C's printf writes them: correctly rounded, ties to the even digit.

// No double lies this close (60 further digits) to a short decimal without being equal to it.
const provingDigits = 60;

function signOf(value: number): string {
  return value < 0 || Object.is(value, -0) ? "-" : "";
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

function endsEven(digits: string): boolean {
  return (digits.charCodeAt(digits.length - 1) & 1) === 0;
}

/**
 * `value` with `precision` (0 to 99) digits after the point, as `%.4f` for 4.
 *
 * @example
 * ```ts
 * formatFixed(0.03125, 4); // "0.0312"
 * ```
 */
export function formatFixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const size = Math.abs(value);
  const sign = signOf(value);
  if (size >= 1e21)
    return `${sign}${BigInt(size)}${precision > 0 ? `.${"0".repeat(precision)}` : ""}`;
  // Only a multiple of 2^-(precision + 1) can end in a 5 one digit further; JavaScript rounds that
  // up, C to even.
  if (Number.isInteger(size * 2 ** (precision + 1))) {
    const exact = size.toFixed(precision + 1);
    const cut = exact.slice(0, precision === 0 ? -2 : -1);
    if (exact.endsWith("5") && endsEven(cut)) return sign + cut;
  }
  return sign + size.toFixed(precision);
}

/**
 * `value` in scientific notation with `precision` (0 to 99) digits after the point, as `%.4e` for
 * 4.
 *
 * @example
 * ```ts
 * formatScientific(1234.5, 4); // "1.2345e+03"
 * ```
 */
export function formatScientific(value: number, precision: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const [rounded = "", power = ""] = Math.abs(value).toExponential(precision).split("e");
  const exponent = `e${power[0]}${power.slice(1).padStart(2, "0")}`;
  const [digits = ""] = Math.abs(value)
    .toExponential(Math.min(100, precision + provingDigits))
    .split("e");
  const cut = precision === 0 ? digits.slice(0, 1) : digits.slice(0, precision + 2);
  const tie = /^\.?50*$/.test(digits.slice(cut.length));
  // A tie whose digits are even already keeps its exponent too: rounding it up could not carry past
  // an even digit.
  return signOf(value) + (tie && endsEven(cut) ? cut : rounded) + exponent;
}
