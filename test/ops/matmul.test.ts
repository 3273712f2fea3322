import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { cases, check } from "./golden.ts";

describe("as in PyTorch", () => {
  test.each(cases("matmul"))("%s", (_name, recorded) => check(recorded));
});

describe("on transposed memory", () => {
  test.each(cases("matmul"))("%s", (_name, recorded) => check(recorded, true));
});

test("names the shapes that do not meet", () => {
  expect(() => torch.zeros(2, 3).mm(torch.zeros(2, 3))).toThrow("[2, 3] and [2, 3]");
  expect(() => torch.zeros(2, 3).matmul(torch.zeros(4))).toThrow(torch.ShapeError);
  expect(() => torch.zeros(3).matmul(torch.tensor(1))).toThrow(torch.ShapeError);
  expect(() => torch.zeros(2, 2).mm(torch.zeros(2, 2, { dtype: torch.float64 }))).toThrow(
    torch.DTypeError,
  );
  expect(() => torch.nn.functional.linear(torch.zeros(2, 3), torch.zeros(4, 2))).toThrow("[4, 2]");
});

test("carries PyTorch's names in the graph", () => {
  const [a, b] = [torch.ones(2, 2), torch.ones(2, 2)];
  a.requiresGrad_();
  expect(a.matmul(b).gradFn?.name).toBe("MmBackward0");
  expect(torch.addmm(b, a, b).gradFn?.name).toBe("AddmmBackward0");
  expect(torch.nn.functional.linear(b, a, torch.ones(2)).gradFn?.name).toBe("AddmmBackward0");
});
