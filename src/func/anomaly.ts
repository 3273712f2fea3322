// Anomaly mode: errors and NaN in a backward pass say which forward call they come from.
import { isPlainObject } from "../core/tree.ts";
import { noGrad } from "../autograd/mode.ts";
import { Node, readableValues } from "../autograd/node.ts";
import { observe, type ObservedNode } from "../autograd/observer.ts";
import { describeOrigin, recordOrigins } from "../autograd/origin.ts";
import { type ModeGuard, scoped } from "../autograd/scope.ts";
import { ArgumentError, AutogradError } from "../core/errors.ts";
import { warn } from "../core/warning.ts";
import { leaveBatch } from "../ops/define/batch.ts";
import { describe } from "../ops/define/parameters.ts";
import { Tensor } from "../ops/methods.ts";

interface State {
  readonly enabled: boolean;
  readonly checkNan: boolean;
}

let state: State = { enabled: false, checkNan: true };
let leave: (() => void) | null = null;
let warned = false;

// An error passes through every enclosing pass; the innermost node is the one to name.
const explained = new WeakSet<Error>();

/** Adds to an error where the failing node comes from. The error stays what it is: its class, and what it carries. */
function explain(error: unknown, node: ObservedNode): void {
  if (!(error instanceof Error) || explained.has(error)) return;
  explained.add(error);
  const before = error.message;
  error.message = `${before}\nThe error came up in the backward pass, in ${node.name}.\n${describeOrigin(node)}`;
  if (error.stack !== undefined)
    Object.defineProperty(error, "stack", {
      configurable: true,
      writable: true,
      value: error.stack.replace(before, () => error.message),
    });
}

function hasNan(value: unknown): boolean {
  if (!(value instanceof Tensor) || !value.dtype.isFloatingPoint || value.device.type === "meta")
    return false;
  return noGrad(() => {
    let found = value.isnan().any();
    // Inside vmap: of any member.
    for (const axis of found.device.axes) found = leaveBatch(found, axis, 0);
    return Boolean(found.any().item());
  });
}

interface Span {
  readonly text: string;
  readonly nan: boolean;
  readonly zero: boolean;
}

/** The values of a tensor in a few words; null where there are none to read. */
function spanOf(tensor: Tensor): Span | null {
  const { dtype, device, count } = tensor;
  if (!dtype.isFloatingPoint || device.type === "meta" || device.axes.length > 0 || count === 0)
    return null;
  return noGrad(() => {
    const nan = hasNan(tensor);
    const zero = Boolean(tensor.eq(0).any().item());
    const text = nan ? "that holds nan" : `from ${tensor.min().item()} to ${tensor.max().item()}`;
    return { text, nan, zero };
  });
}

/** What a node had to compute with, for the error of its NaN, and what usually is behind it. */
function circumstances(node: ObservedNode): string {
  if (!(node instanceof Node)) return "";
  const given: unknown = node.received(0);
  const gradient = given instanceof Tensor ? spanOf(given) : null;
  if (gradient === null) return "";
  const kept = readableValues(node).flatMap(({ name, value }) => {
    const span = value instanceof Tensor ? spanOf(value) : null;
    return span === null ? [] : [`${name} ${span.text}`];
  });
  const found = `; it was given a gradient ${gradient.text}${kept.length === 0 ? "" : `, and kept ${kept.join(", ")}`}`;
  return gradient.nan || !gradient.zero
    ? found
    : `${found}; 0 times an infinite derivative is nan: where torch.where or a mask leaves values out, guard what goes into the function as well, as in torch.where(ok, x, 1).sqrt()`;
}

function set(next: State): void {
  state = next;
  if (!next.enabled) {
    leave?.();
    leave = null;
    return;
  }
  if (!warned)
    warn(
      "anomaly mode is on: every operation keeps its place in the program, and every gradient is looked at, which takes time; use it for debugging only",
    );
  warned = true;
  if (leave !== null) return;
  const stopRecording = recordOrigins();
  const stopWatching = observe({
    visit: (node, proceed) => {
      try {
        proceed();
      } catch (error) {
        explain(error, node);
        throw error;
      }
    },
    computed: (node, results) => {
      if (!state.checkNan) return;
      const at = results.findIndex(hasNan);
      if (at >= 0)
        throw new AutogradError(
          `${node.name} returned nan values in its output ${at}, the gradient for its input ${at}${circumstances(node)}`,
        );
    },
  });
  leave = () => {
    stopWatching();
    stopRecording();
  };
}

