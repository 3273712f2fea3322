// Vectors of the widest registers of the instruction set this file is compiled for.
// Everything lies in a namespace of that set's name, so that the linker cannot mix the versions.
#pragma once
#include <stdint.h>
#include <string.h>
#if defined(__AVX__)
#include <immintrin.h>
#endif

#ifndef FLAMBEAU_ISA
#define FLAMBEAU_ISA baseline
#endif

#define INLINE static inline __attribute__((always_inline))

namespace FLAMBEAU_ISA {

#if defined(__AVX512F__)
enum { kVectorBytes = 64 };
#elif defined(__AVX__)
enum { kVectorBytes = 32 };
#else
enum { kVectorBytes = 16 };
#endif

template <typename T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
  enum { width = kVectorBytes / sizeof(T) };
};
typedef VectorOf<float>::type VF;
typedef VectorOf<int32_t>::type VI;
typedef VectorOf<double>::type VD;
typedef VectorOf<int64_t>::type VL;
enum { WF = kVectorBytes / 4, WD = kVectorBytes / 8 };
// Half a register of floats: as many as there are doubles in a whole one.
typedef float VFH __attribute__((vector_size(kVectorBytes / 2)));

template <typename T>
INLINE typename VectorOf<T>::type load(const T* p) {
  typename VectorOf<T>::type v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <typename T, typename V>
INLINE void store(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// The first n elements, fewer than a register holds; the others are 0, and their memory is not touched.
template <typename T>
INLINE typename VectorOf<T>::type load_part(const T* p, long n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return (typename VectorOf<T>::type)_mm512_maskz_loadu_epi32((__mmask16)((1u << n) - 1), p);
  else
    return (typename VectorOf<T>::type)_mm512_maskz_loadu_epi64((__mmask8)((1u << n) - 1), p);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4)
    return (typename VectorOf<T>::type)_mm256_maskload_epi32(
        reinterpret_cast<const int*>(p), _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
  else
    return (typename VectorOf<T>::type)_mm256_maskload_epi64(
        reinterpret_cast<const long long*>(p), _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)));
#else
  typename VectorOf<T>::type v = {};
  for (long i = 0; i < n; i++) v[i] = p[i];
  return v;
#endif
}
template <typename T, typename V>
INLINE void store_part(T* p, V v, long n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_epi32(p, (__mmask16)((1u << n) - 1), (__m512i)v);
  else
    _mm512_mask_storeu_epi64(p, (__mmask8)((1u << n) - 1), (__m512i)v);
#elif defined(__AVX2__)
  // In halves: some processors take long over masked stores.
  char* to = reinterpret_cast<char*>(p);
  const long bytes = n * (long)sizeof(T);
  __m128i rest = _mm256_castsi256_si128((__m256i)v);
  if (bytes & 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), rest);
    rest = _mm256_extracti128_si256((__m256i)v, 1);
    to += 16;
  }
  if (bytes & 8) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), rest);
    rest = _mm_srli_si128(rest, 8);
    to += 8;
  }
  if (bytes & 4) {
    const int last = _mm_cvtsi128_si32(rest);
    memcpy(to, &last, 4);
  }
#else
  for (long i = 0; i < n; i++) p[i] = v[i];
#endif
}

INLINE VF splat(float x) { return x - VF{}; }
INLINE VD splat(double x) { return x - VD{}; }
INLINE VL splat(int64_t x) { return x - VL{}; }

// Short runs, for which a loop that the compiler makes has too long a preparation.
template <typename T>
INLINE void fill_run(T* to, T x, long n) {
  const auto v = splat(x);
  long i = 0;
  for (; i + VectorOf<T>::width <= n; i += VectorOf<T>::width) store(to + i, v);
  if (i < n) store_part(to + i, v, n - i);
}
template <typename T>
INLINE void copy_run(T* to, const T* from, long n) {
  long i = 0;
  for (; i + VectorOf<T>::width <= n; i += VectorOf<T>::width) store(to + i, load(from + i));
  if (i < n) store_part(to + i, load_part(from + i, n - i), n - i);
}
INLINE VF abs_of(VF x) { return (VF)((VI)x & 0x7fffffff); }
INLINE VD abs_of(VD x) { return (VD)((VL)x & 0x7fffffffffffffffLL); }
INLINE VF with_sign(VF magnitude, VF sign) {
  return (VF)(((VI)magnitude & 0x7fffffff) | ((VI)sign & (int32_t)0x80000000));
}
INLINE VD with_sign(VD magnitude, VD sign) {
  return (VD)(((VL)magnitude & 0x7fffffffffffffffLL) | ((VL)sign & (int64_t)0x8000000000000000ULL));
}
INLINE VD low_half(VF x) {
  VFH h;
  __builtin_memcpy(&h, &x, sizeof h);
  return __builtin_convertvector(h, VD);
}
INLINE VD high_half(VF x) {
  VFH h;
  __builtin_memcpy(&h, reinterpret_cast<const char*>(&x) + sizeof h, sizeof h);
  return __builtin_convertvector(h, VD);
}
INLINE VF join_halves(VD a, VD b) {
  const VFH x = __builtin_convertvector(a, VFH), y = __builtin_convertvector(b, VFH);
  VF out;
  __builtin_memcpy(&out, &x, sizeof x);
  __builtin_memcpy(reinterpret_cast<char*>(&out) + sizeof x, &y, sizeof y);
  return out;
}

// The upper half onto the lower one until one lane is left, in registers.
template <typename T, typename V, typename F>
INLINE T fold_lanes(V v, const F& combine) {
  if constexpr (sizeof(V) == 2 * sizeof(T)) {
    return combine(v[0], v[1]);
  } else {
    typedef T Half __attribute__((vector_size(sizeof(V) / 2)));
    Half low, high;
    __builtin_memcpy(&low, &v, sizeof low);
    __builtin_memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
    return fold_lanes<T>(combine(low, high), combine);
  }
}
template <typename T, typename V>
INLINE T sum_lanes(V v) {
  return fold_lanes<T>(v, [](const auto& a, const auto& b) { return a + b; });
}

// The first n lanes, the others from `rest`.
template <typename T, typename V>
INLINE V first_lanes(V v, long n, V rest) {
  typedef decltype(v == v) Numbers;
  Numbers number;
  for (unsigned long k = 0; k < sizeof(V) / sizeof(T); k++) number[k] = k;
  return number < Numbers{} + (decltype(number[0] + 0))n ? v : rest;
}

}  // namespace FLAMBEAU_ISA
