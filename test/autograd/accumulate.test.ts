// What .grad holds: whose memory, which object, in which order hooks see it; grad modes; detaching.
import * as torch from "flambeau";
import { describe, expect, it } from "vitest";

const leaf = (values: number[]): torch.Tensor => torch.tensor(values, { requiresGrad: true });
const list = (t: torch.Tensor | null): unknown => t?.tolist() ?? null;

describe(".grad", () => {
  it("lies in memory as its leaf does, unless that is switched off", () => {
    const { enforceGradLayoutPolicy } = torch.autograd;
    const strides = (): readonly number[] => {
      const x = torch.ones(4, 6, { requiresGrad: true });
      x.mul(torch.ones(6, 4).t()).sum().backward();
      return x.grad!.stride();
    };
    expect(strides()).toEqual([6, 1]);
    expect(enforceGradLayoutPolicy(false, strides)).toEqual([1, 4]);
    expect(enforceGradLayoutPolicy.wrap(false, strides)()).toEqual([1, 4]);
    {
      using _ = enforceGradLayoutPolicy(false);
      expect(strides()).toEqual([1, 4]);
      expect(enforceGradLayoutPolicy(true, strides)).toEqual([6, 1]);
    }
    expect(strides()).toEqual([6, 1]);
    expect(() => enforceGradLayoutPolicy(1 as unknown as boolean)).toThrow(/true or false/);
  });

  it("is one object, updated in place", () => {
    const x = leaf([1, 2]);
    x.mul(2).sum().backward();
    const first = x.grad;
    x.mul(3).sum().backward();
    expect(x.grad).toBe(first);
    expect(list(x.grad)).toEqual([5, 5]);
  });

  it("is another object where the pass is recorded", () => {
    const x = leaf([1, 2]);
    x.mul(2).sum().backward();
    const first = x.grad;
    x.mul(x).sum().backward({ createGraph: true });
    expect(x.grad === first).toBe(false);
    expect([list(first), list(x.grad), x.grad!.requiresGrad]).toEqual([[2, 2], [4, 6], true]);
  });

  it.each<[string, (x: torch.Tensor, y: torch.Tensor) => torch.Tensor]>([
    ["add", (x, y) => x.add(y)],
    ["add below clones", (x, y) => x.clone().add(y.clone())],
    ["add below views", (x, y) => x.view(2).add(y.view(2))],
    ["cat", (x, y) => torch.cat([x, y])],
    ["stack", (x, y) => torch.stack([x, y])],
  ])("of two leaves never shares memory: %s", (_, make) => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    const z = make(x, y);
    z.backward(torch.ones(z.shape));
    x.grad!.mul_(7);
    expect([list(x.grad), list(y.grad)]).toEqual([
      [7, 7],
      [1, 1],
    ]);
  });

  it("is not shared with what a hook saw, or another tensor retained", () => {
    const [x, w] = [leaf([1, 2]), leaf([5, 5])];
    const y = x.add(0);
    y.retainGrad();
    const seen: torch.Tensor[] = [];
    y.registerHook((g) => void seen.push(g));
    const z = y.add(w);
    z.retainGrad();
    z.backward(torch.ones(2).mul(1));
    for (const t of [x, w, y, z]) t.grad!.mul_(10);
    expect([x, w, y, z].map((t) => list(t.grad))).toEqual(Array(4).fill([10, 10]));
    expect(list(seen[0]!)).toEqual([1, 1]);
  });

  it("takes tensors that fit, and null", () => {
    const x = leaf([1, 2]);
    x.grad = torch.ones(2);
    x.mul(2).sum().backward();
    expect(list(x.grad)).toEqual([3, 3]);
    x.grad = null;
    expect(x.grad).toBeNull();
    expect(() => (x.grad = torch.ones(3))).toThrow(torch.ShapeError);
    expect(() => (x.grad = torch.ones(2, { dtype: torch.float64 }))).toThrow(torch.DTypeError);
    expect(() => (x.grad = x)).toThrow(/own gradient/);
    expect(() => (x.grad = 5 as never)).toThrow(torch.AutogradError);
  });

  it("of others than leaves is retained on request, by the newest value", () => {
    const x = leaf([1, 1]);
    const y = x.mul(2);
    expect(y.retainsGrad).toBe(false);
    y.retainGrad();
    y.retainGrad();
    y.mul_(3);
    y.sum().backward();
    expect([list(y.grad), list(x.grad)]).toEqual([
      [1, 1],
      [6, 6],
    ]);
    x.retainGrad();
    expect(x.retainsGrad).toBe(false);
    expect(() => torch.ones(1).retainGrad()).toThrow(/does not require grad/);
  });

  it("of a view is retained through a change of its base", () => {
    const x = leaf([1, 1]);
    const b = x.mul(2);
    const v = b.at([0]);
    const u = b.narrow(0, 0, 1);
    u.retainGrad();
    b.mul_(3);
    u.sum().mul(5).backward();
    expect([list(u.grad), list(x.grad), v.numel()]).toEqual([[5], [30, 0], 1]);
  });
});

