// The base of all optimizers: groups of parameters with their options, what is kept for each parameter, and saving both.
import { isPlainObject } from "../core/tree.ts";
import { enableGrad } from "../autograd/mode.ts";
import { ArgumentError, AutogradError } from "../core/errors.ts";
import * as p from "../ops/define/parameters.ts";
import { Tensor } from "../ops/methods.ts";
import { type OptimizerState, readState, writeState } from "./state.ts";

/** Parameters with options of their own. */
export type GroupOf<O> = O & { params: Tensor[]; names?: string[] };
/** What a group is made from: options left out are the optimizer's. */
export type GroupInput<O> = Partial<O> & {
  readonly params: Tensor | Iterable<Tensor> | Iterable<readonly [string, Tensor]>;
};
/** What an optimizer takes: parameters, parameters with names, or groups. */
export type ParametersInput<O> =
  | Iterable<Tensor>
  | Iterable<readonly [string, Tensor]>
  | Iterable<GroupInput<O>>;

/** What is kept for one parameter: tensors by name, and the number of steps. */
export type Slots = Record<string, Tensor | number>;

/** A learning rate or another number that must not be negative. */
export const nonNegative: p.Parameter<number> = {
  ...p.number,
  convert: (value, operation, name) => {
    const found = p.number.convert(value, operation, name);
    if (!(found >= 0))
      throw new ArgumentError(`${operation}: ${name} must be at least 0, got ${found}`);
    return found;
  },
};

/** The options of an optimizer: how each is read and what it is by default. */
export type OptionReaders<O> = { readonly [K in keyof O]: p.Parameter<O[K]> };

/** Base class: keeps groups and state, and calls `update` for each parameter that has a gradient. */
export abstract class Optimizer<O extends object> {
  /** The groups. Their options may be changed between steps: `optimizer.paramGroups[0].lr = 0.01`. */
  readonly paramGroups: GroupOf<O>[] = [];
  /** What is kept for each parameter. */
  readonly state: Map<Tensor, Slots> = new Map();
  readonly defaults: O;
  readonly #name: string;
  readonly #readers: OptionReaders<O>;

  constructor(
    name: string,
    readers: OptionReaders<O>,
    params: ParametersInput<O>,
    args: readonly unknown[],
  ) {
    this.#name = name;
    this.#readers = readers;
    this.defaults = p.readArguments(name, readers as p.Parameters, args) as unknown as O;
    this.check(this.defaults);
    if (params instanceof Tensor || isPlainObject(params) || !isIterable(params))
      throw new ArgumentError(
        `${name}: expected parameters such as model.parameters(), got ${p.describe(params)}; one tensor or one group goes into an array`,
      );
    const items: readonly unknown[] = [...(params as Iterable<unknown>)];
    if (items.length === 0)
      throw new ArgumentError(
        `${name}: the list of parameters is empty; a generator such as model.parameters() can be read only once`,
      );
    const groups = items.every((item) => isPlainObject(item)) ? items : [{ params: items }];
    for (const group of groups) this.addParamGroup(group as GroupInput<O>);
  }

  /** Refuses options that do not go together. */
  protected check(_options: O): void {}

  /** Changes one parameter by its gradient. */
  protected abstract update(parameter: Tensor, gradient: Tensor, group: O): void;

  /** Adds a group of parameters; options that it leaves out are the optimizer's. */
  addParamGroup(group: GroupInput<O>): void {
    const name = this.#name;
    const { params, ...own } = group;
    const given: readonly unknown[] = params instanceof Tensor ? [params] : [...params];
    const options = p.readArguments(
      name,
      Object.fromEntries(
        Object.entries(this.#readers as p.Parameters).map(([key, reader]) => [
          key,
          { ...reader, fallback: { value: this.defaults[key as keyof O] } },
        ]),
      ),
      [own],
    ) as unknown as O;
    this.check(options);
    const named = given.length > 0 && given.every((item) => Array.isArray(item));
    const tensors = named ? given.map((item) => (item as readonly unknown[])[1]) : given;
    const known = new Set(this.paramGroups.flatMap((other) => other.params));
    for (const tensor of tensors) {
      if (!(tensor instanceof Tensor))
        throw new ArgumentError(`${name}: parameters must be tensors, got ${p.describe(tensor)}`);
      if (!tensor.isLeaf && !tensor.retainsGrad)
        throw new AutogradError(
          `${name}: a tensor made by ${tensor.gradFn!.name} cannot be optimized, only leaves can: make it with requiresGrad, or detach().requiresGrad_()`,
        );
      if (known.has(tensor))
        throw new ArgumentError(`${name}: a parameter is given twice; each belongs to one group`);
      known.add(tensor);
    }
    const added = { ...options, params: tensors as Tensor[] } as GroupOf<O>;
    if (named) added.names = given.map((item) => String((item as readonly unknown[])[0]));
    this.paramGroups.push(added);
  }

  /**
   * Changes every parameter that has a gradient. The closure, if given, is called first, with recording on: it computes gradients and
   * returns the loss, which `step` returns.
   */
  step(): undefined;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | undefined {
    const loss = closure === undefined || closure === null ? undefined : enableGrad(closure);
    for (const group of this.paramGroups)
      for (const parameter of group.params) {
        const { gradient } = parameter;
        if (gradient !== null) this.update(parameter, gradient, group);
      }
    return loss;
  }

  /** Forgets the gradients of all parameters, or sets them to zero where `setToNone` is false. */
  zeroGrad({ setToNone = true }: { readonly setToNone?: boolean } = {}): void {
    for (const group of this.paramGroups)
      for (const parameter of group.params)
        if (setToNone || parameter.gradient === null) parameter.gradient = null;
        else parameter.gradient = parameter.gradient.detach().zero_();
  }

  /** What is kept for a parameter; filled by `make` the first time. */
  protected slots(parameter: Tensor, make: () => Slots): Slots {
    let found = this.state.get(parameter);
    if (found === undefined) this.state.set(parameter, (found = make()));
    return found;
  }

  /** Options and state in PyTorch's structure, with its names: `state` by the parameter's number, and `param_groups`. */
  stateDict(): OptimizerState {
    return writeState(this.paramGroups, this.state, Object.keys(this.defaults));
  }

  /** Takes over what `stateDict`, here or in PyTorch, gave. Throws SerializationError where groups or shapes differ. */
  loadStateDict(state: OptimizerState): void {
    readState(this.#name, state, this.paramGroups, this.state, this.#readers as p.Parameters);
  }

  toString(): string {
    const groups = this.paramGroups.map((group, i) => {
      const lines = Object.keys(this.defaults)
        .sort()
        .map((key) => `    ${key}: ${String((group as Record<string, unknown>)[key])}\n`);
      return `Parameter Group ${i}\n${lines.join("")}`;
    });
    return `${this.constructor.name} (\n${groups.join("\n")})`;
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return value !== null && typeof value === "object" && Symbol.iterator in value;
}

/** Zeros of a parameter's shape and type, to accumulate in. */
export function zerosLike(parameter: Tensor): Tensor {
  return parameter.detach().newZeros(parameter.shape);
}
