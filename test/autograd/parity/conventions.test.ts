// What gradients are where an operation leaves a choice, and gradients of indexing, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

const { gradcheck, gradgradcheck } = torch.autograd;
type T = torch.Tensor;
type Index = string | number | readonly number[] | T;

const options = { dtype: torch.float64, requiresGrad: true };
const randn = (...size: number[]): T => torch.randn(size, options);
const longs = (values: readonly unknown[]): T =>
  torch.tensor(values as never, { dtype: torch.int64 });

/** Both kinds of indexing give the same elements, and gradients of one at each of them. */
function expectIndexed(shape: readonly number[], ...index: readonly Index[]): void {
  const count = shape.reduce((a, b) => a * b, 1);
  const x = torch.arange(1, count + 1, { dtype: torch.float32 }).view([...shape]);
  const y = x.clone().requiresGrad_();
  const taken = y.at(...index);
  expect(torch.equal(taken.detach(), x.at(...index))).toBe(true);
  taken.sum().backward();
  const expected = torch.zeros([...shape]);
  expected.setAt_(index, 1);
  expect(torch.equal(y.grad!, expected)).toBe(true);
}

/** A condition that is neither true nor false everywhere. */
function mixedCondition(...size: number[]): T {
  const condition = torch.randn(size).gt(0);
  condition.view(-1).narrow(0, 0, 1).fill_(1);
  condition.view(-1).narrow(0, 1, 1).fill_(0);
  return condition;
}

