import * as torch from "flambeau";
import { beforeEach, describe, expect, test } from "vitest";

const { vmap } = torch;
type Tensor = torch.Tensor;

function close(actual: Tensor, expected: Tensor): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.sub(expected).abs().max().item()).toBeLessThan(1e-5);
}

const one = torch.ones(2);
let x: Tensor;
let y: Tensor;
let w: Tensor;
const integers = (values: readonly unknown[]): Tensor =>
  torch.tensor(values as number[], { dtype: torch.int64 });

beforeEach(() => {
  torch.manualSeed(0);
  x = torch.randn(3, 5);
  y = torch.randn(3, 5);
  w = torch.randn(5, 4, { requiresGrad: true });
});

describe("a mapped function is what it is on each slice", () => {
  const index = integers([
    [0, 1],
    [2, 3],
    [4, 4],
  ]);
  const cases: Record<string, (a: Tensor) => Tensor> = {
    pointwise: (a) => a.tanh().mul(2).add(a),
    reduction: (a) => a.sum(),
    deviation: (a) => a.std(0),
    extremum: (a) => a.max(0).values,
    position: (a) => a.argmin(0),
    scan: (a) => a.cumsum(0),
    sort: (a) => a.sort().values,
    softmax: (a) => a.softmax(0),
    view: (a) => a.view(1, 5).expand(2, 5).t(),
    flip: (a) => a.flip(0),
    select: (a) => torch.where(a.gt(0), a, a.neg()),
    "matrix product": (a) => a.matmul(w),
    "product from the right": (a) => w.t().matmul(a),
    "products of members": (a) => a.outer(a).mm(a.outer(a)),
    stack: (a) => torch.stack([a, a.mul(2)]),
    "in place through a view": (a) => {
      const zeros = a.newZeros(5);
      zeros.add_(a);
      zeros.narrow(0, 1, 2).mul_(2);
      return zeros;
    },
    loss: (a) => torch.nn.functional.crossEntropy(a.view(1, 5), integers([1])),
    "linear layer": (a) => torch.nn.functional.linear(a, w.t()),
    constant: (a) => a.add(torch.arange(5)),
  };
  for (const [name, fn] of Object.entries(cases))
    test(name, () => {
      const looped = torch.stack(x.unbind(0).map((row) => fn(row)));
      close(vmap(fn)(x), looped);
    });

  test("indices of a shared tensor and of the members' own", () => {
    const shared = x.select(0, 0);
    close(
      vmap((i: Tensor) => shared.indexSelect(0, i))(index),
      torch.stack(index.unbind(0).map((i) => shared.indexSelect(0, i))),
    );
    close(vmap((a: Tensor, i: Tensor) => a.gather(0, i))(x, index), x.gather(1, index));
    close(
      vmap((a: Tensor, i: Tensor) => a.indexAdd(0, i, a.narrow(0, 0, 2)))(x, index),
      torch.stack(x.unbind(0).map((a, n) => a.indexAdd(0, index.select(0, n), a.narrow(0, 0, 2)))),
    );
  });
});

describe("cross-entropy against classes of the members' own", () => {
  const scores = (): Tensor => torch.randn(3, 4, 5);
  const targets: Record<string, Tensor> = {
    "all counted": integers([
      [0, 1, 2, 4],
      [4, 4, 0, 1],
      [3, 2, 1, 0],
    ]),
    "some ignored": integers([
      [0, 1, -100, 4],
      [4, -100, -100, 1],
      [3, 2, 1, 0],
    ]),
  };
  const weight = torch.tensor([1, 2, 0.5, 3, 1]);
  const options = [
    {},
    { weight },
    { labelSmoothing: 0.1 },
    { weight, labelSmoothing: 0.1 },
    { reduction: "sum" },
  ] as const;
  for (const [name, target] of Object.entries(targets))
    test.each(options)(`${name}, %o`, (chosen) => {
      const loss = (a: Tensor, t: Tensor): Tensor => torch.nn.functional.crossEntropy(a, t, chosen);
      const slope = torch.func.grad(loss);
      const given = scores();
      for (const fn of [loss, slope]) {
        const looped = given.unbind(0).map((a, i) => fn(a, target.select(0, i)));
        close(vmap(fn)(given, target), torch.stack(looped));
      }
    });
});

