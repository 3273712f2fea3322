// Reading and writing at computed places. Every index is checked before it is used.
#include <string.h>
#include "convert.h"
#include "kernels.h"
#include "layout.h"
#include "threads.h"

namespace FLAMBEAU_ISA {

namespace {

enum Combine { kSet, kSum, kProduct, kMinimum, kMaximum };

void report(double* frame, int64_t value, long dimension, long range) {
  memcpy(&frame[kBadValue], &value, sizeof value);  // all 64 bits: a double would round them
  frame[kBadDim] = (double)dimension;
  frame[kBadRange] = (double)range;
  frame[kStatus] = 1;
}

template <typename F>
INLINE void with_size(int size, F f) {
  switch (size) {
    case 1: return f((uint8_t*)nullptr);
    case 2: return f((uint16_t*)nullptr);
    case 4: return f((uint32_t*)nullptr);
    default: return f((uint64_t*)nullptr);
  }
}

template <typename E> struct ComputeOf { typedef int64_t type; };
template <> struct ComputeOf<float> { typedef float type; };
template <> struct ComputeOf<double> { typedef double type; };
template <> struct ComputeOf<Half> { typedef float type; };
template <> struct ComputeOf<Brain> { typedef float type; };

template <typename E>
INLINE void combine_into(Combine kind, E* to, E value) {
  typedef typename ComputeOf<E>::type T;
  const T a = take<T>(*to), b = take<T>(value);
  T out;
  switch (kind) {
    case kSum: out = a + b; break;
    case kProduct: out = a * b; break;
    case kMinimum: out = a != a || a <= b ? a : b; break;
    case kMaximum: out = a != a || a >= b ? a : b; break;
    default: *to = value; return;
  }
  put(out, to);
}

// The frame's layout cut into its last dimension and the others.
struct Walk {
  Layout layout;
  long inner, count;

  Walk(const double* frame, int operands, bool mergeable) {
    layout.read(frame, (int)frame[kCount], operands);
    if (mergeable) layout.merge(0, layout.rank);
    if (layout.rank == 0) {
      layout.rank = 1;
      layout.size[0] = 1;
      for (int k = 0; k < operands; k++) layout.stride[k][0] = 0;
    }
    inner = layout.size[layout.rank - 1];
    count = layout.count();
  }
  long step(int k) const { return layout.stride[k][layout.rank - 1]; }
  // body(place, n) for runs of the last dimension from `begin` to `end`, until it returns false.
  template <typename F>
  void runs(long begin, long end, const F& body) const {
    Place place;
    place.set(layout, 0, layout.rank, begin);
    while (begin < end) {
      const long left = inner - place.index[layout.rank - 1], n = left < end - begin ? left : end - begin;
      if (!body(place, n)) return;
      place.advance(layout, 0, layout.rank, n);
      begin += n;
    }
  }
};

}  // namespace

// kDim with size kBeta in the input, stride kAlpha; kFlag the element size. Operands: output, index, input (stride 0 along the dimension).
void gather(double* frame) {
  const Walk walk(frame, 3, true);
  const long dim_step = (long)frame[kAlpha], range = (long)frame[kBeta];
  const int64_t* index = frame_pointer<int64_t>(frame, kAddress + 1);
  frame[kStatus] = 0;
  with_size((int)frame[kFlag], [&](auto* type) {
    typedef __typeof__(type) Pointer;
    const Pointer output = (Pointer)frame_pointer<char>(frame, kAddress);
    const Pointer input = (Pointer)frame_pointer<char>(frame, kAddress + 2);
    const long pieces = pieces_of(walk.count * 2., 2), size = (walk.count + pieces - 1) / pieces;
    if (walk.count == 0) return;
    parallel((walk.count + size - 1) / size, [&](long task) {
      const long begin = task * size, end = begin + size < walk.count ? begin + size : walk.count;
      const int last = walk.layout.rank;
      walk.runs(begin, end, [&](const Place& place, long n) {
        const Pointer to = output + place.offset(walk.layout, 0, last, 0), from = input + place.offset(walk.layout, 0, last, 2);
        const int64_t* at = index + place.offset(walk.layout, 0, last, 1);
        for (long i = 0; i < n; i++) {
          const int64_t found = at[i * walk.step(1)];
          if ((uint64_t)found >= (uint64_t)range) {
            report(frame, found, (long)frame[kDim], range);
            return false;
          }
          to[i * walk.step(0)] = from[i * walk.step(2) + found * dim_step];
        }
        return true;
      });
    });
  });
}

// As gather, with kKind how to combine and kDType the type. Operands: output (stride 0 along the dimension), index, source. In row-major order.
void scatter(double* frame) {
  const Walk walk(frame, 3, true);
  const long dim_step = (long)frame[kAlpha], range = (long)frame[kBeta];
  const int64_t* index = frame_pointer<int64_t>(frame, kAddress + 1);
  const Combine kind = (Combine)(int)frame[kKind];
  frame[kStatus] = 0;
  with_type((int)frame[kDType], [&](auto* type) {
    typedef __typeof__(type) Pointer;
    const Pointer output = (Pointer)frame_pointer<char>(frame, kAddress), source = (Pointer)frame_pointer<char>(frame, kAddress + 2);
    const int last = walk.layout.rank;
    walk.runs(0, walk.count, [&](const Place& place, long n) {
      const Pointer to = output + place.offset(walk.layout, 0, last, 0), from = source + place.offset(walk.layout, 0, last, 2);
      const int64_t* at = index + place.offset(walk.layout, 0, last, 1);
      for (long i = 0; i < n; i++) {
        const int64_t found = at[i * walk.step(1)];
        if ((uint64_t)found >= (uint64_t)range) {
          report(frame, found, (long)frame[kDim], range);
          return false;
        }
        combine_into(kind, to + i * walk.step(0) + found * dim_step, from[i * walk.step(2)]);
      }
      return true;
    });
  });
}

namespace {

// index and indexPut. Frame: kCount index dimensions, then kDim dimensions of the rest, in one layout; operand 0 is the tensor whose
// elements are named (strides 0 along the index dimensions), operand 1 the other one, the indices follow: kOperands of them, their
// ranges at kScalars and the strides of the dimensions that they name at kStep.
struct Named {
  Layout places, rest;
  int indices;
  long range[kMaxOperands], stride[kMaxOperands];
  const int64_t* index[kMaxOperands];

