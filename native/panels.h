// Products computed from panels: parts of the operands copied into the order in which tiles read them.
#pragma once
#include "product.h"

namespace FLAMBEAU_ISA {

namespace {

constexpr long kDepth = 256;      // K of a packed panel, at most
constexpr long kWidth = 2048;     // columns packed at a time, at most
constexpr long kHeight = 2048;    // rows packed at a time, at most
constexpr long kBlockPanels = 168 / kTileRows;  // panels of rows multiplied at a time

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
    const long cut = ceil_div(depth, pieces * 16) * 16;
    run(pieces, panels * pieces, [&](long task) {
      const long j = task / pieces, from = smaller(depth, task % pieces * cut), part = smaller(cut, depth - from);
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

}  // namespace

}  // namespace FLAMBEAU_ISA
