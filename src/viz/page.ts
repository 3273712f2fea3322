// A drawing of a graph as a page of its own: pointing at a box shows what is known of it.
import { marked } from "./look.ts";

/** What the page tells of a box, line by line. */
export type Facts = Readonly<Record<string, readonly string[]>>;

const style = `
body { margin: 0; font: 14px Arial, Helvetica, sans-serif; color: #0f172a; }
header { padding: 8px 16px; border-bottom: 1px solid #cbd5e1; }
main { overflow: auto; }
.box { cursor: pointer; }
.box:hover rect, .box:focus rect, .box.pinned rect { stroke-width: 3; }
#facts { position: fixed; right: 16px; bottom: 16px; max-width: 45vw; max-height: 60vh; overflow: auto; padding: 10px 14px;
  background: #0f172a; color: #f8fafc; border-radius: 8px; font: 12px monospace; white-space: pre-wrap; }
#facts:empty { display: none; }
`;

// Pointing shows, clicking pins, clicking elsewhere lets go. Keyboards get the same by focus and Enter.
const script = `
const facts = JSON.parse(document.getElementById("data").textContent);
const panel = document.getElementById("facts");
let pinned = null;
const show = (box) => { panel.textContent = box === null ? "" : (facts[box.dataset.id] ?? []).join("\\n"); };
const pin = (box) => {
  if (pinned !== null) pinned.classList.remove("pinned");
  pinned = box;
  if (box !== null) box.classList.add("pinned");
  show(box);
};
for (const box of document.querySelectorAll(".box")) {
  box.setAttribute("tabindex", "0");
  // The panel says more than the browser's own tooltip would.
  box.querySelector("title")?.remove();
  box.addEventListener("pointerenter", () => show(box));
  box.addEventListener("focus", () => show(box));
  box.addEventListener("pointerleave", () => show(pinned));
  box.addEventListener("click", (event) => { event.stopPropagation(); pin(box === pinned ? null : box); });
  box.addEventListener("keydown", (event) => { if (event.key === "Enter") pin(box === pinned ? null : box); });
}
document.addEventListener("click", () => pin(null));
`;

/** The page: the drawing, the facts, and nothing that it would have to load. */
export function pageOf(title: string, svg: string, facts: Facts): string {
  // "<" must not end the script element early.
  const data = JSON.stringify(facts).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${marked(title)}</title>
<style>${style}</style>
<header><b>${marked(title)}</b>: point at a box for its shapes, saved values and source line; click to keep them in view.</header>
<main>${svg}</main>
<div id="facts" role="status"></div>
<script type="application/json" id="data">${data}</script>
<script>${script}</script>
</html>
`;
}
