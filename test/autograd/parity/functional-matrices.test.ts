// Jacobians and Hessians as PyTorch's tests have them: refusals, nesting, graphs, 0-dim tensors.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import {
  expectClose,
  expectGraph,
  expectInterleaved,
  expectNotZeros,
  expectSameNesting,
  expectZeros,
  rand,
  unconnected,
} from "./functional.ts";

const { hessian, jacobian } = torch.autograd.functional;
type T = torch.Tensor;

const whole = (x: T): T => x.sum();
const first3 = (x: T): T => x.narrow(0, 0, 3).mul(3);
const both = [{ vectorize: false }, { vectorize: true }] as const;

describe("F functional", () => {
  test("testJacobianErrCheck", () => {
    for (const options of both) {
      const x = rand(4);
      expect(() => jacobian(first3, [x, 2] as never, options)).toThrow(
        /jacobian: inputs must be a tensor or an array of tensors, but the value at index 1 is 2/,
      );
      expect(() => jacobian(((a: T) => [first3(a), "bar"]) as never, x, options)).toThrow(
        /jacobian: the outputs of the function must be .* index 1 is "bar"/,
      );
      expectInterleaved(jacobian(first3, x, options), first3(x), x);
      const crossed = (a: T, b: T): [T, T] => [b, first3(a)];
      const pair: [T, T] = [rand(4), rand(5)];
      expectInterleaved(jacobian(crossed, pair, options), crossed(...pair), pair);
    }
  });

  test("testJacobianErrCheckStrict", () => {
    const x = rand(4);
    const cut = (a: T): T => a.detach();
    expect(() => jacobian(cut, x, { strict: true })).toThrow(
      /output 0 of the function does not require gradients/,
    );
    const outside = jacobian(cut, x, { strict: false });
    expectInterleaved(outside, x, x);
    expectZeros(outside);
    expect(() => jacobian(unconnected, x, { strict: true })).toThrow(
      /output 0 of the function is independent of input 0/,
    );
    const apart = jacobian(unconnected, x, { strict: false });
    expectInterleaved(apart, x, x);
    expectZeros(apart);
    const copy = (a: T): T => a.clone();
    x.requiresGrad_();
    expect(() => jacobian(copy, x, { createGraph: true, strict: true })).toThrow(
      /Jacobian of the function is independent of input 0/,
    );
    expectClose(jacobian(copy, x, { createGraph: true }), torch.eye(4));
  });

  test("testJacobianErrCheckStrictVectorize", () => {
    const same = (x: T): T => x;
    expect(() => jacobian(same, rand(4), { strict: true, vectorize: true })).toThrow(
      /strict and vectorize are not supported together/,
    );
  });

  test("testJacobianNoGrad", () => {
    const f = (x: T): T => x.exp().sum(1);
    const x = rand(4, 4);
    const plain = torch.noGrad(() => jacobian(f, x));
    expectGraph(plain, false);
    expectNotZeros(plain);
    const recorded = torch.noGrad(() => jacobian(f, x, { createGraph: true }));
    expectGraph(recorded, true);
    expectNotZeros(recorded);
  });

  test("testJacobianOutput", () => {
    for (const options of both) {
      const f = (x: T): T => x.exp().sum(1);
      const x = rand(4, 4);
      const one = jacobian(f, x, options);
      expectInterleaved(one, f(x), x);
      expectGraph(one, false);
      const copy = (a: T): T => a.clone();
      const identity = jacobian(copy, rand(4), options);
      expectGraph(identity, false);
      expectClose(identity, torch.eye(4));
      const g = (a: T, b: T): T => a.add(b.exp()).sum(1);
      const pair: [T, T] = [rand(4, 4), rand(4, 4)];
      const two = jacobian(g, pair, options);
      expectInterleaved(two, g(...pair), pair);
      expectGraph(two, false);
    }
  });

  test("testJacobianScalar", () => {
    for (const options of both) {
      const x = rand(4, 4);
      expectSameNesting(jacobian(whole, x, options), x);
      const spread = (a: T): T => a.unsqueeze(0).repeat(4);
      expectSameNesting(jacobian(spread, rand(), options), torch.zeros(4));
    }
  });

  test("testHessianErrCheck", () => {
    for (const options of both) {
      const f = (a: T): T => a.narrow(0, 0, 3).exp().sum().mul(3);
      const x = rand(4);
      expect(() => hessian(f, [x, 2] as never, options)).toThrow(
        /hessian: inputs must be .* index 1 is 2/,
      );
      expect(() => hessian(((a: T) => [first3(a), "bar"]) as never, x, options)).toThrow(
        /hessian: the outputs of the function must be .* index 1 is "bar"/,
      );
      expect(() => hessian(first3, x, options)).toThrow(
        /hessian: the tensor that the function returns must contain a single element/,
      );
      expect(() => hessian(((a: T) => [first3(a), first3(a)]) as never, x, options)).toThrow(
        /hessian: the function must return a single tensor/,
      );
      expectInterleaved(hessian(f, x, options), x, x);
      const g = (a: T, b: T): T =>
        b
          .narrow(0, 0, 3)
          .mul(3)
          .mul(a.narrow(0, 0, 3))
          .sum();
      const pair: [T, T] = [rand(4), rand(5)];
      expectInterleaved(hessian(g, pair, options), pair, pair);
    }
  });

  test("testHessianErrCheckStrict", () => {
    const x = rand(4);
    const cut = (a: T): T => a.detach().sum();
    const apart = (a: T): T => unconnected(a).sum();
    const linear = (a: T): T => a.mul(3).sum();
    expect(() => hessian(cut, x, { strict: true })).toThrow(
      /output 0 of the function does not require gradients/,
    );
    expect(() => hessian(apart, x, { strict: true })).toThrow(
      /Jacobian of the function with respect to input 0/,
    );
    expect(() => hessian(linear, x, { strict: true })).toThrow(
      /Jacobian of the function with respect to input 0 is/,
    );
    for (const f of [cut, apart, linear]) {
      const zeros = hessian(f, x, { strict: false });
      expectInterleaved(zeros, x, x);
      expectZeros(zeros);
    }
  });

  test("testHessianErrCheckStrictVectorize", () => {
    const cubes = (x: T): T => x.pow(3).sum();
    expect(() => hessian(cubes, rand(4), { strict: true, vectorize: true })).toThrow(
      /strict and vectorize are not supported together/,
    );
  });

  test("testHessianNoGrad", () => {
    const cubes = (x: T): T => x.pow(3).sum();
    const x = rand(2, 2);
    const plain = torch.noGrad(() => hessian(cubes, x));
    expectGraph([...plain], false);
    expectNotZeros(plain);
    const recorded = torch.noGrad(() => hessian(cubes, x, { createGraph: true }));
    expectGraph(recorded, true);
    expectNotZeros(recorded);
  });

  test("testHessianOutput", () => {
    for (const options of both) {
      const cubes = (x: T): T => x.pow(3).sum();
      const x = rand(2, 2);
      const one = hessian(cubes, x, options);
      expectInterleaved(one, x, x);
      expectGraph(one, false);
      const joint = (a: T, b: T): T => a.add(b).pow(3).sum();
      const pair: [T, T] = [rand(2, 2), rand(2, 2)];
      const two = hessian(joint, pair, options);
      expectInterleaved(two, pair, pair);
      expectGraph(two, false);
    }
  });

  test("testHessianScalar", () => {
    for (const options of both) {
      const x = rand(4, 4);
      expectInterleaved(hessian(whole, x, options), x, x);
      expectSameNesting(hessian(whole, rand(), options), torch.zeros([]));
      const deep = (a: T): T => a.sum().view(1, 1, 1);
      expectInterleaved(hessian(deep, x, options), x, x);
    }
  });
});
