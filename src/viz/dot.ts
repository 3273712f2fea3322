// The drawing of a graph: as DOT text, and as SVG where the @viz-js/viz package is installed.
import { DeviceError } from "../core/errors.ts";
import type { Tensor } from "../ops/methods.ts";
import { type Block, type Drawing, foldGraph } from "./fold.ts";
import { type GraphBox, type GraphOptions, graphOf } from "./graph.ts";
import { type BoxKind, looks, marked, sizesText } from "./look.ts";

const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`;

function attributes(kind: BoxKind): string {
  const { shape, style, fill, line } = looks[kind];
  return `shape=${shape}, style="${style}", fillcolor="${fill}", color="${line}"`;
}

function boxLabel(label: string, shape: readonly number[] | null): string {
  if (shape === null) return quoted(label);
  return `<${marked(label)}<br/><font point-size="10" color="#475569">${sizesText(shape)}</font>>`;
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

const boxLine = ({ id, kind, label, shape }: GraphBox): string =>
  `  ${id} [label=${boxLabel(label, shape)}, ${attributes(kind)}];`;

/** A frame around the boxes of a block, with those of the blocks inside it. */
function frame(block: Block, blocks: readonly Block[], lines: string[]): void {
  lines.push(
    `  subgraph cluster_${block.id} {`,
    `  label="× ${block.times}"; labeljust=r; style="rounded,dashed"; color="#7c3aed"; fontcolor="#6d28d9";`,
  );
  const inner = blocks.filter(({ parent }) => parent?.id === block.id);
  const own = block.members.filter((id) => !inner.some(({ members }) => members.includes(id)));
  for (const child of inner) frame(child, blocks, lines);
  lines.push(`  ${own.join("; ")}${own.length > 0 ? ";" : ""}`, "  }");
}

/** A drawing as DOT text. */
export function dotOf({ boxes, arrows, blocks }: Drawing): string {
  const kinds = (Object.keys(looks) as BoxKind[]).filter((kind) =>
    boxes.some((box) => box.kind === kind),
  );
  const frames: string[] = [];
  for (const block of blocks) if (block.parent === null) frame(block, blocks, frames);
  // Graphviz knows how wide this font's letters are.
  const font = 'fontname="Arial"';
  return [
    "digraph {",
    `  graph [rankdir=TB, nodesep=0.3, ranksep=0.35, pad=0.3, bgcolor="white", ${font}];`,
    `  node [${font}, fontsize=12, fontcolor="#0f172a", margin="0.22,0.08", height=0.3];`,
    `  edge [color="#64748b", arrowsize=0.7];`,
    ...boxes.map(boxLine),
    ...frames,
    ...arrows.map(({ from, to, saved, times }) => {
      const label = times === 1 ? "" : `label="${times}×", fontsize=10`;
      if (saved)
        return `  ${from} -> ${to} [style=dashed, color="#d97706", arrowhead=none${label === "" ? "" : `, ${label}`}];`;
      return `  ${from} -> ${to}${label === "" ? "" : ` [${label}]`};`;
    }),
    legend(kinds),
    "}",
    "",
  ].join("\n");
}

/**
 * The graph behind a tensor as DOT text, which Graphviz draws: time runs downwards, from leaves over operations to the result. Leaves,
 * operations, saved values and the result differ in colour and shape, and a legend says what is what. Nothing is left out;
 * `graph(...).toDot()` folds what repeats.
 * @example
 * ```ts
 * const w = torch.ones(2, { requiresGrad: true });
 * torch.viz.toDot(w.mul(3), { names: { w } }).split("\n")[0] // => digraph {
 * ```
 */
export function toDot(result: Tensor | readonly Tensor[], options: GraphOptions = {}): string {
  return dotOf(
    foldGraph(graphOf(result, options), { fold: false, limit: Number.POSITIVE_INFINITY }),
  );
}

// An optional peer: not every user has it, and its types would need those of the DOM.
const drawer: string = "@viz-js/viz";
interface Drawer {
  readonly instance: () => Promise<{
    renderString(dot: string, options: { readonly format: "svg" }): string;
  }>;
}

/**
 * The graph behind a tensor as SVG text, drawn by Graphviz. Needs the package `@viz-js/viz`; throws DeviceError, saying so, where it is
 * not installed. `graph(...).toSvg()` needs no package.
 * @example
 * ```ts
 * const w = torch.ones(2, { requiresGrad: true });
 * (await torch.viz.toSvg(w.mul(3), { names: { w } })).includes("<svg") // => true
 * ```
 */
export async function toSvg(
  result: Tensor | readonly Tensor[],
  options: GraphOptions = {},
): Promise<string> {
  const dot = toDot(result, options);
  const { instance } = await (import(drawer) as Promise<Drawer>).catch((error: unknown) => {
    throw new DeviceError(
      `viz.toSvg: drawing needs the package @viz-js/viz, which could not be loaded; install it with npm install @viz-js/viz, or draw the text of viz.toDot() elsewhere (${String(error)})`,
    );
  });
  const svg = (await instance()).renderString(dot, { format: "svg" });
  return svg.replaceAll('font-family="Arial"', 'font-family="Arial,Helvetica,sans-serif"');
}
