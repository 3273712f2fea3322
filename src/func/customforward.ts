// Tangents through custom functions: their `jvp` is called for every level of forward mode, and what it gives is checked.
import { beneath, type ForwardLevel, forwardMode } from "../autograd/forward.ts";
import { AutogradError, ShapeError } from "../core/errors.ts";
import { formatSizes, sameSizes } from "../core/shape.ts";
import { flatten } from "../core/tree.ts";
import { describe } from "../ops/define/parameters.ts";
import {
  holdTangent,
  laidOut,
  markConstant,
  overwriteTangent,
  setTangent,
  tangentOf,
  zeroTangent,
} from "../ops/define/tangent.ts";
import { Tensor } from "../ops/methods.ts";
import type { Context, Notes } from "./context.ts";

/** The part of a custom function that pushes tangents. */
export interface ForwardRules {
  readonly name: string;
  readonly jvp?: (ctx: unknown, ...tangents: unknown[]) => unknown;
}

/** A call that was made, whose results have no tangents yet. */
export interface FunctionCall {
  readonly rules: ForwardRules;
  readonly context: Context;
  readonly notes: Notes;
  readonly args: readonly unknown[];
  /** Its results in order, and whether it returned one alone. */
  readonly outputs: readonly unknown[];
  readonly single: boolean;
}

/** What is remembered of an argument that had a tangent before `jvp` ran. */
interface Given {
  readonly tensor: Tensor;
  readonly tangent: Tensor | null;
  readonly version: number;
}

const baseOf = (tensor: Tensor): Tensor => tensor.viewOf?.base ?? tensor;

function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor;
}

/** Gives the results of a call their tangents, by its `jvp`. */
export function pushThrough(call: FunctionCall): void {
  for (const level of forwardMode.levels) {
    const { leaves } = flatten(call.args, isTensor);
    const given = leaves.map((tensor): Given => {
      const tangent = tensor.dtype.isFloatingPoint ? tangentOf(tensor, level) : null;
      return { tensor, tangent, version: tangent?.storage.version ?? 0 };
    });
    if (given.every(({ tangent }) => tangent === null)) continue;
    beneath(level, () => {
      const tangents = callJvp(call, given);
      call.outputs.forEach((output, i) => place(call, output, tangents[i], given, level, i));
    });
  }
}

function callJvp(call: FunctionCall, given: readonly Given[]): readonly unknown[] {
  const { rules, context, notes, args, outputs, single } = call;
  if (rules.jvp === undefined)
    throw new AutogradError(
      `${rules.name}: you must implement the jvp function for a custom function to use it with forward mode AD`,
    );
  let at = 0;
  const own = args.map((arg) => {
    const { leaves, rebuild } = flatten(arg, isTensor);
    if (leaves.length === 0) return null;
    return rebuild(
      leaves.map((tensor) => {
        const { tangent } = given[at++]!;
        return (
          tangent ??
          (notes.materialize && tensor.dtype.isFloatingPoint ? zeroTangent(tensor) : null)
        );
      }),
    );
  });
  notes.inForwardMode = true;
  let returned: unknown;
  try {
    returned = rules.jvp(context, ...own);
  } finally {
    notes.inForwardMode = false;
  }
  const list: readonly unknown[] = Array.isArray(returned)
    ? returned
    : single || isTensor(returned)
      ? [returned]
      : Object.values(Object(returned) as object);
  if (list.length !== outputs.length)
    throw new AutogradError(
      `${rules.name}: jvp returned an invalid number of tangents (expected ${outputs.length}, one for each result, got ${list.length}); give null for results without one`,
    );
  return list;
}

function place(
  { rules: { name }, notes }: FunctionCall,
  output: unknown,
  value: unknown,
  given: readonly Given[],
  level: ForwardLevel,
  index: number,
): void {
  const differentiable =
    isTensor(output) &&
    output.dtype.isFloatingPoint &&
    !notes.nonDifferentiable.some(
      (other) => other.storage === output.storage && sameSizes(other.sizes, output.sizes),
    );
  if (!differentiable) {
    if (value !== null && value !== undefined)
      throw new AutogradError(
        `${name}: jvp returned a tangent at position ${index}, but the corresponding result is not differentiable; return null there`,
      );
    if (isTensor(output)) markConstant(output, level);
    return;
  }
  if (!isTensor(value))
    throw new AutogradError(
      `${name}: jvp must return a tensor for result ${index}, got ${describe(value)}; return zeros where it does not change`,
    );
  if (!sameSizes(value.sizes, output.sizes))
    throw new ShapeError(
      `${name}: jvp returned a forward gradient of a different size than its tensor: result ${index} has shape ${formatSizes(output.sizes)}, its tangent ${formatSizes(value.sizes)}; they must be equal`,
    );
  const changed = given.find(({ tensor }) => tensor === output && notes.dirty.includes(tensor));
  if (changed !== undefined) {
    placeChanged(name, changed, value, level);
    return;
  }
  const source =
    output.viewOf === null
      ? undefined
      : given.find(({ tensor }) => baseOf(tensor) === baseOf(output));
  if (source === undefined) setTangent(output, level, laidOut(value, output));
  else if (source.tangent === null) {
    // The result shows memory of an argument that had no tangent: the argument has one from now on.
    overwriteTangent(output, level, value);
  } else {
    checkView(name, source.tangent, value);
    setTangent(output, level, value);
  }
}

/** An argument that `forward` changed in place: its tangent must have been changed in place as well. */
function placeChanged(
  name: string,
  { tensor, tangent, version }: Given,
  value: Tensor,
  level: ForwardLevel,
): void {
  if (tangent === null) {
    if (tensor.viewOf === null) holdTangent(tensor, level, laidOut(value, tensor));
    else overwriteTangent(tensor, level, value);
    return;
  }
  if (tangent.storage.version === version)
    throw new AutogradError(
      `${name}: an inplace custom Function is not modifying the forward mode gradients inplace; where forward modifies an argument in place, jvp must modify its tangent in place`,
    );
  if (value !== tangent)
    throw new AutogradError(
      `${name}: an inplace custom Function is not returning the forward mode gradients as-is; where forward modifies an argument in place, jvp must modify its tangent in place and return it`,
    );
}

/** A result that shows an argument's memory must have a tangent that shows the argument's tangent. */
function checkView(name: string, source: Tensor, value: Tensor): void {
  if (value.viewOf === null)
    throw new AutogradError(
      `${name}: a custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a view; return a view of the tangent`,
    );
  if (value.viewOf.base === baseOf(source)) return;
  throw new AutogradError(
    source.viewOf === null
      ? `${name}: a custom Function is returning a view but the jvp is not returning a view of the given grad input`
      : `${name}: a custom Function is returning a view but the jvp is not returning a view of the same base as the given grad input`,
  );
}
