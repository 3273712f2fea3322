// Modules as functions of their state: torch.func.functionalCall and stackModuleState.
import { isPlainObject } from "../core/tree.ts";
import { ArgumentError } from "../core/errors.ts";
import { describe } from "../ops/define/parameters.ts";
import { stack } from "../ops/join.ts";
import type { Tensor } from "../ops/methods.ts";
import { isTensor } from "../ops/access.ts";

/** What this file knows of a module: its state by dotted name, and that it can be called. */
export interface Stateful {
  (...args: never[]): unknown;
  namedModules(): Iterable<[string, object]>;
  namedParameters(): Iterable<[string, Tensor]>;
  namedBuffers(): Iterable<[string, Tensor]>;
}

/** Tensors by dotted name. */
export type State = Readonly<Record<string, Tensor>>;

type Owner = Record<string, unknown>;

interface Place {
  readonly owner: Owner;
  readonly key: string;
}

/** Every place where a module holds a tensor, by the tensor: tied weights have several. */
function placesOf(module: Stateful): {
  readonly byName: ReadonlyMap<string, Place>;
  readonly byTensor: ReadonlyMap<Tensor, readonly Place[]>;
} {
  const byName = new Map<string, Place>();
  const byTensor = new Map<Tensor, Place[]>();
  for (const [path, part] of module.namedModules()) {
    const owner = part as Owner;
    for (const key of Object.keys(owner)) {
      const value = owner[key];
      if (!isTensor(value)) continue;
      const place = { owner, key };
      byName.set(path === "" ? key : `${path}.${key}`, place);
      const others = byTensor.get(value);
      if (others === undefined) byTensor.set(value, [place]);
      else others.push(place);
    }
  }
  return { byName, byTensor };
}

/** What `functionalCall` takes by name. */
export interface FunctionalCallOptions {
  /** Whether a tensor that the module holds under several names is replaced under all of them. Default: true. */
  readonly tieWeights?: boolean;
  /** Refuses a state that leaves out parameters or buffers. */
  readonly strict?: boolean;
}

/**
 * Calls a module with other tensors in the place of its parameters and buffers, given by dotted name in one record or several. What the
 * module writes into buffers in place lands in the given tensors; the module itself is unchanged afterwards. Differentiate by the record to
 * differentiate by the parameters. Throws ArgumentError for a name that the module does not have.
 * @example
 * ```ts
 * const layer = new torch.nn.Linear(2, 1, { bias: false });
 * torch.func.functionalCall(layer, { weight: torch.ones(1, 2) }, torch.tensor([3, 4])) // => tensor([7.])
 * ```
 */
export function functionalCall<M extends Stateful>(
  module: M,
  state: State | readonly State[],
  args: Parameters<M> | Parameters<M>[0],
  options: FunctionalCallOptions = {},
): ReturnType<M> {
  const name = "func.functionalCall";
  const { tieWeights = true, strict = false } = options;
  const given: Record<string, Tensor> = {};
  for (const record of Array.isArray(state) ? (state as readonly State[]) : [state as State]) {
    if (!isPlainObject(record))
      throw new ArgumentError(
        `${name}: the state must be a record of tensors by name, or an array of such records, got ${describe(record)}`,
      );
    Object.assign(given, record);
  }
  const { byName, byTensor } = placesOf(module);
  const replaced: { readonly place: Place; readonly before: unknown; readonly value: Tensor }[] =
    [];
  for (const [path, value] of Object.entries(given)) {
    const place = byName.get(path);
    if (place === undefined)
      throw new ArgumentError(
        `${name}: the module has no parameter or buffer "${path}"; it has ${[...byName.keys()].join(", ") || "none"}`,
      );
    if (!isTensor(value))
      throw new ArgumentError(`${name}: "${path}" must be a tensor, got ${describe(value)}`);
    const own = place.owner[place.key] as Tensor;
    for (const at of tieWeights ? byTensor.get(own)! : [place])
      replaced.push({ place: at, before: at.owner[at.key], value });
  }
  if (strict) {
    const missing = [...module.namedParameters(), ...module.namedBuffers()]
      .map(([path]) => path)
      .filter((path) => !(path in given));
    if (missing.length > 0)
      throw new ArgumentError(
        `${name}: with strict, the state must also give ${missing.join(", ")}`,
      );
  }
  for (const { place, value } of replaced) place.owner[place.key] = value;
  try {
    const list = Array.isArray(args) ? (args as readonly unknown[]) : [args];
    return module(...(list as never[])) as ReturnType<M>;
  } finally {
    for (const { place, before } of replaced.reverse()) place.owner[place.key] = before;
  }
}

/**
 * The parameters and the buffers of modules of one class, each stacked along a new first dimension: `[parameters, buffers]`. With `vmap`
 * over them and `functionalCall` an ensemble runs as one model. The stacked parameters are leaves that require gradients.
 * @example
 * ```ts
 * const models = [new torch.nn.Linear(2, 3), new torch.nn.Linear(2, 3)];
 * const [parameters] = torch.func.stackModuleState(models);
 * parameters["weight"]!.shape // => 2,3,2
 * ```
 */
export function stackModuleState(
  models: readonly Stateful[],
): [parameters: Record<string, Tensor>, buffers: Record<string, Tensor>] {
  const name = "func.stackModuleState";
  const [first] = models;
  if (first === undefined)
    throw new ArgumentError(`${name}: expected at least one model, got none`);
  for (const model of models)
    if (Object.getPrototypeOf(model) !== Object.getPrototypeOf(first))
      throw new ArgumentError(
        `${name}: the models are of different classes; they must all be of one`,
      );
  const stacked = (
    list: (model: Stateful) => Iterable<[string, Tensor]>,
    learned: boolean,
  ): Record<string, Tensor> => {
    const all = models.map((model) => new Map(list(model)));
    return Object.fromEntries(
      [...all[0]!].map(([path, tensor]) => {
        const joined = stack(all.map((own) => own.get(path)!.detach()));
        return [path, learned && tensor.requiresGrad ? joined.requiresGrad_() : joined];
      }),
    );
  };
  return [
    stacked((model) => model.namedParameters(), true),
    stacked((model) => model.namedBuffers(), false),
  ];
}
