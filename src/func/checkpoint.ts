// torch.utils.checkpoint: memory for time. What a function saves for its gradient is computed again when it is needed.
import { gradMode } from "../autograd/mode.ts";
import { type ModeGuard, scoped } from "../autograd/scope.ts";
import { ArgumentError, AutogradError } from "../core/errors.ts";
import { flatten, isPlainObject } from "../core/tree.ts";
import { describe } from "../ops/define/parameters.ts";
import { getRngState, setRngState } from "../ops/random.ts";
import { empty } from "../ops/create.ts";
import { Tensor } from "../ops/methods.ts";
import { Function, type FunctionContext } from "./function.ts";
import { CheckpointPolicy, createSelectiveCheckpointContexts } from "./selective.ts";
import { type Around, Frame, GraphExecGroup, metadata } from "./recomputation.ts";
import { isTensor } from "../ops/access.ts";

/** What `checkpoint` takes by name. */
export interface CheckpointOptions {
  /** False: there is no reentrant form, which is PyTorch's older one. */
  readonly useReentrant?: false | null;
  /** Whether random numbers are the same when the function is computed again. Default: true. */
  readonly preserveRngState?: boolean;
  /** Gives two functions, each of which runs a callback: around the function, and around its recomputation. */
  readonly contextFn?: () => readonly [forward: Around, recompute: Around];
  /** Whether shapes, types and devices are compared. Default: "default". */
  readonly determinismCheck?: "default" | "none";
  /** Names the operations of both computations in errors. */
  readonly debug?: boolean;
  /** Stops computing again as soon as all that is needed is there. Default: true. */
  readonly earlyStop?: boolean;
}

interface Read {
  readonly preserveRngState: boolean;
  readonly contextFn: (() => readonly [Around, Around]) | null;
  readonly determinismCheck: "default" | "none";
  readonly debug: boolean;
  readonly earlyStop: boolean;
}

const names = [
  "useReentrant",
  "preserveRngState",
  "contextFn",
  "determinismCheck",
  "debug",
  "earlyStop",
];

/** What overrides the options of every call; null where nothing does. */
const overriding: { earlyStop: boolean | null; debug: boolean | null } = {
  earlyStop: null,
  debug: null,
};

function check(ok: boolean, name: string, expected: string, value: unknown): void {
  if (!ok)
    throw new ArgumentError(`checkpoint: ${name} must be ${expected}, got ${describe(value)}`);
}

/** Takes checkpoint's own options out of a trailing object; what is left of it is the function's. */
function separated(args: readonly unknown[]): readonly [readonly unknown[], Read] {
  const last = args.at(-1);
  const own = isPlainObject(last) ? Object.keys(last).filter((name) => names.includes(name)) : [];
  if (own.length === 0) return [args, optionsOf({})];
  const given = last as Readonly<Record<string, unknown>>;
  const rest = Object.fromEntries(Object.entries(given).filter(([name]) => !own.includes(name)));
  const others = args.slice(0, -1);
  return [Object.keys(rest).length === 0 ? others : [...others, rest], optionsOf(given)];
}

function optionsOf(given: Readonly<Record<string, unknown>>): Read {
  const {
    useReentrant = false,
    preserveRngState = true,
    contextFn = null,
    determinismCheck = "default",
    debug = false,
    earlyStop = true,
  } = given;
  if (useReentrant !== false && useReentrant !== null)
    throw new ArgumentError(
      "checkpoint: useReentrant must be false: the reentrant form, which loses gradients silently, does not exist here; leave it out",
    );
  for (const [name, value] of Object.entries({ preserveRngState, debug, earlyStop }))
    check(typeof value === "boolean", name, "true or false", value);
  check(
    determinismCheck === "default" || determinismCheck === "none",
    "determinismCheck",
    '"default" or "none"',
    determinismCheck,
  );
  check(
    contextFn === null || typeof contextFn === "function",
    "contextFn",
    "a function",
    contextFn,
  );
  const debugging = overriding.debug ?? debug === true;
  if (debugging && contextFn !== null)
    throw new ArgumentError(
      "checkpoint: debug is incompatible with a contextFn of one's own; leave one of them out",
    );
  return {
    preserveRngState: preserveRngState === true,
    contextFn: contextFn as Read["contextFn"],
    determinismCheck: determinismCheck as Read["determinismCheck"],
    debug: debugging,
    earlyStop: overriding.earlyStop ?? earlyStop === true,
  };
}

