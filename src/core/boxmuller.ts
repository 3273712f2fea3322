// The Box-Muller transform on blocks of sixteen uniform numbers: eight radii with eight angles give
// sixteen normal numbers.

const round = Math.fround;

// Single-precision polynomials of Moshier's Cephes library, which PyTorch's vector code evaluates
// with fused multiply-adds. A product of two float32 is exact in a double, so one final rounding
// stands for the fused operation.
const logarithm = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1,
  -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(round);
const [l0, l1, l2, l3, l4, l5, l6, l7, l8] = logarithm as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];
const lnTwoLow = round(-2.1219444e-4);
const lnTwoHigh = round(0.693359375);
const rootHalf = round(Math.SQRT1_2);
const [s0, s1, s2] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(round) as [
  number,
  number,
  number,
];
const [c0, c1, c2] = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(
  round,
) as [number, number, number];
// Minus pi / 4 in three parts, each short enough that its product with an octant number is exact or
// nearly so.
const [d0, d1, d2] = [-0.78515625, -2.4187564849853516e-4, -3.774894977445941e-8].map(round) as [
  number,
  number,
  number,
];
const octantsPerRadian = round(4 / Math.PI);
const turnSingle = round(2 * Math.PI);
const turn = 2 * Math.PI;

const single = new Float32Array(1);
const bits = new Int32Array(single.buffer);

/** ln(value) in float32 arithmetic, for a normal value in (0, 1]. */
function logSingle(value: number): number {
  single[0] = value;
  const pattern = bits[0]!;
  bits[0] = (pattern & 0x007fffff) | 0x3f000000;
  let fraction = single[0]!;
  let exponent = (pattern >>> 23) - 126;
  if (fraction < rootHalf) {
    exponent -= 1;
    fraction = round(round(fraction - 1) + fraction);
  } else {
    fraction = round(fraction - 1);
  }
  const square = round(fraction * fraction);
  let sum = round(l0 * fraction + l1);
  sum = round(sum * fraction + l2);
  sum = round(sum * fraction + l3);
  sum = round(sum * fraction + l4);
  sum = round(sum * fraction + l5);
  sum = round(sum * fraction + l6);
  sum = round(sum * fraction + l7);
  sum = round(sum * fraction + l8);
  sum = round(sum * fraction);
  sum = round(sum * square + round(exponent * lnTwoLow));
  sum = round(sum - square * 0.5);
  return round(exponent * lnTwoHigh + round(fraction + sum));
}

/**
 * Turns `data[start .. start + 16)`, uniform on [0, 1), into normal numbers, bit for bit as
 * PyTorch's float32 vector path does. With r = sqrt(-2 ln(1 - data[j])) and a = 2 pi data[j + 8],
 * data[j] becomes r cos(a) * deviation + mean and data[j + 8] becomes r sin(a) * deviation + mean.
 */
export function normalBlockSingle(
  data: Float32Array,
  start: number,
  mean: number,
  deviation: number,
): void {
  for (let first = start; first < start + 8; first++) {
    const second = first + 8;
    const radius = round(Math.sqrt(round(-2 * logSingle(round(1 - data[first]!)))));
    const angle = round(turnSingle * data[second]!);
    const octant = (round(angle * octantsPerRadian) + 1) & ~1;
    let rest = round(octant * d0 + angle);
    rest = round(octant * d1 + rest);
    rest = round(octant * d2 + rest);
    const square = round(rest * rest);
    let cosine = round(c0 * square + c1);
    cosine = round(cosine * square + c2);
    cosine = round(cosine * square);
    cosine = round(cosine * square - square * 0.5);
    cosine = round(cosine + 1);
    let sine = round(s0 * square + s1);
    sine = round(sine * square + s2);
    sine = round(sine * square);
    sine = round(sine * rest + rest);
    const swapped = (octant & 2) !== 0;
    const along = swapped ? sine : cosine;
    const across = swapped ? cosine : sine;
    data[first] = round(radius * (((octant + 2) & 4) !== 0 ? -along : along)) * deviation + mean;
    data[second] = round(radius * ((octant & 4) !== 0 ? -across : across)) * deviation + mean;
  }
}

/** The same in double precision, with the functions of the platform. */
export function normalBlockDouble(
  data: Float64Array,
  start: number,
  mean: number,
  deviation: number,
): void {
  for (let first = start; first < start + 8; first++) {
    const second = first + 8;
    const radius = Math.sqrt(-2 * Math.log(1 - data[first]!));
    const angle = turn * data[second]!;
    data[first] = fused(radius * Math.cos(angle), deviation, mean);
    data[second] = fused(radius * Math.sin(angle), deviation, mean);
  }
}

const splitter = 2 ** 27 + 1;

/**
 * left * right + addend with a single rounding, save in rare cases a half unit off: the product's
 * error by Dekker's splitting, the sum's by Knuth's (Ogita, Rump and Oishi, "Accurate sum and dot
 * product", 2005).
 */
export function fused(left: number, right: number, addend: number): number {
  const product = left * right;
  const total = product + addend;
  if (addend === 0 || right === 1) return total;
  const leftScaled = left * splitter;
  const leftHigh = leftScaled - (leftScaled - left);
  const leftLow = left - leftHigh;
  const rightScaled = right * splitter;
  const rightHigh = rightScaled - (rightScaled - right);
  const rightLow = right - rightHigh;
  const productError =
    leftLow * rightLow -
    (product - leftHigh * rightHigh - leftLow * rightHigh - leftHigh * rightLow);
  const back = total - product;
  const sumError = product - (total - back) + (addend - back);
  const corrected = total + (productError + sumError);
  return Number.isFinite(corrected) ? corrected : total;
}
