import { describe, expect, it } from "vitest";
import {
  type DType,
  bfloat16,
  float16,
  float32,
  float64,
  int32,
  int64,
  uint8,
} from "../../src/core/dtype.ts";
import { backend, empty, noise, tensor, transposed, values, view } from "./support.ts";

const shapes = [
  [1, 1, 1],
  [1, 5, 3],
  [3, 0, 4],
  [5, 7, 9],
  [14, 33, 32],
  [15, 40, 33],
  [64, 64, 64],
  [70, 300, 45],
  [1, 300, 400],
  [400, 300, 1],
  [3, 200, 150],
  // Deep, with few columns or rows.
  [30, 270, 5],
  [4, 261, 31],
  [100, 1, 90],
  [200, 520, 130],
  // Too deep, and too wide, for rows to be read where they lie.
  [70, 1000, 70],
  [120, 300, 810],
  // Few columns or rows against many, of more than one slab.
  [50, 70, 400],
  [410, 1100, 60],
  // More rows, or columns, than are packed at a time.
  [2060, 33, 100],
  [100, 33, 2100],
] as const;
const tolerances = new Map<DType, number>([
  [float32, 1e-4],
  [float64, 1e-12],
  [int64, 0],
  [int32, 0],
  [uint8, 0],
  [float16, 2e-3],
  [bfloat16, 1e-2],
]);

function product(
  a: readonly number[],
  b: readonly number[],
  m: number,
  k: number,
  n: number,
): number[] {
  const out = Array.from({ length: m * n }, () => 0);
  for (let i = 0; i < m; i++)
    for (let q = 0; q < k; q++)
      for (let j = 0; j < n; j++) out[i * n + j]! += a[i * k + q]! * b[q * n + j]!;
  return out;
}

for (const [dtype, tolerance] of tolerances)
  describe(dtype.name, () => {
    for (const [m, k, n] of shapes) {
      if (m * k * n > 2e6 && dtype !== float32 && dtype !== float64) continue;
      it(`${m} x ${k} times ${k} x ${n}, in every order of memory`, () => {
        const data = (count: number, seed: number): number[] =>
          noise(count, seed).map((x) =>
            dtype === float32 || dtype === float64
              ? x
              : Math.trunc(dtype === uint8 ? x + 1 : x * 3),
          );
        for (const flipA of [false, true])
          for (const flipB of [false, true])
            for (const mode of ["plain", "addend", "flipped"]) {
              const a = flipA
                ? transposed(tensor(data(m * k, 1), [k, m], dtype))
                : tensor(data(m * k, 1), [m, k], dtype);
              const b = flipB
                ? transposed(tensor(data(k * n, 2), [n, k], dtype))
                : tensor(data(k * n, 2), [k, n], dtype);
              const row = tensor(data(n, 3), [n], dtype);
              const addend = mode === "plain" ? null : view(row, [m, n], [0, 1]);
              const output =
                mode === "flipped" ? transposed(empty([n, m], dtype)) : empty([m, n], dtype);
              backend.matmul(output, a, b, addend ? 2 : 1, addend ? 3 : 0, addend);
              const added = values(row);
              const expected = product(values(a), values(b), m, k, n).map((x, i) =>
                addend ? 2 * x + 3 * added[i % n]! : x,
              );
              values(output).forEach((actual, i) => {
                const wanted = dtype === uint8 ? expected[i]! & 255 : expected[i]!;
                if (Math.abs(actual - wanted) > tolerance * (1 + Math.abs(wanted)))
                  expect(actual, `element ${i}`).toBe(wanted);
              });
            }
      });
    }
  });

it("multiplies batches, broadcast and in place of the addend", () => {
  const [a, b] = [
    tensor(noise(2 * 3 * 4 * 5), [2, 3, 4, 5]),
    tensor(noise(3 * 5 * 6, 2), [3, 5, 6]),
  ];
  const wide = view(b, [2, 3, 5, 6], [0, 30, 6, 1]);
  const output = tensor(noise(144, 3), [2, 3, 4, 6]);
  backend.matmul(output, a, wide, 1, 1, output);
  const expected = Array.from({ length: 6 }, (_, s) =>
    product(
      values(a).slice(s * 20, s * 20 + 20),
      values(b).slice((s % 3) * 30, (s % 3) * 30 + 30),
      4,
      5,
      6,
    ),
  ).flat();
  values(output).forEach((x, i) => expect(x).toBeCloseTo(expected[i]! + noise(144, 3)[i]!, 5));
});
