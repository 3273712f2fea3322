// Conformance: reductions.
import { bool, dtypes, float16, float32, float64, int64, int8 } from "../../src/core/dtype.ts";
import { input, scalar } from "../../src/core/expression.ts";
import { f } from "../../src/core/scalar.ts";
import { elementCount } from "../../src/core/shape.ts";
import { boundarySizes, type Case, roundingOf, stored } from "./cases.ts";
import { layouts, programOf, sample, type Value } from "./workbench.ts";

import { kinds, reduceCase } from "./reduction.ts";

const near = (values: Value[]): Value[] =>
  values.map((v) => (typeof v === "bigint" ? v : Math.fround(1 + v / 64)));

function everyKind(): Case[] {
  return kinds.flatMap((kind) =>
    dtypes.flatMap((dtype) => {
      const count = 3 * 37 * 5;
      const values =
        kind === "product" && dtype.kind === "floating"
          ? near(sample(dtype, count, 1)).map((v) => stored(dtype, v))
          : sample(dtype, count, 1);
      const tolerance =
        dtype.kind === "floating" && kind === "product"
          ? {
              tolerance: {
                relative: roundingOf(dtype).relative + 1e-4 * Number(dtype !== float64),
                absolute: 1e-12,
              },
            }
          : {};
      return ([[0], [1], [2], [0, 2], [1, 2], [0, 1, 2]] as const).flatMap((dims) =>
        (["dense", "transposed", "negative"] as const).map((layout) =>
          reduceCase(
            `${dtype.name} over ${dims.join()} ${layout}`,
            kind,
            [3, 37, 5],
            dims,
            [{ dtype, values, layout }],
            tolerance,
          ),
        ),
      );
    }),
  );
}

function bySize(): Case[] {
  return kinds.flatMap((kind) =>
    [float32, float64, int64, bool].flatMap((dtype) =>
      boundarySizes.flatMap((count) => {
        // Extrema of nothing are refused before a kernel runs.
        if (count === 0 && (kind.startsWith("arg") || kind.endsWith("imum"))) return [];
        if (kind === "product" && dtype.kind === "floating" && count > 1025) return [];
        const values = kind === "product" ? near(sample(dtype, count, 2)) : sample(dtype, count, 2);
        const tolerance =
          kind === "product" && dtype.kind === "floating"
            ? { tolerance: { relative: dtype === float32 ? 2e-4 : 1e-12, absolute: 0 } }
            : kind === "sum" && dtype === float32
              ? { tolerance: { relative: 1e-6, absolute: count * 1e-7 } }
              : {};
        return [
          reduceCase(`${count} ${dtype.name}`, kind, [count], [0], [{ dtype, values }], tolerance),
          reduceCase(
            `${count} stepped ${dtype.name}`,
            kind,
            [count],
            [0],
            [{ dtype, values, layout: "stepped" }],
            tolerance,
          ),
          ...(count <= 1025
            ? [
                reduceCase(
                  `rows of ${count} ${dtype.name}`,
                  kind,
                  [3, count],
                  [1],
                  [{ dtype, values: [...values, ...values, ...values] }],
                  tolerance,
                ),
                reduceCase(
                  `columns of ${count} ${dtype.name}`,
                  kind,
                  [count, 3],
                  [0],
                  [{ dtype, values: values.flatMap((v) => [v, v, v]) }],
                  tolerance,
                ),
              ]
            : []),
        ];
      }),
    ),
  );
}

function layoutsAndPrograms(): Case[] {
  const sizes = [2, 3, 4, 5, 2, 2];
  const count = elementCount(sizes);
  const a = sample(float32, count, 3);
  const b = sample(float32, count, 4);
  const rank6 = layouts.flatMap((layout) =>
    layouts.flatMap((outputLayout) =>
      ([[0], [5], [1, 3], [0, 2, 4], [0, 1, 2, 3, 4, 5], []] as const).map((dims) =>
        reduceCase(
          `of x * y + s over ${dims.join()}, ${layout} to ${outputLayout}`,
          "sum",
          sizes,
          dims,
          [
            { dtype: float32, values: a, layout },
            { dtype: float32, values: b },
          ],
          {
            expression: f.add(f.mul(input(0), input(1)), scalar(0)),
            scalars: [0.5],
            outputLayout,
            tolerance: { relative: 1e-5, absolute: 1e-3 },
          },
        ),
      ),
    ),
  );
  const values = sample(float32, 600, 5);
  const one = [{ dtype: float32, values }];
  return [
    ...rank6,
    reduceCase("mean of float32", "sum", [20, 30], [1], one, {
      divisor: 30,
      tolerance: { relative: 1e-5, absolute: 1e-6 },
    }),
    reduceCase("mean of nothing", "sum", [4, 0], [1], [{ dtype: float32, values: [] }], {
      divisor: 0,
    }),
    reduceCase("count of positive values", "sum", [20, 30], [1], one, {
      expression: f.gt(input(0), 0),
      combine: int64,
      output: int64,
    }),
    reduceCase("float32 to float64", "sum", [600], [0], one, {
      output: float64,
      tolerance: { relative: 1e-5, absolute: 1e-4 },
    }),
    reduceCase(
      "int8 to int64",
      "sum",
      [600],
      [0],
      [{ dtype: int8, values: sample(int8, 600, 1).map(() => 100n) }],
      { combine: int64, output: int64 },
    ),
    reduceCase(
      "bool to int64",
      "sum",
      [600],
      [0],
      [{ dtype: bool, values: sample(bool, 600, 1) }],
      { combine: int64, output: int64 },
    ),
    reduceCase("of a test", "all", [20, 30], [1], one, {
      expression: f.lt(input(0), 3.5),
      combine: bool,
    }),
    reduceCase("of a small program value", "any", [20, 30], [1], one, {
      expression: f.mul(input(0), 0.01),
      combine: bool,
    }),
    reduceCase("of squares", "argmax", [20, 30], [1], one, {
      expression: f.mul(input(0), input(0)),
    }),
    reduceCase(
      "of a broadcast input",
      "sum",
      [4, 30],
      [0],
      [
        {
          dtype: float32,
          values: Array.from({ length: 120 }, (_, i) => (i % 30) / 4),
          layout: "broadcast",
        },
      ],
    ),
    reduceCase("no dimensions", "sum", [], [], [{ dtype: float32, values: [2.5] }]),
    reduceCase("no dimensions", "argmax", [], [], [{ dtype: float32, values: [2.5] }]),
    reduceCase("no rows", "sum", [0, 3], [1], [{ dtype: float32, values: [] }]),
    ...kinds
      .filter((kind) => !kind.startsWith("arg") && !kind.endsWith("imum"))
      .map((kind) =>
        reduceCase("over an empty dimension", kind, [3, 0], [1], [{ dtype: float32, values: [] }]),
      ),
  ];
}

