// Datasets, loaders and IDX files.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import * as torch from "flambeau";
import { flat, training } from "../golden/read.ts";

const { DataLoader, Dataset, defaultCollate, randomSplit, readIdx, Subset, TensorDataset } =
  torch.utils.data;
const numbers = (count: number): number[] => [...Array(count).keys()];
const seeded = (): torch.Generator => new torch.Generator().manualSeed(5);
const images = path.join(import.meta.dirname, "../golden/digits/train-images-idx3-ubyte.gz");

describe("the order of samples is PyTorch's", () => {
  const order = (loader: Iterable<torch.Tensor>, epochs: number): number[][][] =>
    Array.from({ length: epochs }, () => [...loader].map(flat));

  it("from the default generator, which goes on as PyTorch's does", () => {
    torch.manualSeed(3);
    const loader = new DataLoader(numbers(10), { batchSize: 3, shuffle: true });
    expect(order(loader, 2)).toEqual(training.loaders["default"]);
    expect(flat(torch.rand(2))).toEqual(training.loaders["after"]);
  });

  it("from a given generator, over several epochs", () => {
    const loader = new DataLoader(numbers(9), { batchSize: 3, shuffle: true, generator: seeded() });
    expect(order(loader, 3)).toEqual(training.loaders["given"]);
    const dropping = new DataLoader(numbers(10), {
      batchSize: 4,
      shuffle: true,
      generator: seeded(),
      dropLast: true,
    });
    expect(order(dropping, 2)).toEqual(training.loaders["dropLast"]);
    expect([dropping.length, loader.length]).toEqual([2, 3]);
  });

  it("without shuffling, and in a split", () => {
    expect(order(new DataLoader(numbers(5), { batchSize: 2 }), 1)).toEqual(
      training.loaders["inOrder"],
    );
    const parts = randomSplit(numbers(11), [0.5, 0.3, 0.2], { generator: seeded() });
    expect(parts.map((part) => part.indices)).toEqual(training.loaders["split"]);
    expect(randomSplit(numbers(3), [1, 2]).map((part) => part.length)).toEqual([1, 2]);
    expect(() => randomSplit(numbers(3), [1, 1])).toThrow(torch.ArgumentError);
    expect(() => randomSplit(numbers(3), [1.5, -0.5])).toThrow(torch.ArgumentError);
  });
});

describe("a loader", () => {
  it("puts samples of every kind together", () => {
    const samples = [
      { x: torch.ones(2), label: 3, ok: true, name: "a", pair: [0.5, 7n] },
      { x: torch.zeros(2), label: 4, ok: false, name: "b", pair: [1.5, 8n] },
    ];
    const [batch] = new DataLoader(samples, { batchSize: 2 });
    expect(String(batch!.x)).toBe("tensor([[1., 1.],\n        [0., 0.]])");
    expect([batch!.label, batch!.ok, ...batch!.pair].map(String)).toEqual([
      "tensor([3, 4])",
      "tensor([ True, False])",
      "tensor([0.5000, 1.5000])",
      "tensor([7, 8])",
    ]);
    expect(batch!.name).toEqual(["a", "b"]);
    expect(() => defaultCollate([1, "a"])).toThrow(torch.ArgumentError);
    expect(() => defaultCollate([[1], [1, 2]])).toThrow(torch.ArgumentError);
  });

  it("takes rows of tensors at once, the same as one by one", () => {
    const [x, y] = [torch.randn(7, 3), torch.arange(7)];
    const data = new TensorDataset(x, y);
    const whole = [...new DataLoader(data, { batchSize: 3 })];
    const single = [
      ...new DataLoader(data, {
        batchSize: 3,
        collateFn: (rows: torch.Tensor[][]) => defaultCollate(rows) as torch.Tensor[],
      }),
    ];
    expect(whole.map((batch) => batch.map(flat))).toEqual(single.map((batch) => batch.map(flat)));
    const part = new DataLoader(new Subset(data, [6, 0]), { batchSize: 2 });
    expect([...part].map(([, labels]) => flat(labels!))).toEqual([[6, 0]]);
    expect(flat(data.at(2)[1]!)).toEqual([2]);
  });

  it("takes a sampler, a collate function, and batches of none", () => {
    expect([
      ...new DataLoader([10, 20, 30], { sampler: [2, 0], collateFn: (s: number[]) => s }),
    ]).toEqual([[30], [10]]);
    expect([...new DataLoader(["a", "b"], { batchSize: null })]).toEqual(["a", "b"]);
  });

  it("refuses misuse", () => {
    class Three extends Dataset<number> {
      length = 3;
      at(index: number): number {
        return index;
      }
    }
    expect([...new Three()]).toEqual([0, 1, 2]);
    const refused: (() => unknown)[] = [
      () => new DataLoader(new Three(), { batchSize: 0 }),
      () => new DataLoader(new Three(), { batchSize: 1.5 }),
      () => new DataLoader(new Three(), { shuffel: true } as never),
      () => new DataLoader(new Three(), { shuffle: true, sampler: [0] }),
      () => new DataLoader([], { shuffle: true }),
      () => new DataLoader(3 as never),
      () => new DataLoader(new Three(), { numWorkers: 2 } as never),
      () => new DataLoader(new Three(), { batchSize: null, dropLast: true }),
      () => new TensorDataset(),
      () => new TensorDataset(torch.ones(2), torch.ones(3)),
      () => new TensorDataset(torch.ones(2)).at(2),
      () => new Subset([1], [0]).at(1),
    ];
    for (const misuse of refused) expect(misuse).toThrow(torch.TorchError);
  });
});

describe("IDX files", () => {
  it("are read, gzipped or not", () => {
    const read = readIdx(images);
    expect([read.shape, read.dtype]).toEqual([[320, 28, 28], torch.uint8]);
    expect(read.to(torch.float32).mean().item()).toBeGreaterThan(10);
    expect(flat(readIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 9)))).toEqual([7, 9]);
    const wide = Uint8Array.of(0, 0, 0x0d, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0);
    expect(flat(readIdx(wide))).toEqual([1.5]);
  });

  it("are refused when they are cut short, too long, damaged or foreign", () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "flambeau-idx-"));
    const file = path.join(folder, "cut.gz");
    writeFileSync(file, readFileSync(images).subarray(0, 5000));
    const refused: [string | Uint8Array, RegExp][] = [
      [file, /damaged or cut short/],
      [path.join(folder, "none"), /cannot be opened/],
      [Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7), /cut short.*take 10 bytes, there are 9/],
      [Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 7, 8), /too long/],
      [Uint8Array.of(0, 0, 8, 3, 0, 0), /cut short/],
      [Uint8Array.of(137, 80, 78, 71), /no IDX file/],
      [new Uint8Array(0), /no IDX file/],
      [Uint8Array.of(0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255), /cut short/],
    ];
    for (const [source, words] of refused) {
      expect(() => readIdx(source)).toThrow(torch.SerializationError);
      expect(() => readIdx(source)).toThrow(words);
    }
  });
});
