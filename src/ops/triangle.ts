// Triangles and diagonals of matrices.
import { ShapeError } from "../core/errors.ts";
import { checkSizes, formatSizes, wrapDimensions } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty, relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, MethodWithInPlace, Trailing } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";

function needsRank(name: string, self: Tensor, rank: number): void {
  if (self.sizes.length < rank)
    throw new ShapeError(
      `${name}: needs at least ${rank} dimension${rank === 1 ? "" : "s"}, and the shape is ${formatSizes(self.sizes)}`,
    );
}

type TriangleArguments = Trailing<[diagonal: number], { readonly diagonal?: number }>;

/** Writes zeros over what lies outside the triangle, row by row. */
function cut(self: Tensor, diagonal: number, lower: boolean): void {
  const rank = self.sizes.length;
  const [rows, columns] = [self.sizes[rank - 2]!, self.sizes[rank - 1]!];
  const lead = self.sizes.slice(0, -2);
  const [down, right] = [self.strides[rank - 2]!, self.strides[rank - 1]!];
  for (let r = 0; r < rows; r++) {
    const edge = Math.min(Math.max(lower ? r + diagonal + 1 : r + diagonal, 0), columns);
    const [from, to] = lower ? [edge, columns] : [0, edge];
    if (to <= from) continue;
    const offset = self.offset + r * down + from * right;
    fillWith(
      relayout(self, [...lead, to - from], [...self.strides.slice(0, -2), right], offset),
      0,
    );
  }
}

const triangle = (name: string, lower: boolean): MethodWithInPlace<TriangleArguments> =>
  operation({
    name,
    linear: true,
    parameters: { self: p.tensor, diagonal: p.optional(p.integer, 0) },
    write: ({ self, diagonal }) => {
      needsRank(name, self, 2);
      if (self.count > 0) cut(self, diagonal, lower);
    },
    backward: {
      self: (g, { diagonal }) => (lower ? g.tril(diagonal) : g.triu(diagonal)),
    },
  });

/**
 * The lower triangle of matrices in the last two dimensions, up to `diagonal` diagonals above the main one; zeros elsewhere.
 * @example
 * ```ts
 * torch.ones(2, 2).tril() // => tensor([[1., 0.],\n        [1., 1.]])
 * ```
 */
export const tril: MethodWithInPlace<TriangleArguments> = triangle("tril", true);

/**
 * The upper triangle of matrices in the last two dimensions, from `diagonal` diagonals above the main one on; zeros elsewhere.
 * @example
 * ```ts
 * torch.ones(2, 2).triu(1) // => tensor([[0., 1.],\n        [0., 0.]])
 * ```
 */
export const triu: MethodWithInPlace<TriangleArguments> = triangle("triu", false);

/**
 * The matrices that have the last dimension as their diagonal, in dimensions `dim1` and `dim2` of the result.
 * @example
 * ```ts
 * torch.arange(2).diagEmbed() // => tensor([[0, 0],\n        [0, 1]])
 * ```
 */
export const diagEmbed: Method<
  Trailing<
    [offset: number, dim1: number, dim2: number],
    { readonly offset?: number; readonly dim1?: number; readonly dim2?: number }
  >
> = operation({
  name: "diagEmbed",
  linear: true,
  parameters: {
    self: p.tensor,
    offset: p.optional(p.integer, 0),
    dim1: p.optional(p.integer, -2),
    dim2: p.optional(p.integer, -1),
  },
  forward: ({ self, offset, dim1, dim2 }) => {
    needsRank("diagEmbed", self, 1);
    const rank = self.sizes.length + 1;
    const [first, second] = wrapDimensions("diagEmbed", [dim1, dim2], rank) as [number, number];
    const side = self.sizes.at(-1)! + Math.abs(offset);
    const lead = self.sizes.slice(0, -1);
    const sizes = Array.from({ length: rank }, (_, d) =>
      d === first || d === second ? side : lead.shift()!,
    );
    checkSizes("diagEmbed", sizes);
    const out = empty(sizes, self.dtype, self.device);
    fillWith(out, 0);
    out.diagonal(offset, first, second).copy_(self);
    return out;
  },
  backward: { self: (g, { offset, dim1, dim2 }) => g.diagonal(offset, dim1, dim2) },
});

/**
 * The diagonal of a matrix as a vector, or the matrix with a vector as its diagonal.
 * @example
 * ```ts
 * torch.arange(4).view(2, 2).diag() // => tensor([0, 3])
 * ```
 */
export const diag: Method<TriangleArguments> = composite({
  name: "diag",
  parameters: { self: p.tensor, diagonal: p.optional(p.integer, 0) },
  compute: ({ self, diagonal }) => {
    const rank = self.sizes.length;
    if (rank !== 1 && rank !== 2)
      throw new ShapeError(
        `diag: expected a vector or a matrix, got shape ${formatSizes(self.sizes)}`,
      );
    return rank === 1 ? self.diagEmbed(diagonal) : self.diagonal(diagonal).clone();
  },
});

/**
 * The matrix with all elements of the tensor, in row-major order, as its diagonal.
 * @example
 * ```ts
 * torch.arange(2).diagflat() // => tensor([[0, 0],\n        [0, 1]])
 * ```
 */
export const diagflat: Method<Trailing<[offset: number], { readonly offset?: number }>> = composite(
  {
    name: "diagflat",
    parameters: { self: p.tensor, offset: p.optional(p.integer, 0) },
    compute: ({ self, offset }) => self.reshape(-1).diagEmbed(offset),
  },
);