/** Saves an argument in the graph, so that it is held, checked for changes, and thrown away by an outer checkpoint like anything else. */
class SavedArgument extends Function {
  static forward(ctx: FunctionContext, anchor: Tensor, argument: Tensor): Tensor {
    ctx.saveForBackward(argument);
    return anchor.clone();
  }
  static backward(): null {
    return null;
  }
}

/** The arguments as they are now, whenever they are asked for. */
function remembered(args: readonly unknown[]): () => readonly unknown[] {
  const { leaves, rebuild } = flatten(args, isTensor);
  const anchor = empty([0], { requiresGrad: true });
  const nodes = leaves.map((leaf) => SavedArgument.apply(anchor, leaf).gradFn as unknown as Keeper);
  return () => rebuild(nodes.map((node) => node.savedTensors[0])) as readonly unknown[];
}

/** The node of a saved argument. */
interface Keeper {
  readonly savedTensors: readonly Tensor[];
}

const plainly: Around = (callback) => callback();

/** Runs a callback with the random numbers that came after a state. */
function drawingFrom<T>(state: Tensor, callback: () => T): T {
  const now = getRngState();
  setRngState(state);
  try {
    return callback();
  } finally {
    setRngState(now);
  }
}

function run(fn: unknown, all: readonly unknown[]): unknown {
  if (typeof fn !== "function")
    throw new ArgumentError(
      `checkpoint: the first argument must be the function to checkpoint, got ${describe(fn)}`,
    );
  const call = fn as (...args: readonly unknown[]) => unknown;
  const [args, options] = separated(all);
  if (!gradMode.enabled) return settled(call(...args));
  const [forward, recompute] = options.contextFn?.() ?? [plainly, plainly];
  const state = options.preserveRngState ? getRngState() : null;
  const original = remembered(args);
  const again = (watched: Around): unknown => {
    const given = original();
    const computed = (): unknown => recompute(() => watched(() => call(...given)));
    return state === null ? computed() : drawingFrom(state, computed);
  };
  const frame = new Frame(again, {
    earlyStop: options.earlyStop,
    describe: options.determinismCheck === "default" ? metadata : null,
    debug: options.debug,
  });
  return frame.forward(() => settled(forward(() => call(...args))));
}

/** The function's value, where it is there already. */
function settled(value: unknown): unknown {
  if (
    value !== null &&
    typeof value === "object" &&
    typeof (value as { then?: unknown }).then === "function"
  )
    throw new AutogradError(
      "checkpoint: the function returned a promise, and only what runs before its first await would be checkpointed; checkpoint the synchronous parts",
    );
  return value;
}

/**
 * Runs functions one after the other, each on the result of the one before, checkpointing all but the last of `segments` parts of equal
 * length. The functions are given in an array or anything else that iterates over them, as `nn.Sequential` does.
 * @example
 * ```ts
 * const model = new torch.nn.Sequential(new torch.nn.Linear(4, 8), new torch.nn.ReLU(), new torch.nn.Linear(8, 2));
 * const x = torch.randn(3, 4, { requiresGrad: true });
 * torch.utils.checkpoint.checkpointSequential(model, 2, x).shape // => 3,2
 * ```
 */
function checkpointSequential<X>(
  functions: Iterable<(input: never) => unknown>,
  segments: number,
  input: X,
  options: CheckpointOptions = {},
): X {
  const steps = [...functions] as ((value: unknown) => unknown)[];
  if (!Number.isInteger(segments) || segments < 1 || segments > steps.length)
    throw new ArgumentError(
      `checkpointSequential: segments must be a whole number from 1 to the number of functions, ${steps.length}; got ${describe(segments)}`,
    );
  const through =
    (from: number, to: number) =>
    (value: unknown): unknown =>
      steps.slice(from, to).reduce((before, step) => step(before), value);
  const size = Math.floor(steps.length / segments);
  let value: unknown = input;
  let from = 0;
  for (; from < size * (segments - 1); from += size)
    value = run(through(from, from + size), [value, { useReentrant: false, ...options }]);
  return through(from, steps.length)(value) as X;
}

