// Indexing and assignment by position, range, mask and tensor.
import { cpu } from "../core/device.ts";
import { bool, int64 } from "../core/dtype.ts";
import { ArgumentError, DTypeError, IndexError } from "../core/errors.ts";
import { formatSizes, maximumDimensions } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { fromNumbers } from "./define/creation.ts";
import { checkMask, columnsOf, isMask, readAt, writeAt } from "./define/indices.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Method } from "./define/registry.ts";

/** Nested arrays of positions or booleans. */
type Positions = readonly (number | bigint | boolean | Tensor | Positions)[];
/**
 * One index: a position, a range "start:stop:step", "..." for all dimensions in between, null for a new dimension, a boolean, a mask, or
 * positions as a tensor or as arrays.
 */
export type Index = number | bigint | string | null | boolean | Tensor | Positions;

interface Range {
  readonly start: number | null;
  readonly stop: number | null;
  readonly step: number;
}
/** What an index asks for, read from the forms it may have. */
type Item = number | Range | "..." | null | boolean | Tensor;

const rangeForm = /^\s*([+-]?\d*)\s*:\s*([+-]?\d*)\s*(?::\s*([+-]?\d*)\s*)?$/;

function rangeOf(text: string): Range {
  const parts = rangeForm.exec(text);
  const bound = (part: string | undefined): number | null => {
    if (part === undefined || part === "") return null;
    const value = Number(part);
    if (Number.isNaN(value)) throw unreadable(text);
    return Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
  };
  if (parts === null) throw unreadable(text);
  const step = bound(parts[3]) ?? 1;
  if (step <= 0)
    throw new ArgumentError(
      `indexing: the step of "${text}" is ${step}; it must be positive, flip() reverses`,
    );
  return { start: bound(parts[1]), stop: bound(parts[2]), step };
}

function unreadable(text: string): IndexError {
  return new IndexError(
    `indexing: "${text.slice(0, 40)}" is no range; write "start:stop:step", any part of which may be left out, or "..."`,
  );
}

function itemOf(index: unknown, self: Tensor): Item {
  if (index === null || typeof index === "boolean") return index;
  if (typeof index === "string") return index.trim() === "..." ? "..." : rangeOf(index);
  if (typeof index === "number" || typeof index === "bigint") {
    const position = Number(index);
    if (!Number.isInteger(position))
      throw new IndexError(`indexing: the position ${position} is not a whole number`);
    return position;
  }
  const found =
    index instanceof Tensor
      ? index
      : Array.isArray(index)
        ? nestedPositions(index)
        : ArrayBuffer.isView(index)
          ? nestedPositions(Array.from(index as unknown as Iterable<number | bigint>))
          : undefined;
  if (found === undefined)
    throw new IndexError(
      `indexing: ${p.describe(index)} is no index; give a number, "start:stop:step", "...", null, a boolean, a tensor or an array of positions`,
    );
  if (found.dtype.kind === "floating")
    throw new IndexError(
      `indexing: a tensor of type ${found.dtype.name} is no index; positions are int64 or int32, masks bool`,
    );
  // A single position selects, as a number does.
  if (found.sizes.length === 0 && !isMask(found.dtype)) return Number(found.item());
  if (found.device.base !== self.device.base)
    throw new IndexError(
      `indexing: the index is on ${String(found.device)}, the tensor on ${String(self.device)}; move them to one device`,
    );
  return found;
}

/** Nested arrays of positions, or of booleans, as a tensor. */
function nestedPositions(data: readonly unknown[]): Tensor {
  const sizes: number[] = [];
  for (let at: unknown = data; Array.isArray(at); at = at[0]) {
    sizes.push(at.length);
    if (sizes.length > maximumDimensions)
      throw new IndexError(
        `indexing: the arrays are nested more than ${maximumDimensions} deep; perhaps one contains itself`,
      );
  }
  const values: number[] = [];
  let booleans = 0;
  const visit = (value: unknown, depth: number): void => {
    if (Array.isArray(value)) {
      if (value.length !== sizes[depth])
        throw new IndexError(
          "indexing: the arrays of positions are ragged; all should have one length",
        );
      for (const inner of value) visit(inner, depth + 1);
      return;
    }
    const plain = value instanceof Tensor && value.count === 1 ? value.item() : value;
    const number = typeof plain === "bigint" ? Number(plain) : plain;
    if (depth !== sizes.length || (typeof number !== "boolean" && !Number.isInteger(number)))
      throw new IndexError(
        `indexing: ${p.describe(value)} within an array is no position; give whole numbers or booleans, all at one depth`,
      );
    if (typeof number === "boolean") booleans++;
    values.push(Number(number));
  };
  visit(data, 0);
  if (booleans > 0 && booleans < values.length)
    throw new IndexError("indexing: positions and booleans are mixed in one array; give one kind");
  return fromNumbers("indexing", sizes, booleans > 0 ? bool : int64, cpu, false, (i) => values[i]!);
}

