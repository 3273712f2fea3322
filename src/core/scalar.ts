// The scalar functions that expressions are made of: what each means for numbers and integers, and its derivative.
// Backends compute the same table natively; they know a function by its name.
import {
  bigAbs,
  bigFlag,
  bigFloorQuotient,
  bigPower,
  flag,
  floorQuotient,
  floorRemainder,
  greatestCommonDivisor,
  maximum,
  minimum,
  nextAfter,
  nextAfterSingle,
} from "./arithmetic.ts";
import { call, constant, type Expression } from "./expression.ts";
import { roundHalfEven } from "./half.ts";
import {
  digamma,
  erf,
  erfc,
  erfcx,
  erfinv,
  i0e,
  i1e,
  lgamma,
  multiplyAdd,
  ndtri,
  polygamma1,
  zeta,
} from "./special.ts";

export type Derivative = (
  g: Expression,
  operands: readonly Expression[],
  value: Expression,
) => readonly (Expression | null)[];

export interface ScalarFunction {
  readonly name: string;
  /** The value for floating-point operands; comparisons and predicates give 0 or 1. */
  readonly evaluate: (...x: number[]) => number;
  /** The value for float32 operands, where it is not the rounded double-precision one. */
  readonly single: ((...x: number[]) => number) | null;
  /** The value for integer operands, where it differs from the truncated floating-point one or must be exact. */
  readonly integer: ((...x: bigint[]) => bigint) | null;
  /** The gradient for each operand, given the gradient of the value; null for none. */
  readonly derivative: Derivative;
  /** Whether the value is the exact one, rounded: then however it is computed, the bits are the same. */
  readonly exact: boolean;
}

type E = Expression;
const add = (a: E | number, b: E | number): E => call("add", a, b);
const sub = (a: E | number, b: E | number): E => call("sub", a, b);
const mul = (a: E | number, b: E | number): E => call("mul", a, b);
const div = (a: E | number, b: E | number): E => call("div", a, b);
const neg = (a: E): E => call("neg", a);

const none: Derivative = (_g, operands) => operands.map(() => null);
// Step functions: the derivative is zero wherever it exists.
const flat: Derivative = (_g, operands) => operands.map(() => constant(0));
// A unary rule is often the gradient times a factor in x and y = f(x).
const factor =
  (f: (x: E, y: E) => E): Derivative =>
  (g, [x], y) => [mul(g, f(x!, y))];
const quotient =
  (f: (x: E, y: E) => E): Derivative =>
  (g, [x], y) => [div(g, f(x!, y))];
const unary =
  (f: (g: E, x: E, y: E) => E): Derivative =>
  (g, [x], y) => [f(g, x!, y)];
const binary =
  (f: (g: E, a: E, b: E, y: E) => readonly (E | null)[]): Derivative =>
  (g, [a, b], y) =>
    f(g, a!, b!, y);
// PyTorch's convention: where two operands tie each takes half, and where one is NaN both take all.
const extremum = (worse: "gt" | "lt"): Derivative =>
  binary((g, a, b) => {
    const tied = call("select", call("eq", a, b), div(g, 2), g);
    return [call("select", call(worse, a, b), 0, tied), call("select", call(worse, b, a), 0, tied)];
  });

// f: the meaning for floats, s: for float32 and i: for integers where they differ, d: the derivative.
interface Entry {
  readonly f: (...x: number[]) => number;
  readonly s?: (...x: number[]) => number;
  readonly i?: (...x: bigint[]) => bigint;
  readonly d: Derivative;
  readonly exact?: true;
}

/** The names of all scalar functions: the instruction set of programs. */
export const functionNames = [
  "add",
  "sub",
  "mul",
  "div",
  "neg",
  "abs",
  "sign",
  "floor",
  "ceil",
  "round",
  "trunc",
  "fmod",
  "remainder",
  "floorDivide",
  "reciprocal",
  "sqrt",
  "rsqrt",
  "exp",
  "exp2",
  "expm1",
  "log",
  "log2",
  "log10",
  "log1p",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "sigmoid",
  "erf",
  "erfc",
  "erfinv",
  "lgamma",
  "digamma",
  "trigamma",
  "atan2",
  "hypot",
  "pow",
  "minimum",
  "maximum",
  "fmin",
  "fmax",
  "copysign",
  "nextafter",
  "signbit",
  "eq",
  "ne",
  "lt",
  "le",
  "gt",
  "ge",
  "and",
  "or",
  "not",
  "select",
  "bitAnd",
  "bitOr",
  "bitXor",
  "bitNot",
  "shiftLeft",
  "shiftRight",
  "gcd",
  "zeta",
  "erfcx",
  "ndtri",
  "i0e",
  "i1e",
  "multiplyAdd",
] as const;
export type FunctionName = (typeof functionNames)[number];

