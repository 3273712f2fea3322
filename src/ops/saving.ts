// torch.autograd.graph: what is kept for the backward pass, packed by functions of the caller's.
import { type ModeGuard, scoped } from "../autograd/scope.ts";
import { ArgumentError, AutogradError } from "../core/errors.ts";
import type { Storage } from "../core/storage.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Device } from "../core/device.ts";
import { writing } from "./define/history.ts";
import { type SavingHooks, savingMode } from "./define/saved.ts";

export { SavedTensor } from "./define/saved.ts";

let refusal: string | null = null;

/** Has tensors saved through hooks; the function returned puts back those that were there before. */
function entered(hooks: SavingHooks): () => void {
  if (refusal !== null) throw new AutogradError(refusal);
  const before = savingMode.hooks;
  savingMode.hooks = hooks;
  return () => {
    savingMode.hooks = before;
  };
}

/**
 * Passes every tensor that operations save for their gradients through `pack`, once, and what that returns through `unpack` whenever
 * the tensor is needed: it must come back with the same content. The innermost pair counts. With a callback, holds while it runs and
 * returns its value; without one, until the guard is disposed of.
 * Throws AutogradError where hooks are disabled, where `pack` changes its argument in place, where `unpack` returns no tensor;
 * ShapeError and DTypeError where that tensor has another shape or type.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * const y = torch.autograd.graph.savedTensorsHooks(
 *   (t) => t.tolist(),
 *   (list) => torch.tensor(list),
 *   () => x.mul(x).sum(),
 * );
 * y.backward();
 * x.grad // => tensor([2., 4.])
 * ```
 */
export function savedTensorsHooks<P, T>(
  pack: (tensor: Tensor) => P,
  unpack: (packed: P) => Tensor,
  callback: () => T,
): T;
export function savedTensorsHooks<P>(
  pack: (tensor: Tensor) => P,
  unpack: (packed: P) => Tensor,
): ModeGuard;
export function savedTensorsHooks<P, T>(
  pack: (tensor: Tensor) => P,
  unpack: (packed: P) => Tensor,
  callback?: () => T,
): T | ModeGuard {
  if (typeof pack !== "function" || typeof unpack !== "function")
    throw new ArgumentError(
      `savedTensorsHooks: expected two functions, pack and unpack, got ${typeof pack} and ${typeof unpack}`,
    );
  const hooks = { pack, unpack: unpack as (packed: unknown) => Tensor };
  return scoped("savedTensorsHooks", () => entered(hooks), callback);
}

/**
 * Keeps what is saved for gradients in the memory of the CPU until it is needed. What is there already is not copied.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * torch.autograd.graph.saveOnCpu(() => x.mul(x).sum()).backward();
 * x.grad // => tensor([2., 4.])
 * ```
 */
export function saveOnCpu<T>(callback: () => T): T;
export function saveOnCpu(): ModeGuard;
export function saveOnCpu<T>(callback?: () => T): T | ModeGuard {
  const hooks = {
    pack: (tensor: Tensor) => ({ device: tensor.device, tensor: tensor.to("cpu") }),
    unpack: (packed: unknown) => {
      const { device, tensor } = packed as { readonly device: Device; readonly tensor: Tensor };
      return tensor.to(device);
    },
  };
  return scoped("saveOnCpu", () => entered(hooks), callback);
}

/**
 * Has `savedTensorsHooks` and all that is built on it refused, with this message, by code that cannot work with hooks.
 * Throws AutogradError with the message where hooks are in use already.
 * @example
 * ```ts
 * torch.autograd.graph.disableSavedTensorsHooks("no hooks in here", () => torch.ones(2)) // => tensor([1., 1.])
 * ```
 */
export function disableSavedTensorsHooks<T>(message: string, callback: () => T): T;
export function disableSavedTensorsHooks(message: string): ModeGuard;
export function disableSavedTensorsHooks<T>(message: string, callback?: () => T): T | ModeGuard {
  const enter = (): (() => void) => {
    if (savingMode.hooks !== null) throw new AutogradError(message);
    const before = refusal;
    refusal = message;
    return () => {
      refusal = before;
    };
  };
  return scoped("disableSavedTensorsHooks", enter, callback);
}

/** Stands for a saved tensor that may be overwritten, and lives as long as the node that saved it. */
class Handle {}

/** The saved tensors of one `allowMutationOnSavedTensors`. */
class MutationContext {
  /** Null once it has ended. Apart from the handles, as V8 keeps what a WeakRef was made for until the present job is over. */
  #tensors: WeakMap<Handle, Tensor> | null = new WeakMap();
  /** By the memory of their tensors. */
  readonly #handles = new WeakMap<Storage, Set<WeakRef<Handle>>>();

  readonly hooks: SavingHooks = {
    pack: (tensor) => {
      const handle = new Handle();
      this.#tensors?.set(handle, tensor);
      let set = this.#handles.get(tensor.storage);
      if (set === undefined) this.#handles.set(tensor.storage, (set = new Set()));
      set.add(new WeakRef(handle));
      return handle;
    },
    unpack: (packed) => {
      const tensor = this.#tensors?.get(packed as Handle);
      if (tensor === undefined)
        throw new AutogradError(
          "a backward pass outside of the allowMutationOnSavedTensors in which its graph was recorded, where nothing watched over changes since; run it inside",
        );
      return tensor;
    },
  };

  /** Copies what is saved of a memory that is about to be written. */
  beforeWrite(written: Tensor): void {
    const set = this.#handles.get(written.storage);
    if (set === undefined) return;
    this.#handles.delete(written.storage);
    const copies = new Map<Tensor, Tensor>();
    for (const reference of set) {
      const handle = reference.deref();
      const tensor = handle && this.#tensors?.get(handle);
      if (tensor?.storage !== written.storage) continue;
      // What several nodes saved is copied once.
      const copy = copies.get(tensor) ?? tensor.detach().clone();
      copies.set(tensor, copy);
      this.#tensors!.set(handle!, copy);
    }
  }

  close(): void {
    this.#tensors = null;
  }
}

/**
 * Lets tensors that are saved for gradients be changed in place: each is copied before the first change, and the gradient uses the copy.
 * Forward and backward pass must both run inside. Throws AutogradError where it is nested, and for a backward pass outside.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * torch.autograd.graph.allowMutationOnSavedTensors(() => {
 *   const y = x.clone();
 *   const z = y.mul(y).sum();
 *   y.zero_();
 *   z.backward();
 * });
 * x.grad // => tensor([2., 4.])
 * ```
 */
export function allowMutationOnSavedTensors<T>(callback: () => T): T;
export function allowMutationOnSavedTensors(): ModeGuard;
export function allowMutationOnSavedTensors<T>(callback?: () => T): T | ModeGuard {
  const enter = (): (() => void) => {
    if (writing.watcher !== null)
      throw new AutogradError(
        "allowMutationOnSavedTensors: it cannot be nested; one around everything is enough",
      );
    const context = new MutationContext();
    const leave = entered(context.hooks);
    writing.watcher = context;
    return () => {
      leave();
      writing.watcher = null;
      context.close();
    };
  };
  return scoped("allowMutationOnSavedTensors", enter, callback);
}
