// Gradients that nobody can look at on their way are handed on without copies. Nothing in this file may register a hook or use a custom
// function: the library copies more from then on.
import * as torch from "flambeau";
import { describe, expect, it } from "vitest";

const leaf = (values: number | number[]): torch.Tensor =>
  torch.tensor(values as number[], { requiresGrad: true });
const list = (t: torch.Tensor | null): unknown => t?.tolist() ?? null;

describe("a gradient that goes to several places", () => {
  it.each<[string, (x: torch.Tensor, y: torch.Tensor) => torch.Tensor]>([
    ["add", (x, y) => x.add(y)],
    ["sub of a sum", (x, y) => x.add(y).sub(0)],
    ["add below views", (x, y) => x.view(2).add(y.view(2))],
    ["cat", (x, y) => torch.cat([x, y])],
    ["linear with bias", (x, y) => torch.nn.functional.linear(torch.eye(2), x.diag(), y)],
  ])("is in one .grad only: %s", (_, make) => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    make(x, y).mul(2).sum().backward();
    const before = list(y.grad);
    x.grad!.mul_(7);
    expect(list(y.grad)).toEqual(before);
    make(x, y).mul(2).sum().backward();
    expect(list(y.grad)).toEqual((before as number[]).map((g) => 2 * g));
  });

  it("still reaches what is computed from it after a leaf took it", () => {
    const [x, b, w] = [leaf([1, 2]), leaf([3, 4]), leaf([5, 6])];
    for (let pass = 1; pass <= 3; pass++) {
      x.mul(w).add(b).mul(2).sum().backward();
      expect([x, w, b].map((t) => list(t.grad))).toEqual([
        [10 * pass, 12 * pass],
        [2 * pass, 4 * pass],
        [2 * pass, 2 * pass],
      ]);
    }
  });
});

describe("the seed of a pass", () => {
  it("is 1 again, whatever became of gradients before", () => {
    const [x, y] = [leaf(2), leaf(3)];
    x.backward();
    x.grad!.mul_(5);
    y.backward();
    expect([list(x.grad), list(y.grad)]).toEqual([5, 1]);
    x.add(y).backward();
    x.grad!.zero_();
    y.view([]).backward();
    expect([list(x.grad), list(y.grad)]).toEqual([0, 3]);
  });

  it("has the type of what it starts from", () => {
    const x = torch.tensor(2, { requiresGrad: true, dtype: torch.float64 });
    for (const t of [leaf(1), x, leaf(1)]) {
      t.mul(t).backward();
      expect(t.grad!.dtype).toBe(t.dtype);
    }
  });

  it("is not what autograd.grad gives away", () => {
    const x = leaf(2);
    x.mul(3).backward();
    const [g] = torch.autograd.grad(x, x);
    g!.mul_(9);
    const y = leaf(4);
    y.mul(3).backward();
    expect(list(y.grad)).toBe(3);
  });
});