const entering = (next: State) => (): (() => void) => {
  const before = state;
  set(next);
  return () => set(before);
};

/** What `detectAnomaly` takes by name. */
export interface AnomalyOptions {
  /** Whether NaN in a gradient is an error. Default: true. */
  readonly checkNan?: boolean;
}

export interface DetectAnomaly {
  /** Runs the callback in anomaly mode and returns its value. */
  <T>(callback: () => T): T;
  <T>(options: AnomalyOptions | boolean, callback: () => T): T;
  /** Enters the mode until the guard is disposed of: `using _ = torch.autograd.detectAnomaly()`. */
  (options?: AnomalyOptions | boolean): ModeGuard;
}

function checkNanOf(name: string, options: unknown): boolean {
  if (options === undefined || options === null) return true;
  if (typeof options === "boolean") return options;
  if (isPlainObject(options) && Object.keys(options).every((key) => key === "checkNan")) {
    const { checkNan = true } = options as { readonly checkNan?: unknown };
    if (typeof checkNan === "boolean") return checkNan;
  }
  throw new ArgumentError(
    `${name}: expected true, false or { checkNan: true or false }, got ${describe(options)}`,
  );
}

/**
 * Finds out which forward call makes a backward pass fail. While it is on, every recorded operation keeps the lines that called it: an
 * error in its backward, or NaN in what it computes (unless `checkNan` is false), names the operation and those lines, and an in-place
 * change of a saved value names the line that made it. Operations recorded by another backward pass name that as well. The forward
 * pass has to run in the mode too. It costs time; it is for debugging. Throws AutogradError if the callback returns a promise.
 * @example
 * ```ts
 * const x = torch.zeros(1, { requiresGrad: true });
 * let message = "";
 * try {
 *   torch.autograd.detectAnomaly(() => x.sqrt().mul(0).sum().backward());
 * } catch (error) {
 *   message = String(error);
 * }
 * message.includes("SqrtBackward0 returned nan values in its output 0") // => true
 * ```
 */
export const detectAnomaly: DetectAnomaly = (<T>(
  first?: AnomalyOptions | boolean | (() => T),
  second?: () => T,
) => {
  const [options, callback] = typeof first === "function" ? [undefined, first] : [first, second];
  const checkNan = checkNanOf("detectAnomaly", options);
  return scoped("detectAnomaly", entering({ enabled: true, checkNan }), callback);
}) as DetectAnomaly;

export interface SetDetectAnomaly {
  <T>(mode: boolean, callback: () => T): T;
  <T>(mode: boolean, options: AnomalyOptions | boolean, callback: () => T): T;
  (mode: boolean, options?: AnomalyOptions | boolean): ModeGuard;
}

/**
 * Switches anomaly mode on or off: at once, until the returned guard is disposed of, or for a callback.
 * @example
 * ```ts
 * torch.autograd.setDetectAnomaly(true, () => torch.autograd.isAnomalyEnabled()) // => true
 * ```
 */
export const setDetectAnomaly: SetDetectAnomaly = (<T>(
  mode: boolean,
  second?: AnomalyOptions | boolean | (() => T),
  third?: () => T,
) => {
  if (typeof mode !== "boolean")
    throw new ArgumentError(`setDetectAnomaly: expected true or false, got ${describe(mode)}`);
  const [options, callback] = typeof second === "function" ? [undefined, second] : [second, third];
  const checkNan = checkNanOf("setDetectAnomaly", options);
  return scoped("setDetectAnomaly", entering({ enabled: mode, checkNan }), callback);
}) as SetDetectAnomaly;

/** Whether anomaly mode is on. */
export function isAnomalyEnabled(): boolean {
  return state.enabled;
}

/** Whether anomaly mode, once it is on, makes NaN in a gradient an error. */
export function isAnomalyCheckNanEnabled(): boolean {
  return state.checkNan;
}
