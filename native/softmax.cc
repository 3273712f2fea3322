// softmax, its logarithm and their gradients, along the last dimension.
#include "kernels.h"
#include "lines.h"
#include "vmath.h"

namespace FLAMBEAU_ISA {

INLINE VD exp_of(VD x) {
  for (int i = 0; i < WD; i++) x[i] = exp(x[i]);
  return x;
}

namespace {

// The maximum, where NaN is as good as left out: it comes back through the sum of exponentials.
template <typename T>
INLINE T largest(const T* x, long n) {
  typedef typename VectorOf<T>::type V;
  const long W = VectorOf<T>::width;
  const V lowest = V{} - (T)INFINITY;
  V b0 = lowest, b1 = lowest, b2 = lowest, b3 = lowest;
  long i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
    const V y0 = load(x + i), y1 = load(x + i + W), y2 = load(x + i + 2 * W), y3 = load(x + i + 3 * W);
    b0 = y0 > b0 ? y0 : b0;
    b1 = y1 > b1 ? y1 : b1;
    b2 = y2 > b2 ? y2 : b2;
    b3 = y3 > b3 ? y3 : b3;
  }
  for (; i + W <= n; i += W) {
    const V y = load(x + i);
    b0 = y > b0 ? y : b0;
  }
  if (i < n) {
    const V y = first_lanes<T>(load_part(x + i, n - i), n - i, lowest);
    b1 = y > b1 ? y : b1;
  }
  b0 = b1 > b0 ? b1 : b0;
  b2 = b3 > b2 ? b3 : b2;
  b0 = b2 > b0 ? b2 : b0;
  return fold_lanes<T>(b0, [](const auto& a, const auto& b) { return b > a ? b : a; });
}

// Sum of f(i) over registers, the last one cut; f gets the offset and how many elements count. Blocks are added up in double.
template <typename T, typename F>
INLINE T sum_over(long n, F f) {
  typedef typename VectorOf<T>::type V;
  const long W = VectorOf<T>::width;
  double total = 0;
  for (long begin = 0; begin < n; begin += 2048) {
    const long end = n - begin < 2048 ? n : begin + 2048;
    V s0 = {}, s1 = {};
    long i = begin;
    for (; i + 2 * W <= end; i += 2 * W) {
      s0 += f(i, W);
      s1 += f(i + W, W);
    }
    for (; i < end; i += W) s0 += f(i, end - i < W ? end - i : W);
    total += (double)sum_lanes<T>(s0 + s1);
  }
  return (T)total;
}
template <typename T>
INLINE typename VectorOf<T>::type load_some(const T* x, long n) { return n == VectorOf<T>::width ? load(x) : load_part(x, n); }
template <typename T, typename V>
INLINE void store_some(T* x, V v, long n) {
  if (n == VectorOf<T>::width) store(x, v);
  else store_part(x, v, n);
}
template <typename T, typename F>
INLINE void fill_over(T* out, long n, F f) {
  const long W = VectorOf<T>::width;
  for (long i = 0; i < n; i += W) {
    const long r = n - i < W ? n - i : W;
    store_some(out + i, f(i, r), r);
  }
}
// The first n lanes; the others 0, so that they do not count in a sum.
template <typename T, typename V>
INLINE V keep(V v, long n) {
  return n == VectorOf<T>::width ? v : first_lanes<T>(v, n, V{});
}

template <typename T>
void forward_line(T* out, const T* x, long n, bool logarithm) {
  typedef typename VectorOf<T>::type V;
  const T top = largest(x, n);
  if (logarithm) {
    const T sum = sum_over<T>(n, [&](long i, long r) -> V { return keep<T>(exp_of(load_some(x + i, r) - top), r); });
    const T shift = (T)log((double)sum);
    fill_over(out, n, [&](long i, long r) -> V { return (load_some(x + i, r) - top) - shift; });
    return;
  }
  const T sum = sum_over<T>(n, [&](long i, long r) -> V {
    const V e = keep<T>(exp_of(load_some(x + i, r) - top), r);
    store_some(out + i, e, r);
    return e;
  });
  fill_over(out, n, [&](long i, long r) -> V { return load_some(out + i, r) / sum; });
}

template <typename T>
void backward_line(T* out, const T* g, const T* y, long n, bool logarithm) {
  typedef typename VectorOf<T>::type V;
  if (logarithm) {
    const T sum = sum_over<T>(n, [&](long i, long r) -> V { return load_some(g + i, r); });
    fill_over(out, n, [&](long i, long r) -> V { return load_some(g + i, r) - exp_of(load_some(y + i, r)) * sum; });
    return;
  }
  const T sum = sum_over<T>(n, [&](long i, long r) -> V { return load_some(g + i, r) * load_some(y + i, r); });
  fill_over(out, n, [&](long i, long r) -> V { return (load_some(g + i, r) - sum) * load_some(y + i, r); });
}

// Lines that do not lie in one piece of the compute type are copied to and fro.
template <typename T>
struct Line {
  const Lines& lines;
  T* memory;
  const T* read(int k, const Place& place) const {
    const char* at = lines.line(k, place);
    if (lines.step[k] == 1 && lines.dtype[k] == TypeIndex<T>::value) return reinterpret_cast<const T*>(at);
    load_block(lines.dtype[k], at, lines.step[k], memory + k * lines.length, lines.length);
    return memory + k * lines.length;
  }
  T* target(const Place& place) const {
    if (lines.step[0] == 1 && lines.dtype[0] == TypeIndex<T>::value) return reinterpret_cast<T*>(lines.line(0, place));
    return memory;
  }
  void finish(const Place& place, const T* written) const {
    if (written == memory) store_block(lines.dtype[0], lines.line(0, place), lines.step[0], written, lines.length);
  }
};

template <typename T>
bool forward(const Lines& lines, bool logarithm) {
  return lines.each(12, (uint64_t)lines.length * 2 * sizeof(T), [&](const Place& place, char* memory) {
    const Line<T> line = {lines, reinterpret_cast<T*>(memory)};
    T* out = line.target(place);
    forward_line(out, line.read(1, place), lines.length, logarithm);
    line.finish(place, out);
  });
}
template <typename T>
bool backward(const Lines& lines, bool logarithm) {
  return lines.each(12, (uint64_t)lines.length * 3 * sizeof(T), [&](const Place& place, char* memory) {
    const Line<T> line = {lines, reinterpret_cast<T*>(memory)};
    T* out = line.target(place);
    backward_line(out, line.read(1, place), line.read(2, place), lines.length, logarithm);
    line.finish(place, out);
  });
}

}  // namespace

// kFlag: the logarithm. Operands: output, input.
void softmax(double* frame) {
  const Lines lines(frame, 2);
  const bool logarithm = frame[kFlag] != 0;
  const bool complete = lines.dtype[0] == kFloat64 ? forward<double>(lines, logarithm) : forward<float>(lines, logarithm);
  frame[kStatus] = complete ? 0 : 2;
}

// kFlag: the logarithm. Operands: output, gradient, result.
void softmax_backward(double* frame) {
  const Lines lines(frame, 3);
  const bool logarithm = frame[kFlag] != 0;
  const bool complete = lines.dtype[0] == kFloat64 ? backward<double>(lines, logarithm) : backward<float>(lines, logarithm);
  frame[kStatus] = complete ? 0 : 2;
}

}  // namespace FLAMBEAU_ISA
