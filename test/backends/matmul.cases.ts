// Conformance: matrix products.
import {
  bfloat16,
  type DType,
  float16,
  float32,
  float64,
  int32,
  int64,
} from "../../src/core/dtype.ts";
import { elementCount, type Sizes } from "../../src/core/shape.ts";
import { at, type Case, indicesOf, stored } from "./cases.ts";
import { computeOf, type Layout, layouts, sample, type Value } from "./workbench.ts";

interface Options {
  readonly dtype?: DType;
  readonly layouts?: readonly [Layout, Layout, Layout];
  readonly alpha?: number;
  readonly beta?: number;
  /** Sizes of the addend before it is broadcast with stride 0. */
  readonly addend?: Sizes;
  readonly addendValues?: readonly Value[];
  readonly inPlace?: boolean;
  readonly broadcastBatch?: boolean;
}

function matmulCase(
  batch: Sizes,
  rows: number,
  depth: number,
  columns: number,
  options: Options = {},
): Case {
  const {
    dtype = float32,
    alpha = 1,
    beta = 0,
    addend = null,
    inPlace = false,
    broadcastBatch = false,
  } = options;
  const [layoutA, layoutB, layoutOut] = options.layouts ?? ["dense", "dense", "dense"];
  const outSizes = [...batch, rows, columns];
  const aSizes = [...(broadcastBatch ? batch.map(() => 1) : batch), rows, depth];
  const bSizes = [...batch, depth, columns];
  const a = sample(dtype, elementCount(aSizes), 1);
  const b = sample(dtype, elementCount(bSizes), 2);
  const c =
    addend === null ? null : (options.addendValues ?? sample(dtype, elementCount(addend), 3));
  const unit =
    dtype === float64
      ? 2 ** -52
      : dtype === float16
        ? 2 ** -10
        : dtype === bfloat16
          ? 2 ** -7
          : 2 ** -23;
  const title = [
    `[${aSizes.join()}] @ [${bSizes.join()}] ${dtype.name}`,
    layoutA,
    layoutB,
    layoutOut,
    `${alpha}, ${beta}`,
    addend === null ? "" : `+ [${addend.join()}]`,
    inPlace ? "in place" : "",
  ];
  return {
    name: `matmul: ${title.filter((part) => part !== "" && part !== "1, 0").join(" ")}`,
    kind: "matmul",
    compute: computeOf(dtype),
    ...(dtype.kind === "floating"
      ? {
          tolerance: {
            relative: unit * 1.01,
            absolute:
              (dtype === float64 ? 2 ** -52 : 2 ** -23) *
              16 *
              (depth + 4) *
              (Math.abs(alpha) + Math.abs(beta)),
          },
        }
      : {}),
    run(bench) {
      const spread = (operand: ReturnType<typeof bench.of>, sizes: Sizes) => ({
        ...operand,
        sizes,
        strides: sizes.map((size, d) =>
          operand.sizes[d - sizes.length + operand.sizes.length] === size
            ? operand.strides[d - sizes.length + operand.sizes.length]!
            : 0,
        ),
        count: elementCount(sizes),
        dense: false,
      });
      const left = bench.of(dtype, aSizes, a, layoutA);
      const right = bench.of(dtype, bSizes, b, layoutB);
      const added = c === null ? null : bench.of(dtype, addend!, c, inPlace ? layoutOut : "dense");
      const out = inPlace ? added! : bench.room(dtype, outSizes, layoutOut);
      const addendOperand = added === null ? null : inPlace ? added : spread(added, outSizes);
      bench.backend.matmul(
        out,
        broadcastBatch ? spread(left, [...batch, rows, depth]) : left,
        right,
        alpha,
        beta,
        addendOperand,
      );
      return [bench.values(out)];
    },
    naive: () => [
      indicesOf(outSizes).map((index) => {
        const [m, n] = index.slice(-2) as [number, number];
        const head = index.slice(0, -2);
        const row = at(aSizes, [...head, m, 0]);
        const column = at(bSizes, [...head, 0, n]);
        if (dtype.kind !== "floating") {
          let sum = 0n;
          for (let k = 0; k < depth; k++)
            sum += (a[row + k] as bigint) * (b[column + k * columns] as bigint);
          const rest =
            c === null || beta === 0 ? 0n : BigInt(beta) * (c[at(addend!, index)] as bigint);
          return stored(dtype, BigInt(alpha) * sum + rest);
        }
        let sum = 0;
        for (let k = 0; k < depth; k++)
          sum += (a[row + k] as number) * (b[column + k * columns] as number);
        return stored(
          dtype,
          alpha * sum + (c === null || beta === 0 ? 0 : beta * (c[at(addend!, index)] as number)),
        );
      }),
    ],
  };
}

