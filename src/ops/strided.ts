// The view with any layout, and its gradient, on which in-place changes through views rest.
import { gradMode } from "../autograd/mode.ts";
import { int64 } from "../core/dtype.ts";
import { AutogradError, DTypeError, ShapeError } from "../core/errors.ts";
import { mappedNumbers } from "../core/list.ts";
import {
  checkSizes,
  contiguousStrides,
  formatSizes,
  mayOverlap,
  type Sizes,
} from "../core/shape.ts";
import type { Tensor } from "../core/tensor.ts";
import { fromNumbers } from "./define/creation.ts";
import { relayoutInPlace } from "./define/layout.ts";
import { gradientFunction, requiresGradient } from "./define/history.ts";
import { checkDevices } from "./define/levels.ts";
import { adopt, empty, relayout, shareMemory } from "./define/memory.ts";
import { composite, operation } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method, Trailing } from "./define/registry.ts";

/**
 * The gradient of a strided view for the tensor it shows: gradients of elements that lie on one place are summed, then each element of the
 * input gets that of its place, shared equally where several of its own elements lie there.
 */
function scatteredBack(
  gradient: Tensor,
  from: Geometry,
  to: { readonly sizes: Sizes; readonly strides: Sizes; readonly offset: number },
): Tensor {
  let g = gradient;
  const sizes: number[] = [];
  const strides: number[] = [];
  for (let d = from.sizes.length - 1; d >= 0; d--) {
    if (from.sizes[d] === 0) return gradient.newZeros(to.sizes);
    if (from.sizes[d] === 1) g = g.squeeze(d);
    else if (from.strides[d] === 0) g = g.sum(d);
    else {
      sizes.unshift(from.sizes[d]!);
      strides.unshift(from.strides[d]!);
    }
  }
  if (to.sizes.includes(0)) return gradient.newZeros(to.sizes);
  const kept = to.sizes.flatMap((n, d) => (n === 1 ? [] : [d]));
  const ownSizes = mappedNumbers(kept, (d) => to.sizes[d]!);
  const ownStrides = mappedNumbers(kept, (d) => to.strides[d]!);
  const first = Math.min(from.offset, to.offset);
  const length = Math.max(
    reach(sizes, strides) + from.offset - first,
    reach(ownSizes, ownStrides) + to.offset - first,
  );
  const flat = (n: Sizes, step: Sizes, offset: number): Tensor =>
    positions(length, gradient)
      .asStrided(n, step, offset - first)
      .reshape(-1);
  let memory = gradient.newZeros([length]);
  if (mayOverlap(sizes, strides))
    memory = memory.indexAdd(0, flat(sizes, strides, from.offset), g.reshape(-1));
  else memory.asStrided(sizes, strides, from.offset - first).copy_(g);
  if (mayOverlap(ownSizes, ownStrides)) {
    const where = flat(ownSizes, ownStrides, to.offset);
    const count = gradient.newZeros([length]).indexAdd(0, where, gradient.newOnes(where.sizes));
    const counts = count.detach().toTypedArray();
    memory = memory.mul(
      fromNumbers("asStrided", [length], g.dtype, g.device, false, (i) => 1 / Number(counts[i])),
    );
  }
  return memory.asStrided(to.sizes, to.strides, to.offset - first);
}

interface Geometry {
  readonly sizes: Sizes;
  readonly strides: Sizes;
  readonly offset: number;
}

/** How many elements a layout reaches over. */
function reach(sizes: Sizes, strides: Sizes): number {
  return sizes.reduce((most, n, d) => most + (n - 1) * strides[d]!, 1);
}

function positions(length: number, like: Tensor): Tensor {
  return fromNumbers("asStrided", [length], int64, like.device, false, (i) => i);
}

const strided: (
  self: Tensor,
  size: Sizes,
  stride: Sizes,
  storageOffset: number,
  ownStrides: Sizes,
  ownOffset: number,
) => Tensor = operation({
  name: "asStrided",
  parameters: {
    self: p.tensor,
    size: p.integers,
    stride: p.integers,
    storageOffset: p.integer,
    ownStrides: p.integers,
    ownOffset: p.integer,
  },
  view: "single",
  forward: ({ self, size, stride, storageOffset: offset }) => {
    const last = size.reduce((most, n, i) => most + (n - 1) * stride[i]!, offset);
    const capacity = Math.floor(self.storage.byteLength / self.dtype.itemsize);
    if (
      size.length !== stride.length ||
      stride.some((s) => s < 0) ||
      offset < 0 ||
      (!size.includes(0) && last >= capacity)
    )
      throw new ShapeError(
        `asStrided: sizes ${formatSizes(size)} with strides ${formatSizes(stride)} from ${offset} do not lie within the ${capacity} elements of the memory`,
      );
    return relayout(self, size, stride, offset);
  },
  backward: {
    self: (g, { sizesOf, size, stride, storageOffset, ownStrides, ownOffset }) =>
      scatteredBack(
        g,
        { sizes: size, strides: stride, offset: storageOffset },
        { sizes: sizesOf["self"]!, strides: ownStrides, offset: ownOffset },
      ),
  },
});