describe("T21 conventions and indexing", () => {
  test("testIndexing", () => {
    const four = [4, 4];
    expectIndexed(four, 1);
    expectIndexed(four, 1, 1);
    expectIndexed(four, "1:");
    expectIndexed(four, ":2");
    expectIndexed(four, ":2", 2);
    expectIndexed(four, "1:2", 2);
    expectIndexed(four, 1, "2:");
    expectIndexed(four, ":", "2:");
    expectIndexed(four, longs([0, 2]));
    expectIndexed(four, torch.rand(4, 4).bernoulli().gt(0));
    expectIndexed(four, "...", "2:");
    expectIndexed(four, [0], [0]);
    expectIndexed(four, [1, 2, 3], [0]);
    expectIndexed(four, [1, 2], [2, 1]);
    expectIndexed(
      four,
      longs([
        [1, 2],
        [3, 0],
      ]),
      longs([
        [0, 1],
        [2, 3],
      ]),
    );
    expectIndexed(four, ":", [2, 3]);
    expectIndexed(four, [2, 3], ":");
    expectIndexed(four, [0]);

    const deep = [4, 3, 4];
    expectIndexed(deep, ":", [0], [0]);
    expectIndexed(deep, [0], [0], ":");
    expectIndexed(deep, ":", [0, 1, 2], [0]);
    expectIndexed(deep, [0, 1, 2], [0], ":");
    expectIndexed(deep, ":", [1, 2], [2, 1]);
    expectIndexed(deep, [1, 2], [2, 1], ":");
    const pairs = longs([
      [1, 2],
      [2, 0],
    ]);
    const others = longs([
      [0, 1],
      [2, 2],
    ]);
    expectIndexed(deep, ":", pairs, others);
    expectIndexed(deep, pairs, others, ":");
    expectIndexed(deep, ":", ":", [2, 1]);
    expectIndexed(deep, ":", [2, 1], ":");
    expectIndexed(deep, [2, 1], ":", ":");
    expectIndexed(deep, [0]);
    expectIndexed(deep, [0], ":");
    expectIndexed(deep, [0], "...");
    expectIndexed(deep, [1, 2], [0, 1]);
    expectIndexed(deep, [1, 2], [0, 1], "...");
    expectIndexed(deep, "...", [1, 2], [0, 1]);
    expectIndexed(deep, longs([0, 1]), "...");
  });

  test("testIndexingDuplicates", () => {
    const x = torch.arange(1, 17, { dtype: torch.float32 }).view(4, 4).requiresGrad_();
    const [rows] = torch.autograd.grad(x.at(longs([1, 1, 3, 2, 1, 2])).sum(), x);
    expect(rows!.at(":", 0).tolist()).toEqual([0, 3, 2, 1]);
    expect(torch.equal(rows!, rows!.at(":", "0:1").expand(4, 4))).toBe(true);
    const [first] = torch.autograd.grad(x.at([1, 1, 3, 2, 1, 2], [0]).sum(), x);
    expect(first!.at(":", 0).tolist()).toEqual([0, 3, 2, 1]);
    expect(first!.at(":", "1:").sum().item()).toBe(0);
    const nested = x.at(
      longs([
        [1, 2],
        [0, 0],
      ]),
      longs([
        [0, 1],
        [1, 1],
      ]),
    );
    expect(torch.autograd.grad(nested.sum(), x)[0]!.tolist()).toEqual([
      [0, 2, 0, 0],
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 0, 0],
    ]);
    const cube = torch.arange(1, 65, { dtype: torch.float32 }).view(4, 4, 4).requiresGrad_();
    const [planes] = torch.autograd.grad(cube.at([1, 1, 1], ":", ":").sum(), cube);
    const expected = torch.zeros(4, 4, 4);
    expected.at(1).fill_(3);
    expect(torch.equal(planes!, expected)).toBe(true);
  });

  test("testAdvancedIndexingBackwardsMemoryFormat", () => {
    // Positions whose channels are innermost in memory.
    const positions = torch.randint(1, [2, 1, 2, 8]).permute(0, 3, 1, 2);
    expect(positions.isContiguous()).toBe(false);
    const x = torch.randn([2, 8, 1, 2], { requiresGrad: true });
    x.at(positions).sum().backward();
    expect(x.grad!.sum().item()).toBe(32 * 16);
    expect(x.grad!.at(1).abs().sum().item()).toBe(0);
  });

  test("testSelectSum", () => {
    const x = randn(10);
    const f = (a: T): T => a.select(0, 1).sum();
    gradcheck(f, [x]);
    gradgradcheck(f, [x]);
  });

  test("testMinMaxMedianBackpropsToAllValues", () => {
    for (const f of [torch.min, torch.max, torch.median, torch.nanmedian] as ((x: T) => T)[])
      for (const values of [
        [1, 0, 1, 0, 1, 0],
        [NaN, NaN, NaN],
      ]) {
        const x = torch.tensor(values, { requiresGrad: true });
        f(x).backward();
        expect(x.grad!.sum().item()).toBeCloseTo(1, 6);
        expect(
          x
            .grad!.eq(torch.tensor(1 / 3))
            .sum()
            .item(),
        ).toBe(3);
      }
  });

  test("testScatterIndexReduceAminAmaxBackpropsToAllValues", () => {
    for (const reduce of ["amin", "amax"] as const) {
      const input = randn(2, 3);
      const source = input.detach().clone().requiresGrad_();
      const rows = torch.arange(2, { dtype: torch.int64 });
      const spread = rows.unsqueeze(-1).expand(2, 3);
      gradcheck((x, s) => x.scatterReduce(0, spread, s, reduce), [input, source]);
      gradcheck((x, s) => x.indexReduce(0, rows, s, reduce), [input, source]);
    }
  });

  test("testScatterIndexReduceProdGradgradError", () => {
    const input = torch.tensor([1], options);
    const source = torch.tensor([0, 0], options);
    const index = longs([0, 0]);
    for (const f of [
      (x: T, s: T): T => x.scatterReduce(0, index, s, "prod"),
      (x: T, s: T): T => x.indexReduce(0, index, s, "prod"),
    ]) {
      gradcheck(f, [input, source]);
      expect(() => gradgradcheck(f, [input, source])).toThrow(
        /cannot be differentiated twice with respect to src/,
      );
    }
  });

  test("testWhereFunctional", () => {
    const where = (c: T, x: T, y: T): T => torch.where(c, x, y);
    const condition = mixedCondition(5, 5);
    const [x, y] = [randn(5, 5), randn(5, 5)];
    gradcheck(where, [condition, x, y]);
    gradgradcheck(where, [condition, x, y], { gradOutputs: [randn(5, 5)] });
    const [thin, wide] = [randn(5, 1, 5), randn(5, 5, 1)];
    gradcheck(where, [condition, thin, wide]);
    gradgradcheck(where, [condition, thin, wide], { gradOutputs: [randn(5, 5, 5)] });
  });

  test("testWhereScalar", () => {
    const condition = mixedCondition(5, 5);
    const x = randn(5, 5);
    for (const f of [
      (c: T, a: T): T => torch.where(c, 4, a),
      (c: T, a: T): T => torch.where(c, a, 4),
    ]) {
      gradcheck(f, [condition, x]);
      gradgradcheck(f, [condition, x]);
    }
  });

  test("testMvGradStride0", () => {
    const matrix = torch.randn([2, 2], { dtype: torch.float64 });
    const f = (vector: T): T => matrix.matmul(vector.expand(2)).sum();
    const x = randn(1);
    gradcheck(f, [x]);
    gradgradcheck(f, [x]);
  });

  test("testPowerFunction", () => {
    const zeros = torch.zeros(3);
    const exponents = (): T => torch.tensor([-1, 0, 1], { requiresGrad: true });
    const tensorBase = exponents();
    zeros.pow(tensorBase).sum().backward();
    expect(tensorBase.grad!.tolist()).toEqual([-Infinity, 0, 0]);
    const numberBase = exponents();
    torch.pow(0, numberBase).sum().backward();
    expect(numberBase.grad!.tolist()).toEqual([-Infinity, 0, 0]);
  });

  test("testPowZeroTensorGradient", () => {
    for (const [shape, exponent] of [
      [[10], torch.zeros(10)],
      [[10, 10], torch.zeros(10, 10)],
      [[10], 0],
    ] as const) {
      const x = torch.zeros([...shape], { requiresGrad: true });
      x.pow(exponent).sum().backward();
      expect(x.grad!.abs().sum().item()).toBe(0);
    }
  });

  test("testVarMeanDifferentiable", () => {
    const dim = [2, 4];
    const first = torch.randn([3, 4, 5, 6, 2, 3], { requiresGrad: true });
    const second = first.detach().clone().requiresGrad_();
    const [variance, mean] = torch.varMean(first, { dim });
    const [variance2, mean2] = [second.var({ dim }), second.mean(dim)];
    const result = variance.mul(variance).mul(mean).mul(mean);
    const result2 = variance2.mul(variance2).mul(mean2).mul(mean2);
    expect(torch.allclose(result, result2, { rtol: 0.01, atol: 0 })).toBe(true);
    const seed = torch.randn([3, 4, 6, 3], { requiresGrad: true });
    result.backward(seed);
    result2.backward(seed);
    expect(torch.allclose(first.grad!, second.grad!, { rtol: 0.01, atol: 0 })).toBe(true);
  });
});
