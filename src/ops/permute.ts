// Views with dimensions in another order.
import { ShapeError } from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import { formatSizes, wrapDimension, wrapDimensions } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { relayoutInPlace } from "./define/layout.ts";
import { relayout } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method } from "./define/registry.ts";
import type { Dimensions, SizeArguments } from "./types.ts";

/**
 * A view with two dimensions exchanged.
 * @example
 * ```ts
 * torch.zeros(2, 3).transpose(0, 1).shape // => 3,2
 * ```
 */
export const transpose: Method<[dim0: number, dim1: number]> = operation({
  name: "transpose",
  parameters: { self: p.tensor, dim0: p.integer, dim1: p.integer },
  view: "single",
  forward: ({ self, dim0, dim1 }) => {
    const a = wrapDimension("transpose", dim0, self.sizes.length);
    const b = wrapDimension("transpose", dim1, self.sizes.length);
    const sizes = [...self.sizes];
    const strides = [...self.strides];
    if (sizes.length > 0) {
      [sizes[a], sizes[b]] = [sizes[b]!, sizes[a]!];
      [strides[a], strides[b]] = [strides[b]!, strides[a]!];
    }
    return relayout(self, sizes, strides, self.offset);
  },
  backward: { self: (g, { dim0, dim1 }) => g.transpose(dim0, dim1) },
});

/**
 * The transpose of a matrix, as a view; a tensor of fewer dimensions stays as it is. Throws ShapeError for more than two dimensions.
 * @example
 * ```ts
 * torch.zeros(2, 3).t().shape // => 3,2
 * ```
 */
export const t: Method = operation({
  name: "t",
  parameters: { self: p.tensor },
  view: "single",
  forward: ({ self }) => {
    if (self.sizes.length > 2)
      throw new ShapeError(
        `t: the tensor has shape ${formatSizes(self.sizes)}, and t() transposes at most two dimensions; use transpose(dim0, dim1), or mT for the last two`,
      );
    return relayout(self, self.sizes.toReversed(), self.strides.toReversed(), self.offset);
  },
  backward: { self: (g) => g.t() },
});

/**
 * A view with the dimensions in another order: dimension i of the result is dimension `dims[i]` of the tensor.
 * Throws ShapeError unless every dimension is named once.
 * @example
 * ```ts
 * torch.zeros(2, 3, 5).permute(2, 0, 1).shape // => 5,2,3
 * ```
 */
export const permute: Method<SizeArguments> = operation({
  name: "permute",
  parameters: { self: p.tensor, dims: p.sizes },
  view: "single",
  forward: ({ self, dims }) => {
    if (dims.length !== self.sizes.length)
      throw new ShapeError(
        `permute: [${dims.join(", ")}] names ${dims.length} dimensions, but the tensor of shape ${formatSizes(self.sizes)} has ${self.sizes.length}; name each once`,
      );
    const order = wrapDimensions("permute", dims, self.sizes.length);
    return relayout(
      self,
      mappedNumbers(order, (d) => self.sizes[d]!),
      mappedNumbers(order, (d) => self.strides[d]!),
      self.offset,
    );
  },
  backward: {
    self: (g, { dims }) => {
      const inverse = dims.slice();
      dims.forEach((d, i) => (inverse[d < 0 ? d + dims.length : d] = i));
      return g.permute(inverse);
    },
  },
});

const exchanged = (name: string): Method<[axis0: number, axis1: number]> =>
  composite({
    name,
    parameters: { self: p.tensor, axis0: p.integer, axis1: p.integer },
    compute: ({ self, axis0, axis1 }) => self.transpose(axis0, axis1),
  });

/**
 * A view with two dimensions exchanged; the same as `transpose`.
 * @example
 * ```ts
 * torch.zeros(2, 3).swapaxes(0, 1).shape // => 3,2
 * ```
 */
export const swapaxes: Method<[axis0: number, axis1: number]> = exchanged("swapaxes");

/**
 * A view with two dimensions exchanged; the same as `transpose`.
 * @example
 * ```ts
 * torch.zeros(2, 3).swapdims(0, 1).shape // => 3,2
 * ```
 */
export const swapdims: Method<[dim0: number, dim1: number]> = composite({
  name: "swapdims",
  parameters: { self: p.tensor, dim0: p.integer, dim1: p.integer },
  compute: ({ self, dim0, dim1 }) => self.transpose(dim0, dim1),
});

