// A drawing of a graph as SVG text, laid out here: it needs no other package.
import type { Drawing } from "./fold.ts";
import type { GraphBox } from "./graph.ts";
import { type Layout, layOut, type Placed, type Point } from "./layout.ts";
import { type BoxKind, looks, marked, sizesText } from "./look.ts";

const characterWidth = 7.2;
const font = "Arial,Helvetica,sans-serif";

const sizeOf = ({ label, shape }: GraphBox): { width: number; height: number } => ({
  width: Math.max(
    40,
    Math.max(label.length, shape === null ? 0 : sizesText(shape).length) * characterWidth + 24,
  ),
  height: shape === null ? 30 : 42,
});

const number = (value: number): string => String(Math.round(value * 10) / 10);

function boxMarkup({ box, x, y, width, height }: Placed, title: string): string {
  const { fill, line, style } = looks[box.kind];
  const rounded = style.includes("rounded") ? ' rx="8"' : "";
  const dashed = style.includes("dashed") ? ' stroke-dasharray="5 4"' : "";
  const thick = style.includes("bold") ? 2 : 1;
  const label = `<text x="${number(x)}" y="${number(box.shape === null ? y + 4 : y - 2)}" font-size="12" fill="#0f172a">${marked(box.label)}</text>`;
  const sizes =
    box.shape === null
      ? ""
      : `<text x="${number(x)}" y="${number(y + 13)}" font-size="10" fill="#475569">${sizesText(box.shape)}</text>`;
  return `<g class="box ${box.kind}" data-id="${box.id}"><title>${marked(title)}</title><rect x="${number(x - width / 2)}" y="${number(y - height / 2)}" width="${number(width)}" height="${number(height)}"${rounded}${dashed} fill="${fill}" stroke="${line}" stroke-width="${thick}"/>${label}${sizes}</g>`;
}

/** A curve that leaves and arrives upright. */
function curve(points: readonly Point[]): string {
  const [first, ...others] = points;
  let path = `M${number(first!.x)} ${number(first!.y)}`;
  let before = first!;
  for (const point of others) {
    const half = number((before.y + point.y) / 2);
    path += `C${number(before.x)} ${half} ${number(point.x)} ${half} ${number(point.x)} ${number(point.y)}`;
    before = point;
  }
  return path;
}

/** The frame of each block, and the badge with its number, which lies on top of everything. */
function blockMarkup({ blocks }: Drawing, { placed }: Layout): { frame: string; badge: string }[] {
  return blocks.map(({ id, times, members, parent }) => {
    const inside = members.map((member) => placed.get(member)!);
    const pad = parent === null ? 14 : 8;
    const left = Math.min(...inside.map(({ x, width }) => x - width / 2)) - pad;
    const right = Math.max(...inside.map(({ x, width }) => x + width / 2)) + pad;
    const top = Math.min(...inside.map(({ y, height }) => y - height / 2)) - pad;
    const bottom = Math.max(...inside.map(({ y, height }) => y + height / 2)) + pad;
    const text = `× ${times}`;
    const wide = text.length * 8 + 12;
    // Blocks inside a block begin where it does: their badges have the other corner.
    const at = parent === null ? right : left;
    return {
      frame: `<rect class="block" data-id="${id}" x="${number(left)}" y="${number(top)}" width="${number(right - left)}" height="${number(bottom - top)}" rx="10" fill="#ede9fe" fill-opacity="0.5" stroke="#7c3aed" stroke-dasharray="6 4"/>`,
      badge: `<g><rect x="${number(at - wide / 2)}" y="${number(top - 10)}" width="${number(wide)}" height="20" rx="10" fill="#6d28d9"/><text x="${number(at)}" y="${number(top + 4)}" font-size="12" font-weight="bold" fill="#ffffff">${text}</text></g>`,
    };
  });
}

function legendMarkup(kinds: readonly BoxKind[], y: number): string {
  return kinds
    .map((kind, i) => {
      const { fill, line, meaning } = looks[kind];
      const top = y + i * 18;
      return `<rect x="24" y="${number(top)}" width="18" height="12" fill="${fill}" stroke="${line}"/><text x="50" y="${number(top + 10)}" font-size="10" fill="#475569" text-anchor="start">${meaning}</text>`;
    })
    .join("");
}

/** The drawing as SVG; `titleOf` gives the text that appears when a box is pointed at. */
export function svgOf(drawing: Drawing, titleOf: (box: GraphBox) => string): string {
  const layout = layOut(drawing, sizeOf);
  const kinds = (Object.keys(looks) as BoxKind[]).filter((kind) =>
    drawing.boxes.some((box) => box.kind === kind),
  );
  const height = layout.height + kinds.length * 18;
  const width = Math.max(layout.width, 260);
  const blocks = blockMarkup(drawing, layout);
  const arrows = drawing.arrows.map(({ saved, times }, a) => {
    const points = layout.routes[a]!;
    const style = saved
      ? 'stroke="#d97706" stroke-dasharray="4 3"'
      : 'stroke="#64748b" marker-end="url(#arrowhead)"';
    const end = points.at(-1)!;
    const count =
      times === 1
        ? ""
        : `<text x="${number(end.x + 12)}" y="${number(end.y - 6)}" font-size="10" fill="#475569">${times}×</text>`;
    return `<path d="${curve(points)}" fill="none" ${style}/>${count}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${number(width)}" height="${number(height)}" viewBox="0 0 ${number(width)} ${number(height)}" font-family="${font}" text-anchor="middle">`,
    '<defs><marker id="arrowhead" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="#64748b"/></marker></defs>',
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    ...blocks.map(({ frame }) => frame),
    ...arrows,
    ...[...layout.placed.values()].map((placed) => boxMarkup(placed, titleOf(placed.box))),
    ...blocks.map(({ badge }) => badge),
    legendMarkup(kinds, layout.height),
    "</svg>",
    "",
  ].join("\n");
}
