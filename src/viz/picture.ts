// torch.viz.graph: the graph behind tensors as an object to walk, to draw, and to look into in a browser.
import { isPlainObject } from "../core/tree.ts";
import { originOf, recordOrigins } from "../autograd/origin.ts";
import { type Node, readableValues } from "../autograd/node.ts";
import { type ModeGuard, scoped } from "../autograd/scope.ts";
import { ArgumentError } from "../core/errors.ts";
import { describe, nearest } from "../ops/define/parameters.ts";
import type { Tensor } from "../ops/methods.ts";
import { dotOf } from "./dot.ts";
import { type Drawing, foldGraph, type FoldOptions } from "./fold.ts";
import { type GraphArrow, type GraphBox, graphOf, type Names, type TensorGraph } from "./graph.ts";
import { sizesText } from "./look.ts";
import { type Facts, pageOf } from "./page.ts";
import { svgOf } from "./svg.ts";

/** What `viz.graph` takes by name. */
export interface PictureOptions extends FoldOptions {
  /** Names for leaves and results: tensors by name, pairs such as `namedParameters()` gives, or a module. */
  readonly params?: Names | undefined;
  /** Whether values saved for the backward pass are shown. Default: true. */
  readonly saved?: boolean | undefined;
}

const known: readonly (keyof PictureOptions)[] = ["params", "saved", "fold", "limit"];

const tensorText = ({ dtype, shape }: Tensor): string => `${dtype.name} ${sizesText(shape)}`;

function resultLines(node: Node<Tensor>): string[] {
  const results = node.inputMetadata;
  if (results.every((result) => result === null)) return [];
  return results.map((result, i) => {
    const name = results.length === 1 ? "result" : `result ${i}`;
    return `${name}: ${result === null ? "not looked at" : `${result.dtype.name} ${sizesText(result.shape)}`}`;
  });
}

function hookCount({ hooks }: Node<Tensor>): number {
  if (hooks === null) return 0;
  let count = (hooks.pre?.size ?? 0) + (hooks.post?.size ?? 0) + (hooks.retain?.size ?? 0);
  for (const set of hooks.tensor?.values() ?? []) count += set.size;
  return count;
}

function originLines(node: Node<Tensor>): string[] {
  const origin = originOf(node);
  if (origin === null)
    return [
      "source line: not recorded; make the graph inside torch.viz.recordLines(() => ...) or anomaly mode",
    ];
  const lines = origin.operation === "" ? [] : [`called as: ${origin.operation}`];
  if (origin.operation.endsWith("_")) lines.push("an in-place change");
  lines.push(
    ...(origin.frames.length === 0
      ? ["source line: the stack does not show it"]
      : ["source line:", ...origin.frames.map((frame) => `  ${frame}`)]),
  );
  if (origin.parent !== null) lines.push(`made by the backward of ${origin.parent.name}`);
  return lines;
}

/** The graph behind tensors. */
export class GraphPicture implements TensorGraph {
  /** Every box, also those that a drawing folds away. */
  readonly boxes: readonly GraphBox[];
  readonly arrows: readonly GraphArrow[];
  readonly #options: PictureOptions;
  readonly #byId: ReadonlyMap<string, GraphBox>;
  readonly #inputs = new Map<string, GraphBox[]>();
  readonly #users = new Map<string, GraphBox[]>();
  #drawing: Drawing | null = null;

  constructor(result: Tensor | readonly Tensor[], options: PictureOptions) {
    const { boxes, arrows } = graphOf(result, { names: options.params, saved: options.saved });
    this.boxes = boxes;
    this.arrows = arrows;
    this.#options = options;
    this.#byId = new Map(boxes.map((box) => [box.id, box]));
    for (const { from, to, saved } of arrows) {
      if (saved) continue;
      this.#join(this.#inputs, to, from);
      this.#join(this.#users, from, to);
    }
  }

