// Stable sorting along a line, and the positions of non-zero elements.
#include "kernels.h"
#include "lines.h"

namespace FLAMBEAU_ISA {

namespace {

struct Entry {
  uint64_t key;
  int64_t position;
};

// Unsigned numbers in the order of the values: NaN is the largest, and both zeros are equal.
INLINE uint64_t key_of(double x) {
  if (x != x) return ~0ull;
  if (x == 0) x = 0;
  int64_t bits;
  __builtin_memcpy(&bits, &x, 8);
  return bits < 0 ? ~(uint64_t)bits : (uint64_t)bits | 0x8000000000000000ull;
}
INLINE uint64_t key_of(int64_t x) { return (uint64_t)x ^ 0x8000000000000000ull; }

void insertion_sort(Entry* entries, long n) {
  for (long i = 1; i < n; i++) {
    const Entry e = entries[i];
    long j = i;
    for (; j > 0 && entries[j - 1].key > e.key; j--) entries[j] = entries[j - 1];
    entries[j] = e;
  }
}

// Byte by byte from the lowest, leaving out bytes that are equal in all keys. Returns where the result is.
Entry* radix_sort(Entry* from, Entry* to, long n) {
  uint64_t all = ~0ull, any = 0;
  for (long i = 0; i < n; i++) {
    all &= from[i].key;
    any |= from[i].key;
  }
  const uint64_t differing = all ^ any;
  for (int shift = 0; shift < 64; shift += 8) {
    if ((differing >> shift & 255) == 0) continue;
    long start[256] = {};
    for (long i = 0; i < n; i++) start[from[i].key >> shift & 255]++;
    long sum = 0;
    for (long& each : start) {
      const long count = each;
      each = sum;
      sum += count;
    }
    for (long i = 0; i < n; i++) to[start[from[i].key >> shift & 255]++] = from[i];
    Entry* other = from;
    from = to;
    to = other;
  }
  return from;
}

template <typename T>
bool sort_lines(const Lines& lines, bool descending) {
  const long n = lines.length;
  return lines.each(64, (uint64_t)n * (2 * sizeof(Entry) + 2 * sizeof(T)), [&](const Place& place, char* memory) {
    Entry *entries = reinterpret_cast<Entry*>(memory), *other = entries + n;
    T *values = reinterpret_cast<T*>(other + n), *sorted = values + n;
    load_block(lines.dtype[2], lines.line(2, place), lines.step[2], values, n);
    for (long i = 0; i < n; i++) entries[i] = {descending ? ~key_of(values[i]) : key_of(values[i]), i};
    if (n <= 48) insertion_sort(entries, n);
    else entries = radix_sort(entries, other, n);
    for (long i = 0; i < n; i++) sorted[i] = values[entries[i].position];
    store_block(lines.dtype[0], lines.line(0, place), lines.step[0], sorted, n);
    int64_t* positions = reinterpret_cast<int64_t*>(values);
    for (long i = 0; i < n; i++) positions[i] = entries[i].position;
    store_block(lines.dtype[1], lines.line(1, place), lines.step[1], positions, n);
  });
}

}  // namespace

// kFlag: descending. Operands: values, positions, input.
void sort(double* frame) {
  const Lines lines(frame, 3);
  const int type = lines.dtype[2];
  const bool floating = type == kFloat32 || type == kFloat64 || type == kFloat16 || type == kBfloat16;
  const bool descending = frame[kFlag] != 0;
  const bool complete = floating ? sort_lines<double>(lines, descending) : sort_lines<int64_t>(lines, descending);
  frame[kStatus] = complete ? 0 : 2;
}

// Frame: kCount dimensions of the input, its strides those of operand 1, kDType its type; output int64 with strides kAlpha and kBeta, kDim rows.
void nonzero(double* frame) {
  enum { kPart = 256 };
  const int rank = (int)frame[kCount], dtype = (int)frame[kDType];
  const char* input = frame_pointer<char>(frame, kAddress + 1);
  int64_t* output = frame_pointer<int64_t>(frame, kAddress);
  const long row = (long)frame[kAlpha], column = (long)frame[kBeta], rows = (long)frame[kDim];
  long size[kMaxDims] = {}, stride[kMaxDims] = {}, index[kMaxDims] = {}, count = 1;
  for (int d = 0; d < rank; d++) {
    size[d] = (long)frame[kSizes + d];
    stride[d] = (long)frame[kStrides + kMaxDims + d];
    count *= size[d];
  }
  const long inner = rank ? size[rank - 1] : 1, step = rank ? stride[rank - 1] : 1;
  long written = 0;
  for (long done = 0; done < count;) {
    long at = 0;
    for (int d = 0; d + 1 < rank; d++) at += index[d] * stride[d];
    for (long i = 0; i < inner; i += kPart) {
      const long n = inner - i < kPart ? inner - i : (long)kPart;
      double values[kPart];
      load_block(dtype, input + (at + i * step) * item_size(dtype), step, values, n);
      for (long k = 0; k < n; k++) {
        if (values[k] == 0 || written >= rows) continue;
        for (int d = 0; d + 1 < rank; d++) output[written * row + d * column] = index[d];
        if (rank) output[written * row + (rank - 1) * column] = i + k;
        written++;
      }
    }
    done += inner;
    for (int d = rank - 2; d >= 0; d--) {
      if (++index[d] < size[d]) break;
      index[d] = 0;
    }
  }
}

}  // namespace FLAMBEAU_ISA
