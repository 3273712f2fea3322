// Conformance: every scalar function, over the values that tend to go wrong (against PyTorch) and over ranges (against its definition).
import { readFileSync } from "node:fs";
import { type DType, float32, float64, int64 } from "../../src/core/dtype.ts";
import { call, input } from "../../src/core/expression.ts";
import { type FunctionName, functionNames, functionOf } from "../../src/core/scalar.ts";
import { type Case, evaluate, type Tolerance } from "./cases.ts";
import { applied, sample, type Value } from "./workbench.ts";

interface Group {
  readonly operands: readonly string[];
  readonly values: Partial<Record<FunctionName, string>>;
}

const golden = JSON.parse(
  readFileSync(new URL("../golden/scalar.json", import.meta.url), "utf8"),
) as Record<string, readonly Group[]>;

const decoded = (dtype: DType, text: string): Value[] => {
  const bytes = Buffer.from(text, "base64");
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return Array.from<Value>(new dtype.codec.array(copy) as Iterable<Value> & ArrayLike<Value>);
};

// What the machine rounds correctly, or what has no rounding at all. The others may err in their last digits.
const exact: ReadonlySet<string> = new Set<FunctionName>([
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
]);
// Of two zeros with different signs either may be called the smaller.
const unsignedZero: ReadonlySet<string> = new Set<FunctionName>([
  "minimum",
  "maximum",
  "fmin",
  "fmax",
]);
// Where PyTorch itself stops early, or the function crosses zero at a point that no float hits.
const rough: Partial<Record<string, readonly [single: number, double: number]>> = {
  digamma: [2e-5, 1e-13],
  trigamma: [2e-5, 1e-9],
  lgamma: [2e-6, 1e-13],
  erfc: [4e-6, 1e-13],
  erfinv: [4e-6, 1e-13],
};

function toleranceOf(name: string, dtype: DType, truth: boolean): Tolerance | null {
  // PyTorch's own square roots are off by a last digit here and there.
  const precise = exact.has(name) && !(truth && name === "sqrt");
  if (dtype === int64 || precise) return null;
  const [single, double] = rough[name] ?? [1e-6, 1e-14];
  // Results that no normal number holds may be flushed.
  const absolute = dtype === float32 ? 2 ** -126 : 2 ** -1022;
  const crossing = name === "lgamma" || name === "digamma";
  return dtype === float32
    ? { relative: single, absolute: crossing ? 1e-6 : absolute }
    : { relative: double, absolute: crossing ? 1e-14 : absolute };
}

function scalarCase(
  title: string,
  name: FunctionName,
  dtype: DType,
  operands: readonly (readonly Value[])[],
  expected: () => Value[],
  truth: boolean,
): Case {
  const tolerance = toleranceOf(name, dtype, truth);
  return {
    name: `scalar: ${name} ${title} ${dtype.name}`,
    kind: "map",
    compute: dtype,
    absoluteTruth: truth,
    ...(tolerance === null ? {} : { tolerance }),
    signedZero: dtype !== int64 && !unsignedZero.has(name),
    run(bench) {
      const inputs = operands.map((values) => bench.of(dtype, [values.length], values));
      const out = bench.room(dtype, [operands[0]!.length]);
      bench.backend.map(applied(name, dtype, operands.length), out, inputs, []);
      return [bench.values(out)];
    },
    naive: () => [expected()],
  };
}

function defined(
  name: FunctionName,
  dtype: DType,
  operands: readonly (readonly Value[])[],
): Value[] {
  const expression = call(name, ...operands.map((_values, i) => input(i)));
  return operands[0]!.map((_value, i) =>
    evaluate(
      expression,
      operands.map((values) => values[i]!),
      [],
      dtype,
    ),
  );
}

/** Whether PyTorch is known to be wrong here, and we are not. */
function differs(name: string, dtype: DType, [a, b]: readonly number[]): boolean {
  // Its sine of an integer times pi is not zero, so that its trigamma is finite at poles.
  if (name === "trigamma") return a! <= 0 && Number.isInteger(a);
  // Its vectorized float32 remainder by a number below the normal ones is NaN.
  return (
    (name === "fmod" || name === "remainder") &&
    dtype === float32 &&
    b !== 0 &&
    Math.abs(b!) < 2 ** -126
  );
}

