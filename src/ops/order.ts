// Order statistics along a dimension: the k-th value, the median, the mode.
import { int64 } from "../core/dtype.ts";
import { ArgumentError } from "../core/errors.ts";

import { Tensor } from "../core/tensor.ts";
import { input, scalar } from "../core/expression.ts";
import { mappedNumbers } from "../core/list.ts";
import { Program } from "../core/program.ts";
import { f } from "../core/scalar.ts";
import { computeType } from "./define/formula.ts";
import { empty, relayout } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { reduceRaw, regionOf } from "./define/reduction.ts";
import type { Method, PublicRecord, Trailing } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";

import { full, picking, type ValuesAndIndices } from "./define/picking.ts";

/** A tensor's lines along `dim`, sorted, with where each value came from; the dimension is last. Outside the graph. */
function sorted(self: Tensor, dim: number): { values: Tensor; positions: Tensor } {
  const sizes = [...self.sizes];
  const strides = [...self.strides];
  sizes.push(...sizes.splice(dim, 1));
  strides.push(...strides.splice(dim, 1));
  const values = empty(sizes, self.dtype, self.device);
  const positions = empty(sizes, int64, self.device);
  const line = relayout(self, sizes, strides, self.offset);
  values.storage.device.backend.sort(values, positions, line, false);
  return { values, positions };
}

/** Column `at` of lines in the last dimension, put back at `dim` with size 1. */
function column(lines: Tensor, at: number, dim: number): Tensor {
  const sizes = lines.sizes.slice(0, -1);
  const strides = lines.strides.slice(0, -1);
  sizes.splice(dim, 0, 1);
  strides.splice(dim, 0, 1);
  return relayout(lines, sizes, strides, lines.offset + at).clone();
}

const kth = picking("kthvalue", (self, dim, k) => {
  const size = self.sizes[dim]!;
  if (k < 1 || k > size)
    throw new ArgumentError(`kthvalue: k must be between 1 and ${size}, got ${k}`);
  return column(sorted(self, dim).positions, k - 1, dim);
});

/**
 * The k-th smallest element along a dimension, counted from 1, as `{ values, indices }`.
 * @example
 * ```ts
 * torch.tensor([3, 1, 2]).kthvalue(2).values // => tensor(2.)
 * ```
 */
export const kthvalue: Method<
  [
    k: number,
    ...rest: Trailing<
      [dim: number, keepdim: boolean],
      { readonly dim?: number; readonly keepdim?: boolean }
    >,
  ],
  ValuesAndIndices
> = composite({
  name: "kthvalue",
  parameters: {
    self: p.tensor,
    k: p.integer,
    dim: p.optional(p.integer, -1),
    keepdim: p.optional(p.boolean, false),
  },
  compute: ({ self, k, dim, keepdim }) => kth(self, dim, keepdim, k),
});

const isNumber = new Program([f.eq(input(0), input(0))], 1, 0);

/** From how many elements of a line are numbers, scalar 0 being its size: the place of the median among the sorted. */
const middle = new Program(
  [f.select(f.lt(input(0), scalar(0)), input(0), f.floorDivide(f.sub(scalar(0), 1), 2))],
  1,
  1,
);
const middleOfNumbers = new Program([f.maximum(f.floorDivide(f.sub(input(0), 1), 2), 0)], 1, 1);

/** Where the median of each line lies; NaN wins, or does not count. */
function medians(ignoresNaN: boolean): (self: Tensor, dim: number) => Tensor {
  return (self, dim) => {
    const { values, positions } = sorted(self, dim);
    const size = self.sizes[dim]!;
    const rank = self.sizes.length;
    // Sorting puts NaN last, so the numbers of a line are a prefix of it.
    const region = regionOf("median", values.sizes, [rank - 1]);
    const counts = reduceRaw(
      "sum",
      [values],
      values.sizes,
      region,
      true,
      int64,
      isNumber,
      [],
      1,
      int64,
      computeType(values.dtype),
    );
    const at = empty(counts.sizes, int64, self.device);
    at.storage.device.backend.map(
      (ignoresNaN ? middleOfNumbers : middle).typed(int64, [int64], [int64]),
      at,
      [counts],
      [size],
    );
    const found = empty(at.sizes, int64, self.device);
    found.storage.device.backend.gather(found, positions, rank - 1, at);
    return column(found, 0, dim);
  };
}

