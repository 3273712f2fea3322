/// <reference lib="esnext.disposable" preserve="true" />
// Modes that last for a while: entered for a callback, until a guard is disposed of, or around every call of a function.
import { AutogradError } from "../core/errors.ts";

/** Leaves what was entered; for `using`. */
export interface ModeGuard {
  [Symbol.dispose](): void;
}

/** Enters a mode; the function that it returns restores what was there before. */
export type Enter = () => () => void;

/** A function, or the method of a class that it decorates, made to run in a mode. */
export interface Wrap {
  <F extends (...args: never[]) => unknown>(callback: F, context?: object): F;
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function isThenable(value: unknown): boolean {
  return (
    value !== null &&
    typeof value === "object" &&
    typeof (value as { then?: unknown }).then === "function"
  );
}

/** What a callback gave, fit to leave its mode: the body of a generator runs later, and enters the mode again whenever it does. */
function carried<T>(name: string, enter: Enter, value: T): T {
  if (isThenable(value) || tagOf(value) === "AsyncGenerator")
    throw new AutogradError(
      `${name}: the callback returned a promise, and the mode would leak across its await; await first, and wrap only the synchronous part`,
    );
  return tagOf(value) === "Generator"
    ? (resumedIn(enter, value as unknown as Generator) as unknown as T)
    : value;
}

function within<T>(enter: Enter, callback: () => T): T {
  const leave = enter();
  try {
    return callback();
  } finally {
    leave();
  }
}

/** A generator whose body runs in a mode, while between its steps the caller's own mode is in force. */
function* resumedIn(enter: Enter, inner: Generator): Generator {
  let step = within(enter, () => inner.next());
  let finished = false;
  try {
    while (step.done !== true) {
      let sent: unknown;
      try {
        sent = yield step.value;
      } catch (error) {
        step = within(enter, () => inner.throw(error));
        continue;
      }
      step = within(enter, () => inner.next(sent));
    }
    finished = true;
    return step.value;
  } catch (error) {
    finished = true;
    throw error;
  } finally {
    // Left early by the caller: the body's own `finally` runs in the mode as well.
    if (!finished) within(enter, () => inner.return(undefined));
  }
}

/**
 * Enters a mode for a callback, whose value it returns, or, without one, until the returned guard is disposed of. A generator that the
 * callback returns is in the mode whenever its body runs. Throws AutogradError for a promise: the mode would leak across its await.
 */
export function scoped<T>(
  name: string,
  enter: Enter,
  callback: (() => T) | undefined,
): T | ModeGuard {
  if (callback !== undefined && typeof callback !== "function")
    throw new AutogradError(`${name}: expected a function to run, got ${typeof callback}`);
  if (callback !== undefined) return within(enter, () => carried(name, enter, callback()));
  const leave = enter();
  return { [Symbol.dispose]: leave };
}

/** A function that does what the given one does, in a mode: for plain functions, methods, and functions that return generators. */
export function wrapped<F extends (...args: never[]) => unknown>(
  name: string,
  enter: Enter,
  callback: F,
): F {
  if (typeof callback !== "function")
    throw new AutogradError(`${name}.wrap: expected a function to wrap, got ${typeof callback}`);
  if (/^class\b/.test(Function.prototype.toString.call(callback)))
    throw new AutogradError(
      `${name}.wrap: expected a function, got the class ${callback.name}; wrap the methods that should run in the mode`,
    );
  const given = callback as unknown as (...args: readonly unknown[]) => unknown;
  const inMode = function (this: unknown, ...args: readonly unknown[]): unknown {
    return within(enter, () => carried(name, enter, Reflect.apply(given, this, args)));
  };
  Object.defineProperty(inMode, "name", { value: callback.name, configurable: true });
  return inMode as unknown as F;
}

/** A mode that is switched on or off. */
export interface Switch {
  <T>(mode: boolean, callback: () => T): T;
  (mode: boolean): ModeGuard;
  /** The function, in that mode whenever it is called. */
  readonly wrap: <F extends (...args: never[]) => unknown>(mode: boolean, callback: F) => F;
}

/** The argument of a mode that is switched. */
export function booleanMode(name: string, mode: unknown): boolean {
  if (typeof mode !== "boolean")
    throw new AutogradError(`${name}: expected true or false, got ${String(mode)}`);
  return mode;
}

/** A mode that is switched at once, until the returned guard is disposed of, or for a callback. */
export function switchFunction(name: string, enter: (mode: boolean) => Enter): Switch {
  return Object.assign(
    <T>(mode: boolean, callback?: () => T): T | ModeGuard =>
      scoped(name, enter(booleanMode(name, mode)), callback),
    {
      wrap: <F extends (...args: never[]) => unknown>(mode: boolean, callback: F): F =>
        wrapped(name, enter(booleanMode(name, mode)), callback),
    },
  ) as Switch;
}
