// Kernels that work along one dimension: the last of the frame's layout is the line, the others count the lines.
#pragma once
#include "convert.h"
#include "layout.h"
#include "threads.h"

namespace FLAMBEAU_ISA {

constexpr long kLineCost = 16;  // elements that take as long as beginning and ending a line

struct Lines {
  Layout outer;
  long length, count;
  long step[kMaxOperands];
  int dtype[kMaxOperands];
  char* address[kMaxOperands];

  // Frame: kCount dimensions, the last of them the line; types of the operands at kTypes.
  Lines(const double* frame, int operands) {
    const int rank = (int)frame[kCount];
    outer.read(frame, rank - 1, operands);
    length = (long)frame[kSizes + rank - 1];
    for (int k = 0; k < operands; k++) {
      step[k] = (long)frame[kStrides + k * kMaxDims + rank - 1];
      dtype[k] = (int)frame[kTypes + k];
      address[k] = frame_pointer<char>(frame, kAddress + k);
    }
    outer.merge(0, outer.rank);
    count = outer.count();
  }

  char* line(int k, const Place& place) const { return address[k] + place.offset(outer, 0, outer.rank, k) * item_size(dtype[k]); }

  // Calls body(place, scratch) for every line, on several threads where `cost` of an element makes it worth while.
  // `bytes` of scratch memory are given to each; false where there is none.
  template <typename F>
  bool each(long cost, uint64_t bytes, const F& body) const {
    if (count == 0 || length == 0) return true;
    const long pieces = pieces_of((double)count * (length + kLineCost) * cost, 4), size = (count + pieces - 1) / pieces;
    bool complete = true;
    parallel((count + size - 1) / size, [&](long task) {
      char* memory = static_cast<char*>(bytes ? scratch(4, bytes) : nullptr);
      if (bytes && !memory) {
        complete = false;
        return;
      }
      Place place;
      const long begin = task * size, end = begin + size < count ? begin + size : count;
      place.set(outer, 0, outer.rank, begin);
      for (long i = begin; i < end; i++) {
        body(place, memory);
        place.advance(outer, 0, outer.rank, 1);
      }
    });
    return complete;
  }
};

}  // namespace FLAMBEAU_ISA
