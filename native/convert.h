// Moves elements between memory of any type and blocks of a compute type.
#pragma once
#include "frame.h"
#include "scalar.h"

namespace FLAMBEAU_ISA {

struct Half { uint16_t bits; };
struct Brain { uint16_t bits; };

INLINE float bits_to_float(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}
INLINE uint32_t float_to_bits(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  return bits;
}

INLINE float widen(Half h) {
  // The exponent moves by a multiplication, which also brings denormals to their place.
  const uint32_t magnitude = (uint32_t)(h.bits & 0x7fff) << 13;
  const uint32_t special = magnitude >= 0x0f800000u ? 0x7f800000u : 0u;
  const uint32_t finite = float_to_bits(bits_to_float(magnitude) * 5.192296858534828e33f);
  return bits_to_float((special ? (special | (magnitude & 0x007fe000u)) : finite) | ((uint32_t)(h.bits & 0x8000) << 16));
}
INLINE float widen(Brain b) { return bits_to_float((uint32_t)b.bits << 16); }

INLINE void narrow(float x, Half* out) {
  const uint32_t bits = float_to_bits(x), magnitude = bits & 0x7fffffffu, sign = (bits >> 16) & 0x8000u;
  // Denormals: adding a number whose last bit is 2^-24 rounds to nearest even.
  const uint32_t small = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t normal = (magnitude + 0xc8000fffu + ((magnitude >> 13) & 1)) >> 13;
  uint32_t result = magnitude < 0x38800000u ? small : normal;
  result = magnitude >= 0x477ff000u ? 0x7c00u : result;
  result = magnitude > 0x7f800000u ? 0x7e00u : result;
  out->bits = (uint16_t)(result | sign);
}
INLINE void narrow(float x, Brain* out) {
  const uint32_t bits = float_to_bits(x);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
  out->bits = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

struct Flag { uint8_t value; };

INLINE float number_in(Half x) { return widen(x); }
INLINE float number_in(Brain x) { return widen(x); }
INLINE uint8_t number_in(Flag x) { return x.value != 0; }
template <typename E>
INLINE E number_in(E x) { return x; }

template <typename T> struct Whole { enum { value = 0 }; };
template <> struct Whole<int64_t> { enum { value = 1 }; };
template <typename E> struct Fraction { enum { value = 0 }; };
template <> struct Fraction<float> { enum { value = 1 }; };
template <> struct Fraction<double> { enum { value = 1 }; };

template <typename T, typename E>
INLINE T take(E x) {
  const auto y = number_in(x);
  if constexpr (Whole<T>::value && Fraction<__typeof__(+y)>::value)
    return to_int64((double)y);
  else
    return (T)y;
}

template <typename T> INLINE void put(T x, float* out) { *out = (float)x; }
template <typename T> INLINE void put(T x, double* out) { *out = (double)x; }
template <typename T> INLINE void put(T x, int64_t* out) { *out = take<int64_t>(x); }
template <typename T> INLINE void put(T x, int32_t* out) { *out = (int32_t)take<int64_t>(x); }
template <typename T> INLINE void put(T x, int16_t* out) { *out = (int16_t)take<int64_t>(x); }
template <typename T> INLINE void put(T x, int8_t* out) { *out = (int8_t)take<int64_t>(x); }
template <typename T> INLINE void put(T x, uint8_t* out) { *out = (uint8_t)take<int64_t>(x); }
template <typename T> INLINE void put(T x, Flag* out) { out->value = x != 0; }
template <typename T> INLINE void put(T x, Half* out) { narrow((float)x, out); }
template <typename T> INLINE void put(T x, Brain* out) { narrow((float)x, out); }

// Calls `f` with a null pointer of the element type.
template <typename F>
INLINE void with_type(int dtype, F f) {
  switch (dtype) {
    case kFloat32: return f((float*)nullptr);
    case kFloat64: return f((double*)nullptr);
    case kInt64: return f((int64_t*)nullptr);
    case kInt32: return f((int32_t*)nullptr);
    case kInt16: return f((int16_t*)nullptr);
    case kInt8: return f((int8_t*)nullptr);
    case kUint8: return f((uint8_t*)nullptr);
    case kBool: return f((Flag*)nullptr);
    case kFloat16: return f((Half*)nullptr);
    case kBfloat16: return f((Brain*)nullptr);
  }
}

template <typename T> struct TypeIndex;
template <> struct TypeIndex<float> { enum { value = kFloat32 }; };
template <> struct TypeIndex<double> { enum { value = kFloat64 }; };
template <> struct TypeIndex<int64_t> { enum { value = kInt64 }; };

// The loops live in convert.cc, once for each compute type. Strides count elements.
void load_block(int dtype, const char* from, long stride, float* to, long n);
void load_block(int dtype, const char* from, long stride, double* to, long n);
void load_block(int dtype, const char* from, long stride, int64_t* to, long n);
void store_block(int dtype, char* to, long stride, const float* from, long n);
void store_block(int dtype, char* to, long stride, const double* from, long n);
void store_block(int dtype, char* to, long stride, const int64_t* from, long n);

}  // namespace FLAMBEAU_ISA
