// Results of torch.autograd.functional as parts of larger functions: their first and second derivatives, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, test } from "vitest";
import { expectGraph, expectInterleaved, expectSameNesting, type Nested } from "./functional.ts";

const { gradcheck, gradgradcheck } = torch.autograd;
const { hessian, hvp, jacobian, jvp, vhp, vjp } = torch.autograd.functional;
type T = torch.Tensor;

const options = { dtype: torch.float64, requiresGrad: true };
const rand = (...size: number[]): T => torch.rand(size, options);
const ones = (...size: number[]): T => torch.ones(size, options);
const unit = (): T => torch.tensor([1, 0], options);
const graph = { createGraph: true };

/** First and second derivatives are right. */
function check(f: (...inputs: readonly T[]) => Nested, inputs: readonly T[]): void {
  gradcheck(f, inputs);
  gradgradcheck(f, inputs);
}

const rows = (x: T): T => x.sum(1);
const mixAndProduct = (x: T, y: T): [T, T] => [x.mul(2).add(y.mul(3)), x.mul(y)];
const first3 = (a: T): T => a.narrow(0, 0, 3).exp().sum().mul(3);
const joint = (a: T, b: T): T =>
  a
    .add(b.narrow(0, 0, 3).mul(3))
    .exp()
    .sum();
const total = (values: readonly T[]): T => values.reduce((sum, value) => sum.add(value));

describe("F functional", () => {
  test("testVjpCreateGraph", () => {
    const x = rand(2, 2);
    const v = ones(2);
    const found = vjp(rows, x, v, graph);
    expectSameNesting(found[1], x);
    expectGraph(found, true);
    check((a, w) => vjp(rows, a!, w!, graph), [x, v]);
    const pair = [rand(2), rand(2), unit(), unit()];
    check((a, b, ...w) => vjp(mixAndProduct, [a!, b!], w, graph)[1], pair);
    check((a, b, ...w) => {
      const x = a!.cos();
      const [values, products] = vjp(mixAndProduct, [x, b!], w, graph);
      return total([...values, ...products, x, b!].map((part) => part.exp()));
    }, pair);
  });

  test("testJvpCreateGraph", () => {
    const x = rand(2, 2);
    const v = ones(2, 2);
    const found = jvp(rows, x, v, graph);
    expectSameNesting(found[1], found[0]);
    expectGraph(found, true);
    check((a, w) => jvp(rows, a!, w!, graph), [x, v]);
    const pair = [rand(2), rand(2), unit(), unit()];
    check((a, b, ...w) => jvp(mixAndProduct, [a!, b!], w, graph)[1], pair);
    check((a, b, ...w) => {
      const x = a!.cos();
      const [values, products] = jvp(mixAndProduct, [x, b!], w, graph);
      return total([...values, ...products, x, b!].map((part) => part.exp()));
    }, pair);
  });

  for (const [title, product] of [
    ["Vhp", vhp],
    ["Hvp", hvp],
  ] as const)
    test(`test${title}CreateGraph`, () => {
      const x = rand(4, 4);
      const v = ones(4, 4);
      const found = product(first3, x, v, graph);
      expectSameNesting(found[1], x);
      expectGraph(found, true);
      check((a, w) => product(first3, a!, w!, graph), [x, v]);
      const pair = [rand(3), rand(4)] as const;
      const vectors = [ones(3), ones(4)] as const;
      const two = product(joint, pair, vectors, graph);
      expectSameNesting(two[1], pair);
      expectGraph(two, true);
      check((a, b, ...w) => product(joint, [a!, b!], w, graph)[1], [...pair, ...vectors]);
      check(
        (a, b, ...w) => {
          const x = a!.cos();
          const [value, [first, second]] = product(joint, [x, b!], w, graph);
          const sums = [first, x].map((part) => part.cos().sum());
          return total([value.cos(), ...sums, second.cos(), b!.cos()]);
        },
        [...pair, ...vectors],
      );
    });

  test("testJacobianCreateGraph", () => {
    for (const vectorize of [false, true]) {
      const manner = { createGraph: true, vectorize };
      const f = (x: T): T => x.exp().sum(1);
      const x = rand(4, 4);
      const one = jacobian(f, x, manner);
      expectInterleaved(one, f(x), x);
      expectGraph(one, true);
      check((a) => jacobian(f, a!, manner), [x]);
      const g = (a: T, b: T): T => a.add(b).exp().sum(1);
      const pair = [rand(4, 4), rand(4, 4)] as const;
      const two = jacobian(g, pair, manner);
      expectInterleaved(two, g(...pair), pair);
      expectGraph(two, true);
      check((a, b) => jacobian(g, [a!, b!], manner), pair);
      check((a, b) => {
        const x = a!.cos();
        const parts = [...jacobian(g, [x, b!], manner), x, b!];
        return total(parts.map((part) => part.exp().sum()));
      }, pair);
    }
  });

  test("testHessianCreateGraph", () => {
    for (const vectorize of [false, true]) {
      const manner = { createGraph: true, vectorize };
      const f = (x: T): T => x.pow(3).sum();
      const x = rand(2, 2);
      const one = hessian(f, x, manner);
      expectInterleaved(one, x, x);
      expectGraph(one, true);
      check((a) => hessian(f, a!, manner), [x]);
      const g = (a: T, b: T): T => a.add(b).pow(3).sum();
      const pair = [rand(2, 2), rand(2, 2)] as const;
      const two = hessian(g, pair, manner);
      expectInterleaved(two, pair, pair);
      expectGraph(two, true);
      check((a, b) => hessian(g, [a!, b!], manner).flat(), pair);
      check((a, b) => {
        const x = a!.cos();
        const parts = [...hessian(g, [x, b!], manner).flat(), x, b!];
        return total(parts.map((part) => part.cos().sum()));
      }, pair);
    }
  });
});
