// Drawings of graphs and curves.
import { describe, expect, it } from "vitest";
import * as torch from "flambeau";

const { viz } = torch;

describe("a graph", () => {
  it("has leaves, operations and saved values, each once", () => {
    const w = torch.ones(2, 3, { requiresGrad: true });
    const x = torch.ones(3);
    const loss = w.mul(x).exp().sum();
    const { boxes, arrows } = viz.graphOf(loss, { names: { w, x, loss } });
    expect(boxes.map(({ kind, label }) => `${kind} ${label}`).sort()).toEqual([
      "leaf w",
      "operation ExpBackward0",
      "operation MulBackward0",
      "operation SumBackward0",
      "result loss",
      "saved result",
      "saved x",
    ]);
    expect(boxes.find(({ label }) => label === "w")!.shape).toEqual([2, 3]);
    expect(arrows.filter(({ saved }) => saved)).toHaveLength(2);
    expect(viz.graphOf(loss, { saved: false }).boxes.some(({ kind }) => kind === "saved")).toBe(
      false,
    );
  });

  it("shows a leaf that is saved as one box, and a long chain without exhausting the stack", () => {
    const w = torch.ones(2, { requiresGrad: true });
    expect(viz.graphOf(w.mul(w)).boxes.filter(({ kind }) => kind === "leaf")).toHaveLength(1);
    let y = w.mul(1);
    for (let i = 0; i < 20_000; i++) y = y.neg();
    expect(viz.graphOf(y).boxes).toHaveLength(20_003);
  });

  it("is drawn as DOT and SVG with a legend, and takes names from a module", async () => {
    const layer = new torch.nn.Linear(2, 1);
    const out = layer(torch.ones(1, 2));
    const dot = viz.toDot(out, { names: layer });
    expect(dot).toContain("weight");
    expect(dot).toContain("legend");
    const svg = await viz.toSvg(out, { names: layer });
    expect(svg).toContain("<svg");
    expect(svg).toContain("AddmmBackward0");
    expect(viz.toDot(out.mul(2), { names: { 'a"<b>&': layer.bias! } })).toContain(
      'a"&lt;b&gt;&amp;',
    );
  });

  it("is refused where there is none", () => {
    expect(() => viz.graphOf(torch.ones(1))).toThrow(torch.ArgumentError);
    expect(() => viz.toDot(3 as never)).toThrow(torch.ArgumentError);
  });
});

describe("a chart", () => {
  it("has a line, ticks and a legend entry for each series", () => {
    const svg = viz.lineChart(
      [
        { name: "loss", y: [2, 1, 0.6] },
        { name: "a < b", y: [10, Number.NaN, 90], axis: "right" },
      ],
      { title: "T", xLabel: "epoch", yLabel: "l", rightLabel: "r" },
    );
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg.match(/<circle/g)).toHaveLength(5);
    for (const text of ["T", "epoch", "loss", "a &lt; b", "1", "3", "100"])
      expect(svg).toContain(`>${text}</text>`);
    expect(svg).not.toContain("NaN");
    expect(svg, "no tick between epochs").not.toContain(">2.5</text>");
  });

  it("draws one point, and equal values", () => {
    for (const y of [[3], [0, 0], [-1, -1]])
      expect(viz.lineChart([{ name: "s", y }])).not.toMatch(/NaN|Infinity/);
  });

  it("refuses nothing to draw", () => {
    expect(() => viz.lineChart([])).toThrow(torch.ArgumentError);
    expect(() => viz.lineChart([{ name: "s", y: [Number.NaN] }])).toThrow(torch.ArgumentError);
  });
});
