// Elementary functions on vectors. The polynomials are minimax fits on the reduced ranges that the comments name.
// float32 results are within 2 units in the last place; where a float formula would lose more, the work is done in doubles.
#pragma once
#include "simd.h"

namespace FLAMBEAU_ISA {

INLINE VF round_even(VF x) {
  const VF magic = splat(12582912.f);
  return (x + magic) - magic;
}

// e^r for |r| <= ln(2)/2, less 1.
INLINE VF expm1_reduced(VF r) {
  VF p = r * 0.001394109979701570193f + 0.008363175250582364319f;
  p = p * r + 0.04166637543993327763f;
  p = p * r + 0.1666657700693870499f;
  p = p * r + 0.5000000026905137088f;
  return p * (r * r) + r;
}

INLINE VF power_of_two(VI n) { return (VF)((n + 127) << 23); }

INLINE VF exp_of(VF x) {
  // Comparisons are written so that NaN passes through.
  VF c = x > 89.f ? splat(89.f) : x;
  c = c < -104.f ? splat(-104.f) : c;
  const VF n = round_even(c * 1.44269504088896341f);
  VF r = c - n * 0.693359375f;
  r = r + n * 2.12194440054690583e-4f;
  const VF p = expm1_reduced(r) + 1.f;
  // In two steps, since 2^n itself may lie outside the range where the result does not.
  const VI k = __builtin_convertvector(n != n ? VF{} : n, VI);
  const VI half = k >> 1;
  return (p * power_of_two(half)) * power_of_two(k - half);
}

// Without the second step: for arguments whose exponential is a normal number.
INLINE VF exp_small_range(VF x) {
  const VF n = round_even(x * 1.44269504088896341f);
  VF r = x - n * 0.693359375f;
  r = r + n * 2.12194440054690583e-4f;
  return (expm1_reduced(r) + 1.f) * power_of_two(__builtin_convertvector(n, VI));
}

INLINE VF log_of(VF x) {
  const VI tiny = (x < 1.17549435e-38f) & (x > 0.f);
  const VF scaled = tiny ? x * 8388608.f : x;
  // Mantissa in [sqrt(1/2), sqrt(2)).
  const VI bits = (VI)scaled - 0x3f3504f3;
  VF e = __builtin_convertvector(bits >> 23, VF);
  e = tiny ? e - 23.f : e;
  const VF f = (VF)((bits & 0x007fffff) + 0x3f3504f3) - 1.f;
  VF p = f * 0.0733253037246057816f - 0.1165991926645205917f;
  p = p * f + 0.1163466121755294981f;
  p = p * f - 0.1239670406988560055f;
  p = p * f + 0.1425115602516819388f;
  p = p * f - 0.1666915068279386245f;
  p = p * f + 0.2000068806867355749f;
  p = p * f - 0.2499998119273879485f;
  p = p * f + 0.3333333125691829963f;
  const VF square = f * f;
  VF y = p * (f * square) + e * -2.12194440054690583e-4f;
  y = y - 0.5f * square;
  y = (f + y) + e * 0.693359375f;
  y = x < __builtin_inff() ? y : x;
  y = x == 0.f ? splat(-__builtin_inff()) : y;
  return x < 0.f ? splat(__builtin_nanf("")) : y;
}

INLINE VF tanh_of(VF x) {
  const VF z = x * x;
  VF p = z * 0.002275918785960956865f - 0.008329616021250535346f;
  p = p * z + 0.02176475842638347394f;
  p = p * z - 0.05395878488354541007f;
  p = p * z + 0.1333330176986591572f;
  p = p * z - 0.333333331624593982f;
  const VF small = p * (z * x) + x;
  const VF a = abs_of(x);
  const VF bounded = a < 10.f ? a : splat(10.f);
  const VF large = 1.f - 2.f / (exp_small_range(bounded + bounded) + 1.f);
  const VF y = with_sign(a < 0.6324f ? small : large, x);
  return x == x ? y : x;
}

// By the exponential of -|x|, which cannot overflow: e / (1 + e) on the left, 1 / (1 + e) on the right.
INLINE VF sigmoid_of(VF x) {
  const VF e = exp_of(-abs_of(x));
  return (x < 0.f ? e : splat(1.f)) / (1.f + e);
}

INLINE VF erf_of(VF x) {
  const VF z = x * x;
  VF p = z * 0.00008393672836381493856f - 0.0008165469541930087468f;
  p = p * z + 0.005204883959083086095f;
  p = p * z - 0.02686180915159508289f;
  p = p * z + 0.1128375503043810107f;
  p = p * z - 0.3761263840365536706f;
  const VF small = p * (z * x) + x * 1.128379167095512574f;
  const VF a = abs_of(x);
  // 1 - exp(-q) with q = -log(erfc(t)) on [1, 4].
  const VF t = a < 4.f ? a : splat(4.f);
  VF q = t * 0.00002168661800012723195f - 0.0004413334716770366664f;
  q = q * t + 0.004204546557477342093f;
  q = q * t - 0.02520821268982118176f;
  q = q * t + 0.1084185026968925954f;
  q = q * t + 0.6332199676095588247f;
  q = q * t + 1.12957838365976154f;
  q = q * t - 0.0001880309126060160598f;
  const VF y = with_sign(a < 1.f ? small : 1.f - exp_small_range(-q), x);
  return x == x ? y : x;
}

// The following work in doubles, and their error disappears in the rounding to float.

INLINE VD round_even(VD x) {
  const VD magic = splat(6755399441055744.);
  return (x + magic) - magic;
}

INLINE VD exp_wide(VD x) {
  VD c = x > 700. ? splat(700.) : x;
  c = c < -700. ? splat(-700.) : c;
  const VD shifted = c * 1.44269504088896340736 + 6755399441055744.;
  const VD n = shifted - 6755399441055744.;
  const VD r = (c - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  VD p = r * 2.762633067356342893e-7 + 2.762510371826323249e-6;
  p = p * r + 0.00002480150630890787612;
  p = p * r + 0.0001984120875374743868;
  p = p * r + 0.00138888889284580486;
  p = p * r + 0.008333333353718756752;
  p = p * r + 0.04166666666659711953;
  p = p * r + 0.1666666666664830147;
  p = p * r + 0.5;
  p = p * (r * r) + r + 1.;
  // The integer stands in the low bits of the shifted value.
  return (VD)((VL)p + ((VL)shifted << 52));
}

// The natural logarithm of positive, normal, finite doubles.
INLINE VD log_wide(VD x) {
  const VL bits = (VL)x - 0x3fe6a09e667f3bcdLL;
  const VL exponent = bits >> 52;
  // Small integers become doubles by way of the mantissa of 2^52 + 2^51.
  const VD e = (VD)(exponent + 0x4338000000000000LL) - 6755399441055744.;
  const VD m = (VD)((bits & 0x000fffffffffffffLL) + 0x3fe6a09e667f3bcdLL);
  const VD s = (m - 1.) / (m + 1.);
  const VD z = s * s;
  VD p = z * 0.08311896868128747157 + 0.09070026252544916732;
  p = p * z + 0.1111143290595327533;
  p = p * z + 0.1428571205116638304;
  p = p * z + 0.2000000000566735254;
  p = p * z + 0.3333333333333100514;
  const VD t = s + s;
  return e * 0.693147180559945309417 + (t * (z * p) + t);
}

struct SineCosine {
  VD sine, cosine;
  VL quadrant;
};
INLINE SineCosine sine_cosine(VD x) {
  const VD shifted = x * 0.636619772367581343076 + 6755399441055744.;
  const VD n = shifted - 6755399441055744.;
  const VD r = (x - n * 1.57079632673412561417) - n * 6.07710050650619224932e-11;
  const VD z = r * r;
  VD s = z * -2.480567248524879697e-8 + 2.755599137673208903e-6;
  s = s * z - 0.0001984126691870972598;
  s = s * z + 0.008333333331081349873;
  s = s * z - 0.1666666666666389007;
  VD c = z * -2.723719472558935717e-7 + 0.00002479986286019485442;
  c = c * z - 0.001388888509398216068;
  c = c * z + 0.04166666663742793865;
  c = c * z - 0.499999999999639532;
  return {s * (z * r) + r, c * z + 1., (VL)shifted};
}
INLINE VD sin_wide(VD x) {
  const SineCosine both = sine_cosine(x);
  const VD y = (both.quadrant & 1) != 0 ? both.cosine : both.sine;
  return (VD)((VL)y ^ ((both.quadrant & 2) << 62));
}
INLINE VD cos_wide(VD x) {
  const SineCosine both = sine_cosine(x);
  const VD y = (both.quadrant & 1) != 0 ? both.sine : both.cosine;
  return (VD)((VL)y ^ (((both.quadrant + 1) & 2) << 62));
}
INLINE VD tan_wide(VD x) {
  const SineCosine both = sine_cosine(x);
  return (both.quadrant & 1) != 0 ? -both.cosine / both.sine : both.sine / both.cosine;
}
INLINE VD atan_wide(VD x) {
  const VD a = abs_of(x), t = a > 1. ? 1. / a : a, z = t * t;
  VD p = z * -0.0009854102259288476474 + 0.006453741102522923722;
  p = p * z - 0.01978712143652025962;
  p = p * z + 0.03894936455038033314;
  p = p * z - 0.05805181944968249452;
  p = p * z + 0.07437191741355939529;
  p = p * z - 0.09042059110218119101;
  p = p * z + 0.1110553246137347119;
  p = p * z - 0.142853832154422889;
  p = p * z + 0.1999999228243184284;
  p = p * z - 0.3333333330358325672;
  const VD r = p * (z * t) + t;
  return with_sign(a > 1. ? 1.57079632679489661923 - r : r, x);
}
INLINE VD expm1_wide(VD x) {
  const VD series = x * (1. + x * (0.5 + x * (1. / 6 + x * (1. / 24))));
  return abs_of(x) < 1e-3 ? series : exp_wide(x) - 1.;
}
INLINE VD log1p_wide(VD x) {
  const VD series = x * (1. - x * (0.5 - x * (1. / 3 - x * 0.25)));
  return abs_of(x) < 1e-3 ? series : log_wide(1. + x);
}

}  // namespace FLAMBEAU_ISA
