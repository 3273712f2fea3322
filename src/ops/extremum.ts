// The largest and smallest elements and where they are, and order statistics along a dimension.
import { int64 } from "../core/dtype.ts";
import { DTypeError } from "../core/errors.ts";
import { wrapDimension } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";

import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { reduceRaw, regionOf } from "./define/reduction.ts";
import type { Method, PublicRecord, Trailing } from "./define/registry.ts";

import { checkSome, full, picking, type ValuesAndIndices } from "./define/picking.ts";

type Extremum = {
  (): Tensor;
  (dim: number, keepdim?: boolean): ValuesAndIndices;
  (dim: number, options: { readonly keepdim?: boolean }): ValuesAndIndices;
  (options: { readonly dim: number; readonly keepdim?: boolean }): ValuesAndIndices;
  (other: Tensor): Tensor;
};
type ExtremumMethod = ((self: Tensor, ...args: Parameters<Extremum>) => ReturnType<Extremum>) & {
  (self: Tensor): Tensor;
  (self: Tensor, dim: number, keepdim?: boolean): ValuesAndIndices;
  (self: Tensor, options: { readonly dim: number; readonly keepdim?: boolean }): ValuesAndIndices;
  (self: Tensor, other: Tensor): Tensor;
} & { readonly record: PublicRecord; readonly method: Extremum };

const located =
  (kind: "argmax" | "argmin") =>
  (self: Tensor, dim: number): Tensor =>
    reduceRaw(
      kind,
      [self],
      self.sizes,
      regionOf(kind, self.sizes, [dim]),
      true,
      int64,
      undefined,
      [],
      1,
      self.dtype,
    );

function extremum(name: "max" | "min"): ExtremumMethod {
  const whole = full(name, (self) => {
    checkSome(name, self, null);
    const region = regionOf(name, self.sizes, null);
    return reduceRaw(
      name === "max" ? "maximum" : "minimum",
      [self],
      self.sizes,
      region,
      false,
      self.dtype,
    );
  });
  const along = picking(name, located(name === "max" ? "argmax" : "argmin"));
  return composite({
    name,
    parameters: {
      self: p.tensor,
      dim: p.optional(p.anything, null),
      keepdim: p.optional(p.boolean, false),
      other: p.optional(p.tensor, null),
    },
    compute: ({ self, dim, keepdim, other }) => {
      const second = dim instanceof Tensor ? dim : other;
      if (second !== null) return name === "max" ? self.maximum(second) : self.minimum(second);
      return dim === null
        ? whole(self)
        : along(self, p.integer.convert(dim, name, "dim"), keepdim, 0);
    },
  });
}

/**
 * The largest element; along `dim`, the largest of each line as `{ values, indices }`; with a tensor, the larger of each pair.
 * Ties of the whole share the gradient, along a dimension the first takes it.
 * @example
 * ```ts
 * torch.tensor([[1, 4], [3, 2]]).max(1).indices // => tensor([1, 0])
 * ```
 */
export const max: ExtremumMethod = extremum("max");

/**
 * The smallest element; along `dim`, the smallest of each line as `{ values, indices }`; with a tensor, the smaller of each pair.
 * @example
 * ```ts
 * torch.tensor([3, 1, 2]).min() // => tensor(1.)
 * ```
 */
export const min: ExtremumMethod = extremum("min");

type Position = Method<
  Trailing<
    [dim: number | null, keepdim: boolean],
    { readonly dim?: number | null; readonly keepdim?: boolean }
  >
>;

function position(name: "argmax" | "argmin"): Position {
  return composite({
    name,
    parameters: {
      self: p.tensor,
      dim: p.optional(p.integer, null),
      keepdim: p.optional(p.boolean, false),
    },
    compute: ({ self, dim, keepdim }) => {
      if (self.dtype.kind === "boolean")
        throw new DTypeError(`${name}: bool has no order; convert it with .to(torch.uint8)`);
      const d = dim === null ? null : wrapDimension(name, dim, self.sizes.length);
      checkSome(name, self, d);
      const region = regionOf(name, self.sizes, d === null ? null : [d]);
      return reduceRaw(
        name,
        [self],
        self.sizes,
        region,
        keepdim,
        int64,
        undefined,
        [],
        1,
        self.dtype,
      );
    },
  });
}

/**
 * The position of the largest element, int64: in the whole tensor in row-major order, or along `dim`.
 * @example
 * ```ts
 * torch.tensor([[1, 4], [3, 2]]).argmax(1) // => tensor([1, 0])
 * ```
 */
export const argmax: Position = position("argmax");

/**
 * The position of the smallest element, int64: in the whole tensor in row-major order, or along `dim`.
 * @example
 * ```ts
 * torch.tensor([3, 1, 2]).argmin() // => tensor(1)
 * ```
 */
export const argmin: Position = position("argmin");
