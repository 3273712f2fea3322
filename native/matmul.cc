// Matrix products of any strides: small ones where the operands lie, large ones through packed panels.
#include "convert.h"
#include "kernels.h"
#include "layout.h"
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
  Product part(long first_row, long end_row, long first_column, long end_column) const {
    Product some = *this;
    some.M = end_row - first_row, some.N = end_column - first_column;
    some.a += first_row * a_row, some.b += first_column * b_column;
    some.target = target.at(first_row, first_column);
    return some;
  }
};

constexpr long kDepth = 256;      // K of a packed panel, at most
constexpr long kWidth = 2048;     // columns packed at a time, at most
constexpr long kHeight = 2048;    // rows packed at a time, at most
constexpr long kMiddle = 800;     // rows, columns and K of operands that are not large
constexpr long kNarrow = 96;      // columns, or rows, that count as few
template <typename T>
constexpr long kDots = kTileRegisters * VectorOf<T>::width * 3 / 8;  // columns, or rows, that leave most of a tile unused
template <typename T>
constexpr long kDotDepth = 16 * VectorOf<T>::width;  // K beside which adding up the lanes of a sum is little
constexpr long kBlockPanels = 168 / kTileRows;  // panels of rows multiplied at a time
constexpr double kThreadWork = 400000;  // multiply-adds below which threads do not pay

long ceil_div(long a, long b) { return (a + b - 1) / b; }
long smaller(long a, long b) { return a < b ? a : b; }

// How many threads a product is worth.
template <typename T>
long pieces_for(const Product<T>& p, bool threads) {
  return threads && (double)p.M * p.N * p.K > kThreadWork ? thread_count() : 1;
}

template <typename F>
void run(long pieces, long tasks, const F& body) {
  if (pieces > 1) return parallel(tasks, body);
  for (long task = 0; task < tasks; task++) body(task);
}

template <typename T>
void plain_product(const Product<T>& p) {
  for (long i = 0; i < p.M; i++)
    for (long j = 0; j < p.N; j++) {
      T sum = 0;
      for (long k = 0; k < p.K; k++) sum += p.a[i * p.a_row + k * p.a_column] * p.b[k * p.b_row + j * p.b_column];
      p.target.finish_element(i, j, sum);
    }
}

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
  const long pieces = threads && (double)p.N * p.K > kThreadWork / 8 ? thread_count() : 1;
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
  if (!threads || (double)p.M * p.N <= kThreadWork / 8) return rows(0, p.M);
  const long step = ceil_div(p.M, thread_count());
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
  const long pieces = threads && (double)p.M * p.N * p.K > kThreadWork / 4 ? thread_count() * 2 : 1;
  const long step = ceil_div(ceil_div(p.M, pieces), 8) * 8;
  parallel(ceil_div(p.M, step), [&](long task) {
    const long first = task * step, last = smaller(p.M, first + step);
    if (p.N == 1) dot_rows<T, 8, 1>(p, first, last);
    else dot_rows<T, 4, 2>(p, first, last);
  });
}

#if defined(__clang__) || __GNUC__ >= 12
#define PICK(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define PICK(a, b, i, j, k, l) __builtin_shuffle(a, b, (typeof(a > a)){i, j, k, l})
#endif

// Four rows' next four elements as columns.
INLINE void turn(float* to, long to_step, const float* from, long from_step) {
  typedef float Four __attribute__((vector_size(16)));
  Four a, b, c, d;
  __builtin_memcpy(&a, from, 16);
  __builtin_memcpy(&b, from + from_step, 16);
  __builtin_memcpy(&c, from + 2 * from_step, 16);
  __builtin_memcpy(&d, from + 3 * from_step, 16);
  const Four ab = PICK(a, b, 0, 4, 1, 5), ab_high = PICK(a, b, 2, 6, 3, 7), cd = PICK(c, d, 0, 4, 1, 5), cd_high = PICK(c, d, 2, 6, 3, 7);
  store(to, PICK(ab, cd, 0, 1, 4, 5));
  store(to + to_step, PICK(ab, cd, 2, 3, 6, 7));
  store(to + 2 * to_step, PICK(ab_high, cd_high, 0, 1, 4, 5));
  store(to + 3 * to_step, PICK(ab_high, cd_high, 2, 3, 6, 7));
}

