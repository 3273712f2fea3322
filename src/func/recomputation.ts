// One checkpointed call: what it saved is thrown away, and computed again when the backward pass asks for it.
import { passes } from "../autograd/engine.ts";
import { gradMode } from "../autograd/mode.ts";
import { observe } from "../autograd/observer.ts";
import { scoped, type ModeGuard } from "../autograd/scope.ts";
import { AutogradError } from "../core/errors.ts";
import { formatSizes } from "../core/shape.ts";
import { alias } from "../ops/define/memory.ts";
import { savedThrough, type SavingHooks } from "../ops/define/saved.ts";
import type { Tensor } from "../ops/methods.ts";

/** Runs a callback in some context and returns its value. */
export type Around = <T>(callback: () => T) => T;

/** How a call is checkpointed. */
export interface Settings {
  readonly earlyStop: boolean;
  readonly describe: ((tensor: Tensor) => string) | null;
  readonly debug: boolean;
}

/** Thrown through a function that is computed again, once all that is needed has been computed. */
class EarlyStop extends Error {
  override name = "EarlyStop";
}

/** Stands in the graph for a saved tensor that was thrown away. */
class Holder {
  /** The tensor computed again, by the pass that asked for it; null once that pass has taken it. */
  readonly found = new WeakMap<object, Tensor | null>();
}

/** What one pass has computed again. */
interface Progress {
  count: number;
  done: boolean;
  readonly shown: string[];
  readonly operations: readonly string[];
}

/** The group that backward passes belong to now. */
const grouping: { group: GraphExecGroup | null } = { group: null };

/**
 * Backward passes that share what they compute again: inside `run`, each checkpointed region is computed again at most once. The passes
 * must go over different parts of the graph.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * const y = torch.utils.checkpoint((t: torch.Tensor) => t.sin().cos(), x);
 * new torch.utils.checkpoint.GraphExecGroup().run(() => y.sum().backward());
 * x.grad!.shape // => 2
 * ```
 */
export class GraphExecGroup {
  /** Runs backward passes as one; without a callback, until the guard is disposed of. Throws AutogradError inside another group. */
  run<T>(callback: () => T): T;
  run(): ModeGuard;
  run<T>(callback?: () => T): T | ModeGuard {
    const enter = (): (() => void) => {
      if (grouping.group !== null)
        throw new AutogradError(
          "GraphExecGroup: groups cannot be nested; leave the other one first",
        );
      grouping.group = this;
      return () => {
        grouping.group = null;
      };
    };
    return scoped("GraphExecGroup", enter, callback);
  }
}

/** One call of a checkpointed function. */
export class Frame {
  readonly #again: (watched: Around) => unknown;
  readonly #settings: Settings;
  /** One for each tensor that the call saved; gone where the node that held it is. */
  readonly #holders: WeakRef<Holder>[] = [];
  readonly #shown: string[] = [];
  #operations: readonly string[] = [];
  /** By pass. A weak map: passes and groups come and go. */
  readonly #progress = new WeakMap<object, Progress>();
  #completed = false;
  #interrupted = false;

  /** `again` calls the function a second time, through the wrapper that it is given. */
  constructor(again: (watched: Around) => unknown, settings: Settings) {
    this.#again = again;
    this.#settings = settings;
  }

  /** Runs the function for the first time. */
  forward<T>(callback: () => T): T {
    const hooks: SavingHooks = {
      pack: (tensor) => {
        const holder = new Holder();
        this.#holders.push(new WeakRef(holder));
        const { describe } = this.#settings;
        if (describe !== null) this.#shown.push(describe(tensor));
        return holder;
      },
      unpack: (packed) => this.#recovered(packed as Holder),
    };
    const value = this.#watched(
      (operations) => (this.#operations = operations),
      () => savedThrough(hooks, callback),
    );
    this.#completed = true;
    return value;
  }

  /** Notes the operations of a callback, where errors are to name them. */
  #watched<T>(note: (operations: readonly string[]) => void, callback: () => T): T {
    if (!this.#settings.debug) return callback();
    const operations: string[] = [];
    note(operations);
    const end = observe({
      call: (name, _args, proceed) => {
        operations.push(name);
        return proceed();
      },
    });
    try {
      return callback();
    } finally {
      end();
    }
  }

