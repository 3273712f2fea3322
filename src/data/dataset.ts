// Datasets: what has a length and gives one sample for each index. An array is one.
import { ArgumentError, IndexError, ShapeError } from "../core/errors.ts";
import { defaultGenerator, Generator } from "../core/generator.ts";
import { fillPermutation } from "../core/permutation.ts";
import { formatSizes } from "../core/shape.ts";
import { overBuffer } from "../ops/define/memory.ts";
import { int64 } from "../core/dtype.ts";
import { describe } from "../ops/define/parameters.ts";
import { Tensor } from "../ops/methods.ts";

/** Anything that can be loaded from: arrays are, and so are the classes below. */
export interface Indexed<T> {
  readonly length: number;
  /** The sample at an index from 0 to length - 1. */
  at(index: number): T | undefined;
  /** Several samples, already put together as a batch. A loader uses it where no other way of collating is asked for. */
  readonly batch?: ((indices: readonly number[]) => unknown) | undefined;
}

/**
 * Base class of datasets: a subclass says its `length` and what `at(index)` gives.
 * @example
 * ```ts
 * class Squares extends torch.utils.data.Dataset<number> {
 *   length = 4;
 *   at(index: number) {
 *     return index * index;
 *   }
 * }
 * const loader = new torch.utils.data.DataLoader(new Squares(), { batchSize: 2 });
 * [...loader].join(" ") // => tensor([0, 1]) tensor([4, 9])
 * ```
 */
export abstract class Dataset<T> implements Indexed<T> {
  abstract readonly length: number;
  abstract at(index: number): T;

  *[Symbol.iterator](): Generator_<T> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }
}

type Generator_<T> = globalThis.Generator<T>;

/** A random order of 0 .. n - 1, as PyTorch's randperm gives. */
export function permutation(n: number, generator: Generator | null): number[] {
  const order = new Float64Array(n);
  fillPermutation(generator ?? defaultGenerator, order);
  return [...order];
}

/** Rows of tensors: sample i is `[t[i] for each tensor t]`. Throws ShapeError unless all have as many rows. */
export class TensorDataset extends Dataset<Tensor[]> {
  readonly tensors: readonly Tensor[];

  constructor(...tensors: readonly Tensor[]) {
    super();
    const [first] = tensors;
    if (first === undefined || tensors.some((t) => !(t instanceof Tensor)))
      throw new ArgumentError(
        `TensorDataset: expected tensors, got ${tensors.map(describe).join(", ") || "nothing"}`,
      );
    if (tensors.some((t) => t.shape.length === 0 || t.shape[0] !== first.shape[0]))
      throw new ShapeError(
        `TensorDataset: all tensors must have as many rows, got shapes ${tensors.map((t) => formatSizes(t.shape)).join(", ")}`,
      );
    this.tensors = tensors;
  }

  get length(): number {
    return this.tensors[0]?.shape[0] ?? 0;
  }

  at(index: number): Tensor[] {
    if (!(Number.isInteger(index) && index >= 0 && index < this.length))
      throw new IndexError(`TensorDataset: there is no row ${index} among ${this.length}`);
    return this.tensors.map((tensor) => tensor.select(0, index));
  }

  batch(indices: readonly number[]): Tensor[] {
    const positions = wholeNumbers(indices);
    return this.tensors.map((tensor) => tensor.indexSelect(0, positions));
  }
}

/** Whole numbers as an int64 vector. */
function wholeNumbers(values: readonly number[]): Tensor {
  const array = new BigInt64Array(values.map(BigInt));
  return overBuffer(array.buffer, int64, [values.length]);
}

/** Some samples of a dataset, by their indices. */
export class Subset<T> extends Dataset<T> {
  readonly dataset: Indexed<T>;
  readonly indices: readonly number[];

  constructor(dataset: Indexed<T>, indices: readonly number[]) {
    super();
    this.dataset = dataset;
    this.indices = indices;
  }

  get length(): number {
    return this.indices.length;
  }

  at(index: number): T {
    return this.dataset.at(this.#index(index)) as T;
  }

  /** Present where the dataset has it. */
  get batch(): ((indices: readonly number[]) => unknown) | undefined {
    const { dataset } = this;
    if (dataset.batch === undefined) return undefined;
    return (indices) => dataset.batch!(indices.map((index) => this.#index(index)));
  }

  #index(index: number): number {
    const found = this.indices[index];
    if (found === undefined)
      throw new IndexError(`Subset: there is no sample ${index} among ${this.indices.length}`);
    return found;
  }
}

/**
 * Splits a dataset at random into parts of the given lengths, or of the given fractions of the whole where these sum to 1.
 * Throws ArgumentError for lengths that do not sum to the dataset's.
 */
export function randomSplit<T>(
  dataset: Indexed<T>,
  lengths: readonly number[],
  { generator = null }: { readonly generator?: Generator | null } = {},
): Subset<T>[] {
  const sizes = partLengths(dataset.length, lengths);
  const order = permutation(dataset.length, generator);
  let from = 0;
  return sizes.map((size) => new Subset(dataset, order.slice(from, (from += size))));
}

function partLengths(total: number, lengths: readonly number[]): readonly number[] {
  const sum = lengths.reduce((a, b) => a + b, 0);
  let sizes = [...lengths];
  if (Math.abs(sum - 1) <= 1e-9 && sum <= 1) {
    if (lengths.some((fraction) => !(fraction >= 0 && fraction <= 1)))
      throw new ArgumentError(`randomSplit: fractions lie from 0 to 1, got ${lengths.join(", ")}`);
    sizes = lengths.map((fraction) => Math.floor(total * fraction));
    const rest = total - sizes.reduce((a, b) => a + b, 0);
    for (let i = 0; i < rest; i++) sizes[i % sizes.length]!++;
  }
  const covered = sizes.reduce((a, b) => a + b, 0);
  if (covered !== total || sizes.some((size) => !(Number.isInteger(size) && size >= 0)))
    throw new ArgumentError(
      `randomSplit: the lengths ${lengths.join(", ")} should be whole and sum to ${total}, or be fractions that sum to 1`,
    );
  return sizes;
}
