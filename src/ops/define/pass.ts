// A backward pass over tensors: seeds checked, gradients accumulated into leaves or captured.
import { type Capture, passes, type Root, Task } from "../../autograd/engine.ts";
import { gradMode } from "../../autograd/mode.ts";
import type { Node, ResultMetadata } from "../../autograd/node.ts";
import { userCode } from "../../autograd/usercode.ts";
import type { Backend } from "../../core/backend.ts";
import { ArgumentError, AutogradError, ShapeError } from "../../core/errors.ts";
import { mapped } from "../../core/list.ts";
import { elementCount, formatSizes, sameSizes } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { type Flattened, flatten, isContainer } from "../../core/tree.ts";
import { explainCut } from "./cut.ts";
import { GradientEdge } from "./edge.ts";
import { gradientNode } from "./history.ts";
import { empty, emptyLike } from "./memory.ts";
import { describe } from "./parameters.ts";
import { savingMode } from "./saved.ts";
import { fillWith } from "./transfer.ts";

/** Sums gradients that meet. Out of place: either may be held by someone else. */
const add = (a: Tensor, b: Tensor): Tensor => a.add(b);

/** A hook may hold on to what it saw, so that memory must not become someone's .grad. */
const keep = (gradient: Tensor): void => void (gradient.storage.kept = true);

/** Tensors, or edges of the graph, one or several. */
export type Places =
  | Tensor
  | GradientEdge
  | Iterable<Tensor | GradientEdge>
  | readonly Places[]
  | { readonly [name: string]: Places };

/** Tensors and edges in the place of an argument: one, several in anything that iterates, or nested arrays and records. */
export type Given = Flattened<unknown>;

const isPlace = (value: unknown): value is Tensor | GradientEdge =>
  value instanceof Tensor || value instanceof GradientEdge;

/** Takes an argument apart; null where none is given. What is no tensor is refused where it is used. */
export function givenIn(operation: string, name: string, value: unknown): Given | null {
  if (value === null || value === undefined) return null;
  const isLeaf = (part: unknown): part is unknown => !isContainer(part);
  if (isPlace(value)) return flatten([value], isLeaf);
  if (isContainer(value)) return flatten(value, isLeaf);
  if (typeof value === "object" && Symbol.iterator in value)
    return flatten([...(value as Iterable<unknown>)], isLeaf);
  throw new ArgumentError(
    `${operation}: ${name} must be a tensor, or an array or record of tensors, got ${describe(value)}`,
  );
}

/** How to speak of one of the inputs: by its number in a list, else by its path. */
export function inputName(inputs: Given, position: number): string {
  const path = inputs.paths[position]!;
  return path === `[${position}]` ? numbered(position) : `inputs${path}`;
}

function numbered(position: number): string {
  return `input ${position}`;
}

function root(
  operation: string,
  output: unknown,
  seed: unknown,
  position: number,
  unseen: boolean,
): Root<Tensor> {
  const given = seed !== null && seed !== undefined;
  if (output instanceof Tensor) {
    const node = gradientNode(output);
    if (node === null)
      throw new AutogradError(
        `${operation}: element ${position} of the tensors does not require grad and has no gradFn; ${explainCut(output)}`,
      );
    const value = given
      ? checkedSeed(operation, seed, position, output)
      : unseen && output.sizes.length === 0
        ? sharedSeed(operation, position, output)
        : implicitSeed(operation, position, output);
    return { node, index: output.outputIndex, value };
  }
  if (!(output instanceof GradientEdge))
    throw new AutogradError(
      `${operation}: output ${position} must be a tensor or a GradientEdge, got ${describe(output)}`,
    );
  const { node, outputNr: index } = output;
  const like = likeOf(node.inputMetadata[index] ?? null);
  const value = given
    ? checkedSeed(operation, seed, position, like)
    : implicitSeed(operation, position, like);
  return { node, index, value };
}

type Like = Pick<Tensor, "sizes" | "count" | "dtype" | "device">;

function likeOf(known: ResultMetadata | null): Like | null {
  if (known === null) return null;
  const { shape: sizes, dtype, device } = known;
  return { sizes, count: elementCount(sizes), dtype, device };
}

function implicitSeed(operation: string, position: number, like: Like | null): Tensor {
  if (like === null)
    throw new AutogradError(
      `${operation}: grad can be implicitly created only for scalar outputs, and the shape of output ${position} is not known; give a gradient`,
    );
  if (like.count !== 1)
    throw new AutogradError(
      `${operation}: grad can be implicitly created only for scalar outputs, and output ${position} has shape ${formatSizes(like.sizes)}; give a gradient of that shape, or reduce it first, as in y.sum().backward()`,
    );
  const one = like instanceof Tensor ? emptyLike(like) : empty(like.sizes, like.dtype, like.device);
  fillWith(one, 1);
  return one;
}

/** The seed of passes without dimensions that nobody looks into; made anew for another type or device, or once something wrote into it. */
let shared: { readonly seed: Tensor; readonly backend: Backend } | null = null;

