// Reductions: one value from many, over some dimensions or all.
import { type DType, int64 } from "../core/dtype.ts";
import { input } from "../core/expression.ts";
import { Program } from "../core/program.ts";
import { wrapDimensions } from "../core/shape.ts";
import { computeType } from "./define/formula.ts";
import { empty } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, Trailing } from "./define/registry.ts";
import type { Dimensions } from "./types.ts";

const identity = new Program([input(0)], 1, 0);

/** Sizes with the reduced dimensions at 1, and without them. */
function reducedSizes(
  sizes: readonly number[],
  dims: readonly number[],
): { kept: number[]; dropped: number[] } {
  return {
    kept: sizes.map((n, i) => (dims.includes(i) ? 1 : n)),
    dropped: sizes.filter((_, i) => !dims.includes(i)),
  };
}

export const sum: Method<
  Trailing<
    [dim: Dimensions | null, keepdim: boolean],
    { readonly dim?: Dimensions | null; readonly keepdim?: boolean; readonly dtype?: DType | null }
  >
> = operation({
  name: "sum",
  parameters: {
    self: p.tensor,
    dim: p.optional(p.dimensions, null),
    keepdim: p.optional(p.boolean, false),
    dtype: p.optional(p.dtype, null),
  },
  forward: ({ self, dim, keepdim, dtype }) => {
    const rank = self.sizes.length;
    const dims =
      dim === null || dim.length === 0
        ? self.sizes.map((_, i) => i)
        : wrapDimensions("sum", dim, rank);
    const out = dtype ?? (self.dtype.kind === "floating" ? self.dtype : int64);
    const { kept, dropped } = reducedSizes(self.sizes, dims);
    const whole = empty(kept, out, self.device);
    const compute = computeType(out);
    self.device.backend.reduce(
      "sum",
      identity.typed(compute, [self.dtype], [out]),
      whole,
      [self],
      [],
      self.sizes,
      1,
    );
    return keepdim ? whole : whole.view(dropped);
  },
  backward: {
    self: (g, { sizesOf, dim, keepdim }) => {
      const sizes = sizesOf["self"]!;
      if (keepdim || dim === null || dim.length === 0 || sizes.length === 0) return g.expand(sizes);
      const dims = wrapDimensions("sum", dim, sizes.length);
      return g.reshape(reducedSizes(sizes, dims).kept).expand(sizes);
    },
  },
});

/** Sums broadcast dimensions away, so that the result has the given sizes. */
export const sumToSize: Method<readonly number[] | readonly [readonly number[]]> = composite({
  name: "sumToSize",
  parameters: { self: p.tensor, size: p.sizes },
  compute: ({ self, size }) => {
    const lead = self.sizes.length - size.length;
    const dims = self.sizes.flatMap((n, i) =>
      i < lead || (size[i - lead] === 1 && n !== 1) ? [i] : [],
    );
    return dims.length === 0 ? self : self.sum(dims, true).reshape(size);
  },
});
