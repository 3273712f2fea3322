// Joining tensors along a dimension: the one operation that many families are made with.
import type { DType } from "../../core/dtype.ts";
import { ArgumentError, ShapeError } from "../../core/errors.ts";
import { mapped } from "../../core/list.ts";
import { promoteTypes } from "../../core/promotion.ts";
import { formatSizes, wrapDimension, type Sizes } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import { empty, relayout } from "./memory.ts";
import { checkDevices } from "./levels.ts";
import { operation } from "./operation.ts";
import * as p from "./parameters.ts";
import { transfer } from "./transfer.ts";

const join: (
  tensors: readonly Tensor[],
  dim: number,
  parts: readonly Sizes[],
  size: number,
) => Tensor = operation({
  name: "cat",
  linear: true,
  parameters: { tensors: p.tensors, dim: p.integer, parts: p.anything, size: p.integer },
  forward: ({ tensors, dim, size }) => {
    const model = tensors.find((t) => !isPlaceholder(t.sizes)) ?? tensors[0]!;
    const sizes = isPlaceholder(model.sizes) ? [0] : model.sizes.with(dim, size);
    const out = empty(sizes, commonType(tensors), model.device);
    let at = 0;
    for (const part of tensors) {
      if (isPlaceholder(part.sizes)) continue;
      const length = part.sizes[dim]!;
      const offset = at * out.strides[dim]!;
      transfer(part, relayout(out, sizes.with(dim, length), out.strides, offset));
      at += length;
    }
    return out;
  },
  backward: {
    tensors: (g, { parts, dim }) => {
      let at = 0;
      return mapped(parts as readonly Sizes[], (sizes) => {
        if (isPlaceholder(sizes)) return g.newZeros([0]);
        const start = at;
        at += sizes[dim]!;
        return g.narrow(dim, start, sizes[dim]!);
      });
    },
  },
});

/** Tensors of one shape along a new dimension. */
export const stacked: (tensors: readonly Tensor[], dim: number) => Tensor = operation({
  name: "stack",
  linear: true,
  parameters: { tensors: p.tensors, dim: p.integer },
  forward: ({ tensors, dim }) => {
    const { sizes, device } = tensors[0]!;
    const out = empty(sizes.toSpliced(dim, 0, tensors.length), commonType(tensors), device);
    const strides = out.strides.toSpliced(dim, 1);
    tensors.forEach((part, k) =>
      transfer(part, relayout(out, sizes, strides, k * out.strides[dim]!)),
    );
    return out;
  },
  backward: {
    tensors: (g, { dim }) => Array.from({ length: g.sizes[dim]! }, (_, k) => g.select(dim, k)),
  },
});

function commonType(tensors: readonly Tensor[]): DType {
  return tensors.reduce((all: DType, t) => promoteTypes(all, t.dtype), tensors[0]!.dtype);
}

/** Sizes of an empty vector, which joins anything. */
function isPlaceholder(sizes: Sizes): boolean {
  return sizes.length === 1 && sizes[0] === 0;
}

/** The tensors one after another along a dimension; all other sizes must agree. Promotes types. */
export function concatenate(operation: string, tensors: readonly Tensor[], dim: number): Tensor {
  if (tensors.length === 0)
    throw new ArgumentError(`${operation}: there is nothing to join; give at least one tensor`);
  checkDevices(operation, tensors);
  const parts = mapped(tensors, (t) => t.sizes);
  const model = parts.find((sizes) => !isPlaceholder(sizes)) ?? parts[0]!;
  for (const sizes of parts)
    if (sizes.length === 0)
      throw new ShapeError(
        `${operation}: a tensor without dimensions cannot be joined; stack() makes a dimension`,
      );
  const d = wrapDimension(operation, dim, model.length);
  let size = 0;
  parts.forEach((sizes, k) => {
    if (isPlaceholder(sizes)) return;
    if (sizes.length !== model.length || sizes.some((n, i) => i !== d && n !== model[i]))
      throw new ShapeError(
        `${operation}: tensor ${k} has shape ${formatSizes(sizes)} and does not join ${formatSizes(model)} along dimension ${d}; all other sizes must be equal`,
      );
    size += sizes[d]!;
  });
  return join(tensors, d, parts, size);
}
