// A reduction as a conformance case, and what it is by definition.
import type { ReductionKind } from "../../src/core/backend.ts";
import { bool, type DType, int64 } from "../../src/core/dtype.ts";
import { type Expression, input } from "../../src/core/expression.ts";
import type { Sizes } from "../../src/core/shape.ts";
import { at, type Case, evaluate, indicesOf, roundingOf, stored, type Tolerance } from "./cases.ts";
import { computeOf, type Layout, programOf, type Value } from "./workbench.ts";

export const kinds: readonly ReductionKind[] = [
  "sum",
  "product",
  "minimum",
  "maximum",
  "argmin",
  "argmax",
  "all",
  "any",
];

/** The reduction of a list by definition. Floats are summed in double precision. */
function reduced(kind: ReductionKind, values: readonly Value[]): Value {
  if (kind === "all") return BigInt(values.every((v) => Number(v) !== 0));
  if (kind === "any") return BigInt(values.some((v) => Number(v) !== 0));
  if (kind === "sum")
    return typeof values[0] === "bigint"
      ? (values as bigint[]).reduce((a, b) => a + b, 0n)
      : (values as number[]).reduce((a, b) => a + b, 0);
  if (kind === "product")
    return typeof values[0] === "bigint"
      ? (values as bigint[]).reduce((a, b) => a * b, 1n)
      : (values as number[]).reduce((a, b) => a * b, 1);
  const sorted = values.map((value, i) => ({ value, i }));
  const first = sorted.find(({ value }) => Number.isNaN(value));
  const sign = kind === "maximum" || kind === "argmax" ? 1 : -1;
  const best =
    first ?? sorted.reduce((a, b) => ((sign > 0 ? b.value > a.value : b.value < a.value) ? b : a));
  return kind.startsWith("arg") ? BigInt(best.i) : best.value;
}

interface Given {
  readonly dtype: DType;
  readonly values: readonly Value[];
  readonly layout?: Layout;
}

interface Options {
  readonly expression?: Expression;
  readonly scalars?: readonly number[];
  readonly compute?: DType;
  readonly combine?: DType;
  readonly output?: DType;
  readonly outputLayout?: Layout;
  readonly divisor?: number;
  readonly tolerance?: Tolerance;
}

/** A reduction of one program over some dimensions. */
export function reduceCase(
  name: string,
  kind: ReductionKind,
  sizes: Sizes,
  dims: readonly number[],
  given: readonly Given[],
  options: Options = {},
): Case {
  const { expression = input(0), scalars = [], divisor = 1, outputLayout } = options;
  const dtype = given[0]!.dtype;
  const compute = options.compute ?? computeOf(dtype);
  const combine = options.combine ?? dtype;
  const output =
    options.output ??
    (kind.startsWith("arg") ? int64 : kind === "all" || kind === "any" ? bool : dtype);
  const outSizes = sizes.map((size, dim) => (dims.includes(dim) ? 1 : size));
  // A single result may also be given without dimensions.
  const forms = dims.length === sizes.length ? [outSizes, []] : [outSizes];
  const rounds = (kind === "sum" || kind === "product") && combine.kind === "floating";
  const tolerance = options.tolerance ?? (rounds ? roundingOf(output, 64) : undefined);
  return {
    name: `reduce: ${kind} ${name}`,
    kind: "reduce",
    compute,
    ...(tolerance === undefined ? {} : { tolerance }),
    run(bench) {
      const inputs = given.map((g) => bench.of(g.dtype, sizes, g.values, g.layout));
      const program = programOf(
        expression,
        given.length,
        scalars.length,
        compute,
        given.map((g) => g.dtype),
        [combine],
      );
      return forms.map((form) => {
        const out = bench.room(output, form, form === outSizes ? outputLayout : undefined);
        bench.backend.reduce(kind, program, out, inputs, scalars, sizes, divisor);
        return bench.values(out);
      });
    },
    naive() {
      const groups: Value[][] = indicesOf(outSizes).map(() => []);
      indicesOf(sizes).forEach((index, i) => {
        groups[at(outSizes, index)]!.push(
          evaluate(
            expression,
            given.map((g) => g.values[i]!),
            scalars,
            compute,
          ),
        );
      });
      const results = groups.map((values) => {
        const value = values.length === 0 ? empty(kind, output) : reduced(kind, values);
        return stored(output, divisor === 1 ? value : Number(value) / divisor);
      });
      return forms.map(() => results);
    },
  };
}

function empty(kind: ReductionKind, output: DType): Value {
  const value = kind === "product" || kind === "all" ? 1 : 0;
  return output.kind === "floating" ? value : BigInt(value);
}
