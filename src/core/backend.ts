// What a backend offers: memory, and a closed set of kernel kinds. Operations are made of these.
import type { DType } from "./dtype.ts";
import type { TypedProgram } from "./program.ts";
import type { Sizes } from "./shape.ts";
import type { Storage } from "./storage.ts";

/** A strided region of memory. A Tensor is one. */
export interface Operand {
  readonly storage: Storage;
  readonly dtype: DType;
  readonly sizes: Sizes;
  readonly strides: Sizes;
  readonly offset: number;
  readonly count: number;
  readonly dense: boolean;
}

/**
 * How a reduction combines elements. `sum` of floats is pairwise or blocked, never one running sum, and float16/bfloat16 accumulate in
 * float32. `minimum` and `maximum` propagate NaN. `argmin`/`argmax` write the int64 position within the reduced elements in row-major order,
 * of the first NaN, else of the first extremum. `all`/`any` test for non-zero.
 */
export type ReductionKind =
  | "sum"
  | "product"
  | "minimum"
  | "maximum"
  | "argmin"
  | "argmax"
  | "all"
  | "any";
/** How a scan combines. `logSumExp` keeps the logarithm of the running sum of exponentials. */
export type ScanKind = "sum" | "product" | "maximum" | "minimum" | "logSumExp";
/** What happens where a written element already holds a value. Duplicates in `set` leave the last in row-major order of the source. */
export type ScatterKind = "set" | "sum" | "product" | "minimum" | "maximum";

export type KernelKind =
  | "map"
  | "reduce"
  | "scan"
  | "matmul"
  | "gather"
  | "scatter"
  | "index"
  | "indexPut"
  | "nonzero"
  | "sort"
  | "softmax"
  | "softmaxBackward";

/**
 * Kernels. Contracts that all share:
 * - operands may have any strides (0 and negative included) and any element types; memory never holds fewer elements than a layout reaches;
 * - an output never overlaps itself; it may be the very same region as an input (in place), else it overlaps none;
 * - zero elements are fine and do nothing;
 * - callers have checked shapes and types; index VALUES are checked by the kernel, which throws IndexError before memory is touched
 *   outside its bounds, naming the value and the range (negative values count from the end only in `index` and `indexPut`).
 */
export interface Backend {
  readonly name: string;
  /** Present and true where memory has no values: checks that look at values are left out. */
  readonly valueless?: boolean;
  /** How many threads large kernels may use, which can be set; absent where there is only one. */
  threads?: number;
  /** Whether this backend computes the kind in that type. The conformance suite asks; operations do not yet: every backend computes what they call. */
  supports(kind: KernelKind, compute: DType): boolean;
  /** Memory for that many bytes, contents undefined. Throws DeviceError when there is none. */
  allocate(byteLength: number): Storage;
  /** One element as a JavaScript value: bigint for int64, number or boolean otherwise. `index` counts elements from the start of the storage. */
  read(storage: Storage, dtype: DType, index: number): number | bigint | boolean;

  /** output[i] = program(inputs[i]..., scalars...); inputs broadcast to the output's sizes. */
  map(
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void;
  /** The same with several outputs of equal sizes; every input element is read before the output elements at its index are written. */
  mapMany(
    program: TypedProgram,
    outputs: readonly Operand[],
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void;
  /**
   * output = combine over the reduced dimensions of program(inputs..., scalars...), divided by `divisor` (sum only; 1 elsewhere).
   * `sizes` are those iterated, to which the inputs broadcast; `output` has as many dimensions, with size 1 where reduced, or none where
   * all are. The program's output type is the one combined in; `output.dtype` may differ (bool for all/any, int64 for argmin/argmax).
   * Reducing no elements gives the identity: 0 for sum, 1 for product, true for all, false for any (extrema of nothing are refused earlier).
   */
  reduce(
    kind: ReductionKind,
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
    sizes: Sizes,
    divisor: number,
  ): void;
  /** output[..., i, ...] = combine of input[..., 0..i, ...] along `dim`. `positions` (int64), if given, gets where the extremum lies (the last of equals). */
  scan(
    kind: ScanKind,
    output: Operand,
    input: Operand,
    dim: number,
    positions: Operand | null,
  ): void;
  /**
   * output = alpha * (a @ b) + beta * addend, batched: a is [..., M, K], b [..., K, N], output [..., M, N] of one rank, batch sizes
   * equal to the output's or broadcast with stride 0 and the output's size; addend has the output's sizes (stride 0 where broadcast). One dtype for all.
   */
  matmul(
    output: Operand,
    a: Operand,
    b: Operand,
    alpha: number,
    beta: number,
    addend: Operand | null,
  ): void;
  /** output[p] = input[p with p[dim] replaced by index[p]]; index (int64) has the output's sizes. */
  gather(output: Operand, input: Operand, dim: number, index: Operand): void;
  /** output[p with p[dim] replaced by index[p]] = combine(that, source[p]) for every p of index; source has at least index's sizes. */
  scatter(kind: ScatterKind, output: Operand, dim: number, index: Operand, source: Operand): void;
  /** output[i..., rest...] = input[indices[0][i], indices[1][i], ..., rest...]; indices (int64) all have the sizes i; rest are input's remaining dimensions. */
  index(output: Operand, input: Operand, indices: readonly Operand[]): void;
  /** output[indices[0][i], ..., rest...] = source[i..., rest...], or += where `accumulate`. */
  indexPut(
    output: Operand,
    indices: readonly Operand[],
    source: Operand,
    accumulate: boolean,
  ): void;
  /** Row r of output (int64 [n, rank]) = the position of the r-th non-zero element in row-major order; n was counted before. */
  nonzero(output: Operand, input: Operand): void;
  /** Sorts along the last dimension, stably; NaN counts as the largest. positions (int64) gets where each value came from. */
  sort(values: Operand, positions: Operand, input: Operand, descending: boolean): void;
  /** softmax, or its logarithm, along the last dimension; computed against the maximum so that nothing overflows. Floating types. */
  softmax(output: Operand, input: Operand, logarithm: boolean): void;
  /** The gradient of `softmax` from the gradient and the result, along the last dimension. */
  softmaxBackward(output: Operand, gradient: Operand, result: Operand, logarithm: boolean): void;
}
