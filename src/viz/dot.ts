// The drawing of a graph: as DOT text, and as SVG where the @viz-js/viz package is installed.
import { DeviceError } from "../core/errors.ts";
import type { Tensor } from "../ops/methods.ts";
import { type BoxKind, type GraphOptions, graphOf } from "./graph.ts";

interface Look {
  readonly shape: string;
  readonly style: string;
  readonly fill: string;
  readonly line: string;
  readonly meaning: string;
}

const looks: Readonly<Record<BoxKind, Look>> = {
  leaf: {
    shape: "box",
    style: "filled",
    fill: "#dbeafe",
    line: "#2563eb",
    meaning: "leaf: its gradient is accumulated",
  },
  operation: {
    shape: "box",
    style: "filled,rounded",
    fill: "#f1f5f9",
    line: "#64748b",
    meaning: "operation",
  },
  saved: {
    shape: "note",
    style: "filled",
    fill: "#fef3c7",
    line: "#d97706",
    meaning: "value saved for the backward pass",
  },
  result: {
    shape: "box",
    style: "filled,bold",
    fill: "#dcfce7",
    line: "#16a34a",
    meaning: "result",
  },
};

const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`;
const marked = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function attributes(kind: BoxKind): string {
  const { shape, style, fill, line } = looks[kind];
  return `shape=${shape}, style="${style}", fillcolor="${fill}", color="${line}"`;
}

function boxLabel(label: string, shape: readonly number[] | null): string {
  if (shape === null) return quoted(label);
  const sizes = shape.length === 0 ? "scalar" : shape.join(" × ");
  return `<${marked(label)}<br/><font point-size="10" color="#475569">${sizes}</font>>`;
}

function legend(kinds: readonly BoxKind[]): string {
  const rows = kinds.map((kind) => {
    const { fill, line, meaning } = looks[kind];
    const swatch = `<td bgcolor="${fill}" color="${line}" border="1" width="18" height="12"></td>`;
    return `<tr>${swatch}<td border="0" align="left">${meaning}</td></tr>`;
  });
  const table = `<table border="0" cellborder="0" cellspacing="4">${rows.join("")}</table>`;
  return `  legend [shape=plain, fontsize=10, fontcolor="#475569", label=<${table}>];`;
}

/**
 * The graph behind a tensor as DOT text, which Graphviz draws: time runs downwards, from leaves over operations to the result. Leaves,
 * operations, saved values and the result differ in colour and shape, and a legend says what is what.
 * @example
 * ```ts
 * const w = torch.ones(2, { requiresGrad: true });
 * torch.viz.toDot(w.mul(3), { names: { w } }).split("\n")[0] // => digraph {
 * ```
 */
export function toDot(result: Tensor, options: GraphOptions = {}): string {
  const { boxes, arrows } = graphOf(result, options);
  const kinds = (Object.keys(looks) as BoxKind[]).filter((kind) =>
    boxes.some((box) => box.kind === kind),
  );
  // Graphviz knows how wide this font's letters are.
  const font = 'fontname="Arial"';
  return [
    "digraph {",
    `  graph [rankdir=TB, nodesep=0.3, ranksep=0.35, pad=0.3, bgcolor="white", ${font}];`,
    `  node [${font}, fontsize=12, fontcolor="#0f172a", margin="0.22,0.08", height=0.3];`,
    `  edge [color="#64748b", arrowsize=0.7];`,
    ...boxes.map(
      ({ id, kind, label, shape }) =>
        `  ${id} [label=${boxLabel(label, shape)}, ${attributes(kind)}];`,
    ),
    ...arrows.map(({ from, to, saved }) =>
      saved
        ? `  ${from} -> ${to} [style=dashed, color="#d97706", arrowhead=none];`
        : `  ${from} -> ${to};`,
    ),
    legend(kinds),
    "}",
    "",
  ].join("\n");
}

// An optional peer: not every user has it, and its types would need those of the DOM.
const drawer: string = "@viz-js/viz";
interface Drawer {
  readonly instance: () => Promise<{
    renderString(dot: string, options: { readonly format: "svg" }): string;
  }>;
}

/**
 * The graph behind a tensor as SVG text. Needs the package `@viz-js/viz`; throws DeviceError, saying so, where it is not installed.
 * @example
 * ```ts
 * const w = torch.ones(2, { requiresGrad: true });
 * (await torch.viz.toSvg(w.mul(3), { names: { w } })).includes("<svg") // => true
 * ```
 */
export async function toSvg(result: Tensor, options: GraphOptions = {}): Promise<string> {
  const dot = toDot(result, options);
  const { instance } = await (import(drawer) as Promise<Drawer>).catch((error: unknown) => {
    throw new DeviceError(
      `viz.toSvg: drawing needs the package @viz-js/viz, which could not be loaded; install it with npm install @viz-js/viz, or draw the text of viz.toDot() elsewhere (${String(error)})`,
    );
  });
  const svg = (await instance()).renderString(dot, { format: "svg" });
  return svg.replaceAll('font-family="Arial"', 'font-family="Arial,Helvetica,sans-serif"');
}
