// The graph behind a tensor as plain data: leaves, operations, saved values, and what leads to what.
import type { Node } from "../autograd/node.ts";
import { ArgumentError } from "../core/errors.ts";
import { AccumulateGrad } from "../ops/define/accumulate.ts";
import { describe } from "../ops/define/parameters.ts";
import { Tensor } from "../ops/methods.ts";
import { Module } from "../nn/module.ts";

/** What a box stands for. */
export type BoxKind = "leaf" | "operation" | "saved" | "result";

/** One box of the drawing. */
export interface GraphBox {
  readonly id: string;
  readonly kind: BoxKind;
  /** The operation's, the leaf's or the saved value's name. */
  readonly label: string;
  /** Empty for operations. */
  readonly shape: readonly number[] | null;
}

/** An arrow: from what is computed first to what is computed of it; `saved` for a value kept for the backward pass. */
export interface GraphArrow {
  readonly from: string;
  readonly to: string;
  readonly saved: boolean;
}

export interface TensorGraph {
  readonly boxes: readonly GraphBox[];
  readonly arrows: readonly GraphArrow[];
}

/** How a graph is drawn. */
export interface GraphOptions {
  /** Names for leaves and results: tensors by name, or a module, whose parameters have names. */
  readonly names?: Readonly<Record<string, Tensor>> | Module | undefined;
  /** Whether values saved for the backward pass are shown. Default: true. */
  readonly saved?: boolean | undefined;
}

function namesOf(names: GraphOptions["names"]): ReadonlyMap<Tensor, string> {
  if (names === undefined) return new Map();
  const entries = names instanceof Module ? names.namedParameters() : Object.entries(names);
  return new Map([...entries].map(([name, tensor]) => [tensor, name]));
}

/**
 * The graph that led to a tensor. Throws ArgumentError for a tensor without one.
 * @example
 * ```ts
 * const w = torch.ones(2, { requiresGrad: true });
 * const graph = torch.viz.graphOf(w.mul(3), { names: { w } });
 * graph.boxes.map((box) => box.label).join(" ") // => result MulBackward0 w
 * ```
 */
export function graphOf(result: Tensor, options: GraphOptions = {}): TensorGraph {
  if (!(result instanceof Tensor))
    throw new ArgumentError(`graphOf: expected a tensor, got ${describe(result)}`);
  const root = result.gradFn;
  if (root === null)
    throw new ArgumentError(
      "graphOf: the tensor has no graph: nothing recorded made it, because no input required a gradient, or it was made inside noGrad",
    );
  const names = namesOf(options.names);
  const boxes: GraphBox[] = [];
  const arrows: GraphArrow[] = [];
  const ids = new Map<object, string>();
  const box = (key: object, kind: BoxKind, label: string, shape: GraphBox["shape"]): string => {
    const id = `n${ids.size}`;
    ids.set(key, id);
    boxes.push({ id, kind, label, shape });
    return id;
  };
  const last = box(result, "result", names.get(result) ?? "result", result.shape);
  const operations: Node<Tensor>[] = [];
  // A list of what is left to visit, so that a long chain does not exhaust the stack.
  const pending: { readonly node: Node<Tensor>; readonly to: string }[] = [
    { node: root, to: last },
  ];
  for (let item = pending.shift(); item !== undefined; item = pending.shift()) {
    const { node, to } = item;
    const known = ids.get(node);
    if (known !== undefined) {
      arrows.push({ from: known, to, saved: false });
      continue;
    }
    if (node instanceof AccumulateGrad) {
      const leaf = node.variable;
      const id = box(node, "leaf", names.get(leaf) ?? "leaf", leaf.shape);
      arrows.push({ from: id, to, saved: false });
      continue;
    }
    const id = box(node, "operation", node.name, null);
    arrows.push({ from: id, to, saved: false });
    operations.push(node);
    for (const [next] of node.nextFunctions)
      if (next !== null) pending.push({ node: next, to: id });
  }
  if (options.saved !== false)
    for (const node of operations)
      for (const { name, value } of node.savedValues) {
        // A leaf that is in the graph anyway is not drawn twice.
        const from =
          ids.get(value.accumulator ?? value) ??
          ids.get(value) ??
          box(value, "saved", names.get(value) ?? name, value.shape);
        arrows.push({ from, to: ids.get(node)!, saved: true });
      }
  return { boxes, arrows };
}
