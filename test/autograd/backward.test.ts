// backward() and grad(): seeds, roots, inputs, keeping and freeing the graph, and how gradients are fitted to what they are for.
import * as torch from "flambeau";
import { describe, expect, it, vi } from "vitest";

const leaf = (values: number | number[] | number[][], dtype = torch.float32): torch.Tensor =>
  torch.tensor(values, { requiresGrad: true, dtype });
const list = (t: torch.Tensor | null): unknown => t?.tolist() ?? null;

describe("seeds", () => {
  it("is 1 for one element of any rank", () => {
    for (const shape of [[], [1], [1, 1]]) {
      const x = torch.ones(shape, { requiresGrad: true });
      x.mul(3).backward();
      expect(x.grad!.item()).toBe(3);
    }
  });

  it("must be given for several elements, and for none", () => {
    for (const shape of [[2], [0], [2, 1]]) {
      const y = torch.ones(shape, { requiresGrad: true }).mul(2);
      expect(() => y.backward()).toThrow(/scalar outputs.*shape \[.*sum\(\)\.backward/);
      expect(() => torch.autograd.grad(y, y)).toThrow(torch.AutogradError);
    }
  });

  it("may have another type, and is converted", () => {
    const x = leaf([1, 2]);
    x.mul(2).backward(torch.tensor([1, 10], { dtype: torch.int64 }));
    expect(list(x.grad)).toEqual([2, 20]);
    expect(x.grad!.dtype).toBe(torch.float32);
  });

  it("is never changed, nor taken over", () => {
    const x = leaf([1, 2]);
    const seed = torch.ones(2);
    x.add(0).backward(seed);
    x.add(0).backward(seed);
    x.backward(seed);
    expect(list(x.grad)).toEqual([3, 3]);
    expect(list(seed)).toEqual([1, 1]);
    expect(seed.version).toBe(0);
    const [y, z] = [leaf([1]), leaf([1])];
    const one = torch.ones(1);
    torch.autograd.backward([y.mul(1), z.mul(1), y.add(z)], [one, one, one]);
    expect([y, z, { grad: one }].map((t) => t.grad!.item())).toEqual([2, 2, 1]);
  });

  it("of another shape is refused", () => {
    const y = leaf([1, 2]).mul(2);
    expect(() => y.backward(torch.ones(3))).toThrow(/\[3\].*\[2\]/);
    expect(() => y.backward(torch.ones(1))).toThrow(torch.ShapeError);
    expect(() => y.backward(1 as never)).toThrow(torch.TorchError);
  });
});

describe("roots", () => {
  it("add up, also where one is given twice or stands above another", () => {
    const x = leaf([1, 2]);
    const y = x.mul(x);
    const z = y.sum();
    torch.autograd.backward([z, z, y], [null, null, torch.ones(2)]);
    expect(list(x.grad)).toEqual([6, 12]);
  });

  it("must all require a gradient", () => {
    const x = leaf([1]);
    expect(() => torch.autograd.backward([x.mul(2), torch.ones(1)])).toThrow(/element 1/);
    expect(() => torch.ones(1).backward()).toThrow(/element 0.*requiresGrad/);
    expect(x.grad).toBeNull();
  });

  it("must be as many as the seeds", () => {
    const x = leaf([1]);
    expect(() => torch.autograd.backward([x.mul(2)], [null, null])).toThrow(
      /2 gradients.*1 output/,
    );
    expect(() => torch.autograd.backward([])).toThrow(torch.AutogradError);
  });
});

describe("inputs", () => {
  it("restrict where gradients go", () => {
    const [x, y] = [leaf([1]), leaf([2])];
    x.mul(y).backward({ inputs: [x] });
    expect([list(x.grad), y.grad]).toEqual([[2], null]);
    x.mul(y).backward({ inputs: y });
    expect([list(x.grad), list(y.grad)]).toEqual([[2], [1]]);
  });

  it("may be no leaves, and then retain", () => {
    const x = leaf([1, 1, 1]);
    const y = x.mul(2);
    y.sum().backward({ inputs: [y, x] });
    expect([list(y.grad), list(x.grad), y.retainsGrad]).toEqual([[1, 1, 1], [2, 2, 2], true]);
    const z = x.mul(3);
    z.backward(torch.ones(3), { inputs: [z] });
    expect(list(z.grad)).toEqual([1, 1, 1]);
  });

  it("that are not reached stay without", () => {
    const [x, y] = [leaf([1]), leaf([2])];
    x.mul(2).backward({ inputs: [x, y] });
    expect(y.grad).toBeNull();
  });

  it("must be there and require a gradient", () => {
    const y = leaf([1]).mul(2);
    expect(() => y.backward({ inputs: [] })).toThrow(/inputs.*empty/);
    expect(() => y.backward({ inputs: [torch.ones(1)] })).toThrow(/input 0.*requiresGrad/);
    expect(() => y.backward({ inputs: 5 as never })).toThrow(torch.ArgumentError);
  });
});

describe("grad", () => {
  it("gives gradients and leaves .grad alone", () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    const y = x.mul(w);
    const [gx, gw, gy] = torch.autograd.grad(y.sum(), [x, w, y]);
    expect([gx, gw, gy].map((g) => list(g!))).toEqual([
      [3, 4],
      [1, 2],
      [1, 1],
    ]);
    expect([x.grad, w.grad, y.grad]).toEqual([null, null, null]);
  });

  it("refuses unused inputs by number, or gives null, or zeros", () => {
    const [x, u] = [leaf([1, 2]), leaf([3, 4, 5])];
    const y = (): torch.Tensor => x.mul(2).sum();
    expect(() => torch.autograd.grad(y(), [x, u])).toThrow(
      /input 1.*allowUnused.*materializeGrads/,
    );
    expect(torch.autograd.grad(y(), [x, u], { allowUnused: true })[1]).toBeNull();
    const zeros = torch.autograd.grad(y(), [x, u], { materializeGrads: true })[1]!;
    expect([list(zeros), zeros.requiresGrad]).toEqual([[0, 0, 0], false]);
    expect(() =>
      torch.autograd.grad(y(), [u], { materializeGrads: true, allowUnused: false }),
    ).toThrow(/allowUnused cannot be false/);
  });

  it("takes onlyInputs, which changes nothing, where PyTorch has it", () => {
    const told = vi.spyOn(console, "warn").mockImplementation(() => {});
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    const y = (): torch.Tensor => x.mul(w).sum();
    expect(list(torch.autograd.grad(y(), x, { onlyInputs: true })[0])).toEqual([3, 4]);
    expect(told).not.toHaveBeenCalled();
    expect(list(torch.autograd.grad(y(), x, { onlyInputs: false })[0])).toEqual([3, 4]);
    expect(told).toHaveBeenCalledTimes(1);
    expect(w.grad).toBeNull();
    told.mockRestore();
    const byPosition = torch.autograd.grad as unknown as (
      ...all: unknown[]
    ) => (torch.Tensor | null)[];
    const found = byPosition(y(), [x, leaf([0])], null, null, false, true, true);
    expect(found.map(list)).toEqual([[3, 4], null]);
  });

  it("refuses what has no gradient", () => {
    const x = leaf([1]);
    expect(() => torch.autograd.grad(x.mul(2), [torch.ones(1)])).toThrow(/input 0/);
    expect(() => torch.autograd.grad(x.mul(2), [])).toThrow(/empty/);
    expect(() => torch.autograd.grad(torch.ones(1), x)).toThrow(/element 0/);
    expect(() => torch.autograd.grad(x.mul(2), 3 as never)).toThrow(torch.ArgumentError);
    expect(() => torch.autograd.grad("abc" as never, x)).toThrow(torch.TorchError);
  });

  it("takes several outputs with their seeds", () => {
    const x = leaf([1, 2]);
    const [g] = torch.autograd.grad([x.mul(2), x.mul(3).sum()], x, [torch.tensor([1, 10]), null]);
    expect(list(g!)).toEqual([5, 23]);
  });

  it("runs only what is needed", () => {
    const [x, y] = [leaf([1]), leaf([2])];
    const a = x.exp();
    const b = y.exp();
    torch.autograd.grad(a.add(b), x);
    expect(() => a.backward()).toThrow(/second time/);
    expect(() => b.backward()).not.toThrow();
  });

  it("computes no gradient that it is not asked for", () => {
    const [x, w] = [leaf([[1, 2]]), leaf([[3], [4]])];
    const y = x.mm(w);
    const sent: boolean[][] = [];
    y.gradFn!.registerHook((gradients) => void sent.push(gradients.map((g) => g !== null)));
    const [g] = torch.autograd.grad(y, x, { retainGraph: true });
    y.backward({ inputs: w, retainGraph: true });
    y.backward();
    expect(list(g!)).toEqual([[3, 4]]);
    expect(sent).toEqual([
      [true, false],
      [false, true],
      [true, true],
    ]);
  });

  it("gives a different part for each output of a node", () => {
    const x = leaf([
      [1, 2],
      [3, 4],
    ]);
    const [a, b] = x.unbind(0);
    const [ga, gb] = torch.autograd.grad(a!.mul(2).add(b!.mul(3)).sum(), [a!, b!]);
    expect([list(ga!), list(gb!)]).toEqual([
      [2, 2],
      [3, 3],
    ]);
  });
});

