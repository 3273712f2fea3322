// Tensors of regular numbers: ranges, spaces, the identity, triangle positions, grids and products of values.
import { cpu } from "../core/device.ts";
import { type DType, getDefaultDtype, int64 } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { checkSizes, formatSizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { concatenate } from "./define/concatenate.ts";
import { allocate, fromNumbers } from "./define/creation.ts";
import { relayout } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Method, Trailing } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";
import type { CreationOptions } from "./types.ts";

const creation = {
  dtype: p.optional(p.dtype, null),
  device: p.optional(p.device, cpu),
  requiresGrad: p.optional(p.boolean, false),
};

/** Rounds as the type's own arithmetic does between the steps of a formula. */
const roundedTo = (dtype: DType): ((value: number) => number) =>
  dtype.isFloatingPoint && dtype.itemsize < 8 ? Math.fround : (value) => value;

interface ArangeOptions extends CreationOptions {
  readonly start?: number;
  readonly end?: number;
  readonly step?: number;
}

/**
 * The numbers start, start + step, ... before `end`: `arange(end)`, `arange(start, end)` or `arange(start, end, step)`. int64 where all
 * are whole, else the default floating-point type. Throws ArgumentError for a step of 0, of the wrong sign, or bounds that are not finite.
 * @example
 * ```ts
 * torch.arange(1, 2, 0.25) // => tensor([1.0000, 1.2500, 1.5000, 1.7500])
 * ```
 */
export const arange: FunctionOnly<{
  (end: number, options?: CreationOptions): Tensor;
  (start: number, end: number, options?: ArangeOptions): Tensor;
  (start: number, end: number, step: number, options?: CreationOptions): Tensor;
  (options: ArangeOptions): Tensor;
}> = composite({
  name: "arange",
  parameters: {
    start: p.optional(p.number, null),
    end: p.optional(p.number, null),
    step: p.optional(p.number, 1),
    ...creation,
  },
  compute: ({ start, end, step, dtype, device, requiresGrad }) => {
    const from = end === null ? 0 : (start ?? 0);
    const to = end ?? start;
    if (to === null) throw new ArgumentError("arange: the end is missing; give arange(end)");
    if (!Number.isFinite(from) || !Number.isFinite(to))
      throw new ArgumentError(`arange: the bounds are ${from} and ${to}; they should be finite`);
    if (step === 0 || Number.isNaN(step))
      throw new ArgumentError(`arange: the step is ${step}; it should not be 0`);
    if (step > 0 ? to < from : to > from)
      throw new ArgumentError(
        `arange: a step of ${step} does not lead from ${from} to ${to}; its sign should be the other one`,
      );
    const whole = [from, to, step].every(Number.isInteger);
    const type = dtype ?? (whole ? int64 : getDefaultDtype());
    const [first, last, by] =
      type.kind === "floating" ? [from, to, step] : [from, to, step].map(Math.trunc);
    if (by === 0)
      throw new ArgumentError(`arange: the step ${step} is 0 as ${type.name}; it should not be`);
    const count =
      type === int64 ? Math.ceil((last! - first!) / by!) : Math.ceil((to - from) / step);
    return fromNumbers("arange", [count + 0], type, device, requiresGrad, (i) => first! + by! * i);
  },
});

/**
 * As `arange`, but with the end included and a floating-point type by default. PyTorch deprecates it: use `arange`.
 * @example
 * ```ts
 * torch.range(1, 3) // => tensor([1., 2., 3.])
 * ```
 */
export const range: FunctionOnly<
  (start: number, end: number, step?: number, options?: CreationOptions) => Tensor
> = composite({
  name: "range",
  parameters: { start: p.number, end: p.number, step: p.optional(p.number, 1), ...creation },
  compute: ({ start, end, step, dtype, device, requiresGrad }) => {
    if (!Number.isFinite(start) || !Number.isFinite(end) || !(Math.abs(step) > 0))
      throw new ArgumentError(
        `range: the bounds ${start} and ${end} should be finite and the step ${step} not 0`,
      );
    if (step > 0 ? end < start : end > start)
      throw new ArgumentError(
        `range: a step of ${step} does not lead from ${start} to ${end}; its sign should be the other one`,
      );
    const type = dtype ?? getDefaultDtype();
    const count = Math.floor((end - start) / step) + 1;
    return fromNumbers("range", [count], type, device, requiresGrad, (i) => start + step * i);
  },
});

