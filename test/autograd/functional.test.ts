// torch.autograd.functional beyond PyTorch's own tests: values, nesting, and inputs that are refused.
import * as torch from "flambeau";
import { describe, expect, expectTypeOf, it } from "vitest";

const { hessian, hvp, jacobian, jvp, vhp, vjp } = torch.autograd.functional;
type T = torch.Tensor;
const lists = (value: readonly (readonly T[])[]): unknown =>
  value.map((row) => row.map((tensor) => tensor.tolist()));

describe("Jacobians", () => {
  it("are nested as outputs around inputs, in values and in types", () => {
    const x = torch.tensor([1, 2]);
    const y = torch.tensor(3);
    const f = (a: T, b: T): [T, T] => [a.mul(b), a.sum().add(b)];
    const found = jacobian(f, [x, y]);
    expectTypeOf(found).toEqualTypeOf<readonly [readonly [T, T], readonly [T, T]]>();
    const expected = [
      [
        [
          [3, 0],
          [0, 3],
        ],
        [1, 2],
      ],
      [[1, 1], 1],
    ];
    expect(lists(found)).toEqual(expected);
    expect(lists(jacobian(f, [x, y], { strategy: "forward-mode" }))).toEqual(expected);
    const single = jacobian((a) => a.mul(2), x);
    expectTypeOf(single).toEqualTypeOf<T>();
    const [alone] = jacobian((a) => a.mul(2), [x]);
    expect(alone.tolist()).toEqual(single.tolist());
  });

  it("go beyond one block of unit vectors", () => {
    const n = 1500;
    const x = torch.rand([n]);
    const found = jacobian((a) => a.mul(a), x);
    expect(torch.equal(found, torch.diag(x.mul(2)))).toBe(true);
    const forward = jacobian((a) => a.mul(a), x, { strategy: "forward-mode" });
    expect(torch.equal(forward, found)).toBe(true);
  });

  it("tell an argument from the same tensor captured by the function", () => {
    const x = torch.tensor([1, 2], { requiresGrad: true });
    const found = jacobian((a) => a.mul(x).sum(), x);
    expect(found.tolist()).toEqual([1, 2]);
    expect(x.grad).toBeNull();
  });

  it("are the same inside inferenceMode, where operations are not recorded", () => {
    const [found, of] = torch.inferenceMode(() => {
      const x = torch.tensor([1, 2]);
      return [jacobian((a) => a.mul(a), x), hvp((a) => a.pow(3).sum(), x, x)[1]];
    });
    expect(found!.tolist()).toEqual([
      [2, 0],
      [0, 4],
    ]);
    expect(of!.tolist()).toEqual([6, 24]);
  });

  it("map over batches", () => {
    const batch = torch.rand(3, 2);
    const f = (a: T): T => a.pow(2).mul(a.sum());
    const expected = torch.stack(batch.unbind(0).map((x) => jacobian(f, x)));
    for (const options of [{}, { vectorize: true }, { strategy: "forward-mode" } as const]) {
      const mapped = torch.vmap((x: T) => jacobian(f, x, options))(batch);
      expect(torch.allclose(mapped, expected)).toBe(true);
    }
  });

  it("of empty tensors are empty", () => {
    expect(jacobian((a) => a.mul(2), torch.zeros(0)).shape).toEqual([0, 0]);
    expect(jacobian((a) => a.sum(), torch.zeros(0)).shape).toEqual([0]);
    const none = jacobian((a) => a.mul(2), torch.zeros(0), { strategy: "forward-mode" });
    expect(none.shape).toEqual([0, 0]);
  });

  it("lead back to inputs only with createGraph", () => {
    const x = torch.tensor([2], { requiresGrad: true });
    const cube = (a: T): T => a.pow(3);
    expect(jacobian(cube, x).requiresGrad).toBe(false);
    const found = jacobian(cube, x, { createGraph: true });
    const [second] = torch.autograd.grad(found, x, { gradOutputs: torch.ones(1, 1) });
    expect(second!.tolist()).toEqual([12]);
  });
});

describe("products", () => {
  it("agree with the matrices on values computed by hand", () => {
    const x = torch.tensor([1, 2, 3]);
    const v = torch.tensor([1, 0, -1]);
    const f = (a: T): T => a.at(0).mul(a.at(1)).mul(a.at(2));
    expect(vjp((a) => a.mul(a), x, v)[1].tolist()).toEqual([2, 0, -6]);
    expect(jvp(f, x, v)[1].item()).toBe(4);
    expect(hessian(f, x).tolist()).toEqual([
      [0, 3, 2],
      [3, 0, 1],
      [2, 1, 0],
    ]);
    expect(vhp(f, x, v)[1].tolist()).toEqual([-2, 2, 2]);
    expect(hvp(f, x, v)[1].tolist()).toEqual([-2, 2, 2]);
  });

  it("give back what the function gave", () => {
    const [outputs, product] = vjp((a: T) => [a.mul(2), a.sum()] as const, torch.tensor([1, 2]), [
      torch.ones(2),
      torch.tensor(10),
    ]);
    expectTypeOf(outputs).toEqualTypeOf<readonly [T, T]>();
    expect(outputs[1].item()).toBe(3);
    expect(product.tolist()).toEqual([12, 12]);
  });
});

describe("refused are", () => {
  const x = torch.ones(2);
  const whole = torch.ones(2, { dtype: torch.int64 });
  it.each<[string, () => unknown, RegExp]>([
    ["no function", () => jacobian(3 as never, x), /jacobian: func must be a function, got 3/],
    ["no inputs", () => jacobian(() => x, []), /inputs must be tensors, got an empty array/],
    ["no outputs", () => jacobian(() => [], x), /outputs of the function must be tensors/],
    ["integers", () => jacobian((a) => a, whole), /input 0 has type int64/],
    [
      "an unknown strategy",
      () => jacobian((a) => a, x, { strategy: "sideways" as never }),
      /strategy must be one of "reverse-mode", "forward-mode"/,
    ],
    [
      "forward mode with createGraph",
      () => jacobian((a) => a, x, { strategy: "forward-mode", createGraph: true }),
      /createGraph and "forward-mode" are not supported together/,
    ],
    [
      "forward mode with strict",
      () => hessian((a) => a.sum(), x, { outerJacobianStrategy: "forward-mode", strict: true }),
      /strict and "forward-mode" are not supported together/,
    ],
    [
      "vectors too few",
      () => jvp((a, b) => a.add(b), [x, x], [x]),
      /v has 1 tensors for 2 inputs; give one for each/,
    ],
    [
      "a vector of other sizes",
      () => jvp((a, b) => a.add(b), [x, x], [x, torch.ones(3)]),
      /entry 1 of v has shape \[3\].*\[2\]/,
    ],
    [
      "a promise",
      () => jacobian((async (a: T) => a.mul(2)) as never, x),
      /outputs of the function must be a tensor/,
    ],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(torch.TorchError);
    expect(call).toThrow(message);
  });
});
