// The kernels of one instruction set, and the registry of programs that all sets share.
#pragma once
#include "frame.h"

#define FLAMBEAU_KERNELS(X) \
  X(map) X(map_strided) X(reduce) X(scan) X(matmul) X(gather) X(scatter) X(index) X(index_put) \
  X(nonzero) X(sort) X(softmax) X(softmax_backward)

struct KernelTable {
#define FLAMBEAU_FIELD(name) void (*name)(double* frame);
  FLAMBEAU_KERNELS(FLAMBEAU_FIELD)
#undef FLAMBEAU_FIELD
};

struct Instruction {
  int32_t opcode;
  int32_t destination;
  int32_t operand[3];
};

// Slots number the inputs, then scalars, constants and registers.
struct Program {
  int32_t compute;
  int32_t inputs, outputs, scalars, constants, registers, instructions;
  const Instruction* code;
  const double* constant;
  const int32_t* input_type;
  const int32_t* output_type;
  const int32_t* output_slot;
  bool uniform;  // one output, of the compute type as all inputs are, made by the last instruction
  bool single;   // uniform, one instruction, and no scalars or constants
};

// Copies an encoded program to the heap: `words` = [compute, inputs, outputs, scalars, constants, registers, instructions,
// input types, output types, output slots, then opcode, destination and three operands each].
const Program* make_program(const int32_t* words, const double* constants);

static const char* const kDTypeNames[] = {"float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "float16", "bfloat16"};

// The opcodes, in order. The names are those of src/core/scalar.ts.
#define FLAMBEAU_FUNCTIONS(X) \
  X(add) X(sub) X(mul) X(div) X(neg) X(abs) X(sign) X(floor) X(ceil) X(round) X(trunc) X(fmod) X(remainder) X(floorDivide) \
  X(reciprocal) X(sqrt) X(rsqrt) X(exp) X(exp2) X(expm1) X(log) X(log2) X(log10) X(log1p) X(sin) X(cos) X(tan) X(asin) X(acos) \
  X(atan) X(sinh) X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(sigmoid) X(erf) X(erfc) X(erfinv) X(lgamma) X(digamma) X(trigamma) \
  X(atan2) X(hypot) X(pow) X(minimum) X(maximum) X(fmin) X(fmax) X(copysign) X(nextafter) X(signbit) X(eq) X(ne) X(lt) X(le) X(gt) \
  X(ge) X(and) X(or) X(not) X(select) X(bitAnd) X(bitOr) X(bitXor) X(bitNot) X(shiftLeft) X(shiftRight) X(gcd) \
  X(zeta) X(erfcx) X(ndtri) X(i0e) X(i1e) X(multiplyAdd)

enum FunctionCode {
#define FLAMBEAU_CODE(name) kOp_##name,
  FLAMBEAU_FUNCTIONS(FLAMBEAU_CODE)
#undef FLAMBEAU_CODE
  kFunctionCount
};
