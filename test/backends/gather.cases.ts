// Conformance: reading and writing at positions held in tensors.
import type { ScatterKind } from "../../src/core/backend.ts";
import { bool, type DType, dtypes, float16, float32, int64, uint8 } from "../../src/core/dtype.ts";
import { elementCount, type Sizes } from "../../src/core/shape.ts";
import { at, boundarySizes, type Case, indicesOf, stored } from "./cases.ts";
import { computeOf, type Layout, layouts, sample, type Value } from "./workbench.ts";

/** Positions from 0 to size - 1, or from -size where negative ones count from the end. */
function positions(count: number, size: number, seed: number, negative = false): bigint[] {
  return (sample(int64, count, seed) as bigint[]).map((v) => {
    const position = (v + 50n) % BigInt(size);
    return negative && v % 2n === 0n ? position - BigInt(size) : position;
  });
}

const replaced = (index: readonly number[], dim: number, value: Value): number[] =>
  index.map((k, d) => (d === dim ? Number(value) : k));
const scatterKinds: readonly ScatterKind[] = ["set", "sum", "product", "minimum", "maximum"];

function written(kind: ScatterKind, dtype: DType, old: Value, value: Value): Value {
  if (kind === "set") return stored(dtype, value);
  const whole = typeof old === "bigint" || dtype === bool;
  const [a, b] = whole ? [BigInt(old), BigInt(value)] : [old, value];
  if (kind === "sum")
    return stored(dtype, whole ? (a as bigint) + (b as bigint) : (a as number) + (b as number));
  if (kind === "product")
    return stored(dtype, whole ? (a as bigint) * (b as bigint) : (a as number) * (b as number));
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.NaN;
  return stored(dtype, (kind === "minimum" ? a < b : a > b) ? a : b);
}

function gatherCase(
  dtype: DType,
  sizes: Sizes,
  indexSizes: Sizes,
  dim: number,
  layout: Layout = "dense",
  indexLayout: Layout = "dense",
  outLayout: Layout = "dense",
): Case {
  const values = sample(dtype, elementCount(sizes), 1);
  const chosen = positions(elementCount(indexSizes), sizes[dim] || 1, 2);
  return {
    name: `gather: ${dtype.name} [${sizes.join()}] by [${indexSizes.join()}] along ${dim}, ${layout} ${indexLayout} ${outLayout}`,
    kind: "gather",
    compute: computeOf(dtype),
    run(bench) {
      const out = bench.room(dtype, indexSizes, outLayout);
      bench.backend.gather(
        out,
        bench.of(dtype, sizes, values, layout),
        dim,
        bench.of(int64, indexSizes, chosen, indexLayout),
      );
      return [bench.values(out)];
    },
    naive: () => [
      indicesOf(indexSizes).map((index, i) => values[at(sizes, replaced(index, dim, chosen[i]!))]!),
    ],
  };
}

function scatterCase(
  kind: ScatterKind,
  dtype: DType,
  sizes: Sizes,
  indexSizes: Sizes,
  dim: number,
  layout: Layout = "dense",
  sourceLayout: Layout = "dense",
  list?: readonly Value[],
): Case {
  const old = sample(dtype, elementCount(sizes), 1);
  // The source may be larger than the index.
  const sourceSizes = indexSizes.map((size) => size + 1);
  const source = list ?? sample(dtype, elementCount(sourceSizes), 3);
  const chosen = positions(elementCount(indexSizes), sizes[dim] || 1, 4);
  return {
    name: `scatter: ${kind} ${dtype.name} [${indexSizes.join()}] into [${sizes.join()}] along ${dim}, ${layout} ${sourceLayout}${list ? " special" : ""}`,
    kind: "scatter",
    compute: computeOf(dtype),
    run(bench) {
      const out = bench.of(dtype, sizes, old, layout);
      bench.backend.scatter(
        kind,
        out,
        dim,
        bench.of(int64, indexSizes, chosen),
        bench.of(dtype, sourceSizes, source, sourceLayout),
      );
      return [bench.values(out)];
    },
    naive() {
      const out = [...old];
      indicesOf(indexSizes).forEach((index, i) => {
        const place = at(sizes, replaced(index, dim, chosen[i]!));
        out[place] = written(
          kind,
          dtype,
          out[place]!,
          source[
            at(
              sourceSizes.map((s) => (s === 1 ? 2 : s)),
              index,
            )
          ]!,
        );
      });
      return [out];
    },
  };
}

