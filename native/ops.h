// One instruction of a program on a block of elements. Destination and operands may be the same memory, but not overlap otherwise.
#pragma once
#include "kernels.h"
#include "simd.h"

namespace FLAMBEAU_ISA {

void execute(int opcode, float* d, const float* a, const float* b, const float* c, long n);
void execute(int opcode, double* d, const double* a, const double* b, const double* c, long n);
void execute(int opcode, int64_t* d, const int64_t* a, const int64_t* b, const int64_t* c, long n);

// Register over register; what the loops of arithmetic share for all three types.
template <typename T, typename F>
INLINE void unary_loop(T* d, const T* a, long n, F f) {
  const long W = VectorOf<T>::width;
  long i = 0;
  for (; i + W <= n; i += W) store(d + i, f(load(a + i)));
  if (i < n) store_part(d + i, f(load_part(a + i, n - i)), n - i);
}
template <typename T, typename F>
INLINE void binary_loop(T* d, const T* a, const T* b, long n, F f) {
  const long W = VectorOf<T>::width;
  long i = 0;
  for (; i + W <= n; i += W) store(d + i, f(load(a + i), load(b + i)));
  if (i < n) store_part(d + i, f(load_part(a + i, n - i), load_part(b + i, n - i)), n - i);
}
template <typename T, typename F>
INLINE void ternary_loop(T* d, const T* a, const T* b, const T* c, long n, F f) {
  const long W = VectorOf<T>::width;
  long i = 0;
  for (; i + W <= n; i += W) store(d + i, f(load(a + i), load(b + i), load(c + i)));
  if (i < n) {
    const long r = n - i;
    store_part(d + i, f(load_part(a + i, r), load_part(b + i, r), load_part(c + i, r)), r);
  }
}

// a b + c, rounded once where the processor can.
INLINE int64_t multiply_add(int64_t a, int64_t b, int64_t c) { return (int64_t)((uint64_t)a * (uint64_t)b + (uint64_t)c); }
#if defined(__FMA__) || defined(__aarch64__)
INLINE float multiply_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
INLINE double multiply_add(double a, double b, double c) { return __builtin_fma(a, b, c); }
#else
INLINE float multiply_add(float a, float b, float c) { return (float)((double)a * b + c); }
INLINE double multiply_add(double a, double b, double c) { return a * b + c; }
#endif

// What means the same for all three types. Returns whether the opcode was one of these.
template <typename T>
INLINE bool execute_common(int opcode, T* d, const T* a, const T* b, const T* c, long n) {
  typedef typename VectorOf<T>::type V;
  const V one = V{} + (T)1;
#define BINARY(name, expression) \
  case kOp_##name:               \
    binary_loop(d, a, b, n, [=](V x, V y) -> V { return expression; }); \
    return true;
#define UNARY(name, expression) \
  case kOp_##name:              \
    unary_loop(d, a, n, [=](V x) -> V { return expression; }); \
    return true;
  switch (opcode) {
    BINARY(add, x + y)
    BINARY(sub, x - y)
    BINARY(mul, x * y)
    UNARY(neg, -x)
    UNARY(sign, x > 0 ? one : (x < 0 ? -one : V{}))
    UNARY(not, x == 0 ? one : V{})
    BINARY(eq, x == y ? one : V{})
    BINARY(ne, x != y ? one : V{})
    BINARY(lt, x < y ? one : V{})
    BINARY(le, x <= y ? one : V{})
    BINARY(gt, x > y ? one : V{})
    BINARY(ge, x >= y ? one : V{})
    BINARY(and, (x != 0) & (y != 0) ? one : V{})
    BINARY(or, (x != 0) | (y != 0) ? one : V{})
    case kOp_select:
      ternary_loop(d, a, b, c, n, [](V x, V y, V z) -> V { return x != 0 ? y : z; });
      return true;
    case kOp_multiplyAdd:
      for (long i = 0; i < n; i++) d[i] = multiply_add(a[i], b[i], c[i]);
      return true;
    default:
      return false;
  }
}

}  // namespace FLAMBEAU_ISA