// `n` rows that lie along K, as columns `width` apart; 16 elements of each at a time, so that reads and writes both stay in cache.
template <typename T>
void turn_rows(T* to, long width, const T* from, long step, long n, long depth) {
  for (long k0 = 0; k0 < depth; k0 += 16) {
    const long k1 = smaller(depth, k0 + 16);
    long r = 0;
    if constexpr (sizeof(T) == sizeof(float)) {
      const long whole = k0 + (k1 - k0) / 4 * 4;
      for (; r + 4 <= n; r += 4) {
        // Many rows far apart are more than the processor follows by itself.
        for (long i = r; i < r + 4; i++) __builtin_prefetch(from + i * step + k0 + 32);
        for (long k = k0; k < whole; k += 4) turn(to + k * width + r, width, from + r * step + k, step);
        for (long k = whole; k < k1; k++)
          for (long i = r; i < r + 4; i++) to[k * width + i] = from[i * step + k];
      }
    }
    for (; r < n; r++)
      for (long k = k0; k < k1; k++) to[k * width + r] = from[r * step + k];
  }
}

// A panel: `n` rows (or columns) with element (i, k) at k * width + i, filled up with zeros.
template <typename T, long width>
void pack(T* to, const T* from, long n, long depth, long step, long depth_step) {
  if (step == 1 && n == width) {
    for (long k = 0; k < depth; k++) __builtin_memcpy(to + k * width, from + k * depth_step, width * sizeof(T));
    return;
  }
  if (depth_step == 1) {
    turn_rows(to, width, from, step, n, depth);
  } else {
    for (long k = 0; k < depth; k++)
      for (long r = 0; r < n; r++) to[k * width + r] = from[r * step + k * depth_step];
  }
  for (long k = 0; n < width && k < depth; k++)
    for (long r = n; r < width; r++) to[k * width + r] = 0;
}

// The length of the parts when `total` is cut into equal ones, as few as can be without any longer than `most`; a multiple of `unit`.
long even_part(long total, long most, long unit) {
  const long parts = ceil_div(total, most);
  return ceil_div(ceil_div(total, parts), unit) * unit;
}

// Both operands are packed first, then multiplied: in either step threads take the next piece when they are done with one, so that neither
// sizes that do not divide nor a core that others use as well leaves one of them waiting for long.
template <typename T>
bool packed_product(const Product<T>& p, bool threads) {
  constexpr long NR = kTileRegisters * VectorOf<T>::width, MR = kTileRows;
  const long pieces = pieces_for(p, threads);
  const long width = even_part(p.N, kWidth, NR), height = even_part(p.M, kHeight, MR), slab = even_part(p.K, kDepth, 1);
  T* packed_a = static_cast<T*>(scratch(1, (unsigned long)height * slab * sizeof(T)));
  T* packed_b = static_cast<T*>(scratch(2, (unsigned long)width * slab * sizeof(T)));
  if (!packed_a || !packed_b) return false;
  for (long j0 = 0; j0 < p.N; j0 += width)
    for (long k0 = 0; k0 < p.K; k0 += slab)
      for (long i0 = 0; i0 < p.M; i0 += height) {
        const long columns = smaller(width, p.N - j0), depth = smaller(slab, p.K - k0), rows = smaller(height, p.M - i0);
        const long panels_a = ceil_div(rows, MR), panels_b = ceil_div(columns, NR);
        const auto pack_one = [&](long panel) {
          if (panel < panels_a) {
            const long from = panel * MR;
            pack<T, MR>(packed_a + from * depth, p.a + (i0 + from) * p.a_row + k0 * p.a_column, smaller(rows - from, MR), depth, p.a_row, p.a_column);
          } else {
            const long from = (panel - panels_a) * NR;
            pack<T, NR>(packed_b + from * depth, p.b + (j0 + from) * p.b_column + k0 * p.b_row, smaller(columns - from, NR), depth, p.b_column, p.b_row);
          }
        };
        Target<T> target = p.target.at(i0, j0);
        if (k0 > 0) target.first = false;
        // Blocks of some panels of a, which stay in a core's own cache, by groups of some panels of b.
        const long blocks = ceil_div(panels_a, kBlockPanels), block = ceil_div(panels_a, blocks);
        const long groups = pieces == 1 ? 1 : smaller(panels_b, ceil_div(4 * pieces, blocks)), group = ceil_div(panels_b, groups);
        const auto multiply_some = [&](long task) {
          const long from = task / groups * block, end = smaller(panels_a, from + block), panel = task % groups * group;
          for (long j = panel; j < smaller(panels_b, panel + group); j++)
            for (long i = from; i < end; i++)
              Tiles<T>::packed((int)smaller(MR, rows - i * MR))(depth, packed_a + i * MR * depth, 0, 0, packed_b + j * NR * depth, 0,
                                                                target.at(i * MR, j * NR), smaller(NR, columns - j * NR));
        };
        run(pieces, panels_a + (i0 == 0 ? panels_b : 0), pack_one);
        run(pieces, blocks * groups, multiply_some);
      }
  return true;
}