/**
 * A view with any sizes and strides over the tensor's memory, starting at `storageOffset` elements.
 * Throws ShapeError where the layout would leave the memory.
 * @example
 * ```ts
 * torch.arange(5).asStrided([3, 2], [1, 1]) // => tensor([[0, 1],\n        [1, 2],\n        [2, 3]])
 * ```
 */
export const asStrided: Method<
  [size: readonly number[], stride: readonly number[], storageOffset?: number | null]
> = composite({
  name: "asStrided",
  parameters: {
    self: p.tensor,
    size: p.integers,
    stride: p.integers,
    storageOffset: p.optional(p.integer, null),
  },
  compute: ({ self, size, stride, storageOffset }) => {
    checkSizes("asStrided", size);
    const offset = storageOffset ?? self.offset;
    return strided(self, size, stride, offset, self.strides, self.offset);
  },
});

/** Gives the tensor itself any sizes and strides over its memory. Throws as `asStrided` does. */
export const asStrided_: Method<
  [size: readonly number[], stride: readonly number[], storageOffset?: number | null]
> = composite({
  name: "asStrided_",
  parameters: {
    self: p.tensor,
    size: p.integers,
    stride: p.integers,
    storageOffset: p.optional(p.integer, null),
  },
  compute: ({ self, size, stride, storageOffset }) =>
    relayoutInPlace("asStrided_", self, () => self.asStrided(size, stride, storageOffset)),
});

/**
 * Makes the tensor itself show the memory of another from now on, as that one does or with a layout of its own; without arguments, no
 * elements at all. Its gradient starts anew: a graph that the tensor was used in before leads to its former place, and refuses to be gone
 * through where it saved the tensor. Versions of the two are counted apart.
 * Throws DTypeError for another type, ShapeError for a layout that reaches beyond the memory, AutogradError where a gradient would be lost:
 * on results of recorded operations, and, outside of noGrad, on leaves that require gradients.
 * @example
 * ```ts
 * const t = torch.zeros(2);
 * t.set_(torch.arange(6, { dtype: torch.float32 }), 1, [2, 2]) // => tensor([[1., 2.],\n        [3., 4.]])
 * ```
 */
export const set_: Method<
  Trailing<
    [
      source: Tensor | null,
      storageOffset: number,
      size: readonly number[] | null,
      stride: readonly number[] | null,
    ],
    {
      readonly source?: Tensor | null;
      readonly storageOffset?: number;
      readonly size?: readonly number[] | null;
      readonly stride?: readonly number[] | null;
    }
  >
> = composite({
  name: "set_",
  parameters: {
    self: p.tensor,
    source: p.optional(p.tensor, null),
    storageOffset: p.optional(p.integer, 0),
    size: p.optional(p.integers, null),
    stride: p.optional(p.integers, null),
  },
  compute: ({ self, source: given, storageOffset, size, stride }) => {
    const source = given ?? empty([0], self.dtype, self.device);
    checkSettable(self, source);
    if (size !== null) checkSizes("set_", size);
    const shown =
      size === null
        ? source
        : source.detach().asStrided(size, stride ?? contiguousStrides(size), storageOffset);
    const { version } = self.storage;
    adopt(self, shown);
    shareMemory(self, version);
    self.storage.written("set_");
    self.viewOf = null;
    self.accumulator = null;
    return self;
  },
});

/** Refuses what would lose a gradient, or the meaning of the memory. */
function checkSettable(self: Tensor, source: Tensor): void {
  if (source.dtype !== self.dtype)
    throw new DTypeError(
      `set_: the tensor is ${self.dtype.name} and the source ${source.dtype.name}; give a source of the same type`,
    );
  checkDevices("set_", [self, source]);
  if (self.device.axes.length > 0 || source.device.axes.length > 0)
    throw new AutogradError(
      "set_: tensors inside vmap show the memory of all members of the batch and cannot be given another; do it outside",
    );
  if (gradientFunction(self) !== null)
    throw new AutogradError(
      "set_: the tensor is the result of a recorded operation, and set_ has no derivative; use copy_(), or detach() the tensor first",
    );
  if (gradMode.enabled && (requiresGradient(self) || requiresGradient(source)))
    throw new AutogradError(
      "set_: set_ has no derivative, and one of the tensors requires grad; do it inside torch.noGrad(() => ...)",
    );
}
