import { describe, expect, it } from "vitest";
import {
  type DType,
  bfloat16,
  float16,
  float32,
  float64,
  int32,
  int64,
} from "../../src/core/dtype.ts";
import type { ScanKind } from "../../src/core/backend.ts";
import { backend, empty, noise, tensor, transposed, values } from "./support.ts";

const rows = (flat: readonly number[], width: number): number[][] =>
  Array.from({ length: flat.length / width }, (_, i) => flat.slice(i * width, (i + 1) * width));
const close = (actual: readonly number[], expected: readonly number[], tolerance: number): void => {
  expect(actual.length).toBe(expected.length);
  actual.forEach((x, i) => {
    if (!Object.is(x, expected[i]))
      expect(Math.abs(x - expected[i]!), `element ${i}`).toBeLessThanOrEqual(
        tolerance * (1 + Math.abs(expected[i]!)),
      );
  });
};

describe("softmax", () => {
  for (const [dtype, tolerance] of [
    [float32, 1e-6],
    [float64, 1e-14],
    [float16, 1e-3],
    [bfloat16, 1e-2],
  ] as const)
    for (const width of [1, 3, 16, 40, 1000, 5000])
      it(`${dtype.name} of ${width}, its logarithm and the gradients`, () => {
        const count = 3 * width;
        for (const flip of [false, true]) {
          const made = (dt: DType, seed: number) =>
            flip
              ? transposed(tensor(noise(count, seed), [width, 3], dt))
              : tensor(noise(count, seed), [3, width], dt);
          const input = made(dtype, 3);
          const gradient = made(dtype, 4);
          for (const logarithm of [false, true]) {
            const output = empty([3, width], dtype);
            backend.softmax(output, input, logarithm);
            const expected = rows(values(input), width).flatMap((row) => {
              const sum = row.reduce((s, x) => s + Math.exp(x), 0);
              return row.map((x) => (logarithm ? x - Math.log(sum) : Math.exp(x) / sum));
            });
            close(values(output), expected, tolerance);
            const back = empty([3, width], dtype);
            backend.softmaxBackward(back, gradient, output, logarithm);
            const [g, y] = [rows(values(gradient), width), rows(values(output), width)];
            const wanted = g.flatMap((row, r) => {
              const sum = row.reduce((s, x, i) => s + (logarithm ? x : x * y[r]![i]!), 0);
              return row.map((x, i) =>
                logarithm ? x - Math.exp(y[r]![i]!) * sum : (x - sum) * y[r]![i]!,
              );
            });
            close(values(back), wanted, tolerance);
          }
        }
      });
  it("keeps NaN and does not overflow", () => {
    const output = empty([3]);
    backend.softmax(output, tensor([1000, 0, -1000], [3]), false);
    expect(values(output)).toEqual([1, 0, 0]);
    backend.softmax(output, tensor([1, Number.NaN, 0], [3]), true);
    expect(values(output).every(Number.isNaN)).toBe(true);
  });
});

describe("scan", () => {
  const combine: Record<ScanKind, (a: number, b: number) => number> = {
    sum: (a, b) => a + b,
    product: (a, b) => a * b,
    maximum: (a, b) => Math.max(a, b),
    minimum: (a, b) => Math.min(a, b),
    logSumExp: (a, b) => Math.log(Math.exp(a) + Math.exp(b)),
  };
  for (const kind of Object.keys(combine) as ScanKind[])
    it(`${kind} along each dimension`, () => {
      const input = tensor(noise(60), [6, 10]);
      for (const dim of [0, 1]) {
        const output = empty([6, 10]);
        backend.scan(kind, output, input, dim, null);
        const x = rows(values(input), 10);
        const expected = x.map((row) => [...row]);
        for (let i = 0; i < 6; i++)
          for (let j = 0; j < 10; j++) {
            const before = dim === 0 ? expected[i - 1]?.[j] : expected[i]![j - 1];
            if (before !== undefined) expected[i]![j] = combine[kind](before, x[i]![j]!);
          }
        close(values(output), expected.flat(), 1e-6);
      }
    });
  it("tells where an extremum lies, the last of equals, NaN included", () => {
    const [output, positions] = [empty([6]), empty([6], int64)];
    backend.scan("maximum", output, tensor([1, 3, 3, 2, Number.NaN, 9], [6]), 0, positions);
    expect(values(output)).toEqual([1, 3, 3, 3, Number.NaN, Number.NaN]);
    expect(values(positions)).toEqual([0, 1, 2, 2, 4, 4]);
  });
});

describe("sort", () => {
  for (const dtype of [float32, float64, int32])
    for (const count of [1, 5, 48, 49, 3000])
      for (const descending of [false, true])
        it(`${dtype.name}, ${count} elements, descending ${descending}`, () => {
          const input = noise(count, 11).map((x, i) =>
            dtype !== int32 && i % 17 === 3 ? Number.NaN : Math.trunc(x * 40),
          );
          const [sorted, order] = [empty([count], dtype), empty([count], int64)];
          backend.sort(sorted, order, tensor(input, [count], dtype), descending);
          const rank = (x: number): number => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : x);
          const less = (a: number, b: number): number =>
            rank(a) === rank(b) ? 0 : rank(a) < rank(b) ? -1 : 1;
          const expected = input
            .map((_, i) => i)
            .sort((a, b) => (descending ? less(input[b]!, input[a]!) : less(input[a]!, input[b]!)));
          expect(values(order)).toEqual(expected);
          expect(values(sorted).map((x) => x + 0)).toEqual(expected.map((i) => input[i]! + 0));
        });
});