describe("hooks", () => {
  it("see and replace gradients, in the order of their making", () => {
    const x = leaf([1, 2]);
    x.registerHook((g) => g.mul(2));
    const second = x.registerHook((g) => g.add(1));
    x.sum().backward();
    expect(list(x.grad)).toEqual([3, 3]);
    second.remove();
    second.remove();
    x.sum().backward();
    expect(list(x.grad)).toEqual([5, 5]);
  });

  it("stay with the value they were made for", () => {
    const x = leaf([1]);
    const calls: [string, unknown][] = [];
    const y = x.mul(2);
    y.registerHook((g) => void calls.push(["old", list(g)]));
    y.mul_(4);
    y.registerHook((g) => void calls.push(["new", list(g)]));
    y.sum().backward();
    expect(calls).toEqual([
      ["new", [1]],
      ["old", [4]],
    ]);
  });

  it("are checked in what they return", () => {
    const run =
      (hook: (g: torch.Tensor) => unknown): (() => void) =>
      () => {
        const x = leaf([1, 2]);
        x.registerHook(hook as never);
        x.sum().backward();
      };
    expect(run(() => torch.ones(3))).toThrow(/\[2\].*\[3\]/);
    expect(run((g) => g.to(torch.float64))).toThrow(torch.DTypeError);
    expect(run(() => 5)).toThrow(/must return a tensor/);
    expect(() => torch.ones(1).registerHook(() => {})).toThrow(torch.AutogradError);
    expect(() => leaf([1]).registerHook(5 as never)).toThrow(/function/);
  });

  it("after accumulation see the leaf, in order, and belong to leaves alone", () => {
    const x = leaf([1, 2]);
    const seen: unknown[] = [];
    x.registerHook((g) => void seen.push(list(g)));
    x.registerPostAccumulateGradHook((t) => void seen.push(t === x && list(t.grad)));
    x.registerPostAccumulateGradHook((t) => void (t.grad = null));
    x.mul(2).sum().backward();
    expect(seen).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect(x.grad).toBeNull();
    expect(() => x.mul(2).registerPostAccumulateGradHook(() => {})).toThrow(/only a leaf/);
  });

  it.each<[string, (x: torch.Tensor, y: torch.Tensor) => torch.Tensor]>([
    ["add", (x, y) => x.add(y)],
    ["cat", (x, y) => torch.cat([x, y]).view(2, 2).sum(0)],
  ])("that change .grad do not reach gradients still on their way: %s", (_, make) => {
    const [x, y] = [leaf([1, 2]), leaf([1, 2])];
    x.registerPostAccumulateGradHook((t) => void t.grad!.zero_());
    // A gradient that the pass computed itself, and so might hand on.
    make(x, y.mul(3)).mul(2).backward(torch.ones(2));
    expect(list(y.grad)).toEqual([6, 6]);
  });
});

describe("grad modes", () => {
  it("hold for a callback, nest, and end with an exception", () => {
    const states: boolean[] = [];
    const note = (): number => states.push(torch.isGradEnabled());
    torch.noGrad(() => {
      note();
      torch.enableGrad(() => {
        note();
        torch.setGradEnabled(false, note);
        note();
      });
      note();
    });
    expect(() =>
      torch.noGrad(() => {
        throw new Error("mine");
      }),
    ).toThrow("mine");
    note();
    expect(states).toEqual([false, true, false, true, false, true]);
    expect(torch.noGrad(() => 7)).toBe(7);
  });

  it("hold until a guard is disposed of", () => {
    const guard = torch.setGradEnabled(false);
    expect(torch.isGradEnabled()).toBe(false);
    const inner = torch.enableGrad();
    inner[Symbol.dispose]();
    expect(torch.isGradEnabled()).toBe(false);
    guard[Symbol.dispose]();
    expect(torch.isGradEnabled()).toBe(true);
  });

  it("refuse promises, and what is no function", () => {
    expect(() => torch.noGrad(async () => {})).toThrow(/promise.*await/);
    expect(torch.isGradEnabled()).toBe(true);
    expect(() => torch.noGrad(5 as never)).toThrow(torch.AutogradError);
    expect(() => torch.setGradEnabled(1 as never)).toThrow(/true or false/);
  });

  it("let leaves be changed, and count versions", () => {
    const x = leaf([1, 2]);
    torch.noGrad(() => x.add_(1));
    expect([list(x), x.version, x.isLeaf]).toEqual([[2, 3], 1, true]);
  });
});

describe("detach", () => {
  it("shares memory and version", () => {
    const y = leaf([1, 2]).mul(2);
    const d = y.detach();
    d.mul_(3);
    expect([list(y), y.version, d.requiresGrad]).toEqual([[6, 12], 1, false]);
  });

  it("makes a change visible to the graph", () => {
    const x = leaf([1, 2]);
    const y = x.mul(1);
    const z = y.mul(y);
    y.detach().add_(1);
    expect(() => z.sum().backward()).toThrow(/add_.*version 1, expected version 0/);
  });

  it("in place cuts the tensor off, views excepted", () => {
    const x = leaf([1, 2]);
    const y = x.exp();
    const z = y.sum();
    expect(y.detach_()).toBe(y);
    expect([y.requiresGrad, y.isLeaf]).toEqual([false, true]);
    z.backward();
    expect(x.grad!.sub(y).abs().max().item()).toBe(0);
    expect(() => x.mul(1).at(0).detach_()).toThrow(/view/);
    const w = x.mul(2);
    const q = w.mul(w).sum();
    w.detach_();
    expect(() => torch.autograd.grad(q, x, { createGraph: true })).toThrow(/detach_\(\)/);
  });
});
