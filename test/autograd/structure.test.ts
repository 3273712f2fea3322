// What is recorded: names, edges, leaves, and which tensors require a gradient.
import * as torch from "flambeau";
import { describe, expect, it } from "vitest";

const leaf = (...size: number[]): torch.Tensor => torch.ones(size, { requiresGrad: true });
const edges = (t: torch.Tensor): (string | null)[] =>
  t.gradFn!.nextFunctions.map(([node]) => node?.name ?? null);
const saved = (t: torch.Tensor): string[] => t.gradFn!.savedValues.map((s) => s.name);
function keeps(made: torch.Tensor, expected: readonly torch.Tensor[]): boolean {
  const values = made.gradFn!.savedValues.map((s) => s.value);
  return values.length === expected.length && values.every((value, i) => value === expected[i]);
}

describe("nodes", () => {
  it.each<[string, (x: torch.Tensor) => torch.Tensor]>([
    ["MulBackward0", (x) => x.mul(2)],
    ["AddBackward0", (x) => x.add(1)],
    ["SumBackward0", (x) => x.sum()],
    ["SumBackward1", (x) => x.sum(0)],
    ["MeanBackward0", (x) => x.mean()],
    ["ExpBackward0", (x) => x.exp()],
    ["PowBackward0", (x) => x.pow(2)],
    ["PowBackward1", (x) => x.pow(x)],
    ["MmBackward0", (x) => x.mm(x)],
    ["TBackward0", (x) => x.t()],
    ["SelectBackward0", (x) => x.at(0)],
    ["ViewBackward0", (x) => x.view(9)],
    ["CloneBackward0", (x) => x.clone()],
    ["UnbindBackward0", (x) => x.unbind(0)[1]!],
    ["MaxBackward1", (x) => x.max()],
    ["SoftmaxBackward0", (x) => x.softmax(0)],
    ["CopyBackwards", (x) => torch.zeros(3, 3).copy_(x)],
  ])("%s", (name, make) => {
    expect(make(leaf(3, 3)).gradFn!.name).toBe(name);
  });

  it("lead to the nodes of their inputs, null for those without", () => {
    const x = leaf(2);
    const y = x.mul(2);
    expect(edges(y)).toEqual(["AccumulateGrad", null]);
    expect(edges(y.mul(torch.ones(2)))).toEqual(["MulBackward0", null]);
    expect(y.add(x).gradFn!.nextFunctions.map(([, index]) => index)).toEqual([0, 0]);
    expect(y.add(x).gradFn!.nextFunctions[0]![0]).toBe(y.gradFn);
  });

  it("one accumulator serves all uses of a leaf", () => {
    const x = leaf(2);
    expect(x.mul(2).gradFn!.next[0]).toBe(x.add(1).gradFn!.next[0]);
  });

  it("are shared by several results, told apart by number", () => {
    const parts = leaf(3, 2).unbind(0);
    expect(new Set(parts.map((p) => p.gradFn)).size).toBe(1);
    expect(parts.map((p) => p.outputNr)).toEqual([0, 1, 2]);
    expect(parts[2]!.mul(2).gradFn!.nextFunctions[0]![1]).toBe(2);
  });

  it.each([2, 3, 4, 9])("lead to every one of %i operands", (count) => {
    const x = leaf(2);
    const joined = torch.cat(Array.from({ length: count }, (_, i) => x.mul(i)));
    expect(joined.gradFn!.nextFunctions.every(([, index]) => index === 0)).toBe(true);
    expect(torch.autograd.grad(joined.sum(), x)[0]!.tolist()).toEqual(
      new Array(2).fill((count * (count - 1)) / 2),
    );
    const y = leaf(count);
    const parts = torch.cat(y.split(1));
    expect(parts.gradFn!.nextFunctions.map(([, index]) => index)).toEqual([
      ...new Array(count).keys(),
    ]);
    expect(torch.autograd.grad(parts.sum(), y)[0]!.tolist()).toEqual(new Array(count).fill(1));
  });

  it("leave integer results out", () => {
    const { values, indices } = leaf(3).max(0);
    expect([values.requiresGrad, indices.requiresGrad, indices.isLeaf]).toEqual([
      true,
      false,
      true,
    ]);
    expect(leaf(3).argmax().requiresGrad).toBe(false);
    expect(leaf(3).gt(0).requiresGrad).toBe(false);
    expect(leaf(3).to(torch.int64).requiresGrad).toBe(false);
  });
});