/** The i-th of `steps` numbers from start to end, each half counted from its own end, as PyTorch does. */
function spaced(start: number, end: number, steps: number, dtype: DType): (i: number) => number {
  const round = roundedTo(dtype);
  const whole = dtype.kind !== "floating";
  const from = whole ? Math.trunc(start) : round(start);
  const to = whole ? Math.trunc(end) : round(end);
  if (steps === 1) return () => from;
  const step = round(round(to - from) / (steps - 1));
  const half = Math.floor(steps / 2);
  const finish = whole ? Math.trunc : round;
  return (i) => finish(i < half ? from + round(step * i) : to - round(step * (steps - i - 1)));
}

function checkSteps(name: string, steps: number): void {
  if (steps < 0)
    throw new ArgumentError(`${name}: ${steps} steps; the number of steps should be at least 0`);
}

const bound = {
  ...p.number,
  convert: (value: unknown, operation: string, name: string): number => {
    if (value instanceof Tensor && value.sizes.length > 0)
      throw new ShapeError(
        `${operation}: ${name} has shape ${formatSizes(value.sizes)}; give a number or a tensor without dimensions`,
      );
    return p.number.convert(value, operation, name);
  },
};

/**
 * `steps` evenly spaced numbers from `start` to `end`, both included.
 * @example
 * ```ts
 * torch.linspace(0, 1, 5) // => tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
 * ```
 */
export const linspace: FunctionOnly<
  (start: number | Tensor, end: number | Tensor, steps: number, options?: CreationOptions) => Tensor
> = composite({
  name: "linspace",
  parameters: { start: bound, end: bound, steps: p.integer, ...creation },
  compute: ({ start, end, steps, dtype, device, requiresGrad }) => {
    checkSteps("linspace", steps);
    const type = dtype ?? getDefaultDtype();
    const at = spaced(start, end, steps, type);
    return fromNumbers("linspace", [steps], type, device, requiresGrad, at);
  },
});

/**
 * `steps` numbers base^x for evenly spaced x from `start` to `end`, both included.
 * @example
 * ```ts
 * torch.logspace(0, 2, 3) // => tensor([  1.,  10., 100.])
 * ```
 */
export const logspace: FunctionOnly<
  (
    start: number | Tensor,
    end: number | Tensor,
    steps: number,
    baseOrOptions?: number | (CreationOptions & { readonly base?: number }),
    options?: CreationOptions,
  ) => Tensor
> = composite({
  name: "logspace",
  parameters: {
    start: bound,
    end: bound,
    steps: p.integer,
    base: p.optional(p.number, 10),
    ...creation,
  },
  compute: ({ start, end, steps, base, dtype, device, requiresGrad }) => {
    checkSteps("logspace", steps);
    const type = dtype ?? getDefaultDtype();
    const at = logarithmic(start, end, steps, type);
    return fromNumbers("logspace", [steps], type, device, requiresGrad, (i) => base ** at(i));
  },
});

// For integer types the exponents stay real: only the powers are cut off.
function logarithmic(
  start: number,
  end: number,
  steps: number,
  dtype: DType,
): (i: number) => number {
  if (dtype.kind === "floating") return spaced(start, end, steps, dtype);
  const from = Math.trunc(start);
  const to = Math.trunc(end);
  const step = steps > 1 ? (to - from) / (steps - 1) : 0;
  const half = Math.floor(steps / 2);
  return (i) => (i < half || steps === 1 ? from + step * i : to - step * (steps - i - 1));
}

/**
 * The matrix with ones on the diagonal: [n, m], or [n, n].
 * @example
 * ```ts
 * torch.eye(2, 3) // => tensor([[1., 0., 0.],\n        [0., 1., 0.]])
 * ```
 */
export const eye: FunctionOnly<
  (n: number, mOrOptions?: number | CreationOptions | null, options?: CreationOptions) => Tensor
> = composite({
  name: "eye",
  parameters: { n: p.integer, m: p.optional(p.integer, null), ...creation },
  compute: ({ n, m, dtype, device, requiresGrad }) => {
    const columns = m ?? n;
    const out = allocate("eye", [n, columns], dtype ?? getDefaultDtype(), device, requiresGrad);
    fillWith(out, 0);
    fillWith(relayout(out, [Math.min(n, columns)], [columns + 1], 0), 1);
    return out;
  },
});

type Triangle = FunctionOnly<
  (
    row: number,
    col: number,
    offsetOrOptions?: number | (CreationOptions & { readonly offset?: number }),
    options?: CreationOptions,
  ) => Tensor
>;

