// Visiting the elements of a strided layout in row-major order.
import type { Sizes } from "../../core/shape.ts";

/** Elements handled at a time: registers of this length stay in the first-level cache. */
export const blockLength = 256;

/** Walks a layout in row-major order and says at which storage element each of its elements lies. */
export class Walk {
  readonly #sizes: Sizes;
  readonly #strides: Sizes;
  readonly #index: number[];
  #position: number;

  constructor(sizes: Sizes, strides: Sizes, offset: number) {
    this.#sizes = sizes;
    this.#strides = strides;
    this.#index = sizes.map(() => 0);
    this.#position = offset;
  }

  /** Starts again, with the first element at `offset`. */
  reset(offset: number): void {
    this.#index.fill(0);
    this.#position = offset;
  }

  /** The position of the next element; the walk moves on by one. */
  next(): number {
    const here = this.#position;
    for (let dim = this.#sizes.length - 1; dim >= 0; dim--) {
      this.#position += this.#strides[dim]!;
      if (++this.#index[dim]! < this.#sizes[dim]!) break;
      this.#index[dim] = 0;
      this.#position -= this.#sizes[dim]! * this.#strides[dim]!;
    }
    return here;
  }

  /** Writes the positions of the next `count` elements. */
  take(positions: Float64Array, count: number): void {
    for (let i = 0; i < count; i++) positions[i] = this.next();
  }
}
