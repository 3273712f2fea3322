// Running sums, products and extrema along a line.
#include "kernels.h"
#include "lines.h"

namespace FLAMBEAU_ISA {

namespace {

enum Kind { kSum, kProduct, kMaximum, kMinimum, kLogSumExp };

template <typename T>
INLINE bool is_nan(T x) { return x != x; }

double log_add_exp(double a, double b) {
  if (is_nan(a) || is_nan(b)) return a + b;
  const double low = a < b ? a : b, high = a < b ? b : a;
  return low == high && isinf(low) ? low : high + log1p(exp(low - high));
}

// In place on `x`; positions may be null.
template <typename T>
void scan_line(Kind kind, T* x, int64_t* positions, long n) {
  T now = x[0];
  long at = 0;
  if (positions) positions[0] = 0;
  for (long i = 1; i < n; i++) {
    switch (kind) {
      case kSum: now += x[i]; break;
      case kProduct: now *= x[i]; break;
      case kMaximum: case kMinimum:
        if (is_nan(x[i]) || (!is_nan(now) && (kind == kMaximum ? x[i] >= now : x[i] <= now))) {
          now = x[i];
          at = i;
        }
        if (positions) positions[i] = at;
        break;
      case kLogSumExp: now = (T)log_add_exp((double)now, (double)x[i]); break;
    }
    x[i] = now;
  }
}

// One step of many lines side by side.
template <typename T>
void scan_step(Kind kind, T* now, const T* x, int64_t* at, long i, long n) {
  switch (kind) {
    case kSum:
      for (long j = 0; j < n; j++) now[j] += x[j];
      break;
    case kProduct:
      for (long j = 0; j < n; j++) now[j] *= x[j];
      break;
    case kMaximum: case kMinimum:
      for (long j = 0; j < n; j++)
        if (is_nan(x[j]) || (!is_nan(now[j]) && (kind == kMaximum ? x[j] >= now[j] : x[j] <= now[j]))) {
          now[j] = x[j];
          at[j] = i;
        }
      break;
    case kLogSumExp:
      for (long j = 0; j < n; j++) now[j] = (T)log_add_exp((double)now[j], (double)x[j]);
      break;
  }
}

// Lines that lie across memory: neighbours are worked on together, so that each line of cache is used whole.
template <typename T>
void scan_across(const Lines& lines, Kind kind, bool positions) {
  enum { kTogether = 64 };
  const int last = lines.outer.rank - 1;
  const long width = lines.outer.size[last], parts = (width + kTogether - 1) / kTogether;
  const auto one = [&](long task) {
    Place place;
    place.set(lines.outer, 0, last, task / parts);
    place.index[last] = task % parts * kTogether;
    const long n = width - place.index[last] < kTogether ? width - place.index[last] : (long)kTogether;
    char* base[3];
    long step[3], side[3];
    for (int k = 0; k < (positions ? 3 : 2); k++) {
      base[k] = lines.line(k, place);
      step[k] = lines.step[k] * item_size(lines.dtype[k]);
      side[k] = lines.outer.stride[k][last];
    }
    T now[kTogether], x[kTogether];
    int64_t at[kTogether] = {};
    for (long i = 0; i < lines.length; i++) {
      load_block(lines.dtype[1], base[1] + i * step[1], side[1], i == 0 ? now : x, n);
      if (i > 0) scan_step(kind, now, x, at, i, n);
      store_block(lines.dtype[0], base[0] + i * step[0], side[0], now, n);
      if (positions) store_block(lines.dtype[2], base[2] + i * step[2], side[2], at, n);
    }
  };
  const long tasks = lines.count / width * parts;
  if (pieces_of(lines.count * lines.length * 2.) > 1) return parallel(tasks, one);
  for (long task = 0; task < tasks; task++) one(task);
}

template <typename T>
bool scan_lines(const Lines& lines, Kind kind, bool positions) {
  const long n = lines.length;
  const int last = lines.outer.rank - 1;
  if (last >= 0 && lines.count > 0 && n > 0 && lines.step[1] != 1 && lines.outer.stride[1][last] == 1 && lines.outer.size[last] >= 8) {
    scan_across<T>(lines, kind, positions);
    return true;
  }
  return lines.each(kind == kLogSumExp ? 32 : 4, (uint64_t)n * (sizeof(T) + sizeof(int64_t)), [&](const Place& place, char* memory) {
    T* x = reinterpret_cast<T*>(memory);
    int64_t* at = reinterpret_cast<int64_t*>(x + n);
    load_block(lines.dtype[1], lines.line(1, place), lines.step[1], x, n);
    scan_line(kind, x, positions ? at : nullptr, n);
    store_block(lines.dtype[0], lines.line(0, place), lines.step[0], x, n);
    if (positions) store_block(lines.dtype[2], lines.line(2, place), lines.step[2], at, n);
  });
}

}  // namespace

// kKind; kFlag: whether positions are wanted. Operands: output, input, positions.
void scan(double* frame) {
  const bool positions = frame[kFlag] != 0;
  const Lines lines(frame, positions ? 3 : 2);
  const Kind kind = (Kind)(int)frame[kKind];
  const int type = lines.dtype[0];
  const bool floating = type == kFloat32 || type == kFloat64 || type == kFloat16 || type == kBfloat16;
  const bool complete = floating ? scan_lines<double>(lines, kind, positions) : scan_lines<int64_t>(lines, kind, positions);
  frame[kStatus] = complete ? 0 : 2;
}

}  // namespace FLAMBEAU_ISA