/** Overrides an option of all calls for a while. */
function override<T>(
  name: string,
  option: "earlyStop" | "debug",
  value: boolean | null,
  callback: (() => T) | undefined,
): T | ModeGuard {
  if (typeof value !== "boolean" && value !== null)
    throw new ArgumentError(`${name}: expected true, false or null, got ${describe(value)}`);
  const enter = (): (() => void) => {
    const before = overriding[option];
    overriding[option] = value;
    return () => {
      overriding[option] = before;
    };
  };
  return scoped(name, enter, callback);
}

/**
 * Says for a while whether computing again stops as soon as all that is needed is there, whatever the calls say.
 * @example
 * ```ts
 * torch.utils.checkpoint.setCheckpointEarlyStop(false, () => torch.ones(2)) // => tensor([1., 1.])
 * ```
 */
function setCheckpointEarlyStop<T>(enable: boolean, callback: () => T): T;
function setCheckpointEarlyStop(enable: boolean): ModeGuard;
function setCheckpointEarlyStop<T>(enable: boolean, callback?: () => T): T | ModeGuard {
  return override("setCheckpointEarlyStop", "earlyStop", enable, callback);
}

/**
 * Says for a while whether errors name the operations of both computations, whatever the calls say; null leaves it to them.
 * @example
 * ```ts
 * torch.utils.checkpoint.setCheckpointDebugEnabled(true, () => torch.ones(2)) // => tensor([1., 1.])
 * ```
 */
function setCheckpointDebugEnabled<T>(enabled: boolean | null, callback: () => T): T;
function setCheckpointDebugEnabled(enabled: boolean | null): ModeGuard;
function setCheckpointDebugEnabled<T>(enabled: boolean | null, callback?: () => T): T | ModeGuard {
  return override("setCheckpointDebugEnabled", "debug", enabled, callback);
}

/** A function's arguments, with the options in a trailing object: one more, or the function's own. */
type CheckpointArguments<A extends readonly unknown[]> =
  | readonly [...A, CheckpointOptions?]
  | (A extends readonly [...infer I, (infer O)?]
      ? O extends readonly unknown[] | Tensor
        ? never
        : O extends object
          ? readonly [...I, O & CheckpointOptions]
          : never
      : never);

/** Runs a function without keeping what it saves for its gradient. */
interface Checkpoint {
  <A extends readonly unknown[], R>(fn: (...args: A) => R, ...args: CheckpointArguments<A>): R;
  readonly checkpoint: Checkpoint;
  readonly checkpointSequential: typeof checkpointSequential;
  readonly setCheckpointEarlyStop: typeof setCheckpointEarlyStop;
  readonly setCheckpointDebugEnabled: typeof setCheckpointDebugEnabled;
  readonly GraphExecGroup: typeof GraphExecGroup;
  readonly CheckpointPolicy: typeof CheckpointPolicy;
  readonly createSelectiveCheckpointContexts: typeof createSelectiveCheckpointContexts;
}

/**
 * Runs `fn(...args)` without keeping what it saves for its gradient; the backward pass computes it again, with the same random numbers.
 * The gradients are those of the plain call, in `backward()` and `grad()`, of any order, also where checkpoints are nested. Options
 * go into a trailing object; what else that object has is passed on to the function.
 * Throws AutogradError where the function saves other tensors the second time, by number, shape, type or device, and where an
 * argument was changed in place since; ArgumentError for options that do not exist.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * torch.utils.checkpoint((t: torch.Tensor) => t.mul(t).mul(t), x).sum().backward();
 * x.grad // => tensor([ 3., 12.])
 * ```
 */
export const checkpoint: Checkpoint = checkpointWithProperties();

function checkpointWithProperties(): Checkpoint {
  const callable = (fn: unknown, ...args: readonly unknown[]): unknown => run(fn, args);
  const whole = Object.assign(callable, {
    checkpointSequential,
    setCheckpointEarlyStop,
    setCheckpointDebugEnabled,
    GraphExecGroup,
    CheckpointPolicy,
    createSelectiveCheckpointContexts,
  });
  return Object.assign(whole, { checkpoint: whole }) as unknown as Checkpoint;
}
