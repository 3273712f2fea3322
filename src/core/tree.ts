// Nested records and arrays: their leaves in a fixed order, and the same nesting around other leaves.
import { ArgumentError } from "./errors.ts";

/** Leaves in nested arrays and plain objects. */
export type Tree<Leaf> = Leaf | readonly Tree<Leaf>[] | { readonly [name: string]: Tree<Leaf> };

/** A value taken apart: its leaves in order, and how to put others in their places. */
export interface Flattened<Leaf> {
  readonly leaves: readonly Leaf[];
  /** The path to each leaf, as one would write it after the value's name: `.layers[0].weight`. */
  readonly paths: readonly string[];
  /** The same nesting with other leaves, given in the same order. */
  readonly rebuild: (leaves: readonly unknown[]) => unknown;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (value === null || typeof value !== "object") return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Whether a value is something that `flatten` looks into. */
export function isContainer(value: unknown): boolean {
  return Array.isArray(value) || isRecord(value);
}

/**
 * Takes nested arrays and plain objects apart, in the order of their entries. What is neither a leaf nor a container (numbers, null,
 * instances of classes) stays where it is and comes back unchanged from `rebuild`. Throws ArgumentError for a container inside itself.
 */
export function flatten<Leaf>(
  value: unknown,
  isLeaf: (value: unknown) => value is Leaf,
): Flattened<Leaf> {
  const leaves: Leaf[] = [];
  const paths: string[] = [];
  const around = new Set<unknown>();
  const visit = (part: unknown, path: string): ((next: () => unknown) => unknown) => {
    if (isLeaf(part)) {
      leaves.push(part);
      paths.push(path);
      return (next) => next();
    }
    if (!isContainer(part)) return () => part;
    if (around.has(part))
      throw new ArgumentError(
        `an array or a record must not contain itself, but the one at ${path} is also around it`,
      );
    around.add(part);
    const refill = inside(part, path);
    around.delete(part);
    return refill;
  };
  const inside = (part: unknown, path: string): ((next: () => unknown) => unknown) => {
    if (Array.isArray(part)) {
      const items = part.map((item, i) => visit(item, `${path}[${i}]`));
      return (next) => items.map((item) => item(next));
    }
    const entries = Object.entries(part as Readonly<Record<string, unknown>>).map(
      ([name, item]) => [name, visit(item, `${path}.${name}`)] as const,
    );
    return (next) => Object.fromEntries(entries.map(([name, item]) => [name, item(next)]));
  };
  const build = visit(value, "");
  return {
    leaves,
    paths,
    rebuild: (replacements) => {
      let at = 0;
      return build(() => replacements[at++]);
    },
  };
}
