// Joining tensors, and making their shapes fit one another.
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { mapped } from "../core/list.ts";
import {
  broadcastSizes,
  checkSizes,
  formatSizes,
  noSizes,
  sameSizes,
  type Sizes,
  wrapDimension,
} from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { concatenate as joined, stacked } from "./define/concatenate.ts";
import { checkDevices } from "./define/levels.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

type Join = FunctionOnly<
  (tensors: Iterable<Tensor>, ...rest: Trailing<[dim: number], { readonly dim?: number }>) => Tensor
>;
type JoinAlong = FunctionOnly<(tensors: Iterable<Tensor>) => Tensor>;

const joining = (name: string): Join =>
  composite({
    name,
    parameters: { tensors: p.tensors, dim: p.optional(p.integer, 0) },
    compute: ({ tensors, dim }) => joined(name, tensors, dim),
  });

/**
 * Tensors joined along a dimension. All other sizes must be equal; an empty vector joins anything. Types are promoted.
 * Throws ShapeError for sizes that do not fit, ArgumentError for no tensors at all.
 * @example
 * ```ts
 * torch.cat([torch.zeros(1, 2), torch.ones(1, 2)]) // => tensor([[0., 0.],\n        [1., 1.]])
 * ```
 */
export const cat: Join = joining("cat");

/**
 * Tensors joined along a dimension; the same as `cat`.
 * @example
 * ```ts
 * torch.concat([torch.zeros(1), torch.ones(1)]) // => tensor([0., 1.])
 * ```
 */
export const concat: Join = joining("concat");

/**
 * Tensors joined along a dimension; the same as `cat`.
 * @example
 * ```ts
 * torch.concatenate([torch.zeros(1), torch.ones(1)]) // => tensor([0., 1.])
 * ```
 */
export const concatenate: Join = joining("concatenate");

/**
 * Tensors of one shape joined along a new dimension. Throws ShapeError for shapes that differ.
 * @example
 * ```ts
 * torch.stack([torch.zeros(2), torch.ones(2)], 1) // => tensor([[0., 1.],\n        [0., 1.]])
 * ```
 */
export const stack: Join = composite({
  name: "stack",
  parameters: { tensors: p.tensors, dim: p.optional(p.integer, 0) },
  compute: ({ tensors, dim }) => {
    const first = tensors[0];
    if (first === undefined)
      throw new ArgumentError("stack: there is nothing to stack; give at least one tensor");
    tensors.forEach((each, k) => {
      if (!sameSizes(each.sizes, first.sizes))
        throw new ShapeError(
          `stack: tensor ${k} has shape ${formatSizes(each.sizes)} and the first ${formatSizes(first.sizes)}; all should be equal`,
        );
    });
    checkDevices("stack", tensors);
    return stacked(tensors, wrapDimension("stack", dim, first.sizes.length + 1));
  },
});

/** A joining of tensors that are given more dimensions first. */
const along = (
  name: string,
  prepare: (tensor: Tensor) => Tensor,
  dim: (first: Tensor) => number,
): JoinAlong =>
  composite({
    name,
    parameters: { tensors: p.tensors },
    compute: ({ tensors }) => {
      const prepared = mapped(tensors, prepare);
      return joined(name, prepared, prepared[0] === undefined ? 0 : dim(prepared[0]));
    },
  });

/**
 * Tensors joined side by side: along the second dimension, vectors along their only one.
 * @example
 * ```ts
 * torch.hstack([torch.zeros(1), torch.ones(2)]) // => tensor([0., 1., 1.])
 * ```
 */
export const hstack: JoinAlong = along(
  "hstack",
  (each) => each.atleast1d(),
  (first) => (first.sizes.length === 1 ? 0 : 1),
);

/**
 * Tensors joined one below another: along the first dimension, vectors as rows.
 * @example
 * ```ts
 * torch.vstack([torch.zeros(2), torch.ones(2)]) // => tensor([[0., 0.],\n        [1., 1.]])
 * ```
 */
