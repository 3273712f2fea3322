// Matrix products.
import { isDifferentiable } from "../autograd/mode.ts";
import { ShapeError } from "../core/errors.ts";
import { input } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { broadcastSizes, formatSizes, type Sizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import {
  broadcast,
  checkRank,
  checkTypes,
  mismatch,
  product,
  transposed,
} from "./define/product.ts";
import { Reduction } from "./define/reduction.ts";
import type { Method, OfValues } from "./define/registry.ts";
import { matrixTimesVector, vectorTimesMatrix, vectorTimesVector } from "./define/vectorproduct.ts";

/**
 * The product of two matrices, [n, k] @ [k, m] -> [n, m]. Does not broadcast.
 * @example
 * ```ts
 * torch.eye(2).mm(torch.ones(2, 3)).shape // => 2,3
 * ```
 */
export const mm: Method<[mat2: Tensor]> = operation({
  name: "mm",
  multilinear: ["self", "mat2"],
  parameters: { self: p.tensor, mat2: p.tensor },
  saves: { self: ["mat2"], mat2: ["self"] },
  forward: ({ self, mat2 }) => {
    checkRank("mm", "self", self, 2);
    checkRank("mm", "mat2", mat2, 2);
    checkTypes("mm", [self, mat2]);
    if (self.sizes[1] !== mat2.sizes[0]) throw mismatch("mm", self, mat2);
    return product(self, mat2, []);
  },
  backward: {
    self: (g, { mat2 }) => g.mm(transposed(mat2)),
    mat2: (g, { self }) => transposed(self).mm(g),
  },
});

/**
 * The products of two batches of matrices, [b, n, k] @ [b, k, m] -> [b, n, m]. Does not broadcast.
 * @example
 * ```ts
 * torch.ones(4, 2, 3).bmm(torch.ones(4, 3, 5)).shape // => 4,2,5
 * ```
 */
export const bmm: Method<[mat2: Tensor]> = operation({
  name: "bmm",
  multilinear: ["self", "mat2"],
  parameters: { self: p.tensor, mat2: p.tensor },
  saves: { self: ["mat2"], mat2: ["self"] },
  forward: ({ self, mat2 }) => {
    checkRank("bmm", "self", self, 3);
    checkRank("bmm", "mat2", mat2, 3);
    checkTypes("bmm", [self, mat2]);
    if (self.sizes[0] !== mat2.sizes[0] || self.sizes[2] !== mat2.sizes[1])
      throw mismatch("bmm", self, mat2);
    return product(self, mat2, [self.sizes[0]!]);
  },
  backward: {
    self: (g, { mat2 }) => g.bmm(transposed(mat2)),
    mat2: (g, { self }) => transposed(self).bmm(g),
  },
});

/**
 * The product of a matrix and a vector, [n, k] @ [k] -> [n].
 * @example
 * ```ts
 * torch.tensor([[1, 2], [3, 4]]).mv(torch.tensor([1, 1])) // => tensor([3., 7.])
 * ```
 */
export const mv: Method<[vec: Tensor]> = operation({
  name: "mv",
  multilinear: ["self", "vec"],
  parameters: { self: p.tensor, vec: p.tensor },
  saves: { self: ["vec"], vec: ["self"] },
  forward: ({ self, vec }) => {
    checkRank("mv", "self", self, 2);
    checkRank("mv", "vec", vec, 1);
    checkTypes("mv", [self, vec]);
    if (self.sizes[1] !== vec.sizes[0]) throw mismatch("mv", self, vec);
    return matrixTimesVector(self, vec);
  },
  backward: {
    self: (g, { vec }) => g.outer(vec),
    vec: (g, { self }) => transposed(self).mv(g),
  },
});

const products = new Reduction({
  name: "dot",
  inputs: 2,
  expression: f.mul(input(0), input(1)),
});

/**
 * The dot product of two vectors of one length.
 * @example
 * ```ts
 * torch.tensor([1, 2]).dot(torch.tensor([3, 4])) // => tensor(11.)
 * ```
 */
export const dot: Method<[tensor: Tensor]> = composite({
  name: "dot",
  parameters: { self: p.tensor, tensor: p.tensor },
  compute: ({ self, tensor }) => {
    checkRank("dot", "self", self, 1);
    checkRank("dot", "tensor", tensor, 1);
    checkTypes("dot", [self, tensor]);
    if (self.sizes[0] !== tensor.sizes[0]) throw mismatch("dot", self, tensor);
    return products.sum([self, tensor], [], self.dtype);
  },
});

/**
 * The dot product of two vectors; the same as `dot` for real types.
 * @example
 * ```ts
 * torch.vdot(torch.tensor([1, 2]), torch.tensor([3, 4])) // => tensor(11.)
 * ```
 */
export const vdot: Method<[other: Tensor]> = composite({
  name: "vdot",
  parameters: { self: p.tensor, other: p.tensor },
  compute: ({ self, other }) => self.dot(other),
});

/**
 * The products of every element of one vector with every element of the other: out[i, j] = self[i] * vec2[j].
 * @example
 * ```ts
 * torch.tensor([1, 2]).outer(torch.tensor([3, 4])) // => tensor([[3., 4.],\n        [6., 8.]])
 * ```
 */
export const outer: Method<[vec2: Tensor]> = composite({
  name: "outer",
  parameters: { self: p.tensor, vec2: p.tensor },
  compute: ({ self, vec2 }) => {
    checkRank("outer", "self", self, 1);
    checkRank("outer", "vec2", vec2, 1);
    return self.view(self.sizes[0]!, 1).mul(vec2);
  },
});

/** The same as `outer`. */
export const ger: Method<[vec2: Tensor]> = composite({
  name: "ger",
  parameters: { self: p.tensor, vec2: p.tensor },
  compute: ({ self, vec2 }) => self.outer(vec2),
});

/**
 * The sum of the products of the last dimensions: [..., k] and [..., k].
 * @example
 * ```ts
 * torch.tensor([1, 2]).inner(torch.tensor([3, 4])) // => tensor(11.)
 * ```
 */
export const inner: Method<[other: Tensor]> = composite({
  name: "inner",
  parameters: { self: p.tensor, other: p.tensor },
  compute: ({ self, other }) => {
    if (self.sizes.length === 0 || other.sizes.length === 0) return self.mul(other);
    const k = self.sizes[self.sizes.length - 1]!;
    if (k !== other.sizes[other.sizes.length - 1])
      throw new ShapeError(
        `inner: the last dimensions of ${formatSizes(self.sizes)} and ${formatSizes(other.sizes)} must be equal`,
      );
    const [rows, columns] = [self.sizes.slice(0, -1), other.sizes.slice(0, -1)];
    const count = (sizes: Sizes): number => sizes.reduce((n, size) => n * size, 1);
    return self
      .reshape([count(rows), k])
      .mm(other.reshape([count(columns), k]).transpose(0, 1))
      .view([...rows, ...columns]);
  },
});

const batched: (a: Tensor, b: Tensor) => Tensor = operation({
  name: "matmul",
  multilinear: ["self", "other"],
  node: "Bmm",
  parameters: { self: p.tensor, other: p.tensor },
  saves: { self: ["other"], other: ["self"] },
  forward: ({ self, other }) => {
    checkTypes("matmul", [self, other]);
    const rank = Math.max(self.sizes.length, other.sizes.length);
    const [a, b] = [self.sizes, other.sizes];
    if (a[a.length - 1] !== b[b.length - 2]) throw mismatch("matmul", self, other);
    const batch = broadcastSizes("matmul", a.slice(0, -2), b.slice(0, -2));
    if (rank === 2) return product(self, other, []);
    return product(
      broadcast("matmul", self, [...batch, ...a.slice(-2)]),
      broadcast("matmul", other, [...batch, ...b.slice(-2)]),
      batch,
    );
  },
  backward: {
    self: (g, { other }) => batched(g, transposed(other)),
    other: (g, { self }) => batched(transposed(self), g),
  },
});

/** Two tensors are read as they are. */
function twoTensors([self, other]: readonly unknown[]):
  | { self: Tensor; other: Tensor }
  | undefined {
  return self instanceof Tensor && other instanceof Tensor ? { self, other } : undefined;
}

/** A vector from the left, [k] @ [k, m] -> [m], in one kernel and without a copy. */
const rowTimesMatrix: OfValues<{ self: Tensor; other: Tensor }> = operation({
  name: "matmul",
  multilinear: ["self", "other"],
  node: "Squeeze4",
  parameters: { self: p.tensor, other: p.tensor },
  quick: twoTensors,
  saves: { self: ["other"], other: ["self"] },
  forward: ({ self, other }) => {
    checkTypes("matmul", [self, other]);
    if (self.sizes[0] !== other.sizes[0]) throw mismatch("matmul", self, other);
    return vectorTimesMatrix(self, other);
  },
  backward: {
    self: (g, { other }) => other.mv(g),
    other: (g, { self }) => (isDifferentiable() ? self.outer(g) : vectorTimesVector(self, g)),
  },
});

/**
 * The matrix product of tensors of any rank: vectors count as a row on the left and a column on the right, leading dimensions broadcast.
 * Throws ShapeError where the inner dimensions differ, DTypeError for two types.
 * @example
 * ```ts
 * torch.ones(5, 2, 3).matmul(torch.ones(3, 4)).shape // => 5,2,4
 * ```
 */
export const matmul: Method<[other: Tensor]> = composite({
  name: "matmul",
  parameters: { self: p.tensor, other: p.tensor },
  quick: twoTensors,
  compute: (values) => {
    const { self, other } = values;
    const a = self.sizes;
    const b = other.sizes;
    if (a.length === 0 || b.length === 0)
      throw new ShapeError(
        `matmul: both operands need at least 1 dimension, got ${formatSizes(a)} and ${formatSizes(b)}; multiply by a number with mul`,
      );
    if (a.length === 2 && b.length === 2) return self.mm(other);
    if (a.length === 1 && b.length === 1) return self.dot(other);
    if (a.length === 2 && b.length === 1) return self.mv(other);
    if (a.length === 1 && b.length === 2) return rowTimesMatrix.of(values);
    const k = a[a.length - 1]!;
    // A stack of rows against one matrix is one larger product.
    if (b.length <= 2) {
      if (k !== b[0]) throw mismatch("matmul", self, other);
      const rows = a.slice(0, -1);
      const flat = self.reshape([rows.reduce((n, size) => n * size, 1), k]);
      return b.length === 1 ? flat.mv(other).view(rows) : flat.mm(other).view([...rows, b[1]!]);
    }
    if (a.length === 1) {
      const out = batched(self.view(1, k), other);
      return out.view([...b.slice(0, -2), b[b.length - 1]!]);
    }
    return batched(self, other);
  },
});
