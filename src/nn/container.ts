// Modules made of modules: Sequential, and lists and dictionaries of modules and parameters.
import { ArgumentError, IndexError } from "../core/errors.ts";
import { formatSizes } from "../core/shape.ts";
import { describe } from "../ops/define/parameters.ts";
import type { Tensor } from "../ops/methods.ts";
import { callModule, type Layer, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import { moduleText } from "./text.ts";

/** The place of a possibly negative index. */
function position(owner: string, index: number, length: number): number {
  const at = index < 0 ? index + length : index;
  if (!Number.isInteger(index) || at < 0 || at >= length)
    throw new IndexError(
      `${owner}: there is no item ${index}; it has ${length}, so indices go from ${-length} to ${length - 1}`,
    );
  return at;
}

/** Modules under the names "0", "1" ... */
class Row<M extends Module> extends Module {
  /** How many modules there are. */
  get size(): number {
    return [...this.namedChildrenAll()].length;
  }

  /** The module at an index; negative ones count from the end. */
  at(index: number): M {
    const items = [...this];
    return items[position(this.constructor.name, index, items.length)]!;
  }

  /** Adds a module at the end. */
  append(module: M): this {
    this.registerModule(String(this.size), module);
    return this;
  }

  *[Symbol.iterator](): Generator<M> {
    for (const [, module] of this.namedChildrenAll()) yield module as M;
  }

  // Unlike namedChildren, a module that stands twice comes twice.
  *namedChildrenAll(): Generator<[string, Module]> {
    for (const [name, value] of Object.entries(this))
      if (value instanceof Module) yield [name, value];
  }
}

/**
 * Runs modules one after another, each on the result of the one before. Takes the modules, or one object of modules by name.
 * @example
 * ```ts
 * const model = new torch.nn.Sequential(new torch.nn.Linear(3, 8), new torch.nn.ReLU(), new torch.nn.Linear(8, 2));
 * model(torch.ones(5, 3)).shape // => 5,2
 * model.at(-1)
 * // => Linear(in_features=8, out_features=2, bias=True)
 * model.slice(0, -1)(torch.ones(5, 3)).shape // => 5,8
 * ```
 */
export class Sequential<I = Tensor, O = Tensor> extends Row<Layer> {
  constructor(...modules: readonly Module[] | readonly [Readonly<Record<string, Module>>]) {
    super();
    const [first] = modules;
    if (modules.length === 1 && !(first instanceof Module) && isRecord(first))
      for (const [name, module] of Object.entries(first)) this.registerModule(name, module);
    else modules.forEach((module, i) => this.registerModule(String(i), module as Module));
  }

  /** The modules from `start` to before `end`, which keep their names; both count from the end where negative, as an array's slice. */
  slice<Input = Tensor, Output = Tensor>(start?: number, end?: number): Sequential<Input, Output> {
    return new Sequential(Object.fromEntries([...this.namedChildrenAll()].slice(start, end)));
  }

  override forward(input: I): O {
    let value: unknown = input;
    for (const module of this) value = callModule(module, value);
    return value as O;
  }
}

/**
 * A list of modules that belong to the module that has it. It is iterated over, not called.
 * @example
 * ```ts
 * const layers = new torch.nn.ModuleList([new torch.nn.Linear(2, 2), new torch.nn.Linear(2, 2)]);
 * let x = torch.ones(1, 2);
 * for (const layer of layers) x = layer(x);
 * x.shape // => 1,2
 * ```
 */
export class ModuleList<M extends Module = Layer> extends Row<M> {
  constructor(modules: Iterable<M> = []) {
    super();
    for (const module of modules) this.append(module);
  }

  /** Neighbours with the same text are written once, as PyTorch does. */
  override toString(): string {
    const runs: { text: string; first: number; count: number }[] = [];
    for (const [i, module] of [...this].entries()) {
      const text = String(module);
      const last = runs.at(-1);
      if (last?.text === text) last.count++;
      else runs.push({ text, first: i, count: 1 });
    }
    const lines = runs.map(({ text, first, count }): [string, string] =>
      count === 1 ? [String(first), text] : [`${first}-${first + count - 1}`, `${count} x ${text}`],
    );
    return moduleText(this.constructor.name, "", lines);
  }

  /** The modules from `start` to before `end`, counted anew; both count from the end where negative. */
  slice(start?: number, end?: number): ModuleList<M> {
    return new ModuleList([...this].slice(start, end));
  }

  /** Adds several modules at the end. */
  extend(modules: Iterable<M>): this {
    for (const module of modules) this.append(module);
    return this;
  }
}

/** Modules by name that belong to the module that has it. */
export class ModuleDict<M extends Module = Layer> extends Module {
  constructor(modules: Readonly<Record<string, M>> = {}) {
    super();
    for (const [name, module] of Object.entries(modules)) this.set(name, module);
  }

  /** The module of that name. Throws IndexError where there is none. */
  get(name: string): M {
    const found = Object.hasOwn(this, name)
      ? (this as unknown as Record<string, unknown>)[name]
      : undefined;
    if (!(found instanceof Module))
      throw new IndexError(
        `nn.ModuleDict: there is no "${name}"; it has ${[...this.keys()].join(", ")}`,
      );
    return found as M;
  }

  /** Puts a module under a name. */
  set(name: string, module: M): this {
    this.registerModule(name, module);
    return this;
  }

  has(name: string): boolean {
    return [...this.keys()].includes(name);
  }

  *keys(): Generator<string> {
    for (const [name] of this) yield name;
  }

  *values(): Generator<M> {
    for (const [, module] of this) yield module;
  }

  *[Symbol.iterator](): Generator<[string, M]> {
    for (const [name, value] of Object.entries(this))
      if (value instanceof Module) yield [name, value as M];
  }
}

/** A list of parameters that belong to the module that has it. Tensors become parameters. */
export class ParameterList extends Module {
  constructor(values: Iterable<Tensor> = []) {
    super();
    for (const value of values) this.append(value);
  }

  get size(): number {
    return [...this].length;
  }

  at(index: number): Parameter {
    const items = [...this];
    return items[position("nn.ParameterList", index, items.length)]!;
  }

  /** The parameters from `start` to before `end`, counted anew; both count from the end where negative. */
  slice(start?: number, end?: number): ParameterList {
    return new ParameterList([...this].slice(start, end));
  }

  append(value: Tensor): this {
    this.registerParameter(
      String(this.size),
      value instanceof Parameter ? value : new Parameter(value),
    );
    return this;
  }

  [Symbol.iterator](): Generator<Parameter> {
    return this.parameters(false);
  }

  override extraRepr(): string {
    return [...this]
      .map(
        (p, i) =>
          `  (${i}): Parameter containing: [torch.${p.dtype.name} of size ${formatSizes(p.sizes).slice(1, -1).split(", ").join("x")}]`,
      )
      .join("\n");
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, Module>> {
  if (value !== null && typeof value === "object") return true;
  throw new ArgumentError(
    `nn.Sequential: expected modules, or an object of modules by name, got ${describe(value)}`,
  );
}
