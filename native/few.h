// Programs on a few elements, where laying out blocks would cost more than the work: values lie in a small array on the stack.
#pragma once
#include "convert.h"
#include "kernels.h"
#include "ops.h"

namespace FLAMBEAU_ISA {

enum { kFew = 16, kFewSlots = 20 };

static inline bool suits_few(const Program* p, long n) {
  return n <= kFew && p->uniform && p->inputs + p->scalars + p->constants + p->registers <= kFewSlots;
}

// Runs the program on n elements of dense operands of its own type and returns where the output is, in `space`. `address` and `step`
// are the frame's, of the first input. Whole registers are computed, whose last elements repeat an operand's first: parts of registers
// would cost more than what they are part of.
template <typename T>
INLINE const T* run_few(const Program* p, const double* address, const double* step, const double* scalars, long n,
                        T (*space)[kFew]) {
  const long W = VectorOf<T>::width, whole = (n + W - 1) / W * W;
  int at = 0;
  const auto repeat = [&](T value) {
    const auto all = splat(value);
    for (long i = 0; i < whole; i += W) store(space[at] + i, all);
    at++;
  };
  for (int k = 0; k < p->inputs; k++) {
    const T* from = reinterpret_cast<const T*>(static_cast<uintptr_t>(address[k]));
    repeat(*from);
    if (step[k] == 0) continue;
    T* to = space[at - 1];
    long i = 0;
    for (; i + W <= n; i += W) store(to + i, load(from + i));
    for (; i < n; i++) to[i] = from[i];
  }
  for (int k = 0; k < p->scalars; k++) repeat(take<T>(scalars[k]));
  for (int k = 0; k < p->constants; k++) repeat(take<T>(p->constant[k]));
  for (int i = 0; i < p->instructions; i++) {
    const Instruction& now = p->code[i];
    execute(now.opcode, space[now.destination], space[now.operand[0]], space[now.operand[1]], space[now.operand[2]], whole);
  }
  return space[p->output_slot[0]];
}

}  // namespace FLAMBEAU_ISA
