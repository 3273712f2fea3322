// Special functions that JavaScript's Math lacks, in double precision.

/** The polynomial with these coefficients, highest power first. */
function polynomial(x: number, coefficients: readonly number[]): number {
  let value = 0;
  for (const coefficient of coefficients) value = value * x + coefficient;
  return value;
}

// The rational minimax approximations of W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of
// Computation 23 (1969): numerator and denominator for |x| <= 0.46875, for 0.46875 <= x <= 4, and beyond in 1/x^2.
const erfNear: readonly [readonly number[], readonly number[]] = [
  [
    0.18577770618460315, 3.1611237438705655, 113.86415415105016, 377.485237685302,
    3209.3775891384694,
  ],
  [1, 23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171],
];
const erfcMiddle: readonly [readonly number[], readonly number[]] = [
  [
    2.1531153547440383e-8, 0.5641884969886701, 8.883149794388377, 66.11919063714163,
    298.6351381974001, 881.952221241769, 1712.0476126340707, 2051.0783778260716, 1230.3393547979972,
  ],
  [
    1, 15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903,
    3290.7992357334597, 4362.619090143247, 3439.3676741437216, 1230.3393548037495,
  ],
];
const erfcFar: readonly [readonly number[], readonly number[]] = [
  [
    0.016315387137302097, 0.30532663496123236, 0.36034489994980445, 0.12578172611122926,
    0.016083785148742275, 0.0006587491615298378,
  ],
  [
    1, 2.568520192289822, 1.8729528499234673, 0.5279051029514285, 0.06051834131244132,
    0.0023352049762686918,
  ],
];

/** exp(x^2) erfc(x) for x >= 0.46875. */
function scaledTail(x: number): number {
  if (x <= 4) return polynomial(x, erfcMiddle[0]) / polynomial(x, erfcMiddle[1]);
  const z = 1 / (x * x);
  return (1 / Math.sqrt(Math.PI) - (z * polynomial(z, erfcFar[0])) / polynomial(z, erfcFar[1])) / x;
}

/** erfc for x >= 0.46875. */
function erfcTail(x: number): number {
  if (x > 28) return 0;
  const scaled = scaledTail(x);
  // exp(-x^2) from a part of x whose square is exact: rounding x^2 would cost as many digits as it has.
  const coarse = Math.trunc(x * 16) / 16;
  return Math.exp(-coarse * coarse) * Math.exp(-(x - coarse) * (x + coarse)) * scaled;
}

/** The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x (Cody 1969). */
export function erf(x: number): number {
  if (Math.abs(x) <= 0.46875)
    return (x * polynomial(x * x, erfNear[0])) / polynomial(x * x, erfNear[1]);
  return x > 0 ? 1 - erfcTail(x) : x < 0 ? erfcTail(-x) - 1 : Number.NaN;
}

/** 1 - erf(x), without cancellation for large x (Cody 1969). */
export function erfc(x: number): number {
  if (Math.abs(x) <= 0.46875) return 1 - erf(x);
  return x > 0 ? erfcTail(x) : x < 0 ? 2 - erfcTail(-x) : Number.NaN;
}

/** exp(x^2) erfc(x), which falls off like 1/x where erfc itself underflows (Cody 1969). */
export function erfcx(x: number): number {
  if (x >= 0.46875) return scaledTail(x);
  return x < -26.7 ? Number.POSITIVE_INFINITY : Math.exp(x * x) * erfc(x);
}

/**
 * The inverse of erf; infinite at -1 and 1, NaN beyond.
 * First guess by S. Winitzki, "A handy approximation for the error function and its inverse" (2008), then three steps of Halley's method.
 */
export function erfinv(y: number): number {
  const magnitude = Math.abs(y);
  if (!(magnitude < 1)) return magnitude === 1 ? y * Number.POSITIVE_INFINITY : Number.NaN;
  // Below this the first term of the series is the value to the last digit, and squares would vanish.
  if (magnitude < 1e-9) return (y * Math.sqrt(Math.PI)) / 2;
  const logarithm = Math.log1p(-magnitude * magnitude);
  const middle = 2 / (Math.PI * 0.147) + logarithm / 2;
  let x = Math.sqrt(Math.sqrt(middle * middle - logarithm / 0.147) - middle);
  for (let step = 0; step < 3; step++) {
    // Near 1 the complement carries the digits; 1 - magnitude is exact there.
    const excess = magnitude > 0.5 ? 1 - magnitude - erfc(x) : erf(x) - magnitude;
    const correction = (excess * Math.sqrt(Math.PI) * Math.exp(x * x)) / 2;
    x -= correction / (1 + x * correction);
  }
  return y < 0 ? -x : x;
}

/**
 * The quantile of the standard normal distribution: the x below which the fraction p lies.
 * By erfinv in the middle; in the tails Newton's method on the logarithm of erfc, which is nearly a parabola there.
 */
