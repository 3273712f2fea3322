// Selective checkpoints: which operations of a checkpointed function are kept instead of being computed again.
import { observe } from "../autograd/observer.ts";
import { ArgumentError, AutogradError } from "../core/errors.ts";
import { flatten } from "../core/tree.ts";
import { describe } from "../ops/define/parameters.ts";
import { savedThrough } from "../ops/define/saved.ts";
import { Tensor } from "../ops/methods.ts";
import { edgesTo, impassable } from "./custom.ts";
import type { Around } from "./recomputation.ts";
import { isTensor } from "../ops/access.ts";

/** What a policy may say of an operation. MUST and PREFER mean the same here: nothing else has a say. */
export const CheckpointPolicy = {
  MUST_SAVE: "mustSave",
  PREFER_SAVE: "preferSave",
  MUST_RECOMPUTE: "mustRecompute",
  PREFER_RECOMPUTE: "preferRecompute",
} as const;
export type CheckpointPolicy = (typeof CheckpointPolicy)[keyof typeof CheckpointPolicy];

/** What a policy is told beside the operation: the policy is asked once, when the function runs for the first time. */
export interface SelectiveCheckpointContext {
  readonly isRecompute: false;
}

/** Says of an operation, by its name and arguments, whether its result is kept; true and false stand for MUST_SAVE and PREFER_RECOMPUTE. */
export type SelectivePolicy = (
  ctx: SelectiveCheckpointContext,
  operation: string,
  ...args: readonly unknown[]
) => CheckpointPolicy | boolean;

/** An operation of the torch namespace. */
type Operation = ((...args: never[]) => unknown) & { readonly record: { readonly name: string } };

/** A call of the first run, in order. */
interface Entry {
  readonly operation: string;
  /** What was kept; null where the call is computed again. */
  kept: Kept | null;
  consumed: boolean;
}

/** A result, without the graph that made it. */
interface Kept {
  readonly result: unknown;
  readonly tensors: readonly { readonly tensor: Tensor; readonly version: number }[];
}

function policyOf(given: unknown): SelectivePolicy {
  if (typeof given === "function" && !("record" in given)) return given as SelectivePolicy;
  if (!Array.isArray(given))
    throw new ArgumentError(
      `createSelectiveCheckpointContexts: expected either a function or an array of operations, got ${describe(given)}`,
    );
  const names = given.map((item: unknown, i) => {
    const name = (item as Partial<Operation> | null)?.record?.name;
    if (typeof item !== "function" || name === undefined)
      throw new ArgumentError(
        `createSelectiveCheckpointContexts: expected every item of the array to be an operation, as torch.mm is, but item ${i} is ${describe(item)}`,
      );
    return name;
  });
  return (_ctx, operation) => names.includes(operation);
}

function saves(operation: string, said: unknown): boolean {
  const all: readonly unknown[] = [true, false, ...Object.values(CheckpointPolicy)];
  if (!all.includes(said))
    throw new ArgumentError(
      `createSelectiveCheckpointContexts: the policy must return a CheckpointPolicy or a boolean, got ${describe(said)}`,
    );
  const save = said === true || said === "mustSave" || said === "preferSave";
  if (save && operation.endsWith("_"))
    throw new AutogradError(
      `createSelectiveCheckpointContexts: ${operation} changes its argument in place, and must be computed again with it; save operations that leave their arguments alone`,
    );
  return save;
}

/** One checkpointed call: what its first run kept. */
class Selection {
  readonly #policy: SelectivePolicy;
  readonly #allowMutation: boolean;
  readonly #entries: Entry[] = [];

  constructor(policy: SelectivePolicy, allowMutation: boolean) {
    this.#policy = policy;
    this.#allowMutation = allowMutation;
  }

  first<T>(callback: () => T): T {
    let inside = false;
    return watched(callback, (operation, args, proceed) => {
      // What a kept operation is made of is kept with it.
      if (inside) return proceed();
      const save = saves(operation, this.#policy({ isRecompute: false }, operation, ...args));
      const entry: Entry = { operation, kept: null, consumed: false };
      this.#entries.push(entry);
      if (!save) return proceed();
      inside = true;
      try {
        // It will not run again, so that what its gradient needs stays in the graph.
        const result = savedThrough(null, proceed);
        entry.kept = keptOf(result, args);
        return result;
      } finally {
        inside = false;
      }
    });
  }

  again<T>(callback: () => T): T {
    let at = 0;
    return watched(callback, (operation, _args, proceed) => {
      const entry = this.#entries[at++];
      if (entry?.operation !== operation)
        throw new AutogradError(
          `checkpoint: ${operation} is computed again where ${entry?.operation ?? "nothing"} was computed before; the function must do the same both times, look for state that it changes`,
        );
      if (entry.consumed)
        throw new AutogradError(
          "checkpoint: trying to backward an extra time: what a selective checkpoint keeps is given away when it is first used; go backward only once through such a region",
        );
      if (entry.kept === null) return proceed();
      const { result, tensors } = entry.kept;
      entry.kept = null;
      entry.consumed = true;
      for (const { tensor, version } of tensors)
        if (!this.#allowMutation && tensor.version !== version)
          throw new AutogradError(
            `checkpoint: the kept result of ${operation} has been mutated in place since; keep another operation, clone() it before the change, or give { allowCacheEntryMutation: true }`,
          );
      return result;
    });
  }
}

/** A result whose gradient cannot be taken through the run that computes again: the operation is not part of that. */
function keptOf(result: unknown, args: readonly unknown[]): Kept {
  const edges = edgesTo(flatten(args, isTensor).leaves);
  const { leaves, rebuild } = flatten(result, isTensor);
  const tensors = leaves.map((leaf) =>
    leaf.tracked
      ? impassable(
          leaf,
          edges,
          "checkpoint: a gradient is taken inside a selectively checkpointed function, through an operation that is kept and not computed again; have the policy compute it again",
        )
      : leaf,
  );
  return {
    result: rebuild(tensors),
    tensors: tensors.map((tensor) => ({ tensor, version: tensor.version })),
  };
}

function watched<T>(
  callback: () => T,
  call: (name: string, args: readonly unknown[], proceed: () => unknown) => unknown,
): T {
  const end = observe({ call });
  try {
    return callback();
  } finally {
    end();
  }
}

/**
 * For `contextFn` of a checkpoint: keeps the results of some operations, chosen by a policy or given as an array, instead of computing
 * them again. With a kept operation, what its own gradient needs is kept too. One backward pass can go through such a region.
 * Throws ArgumentError for what is no policy, and AutogradError in the backward pass where a kept result was changed in place.
 * @example
 * ```ts
 * const { createSelectiveCheckpointContexts } = torch.utils.checkpoint;
 * const x = torch.ones(2, 2, { requiresGrad: true });
 * const y = torch.utils.checkpoint((t: torch.Tensor) => t.mm(t).sin().exp(), x, {
 *   contextFn: () => createSelectiveCheckpointContexts([torch.mm]),
 * });
 * y.sum().backward();
 * x.grad!.shape // => 2,2
 * ```
 */
export function createSelectiveCheckpointContexts(
  policy: SelectivePolicy | readonly Operation[],
  options: { readonly allowCacheEntryMutation?: boolean } = {},
): readonly [forward: Around, recompute: Around] {
  const selection = new Selection(policyOf(policy), options.allowCacheEntryMutation === true);
  return [(callback) => selection.first(callback), (callback) => selection.again(callback)];
}
