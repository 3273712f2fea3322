// Conformance: programs that overwrite their inputs, have several outputs or no input, and results that stay in the backend's memory.
import { bool, float16, float32, float64, int64, int8, uint8 } from "../../src/core/dtype.ts";
import { input, scalar } from "../../src/core/expression.ts";
import { f } from "../../src/core/scalar.ts";
import { boundarySizes, type Case, computed, evaluate, stored } from "./cases.ts";
import { computeOf, identity, layouts, programOf, sample } from "./workbench.ts";

const [x, y] = [input(0), input(1)];

function inPlace(): Case[] {
  const single: Case[] = [float32, int64, float16, uint8].flatMap((dtype) =>
    layouts.map((layout): Case => {
      const sizes = [9, 65];
      const [a, b] = [sample(dtype, 585, 1), sample(dtype, 585, 2)];
      const expression = f.sub(f.mul(x, y), x);
      return {
        name: `map: in place, ${layout} ${dtype.name}`,
        kind: "map",
        compute: computeOf(dtype),
        run(bench) {
          const out = bench.of(dtype, sizes, a, layout);
          const other = bench.of(dtype, sizes, b);
          bench.backend.map(
            programOf(expression, 2, 0, computeOf(dtype), [dtype, dtype], [dtype]),
            out,
            [out, other],
            [],
          );
          return [bench.values(out), bench.values(other)];
        },
        naive: () => [
          a.map((v, i) => stored(dtype, evaluate(expression, [v, b[i]!], [], computeOf(dtype)))),
          b,
        ],
      };
    }),
  );
  const swap = (count: number): Case => {
    const [a, b] = [sample(float32, count, 1), sample(float32, count, 2)] as [number[], number[]];
    return {
      name: `mapMany: swaps its inputs in place, ${count}`,
      kind: "map",
      compute: float32,
      run(bench) {
        const [p, q] = [bench.of(float32, [count], a), bench.of(float32, [count], b)];
        bench.backend.mapMany(
          programOf([y, x], 2, 0, float32, [float32, float32], [float32, float32]),
          [p, q],
          [p, q],
          [],
        );
        return [bench.values(p), bench.values(q)];
      },
      naive: () => [b, a],
    };
  };
  return [...single, ...boundarySizes.map(swap)];
}

function manyOutputs(): Case[] {
  return boundarySizes.flatMap((count) =>
    (["dense", "stepped"] as const).map((layout): Case => {
      const values = sample(float32, count, 9) as number[];
      const expressions = [f.mul(x, 2), f.gt(x, 0), f.mul(f.mul(x, 2), scalar(0)), x];
      const types = [float32, bool, float64, int8];
      return {
        name: `mapMany: four outputs of four types, ${count} ${layout}`,
        kind: "map",
        compute: float32,
        run(bench) {
          const outputs = types.map((type) => bench.room(type, [count], layout));
          bench.backend.mapMany(
            programOf(expressions, 1, 1, float32, [float32], types),
            outputs,
            [bench.of(float32, [count], values)],
            [0.1],
          );
          const lists = outputs.map((output) => bench.values(output));
          return lists;
        },
        naive: () =>
          expressions.map((e, i) =>
            values.map((v) => stored(types[i]!, evaluate(e, [v], [0.1], float32))),
          ),
      };
    }),
  );
}

function others(): Case[] {
  return [
    ...[0, 1, 300].map((count): Case => ({
      name: `map: no input, ${count}`,
      kind: "map",
      compute: float32,
      run(bench) {
        const out = bench.room(float32, [count], "offset");
        bench.backend.map(programOf(scalar(0), 0, 1, float32, [], [float32]), out, [], [0.1]);
        return [bench.values(out)];
      },
      naive: () => [Array.from({ length: count }, () => Math.fround(0.1))],
    })),
    ...[1, 16, 17, 1025, 40000].map((count): Case => {
      const values = sample(float32, count, 11) as number[];
      return {
        name: `map: a chain in the backend's own memory, ${count}`,
        kind: "map",
        compute: float32,
        run(bench) {
          const first = bench.resident(float32, [count], values);
          const second = bench.room(float32, [count]);
          bench.backend.map(
            programOf(f.mul(x, x), 1, 0, float32, [float32], [float32]),
            second,
            [first],
            [],
          );
          const third = bench.room(float32, [count]);
          bench.backend.map(identity(float32), third, [second], []);
          const last = count - 1;
          return [
            [bench.backend.read(third.storage, float32, last) as number],
            bench.values(third),
            bench.values(first),
          ];
        },
        naive: () => {
          const squares = values.map((v) => computed(float32, v * v));
          return [[squares.at(-1)!], squares, values];
        },
      };
    }),
  ];
}

export function inPlaceCases(): Case[] {
  return [inPlace(), manyOutputs(), others()].flat();
}
