// torch.autograd.Function: operations with a gradient of the user's own.
import { gradMode, withRecording } from "../autograd/mode.ts";
import { AutogradError } from "../core/errors.ts";
import { warn } from "../core/warning.ts";
import { flatten, isContainer, isRecord, mappedRecord } from "../core/tree.ts";
import {
  checkInPlace,
  rebaseHistory,
  requiresGradient,
  View,
  viewOf,
} from "../ops/define/history.ts";
import { together } from "../ops/define/levels.ts";
import { alias } from "../ops/define/memory.ts";
import { observed } from "../ops/define/observable.ts";
import { Tensor } from "../ops/methods.ts";
import { Context, Notes } from "./context.ts";
import { type Argument, type Edges, edgesTo, FunctionNode, type Rules } from "./custom.ts";

import { type MapRule, mappedByRule } from "./custommap.ts";
import { type ForwardRules, levelsOf, pushThrough, withoutLevels } from "./customtangent.ts";
import { isTensor } from "../ops/access.ts";

export { onceDifferentiable } from "./custom.ts";

/**
 * The context of a custom function: `State` are properties of its own, `Saved` what it saves.
 * Tensors belong into `saveForBackward`; other values are kept as properties.
 */
export type FunctionContext<
  State = object,
  Saved extends readonly (Tensor | null)[] = readonly Tensor[],
> = Context<Saved> & State;

/** A class of static methods that can be applied. */
interface Applicable extends Rules {
  forward(...args: never[]): unknown;
}

type AnyFunction = (...args: never[]) => unknown;

/** The arguments of `apply`: those of `forward`, without the context where it takes one. */
type ApplyArguments<F extends Applicable> = F extends { setupContext: AnyFunction }
  ? Parameters<F["forward"]>
  : Parameters<F["forward"]> extends [unknown, ...infer A]
    ? A
    : [];

/** What `apply` is called on: nothing where it was taken from its class, whose methods then cannot tell the types. */
type Detached<F> = unknown extends F ? true : F extends void ? true : false;

type Apply = <F>(
  this: F,
  ...args: F extends Applicable
    ? ApplyArguments<F>
    : Detached<F> extends true
      ? readonly unknown[]
      : never
) => F extends Applicable ? ReturnType<F["forward"]> : Tensor;

// Bound to their classes, so that one can be passed on as a function.
const appliers = new WeakMap<object, (...args: readonly unknown[]) => unknown>();

/** The class as it is called: which of the methods a user wrote is known only then. */
interface Loose extends Rules, ForwardRules, MapRule {
  readonly forward?: (...args: unknown[]) => unknown;
  readonly setupContext?: (ctx: unknown, inputs: readonly unknown[], output: unknown) => void;
}

/**
 * The base class of operations with a gradient of one's own. A subclass has static methods:
 *
 * - `forward(ctx, ...args)` computes the result, a tensor or an array of tensors and other values, unrecorded;
 *   or `forward(...args)` with `setupContext(ctx, inputs, output)` beside it;
 * - `backward(ctx, ...gradients)` (or `vjp`) gives, from the gradient of each result, the gradient of each argument: v^T J.
 *   One value, or an array with one for each argument; null for arguments without one.
 *
 * for forward mode `jvp(ctx, ...tangents)`, which gives the tangent of each result from those of the arguments, J t; and, if the
 * operations in `forward` are not to be mapped as they are, `vmap(info, inDims, ...args)`, which is given whole batches with the place of
 * the batch in each (null for what is not mapped) and returns `[result, outDims]`.
 *
 * `apply(...args)` calls it. Tensors among the arguments, also within arrays and plain objects, are differentiated; the gradients of a
 * nested argument are nested in the same way. For gradients of gradients, `backward` must be made of differentiable operations on
 * what was saved.
 *
 * Throws AutogradError for gradients in the wrong number and for a missing method, ShapeError for a gradient of another shape.
 * @example
 * ```ts
 * class Scale extends torch.autograd.Function {
 *   static forward(ctx: torch.autograd.FunctionContext<{ factor: number }>, x: torch.Tensor, factor: number) {
 *     ctx.factor = factor;
 *     return x.mul(factor);
 *   }
 *   static backward(ctx: torch.autograd.FunctionContext<{ factor: number }>, g: torch.Tensor) {
 *     return [g.mul(ctx.factor), null];
 *   }
 * }
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * Scale.apply(x, 3).sum().backward();
 * x.grad // => tensor([3., 3.])
 * ```
 */
