// Backward hooks of modules: identities around a module's inputs and outputs, whose nodes see the gradients that pass.
import { gradMode } from "../autograd/mode.ts";
import { Node, type Sender } from "../autograd/node.ts";
import { ArgumentError, AutogradError } from "../core/errors.ts";
import { gradientNode, View, viewOf } from "../ops/define/history.ts";
import { alias } from "../ops/define/memory.ts";
import { describe } from "../ops/define/parameters.ts";
import { Tensor } from "../ops/methods.ts";

/** Gradients by the place of what they are for; null for what is no tensor, needs no gradient, or got none. */
export type Gradients = readonly (Tensor | null)[];

/** Sees, and may replace, the gradients of a module's arguments, once they are computed. */
export type BackwardHook<M> = (
  module: M,
  gradInputs: Gradients,
  gradOutputs: Gradients,
) => Gradients | null | undefined | void;

/** Sees, and may replace, the gradients of a module's results, before they go through the module. */
export type BackwardPreHook<M> = (
  module: M,
  gradOutputs: Gradients,
) => Gradients | null | undefined | void;

/** Passes all gradients on. One node for several tensors, so that a hook on it sees their gradients together. */
class BackwardHookFunction extends Node<Tensor> {
  readonly #count: number;

  constructor(tensors: readonly Tensor[]) {
    super(
      tensors.map((tensor) => gradientNode(tensor)),
      tensors.map((tensor) => tensor.outputIndex),
    );
    this.#count = tensors.length;
  }

  get name(): string {
    return "BackwardHookFunctionBackward";
  }

  override get resultCount(): number {
    return this.#count;
  }

  run(task: Sender<Tensor>): void {
    for (let i = 0; i < this.#count; i++) task.send(this, i, this.received(i));
  }
}

/** The values with their tensors behind a node in common; the values themselves, and no node, where nothing needs a gradient. */
function behindNode(values: readonly unknown[]): {
  readonly values: readonly unknown[];
  readonly places: readonly number[];
  readonly node: Node<Tensor> | null;
} {
  const places = values.flatMap((value, i) => (value instanceof Tensor ? [i] : []));
  const tensors = places.map((i) => values[i] as Tensor);
  if (!gradMode.enabled || tensors.every((tensor) => gradientNode(tensor) === null))
    return { values, places: [], node: null };
  const node = new BackwardHookFunction(tensors);
  const out = [...values];
  tensors.forEach((tensor, index) => {
    if (node.next[index] === null) return;
    const same = alias(tensor);
    same.viewOf = new View(viewOf(tensor)?.base ?? tensor, "custom", "BackwardHookFunction");
    same.node = node;
    same.outputIndex = index;
    same.tracked = true;
    out[places[index]!] = same;
  });
  return { values: out, places, node };
}

function spread(places: readonly number[], gradients: Gradients, count: number): Gradients {
  const out = new Array<Tensor | null>(count).fill(null);
  places.forEach((place, i) => (out[place] = gradients[i] ?? null));
  return out;
}

function checked(what: string, replaced: unknown, count: number): Gradients | null {
  if (replaced === undefined || replaced === null) return null;
  const list: unknown = replaced instanceof Tensor ? [replaced] : replaced;
  if (!Array.isArray(list) || list.some((item) => item !== null && !(item instanceof Tensor)))
    throw new ArgumentError(
      `a ${what} must return an array of gradients, or nothing, got ${describe(replaced)}`,
    );
  if (list.length !== count)
    throw new ArgumentError(
      `a ${what} returned ${list.length} gradients in place of ${count}; it must return as many as it was given`,
    );
  return list as Gradients;
}

/** Runs a module with backward hooks on one call. */
export function withBackwardHooks<M>(
  module: M,
  preHooks: readonly BackwardPreHook<M>[],
  hooks: readonly BackwardHook<M>[],
  args: readonly unknown[],
  forward: (args: readonly unknown[]) => unknown,
): unknown {
  // What the results' node saw, until the arguments' node has used it: a pass that does not come through the results finds nothing.
  let gradOutputs: Gradients | null = null;
  const inputs = behindNode(args);
  inputs.node?.registerHook((gradients) => {
    if (gradOutputs === null) return undefined;
    let current = spread(inputs.places, gradients, args.length);
    for (const hook of hooks)
      current =
        checked("full backward hook", hook(module, current, gradOutputs), args.length) ?? current;
    gradOutputs = null;
    return inputs.places.map((place) => current[place]!);
  });
  const result = forward(inputs.values);
  const several = Array.isArray(result);
  const results = several ? (result as readonly unknown[]) : [result];
  const outputs = behindNode(results);
  outputs.node?.registerHook((_, gradients) => {
    let current = spread(outputs.places, gradients, results.length);
    for (const hook of preHooks)
      current = checked("full backward pre-hook", hook(module, current), results.length) ?? current;
    gradOutputs = current;
    if (inputs.node === null) {
      const nothing = args.map(() => null);
      for (const hook of hooks)
        if (
          checked("full backward hook", hook(module, nothing, current), args.length)?.some(Boolean)
        )
          throw new AutogradError(
            "a full backward hook returned gradients for arguments none of which requires one; it must return nothing there",
          );
      gradOutputs = null;
    }
    return outputs.places.map((place) => current[place]!);
  });
  return several ? outputs.values : outputs.values[0];
}
