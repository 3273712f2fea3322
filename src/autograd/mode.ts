// Whether operations are recorded, and the ways to change that for a while: grad mode and inference mode.
import { storageMode } from "../core/storage.ts";
import { forwardMode, seeLevels } from "./forward.ts";
import {
  booleanMode,
  type Enter,
  type ModeGuard,
  scoped,
  type Switch,
  switchFunction,
  type Wrap,
  wrapped,
} from "./scope.ts";

export type { ModeGuard } from "./scope.ts";

/** The current modes. A mutable record rather than variables, so that hot paths read it without a call. */
export const gradMode: {
  /** Whether operations are recorded; never in inference mode. */
  enabled: boolean;
  /** Whether new tensors are inference tensors. */
  inference: boolean;
} = { enabled: true, inference: false };

function entering(enabled: boolean, inference: boolean): () => void {
  const { enabled: before, inference: beforeInference } = gradMode;
  const set = (on: boolean, apart: boolean): void => {
    gradMode.enabled = on && !apart;
    gradMode.inference = apart;
    storageMode.counted = !apart;
  };
  const { levels } = forwardMode;
  set(enabled, inference);
  // Nothing is differentiated inside, forward or backward.
  if (inference) seeLevels([]);
  return () => {
    set(before, beforeInference);
    if (inference) seeLevels(levels);
  };
}

const enterGradMode =
  (enabled: boolean): Enter =>
  () =>
    entering(enabled, gradMode.inference);

const enterInferenceMode =
  (mode: boolean): Enter =>
  () =>
    entering(!mode, mode);

export interface GradModeFunction {
  /** Runs the callback in this mode and returns its value. */
  <T>(callback: () => T): T;
  /** Enters the mode until the guard is disposed of: `using _ = torch.noGrad()`. */
  (): ModeGuard;
  /** The function, in this mode whenever it is called; also a decorator of methods. Generators are in it whenever their body runs. */
  readonly wrap: Wrap;
}

function gradModeFunction(name: string, enabled: boolean): GradModeFunction {
  const enter = enterGradMode(enabled);
  const call = <T>(callback?: () => T): T | ModeGuard => scoped(name, enter, callback);
  const wrap: Wrap = (callback) => wrapped(name, enter, callback);
  return Object.assign(call, { wrap }) as GradModeFunction;
}

/**
 * Runs a callback without recording: its results do not require gradients. In-place changes still count versions.
 * `torch.noGrad.wrap(f)` makes a function that always runs so. Throws AutogradError if the callback returns a promise.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * torch.noGrad(() => x.mul(2)).requiresGrad // => false
 * ```
 */
export const noGrad: GradModeFunction = gradModeFunction("noGrad", false);

/**
 * Runs a callback with recording switched on, also inside `noGrad`. Inside `inferenceMode` nothing is recorded all the same.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * torch.noGrad(() => torch.enableGrad(() => x.mul(2))).requiresGrad // => true
 * ```
 */
export const enableGrad: GradModeFunction = gradModeFunction("enableGrad", true);

/**
 * Switches recording on or off: at once, until the returned guard is disposed of, or for a callback.
 * @example
 * ```ts
 * torch.setGradEnabled(false, () => torch.isGradEnabled()) // => false
 * ```
 */
export const setGradEnabled: Switch = switchFunction("setGradEnabled", enterGradMode);

/** Whether the first gradient of a leaf has to lie in memory as the leaf does, so that one which lies otherwise is copied. */
export const layoutPolicy: { enforced: boolean } = { enforced: true };

/**
 * Whether the first gradient of a leaf is copied where its dimensions follow one another in memory in another order than the leaf's, so that
 * optimizers find both alike; on by default. Switched off, a gradient that nothing else holds becomes the leaf's as it is. At once, until
 * the returned guard is disposed of, or for a callback.
 * @example
 * ```ts
 * const x = torch.ones(2, 3, { requiresGrad: true });
 * const weights = torch.ones(3, 2).t();
 * torch.autograd.enforceGradLayoutPolicy(false, () => x.mul(weights).sum().backward());
 * x.grad!.stride() // => 1,2
 * ```
 */
export const enforceGradLayoutPolicy: Switch = switchFunction(
  "autograd.enforceGradLayoutPolicy",
  (mode) => () => {
    const before = layoutPolicy.enforced;
    layoutPolicy.enforced = mode;
    return () => {
      layoutPolicy.enforced = before;
    };
  },
);

/** Whether operations are being recorded. */
export function isGradEnabled(): boolean {
  return gradMode.enabled;
}

export interface InferenceModeFunction {
  /** Runs the callback in inference mode and returns its value. */
  <T>(callback: () => T): T;
  /** Runs the callback in inference mode, or, given false, in normal mode with recording on. */
  <T>(mode: boolean, callback: () => T): T;
  /** Enters the mode until the guard is disposed of: `using _ = torch.inferenceMode()`. */
  (mode?: boolean): ModeGuard;
  /** The function, in inference mode whenever it is called; also a decorator of methods. */
  readonly wrap: Wrap & {
    <F extends (...args: never[]) => unknown>(mode: boolean, callback: F): F;
  };
}

/**
 * Runs a callback without recording, and makes inference tensors of all that it allocates: they have no version counter, their views
 * are not tracked, and outside they can be read but neither changed in place nor kept for a gradient; `clone()` gives a normal tensor.
 * Tensors from outside stay normal. `inferenceMode(false, callback)` is normal mode again, with recording on.
 * Throws AutogradError if the callback returns a promise.
 * @example
 * ```ts
 * const y = torch.inferenceMode(() => torch.ones(2).mul(3));
 * y.isInference() // => true
 * ```
 */
export const inferenceMode: InferenceModeFunction = Object.assign(
  <T>(mode?: boolean | (() => T), callback?: () => T): T | ModeGuard =>
    typeof mode === "function"
      ? scoped("inferenceMode", enterInferenceMode(true), mode)
      : scoped(
          "inferenceMode",
          enterInferenceMode(booleanMode("inferenceMode", mode ?? true)),
          callback,
        ),
  {
    wrap: (mode: unknown, callback?: unknown): unknown =>
      typeof mode === "function"
        ? wrapped("inferenceMode", enterInferenceMode(true), mode as () => unknown)
        : wrapped(
            "inferenceMode",
            enterInferenceMode(booleanMode("inferenceMode", mode)),
            callback as () => unknown,
          ),
  },
) as InferenceModeFunction;

/** Whether inference mode is on. */
export function isInferenceModeEnabled(): boolean {
  return gradMode.inference;
}

/**
 * Runs a callback of the library's own with recording switched on or off. Users' modes, which refuse promises and wrap functions, are
 * noGrad and enableGrad.
 */
export function withRecording<T>(enabled: boolean, callback: () => T): T {
  const before = gradMode.enabled;
  gradMode.enabled = enabled;
  try {
    return callback();
  } finally {
    gradMode.enabled = before;
  }
}

/** Whether what is computed now may be differentiated, backward or forward: then shortcuts outside the graph are wrong. */
export function isDifferentiable(): boolean {
  return gradMode.enabled || forwardMode.active;
}
