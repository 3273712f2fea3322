// Runs a program on blocks of elements.
#pragma once
#include <alloca.h>
#include "convert.h"
#include "kernels.h"
#include "layout.h"
#include "ops.h"
#include "threads.h"

namespace FLAMBEAU_ISA {

enum { kBlock = 512 };

template <typename T>
struct Runner {
  const Program* program;
  const T** slot;         // where each slot's values of the current block are
  T* memory;              // a block for each slot
  const char** filled;    // the single element that an input's block is filled with
  long* filled_length;    // and how far
  long capacity;
  bool copies;            // whether inputs are copied although they could be read in place

  static unsigned long bytes_needed(const Program* p, long capacity) {
    const unsigned long slots = p->inputs + p->scalars + p->constants + p->registers;
    return slots * capacity * sizeof(T) + slots * (2 * sizeof(void*) + sizeof(long)) + 128;
  }

  void start(const Program* p, const double* scalars, long block, char* space) {
    program = p;
    capacity = block;
    // An output that is an input as it stands may be overwritten by another output before it is stored.
    copies = false;
    for (int k = 0; p->outputs > 1 && k < p->outputs; k++) copies = copies || p->output_slot[k] < p->inputs;
    const long slots = p->inputs + p->scalars + p->constants + p->registers;
    memory = reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(space) + 63) & ~(uintptr_t)63);
    slot = reinterpret_cast<const T**>(memory + slots * block);
    filled = reinterpret_cast<const char**>(slot + slots);
    filled_length = reinterpret_cast<long*>(filled + slots);
    for (int k = 0; k < p->inputs; k++) filled[k] = nullptr;
    for (long k = p->inputs; k < slots; k++) slot[k] = memory + k * block;
    for (int k = 0; k < p->scalars; k++) fill(p->inputs + k, scalars[k]);
    for (int k = 0; k < p->constants; k++) fill(p->inputs + p->scalars + k, p->constant[k]);
  }

  void fill(long k, double value) {
    fill_run(memory + k * capacity, take<T>(value), capacity);
  }

  // Gives the next n elements of an input.
  void input(int k, const char* address, long stride, long n) {
    const int dtype = program->input_type[k];
    T* own = memory + k * capacity;
    if (stride == 0) {
      if (filled[k] == address && filled_length[k] >= n) return;
      T x;
      load_block(dtype, address, 1, &x, 1);
      fill_run(own, x, n);
      filled[k] = address;
      filled_length[k] = n;
      slot[k] = own;
      return;
    }
    if (stride == 1 && dtype == TypeIndex<T>::value && !copies) {
      slot[k] = reinterpret_cast<const T*>(address);
      return;
    }
    filled[k] = nullptr;
    load_block(dtype, address, stride, own, n);
    slot[k] = own;
  }

  // The block of an input, to be filled by the caller.
  T* block(int k) {
    filled[k] = nullptr;
    slot[k] = memory + k * capacity;
    return memory + k * capacity;
  }

  // Gives n elements of an input that may lie in several runs of the layout's last dimension.
  void gather(int k, const char* base, const Layout& layout, int operand, const Place& from, int begin, int end, long n) {
    const long inner = end > begin ? layout.stride[operand][end - 1] : 0;
    const int size = item_size(program->input_type[k]);
    const long at = from.offset(layout, begin, end, operand);
    if (end == begin || from.index[end - 1] + n <= layout.size[end - 1]) return input(k, base + at * size, inner, n);
    // Two dimensions in plain loops; the others are counted through by Place.
    Place place = from;
    T* own = memory + k * capacity;
    const int last = end - 1;
    const long length = layout.size[last], row_step = last > begin ? layout.stride[operand][last - 1] : 0;
    const bool same = program->input_type[k] == TypeIndex<T>::value;
    for (long done = 0; done < n;) {
      long offset = place.offset(layout, begin, end, operand), skipped = place.index[last];
      const long rows = last > begin ? layout.size[last - 1] - place.index[last - 1] : 1;
      long moved = 0;
      for (long r = 0; r < rows && done < n; r++) {
        const long run = length - skipped < n - done ? length - skipped : n - done;
        if (same) {
          const T* x = reinterpret_cast<const T*>(base) + offset;
          T* to = own + done;
          if (inner == 0) fill_run(to, x[0], run);
          else if (inner == 1) copy_run(to, x, run);
          else
            for (long i = 0; i < run; i++) to[i] = x[i * inner];
        } else {
          load_block(program->input_type[k], base + offset * size, inner, own + done, run);
        }
        offset += row_step - skipped * inner;
        skipped = 0;
        done += run;
        moved++;
      }
      if (done >= n) break;
      // All rows of this dimension are done: on to its end, then over it.
      place.index[last] = 0;
      if (last == begin) break;
      place.index[last - 1] += moved - 1;
      place.advance(layout, begin, last, 1);
    }
    filled[k] = nullptr;
    slot[k] = own;
  }

  // Runs the instructions on the block; the last one writes to `direct` if that is not null. Operands that are missing repeat the first.
  void run(long n, T* direct) {
    const Instruction* code = program->code;
    const int last = program->instructions - 1;
    for (int i = 0; i <= last; i++) {
      const Instruction& now = code[i];
      T* to = i == last && direct ? direct : memory + now.destination * capacity;
      execute(now.opcode, to, slot[now.operand[0]], slot[now.operand[1]], slot[now.operand[2]], n);
      slot[now.destination] = to;
    }
  }

  const T* output(int k) const { return slot[program->output_slot[k]]; }

  // Whether the last instruction computes the only output.
  static bool ends_in_output(const Program* p) {
    return p->outputs == 1 && p->instructions > 0 && p->code[p->instructions - 1].destination == p->output_slot[0];
  }
};

// Relative cost of an element, to decide when threads pay: an addition is 1.
static inline long program_cost(const Program* p) {
  long cost = 1;
  for (int i = 0; i < p->instructions; i++) {
    const int op = p->code[i].opcode;
    cost += (op >= kOp_exp && op <= kOp_pow) || op == kOp_fmod || op == kOp_remainder || op == kOp_floorDivide ? 8 : 1;
  }
  return cost;
}

// How many tasks to cut n elements of that cost into; `size` gets the elements of one.
static inline long cut_work(long n, long cost, long* size) {
  const long threads = pieces_of((double)n * cost);
  if (threads == 1) {
    *size = n;
    return 1;
  }
  const long pieces = n >= threads * 131072 ? threads * 4 : threads;
  *size = ((n + pieces - 1) / pieces + 63) & ~63L;
  return (n + *size - 1) / *size;
}

// Space for a Runner: on the stack while it is small.
#define RUNNER_SPACE(T, program, capacity, name)                                        \
  const unsigned long name##_bytes = Runner<T>::bytes_needed(program, capacity);        \
  char* name = name##_bytes <= 65536 ? (char*)alloca(name##_bytes) : (char*)scratch(0, name##_bytes)

}  // namespace FLAMBEAU_ISA
