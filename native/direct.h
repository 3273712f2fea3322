// Products computed where the operands lie: small ones, single rows, columns times rows, and few outputs of long rows.
#pragma once
#include "product.h"

namespace FLAMBEAU_ISA {

namespace {

template <typename T>
void direct_rows(const Product<T>& p, long first, long last) {
  const long W = VectorOf<T>::width, NR = kTileRegisters * W;
  if (last - first == 1 && p.target.column == 1) {
    // One row: wider tiles, for more sums in flight.
    long j = 0;
    for (; j + 8 * W <= p.N; j += 8 * W)
      direct_tile<T, 1, 8, true>(p.K, p.a + first * p.a_row, 0, p.a_column, p.b + j, p.b_row, p.target.at(first, j), 8 * W);
    for (; j < p.N; j += NR) {
      const long n = smaller(NR, p.N - j);
      Tiles<T>::direct(1, n == NR)(p.K, p.a + first * p.a_row, 0, p.a_column, p.b + j, p.b_row, p.target.at(first, j), n);
    }
    return;
  }
  for (long j = 0; j < p.N; j += NR) {
    const long n = smaller(NR, p.N - j);
    for (long i = first; i < last; i += kTileRows) {
      const long rows = smaller(kTileRows, last - i);
      Tiles<T>::direct((int)rows, n == NR)(p.K, p.a + i * p.a_row, p.a_row, p.a_column, p.b + j, p.b_row, p.target.at(i, j), n);
    }
  }
}

// One row against long rows of b: eight of them at a time are added to sums in cache, so that memory is read in long runs.
template <typename T>
void row_product(const Product<T>& p, bool threads) {
  enum { kPart = 1024 };
  typedef typename VectorOf<T>::type V;
  const long W = VectorOf<T>::width;
  const long pieces = threads ? pieces_of((double)p.N * p.K) : 1;
  const long step = smaller(kPart, ceil_div(ceil_div(p.N, pieces), 64) * 64);
  parallel(ceil_div(p.N, step), [&](long task) {
    alignas(64) T sums[kPart] = {};
    const long j0 = task * step, n = smaller(step, p.N - j0), whole = n / W * W;
    for (long k = 0; k < p.K; k += 8) {
      const long rows = smaller(8, p.K - k);
      const T* b[8];
      T x[8];
      for (long r = 0; r < 8; r++) {
        b[r] = p.b + (k + (r < rows ? r : 0)) * p.b_row + j0;
        x[r] = r < rows ? p.a[(k + r) * p.a_column] : (T)0;
      }
      if (rows < 8) {
        for (long r = 0; r < rows; r++)
          for (long j = 0; j < n; j++) sums[j] += x[r] * b[r][j];
        continue;
      }
      for (long j = 0; j < whole; j += W) {
        const V even = (x[0] * load(b[0] + j) + x[2] * load(b[2] + j)) + (x[4] * load(b[4] + j) + x[6] * load(b[6] + j));
        const V odd = (x[1] * load(b[1] + j) + x[3] * load(b[3] + j)) + (x[5] * load(b[5] + j) + x[7] * load(b[7] + j));
        store(sums + j, load(sums + j) + (even + odd));
      }
      for (long j = whole; j < n; j++)
        for (long r = 0; r < 8; r++) sums[j] += x[r] * b[r][j];
    }
    for (long j = 0; j < n; j++) p.target.finish_element(0, j0 + j, sums[j]);
  });
}

template <typename T>
void direct_product(const Product<T>& p, bool threads) {
  const long pieces = pieces_for(p, threads);
  if (p.M < 2 * kTileRows && pieces > 1) {
    // Few rows: cut the columns.
    const long step = ceil_div(ceil_div(p.N, pieces * 2), 64) * 64;
    return parallel(ceil_div(p.N, step), [&](long task) {
      direct_rows(p.part(0, p.M, task * step, smaller(p.N, (task + 1) * step)), 0, p.M);
    });
  }
  const long panels = ceil_div(p.M, kTileRows), step = pieces == 1 ? p.M : ceil_div(panels, 16 * pieces) * kTileRows;
  parallel(ceil_div(p.M, step), [&](long task) { direct_rows(p, task * step, smaller(p.M, (task + 1) * step)); });
}

// A column times a row: nothing is summed, so that whole rows are written one after another.
template <typename T>
INLINE void outer_rows(const T* a, long a_row, const T* b, T* c, long c_row, long rows, long columns) {
  typedef typename VectorOf<T>::type V;
  const long W = VectorOf<T>::width, whole = columns / W * W, rest = columns - whole;
  for (long i = 0; i < rows; i++, a += a_row, c += c_row) {
    const V x = V{} + *a;
    for (long j = 0; j < whole; j += W) store(c + j, x * load(b + j));
    if (rest > 0) store_part(c + whole, x * load_part(b + whole, rest), rest);
  }
}

template <typename T>
bool is_outer(const Product<T>& p) {
  return p.K == 1 && p.b_column == 1 && p.target.column == 1 && p.target.plain;
}

template <typename T>
void outer_product(const Product<T>& p, bool threads) {
  const auto rows = [&](long from, long end) {
    outer_rows(p.a + from * p.a_row, p.a_row, p.b, p.target.c + from * p.target.row, p.target.row, end - from, p.N);
  };
  const long pieces = threads ? pieces_of((double)p.M * p.N) : 1;
  const long step = ceil_div(p.M, pieces);
  parallel(ceil_div(p.M, step), [&](long task) { rows(task * step, smaller(p.M, (task + 1) * step)); });
}

template <typename T>
INLINE T dot(const T* a, const T* b, long n) {
  typedef typename VectorOf<T>::type V;
  const long W = VectorOf<T>::width;
  V s0 = {}, s1 = {}, s2 = {}, s3 = {};
  long i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
    s0 += load(a + i) * load(b + i);
    s1 += load(a + i + W) * load(b + i + W);
    s2 += load(a + i + 2 * W) * load(b + i + 2 * W);
    s3 += load(a + i + 3 * W) * load(b + i + 3 * W);
  }
  for (; i + W <= n; i += W) s0 += load(a + i) * load(b + i);
  if (i < n) s1 += load_part(a + i, n - i) * load_part(b + i, n - i);
  return sum_lanes<T>((s0 + s1) + (s2 + s3));
}

// R x C dot products side by side: each register read serves several sums, and there are enough of these to hide an addition's delay.
template <typename T, int R, int C>
INLINE void dot_tile(const Product<T>& p, long i, long j) {
  typedef typename VectorOf<T>::type V;
  const long W = VectorOf<T>::width;
  const T *a = p.a + i * p.a_row, *b = p.b + j * p.b_column;
  V sums[R][C] = {};
  const auto add = [&](const auto& read) {
    V column[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; c++) column[c] = read(b + c * p.b_column);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      const V row = read(a + r * p.a_row);
#pragma GCC unroll 8
      for (int c = 0; c < C; c++) sums[r][c] += row * column[c];
    }
  };
  long k = 0;
  for (; k + W <= p.K; k += W, a += W, b += W) add([](const T* from) { return load(from); });
  if (k < p.K) add([&](const T* from) { return load_part(from, p.K - k); });
#pragma GCC unroll 8
  for (int r = 0; r < R; r++)
#pragma GCC unroll 8
    for (int c = 0; c < C; c++) p.target.finish_element(i + r, j + c, sum_lanes<T>(sums[r][c]));
}

