// Loads and stores with conversion, for every pair of memory type and compute type.
#include "convert.h"

namespace FLAMBEAU_ISA {

namespace {

template <typename T, typename E>
INLINE void load_typed(const E* from, long stride, T* to, long n) {
  if (stride == 1)
    for (long i = 0; i < n; i++) to[i] = take<T>(from[i]);
  else
    for (long i = 0; i < n; i++) to[i] = take<T>(from[i * stride]);
}
template <typename T, typename E>
INLINE void store_typed(E* to, long stride, const T* from, long n) {
  if (stride == 1)
    for (long i = 0; i < n; i++) put(from[i], to + i);
  else
    for (long i = 0; i < n; i++) put(from[i], to + i * stride);
}
template <typename E>
INLINE const E* typed(const char* from, E*) { return reinterpret_cast<const E*>(from); }
template <typename E>
INLINE E* typed(char* to, E*) { return reinterpret_cast<E*>(to); }

}  // namespace

#define DEFINE(T)                                                                   \
  void load_block(int dtype, const char* from, long stride, T* to, long n) {         \
    with_type(dtype, [=](auto* type) { load_typed(typed(from, type), stride, to, n); }); \
  }                                                                                  \
  void store_block(int dtype, char* to, long stride, const T* from, long n) {        \
    with_type(dtype, [=](auto* type) { store_typed(typed(to, type), stride, from, n); }); \
  }
DEFINE(float)
DEFINE(double)
DEFINE(int64_t)

}  // namespace FLAMBEAU_ISA