export function ndtri(p: number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p > 0.5)
    return p === 1
      ? Number.POSITIVE_INFINITY
      : p > 0.99
        ? -ndtri(1 - p)
        : Math.SQRT2 * erfinv(2 * p - 1);
  if (p > 0.01) return Math.SQRT2 * erfinv(2 * p - 1);
  if (p === 0) return Number.NEGATIVE_INFINITY;
  const target = Math.log(2 * p);
  let x = Math.sqrt(-target);
  for (let step = 0; step < 8; step++) {
    const scaled = erfcx(x);
    // log erfc(x) = log erfcx(x) - x^2, with the derivative -2 / (sqrt(pi) erfcx(x)).
    x += ((Math.log(scaled) - x * x - target) * Math.sqrt(Math.PI) * scaled) / 2;
  }
  return -Math.SQRT2 * x;
}

/** |sin(pi x)|, exact at integers and accurate for large x. */
function sinPi(x: number): number {
  const rest = Math.abs(x) % 1;
  return Math.sin(Math.PI * Math.min(rest, 1 - rest));
}

// zeta(k) - 1 for k = 2, 3, ... (Abramowitz & Stegun, table 23.3).
const zetaMinusOne: readonly number[] = [
  0.6449340668482264, 0.2020569031595943, 0.08232323371113819, 0.03692775514336993,
  0.01734306198444914, 0.008349277381922827, 0.00407735619794434, 0.0020083928260822143,
  0.0009945751278180853, 0.0004941886041194645, 0.0002460865533080483, 0.00012271334757848915,
  6.124813505870483e-5, 3.058823630702049e-5, 1.528225940865187e-5, 7.637197637899763e-6,
  3.81729326499984e-6, 1.908212716553939e-6, 9.539620338727962e-7, 4.769329867878064e-7,
  2.38450502727733e-7, 1.1921992596531106e-7, 5.960818905125948e-8, 2.980350351465228e-8,
  1.4901554828365043e-8, 7.45071178983543e-9, 3.725334024788457e-9, 1.862659723513049e-9,
  9.313274324196682e-10, 4.656629065033784e-10, 2.3283118336765053e-10, 1.164155017270052e-10,
];
const oneMinusEuler = 1 - 0.5772156649015329;

/** log(gamma(2 + z)) for |z| <= 0.5: the series at 2 (Abramowitz & Stegun 6.1.33). */
function lgammaAtTwo(z: number): number {
  const series = zetaMinusOne.reduceRight((sum, term, i) => term / (i + 2) - z * sum, 0);
  return z * (oneMinusEuler + z * series);
}

/**
 * The logarithm of |gamma(x)|; infinite at 0, at negative integers and at both infinities.
 * Series at 2 with the recurrence below 8, Stirling's series above (Abramowitz & Stegun 6.1.40), reflection below 0 (6.1.17).
 */
export function lgamma(x: number): number {
  if (Number.isNaN(x)) return x;
  if (!Number.isFinite(x) || (x <= 0 && Number.isInteger(x))) return Number.POSITIVE_INFINITY;
  if (x < 0) {
    // A tiny argument leaves nothing of 1 - x.
    if (x > -1e-17) return -Math.log(-x);
    return Math.log(Math.PI / (-x * sinPi(x))) - lgamma(-x);
  }
  if (x < 0.5) return lgammaAtTwo(x) - Math.log1p(x) - Math.log(x);
  if (x < 1.5) return lgammaAtTwo(x - 1) - Math.log1p(x - 1);
  if (x < 8) {
    let product = 1;
    let rest = x;
    while (rest > 2.5) product *= --rest;
    return Math.log(product) + lgammaAtTwo(rest - 2);
  }
  const z = 1 / (x * x);
  const series =
    polynomial(z, [
      -3617 / 122400,
      1 / 156,
      -691 / 360360,
      1 / 1188,
      -1 / 1680,
      1 / 1260,
      -1 / 360,
      1 / 12,
    ]) / x;
  const logarithm = Math.log(x);
  // For the largest arguments x * log(x) would overflow before x is subtracted.
  return x > 1e17 ? x * (logarithm - 1) : (x - 0.5) * logarithm - x + 0.9189385332046728 + series;
}

/**
 * The derivative of lgamma. As in PyTorch -infinity at 0, infinity at -0, and NaN at negative integers.
 * Recurrence up to 10 and the asymptotic series (Abramowitz & Stegun 6.3.5 and 6.3.18); reflection below 0 (6.3.7).
 */
export function digamma(x: number): number {
  if (x === 0) return -1 / x;
  if (x === Number.POSITIVE_INFINITY) return x;
  if (x < 0) {
    if (Number.isInteger(x) || x === Number.NEGATIVE_INFINITY) return Number.NaN;
    // The tangent has period 1 in x / pi; reduced first, it stays accurate near the poles.
    const rest = x % 1;
    return digamma(1 - x) - Math.PI / Math.tan(Math.PI * (rest < -0.5 ? rest + 1 : rest));
  }
  let shift = 0;
  let at = x;
  for (; at < 10; at++) shift -= 1 / at;
  const z = 1 / (at * at);
  const series = polynomial(z, [
    1 / 12,
    -691 / 32760,
    1 / 132,
    -1 / 240,
    1 / 252,
    -1 / 120,
    1 / 12,
    0,
  ]);
  return shift + (Math.log(at) - 0.5 / at - series);
}

