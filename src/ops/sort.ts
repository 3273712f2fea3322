// Sorting along a dimension, the first of the sorted, and quantiles.
import { type DType, int64 } from "../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import { wrapDimension } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { concatenate } from "./define/concatenate.ts";
import { empty, emptyLike, relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { ValuesAndIndices } from "./define/picking.ts";
import { place } from "./define/pick.ts";
import type { Method, Trailing } from "./define/registry.ts";

/** A view with dimension `dim` last; a tensor without dimensions as a line of one. Outside the graph. */
function lined(t: Tensor, dim: number): Tensor {
  if (t.sizes.length === 0) return relayout(t, [1], [1], t.offset);
  const sizes = [...t.sizes];
  const strides = [...t.strides];
  sizes.push(...sizes.splice(dim, 1));
  strides.push(...strides.splice(dim, 1));
  return relayout(t, sizes, strides, t.offset);
}

type Sorting = (
  self: Tensor,
  dim: number,
  descending: boolean,
  limit: number | null,
) => ValuesAndIndices;

const sorting = (name: string): Sorting =>
  operation({
    name,
    parameters: {
      self: p.tensor,
      dim: p.integer,
      descending: p.boolean,
      limit: p.optional(p.integer, null),
    },
    outputs: ["values", "indices"],
    saves: ["output"],
    savedOutputs: [1],
    forward: ({ self, dim, descending, limit }) => {
      const d = wrapDimension(name, dim, self.sizes.length);
      const fresh = (dtype: DType): Tensor =>
        limit === null ? emptyLike(self, dtype) : empty(self.sizes, dtype, self.device);
      const [values, indices] = [fresh(self.dtype), fresh(int64)];
      const { backend } = values.storage.device;
      backend.sort(lined(values, d), lined(indices, d), lined(self, d), descending);
      if (limit === null || self.sizes.length === 0) return [values, indices];
      return [values.narrow(d, 0, limit).clone(), indices.narrow(d, 0, limit).clone()];
    },
    backward: {
      self: (g, { output, dim, sizesOf }) => {
        const sizes = sizesOf["self"]!;
        if (sizes.length === 0) return g;
        const d = wrapDimension(name, dim, sizes.length);
        return place(g, d, output, sizes[d]!);
      },
    },
  });

const sorted = sorting("sort");
const topSorted = sorting("topk");

/**
 * The elements along `dim` in ascending or descending order, and where they came from, as `{ values, indices }`. Equal elements keep
 * their order; NaN counts as the largest.
 * @example
 * ```ts
 * torch.tensor([3, 1, 2]).sort().indices // => tensor([1, 2, 0])
 * ```
 */
export const sort: Method<
  Trailing<
    [dim: number, descending: boolean],
    { readonly dim?: number; readonly descending?: boolean; readonly stable?: boolean }
  >,
  ValuesAndIndices
> = composite({
  name: "sort",
  parameters: {
    self: p.tensor,
    dim: p.optional(p.integer, -1),
    descending: p.optional(p.boolean, false),
    stable: p.optional(p.boolean, false),
  },
  compute: ({ self, dim, descending }) => sorted(self, dim, descending, null),
});

/**
 * The positions that sort the elements along `dim`.
 * @example
 * ```ts
 * torch.tensor([3, 1, 2]).argsort() // => tensor([1, 2, 0])
 * ```
 */
export const argsort: Method<
  Trailing<
    [dim: number, descending: boolean],
    { readonly dim?: number; readonly descending?: boolean; readonly stable?: boolean }
  >
> = composite({
  name: "argsort",
  parameters: {
    self: p.tensor,
    dim: p.optional(p.integer, -1),
    descending: p.optional(p.boolean, false),
    stable: p.optional(p.boolean, false),
  },
  compute: ({ self, dim, descending }) => sorted(self.detach(), dim, descending, null).indices,
});

/**
 * The elements sorted along the first dimension.
 * @example
 * ```ts
 * torch.tensor([3, 1, 2]).msort() // => tensor([1., 2., 3.])
 * ```
 */
export const msort: Method = composite({
  name: "msort",
  parameters: { self: p.tensor },
  compute: ({ self }) => sorted(self, 0, false, null).values,
});

/**
 * The `k` largest (or smallest) elements along `dim` in order, as `{ values, indices }`.
 * @example
 * ```ts
 * torch.tensor([3, 1, 2]).topk(2).values // => tensor([3., 2.])
 * ```
 */
export const topk: Method<
  [
    k: number,
    ...rest: Trailing<
      [dim: number, largest: boolean, sorted: boolean],
      { readonly dim?: number; readonly largest?: boolean; readonly sorted?: boolean }
    >,
  ],
  ValuesAndIndices
> = composite({
  name: "topk",
  parameters: {
    self: p.tensor,
    k: p.integer,
    dim: p.optional(p.integer, -1),
    largest: p.optional(p.boolean, true),
    sorted: p.optional(p.boolean, true),
  },
  compute: ({ self, k, dim, largest }) => {
    const d = wrapDimension("topk", dim, self.sizes.length);
    const size = self.sizes[d] ?? 1;
    if (k < 0 || k > size)
      throw new ArgumentError(
        `topk: k must be between 0 and the size ${size} of dimension ${d}, got ${k}`,
      );
    return topSorted(self, d, largest, k);
  },
});

type Quantile = Method<
  [
    q: number | Tensor,
    ...rest: Trailing<
      [dim: number | null, keepdim: boolean],
      {
        readonly dim?: number | null;
        readonly keepdim?: boolean;
        readonly interpolation?: "linear" | "lower" | "higher" | "nearest" | "midpoint";
      }
    >,
  ]
>;

function quantileOf(name: "quantile" | "nanquantile"): Quantile {
  return composite({
    name,
    parameters: {
      self: p.tensor,
      q: p.tensorOrNumber,
      dim: p.optional(p.integer, null),
      keepdim: p.optional(p.boolean, false),
      interpolation: p.optional(
        p.choice("linear", "lower", "higher", "nearest", "midpoint"),
        "linear",
      ),
    },
    compute: ({ self, q, dim, keepdim, interpolation }) => {
      if (self.dtype.kind !== "floating" || (q instanceof Tensor && q.dtype !== self.dtype))
        throw new DTypeError(
          `${name}: takes floating-point tensors, and q of the same type, got ${self.dtype.name}${q instanceof Tensor ? ` and ${q.dtype.name}` : ""}`,
        );
      if (q instanceof Tensor && q.sizes.length > 1)
        throw new ShapeError(`${name}: q must be a number or a vector`);
      if (self.count === 0) throw new ShapeError(`${name}: the input has no elements`);
      const wanted =
        q instanceof Tensor ? Array.from(q.detach().reshape([-1]).toTypedArray(), Number) : [q];
      for (const value of wanted)
        if (!(value >= 0 && value <= 1))
          throw new ArgumentError(`${name}: q must be between 0 and 1, got ${value}`);
      const rank = self.sizes.length;
      const d = dim === null ? 0 : wrapDimension(name, dim, rank);
      const lines = dim === null || rank === 0 ? self.reshape([-1]) : self.transpose(d, -1);
      const { values } = sorted(lines, -1, false, null);
      const size = values.sizes[values.sizes.length - 1]!;
      // NaN sorts last: the numbers of a line come first.
      const counts = values.detach().isnan().logicalNot().sum(-1, true);
      const parts = wanted.map((value) => {
        const length =
          name === "nanquantile" ? counts.to(self.dtype) : counts.to(self.dtype).mul(0).add(size);
        const rankOf = length.sub(1).mul(value).clampMin(0);
        const exact =
          interpolation === "lower"
            ? rankOf.floor()
            : interpolation === "higher"
              ? rankOf.ceil()
              : interpolation === "nearest"
                ? rankOf.round()
                : rankOf;
        // A line with NaN has NaN as every quantile, and it lies last.
        const spoilt = name === "quantile" ? counts.lt(size) : counts.lt(1);
        const at = exact.add(spoilt.to(self.dtype).mul(exact.neg().add(size - 1)));
        const below = at.floor().to(int64);
        const low = values.gather(-1, below);
        if (interpolation !== "linear" && interpolation !== "midpoint") return low;
        const high = values.gather(-1, at.ceil().to(int64));
        const weight =
          interpolation === "midpoint" ? at.ceil().sub(at.floor()).mul(0.5) : at.sub(at.floor());
        return low.add(high.sub(low).mul(weight));
      });
      const shaped = parts.map((part) => {
        if (dim === null || rank === 0)
          return keepdim ? part.reshape(mappedNumbers(self.sizes, () => 1)) : part.reshape([]);
        const back = part.transpose(d, -1);
        return keepdim ? back : back.squeeze(d);
      });
      if (q instanceof Tensor && q.sizes.length === 1) {
        const rows = shaped.map((t) => t.unsqueeze(0));
        return rows.length === 0
          ? self.newZeros([0, ...self.sizes.filter((_, i) => dim !== null && i !== d)])
          : concatenate(name, rows, 0);
      }
      return shaped[0]!;
    },
  });
}

/**
 * The value below which a share `q` of the elements lies, interpolated between neighbours; NaN where there is any.
 * @example
 * ```ts
 * torch.tensor([1, 2, 3, 4]).quantile(0.5) // => tensor(2.5000)
 * ```
 */
export const quantile: Quantile = quantileOf("quantile");

/**
 * The quantile of the elements that are not NaN.
 * @example
 * ```ts
 * torch.tensor([1, NaN, 3]).nanquantile(0.5) // => tensor(2.)
 * ```
 */
export const nanquantile: Quantile = quantileOf("nanquantile");
