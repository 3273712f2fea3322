// Conformance: scans.
import type { ScanKind } from "../../src/core/backend.ts";
import { type DType, float16, float32, float64, int64, int8 } from "../../src/core/dtype.ts";
import { elementCount, type Sizes } from "../../src/core/shape.ts";
import { at, boundarySizes, type Case, indicesOf, roundingOf, stored } from "./cases.ts";
import { computeOf, type Layout, layouts, sample, type Value } from "./workbench.ts";

const kinds: readonly ScanKind[] = ["sum", "product", "maximum", "minimum", "logSumExp"];

function combined(kind: ScanKind, values: readonly Value[]): Value {
  const numbers = values as number[];
  const largest = values.reduce((a, b) => (Number.isNaN(a) || b > a ? b : a));
  if (kind === "logSumExp") {
    const top = Number.isFinite(largest as number) ? (largest as number) : 0;
    return values.some(Number.isNaN)
      ? Number.NaN
      : top + Math.log(numbers.reduce((a, b) => a + Math.exp(b - top), 0));
  }
  if (kind === "sum")
    return typeof values[0] === "bigint"
      ? (values as bigint[]).reduce((a, b) => a + b)
      : numbers.reduce((a, b) => a + b);
  if (kind === "product")
    return typeof values[0] === "bigint"
      ? (values as bigint[]).reduce((a, b) => a * b)
      : numbers.reduce((a, b) => a * b);
  const better = (a: Value, b: Value): boolean =>
    Number.isNaN(b) || (!Number.isNaN(a) && (kind === "maximum" ? b >= a : b <= a));
  return values.reduce((a, b) => (better(a, b) ? b : a));
}

function place(kind: ScanKind, values: readonly Value[]): bigint {
  const value = combined(kind, values);
  return BigInt(
    values.findLastIndex((v) => v === value || (Number.isNaN(v) && Number.isNaN(value))),
  );
}

interface Options {
  readonly layout?: Layout;
  readonly output?: DType;
  readonly outputLayout?: Layout;
  readonly inPlace?: boolean;
}

function scanCase(
  title: string,
  kind: ScanKind,
  dtype: DType,
  sizes: Sizes,
  dim: number,
  values: readonly Value[],
  options: Options = {},
): Case {
  const output = options.output ?? dtype;
  const located = kind === "maximum" || kind === "minimum";
  const length = sizes[dim] ?? 1;
  const rounds = output.kind === "floating" && !located;
  return {
    name: `scan: ${kind} ${title} ${dtype.name}`,
    kind: "scan",
    compute: computeOf(output),
    ...(rounds
      ? {
          tolerance: {
            relative: Math.max(
              roundingOf(output).relative,
              length * 2e-7 * Number(output !== float64),
              1e-12,
            ),
            absolute: output === float64 ? 1e-11 : length * 1e-6 + roundingOf(output).relative * 64,
          },
        }
      : {}),
    run(bench) {
      const input = bench.of(dtype, sizes, values, options.layout);
      const out = options.inPlace ? input : bench.room(output, sizes, options.outputLayout);
      const positions = located ? bench.room(int64, sizes, options.outputLayout) : null;
      bench.backend.scan(kind, out, input, dim, positions);
      return [bench.values(out), ...(positions === null ? [] : [bench.values(positions)])];
    },
    naive() {
      const all = indicesOf(sizes).map((index) =>
        Array.from(
          { length: (index[dim] ?? 0) + 1 },
          (_, i) =>
            values[
              at(
                sizes,
                index.map((k, d) => (d === dim ? i : k)),
              )
            ]!,
        ),
      );
      return [
        all.map((list) => stored(output, combined(kind, list))),
        ...(located ? [all.map((list) => place(kind, list))] : []),
      ];
    },
  };
}

export function scanCases(): Case[] {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const near = (values: Value[]): Value[] =>
    values.map((v) => (typeof v === "bigint" ? v : Math.fround(1 + v / 64)));
  const lists: readonly (readonly number[])[] = [
    [1, nan, 2, nan, 3],
    [inf, -inf, 1],
    [-inf, -inf, 0],
    [2, 2, 1, 2, 3, 3],
    [inf, inf, 1],
  ];
  return kinds.flatMap((kind) => {
    const types =
      kind === "logSumExp" ? [float32, float64, float16] : [float32, float64, float16, int64, int8];
    const shapes: readonly [Sizes, number][] = [
      [[4, 5, 6], 0],
      [[4, 5, 6], 1],
      [[4, 5, 6], 2],
      [[2, 1, 3, 2, 2, 3], 3],
      [[], 0],
      [[0, 3], 0],
      [[3, 0], 0],
    ];
    return [
      ...types.flatMap((dtype) =>
        shapes.flatMap(([sizes, dim]) =>
          layouts.flatMap((layout, i) => {
            const values = near(sample(dtype, elementCount(sizes), 7)).map((v) => stored(dtype, v));
            return scanCase(
              `[${sizes.join()}] along ${dim}, ${layout}`,
              kind,
              dtype,
              sizes,
              dim,
              values,
              { layout, outputLayout: layouts[(i + 1) % layouts.length]! },
            );
          }),
        ),
      ),
      ...types.map((dtype) =>
        scanCase(
          "in place",
          kind,
          dtype,
          [6, 7],
          1,
          near(sample(dtype, 42, 8)).map((v) => stored(dtype, v)),
          { inPlace: true },
        ),
      ),
      ...boundarySizes
        .filter((n) => n <= 1025)
        .flatMap((n) =>
          [float32, int64]
            .filter((d) => types.includes(d))
            .flatMap((dtype) => [
              scanCase(`${n} elements`, kind, dtype, [n], 0, near(sample(dtype, n, 9))),
              scanCase(`${n} lines`, kind, dtype, [3, n], 0, near(sample(dtype, 3 * n, 9))),
            ]),
        ),
      ...lists.map((list, which) =>
        scanCase(`special list ${which}`, kind, float32, [list.length], 0, list),
      ),
      ...(types.includes(int8)
        ? [scanCase("to int64", kind, int8, [40], 0, sample(int8, 40, 3), { output: int64 })]
        : []),
    ];
  });
}
