// The graph behind tensors as plain data: leaves, operations, saved values, and what leads to what.
import { type Node, readableValues } from "../autograd/node.ts";
import { ArgumentError } from "../core/errors.ts";
import { AccumulateGrad } from "../ops/define/accumulate.ts";
import { describe } from "../ops/define/parameters.ts";
import { Tensor } from "../ops/methods.ts";
import { Module } from "../nn/module.ts";
import type { BoxKind } from "./look.ts";

/** One box of the drawing. */
export interface GraphBox {
  readonly id: string;
  readonly kind: BoxKind;
  /** The operation's, the leaf's or the saved value's name. */
  readonly label: string;
  /** The sizes of a leaf, a saved value or a result; null for operations. */
  readonly shape: readonly number[] | null;
  /** The node that an operation or a leaf has in the graph. */
  readonly node: Node<Tensor> | null;
  /** The leaf, the saved value or the result itself. */
  readonly tensor: Tensor | null;
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

/** Names for tensors: by name, as pairs, or a module, whose parameters have names. */
export type Names = Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]> | Module;

/** How a graph is drawn. */
export interface GraphOptions {
  /** Names for leaves and results. */
  readonly names?: Names | undefined;
  /** Whether values saved for the backward pass are shown. Default: true. */
  readonly saved?: boolean | undefined;
}

function namesOf(names: Names | undefined): ReadonlyMap<Tensor, string> {
  if (names === undefined) return new Map();
  const entries =
    names instanceof Module
      ? names.namedParameters()
      : Symbol.iterator in names
        ? (names as Iterable<readonly [string, Tensor]>)
        : Object.entries(names);
  const found = new Map<Tensor, string>();
  for (const entry of entries) {
    const [name, tensor] = entry as readonly [unknown, unknown];
    if (typeof name !== "string" || !(tensor instanceof Tensor))
      throw new ArgumentError(
        `graph: names are given as { name: tensor }, as pairs [name, tensor] or as a module, got ${describe(name)} with ${describe(tensor)}`,
      );
    found.set(tensor, name);
  }
  return found;
}

function rootsOf(results: Tensor | readonly Tensor[]): readonly Tensor[] {
  const list: readonly unknown[] = Array.isArray(results) ? results : [results];
  if (list.length === 0) throw new ArgumentError("graphOf: there is no tensor to show");
  return list.map((result) => {
    if (!(result instanceof Tensor))
      throw new ArgumentError(`graphOf: expected a tensor, got ${describe(result)}`);
    if (result.gradFn === null)
      throw new ArgumentError(
        "graphOf: the tensor has no graph: nothing recorded made it, because no input required a gradient, or it was made inside noGrad",
      );
    return result;
  });
}

/**
 * The graph that led to a tensor, or to several. Throws ArgumentError for a tensor without one.
 * @example
 * ```ts
 * const w = torch.ones(2, { requiresGrad: true });
 * const graph = torch.viz.graphOf(w.mul(3), { names: { w } });
 * graph.boxes.map((box) => box.label).join(" ") // => result MulBackward0 w
 * ```
 */
export function graphOf(
  result: Tensor | readonly Tensor[],
  options: GraphOptions = {},
): TensorGraph {
  const roots = rootsOf(result);
  const names = namesOf(options.names);
  const boxes: GraphBox[] = [];
  const arrows: GraphArrow[] = [];
  const ids = new Map<object, string>();
  const box = (
    key: object,
    kind: BoxKind,
    label: string,
    node: Node<Tensor> | null,
    tensor: Tensor | null,
  ): string => {
    const id = `n${ids.size}`;
    ids.set(key, id);
    boxes.push({ id, kind, label, shape: tensor?.shape ?? null, node, tensor });
    return id;
  };
  // A list of what is left to visit, so that a long chain does not exhaust the stack.
  const pending: { readonly node: Node<Tensor>; readonly to: string }[] = [];
  roots.forEach((root, i) => {
    const label = names.get(root) ?? (roots.length === 1 ? "result" : `result ${i}`);
    const to = ids.get(root) ?? box(root, "result", label, null, root);
    pending.push({ node: root.gradFn!, to });
  });
  const operations: Node<Tensor>[] = [];
  for (let at = 0; at < pending.length; at++) {
    const { node, to } = pending[at]!;
    const known = ids.get(node);
    if (known !== undefined) {
      arrows.push({ from: known, to, saved: false });
      continue;
    }
    if (node instanceof AccumulateGrad) {
      const leaf = node.variable;
      const id = box(node, "leaf", names.get(leaf) ?? "leaf", node, leaf);
      arrows.push({ from: id, to, saved: false });
      continue;
    }
    const id = box(node, "operation", node.name, node, null);
    arrows.push({ from: id, to, saved: false });
    operations.push(node);
    for (const [next] of node.nextFunctions)
      if (next !== null) pending.push({ node: next, to: id });
  }
  if (options.saved !== false)
    for (const node of operations)
      for (const { name, value } of readableValues(node)) {
        // A leaf that is in the graph anyway is not drawn twice.
        const from =
          ids.get(value.accumulator ?? value) ??
          ids.get(value) ??
          box(value, "saved", names.get(value) ?? name, null, value);
        arrows.push({ from, to: ids.get(node)!, saved: true });
      }
  return { boxes, arrows };
}
