// Nested records and arrays: their leaves in a fixed order, and the same nesting around other leaves.
import { ArgumentError } from "./errors.ts";
import { mapped } from "./list.ts";
import { NamedTuple } from "./namedtuple.ts";

/** Leaves in nested arrays and plain objects. */
export type Tree<Leaf> = Leaf | readonly Tree<Leaf>[] | { readonly [name: string]: Tree<Leaf> };

/** Whether a value is an object literal, or might be: nothing with a class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (value === null || typeof value !== "object") return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Whether a value has named items: a plain object or a named tuple. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return isPlainObject(value) || value instanceof NamedTuple;
}

/** A record of the same kind and names with other items. */
export function mappedRecord(
  record: Readonly<Record<string, unknown>>,
  item: (name: string, index: number) => unknown,
): object {
  const names = Object.keys(record);
  const items = mapped(names, item);
  if (record instanceof NamedTuple) return record.withValues(items);
  const out: Record<string, unknown> = {};
  for (let i = 0; i < names.length; i++) out[names[i]!] = items[i];
  return out;
}

/** Whether a value is something that `flatten` looks into. */
export function isContainer(
  value: unknown,
): value is readonly unknown[] | Readonly<Record<string, unknown>> {
  return Array.isArray(value) || isRecord(value);
}

type IsLeaf<Leaf> = (value: unknown) => value is Leaf;

/** A container that is being looked into, and those around it. */
interface Level {
  readonly part: unknown;
  readonly around: Level | null;
}

function refuseCycle(part: unknown, inside: Level | null): void {
  let levels = 1;
  for (let level = inside; level !== null; level = level.around, levels++)
    if (level.part === part)
      throw new ArgumentError(
        `an array or a record must not contain itself, but one, ${levels} levels deep, does`,
      );
}

/** Calls a function with every leaf, and with its path where paths are wanted. */
function visit<Leaf>(
  part: unknown,
  isLeaf: IsLeaf<Leaf>,
  found: (leaf: Leaf, path: string) => void,
  path: string | null,
  around: Level | null,
): void {
  if (isLeaf(part)) {
    found(part, path ?? "");
    return;
  }
  if (!isContainer(part)) return;
  refuseCycle(part, around);
  const inside = { part, around };
  if (Array.isArray(part)) {
    for (let i = 0; i < part.length; i++)
      visit(part[i], isLeaf, found, path === null ? null : `${path}[${i}]`, inside);
    return;
  }
  const record = part as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(record))
    visit(record[name], isLeaf, found, path === null ? null : `${path}.${name}`, inside);
}

function refilled<Leaf>(part: unknown, isLeaf: IsLeaf<Leaf>, next: () => unknown): unknown {
  if (isLeaf(part)) return next();
  if (Array.isArray(part))
    return mapped(part as readonly unknown[], (item) => refilled(item, isLeaf, next));
  return isRecord(part) ? mappedRecord(part, (name) => refilled(part[name], isLeaf, next)) : part;
}

/** The leaves of a value, in order. Throws ArgumentError for a container inside itself. */
export function leavesOf<Leaf>(value: unknown, isLeaf: IsLeaf<Leaf>): Leaf[] {
  const leaves: Leaf[] = [];
  visit(value, isLeaf, (leaf) => leaves.push(leaf), null, null);
  return leaves;
}

/** A value taken apart: its leaves in order, and how to put others in their places. */
export class Flattened<Leaf> {
  readonly leaves: readonly Leaf[];
  /** The same nesting with other leaves, given in the same order. */
  readonly rebuild: (leaves: readonly unknown[]) => unknown;
  private readonly value: unknown;
  private readonly isLeaf: IsLeaf<Leaf>;

  constructor(value: unknown, isLeaf: IsLeaf<Leaf>) {
    this.leaves = leavesOf(value, isLeaf);
    this.value = value;
    this.isLeaf = isLeaf;
    // V8 makes a function that is written straight into a property old at once, and with it all that it refers to.
    const rebuild = (others: readonly unknown[]): unknown => {
      let at = 0;
      return refilled(value, isLeaf, () => others[at++]);
    };
    this.rebuild = rebuild;
  }

  /** The path to each leaf, as one would write it after the value's name: `.layers[0].weight`. For messages: found when asked for. */
  get paths(): readonly string[] {
    const paths: string[] = [];
    visit(this.value, this.isLeaf, (_, path) => paths.push(path), "", null);
    return paths;
  }
}

/**
 * Takes nested arrays and plain objects apart, in the order of their entries. What is neither a leaf nor a container (numbers, null,
 * instances of classes) stays where it is and comes back unchanged from `rebuild`. Throws ArgumentError for a container inside itself.
 */
export function flatten<Leaf>(value: unknown, isLeaf: IsLeaf<Leaf>): Flattened<Leaf> {
  return new Flattened(value, isLeaf);
}