const triangle = (name: string, lower: boolean): Triangle =>
  composite({
    name,
    parameters: { row: p.integer, col: p.integer, offset: p.optional(p.integer, 0), ...creation },
    compute: ({ row, col, offset, dtype, device }) => {
      if (row < 0 || col < 0)
        throw new ShapeError(`${name}: ${row} rows and ${col} columns; give sizes of at least 0`);
      if (Math.max(row, col) > 2 ** 28)
        throw new ShapeError(`${name}: ${row} rows and ${col} columns; at most 2^28 are supported`);
      const clip = (n: number): number => Math.min(Math.max(n, 0), col);
      const begin = (r: number): number => (lower ? 0 : clip(r + offset));
      const end = (r: number): number => (lower ? clip(r + offset + 1) : col);
      let count = 0;
      for (let r = 0; r < row; r++) count += end(r) - begin(r);
      let r = -1;
      let c = col;
      const columns: number[] = [];
      const rows = fromNumbers(name, [2, count], dtype ?? int64, device, false, (i) => {
        if (i >= count) return columns[i - count]!;
        for (c++; r < 0 || c >= end(r); c = begin(r)) r++;
        columns.push(c);
        return r;
      });
      return rows;
    },
  });

/**
 * The positions of the lower triangle of a matrix: row numbers and column numbers, int64 [2, n].
 * @example
 * ```ts
 * torch.trilIndices(2, 2) // => tensor([[0, 1, 1],\n        [0, 0, 1]])
 * ```
 */
export const trilIndices: Triangle = triangle("trilIndices", true);

/**
 * The positions of the upper triangle of a matrix: row numbers and column numbers, int64 [2, n].
 * @example
 * ```ts
 * torch.triuIndices(2, 2) // => tensor([[0, 0, 1],\n        [0, 1, 1]])
 * ```
 */
export const triuIndices: Triangle = triangle("triuIndices", false);

/** Tensors given one by one or as one array. */
const spread = { ...p.tensors, variadic: true };

interface MeshgridOptions {
  readonly indexing?: "ij" | "xy";
}

/**
 * Grids of coordinates from vectors: result k has the values of vector k along dimension k, repeated along all others. With
 * `indexing: "xy"` the first two dimensions are exchanged. Throws ShapeError for a tensor of more than one dimension.
 * @example
 * ```ts
 * const [x, y] = torch.meshgrid(torch.arange(2), torch.arange(3), { indexing: "ij" });
 * y // => tensor([[0, 1, 2],\n        [0, 1, 2]])
 * ```
 */
export const meshgrid: FunctionOnly<
  (...tensors: readonly (Tensor | readonly Tensor[] | MeshgridOptions)[]) => readonly Tensor[]
> = composite({
  name: "meshgrid",
  parameters: { tensors: spread, indexing: p.optional(p.choice("ij", "xy"), "ij") },
  compute: ({ tensors, indexing }) => {
    const list = tensors;
    if (list.length === 0) throw new ArgumentError("meshgrid: give at least one tensor");
    for (const each of list) {
      if (each.sizes.length > 1)
        throw new ShapeError(
          `meshgrid: expected vectors or single values, got shape ${formatSizes(each.sizes)}`,
        );
      if (each.dtype !== list[0]!.dtype)
        throw new ArgumentError(
          `meshgrid: the tensors should have one type, got ${list[0]!.dtype.name} and ${each.dtype.name}`,
        );
    }
    const swap = indexing === "xy" && list.length >= 2;
    const order = swap ? [list[1]!, list[0]!, ...list.slice(2)] : list;
    const sizes = order.map((each) => each.count);
    const grids = order.map((each, k) =>
      each.reshape(sizes.map((n, d) => (d === k ? n : 1))).expand(sizes),
    );
    if (!swap) return grids;
    return [grids[1]!, grids[0]!, ...grids.slice(2)];
  },
});

/**
 * All tuples with one element of each vector, as rows; of a single vector, itself.
 * @example
 * ```ts
 * torch.cartesianProd(torch.arange(2), torch.arange(2)).shape // => 4,2
 * ```
 */
export const cartesianProd: FunctionOnly<
  (...tensors: readonly (Tensor | readonly Tensor[])[]) => Tensor