abstract class CustomFunction {
  /** Frees the saved tensors when they are read for the first time; a second read throws. */
  static readonly clearSavedTensorsOnAccess: boolean = false;
  /** Has `backward` called with one array of gradients, from which it may take them out. */
  static readonly boxedGradsCall: boolean = false;

  /** Refuses instances: everything about a custom function is static. */
  constructor() {
    throw new AutogradError(
      `${new.target.name}: a custom function should not be instantiated, its methods are static; call ${new.target.name}.apply(...)`,
    );
  }

  /** Computes `forward` of the arguments and records it with its `backward`. It may be taken from its class: `const exp = Exp.apply`. */
  static get apply(): Apply {
    let own = appliers.get(this);
    if (own === undefined) {
      const rules = this as unknown as Loose;
      own = (...args) => observed(rules.name, args, (given) => applied(rules, given));
      appliers.set(this, own);
    }
    return own as Apply;
  }
}

export { CustomFunction as Function };

function argumentsOf(args: readonly unknown[]): Argument[] {
  return args.map((arg) =>
    isTensor(arg)
      ? { nested: false, tensors: [arg] }
      : { nested: true, tensors: flatten(arg, isTensor).leaves },
  );
}

/** Arguments brought to one level of mapped functions, so that each gradient arrives where its argument is. */
function leveled(name: string, args: readonly unknown[]): readonly unknown[] {
  const { leaves, rebuild } = flatten(args, isTensor);
  if (leaves.every((tensor) => tensor.device.axes.length === 0)) return args;
  return rebuild(together(name, leaves)) as readonly unknown[];
}

function applied(rules: Loose, given: readonly unknown[]): unknown {
  const mapped = mappedByRule(rules, given);
  if (mapped !== null) return mapped.result;
  const { name, forward, setupContext } = rules;
  if (forward === undefined)
    throw new AutogradError(
      `${name}: there is no static forward; you must implement the forward function of a custom function`,
    );
  const args = leveled(name, given);
  const own = argumentsOf(args);
  const inputs = own.flatMap(({ tensors }) => tensors);
  const needs = own.map(({ tensors }) =>
    tensors.some((t) => t.dtype.isFloatingPoint && requiresGradient(t)),
  );
  const notes = new Notes();
  const context = new Context(needs, notes);
  const recording = gradMode.enabled && needs.includes(true);
  // What the arguments are now: forward may change them in place.
  const edges = recording ? edgesTo(inputs) : null;
  const levels = levelsOf(inputs);
  const result = withRecording(false, () =>
    withoutLevels(() => {
      if (setupContext === undefined) return forward.call(rules, context, ...args);
      const output = forward.call(rules, ...args);
      setupContext.call(rules, context, args, output);
      return output;
    }),
  );
  const node =
    edges === null ? null : (first: number) => nodeOf(rules, context, notes, own, edges, first);
  const { outputs, value } = new Call(rules, notes, inputs).finish(result, node);
  for (const level of levels) pushThrough({ rules, context, notes, args, inputs, outputs }, level);
  return value;
}

/** The node of a call, whose edge 0 is that of tensor `first`. */
function nodeOf(
  rules: Rules,
  context: Context,
  notes: Notes,
  args: readonly Argument[],
  { next, nextIndex }: Edges,
  first: number,
): FunctionNode {
  const ahead = <T>(list: readonly T[]): readonly T[] =>
    first === 0 ? list : [list[first]!, ...list.filter((_, i) => i !== first)];
  const edges = { next: ahead(next), nextIndex: ahead(nextIndex) };
  return new FunctionNode(rules, context, notes, args, edges, first);
}

/** A call whose `forward` has returned. */
class Call {
  readonly #rules: Loose;
  readonly #notes: Notes;
  readonly #inputs: readonly Tensor[];

  constructor(rules: Loose, notes: Notes, inputs: readonly Tensor[]) {
    this.#rules = rules;
    this.#notes = notes;
    this.#inputs = inputs;
  }

