// A backward pass over tensors: seeds checked, gradients accumulated into leaves or captured.
import { type Capture, type Root, Task } from "../../autograd/engine.ts";
import { gradMode } from "../../autograd/mode.ts";
import type { Node } from "../../autograd/node.ts";
import { ArgumentError, AutogradError, ShapeError } from "../../core/errors.ts";
import { formatSizes, sameSizes } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { AccumulateGrad } from "./accumulate.ts";
import { gradientNode } from "./history.ts";
import { emptyLike } from "./memory.ts";
import { describe } from "./parameters.ts";
import { savingMode } from "./saved.ts";
import { fillWith } from "./transfer.ts";

/** Sums gradients that meet. Out of place: either may be held by someone else. */
const add = (a: Tensor, b: Tensor): Tensor => a.add(b);

function root(operation: string, output: unknown, seed: unknown, position: number): Root<Tensor> {
  if (!(output instanceof Tensor))
    throw new AutogradError(`${operation}: output ${position} is not a tensor`);
  const node = gradientNode(output);
  if (node === null)
    throw new AutogradError(
      `${operation}: element ${position} of the tensors does not require grad and has no gradFn; was it computed inside noGrad, from detach(), or from tensors without requiresGrad?`,
    );
  if (seed === null || seed === undefined) {
    if (output.count !== 1)
      throw new AutogradError(
        `${operation}: grad can be implicitly created only for scalar outputs, and output ${position} has shape ${formatSizes(output.sizes)}; give a gradient of that shape, or reduce it first, as in y.sum().backward()`,
      );
    const one = emptyLike(output);
    fillWith(one, 1);
    return { node, index: output.outputIndex, value: one };
  }
  if (!(seed instanceof Tensor))
    throw new AutogradError(
      `${operation}: the gradient for output ${position} must be a tensor or null, got ${typeof seed}`,
    );
  if (!sameSizes(seed.sizes, output.sizes))
    throw new ShapeError(
      `${operation}: the gradient for output ${position} has shape ${formatSizes(seed.sizes)}, but the output has ${formatSizes(output.sizes)}; they must be equal`,
    );
  if (seed.storage.device.base !== output.storage.device.base)
    throw new AutogradError(
      `${operation}: the gradient for output ${position} is on ${String(seed.storage.device)}, the output on ${String(output.storage.device)}`,
    );
  // The caller's tensor must not become someone's .grad.
  seed.storage.kept = true;
  const value = seed.dtype === output.dtype ? seed : seed.to(output.dtype);
  return { node, index: output.outputIndex, value };
}

/** Tensors given as one, or as several in anything that iterates; null where none are given. */
export function listOf(operation: string, name: string, value: unknown): readonly unknown[] | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Tensor) return [value];
  if (typeof value === "object" && Symbol.iterator in value)
    return [...(value as Iterable<unknown>)];
  throw new ArgumentError(
    `${operation}: ${name} must be a tensor or an array of tensors, got ${describe(value)}`,
  );
}

function roots(
  operation: string,
  outputs: readonly unknown[],
  seeds: readonly unknown[] | null,
): Root<Tensor>[] {
  if (outputs.length === 0)
    throw new AutogradError(`${operation}: there is no output to go back from`);
  if (seeds !== null && seeds.length !== outputs.length)
    throw new AutogradError(
      `${operation}: ${seeds.length} gradients were given for ${outputs.length} outputs; give one for each, null where 1 will do`,
    );
  return outputs.map((output, i) => root(operation, output, seeds === null ? null : seeds[i], i));
}

function run(
  start: readonly Root<Tensor>[],
  captures: ReadonlyMap<Node<Tensor>, readonly Capture<Tensor>[]> | null,
  keepGraph: boolean,
  createGraph: boolean,
): void {
  const before = gradMode.enabled;
  const { hooks } = savingMode;
  gradMode.enabled = createGraph;
  try {
    new Task<Tensor>(add, keepGraph).run(start, captures);
  } finally {
    gradMode.enabled = before;
    savingMode.hooks = hooks;
  }
}

/** The node through which a tensor's gradient is captured, refusing tensors that have none. */
function target(
  operation: string,
  input: unknown,
  position: number,
): { readonly tensor: Tensor; readonly node: Node<Tensor> } {
  if (!(input instanceof Tensor))
    throw new AutogradError(`${operation}: input ${position} is not a tensor`);
  const node = gradientNode(input);
  if (node === null)
    throw new AutogradError(
      `${operation}: input ${position} does not require grad, so nothing can be differentiated with respect to it; set requiresGrad before it is used`,
    );
  return { tensor: input, node };
}

function capturesOf(
  list: readonly (Capture<Tensor> & { readonly node: Node<Tensor> })[],
): Map<Node<Tensor>, Capture<Tensor>[]> {
  const captures = new Map<Node<Tensor>, Capture<Tensor>[]>();
  for (const capture of list)
    captures.set(capture.node, [...(captures.get(capture.node) ?? []), capture]);
  return captures;
}

/** Accumulates gradients of the outputs into the leaves, or into the given inputs alone. */
export function accumulateGradients(
  operation: string,
  outputs: readonly unknown[],
  seeds: readonly unknown[] | null,
  keepGraph: boolean,
  createGraph: boolean,
  inputs: readonly unknown[] | null,
): void {
  if (inputs !== null && inputs.length === 0)
    throw new AutogradError(
      `${operation}: inputs is an empty list, so there is nothing to accumulate into; leave it out for all leaves`,
    );
  const start = roots(operation, outputs, seeds);
  if (inputs === null) return run(start, null, keepGraph, createGraph);
  const captures = inputs.map((input, i) => {
    const { tensor, node } = target(operation, input, i);
    const leaf = node instanceof AccumulateGrad;
    if (!leaf) tensor.retainGrad();
    // What arrives goes into .grad by the leaf's node, or by the retaining hook: nothing is taken out here.
    return { node, index: tensor.outputIndex, execute: leaf, take: () => {} };
  });
  return run(start, capturesOf(captures), keepGraph, createGraph);
}

/** The gradients of the outputs with respect to the inputs, none accumulated anywhere; null where an input was not used. */
export function captureGradients(
  operation: string,
  outputs: readonly unknown[],
  inputs: readonly unknown[],
  seeds: readonly unknown[] | null,
  keepGraph: boolean,
  createGraph: boolean,
): (Tensor | null)[] {
  if (inputs.length === 0)
    throw new AutogradError(
      `${operation}: inputs is an empty list, so there is nothing to differentiate with respect to`,
    );
  const start = roots(operation, outputs, seeds);
  const found = new Array<Tensor | null>(inputs.length).fill(null);
  const captures = inputs.map((input, i) => {
    const { tensor, node } = target(operation, input, i);
    return {
      node,
      index: tensor.outputIndex,
      execute: false,
      take: (value: Tensor | null) => {
        if (value !== null) value.storage.kept = true;
        found[i] = value;
      },
    };
  });
  run(start, capturesOf(captures), keepGraph, createGraph);
  return found;
}
