import { describe, expect, it } from "vitest";
import type { ReductionKind } from "../../src/core/backend.ts";
import { bool, float16, float32, float64, int32, int64 } from "../../src/core/dtype.ts";
import { input } from "../../src/core/expression.ts";
import { f } from "../../src/core/scalar.ts";
import {
  backend,
  computeType,
  empty,
  noise,
  positions,
  program,
  same,
  tensor,
  transposed,
  values,
} from "./support.ts";

const kinds: readonly ReductionKind[] = [
  "sum",
  "product",
  "minimum",
  "maximum",
  "argmin",
  "argmax",
  "all",
  "any",
];

function combine(kind: ReductionKind, x: readonly number[]): number {
  const nan = x.findIndex(Number.isNaN);
  if (kind === "sum") return x.reduce((a, b) => a + b, 0);
  if (kind === "product") return x.reduce((a, b) => a * b, 1);
  if (kind === "all") return x.every((v) => v !== 0) ? 1 : 0;
  if (kind === "any") return x.some((v) => v !== 0) ? 1 : 0;
  const extremum = kind.endsWith("min") || kind === "minimum" ? Math.min(...x) : Math.max(...x);
  return kind.startsWith("arg") ? (nan >= 0 ? nan : x.indexOf(extremum)) : extremum;
}

describe("every set of dimensions", () => {
  for (const dtype of [float32, float64, int64, int32, float16])
    for (const sizes of [[4, 5], [3, 700, 5], [50, 40], [2, 3, 4, 30], [1000], [2, 20000]])
      it(`${dtype.name} of ${sizes.join(" x ")}`, () => {
        const compute = computeType(dtype);
        const count = sizes.reduce((a, b) => a * b, 1);
        const data = noise(count).map((x) => Math.trunc(x * 3.5));
        if (dtype.kind === "floating" && count > 100) data[11] = Number.NaN;
        const source = tensor(data, sizes, dtype);
        const places = positions(sizes);
        for (let mask = 0; mask < 1 << sizes.length; mask++) {
          const kept = sizes.map((size, d) => ((mask >> d) & 1 ? 1 : size));
          const groups = new Map<number, number[]>();
          places.forEach((p, i) => {
            const key = p.reduce((sum, x, d) => sum * kept[d]! + (kept[d] === 1 ? 0 : x), 0);
            if (!groups.has(key)) groups.set(key, []);
            groups.get(key)!.push(data[i]!);
          });
          for (const kind of kinds) {
            if (kind === "product" && count > 50) continue;
            const output = empty(
              kept,
              kind.startsWith("arg") ? int64 : kind === "all" || kind === "any" ? bool : compute,
            );
            backend.reduce(kind, same(dtype), output, [source], [], sizes, 1);
            const expected = [...groups.keys()]
              .sort((a, b) => a - b)
              .map((key) => combine(kind, groups.get(key)!));
            expect(
              values(output).map((x) => x + 0),
              `${kind} to ${kept.join()}`,
            ).toEqual(expected.map((x) => x + 0));
          }
        }
      });
});

it("puts a program in front, and divides", () => {
  const data = noise(90000);
  const square = program(f.mul(input(0), input(1)), 2, 0, float32);
  const output = empty([1, 1]);
  backend.reduce(
    "sum",
    square,
    output,
    [tensor(data, [300, 300]), transposed(tensor(data, [300, 300]))],
    [],
    [300, 300],
    300,
  );
  const expected =
    data.reduce((sum, x, i) => sum + x * data[(i % 300) * 300 + Math.floor(i / 300)]!, 0) / 300;
  expect(values(output)[0]!).toBeCloseTo(expected, 4);
});

it("sums a million float32 without losing digits", () => {
  const output = empty([1]);
  backend.reduce(
    "sum",
    same(float32),
    output,
    [
      tensor(
        Array.from({ length: 1_000_000 }, () => 0.1),
        [1_000_000],
      ),
    ],
    [],
    [1_000_000],
    1,
  );
  expect(values(output)[0]! / 1e5).toBeCloseTo(1, 6);
});

it("gives the identity for no elements", () => {
  const nothing = empty([0, 3]);
  for (const [kind, identity] of [
    ["sum", 0],
    ["product", 1],
    ["all", 1],
    ["any", 0],
  ] as const) {
    for (const kept of [
      [1, 3],
      [1, 1],
    ]) {
      const output = empty(kept);
      backend.reduce(kind, same(float32), output, [nothing], [], [0, 3], 1);
      expect(values(output)).toEqual(Array.from({ length: kept[1]! }, () => identity));
    }
  }
});
