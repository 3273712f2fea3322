// Rearranging elements: flip, roll, repeat, triangles, diagonals.
import { int32, int64 } from "../core/dtype.ts";
import {
  ArgumentError,
  AutogradError,
  DTypeError,
  IndexError,
  ShapeError,
} from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import {
  checkSizes,
  elementCount,
  formatSizes,
  sameSizes,
  type Sizes,
  wrapDimension,
  wrapDimensions,
} from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { concatenate } from "./define/concatenate.ts";
import { elements, fromNumbers } from "./define/creation.ts";
import { isInferenceTensor, requiresGradient } from "./define/history.ts";
import { resized } from "./define/layout.ts";
import { empty, emptyLike, relayout, rowMajor } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, Trailing } from "./define/registry.ts";
import { hasTangent } from "./define/tangent.ts";
import { transfer } from "./define/transfer.ts";
import type { Dimensions, SizeArguments } from "./types.ts";

/**
 * The elements in reverse order along the given dimensions: a copy.
 * @example
 * ```ts
 * torch.arange(3).flip(0) // => tensor([2, 1, 0])
 * ```
 */
export const flip: Method<SizeArguments> = operation({
  name: "flip",
  linear: true,
  parameters: { self: p.tensor, dims: { ...p.dimensions, variadic: true } },
  forward: ({ self, dims }) => {
    const reversed = wrapDimensions("flip", dims, self.sizes.length);
    const out = emptyLike(self);
    if (out.count === 0) return out;
    let { offset } = self;
    const strides = mappedNumbers(self.strides, (stride, d) => {
      if (!reversed.includes(d)) return stride;
      offset += (self.sizes[d]! - 1) * stride;
      return -stride;
    });
    transfer(relayout(self, self.sizes, strides, offset), out);
    return out;
  },
  backward: { self: (g, { dims }) => g.flip(dims) },
});

function needsRank(name: string, self: Tensor, rank: number): void {
  if (self.sizes.length < rank)
    throw new ShapeError(
      `${name}: needs at least ${rank} dimension${rank === 1 ? "" : "s"}, and the shape is ${formatSizes(self.sizes)}`,
    );
}

/**
 * Columns in reverse order: `flip` along the second dimension.
 * @example
 * ```ts
 * torch.eye(2).fliplr() // => tensor([[0., 1.],\n        [1., 0.]])
 * ```
 */
export const fliplr: Method = composite({
  name: "fliplr",
  parameters: { self: p.tensor },
  compute: ({ self }) => {
    needsRank("fliplr", self, 2);
    return self.flip(1);
  },
});

/**
 * Rows in reverse order: `flip` along the first dimension.
 * @example
 * ```ts
 * torch.arange(3).flipud() // => tensor([2, 1, 0])
 * ```
 */
export const flipud: Method = composite({
  name: "flipud",
  parameters: { self: p.tensor },
  compute: ({ self }) => {
    needsRank("flipud", self, 1);
    return self.flip(0);
  },
});

/**
 * The elements shifted by `shifts` positions along `dims`, those pushed over the end coming in at the start; without `dims` over the whole
 * tensor in row-major order.
 * @example
 * ```ts
 * torch.arange(4).roll(1) // => tensor([3, 0, 1, 2])
 * ```
 */
export const roll: Method<
  [
    shifts: Dimensions,
    ...rest: Trailing<[dims: Dimensions | null], { readonly dims?: Dimensions | null }>,
  ]
> = operation({
  name: "roll",
  linear: true,
  parameters: { self: p.tensor, shifts: p.dimensions, dims: p.optional(p.dimensions, null) },
  forward: ({ self, shifts, dims }) => {
    const over = dims ?? [];
    if (shifts.length === 0) throw new ArgumentError("roll: there is no shift; give at least one");
    if (self.sizes.length === 0 && over.length > 0)
      throw new IndexError("roll: a tensor without dimensions cannot be shifted along one");
    if (over.length === 0 && shifts.length === 1)
      return rolled(self.reshape(-1), shifts[0]!, 0).reshape(self.sizes);
    if (over.length !== shifts.length)
      throw new ArgumentError(
        `roll: ${shifts.length} shifts and ${over.length} dimensions; give one shift for each dimension`,
      );
    return over.reduce(
      (all, dim, k) => rolled(all, shifts[k]!, wrapDimension("roll", dim, self.sizes.length)),
      self.sizes.length === 0 ? self.clone() : self,
    );
  },
  backward: {
    self: (g, { shifts, dims }) =>
      g.roll(
        shifts.map((n) => -n),
        dims,
      ),
  },
});

