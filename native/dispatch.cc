// Chooses the kernels for the processor that runs. FLAMBEAU_CPU = baseline, avx2 or avx512 in the environment lowers the choice.
#include <stdlib.h>
#include <string.h>
#include "kernels.h"

namespace baseline { extern const KernelTable kernel_table; }
#if defined(__x86_64__)
namespace avx2 { extern const KernelTable kernel_table; }
namespace avx512 { extern const KernelTable kernel_table; }
#endif

const KernelTable* choose_kernels(const char** name) {
#if defined(__x86_64__)
  const char* limit = getenv("FLAMBEAU_CPU");
  const bool below_avx2 = limit && strcmp(limit, "baseline") == 0;
  const bool below_avx512 = below_avx2 || (limit && strcmp(limit, "avx2") == 0);
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (has_avx512 && !below_avx512) {
    *name = "avx512";
    return &avx512::kernel_table;
  }
  if (has_avx2 && !below_avx2) {
    *name = "avx2";
    return &avx2::kernel_table;
  }
#endif
  *name = "baseline";
  return &baseline::kernel_table;
}
