// The page of a graph in Chromium: pointing at a box shows what is known of it.
import * as torch from "flambeau";
import { expect, it } from "vitest";
import { noBrowser, visit } from "./visit.ts";

// Opens the graph's page in a frame and does with the pointer what a user would.
const driver = `<!doctype html><iframe src="/graph" width="1000" height="900"></iframe><script>
const send = (body) => fetch("/result", { method: "POST", body: JSON.stringify(body) });
const frame = document.querySelector("iframe");
frame.addEventListener("load", () => {
  try {
    const page = frame.contentDocument;
    const panel = page.getElementById("facts");
    const boxes = [...page.querySelectorAll(".box")];
    const named = (name) => boxes.find((box) => box.textContent.includes(name));
    // What really lies under the pointer at the middle of a box.
    const under = (box) => {
      const { x, y, width, height } = box.getBoundingClientRect();
      return page.elementFromPoint(x + width / 2, y + height / 2).closest(".box");
    };
    const point = (box, type) => under(box).dispatchEvent(new frame.contentWindow.PointerEvent(type));
    const shown = () => (getComputedStyle(panel).display === "none" ? "" : panel.textContent);
    const before = shown();
    point(named("SqrtBackward0"), "pointerenter");
    const operation = shown();
    point(named("SqrtBackward0"), "pointerleave");
    const after = shown();
    under(named("w<")).dispatchEvent(new MouseEvent("click", { bubbles: true }));
    point(named("SqrtBackward0"), "pointerenter");
    point(named("SqrtBackward0"), "pointerleave");
    const pinned = shown();
    page.body.click();
    const requests = frame.contentWindow.performance.getEntriesByType("resource").length;
    send({ before, operation, after, pinned, released: shown(), boxes: boxes.length, requests });
  } catch (error) {
    send({ error: String(error) });
  }
});
</script>`;

interface Result {
  readonly error?: string;
  readonly before: string;
  readonly operation: string;
  readonly after: string;
  readonly pinned: string;
  readonly released: string;
  readonly boxes: number;
  readonly requests: number;
}

it.skipIf(noBrowser !== "")(
  `shows shapes, saved values and lines in a browser${noBrowser === "" ? "" : ` (left out: ${noBrowser})`}`,
  { timeout: 60_000 },
  async () => {
    const w = torch.ones([2, 3], { requiresGrad: true });
    const result = torch.viz.recordLines(() => w.mul(2).sqrt().sum());
    // A name that would end a script element, if it were not for the escaping.
    const page = torch.viz.graph(result, { params: { "w</script>": w } }).toHtml("A graph");
    const found = await visit<Result>({ "/": driver, "/graph": page });
    expect(found.error).toBeUndefined();
    expect(found.before).toBe("");
    expect(found.operation).toContain("result: float32 2 × 3");
    expect(found.operation).toContain("saved values: result float32 2 × 3");
    expect(found.operation).toMatch(/graph\.test\.ts:\d+:\d+/);
    expect(found.after).toBe("");
    expect(found.pinned).toContain("leaf: float32 2 × 3");
    expect(found.released).toBe("");
    expect(found.boxes).toBe(6);
    expect(found.requests).toBe(0);
  },
);
