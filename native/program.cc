// Registers programs: one allocation each, kept for the life of the process.
#include <stdlib.h>
#include <string.h>
#include "kernels.h"

const Program* make_program(const int32_t* words, const double* constants) {
  const int header = 7;
  const int inputs = words[1], outputs = words[2], constant_count = words[4], instructions = words[6];
  const int types = inputs + 2 * outputs;
  const size_t size = sizeof(Program) + sizeof(double) * constant_count + sizeof(Instruction) * instructions + sizeof(int32_t) * types;
  char* memory = static_cast<char*>(malloc(size));
  if (!memory) return nullptr;
  Program* program = reinterpret_cast<Program*>(memory);
  double* constant = reinterpret_cast<double*>(memory + sizeof(Program));
  Instruction* code = reinterpret_cast<Instruction*>(constant + constant_count);
  int32_t* type = reinterpret_cast<int32_t*>(code + instructions);
  memcpy(program, words, header * sizeof(int32_t));
  if (constant_count) memcpy(constant, constants, constant_count * sizeof(double));
  if (types) memcpy(type, words + header, types * sizeof(int32_t));
  if (instructions) memcpy(static_cast<void*>(code), words + header + types, instructions * sizeof(Instruction));
  program->code = code;
  program->constant = constant;
  program->input_type = type;
  program->output_type = type + inputs;
  program->output_slot = type + inputs + outputs;
  bool uniform = instructions > 0 && outputs == 1 && code[instructions - 1].destination == program->output_slot[0];
  for (int k = 0; k < inputs + outputs; k++) uniform = uniform && type[k] == program->compute;
  program->uniform = uniform;
  program->single = uniform && instructions == 1 && program->scalars + constant_count == 0;
  return program;
}
