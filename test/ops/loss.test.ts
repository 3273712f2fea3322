import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { cases, check } from "./golden.ts";

describe("as in PyTorch", () => {
  test.each(cases("loss"))("%s", (_name, recorded) => check(recorded));
});

describe("on transposed memory", () => {
  test.each(cases("loss"))("%s", (_name, recorded) => check(recorded, true));
});

test("refuses targets that are no classes", () => {
  const logits = torch.zeros(2, 3);
  const { crossEntropy, nllLoss, binaryCrossEntropy } = torch.nn.functional;
  const target = (...data: number[]): torch.Tensor => torch.tensor(data, { dtype: torch.int64 });
  expect(() => crossEntropy(logits, target(0, 3))).toThrow(torch.IndexError);
  expect(() => crossEntropy(logits, target(0, -1))).toThrow(torch.IndexError);
  expect(() => nllLoss(logits, torch.tensor([0, 1]))).toThrow(torch.DTypeError);
  expect(() => nllLoss(logits, target(0))).toThrow(torch.ShapeError);
  expect(() => binaryCrossEntropy(torch.tensor([1.5]), torch.tensor([1]))).toThrow(
    "between 0 and 1",
  );
});

test("takes PyTorch's older flags", () => {
  const [a, b] = [torch.tensor([1, 2]), torch.tensor([3, 5])];
  const { mseLoss } = torch.nn.functional;
  expect(mseLoss(a, b, { sizeAverage: false }).item()).toBe(13);
  expect([...mseLoss(a, b, { reduce: false }).shape]).toEqual([2]);
});