/** A tensor after all plain indices, and the tensors of positions that are left, each at its dimension. */
interface Indexed {
  readonly view: Tensor;
  readonly dims: readonly number[];
  readonly indices: readonly Tensor[];
}

function consumed(item: Item): number {
  if (typeof item === "number") return 1;
  if (item instanceof Tensor) return isMask(item.dtype) ? item.sizes.length : 1;
  return item !== null && typeof item === "object" ? 1 : 0;
}

function resolve(self: Tensor, given: readonly unknown[]): Indexed {
  if (given.length > 2 * maximumDimensions)
    throw new IndexError(`indexing: ${given.length} indices; give at most one for each dimension`);
  const items = given.map((index) => itemOf(index, self));
  const needed = items.reduce<number>((sum, item) => sum + consumed(item), 0);
  if (needed > self.sizes.length)
    throw new IndexError(
      `indexing: ${needed} indices are too many for a tensor of ${self.sizes.length} dimensions, shape ${formatSizes(self.sizes)}`,
    );
  if (items.filter((item) => item === "...").length > 1)
    throw new IndexError('indexing: "..." may stand only once');
  let view = self;
  let dim = 0;
  const dims: number[] = [];
  const indices: Tensor[] = [];
  const single = (item: boolean | Tensor): void => {
    const yes = typeof item === "boolean" ? item : Boolean(item.item());
    view = view.unsqueeze(dim);
    dims.push(dim++);
    indices.push(fromNumbers("indexing", [yes ? 1 : 0], int64, self.device, false, () => 0));
  };
  for (const item of items) {
    if (typeof item === "number") view = selected(view, dim, item);
    else if (item === "...") dim += self.sizes.length - needed;
    else if (item === null) view = view.unsqueeze(dim++);
    else if (typeof item === "boolean") single(item);
    else if (item instanceof Tensor) {
      if (!isMask(item.dtype)) {
        dims.push(dim++);
        indices.push(item.detach().to(int64));
      } else if (item.sizes.length === 0) single(item);
      else {
        checkMask(item.sizes, view.sizes, dim);
        for (const column of columnsOf(item)) {
          dims.push(dim++);
          indices.push(column);
        }
      }
    } else {
      const whole = item.start === null && item.stop === null && item.step === 1;
      if (!whole) view = view.slice(dim, item.start, item.stop, item.step);
      dim++;
    }
  }
  return { view, dims, indices };
}

function selected(view: Tensor, dim: number, position: number): Tensor {
  const size = view.sizes[dim]!;
  if (position < -size || position >= size)
    throw new IndexError(
      `indexing: position ${position} is out of bounds for dimension ${dim} with size ${size}${size === 0 ? "" : `; give ${-size} to ${size - 1}`}`,
    );
  return view.select(dim, position);
}

/** All arguments of a call, none of them read as options: an index is never an object literal. */
const all = { ...p.anything, variadic: true };

/**
 * Indexing, as `x[...]` in PyTorch: a number selects, "start:stop:step" takes a range, "..." stands for all dimensions in between, null makes a
 * new dimension; these give views. Masks, tensors and arrays of positions give copies: they broadcast with one another, and their
 * dimensions stand where the indexed ones stood, or first where those were apart. Throws IndexError for anything out of bounds.
 * @example
 * ```ts
 * const x = torch.arange(6).view(2, 3);
 * x.at(":", "1:") // => tensor([[1, 2],\n        [4, 5]])
 * ```
 */
export const at: Method<readonly Index[]> = indexer((self, given) => {
  const { view, dims, indices } = resolve(self, given);
  if (indices.length > 0) return readAt(view, dims, indices);
  return view === self ? self.alias() : view;
});

function indexer(
  compute: (self: Tensor, given: readonly unknown[]) => Tensor,
): Method<readonly Index[]> {
  const whole: FunctionOnly<() => Tensor> = composite({
    name: "at",
    parameters: { self: p.tensor, indices: all },
    compute: () => undefined,
  });
  const read = (...args: readonly unknown[]): Tensor => {
    const [self, ...given] = args;
    let count = given.length;
    while (count > 0 && given[count - 1] === undefined) count--;
    return compute(p.tensor.convert(self, "at", "self"), given.slice(0, count));
  };
  return Object.assign(read, { record: whole.record, inPlace: null }) as unknown as Method<
    readonly Index[]
  >;
}

