// vmap: a function of single examples as a function of batches. Inside, tensors lie on a device whose kernels run for all members.
import { ArgumentError, AutogradError, ShapeError } from "../core/errors.ts";
import { type Axis, mapping, type Randomness } from "../core/device.ts";
import { mapped } from "../core/list.ts";
import { flatten, isRecord, leavesOf } from "../core/tree.ts";
import { leaveBatch, newAxis } from "../ops/define/batch.ts";
import {
  anything,
  choice,
  describe,
  integer,
  optional,
  orNull,
  Signature,
} from "../ops/define/parameters.ts";
import type { Trailing } from "../ops/define/registry.ts";
import { cat } from "../ops/join.ts";
import type { Tensor } from "../ops/methods.ts";
import { isTensor } from "../ops/access.ts";
import { resultsOf } from "./level.ts";

/** Which dimension of each tensor is mapped, nested as the tensors are; a number or null stands for all tensors below it. */
export type Dims = number | null | readonly Dims[] | { readonly [name: string]: Dims };

/** What `vmap` takes by name. */
export interface VmapOptions {
  /** The mapped dimension of each argument, null for one that is the same for all members. Default: 0. */
  readonly inDims?: Dims;
  /** Where the batch goes in each result. Default: 0. */
  readonly outDims?: Dims;
  /** What random operations do inside: "error" refuses them, "same" draws once for all, "different" draws for each member. */
  readonly randomness?: Randomness;
  /** How many members to compute at once; by default all. */
  readonly chunkSize?: number | null;
}

/** The names under which dims and a value are both nested; null where they are not nested alike. */
function commonNames(dims: unknown, value: unknown): readonly string[] | null {
  if (typeof dims !== "object" || dims === null || typeof value !== "object" || value === null)
    return null;
  if (isTensor(value) || Array.isArray(dims) !== Array.isArray(value)) return null;
  const names = Object.keys(value);
  const others = Object.keys(dims);
  return names.length === others.length && names.every((name, i) => name === others[i])
    ? names
    : null;
}

const item = (of: unknown, name: string): unknown => (of as Record<string, unknown>)[name];

/** Adds a number or null for each tensor of a value; false where dims are nested as the value is not. */
function place(dims: unknown, value: unknown, all: (number | null)[]): boolean {
  if (dims === null || dims === undefined || typeof dims === "number") {
    for (let left = leavesOf(value, isTensor).length; left > 0; left--) all.push(dims ?? null);
    return true;
  }
  const names = commonNames(dims, value);
  return names !== null && names.every((name) => place(item(dims, name), item(value, name), all));
}

const nesting = (value: unknown): string =>
  isRecord(value) ? `{ ${Object.keys(value).join(", ")} }` : describe(value);

function misfit(what: string, dims: unknown, value: unknown, path: string): ArgumentError {
  const name = commonNames(dims, value)?.find(
    (one) => !place(item(dims, one), item(value, one), []),
  );
  if (name !== undefined)
    return misfit(
      what,
      item(dims, name),
      item(value, name),
      Array.isArray(value) ? `${path}[${name}]` : `${path}.${name}`,
    );
  return new ArgumentError(
    `vmap: ${what}${path} is nested as ${nesting(dims)}, which does not fit ${nesting(value)} there; give a number, null, or the same nesting`,
  );
}

/** A number or null for each tensor of a value, from a nesting that may stop early. */
export function spread(what: string, dims: unknown, value: unknown): readonly (number | null)[] {
  const all: (number | null)[] = [];
  if (!place(dims, value, all)) throw misfit(what, dims, value, "");
  return all;
}

export function wrapped(what: () => string, dim: number, rank: number): number {
  const at = dim < 0 ? dim + rank : dim;
  if (!Number.isInteger(at) || at < 0 || at >= rank)
    throw new ArgumentError(
      `${what()} is ${dim}, but the tensor has ${rank} dimensions; give ${-rank} to ${rank - 1}, or null for a tensor that is not mapped`,
    );
  return at;
}

interface Mapped {
  readonly tensors: readonly Tensor[];
  readonly dims: readonly (number | null)[];
  readonly size: number;
  readonly rebuild: (tensors: readonly Tensor[]) => readonly unknown[];
}

function mappedArguments(args: readonly unknown[], inDims: unknown): Mapped {
  if (Array.isArray(inDims) && inDims.length !== args.length)
    throw new ArgumentError(
      `vmap: inDims has ${inDims.length} entries for ${args.length} arguments; give one for each`,
    );
  const given = flatten(args, isTensor);
  const { leaves, rebuild } = given;
  const places =
    typeof inDims === "number" ? mapped(leaves, () => inDims) : spread("inDims", inDims, args);
  const dims = mapped(places, (dim, i) =>
    dim === null
      ? null
      : wrapped(
          () => `vmap: the entry of inDims for args${given.paths[i]}`,
          dim,
          leaves[i]!.sizes.length,
        ),
  );
  const sizes = leaves.flatMap((tensor, i) => (dims[i] === null ? [] : [tensor.sizes[dims[i]!]!]));
  const size = sizes[0];
  if (size === undefined)
    throw new ArgumentError(
      "vmap: no argument is mapped: at least one must be a tensor whose entry in inDims is not null",
    );
  if (sizes.some((other) => other !== size))
    throw new ShapeError(
      `vmap: the mapped dimensions have sizes ${sizes.join(", ")}; they must all be equal`,
    );
  if (size === 0)
    throw new ShapeError(
      "vmap: the mapped dimension has size 0, so that the function would never run",
    );
  return { tensors: leaves, dims, size, rebuild: (tensors) => rebuild(tensors) as unknown[] };
}

