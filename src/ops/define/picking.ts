// Operations that pick elements: of the whole tensor, where ties share the gradient, or one of each line along a dimension.
import { ShapeError } from "../../core/errors.ts";
import { formatSizes, wrapDimension } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { gradient, input } from "../../core/expression.ts";
import { mappedNumbers } from "../../core/list.ts";
import type { NamedPair } from "../../core/namedtuple.ts";
import { Program } from "../../core/program.ts";
import { f } from "../../core/scalar.ts";
import { empty, relayout } from "./memory.ts";
import { operation } from "./operation.ts";
import * as p from "./parameters.ts";
import { place } from "./pick.ts";
import { pointwise } from "./pointwise.ts";
import { reduceRaw, regionOf } from "./reduction.ts";

/** The picked elements and where along the dimension they lie. */
export type ValuesAndIndices = NamedPair<"values", "indices", Tensor>;

/** Equal, or both NaN. */
const same = f.or(
  f.eq(input(1), input(2)),
  f.and(f.ne(input(1), input(1)), f.ne(input(2), input(2))),
);
const sameCount = new Program(
  [f.or(f.eq(input(0), input(1)), f.and(f.ne(input(0), input(0)), f.ne(input(1), input(1))))],
  2,
  0,
);
const evenly: (g: Tensor, self: Tensor, result: Tensor, count: Tensor) => Tensor = pointwise({
  name: "evenlyDistribute",
  inputs: ["g", "self", "result", "count"],
  promotion: "arithmetic",
  expression: (g, _self, _result, count) => f.select(same, f.div(g, count), 0),
  derivative: (_g, _self, _result, count) => [
    f.select(same, f.div(gradient, count), 0),
    null,
    null,
    null,
  ],
});

/** Refuses to pick from nothing. */
export function checkSome(name: string, self: Tensor, dim: number | null): void {
  const size = dim === null ? self.count : (self.sizes[dim] ?? 1);
  if (size === 0)
    throw new ShapeError(
      `${name}: there is no element to pick: ${dim === null ? "the tensor" : `dimension ${dim}`} of shape ${formatSizes(self.sizes)} is empty`,
    );
}

/** An operation that picks one value of the whole tensor. */
export function full(
  name: "max" | "min" | "median" | "nanmedian",
  pickAll: (self: Tensor) => Tensor,
): (self: Tensor) => Tensor {
  return operation({
    name,
    node: name === "max" || name === "min" ? `${name}1` : name,
    parameters: { self: p.tensor },
    saves: ["self", "output"],
    forward: ({ self }) => pickAll(self),
    backward: {
      self: (g, { self, output }) => {
        const [own, result] = [self.detach(), output.detach()];
        const region = regionOf(name, own.sizes, null);
        const count = reduceRaw(
          "sum",
          [own, result],
          own.sizes,
          region,
          false,
          own.dtype,
          sameCount,
        );
        return evenly(g, own, result, count);
      },
    },
  });
}

/** An operation along a dimension that picks one position of each line. */
export function picking(
  name: string,
  choose: (self: Tensor, dim: number, k: number) => Tensor,
): (self: Tensor, dim: number, keepdim: boolean, k: number) => ValuesAndIndices {
  return operation({
    name,
    parameters: {
      self: p.tensor,
      dim: p.integer,
      keepdim: p.optional(p.boolean, false),
      k: p.optional(p.integer, 0),
    },
    outputs: ["values", "indices"],
    saves: ["output"],
    savedOutputs: [1],
    forward: ({ self, dim, keepdim, k }) => {
      const d = wrapDimension(name, dim, self.sizes.length);
      checkSome(name, self, d);
      const line = self.sizes.length === 0 ? relayout(self, [1], [1], self.offset) : self;
      const indices = choose(line, d, k);
      const values = empty(indices.sizes, self.dtype, self.device);
      values.storage.device.backend.gather(values, line, d, indices);
      const kept = (t: Tensor): Tensor =>
        keepdim && self.sizes.length > 0
          ? t
          : relayout(
              t,
              t.sizes.filter((_, i) => i !== d),
              t.strides.filter((_, i) => i !== d),
              0,
            );
      return [kept(values), kept(indices)];
    },
    backward: {
      self: (g, { output, sizesOf, dim }) => {
        const sizes = sizesOf["self"]!;
        if (sizes.length === 0) return g;
        const d = wrapDimension(name, dim, sizes.length);
        const kept = mappedNumbers(sizes, (n, i) => (i === d ? 1 : n));
        return place(g.reshape(kept), d, output.reshape(kept), sizes[d]!);
      },
    },
  });
}
