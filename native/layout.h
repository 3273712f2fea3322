// Walks over several strided operands at once: dimensions that lie behind one another are merged, the others counted through.
#pragma once
#include "frame.h"
#include "simd.h"

namespace FLAMBEAU_ISA {

struct Layout {
  int rank = 0, operands = 0;
  long size[kMaxDims];
  long stride[kMaxOperands][kMaxDims];

  long count() const {
    long n = 1;
    for (int d = 0; d < rank; d++) n *= size[d];
    return n;
  }

  // Reads `rank` dimensions of `operands` operands from the frame, leaving out those of size 1.
  void read(const double* frame, int dimensions, int operand_count) {
    operands = operand_count;
    rank = 0;
    for (int d = 0; d < dimensions; d++) {
      const long n = (long)frame[kSizes + d];
      if (n == 1) continue;
      size[rank] = n;
      for (int k = 0; k < operands; k++) stride[k][rank] = (long)frame[kStrides + k * kMaxDims + d];
      rank++;
    }
  }

  void swap(int a, int b) {
    const long n = size[a];
    size[a] = size[b];
    size[b] = n;
    for (int k = 0; k < operands; k++) {
      const long s = stride[k][a];
      stride[k][a] = stride[k][b];
      stride[k][b] = s;
    }
  }

  // Orders dimensions begin..end-1 so that the strides of operand k fall, keeping the order of equals.
  void order_by(int k, int begin, int end) {
    for (int i = begin + 1; i < end; i++)
      for (int j = i; j > begin; j--) {
        const long before = stride[k][j - 1] < 0 ? -stride[k][j - 1] : stride[k][j - 1];
        const long here = stride[k][j] < 0 ? -stride[k][j] : stride[k][j];
        if (before >= here || here == 0 || before == 0) break;
        swap(j - 1, j);
      }
  }

  // Merges neighbours among dimensions begin..end-1 wherever all operands allow; returns the new end.
  int merge(int begin, int end) {
    for (int d = begin; d + 1 < end;) {
      bool mergeable = true;
      for (int k = 0; k < operands && mergeable; k++) mergeable = stride[k][d] == stride[k][d + 1] * size[d + 1];
      if (!mergeable) {
        d++;
        continue;
      }
      size[d] *= size[d + 1];
      for (int k = 0; k < operands; k++) stride[k][d] = stride[k][d + 1];
      for (int e = d + 1; e + 1 < rank; e++) {
        size[e] = size[e + 1];
        for (int k = 0; k < operands; k++) stride[k][e] = stride[k][e + 1];
      }
      rank--;
      end--;
    }
    return end;
  }
};

// A place in dimensions begin..end-1 of a layout.
struct Place {
  long index[kMaxDims];

  void set(const Layout& layout, int begin, int end, long linear) {
    for (int d = end - 1; d >= begin; d--) {
      if (layout.size[d] == 0) {
        index[d] = 0;
        continue;
      }
      index[d] = linear % layout.size[d];
      linear /= layout.size[d];
    }
  }
  // Moves on by n, which must not pass the end of dimension end-1 by more than one run.
  void advance(const Layout& layout, int begin, int end, long n) {
    int d = end - 1;
    if (d < begin) return;
    index[d] += n;
    while (index[d] >= layout.size[d] && d > begin) {
      index[d] -= layout.size[d];
      index[--d]++;
    }
  }
  long offset(const Layout& layout, int begin, int end, int k) const {
    long at = 0;
    for (int d = begin; d < end; d++) at += index[d] * layout.stride[k][d];
    return at;
  }
};

}  // namespace FLAMBEAU_ISA