function sharedSeed(operation: string, position: number, output: Tensor): Tensor {
  const { dtype, device } = output;
  const known = shared;
  if (
    known !== null &&
    known.seed.dtype === dtype &&
    known.seed.storage.device === device &&
    known.backend === device.backend &&
    known.seed.storage.version === 0
  )
    return known.seed;
  const seed = implicitSeed(operation, position, output);
  seed.storage.kept = true;
  shared = { seed, backend: device.backend };
  return seed;
}

function checkedSeed(
  operation: string,
  seed: unknown,
  position: number,
  like: Like | null,
): Tensor {
  if (!(seed instanceof Tensor))
    throw new AutogradError(
      `${operation}: the gradient for output ${position} must be a tensor or null, got ${typeof seed}`,
    );
  // The caller's tensor must not become someone's .grad.
  seed.storage.kept = true;
  if (like === null) return seed;
  if (!sameSizes(seed.sizes, like.sizes))
    throw new ShapeError(
      `${operation}: the gradient for output ${position} has shape ${formatSizes(seed.sizes)}, but the output has ${formatSizes(like.sizes)}; they must be equal`,
    );
  if (seed.storage.device.base !== like.device.base)
    throw new AutogradError(
      `${operation}: the gradient for output ${position} is on ${String(seed.storage.device)}, the output on ${String(like.device)}`,
    );
  return seed.dtype === like.dtype ? seed : seed.to(like.dtype);
}

function roots(
  operation: string,
  outputs: readonly unknown[],
  seeds: readonly unknown[] | null,
  unseen: boolean,
): Root<Tensor>[] {
  if (outputs.length === 0)
    throw new AutogradError(`${operation}: there is no output to go back from`);
  if (seeds !== null && seeds.length !== outputs.length)
    throw new AutogradError(
      `${operation}: ${seeds.length} gradients were given for ${outputs.length} outputs; give one for each, null where 1 will do`,
    );
  const list = new Array<Root<Tensor>>(outputs.length);
  for (let i = 0; i < outputs.length; i++)
    list[i] = root(operation, outputs[i], seeds === null ? null : seeds[i], i, unseen);
  return list;
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
    new Task<Tensor>(add, keepGraph, keep).run(start, captures);
  } catch (error) {
    throw passes.current === null ? error : explained(error);
  } finally {
    gradMode.enabled = before;
    savingMode.hooks = hooks;
  }
}

/** The error of a pass inside another, with advice where the stack was used up. */
function explained(error: unknown): unknown {
  if (!(error instanceof RangeError) || !error.message.includes("call stack")) return error;
  return new AutogradError(
    "backward: passes within passes, each started by a hook or function of the one before, used up the call stack; " +
      "run with a larger one, as in node --stack-size=4000 or a worker's resourceLimits.stackSizeMb, or start them one after another",
    { cause: error },
  );
}

/** Where a gradient is captured, refusing what has none. */
function target(
  operation: string,
  input: unknown,
  name: string,
): { readonly node: Node<Tensor>; readonly index: number; readonly tensor: Tensor | null } {
  if (input instanceof GradientEdge)
    return { node: input.node, index: input.outputNr, tensor: null };
  if (!(input instanceof Tensor))
    throw new AutogradError(
      `${operation}: ${name} must be a tensor or a GradientEdge, got ${describe(input)}`,
    );
  const node = gradientNode(input);
  if (node === null)
    throw new AutogradError(
      `${operation}: ${name} does not require grad, so nothing can be differentiated with respect to it; set requiresGrad before it is used`,
    );
  return { node, index: input.outputIndex, tensor: input };
}

function capturesOf(list: readonly Capture<Tensor>[]): Map<Node<Tensor>, Capture<Tensor>[]> {
  const captures = new Map<Node<Tensor>, Capture<Tensor>[]>();
  for (const capture of list) {
    const others = captures.get(capture.node);
    if (others === undefined) captures.set(capture.node, [capture]);
    else others.push(capture);
  }
  return captures;
}

/** Accumulates gradients of the outputs into the leaves, or into the given inputs alone. */
export function accumulateGradients(
  operation: string,
  outputs: readonly unknown[],
  seeds: readonly unknown[] | null,
  keepGraph: boolean,
  createGraph: boolean,
  inputs: Given | null,
): void {
  if (inputs !== null && inputs.leaves.length === 0)
    throw new AutogradError(
      `${operation}: inputs is empty, so there is nothing to accumulate into; leave it out for all leaves`,
    );
  const unseen = inputs === null && !createGraph && !userCode.possible;
  const start = roots(operation, outputs, seeds, unseen);
  if (inputs === null) return run(start, null, keepGraph, createGraph);
  const captures = mapped(inputs.leaves, (input, i) => {
    const { tensor, node, index } = target(operation, input, inputName(inputs, i));
    tensor?.retainGrad();
    // What arrives goes into .grad by the leaf's node, or by the retaining hook: nothing is taken out here.
    return { node, index, execute: true, take: () => {} };
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
  nameOf: (position: number) => string = numbered,
): (Tensor | null)[] {
  if (inputs.length === 0)
    throw new AutogradError(
      `${operation}: inputs is empty, so there is nothing to differentiate with respect to`,
    );
  const start = roots(operation, outputs, seeds, false);
  const found = new Array<Tensor | null>(inputs.length).fill(null);
  const captures = mapped(inputs, (input, i) => {
    const { node, index } = target(operation, input, nameOf(i));
    return {
      node,
      index,
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
