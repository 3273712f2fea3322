/// <reference lib="esnext.disposable" preserve="true" />
// Whether operations are recorded: the grad mode, and the ways to change it for a while.
import { AutogradError } from "../core/errors.ts";

/** The current mode. A mutable record rather than a variable, so that hot paths read it without a call. */
export const gradMode: { enabled: boolean } = { enabled: true };

/** Restores the mode that was there before; for `using`. */
export interface ModeGuard {
  [Symbol.dispose](): void;
}

class Guard implements ModeGuard {
  readonly #before: boolean = gradMode.enabled;
  [Symbol.dispose](): void {
    gradMode.enabled = this.#before;
  }
}

function withMode<T>(
  name: string,
  enabled: boolean,
  callback: (() => T) | undefined,
): T | ModeGuard {
  return during(name, callback, () => {
    const guard = new Guard();
    gradMode.enabled = enabled;
    return guard;
  });
}

/** Enters a mode for a callback, whose value is returned, or until the guard is disposed of. Refuses promises, across whose await the mode would leak. */
export function during<T>(
  name: string,
  callback: (() => T) | undefined,
  enter: () => ModeGuard,
): T | ModeGuard {
  if (callback !== undefined && typeof callback !== "function")
    throw new AutogradError(`${name}: expected a function to run, got ${typeof callback}`);
  const guard = enter();
  if (callback === undefined) return guard;
  try {
    const value = callback();
    if (
      value !== null &&
      typeof value === "object" &&
      typeof (value as { then?: unknown }).then === "function"
    )
      throw new AutogradError(
        `${name}: the callback returned a promise, and the mode would leak across its await; await first, and wrap only the synchronous part`,
      );
    return value;
  } finally {
    guard[Symbol.dispose]();
  }
}

export interface GradModeFunction {
  /** Runs the callback in this mode and returns its value. */
  <T>(callback: () => T): T;
  /** Enters the mode until the guard is disposed of: `using _ = torch.noGrad()`. */
  (): ModeGuard;
}

/**
 * Runs a callback without recording: its results do not require gradients. In-place changes still count versions.
 * Throws AutogradError if the callback returns a promise.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * torch.noGrad(() => x.mul(2)).requiresGrad // => false
 * ```
 */
export const noGrad: GradModeFunction = (<T>(callback?: () => T) =>
  withMode("noGrad", false, callback)) as GradModeFunction;

/**
 * Runs a callback with recording switched on, also inside `noGrad`.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * torch.noGrad(() => torch.enableGrad(() => x.mul(2))).requiresGrad // => true
 * ```
 */
export const enableGrad: GradModeFunction = (<T>(callback?: () => T) =>
  withMode("enableGrad", true, callback)) as GradModeFunction;

export interface SetGradEnabled {
  <T>(mode: boolean, callback: () => T): T;
  (mode: boolean): ModeGuard;
}

/**
 * Switches recording on or off: at once, until the returned guard is disposed of, or for a callback.
 * @example
 * ```ts
 * torch.setGradEnabled(false, () => torch.isGradEnabled()) // => false
 * ```
 */
export const setGradEnabled: SetGradEnabled = (<T>(mode: boolean, callback?: () => T) => {
  if (typeof mode !== "boolean")
    throw new AutogradError(`setGradEnabled: expected true or false, got ${String(mode)}`);
  return withMode("setGradEnabled", mode, callback);
}) as SetGradEnabled;

/** Whether operations are being recorded. */
export function isGradEnabled(): boolean {
  return gradMode.enabled;
}
