// Tangents of the results of operations that are not pointwise: by the operation itself where it is linear, else by transposing its rules.
import { gradMode } from "../../autograd/mode.ts";
import { Node, type Sender } from "../../autograd/node.ts";
import type { ForwardLevel } from "../../autograd/forward.ts";
import { Tensor } from "../../core/tensor.ts";
import type { Blueprint, OperationNode } from "./blueprint.ts";
import { requiresGradient } from "./history.ts";
import { alias, emptyLike } from "./memory.ts";
import type { Parameters, Values } from "./parameters.ts";
import { captureGradients } from "./pass.ts";
import { tangentOf, tangentsOf, zeroTangent } from "./tangent.ts";
import { fillWith } from "./transfer.ts";

type Arguments = Values<Parameters>;
type Results = Tensor | readonly Tensor[];
/** The tangents of a call's arguments by name: of a tensor, or of each of a list of them. */
export type ArgumentTangents = Readonly<Record<string, Tensor | readonly (Tensor | null)[]>>;

/** What pushing tangents through a call takes. */
export interface Call {
  readonly blueprint: Blueprint;
  readonly values: Arguments;
  readonly outputs: readonly Tensor[];
  /** The same operation on other arguments, recorded. */
  readonly again: (values: Arguments) => Results;
  /** The node that the call would leave behind if its tensors were what `place` gives for them. */
  readonly node: (place: (tensor: Tensor) => Tensor) => OperationNode;
}

/** The tangents of the arguments that the results depend on; null where there are none. */
export function argumentTangents(
  blueprint: Blueprint,
  values: Arguments,
  level: ForwardLevel,
): ArgumentTangents | null {
  let found: Record<string, Tensor | readonly (Tensor | null)[]> | null = null;
  for (const name of blueprint.ruleNames) {
    const value = values[name];
    const tangent =
      value instanceof Tensor
        ? tangentOf(value, level)
        : Array.isArray(value)
          ? tangentsOf(value as Tensor[], level)
          : null;
    if (tangent !== null) (found ??= {})[name] = tangent;
  }
  return found;
}

/** The tangents of a call's results, null where a result has none. */
export function pushforward(call: Call, tangents: ArgumentTangents): readonly (Tensor | null)[] {
  const { blueprint, values, outputs, again } = call;
  const { record } = blueprint;
  const list = (results: Results): readonly Tensor[] =>
    results instanceof Tensor ? [results] : results;
  let found: readonly (Tensor | null)[];
  if (record.view !== undefined)
    return list(again({ ...values, [blueprint.self]: tangents[blueprint.self] }));
  if (record.linear === true) found = list(again(linearArguments(blueprint, values, tangents)));
  else if (record.multilinear !== undefined) found = [terms(call, tangents, record.multilinear)];
  else if (record.symmetric === true) found = [symmetric(call, tangents)];
  else found = transposed(call, tangents);
  // A result's memory is its own, and so is that of its tangent.
  const shared = (t: Tensor): boolean =>
    Object.values(tangents).some((given) =>
      [given].flat().some((other) => other instanceof Tensor && other.storage === t.storage),
    );
  return found.map((t, i) =>
    t === null || !outputs[i]!.dtype.isFloatingPoint ? null : shared(t) ? t.clone() : t,
  );
}

/** The arguments with tangents in the place of tensors, and zeros where there are none. */
function linearArguments(
  blueprint: Blueprint,
  values: Arguments,
  tangents: ArgumentTangents,
): Arguments {
  const out: Record<string, unknown> = { ...values };
  for (const name of blueprint.ruleNames) {
    const value = values[name];
    const given = tangents[name];
    if (value instanceof Tensor) out[name] = given ?? zeroTangent(value);
    else if (typeof value === "number") out[name] = 0;
    else if (Array.isArray(value))
      out[name] = (value as Tensor[]).map(
        (t, i) => (given as readonly (Tensor | null)[] | undefined)?.[i] ?? zeroTangent(t),
      );
  }
  return out as Arguments;
}

