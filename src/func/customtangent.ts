// Forward mode of custom functions: the tangents of a call's results, from its own `jvp`.
import { beneath, type ForwardLevel, forwardMode } from "../autograd/forward.ts";
import { AutogradError, ShapeError } from "../core/errors.ts";
import { formatSizes, sameSizes } from "../core/shape.ts";
import { flatten } from "../core/tree.ts";
import { viewOf } from "../ops/define/history.ts";
import { describe } from "../ops/define/parameters.ts";
import {
  laidOut,
  overwriteTangent,
  setTangent,
  tangentOf,
  tangentsOf,
  zeroTangent,
} from "../ops/define/tangent.ts";
import { Tensor } from "../ops/methods.ts";
import type { Context, Notes } from "./context.ts";
import { isTensor } from "../ops/access.ts";

/** The class of a custom function, as forward mode sees it. */
export interface ForwardRules {
  readonly name: string;
  readonly jvp?: (ctx: never, ...tangents: never[]) => unknown;
}

/** A call that has been computed: what it was given, and what it returned, one by one. */
export interface Computed {
  readonly rules: ForwardRules;
  readonly context: Context;
  readonly notes: Notes;
  readonly args: readonly unknown[];
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly unknown[];
}

/** Runs something as if no forward mode were open. */
export function withoutLevels<T>(callback: () => T): T {
  return forwardMode.active ? beneath(forwardMode.levels[0]!, callback) : callback();
}

/** The levels at which some of the tensors have tangents. */
export function levelsOf(inputs: readonly Tensor[]): readonly ForwardLevel[] {
  if (!forwardMode.active) return [];
  return forwardMode.levels.filter((level) => tangentsOf(inputs, level) !== null);
}

/** Gives the results their tangents at a level. */
export function pushThrough(call: Computed, level: ForwardLevel): void {
  const { rules, context, notes, args, outputs } = call;
  const { jvp, name } = rules;
  if (jvp === undefined)
    throw new AutogradError(
      `${name}: there is no static jvp; you must implement the jvp function of a custom function to use it in forward mode`,
    );
  const given = new Map<Tensor, Tensor | null>();
  const tangentFor = (input: Tensor): Tensor | null => {
    let tangent = tangentOf(input, level);
    if (tangent === null && notes.materialize && input.dtype.isFloatingPoint)
      tangent = zeroTangent(input);
    given.set(input, tangent);
    return tangent;
  };
  beneath(level, () => {
    const tangents = args.map((arg) => {
      const { leaves, rebuild } = flatten(arg, isTensor);
      return leaves.length === 0 ? null : rebuild(leaves.map(tangentFor));
    });
    notes.inForwardMode = true;
    let returned: unknown;
    try {
      returned = jvp.call(rules, context as never, ...(tangents as never[]));
    } finally {
      notes.inForwardMode = false;
    }
    const list = listed(name, returned, outputs.length);
    outputs.forEach((output, i) => {
      if (output instanceof Tensor) place(call, level, output, list[i] ?? null, i, given);
    });
  });
}

/** What `jvp` returned, one for each result. */
function listed(name: string, returned: unknown, count: number): readonly unknown[] {
  const several = typeof returned === "object" && returned !== null && !isTensor(returned);
  const list: unknown[] = several ? Object.values(returned) : [returned];
  if (list.length !== count)
    throw new AutogradError(
      `${name}: jvp returned an invalid number of tangents (expected ${count}, one for each result of forward, got ${list.length})`,
    );
  return list;
}

function place(
  { rules: { name }, notes, inputs }: Computed,
  level: ForwardLevel,
  output: Tensor,
  value: unknown,
  index: number,
  given: ReadonlyMap<Tensor, Tensor | null>,
): void {
  if (value === null) return;
  if (!(value instanceof Tensor))
    throw new AutogradError(
      `${name}: jvp must return a tensor or null for result ${index}, got ${describe(value)}`,
    );
  if (!output.dtype.isFloatingPoint || notes.nonDifferentiable.includes(output))
    throw new AutogradError(
      `${name}: jvp returned a tangent for result ${index}, which is not differentiable; return null there`,
    );
  if (!sameSizes(value.sizes, output.sizes))
    throw new ShapeError(
      `${name}: jvp returned a tangent of shape ${formatSizes(value.sizes)} for result ${index}, which has shape ${formatSizes(output.sizes)}; they must be equal`,
    );
  if (notes.dirty.includes(output)) {
    if (value !== given.get(output))
      throw new AutogradError(
        `${name}: an in-place custom function is not modifying the forward mode gradients inplace: forward changes argument ${inputs.indexOf(output)}, so jvp must change its tangent and return that`,
      );
    if (tangentOf(output, level) !== value) overwriteTangent(output, level, value);
    return;
  }
  const view = viewOf(output);
  const shown = view === null ? undefined : inputs.find((input) => baseOf(input) === view.base);
  if (shown !== undefined) checkView(name, value, given.get(shown) ?? null);
  setTangent(output, level, laidOut(value, output));
}

function baseOf(tensor: Tensor): Tensor {
  return viewOf(tensor)?.base ?? tensor;
}

/** A view's tangent must be the view of its base's: changes of one are changes of the other. */
function checkView(name: string, tangent: Tensor, of: Tensor | null): void {
  const view = viewOf(tangent);
  const what = `${name}: forward is returning a view (or an input as-is)`;
  if (view === null)
    throw new AutogradError(
      `${what} but the jvp is not returning a view; make the same view of the argument's tangent, as with viewAs()`,
    );
  if (of === null || tangent.storage !== of.storage)
    throw new AutogradError(
      `${what} but the jvp is not returning a view of the given tangent; make the same view of it`,
    );
}
