// Hooks on graph nodes: functions that see, and may replace, gradients on their way.
import { type Node, NodeHooks, type PostHook, type PreHook, type TensorHook } from "./node.ts";

/** Lets a registered hook be taken off again; safe to call twice. */
export interface HookHandle {
  remove(): void;
}

function add<T>(set: Set<T>, entry: T): HookHandle {
  set.add(entry);
  return { remove: () => void set.delete(entry) };
}

/** Registers a hook on the gradient of one output. */
export function addTensorHook<V>(node: Node<V>, index: number, hook: TensorHook<V>): HookHandle {
  const hooks = (node.hooks ??= new NodeHooks<V>());
  const map = (hooks.tensor ??= new Map());
  let set = map.get(index);
  if (set === undefined) map.set(index, (set = new Set()));
  return add(set, { hook });
}

/** Registers a hook that sees the gradients of all outputs before the node runs. */
export function addPreHook<V>(node: Node<V>, hook: PreHook<V>): HookHandle {
  const hooks = (node.hooks ??= new NodeHooks<V>());
  return add((hooks.pre ??= new Set()), { hook });
}

/** Registers a hook that sees the gradients that the node computed and those it was given. */
export function addPostHook<V>(node: Node<V>, hook: PostHook<V>): HookHandle {
  const hooks = (node.hooks ??= new NodeHooks<V>());
  return add((hooks.post ??= new Set()), { hook });
}

/** What happens before a node runs, in PyTorch's order: hooks on tensors, hooks on the node, retained gradients. */
export function runPreHooks<V>(hooks: NodeHooks<V>, node: Node<V>, runs: boolean): void {
  if (hooks.tensor !== null)
    for (const [index, set] of hooks.tensor)
      for (const { hook } of Array.from(set)) {
        const gradient = node.received(index);
        if (gradient === null) break;
        const replaced = hook(gradient);
        if (replaced !== undefined && replaced !== null) node.receive(index, replaced);
      }
  const retained = new Map<number, V>();
  if (hooks.retain !== null)
    for (const index of hooks.retain.keys()) {
      const gradient = node.received(index);
      if (gradient !== null) retained.set(index, gradient);
    }
  if (runs && hooks.pre !== null)
    for (const { hook } of Array.from(hooks.pre)) {
      const replaced = hook([node.incoming, ...(node.incomingRest?.slice(1) ?? [])]);
      if (replaced !== undefined && replaced !== null)
        replaced.forEach((value, index) => node.receive(index, value));
    }
  for (const [index, gradient] of retained) hooks.retain!.get(index)!(gradient);
}

/** Runs the hooks after a node; returns what travels on. */
export function runPostHooks<V>(
  hooks: NodeHooks<V>,
  inputs: readonly (V | null)[],
  outputs: readonly (V | null)[],
): readonly (V | null)[] {
  let current = inputs;
  for (const { hook } of Array.from(hooks.post ?? [])) current = hook(current, outputs) ?? current;
  return current;
}