/**
 * The second derivative of lgamma (trigamma); infinite at 0 and at negative integers.
 * Recurrence up to 10 and the asymptotic series (Abramowitz & Stegun 6.4.6 and 6.4.12); reflection below 0.5 (6.4.7).
 */
export function polygamma1(x: number): number {
  if (x === Number.NEGATIVE_INFINITY) return Number.NaN;
  if (x < 0) {
    const ratio = Math.PI / sinPi(x);
    return ratio * ratio - polygamma1(1 - x);
  }
  let sum = 0;
  let at = x;
  for (; at < 10; at++) sum += 1 / (at * at);
  const z = 1 / (at * at);
  return (
    sum +
    (1 +
      0.5 / at +
      polynomial(z, [7 / 6, -691 / 2730, 5 / 66, -1 / 30, 1 / 42, -1 / 30, 1 / 6, 0])) /
      at
  );
}

// B(2j) / (2j)! for j = 1, 2, ...: the weights of the Euler-Maclaurin formula.
const bernoulliWeights: readonly number[] = [
  1 / 12,
  -1 / 720,
  1 / 30240,
  -1 / 1209600,
  1 / 47900160,
  -691 / 1307674368000,
  1 / 74724249600,
  -3617 / 10670622842880000,
  43867 / 5109094217170944000,
];

/**
 * The Hurwitz zeta function, the sum of (q + k)^-s over k = 0, 1, ...: infinite for s = 1 and where a term is, NaN for s < 1 and,
 * as in PyTorch, for infinite q.
 * Ten terms and the Euler-Maclaurin formula for the rest; below 0, for whole s, the terms on either side of 0 apart.
 */
export function zeta(s: number, q: number): number {
  if (s === 1) return Number.POSITIVE_INFINITY;
  if (!(s > 1)) return Number.NaN;
  if (q <= 0) {
    if (Number.isInteger(q) || q === Number.NEGATIVE_INFINITY) return Number.POSITIVE_INFINITY;
    if (!Number.isInteger(s)) return Number.NaN;
    // The distances to the whole numbers on either side, both exact.
    const [below, above] = [q - Math.floor(q), Math.ceil(q) - q];
    return zeta(s, below) + (s % 2 === 0 ? 1 : -1) * (zeta(s, above) - zeta(s, 1 - q));
  }
  let sum = 0;
  let at = q;
  for (let k = 0; k < 10; k++) sum += (at++) ** -s;
  let power = at ** -s;
  sum += (power * at) / (s - 1) + power / 2;
  let factor = s;
  for (let j = 0; j < bernoulliWeights.length; j++) {
    power /= at;
    sum += bernoulliWeights[j]! * factor * power;
    power /= at;
    factor *= (s + 2 * j + 1) * (s + 2 * j + 2);
  }
  return sum;
}

/**
 * exp(-|x|) times the modified Bessel function of the first kind, of order 0 or 1.
 * The ascending series up to 20 (Abramowitz & Stegun 9.6.10), whose terms are all positive; the asymptotic one beyond (9.7.1).
 */
function scaledBesselI(order: 0 | 1, x: number): number {
  const size = Math.abs(x);
  let term = 1;
  let sum = 1;
  let value: number;
  if (size <= 20) {
    for (let k = 1; term > sum * 1e-17; k++) {
      term *= (size * size) / (4 * k * (k + order));
      sum += term;
    }
    value = (order === 0 ? sum : (sum * size) / 2) * Math.exp(-size);
  } else {
    for (let k = 1; k <= 30; k++) {
      term *= ((2 * k - 1) ** 2 - 4 * order) / (8 * k * size);
      sum += term;
    }
    value = sum / Math.sqrt(2 * Math.PI * size);
  }
  return order === 1 && x < 0 ? -value : value;
}

/** exp(-|x|) I0(x). */
export function i0e(x: number): number {
  return scaledBesselI(0, x);
}

/** exp(-|x|) I1(x). */
export function i1e(x: number): number {
  return scaledBesselI(1, x);
}

/**
 * a b + c rounded once, as one instruction of most processors gives it: the errors of the product and of the sum are found exactly and
 * added. Source: Dekker, A floating-point technique for extending the available precision, 1971.
 */
export function multiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const split = (x: number): readonly [number, number] => {
    const high = x * 134217729 - (x * 134217729 - x);
    return [high, x - high];
  };
  const [aHigh, aLow] = split(a);
  const [bHigh, bLow] = split(b);
  const lost = aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
  const own = sum - product;
  const exact = sum + (product - (sum - own) + (c - own) + lost);
  return Number.isFinite(exact) ? exact : sum;
}
