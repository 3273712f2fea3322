// Hooks on graph nodes: functions that see, and may replace, gradients on their way.
import { AutogradError } from "../core/errors.ts";

/** Lets a registered hook be taken off again; safe to call twice, and from within a hook. */
export interface HookHandle {
  remove(): void;
}

export type TensorHook<V> = (gradient: V) => V | null | undefined | void;
export type PreHook<V> = (
  gradients: readonly (V | null)[],
) => readonly (V | null)[] | null | undefined | void;
export type PostHook<V> = (
  inputs: readonly (V | null)[],
  outputs: readonly (V | null)[],
) => readonly (V | null)[] | null | undefined | void;

/** Hooks in the order of their registration. The same function may stand there twice, so each has an entry of its own. */
export type HookSet<H> = Set<{ readonly hook: H }>;

/** What users attached to one node: hooks on single outputs, retained gradients, hooks before and after it runs, notes. */
export class NodeHooks<V> {
  tensor: Map<number, HookSet<TensorHook<V>>> | null = null;
  retain: Map<number, (gradient: V) => void> | null = null;
  pre: HookSet<PreHook<V>> | null = null;
  post: HookSet<PostHook<V>> | null = null;
  metadata: Record<string, unknown> | null = null;
}

/** Gradients as they arrive at a node. */
export interface Arrivals<V> {
  received(index: number): V | null;
  receive(index: number, value: V | null): void;
  arrived(): (V | null)[];
}

export function register<H>(set: HookSet<H>, hook: H): HookHandle {
  const entry = { hook };
  set.add(entry);
  return { remove: () => void set.delete(entry) };
}

/** What happens before a node runs, in PyTorch's order: hooks on tensors, retained gradients, and, if it runs, hooks on the node. */
export function runPreHooks<V>(hooks: NodeHooks<V>, node: Arrivals<V>, runs: boolean): void {
  if (hooks.tensor !== null)
    for (const [index, set] of hooks.tensor)
      for (const { hook } of Array.from(set)) {
        const gradient = node.received(index);
        if (gradient === null) break;
        const replaced = hook(gradient);
        if (replaced !== undefined && replaced !== null) node.receive(index, replaced);
      }
  if (hooks.retain !== null)
    for (const [index, retain] of hooks.retain) {
      const gradient = node.received(index);
      if (gradient !== null) retain(gradient);
    }
  if (runs && hooks.pre !== null)
    for (const { hook } of Array.from(hooks.pre)) {
      const arrived = node.arrived();
      const replaced = hook(arrived);
      if (replaced === undefined || replaced === null) continue;
      checkCount("before", replaced, arrived.length);
      replaced.forEach((value, index) => node.receive(index, value));
    }
}

/** Runs the hooks after a node; returns what travels on. */
export function runPostHooks<V>(
  hooks: NodeHooks<V>,
  inputs: readonly (V | null)[],
  outputs: readonly (V | null)[],
): readonly (V | null)[] {
  let current = inputs;
  for (const { hook } of Array.from(hooks.post ?? [])) {
    const replaced = hook(current, outputs);
    if (replaced === undefined || replaced === null) continue;
    checkCount("after", replaced, inputs.length);
    current = replaced;
  }
  return current;
}

function checkCount(when: string, replaced: unknown, expected: number): void {
  if (!Array.isArray(replaced))
    throw new AutogradError(
      `a hook ${when} a node must return an array of gradients or nothing, not ${typeof replaced}`,
    );
  if (replaced.length !== expected)
    throw new AutogradError(
      `a hook ${when} a node returned ${replaced.length} gradients in place of ${expected}; it must return as many as it was given`,
    );
}