test("a matrix that members of several maps share, from the left", () => {
  const columns = torch.randn(3, 2, 5, 4);
  const twice = vmap((a: Tensor) => vmap((b: Tensor) => w.t().matmul(b))(a))(columns);
  close(twice, w.t().matmul(columns));
  const own = torch.randn(3, 4, 5);
  close(
    vmap((m: Tensor, a: Tensor) => vmap((b: Tensor) => m.mv(b))(a))(own, columns.select(3, 0)),
    columns.select(3, 0).matmul(own.transpose(1, 2)),
  );
});

describe("dimensions", () => {
  test("inDims chooses the mapped dimension, null shares an argument", () => {
    close(vmap((a: Tensor) => a.sum(), { inDims: 1 })(x), x.sum(0));
    close(
      vmap((a: Tensor, b: Tensor) => a.dot(b), { inDims: [0, null] })(x, y.select(0, 0)),
      x.matmul(y.select(0, 0)),
    );
    close(
      vmap((a: { u: Tensor; v: Tensor[] }) => a.u.dot(a.v[0]!), { inDims: [{ u: 0, v: [1] }] })({
        u: x,
        v: [y.t()],
      }),
      x.mul(y).sum(1),
    );
  });

  test("outDims puts the batch where it is wanted", () => {
    close(vmap((a: Tensor) => a.mul(2), { outDims: 1 })(x), x.mul(2).t());
    const both = vmap((a: Tensor) => ({ a, s: a.sum() }), { outDims: { a: -1, s: 0 } })(x);
    close(both.a, x.t());
    close(both.s, x.sum(1));
  });

  test("maps nest", () => {
    const outer = vmap((a: Tensor) => vmap((b: Tensor) => b.mul(a.sum()).add(y.select(0, 0)))(a));
    close(outer(x), x.mul(x.sum(1, true)).unsqueeze(2).add(y.select(0, 0)));
  });

  test("chunks give the same", () => {
    close(vmap((a: Tensor) => a.mul(a), { chunkSize: 2 })(x), x.mul(x));
  });
});

describe("gradients", () => {
  test("flow out of the mapped function to what it was given and to what it captured", () => {
    const leaf = x.clone().requiresGrad_();
    vmap((a: Tensor) => a.matmul(w).tanh().sum())(leaf)
      .sum()
      .backward();
    const [mapped, captured] = [leaf.grad!, w.grad!];
    const [dx, dw] = torch.autograd.grad(leaf.matmul(w).tanh().sum(), [leaf, w]);
    close(mapped, dx!);
    close(captured, dw!);
  });

  test("a saved value that is changed after the mapped function is noticed", () => {
    const leaf = x.clone().requiresGrad_();
    const out = vmap((a: Tensor) => a.exp())(leaf);
    const total = out.sum();
    torch.noGrad(() => out.mul_(2));
    expect(() => total.backward()).toThrow(/modified by an inplace operation/);
  });
});

describe("random numbers", () => {
  const noise = (a: Tensor): Tensor => a.add(torch.rand(5));
  test("are refused unless vmap is told what is meant", () => {
    expect(() => vmap(noise)(x)).toThrow(/randomness/);
  });
  test("are the same or different for the members", () => {
    const same = vmap(noise, { randomness: "same" })(x.mul(0));
    close(same.select(0, 0), same.select(0, 1));
    const different = vmap(noise, { randomness: "different" })(x.mul(0));
    expect(different.select(0, 0).equal(different.select(0, 1))).toBe(false);
    const dropped = vmap((a: Tensor) => torch.nn.functional.dropout(a, 0.5), {
      randomness: "different",
    })(torch.ones(4, 100));
    expect(dropped.select(0, 0).equal(dropped.select(0, 1))).toBe(false);
  });
});

