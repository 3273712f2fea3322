// What hooks may ask about the backward pass they run in, and hooks on several tensors at once.
import { passes } from "../autograd/engine.ts";
import type { HookHandle } from "../autograd/hooks.ts";
import type { Node } from "../autograd/node.ts";
import { ArgumentError, AutogradError } from "../core/errors.ts";
import { Tensor } from "../core/tensor.ts";
import { gradientNode } from "./define/history.ts";
import { describe } from "./define/parameters.ts";

/** Called with the gradients of all tensors, null for those that the pass does not reach. */
export type AllGradientsHook = (gradients: readonly (Tensor | null)[]) => void;
/** Called with the gradient that came first. */
export type AnyGradientHook = (gradient: Tensor) => void;

/**
 * Calls a function once in each backward pass: with mode "all", when the gradients of all tensors that the pass reaches are there, with
 * a list that has null for the others; with mode "any", with the first of their gradients. What the function returns is ignored.
 * Throws ArgumentError for another mode, AutogradError for tensors that require no gradient, unless the mode is "any".
 * @example
 * ```ts
 * const [a, b] = [torch.ones(2, { requiresGrad: true }), torch.ones(2, { requiresGrad: true })];
 * let seen = "";
 * torch.autograd.graph.registerMultiGradHook([a, b], (all) => void (seen = all.map((g) => g?.sum().item()).join()));
 * a.mul(3).add(b).sum().backward();
 * seen // => 6,2
 * ```
 */
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: AllGradientsHook,
  options?: { readonly mode?: "all" },
): HookHandle;
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: AnyGradientHook,
  options: { readonly mode: "any" },
): HookHandle;
export function registerMultiGradHook(
  tensors: readonly Tensor[],
  hook: AllGradientsHook | AnyGradientHook,
  { mode = "all" }: { readonly mode?: "all" | "any" } = {},
): HookHandle {
  const list: readonly unknown[] = [...tensors];
  if (typeof hook !== "function")
    throw new ArgumentError(`registerMultiGradHook: expected a function, got ${describe(hook)}`);
  if (mode !== "all" && mode !== "any")
    throw new ArgumentError(
      `registerMultiGradHook: mode must be "all" or "any", got ${describe(mode)}`,
    );
  const given = list.map((tensor, i) => {
    if (tensor instanceof Tensor) return tensor;
    throw new ArgumentError(
      `registerMultiGradHook: element ${i} must be a tensor, got ${describe(tensor)}`,
    );
  });
  const handles =
    mode === "all" ? onAll(given, hook as AllGradientsHook) : onAny(given, hook as AnyGradientHook);
  return {
    remove: () => {
      for (const handle of handles) handle.remove();
    },
  };
}

function onAll(tensors: readonly Tensor[], hook: AllGradientsHook): HookHandle[] {
  const nodes = tensors.map((tensor) => gradientNode(tensor));
  // What is under way, by pass: a pass may start inside another, and one that fails leaves its record to be collected.
  const open = new WeakMap<object, { left: number; readonly gradients: (Tensor | null)[] }>();
  return tensors.map((tensor, i) =>
    tensor.registerHook((gradient) => {
      const pass = passes.current!;
      let record = open.get(pass);
      if (record === undefined) {
        const left = nodes.filter((node) => node !== null && pass.includes(node)).length;
        open.set(pass, (record = { left, gradients: tensors.map(() => null) }));
      }
      record.gradients[i] = gradient;
      if (--record.left > 0) return;
      open.delete(pass);
      hook(record.gradients);
    }),
  );
}

function onAny(tensors: readonly Tensor[], hook: AnyGradientHook): HookHandle[] {
  const seen = new WeakSet<object>();
  return tensors
    .filter((tensor) => gradientNode(tensor) !== null)
    .map((tensor) =>
      tensor.registerHook((gradient) => {
        const pass = passes.current!;
        if (seen.has(pass)) return;
        seen.add(pass);
        hook(gradient);
      }),
    );
}

/**
 * Calls a function when the backward pass in progress has gone through, after those queued before it. Throws AutogradError outside of a pass.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * let done = "";
 * x.registerHook(() => torch.autograd.graph.queueCallback(() => void (done = `${x.grad}`)));
 * x.sum().backward();
 * done // => tensor([1., 1.])
 * ```
 */
export function queueCallback(callback: () => void): void {
  if (typeof callback !== "function")
    throw new ArgumentError(`queueCallback: expected a function, got ${describe(callback)}`);
  if (passes.current === null)
    throw new AutogradError(
      "queueCallback: no backward pass is in progress; call it in a hook, or in the backward of a function",
    );
  passes.current.queue(callback);
}

/** The number of the backward pass in progress, larger than those before; -1 outside of one. */
export function currentGraphTaskId(): number {
  return passes.current?.id ?? -1;
}

/** The node that the backward pass in progress is running, hooks included; null outside of one. */
export function currentAutogradNode(): Node<Tensor> | null {
  return (passes.current?.running ?? null) as Node<Tensor> | null;
}

/** Whether the backward pass in progress will come to a node, or is at it. Throws AutogradError outside of a pass. */
export function willEngineExecuteNode(node: Node<Tensor>): boolean {
  if (passes.current === null)
    throw new AutogradError(
      "willEngineExecuteNode: no backward pass is in progress; ask in a hook, or in the backward of a function",
    );
  return passes.current.includes(node);
}

/**
 * The nodes of the backward pass in progress in the order in which it comes to them, those that it has been at included. Throws
 * AutogradError outside of a pass.
 */
export function currentGraphTaskExecutionOrder(): readonly Node<Tensor>[] {
  if (passes.current === null)
    throw new AutogradError(
      "currentGraphTaskExecutionOrder: no backward pass is in progress; ask in a hook, or in the backward of a function",
    );
  return passes.current.order() as readonly Node<Tensor>[];
}