export const vstack: JoinAlong = along(
  "vstack",
  (each) => each.atleast2d(),
  () => 0,
);

/**
 * Tensors joined one below another; the same as `vstack`.
 * @example
 * ```ts
 * torch.rowStack([torch.zeros(2), torch.ones(2)]).shape // => 2,2
 * ```
 */
export const rowStack: JoinAlong = along(
  "rowStack",
  (each) => each.atleast2d(),
  () => 0,
);

/**
 * Tensors joined along the third dimension; vectors and matrices are given one.
 * @example
 * ```ts
 * torch.dstack([torch.zeros(2), torch.ones(2)]).shape // => 1,2,2
 * ```
 */
export const dstack: JoinAlong = along(
  "dstack",
  (each) => each.atleast3d(),
  () => 2,
);

/**
 * Tensors joined side by side, vectors as columns.
 * @example
 * ```ts
 * torch.columnStack([torch.zeros(2), torch.ones(2)]) // => tensor([[0., 1.],\n        [0., 1.]])
 * ```
 */
export const columnStack: JoinAlong = along(
  "columnStack",
  (each) => (each.sizes.length <= 1 ? each.reshape(each.count, 1) : each),
  () => 1,
);

/** Tensors given one by one or as one array. */
const spread = { ...p.tensors, variadic: true };
type Tensors = readonly (Tensor | readonly Tensor[])[];

/**
 * The tensors expanded to the shape that all broadcast to.
 * @example
 * ```ts
 * torch.broadcastTensors(torch.zeros(2, 1), torch.zeros(3))[1].shape // => 2,3
 * ```
 */
export const broadcastTensors: FunctionOnly<(...tensors: Tensors) => readonly Tensor[]> = composite(
  {
    name: "broadcastTensors",
    parameters: { tensors: spread },
    compute: ({ tensors }) => {
      const sizes = tensors.reduce<Sizes>(
        (all, each) => broadcastSizes("broadcastTensors", all, each.sizes),
        noSizes,
      );
      return tensors.map((each) => each.expand(sizes));
    },
  },
);

/**
 * The shape that all given shapes broadcast to. Throws ShapeError where they do not.
 * @example
 * ```ts
 * torch.broadcastShapes([2, 1], [3]) // => 2,3
 * ```
 */
export function broadcastShapes(...shapes: readonly (readonly number[] | number)[]): Sizes {
  return shapes.reduce<Sizes>((all, shape) => {
    const sizes = p.dimensions.convert(shape, "broadcastShapes", "shape");
    checkSizes("broadcastShapes", sizes);
    return broadcastSizes("broadcastShapes", all, sizes);
  }, noSizes);
}

/**
 * The matrix with the given matrices along its diagonal and zeros elsewhere; vectors count as rows.
 * @example
 * ```ts
 * torch.blockDiag(torch.ones(1, 2), torch.ones(1, 1)) // => tensor([[1., 1., 0.],\n        [0., 0., 1.]])
 * ```
 */
export const blockDiag: FunctionOnly<(...tensors: Tensors) => Tensor> = composite({
  name: "blockDiag",
  parameters: { tensors: spread },
  compute: ({ tensors }) => {
    for (const each of tensors)
      if (each.sizes.length > 2)
        throw new ShapeError(
          `blockDiag: expected matrices, vectors or single values, got shape ${formatSizes(each.sizes)}`,
        );
    const blocks = tensors.map((each) => each.atleast2d());
    const width = blocks.reduce((sum, block) => sum + block.sizes[1]!, 0);
    let before = 0;
    const rows = blocks.map((block) => {
      const [height, own] = block.sizes as [number, number];
      const parts = [
        block.newZeros([height, before]),
        block,
        block.newZeros([height, width - before - own]),
      ];
      before += own;
      return joined("blockDiag", parts, 1);
    });
    return joined("blockDiag", rows, 0);
  },
});
