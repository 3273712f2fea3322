// The frame: the array of doubles through which a call describes its work. src/backends/native/frame.ts has the same numbers.
#pragma once
#include <stdint.h>

enum FrameSlot {
  kHandle = 0,   // program, or a first number of the kernel's own
  kCount = 1,    // elements, or dimensions where layouts follow
  kKind = 2,
  kDType = 3,
  kDim = 4,
  kFlag = 5,
  kAlpha = 6,
  kBeta = 7,
  kStatus = 8,   // 0, or 1 where an index was out of range
  kBadValue = 9,   // the bits of an int64
  kBadDim = 10,
  kBadRange = 11,
  kOperands = 12, // how many operands follow, where that varies
  kAddress = 16,
  kStep = 80,     // 0 or 1: whether a dense operand advances or is a single element
  kScalars = 144,
  kTypes = 208,
  kSizes = 272,
  kStrides = 336, // 64 for each operand
  kFrameLength = 336 + 64 * 64,
};
enum { kMaxDims = 64, kMaxOperands = 64 };

enum DType { kFloat32, kFloat64, kInt64, kInt32, kInt16, kInt8, kUint8, kBool, kFloat16, kBfloat16, kDTypeCount };

template <typename T>
static inline T* frame_pointer(const double* frame, int slot) {
  return reinterpret_cast<T*>(static_cast<uintptr_t>(frame[slot]));
}

static inline int item_size(int dtype) {
  static const uint8_t sizes[] = {4, 8, 8, 4, 2, 1, 1, 1, 2, 2};
  return sizes[dtype];
}