> = composite({
  name: "cartesianProd",
  parameters: { tensors: spread },
  compute: ({ tensors }) => {
    const list = tensors;
    if (list.length === 0) throw new ArgumentError("cartesianProd: give at least one tensor");
    for (const each of list)
      if (each.sizes.length !== 1)
        throw new ShapeError(
          `cartesianProd: expected vectors, got shape ${formatSizes(each.sizes)}`,
        );
    if (list.length === 1) return list[0]!;
    const sizes = list.map((each) => each.count);
    const columns = list.map((each, k) =>
      each
        .reshape(sizes.map((n, d) => (d === k ? n : 1)))
        .expand(sizes)
        .flatten()
        .unsqueeze(1),
    );
    return concatenate("cartesianProd", columns, 1);
  },
});

/**
 * All choices of `r` elements of a vector in order, as rows; with repetition where `withReplacement`.
 * @example
 * ```ts
 * torch.combinations(torch.arange(3)) // => tensor([[0, 1],\n        [0, 2],\n        [1, 2]])
 * ```
 */
export const combinations: Method<
  Trailing<
    [r: number, withReplacement: boolean],
    { readonly r?: number; readonly withReplacement?: boolean }
  >
> = composite({
  name: "combinations",
  parameters: {
    self: p.tensor,
    r: p.optional(p.integer, 2),
    withReplacement: p.optional(p.boolean, false),
  },
  compute: ({ self, r, withReplacement }) => {
    if (self.sizes.length !== 1)
      throw new ShapeError(`combinations: expected a vector, got shape ${formatSizes(self.sizes)}`);
    if (r < 0) throw new ArgumentError(`combinations: r is ${r}; it should be at least 0`);
    if (r === 0) return self.newEmpty([0]);
    const rows = choices(self.count, r, withReplacement);
    const index = fromNumbers(
      "combinations",
      [rows.length * r],
      int64,
      self.device,
      false,
      (i) => rows[Math.floor(i / r)]![i % r]!,
    );
    return self.indexSelect(0, index).reshape([rows.length, r]);
  },
});

/** Increasing tuples of r positions out of n, in lexicographic order. */
function choices(n: number, r: number, repeats: boolean): readonly number[][] {
  let rows: number[][] = [[]];
  for (let k = 0; k < r; k++)
    rows = rows.flatMap((row) => {
      const last = row.at(-1);
      const first = last === undefined ? 0 : repeats ? last : last + 1;
      return Array.from({ length: Math.max(n - first, 0) }, (_, i) => [...row, first + i]);
    });
  return rows;
}

/**
 * The Vandermonde matrix of a vector: column j holds x^(N-1-j), or x^j where `increasing`.
 * @example
 * ```ts
 * torch.vander(torch.tensor([1, 2, 3])) // => tensor([[1., 1., 1.],\n        [4., 2., 1.],\n        [9., 3., 1.]])
 * ```
 */
export const vander: FunctionOnly<
  (
    x: Tensor,
    N?: number | null | { readonly N?: number | null; readonly increasing?: boolean },
    increasing?: boolean,
  ) => Tensor
> = composite({
  name: "vander",
  parameters: {
    x: p.tensor,
    N: p.optional(p.integer, null),
    increasing: p.optional(p.boolean, false),
  },
  compute: ({ x, N, increasing }) => {
    if (x.sizes.length !== 1)
      throw new ShapeError(`vander: expected a vector, got shape ${formatSizes(x.sizes)}`);
    const n = N ?? x.count;
    if (n < 0) throw new ArgumentError(`vander: ${n} columns; give at least 0`);
    let power: Tensor = x.newOnes(x.sizes);
    const columns: Tensor[] = [];
    for (let j = 0; j < n; j++) {
      columns.push(power.unsqueeze(1));
      if (j + 1 < n) power = power.mul(x);
    }
    if (!increasing) columns.reverse();
    return n === 0 ? x.newEmpty([x.count, 0]) : concatenate("vander", columns, 1);
  },
});

/**
 * The positions in a tensor of the given shape of elements numbered in row-major order: one tensor for each dimension.
 * @example
 * ```ts
 * torch.unravelIndex(torch.tensor([4n]), [2, 3])[1] // => tensor([1])
 * ```
 */
export const unravelIndex: FunctionOnly<
  (indices: Tensor, shape: readonly number[] | number) => readonly Tensor[]
> = composite({
  name: "unravelIndex",
  parameters: { indices: p.indexTensor, shape: p.dimensions },
  compute: ({ indices, shape }) => {
    checkSizes("unravelIndex", shape);
    let step = shape.reduce((all, n) => all * n, 1);
    return shape.map((n) => {
      step /= n || 1;
      return indices.floorDivide(step).remainder(n);
    });
  },
});