function specialValues(): Case[] {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const lists: readonly (readonly number[])[] = [
    [nan, 1, 2],
    [1, nan, 2, nan, 5],
    [1, 2, nan],
    [inf, -inf, 3],
    [-inf, -inf],
    [inf, 1],
    [3, 1, 3, 1],
    [nan, nan],
  ];
  return lists.flatMap((list, which) =>
    [1, 40].flatMap((repeats) =>
      [float32, float64, float16].flatMap((dtype) => {
        // Padded with an ordinary value on both sides, so that the special ones fall into different lanes.
        const values = Array.from({ length: repeats }, (_, i) =>
          i === 20 || repeats === 1 ? list : [2, 2, 2],
        ).flat();
        return kinds
          .filter((kind) => kind !== "product")
          .flatMap((kind) => [
            reduceCase(
              `special list ${which} x ${repeats} ${dtype.name}`,
              kind,
              [values.length],
              [0],
              [{ dtype, values }],
            ),
            reduceCase(
              `special list ${which} x ${repeats} ${dtype.name} by columns`,
              kind,
              [values.length, 2],
              [0],
              [{ dtype, values: values.flatMap((v) => [v, 2]) }],
            ),
          ]);
      }),
    ),
  );
}

function accuracy(): Case[] {
  const tenth = Math.fround(0.1);
  const million: Case = {
    name: "reduce: sum of a million tenths in float32 stays accurate",
    kind: "reduce",
    compute: float32,
    tolerance: { relative: 1e-6, absolute: 0 },
    absoluteTruth: true,
    run(bench) {
      const one = bench.of(float32, [1], [tenth]);
      const many = { ...one, sizes: [1000000], strides: [0], count: 1000000, dense: false };
      const dense = bench.room(float32, [1000000]);
      const copy = programOf(input(0), 1, 0, float32, [float32], [float32]);
      bench.backend.map(copy, dense, [many], []);
      return [many, dense, { ...dense, sizes: [1000000, 1], strides: [1, 1] }].map((source) => {
        const out = bench.room(
          float32,
          source.sizes.map(() => 1),
        );
        bench.backend.reduce("sum", copy, out, [source], [], source.sizes, 1);
        return bench.values(out);
      });
    },
    naive: () => Array.from({ length: 3 }, () => [tenth * 1000000]),
  };
  const ones = Array.from({ length: 40000 }, () => 1);
  const wrapping = [2n ** 62n, 2n ** 62n, 2n ** 62n, 5n];
  return [
    million,
    reduceCase(
      "40000 ones of float16 accumulate in float32",
      "sum",
      [40000],
      [0],
      [{ dtype: float16, values: ones }],
      { tolerance: { relative: 0, absolute: 0 } },
    ),
    reduceCase("int64 wraps", "sum", [4], [0], [{ dtype: int64, values: wrapping }]),
    reduceCase("int64 wraps", "product", [4], [0], [{ dtype: int64, values: wrapping }]),
    reduceCase(
      "int8 wraps when stored",
      "sum",
      [3],
      [0],
      [{ dtype: int8, values: [100n, 100n, 100n] }],
    ),
    reduceCase(
      "a large and many small columns",
      "sum",
      [1025, 65],
      [0],
      [
        {
          dtype: float32,
          values: Array.from({ length: 1025 * 65 }, (_, i) => (i < 65 ? 4096 : tenth)),
        },
      ],
      { tolerance: { relative: 1e-6, absolute: 0 } },
    ),
  ];
}

export function reduceCases(): Case[] {
  return [everyKind(), bySize(), layoutsAndPrograms(), specialValues(), accuracy()].flat();
}