function run(
  fn: (...args: never[]) => unknown,
  { tensors, dims, size, rebuild }: Mapped,
  outDims: unknown,
  randomness: Randomness,
): unknown {
  const outer = mapping.active;
  const axis = newAxis(size, randomness);
  const inside = rebuild(
    mapped(tensors, (tensor, i) => (dims[i] === null ? tensor : axis.enter(tensor, dims[i]!))),
  );
  mapping.active = [...outer, axis];
  try {
    return leaving(fn(...(inside as never[])), outDims, axis);
  } finally {
    mapping.active = outer;
  }
}

function leaving(result: unknown, outDims: unknown, axis: Axis): unknown {
  if (typeof (result as { then?: unknown } | null)?.then === "function")
    throw new ArgumentError(
      "vmap: the mapped function returned a promise; await first, and map only the synchronous part",
    );
  const given = resultsOf("vmap", result);
  const { leaves, rebuild } = given;
  const dims =
    typeof outDims === "number"
      ? mapped(leaves, () => outDims)
      : spread("outDims", outDims, result);
  return rebuild(
    mapped(leaves, (tensor, i) => {
      const { axes } = tensor.storage.device;
      if (!axes.every((other) => mapping.active.includes(other)))
        throw new AutogradError(
          `vmap: the result${given.paths[i]} depends on a tensor of another mapped function, which has ended; return such tensors from it instead of keeping them in a variable`,
        );
      const dim = dims[i]!;
      if (dim !== null)
        return leaveBatch(
          tensor,
          axis,
          wrapped(
            () => `vmap: the entry of outDims for the result${given.paths[i]}`,
            dim,
            tensor.sizes.length + 1,
          ),
        );
      if (axes.includes(axis))
        throw new ArgumentError(
          `vmap: outDims is null for the result${given.paths[i]}, which differs between the members of the batch; give the dimension where the batch goes`,
        );
      return tensor;
    }),
  );
}

const signature = new Signature("vmap", {
  inDims: orNull(anything, 0),
  outDims: orNull(anything, 0),
  randomness: optional(choice("error", "same", "different"), "error"),
  chunkSize: optional(integer, null),
});

/**
 * A function that applies `fn` to every slice of its arguments along a dimension and stacks the results, without a loop: inside `fn`
 * tensors have one dimension less, and each operation runs once for the whole batch. Nests with itself and with gradients.
 * Throws ArgumentError where nothing is mapped or `fn` returns something else than tensors, ShapeError where batch sizes differ,
 * AutogradError where `fn` reads a value (`item()`).
 * @example
 * ```ts
 * const dots = torch.vmap((a: torch.Tensor, b: torch.Tensor) => a.dot(b));
 * dots(torch.ones(3, 5), torch.ones(3, 5)) // => tensor([5., 5., 5.])
 * ```
 */
export function vmap<A extends readonly unknown[], R>(
  fn: (...args: A) => R,
  ...rest: Trailing<[inDims: Dims, outDims: Dims, randomness: Randomness], VmapOptions>
): (...args: A) => R {
  if (typeof fn !== "function")
    throw new ArgumentError(`vmap: expected a function to map, got ${describe(fn)}`);
  const { inDims, outDims, randomness, chunkSize } = signature.read(rest);
  if (chunkSize !== null && chunkSize < 1)
    throw new ArgumentError(`vmap: chunkSize must be at least 1, got ${chunkSize}`);
  return (...args) => {
    const mapped = mappedArguments(args, inDims);
    const { tensors, dims, size, rebuild } = mapped;
    if (chunkSize === null || chunkSize >= size)
      return run(fn as never, mapped, outDims, randomness as Randomness) as R;
    const parts: unknown[] = [];
    for (let start = 0; start < size; start += chunkSize) {
      const length = Math.min(chunkSize, size - start);
      const slices = tensors.map((tensor, i) =>
        dims[i] === null ? tensor : tensor.narrow(dims[i]!, start, length),
      );
      const part = { tensors: slices, dims, size: length, rebuild };
      parts.push(run(fn as never, part, outDims, randomness as Randomness));
    }
    return joined(parts, outDims) as R;
  };
}

/** The results of chunks, one behind the other. */
function joined(parts: readonly unknown[], outDims: unknown): unknown {
  const taken = parts.map((part) => flatten(part, isTensor));
  const first = taken[0]!;
  const dims = spread("outDims", outDims, parts[0]);
  return first.rebuild(
    first.leaves.map((tensor, i) =>
      dims[i] === null || dims[i] === undefined
        ? tensor
        : cat(
            taken.map(({ leaves }) => leaves[i]!),
            dims[i],
          ),
    ),
  );
}