type Value = Tensor | number | bigint | boolean;

/**
 * Assignment, as `x[...] = value` in PyTorch: writes a value, which broadcasts and is converted, at the places that `at` would read.
 * Gives the tensor. Of several values for one place the last stays.
 * @example
 * ```ts
 * torch.zeros(2, 3).setAt_([":", 1], 5) // => tensor([[0., 5., 0.],\n        [0., 5., 0.]])
 * ```
 */
export const setAt_: Method<[index: readonly Index[] | Index, value: Value]> = composite({
  name: "setAt_",
  parameters: { self: p.tensor, index: p.anything, value: p.anything },
  compute: ({ self, index, value }) => {
    const { view, dims, indices } = resolve(self, Array.isArray(index) ? index : [index]);
    const source = valueFor(self, value);
    if (indices.length === 0) {
      if (typeof source === "number") view.fill_(source);
      else view.copy_(trimmed(source, view.sizes.length));
      return self;
    }
    const values =
      typeof source === "number"
        ? self.newFull([], source)
        : source.dtype === self.dtype
          ? source
          : source.to(self.dtype);
    writeAt.inPlace(view, dims, indices, trimmed(values, Number.POSITIVE_INFINITY), false);
    return self;
  },
});

function valueFor(self: Tensor, value: unknown): Tensor | number {
  if (value instanceof Tensor) return value;
  if (typeof value === "number" || typeof value === "boolean") return Number(value);
  if (typeof value === "bigint") return self.newFull([], value);
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return self.newTensor(value as number[]);
  throw new ArgumentError(
    `setAt_: the value must be a number, a tensor or arrays of numbers, got ${p.describe(value)}`,
  );
}

/** Without leading dimensions of size 1 beyond the given rank: PyTorch lets an assigned value have them. */
function trimmed(value: Tensor, rank: number): Tensor {
  let drop = 0;
  while (value.sizes.length - drop > rank && value.sizes[drop] === 1) drop++;
  return drop === 0 ? value : value.view(value.sizes.slice(drop));
}

type OptionalTensors = readonly (Tensor | null)[];

/** Index tensors, or null for a dimension taken whole, as the indices of `at`. */
function tensorIndices(name: string, given: unknown): unknown[] {
  const list = given instanceof Tensor ? [given] : given;
  if (!Array.isArray(list) || [...list].some((item) => item !== null && !(item instanceof Tensor)))
    throw new ArgumentError(
      `${name}: the indices must be an array of tensors, or null for a whole dimension, got ${p.describe(given)}`,
    );
  const tensors = list as (Tensor | null)[];
  // A single position keeps its place among tensors of positions: here nothing selects.
  return tensors.map((item) => (item === null ? ":" : item));
}

function put(
  name: string,
  self: Tensor,
  given: unknown,
  values: Tensor,
  accumulate: boolean,
  inPlace: boolean,
): Tensor {
  if (values.dtype !== self.dtype)
    throw new DTypeError(
      `${name}: self is ${self.dtype.name} and the values ${values.dtype.name}; they should have one type`,
    );
  const list = tensorIndices(name, given).map((item) =>
    item instanceof Tensor && item.sizes.length === 0 && !isMask(item.dtype)
      ? item.reshape(1).detach()
      : item,
  );
  const { view, dims, indices } = resolve(self, list);
  if (indices.length === 0)
    throw new IndexError(`${name}: there is no index; give at least one tensor of positions`);
  const write = inPlace ? writeAt.inPlace : writeAt;
  return write(view, dims, indices, values, accumulate);
}

const putParameters = {
  self: p.tensor,
  indices: p.anything,
  values: p.tensor,
  accumulate: p.optional(p.boolean, false),
};
type IndexPut = Method<
  [
    indices: OptionalTensors,
    values: Tensor,
    accumulate?: boolean | { readonly accumulate?: boolean },
  ]
>;

/**
 * A copy with `values` written at tuples of positions, one tensor for each dimension (null takes a dimension whole); or added there.
 * @example
 * ```ts
 * torch.zeros(3).indexPut([torch.tensor([2n])], torch.tensor([5])) // => tensor([0., 0., 5.])
 * ```
 */
export const indexPut: IndexPut = composite({
  name: "indexPut",
  parameters: putParameters,
  compute: ({ self, indices, values, accumulate }) =>
    put("indexPut", self, indices, values, accumulate, false),
});

/** Writes `values` at tuples of positions into the tensor itself; see `indexPut`. */
export const indexPut_: IndexPut = composite({
  name: "indexPut_",
  parameters: putParameters,
  compute: ({ self, indices, values, accumulate }) =>
    put("indexPut_", self, indices, values, accumulate, true),
});
