// Module: the base of all layers and models. A module is a function that runs `forward` and finds its parts among its own properties.
import { type HookHandle, register } from "../autograd/hooks.ts";
import { noGrad } from "../autograd/mode.ts";
import type { Device } from "../core/device.ts";
import type { DType } from "../core/dtype.ts";
import { ArgumentError, DTypeError } from "../core/errors.ts";
import { printsAs } from "../core/inspect.ts";
import { destination, destinationOf } from "../ops/define/destination.ts";
import { adopt } from "../ops/define/memory.ts";
import { describe, device as deviceParameter, readArguments } from "../ops/define/parameters.ts";
import type { Trailing } from "../ops/define/registry.ts";
import { Tensor } from "../ops/methods.ts";
import { type BackwardHook, type BackwardPreHook, withBackwardHooks } from "./modulehooks.ts";
import { Parameter } from "./parameter.ts";
import { type LoadResult, loadState, type State } from "./state.ts";
import { moduleText } from "./text.ts";

/** Sees, and may replace, the arguments of a module before it runs. */
export type ForwardPreHook = (module: Module, args: readonly unknown[]) => unknown;
/** Sees, and may replace, what a module returns. */
export type ForwardHook = (module: Module, args: readonly unknown[], output: unknown) => unknown;

/** How a hook is registered. */
export interface HookOptions {
  /** Puts it before those registered already. */
  readonly prepend?: boolean;
}

/** A module that takes a tensor and gives one. */
export interface Layer extends Module {
  forward(input: Tensor): Tensor;
}

// The instance that `new` gives: a function in place of the plain object, so that it can be called.
class Callable {
  constructor() {
    const self = (...args: readonly unknown[]): unknown => call(self as unknown as Module, args);
    // A function's own name and length would hide fields of these names in the classes of users.
    delete (self as { name?: string }).name;
    delete (self as { length?: number }).length;
    Object.setPrototypeOf(self, new.target.prototype as object);
    // oxlint-disable-next-line no-constructor-return -- the instance is this function
    return self;
  }
}

/** Calling an instance runs its hooks and its `forward`, with the types of `forward`. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the call signature cannot be written in the class
export interface Module {
  (...args: Parameters<this["forward"]>): ReturnType<this["forward"]>;
}

/**
 * Base class of models. Parameters, buffers and other modules that are assigned to properties belong to the module, in the order of
 * assignment; `forward` says what it computes, and calling the instance computes it.
 * @example
 * ```ts
 * class Net extends torch.nn.Module {
 *   fc = new torch.nn.Linear(3, 2);
 *   forward(x: torch.Tensor) {
 *     return this.fc(x).relu();
 *   }
 * }
 * const net = new Net();
 * net(torch.ones(4, 3)).shape // => 4,2
 * Object.keys(net.stateDict()) // => fc.weight,fc.bias
 * ```
 */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- see the interface
export class Module extends Callable {
  /** Whether layers such as Dropout behave as in training; `train()` and `eval()` set it. */
  training: boolean = true;
  readonly #buffers = new Map<string, boolean>();
  #preHooks: Set<{ readonly hook: ForwardPreHook }> | null = null;
  #hooks: Set<{ readonly hook: ForwardHook }> | null = null;
  #backwardPreHooks: Set<{ readonly hook: BackwardPreHook<Module> }> | null = null;
  #backwardHooks: Set<{ readonly hook: BackwardHook<Module> }> | null = null;

  /** What the module computes. Subclasses say it; users call the instance. */
  forward(..._args: never[]): unknown {
    throw new ArgumentError(
      `${this.constructor.name}: has no forward(); define one to say what the module computes`,
    );
  }

