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

template <typename T>
bool scan_lines(const Lines& lines, Kind kind, bool positions) {
  const long n = lines.length;
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
