// Tensors of regular numbers: ranges, spaces, the identity, triangle positions, grids and products of values.
import { cpu } from "../core/device.ts";
import { type DType, getDefaultDtype, int64 } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { checkSizes, formatSizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { allocate, fromNumbers } from "./define/creation.ts";
import { relayout } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly } from "./define/registry.ts";
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
