// Reading and writing at tensors of positions: several dimensions of a tensor replaced by one set of tuples.
import { bool, int64, type DType, uint8 } from "../../core/dtype.ts";
import { IndexError, ShapeError } from "../../core/errors.ts";
import { mappedNumbers } from "../../core/list.ts";
import {
  broadcastSizes,
  broadcastStrides,
  formatSizes,
  noSizes,
  sameSizes,
  type Sizes,
} from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import { elements } from "./creation.ts";
import { empty, relayout } from "./memory.ts";
import { operation } from "./operation.ts";
import * as p from "./parameters.ts";

/** Where the positions' own dimensions stand in the result, and in which order kernels see everything. */
interface Plan {
  /** The sizes that the position tensors broadcast to. */
  readonly batch: Sizes;
  /** The dimensions of the indexed tensor as kernels take them: indexed ones first. */
  readonly order: readonly number[];
  readonly sizes: Sizes;
  /** The dimensions of the result as kernels take them: the positions' ones first. */
  readonly resultOrder: readonly number[];
}

/** Adjacent indexed dimensions are replaced where they stood; separated ones move to the front. */
function planOf(self: Sizes, dims: readonly number[], indices: readonly Tensor[]): Plan {
  const batch = indices.reduce<Sizes>(
    (all, index) => broadcastSizes("indexing", all, index.sizes),
    noSizes,
  );
  const rest = self.flatMap((_, d) => (dims.includes(d) ? [] : [d]));
  const adjacent = dims.every((d, i) => d === dims[0]! + i);
  const at = adjacent ? dims[0]! : 0;
  const restSizes = rest.map((d) => self[d]!);
  const sizes = [...restSizes.slice(0, at), ...batch, ...restSizes.slice(at)];
  const own = batch.map((_, i) => at + i);
  return {
    batch,
    order: [...dims, ...rest],
    sizes,
    resultOrder: [...own, ...sizes.flatMap((_, d) => (own.includes(d) ? [] : [d]))],
  };
}

function reordered(of: Tensor, order: readonly number[]): Tensor {
  return relayout(
    of,
    mappedNumbers(order, (d) => of.sizes[d]!),
    mappedNumbers(order, (d) => of.strides[d]!),
    of.offset,
  );
}

/** Broadcasts without recording. */
export function stretched(of: Tensor, sizes: Sizes): Tensor {
  if (sameSizes(of.sizes, sizes)) return of;
  return relayout(of, sizes, broadcastStrides("indexing", of.sizes, of.strides, sizes), of.offset);
}

const positions = { ...p.tensors, tensors: false };

/** The elements at tuples of positions; position tensors (int64) stand for the dimensions `dims`, which ascend. */
export const readAt: (self: Tensor, dims: readonly number[], indices: readonly Tensor[]) => Tensor =
  operation({
    name: "index",
    linear: true,
    parameters: { self: p.tensor, dims: p.integers, indices: positions },
    saves: ["indices"],
    forward: ({ self, dims, indices }) => {
      const plan = planOf(self.sizes, dims, indices);
      const out = empty(plan.sizes, self.dtype, self.device);
      self.device.backend.index(
        reordered(out, plan.resultOrder),
        reordered(self, plan.order),
        indices.map((index) => stretched(index, plan.batch)),
      );
      return out;
    },
    backward: {
      self: (g, { sizesOf, dims, indices }) =>
        writeAt(g.newZeros(sizesOf["self"]!), dims, indices, g, true),
    },
  });

interface Writer {
  (
    self: Tensor,
    dims: readonly number[],
    indices: readonly Tensor[],
    values: Tensor,
    accumulate: boolean,
  ): Tensor;
  readonly inPlace: Writer;
}

/** Writes values, which broadcast to what `readAt` would give, at tuples of positions; or adds them there. */
export const writeAt: Writer = operation({
  name: "indexPut",
  linear: true,
  parameters: {
    self: p.tensor,
    dims: p.integers,
    indices: positions,
    values: p.tensor,
    accumulate: p.boolean,
  },
  saves: ["indices"],
  write: ({ self, dims, indices, values, accumulate }) => {
    const plan = planOf(self.sizes, dims, indices);
    if (
      values.sizes.length > plan.sizes.length ||
      !sameSizes(broadcastSizes("indexPut", values.sizes, plan.sizes), plan.sizes)
    )
      throw new ShapeError(
        `indexPut: values of shape ${formatSizes(values.sizes)} do not broadcast to the indexed shape ${formatSizes(plan.sizes)}`,
      );
    const source = values.storage === self.storage ? values.clone() : values;
    self.device.backend.indexPut(
      reordered(self, plan.order),
      indices.map((index) => stretched(index, plan.batch)),
      reordered(stretched(source, plan.sizes), plan.resultOrder),
      accumulate,
    );
  },
  backward: {
    self: (g, { dims, indices, accumulate }) =>
      accumulate ? g : writeAt(g, dims, indices, g.newZeros([]), false),
    values: (g, { dims, indices }) => readAt(g, dims, indices),
  },
});

/** Whether a tensor of this type says yes or no for each element, rather than naming positions. */
export function isMask(dtype: DType): boolean {
  return dtype === bool || dtype === uint8;
}

/** How many elements are not zero. */
export function countNonzero(of: Tensor): number {
  const values = elements(of.detach().contiguous());
  let count = 0;
  // The bits of a 16-bit float other than its sign.
  if (values instanceof Uint16Array) {
    for (let i = 0; i < values.length; i++) if ((values[i]! & 0x7fff) !== 0) count++;
  } else if (values instanceof BigInt64Array) {
    for (let i = 0; i < values.length; i++) if (values[i] !== 0n) count++;
  } else for (let i = 0; i < values.length; i++) if (values[i] !== 0) count++;
  return count;
}

/** The positions of elements that are not zero: int64, one row for each. */
export function nonzeroRows(of: Tensor): Tensor {
  const out = empty([countNonzero(of), of.sizes.length], int64, of.device);
  if (out.count > 0) of.device.backend.nonzero(out, of);
  return out;
}

/** A mask's positions as one tensor for each of its dimensions. */
export function columnsOf(mask: Tensor): Tensor[] {
  const rows = nonzeroRows(mask);
  return mask.sizes.map((_, d) =>
    relayout(rows, [rows.sizes[0]!], [rows.strides[0]!], rows.offset + d * rows.strides[1]!),
  );
}

/** Refuses a mask whose sizes are not those of the dimensions it stands for. */
export function checkMask(mask: Sizes, self: Sizes, dim: number): void {
  mask.forEach((n, i) => {
    if (self[dim + i] !== n)
      throw new IndexError(
        `indexing: a mask of shape ${formatSizes(mask)} does not fit the tensor of shape ${formatSizes(self)}: size ${n} against ${self[dim + i]} in dimension ${dim + i}`,
      );
  });
}