const table: Readonly<Record<FunctionName, Entry>> = {
  add: { exact: true, f: (a, b) => a + b, i: (a, b) => a + b, d: (g) => [g, g] },
  sub: { exact: true, f: (a, b) => a - b, i: (a, b) => a - b, d: (g) => [g, neg(g)] },
  mul: {
    exact: true,
    f: (a, b) => a * b,
    i: (a, b) => a * b,
    d: binary((g, a, b) => [mul(g, b), mul(g, a)]),
  },
  div: {
    exact: true,
    f: (a, b) => a / b,
    // Division of integers rounds toward zero here; true division is done in floating point.
    i: (a, b) => (b === 0n ? 0n : a / b),
    // Not by the quotient a / b itself, which would then be kept, and could not be changed in place.
    d: binary((g, a, b) => [div(g, b), mul(g, div(div(neg(a), b), b))]),
  },
  neg: { exact: true, f: (a) => -a, i: (a) => -a, d: unary((g) => neg(g)) },
  abs: {
    exact: true,
    f: (a) => Math.abs(a),
    i: (a) => bigAbs(a),
    d: factor((x) => call("sign", x)),
  },
  sign: {
    exact: true,
    f: (a) => (a > 0 ? 1 : a < 0 ? -1 : 0),
    i: (a) => (a > 0n ? 1n : a < 0n ? -1n : 0n),
    d: flat,
  },
  floor: { exact: true, f: (a) => Math.floor(a), i: (a) => a, d: flat },
  ceil: { exact: true, f: (a) => Math.ceil(a), i: (a) => a, d: flat },
  round: { exact: true, f: (a) => roundHalfEven(a), i: (a) => a, d: flat },
  trunc: { exact: true, f: (a) => Math.trunc(a), i: (a) => a, d: flat },
  fmod: {
    f: (a, b) => a % b,
    i: (a, b) => (b === 0n ? 0n : a % b),
    d: binary((g, a, b) => [g, mul(neg(g), call("trunc", div(a, b)))]),
  },
  remainder: {
    f: (a, b) => floorRemainder(a, b),
    i: (a, b) => (b === 0n ? 0n : a - bigFloorQuotient(a, b) * b),
    d: binary((g, a, b) => [g, mul(neg(g), call("floorDivide", a, b))]),
  },
  floorDivide: {
    f: (a, b) => floorQuotient(a, b),
    i: (a, b) => bigFloorQuotient(a, b),
    d: flat,
  },
  reciprocal: { exact: true, f: (a) => 1 / a, d: unary((g, _x, y) => mul(neg(g), mul(y, y))) },
  sqrt: { exact: true, f: (a) => Math.sqrt(a), d: quotient((_x, y) => mul(2, y)) },
  rsqrt: {
    f: (a) => 1 / Math.sqrt(a),
    d: unary((g, _x, y) => mul(mul(g, -0.5), mul(y, mul(y, y)))),
  },
  exp: { f: (a) => Math.exp(a), d: factor((_x, y) => y) },
  exp2: { f: (a) => 2 ** a, d: factor((_x, y) => mul(y, Math.LN2)) },
  expm1: { f: (a) => Math.expm1(a), d: factor((_x, y) => add(y, 1)) },
  log: { f: (a) => Math.log(a), d: quotient((x) => x) },
  log2: { f: (a) => Math.log2(a), d: quotient((x) => mul(x, Math.LN2)) },
  log10: { f: (a) => Math.log10(a), d: quotient((x) => mul(x, Math.LN10)) },
  log1p: { f: (a) => Math.log1p(a), d: quotient((x) => add(x, 1)) },
  sin: { f: (a) => Math.sin(a), d: factor((x) => call("cos", x)) },
  cos: { f: (a) => Math.cos(a), d: factor((x) => neg(call("sin", x))) },
  tan: { f: (a) => Math.tan(a), d: factor((_x, y) => add(mul(y, y), 1)) },
  asin: { f: (a) => Math.asin(a), d: factor((x) => call("rsqrt", sub(1, mul(x, x)))) },
  acos: { f: (a) => Math.acos(a), d: factor((x) => neg(call("rsqrt", sub(1, mul(x, x))))) },
  atan: { f: (a) => Math.atan(a), d: quotient((x) => add(mul(x, x), 1)) },
  sinh: { f: (a) => Math.sinh(a), d: factor((x) => call("cosh", x)) },
  cosh: { f: (a) => Math.cosh(a), d: factor((x) => call("sinh", x)) },
  tanh: { f: (a) => Math.tanh(a), d: factor((_x, y) => sub(1, mul(y, y))) },
  asinh: { f: (a) => Math.asinh(a), d: factor((x) => call("rsqrt", add(mul(x, x), 1))) },
  acosh: {
    f: (a) => Math.acosh(a),
    d: factor((x) => call("rsqrt", call("multiplyAdd", x, x, constant(-1)))),
  },
  atanh: { f: (a) => Math.atanh(a), d: quotient((x) => sub(1, mul(x, x))) },
  sigmoid: { f: (a) => 1 / (1 + Math.exp(-a)), d: factor((_x, y) => mul(y, sub(1, y))) },
  erf: {
    f: (a) => erf(a),
    d: factor((x) => mul(2 / Math.sqrt(Math.PI), call("exp", neg(mul(x, x))))),
  },
  erfc: {
    f: (a) => erfc(a),
    d: factor((x) => mul(-2 / Math.sqrt(Math.PI), call("exp", neg(mul(x, x))))),
  },
  erfinv: {
    f: (a) => erfinv(a),
    d: factor((_x, y) => mul(Math.sqrt(Math.PI) / 2, call("exp", mul(y, y)))),
  },
  lgamma: { f: (a) => lgamma(a), d: factor((x) => call("digamma", x)) },
  digamma: { f: (a) => digamma(a), d: factor((x) => call("trigamma", x)) },
  trigamma: { f: (a) => polygamma1(a), d: factor((x) => mul(-2, call("zeta", constant(3), x))) },
  atan2: {
    f: (a, b) => Math.atan2(a, b),
    d: binary((g, a, b) => {
      const square = add(mul(a, a), mul(b, b));
      const inverse = call("select", call("eq", square, 0), 0, call("reciprocal", square));
      return [mul(g, mul(b, inverse)), mul(g, mul(neg(a), inverse))];
    }),
  },
  hypot: {
    f: (a, b) => Math.hypot(a, b),
    d: binary((g, a, b, y) => [mul(g, div(a, y)), mul(g, div(b, y))]),
  },
  pow: {
    f: (a, b) =>
      a === 1 ? 1 : Math.abs(a) === 1 && !Number.isFinite(b) && !Number.isNaN(b) ? 1 : a ** b,
    i: (a, b) => bigPower(a, b),
    d: binary((g, a, b, y) => [
      call("select", call("eq", b, 0), 0, mul(g, mul(b, call("pow", a, sub(b, 1))))),
      // 0 to a non-negative power is flat in the exponent, though log(0) is not finite.
      call(
        "select",
        call("and", call("eq", a, 0), call("ge", b, 0)),
        0,
        mul(g, mul(y, call("log", a))),
      ),
    ]),
  },
  minimum: {
    exact: true,
    f: (a, b) => minimum(a, b),
    i: (a, b) => (a < b ? a : b),
    d: extremum("gt"),
  },
  maximum: {
    exact: true,
    f: (a, b) => maximum(a, b),
    i: (a, b) => (a > b ? a : b),
    d: extremum("lt"),
  },
  fmin: {
    f: (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b)),
    i: (a, b) => (a < b ? a : b),
    d: binary((g, a, b) => {
      const first = call("or", call("le", a, b), call("ne", b, b));
      return [call("select", first, g, 0), call("select", first, 0, g)];
    }),
  },
  fmax: {
    f: (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b)),
    i: (a, b) => (a > b ? a : b),
    d: binary((g, a, b) => {
      const first = call("or", call("ge", a, b), call("ne", b, b));
      return [call("select", first, g, 0), call("select", first, 0, g)];
    }),
  },
  copysign: {
    f: (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a)),
    d: binary((g, a, _b, y) => [
      mul(g, call("select", call("eq", a, 0), 0, div(y, a))),
      constant(0),
    ]),
  },
  nextafter: { f: (a, b) => nextAfter(a, b), s: (a, b) => nextAfterSingle(a, b), d: none },
  signbit: {
    exact: true,
    f: (a) => flag(a < 0 || Object.is(a, -0)),
    i: (a) => bigFlag(a < 0n),
    d: none,
  },
  eq: { exact: true, f: (a, b) => flag(a === b), i: (a, b) => bigFlag(a === b), d: flat },
  ne: { exact: true, f: (a, b) => flag(a !== b), i: (a, b) => bigFlag(a !== b), d: flat },
  lt: { exact: true, f: (a, b) => flag(a < b), i: (a, b) => bigFlag(a < b), d: flat },
  le: { exact: true, f: (a, b) => flag(a <= b), i: (a, b) => bigFlag(a <= b), d: flat },
  gt: { exact: true, f: (a, b) => flag(a > b), i: (a, b) => bigFlag(a > b), d: flat },
  ge: { exact: true, f: (a, b) => flag(a >= b), i: (a, b) => bigFlag(a >= b), d: flat },
  and: {
    exact: true,
    f: (a, b) => flag(a !== 0 && b !== 0),
    i: (a, b) => bigFlag(a !== 0n && b !== 0n),
    d: flat,
  },
  or: {
    exact: true,
    f: (a, b) => flag(a !== 0 || b !== 0),
    i: (a, b) => bigFlag(a !== 0n || b !== 0n),
    d: flat,
  },
  not: { exact: true, f: (a) => flag(a === 0), i: (a) => bigFlag(a === 0n), d: flat },
  select: {
    exact: true,
    f: (c, a, b) => (c !== 0 ? a : b),
    i: (c, a, b) => (c !== 0n ? a : b),
    d: (g, [c]) => [constant(0), call("select", c!, g, 0), call("select", c!, 0, g)],
  },
  multiplyAdd: {
    f: multiplyAdd,
    i: (a, b, c) => a * b + c,
    d: (g, [a, b]) => [mul(g, b!), mul(g, a!), g],
  },
  bitAnd: { f: () => Number.NaN, i: (a, b) => a & b, d: none },
  bitOr: { f: () => Number.NaN, i: (a, b) => a | b, d: none },
  bitXor: { f: () => Number.NaN, i: (a, b) => a ^ b, d: none },
  bitNot: { f: () => Number.NaN, i: (a) => ~a, d: none },
  shiftLeft: { f: () => Number.NaN, i: (a, b) => (b < 0n || b > 63n ? 0n : a << b), d: none },
  shiftRight: { f: () => Number.NaN, i: (a, b) => a >> (b < 0n || b > 63n ? 63n : b), d: none },
  gcd: { f: () => Number.NaN, i: (a, b) => greatestCommonDivisor(a, b), d: none },
  zeta: {
    f: (s, q) => zeta(s, q),
    // The derivative by the exponent has no closed form and is not offered.
    d: binary((g, s, q) => [null, mul(neg(g), mul(s, call("zeta", add(s, 1), q)))]),
  },
  erfcx: {
    f: (a) => erfcx(a),
    d: factor((x, y) => sub(mul(mul(x, 2), y), 2 / Math.sqrt(Math.PI))),
  },
  ndtri: {
    f: (a) => ndtri(a),
    d: factor((_x, y) => mul(Math.sqrt(2 * Math.PI), call("exp", mul(mul(y, y), 0.5)))),
  },
  i0e: {
    f: (a) => i0e(a),
    d: factor((x, y) => sub(call("i1e", x), mul(call("sign", x), y))),
  },
  i1e: {
    f: (a) => i1e(a),
    d: factor((x, y) =>
      call(
        "select",
        call("gt", call("abs", x), 0),
        sub(
          call("i0e", x),
          // The reciprocal of 0 is kept out of derivatives of this rule.
          mul(y, add(call("sign", x), call("reciprocal", call("select", call("eq", x, 0), 1, x)))),
        ),
        0.5,
      ),
    ),
  },
};

const functions = new Map<string, ScalarFunction>(
  functionNames.map((name) => {
    const { f, s, i, d, exact = false } = table[name];
    return [
      name,
      {
        name,
        evaluate: f,
        single: s ?? null,
        integer: i ?? null,
        derivative: d,
        exact,
      },
    ];
  }),
);

/** The scalar function of that name. */
export function functionOf(name: string): ScalarFunction {
  return functions.get(name)!;
}

type Builder = (...operands: readonly (Expression | number)[]) => Expression;

/** Builds expressions: `f.mul(f.exp(x), 2)`. */
export const f: Readonly<Record<FunctionName, Builder>> = Object.fromEntries(
  functionNames.map((name) => [
    name,
    (...operands: readonly (Expression | number)[]) => call(name, ...operands),
  ]),
) as Record<FunctionName, Builder>;