  #recovered(holder: Holder): Tensor {
    const pass = grouping.group ?? passes.current ?? null;
    const key = pass ?? {};
    if (this.#progress.get(key)?.done !== true) this.#recompute(key);
    const tensor = holder.found.get(key);
    if (tensor === null)
      throw new AutogradError(
        "checkpoint: a saved tensor is unpacked a second time in one backward pass, but what was computed again is kept for one use; read ctx.savedTensors only once, and keep the array",
      );
    if (tensor === undefined)
      throw new AutogradError(this.#different("a saved tensor was not computed again"));
    holder.found.set(key, null);
    // Outside of a backward pass nobody will come for the others.
    if (pass === null) for (const reference of this.#holders) reference.deref()?.found.delete(key);
    return tensor;
  }

  #recompute(key: object): void {
    let operations: readonly string[] = [];
    const progress: Progress = {
      count: 0,
      done: false,
      shown: [],
      get operations() {
        return operations;
      },
    };
    this.#progress.set(key, progress);
    const hooks: SavingHooks = {
      pack: (tensor) => this.#computed(key, progress, tensor),
      unpack: (packed) => packed as Tensor,
    };
    const recording = gradMode.enabled;
    gradMode.enabled = true;
    try {
      savedThrough(hooks, () =>
        this.#again((callback) => this.#watched((list) => (operations = list), callback)),
      );
    } catch (error) {
      if (!(error instanceof EarlyStop)) throw error;
    } finally {
      gradMode.enabled = recording;
    }
    progress.done = true;
    if (!this.#interrupted) this.#compare(progress);
  }

  /** Takes a tensor that was saved while computing again. */
  #computed(key: object, progress: Progress, tensor: Tensor): Tensor {
    const own = tensor.tracked ? alias(tensor) : tensor;
    const at = progress.count++;
    const { earlyStop, describe } = this.#settings;
    if (at >= this.#holders.length) {
      if (earlyStop) throw new EarlyStop();
      if (!this.#completed) {
        // The pass ran inside the function itself, which had not come to an end.
        this.#interrupted = true;
        return own;
      }
      throw new AutogradError(
        this.#different(
          "trying to save more tensors during recomputation than during the original forward pass",
          progress,
        ),
      );
    }
    if (describe !== null) progress.shown.push(describe(tensor));
    this.#holders[at]!.deref()?.found.set(key, own);
    if (earlyStop && progress.count === this.#holders.length) throw new EarlyStop();
    return own;
  }

  #compare(progress: Progress): void {
    if (progress.count !== this.#holders.length)
      throw new AutogradError(
        this.#different(
          `a different number of tensors was saved during the original forward (${this.#holders.length}) and recomputation (${progress.count})`,
          progress,
        ),
      );
    const lines = this.#shown.flatMap((before, i) =>
      this.#holders[i]!.deref() === undefined || progress.shown[i] === before
        ? []
        : [`tensor at position ${i}: ${before} became ${progress.shown[i]}`],
    );
    if (lines.length > 0)
      throw new AutogradError(
        this.#different(
          `recomputed values have different metadata than during the forward pass: ${lines.join("; ")}`,
          progress,
        ),
      );
  }

  #different(what: string, progress?: Progress): string {
    const advice =
      "; the function must do the same both times: look for state that it changes, and for randomness of its own";
    if (!this.#settings.debug || progress === undefined)
      return `checkpoint: ${what}${advice}${this.#settings.debug ? "" : ", or give { debug: true } for the operations of both"}`;
    return (
      `checkpoint: ${what}${advice}\n` +
      `Operations executed during the original forward: ${this.#operations.join(", ")}\n` +
      `Operations executed during recomputation: ${progress.operations.join(", ")}`
    );
  }
}

/** What two tensors that stand for each other must have in common. */
export function metadata(tensor: Tensor): string {
  return `shape ${formatSizes(tensor.sizes)}, ${tensor.dtype.name}, on ${String(tensor.device)}`;
}
