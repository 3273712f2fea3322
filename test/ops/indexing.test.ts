// Indexing and assignment against PyTorch's (golden/indexing.py writes the truth), and what is refused.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as torch from "flambeau";

type Nested<T> = T | readonly Nested<T>[];
type Written =
  | number
  | string
  | null
  | boolean
  | { readonly mask: Nested<boolean> }
  | { readonly positions: Nested<number> };

interface Case {
  readonly shape: readonly number[];
  readonly index: readonly Written[];
  readonly refused?: boolean;
  readonly result?: { readonly shape: readonly number[]; readonly values: readonly number[] };
  readonly assigned?: readonly number[];
  readonly gradient?: readonly number[];
}

const cases = JSON.parse(
  readFileSync(new URL("../golden/indexing.json", import.meta.url), "utf8"),
) as readonly Case[];

function read(written: Written): torch.Index {
  if (written === null || typeof written !== "object") return written;
  if ("mask" in written) return torch.tensor(written.mask, { dtype: torch.bool });
  return torch.tensor(written.positions, { dtype: torch.int64 });
}

function whole(shape: readonly number[], dtype: torch.DType = torch.int64): torch.Tensor {
  return torch
    .arange(
      shape.reduce((count, n) => count * n, 1),
      { dtype },
    )
    .reshape(shape);
}

describe("index expressions", () => {
  for (const [number, golden] of cases.entries())
    test(`${number}: x${JSON.stringify(golden.shape)} at ${JSON.stringify(golden.index)}`, () => {
      const x = whole(golden.shape);
      const index = golden.index.map(read);
      if (golden.refused === true) {
        expect(() => x.at(...index)).toThrow(torch.TorchError);
        return;
      }
      const got = x.at(...index);
      expect([...got.shape]).toEqual(golden.result!.shape);
      expect(got.reshape(-1).tolist()).toEqual(golden.result!.values);
      expect(x.clone().setAt_(index, -1).reshape(-1).tolist()).toEqual(golden.assigned);
      if (golden.gradient === undefined) return;
      const leaf = whole(golden.shape, torch.float64).requiresGrad_();
      const picked = leaf.at(...index);
      picked.backward(whole(picked.shape, torch.float64).add(1));
      expect(leaf.grad!.reshape(-1).tolist()).toEqual(golden.gradient);
    });
});

test("arrays, typed arrays and bigints name positions as tensors do", () => {
  const x = whole([3, 4]);
  expect(x.at([0, 2]).tolist()).toEqual([
    [0, 1, 2, 3],
    [8, 9, 10, 11],
  ]);
  expect(x.at([true, false, true], 1).tolist()).toEqual([1, 9]);
  expect(x.at(1n).tolist()).toEqual([4, 5, 6, 7]);
  expect(x.at(torch.tensor(2n), torch.tensor(3n)).item()).toBe(11);
});

test("assignment broadcasts, converts and reaches the value's gradient", () => {
  const value = torch.ones(2, { dtype: torch.float64, requiresGrad: true });
  const x = torch.zeros(3, 2);
  x.setAt_([[0, 2]], value);
  x.setAt_([1, 0], 7);
  expect(x.tolist()).toEqual([
    [1, 1],
    [7, 0],
    [1, 1],
  ]);
  x.sum().backward();
  expect(value.grad!.tolist()).toEqual([2, 2]);
  expect(
    x
      .setAt_(["..."], torch.ones(1, 1, 3, 2))
      .sum()
      .item(),
  ).toBe(6);
});

test("what is no index is refused in words", () => {
  const x = whole([2, 3]);
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const bad: readonly (readonly [readonly unknown[], RegExp])[] = [
    [[2], /out of bounds/],
    [[0, 0, 0], /too many/],
    [["::0"], /positive/],
    [["::-1"], /positive/],
    [["1:b"], /no range/],
    [[1.5], /whole/],
    [[{}], /no index/],
    [[undefined, 0], /no index/],
    [["...", "..."], /only once/],
    [[torch.tensor([0.5])], /float32 is no index/],
    [[torch.tensor([true])], /mask of shape/],
    [[[0, 5]], /out of range/],
    [[[0, [1]]], /ragged|depth/],
    [[[0, true]], /mixed/],
    [[cyclic], /deep/],
    [
      [
        [0, 1],
        [0, 1, 2],
      ],
      /broadcast/,
    ],
  ];
  for (const [index, words] of bad) {
    expect(() => x.at(...(index as torch.Index[])), String(words)).toThrow(words);
    expect(() => x.at(...(index as torch.Index[]))).toThrow(torch.TorchError);
  }
  expect(() => x.setAt_([0], "a" as unknown as number)).toThrow(/value/);
  expect(() => x.setAt_([0], torch.zeros(4))).toThrow(torch.TorchError);
});

test("views of an index share memory, and gradients follow changes through them", () => {
  const x = torch.ones(2, 3, { requiresGrad: true });
  const y = x.mul(1);
  y.at(":", "1:").mul_(5);
  y.sum().backward();
  expect(x.grad!.tolist()).toEqual([
    [1, 5, 5],
    [1, 5, 5],
  ]);
  expect(() => x.setAt_([0], 1)).toThrow(/leaf/);
});
