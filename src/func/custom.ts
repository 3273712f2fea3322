// The graph node of a custom function, and the nodes that stand where its gradient cannot be differentiated again.
import { gradMode } from "../autograd/mode.ts";
import { Node, type Sender } from "../autograd/node.ts";
import { userCode } from "../autograd/usercode.ts";
import type { Device } from "../core/device.ts";
import type { DType } from "../core/dtype.ts";
import { AutogradError, DeviceError, ShapeError } from "../core/errors.ts";
import { formatSizes, sameSizes, type Sizes } from "../core/shape.ts";
import { flatten } from "../core/tree.ts";
import { fit } from "../ops/define/fit.ts";
import { gradientNode } from "../ops/define/history.ts";
import { alias } from "../ops/define/memory.ts";
import { describe } from "../ops/define/parameters.ts";
import {
  type Kept,
  opened,
  type SavedTensor,
  savingMode,
  SavingNode,
  sealed,
  versionsOf,
} from "../ops/define/saved.ts";
import { alreadyFreed } from "../ops/define/stale.ts";
import { zeros } from "../ops/create.ts";
import { Tensor } from "../ops/methods.ts";
import { type Context, type Notes, type SavingPlace } from "./context.ts";
import { isTensor } from "../ops/access.ts";

/** The class of a custom function, as the node of one of its calls sees it. */
export interface Rules {
  readonly name: string;
  readonly clearSavedTensorsOnAccess?: boolean;
  readonly boxedGradsCall?: boolean;
  readonly backward?: (ctx: never, ...gradients: never[]) => unknown;
  readonly vjp?: (ctx: never, ...gradients: never[]) => unknown;
}

interface Layout {
  readonly sizes: Sizes;
  readonly dtype: DType;
  readonly device: Device;
}

function layoutOf({ sizes, dtype, device }: Tensor): Layout {
  return { sizes, dtype, device };
}

/** An argument of a call: its place among the arguments, and the tensors in it, one unless it is nested. */
export interface Argument {
  readonly nested: boolean;
  readonly tensors: readonly Tensor[];
}

/** The edges from a call to the tensors it was given, as they were before it ran. */
export interface Edges {
  readonly next: readonly (Node<Tensor> | null)[];
  readonly nextIndex: readonly number[];
}

export function edgesTo(tensors: readonly (Tensor | null)[]): Edges {
  return {
    next: tensors.map((t) => (t?.dtype.isFloatingPoint === true ? gradientNode(t) : null)),
    nextIndex: tensors.map((t) => t?.outputIndex ?? 0),
  };
}

/** Fails when a gradient comes to it. */
class FailingNode extends Node<Tensor> {
  readonly #message: string;

  constructor({ next, nextIndex }: Edges, message: string) {
    super(next, nextIndex);
    this.#message = message;
  }

  get name(): string {
    return "Error";
  }

  run(): void {
    throw new AutogradError(this.#message);
  }
}

/** The same values at a place of the graph through which no gradient may go. */
export function impassable(value: Tensor, edges: Edges, message: string): Tensor {
  const out = alias(value);
  out.node = new FailingNode(edges, message);
  out.tracked = true;
  return out;
}

/** The node of a recorded call. */
export class FunctionNode extends SavingNode implements SavingPlace {
  readonly rules: Rules;
  /** What `forward` and `backward` share. */
  readonly context: Context;
  readonly #notes: Notes;
  readonly #arguments: readonly { readonly nested: boolean; readonly count: number }[];
  readonly #inputs: readonly Layout[];
  /** The place among the edges of the first one of a view that was changed in place; it is edge 0 then. */
  readonly #first: number;
  /** Null for results that are no tensors. */
  #outputs: readonly (Layout | null)[] = [];
  #saved: readonly Kept[] | null = [];
  #versions: readonly number[] | null = null;
  /** Which result each saved tensor is; -1 for arguments, -2 for what is neither. */
  #origins: readonly number[] = [];

  constructor(
    rules: Rules,
    context: Context,
    notes: Notes,
    args: readonly Argument[],
    edges: Edges,
    first: number,
  ) {
    super(edges.next, edges.nextIndex);
    userCode.possible = true;
    this.rules = rules;
    this.context = context;
    this.#notes = notes;
    this.#arguments = args.map(({ nested, tensors }) => ({ nested, count: tensors.length }));
    this.#inputs = args.flatMap(({ tensors }) => tensors.map(layoutOf));
    this.#first = first;
  }

  get name(): string {
    return `${this.rules.name}Backward`;
  }

  override get runsWithoutGradient(): boolean {
    return true;
  }

  override get resultCount(): number {
    return this.#outputs.length;
  }

