// Conformance: sorting and the positions of non-zero elements.
import { type DType, dtypes, float16, float32, float64, int64 } from "../../src/core/dtype.ts";
import { elementCount, type Sizes } from "../../src/core/shape.ts";
import { boundarySizes, type Case, indicesOf } from "./cases.ts";
import { computeOf, type Layout, layouts, sample, type Value } from "./workbench.ts";

function before(a: Value, b: Value, descending: boolean): boolean {
  if (Number.isNaN(a) || Number.isNaN(b))
    return descending ? Number.isNaN(a) && !Number.isNaN(b) : !Number.isNaN(a) && Number.isNaN(b);
  return descending ? a > b : a < b;
}

/** Positions in sorted order: each stands after those that come before it, equals in their own order. */
function order(row: readonly Value[], descending: boolean): number[] {
  const out = row.map(() => 0);
  row.forEach((value, i) => {
    const rank = row.reduce<number>(
      (n, other, j) =>
        n +
        Number(before(other, value, descending) || (!before(value, other, descending) && j < i)),
      0,
    );
    out[rank] = i;
  });
  return out;
}

function sortCase(
  title: string,
  dtype: DType,
  sizes: Sizes,
  values: readonly Value[],
  descending: boolean,
  layout: Layout = "dense",
  outLayout: Layout = "dense",
  inPlace = false,
): Case {
  const length = sizes.at(-1) ?? 1;
  return {
    name: `sort: ${title} ${dtype.name} [${sizes.join()}] ${descending ? "descending" : "ascending"}, ${layout} to ${outLayout}`,
    kind: "sort",
    compute: computeOf(dtype),
    run(bench) {
      const input = bench.of(dtype, sizes, values, layout);
      const out = inPlace ? input : bench.room(dtype, sizes, outLayout);
      const positions = bench.room(int64, sizes, outLayout);
      bench.backend.sort(out, positions, input, descending);
      return [bench.values(out), bench.values(positions)];
    },
    naive() {
      const sorted: Value[] = [];
      const found: Value[] = [];
      for (let start = 0; start < values.length; start += length) {
        const row = values.slice(start, start + length);
        for (const i of order(row, descending)) {
          sorted.push(row[i]!);
          found.push(BigInt(i));
        }
      }
      return [sorted, found];
    },
  };
}

function nonzeroCase(dtype: DType, sizes: Sizes, layout: Layout, list?: readonly Value[]): Case {
  const values =
    list ??
    sample(dtype, elementCount(sizes), 5).map((v, i) =>
      i % 3 === 1 ? (typeof v === "bigint" ? 0n : 0) : v,
    );
  const found = (): number[][] => indicesOf(sizes).filter((_index, i) => Number(values[i]) !== 0);
  return {
    name: `nonzero: ${dtype.name} [${sizes.join()}] ${layout}${list ? " special" : ""}`,
    kind: "nonzero",
    compute: computeOf(dtype),
    run(bench) {
      const out = bench.room(int64, [found().length, sizes.length]);
      bench.backend.nonzero(out, bench.of(dtype, sizes, values, layout));
      return [bench.values(out)];
    },
    naive: () => [found().flat().map(BigInt)],
  };
}

export function sortCases(): Case[] {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const special = [nan, 1, -inf, 0, -0, nan, inf, 1, -1, 0, 2, nan];
  return [
    ...[false, true].flatMap((descending) => [
      ...dtypes.flatMap((dtype) =>
        boundarySizes
          .filter((n) => n <= 1025)
          .map((n) => sortCase("row", dtype, [n], sample(dtype, n, 1), descending)),
      ),
      ...layouts.flatMap((layout) =>
        layouts.map((out) =>
          sortCase("rows", float32, [3, 4, 9], sample(float32, 108, 2), descending, layout, out),
        ),
      ),
      ...([[], [0], [3, 0], [0, 3], [2, 2, 2, 2, 2, 5], [40, 1]] as const).map((sizes) =>
        sortCase("shape", int64, sizes, sample(int64, elementCount(sizes), 3), descending),
      ),
      ...[float32, float64, float16].map((dtype) =>
        sortCase("special values", dtype, [12], special, descending),
      ),
      sortCase(
        "in place",
        float32,
        [5, 40],
        sample(float32, 200, 4),
        descending,
        "dense",
        "dense",
        true,
      ),
      sortCase(
        "many equals",
        int64,
        [2, 500],
        (sample(int64, 1000, 4) as bigint[]).map((v) => v % 3n),
        descending,
      ),
    ]),
    ...dtypes.flatMap((dtype) =>
      ([[7], [3, 4], [2, 3, 2, 2, 3, 2], [0, 3], [1]] as const).flatMap((sizes) =>
        (["dense", "transposed", "negative", "stepped"] as const).map((layout) =>
          nonzeroCase(dtype, sizes, layout),
        ),
      ),
    ),
    nonzeroCase(float32, [12], "dense", special),
    nonzeroCase(float32, [], "dense", [2]),
    ...boundarySizes.map((n) => nonzeroCase(float32, [n], "dense")),
  ];
}
