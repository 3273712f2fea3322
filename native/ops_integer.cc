// int64 instructions, which stand for all integer types and bool.
#include "ops.h"
#include "scalar.h"

namespace FLAMBEAU_ISA {

namespace {

// Returns whether the opcode has a meaning of its own for integers.
bool execute_integer(int opcode, int64_t* d, const int64_t* a, const int64_t* b, long n) {
  typedef VL V;
  const VL one = VL{} + (int64_t)1;
#define PAIR(name, expression) \
  case kOp_##name: \
    for (long i = 0; i < n; i++) { const int64_t x = a[i], y = b[i]; d[i] = expression; } \
    return true;
  switch (opcode) {
    UNARY(abs, x < 0 ? -x : x)
    UNARY(signbit, x < 0 ? one : V{})
    UNARY(bitNot, ~x)
    case kOp_floor: case kOp_ceil: case kOp_round: case kOp_trunc:
      memmove(d, a, n * sizeof(int64_t));
      return true;
    BINARY(minimum, x < y ? x : y)
    BINARY(fmin, x < y ? x : y)
    BINARY(maximum, x > y ? x : y)
    BINARY(fmax, x > y ? x : y)
    BINARY(bitAnd, x & y)
    BINARY(bitOr, x | y)
    BINARY(bitXor, x ^ y)
    PAIR(div, quotient_of(x, y))
    PAIR(fmod, rest_of(x, y))
    PAIR(remainder, floor_remainder(x, y))
    PAIR(floorDivide, floor_quotient(x, y))
    PAIR(pow, integer_power(x, y))
    PAIR(shiftLeft, y < 0 || y > 63 ? 0 : (int64_t)((uint64_t)x << y))
    PAIR(shiftRight, x >> (y < 0 || y > 63 ? 63 : y))
    PAIR(gcd, common_divisor(x, y))
    default: return false;
  }
}

}  // namespace

void execute(int opcode, int64_t* d, const int64_t* a, const int64_t* b, const int64_t* c, long n) {
  if (execute_common(opcode, d, a, b, c, n) || execute_integer(opcode, d, a, b, n)) return;
  // Every other function: the floating-point one, truncated.
  double x[64], y[64], z[64];
  for (long i = 0; i < n; i += 64) {
    const long r = n - i < 64 ? n - i : 64;
    for (long k = 0; k < r; k++) {
      x[k] = (double)a[i + k];
      y[k] = (double)b[i + k];
    }
    execute(opcode, z, x, y, y, r);
    for (long k = 0; k < r; k++) d[i + k] = to_int64(z[k]);
  }
}

}  // namespace FLAMBEAU_ISA