  /** What the call returned, and what it saved, once its results have their places in the graph. */
  settle(outputs: readonly (Tensor | null)[], inputs: readonly Tensor[]): void {
    this.#outputs = outputs.map((output) => (output === null ? null : layoutOf(output)));
    const saved = this.#notes.forBackward;
    if (saved.length === 0) return;
    this.#saved = saved;
    this.#origins = saved.map((tensor) =>
      tensor === null
        ? -1
        : tensor.node === this
          ? tensor.outputIndex
          : outputs.includes(tensor) || inputs.includes(tensor)
            ? -1
            : -2,
    );
    this.#versions = versionsOf(this, saved);
    if (savingMode.hooks !== null) this.sealAll(savingMode.hooks);
  }

  savedName(index: number): string {
    return `saved tensor ${index}`;
  }

  get kept(): readonly Kept[] | null {
    return this.#saved;
  }

  /** What was saved, as `context.savedTensors` gives it. */
  get savedTensors(): readonly (Tensor | null)[] {
    return this.read();
  }

  /** What remembers the saved tensors, and takes hooks. */
  get rawSavedTensors(): readonly SavedTensor[] {
    if (this.#saved === null) throw alreadyFreed(this.name);
    if (this.#versions !== sealed) this.sealAll(null);
    return this.#saved as readonly SavedTensor[];
  }

  resultAt(index: number): number {
    return Math.max(-1, this.#origins[index]!);
  }

  protected get keptVersions(): readonly number[] | null {
    return this.#versions;
  }

  protected seal(list: readonly SavedTensor[]): void {
    this.#saved = list;
    this.#versions = sealed;
  }

  protected plainValue(): unknown {
    return undefined;
  }

  /** The saved tensors. One that is neither argument nor result has no gradient of its own, and must not be taken for a constant. */
  read(): readonly (Tensor | null)[] {
    if (this.#saved === null)
      throw this.rules.clearSavedTensorsOnAccess === true
        ? new AutogradError(
            `${this.name}: its saved tensors were cleared when they were read before, as ${this.rules.name}.clearSavedTensorsOnAccess asks; read savedTensors once`,
          )
        : alreadyFreed(this.name);
    const values = opened(this, this.#saved, this.#versions);
    if (this.rules.clearSavedTensorsOnAccess === true && this.#saved.length > 0) this.#saved = null;
    if (!gradMode.enabled) return values;
    return values.map((value, i) =>
      value === null || this.#origins[i] !== -2 || value.tracked || !value.dtype.isFloatingPoint
        ? value
        : impassable(
            value,
            this,
            `${this.name}: saved tensor ${i} was computed inside forward and is neither an argument nor a result, so the gradient of this gradient through it is unknown; ` +
              `save arguments and compute it again in backward, or return it as a result; keep what depends on no argument as a property of the context`,
          ),
    );
  }

  override release(): void {
    // Without saved tensors there is nothing to free, and such a graph may be run again.
    if (this.#saved !== null && this.#saved.length > 0) this.#saved = null;
  }

  run(task: Sender<Tensor>): void {
    const gradients = this.#outputs.map((output, i) => this.#gradient(output, i));
    const returned = this.#call(gradients);
    const list = this.#perArgument(returned);
    const slots: (Tensor | null)[] = [];
    this.#arguments.forEach((argument, i) =>
      slots.push(...this.#perTensor(argument, list[i] ?? null, i)),
    );
    const first = this.#first;
    for (let k = 0; k < slots.length; k++) {
      const value = slots[k]!;
      const slot = k === first ? 0 : k < first ? k + 1 : k;
      if (value === null || this.next[slot] === null) task.send(this, slot, null);
      else task.send(this, slot, this.#fitted(value, k));
    }
  }

  #gradient(output: Layout | null, index: number): Tensor | null {
    if (output === null) return null;
    const arrived = this.received(index);
    if (arrived !== null) {
      // Whoever wrote the function may keep it.
      arrived.storage.kept = true;
      return arrived;
    }
    if (!this.#notes.materialize) return null;
    const { sizes, dtype, device } = output;
    return zeros([...sizes], { dtype, device });
  }

  #call(gradients: readonly (Tensor | null)[]): unknown {
    const { backward, vjp, name, boxedGradsCall } = this.rules;
    if (backward !== undefined && vjp !== undefined)
      throw new AutogradError(
        `${name}: it has both backward and vjp, which are two names of one thing; keep one of them`,
      );
    const rule = backward ?? vjp;
    if (rule === undefined)
      throw new AutogradError(
        `${name}: there is no static backward; you must implement either the backward or vjp method to take gradients through a custom function`,
      );
    const given = boxedGradsCall === true ? [[...gradients]] : gradients;
    return rule.call(this.rules, this.context as never, ...(given as never[]));
  }

  /** What `backward` returned, one for each argument. */
  #perArgument(returned: unknown): readonly unknown[] {
    const expected = this.#arguments.length;
    const list: unknown[] = Array.isArray(returned) ? [...(returned as unknown[])] : [returned];
    while (list.length > expected && (list.at(-1) ?? null) === null) list.pop();
    if (list.length !== expected)
      throw new AutogradError(
        `${this.name}: backward returned an incorrect number of gradients (expected ${expected}, one for each argument of forward, got ${list.length}); give null for arguments without one`,
      );
    return list;
  }

  /** The gradients for the tensors in one argument. */
  #perTensor(
    { nested, count }: { readonly nested: boolean; readonly count: number },
    value: unknown,
    index: number,
  ): readonly (Tensor | null)[] {
    if (value === null || value === undefined) return new Array<null>(count).fill(null);
    if (count === 0)
      throw new AutogradError(
        `${this.name}: backward returned a gradient different from null at position ${index}, but that argument of forward was not a tensor`,
      );
    if (!nested) {
      if (value instanceof Tensor) return [value];
      throw new AutogradError(
        `${this.name}: backward must return a tensor or null for argument ${index}, got ${describe(value)}`,
      );
    }
    const { leaves } = flatten(value, isGradient);
    if (leaves.length !== count)
      throw new AutogradError(
        `${this.name}: backward must return the gradients of argument ${index} nested as the argument is, with ${count} tensors or nulls, got ${leaves.length}`,
      );
    return leaves;
  }

  #fitted(value: Tensor, input: number): Tensor {
    const layout = this.#inputs[input]!;
    if (!sameSizes(value.sizes, layout.sizes) && !expands(layout.sizes, value.sizes))
      throw new ShapeError(
        `${this.name}: backward returned an invalid gradient for tensor ${input}: got ${formatSizes(value.sizes)} but expected a shape compatible with ${formatSizes(layout.sizes)}`,
      );
    if (value.device.base !== layout.device.base)
      throw new DeviceError(
        `${this.name}: backward returned a gradient on ${String(value.device)} for tensor ${input}, which is on ${String(layout.device)}`,
      );
    const out = fit(value, layout);
    // It may be held elsewhere too, and must not be taken over as a .grad.
    out.storage.kept = true;
    return out;
  }
}

function isGradient(value: unknown): value is Tensor | null {
  return value === null || value === undefined || value instanceof Tensor;
}

/** Whether sizes broadcast to others. */
function expands(from: Sizes, to: Sizes): boolean {
  const more = to.length - from.length;
  return more >= 0 && from.every((size, i) => size === 1 || size === to[i + more]);
}

/**
 * Wraps a `backward` whose own computation cannot be differentiated: it runs unrecorded, and a backward pass through its gradients
 * throws AutogradError.
 * @example
 * ```ts
 * class Square extends torch.autograd.Function {
 *   static forward(ctx: torch.autograd.FunctionContext<object, [torch.Tensor]>, x: torch.Tensor) {
 *     ctx.saveForBackward(x);
 *     return x.mul(x);
 *   }
 *   static backward = torch.autograd.onceDifferentiable(
 *     (ctx: torch.autograd.FunctionContext<object, [torch.Tensor]>, g: torch.Tensor) =>
 *       ctx.savedTensors[0].mul(2).mul(g),
 *   );
 * }
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * Square.apply(x).sum().backward();
 * x.grad // => tensor([2., 4.])
 * ```
 */
export function onceDifferentiable<C extends Context, G extends readonly unknown[], R>(
  backward: (ctx: C, ...gradients: G) => R,
): (ctx: C, ...gradients: G) => R {
  return (ctx, ...gradients) => {
    const recording = gradMode.enabled;
    gradMode.enabled = false;
    let result: R;
    try {
      result = backward(ctx, ...gradients);
    } finally {
      gradMode.enabled = recording;
    }
    if (!recording) return result;
    const arrived = flatten(gradients, isTensor).leaves;
    const edges = edgesTo(arrived);
    const own = ctx.node;
    const all = {
      next: [...(own?.next ?? []), ...edges.next],
      nextIndex: [...(own?.nextIndex ?? []), ...edges.nextIndex],
    };
    const { leaves, rebuild } = flatten(result, isTensor);
    return rebuild(
      leaves.map((value) =>
        impassable(
          value,
          all,
          `trying to differentiate twice a function that was marked with onceDifferentiable; write its backward with differentiable operations on its arguments and results instead`,
        ),
      ),
    ) as R;
  };
}