const moved = (name: string): Method<[source: Dimensions, destination: Dimensions]> =>
  composite({
    name,
    parameters: { self: p.tensor, source: p.dimensions, destination: p.dimensions },
    compute: ({ self, source, destination }) => {
      const rank = self.sizes.length;
      if (source.length !== destination.length)
        throw new ShapeError(
          `${name}: [${source.join(", ")}] and [${destination.join(", ")}] differ in length; each dimension needs one place to go`,
        );
      const from = wrapDimensions(name, source, rank);
      const to = wrapDimensions(name, destination, rank);
      if (rank === 0) return self.permute([]);
      const rest = self.sizes.flatMap((_, d) => (from.includes(d) ? [] : [d]));
      return self.permute(
        mappedNumbers(self.sizes, (_, d) => {
          const at = to.indexOf(d);
          return at >= 0 ? from[at]! : rest.shift()!;
        }),
      );
    },
  });

/**
 * A view with dimensions moved to other places, the others keeping their order.
 * @example
 * ```ts
 * torch.zeros(2, 3, 5).movedim(0, -1).shape // => 3,5,2
 * ```
 */
export const movedim: Method<[source: Dimensions, destination: Dimensions]> = moved("movedim");

/**
 * A view with dimensions moved to other places; the same as `movedim`.
 * @example
 * ```ts
 * torch.zeros(2, 3, 5).moveaxis(0, -1).shape // => 3,5,2
 * ```
 */
export const moveaxis: Method<[source: Dimensions, destination: Dimensions]> = moved("moveaxis");

/**
 * The transpose of matrices in the last two dimensions, conjugated where complex.
 * @example
 * ```ts
 * torch.zeros(5, 2, 3).adjoint().shape // => 5,3,2
 * ```
 */
export const adjoint: Method = composite({
  name: "adjoint",
  parameters: { self: p.tensor },
  compute: ({ self }) => lastTwo("adjoint", self),
});

function lastTwo(name: string, self: Tensor): Tensor {
  if (self.sizes.length < 2)
    throw new ShapeError(
      `${name}: needs at least two dimensions, and the shape is ${formatSizes(self.sizes)}`,
    );
  return self.transpose(-2, -1);
}

/** Swaps two dimensions of the tensor itself. */
export const transpose_: Method<[dim0: number, dim1: number]> = composite({
  name: "transpose_",
  parameters: { self: p.tensor, dim0: p.integer, dim1: p.integer },
  compute: ({ self, dim0, dim1 }) =>
    relayoutInPlace("transpose_", self, () => self.transpose(dim0, dim1)),
});

/** The same as `transpose_`. */
export const swapaxes_: Method<[axis0: number, axis1: number]> = composite({
  name: "swapaxes_",
  parameters: { self: p.tensor, axis0: p.integer, axis1: p.integer },
  compute: ({ self, axis0, axis1 }) =>
    relayoutInPlace("swapaxes_", self, () => self.transpose(axis0, axis1)),
});

/** The same as `transpose_`. */
export const swapdims_: Method<[dim0: number, dim1: number]> = composite({
  name: "swapdims_",
  parameters: { self: p.tensor, dim0: p.integer, dim1: p.integer },
  compute: ({ self, dim0, dim1 }) =>
    relayoutInPlace("swapdims_", self, () => self.transpose(dim0, dim1)),
});

/** Transposes the matrix itself. */
export const t_: Method = composite({
  name: "t_",
  parameters: { self: p.tensor },
  compute: ({ self }) => relayoutInPlace("t_", self, () => self.t()),
});

/** Properties that every tensor has. */
export interface PermuteProperties {
  /** The view with all dimensions in reverse order. */
  readonly T: Tensor;
  /** The view with the last two dimensions exchanged. */
  readonly mT: Tensor;
  /** The conjugate transpose of a matrix. */
  readonly H: Tensor;
  /** The conjugate transpose of matrices in the last two dimensions. */
  readonly mH: Tensor;
}

Object.defineProperties(Tensor.prototype, {
  T: {
    configurable: true,
    get(this: Tensor): Tensor {
      return this.permute(mappedNumbers(this.sizes, (_, d) => this.sizes.length - 1 - d));
    },
  },
  mT: {
    configurable: true,
    get(this: Tensor): Tensor {
      return lastTwo("mT", this);
    },
  },
  H: {
    configurable: true,
    get(this: Tensor): Tensor {
      if (this.sizes.length === 0) return this;
      if (this.sizes.length !== 2)
        throw new ShapeError(
          `H: only a matrix has a conjugate transpose, and the shape is ${formatSizes(this.sizes)}; mH transposes the last two dimensions`,
        );
      return this.transpose(0, 1);
    },
  },
  mH: {
    configurable: true,
    get(this: Tensor): Tensor {
      return lastTwo("mH", this);
    },
  },
});