template <typename T, int R, int C>
void dot_rows(const Product<T>& p, long first, long last) {
  const auto single = [&](long i, long j) {
    p.target.finish_element(i, j, dot(p.a + i * p.a_row, p.b + j * p.b_column, p.K));
  };
  long i = first;
  for (; i + R <= last; i += R) {
    long j = 0;
    for (; j + C <= p.N; j += C) dot_tile<T, R, C>(p, i, j);
    for (; j < p.N; j++)
      for (long r = i; r < i + R; r++) single(r, j);
  }
  for (; i < last; i++)
    for (long j = 0; j < p.N; j++) single(i, j);
}

// Rows and columns that lie along K, few of either: nothing is gained by packing.
template <typename T>
void dot_product(const Product<T>& p, bool threads) {
  const long pieces = threads && (double)p.M * p.N * p.K > kThreadProducts / 4 ? thread_count() * 2 : 1;
  const long step = ceil_div(ceil_div(p.M, pieces), 8) * 8;
  parallel(ceil_div(p.M, step), [&](long task) {
    const long first = task * step, last = smaller(p.M, first + step);
    if (p.N == 1) dot_rows<T, 8, 1>(p, first, last);
    else dot_rows<T, 4, 2>(p, first, last);
  });
}

}  // namespace

}  // namespace FLAMBEAU_ISA
