// The table of this instruction set's kernels.
#include "kernels.h"
#ifndef FLAMBEAU_ISA
#define FLAMBEAU_ISA baseline
#endif

namespace FLAMBEAU_ISA {

#define DECLARE(name) void name(double* frame);
FLAMBEAU_KERNELS(DECLARE)
#define ENTRY(name) name,
extern const KernelTable kernel_table;
const KernelTable kernel_table = {FLAMBEAU_KERNELS(ENTRY)};

}  // namespace FLAMBEAU_ISA