  /** Gives the results their places in the graph; `record` makes the node, and is null where nothing is recorded. */
  finish(
    result: unknown,
    record: ((first: number) => FunctionNode) | null,
  ): { readonly outputs: readonly unknown[]; readonly value: unknown } {
    const single = !isContainer(result);
    const row: readonly unknown[] = single ? [result] : Object.values(result);
    this.#checkDirty(row);
    const node = record?.(this.#writtenView(row)) ?? null;
    const outputs = row.map((value, i) =>
      value instanceof Tensor ? this.#place(value, i, node) : value,
    );
    if (gradMode.enabled) this.#bindViews(outputs);
    if (node !== null) {
      node.settle(
        outputs.map((value) => (value instanceof Tensor ? value : null)),
        this.#inputs,
      );
      this.#notes.place = node;
    }
    if (single) return { outputs, value: outputs[0] };
    return {
      outputs,
      value: isRecord(result) ? mappedRecord(result, (_, i) => outputs[i]) : outputs,
    };
  }

  #checkDirty(row: readonly unknown[]): void {
    const { name } = this.#rules;
    for (const tensor of this.#notes.dirty) {
      if (!this.#inputs.includes(tensor)) {
        const text = `${name}: markDirty received a tensor that was not an input; only arguments that forward changes in place are to be marked`;
        if (viewOf(tensor) !== null) throw new AutogradError(text);
        warn(text);
        continue;
      }
      if (!row.includes(tensor))
        throw new AutogradError(
          `${name}: some tensors marked as dirty were not returned as output; arguments that are modified in place must all be outputs of the function`,
        );
    }
  }

  /** The place among the tensors of a view that was changed in place; 0 where there is none. */
  #writtenView(row: readonly unknown[]): number {
    const view = this.#notes.dirty.find(
      (tensor) => viewOf(tensor) !== null && row.includes(tensor),
    );
    if (view === undefined) return 0;
    if (row.length > 1)
      throw new AutogradError(
        `${this.#rules.name}: it modifies a view in place and returns ${row.length} values; then it cannot return more than one tensor: clone() the view before, or make two functions of it`,
      );
    return this.#inputs.indexOf(view);
  }

  #place(output: Tensor, index: number, node: FunctionNode | null): Tensor {
    const { nonDifferentiable, dirty } = this.#notes;
    const isInput = this.#inputs.includes(output);
    const isDirty = isInput && dirty.includes(output);
    const differentiable =
      node !== null && output.dtype.isFloatingPoint && !nonDifferentiable.includes(output);
    let out = output;
    if (isInput && !isDirty) out = this.#passedThrough(output);
    else if (!differentiable && !isInput && output.tracked) out = alias(output);
    if (!differentiable) return out;
    if (isDirty) {
      checkInPlace(this.#rules.name, out, true);
      rebaseHistory(out, node);
      if (viewOf(out) === null) out.outputIndex = index;
    } else {
      out.node = node;
      out.outputIndex = index;
      out.tracked = true;
    }
    return out;
  }

  /** An argument that is returned as it is: a view of it, which can have another place in the graph. */
  #passedThrough(input: Tensor): Tensor {
    if (this.#rules.setupContext !== undefined && this.#notes.forBackward.includes(input))
      throw new AutogradError(
        `${this.#rules.name}: a tensor that forward returns as it got it is saved in setupContext, where it is ambiguous which of the two is meant; return a view of it, as in x.viewAs(x)`,
      );
    const out = alias(input);
    const creation = gradMode.enabled ? "custom" : "noGrad";
    out.viewOf = new View(viewOf(input)?.base ?? input, creation, this.#rules.name);
    return out;
  }

  /** Views that come out of a custom function cannot be changed in place: their base would go around its backward. */
  #bindViews(outputs: readonly unknown[]): void {
    const tensors = outputs.filter(isTensor);
    const several = tensors.filter((tensor) => tensor.tracked).length > 1;
    for (const tensor of tensors) {
      const view = viewOf(tensor);
      if (view === null || this.#notes.dirty.includes(tensor)) continue;
      tensor.viewOf = new View(view.base, several ? "multiple" : "custom", this.#rules.name);
    }
  }
}

/** The node of a custom function's call, as `gradFn` shows it. */
export type { FunctionNode };
