// A tensor taken apart into several views.
import { ShapeError } from "../core/errors.ts";
import { wrapDimension } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { relayout } from "./define/memory.ts";
import { operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, Trailing } from "./define/registry.ts";

/**
 * All positions of a dimension as separate views.
 * @example
 * ```ts
 * torch.eye(2).unbind()[1] // => tensor([0., 1.])
 * ```
 */
export const unbind: Method<
  Trailing<[dim: number], { readonly dim?: number }>,
  readonly Tensor[]
> = operation({
  name: "unbind",
  parameters: { self: p.tensor, dim: p.optional(p.integer, 0) },
  view: "multiple",
  forward: ({ self, dim }) => {
    if (self.sizes.length === 0)
      throw new ShapeError("unbind: a tensor without dimensions has nothing to take apart");
    const d = wrapDimension("unbind", dim, self.sizes.length);
    const keep = (_: number, i: number): boolean => i !== d;
    const [sizes, strides] = [self.sizes.filter(keep), self.strides.filter(keep)];
    return Array.from({ length: self.sizes[d]! }, (_, i) =>
      relayout(self, sizes, strides, self.offset + i * self.strides[d]!),
    );
  },
  backward: {
    self: (_g, { sizesOf, dim }, gradients) => {
      const whole = (gradients.find((g) => g !== null) as Tensor).newZeros(sizesOf["self"]!);
      gradients.forEach((g, i) => {
        if (g !== null) whole.select(dim, i).copy_(g);
      });
      return whole;
    },
  },
});
