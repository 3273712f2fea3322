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

// Runs the program on n elements of dense operands of its own type and returns where the output is: at `direct` if the last
// instruction makes it and `direct` is not null, else in `space`. `address` and `step` are the frame's, of the first input.
template <typename T>
INLINE const T* run_few(const Program* p, const double* address, const double* step, const double* scalars, long n,
                        T (*space)[kFew], T* direct) {
  const T* slot[kFewSlots];
  int at = 0;
  const auto repeat = [&](T value) {
    T* to = space[at];
    const auto all = splat(value);
    for (long i = 0; i < n; i += VectorOf<T>::width) store(to + i, all);
    slot[at++] = to;
  };
  for (int k = 0; k < p->inputs; k++) {
    const T* from = reinterpret_cast<const T*>(static_cast<uintptr_t>(address[k]));
    if (step[k] != 0) slot[at++] = from;
    else repeat(*from);
  }
  for (int k = 0; k < p->scalars; k++) repeat(take<T>(scalars[k]));
  for (int k = 0; k < p->constants; k++) repeat(take<T>(p->constant[k]));
  for (int i = 0; i < p->instructions; i++) {
    const Instruction& now = p->code[i];
    T* to = direct && i == p->instructions - 1 ? direct : space[now.destination];
    execute(now.opcode, to, slot[now.operand[0]], slot[now.operand[1]], slot[now.operand[2]], n);
    slot[now.destination] = to;
  }
  return slot[p->output_slot[0]];
}

}  // namespace FLAMBEAU_ISA
