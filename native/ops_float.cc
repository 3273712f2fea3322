// float32 and float64 instructions.
#include "ops.h"
#include "scalar.h"
#include "vmath.h"

namespace FLAMBEAU_ISA {

namespace {

template <typename T, typename F>
INLINE void each(T* d, const T* a, long n, F f) {
  for (long i = 0; i < n; i++) d[i] = (T)f((double)a[i]);
}
template <typename T, typename F>
INLINE void each_pair(T* d, const T* a, const T* b, long n, F f) {
  for (long i = 0; i < n; i++) d[i] = (T)f((double)a[i], (double)b[i]);
}

template <typename T>
INLINE typename VectorOf<T>::type minimum_of(typename VectorOf<T>::type x, typename VectorOf<T>::type y) {
  auto z = x < y ? x : y;
  z = (x == y) & (x == 0) ? with_sign(z, (typename VectorOf<T>::type)((decltype(x < y))x | (decltype(x < y))y)) : z;
  return x != x ? x : (y != y ? y : z);
}
template <typename T>
INLINE typename VectorOf<T>::type maximum_of(typename VectorOf<T>::type x, typename VectorOf<T>::type y) {
  auto z = x > y ? x : y;
  z = (x == y) & (x == 0) ? with_sign(z, (typename VectorOf<T>::type)((decltype(x < y))x & (decltype(x < y))y)) : z;
  return x != x ? x : (y != y ? y : z);
}

template <typename T>
INLINE bool execute_floating(int opcode, T* d, const T* a, const T* b, long n) {
  typedef typename VectorOf<T>::type V;
  // Not in a vector: the compiler turns these loops into square roots of whole registers itself.
  switch (opcode) {
    BINARY(div, x / y)
    UNARY(reciprocal, 1 / x)
    UNARY(abs, abs_of(x))
    BINARY(minimum, minimum_of<T>(x, y))
    BINARY(maximum, maximum_of<T>(x, y))
    BINARY(fmin, x != x ? y : (y != y ? x : minimum_of<T>(x, y)))
    BINARY(fmax, x != x ? y : (y != y ? x : maximum_of<T>(x, y)))
    BINARY(copysign, with_sign(x, y))
    UNARY(signbit, (V)((decltype(x < x))with_sign(V{} + 1, x) < 0 ? V{} + 1 : V{}))
    case kOp_sqrt:
      for (long i = 0; i < n; i++) d[i] = sizeof(T) == 4 ? (T)__builtin_sqrtf((float)a[i]) : (T)__builtin_sqrt((double)a[i]);
      return true;
    case kOp_rsqrt:
      for (long i = 0; i < n; i++) d[i] = sizeof(T) == 4 ? (T)(1.f / __builtin_sqrtf((float)a[i])) : (T)(1 / __builtin_sqrt((double)a[i]));
      return true;
    case kOp_floor:
      for (long i = 0; i < n; i++) d[i] = (T)__builtin_floor(a[i]);
      return true;
    case kOp_ceil:
      for (long i = 0; i < n; i++) d[i] = (T)__builtin_ceil(a[i]);
      return true;
    case kOp_trunc:
      for (long i = 0; i < n; i++) d[i] = (T)__builtin_trunc(a[i]);
      return true;
    case kOp_round:
      for (long i = 0; i < n; i++) d[i] = (T)__builtin_nearbyint(a[i]);
      return true;
    case kOp_bitAnd: case kOp_bitOr: case kOp_bitXor: case kOp_bitNot: case kOp_shiftLeft: case kOp_shiftRight: case kOp_gcd:
      for (long i = 0; i < n; i++) d[i] = (T)NAN;
      return true;
    default:
      return false;
  }
}

// Through C's library in double precision: exact enough for both types.
template <typename T>
void execute_scalar(int opcode, T* d, const T* a, const T* b, long n) {
#define EACH(name, expression) \
  case kOp_##name: return each(d, a, n, [](double x) { return expression; });
#define EACH_PAIR(name, expression) \
  case kOp_##name: return each_pair(d, a, b, n, [](double x, double y) { return expression; });
  switch (opcode) {
    EACH_PAIR(fmod, fmod(x, y))
    EACH_PAIR(remainder, floor_remainder(x, y))
    EACH_PAIR(floorDivide, floor_quotient(x, y))
    EACH(exp, exp(x)) EACH(exp2, exp2(x)) EACH(expm1, expm1(x)) EACH(log, log(x)) EACH(log2, log2(x)) EACH(log10, log10(x))
    EACH(log1p, log1p(x)) EACH(sin, sin(x)) EACH(cos, cos(x)) EACH(tan, tan(x)) EACH(asin, asin(x)) EACH(acos, acos(x))
    EACH(atan, atan(x)) EACH(sinh, sinh(x)) EACH(cosh, cosh(x)) EACH(tanh, tanh(x)) EACH(asinh, asinh(x)) EACH(acosh, acosh(x))
    EACH(atanh, atanh(x)) EACH(sigmoid, sigmoid_scalar(x)) EACH(erf, erf(x)) EACH(erfc, erfc(x)) EACH(erfinv, erfinv_scalar(x))
    EACH(lgamma, lgamma(x)) EACH(digamma, digamma_scalar(x)) EACH(trigamma, trigamma_scalar(x))
    EACH(erfcx, erfcx_scalar(x)) EACH(ndtri, ndtri_scalar(x)) EACH(i0e, bessel_scalar(0, x)) EACH(i1e, bessel_scalar(1, x))
    EACH_PAIR(zeta, zeta_scalar(x, y)) EACH_PAIR(atan2, atan2(x, y)) EACH_PAIR(hypot, hypot(x, y)) EACH_PAIR(pow, pow(x, y))
    case kOp_nextafter:
      for (long i = 0; i < n; i++) d[i] = sizeof(T) == 4 ? (T)nextafterf((float)a[i], (float)b[i]) : (T)nextafter((double)a[i], (double)b[i]);
      return;
    default: return;
  }
}

// A float function computed in doubles. Registers for which `special` holds anywhere go through C's library.
template <typename F, typename S>
INLINE void wide_loop(int opcode, float* d, const float* a, const float* b, long n, F f, S special) {
  for (long i = 0; i < n; i += WF) {
    const long left = n - i, r = left < WF ? left : (long)WF;
    const VF x = r == WF ? load(a + i) : load_part(a + i, r);
    const VF y = r == WF ? load(b + i) : load_part(b + i, r);
    const VI odd = special(x, y);
    if (__builtin_expect(sum_lanes<int32_t>(-odd) != 0, 0)) {
      float in[WF], other[WF], out[WF];
      store(in, x);
      store(other, y);
      execute_scalar(opcode, out, in, other, WF);
      store_part(d + i, load(out), r == WF ? 0 : r);
      if (r == WF) store(d + i, load(out));
      continue;
    }
    const VF z = join_halves(f(low_half(x), low_half(y)), f(high_half(x), high_half(y)));
    if (r == WF) store(d + i, z); else store_part(d + i, z, r);
  }
}

}  // namespace

void execute(int opcode, float* d, const float* a, const float* b, const float* c, long n) {
  if (execute_common(opcode, d, a, b, c, n) || execute_floating(opcode, d, a, b, n)) return;
  // Outside the range in which the double formulas hold, NaN and infinities included.
  const auto beyond = [](float limit) { return [limit](VF x, VF) -> VI { return ~(abs_of(x) <= limit); }; };
  const auto tiny_or_large = [](VF x, VF) -> VI { return ~((abs_of(x) <= 1e6f) & ((abs_of(x) >= 1e-30f) | (x == 0))); };
  const auto not_positive = [](VF x, VF) -> VI { return ~((x > 0.f) & (x <= 3.4028234e38f)); };
#define WIDE(name, expression, special) \
  case kOp_##name: return wide_loop(opcode, d, a, a, n, [](VD x, VD) -> VD { return expression; }, special);
#define FAST(name, function) \
  case kOp_##name: return unary_loop(d, a, n, [](VF x) -> VF { return function(x); });
  switch (opcode) {
    FAST(exp, exp_of) FAST(log, log_of) FAST(tanh, tanh_of) FAST(sigmoid, sigmoid_of) FAST(erf, erf_of)
    WIDE(exp2, exp_wide(x * 0.693147180559945309417), beyond(200.f))
    WIDE(expm1, expm1_wide(x), tiny_or_large)
    WIDE(log2, log_wide(x) * 1.44269504088896340736, not_positive)
    WIDE(log10, log_wide(x) * 0.434294481903251827651, not_positive)
    WIDE(log1p, log1p_wide(x), ([](VF x, VF) -> VI { return ~((x > -1.f) & (x <= 3.4028234e38f) & ((abs_of(x) >= 1e-30f) | (x == 0))); }))
    WIDE(sin, sin_wide(x), tiny_or_large)
    WIDE(cos, cos_wide(x), beyond(1e6f))
    WIDE(tan, tan_wide(x), tiny_or_large)
    WIDE(atan, atan_wide(x), ([](VF x, VF) -> VI { return x != x; }))
    WIDE(sinh, (expm1_wide(x) - expm1_wide(-x)) * 0.5, ([](VF x, VF) -> VI { return ~((abs_of(x) <= 100.f) & ((abs_of(x) >= 1e-30f) | (x == 0))); }))
    WIDE(cosh, (exp_wide(x) + exp_wide(-x)) * 0.5, beyond(100.f))
    case kOp_pow:
      return wide_loop(opcode, d, a, b, n, [](VD x, VD y) -> VD { return exp_wide(y * log_wide(x)); },
                       [](VF x, VF y) -> VI { return ~((x > 0.f) & (x <= 3.4028234e38f) & (abs_of(y) <= 3.4028234e38f)); });
    default: return execute_scalar(opcode, d, a, b, n);
  }
}

void execute(int opcode, double* d, const double* a, const double* b, const double* c, long n) {
  if (execute_common(opcode, d, a, b, c, n) || execute_floating(opcode, d, a, b, n)) return;
  execute_scalar(opcode, d, a, b, n);
}

}  // namespace FLAMBEAU_ISA
