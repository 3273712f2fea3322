// Conformance: programs over elements.
import {
  bool,
  type DType,
  dtypes,
  float16,
  float32,
  float64,
  int32,
  int64,
  int8,
  uint8,
} from "../../src/core/dtype.ts";
import { constant, type Expression, input, scalar } from "../../src/core/expression.ts";
import { f } from "../../src/core/scalar.ts";
import { broadcastSizes, elementCount, type Sizes } from "../../src/core/shape.ts";
import { at, boundarySizes, type Case, evaluate, indicesOf, stored } from "./cases.ts";
import { computeOf, type Layout, layouts, programOf, sample, type Value } from "./workbench.ts";

interface Given {
  readonly dtype: DType;
  readonly sizes: Sizes;
  readonly values: readonly Value[];
  readonly layout?: Layout;
}

function mapCase(
  name: string,
  expression: Expression,
  given: readonly Given[],
  output: { dtype: DType; layout?: Layout },
  more: { scalars?: readonly number[]; compute?: DType } & Pick<
    Case,
    "tolerance" | "signedZero"
  > = {},
): Case {
  const scalars = more.scalars ?? [];
  const compute = more.compute ?? computeOf(output.dtype);
  const sizes = given.reduce<Sizes>((all, { sizes: own }) => broadcastSizes("test", all, own), []);
  // A broadcast layout repeats the first part of its values.
  const valueAt = ({ sizes: own, values, layout }: Given, index: readonly number[]): Value =>
    values[
      layout === "broadcast"
        ? at(own.slice(1), index.slice(index.length - own.length + 1))
        : at(own, index)
    ]!;
  return {
    ...more,
    name: `map: ${name}`,
    kind: "map",
    compute,
    run(bench) {
      const inputs = given.map((g) =>
        bench.of(g.dtype, g.sizes, g.layout === "broadcast" ? repeated(g) : g.values, g.layout),
      );
      const out = bench.room(output.dtype, sizes, output.layout);
      const types = given.map((g) => g.dtype);
      bench.backend.map(
        programOf(expression, given.length, scalars.length, compute, types, [output.dtype]),
        out,
        inputs,
        scalars,
      );
      return [bench.values(out)];
    },
    naive: () => [
      indicesOf(sizes).map((index) =>
        stored(
          output.dtype,
          evaluate(
            expression,
            given.map((g) => valueAt(g, index)),
            scalars,
            compute,
          ),
        ),
      ),
    ],
  };
}

function repeated({ sizes, values }: Given): Value[] {
  const part = elementCount(sizes.slice(1));
  return Array.from({ length: elementCount(sizes) }, (_, i) => values[i % part]!);
}

const [x, y, z] = [input(0), input(1), input(2)];
const shapes: readonly Sizes[] = [
  [],
  [5],
  [3, 4],
  [2, 3, 4, 5],
  [1, 2, 1, 3, 2, 2],
  [257, 3],
  [3, 257],
  [0, 4],
  [4, 0, 2],
];

function bySize(): Case[] {
  return dtypes.flatMap((dtype) =>
    boundarySizes.map((count) =>
      mapCase(
        `x * y + 3 over ${count} ${dtype.name}`,
        f.add(f.mul(x, y), 3),
        [1, 2].map((seed) => ({ dtype, sizes: [count], values: sample(dtype, count, seed) })),
        { dtype },
      ),
    ),
  );
}

function byLayout(): Case[] {
  return [float32, float64, int64, uint8, float16].flatMap((dtype) =>
    shapes.flatMap((sizes) =>
      ([...layouts, "broadcast"] as const).flatMap((layout) =>
        layouts.flatMap((outLayout) => {
          const count = elementCount(sizes);
          const given = [
            { dtype, sizes, values: sample(dtype, count, 3), layout },
            { dtype, sizes, values: sample(dtype, count, 4) },
          ];
          return mapCase(
            `${layout} and dense to ${outLayout}, ${dtype.name} [${sizes.join()}]`,
            f.sub(x, y),
            given,
            { dtype, layout: outLayout },
          );
        }),
      ),
    ),
  );
}