function indexCase(
  dtype: DType,
  sizes: Sizes,
  heads: number,
  indexSizes: Sizes,
  layout: Layout = "dense",
  indexLayout: Layout = "dense",
  put?: "set" | "sum",
): Case {
  const rest = sizes.slice(heads);
  const itemSizes = [...indexSizes, ...rest];
  const values = sample(dtype, elementCount(sizes), 1);
  const source = sample(dtype, elementCount(itemSizes), 6);
  const chosen = Array.from({ length: heads }, (_, d) =>
    positions(elementCount(indexSizes), sizes[d] || 1, d + 2, true),
  );
  const placeOf = (index: readonly number[]): number => {
    const i = at(indexSizes, index.slice(0, indexSizes.length));
    const head = chosen.map((list, d) => (Number(list[i]!) + sizes[d]!) % sizes[d]!);
    return at(
      sizes.map((s) => (s === 1 ? 2 : s)).map((s, d) => (sizes[d] === 1 ? 1 : s)),
      [...head, ...index.slice(indexSizes.length)],
    );
  };
  return {
    name: `${put ? `indexPut: ${put}` : "index:"} ${dtype.name} [${sizes.join()}] by ${heads} of [${indexSizes.join()}], ${layout} ${indexLayout}`,
    kind: put ? "indexPut" : "index",
    compute: computeOf(dtype),
    run(bench) {
      const operand = bench.of(dtype, sizes, values, layout);
      const indices = chosen.map((list) => bench.of(int64, indexSizes, list, indexLayout));
      if (put) {
        bench.backend.indexPut(
          operand,
          indices,
          bench.of(dtype, itemSizes, source, indexLayout),
          put === "sum",
        );
        return [bench.values(operand)];
      }
      const out = bench.room(dtype, itemSizes, layout);
      bench.backend.index(out, operand, indices);
      return [bench.values(out)];
    },
    naive() {
      if (!put) return [indicesOf(itemSizes).map((index) => values[placeOf(index)]!)];
      const out = [...values];
      indicesOf(itemSizes).forEach((index, i) => {
        const place = placeOf(index);
        out[place] = written(put, dtype, out[place]!, source[i]!);
      });
      return [out];
    },
  };
}

export function gatherCases(): Case[] {
  const pairs: readonly [Sizes, Sizes, number][] = [
    [[5], [9], 0],
    [[4, 5], [3, 5], 0],
    [[4, 5], [4, 2], 1],
    [[3, 4, 5], [2, 3, 7], 2],
    [[2, 3, 2, 2, 3, 2], [2, 2, 2, 1, 3, 2], 1],
    [[3, 4], [0, 4], 0],
    [[0, 4], [0, 4], 1],
    [[1], [1], 0],
  ];
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const special = Array.from({ length: 12 }, (_, i) => [nan, 1, inf, -inf, 0, 2][i % 6]!);
  const cases: readonly [Sizes, number, Sizes][] = [
    [[6], 1, [9]],
    [[4, 5], 1, [3]],
    [[4, 5], 2, [3, 2]],
    [[3, 4, 5], 2, [6]],
    [[3, 4, 5], 1, []],
    [[2, 3, 2, 2, 3, 2], 3, [4, 2]],
    [[4, 5], 1, [0]],
    [[4, 0], 1, [3]],
    [[1, 3], 1, [4]],
  ];
  return [
    ...pairs.flatMap(([sizes, indexSizes, dim]) =>
      dtypes.map((dtype) => gatherCase(dtype, sizes, indexSizes, dim)),
    ),
    ...layouts.flatMap((layout) =>
      layouts.flatMap((second) => [
        gatherCase(float32, [4, 5, 6], [3, 5, 4], 0, layout, second),
        gatherCase(float32, [4, 5, 6], [3, 5, 4], 2, second, "dense", layout),
      ]),
    ),
    ...boundarySizes.map((n) => gatherCase(float32, [70], [n], 0)),
    ...scatterKinds.flatMap((kind) => [
      ...pairs.flatMap(([sizes, indexSizes, dim]) =>
        [float32, int64, uint8, bool, float16].map((dtype) =>
          scatterCase(kind, dtype, sizes, indexSizes, dim),
        ),
      ),
      ...layouts.flatMap((layout) =>
        layouts.map((second) =>
          scatterCase(kind, float32, [4, 5, 6], [3, 4, 5], 1, layout, second),
        ),
      ),
      ...boundarySizes.map((n) => scatterCase(kind, int64, [30], [n], 0)),
      scatterCase(kind, float32, [4], [11], 0, "dense", "dense", special),
    ]),
    ...cases.flatMap(([sizes, heads, indexSizes]) =>
      dtypes.flatMap((dtype) => [
        indexCase(dtype, sizes, heads, indexSizes),
        indexCase(dtype, sizes, heads, indexSizes, "dense", "dense", "set"),
        indexCase(dtype, sizes, heads, indexSizes, "dense", "dense", "sum"),
      ]),
    ),
    ...layouts.flatMap((layout) =>
      layouts.flatMap((second) => [
        indexCase(float32, [4, 5, 6], 2, [3, 4], layout, second),
        indexCase(float32, [4, 5, 6], 2, [3, 4], layout, second, "set"),
        indexCase(float32, [4, 5, 6], 1, [7], layout, second, "sum"),
      ]),
    ),
    ...boundarySizes.flatMap((n) => [
      indexCase(float32, [70], 1, [n]),
      indexCase(float32, [7, 3], 1, [Math.min(n, 1025)], "dense", "dense", "sum"),
    ]),
  ];
}
