// Conformance: softmax and its gradient.
import { bfloat16, type DType, float16, float32, float64 } from "../../src/core/dtype.ts";
import { elementCount, type Sizes } from "../../src/core/shape.ts";
import { boundarySizes, type Case, stored, type Tolerance } from "./cases.ts";
import { computeOf, type Layout, layouts, sample, type Value } from "./workbench.ts";

function softmaxOf(row: readonly number[], logarithm: boolean): number[] {
  const largest = row.some(Number.isNaN) ? Number.NaN : Math.max(...row);
  const sum = row.reduce((a, v) => a + Math.exp(v - largest), 0);
  return row.map((v) => (logarithm ? v - largest - Math.log(sum) : Math.exp(v - largest) / sum));
}

function backwardOf(g: readonly number[], y: readonly number[], logarithm: boolean): number[] {
  const sum = g.reduce((a, v, i) => a + (logarithm ? v : v * y[i]!), 0);
  return g.map((v, i) => (logarithm ? v - Math.exp(y[i]!) * sum : y[i]! * (v - sum)));
}

const toleranceOf = (dtype: DType): Tolerance =>
  dtype === float64
    ? { relative: 1e-14, absolute: 1e-14 }
    : dtype === float32
      ? { relative: 3e-6, absolute: 1e-6 }
      : { relative: dtype === float16 ? 2e-3 : 1.6e-2, absolute: 1e-3 };

function softmaxCase(
  dtype: DType,
  sizes: Sizes,
  logarithm: boolean,
  layout: Layout = "dense",
  outLayout: Layout = "dense",
  more: { values?: readonly Value[]; inPlace?: boolean; backward?: boolean } = {},
): Case {
  const count = elementCount(sizes);
  const length = sizes.at(-1) ?? 1;
  const rowsOf = (values: readonly Value[]): number[][] =>
    Array.from(
      { length: length === 0 ? 0 : count / length },
      (_, r) => values.slice(r * length, (r + 1) * length) as number[],
    );
  const values = more.values ?? sample(dtype, count, 1);
  const gradient = sample(dtype, count, 2);
  const results = rowsOf(values)
    .flatMap((row) => softmaxOf(row, logarithm))
    .map((v) => stored(dtype, v));
  return {
    name: `${more.backward ? "softmaxBackward" : "softmax"}: ${logarithm ? "logarithm " : ""}${dtype.name} [${sizes.join()}] ${layout} to ${outLayout}${more.values ? " special" : ""}${more.inPlace ? " in place" : ""}`,
    kind: more.backward ? "softmaxBackward" : "softmax",
    compute: computeOf(dtype),
    tolerance: toleranceOf(dtype),
    run(bench) {
      const input = bench.of(dtype, sizes, more.backward ? gradient : values, layout);
      const out = more.inPlace ? input : bench.room(dtype, sizes, outLayout);
      if (more.backward)
        bench.backend.softmaxBackward(
          out,
          input,
          bench.of(dtype, sizes, results, outLayout),
          logarithm,
        );
      else bench.backend.softmax(out, input, logarithm);
      return [bench.values(out)];
    },
    naive() {
      if (!more.backward) return [results];
      const [g, y] = [rowsOf(gradient), rowsOf(results)];
      return [
        g.flatMap((row, r) => backwardOf(row, y[r]!, logarithm)).map((v) => stored(dtype, v)),
      ];
    },
  };
}

export function softmaxCases(): Case[] {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const special = [
    [1, nan, 2],
    [inf, 1, 2],
    [-inf, -inf, -inf],
    [-inf, 1, 2],
    [1e30, 1, -1e30],
    [88, 89, 90],
    [1000, 1001, 999],
    [-1000, -1001, -999],
  ].flat();
  return [false, true].flatMap((logarithm) =>
    [false, true].flatMap((backward) => [
      ...[float32, float64, float16, bfloat16].flatMap((dtype) =>
        boundarySizes
          .filter((n) => n <= 1025)
          .map((n) => softmaxCase(dtype, [3, n], logarithm, "dense", "dense", { backward })),
      ),
      ...layouts.flatMap((layout) =>
        layouts.map((out) =>
          softmaxCase(float32, [2, 3, 17], logarithm, layout, out, { backward }),
        ),
      ),
      ...([[], [0], [0, 4], [2, 2, 2, 2, 2, 3], [1000, 1], [40000]] as const).map((sizes) =>
        softmaxCase(float32, sizes, logarithm, "dense", "dense", { backward }),
      ),
      softmaxCase(float32, [5, 40], logarithm, "dense", "dense", { backward, inPlace: true }),
      ...(backward
        ? []
        : [
            softmaxCase(float32, [8, 3], logarithm, "dense", "dense", { values: special }),
            softmaxCase(float64, [8, 3], logarithm, "dense", "dense", { values: special }),
          ]),
    ]),
  );
}
