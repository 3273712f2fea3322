// Products with Jacobians and Hessians: vjp, jvp, vhp and hvp, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import {
  expectClose,
  expectGraph,
  expectNotZeros,
  expectSameNesting,
  expectZeros,
  rand,
  unconnected,
} from "./functional.ts";

const { hessian, hvp, jacobian, jvp, vhp, vjp } = torch.autograd.functional;
type T = torch.Tensor;

const rows = (x: T): T => x.sum(1);
const whole = (x: T): T => x.sum();
const spread = (x: T): T => x.unsqueeze(0).repeat(4);
const mix = (x: T, y: T): T => x.mul(2).add(y.mul(3));
const two = (x: T, y: T): [T, T] => [mix(x, y), x.add(y)];
const first3 = (x: T): T => x.narrow(0, 0, 3).mul(3);

describe("F functional", () => {
  test("testVjpErrCheck", () => {
    const x = rand(4);
    const v = torch.ones(3);
    expect(() => vjp(first3, [x, 2] as never, v)).toThrow(/vjp: inputs .* index 1 is 2/);
    expect(() => vjp(((a: T) => [first3(a), "bar"]) as never, x, v)).toThrow(
      /vjp: the outputs of the function must be .* index 1 is "bar"/,
    );
    expect(() => vjp(first3, x)).toThrow(/v may be left out only where the output/);
    expect(() => vjp(first3, x, [torch.onesLike(x), torch.onesLike(x)])).toThrow(
      /v should contain a single tensor/,
    );
    expect(() => vjp(first3, x, v.narrow(0, 0, 2))).toThrow(/v has shape \[2\].*\[3\]/);
    expectSameNesting(vjp(first3, x, v)[1], x);
  });

  test("testVjpErrCheckStrict", () => {
    const x = rand(4);
    const v = rand(4);
    const cut = (a: T): T => a.detach();
    expect(() => vjp(cut, x, v, { strict: true })).toThrow(/output 0 .* does not require grad/);
    const outside = vjp(cut, x, v, { strict: false })[1];
    expectSameNesting(outside, x);
    expectZeros(outside);
    expect(() => vjp(unconnected, x, v, { strict: true })).toThrow(
      /output of the function is independent of input 0/,
    );
    const apart = vjp(unconnected, x, v)[1];
    expectSameNesting(apart, x);
    expectZeros(apart);
    const copy = (a: T): T => a.clone();
    x.requiresGrad_();
    expect(() => vjp(copy, x, v, { createGraph: true, strict: true })).toThrow(
      /Jacobian of the function is independent of input 0/,
    );
    expectClose(vjp(copy, x, v, { createGraph: true })[1], v);
  });

  test("testVjpNoGrad", () => {
    const x = rand(4, 4);
    const v = torch.ones(4);
    const plain = torch.noGrad(() => vjp(rows, x, v));
    expectGraph(plain, false);
    expectNotZeros(plain[1]);
    x.requiresGrad_();
    v.requiresGrad_();
    const recorded = torch.noGrad(() => vjp(rows, x, v, { createGraph: true }));
    expectGraph(recorded, true);
    expectNotZeros(recorded[1]);
  });

  test("testVjpOutput", () => {
    const x = rand(4, 4);
    const one = vjp(rows, x, torch.ones(4));
    expectSameNesting(one[1], x);
    expectGraph(one, false);
    const pair = [rand(2), rand(2)];
    const mixed = vjp(mix, pair as [T, T], torch.ones(2));
    expectSameNesting(mixed[1], pair);
    expectGraph(mixed, false);
    const unit = torch.tensor([1, 0]);
    const both = vjp(two, pair as [T, T], [unit, unit]);
    expectSameNesting(both, [pair, pair]);
    expectGraph(both, false);
    expectClose(both[1], [torch.tensor([3, 0]), torch.tensor([4, 0])]);
  });

  test("testVjpScalar", () => {
    const x = rand(4, 4);
    const one = torch.ones([]);
    expectSameNesting(vjp(whole, x, one), [one, x]);
    expectSameNesting(vjp(whole, x), [one, x]);
    expectClose(vjp(whole, x)[1], torch.ones(4, 4));
    const point = rand();
    const v = torch.ones(4);
    expectSameNesting(vjp(spread, point, v), [v, point]);
    expect(vjp(spread, point, v)[1].item()).toBe(4);
  });

  test("testJvpErrCheck", () => {
    const x = rand(4);
    const v = rand(4);
    expect(() => jvp(first3, [x, 2] as never, v)).toThrow(/jvp: inputs .* index 1 is 2/);
    expect(() => jvp(((a: T) => [first3(a), "bar"]) as never, x, v)).toThrow(
      /jvp: the outputs of the function must be .* index 1 is "bar"/,
    );
    expect(() => jvp(first3, x)).toThrow(/v may be left out only where the input/);
    expect(() => jvp(first3, x, [v, v])).toThrow(/v should contain a single tensor/);
    expect(() => jvp(first3, x, v.narrow(0, 0, 2))).toThrow(/v has shape \[2\].*\[4\]/);
    expectSameNesting(jvp(first3, x, v)[1], first3(x));
  });

  test("testJvpErrCheckStrict", () => {
    const x = rand(4);
    const v = rand(4);
    const cut = (a: T): T => a.detach();
    expect(() => jvp(cut, x, v, { strict: true })).toThrow(/output 0 .* does not require grad/);
    const outside = jvp(cut, x, v, { strict: false });
    expectSameNesting(outside[1], outside[0]);
    expectZeros(outside[1]);
    expect(() => jvp(unconnected, x, v, { strict: true })).toThrow(
      /output of the function is independent of input 0/,
    );
    const apart = jvp(unconnected, x, v);
    expectSameNesting(apart[1], apart[0]);
    expectZeros(apart[1]);
    const copy = (a: T): T => a.clone();
    x.requiresGrad_();
    expect(() => jvp(copy, x, v, { createGraph: true, strict: true })).toThrow(
      /Jacobian of the function is independent of input 0/,
    );
    expectClose(jvp(copy, x, v, { createGraph: true })[1], v);
  });

  test("testJvpNoGrad", () => {
    const x = rand(4, 4);
    const v = torch.ones(4, 4);
    const plain = torch.noGrad(() => jvp(rows, x, v));
    expectGraph(plain, false);
    expectNotZeros(plain[1]);
    x.requiresGrad_();
    v.requiresGrad_();
    const recorded = torch.noGrad(() => jvp(rows, x, v, { createGraph: true }));
    expectGraph(recorded, true);
    expectNotZeros(recorded[1]);
  });

  test("testJvpOutput", () => {
    const x = rand(4, 4);
    const one = jvp(rows, x, torch.ones(4, 4));
    expectSameNesting(one[1], one[0]);
    expectGraph(one, false);
    const pair: [T, T] = [rand(2), rand(2)];
    const mixed = jvp(mix, pair, [torch.ones(2), torch.ones(2)]);
    expectSameNesting(mixed[1], mixed[0]);
    expectGraph(mixed, false);
    const unit = torch.tensor([1, 0]);
    const both = jvp(two, pair, [unit, unit]);
    expectSameNesting(both[1], both[0]);
    expectGraph(both, false);
    expectClose(both[1], [torch.tensor([5, 0]), torch.tensor([2, 0])]);
  });

  test("testJvpScalar", () => {
    const x = rand(4, 4);
    const reduced = jvp(whole, x, torch.ones(4, 4));
    expectSameNesting(reduced, [torch.zeros([]), torch.zeros([])]);
    expect(reduced[1].item()).toBe(16);
    const point = rand();
    const four = torch.zeros(4);
    expectSameNesting(jvp(spread, point, torch.ones([])), [four, four]);
    expectSameNesting(jvp(spread, point), [four, four]);
    expectClose(jvp(spread, point)[1], torch.ones(4));
  });

  const cubed = (x: T): T => x.narrow(0, 0, 3).exp().sum().mul(3);
  const joined = (a: T, b: T): T =>
    b
      .narrow(0, 0, 3)
      .mul(3)
      .mul(a.narrow(0, 0, 3))
      .sum();

  // With a symmetric matrix, what PyTorch asserts of one product it asserts of the other.
  for (const [name, title, product] of [
    ["vhp", "Vhp", vhp],
    ["hvp", "Hvp", hvp],
  ] as const) {
    test(`test${title}ErrCheck`, () => {
      const x = rand(4);
      const v = rand(4);
      expect(() => product(cubed, [x, 2] as never, v)).toThrow(
        new RegExp(`${name}: inputs .* index 1 is 2`),
      );
      expect(() => product(((a: T) => [first3(a), "bar"]) as never, x, v)).toThrow(
        new RegExp(`${name}: the outputs of the function must be .* index 1 is "bar"`),
      );
      expect(() => product(first3, x, v)).toThrow(/must contain a single element, got shape \[3\]/);
      expect(() => product(((a: T) => [cubed(a), cubed(a)]) as never, x, v)).toThrow(
        /must return a single tensor/,
      );
      expect(() => product(cubed, x, rand(5))).toThrow(/v has shape \[5\].*\[4\]/);
      expect(() => product(cubed, x, [v, 2] as never)).toThrow(
        new RegExp(`${name}: v must be a tensor or an array of tensors`),
      );
      expectSameNesting(product(cubed, x, v)[1], x);
      const pair: [T, T] = [rand(4), rand(5)];
      expectSameNesting(product(joined, pair, [rand(4), rand(5)])[1], pair);
    });

    test(`test${title}ErrCheckStrict`, () => {
      const x = rand(4);
      const v = rand(4);
      const cut = (a: T): T => a.detach().sum();
      const apart = (a: T): T => unconnected(a).sum();
      const linear = (a: T): T => a.mul(3).sum();
      expect(() => product(cut, x, v, { strict: true })).toThrow(
        /output 0 .* does not require gradients/,
      );
      expect(() => product(apart, x, v, { strict: true })).toThrow(
        /output of the function is independent of input 0/,
      );
      expect(() => product(linear, x, v, { strict: true })).toThrow(
        /Jacobian of the function with respect to input 0 is/,
      );
      for (const lenient of [cut, apart, linear]) {
        const zeros = product(lenient, x, v, { strict: false })[1];
        expectSameNesting(zeros, x);
        expectZeros(zeros);
      }
    });

    test(`test${title}NoGrad`, () => {
      const x = rand(4, 4);
      const v = torch.ones(4, 4);
      const reducer = (a: T): T => a.exp().sum();
      const plain = torch.noGrad(() => product(reducer, x, v));
      expectGraph(plain, false);
      expectNotZeros(plain[1]);
      const recorded = torch.noGrad(() => product(reducer, x, v, { createGraph: true }));
      expectGraph(recorded, true);
      expectNotZeros(recorded[1]);
    });

    test(`test${title}Output`, () => {
      const x = rand(4, 4);
      const one = product(cubed, x, torch.ones(4, 4));
      expectSameNesting(one[1], x);
      expectGraph(one, false);
      const bar = (a: T, b: T): T =>
        a
          .add(b.narrow(0, 0, 3).mul(3))
          .exp()
          .sum();
      const pair: [T, T] = [rand(3), rand(4)];
      const both = product(bar, pair, [torch.ones(3), torch.ones(4)]);
      expectSameNesting(both[1], pair);
      expectGraph(both, false);
    });

    test(`test${title}Scalar`, () => {
      const reducer = name === "vhp" ? whole : (a: T): T => a.exp().sum();
      const x = rand(4, 4);
      const v = torch.ones(4, 4);
      expectSameNesting(product(reducer, x, v)[1], x);
      const point = rand();
      expectSameNesting(product(reducer, point, rand())[1], point);
      expectSameNesting(product(reducer, point)[1], point);
      expectSameNesting(product((a: T) => reducer(a).view(1, 1, 1), x, rand(4, 4))[1], x);
    });
  }

  test("testJacobianMatchVjpJvp", () => {
    const cubes = (x: T): T => x.pow(3).add(x.sum());
    const x = rand(4);
    const v = rand(4);
    const matrix = jacobian(cubes, x);
    expectClose(jvp(cubes, x, v)[1], matrix.mm(v.unsqueeze(1)).squeeze(1));
    expectClose(vjp(cubes, x, v)[1], v.unsqueeze(0).mm(matrix).squeeze(0));
  });

  test("testHessianMatchVhpHvp", () => {
    const x = rand(4);
    const v = rand(4);
    const matrix = hessian(cubed, x);
    expectClose(hvp(cubed, x, v)[1], matrix.mm(v.unsqueeze(1)).squeeze(1));
    expectClose(vhp(cubed, x, v)[1], v.unsqueeze(0).mm(matrix).squeeze(0));
  });
});