describe("requiresGrad", () => {
  it("comes from any operand, and from none in noGrad", () => {
    const [x, c] = [leaf(2), torch.ones(2)];
    expect([x.add(c), c.add(x), c.add(c)].map((t) => t.requiresGrad)).toEqual([true, true, false]);
    const y = torch.noGrad(() => x.mul(2));
    expect([y.requiresGrad, y.isLeaf, y.gradFn]).toEqual([false, true, null]);
  });

  it("is kept by leaves made in noGrad", () => {
    expect(torch.noGrad(() => torch.ones(2, { requiresGrad: true })).requiresGrad).toBe(true);
  });

  it("can be set on leaves, and only to true on others", () => {
    const x = torch.ones(2);
    expect(x.requiresGrad_()).toBe(x);
    expect(x.requiresGrad_(false).requiresGrad).toBe(false);
    const y = leaf(2).mul(2);
    expect(y.requiresGrad_().requiresGrad).toBe(true);
    expect(() => y.requiresGrad_(false)).toThrow(/MulBackward0.*detach\(\)/);
    expect(() => (y.requiresGrad = false)).toThrow(torch.AutogradError);
  });

  it("is refused for types that are not floating", () => {
    for (const dtype of [torch.int64, torch.bool, torch.uint8]) {
      expect(() => torch.ones(2, { dtype }).requiresGrad_()).toThrow(torch.AutogradError);
      expect(() => torch.ones(2, { dtype, requiresGrad: true })).toThrow(torch.TorchError);
    }
  });

  it("comes in place from an operand", () => {
    const [x, c] = [leaf(2), torch.zeros(2)];
    c.add_(x);
    expect([c.requiresGrad, c.isLeaf]).toEqual([true, false]);
  });

  it("tells leaves from the rest", () => {
    const x = leaf(2);
    expect([x.isLeaf, torch.ones(2).isLeaf, x.mul(1).isLeaf, x.mul(1).detach().isLeaf]).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });
});

describe("memory", () => {
  const x = leaf(3, 3);
  const nothing: [string, (x: torch.Tensor) => torch.Tensor][] = [
    ["add a number", (t) => t.add(2)],
    ["add a tensor", (t) => t.add(torch.ones(3))],
    ["sub", (t) => t.sub(torch.ones(3, 3))],
    ["neg", (t) => t.neg()],
    ["mul by a number", (t) => t.mul(2)],
    ["div by a number", (t) => t.div(2)],
    ["sum", (t) => t.sum()],
    ["sum of a dimension", (t) => t.sum(1)],
    ["mean", (t) => t.mean()],
    ["select", (t) => t.at(0)],
    ["t", (t) => t.t()],
    ["clone", (t) => t.clone()],
    ["view", (t) => t.view(9)],
    ["expand", (t) => t.expand(2, 3, 3)],
    ["cat", (t) => torch.cat([t, t])],
    ["cumsum", (t) => t.cumsum(0)],
  ];

  it.each(nothing)("nothing is kept for %s", (_, make) => {
    expect(saved(make(x))).toEqual([]);
  });

  it.each(nothing)("what went into %s may be changed afterwards", (_, make) => {
    const z = leaf(3, 3);
    const y = z.mul(1);
    const out = make(y);
    if (out.storage === y.storage) return;
    torch.noGrad(() => y.mul_(5));
    expect(() => out.sum().backward()).not.toThrow();
  });

  it("only what a wanted gradient reads is kept", () => {
    const c = torch.full([3, 3], 2);
    expect(keeps(x.mul(c), [c])).toBe(true);
    expect(keeps(c.mul(x), [c])).toBe(true);
    expect(x.mul(x.add(1)).gradFn!.savedValues.length).toBe(2);
  });

  it.each<[string, (x: torch.Tensor) => torch.Tensor]>([
    ["exp", (t) => t.exp()],
    ["tanh", (t) => t.tanh()],
    ["sigmoid", (t) => t.sigmoid()],
    ["softmax", (t) => t.softmax(0)],
    ["sqrt", (t) => t.sqrt()],
    ["relu", (t) => t.relu()],
  ])("%s keeps its result alone", (_, make) => {
    const y = make(x);
    expect(keeps(y, [y])).toBe(true);
  });

  it.each<
    [
      string,
      (a: torch.Tensor, b: torch.Tensor) => torch.Tensor,
      readonly number[],
      readonly number[],
    ]
  >([
    ["mm", (a, b) => a.mm(b), [2, 3], [3, 4]],
    ["bmm", (a, b) => a.bmm(b), [5, 2, 3], [5, 3, 4]],
    ["mv", (a, b) => a.mv(b), [2, 3], [3]],
    ["matmul of a row", (a, b) => a.matmul(b), [3], [3, 4]],
    ["matmul of batches", (a, b) => a.matmul(b), [5, 2, 3], [1, 3, 4]],
    ["addmm", (a, b) => torch.addmm(torch.zeros(4), a, b), [2, 3], [3, 4]],
    ["baddbmm", (a, b) => torch.baddbmm(torch.zeros(4), a, b), [5, 2, 3], [5, 3, 4]],
    ["linear", (a, b) => torch.nn.functional.linear(a, b), [2, 3], [4, 3]],
  ])("%s keeps the operand that the gradient asked for reads, and no other", (_, make, m, n) => {
    for (const which of [0, 1]) {
      const pair = [torch.randn(m), torch.randn(n)] as const;
      pair[which]!.requiresGrad_();
      const out = make(...pair);
      expect(keeps(out, [pair[1 - which]!])).toBe(true);
      torch.noGrad(() => pair[which]!.zero_());
      out.sum().backward();
      expect(pair[which]!.grad!.shape).toEqual(pair[which]!.shape);
    }
    const [a, b] = [torch.randn(m, { requiresGrad: true }), torch.randn(n, { requiresGrad: true })];
    expect(keeps(make(a, b), [a, b])).toBe(true);
  });
});
