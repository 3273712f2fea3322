// Graphs as objects: walking, folding of what repeats, and drawings without other packages.
import * as torch from "flambeau";
import { describe, expect, it } from "vitest";

const { viz } = torch;
const leaf = (...size: number[]): torch.Tensor => torch.ones(size, { requiresGrad: true });

/** A network of equal layers, and its output. */
function deep(layers: number): {
  readonly out: torch.Tensor;
  readonly params: [string, torch.Tensor][];
} {
  const all = Array.from({ length: layers }, () => new torch.nn.Linear(4, 4));
  let x = leaf(2, 4).mul(1);
  for (const layer of all) x = x.add(layer(x).tanh());
  const params = all.flatMap((layer, i) =>
    [...layer.namedParameters()].map(([name, p]): [string, torch.Tensor] => [`${i}.${name}`, p]),
  );
  return { out: x.sum(), params };
}

describe("a graph to walk", () => {
  it("has inputs and users, and one box for what is used twice", () => {
    const w = leaf(2);
    const y = w.mul(w);
    const picture = viz.graph(y.add(y).exp(), { params: { w }, saved: false });
    const named = (label: string): torch.viz.GraphBox =>
      picture.boxes.find((box) => box.label === label)!;
    const labels = (boxes: readonly torch.viz.GraphBox[]): string[] => boxes.map((b) => b.label);
    expect(labels(picture.inputsOf(named("AddBackward0")))).toEqual([
      "MulBackward0",
      "MulBackward0",
    ]);
    expect(labels(picture.usersOf(named("w")))).toEqual(["MulBackward0", "MulBackward0"]);
    expect(named("w").tensor).toBe(w);
    expect(named("AddBackward0").node).toBe(y.gradFn === null ? null : named("AddBackward0").node);
    expect(picture.toDot()).toContain('label="2×"');
    expect(picture.toSvg()).toContain(">2×</text>");
    expect(String(picture)).toBe("GraphPicture(3 operations, 5 boxes)");
  });

  it("takes names as a record, as pairs or from a module, and several results", () => {
    const layer = new torch.nn.Linear(2, 1);
    const out = layer(torch.ones(1, 2));
    for (const params of [
      layer,
      { weight: layer.weight, bias: layer.bias! },
      [...layer.namedParameters()],
    ])
      expect(viz.graph(out, { params }).toDot()).toMatch(/weight[^]*bias/);
    const both = viz.graph([out, out.mul(2)], { params: { out } });
    expect(both.boxes.filter(({ kind }) => kind === "result").map((b) => b.label)).toEqual([
      "out",
      "result 1",
    ]);
  });

  it("tells shapes, saved values, hooks and lines", () => {
    const w = leaf(2, 3);
    const [y, z] = viz.recordLines(() => {
      const kept = w.mul(2);
      return [kept, kept.exp()];
    });
    y.registerHook(() => {});
    const picture = viz.graph(z);
    const facts = (label: string): string =>
      picture.factsOf(picture.boxes.find((box) => box.label === label)!).join("\n");
    expect(facts("MulBackward0")).toMatch(/result: float32 2 × 3[^]*hooks: 1[^]*called as: mul/);
    expect(facts("ExpBackward0")).toMatch(/saved values: result float32 2 × 3/);
    expect(facts("ExpBackward0")).toMatch(/source line:\n {2}at .*graph\.test\.ts:\d+:\d+/);
    const plain = viz.graph(w.mul(2));
    expect(plain.factsOf(plain.boxes[1]!).join("\n")).toContain("torch.viz.recordLines(");
  });

  it("copes with in-place changes, views, graphs that were freed, and double backward", () => {
    const w = leaf(4);
    const made = viz.recordLines(() => {
      const y = w.mul(2);
      y.at("0:2").mul_(3);
      y.add_(1);
      return y.view(2, 2);
    });
    const picture = viz.graph(made);
    const names = picture.boxes.map((box) => box.label);
    expect(names).toContain("CopySlices");
    expect(names).toContain("ViewBackward0");
    const added = picture.boxes.find(({ label }) => label === "AddBackward0")!;
    expect(picture.factsOf(added).join("\n")).toMatch(/called as: add_\nan in-place change/);
    const loss = w.exp().sum();
    loss.backward();
    const freed = viz.graph(loss);
    const exp = freed.boxes.find(({ label }) => label === "ExpBackward0")!;
    expect(freed.factsOf(exp)).toContain("saved values: none, or freed by a backward pass");
    expect(freed.toSvg()).toContain("ExpBackward0");
    const [gradient] = viz.recordLines(() =>
      torch.autograd.grad(w.pow(3).sum(), w, { createGraph: true }),
    );
    const second = viz.graph(gradient!);
    expect(second.boxes.flatMap((box) => second.factsOf(box)).join("\n")).toContain(
      "made by the backward of PowBackward0",
    );
  });

  it("refuses what it does not know", () => {
    expect(() => viz.graph(leaf(1).mul(2), { param: {} } as never)).toThrow(
      /did you mean "params"/,
    );
    expect(() => viz.graph(leaf(1).mul(2), { params: { w: 3 } as never })).toThrow(/names are/);
    expect(() => viz.graph([])).toThrow(torch.ArgumentError);
    expect(() => viz.graph(leaf(1))).toThrow(/has no graph/);
  });
});