function conversions(): Case[] {
  const small: readonly number[] = [0, 1, 2, 100, 127, 0.5, 1.5, 2.25];
  const signed: readonly number[] = [
    -0,
    -1,
    -0.25,
    -2.75,
    -128,
    255,
    256,
    300,
    -129,
    65504,
    70000,
    2 ** 31,
    -(2 ** 31) - 1,
    1e10,
  ];
  const extreme: readonly number[] = [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    1e30,
    -1e30,
    2 ** 63,
    3e38,
  ];
  const fit = (dtype: DType, values: readonly number[]): Value[] =>
    values.map((value) =>
      stored(dtype, dtype.kind === "floating" ? value : BigInt(Math.trunc(value))),
    );
  return dtypes.flatMap((from) =>
    dtypes.flatMap((to) => {
      const compute = from.kind === "floating" ? computeOf(from) : int64;
      const values = fit(from, [...small, ...signed]);
      // What lies beyond int64 is defined for int64, bool and floating types alone.
      if (from.kind === "floating" && (to.kind !== "integer" || to === int64))
        values.push(...fit(from, extreme));
      const many = Array.from({ length: 3 }, () => values).flat();
      return mapCase(
        `${from.name} to ${to.name}`,
        x,
        [{ dtype: from, sizes: [many.length], values: many }],
        { dtype: to },
        { compute },
      );
    }),
  );
}

const whole = [
  2n ** 53n + 1n,
  2n ** 60n + 2n ** 36n + 1n,
  -(2n ** 60n) - 2n ** 36n - 1n,
  2n ** 24n + 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  16777219n,
];
const column = (dtype: DType, sizes: Sizes, seed: number): Given => ({
  dtype,
  sizes,
  values: sample(dtype, elementCount(sizes), seed),
});

