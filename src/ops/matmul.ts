// Matrix products.
import { gradMode } from "../autograd/mode.ts";
import { input } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { broadcastSizes, broadcastStrides, formatSizes, type Sizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { commonDevice } from "./define/evaluate.ts";
import { empty, relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { Reduction } from "./define/reduction.ts";
import type { FunctionOnly, Method, MethodWithInPlace, Trailing } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";

function checkTypes(name: string, tensors: readonly Tensor[]): void {
  const first = tensors[0]!;
  for (const tensor of tensors)
    if (tensor.dtype !== first.dtype)
      throw new DTypeError(
        `${name}: the operands are ${first.dtype.name} and ${tensor.dtype.name}; convert them to one type`,
      );
  commonDevice(name, tensors);
}

function checkRank(name: string, parameter: string, tensor: Tensor, rank: number): void {
  if (tensor.sizes.length !== rank)
    throw new ShapeError(
      `${name}: ${parameter} must have ${rank} dimension${rank === 1 ? "" : "s"}, got shape ${formatSizes(tensor.sizes)}`,
    );
}

function mismatch(name: string, a: Tensor, b: Tensor): ShapeError {
  return new ShapeError(
    `${name}: shapes ${formatSizes(a.sizes)} and ${formatSizes(b.sizes)} cannot be multiplied; the last dimension of the first must equal the dimension of the second that it meets`,
  );
}

/** A dimension of size 1 at the end, outside the graph. */
const asColumn = (v: Tensor): Tensor => relayout(v, [...v.sizes, 1], [...v.strides, 1], v.offset);

/** A matrix, or a batch of them, transposed without a copy: recorded where recording is on. */
function transposed(t: Tensor): Tensor {
  if (gradMode.enabled) return t.transpose(-2, -1);
  const r = t.sizes.length;
  const sizes = [...t.sizes];
  const strides = [...t.strides];
  [sizes[r - 2], sizes[r - 1]] = [sizes[r - 1]!, sizes[r - 2]!];
  [strides[r - 2], strides[r - 1]] = [strides[r - 1]!, strides[r - 2]!];
  return relayout(t, sizes, strides, t.offset);
}

const scaled = (t: Tensor, by: number): Tensor => (by === 1 ? t : t.mul(by));

/** output = alpha * a @ b + beta * addend, for operands of one rank; the raw kernel, outside the graph. */
function product(
  a: Tensor,
  b: Tensor,
  batch: Sizes,
  alpha: number = 1,
  beta: number = 0,
  addend: Tensor | null = null,
): Tensor {
  const r = a.sizes.length;
  // Factors of integers lose their fraction, as in PyTorch.
  if (a.dtype.kind !== "floating") [alpha, beta] = [Math.trunc(alpha), Math.trunc(beta)];
  const rows = a.sizes[r - 2]!;
  const columns = b.sizes[b.sizes.length - 1]!;
  const out = empty([...batch, rows, columns], a.dtype, a.device);
  // A sum of no products is zero, whatever a kernel makes of an empty loop.
  if (a.sizes[r - 1] === 0 && (addend === null || beta === 0)) fillWith(out, 0);
  else
    out.storage.device.backend.matmul(
      out,
      a,
      b,
      alpha,
      addend === null ? 0 : beta,
      beta === 0 ? null : addend,
    );
  return out;
}

/** A tensor seen with the sizes of the target; outside the graph. */
function broadcast(name: string, t: Tensor, target: Sizes): Tensor {
  return relayout(t, target, broadcastStrides(name, t.sizes, t.strides, target), t.offset);
}

function checkWhole(name: string, t: Tensor, ...factors: readonly number[]): void {
  if (t.dtype.kind === "boolean") return;
  for (const factor of factors)
    if (t.dtype.kind === "integer" && !Number.isInteger(factor))
      throw new DTypeError(
        `${name}: alpha and beta must be whole numbers for integer tensors, got ${factor}`,
      );
}

/**
 * The product of two matrices, [n, k] @ [k, m] -> [n, m]. Does not broadcast.
 * @example
 * ```ts
 * torch.eye(2).mm(torch.ones(2, 3)).shape // => 2,3
 * ```
 */
export const mm: Method<[mat2: Tensor]> = operation({
  name: "mm",
  parameters: { self: p.tensor, mat2: p.tensor },
  saves: ["self", "mat2"],
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
  parameters: { self: p.tensor, mat2: p.tensor },
  saves: ["self", "mat2"],
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
  parameters: { self: p.tensor, vec: p.tensor },
  saves: ["self", "vec"],
  forward: ({ self, vec }) => {
    checkRank("mv", "self", self, 2);
    checkRank("mv", "vec", vec, 1);
    checkTypes("mv", [self, vec]);
    if (self.sizes[1] !== vec.sizes[0]) throw mismatch("mv", self, vec);
    const out = product(self, asColumn(vec), []);
    return relayout(out, [out.sizes[0]!], [1], 0);
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
  node: "Bmm",
  parameters: { self: p.tensor, other: p.tensor },
  saves: ["self", "other"],
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
  compute: ({ self, other }) => {
    const [a, b] = [self.sizes, other.sizes];
    if (a.length === 0 || b.length === 0)
      throw new ShapeError(
        `matmul: both operands need at least 1 dimension, got ${formatSizes(a)} and ${formatSizes(b)}; multiply by a number with mul`,
      );
    if (a.length === 2 && b.length === 2) return self.mm(other);
    if (a.length === 1 && b.length === 1) return self.dot(other);
    if (a.length === 2 && b.length === 1) return self.mv(other);
    if (a.length === 1 && b.length === 2) return other.transpose(0, 1).mv(self);
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

type Factors = { readonly beta?: number; readonly alpha?: number };

/**
 * `beta * self + alpha * (mat1 @ mat2)`; self broadcasts to the result. With beta 0 self is ignored, NaN included.
 * @example
 * ```ts
 * torch.addmm(torch.ones(2), torch.eye(2), torch.eye(2), { beta: 2 }) // => tensor([[3., 2.],\n        [2., 3.]])
 * ```
 */
export const addmm: MethodWithInPlace<[mat1: Tensor, mat2: Tensor, options?: Factors]> = operation({
  name: "addmm",
  parameters: {
    self: p.tensor,
    mat1: p.tensor,
    mat2: p.tensor,
    beta: p.optional(p.number, 1),
    alpha: p.optional(p.number, 1),
  },
  inPlace: true,
  saves: ["mat1", "mat2"],
  forward: ({ self, mat1, mat2, beta, alpha }) => {
    checkRank("addmm", "mat1", mat1, 2);
    checkRank("addmm", "mat2", mat2, 2);
    checkTypes("addmm", [self, mat1, mat2]);
    if (mat1.sizes[1] !== mat2.sizes[0]) throw mismatch("addmm", mat1, mat2);
    return product(
      mat1,
      mat2,
      [],
      alpha,
      beta,
      broadcast("addmm", self, [mat1.sizes[0]!, mat2.sizes[1]!]),
    );
  },
  backward: {
    self: (g, { beta }) => scaled(g, beta),
    mat1: (g, { mat2, alpha }) => scaled(g.mm(transposed(mat2)), alpha),
    mat2: (g, { mat1, alpha }) => scaled(transposed(mat1).mm(g), alpha),
  },
});

/**
 * `beta * self + alpha * (batch1 @ batch2)` for batches of matrices; self broadcasts to the result.
 * @example
 * ```ts
 * torch.baddbmm(torch.zeros(1), torch.ones(2, 1, 3), torch.ones(2, 3, 1)).flatten() // => tensor([3., 3.])
 * ```
 */
export const baddbmm: MethodWithInPlace<[batch1: Tensor, batch2: Tensor, options?: Factors]> =
  operation({
    name: "baddbmm",
    parameters: {
      self: p.tensor,
      batch1: p.tensor,
      batch2: p.tensor,
      beta: p.optional(p.number, 1),
      alpha: p.optional(p.number, 1),
    },
    inPlace: true,
    saves: ["batch1", "batch2"],
    forward: ({ self, batch1, batch2, beta, alpha }) => {
      checkRank("baddbmm", "batch1", batch1, 3);
      checkRank("baddbmm", "batch2", batch2, 3);
      checkTypes("baddbmm", [self, batch1, batch2]);
        const [n, rows, k] = batch1.sizes as [number, number, number];
      if (n !== batch2.sizes[0] || k !== batch2.sizes[1]) throw mismatch("baddbmm", batch1, batch2);
      const addend = broadcast("baddbmm", self, [n, rows, batch2.sizes[2]!]);
      return product(batch1, batch2, [n], alpha, beta, addend);
    },
    backward: {
      self: (g, { beta }) => scaled(g, beta),
      batch1: (g, { batch2, alpha }) => scaled(g.bmm(transposed(batch2)), alpha),
      batch2: (g, { batch1, alpha }) => scaled(transposed(batch1).bmm(g), alpha),
    },
  });

/** beta * self + alpha * term, with self ignored where beta is 0. */
function combined(name: string, self: Tensor, term: Tensor, beta: number, alpha: number): Tensor {
  checkTypes(name, [self, term]);
  checkWhole(name, self, alpha, beta);
  const sizes = broadcastSizes(name, self.sizes, term.sizes);
  if (sizes.length !== term.sizes.length || sizes.some((n, i) => n !== term.sizes[i]))
    throw new ShapeError(
      `${name}: self of shape ${formatSizes(self.sizes)} does not expand to the product's shape ${formatSizes(term.sizes)}`,
    );
  const right = scaled(term, alpha);
  return beta === 0 ? right : right.add(scaled(self, beta));
}

/**
 * `beta * self + alpha * (mat @ vec)`; self broadcasts to the result.
 * @example
 * ```ts
 * torch.addmv(torch.ones(2), torch.eye(2), torch.tensor([3, 4])) // => tensor([4., 5.])
 * ```
 */
export const addmv: MethodWithInPlace<[mat: Tensor, vec: Tensor, options?: Factors]> = composite({
  name: "addmv",
  parameters: {
    self: p.tensor,
    mat: p.tensor,
    vec: p.tensor,
    beta: p.optional(p.number, 1),
    alpha: p.optional(p.number, 1),
  },
  inPlace: true,
  compute: ({ self, mat, vec, beta, alpha }) => combined("addmv", self, mat.mv(vec), beta, alpha),
});

/**
 * `beta * self + alpha * outer(vec1, vec2)`; self broadcasts to the result.
 * @example
 * ```ts
 * torch.addr(torch.zeros(2, 2), torch.tensor([1, 2]), torch.tensor([3, 4])) // => tensor([[3., 4.],\n        [6., 8.]])
 * ```
 */
export const addr: MethodWithInPlace<[vec1: Tensor, vec2: Tensor, options?: Factors]> = composite({
  name: "addr",
  parameters: {
    self: p.tensor,
    vec1: p.tensor,
    vec2: p.tensor,
    beta: p.optional(p.number, 1),
    alpha: p.optional(p.number, 1),
  },
  inPlace: true,
  compute: ({ self, vec1, vec2, beta, alpha }) => {
    const term = vec1.outer(vec2);
    if (self.dtype.kind === "boolean" && term.dtype.kind === "boolean")
      return term.mul(alpha !== 0).logicalOr(self);
    return combined("addr", self, term, beta, alpha);
  },
});

/**
 * `beta * self + alpha * sum over b of batch1[b] @ batch2[b]`; self broadcasts to the result.
 * @example
 * ```ts
 * torch.addbmm(torch.zeros(1), torch.ones(2, 1, 3), torch.ones(2, 3, 1)) // => tensor([[6.]])
 * ```
 */
export const addbmm: MethodWithInPlace<[batch1: Tensor, batch2: Tensor, options?: Factors]> =
  composite({
    name: "addbmm",
    parameters: {
      self: p.tensor,
      batch1: p.tensor,
      batch2: p.tensor,
      beta: p.optional(p.number, 1),
      alpha: p.optional(p.number, 1),
    },
    inPlace: true,
    compute: ({ self, batch1, batch2, beta, alpha }) =>
      self.dtype.kind === "floating"
        ? combined("addbmm", self, batch1.bmm(batch2).sum(0), beta, alpha)
        : combined("addbmm", self, batch1.bmm(batch2).sum(0), Math.trunc(beta), Math.trunc(alpha)),
  });

/**
 * The matrix multiplied by itself n times; n = 0 gives the identity. Batches allowed.
 * @example
 * ```ts
 * torch.tensor([[1, 1], [0, 1]]).matrixPower(3) // => tensor([[1., 3.],\n        [0., 1.]])
 * ```
 */
export const matrixPower: Method<[n: number]> = composite({
  name: "matrixPower",
  parameters: { self: p.tensor, n: p.integer },
  compute: ({ self, n }) => {
    const r = self.sizes.length;
    if (r < 2 || self.sizes[r - 1] !== self.sizes[r - 2])
      throw new ShapeError(
        `matrixPower: takes square matrices, got shape ${formatSizes(self.sizes)}`,
      );
    if (n < 0) throw new ArgumentError(`matrixPower: ${n} is negative; invert the matrix first`);
    if (n === 0) {
      const identity = empty(self.sizes, self.dtype, self.device);
      fillWith(identity, 0);
      identity.asStrided(diagonalSizes(self.sizes), diagonalStrides(identity.strides)).fill_(1);
      return identity;
    }
    let out: Tensor | null = null;
    let power = self;
    for (let rest = n; ; power = power.matmul(power)) {
      if (rest % 2 === 1) out = out === null ? power : out.matmul(power);
      rest = Math.floor(rest / 2);
      if (rest === 0) return out!;
    }
  },
});

const diagonalSizes = (sizes: Sizes): number[] => sizes.slice(0, -1);
const diagonalStrides = (strides: Sizes): number[] => [
  ...strides.slice(0, -2),
  strides[strides.length - 2]! + strides[strides.length - 1]!,
];

/**
 * The product of several matrices, bracketed so that the fewest multiplications are needed.
 * @example
 * ```ts
 * torch.chainMatmul(torch.ones(2, 3), torch.ones(3, 4), torch.ones(4, 1)).shape // => 2,1
 * ```
 */
export const chainMatmul: FunctionOnly<(...matrices: readonly Tensor[]) => Tensor> = composite({
  name: "chainMatmul",
  parameters: { matrices: { ...p.tensors, variadic: true } },
  compute: ({ matrices }) => {
    if (matrices.length === 0) throw new ArgumentError("chainMatmul: give at least one matrix");
    for (const matrix of matrices) checkRank("chainMatmul", "every matrix", matrix, 2);
    return chain(matrices);
  },
});

/** Dynamic programming over the split point (Cormen et al., Introduction to Algorithms, "Matrix-chain multiplication"). */
function chain(matrices: readonly Tensor[]): Tensor {
  const n = matrices.length;
  const size = [matrices[0]!.sizes[0]!, ...matrices.map((m) => m.sizes[1]!)];
  const cost = matrices.map(() => new Array<number>(n).fill(0));
  const split = matrices.map(() => new Array<number>(n).fill(0));
  for (let length = 2; length <= n; length++)
    for (let i = 0; i + length <= n; i++) {
      const j = i + length - 1;
      cost[i]![j] = Number.POSITIVE_INFINITY;
      for (let k = i; k < j; k++) {
        const total = cost[i]![k]! + cost[k + 1]![j]! + size[i]! * size[k + 1]! * size[j + 1]!;
        if (total < cost[i]![j]!) {
          cost[i]![j] = total;
          split[i]![j] = k;
        }
      }
    }
  const build = (i: number, j: number): Tensor =>
    i === j ? matrices[i]! : build(i, split[i]![j]!).mm(build(split[i]![j]! + 1, j));
  return build(0, n - 1);
}

/**
 * The sum of products over dimensions of both tensors: the last `dims` of the first with the first `dims` of the second, or those listed.
 * @example
 * ```ts
 * torch.tensordot(torch.ones(2, 3, 4), torch.ones(3, 4, 5)).shape // => 2,5
 * ```
 */
export const tensordot: FunctionOnly<
  (
    a: Tensor,
    b: Tensor,
    ...rest: Trailing<
      [dims: number | readonly (readonly number[])[]],
      { readonly dims?: number | readonly (readonly number[])[] }
    >
  ) => Tensor
> = composite({
  name: "tensordot",
  parameters: { a: p.tensor, b: p.tensor, dims: p.optional(p.anything, 2) },
  compute: ({ a: first, b: second, dims }) => {
    const [left, right] = contracted(first, second, dims);
    const freeA = first.sizes.map((_, i) => i).filter((i) => !left.includes(i));
    const freeB = second.sizes.map((_, i) => i).filter((i) => !right.includes(i));
    // A size of 1 meets any size: its partner is summed first.
    const own = (t: Tensor, list: number[], other: Tensor, others: number[]): Tensor => {
      const sum = list.filter((d, i) => other.sizes[others[i]!] === 1 && t.sizes[d] !== 1);
      return sum.length === 0 ? t : t.sum(sum, true);
    };
    const [a, b] = [own(first, left, second, right), own(second, right, first, left)];
    for (let i = 0; i < left.length; i++)
      if (a.sizes[left[i]!] !== b.sizes[right[i]!])
        throw new ShapeError(
          `tensordot: dimension ${left[i]} of ${formatSizes(a.sizes)} meets dimension ${right[i]} of ${formatSizes(b.sizes)}; they must be equal`,
        );
    const count = (t: Tensor, list: readonly number[]): number =>
      list.reduce((n, i) => n * t.sizes[i]!, 1);
    return a
      .permute([...freeA, ...left])
      .reshape([count(a, freeA), count(a, left)])
      .mm(b.permute([...right, ...freeB]).reshape([count(b, right), count(b, freeB)]))
      .view([...freeA.map((i) => a.sizes[i]!), ...freeB.map((i) => b.sizes[i]!)]);
  },
});

function contracted(a: Tensor, b: Tensor, dims: unknown): [number[], number[]] {
  if (typeof dims === "number") {
    if (!Number.isInteger(dims) || dims < 0 || dims > Math.min(a.sizes.length, b.sizes.length))
      throw new ArgumentError(
        `tensordot: dims must be a whole number of at most the tensors' dimensions, got ${dims}`,
      );
    return [
      Array.from({ length: dims }, (_, i) => a.sizes.length - dims + i),
      Array.from({ length: dims }, (_, i) => i),
    ];
  }
  if (!Array.isArray(dims) || dims.length !== 2)
    throw new ArgumentError("tensordot: dims must be a number or two arrays of dimensions");
  const [left, right] = dims.map((list) => p.dimensions.convert(list, "tensordot", "dims")) as [
    Sizes,
    Sizes,
  ];
  if (left.length !== right.length)
    throw new ArgumentError(
      `tensordot: as many dimensions must be given for both tensors, got ${left.length} and ${right.length}`,
    );
  const wrap = (list: Sizes, rank: number): number[] =>
    list.map((dim) => (dim < 0 ? dim + rank : dim));
  return [wrap(left, a.sizes.length), wrap(right, b.sizes.length)];
}