  #join(map: Map<string, GraphBox[]>, key: string, other: string): void {
    const list = map.get(key);
    if (list === undefined) map.set(key, [this.#byId.get(other)!]);
    else list.push(this.#byId.get(other)!);
  }

  /** The boxes that one is computed of, once for each use. */
  inputsOf(box: GraphBox): readonly GraphBox[] {
    return this.#inputs.get(box.id) ?? [];
  }

  /** The boxes that are computed of one, once for each use. */
  usersOf(box: GraphBox): readonly GraphBox[] {
    return this.#users.get(box.id) ?? [];
  }

  /** What is drawn: with stretches that repeat folded into blocks, and no more operations than the limit. */
  get drawing(): Drawing {
    return (this.#drawing ??= foldGraph(this, this.#options));
  }

  /** What is known of a box, line by line: shapes, saved values, hooks, and the line of the program that made it. */
  factsOf(box: GraphBox): readonly string[] {
    const { node, tensor, kind, label } = box;
    const lines = [label];
    if (tensor !== null) lines.push(`${kind}: ${tensorText(tensor)}`);
    if (node === null) return lines;
    const hooks = hookCount(node);
    if (kind === "operation") {
      lines.push(...resultLines(node));
      const inputs = this.inputsOf(box).map((input) => input.label);
      if (inputs.length > 0) lines.push(`inputs with a gradient: ${inputs.join(", ")}`);
      const saved = readableValues(node);
      lines.push(
        saved.length === 0
          ? "saved values: none, or freed by a backward pass"
          : `saved values: ${saved.map(({ name, value }) => `${name} ${tensorText(value)}`).join(", ")}`,
      );
    }
    if (hooks > 0) lines.push(`hooks: ${hooks}`);
    if (kind === "operation") lines.push(...originLines(node));
    return lines;
  }

  /** The drawing as DOT text, for Graphviz. */
  toDot(): string {
    return dotOf(this.drawing);
  }

  /** The drawing as SVG text. Needs no other package. */
  toSvg(): string {
    return svgOf(this.drawing, (box) => this.factsOf(box).join("\n"));
  }

  /**
   * The drawing as a web page that loads nothing: pointing at a box shows its shapes, saved values, hooks and source line.
   * In Node: `fs.writeFileSync("graph.html", torch.viz.graph(loss).toHtml())`.
   */
  toHtml(title: string = "Graph"): string {
    const facts: Facts = Object.fromEntries(
      this.drawing.boxes.map((box) => [box.id, this.factsOf(box)]),
    );
    return pageOf(title, this.toSvg(), facts);
  }

  toString(): string {
    const operations = this.boxes.filter(({ kind }) => kind === "operation").length;
    return `GraphPicture(${operations} operations, ${this.boxes.length} boxes)`;
  }
}

/**
 * The graph behind a tensor, or behind several, to walk (`boxes`, `inputsOf`, `usersOf`), to draw (`toDot`, `toSvg`) and to look into in
 * a browser (`toHtml`). In large graphs a stretch of operations that repeats, such as the layers of a network or the steps of a loop, is
 * drawn once with its number, and of what is left no more than `limit` operations, those next to the result.
 * Throws ArgumentError for a tensor without a graph and for unknown options.
 * @example
 * ```ts
 * const w = torch.ones(2, { requiresGrad: true });
 * const picture = torch.viz.graph(w.mul(3).exp(), { params: { w } });
 * picture.boxes.map((box) => box.label).join(" ") // => result ExpBackward0 MulBackward0 w
 * ```
 */
export function graph(
  result: Tensor | readonly Tensor[],
  options: PictureOptions = {},
): GraphPicture {
  if (!isPlainObject(options))
    throw new ArgumentError(`viz.graph: expected options, got ${describe(options)}`);
  for (const name of Object.keys(options))
    if (!known.includes(name as keyof PictureOptions)) {
      const near = nearest(name, known);
      throw new ArgumentError(
        `viz.graph: there is no option "${name}"${near === undefined ? "" : `; did you mean "${near}"?`} It takes ${known.join(", ")}`,
      );
    }
  return new GraphPicture(result, options);
}

/**
 * Has every recorded operation keep the lines of the program that called it, and the shapes of its results, while a callback runs or until
 * the guard is disposed of: `graph(...)` shows them. It costs time.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * const y = torch.viz.recordLines(() => x.mul(2));
 * const picture = torch.viz.graph(y);
 * picture.factsOf(picture.boxes[1])[1] // => result: float32 2
 * ```
 */
export function recordLines(): ModeGuard;
export function recordLines<T>(callback: () => T): T;
export function recordLines<T>(callback?: () => T): T | ModeGuard {
  return scoped("viz.recordLines", recordOrigins, callback);
}
