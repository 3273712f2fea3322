import { describe, expect, it } from "vitest";
import { float16, float32, int64, uint8 } from "../../src/core/dtype.ts";
import { IndexError } from "../../src/core/errors.ts";
import { backend, empty, noise, positions, tensor, transposed, values } from "./support.ts";

const at = (sizes: readonly number[], p: readonly number[]): number =>
  p.reduce((sum, i, d) => sum * sizes[d]! + i, 0);

describe("gather and scatter", () => {
  const sizes = [4, 5, 6];
  const source = noise(120);
  for (const dim of [0, 1, 2])
    it(`take and put along dimension ${dim}`, () => {
      const places = [3, 4, 2];
      const count = 24;
      const wanted = noise(count, 5).map((x) => Math.floor(((x + 1) / 2) * sizes[dim]!));
      const output = empty(places);
      backend.gather(output, tensor(source, sizes), dim, tensor(wanted, places, int64));
      const index = positions(places);
      expect(values(output)).toEqual(
        index.map(
          (p, i) =>
            source[
              at(
                sizes,
                p.map((x, d) => (d === dim ? wanted[i]! : x)),
              )
            ],
        ),
      );

      for (const kind of ["set", "sum", "product", "minimum", "maximum"] as const) {
        const target = tensor(source, sizes);
        const expected = [...source];
        index.forEach((p, i) => {
          const to = at(
            sizes,
            p.map((x, d) => (d === dim ? wanted[i]! : x)),
          );
          const [a, b] = [expected[to]!, noise(count, 9)[i]!];
          expected[to] = Math.fround(
            kind === "set"
              ? b
              : kind === "sum"
                ? a + b
                : kind === "product"
                  ? a * b
                  : kind === "minimum"
                    ? Math.min(a, b)
                    : Math.max(a, b),
          );
        });
        backend.scatter(
          kind,
          target,
          dim,
          tensor(wanted, places, int64),
          tensor(noise(count, 9), places),
        );
        expect(values(target)).toEqual(expected);
      }
    });
  it("refuse an index outside the range, naming it", () => {
    const call = (value: number) => () =>
      backend.gather(empty([2]), tensor([1, 2, 3], [3]), 0, tensor([0, value], [2], int64));
    expect(call(3)).toThrow(IndexError);
    expect(call(3)).toThrow("index 3 is out of range for dimension 0 of size 3");
    expect(call(-1)).toThrow(IndexError);
    expect(() =>
      backend.scatter("sum", tensor([1, 2, 3], [3]), 0, tensor([7], [1], int64), tensor([1], [1])),
    ).toThrow(IndexError);
  });
  it("work on a tensor without dimensions", () => {
    const output = empty([]);
    backend.gather(output, tensor([7], []), 0, tensor([0], [], int64));
    expect(values(output)).toEqual([7]);
  });
});

describe("index and indexPut", () => {
  const sizes = [5, 4, 3];
  const source = noise(60).map((x) => Math.trunc(x * 100));
  for (const dtype of [float32, uint8, float16, int64])
    it(`name rows and elements of ${dtype.name}`, () => {
      const whole = source.map((x) => Math.abs(x));
      const input = tensor(whole, sizes, dtype);
      const [first, second] = [
        [0, 4, -1, 2],
        [3, -4, 1, 1],
      ];
      const rows = empty([4, 4, 3], dtype);
      backend.index(rows, input, [tensor(first!, [4], int64)]);
      expect(values(rows)).toEqual(
        first!.flatMap((i) => whole.slice(((i + 5) % 5) * 12, ((i + 5) % 5) * 12 + 12)),
      );
      const pairs = empty([2, 2, 3], dtype);
      const indices = [
        tensor(first!, [2, 2], int64),
        transposed(tensor([3, 1, -4, 1], [2, 2], int64)),
      ];
      backend.index(pairs, input, indices);
      const starts = first!.map((i, k) => ((i + 5) % 5) * 12 + ((second![k]! + 4) % 4) * 3);
      expect(values(pairs)).toEqual(starts.flatMap((start) => whole.slice(start, start + 3)));

      for (const accumulate of [false, true]) {
        const target = tensor(whole, sizes, dtype);
        const expected = [...whole];
        const added = Array.from({ length: 12 }, (_, i) => i);
        starts.forEach((start, k) => {
          for (let j = 0; j < 3; j++)
            expected[start + j] = (accumulate ? expected[start + j]! : 0) + added[k * 3 + j]!;
        });
        backend.indexPut(target, indices, tensor(added, [2, 2, 3], dtype), accumulate);
        expect(values(target)).toEqual(expected);
      }
    });
  it("refuse an index outside the range", () => {
    const input = tensor(source, sizes);
    expect(() => backend.index(empty([1, 4, 3]), input, [tensor([5], [1], int64)])).toThrow(
      "index 5 is out of range for dimension 0 of size 5",
    );
    expect(() =>
      backend.indexPut(input, [tensor([-6], [1], int64)], empty([1, 4, 3]), true),
    ).toThrow(IndexError);
  });
});

it("nonzero lists positions in row-major order", () => {
  const input = tensor([0, 1, 0, 2, 0, Number.NaN], [2, 3]);
  const output = empty([3, 2], int64);
  backend.nonzero(output, input);
  expect(values(output)).toEqual([0, 1, 1, 0, 1, 2]);
  const other = empty([3, 2], int64);
  backend.nonzero(other, transposed(input));
  expect(values(other)).toEqual([0, 1, 1, 0, 2, 1]);
});
