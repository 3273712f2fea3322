// Results with names, as PyTorch's named tuples: fields that can also be taken apart and counted in order.
import { printsAs } from "./inspect.ts";

const mostFields = 8;

/**
 * Fields under their names, which also iterate in order and answer to their numbers: `values`, `[values]` and `[0]` are the same.
 * Prints as PyTorch's, under the title.
 */
export class NamedTuple<T> implements Iterable<T> {
  readonly #title: string;

  constructor(title: string, names: readonly string[], values: readonly T[]) {
    this.#title = title;
    for (let i = 0; i < names.length; i++)
      (this as unknown as Record<string, T>)[names[i]!] = values[i]!;
  }

  [Symbol.iterator](): Iterator<T> {
    return Object.values(this)[Symbol.iterator]() as Iterator<T>;
  }

  /** The same title and names with other values. */
  withValues<U>(values: readonly U[]): NamedTuple<U> {
    return new NamedTuple(this.#title, Object.keys(this), values);
  }

  toString(): string {
    const fields = Object.entries(this).map(([name, value]) => `${name}=${String(value)}`);
    return `${this.#title}(\n${fields.join(",\n")})`;
  }
}

printsAs(NamedTuple.prototype, String);

// On the prototype, where listing a result's fields does not find them.
for (let i = 0; i < mostFields; i++)
  Object.defineProperty(NamedTuple.prototype, i, {
    get(this: NamedTuple<unknown>): unknown {
      return Object.values(this)[i];
    },
  });

/** Two results with names. */
export type NamedPair<First extends string, Second extends string, T> = {
  readonly [Name in First | Second]: T;
} & Iterable<T> & { readonly 0: T; readonly 1: T; toString(): string };
