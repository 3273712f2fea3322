// The torch.autograd.profiler namespace, which is torch.profiler as well: what runs, when, and for how long.
import { isPlainObject } from "../core/tree.ts";
import { type ModeGuard, scoped, wrapped } from "../autograd/scope.ts";
import { ArgumentError } from "../core/errors.ts";
import { boolean, describe, optional, readArguments } from "../ops/define/parameters.ts";
import { openRange, Profile, type ProfileOptions } from "./profile.ts";

export { Profile, type ProfileOptions, profilerEnabled } from "./profile.ts";
export {
  type AverageOptions,
  type EventFields,
  EventList,
  FunctionEvent,
  FunctionEventAvg,
  type InputShape,
  populateCpuChildren,
  type Row,
} from "./profileevent.ts";
export type { SortKey, TableOptions } from "./profiletable.ts";

export interface ProfileFunction {
  /** Profiles a callback; its value is the profile's `value`. */
  <T>(callback: () => T): Profile<T>;
  <T>(options: ProfileOptions, callback: () => T): Profile<T>;
  /** Profiles until `stop()`, or until the guard is disposed of: `using prof = torch.profiler.profile()`. */
  (options?: ProfileOptions): Profile<undefined>;
}

/**
 * Records what runs: every operation as `aten::name`, every node of a backward pass with the sequence number of the operation that
 * recorded it, and the ranges of `recordFunction`. Throws AutogradError if the callback returns a promise.
 * @example
 * ```ts
 * const x = torch.ones(3, { requiresGrad: true });
 * const prof = torch.autograd.profiler.profile(() => x.mul(2).exp());
 * prof.functionEvents.map((event) => event.name).join(" ") // => aten::mul aten::exp
 * ```
 */
export const profile: ProfileFunction = (<T>(
  first?: ProfileOptions | (() => T),
  second?: () => T,
) => {
  const [given, callback] = typeof first === "function" ? [{}, first] : [first ?? {}, second];
  if (!isPlainObject(given))
    throw new ArgumentError(`profile: expected options or a function, got ${describe(given)}`);
  const flag = optional(boolean, false);
  const options = readArguments(
    "profile",
    {
      enabled: optional(boolean, true),
      recordShapes: flag,
      withStack: flag,
      profileMemory: flag,
    },
    [given],
  );
  const taken = new Profile<T>(options);
  if (callback === undefined) return taken;
  scoped(
    "profile",
    () => () => taken.stop(),
    () => (taken.value = callback()),
  );
  return taken;
}) as ProfileFunction;

export interface RecordFunction {
  /** Runs the callback as a range of that name and returns its value. */
  <T>(name: string, callback: () => T): T;
  /** Opens a range until the guard is disposed of: `using _ = recordFunction("load")`. */
  (name: string): ModeGuard;
  /** The function, in a range of that name whenever it is called. */
  readonly wrap: <F extends (...args: never[]) => unknown>(name: string, callback: F) => F;
}

function checkName(name: unknown): string {
  if (typeof name !== "string")
    throw new ArgumentError(`recordFunction: expected a name, got ${describe(name)}`);
  return name;
}

/**
 * Gives a piece of a program a name in the profile. Costs nothing to speak of while no profile is taken.
 * @example
 * ```ts
 * const { profile, recordFunction } = torch.autograd.profiler;
 * const prof = profile(() => recordFunction("step", () => torch.ones(2).mul(2)));
 * prof.functionEvents[0].name // => step
 * ```
 */
export const recordFunction: RecordFunction = Object.assign(
  <T>(name: string, callback?: () => T): T | ModeGuard =>
    scoped("recordFunction", () => openRange(checkName(name)), callback),
  {
    wrap: <F extends (...args: never[]) => unknown>(name: string, callback: F): F =>
      wrapped("recordFunction", () => openRange(checkName(name)), callback),
  },
) as RecordFunction;
