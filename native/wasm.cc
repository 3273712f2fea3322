// The WebAssembly side: exports each kernel over a frame in linear memory. Memory lies as [stack | data | programs | operands | scratch];
// the host writes the operands of each call behind the programs and says where free memory begins.
#include <stddef.h>
#include "kernels.h"
#include "threads.h"

#define EXPORT(name) extern "C" __attribute__((export_name(name)))

namespace FLAMBEAU_ISA {
#define DECLARE(name) void name(double* frame);
FLAMBEAU_KERNELS(DECLARE)
}  // namespace FLAMBEAU_ISA

extern "C" char __heap_base;

namespace {

enum { kSlots = 8, kPage = 65536 };

alignas(64) double frame[kFrameLength];
uintptr_t programs_end = 0;
// Where free memory begins in this call, and what each slot has of it.
uintptr_t free_memory;
void* scratch_memory[kSlots];
uint64_t scratch_bytes[kSlots];

uintptr_t aligned(uintptr_t address) { return (address + 63) & ~(uintptr_t)63; }

// Whether memory reaches to `end`, grown if need be.
bool reaches(uint64_t end) {
  const uint64_t pages = __builtin_wasm_memory_size(0), wanted = (end + kPage - 1) / kPage;
  return wanted <= pages || (wanted <= 65535 && __builtin_wasm_memory_grow(0, wanted - pages) != (size_t)-1);
}

void begin(uintptr_t free_from) {
  free_memory = aligned(free_from);
  for (int slot = 0; slot < kSlots; slot++) scratch_bytes[slot] = 0;
}

}  // namespace

int thread_count() { return 1; }

void run_tasks(long tasks, TaskBody body, void* context) {
  for (long task = 0; task < tasks; task++) body(context, task);
}

void* scratch(int slot, uint64_t bytes) {
  if (scratch_bytes[slot] >= bytes && bytes > 0) return scratch_memory[slot];
  const uint64_t end = free_memory + bytes;
  if (!reaches(end)) return nullptr;
  scratch_memory[slot] = reinterpret_cast<void*>(free_memory);
  scratch_bytes[slot] = bytes;
  free_memory = aligned((uintptr_t)end);
  return scratch_memory[slot];
}

// Where operands may begin: behind the programs.
EXPORT("operands") uintptr_t operands() { return programs_end ? programs_end : aligned((uintptr_t)&__heap_base); }

// Only programs are allocated this way, and they stay.
extern "C" void* malloc(size_t bytes) {
  const uintptr_t at = operands();
  if (!reaches((uint64_t)at + bytes)) return nullptr;
  programs_end = aligned(at + bytes);
  return reinterpret_cast<void*>(at);
}

EXPORT("frame") double* frame_address() { return frame; }
EXPORT("frame_length") int frame_length() { return kFrameLength; }

// The words and constants must lie far enough behind operands() for the program to fit before them.
EXPORT("register_program") const Program* register_program(const int32_t* words, const double* constants) {
  return make_program(words, constants);
}

// Names by number, null behind the last.
#define FUNCTION_NAME(name) #name,
static const char* const function_names[] = {FLAMBEAU_FUNCTIONS(FUNCTION_NAME)};
EXPORT("function_name") const char* function_name(int k) { return k < kFunctionCount ? function_names[k] : nullptr; }
EXPORT("dtype_name") const char* dtype_name(int k) { return k < kDTypeCount ? kDTypeNames[k] : nullptr; }

#define EXPORT_KERNEL(name) \
  EXPORT(#name) void call_##name(uintptr_t free_from) { \
    begin(free_from); \
    FLAMBEAU_ISA::name(frame); \
  }
FLAMBEAU_KERNELS(EXPORT_KERNEL)