// Neither operand is large: each panel of columns is packed by the thread that multiplies it, and rows are read where they lie, so that
// no core waits for lines that another has written. Panels packed for all cost a tenth more, and half as much again when the cores have no
// cache in common.
template <typename T>
void panel_product(const Product<T>& p, bool threads) {
  constexpr long NR = kTileRegisters * VectorOf<T>::width, MR = kTileRows;
  const long panels = ceil_div(p.N, NR), pieces = pieces_for(p, threads);
  const long step = pieces == 1 ? p.M : ceil_div(ceil_div(p.M, ceil_div(4 * pieces, panels)), MR) * MR, cuts = ceil_div(p.M, step);
  run(pieces, panels * cuts, [&](long task) {
    const long j = task / cuts * NR, columns = smaller(NR, p.N - j), from = task % cuts * step, end = smaller(p.M, from + step);
    T* packed = static_cast<T*>(scratch(2, (unsigned long)NR * p.K * sizeof(T)));
    if (!packed) return plain_product(p.part(from, end, j, j + columns));
    pack<T, NR>(packed, p.b + j * p.b_column, columns, p.K, p.b_column, p.b_row);
    for (long i = from; i < end; i += MR)
      Tiles<T>::direct((int)smaller(MR, end - i), true)(p.K, p.a + i * p.a_row, p.a_row, p.a_column, packed, NR, p.target.at(i, j), columns);
  });
}

// Few columns against many rows: the columns are packed, the rows read where they lie. Packing these too would take a fifth of the time.
template <typename T>
bool narrow_product(const Product<T>& p, bool threads) {
  constexpr long NR = kTileRegisters * VectorOf<T>::width, MR = kTileRows;
  const long pieces = pieces_for(p, threads);
  const long slab = even_part(p.K, 4 * kDepth, 1), panels = ceil_div(p.N, NR);
  T* packed = static_cast<T*>(scratch(2, (unsigned long)panels * NR * slab * sizeof(T)));
  if (!packed) return false;
  const long step = ceil_div(ceil_div(p.M, pieces == 1 ? 1 : 8 * pieces), MR) * MR;
  for (long k0 = 0; k0 < p.K; k0 += slab) {
    const long depth = smaller(slab, p.K - k0);
    const long cuts = pieces, cut = ceil_div(depth, cuts * 16) * 16;
    run(pieces, panels * cuts, [&](long task) {
      const long j = task / cuts, from = smaller(depth, task % cuts * cut), part = smaller(cut, depth - from);
      pack<T, NR>(packed + (j * depth + from) * NR, p.b + j * NR * p.b_column + (k0 + from) * p.b_row, smaller(NR, p.N - j * NR), part, p.b_column, p.b_row);
    });
    Target<T> target = p.target;
    if (k0 > 0) target.first = false;
    parallel(ceil_div(p.M, step), [&](long task) {
      for (long i = task * step; i < smaller(p.M, (task + 1) * step); i += MR)
        for (long j = 0; j < panels; j++)
          Tiles<T>::direct((int)smaller(MR, p.M - i), true)(depth, p.a + i * p.a_row + k0 * p.a_column, p.a_row, p.a_column,
                                                            packed + j * NR * depth, NR, target.at(i, j * NR), smaller(NR, p.N - j * NR));
    });
  }
  return true;
}

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
  const bool outer = batches.count > 1 && work <= kThreadWork / 8 && !Whole<T>::value && s.N > 1 && is_outer(base);
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
  const double least = outer ? kThreadWork / 2 : kThreadWork;
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
