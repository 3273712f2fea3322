// Grids, products and choices of given values.
import { int64 } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import { formatSizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { concatenate } from "./define/concatenate.ts";
import { fromNumbers } from "./define/creation.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Method, Trailing } from "./define/registry.ts";

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
      each.reshape(mappedNumbers(sizes, (n, d) => (d === k ? n : 1))).expand(sizes),
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
        .reshape(mappedNumbers(sizes, (n, d) => (d === k ? n : 1)))
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
    let power: Tensor = x.newOnes(x.sizes, {
      dtype: x.dtype.kind === "floating" ? x.dtype : int64,
    });
    const columns: Tensor[] = [];
    for (let j = 0; j < n; j++) {
      columns.push(power.unsqueeze(1));
      if (j + 1 < n) power = power.mul(x);
    }
    if (!increasing) columns.reverse();
    return n === 0 ? power.newEmpty([x.count, 0]) : concatenate("vander", columns, 1);
  },
});