describe("refusals", () => {
  const refused: [string, (a: Tensor) => unknown, RegExp][] = [
    ["reading a value", (a) => a.sum().item(), /no value to read/],
    ["a shape that depends on values", (a) => a.nonzero(), /no value to read/],
    ["a result that is no tensor", () => 1, /must return tensors/],
    ["a promise", async (a) => a, /promise/],
    ["writing into a shared tensor", (a) => torch.zeros(5).add_(a), /share/],
  ];
  for (const [name, fn, message] of refused)
    test(name, () => expect(() => vmap(fn)(x)).toThrow(message));

  test("batches that do not fit", () => {
    const add = vmap((a: Tensor, b: Tensor) => a.add(b));
    expect(() => add(x, torch.ones(4, 5))).toThrow(/sizes 3, 4/);
    expect(() => vmap((a: Tensor) => a, { inDims: null })(x)).toThrow(/no argument is mapped/);
    expect(() => vmap((a: Tensor) => a, { inDims: 2 })(x)).toThrow(/2 dimensions/);
    expect(() => vmap((a: Tensor) => a, { inDims: [0, 0] })(x)).toThrow(/2 entries for 1/);
    expect(() => vmap((a: Tensor) => a)(torch.ones(0, 2))).toThrow(/size 0/);
    expect(() => vmap(() => w, { outDims: null })()).toThrow(/no argument is mapped/);
  });

  test.each<[readonly unknown[], readonly unknown[], string]>([
    [
      [{ w: 0, b: { d: 0 } }],
      [{ w: one, b: { c: one } }],
      "inDims[0].b is nested as { d }, which does not fit { c }",
    ],
    [[0, [0, 0]], [one, [one]], "inDims[1] is nested as [0, 0], which does not fit [a tensor"],
    [[{ w: [0] }], [{ w: one }], "inDims[0].w is nested as [0], which does not fit a tensor"],
    [[[0]], [{ 0: one }], "inDims[0] is nested as [0], which does not fit { 0 }"],
  ])("says where inDims %j fits no argument", (inDims, args, message) => {
    const mapped = vmap((...given: readonly Tensor[]) => given[0]!, { inDims: inDims as never });
    expect(() => mapped(...(args as Tensor[]))).toThrow(message);
  });

  test("a tensor kept beyond its map", () => {
    let kept: Tensor | null = null;
    vmap((a: Tensor) => (kept = a))(x);
    expect(String(kept)).toMatch(/^BatchedTensor\(lvl=1, /);
    expect(() => vmap((a: Tensor) => a.add(kept!))(x)).toThrow(/has ended/);
  });
});

describe("looking inside", () => {
  const x = torch.arange(6).reshape(3, 2);

  test("prints the values of all members, as PyTorch does", () => {
    const texts: string[] = [];
    vmap((a: Tensor) => (texts.push(String(a)), a))(x);
    vmap(vmap((a: Tensor) => (texts.push(String(a)), a)))(x);
    vmap((a: Tensor) => vmap((b: Tensor) => (texts.push(String(a), String(b)), b))(x))(x);
    const one = "tensor([[0, 1],\n            [2, 3],\n            [4, 5]])";
    const two = one.replaceAll("\n", "\n    ");
    expect(texts).toEqual([
      `BatchedTensor(lvl=1, bdim=0, value=\n    ${one}\n)`,
      `BatchedTensor(lvl=2, bdim=0, value=\n    BatchedTensor(lvl=1, bdim=0, value=\n        ${two}\n    )\n)`,
      `BatchedTensor(lvl=1, bdim=0, value=\n    ${one}\n)`,
      `BatchedTensor(lvl=2, bdim=0, value=\n    ${one}\n)`,
    ]);
  });

  test("prints gradients beside the values, and no values where there are none", () => {
    const texts: string[] = [];
    const squares = (a: Tensor): Tensor => (texts.push(String(a)), a.mul(a).sum());
    vmap(torch.func.grad(squares))(torch.ones(1, 2));
    vmap(squares)(torch.ones(1, 2, { device: "meta" }));
    expect(texts[0]).toContain("tensor([[1., 1.]], requires_grad=True)");
    expect(texts[1]).toContain("tensor(..., device='meta', size=(1, 2))");
  });

  test("debugUnwrap gives them as tensors", () => {
    const { debugUnwrap } = torch.func;
    const outside = torch.ones(4);
    vmap((a: Tensor) => {
      vmap((b: Tensor) => {
        const inside = a.mul(b);
        expect(debugUnwrap(inside).shape).toEqual([3, 4, 2]);
        expect(torch.equal(debugUnwrap(a), x)).toBe(true);
        const outer = debugUnwrap(inside, { recurse: false });
        expect(outer.shape).toEqual([4, 2]);
        expect(debugUnwrap(outer).shape).toEqual([3, 4, 2]);
        expect(debugUnwrap(outside)).toBe(outside);
        return b;
      })(torch.ones(4, 2));
      return a;
    })(x);
    expect(() => debugUnwrap(3 as unknown as Tensor)).toThrow(/tensor/);
  });
});