  explicit Named(const double* frame) {
    indices = (int)frame[kOperands];
    const int lead = (int)frame[kCount], tail = (int)frame[kDim];
    places.read(frame, lead, 2 + indices);
    places.merge(0, places.rank);
    rest.operands = 2;
    for (int d = lead; d < lead + tail; d++) {
      if (frame[kSizes + d] == 1) continue;
      rest.size[rest.rank] = (long)frame[kSizes + d];
      for (int k = 0; k < 2; k++) rest.stride[k][rest.rank] = (long)frame[kStrides + k * kMaxDims + d];
      rest.rank++;
    }
    rest.merge(0, rest.rank);
    if (rest.rank == 0) {
      rest.rank = 1;
      rest.size[0] = 1;
      rest.stride[0][0] = rest.stride[1][0] = 1;
    }
    for (int k = 0; k < indices; k++) {
      range[k] = (long)frame[kScalars + k];
      stride[k] = (long)frame[kStep + k];
      index[k] = frame_pointer<int64_t>(frame, kAddress + 2 + k);
    }
  }

  // Where the elements named at this place start; false where an index is out of range.
  bool find(double* frame, const Place& place, long* at) const {
    *at = 0;
    for (int k = 0; k < indices; k++) {
      int64_t value = index[k][place.offset(places, 0, places.rank, 2 + k)];
      if (value < -range[k] || value >= range[k]) {
        report(frame, value, k, range[k]);
        return false;
      }
      *at += (value < 0 ? value + range[k] : value) * stride[k];
    }
    return true;
  }

  // body(offset of the named elements, offset of the others, n) for all runs of the rest.
  template <typename F>
  void each_run(long named, long other, const F& body) const {
    const long inner = rest.size[rest.rank - 1], outer = rest.count() / (inner ? inner : 1);
    Place place;
    place.set(rest, 0, rest.rank, 0);
    for (long i = 0; i < outer; i++) {
      body(named + place.offset(rest, 0, rest.rank, 0), other + place.offset(rest, 0, rest.rank, 1), inner);
      place.advance(rest, 0, rest.rank, inner);
    }
  }
};

}  // namespace

void index(double* frame) {
  const Named work(frame);
  const long count = work.places.count(), rest = work.rest.count();
  const long named_step = work.rest.stride[0][work.rest.rank - 1], other_step = work.rest.stride[1][work.rest.rank - 1];
  frame[kStatus] = 0;
  if (count == 0) return;
  with_size((int)frame[kFlag], [&](auto* type) {
    typedef __typeof__(type) Pointer;
    const Pointer input = (Pointer)frame_pointer<char>(frame, kAddress), output = (Pointer)frame_pointer<char>(frame, kAddress + 1);
    const long pieces = pieces_of((double)count * rest, 2), size = (count + pieces - 1) / pieces;
    parallel((count + size - 1) / size, [&](long task) {
      Place place;
      const long begin = task * size, end = begin + size < count ? begin + size : count;
      place.set(work.places, 0, work.places.rank, begin);
      for (long i = begin; i < end; i++) {
        long at;
        if (!work.find(frame, place, &at)) return;
        work.each_run(at, place.offset(work.places, 0, work.places.rank, 1), [&](long from, long to, long n) {
          if (named_step == 1 && other_step == 1 && n > 8) __builtin_memcpy(output + to, input + from, n * sizeof(*type));
          else
            for (long k = 0; k < n; k++) output[to + k * other_step] = input[from + k * named_step];
        });
        place.advance(work.places, 0, work.places.rank, 1);
      }
    });
  });
}

// kKind: 1 accumulates, 0 sets; kDType the type. In order, so that of duplicates the last stays.
void index_put(double* frame) {
  const Named work(frame);
  const long count = work.places.count();
  const long named_step = work.rest.stride[0][work.rest.rank - 1], other_step = work.rest.stride[1][work.rest.rank - 1];
  const Combine kind = frame[kKind] != 0 ? kSum : kSet;
  frame[kStatus] = 0;
  with_type((int)frame[kDType], [&](auto* type) {
    typedef __typeof__(type) Pointer;
    const Pointer output = (Pointer)frame_pointer<char>(frame, kAddress), source = (Pointer)frame_pointer<char>(frame, kAddress + 1);
    Place place;
    place.set(work.places, 0, work.places.rank, 0);
    for (long i = 0; i < count; i++) {
      long at;
      if (!work.find(frame, place, &at)) return;
      work.each_run(at, place.offset(work.places, 0, work.places.rank, 1), [&](long to, long from, long n) {
        for (long k = 0; k < n; k++) combine_into(kind, output + to + k * named_step, source[from + k * other_step]);
      });
      place.advance(work.places, 0, work.places.rank, 1);
    }
  });
}

}  // namespace FLAMBEAU_ISA