describe("a large graph", () => {
  it("shows a layer that repeats once, with its number", () => {
    const { out, params } = deep(12);
    const picture = viz.graph(out, { params });
    const { blocks, boxes } = picture.drawing;
    expect(blocks.map(({ times }) => times)).toEqual([12]);
    const inside = blocks[0]!.members.map((id) => boxes.find((box) => box.id === id)!);
    expect(inside.map(({ label }) => label).sort()).toEqual([
      "0.bias",
      "0.weight",
      "AddBackward0",
      "AddmmBackward0",
      "TanhBackward0",
      "input",
      "result",
    ]);
    expect(boxes.filter(({ kind }) => kind === "operation").map((b) => b.label)).toEqual([
      "SumBackward0",
      "AddBackward0",
      "MulBackward0",
      "TanhBackward0",
      "AddmmBackward0",
    ]);
    expect(picture.toDot()).toContain('label="× 12"');
    expect(picture.toSvg()).toContain(">× 12</text>");
    // Every arrow joins two boxes that are there.
    const there = new Set(boxes.map(({ id }) => id));
    for (const { from, to } of picture.drawing.arrows)
      expect([there.has(from), there.has(to)]).toEqual([true, true]);
  });

  it("is drawn whole on demand, and small ones by default", () => {
    const { out } = deep(12);
    expect(viz.graph(out, { fold: false }).drawing.blocks).toEqual([]);
    expect(viz.graph(deep(3).out).drawing.blocks).toEqual([]);
    expect(viz.graph(deep(3).out, { fold: true }).drawing.blocks[0]!.times).toBe(3);
  });

  it("folds blocks inside blocks", () => {
    const w = leaf(3, 3);
    let h = leaf(3, 3).mul(1);
    for (let i = 0; i < 20; i++) {
      for (let k = 0; k < 10; k++) h = h.matmul(w).tanh();
      h = h.relu();
    }
    const picture = viz.graph(h);
    const { blocks } = picture.drawing;
    // The weight that all steps share is in none of them.
    const leafBox = picture.boxes.find(({ tensor, kind }) => kind === "leaf" && tensor === w)!;
    expect(blocks.some(({ members }) => members.includes(leafBox.id))).toBe(false);
    expect(blocks.map(({ times, parent }) => [times, parent?.times ?? null])).toEqual([
      [20, null],
      [10, 20],
    ]);
  });

  it("does not fold what only looks alike", () => {
    const w = leaf(2);
    const early = w.mul(1);
    let x = early;
    // Every step looks back to another place.
    const steps = [early];
    let state = 7;
    for (let i = 0; i < 40; i++) {
      state = (state * 48271) % 2147483647;
      x = x.add(steps[state % steps.length]!);
      steps.push(x);
    }
    const { blocks, boxes } = viz.graph(x, { fold: true }).drawing;
    const hidden = 41 - boxes.filter(({ kind }) => kind === "operation").length;
    expect(hidden).toBeLessThan(8);
    for (const { times } of blocks) expect(times).toBeLessThan(4);
  });

  it("of 10,000 operations makes a small drawing, without recursion", () => {
    let chain = leaf(2).mul(1);
    for (let i = 0; i < 10_000; i++) chain = chain.neg();
    const picture = viz.graph(chain);
    expect(picture.boxes).toHaveLength(10_003);
    expect(picture.drawing.boxes.length).toBeLessThan(8);
    expect(picture.toHtml().length).toBeLessThan(10_000);
    const pool = [leaf(2).mul(1), leaf(2).mul(2)];
    let state = 1;
    const next = (n: number): number => (state = (state * 48271) % 2147483647) % n;
    for (let i = 0; i < 10_000; i++) {
      const [a, b] = [pool[next(pool.length)]!, pool[next(pool.length)]!];
      pool.push([a.add(b), a.mul(b), a.sin()][next(3)]!);
      if (pool.length > 20) pool.shift();
    }
    const tangle = viz.graph(
      pool.reduce((a, b) => a.add(b)),
      { saved: false },
    );
    const { boxes } = tangle.drawing;
    expect(boxes.filter(({ kind }) => kind === "operation")).toHaveLength(150);
    expect(boxes.find(({ kind }) => kind === "rest")!.label).toMatch(/\d+ earlier operations/);
    expect(tangle.toSvg()).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe("a drawing", () => {
  it("keeps boxes of a row apart and sends arrows downwards", () => {
    const { out } = deep(5);
    const svg = viz.graph(out, { fold: false }).toSvg();
    const rects = [
      ...svg.matchAll(
        /data-id="\w+"><title>[^<]*<\/title><rect x="([\d.-]+)" y="([\d.-]+)" width="([\d.]+)"/g,
      ),
    ].map(([, x, y, width]) => ({ x: Number(x), y: Number(y), width: Number(width) }));
    expect(rects.length).toBeGreaterThan(20);
    for (const a of rects)
      for (const b of rects)
        if (a !== b && Math.abs(a.y - b.y) < 12 && a.x <= b.x)
          expect(a.x + a.width).toBeLessThanOrEqual(b.x + 0.2);
    for (const [, from, to] of svg.matchAll(/d="M[\d.-]+ ([\d.-]+)[^"]* ([\d.-]+)" fill="none"/g))
      expect(Number(to)).toBeGreaterThan(Number(from));
  });

  it("is the same each time, and escapes names", () => {
    const w = leaf(2);
    const y = w.mul(3).relu();
    const draw = (): string => viz.graph(y, { params: { "a<b>&c": w } }).toSvg();
    expect(draw()).toBe(draw());
    expect(draw()).toContain("a&lt;b&gt;&amp;c");
    expect(viz.graph(y, { params: { "</script>": w } }).toHtml()).not.toMatch(/"<\/script>/);
  });
});
