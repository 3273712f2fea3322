// Products of several matrices, and of tensors over chosen dimensions.
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import { formatSizes, type Sizes } from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { empty } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import { checkRank } from "./define/product.ts";
import type { FunctionOnly, Method, Trailing } from "./define/registry.ts";
import { fillWith } from "./define/transfer.ts";

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
    const freeA = mappedNumbers(first.sizes, (_, i) => i).filter((i) => !left.includes(i));
    const freeB = mappedNumbers(second.sizes, (_, i) => i).filter((i) => !right.includes(i));
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
