// Matrix products: which way each is computed, batches of them, and types that are computed in a wider one.
#include "convert.h"
#include "direct.h"
#include "kernels.h"
#include "layout.h"
#include "panels.h"

namespace FLAMBEAU_ISA {

namespace {

constexpr long kMiddle = 800;     // rows, columns and K of operands that are not large
constexpr long kNarrow = 96;      // columns, or rows, that count as few
template <typename T>
constexpr long kDots = kTileRegisters * VectorOf<T>::width * 3 / 8;  // columns, or rows, that leave most of a tile unused
template <typename T>
constexpr long kDotDepth = 16 * VectorOf<T>::width;  // K beside which adding up the lanes of a sum is little

template <typename T>
void multiply(Product<T> p, bool threads) {
  if (p.M == 0 || p.N == 0) return;
  if (p.N == 1 ? p.M > 1 : (p.target.column != 1 && p.target.row == 1)) p.transpose();
  if (p.K == 0) {
    for (long i = 0; i < p.M; i++)
      for (long j = 0; j < p.N; j++) p.target.finish_element(i, j, 0);
    return;
  }
  if constexpr (Whole<T>::value) {
    plain_product(p);
    return;
  } else {
  if (is_outer(p)) return outer_product(p, threads);
  const long few = smaller(p.M, p.N);
  if ((few <= 4 || (few <= kDots<T> && p.K >= kDotDepth<T>)) && p.b_row == 1 && (p.a_column == 1 || p.K == 1)) {
    if (p.M < p.N) p.transpose();
    return dot_product(p, threads);
  }
  if (p.M == 1 && p.b_column == 1 && p.N >= 256 && p.K >= 32) return row_product(p, threads);
  const bool small = p.M <= kTileRows || p.K <= 32 || p.N * p.K <= 1 << 16;
  if (p.b_column == 1 && small) return direct_product(p, threads);
  if (few <= kNarrow && p.M + p.N >= 4 * kNarrow) {
    Product<T> narrow = p;
    if (p.M < p.N) narrow.transpose();
    if (narrow_product(narrow, threads)) return;
  }
  if (p.M <= kMiddle && p.N <= kMiddle && p.K <= kMiddle) return panel_product(p, threads);
  if (packed_product(p, threads)) return;
  // No memory for panels.
  plain_product(p);
  }
}

struct Batches {
  int rank;
  long size[kMaxDims];
  long stride[4][kMaxDims];
  long count;
  long offset(int k, long linear) const {
    if (rank == 1) return linear * stride[k][0];
    long at = 0;
    for (int d = rank - 1; d >= 0; d--) {
      at += linear % size[d] * stride[k][d];
      linear /= size[d];
    }
    return at;
  }
};

// Integers and short floats: one product at a time in a wider type.
template <typename T>
void multiply_converted(double* frame, int dtype, const Product<char>& shape, const Batches& batches) {
  const long M = shape.M, N = shape.N, K = shape.K, size = item_size(dtype);
  T* a = static_cast<T*>(scratch(3, ((uint64_t)M * K + (uint64_t)K * N + (uint64_t)M * N * 2 + 1) * sizeof(T)));
  if (!a) {
    frame[kStatus] = 2;
    return;
  }
  T *b = a + M * K, *c = b + K * N, *addend = c + M * N;
  const auto fetch = [&](T* to, const char* from, long rows, long columns, long row, long column) {
    for (long i = 0; i < rows; i++) load_block(dtype, from + i * row * size, column, to + i * columns, columns);
  };
  for (long batch = 0; batch < batches.count; batch++) {
    fetch(a, shape.a + batches.offset(1, batch) * size, M, K, shape.a_row, shape.a_column);
    fetch(b, shape.b + batches.offset(2, batch) * size, K, N, shape.b_row, shape.b_column);
    const Target<char>& t = shape.target;
    if (t.addend) fetch(addend, t.addend + batches.offset(3, batch) * size, M, N, t.addend_row, t.addend_column);
    Product<T> p = {M, N, K, a, b, K, 1, N, 1, {c, N, 1, take<T>(frame[kAlpha]), take<T>(frame[kBeta]), t.addend ? addend : nullptr, N, 1, true, false}};
    multiply(p, true);
    for (long i = 0; i < M; i++)
      store_block(dtype, t.c + (batches.offset(0, batch) + i * t.row) * size, t.column, c + i * N, N);
  }
}

template <typename T>
void multiply_batches(double* frame, const Product<char>& s, const Batches& batches) {
  const Target<char>& t = s.target;
  const bool plain = frame[kAlpha] == 1 && !t.addend;
  const Product<T> base = {s.M, s.N, s.K, (const T*)s.a, (const T*)s.b, s.a_row, s.a_column, s.b_row, s.b_column,
                           {(T*)t.c, t.row, t.column, (T)frame[kAlpha], (T)frame[kBeta], (const T*)t.addend, t.addend_row, t.addend_column, true, plain}};
  const double work = (double)s.M * s.N * (s.K ? s.K : 1);
  // Many small column-times-row products: what `multiply` finds out about each of them is the same for all.
  const bool outer = batches.count > 1 && work <= kThreadWork && !Whole<T>::value && s.N > 1 && is_outer(base);
  const auto one = [&](long batch, bool threads) {
    T* c = base.target.c + batches.offset(0, batch);
    const T *a = base.a + batches.offset(1, batch), *b = base.b + batches.offset(2, batch);
    if (outer) return outer_rows(a, base.a_row, b, c, base.target.row, base.M, base.N);
    Product<T> p = base;
    p.target.c = c;
    p.a = a;
    p.b = b;
    if (p.target.addend) p.target.addend += batches.offset(3, batch);
    multiply(p, threads);
  };
  // Writing alone pays for threads earlier than computing does.
  const double least = outer ? kThreadWork : kThreadProducts;
  if (batches.count > 1 && thread_count() > 1 && work * batches.count > least && (batches.count >= 2 * thread_count() || work < least)) {
    const long pieces = smaller(batches.count, thread_count() * 4), step = ceil_div(batches.count, pieces);
    return parallel(ceil_div(batches.count, step), [&](long task) {
      for (long batch = task * step; batch < smaller(batches.count, (task + 1) * step); batch++) one(batch, false);
    });
  }
  for (long batch = 0; batch < batches.count; batch++) one(batch, true);
}

}  // namespace

// Frame: kCount batch dimensions with their sizes, then M and N; kDim is K; operands output, a, b, addend (kFlag), each with batch, row and column strides.
void matmul(double* frame) {
  const int rank = (int)frame[kCount], dtype = (int)frame[kDType];
  Batches batches;
  batches.rank = rank;
  batches.count = 1;
  const int operands = frame[kFlag] != 0 ? 4 : 3;
  for (int d = 0; d < rank; d++) {
    batches.size[d] = (long)frame[kSizes + d];
    batches.count *= batches.size[d];
    for (int k = 0; k < operands; k++) batches.stride[k][d] = (long)frame[kStrides + k * kMaxDims + d];
  }
  const auto stride = [&](int k, int d) { return (long)frame[kStrides + k * kMaxDims + rank + d]; };
  Product<char> s;
  s.M = (long)frame[kSizes + rank], s.N = (long)frame[kSizes + rank + 1], s.K = (long)frame[kDim];
  s.a = frame_pointer<char>(frame, kAddress + 1), s.a_row = stride(1, 0), s.a_column = stride(1, 1);
  s.b = frame_pointer<char>(frame, kAddress + 2), s.b_row = stride(2, 0), s.b_column = stride(2, 1);
  s.target = {frame_pointer<char>(frame, kAddress), stride(0, 0), stride(0, 1), 0, 0, nullptr, 0, 0, true, false};
  if (operands == 4) {
    s.target.addend = frame_pointer<char>(frame, kAddress + 3);
    s.target.addend_row = stride(3, 0), s.target.addend_column = stride(3, 1);
  }
  if (dtype == kFloat32) return multiply_batches<float>(frame, s, batches);
  if (dtype == kFloat64) return multiply_batches<double>(frame, s, batches);
  if (dtype == kInt64) return multiply_batches<int64_t>(frame, s, batches);
  if (dtype == kFloat16 || dtype == kBfloat16) return multiply_converted<float>(frame, dtype, s, batches);
  multiply_converted<int64_t>(frame, dtype, s, batches);
}

}  // namespace FLAMBEAU_ISA
