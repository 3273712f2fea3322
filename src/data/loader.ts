// DataLoader: goes through a dataset in batches, in order or shuffled as PyTorch shuffles for the same seed.
import { ArgumentError } from "../core/errors.ts";
import { defaultGenerator, Generator } from "../core/generator.ts";
import * as p from "../ops/define/parameters.ts";
import { defaultCollate } from "./collate.ts";
import { type Indexed, permutation } from "./dataset.ts";

/** How a dataset is gone through. */
export interface DataLoaderOptions<T, B> {
  /** Samples a batch; null for samples one by one, not put together. Default: 1. */
  readonly batchSize?: number | null;
  /** A new random order each time. */
  readonly shuffle?: boolean;
  /** Indices in the order wanted, in place of `shuffle`. */
  readonly sampler?: Iterable<number> | null;
  /** Makes a batch of samples; by default tensors are stacked and numbers become tensors. */
  readonly collateFn?: ((samples: T[]) => B) | null;
  /** Leaves out a last batch that is not full. */
  readonly dropLast?: boolean;
  /** Where the random order comes from; by default the default generator. */
  readonly generator?: Generator | null;
}

// What a tensor-wise batch of a sample looks like.
type Batched<T> = T extends number | boolean | bigint
  ? import("../ops/methods.ts").Tensor
  : T extends import("../ops/methods.ts").Tensor | string
    ? T extends string
      ? string[]
      : T
    : T extends readonly unknown[]
      ? { -readonly [K in keyof T]: Batched<T[K]> }
      : T extends object
        ? { [K in keyof T]: Batched<T[K]> }
        : unknown;

const options = {
  batchSize: p.optional(p.integer, null),
  shuffle: p.optional(p.boolean, false),
  sampler: p.optional(p.anything as p.Parameter<Iterable<number>>, null),
  numWorkers: p.optional(p.integer, 0),
  collateFn: p.optional(p.anything as p.Parameter<(samples: unknown[]) => unknown>, null),
  dropLast: p.optional(p.boolean, false),
  generator: p.optional(p.anything as p.Parameter<Generator>, null),
};

// What PyTorch draws for the seed of workers and of a sampler: 63 random bits.
const drawSeed = (generator: Generator): bigint => BigInt.asUintN(63, generator.random64());

/**
 * Batches of a dataset, gone through with `for ... of`, each time anew. From the same seed the shuffled order is PyTorch's.
 * Throws ArgumentError for a batch size that is not positive, and for a sampler beside `shuffle`.
 * @example
 * ```ts
 * const loader = new torch.utils.data.DataLoader([1, 2, 3, 4, 5], { batchSize: 2 });
 * loader.length; // => 3
 * [...loader].join(" ") // => tensor([1, 2]) tensor([3, 4]) tensor([5])
 * ```
 */
export class DataLoader<T, B = Batched<T>> implements Iterable<B> {
  readonly dataset: Indexed<T>;
  readonly batchSize: number | null;
  readonly dropLast: boolean;
  readonly generator: Generator | null;
  readonly #shuffle: boolean;
  readonly #sampler: Iterable<number> | null;
  readonly #collate: ((samples: unknown[]) => unknown) | null;

  constructor(dataset: Indexed<T>, given: DataLoaderOptions<T, B> = {}) {
    const { batchSize, shuffle, sampler, numWorkers, collateFn, dropLast, generator } =
      p.readArguments("DataLoader", options, [given]);
    if (dataset === null || typeof dataset !== "object" || !("length" in dataset))
      throw new ArgumentError(
        `DataLoader: a dataset has a length and at(index), as arrays have; got ${p.describe(dataset)}`,
      );
    this.batchSize = given.batchSize === undefined ? 1 : batchSize;
    if (this.batchSize !== null && this.batchSize <= 0)
      throw new ArgumentError(`DataLoader: batchSize must be positive, got ${this.batchSize}`);
    if (this.batchSize === null && dropLast)
      throw new ArgumentError("DataLoader: without a batchSize there is no last batch to drop");
    if (numWorkers !== 0)
      throw new ArgumentError(
        "DataLoader: samples are loaded on this thread; leave numWorkers out, or set it to 0",
      );
    if (sampler !== null && shuffle)
      throw new ArgumentError("DataLoader: a sampler decides the order, so leave shuffle out");
    if (shuffle && dataset.length === 0)
      throw new ArgumentError("DataLoader: the dataset is empty, there is nothing to shuffle");
    this.dataset = dataset;
    this.dropLast = dropLast;
    this.generator = generator;
    this.#shuffle = shuffle;
    this.#sampler = sampler;
    this.#collate = collateFn;
  }

  /** The number of batches. */
  get length(): number {
    const count = this.#sampler === null ? this.dataset.length : [...this.#sampler].length;
    if (this.batchSize === null) return count;
    return this.dropLast ? Math.floor(count / this.batchSize) : Math.ceil(count / this.batchSize);
  }

  [Symbol.iterator](): Iterator<B> {
    // PyTorch draws a seed for its workers, whether there are any or not.
    drawSeed(this.generator ?? defaultGenerator);
    return this.#batches();
  }

  *#batches(): Iterator<B> {
    const { batchSize } = this;
    if (batchSize === null) {
      for (const index of this.#order())
        yield (this.#collate?.([this.dataset.at(index)]) ?? this.dataset.at(index)) as B;
      return;
    }
    let indices: number[] = [];
    for (const index of this.#order()) {
      indices.push(index);
      if (indices.length < batchSize) continue;
      yield this.#make(indices);
      indices = [];
    }
    if (indices.length > 0 && !this.dropLast) yield this.#make(indices);
  }

  *#order(): Generator_<number> {
    const { length } = this.dataset;
    if (this.#sampler !== null) yield* this.#sampler;
    else if (!this.#shuffle) for (let index = 0; index < length; index++) yield index;
    else {
      const generator = this.generator ?? new Generator().manualSeed(drawSeed(defaultGenerator));
      yield* permutation(length, generator);
      // PyTorch's sampler draws a second order at the end, of which it takes nothing.
      permutation(length, generator);
    }
  }

  #make(indices: readonly number[]): B {
    const { dataset } = this;
    if (this.#collate === null && dataset.batch !== undefined) return dataset.batch(indices) as B;
    const samples = indices.map((index) => dataset.at(index));
    return (this.#collate ?? defaultCollate)(samples) as B;
  }
}

type Generator_<T> = globalThis.Generator<T>;