export function matmulCases(): Case[] {
  const edges: readonly [number, number, number][] = [
    [1, 1, 1],
    [0, 3, 4],
    [3, 0, 4],
    [3, 4, 0],
    [1, 7, 1],
    [7, 1, 7],
    [5, 6, 7],
    [6, 8, 16],
    [7, 9, 17],
    [12, 32, 33],
    [13, 31, 47],
    [16, 64, 65],
    [1, 300, 40],
    [40, 300, 1],
    [63, 65, 64],
    [1, 1025, 1],
    [97, 5, 130],
    [6, 257, 16],
    [13, 130, 3],
    [3, 259, 18],
    [130, 260, 35],
    [20, 350, 190],
    [70, 1000, 70],
    [50, 40, 390],
    [390, 40, 50],
  ];
  const types = [float32, float64, float16, bfloat16, int64, int32];
  const strided = [...layouts].flatMap((first) =>
    [...layouts].flatMap((second) => layouts.map((out) => [first, second, out] as const)),
  );
  return [
    ...edges.flatMap(([m, k, n]) =>
      types
        .filter((dtype) => dtype === float32 || m * k * n < 60000)
        .map((dtype) => matmulCase([], m, k, n, { dtype })),
    ),
    ...edges.flatMap(([m, k, n]) =>
      (["transposed", "dense"] as const).flatMap((la) =>
        (["transposed", "padded"] as const).map((lb) =>
          matmulCase([], m, k, n, { layouts: [la, lb, "dense"] }),
        ),
      ),
    ),
    ...strided.map((three) => matmulCase([], 9, 11, 19, { layouts: three })),
    ...strided
      .filter((_three, i) => i % 5 === 0)
      .map((three) =>
        matmulCase([2, 3], 4, 5, 6, { layouts: three, alpha: 2, beta: -1, addend: [2, 3, 4, 6] }),
      ),
    ...types.flatMap((dtype) => [
      matmulCase([3], 5, 6, 7, { dtype, alpha: 2, beta: 3, addend: [7] }),
      matmulCase([3], 5, 6, 7, { dtype, alpha: 2, beta: 3, addend: [5, 1] }),
      matmulCase([2, 3], 5, 6, 7, { dtype, broadcastBatch: true }),
      matmulCase([], 5, 6, 7, { dtype, alpha: 1, beta: 1, addend: [5, 7], inPlace: true }),
      matmulCase([], 20, 0, 7, { dtype, alpha: 1, beta: 2, addend: [20, 7] }),
      matmulCase([0], 5, 6, 7, { dtype }),
      matmulCase([2, 1, 2, 2], 3, 4, 5, { dtype }),
    ]),
    matmulCase([], 40, 50, 60, { alpha: 0.5, beta: 2, addend: [60] }),
    matmulCase([], 5, 6, 7, {
      alpha: 1,
      beta: 0,
      addend: [7],
      addendValues: Array.from({ length: 7 }, () => Number.NaN),
    }),
    matmulCase([50], 3, 3, 3),
    matmulCase([], 5, 6, 7, {
      layouts: ["transposed", "dense", "stepped"],
      alpha: 1,
      beta: 1,
      addend: [5, 7],
      inPlace: true,
    }),
  ];
}
