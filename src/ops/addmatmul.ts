// Matrix products added to a tensor.
import { ShapeError } from "../core/errors.ts";
import { broadcastSizes, formatSizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { broadcast } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import {
  checkRank,
  checkTypes,
  checkWhole,
  mismatch,
  product,
  scaled,
  transposed,
} from "./define/product.ts";
import type { MethodWithInPlace } from "./define/registry.ts";

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
  multilinear: ["mat1", "mat2"],
  parameters: {
    self: p.tensor,
    mat1: p.tensor,
    mat2: p.tensor,
    beta: p.optional(p.number, 1),
    alpha: p.optional(p.number, 1),
  },
  inPlace: true,
  saves: { mat1: ["mat2"], mat2: ["mat1"] },
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
    multilinear: ["batch1", "batch2"],
    parameters: {
      self: p.tensor,
      batch1: p.tensor,
      batch2: p.tensor,
      beta: p.optional(p.number, 1),
      alpha: p.optional(p.number, 1),
    },
    inPlace: true,
    saves: { batch1: ["batch2"], batch2: ["batch1"] },
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
    if (self.dtype.kind === "boolean" && term.dtype.kind === "boolean") {
      const product = term.mul(Number(alpha !== 0));
      return beta === 0 ? product.to(term.dtype) : product.logicalOr(self);
    }
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
