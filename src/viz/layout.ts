// Where the boxes of a drawing lie: rows by what is computed of what, order within a row so that arrows cross little.
// After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981).
import type { Drawing } from "./fold.ts";
import type { GraphBox } from "./graph.ts";

/** A box with its middle. */
export interface Placed {
  readonly box: GraphBox;
  readonly width: number;
  readonly height: number;
  readonly x: number;
  readonly y: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly placed: ReadonlyMap<string, Placed>;
  /** For each arrow of the drawing the points that it goes through. */
  readonly routes: readonly (readonly Point[])[];
}

const gap = 18;
const rowHeight = 74;
// Frames and badges of blocks reach beyond the boxes.
const margin = 42;

/** A place in a row: of a box, or of an arrow that passes through. */
interface Spot {
  readonly row: number;
  readonly width: number;
  x: number;
  readonly above: Spot[];
  readonly below: Spot[];
}

function spot(row: number, width: number): Spot {
  return { row, width, x: 0, above: [], below: [] };
}

/**
 * The arrows as they run downwards. A result that its own operation keeps lies below it all the same.
 */
function downwards({ boxes, arrows }: Drawing): { readonly from: string; readonly to: string }[] {
  const results = new Set(boxes.filter(({ kind }) => kind === "result").map(({ id }) => id));
  return arrows.map(({ from, to }) => (results.has(from) ? { from: to, to: from } : { from, to }));
}

/** The row of each box: below everything that it is computed of; what only feeds others lies right above the first of them. */
function rowsOf(
  { boxes, blocks }: Drawing,
  arrows: readonly { readonly from: string; readonly to: string }[],
): Map<string, number> {
  const inputs = new Map<string, string[]>(boxes.map(({ id }) => [id, []]));
  const outputs = new Map<string, string[]>(boxes.map(({ id }) => [id, []]));
  for (const { from, to } of arrows) {
    inputs.get(to)!.push(from);
    outputs.get(from)!.push(to);
  }
  // The innermost block of each box: blocks inside others come after them.
  const blockOf = new Map(
    blocks.flatMap(({ id, members }) => members.map((m) => [m, id] as const)),
  );
  // Into and out of a block there is a row to spare, so that what belongs to one side does not lie beside the other.
  const length = (from: string, to: string): number =>
    blockOf.get(from) === blockOf.get(to) || inputs.get(from)!.length === 0 ? 1 : 2;
  const rows = new Map<string, number>();
  const waiting = new Map(boxes.map(({ id }) => [id, inputs.get(id)!.length]));
  const order = boxes.filter(({ id }) => waiting.get(id) === 0).map(({ id }) => id);
  for (let at = 0; at < order.length; at++) {
    const id = order[at]!;
    rows.set(id, Math.max(0, ...inputs.get(id)!.map((from) => rows.get(from)! + length(from, id))));
    for (const to of outputs.get(id)!) {
      const left = waiting.get(to)! - 1;
      waiting.set(to, left);
      if (left === 0) order.push(to);
    }
  }
  for (const id of order)
    if (inputs.get(id)!.length === 0 && outputs.get(id)!.length > 0)
      rows.set(id, Math.min(...outputs.get(id)!.map((to) => rows.get(to)!)) - 1);
  const least = Math.min(0, ...rows.values());
  for (const { id } of boxes) rows.set(id, (rows.get(id) ?? 0) - least);
  return rows;
}

const middle = (spots: readonly Spot[], otherwise: number): number =>
  spots.length === 0 ? otherwise : spots.reduce((sum, { x }) => sum + x, 0) / spots.length;

/** Moves the spots of a row as near to where they want to be as their widths and their order allow. */
function settle(row: readonly Spot[], wanted: readonly number[]): void {
  const left = row.map((_, i) => wanted[i]!);
  for (let i = 1; i < row.length; i++)
    left[i] = Math.max(left[i]!, left[i - 1]! + (row[i - 1]!.width + row[i]!.width) / 2 + gap);
  const right = [...left];
  for (let i = 0; i < row.length; i++) right[i] = wanted[i]!;
  for (let i = row.length - 2; i >= 0; i--)
    right[i] = Math.min(right[i]!, right[i + 1]! - (row[i]!.width + row[i + 1]!.width) / 2 - gap);
  // Both keep the distances, and so does their mean.
  row.forEach((item, i) => (item.x = (left[i]! + right[i]!) / 2));
}

function arrange(rows: Spot[][]): void {
  for (const row of rows) {
    let x = 0;
    for (const item of row) {
      item.x = x + item.width / 2;
      x += item.width + gap;
    }
  }
  const sweep = (row: Spot[], of: (item: Spot) => readonly Spot[], reorder: boolean): void => {
    if (reorder) {
      const keys = new Map(row.map((item) => [item, middle(of(item), item.x)]));
      row.sort((a, b) => keys.get(a)! - keys.get(b)!);
    }
    settle(
      row,
      row.map((item) => middle(of(item), item.x)),
    );
  };
  for (let round = 0; round < 8; round++) {
    for (const row of rows) sweep(row, ({ above }) => above, true);
    for (const row of rows.toReversed()) sweep(row, ({ below }) => below, true);
  }
  for (const row of rows)
    sweep(row, ({ above, below }) => (above.length > 0 ? above : below), false);
}

/** Places the boxes of a drawing, of the given widths and heights. */
export function layOut(
  drawing: Drawing,
  sizeOf: (box: GraphBox) => { readonly width: number; readonly height: number },
): Layout {
  const arrows = downwards(drawing);
  const rowOf = rowsOf(drawing, arrows);
  const rows: Spot[][] = Array.from({ length: Math.max(0, ...rowOf.values()) + 1 }, () => []);
  const spots = new Map<string, Spot>();
  for (const box of drawing.boxes) {
    const made = spot(rowOf.get(box.id)!, sizeOf(box).width);
    spots.set(box.id, made);
    rows[made.row]!.push(made);
  }
  const join = (upper: Spot, lower: Spot): void => {
    upper.below.push(lower);
    lower.above.push(upper);
  };
  const chains = arrows.map(({ from, to }) => {
    const chain = [spots.get(from)!];
    const last = spots.get(to)!;
    for (let row = chain[0]!.row + 1; row < last.row; row++) {
      const passing = spot(row, 6);
      rows[row]!.push(passing);
      join(chain.at(-1)!, passing);
      chain.push(passing);
    }
    join(chain.at(-1)!, last);
    chain.push(last);
    return chain;
  });
  arrange(rows);
  const all = rows.flat();
  const leftmost = Math.min(0, ...all.map(({ x, width }) => x - width / 2));
  const placed = new Map<string, Placed>();
  for (const box of drawing.boxes) {
    const { x, row } = spots.get(box.id)!;
    const { width, height } = sizeOf(box);
    const y = margin + rowHeight / 2 + row * rowHeight;
    placed.set(box.id, { box, width, height, x: x - leftmost + margin, y });
  }
  const routes = chains.map((chain, a) => {
    const { from, to } = arrows[a]!;
    const [start, end] = [placed.get(from)!, placed.get(to)!];
    const inner = chain.slice(1, -1).map(({ x, row }) => ({
      x: x - leftmost + margin,
      y: margin + rowHeight / 2 + row * rowHeight,
    }));
    return [
      { x: start.x, y: start.y + start.height / 2 },
      ...inner,
      { x: end.x, y: end.y - end.height / 2 },
    ];
  });
  const width = Math.max(0, ...all.map(({ x, width: w }) => x + w / 2)) - leftmost + 2 * margin;
  return { width, height: rows.length * rowHeight + 2 * margin, placed, routes };
}
