// Line charts as SVG text: training curves with axes, ticks and a legend.
import { ArgumentError } from "../core/errors.ts";

/** One line of a chart. */
export interface Series {
  readonly name: string;
  /** The heights, at x = 1, 2, 3 ... unless `x` says otherwise. */
  readonly y: readonly number[];
  readonly x?: readonly number[];
  /** The scale it is read on: the left one, or one of its own on the right. Default: left. */
  readonly axis?: "left" | "right";
}

export interface ChartOptions {
  readonly title?: string;
  readonly xLabel?: string;
  /** What the left scale measures. */
  readonly yLabel?: string;
  /** What the right scale measures. */
  readonly rightLabel?: string;
  readonly width?: number;
  readonly height?: number;
}

const colours = ["#2563eb", "#dc2626", "#16a34a", "#9333ea", "#d97706", "#0891b2"];
const marked = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const rounded = (value: number): string => String(Math.round(value * 100) / 100);

/** Round numbers that span the values: multiples of 1, 2 or 5 times a power of ten, some `wanted` of them, whole ones if asked for. */
function ticks(low: number, high: number, wanted: number, whole: boolean): number[] {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const fine = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const step = whole ? Math.max(1, fine) : fine;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

interface Scale {
  readonly marks: readonly number[];
  readonly place: (value: number) => number;
}

function scale(
  values: readonly number[],
  from: number,
  to: number,
  wanted: number,
  tight: boolean,
): Scale {
  const low = Math.min(...values);
  const high = Math.max(...values);
  // Epochs and steps are counted: there is none between two of them.
  const all = ticks(low, high, wanted, tight && values.every(Number.isInteger));
  const [least, most] = tight ? [low, high] : [all[0] ?? 0, all.at(-1) ?? 1];
  const marks = all.filter((mark) => mark >= least && mark <= most);
  const span = most - least || 1;
  return { marks, place: (value) => from + ((value - least) / span) * (to - from) };
}

function text(x: number, y: number, content: string, more: string): string {
  return `<text x="${rounded(x)}" y="${rounded(y)}" ${more}>${marked(content)}</text>`;
}

/**
 * A line chart as SVG text. Points that are not finite are left out. Throws ArgumentError for no series, and for a series without points.
 * @example
 * ```ts
 * const svg = torch.viz.lineChart([{ name: "loss", y: [2.3, 0.6, 0.4] }], { title: "Training" });
 * svg.startsWith("<svg") // => true
 * ```
 */
export function lineChart(series: readonly Series[], options: ChartOptions = {}): string {
  const lines = series.map(({ name, y, x, axis = "left" }, index) => ({
    name,
    axis,
    colour: colours[index % colours.length]!,
    points: y.flatMap((value, i) => {
      const at = x === undefined ? i + 1 : x[i];
      return at !== undefined && Number.isFinite(at) && Number.isFinite(value)
        ? [[at, value] as const]
        : [];
    }),
  }));
  const empty = lines.find(({ points }) => points.length === 0);
  if (lines.length === 0 || empty !== undefined)
    throw new ArgumentError(
      `viz.lineChart: ${empty === undefined ? "there is no series" : `the series "${empty.name}" has no points`}; there is nothing to draw`,
    );
  const {
    width = 720,
    height = 400,
    title = "",
    xLabel = "",
    yLabel = "",
    rightLabel = "",
  } = options;
  const hasRight = lines.some(({ axis }) => axis === "right");
  const left = 68;
  const right = width - (hasRight ? 68 : 28);
  const top = title === "" ? 52 : 76;
  const bottom = height - 56;
  const horizontal = scale(
    lines.flatMap(({ points }) => points.map(([x]) => x)),
    left,
    right,
    8,
    true,
  );
  const vertical = (side: "left" | "right"): Scale | null => {
    const values = lines
      .filter(({ axis }) => axis === side)
      .flatMap(({ points }) => points.map(([, y]) => y));
    return values.length === 0 ? null : scale(values, bottom, top, 5, false);
  };
  const scales = { left: vertical("left"), right: vertical("right") };
  const colourOf = (side: "left" | "right"): string => {
    const own = lines.filter(({ axis }) => axis === side);
    return hasRight && own.length === 1 ? own[0]!.colour : "#475569";
  };
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Helvetica,Arial,sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
  ];
  if (title !== "")
    out.push(text(left, 30, title, 'font-size="17" font-weight="bold" fill="#0f172a"'));
  let legendX = left;
  for (const { name, colour } of lines) {
    const y = top - 22;
    out.push(
      `<line x1="${legendX}" y1="${y}" x2="${legendX + 22}" y2="${y}" stroke="${colour}" stroke-width="2.5" stroke-linecap="round"/>`,
      text(legendX + 29, y + 4, name, 'fill="#334155"'),
    );
    legendX += 29 + name.length * 6.6 + 26;
  }
  const grid = scales.left ?? scales.right!;
  for (const mark of grid.marks) {
    const y = rounded(grid.place(mark));
    out.push(`<line x1="${left}" y1="${y}" x2="${right}" y2="${y}" stroke="#e2e8f0"/>`);
  }
  for (const side of ["left", "right"] as const) {
    const own = scales[side];
    if (own === null) continue;
    const [x, anchor] = side === "left" ? [left - 9, "end"] : [right + 9, "start"];
    for (const mark of own.marks)
      out.push(
        text(
          x,
          own.place(mark) + 4,
          String(mark),
          `text-anchor="${anchor}" fill="${colourOf(side)}"`,
        ),
      );
    const label = side === "left" ? yLabel : rightLabel;
    const at = side === "left" ? 20 : width - 14;
    const middle = (top + bottom) / 2;
    if (label !== "")
      out.push(
        text(
          at,
          middle,
          label,
          `text-anchor="middle" fill="${colourOf(side)}" transform="rotate(-90 ${at} ${middle})"`,
        ),
      );
  }
  out.push(`<line x1="${left}" y1="${bottom}" x2="${right}" y2="${bottom}" stroke="#64748b"/>`);
  for (const mark of horizontal.marks) {
    const x = rounded(horizontal.place(mark));
    out.push(
      `<line x1="${x}" y1="${bottom}" x2="${x}" y2="${bottom + 5}" stroke="#64748b"/>`,
      text(
        horizontal.place(mark),
        bottom + 20,
        String(mark),
        'text-anchor="middle" fill="#475569"',
      ),
    );
  }
  if (xLabel !== "")
    out.push(text((left + right) / 2, height - 14, xLabel, 'text-anchor="middle" fill="#475569"'));
  for (const { axis, colour, points } of lines) {
    const own = scales[axis]!;
    const places = points.map(([x, y]) => [horizontal.place(x), own.place(y)] as const);
    const path = places.map(([x, y]) => `${rounded(x)},${rounded(y)}`).join(" ");
    out.push(
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2.2" stroke-linejoin="round" stroke-linecap="round"/>`,
    );
    // Points are marked where they can be told apart.
    if (points.length <= 40)
      for (const [x, y] of places)
        out.push(
          `<circle cx="${rounded(x)}" cy="${rounded(y)}" r="3.2" fill="white" stroke="${colour}" stroke-width="2"/>`,
        );
  }
  out.push("</svg>", "");
  return out.join("\n");
}
