// The order in which a backward pass comes to its nodes, worked out ahead.
import type { Node } from "./node.ts";

/** Nodes in the order in which a pass from `roots` over `reached` comes to them: sinks as soon as they are ready, else the latest. */
export function executionOrder<V>(
  roots: readonly Node<V>[],
  reached: ReadonlySet<Node<V>>,
): readonly Node<V>[] {
  const waiting = new Map<Node<V>, number>();
  for (const { next } of reached)
    for (const node of next)
      if (node !== null && reached.has(node)) waiting.set(node, (waiting.get(node) ?? 0) + 1);
  const ready = [...new Set(roots)].filter((node) => reached.has(node) && !waiting.has(node));
  const rank = (node: Node<V>): number => (node.next.length === 0 ? Infinity : node.sequence);
  const order: Node<V>[] = [];
  while (ready.length > 0) {
    // The last of equals: sinks are taken from the top of a stack.
    const at = ready.reduce((best, node, i) => (rank(node) >= rank(ready[best]!) ? i : best), 0);
    const [node] = ready.splice(at, 1);
    order.push(node!);
    for (const next of node!.next) {
      if (next === null || !reached.has(next)) continue;
      const left = waiting.get(next)! - 1;
      waiting.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  return order;
}