function programs(): Case[] {
  const chain = Array.from({ length: 40 }, (_, i) => 1 + i / 8).reduce<Expression>(
    (e, k) => f.sub(f.mul(e, x), k),
    constant(0.5),
  );
  const wide = Array.from({ length: 24 }, (_, i) => f.mul(f.add(x, i), f.sub(y, i))).reduce(
    (a, b) => f.minimum(f.maximum(a, 1), b),
  );
  const leaves = Array.from({ length: 24 }, (_, i) => f.add(f.mul(x, i + 1), y));
  const tree = (part: readonly Expression[]): Expression =>
    part.length === 1
      ? part[0]!
      : f.sub(tree(part.slice(0, part.length >> 1)), tree(part.slice(part.length >> 1)));
  const shared = f.mul(f.add(x, y), f.add(x, y));
  const eight = Array.from({ length: 8 }, (_, i) => column(float32, [i % 2 ? 300 : 1], i));
  return [float32, float64, int64]
    .flatMap((dtype) =>
      [1, 17, 1000, 1025].flatMap((count) => [
        // Near 1, so that forty products stay finite.
        mapCase(
          `forty constants, ${count} ${dtype.name}`,
          chain,
          [
            {
              dtype,
              sizes: [count],
              values: sample(dtype, count, 5).map((v) =>
                typeof v === "bigint" ? v : Math.fround(v / 8),
              ),
            },
          ],
          { dtype },
        ),
        mapCase(
          `a long chain, ${count} ${dtype.name}`,
          wide,
          [column(dtype, [count], 6), column(dtype, [count], 7)],
          { dtype },
        ),
        mapCase(
          `many live registers, ${count} ${dtype.name}`,
          tree(leaves),
          [column(dtype, [count], 6), column(dtype, [count], 7)],
          { dtype },
        ),
        mapCase(
          `a shared part, ${count} ${dtype.name}`,
          shared,
          [column(dtype, [count], 6), column(dtype, [count], 7)],
          { dtype },
        ),
        mapCase(
          `three scalars, ${count} ${dtype.name}`,
          f.select(f.lt(x, scalar(2)), f.mul(x, scalar(0)), scalar(1)),
          [column(dtype, [count], 8)],
          { dtype },
          { scalars: [2.5, -7, 1] },
        ),
        mapCase(
          `a scalar stored, ${count} ${dtype.name}`,
          scalar(0),
          [column(dtype, [count], 8)],
          { dtype },
          { scalars: [0.1] },
        ),
        mapCase(
          `a constant stored, ${count} ${dtype.name}`,
          constant(-3.7),
          [column(dtype, [count], 8)],
          { dtype },
        ),
        mapCase(
          `an input squared, ${count} ${dtype.name}`,
          f.mul(x, x),
          [column(dtype, [count], 8)],
          { dtype },
        ),
      ]),
    )
    .concat(
      mapCase(
        "eight inputs, every other one broadcast",
        Array.from({ length: 8 }, (_, i) => input(i)).reduce((a, b) => f.sub(f.mul(a, 0.5), b)),
        eight,
        { dtype: float32 },
      ),
      mapCase(
        "mixed types",
        f.select(z, f.add(x, y), f.neg(x)),
        [column(float32, [300], 1), column(int64, [300], 2), column(bool, [300], 3)],
        { dtype: float64 },
        { compute: float32 },
      ),
      mapCase(
        "a comparison stored as bool",
        f.gt(x, y),
        [column(float32, [300], 1), column(float32, [300], 2)],
        { dtype: bool },
        { compute: float32 },
      ),
      mapCase(
        "a comparison of int8 stored as bool",
        f.le(x, y),
        [column(int8, [300], 1), column(int8, [300], 2)],
        { dtype: bool },
      ),
      mapCase(
        "halves stored as bool",
        f.mul(x, 0.1),
        [column(float32, [300], 1)],
        { dtype: bool },
        { compute: float32 },
      ),
      ...[float32, float16, float64].map((to) =>
        mapCase(
          `large int64 to ${to.name} rounds once`,
          x,
          [{ dtype: int64, sizes: [whole.length], values: whole }],
          { dtype: to },
          { compute: int64 },
        ),
      ),
      mapCase(
        "large int64 read in float64",
        f.add(x, 0),
        [{ dtype: int64, sizes: [whole.length], values: whole }],
        { dtype: float64 },
      ),
      mapCase(
        "int64 wraps",
        f.mul(f.add(x, x), x),
        [{ dtype: int64, sizes: [whole.length], values: whole }],
        { dtype: int64 },
      ),
      ...[int8, uint8, int32].map((dtype) =>
        mapCase(
          `${dtype.name} wraps when stored`,
          f.mul(f.mul(x, 1000003), y),
          [column(dtype, [300], 1), column(dtype, [300], 2)],
          { dtype },
        ),
      ),
    );
}

function broadcasting(): Case[] {
  const pairs: readonly [Sizes, Sizes][] = [
    [
      [3, 1],
      [1, 4],
    ],
    [[], [5]],
    [[4], [2, 3, 4]],
    [
      [2, 1, 3, 1],
      [4, 1, 5],
    ],
    [
      [300, 1],
      [1, 300],
    ],
    [[1], [0]],
    [
      [7, 1, 65],
      [3, 1],
    ],
    [[1, 1, 1], []],
  ];
  return pairs.flatMap(([a, b]) =>
    [float32, int64, int8].flatMap((dtype) => [
      mapCase(
        `[${a.join()}] with [${b.join()}] ${dtype.name}`,
        f.sub(x, y),
        [column(dtype, a, 1), column(dtype, b, 2)],
        { dtype },
      ),
      mapCase(
        `[${b.join()}] with [${a.join()}] ${dtype.name}`,
        f.sub(x, y),
        [column(dtype, b, 1), column(dtype, a, 2)],
        { dtype, layout: "stepped" },
      ),
    ]),
  );
}

export function mapCases(): Case[] {
  return [bySize(), byLayout(), conversions(), programs(), broadcasting()].flat();
}
