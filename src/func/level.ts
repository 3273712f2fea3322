// What a derivative of a function needs around a call of it: arguments of its own to differentiate by, and results without its graph.
import { forwardMode } from "../autograd/forward.ts";
import { gradMode, withRecording } from "../autograd/mode.ts";
import type { Node } from "../autograd/node.ts";
import { mapping } from "../core/device.ts";
import { ArgumentError, DTypeError } from "../core/errors.ts";
import { mapped } from "../core/list.ts";
import { flatten, type Flattened, isContainer } from "../core/tree.ts";
import { AccumulateGrad } from "../ops/define/accumulate.ts";
import { isTensor } from "../ops/access.ts";
import { gradientNode, requiresGradient } from "../ops/define/history.ts";
import { raised } from "../ops/define/levels.ts";
import { alias } from "../ops/define/memory.ts";
import { describe } from "../ops/define/parameters.ts";
import { withoutGraph } from "../ops/define/tangent.ts";
import { Tensor } from "../ops/methods.ts";

/** Tensors without the graph that made them, in their nesting; they stay what they are for forward mode. */
export function untracked<T>(value: T): T {
  const { leaves, rebuild } = flatten(value, isTensor);
  return rebuild(mapped(leaves, withoutGraph)) as T;
}

/** Arguments of a function as fresh inputs, by which it can be differentiated. */
export class Inputs {
  readonly tensors: readonly Tensor[];
  /** The fresh tensors in the nesting of the arguments. */
  readonly values: readonly unknown[];
  private readonly flattened: Flattened<Tensor>;
  private readonly tracked: boolean;

  constructor(name: string, given: Flattened<Tensor>) {
    this.flattened = given;
    const { leaves, rebuild } = given;
    this.tracked = leaves.some(requiresGradient);
    this.tensors = mapped(leaves, (tensor, i) => fresh(name, tensor, () => given.paths[i]!));
    this.values = rebuild(this.tensors) as unknown[];
  }

  /** Whether derivatives of a result are themselves part of a graph around this call: through these inputs, or through captured tensors. */
  continues(result: readonly Tensor[]): boolean {
    for (const tensor of this.tensors) {
      const node = gradientNode(tensor);
      if (node instanceof AccumulateGrad) node.ended = true;
    }
    return gradMode.enabled && (this.tracked || reachesBeyond(result));
  }

  /** One value for each fresh tensor, in the nesting of the arguments. */
  nested(values: readonly Tensor[]): readonly unknown[] {
    return this.flattened.rebuild(values) as unknown[];
  }
}

function fresh(name: string, tensor: Tensor, path: () => string): Tensor {
  if (!tensor.dtype.isFloatingPoint)
    throw new DTypeError(
      `${name}: the argument${path()} is ${tensor.dtype.name}; derivatives are taken by floating-point tensors only`,
    );
  // Each member of a batch has a derivative of its own, also by what they share.
  const device = mapping.active.reduce(
    (below, axis) => (below.axes.includes(axis) ? below : axis.over(below)),
    tensor.storage.device,
  );
  const own = raised(tensor, device) as Tensor;
  const leads = requiresGradient(own) || forwardMode.active;
  const out = leads ? withRecording(true, () => own.viewAs(own)) : alias(own);
  out.tracked = true;
  return out;
}

/** Whether a graph leads to leaves that somebody may still ask for. */
function reachesBeyond(results: readonly Tensor[]): boolean {
  const seen = new Set<Node<Tensor>>();
  const open = results.flatMap((tensor) => gradientNode(tensor) ?? []);
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node instanceof AccumulateGrad && node.ended) continue;
    if (node.next.length === 0) return true;
    if (seen.has(node)) continue;
    seen.add(node);
    for (const next of node.next) if (next !== null) open.push(next);
  }
  return false;
}

const isPart = (value: unknown): value is unknown => !isContainer(value);

/** The tensors that a function returned, refusing anything else. */
export function resultsOf(name: string, result: unknown): Flattened<Tensor> {
  const found = flatten(result, isPart);
  const stranger = found.leaves.findIndex((leaf) => !isTensor(leaf));
  if (stranger >= 0 || found.leaves.length === 0)
    throw new ArgumentError(
      `${name}: the function must return tensors, or nested arrays and records of them, got ${describe(found.leaves[stranger] ?? result)}`,
    );
  return found as Flattened<Tensor>;
}

/** The function's result, and what it returned beside it with `hasAux`. */
export function withAux(
  name: string,
  result: unknown,
  hasAux: boolean,
): readonly [unknown, unknown] {
  if (!hasAux) return [result, undefined];
  if (!Array.isArray(result) || result.length !== 2)
    throw new ArgumentError(
      `${name}: with hasAux the function must return [result, aux], got ${describe(result)}`,
    );
  return [result[0], result[1]];
}
