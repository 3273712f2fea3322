// Matrix products.
import { isDifferentiable } from "../autograd/mode.ts";
import { ShapeError } from "../core/errors.ts";
import { input } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { broadcastSizes, formatSizes, type Sizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { bilinear } from "./define/bilinear.ts";
import { broadcast } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { checkPair, checkRank, mismatch, product, transposed } from "./define/product.ts";
import { Reduction } from "./define/reduction.ts";
import type { Method } from "./define/registry.ts";
import { matrixTimesVector, vectorTimesMatrix, vectorTimesVector } from "./define/vectorproduct.ts";

/**
 * The product of two matrices, [n, k] @ [k, m] -> [n, m]. Does not broadcast.
 * @example
 * ```ts
 * torch.eye(2).mm(torch.ones(2, 3)).shape // => 2,3
 * ```
 */
export const mm: Method<[mat2: Tensor]> = bilinear({
  name: "mm",
  operands: ["self", "mat2"],
  product: (a, b) => {
    checkRank("mm", "self", a, 2);
    checkRank("mm", "mat2", b, 2);
    checkPair("mm", a, b);
    if (a.sizes[1] !== b.sizes[0]) throw mismatch("mm", a, b);
    return product(a, b, []);
  },
  first: (g, b) => g.mm(transposed(b)),
  second: (g, a) => transposed(a).mm(g),
});

/**
 * The products of two batches of matrices, [b, n, k] @ [b, k, m] -> [b, n, m]. Does not broadcast.
 * @example
 * ```ts
 * torch.ones(4, 2, 3).bmm(torch.ones(4, 3, 5)).shape // => 4,2,5
 * ```
 */
export const bmm: Method<[mat2: Tensor]> = bilinear({
  name: "bmm",
  operands: ["self", "mat2"],
  product: (a, b) => {
    checkRank("bmm", "self", a, 3);
    checkRank("bmm", "mat2", b, 3);
    checkPair("bmm", a, b);
    if (a.sizes[0] !== b.sizes[0] || a.sizes[2] !== b.sizes[1]) throw mismatch("bmm", a, b);
    return product(a, b, [a.sizes[0]!]);
  },
  first: (g, b) => g.bmm(transposed(b)),
  second: (g, a) => transposed(a).bmm(g),
});

/**
 * The product of a matrix and a vector, [n, k] @ [k] -> [n].
 * @example
 * ```ts
 * torch.tensor([[1, 2], [3, 4]]).mv(torch.tensor([1, 1])) // => tensor([3., 7.])
 * ```
 */
export const mv: Method<[vec: Tensor]> = bilinear({
  name: "mv",
  operands: ["self", "vec"],
  product: (matrix, vector) => {
    checkRank("mv", "self", matrix, 2);
    checkRank("mv", "vec", vector, 1);
    checkPair("mv", matrix, vector);
    if (matrix.sizes[1] !== vector.sizes[0]) throw mismatch("mv", matrix, vector);
    return matrixTimesVector(matrix, vector);
  },
  first: (g, vector) => outerProduct(g, vector),
  second: (g, matrix) => transposed(matrix).mv(g),
});

/** The gradient of a matrix beside a vector. */
const outerProduct = (column: Tensor, row: Tensor): Tensor =>
  isDifferentiable() ? column.outer(row) : vectorTimesVector(column, row);

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
    checkPair("dot", self, tensor);
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

const batched: (a: Tensor, b: Tensor) => Tensor = bilinear({
  name: "matmul",
  node: "Bmm",
  operands: ["self", "other"],
  product: (self, other) => {
    checkPair("matmul", self, other);
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
  first: (g, other) => batched(g, transposed(other)),
  second: (g, self) => batched(transposed(self), g),
});

/** A vector from the left, [k] @ [k, m] -> [m], in one kernel and without a copy. */
const rowTimesMatrix: (row: Tensor, matrix: Tensor) => Tensor = bilinear({
  name: "matmul",
  node: "Squeeze4",
  operands: ["self", "other"],
  product: (row, matrix) => {
    checkPair("matmul", row, matrix);
    if (row.sizes[0] !== matrix.sizes[0]) throw mismatch("matmul", row, matrix);
    return vectorTimesMatrix(row, matrix);
  },
  first: (g, matrix) => matrix.mv(g),
  second: (g, row) => outerProduct(row, g),
});

/** The product of tensors of any rank. */
function anyProduct(self: Tensor, other: Tensor): Tensor {
  const a = self.sizes;
  const b = other.sizes;
  if (a.length === 0 || b.length === 0)
    throw new ShapeError(
      `matmul: both operands need at least 1 dimension, got ${formatSizes(a)} and ${formatSizes(b)}; multiply by a number with mul`,
    );
  if (a.length === 2 && b.length === 2) return self.mm(other);
  if (a.length === 1 && b.length === 1) return self.dot(other);
  if (a.length === 2 && b.length === 1) return self.mv(other);
  if (a.length === 1 && b.length === 2) return rowTimesMatrix(self, other);
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
}

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
  commonest: {
    fits: p.areTensors,
    compute: (self, other) => anyProduct(self as Tensor, other as Tensor),
  },
  compute: ({ self, other }) => anyProduct(self, other),
});