describe("the graph", () => {
  it("is gone after a pass where values were saved", () => {
    const x = leaf([1, 2]);
    const y = x.exp().sum();
    y.backward();
    expect(() => y.backward()).toThrow(/ExpBackward0.*second time.*retainGraph: true/);
    expect(() => torch.autograd.grad(y, x)).toThrow(torch.AutogradError);
  });

  it("can be run again where none were", () => {
    const x = leaf([1, 2]);
    const y = x.add(1).mul(2).sum();
    y.backward();
    y.backward();
    expect(list(x.grad)).toEqual([4, 4]);
  });

  it("stays with retainGraph, and with createGraph", () => {
    const x = leaf([1, 2]);
    const y = x.mul(x).sum();
    y.backward({ retainGraph: true });
    torch.autograd.grad(y, x, { createGraph: true });
    y.backward();
    expect(list(x.grad)).toEqual([4, 8]);
    expect(() => y.backward()).toThrow(/second time/);
    const z = x.mul(x).sum();
    torch.autograd.grad(z, x, { createGraph: true, retainGraph: false });
    expect(() => z.backward()).toThrow(/second time/);
  });

  it("is usable after a failed pass", () => {
    const x = leaf([1, 2]);
    const y = x.mul(x);
    const handle = y.registerHook(() => {
      throw new RangeError("mine");
    });
    const z = y.sum();
    expect(() => z.backward({ retainGraph: true })).toThrow(new RangeError("mine"));
    expect(torch.isGradEnabled()).toBe(true);
    handle.remove();
    z.backward();
    expect(list(x.grad)).toEqual([2, 4]);
  });

  it("leads to every tensor of a long list", () => {
    for (let n = 1; n <= 6; n++) {
      const leaves = Array.from({ length: n }, (_, i) => leaf([i]));
      torch.cat(leaves).mul(torch.arange(n)).sum().backward();
      expect(leaves.map((t) => t.grad!.item())).toEqual(leaves.map((_, i) => i));
    }
  });

  it("gives gradients of gradients", () => {
    const x = leaf(2, torch.float64);
    let y = x.pow(5);
    for (const expected of [80, 160, 240, 240, 120]) {
      [y] = torch.autograd.grad(y, x, { createGraph: true }) as [torch.Tensor];
      expect(y.item()).toBe(expected);
    }
  });

  it("gives Hessian-vector products through backward", () => {
    const x = leaf([1, 2]);
    x.pow(3).sum().backward({ createGraph: true });
    const first = x.grad!;
    first
      .mul(torch.tensor([1, 10]))
      .sum()
      .backward();
    // .grad holds 3x^2 and gains 6x v.
    expect(list(x.grad)).toEqual([3 + 6, 12 + 120]);
  });
});