type Median = {
  (): Tensor;
  (dim: number, keepdim?: boolean): ValuesAndIndices;
  (options: { readonly dim: number; readonly keepdim?: boolean }): ValuesAndIndices;
};
type MedianMethod = {
  (self: Tensor): Tensor;
  (self: Tensor, dim: number, keepdim?: boolean): ValuesAndIndices;
  (self: Tensor, options: { readonly dim: number; readonly keepdim?: boolean }): ValuesAndIndices;
} & { readonly record: PublicRecord; readonly method: Median };

function medianOf(name: "median" | "nanmedian"): MedianMethod {
  const choose = medians(name === "nanmedian");
  const along = picking(name, choose);
  const whole = full(name, (self) => {
    const flat = self.reshape([-1]);
    if (flat.count === 0) {
      const none = empty([], self.dtype, self.device);
      fillWith(none, Number.NaN);
      return none;
    }
    return along(flat, 0, false, 0).values;
  });
  return composite({
    name,
    parameters: {
      self: p.tensor,
      dim: p.optional(p.integer, null),
      keepdim: p.optional(p.boolean, false),
    },
    compute: ({ self, dim, keepdim }) =>
      dim === null ? whole(self) : along(self, dim, keepdim, 0),
  });
}

/**
 * The median, of an even number of elements the lower one: of the whole tensor, or along `dim` as `{ values, indices }`. NaN wins.
 * @example
 * ```ts
 * torch.tensor([3, 1, 2, 4]).median() // => tensor(2.)
 * ```
 */
export const median: MedianMethod = medianOf("median");

/**
 * The median of the elements that are not NaN.
 * @example
 * ```ts
 * torch.tensor([NaN, 1, 2]).nanmedian() // => tensor(1.)
 * ```
 */
export const nanmedian: MedianMethod = medianOf("nanmedian");

const modes = picking("mode", (self, dim) => {
  const { values, positions } = sorted(self, dim);
  const size = self.sizes[dim]!;
  const data = values.toTypedArray();
  const places = positions.toTypedArray();
  const sizes = mappedNumbers(self.sizes, (n, i) => (i === dim ? 1 : n));
  const out = empty(sizes, int64, self.device);
  const found = empty([out.count, 1], int64, self.device);
  for (let line = 0; line < out.count; line++) {
    let best = 0;
    let most = 0;
    // The smallest of the most frequent values, where it occurs last.
    for (let start = 0, at = 0; at < size; at++) {
      const first = line * size;
      const next = at + 1 < size ? data[first + at + 1]! : undefined;
      if (next === data[first + at]) continue;
      if (at + 1 - start > most) [most, best] = [at + 1 - start, at];
      start = at + 1;
    }
    fillWith(found.select(0, line), Number(places[line * size + best]!));
  }
  const lines = found.view([...sizes.filter((_, i) => i !== dim), 1]);
  return column(lines, 0, dim);
});

/**
 * The most frequent value along a dimension, of several the smallest, as `{ values, indices }`; the index is of its last occurrence.
 * @example
 * ```ts
 * torch.tensor([2, 1, 2]).mode().values // => tensor(2.)
 * ```
 */
export const mode: Method<
  Trailing<[dim: number, keepdim: boolean], { readonly dim?: number; readonly keepdim?: boolean }>,
  ValuesAndIndices
> = composite({
  name: "mode",
  parameters: {
    self: p.tensor,
    dim: p.optional(p.integer, -1),
    keepdim: p.optional(p.boolean, false),
  },
  compute: ({ self, dim, keepdim }) => modes(self, dim, keepdim, 0),
});
