// Special functions beyond the error and gamma functions, in double precision: the methods of src/core/special.ts.
#pragma once
#include "scalar.h"

namespace FLAMBEAU_ISA {

static inline double polynomial(double x, const double* coefficient, int count) {
  double value = 0;
  for (int i = 0; i < count; i++) value = value * x + coefficient[i];
  return value;
}

// exp(x^2) erfc(x) for x >= 0.46875 (Cody 1969).
static inline double scaled_tail(double x) {
  static const double middle[2][9] = {
      {2.1531153547440383e-8, 0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001, 881.952221241769,
       1712.0476126340707, 2051.0783778260716, 1230.3393547979972},
      {1, 15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597, 4362.619090143247,
       3439.3676741437216, 1230.3393548037495}};
  static const double far[2][6] = {{0.016315387137302097, 0.30532663496123236, 0.36034489994980445, 0.12578172611122926,
                                    0.016083785148742275, 0.0006587491615298378},
                                   {1, 2.568520192289822, 1.8729528499234673, 0.5279051029514285, 0.06051834131244132,
                                    0.0023352049762686918}};
  if (x <= 4) return polynomial(x, middle[0], 9) / polynomial(x, middle[1], 9);
  const double z = 1 / (x * x);
  return (0.56418958354775628695 - z * polynomial(z, far[0], 6) / polynomial(z, far[1], 6)) / x;
}

static inline double erfcx_scalar(double x) {
  if (x >= 0.46875) return scaled_tail(x);
  return x < -26.7 ? INFINITY : exp(x * x) * erfc(x);
}

// By erfinv in the middle; in the tails Newton's method on the logarithm of erfc, which is nearly a parabola there.
static inline double ndtri_scalar(double p) {
  const double root2 = 1.41421356237309504880;
  if (!(p >= 0 && p <= 1)) return NAN;
  if (p == 1) return INFINITY;
  if (p == 0) return -INFINITY;
  if (p > 0.99) return -ndtri_scalar(1 - p);
  if (p > 0.01) return root2 * erfinv_scalar(2 * p - 1);
  const double target = log(2 * p);
  double x = sqrt(-target);
  for (int step = 0; step < 8; step++) {
    const double scaled = erfcx_scalar(x);
    x += (log(scaled) - x * x - target) * 1.77245385090551602730 * scaled / 2;
  }
  return -root2 * x;
}

// Ten terms of the Hurwitz zeta function, and the Euler-Maclaurin formula for the rest.
static inline double zeta_scalar(double s, double q) {
  static const double weight[] = {1. / 12, -1. / 720, 1. / 30240, -1. / 1209600, 1. / 47900160, -691. / 1307674368000.,
                                  1. / 74724249600., -3617. / 10670622842880000., 43867. / 5109094217170944000.};
  if (s == 1) return INFINITY;
  if (!(s > 1)) return NAN;
  if (q <= 0) {
    if (q == floor(q)) return INFINITY;
    if (s != floor(s)) return NAN;
    const double rest = q - floor(q);
    return zeta_scalar(s, rest) + (fmod(s, 2) == 0 ? 1 : -1) * (zeta_scalar(s, 1 - rest) - zeta_scalar(s, 1 - q));
  }
  if (q == INFINITY) return 0;
  double sum = 0, at = q;
  for (int k = 0; k < 10; k++, at += 1) sum += pow(at, -s);
  double power = pow(at, -s);
  sum += power * at / (s - 1) + power / 2;
  double factor = s;
  for (int j = 0; j < 9; j++) {
    power /= at;
    sum += weight[j] * factor * power;
    power /= at;
    factor *= (s + 2 * j + 1) * (s + 2 * j + 2);
  }
  return sum;
}

// exp(-|x|) times the modified Bessel function of that order: the ascending series up to 20, the asymptotic one beyond.
static inline double scaled_bessel_i(int order, double x) {
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
    value = sum / sqrt(2 * 3.14159265358979323846 * size);
  }
  return order == 1 && x < 0 ? -value : value;
}

}  // namespace FLAMBEAU_ISA