function againstPyTorch(): Case[] {
  return [float32, float64, int64].flatMap((dtype) =>
    golden[dtype.name]!.flatMap(({ operands, values }) =>
      Object.entries(values).map(([name, text]) => {
        const lists = operands.map((operand) => decoded(dtype, operand));
        const expected = decoded(dtype, text);
        const keep = (i: number): boolean =>
          !differs(
            name,
            dtype,
            lists.map((list) => Number(list[i]!)),
          );
        const chosen = (list: Value[]): Value[] => list.filter((_value, i) => keep(i));
        return scalarCase(
          "as PyTorch",
          name as FunctionName,
          dtype,
          lists.map(chosen),
          () => chosen(expected),
          true,
        );
      }),
    ),
  );
}

const arities = new Map<FunctionName, number>(
  functionNames.map((name) => [
    name,
    Math.max(functionOf(name).evaluate.length, functionOf(name).integer?.length ?? 0),
  ]),
);
const domains: Partial<Record<FunctionName, readonly [number, number]>> = {
  sqrt: [0, 100],
  rsqrt: [1e-3, 100],
  log: [1e-6, 100],
  log2: [1e-6, 100],
  log10: [1e-6, 100],
  log1p: [-0.99, 50],
  asin: [-1, 1],
  acos: [-1, 1],
  acosh: [1, 50],
  atanh: [-0.99, 0.99],
  erfinv: [-0.99, 0.99],
  exp: [-87, 88],
  exp2: [-125, 127],
  sinh: [-80, 80],
  cosh: [-80, 80],
  lgamma: [0.01, 60],
  digamma: [0.01, 60],
  trigamma: [0.01, 60],
  pow: [0.05, 6],
  tan: [-1.5, 1.5],
  sin: [-1000, 1000],
  cos: [-1000, 1000],
};

function overRanges(): Case[] {
  return functionNames.flatMap((name) =>
    [float32, float64, int64].flatMap((dtype) => {
      if (
        dtype !== int64 &&
        functionOf(name).integer !== null &&
        Number.isNaN(functionOf(name).evaluate(1, 1, 1))
      )
        return [];
      const [low, high] = domains[name] ?? [-6, 6];
      const operands = Array.from({ length: arities.get(name)! }, (_, k) =>
        dtype === int64
          ? integersFor(name, k + 1)
          : (sample(float64, 1025, k + 1) as number[]).map((v) =>
              rounded(dtype, low + ((v + 4) / 8) * (high - low)),
            ),
      );
      return scalarCase(
        "over a range,",
        name,
        dtype,
        operands,
        () => defined(name, dtype, operands),
        false,
      );
    }),
  );
}

/** Small ones where the function is a floating-point one: its last digits must not decide about the integer part. */
function integersFor(name: FunctionName, seed: number): Value[] {
  const values = sample(int64, 1025, seed) as bigint[];
  return functionOf(name).integer === null ? values.map((v) => v % 12n) : values;
}

const rounded = (dtype: DType, value: number): number =>
  dtype === float32 ? Math.fround(value) : value;

function integerEdges(): Case[] {
  const least = -(2n ** 63n);
  const operands: [Value[], Value[]] = [
    [least, least, least, 5n, -5n, 0n, least, 2n ** 63n - 1n],
    [-1n, 0n, 1n, 0n, 0n, 0n, least, -1n],
  ];
  const dividing: readonly FunctionName[] = [
    "div",
    "fmod",
    "remainder",
    "floorDivide",
    "gcd",
    "pow",
    "shiftLeft",
    "shiftRight",
  ];
  return dividing.map((name) =>
    scalarCase("at its edges,", name, int64, operands, () => defined(name, int64, operands), false),
  );
}

export function scalarCases(): Case[] {
  return [againstPyTorch(), overRanges(), integerEdges()].flat();
}