function rolled(self: Tensor, shift: number, dim: number): Tensor {
  const size = self.sizes[dim] ?? 1;
  if (self.count === 0 || self.sizes.length === 0) return self.clone();
  const start = ((-shift % size) + size) % size;
  const parts = [self.narrow(dim, start, size - start), self.narrow(dim, 0, start)];
  return concatenate("roll", parts, dim);
}

/**
 * The tensor turned by 90 degrees k times in the plane of two dimensions, from the first towards the second.
 * @example
 * ```ts
 * torch.arange(4).view(2, 2).rot90() // => tensor([[1, 3],\n        [0, 2]])
 * ```
 */
export const rot90: Method<
  Trailing<
    [k: number, dims: readonly number[]],
    { readonly k?: number; readonly dims?: readonly number[] }
  >
> = composite({
  name: "rot90",
  parameters: {
    self: p.tensor,
    k: p.optional(p.integer, 1),
    dims: p.optional(p.integers, [0, 1] as Sizes),
  },
  compute: ({ self, k, dims }) => {
    needsRank("rot90", self, 2);
    if (dims.length !== 2)
      throw new ArgumentError(
        `rot90: [${dims.join(", ")}] does not name a plane; give two dimensions`,
      );
    const [a, b] = wrapDimensions("rot90", dims, self.sizes.length) as [number, number];
    const turns = ((k % 4) + 4) % 4;
    if (turns === 1) return self.flip(b).transpose(a, b);
    if (turns === 2) return self.flip(a, b);
    return turns === 3 ? self.flip(a).transpose(a, b) : self.clone();
  },
});

/**
 * The tensor repeated along each dimension; more counts than dimensions put new ones in front.
 * @example
 * ```ts
 * torch.arange(2).repeat(2, 2) // => tensor([[0, 1, 0, 1],\n        [0, 1, 0, 1]])
 * ```
 */
export const repeat: Method<SizeArguments> = operation({
  name: "repeat",
  linear: true,
  parameters: { self: p.tensor, repeats: p.sizes },
  forward: ({ self, repeats }) => {
    checkSizes("repeat", repeats);
    const lead = repeats.length - self.sizes.length;
    if (lead < 0)
      throw new ShapeError(
        `repeat: ${repeats.length} counts for a tensor of ${self.sizes.length} dimensions; give at least one for each`,
      );
    const own = [...new Array<number>(lead).fill(1), ...self.sizes];
    const steps = [...new Array<number>(lead).fill(0), ...self.strides];
    const sizes = mappedNumbers(own, (n, d) => n * repeats[d]!);
    checkSizes("repeat", sizes);
    const out = empty(sizes, self.dtype, self.device);
    // Seen as [repeats, own] pairs of dimensions, the copy is one broadcast.
    const pairs = own.flatMap((n, d) => [repeats[d]!, n]);
    transfer(
      relayout(
        self,
        pairs,
        steps.flatMap((step) => [0, step]),
        self.offset,
      ),
      rowMajor(out, pairs),
    );
    return out;
  },
  backward: {
    self: (g, { sizesOf, repeats }) => {
      const sizes = sizesOf["self"]!;
      if (repeats.includes(0)) return g.newZeros(sizes);
      const lead = repeats.length - sizes.length;
      const pairs = repeats.flatMap((n, d) => [n, d < lead ? 1 : sizes[d - lead]!]);
      const dims = repeats.map((_, d) => 2 * d);
      return dims.length === 0 ? g : g.reshape(pairs).sum(dims).reshape(sizes);
    },
  },
});

/**
 * The tensor repeated along each of its last dimensions; fewer counts leave the first dimensions as they are.
 * @example
 * ```ts
 * torch.arange(2).tile(2) // => tensor([0, 1, 0, 1])
 * ```
 */
export const tile: Method<SizeArguments> = composite({
  name: "tile",
  parameters: { self: p.tensor, dims: p.sizes },
  compute: ({ self, dims }) => {
    const lead = Math.max(self.sizes.length - dims.length, 0);
    return self.repeat([...new Array<number>(lead).fill(1), ...dims]);
  },
});

