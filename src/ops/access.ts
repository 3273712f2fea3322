// Reading a tensor: sizes, single values, nested arrays, typed arrays, text.
import {
  ArgumentError,
  AutogradError,
  DeviceError,
  IndexError,
  ShapeError,
} from "../core/errors.ts";
import { type ElementArray, bool } from "../core/dtype.ts";
import { type Axis, mapping } from "../core/device.ts";
import { printsAs } from "../core/inspect.ts";
import { printOptions } from "../core/printoptions.ts";
import { formatSizes, wrapDimension } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { formatTensor } from "../core/text.ts";
import { membersTogether } from "./define/batch.ts";
import { elements } from "./define/creation.ts";
import { gradientFunction, isOriginLost, requiresGradient } from "./define/history.ts";
import { isParameter } from "./define/learned.ts";
import { readElement } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { Method } from "./define/registry.ts";
import { shownTangent } from "./define/tangent.ts";

/** Nested arrays of a tensor's values; a plain value for a tensor without dimensions. */
export type NestedValues = number | boolean | readonly NestedValues[];

export interface AccessProperties extends Iterable<Tensor> {
  /** Number of dimensions. */
  readonly ndim: number;
  /** Bytes of one element. */
  readonly itemsize: number;
  /** Bytes of all elements. */
  readonly nbytes: number;
  /** PyTorch's text. */
  toString(): string;
}

Object.defineProperties(Tensor.prototype, {
  ndim: {
    configurable: true,
    get(this: Tensor): number {
      return this.sizes.length;
    },
  },
  itemsize: {
    configurable: true,
    get(this: Tensor): number {
      return this.dtype.itemsize;
    },
  },
  nbytes: {
    configurable: true,
    get(this: Tensor): number {
      return this.dtype.itemsize * this.count;
    },
  },
  toString: {
    configurable: true,
    writable: true,
    value(this: Tensor): string {
      return text(this);
    },
  },
  [Symbol.iterator]: {
    configurable: true,
    writable: true,
    value(this: Tensor): Iterator<Tensor> {
      if (this.sizes.length === 0)
        throw new ShapeError(
          "a tensor without dimensions cannot be iterated over; item() gives its value",
        );
      return this.unbind(0)[Symbol.iterator]();
    },
  },
});
printsAs(Tensor.prototype, text);

/** The place in storage of the logical row-major position `index`. */
function place(self: Tensor, index: number): number {
  if (self.dense) return self.offset + index;
  let at = self.offset;
  let rest = index;
  for (let i = self.sizes.length - 1; i >= 0; i--) {
    const size = self.sizes[i]!;
    at += (rest % size) * self.strides[i]!;
    rest = Math.floor(rest / size);
  }
  return at;
}

function text(self: Tensor): string {
  const origin = isOriginLost(self) ? "Invalid" : gradientFunction(self)?.name;
  const suffixes =
    origin !== undefined
      ? [`grad_fn=<${origin}>`]
      : requiresGradient(self)
        ? ["requires_grad=True"]
        : [];
  const tangent = shownTangent(self);
  if (tangent !== null) suffixes.push(`tangent=${text(tangent)}`);
  const { type, axes } = self.device;
  const all = membersTogether(self);
  let body = formatTensor(
    {
      shape: all.sizes,
      dtypeName: all.dtype.name,
      kind: all.dtype.kind === "floating" ? "float" : all.dtype.kind,
      read: (index) => readElement(all, place(all, index)),
    },
    suffixes,
    printOptions,
    type === "meta" ? { device: type, elided: true } : {},
  );
  for (const [at, axis] of axes.entries()) body = batchedText(body, axis, at);
  return isParameter(self) ? `Parameter containing:\n${body}` : body;
}

/** The text of a tensor inside `vmap`, from that of all members. Levels are counted from the outermost function that is being mapped. */
function batchedText(members: string, axis: Axis, at: number): string {
  const active = mapping.active.indexOf(axis);
  const level = (active < 0 ? at : active) + 1;
  return `BatchedTensor(lvl=${level}, bdim=0, value=\n${members.replaceAll(/^(?!$)/gm, "    ")}\n)`;
}

function plainValue(value: number | bigint | boolean): number | boolean {
  if (typeof value !== "bigint") return value;
  const out = Number(value);
  if (!Number.isSafeInteger(out))
    throw new ArgumentError(
      `the int64 value ${value} is beyond 2^53 and no JavaScript number equals it; read it with toTypedArray(), which gives bigints`,
    );
  return out;
}

/**
 * The value of a tensor of one element. Throws ShapeError for any other number of elements.
 * @example
 * ```ts
 * torch.tensor([2.5]).item() // => 2.5
 * ```
 */
export const item: Method<[], number> = composite({
  name: "item",
  parameters: { self: p.tensor },
  compute: ({ self }) => {
    if (self.count !== 1)
      throw new ShapeError(
        `item: the tensor of shape ${formatSizes(self.sizes)} has ${self.count} elements, not one; tolist() gives them all`,
      );
    return plainValue(readElement(self, self.offset));
  },
});