/** Linear in each of the factors: the sum of the terms in which one of them is replaced by its tangent. */
function terms(
  { blueprint, values, again }: Call,
  tangents: ArgumentTangents,
  factors: readonly string[],
): Tensor {
  const { ruleNames } = blueprint;
  const moving = factors.filter((name) => tangents[name] !== undefined);
  // The other arguments are added, once; where no factor moves, a product with zeros stands beside them.
  const first = moving[0] ?? factors[0]!;
  let sum: Tensor | null = null;
  for (const factor of moving.length === 0 ? [first] : moving) {
    const changed: Record<string, unknown> = {};
    for (const name of ruleNames) {
      const value = values[name];
      if (!(value instanceof Tensor)) continue;
      const own = name === factor || (factor === first && !factors.includes(name));
      if (own) changed[name] = tangents[name] ?? zeroTangent(value);
      else if (!factors.includes(name)) changed[name] = zeroTangent(value);
    }
    const term = again({ ...values, ...changed }) as Tensor;
    sum = sum === null ? term : sum.add(term);
  }
  return sum!;
}

/** J = J^T: the rule of the first argument applied to its tangent. */
function symmetric({ blueprint, node }: Call, tangents: ArgumentTangents): Tensor {
  const { self, record } = blueprint;
  const context = node((tensor) => tensor).context() as never;
  const tangent = tangents[self] as Tensor;
  return record.backward![self]!(tangent, context, [tangent]) as Tensor;
}

/** Where the gradients of a transposed rule are captured. */
class Origin extends Node<Tensor> {
  constructor() {
    super([null], [0]);
  }
  get name(): string {
    return "Origin";
  }
  run(task: Sender<Tensor>): void {
    task.send(this, 0, null);
  }
}

/**
 * J t for tangents t of the arguments. The backward rules compute J^T v, which is linear in v, so that J t = d/dv <J^T v, t>: the
 * rules are applied to some v, and what they did is gone through backward with t as the gradient.
 */
function transposed(call: Call, tangents: ArgumentTangents): (Tensor | null)[] {
  const { blueprint, values, outputs } = call;
  const { tensorNames, record } = blueprint;
  const given: (Tensor | null)[] = [];
  const moving = new Set<Tensor>();
  for (const name of tensorNames) {
    const value = values[name];
    const tangent = tangents[name];
    const items = Array.isArray(value) ? (value as Tensor[]) : [value];
    items.forEach((item, i) => {
      const own = (tangent instanceof Tensor ? tangent : tangent?.[i]) ?? null;
      given.push(own);
      if (own !== null) moving.add(item as Tensor);
    });
  }
  const createGraph = gradMode.enabled;
  gradMode.enabled = true;
  try {
    const cotangents = outputs.map((output) =>
      output.dtype.isFloatingPoint ? cotangentOf(output) : null,
    );
    const node = call.node((tensor) => {
      const stand = alias(tensor);
      stand.tracked = moving.has(tensor);
      return stand;
    });
    cotangents.forEach((v, i) => node.receive(i, v));
    const sent: { readonly value: Tensor; readonly tangent: Tensor }[] = [];
    node.run({
      send: (_from, slot, value) => {
        const tangent = given[slot] ?? null;
        if (value !== null && tangent !== null && requiresGradient(value))
          sent.push({ value, tangent });
      },
    });
    const wanted = cotangents.filter((v) => v !== null);
    const found =
      sent.length === 0 || wanted.length === 0
        ? wanted.map(() => null)
        : captureGradients(
            record.name,
            sent.map(({ value }) => value),
            wanted,
            sent.map(({ tangent }) => tangent),
            createGraph,
            createGraph,
          );
    return outputs.map((output, i) => {
      const v = cotangents[i]!;
      return v === null ? null : (found[wanted.indexOf(v)] ?? zeroTangent(output));
    });
  } finally {
    gradMode.enabled = createGraph;
  }
}

function cotangentOf(output: Tensor): Tensor {
  const v = emptyLike(output);
  fillWith(v, 0);
  v.node = new Origin();
  v.tracked = true;
  return v;
}