/** The position of each repeated element. */
function repeatedPositions(counts: Tensor, total: number | null): Tensor {
  const each = Array.from(elements(counts.detach().contiguous()), Number);
  if (each.some((n) => n < 0))
    throw new ArgumentError("repeatInterleave: a count is negative; all should be at least 0");
  const sum = each.reduce((all, n) => all + n, 0);
  if (total !== null && total !== sum)
    throw new ArgumentError(
      `repeatInterleave: outputSize is ${total}, but the counts add up to ${sum}`,
    );
  let at = -1;
  let left = 0;
  return fromNumbers("repeatInterleave", [sum], int64, counts.device, false, () => {
    while (left === 0) left = each[++at]!;
    left--;
    return at;
  });
}

/**
 * Each position of a dimension repeated: all the same number of times, or each as often as `repeats` says; without `dim` of the flat tensor.
 * @example
 * ```ts
 * torch.arange(2).repeatInterleave(2) // => tensor([0, 0, 1, 1])
 * ```
 */
export const repeatInterleave: Method<
  Trailing<
    [repeats: number | Tensor | readonly number[], dim: number | null],
    {
      readonly repeats?: number | Tensor | readonly number[];
      readonly dim?: number | null;
      readonly outputSize?: number | null;
    }
  >
> = composite({
  name: "repeatInterleave",
  parameters: {
    self: p.tensor,
    repeats: p.optional(p.anything, null),
    dim: p.optional(p.integer, null),
    outputSize: p.optional(p.integer, null),
  },
  compute: ({ self, repeats, dim, outputSize }) => {
    if (repeats === null) return repeatedPositions(counted(self), outputSize);
    const source = dim === null ? self.reshape(-1) : self;
    const d = wrapDimension("repeatInterleave", dim ?? 0, source.sizes.length);
    const size = source.sizes[d] ?? 1;
    let counts: Tensor;
    if (typeof repeats === "number") {
      const n = p.integer.convert(repeats, "repeatInterleave", "repeats");
      counts = fromNumbers("repeatInterleave", [size], int64, self.device, false, () => n);
    } else
      counts = counted(
        repeats instanceof Tensor
          ? repeats
          : self.newTensor(p.integers.convert(repeats, "repeatInterleave", "repeats"), {
              dtype: int64,
            }),
      );
    if (counts.count === 1) counts = counts.reshape(1).expand(size);
    if (counts.count !== size)
      throw new ShapeError(
        `repeatInterleave: ${counts.count} counts for dimension ${d} of size ${size}; give one for each position, or one for all`,
      );
    return source.indexSelect(d, repeatedPositions(counts, outputSize));
  },
});

function counted(repeats: Tensor): Tensor {
  if (repeats.sizes.length > 1 || (repeats.dtype !== int64 && repeats.dtype !== int32))
    throw new DTypeError(
      `repeatInterleave: the counts are ${repeats.dtype.name} of shape ${formatSizes(repeats.sizes)}; give a vector of int64 or int32`,
    );
  return repeats;
}

function resize(name: string, self: Tensor, size: Sizes): Tensor {
  checkSizes(name, size);
  if (sameSizes(size, self.sizes)) return self;
  if ((requiresGradient(self) && !isInferenceTensor(self)) || hasTangent(self))
    throw new AutogradError(
      `${name}: the tensor requires grad or has a tangent, and no derivative can follow a change of size; use reshape, or do it on a detach()ed tensor`,
    );
  const capacity = self.storage.byteLength / self.dtype.itemsize - self.offset;
  if (elementCount(size) > capacity)
    throw new ShapeError(
      `${name}: ${formatSizes(size)} has ${elementCount(size)} elements, but the memory of the tensor holds ${Math.floor(capacity)}; make a new tensor`,
    );
  return resized(name, self, size);
}

/**
 * Gives the tensor itself other sizes over its memory, in row-major order, without moving elements. Throws ShapeError where the memory is
 * too small, AutogradError for a tensor that requires a gradient.
 * @example
 * ```ts
 * torch.arange(6).resize_(2, 2) // => tensor([[0, 1],\n        [2, 3]])
 * ```
 */
export const resize_: Method<SizeArguments> = composite({
  name: "resize_",
  parameters: { self: p.tensor, size: p.sizes },
  compute: ({ self, size }) => resize("resize_", self, size),
});

/** Gives the tensor itself the sizes of another; see `resize_`. */
export const resizeAs_: Method<[other: Tensor]> = composite({
  name: "resizeAs_",
  parameters: { self: p.tensor, other: p.tensor },
  compute: ({ self, other }) => resize("resizeAs_", self, other.sizes),
});
