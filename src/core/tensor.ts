// The Tensor class: fields only. Operations attach themselves as methods in ops/methods.ts.
import type { Device } from "./device.ts";
import type { DType } from "./dtype.ts";
import type { Sizes } from "./shape.ts";
import type { Storage } from "./storage.ts";

/** What a tensor knows of the graph node that made it; the graph itself lives a layer up. */
export interface GraphNode {
  readonly sequence: number;
}

/** What a tensor knows of being a view, and the hooks registered on it; both are kept by the layers above. */
export interface ViewRecord {
  readonly base: Tensor;
}
export interface TensorHooks {
  /** Where the gradient of a tensor that is not a leaf is retained; null where it is not. */
  readonly retained: { gradient: Tensor | null } | null;
  /** The number of the latest node when the tensor was detached in place; 0 if it never was. */
  readonly detachedAt: number;
}

/**
 * An n-dimensional array with a place in the graph.
 * The element at index (i0, i1, ...) lies at storage element `offset` + sum of i_k * `strides`[k].
 */
export class Tensor {
  readonly storage: Storage;
  readonly dtype: DType;
  sizes: Sizes;
  strides: Sizes;
  offset: number;
  /** Number of elements. */
  count: number;
  /** Whether the elements lie in row-major order without gaps. */
  dense: boolean;
  /** Whether operations on this tensor are recorded. */
  tracked: boolean;
  node: GraphNode | null;
  outputIndex: number;
  gradient: Tensor | null;
  /** The leaf's own accumulation node, made when the leaf is first used. */
  accumulator: GraphNode | null;
  viewOf: ViewRecord | null;
  hooks: TensorHooks | null;
  private frozenSizes: Sizes | null;

  constructor(
    storage: Storage,
    dtype: DType,
    sizes: Sizes,
    strides: Sizes,
    offset: number,
    count: number,
    contiguous: boolean,
  ) {
    this.storage = storage;
    this.dtype = dtype;
    this.sizes = sizes;
    this.strides = strides;
    this.offset = offset;
    this.count = count;
    this.dense = contiguous;
    // Assigned here rather than where they are declared: initialisers cost a call for each tensor.
    this.tracked = false;
    this.node = null;
    this.outputIndex = 0;
    this.gradient = null;
    this.accumulator = null;
    this.viewOf = null;
    this.hooks = null;
    this.frozenSizes = null;
  }

  /** Shows other elements of the same memory from now on. */
  setLayout(
    sizes: Sizes,
    strides: Sizes,
    offset: number,
    count: number,
    contiguous: boolean,
  ): void {
    this.sizes = sizes;
    this.strides = strides;
    this.offset = offset;
    this.count = count;
    this.dense = contiguous;
    this.frozenSizes = null;
  }

  /** The sizes, one for each dimension. */
  get shape(): Sizes {
    return (this.frozenSizes ??= Object.freeze([...this.sizes]));
  }

  /** Where the elements are. */
  get device(): Device {
    return this.storage.device;
  }
}