/**
 * The values as nested arrays; a plain value for a tensor without dimensions.
 * @example
 * ```ts
 * JSON.stringify(torch.eye(2).tolist()) // => [[1,0],[0,1]]
 * ```
 */
export const tolist: Method<[], NestedValues> = composite({
  name: "tolist",
  parameters: { self: p.tensor },
  compute: ({ self }) => {
    const values = elements(rowMajor(self));
    const { decode } = self.dtype.codec;
    const nest = (dim: number, from: number, count: number): NestedValues => {
      if (dim === self.sizes.length) return plainValue(decode(values[from]!));
      const size = self.sizes[dim]!;
      const step = size === 0 ? 0 : count / size;
      return Array.from({ length: size }, (_, i) => nest(dim + 1, from + i * step, step));
    };
    return nest(0, 0, self.count);
  },
});

/** The tensor, or a copy in row-major order. */
function rowMajor(self: Tensor): Tensor {
  if (self.device.type === "meta")
    throw new DeviceError("a tensor on the meta device has sizes and a type, but no values");
  return self.dense ? self : self.detach().contiguous();
}

/**
 * The elements as a typed array: the tensor's own memory where it is in row-major order, else a copy. int64 gives bigints; float16 and
 * bfloat16 give their bits. Throws AutogradError for a tensor that requires a gradient: detach() it first.
 * @example
 * ```ts
 * torch.tensor([1, 2]).toTypedArray().join(" ") // => 1 2
 * ```
 */
export const toTypedArray: Method<[], ElementArray> = composite({
  name: "toTypedArray",
  parameters: { self: p.tensor },
  compute: ({ self }) => {
    if (requiresGradient(self))
      throw new AutogradError(
        "toTypedArray: the tensor requires grad, and changes to its memory would not be recorded; call detach() first",
      );
    const { storage, dtype, offset, count } = rowMajor(self);
    const { array } = dtype.codec;
    // An empty view may lie behind the end of its memory.
    return count === 0
      ? new array(new ArrayBuffer(0))
      : new array(storage.host(), offset * dtype.itemsize, count);
  },
});

/**
 * The sizes, or the size of one dimension.
 * @example
 * ```ts
 * torch.zeros(2, 3).size(-1) // => 3
 * ```
 */
export const size: SizeMethod = composite({
  name: "size",
  parameters: { self: p.tensor, dim: p.optional(p.integer, null) },
  compute: ({ self, dim }) =>
    dim === null ? self.shape : self.shape[dimension("size", self, dim)],
});

/** With a dimension its value, without one all of them. */
interface PerDimension {
  (): readonly number[];
  (dim: number): number;
}
type SizeMethod = ((self: Tensor, dim?: number) => number | readonly number[]) & {
  readonly record: Method["record"];
  readonly method: PerDimension;
};

function dimension(name: string, self: Tensor, dim: number): number {
  if (self.sizes.length === 0)
    throw new IndexError(`${name}: a tensor without dimensions has no dimension ${dim}`);
  return wrapDimension(name, dim, self.sizes.length);
}

/**
 * The strides, or the stride of one dimension, in elements.
 * @example
 * ```ts
 * torch.zeros(2, 3).stride() // => 3,1
 * ```
 */
export const stride: SizeMethod = composite({
  name: "stride",
  parameters: { self: p.tensor, dim: p.optional(p.integer, null) },
  compute: ({ self, dim }) =>
    dim === null ? Object.freeze([...self.strides]) : self.strides[dimension("stride", self, dim)],
});

/** The place of the first element in its memory, in elements. */
export const storageOffset: Method<[], number> = composite({
  name: "storageOffset",
  parameters: { self: p.tensor },
  compute: ({ self }) => self.offset,
});

/** The number of elements. */
export const numel: Method<[], number> = composite({
  name: "numel",
  parameters: { self: p.tensor },
  compute: ({ self }) => self.count,
});

/** The number of dimensions. */
export const dim: Method<[], number> = composite({
  name: "dim",
  parameters: { self: p.tensor },
  compute: ({ self }) => self.sizes.length,
});

/** Whether the elements lie in row-major order without gaps. */
export const isContiguous: Method<[], boolean> = composite({
  name: "isContiguous",
  parameters: { self: p.tensor },
  compute: ({ self }) => self.dense,
});

/** Whether the element type is floating. */
export const isFloatingPoint: Method<[], boolean> = composite({
  name: "isFloatingPoint",
  parameters: { self: p.tensor },
  compute: ({ self }) => self.dtype.isFloatingPoint,
});

/** Whether the element type is complex. */
export const isComplex: Method<[], boolean> = composite({
  name: "isComplex",
  parameters: { self: p.tensor },
  compute: ({ self }) => self.dtype.isComplex,
});

/** Whether the element type is signed. */
export const isSigned: Method<[], boolean> = composite({
  name: "isSigned",
  parameters: { self: p.tensor },
  compute: ({ self }) => self.dtype !== bool && self.dtype.name !== "uint8",
});

/** Whether a value is a tensor. */
export function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor;
}
