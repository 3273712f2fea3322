// What a conformance case is, and the plain definitions that the reference backend is held to.
import type { KernelKind } from "../../src/core/backend.ts";
import { type DType, float32, float64, int64, wholeBigInt } from "../../src/core/dtype.ts";
import type { Expression } from "../../src/core/expression.ts";
import { functionOf } from "../../src/core/scalar.ts";
import type { Sizes } from "../../src/core/shape.ts";
import type { Value, Workbench } from "./workbench.ts";

export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

export interface Case {
  readonly name: string;
  readonly kind: KernelKind;
  readonly compute: DType;
  /** Runs kernels and gives what they wrote, one list for each output. */
  readonly run: (bench: Workbench) => Value[][];
  /** The same by plain definition, without a backend. */
  readonly naive: () => Value[][];
  /** How far values may lie from the expected ones; exact without it. */
  readonly tolerance?: Tolerance;
  /** Whether 0 and -0 are told apart. */
  readonly signedZero?: boolean;
  /** The definition is the truth for every backend, the reference one being no closer to it. */
  readonly absoluteTruth?: boolean;
}

/** Sizes around the lengths of blocks and vectors. */
export const boundarySizes: readonly number[] = [
  0, 1, 7, 8, 15, 16, 17, 63, 64, 65, 255, 256, 257, 1000, 1025, 40000,
];

/** A value as this type holds it; integers and bool as bigints. */
export function stored(dtype: DType, value: Value): Value {
  if (typeof value === "bigint" && dtype === float32) return nearestSingle(value);
  const elements: { [i: number]: Value } = new dtype.codec.array(new ArrayBuffer(8));
  elements[0] = dtype.codec.encode(value);
  const back = dtype.codec.decode(elements[0]);
  return dtype.kind === "floating" ? (back as number) : BigInt(back);
}

/** The float32 nearest to an integer, found by comparing neighbours. */
function nearestSingle(value: bigint): number {
  const guess = Math.fround(Number(value));
  if (Math.abs(guess) <= 2 ** 24) return guess;
  const step = functionOf("nextafter").single!;
  const distance = (candidate: number): bigint => {
    const apart = BigInt(candidate) - value;
    return apart < 0n ? -apart : apart;
  };
  return [step(guess, Number.POSITIVE_INFINITY), step(guess, Number.NEGATIVE_INFINITY)].reduce(
    (a, b) => (distance(b) < distance(a) ? b : a),
    guess,
  );
}

/** A value as the compute type holds it. */
export function computed(compute: DType, value: Value): Value {
  if (compute === int64) return BigInt.asIntN(64, wholeBigInt(value));
  return compute === float32 ? Math.fround(Number(value)) : Number(value);
}

/** The expression for one element, straight from the tree. */
export function evaluate(
  e: Expression,
  inputs: readonly Value[],
  scalars: readonly number[],
  compute: DType,
): Value {
  if (e.kind === "input") return computed(compute, inputs[e.index]!);
  if (e.kind === "scalar") return computed(compute, scalars[e.index]!);
  if (e.kind === "constant") return computed(compute, e.value);
  if (e.kind !== "call") throw new Error(`not for programs: ${e.kind}`);
  const operands = e.operands.map((operand) => evaluate(operand, inputs, scalars, compute));
  const { evaluate: real, single, integer } = functionOf(e.name);
  if (compute === int64 && integer !== null)
    return computed(compute, integer(...(operands as bigint[])));
  return computed(
    compute,
    (compute === float32 && single !== null ? single : real)(...operands.map(Number)),
  );
}

/** Every index of these sizes in row-major order. */
export function indicesOf(sizes: Sizes): number[][] {
  let all: number[][] = [[]];
  for (const size of sizes)
    all = all.flatMap((head) => Array.from({ length: size }, (_, i) => [...head, i]));
  return all;
}

/** The row-major position of an index; dimensions of size 1 broadcast, and leading ones may be missing. */
export function at(sizes: Sizes, index: readonly number[]): number {
  const lead = index.length - sizes.length;
  return sizes.reduce(
    (position, size, dim) => position * size + (size === 1 ? 0 : index[dim + lead]!),
    0,
  );
}

export function close(
  actual: Value,
  expected: Value,
  { tolerance, signedZero }: Pick<Case, "tolerance" | "signedZero">,
): boolean {
  if (Object.is(actual, expected)) return true;
  if (typeof actual !== typeof expected) return false;
  if (actual === expected) return !signedZero;
  if (tolerance === undefined || typeof actual === "bigint") return false;
  const [a, b] = [actual, expected as number];
  if (!Number.isFinite(a) || !Number.isFinite(b)) return false;
  return Math.abs(a - b) <= tolerance.absolute + tolerance.relative * Math.abs(b);
}

/** How far sums and products of a few terms may differ by their order alone. */
export function roundingOf(dtype: DType, terms = 1): Tolerance {
  const unit =
    dtype === float64
      ? 2 ** -52
      : dtype === float32
        ? 2 ** -23
        : dtype.name === "float16"
          ? 2 ** -10
          : 2 ** -7;
  const inner = dtype === float64 ? 2 ** -52 : 2 ** -23;
  return { relative: unit * 1.01, absolute: inner * terms };
}