describe("a gradient", () => {
  it("has the type of what it is for", () => {
    const x = leaf([1, 2]);
    const d = leaf([3, 4], torch.float64);
    const y = x.mul(d);
    expect(y.dtype).toBe(torch.float64);
    y.sum().backward();
    expect([x.grad!.dtype, d.grad!.dtype]).toEqual([torch.float32, torch.float64]);
    expect(list(x.grad)).toEqual([3, 4]);
  });

  it("has the shape of what it is for", () => {
    const [a, b, c] = [leaf([[1], [2]]), leaf([1, 2, 3]), leaf(2)];
    a.mul(b).mul(c).sum().backward();
    expect([list(a.grad), list(b.grad), list(c.grad)]).toEqual([[[12], [12]], [6, 6, 6], 18]);
  });

  it("fits empty and broadcast sizes", () => {
    const x = torch.ones([1, 3], { requiresGrad: true });
    x.mul(torch.ones(0, 3)).sum().backward();
    expect(list(x.grad)).toEqual([[0, 0, 0]]);
  });

  it("has the layout of a dense leaf", () => {
    const x = torch.ones(3, 2).t().requiresGrad_();
    x.mul(x).sum().backward();
    expect(x.grad!.stride()).toEqual([1, 2]);
    expect(list(x.grad)).toEqual([
      [2, 2, 2],
      [2, 2, 2],
    ]);
    const gaps = torch.ones(4, 4).select(1, 0).detach().requiresGrad_();
    gaps.mul(2).sum().backward();
    expect(gaps.grad!.stride()).toEqual([1]);
  });
});

describe("depth", () => {
  it("of 200,000 nodes is no matter, forward, backward and left to be collected", () => {
    const x = leaf([1]);
    let y = x;
    for (let i = 0; i < 100_000; i++) y = y.mul(1).add(0);
    y.backward();
    expect(x.grad!.item()).toBe(1);
    let z = x.exp();
    for (let i = 0; i < 100_000; i++) z = z.add(x);
    expect(torch.autograd.grad(z, x)[0]!.item()).toBeCloseTo(100_000 + Math.E, 1);
  });

  it("of passes inside passes", () => {
    const x = leaf([1]);
    const nested = (depth: number): torch.Tensor => {
      const y = x.mul(1);
      y.registerHook(() => {
        if (depth > 0)
          torch.enableGrad(() =>
            nested(depth - 1)
              .sum()
              .backward(),
          );
      });
      return y;
    };
    nested(100).sum().backward();
    expect(x.grad!.item()).toBe(101);
  });
});
