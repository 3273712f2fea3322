// A tensor seen with another layout for the length of one kernel call.
import type { Operand } from "../../core/backend.ts";
import { type DType, float32 } from "../../core/dtype.ts";
import { noSizes, type Sizes } from "../../core/shape.ts";
import type { Storage } from "../../core/storage.ts";
import type { Tensor } from "../../core/tensor.ts";

/** Made once and laid anew: a tensor for it would cost as much as a kernel on a few elements. */
export class ScratchView implements Operand {
  storage!: Storage;
  dtype: DType = float32;
  sizes: Sizes = noSizes;
  strides: Sizes = noSizes;
  offset = 0;
  count = 0;
  dense = false;

  /** The same elements with other sizes, of which only those that are 1 are more or fewer. */
  show(tensor: Tensor, sizes: Sizes, strides: Sizes): this {
    this.storage = tensor.storage;
    this.dtype = tensor.dtype;
    this.sizes = sizes;
    this.strides = strides;
    this.offset = tensor.offset;
    this.count = tensor.count;
    this.dense = tensor.dense;
    return this;
  }
}
