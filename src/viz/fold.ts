// Large graphs made small: a stretch of operations that repeats is shown once, and what is still too much is left out.
import type { GraphArrow, GraphBox, TensorGraph } from "./graph.ts";

/** Boxes that stand for several stretches of operations, one after the other. */
export interface Block {
  readonly id: string;
  readonly times: number;
  /** The boxes of the stretch that is shown. */
  readonly members: readonly string[];
  /** The block around this one. */
  readonly parent: Block | null;
}

/** An arrow of a drawing; the same two boxes are joined by one, however often. */
export interface DrawnArrow extends GraphArrow {
  readonly times: number;
}

/** What is drawn of a graph. */
export interface Drawing {
  readonly boxes: readonly GraphBox[];
  readonly arrows: readonly DrawnArrow[];
  readonly blocks: readonly Block[];
}

/** A graph's operations in the order in which they were recorded, and what each is computed of. */
class Sequence {
  readonly operations: readonly GraphBox[];
  readonly at: ReadonlyMap<string, number>;
  /** For each operation its inputs: the position of another operation, or -1 for a leaf. */
  readonly inputs: readonly (readonly number[])[];
  /** What an operation is, whatever its place: equal for those that may repeat each other. */
  readonly classes: readonly number[];

  constructor({ boxes, arrows }: TensorGraph) {
    this.operations = boxes
      .filter(({ kind }) => kind === "operation")
      .sort((a, b) => a.node!.sequence - b.node!.sequence);
    this.at = new Map(this.operations.map(({ id }, i) => [id, i]));
    const byId = new Map(boxes.map((box) => [box.id, box]));
    const inputs: number[][] = this.operations.map(() => []);
    const words: string[][] = this.operations.map(({ label }) => [label]);
    for (const { from, to, saved } of arrows) {
      const user = this.at.get(to);
      if (user === undefined) continue;
      const source = this.at.get(from);
      const shape = byId.get(from)!.shape;
      words[user]!.push(saved ? "saved" : shape === null ? "operation" : shape.join("x"));
      if (!saved) inputs[user]!.push(source ?? -1);
    }
    this.inputs = inputs;
    this.classes = numbered(words.map((list) => list.join(" ")));
  }

  /** Whether one operation repeats another: the same, computed of what lies as far back, or of the very same. */
  alike(a: number, b: number): boolean {
    if (this.classes[a] !== this.classes[b]) return false;
    const [first, second] = [this.inputs[a]!, this.inputs[b]!];
    return first.every((x, k) => {
      const y = second[k]!;
      return x === y || (x >= 0 && y >= 0 && a - x === b - y);
    });
  }
}

/** Equal texts as equal numbers. */
function numbered(texts: readonly string[]): number[] {
  const known = new Map<string, number>();
  return texts.map((text) => {
    let number = known.get(text);
    if (number === undefined) known.set(text, (number = known.size));
    return number;
  });
}

/** For each position the next one at which the same 1, 2, 4, ... 64 classes follow each other: candidates for a period. */
function recurrences(classes: readonly number[]): number[][] {
  const tables: number[][] = [];
  let windows = classes;
  for (let width = 1; width <= 64; width *= 2) {
    const next = new Array<number>(windows.length).fill(-1);
    const last = new Map<number, number>();
    for (let i = windows.length - 1; i >= 0; i--) {
      next[i] = last.get(windows[i]!) ?? -1;
      last.set(windows[i]!, i);
    }
    tables.push(next);
    const half = width;
    const before = windows;
    windows = numbered(before.map((w, i) => `${w},${before[i + half] ?? "end"}`));
  }
  return tables;
}

interface Run {
  readonly start: number;
  readonly period: number;
  readonly times: number;
}

/** The repetition from a position on that covers most; null where folding it would save next to nothing. */
function runAt(
  sequence: Sequence,
  tables: readonly number[][],
  start: number,
  end: number,
): Run | null {
  let best: Run | null = null;
  const tried = new Set<number>();
  for (const next of tables)
    for (let hop = 0, j = next[start]!; hop < 3 && j >= 0 && j < end; hop++, j = next[j]!) {
      const period = j - start;
      if (tried.has(period)) continue;
      tried.add(period);
      let matched = 0;
      while (j + matched < end && sequence.alike(start + matched, j + matched)) matched++;
      const times = 1 + Math.floor(matched / period);
      const covered = times * period;
      if (covered - period < 3) continue;
      const most = best === null ? 0 : best.times * best.period;
      if (covered > most || (covered === most && period < best!.period))
        best = { start, period, times };
    }
  return best;
}

