// A matrix product of any strides, and how it is shared out. Included by matmul.cc alone, as are the ways to compute one.
#pragma once
#include "threads.h"
#include "tile.h"

namespace FLAMBEAU_ISA {

namespace {

template <typename T>
struct Product {
  long M, N, K;
  const T *a, *b;
  long a_row, a_column, b_row, b_column;
  Target<T> target;

  void transpose() {
    const Product p = *this;
    M = p.N, N = p.M;
    a = p.b, a_row = p.b_column, a_column = p.b_row;
    b = p.a, b_row = p.a_column, b_column = p.a_row;
    target.row = p.target.column, target.column = p.target.row;
    target.addend_row = p.target.addend_column, target.addend_column = p.target.addend_row;
  }
  // The rows and columns of the result from the first up to the end.
  Product part(long first_row, long end_row, long first_column, long end_column) const {
    Product some = *this;
    some.M = end_row - first_row, some.N = end_column - first_column;
    some.a += first_row * a_row, some.b += first_column * b_column;
    some.target = target.at(first_row, first_column);
    return some;
  }
};

constexpr double kThreadProducts = 6 * kThreadWork;  // multiply-adds below which threads do not pay

long ceil_div(long a, long b) { return (a + b - 1) / b; }
long smaller(long a, long b) { return a < b ? a : b; }

// How many threads a product is worth.
template <typename T>
long pieces_for(const Product<T>& p, bool threads) {
  return threads && (double)p.M * p.N * p.K > kThreadProducts ? thread_count() : 1;
}

// Side by side where that pays, else one after another.
template <typename F>
void run(long pieces, long tasks, const F& body) {
  if (pieces > 1) return parallel(tasks, body);
  for (long task = 0; task < tasks; task++) body(task);
}

// The meaning of a product: for whole numbers, and where there is no memory for anything faster.
template <typename T>
void plain_product(const Product<T>& p) {
  for (long i = 0; i < p.M; i++)
    for (long j = 0; j < p.N; j++) {
      T sum = 0;
      for (long k = 0; k < p.K; k++) sum += p.a[i * p.a_row + k * p.a_column] * p.b[k * p.b_row + j * p.b_column];
      p.target.finish_element(i, j, sum);
    }
}

}  // namespace

}  // namespace FLAMBEAU_ISA