  /** Runs hooks and `forward`: what calling the instance does. */
  static invoke(module: Module, args: readonly unknown[]): unknown {
    const forward = module.forward.bind(module) as (...args: readonly unknown[]) => unknown;
    let given = args;
    for (const { hook } of Array.from(module.#preHooks ?? [])) {
      const replaced = hook(module, given);
      if (replaced !== undefined && replaced !== null)
        given = Array.isArray(replaced) ? (replaced as unknown[]) : [replaced];
    }
    if (module.#backwardPreHooks === null && module.#backwardHooks === null)
      return withForwardHooks(module, module.#hooks, given, forward(...given));
    return withBackwardHooks(
      module,
      Array.from(module.#backwardPreHooks ?? [], ({ hook }) => hook),
      Array.from(module.#backwardHooks ?? [], ({ hook }) => hook),
      given,
      (inputs) => withForwardHooks(module, module.#hooks, inputs, forward(...inputs)),
    );
  }

  /** The modules directly below, with their names. A module that has two names comes once. */
  *namedChildren(): Generator<[string, Module]> {
    const seen = new Set<Module>();
    for (const [name, child] of ownModules(this)) {
      if (seen.has(child)) continue;
      seen.add(child);
      yield [name, child];
    }
  }

  /** The modules directly below. */
  *children(): Generator<Module> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** This module (named "") and all below it, each once, with dotted names, parents before children. */
  *namedModules(prefix: string = ""): Generator<[string, Module]> {
    const seen = new Set<Module>();
    for (const [name, module] of everyModule(this, prefix)) {
      if (seen.has(module)) continue;
      seen.add(module);
      yield [name, module];
    }
  }

  /** This module and all below it, each once. */
  *modules(): Generator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** The parameters of this module and, unless `recurse` is false, of those below, each once, with dotted names. */
  *namedParameters(prefix: string = "", recurse: boolean = true): Generator<[string, Parameter]> {
    const seen = new Set<Parameter>();
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this] as const])
      for (const [name, value] of Object.entries(module))
        if (value instanceof Parameter && !seen.has(value)) {
          seen.add(value);
          yield [joined(path, name), value];
        }
  }

  /** The parameters, for an optimizer. */
  *parameters(recurse: boolean = true): Generator<Parameter> {
    for (const [, parameter] of this.namedParameters("", recurse)) yield parameter;
  }

  /** The buffers of this module and, unless `recurse` is false, of those below, each once, with dotted names. */
  *namedBuffers(prefix: string = "", recurse: boolean = true): Generator<[string, Tensor]> {
    const seen = new Set<Tensor>();
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this] as const])
      for (const [name, buffer] of ownBuffers(module, module.#buffers.keys()))
        if (!seen.has(buffer)) {
          seen.add(buffer);
          yield [joined(path, name), buffer];
        }
  }

  /** The buffers. */
  *buffers(recurse: boolean = true): Generator<Tensor> {
    for (const [, buffer] of this.namedBuffers("", recurse)) yield buffer;
  }

  /** Makes a tensor part of the module's state though it is not learned. Unless `persistent`, `stateDict` leaves it out. */
  registerBuffer(name: string, tensor: Tensor | null, persistent: boolean = true): void {
    checkName(this, "registerBuffer", name);
    if (tensor !== null && !(tensor instanceof Tensor))
      throw new ArgumentError(
        `registerBuffer: ${name} must be a tensor or null, got ${describe(tensor)}`,
      );
    this.#buffers.set(name, persistent);
    setOwn(this, name, tensor);
  }

  /** Sets the parameter of that name; null for none. */
  registerParameter(name: string, parameter: Parameter | null): void {
    checkName(this, "registerParameter", name);
    if (parameter !== null && !((parameter as unknown) instanceof Parameter))
      throw new ArgumentError(
        `registerParameter: ${name} must be an nn.Parameter or null, got ${describe(parameter)}`,
      );
    setOwn(this, name, parameter);
  }

  /** Sets the child module of that name; null for none. */
  registerModule(name: string, module: Module | null): void {
    checkName(this, "registerModule", name);
    if (module !== null && !((module as unknown) instanceof Module))
      throw new ArgumentError(
        `registerModule: ${name} must be an nn.Module or null, got ${describe(module)}`,
      );
    setOwn(this, name, module);
  }

  /** Parameters and persistent buffers by dotted name, sharing their memory, outside the graph. */
  stateDict(): Record<string, Tensor> {
    const out: Record<string, Tensor> = {};
    for (const [path, module] of everyModule(this, ""))
      for (const [name, value] of module.#stateEntries()) out[joined(path, name)] = value.detach();
    return out;
  }

  /**
   * Copies a state into the parameters and buffers of these names. Throws SerializationError, before anything is changed, for shapes that
   * differ, and, unless `strict` is false, for names that are missing or unexpected; without it they are returned.
   */
  loadStateDict(state: State, strict: boolean = true): LoadResult {
    const own: [string, Tensor][] = [];
    for (const [path, module] of everyModule(this, ""))
      for (const [name, value] of module.#stateEntries()) own.push([joined(path, name), value]);
    return loadState(this.constructor.name, own, state, strict);
  }

  // Parameters first, then buffers, as PyTorch orders them.
  *#stateEntries(): Generator<[string, Tensor]> {
    for (const [name, value] of Object.entries(this))
      if (value instanceof Parameter) yield [name, value];
    const persistent = [...this.#buffers].flatMap(([name, keep]) => (keep ? [name] : []));
    yield* ownBuffers(this, persistent);
  }

  /** Sets the training mode of this module and those below. */
  train(mode: boolean = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Leaves the training mode: `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** Forgets the gradients of all parameters, or sets them to zero where `setToNone` is false. */
  zeroGrad({ setToNone = true }: { readonly setToNone?: boolean } = {}): void {
    for (const parameter of this.parameters())
      if (setToNone || parameter.grad === null) parameter.grad = null;
      else parameter.grad = parameter.grad.detach().zero_();
  }

  /** Sets for all parameters whether they require gradients: `false` freezes the module. */
  requiresGrad_(requiresGrad: boolean = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(requiresGrad);
    return this;
  }

  /**
   * Converts floating parameters, their gradients and buffers to a floating type, and takes all of them to a device, in place: optimizers
   * keep them. Throws DTypeError for another type, DeviceError where values would have to come from "meta": see `toEmpty`.
   * @example
   * ```ts
   * new torch.nn.Linear(2, 1).to("meta").weight.device.type // => meta
   * ```
   */
  to(
    ...args: Trailing<
      [target: DType | Device | string | Tensor, dtype: DType],
      { readonly dtype?: DType; readonly device?: Device | string }
    >
  ): this {
    const operation = `${this.constructor.name}.to`;
    const { dtype, device } = destinationOf(operation, readArguments(operation, destination, args));
    if (dtype !== null && !dtype.isFloatingPoint)
      throw new DTypeError(
        `${operation}: expected a floating-point dtype such as torch.float64, got ${describe(dtype)}`,
      );
    return this.#replace((tensor) =>
      tensor.to({
        dtype: tensor.dtype.isFloatingPoint ? (dtype ?? tensor.dtype) : tensor.dtype,
        device: device ?? tensor.device,
      }),
    );
  }

  /** Takes all parameters and buffers to a device without their values: what they hold then is undefined, and to be set. */
  toEmpty(
    ...args: [device: Device | string] | [options: { readonly device: Device | string }]
  ): this {
    const operation = `${this.constructor.name}.toEmpty`;
    const given = readArguments(operation, { device: deviceParameter }, args);
    return this.#replace((tensor) => tensor.emptyLike(given));
  }

  /** Gives every parameter, its gradient, and every buffer what `moved` makes of it; none, where it throws. */
  #replace(moved: (tensor: Tensor) => Tensor): this {
    const found = noGrad(() =>
      [...this.parameters(), ...this.buffers()].map((tensor) => {
        const { gradient } = tensor;
        return [tensor, moved(tensor), gradient && moved(gradient.detach())] as const;
      }),
    );
    for (const [tensor, own, gradient] of found) {
      if (own !== tensor) adopt(tensor, own);
      tensor.gradient = gradient;
    }
    return this;
  }

  /** Calls a function with every module below, then with this one. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Calls a function before `forward` with the arguments; what it returns, if anything, takes their place. */
  registerForwardPreHook(hook: ForwardPreHook, options?: HookOptions): HookHandle {
    return added((this.#preHooks ??= new Set()), "registerForwardPreHook", hook, options);
  }

  /** Calls a function after `forward` with arguments and result; what it returns, if anything, takes the result's place. */
  registerForwardHook(hook: ForwardHook, options?: HookOptions): HookHandle {
    return added((this.#hooks ??= new Set()), "registerForwardHook", hook, options);
  }

  /**
   * Calls a function with the gradients of the module's results before they go through the module; what it returns, if anything, takes
   * their place. The results may not be changed in place afterwards.
   */
  registerFullBackwardPreHook(hook: BackwardPreHook<Module>, options?: HookOptions): HookHandle {
    const set = (this.#backwardPreHooks ??= new Set());
    return added(set, "registerFullBackwardPreHook", hook, options);
  }

  /**
   * Calls a function with the gradients of the module's arguments and results once both are there; what it returns, if anything, takes the
   * place of the former. Arguments and results may not be changed in place. A second derivative does not call it again.
   */
  registerFullBackwardHook(hook: BackwardHook<Module>, options?: HookOptions): HookHandle {
    return added((this.#backwardHooks ??= new Set()), "registerFullBackwardHook", hook, options);
  }

  /** What stands in the brackets of the module's text; one line for each part. */
  extraRepr(): string {
    return "";
  }

  /** PyTorch's text of the module and those below. */
  override toString(): string {
    const children = [...ownModules(this)].map(
      ([name, child]) => [name, child.toString()] as const,
    );
    return moduleText(this.constructor.name, this.extraRepr(), children);
  }
}

printsAs(Module.prototype, (module) => module.toString());

function call(module: Module, args: readonly unknown[]): unknown {
  return Module.invoke(module, args);
}

/** Runs a module whose argument types are not known. */
export function callModule(module: Module, ...args: readonly unknown[]): unknown {
  return Module.invoke(module, args);
}

function* ownModules(module: Module): Generator<[string, Module]> {
  for (const [name, value] of Object.entries(module))
    if (value instanceof Module) yield [name, value];
}

/** Every module by every name that leads to it. A list, because generators within generators take longer than a small layer. */
function everyModule(
  module: Module,
  path: string,
  found: [string, Module][] = [],
): readonly [string, Module][] {
  found.push([path, module]);
  for (const [name, child] of ownModules(module)) everyModule(child, joined(path, name), found);
  return found;
}

function* ownBuffers(module: Module, names: Iterable<string>): Generator<[string, Tensor]> {
  for (const name of names) {
    const value = (module as unknown as Record<string, unknown>)[name];
    if (value instanceof Tensor) yield [name, value];
  }
}

const joined = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

function setOwn(module: Module, name: string, value: unknown): void {
  (module as unknown as Record<string, unknown>)[name] = value;
}

function checkName(module: Module, operation: string, name: string): void {
  if (typeof name !== "string" || name === "" || name.includes("."))
    throw new ArgumentError(
      `${operation}: the name must be a non-empty string without dots, got ${describe(name)}`,
    );
  if (name in (Object.getPrototypeOf(module) as object))
    throw new ArgumentError(
      `${operation}: "${name}" is a member of every module; choose another name`,
    );
  const before = (module as unknown as Record<string, unknown>)[name];
  if (
    before !== undefined &&
    before !== null &&
    !(before instanceof Tensor || before instanceof Module)
  )
    throw new ArgumentError(`${operation}: the module has a property "${name}" already`);
}

function withForwardHooks(
  module: Module,
  hooks: ReadonlySet<{ readonly hook: ForwardHook }> | null,
  args: readonly unknown[],
  result: unknown,
): unknown {
  let output = result;
  for (const { hook } of Array.from(hooks ?? [])) {
    const replaced = hook(module, args, output);
    if (replaced !== undefined && replaced !== null) output = replaced;
  }
  return output;
}

function added<H>(
  set: Set<{ readonly hook: H }>,
  operation: string,
  hook: H,
  { prepend = false }: HookOptions = {},
): HookHandle {
  if (typeof hook !== "function")
    throw new ArgumentError(`${operation}: expected a function, got ${describe(hook)}`);
  const later = prepend ? [...set] : [];
  if (prepend) set.clear();
  const handle = register(set, hook);
  for (const entry of later) set.add(entry);
  return handle;
}
