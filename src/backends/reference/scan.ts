// Scans: the running sum, product, extremum or logarithm of summed exponentials along one dimension.
import type { Operand, ScanKind } from "../../core/backend.ts";
import { bfloat16, float16, float64, int64 } from "../../core/dtype.ts";
import { functionOf } from "../../core/scalar.ts";
import { elementCount } from "../../core/shape.ts";
import { decoderFor, elementsOf, encoderFor, makeLane } from "./memory.ts";
import { Walk } from "./walk.ts";

type Value = number | bigint;

function logSumExp(a: number, b: number): number {
  const low = Math.min(a, b);
  const high = Math.max(a, b);
  // Equal infinities would give infinity minus infinity.
  return low === high && !Number.isFinite(low) ? a : Math.log1p(Math.exp(low - high)) + high;
}

function combinationOf(kind: ScanKind, integer: boolean): (a: Value, b: Value) => Value {
  if (kind === "logSumExp") return logSumExp as (a: Value, b: Value) => Value;
  const { evaluate, integer: exact } = functionOf(
    kind === "sum" ? "add" : kind === "product" ? "mul" : kind,
  );
  return (integer ? exact : evaluate) as (a: Value, b: Value) => Value;
}

/** See `Backend.scan`. Floats run in double precision, halves in float32. */
export function scan(
  kind: ScanKind,
  output: Operand,
  input: Operand,
  dim: number,
  positions: Operand | null,
): void {
  const { dtype, sizes } = output;
  if (elementCount(sizes) === 0) return;
  const half = dtype === float16 || dtype === bfloat16;
  const compute = dtype.kind === "floating" ? float64 : int64;
  const decode = decoderFor(input.dtype, compute);
  const encode = encoderFor(compute, dtype);
  const combine = combinationOf(kind, compute === int64);
  const length = sizes.length === 0 ? 1 : sizes[dim]!;
  const from = elementsOf(input);
  const to = elementsOf(output);
  const found = positions === null ? null : elementsOf(positions);
  const outside = sizes.filter((_size, d) => d !== dim);
  const walk = (operand: Operand): Walk =>
    new Walk(
      outside,
      operand.strides.filter((_stride, d) => d !== dim),
      operand.offset,
    );
  const sources = walk(input);
  const targets = walk(output);
  const places = positions === null ? null : walk(positions);
  const [step, stride, place] = [input, output, positions].map(
    (operand) => operand?.strides[dim] ?? 0,
  );
  // The running value lies in a lane of its own, so that it wraps and rounds as its type does.
  const running: { [position: number]: Value } = half ? new Float32Array(1) : makeLane(compute, 1);

  for (let line = elementCount(outside); line > 0; line--) {
    const source = sources.next();
    const target = targets.next();
    const start = places === null ? 0 : places.next();
    let at = 0;
    for (let i = 0; i < length; i++) {
      const value = decode(from[source + i * step!]!);
      const before = running[0]!;
      running[0] = i === 0 ? value : combine(before, value);
      // The last of equals; once NaN, the last NaN.
      if (i === 0 || Number.isNaN(value) || (!Number.isNaN(before) && running[0] === value)) at = i;
      to[target + i * stride!] = encode(running[0]!);
      if (found !== null) found[start + i * place!] = BigInt(at);
    }
  }
}
