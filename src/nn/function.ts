// Modules that are a function with its settings fixed: the one mechanism behind losses and activations.
import * as p from "../ops/define/parameters.ts";
import type { PublicRecord } from "../ops/define/registry.ts";
import { Tensor } from "../ops/methods.ts";
import { Module } from "./module.ts";

/** An operation as shared code sees it. */
export interface OperationLike {
  (...args: never[]): unknown;
  readonly record: PublicRecord;
}

type After<A, N extends 1 | 2 | 3> = A extends readonly [
  ...{ 1: [unknown]; 2: [unknown, unknown]; 3: [unknown, unknown, unknown] }[N],
  ...infer R,
]
  ? R
  : never;
type First<A, N extends 1 | 2 | 3> = A extends readonly [infer X, infer Y, infer Z, ...unknown[]]
  ? { 1: [X]; 2: [X, Y]; 3: [X, Y, Z] }[N]
  : A extends readonly [infer X, infer Y, ...unknown[]]
    ? { 1: [X]; 2: [X, Y]; 3: never }[N]
    : A extends readonly [infer X, ...unknown[]]
      ? { 1: [X]; 2: never; 3: never }[N]
      : never;

/** What the operation takes behind its first N arguments. */
export type SettingsOf<F extends OperationLike, N extends 1 | 2 | 3> = After<Parameters<F>, N>;
/** The first N arguments of the operation. */
export type InputsOf<F extends OperationLike, N extends 1 | 2 | 3> = First<Parameters<F>, N>;

const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

/** A module that applies an operation to its N inputs; the constructor takes the rest of the operation's parameters. */
export abstract class FunctionModule<
  F extends OperationLike,
  N extends 1 | 2 | 3,
  A extends readonly unknown[] = SettingsOf<F, N>,
> extends Module {
  /** The operation. */
  static readonly operation: OperationLike;
  /** How many of its parameters are inputs, and so not settings. */
  static readonly inputs: 1 | 2 | 3 = 1;
  /** Parameters of the operation that follow the module's state, and so are not settings. */
  static readonly state: readonly string[] = [];
  /** The settings by name, as the operation takes them. Tensors are buffers under PyTorch's names. */
  readonly settings: Readonly<Record<string, unknown>>;

  constructor(...args: A) {
    super();
    const { operation, inputs, state, name } = new.target;
    const settings: p.Parameters = Object.fromEntries(
      Object.entries(operation.record.parameters)
        .slice(inputs)
        .filter(([key]) => !state.includes(key)),
    );
    const given = p.readArguments(`nn.${name}`, settings, args);
    this.settings = Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== null && !(value instanceof Tensor)),
    );
    for (const [key, value] of Object.entries(given))
      if (value instanceof Tensor || (value === null && settings[key]!.tensors))
        this.registerBuffer(snake(key), value);
  }

  override forward(...inputs: InputsOf<F, N>): Tensor {
    const { operation } = this.constructor as typeof FunctionModule;
    return (operation as unknown as (...args: unknown[]) => Tensor)(...inputs, this.options());
  }

  /** The settings with the buffers as they are now. */
  protected options(): Record<string, unknown> {
    const out: Record<string, unknown> = { ...this.settings };
    const { operation } = this.constructor as typeof FunctionModule;
    for (const [name, { tensors }] of Object.entries(operation.record.parameters)) {
      const value = tensors ? (this as unknown as Record<string, unknown>)[snake(name)] : null;
      if (value instanceof Tensor) out[name] = value;
    }
    return out;
  }
}
