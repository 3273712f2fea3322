import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { cases, check, checkForward } from "./golden.ts";

describe("as in PyTorch", () => {
  test.each(cases("reduce"))("%s", (_name, recorded) => check(recorded));
});

describe("on transposed memory", () => {
  test.each(cases("reduce"))("%s", (_name, recorded) => check(recorded, true));
});

describe("in forward mode, where a square root has no slope", () => {
  test.each(cases("singular"))("%s", (_name, recorded) => checkForward(recorded));
});

test("refuses what has no meaning", () => {
  const whole = torch.tensor([1, 2], { dtype: torch.int64 });
  expect(() => whole.mean()).toThrow(torch.DTypeError);
  expect(() => torch.zeros(0).max()).toThrow(torch.ShapeError);
  expect(() => torch.zeros(2, 0).argmax(1)).toThrow(torch.ShapeError);
  expect(() => torch.zeros(2, 3).sum([0, 0])).toThrow(torch.ArgumentError);
  expect(() => torch.zeros(2, 3).sum(2)).toThrow(torch.IndexError);
  expect(() => torch.zeros(3).kthvalue(4)).toThrow(torch.ArgumentError);
  expect(() => torch.zeros(3).norm("nuc" as never)).toThrow(torch.ArgumentError);
});
