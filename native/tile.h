// The inner loops of matrix products: a tile of R rows by V registers, accumulated in registers over K.
#pragma once
#include "simd.h"

namespace FLAMBEAU_ISA {

#if defined(__AVX512F__)
enum { kTileRows = 14, kTileRegisters = 2 };
#elif defined(__aarch64__)
enum { kTileRows = 8, kTileRegisters = 2 };
#elif defined(__AVX__)
enum { kTileRows = 6, kTileRegisters = 2 };
#else
enum { kTileRows = 4, kTileRegisters = 2 };
#endif

// Where a tile goes: c = alpha * tile + (first ? beta * addend : c).
template <typename T>
struct Target {
  T* c;
  long row, column;
  T alpha, beta;
  const T* addend;
  long addend_row, addend_column;
  bool first, plain;  // plain: alpha is 1 and there is nothing to add

  Target at(long i, long j) const {
    Target t = *this;
    t.c += i * row + j * column;
    if (addend) t.addend += i * addend_row + j * addend_column;
    return t;
  }
  void finish_element(long i, long j, T value) const {
    T* to = c + i * row + j * column;
    T x = alpha * value;
    if (!first) x += *to;
    else if (addend) x += beta * addend[i * addend_row + j * addend_column];
    *to = x;
  }
};

template <typename T, int R, int V>
INLINE void finish_tile(typename VectorOf<T>::type (&acc)[R][V], const Target<T>& target, long n) {
  typedef typename VectorOf<T>::type Vec;
  const int W = VectorOf<T>::width;
  if (target.column != 1) {
    T lanes[R][V * W];
    // Unrolled like all loops over the sums: one index that is not known when compiling would put them all into memory.
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) store(&lanes[r][v * W], acc[r][v]);
    if (target.plain && target.first && target.row == 1) {
      for (long j = 0; j < n; j++)
        for (int r = 0; r < R; r++) target.c[j * target.column + r] = lanes[r][j];
      return;
    }
    for (int r = 0; r < R; r++)
      for (long j = 0; j < n; j++) target.finish_element(r, j, lanes[r][j]);
    return;
  }
  if (n == V * W && target.plain && target.first) {
    T* to = target.c;
    const long row = target.row;
#pragma GCC unroll 16
    for (int r = 0; r < R; r++, to += row)
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) store(to + v * W, acc[r][v]);
    return;
  }
  const Vec alpha = Vec{} + target.alpha, beta = Vec{} + target.beta;
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) {
      const long left = n - v * W;
      if (left <= 0) continue;
      T* to = target.c + r * target.row + v * W;
      Vec x = alpha * acc[r][v];
      if (!target.first) {
        x += left >= W ? load(to) : load_part(to, left);
      } else if (target.addend) {
        const T* from = target.addend + r * target.addend_row + v * W * target.addend_column;
        Vec add;
        if (target.addend_column == 1) add = left >= W ? load(from) : load_part(from, left);
        else if (target.addend_column == 0) add = Vec{} + from[0];
        else for (int j = 0; j < W; j++) add[j] = j < left ? from[j * target.addend_column] : (T)0;
        x += beta * add;
      }
      if (left >= W) store(to, x); else store_part(to, x, left);
    }
}

// a: element (r, k) at a[r * a_row + k * a_step]; b: row k at b[k * b_step], n of V*W columns in use (read whole if Whole).
template <typename T, int R, int V, bool Whole>
INLINE void run_tile(long K, const T* a, long a_row, long a_step, const T* b, long b_step, const Target<T>& target, long n) {
  typedef typename VectorOf<T>::type Vec;
  const int W = VectorOf<T>::width;
  Vec acc[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) acc[r][v] = Vec{};
  // The result's memory comes from far away: it is asked for before the sums are made rather than once they are to be stored.
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) __builtin_prefetch(target.c + r * target.row + v * W, 1);
  for (long k = 0; k < K; k++) {
    Vec row[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) {
      if (Whole) {
        row[v] = load(b + v * W);
      } else {
        const long left = n - v * W;
        row[v] = left >= W ? load(b + v * W) : left > 0 ? load_part(b + v * W, left) : Vec{};
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const T x = a[r * a_row];
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) acc[r][v] += x * row[v];
    }
    a += a_step;
    b += b_step;
  }
  finish_tile<T, R, V>(acc, target, n);
}

template <typename T>
using TileFunction = void (*)(long K, const T* a, long a_row, long a_step, const T* b, long b_step, const Target<T>& target, long n);

// Panels packed by pack_a and pack_b.
template <typename T, int R>
void packed_tile(long K, const T* a, long, long, const T* b, long, const Target<T>& target, long n) {
  run_tile<T, R, kTileRegisters, true>(K, a, 1, kTileRows, b, kTileRegisters * VectorOf<T>::width, target, n);
}
// Operands where they lie.
template <typename T, int R, int V, bool Whole>
void direct_tile(long K, const T* a, long a_row, long a_step, const T* b, long b_step, const Target<T>& target, long n) {
  run_tile<T, R, V, Whole>(K, a, a_row, a_step, b, b_step, target, n);
}

template <typename T, int R = kTileRows>
struct Tiles {
  static TileFunction<T> packed(int rows) { return rows == R ? packed_tile<T, R> : Tiles<T, R - 1>::packed(rows); }
  static TileFunction<T> direct(int rows, bool whole) {
    return rows == R ? (whole ? direct_tile<T, R, kTileRegisters, true> : direct_tile<T, R, kTileRegisters, false>)
                     : Tiles<T, R - 1>::direct(rows, whole);
  }
};
template <typename T>
struct Tiles<T, 0> {
  static TileFunction<T> packed(int) { return nullptr; }
  static TileFunction<T> direct(int, bool) { return nullptr; }
};

}  // namespace FLAMBEAU_ISA
