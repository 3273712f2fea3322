// The demonstration: PyTorch's text to the character, PyTorch's loss curve, and a classifier that learns.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import * as torch from "flambeau";
import { accuracy, DigitClassifier, loadDigits, train } from "../../demo/training.mjs";
import { tutorial } from "../../demo/tutorial.mjs";
import { training } from "../golden/read.ts";

const { nn, optim } = torch;
const golden = path.join(import.meta.dirname, "../golden");

it("the tutorial prints what PyTorch prints", () => {
  const lines: string[] = [];
  tutorial((text: string) => lines.push(text));
  expect(`${lines.join("\n")}\n`).toBe(readFileSync(path.join(golden, "tutorial.txt"), "utf8"));
});

describe("training from a seed follows PyTorch's losses", () => {
  const folder = path.join(golden, "digits");
  const { readIdx, TensorDataset, DataLoader } = torch.utils.data;
  const optimizers = {
    SGD: (p: Iterable<torch.nn.Parameter>) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }),
    Adam: (p: Iterable<torch.nn.Parameter>) => new optim.Adam(p, { lr: 1e-3 }),
  };
  it.each(["SGD", "Adam"] as const)("%s", (kind) => {
    const images = readIdx(path.join(folder, "train-images-idx3-ubyte.gz"));
    const labels = readIdx(path.join(folder, "train-labels-idx1-ubyte.gz"));
    const data = new TensorDataset(images.to(torch.float32).div(255), labels.to(torch.int64));
    torch.manualSeed(0);
    const model = new nn.Sequential(
      new nn.Flatten(),
      new nn.Linear(784, 64),
      new nn.ReLU(),
      new nn.Dropout(0.1),
      new nn.Linear(64, 10),
    );
    const optimizer = optimizers[kind](model.parameters());
    const loader = new DataLoader(data, { batchSize: 32, shuffle: true });
    const losses: number[] = [];
    for (let epoch = 0; epoch < 2; epoch++)
      for (const [x, y] of loader) {
        optimizer.zeroGrad();
        const loss = new nn.CrossEntropyLoss()(model(x!), y!);
        loss.backward();
        optimizer.step();
        losses.push(loss.item());
      }
    const expected = training.curves[kind];
    expect(losses).toHaveLength(expected.length);
    const worst = Math.max(...losses.map((loss, i) => Math.abs(loss - expected[i]!)));
    expect(worst).toBeLessThan(1e-3);
  });
});

it("the classifier learns drawn digits", () => {
  torch.manualSeed(0);
  const { training: data, test } = loadDigits(undefined, { drawn: 600 });
  const model = new DigitClassifier(64);
  const before = accuracy(model, test);
  const history = train(model, data, test, { epochs: 4 });
  expect(before).toBeLessThan(0.5);
  expect(history.accuracy.at(-1)).toBeGreaterThan(0.8);
});

it("says what a folder lacks", () => {
  expect(() => loadDigits(golden)).toThrow(/train-images-idx3-ubyte/);
});
