// Scalar functions that C's library lacks or defines otherwise, in double precision.
#pragma once
#include <math.h>
#include <stdint.h>
#include "simd.h"

namespace FLAMBEAU_ISA {

// What x86's conversion gives: the smallest integer for what does not fit.
INLINE int64_t to_int64(double x) {
  return x >= -9223372036854775808. && x < 9223372036854775808. ? (int64_t)x : INT64_MIN;
}

INLINE double floor_remainder(double a, double b) {
  const double rest = fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

INLINE double floor_quotient(double a, double b) {
  if (b == 0) return a / b;
  const double rest = fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return copysign(0., a / b);
  const double down = floor(quotient);
  return quotient - down > 0.5 ? down + 1 : down;
}

INLINE int64_t quotient_of(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b; }
INLINE int64_t rest_of(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
INLINE int64_t floor_quotient(int64_t a, int64_t b) {
  if (b == 0) return 0;
  const int64_t rest = rest_of(a, b);
  return quotient_of(a, b) - (rest != 0 && (rest < 0) != (b < 0));
}
INLINE int64_t floor_remainder(int64_t a, int64_t b) {
  const int64_t rest = rest_of(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

INLINE int64_t integer_power(int64_t a, int64_t b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
  uint64_t out = 1;
  for (uint64_t base = (uint64_t)a; b > 0; b >>= 1, base *= base)
    if (b & 1) out *= base;
  return (int64_t)out;
}

INLINE int64_t common_divisor(int64_t a, int64_t b) {
  uint64_t x = a < 0 ? 0 - (uint64_t)a : (uint64_t)a, y = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
  while (y != 0) {
    const uint64_t rest = x % y;
    x = y;
    y = rest;
  }
  return (int64_t)x;
}

INLINE double sigmoid_scalar(double x) { return 1 / (1 + exp(-x)); }

// Asymptotic series from 10 on, reached by the recurrence; reflection below 0 (Abramowitz and Stegun 6.3 and 6.4).
static inline double digamma_scalar(double x) {
  if (x == 0) return copysign(INFINITY, -x);
  if (x < 0) {
    if (x == floor(x)) return NAN;
    // Kept near 0, where a tiny argument keeps its digits.
    const double rest = fmod(x, 1), turn = rest < -0.5 ? rest + 1 : rest;
    return digamma_scalar(1 - x) - 3.14159265358979323846 / tan(3.14159265358979323846 * turn);
  }
  double sum = 0;
  for (; x < 10; x += 1) sum -= 1 / x;
  if (x == INFINITY) return x;
  const double z = 1 / (x * x);
  const double series =
      z * (1. / 12 - z * (1. / 120 - z * (1. / 252 - z * (1. / 240 - z * (1. / 132 - z * (691. / 32760 - z * (1. / 12)))))));
  return sum + log(x) - 0.5 / x - series;
}

static inline double trigamma_scalar(double x) {
  double sum = 0, sign = 1;
  if (x < 0.5) {
    // The distance to the nearest whole number keeps the digits of tiny arguments, and is 0 at a pole.
    const double rest = fabs(fmod(x, 1)), sine = sin(3.14159265358979323846 * (rest < 0.5 ? rest : 1 - rest));
    sum = -9.86960440108935861883 / (sine * sine);
    sign = -1;
    x = 1 - x;
  }
  double up = 0;
  for (; x < 10; x += 1) up += 1 / (x * x);
  const double z = 1 / (x * x);
  up += 1 / x + z / 2 +
        z / x * (1. / 6 - z * (1. / 30 - z * (1. / 42 - z * (1. / 30 - z * (5. / 66 - z * (691. / 2730 - z * (7. / 6)))))));
  return sign < 0 ? -(sum + up) : up;
}

// Winitzki's approximation, refined by Halley steps on erfc so that nothing cancels near 1.
static inline double erfinv_scalar(double x) {
  const double a = fabs(x);
  if (!(a < 1)) return a == 1 ? copysign(INFINITY, x) : NAN;
  if (a == 0) return x;
  const double l = log1p(-a * a), t = 4.330746750799873 + l / 2;
  double y = sqrt(sqrt(t * t - l / 0.147) - t);
  for (int step = 0; step < 3; step++) {
    const double error = a < 0.5 ? erf(y) - a : (1 - a) - erfc(y);
    const double slope = 1.12837916709551257390 * exp(-y * y);
    const double newton = error / slope;
    y -= newton / (1 + y * newton);
  }
  return copysign(y, x);
}

// exp(x^2) erfc(x): the product where neither factor leaves the range, beyond that the continued fraction of Laplace.
static inline double erfcx_scalar(double x) {
  if (x < -26.7) return INFINITY;
  if (x < 8) {
    // exp(x^2) from a part of x whose square is exact.
    const double coarse = trunc(x * 16) / 16;
    return exp(coarse * coarse) * exp((x - coarse) * (x + coarse)) * erfc(x);
  }
  double fraction = 0;
  for (int k = 40; k > 0; k--) fraction = k * 0.5 / (x + fraction);
  return x != x ? x : 0.56418958354775628695 / (x + fraction);
}

// By erfinv in the middle, in the tails by Newton's method on log erfc.
static inline double ndtri_scalar(double p) {
  if (!(p >= 0 && p <= 1)) return NAN;
  if (p == 0) return -INFINITY;
  if (p == 1) return INFINITY;
  if (p > 0.99) return -ndtri_scalar(1 - p);
  if (p > 0.01) return 1.41421356237309504880 * erfinv_scalar(2 * p - 1);
  const double target = log(2 * p);
  double x = sqrt(-target);
  for (int step = 0; step < 8; step++) {
    const double scaled = erfcx_scalar(x);
    x += (log(scaled) - x * x - target) * 1.77245385090551602730 * scaled / 2;
  }
  return -1.41421356237309504880 * x;
}

// exp(-|x|) times the Bessel function I of order 0 or 1: the ascending series, or from 20 on the asymptotic one
// (Abramowitz and Stegun 9.6.10 and 9.7.1).
static inline double bessel_scalar(int order, double x) {
  const double size = fabs(x);
  double term = 1, sum = 1, value;
  if (size <= 20) {
    for (int k = 1; term > sum * 1e-17; k++) {
      term *= size * size / (4. * k * (k + order));
      sum += term;
    }
    value = (order == 0 ? sum : sum * size / 2) * exp(-size);
  } else {
    for (int k = 1; k <= 30; k++) {
      term *= ((2. * k - 1) * (2. * k - 1) - 4 * order) / (8 * k * size);
      sum += term;
    }
    value = sum / sqrt(6.28318530717958647693 * size);
  }
  return order == 1 ? copysign(value, x) : value;
}

// Hurwitz's zeta function: ten terms and the Euler-Maclaurin formula; below 0 the terms on either side of 0 apart.
static inline double zeta_scalar(double s, double q) {
  static const double weights[] = {1. / 12, -1. / 720, 1. / 30240, -1. / 1209600, 1. / 47900160, -691. / 1307674368000.,
                                   1. / 74724249600., -3617. / 10670622842880000., 43867. / 5109094217170944000.};
  if (s == 1) return INFINITY;
  if (!(s > 1)) return NAN;
  if (q <= 0) {
    if (q == floor(q)) return INFINITY;
    if (s != floor(s)) return NAN;
    // The distances to the whole numbers on either side, both exact.
    const double below = q - floor(q), above = ceil(q) - q;
    return zeta_scalar(s, below) + (fmod(s, 2) == 0 ? 1 : -1) * (zeta_scalar(s, above) - zeta_scalar(s, 1 - q));
  }
  double sum = 0, at = q;
  for (int k = 0; k < 10; k++, at += 1) sum += pow(at, -s);
  double power = pow(at, -s), factor = s;
  sum += power * at / (s - 1) + power / 2;
  for (int j = 0; j < 9; j++) {
    power /= at;
    sum += weights[j] * factor * power;
    power /= at;
    factor *= (s + 2 * j + 1) * (s + 2 * j + 2);
  }
  return sum;
}

}  // namespace FLAMBEAU_ISA
