// What a tensor tells of its memory: whether it is a view, and how often the memory was written in place.
import { type ModeGuard, scoped } from "../autograd/scope.ts";
import { ArgumentError, AutogradError } from "../core/errors.ts";
import { Tensor } from "../core/tensor.ts";
import { bumpVersion, isInferenceTensor, viewOf } from "./define/history.ts";
import { composite } from "./define/operation.ts";
import { describe, tensor } from "./define/parameters.ts";
import type { Method } from "./define/registry.ts";

/** Properties of Tensor that speak of its memory. */
export interface VersionProperties {
  /** How often the memory was written in place; shared by a tensor, its views and what detach() gave. None for inference tensors. */
  readonly version: number;
  /** The tensor that this one is a view of, at the root of all views between them; null where it is no view. */
  readonly base: Tensor | null;
}

Object.defineProperties(Tensor.prototype, {
  version: {
    configurable: true,
    get(this: Tensor): number {
      if (isInferenceTensor(this))
        throw new AutogradError(
          "version: inference tensors do not count versions; clone() the tensor for a normal one",
        );
      return this.storage.version;
    },
  },
  base: {
    configurable: true,
    get(this: Tensor): Tensor | null {
      return viewOf(this)?.base ?? null;
    },
  },
});

/**
 * Whether the tensor is a view: an operation such as `at`, `view` or `transpose` made it to show the memory of another. What `detach`
 * gives is none, and views of inference tensors do not count.
 * @example
 * ```ts
 * torch.ones(4).at("1:3").isView() // => true
 * ```
 */
export const isView: Method<[], boolean> = composite({
  name: "isView",
  parameters: { self: tensor },
  compute: ({ self }) => viewOf(self) !== null,
});

/**
 * Whether the tensor was allocated in inference mode, or is a view of one that was.
 * @example
 * ```ts
 * torch.inferenceMode(() => torch.ones(2)).isInference() // => true
 * ```
 */
export const isInference: Method<[], boolean> = composite({
  name: "isInference",
  parameters: { self: tensor },
  compute: ({ self }) => isInferenceTensor(self),
});

function tensorsOf(operation: string, given: unknown): readonly Tensor[] {
  const list: readonly unknown[] =
    !(given instanceof Tensor) &&
    given !== null &&
    typeof given === "object" &&
    Symbol.iterator in given
      ? [...(given as Iterable<unknown>)]
      : [given];
  return list.map((item) => {
    if (!(item instanceof Tensor))
      throw new ArgumentError(`${operation}: expected a tensor, or several, got ${describe(item)}`);
    return item;
  });
}

/**
 * Counts a change of the tensors' memory that was made in a way the library cannot see, so that a gradient which needs the old values
 * is refused rather than wrong. Nothing for inference tensors.
 * @example
 * ```ts
 * const x = torch.ones(2);
 * torch.autograd.graph.incrementVersion(x);
 * x.version // => 1
 * ```
 */
export function incrementVersion(tensors: Tensor | Iterable<Tensor>): void {
  for (const item of tensorsOf("incrementVersion", tensors)) bumpVersion("incrementVersion", item);
}

/**
 * Runs a callback, or goes on until the guard is disposed of, and then sets the versions of the tensors back to what they were: changes
 * made in between are not noticed. Gradients that need the old values are then silently wrong, so only the caller can know that none does.
 * @example
 * ```ts
 * const x = torch.ones(2);
 * torch.autograd.graph.unsafePreserveVersionCounter(x, () => x.add_(1));
 * x.version // => 0
 * ```
 */
export function unsafePreserveVersionCounter(tensors: Tensor | Iterable<Tensor>): ModeGuard;
export function unsafePreserveVersionCounter<T>(
  tensors: Tensor | Iterable<Tensor>,
  callback: () => T,
): T;
export function unsafePreserveVersionCounter<T>(
  tensors: Tensor | Iterable<Tensor>,
  callback?: () => T,
): T | ModeGuard {
  const storages = tensorsOf("unsafePreserveVersionCounter", tensors).map((item) => item.storage);
  const enter = (): (() => void) => {
    const versions = storages.map((storage) => storage.version);
    return () => storages.forEach((storage, i) => (storage.version = versions[i]!));
  };
  return scoped("unsafePreserveVersionCounter", enter, callback);
}