interface Folded {
  /** The operation that is shown for each. */
  readonly shownFor: readonly number[];
  readonly blocks: readonly Block[];
}

function foldOperations(sequence: Sequence): Folded {
  const count = sequence.operations.length;
  const stands = Array.from({ length: count }, (_, i) => i);
  const tables = recurrences(sequence.classes);
  const blocks: { run: Run; parent: number }[] = [];
  const open = [{ from: 0, to: count, parent: -1 }];
  for (let segment = open.pop(); segment !== undefined; segment = open.pop())
    for (let i = segment.from; i < segment.to;) {
      const run = runAt(sequence, tables, i, segment.to);
      if (run === null) {
        i++;
        continue;
      }
      const { period, times } = run;
      const end = i + period * times;
      for (let k = i + period; k < end; k++) stands[k] = i + ((k - i) % period);
      open.push({ from: i, to: i + period, parent: blocks.length });
      blocks.push({ run, parent: segment.parent });
      i = end;
    }
  // An operation stands for later ones only, so earlier entries are final already.
  for (let i = 0; i < count; i++) stands[i] = stands[stands[i]!]!;
  const made: Block[] = [];
  blocks.forEach(({ run, parent }, b) => {
    const members: string[] = [];
    for (let i = run.start; i < run.start + run.period; i++)
      if (stands[i] === i) members.push(sequence.operations[i]!.id);
    made.push({ id: `block${b}`, times: run.times, members, parent: made[parent] ?? null });
  });
  return { shownFor: stands, blocks: made };
}

/** Leaves and saved values that only the operations of a block use. What every repetition shares stays outside. */
function belongings({ boxes, arrows }: TensorGraph, { members }: Block): string[] {
  const inside = new Set(members);
  const own = new Set<string>();
  const shared = new Set<string>();
  for (const { from, to } of arrows) (inside.has(to) ? own : shared).add(from);
  return boxes.flatMap(({ id, kind }) =>
    (kind === "leaf" || kind === "saved") && own.has(id) && !shared.has(id) ? [id] : [],
  );
}

/** How much of a graph is drawn. */
export interface FoldOptions {
  /** Whether stretches that repeat are shown once. Default: in graphs of more than 30 operations. */
  readonly fold?: boolean | undefined;
  /** How many operations are drawn at most, those next to the result. Default: 150. */
  readonly limit?: number | undefined;
}

/** What to draw of a graph: repeated stretches once, and no more than a limit. */
export function foldGraph(graph: TensorGraph, options: FoldOptions): Drawing {
  const sequence = new Sequence(graph);
  const count = sequence.operations.length;
  const { fold = count > 30, limit = 150 } = options;
  const { shownFor, blocks } = fold
    ? foldOperations(sequence)
    : { shownFor: sequence.operations.map((_, i) => i), blocks: [] };
  const shown = shownFor.flatMap((stands, i) => (stands === i ? [i] : []));
  const kept = new Set(shown.slice(-limit).map((i) => sequence.operations[i]!.id));
  const left = shown.length - kept.size;
  const rest: GraphBox = {
    id: "rest",
    kind: "rest",
    label: `${left} earlier operations`,
    shape: null,
    node: null,
    tensor: null,
  };
  /** What stands for a box: itself, the operation that is shown for it, or the rest. */
  const standIn = (id: string): string => {
    const at = sequence.at.get(id);
    if (at === undefined) return id;
    const operation = sequence.operations[shownFor[at]!]!.id;
    return kept.has(operation) ? operation : rest.id;
  };
  const arrows = new Map<string, { from: string; to: string; saved: boolean; times: number }>();
  const used = new Set<string>();
  for (const { from, to, saved } of graph.arrows) {
    // Arrows into operations that are not shown are those of their stand-ins, or of the rest.
    if (sequence.at.has(to) && !kept.has(to)) continue;
    const source = standIn(from);
    const key = `${source} ${to} ${saved}`;
    const known = arrows.get(key);
    if (known === undefined) arrows.set(key, { from: source, to, saved, times: 1 });
    else known.times++;
    used.add(source).add(to);
  }
  const boxes = graph.boxes.filter(({ id }) => used.has(id));
  return {
    boxes: used.has(rest.id) ? [...boxes, rest] : boxes,
    arrows: [...arrows.values()],
    blocks: blocks
      .map((block) => ({ ...block, members: block.members.filter((id) => kept.has(id)) }))
      .filter(({ members }) => members.length > 0)
      .map((block) => ({ ...block, members: [...block.members, ...belongings(graph, block)] })),
  };
}
