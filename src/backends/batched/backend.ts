// The backend of a device with a hidden batch dimension: each kernel runs once on the parent's backend, for all members together.
import type {
  Backend,
  KernelKind,
  Operand,
  ReductionKind,
  ScanKind,
  ScatterKind,
} from "../../core/backend.ts";
import type { Device } from "../../core/device.ts";
import { type DType, int64 } from "../../core/dtype.ts";
import { AutogradError } from "../../core/errors.ts";
import type { TypedProgram } from "../../core/program.ts";
import type { Sizes } from "../../core/shape.ts";
import { Storage } from "../../core/storage.ts";
import { Tensor } from "../../core/tensor.ts";
import { hasNoValue, Members, memberStorage } from "./storage.ts";

function membersOf(operand: Operand): Members {
  return operand.storage.memory as Members;
}

/** Matrices one below the other as one matrix; null where they do not lie so. */
function asRows({ storage, dtype, sizes, strides, offset, count }: Operand): Operand | null {
  const [members, rows, columns] = sizes as [number, number, number];
  const [between, down, across] = strides as [number, number, number];
  if (rows !== 1 && between !== down * rows) return null;
  const step = rows === 1 ? between : down;
  const dense = (across === 1 || columns === 1) && step === columns;
  return new Tensor(
    storage,
    dtype,
    [members * rows, columns],
    [step, across],
    offset,
    count,
    dense,
  );
}

export class BatchedBackend implements Backend {
  readonly name: string = "batched";
  /** Checks that look at values are left out: there is one value for each member. */
  readonly valueless: boolean = true;
  readonly #device: Device;
  readonly #parent: Backend;
  readonly #size: number;
  #numbers: Storage | null = null;

  constructor(device: Device) {
    this.#device = device;
    this.#parent = device.batch!.parent.backend;
    this.#size = device.batch!.size;
  }

  supports(kind: KernelKind, compute: DType): boolean {
    return this.#parent.supports(kind, compute);
  }

  allocate(byteLength: number): Storage {
    const inner = this.#parent.allocate(byteLength * this.#size);
    return memberStorage(this.#device, inner, byteLength, this.#size);
  }

  read(storage: Storage, dtype: DType, index: number): number | bigint | boolean {
    const { inner, step } = storage.memory as Members;
    if (step !== 0 && this.#size > 1) throw hasNoValue();
    return inner.device.backend.read(inner, dtype, index);
  }

  /** Elements between two members; 0 for operands of lower levels, which all members share. */
  #step(operand: Operand): number {
    return operand.storage.device === this.#device
      ? membersOf(operand).step / operand.dtype.itemsize
      : 0;
  }

  /** All members of an operand, brought to `rank` dimensions behind the batch's; one that all members share has size 1 there. */
  #all(operand: Operand, rank: number): Operand {
    if (operand.storage.device !== this.#device) return operand;
    const { sizes, strides, dtype, offset, count, dense } = operand;
    const { inner, step } = membersOf(operand);
    if (step === 0 || this.#size === 1)
      return new Tensor(inner, dtype, sizes, strides, offset, count, dense);
    const ones = new Array<number>(rank - sizes.length).fill(1);
    const between = step / dtype.itemsize;
    return new Tensor(
      inner,
      dtype,
      [this.#size, ...ones, ...sizes],
      [between, ...ones.map(() => 0), ...strides],
      offset,
      count * this.#size,
      dense && between === count,
    );
  }

  /** The same with the batch's full size in front, for kernels that do not broadcast. */
  #wide(operand: Operand): Operand {
    const between = this.#step(operand);
    const { sizes, strides, dtype, offset, count, dense, storage } = operand;
    return new Tensor(
      storage.device === this.#device ? membersOf(operand).inner : storage,
      dtype,
      [this.#size, ...sizes],
      [between, ...strides],
      offset,
      count * this.#size,
      dense && (between === count || this.#size === 1),
    );
  }

  /** All members of an operand that is about to be written. */
  #target(operand: Operand): Operand {
    if (this.#step(operand) === 0 && this.#size > 1)
      throw new AutogradError(
        "vmap: a tensor that all members of the batch share cannot be changed in place inside the mapped function; use the out-of-place form, or clone() it there",
      );
    return this.#wide(operand);
  }

  map(
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void {
    const rank = output.sizes.length;
    this.#parent.map(
      program,
      this.#target(output),
      inputs.map((input) => this.#all(input, rank)),
      scalars,
    );
  }

  mapMany(
    program: TypedProgram,
    outputs: readonly Operand[],
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void {
    const rank = outputs[0]!.sizes.length;
    this.#parent.mapMany(
      program,
      outputs.map((output) => this.#target(output)),
      inputs.map((input) => this.#all(input, rank)),
      scalars,
    );
  }

  reduce(
    kind: ReductionKind,
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
    sizes: Sizes,
    divisor: number,
  ): void {
    this.#parent.reduce(
      kind,
      program,
      this.#target(output),
      inputs.map((input) => this.#all(input, sizes.length)),
      scalars,
      [this.#size, ...sizes],
      divisor,
    );
  }

  scan(
    kind: ScanKind,
    output: Operand,
    input: Operand,
    dim: number,
    positions: Operand | null,
  ): void {
    // A tensor without dimensions is scanned as one element; behind a batch it needs a dimension of its own.
    const line = (operand: Operand): Operand =>
      operand.sizes.length > 0
        ? operand
        : new Tensor(operand.storage, operand.dtype, [1], [1], operand.offset, 1, true);
    this.#parent.scan(
      kind,
      this.#target(line(output)),
      this.#wide(line(input)),
      dim + 1,
      positions === null ? null : this.#target(line(positions)),
    );
  }

  matmul(
    output: Operand,
    a: Operand,
    b: Operand,
    alpha: number,
    beta: number,
    addend: Operand | null,
  ): void {
    const out = this.#target(output);
    const left = this.#wide(a);
    const added = addend === null ? null : this.#wide(addend);
    // Members that meet one shared matrix are rows of one larger product.
    if (output.sizes.length === 2 && this.#step(b) === 0) {
      const rows = [out, left, ...(added === null ? [] : [added])].map(asRows);
      if (rows.every((operand) => operand !== null)) {
        this.#parent.matmul(rows[0]!, rows[1]!, this.#all(b, 2), alpha, beta, rows[2] ?? null);
        return;
      }
    }
    this.#parent.matmul(out, left, this.#wide(b), alpha, beta, added);
  }

  gather(output: Operand, input: Operand, dim: number, index: Operand): void {
    this.#parent.gather(this.#target(output), this.#wide(input), dim + 1, this.#wide(index));
  }

  scatter(kind: ScatterKind, output: Operand, dim: number, index: Operand, source: Operand): void {
    this.#parent.scatter(
      kind,
      this.#target(output),
      dim + 1,
      this.#wide(index),
      this.#wide(source),
    );
  }

  index(output: Operand, input: Operand, indices: readonly Operand[]): void {
    const wide = indices.map((index) => this.#wide(index));
    const shared = this.#step(input) === 0;
    this.#parent.index(
      this.#target(output),
      shared ? this.#all(input, input.sizes.length) : this.#wide(input),
      shared ? wide : [this.#memberNumbers(wide[0]!), ...wide],
    );
  }

  indexPut(
    output: Operand,
    indices: readonly Operand[],
    source: Operand,
    accumulate: boolean,
  ): void {
    const wide = indices.map((index) => this.#wide(index));
    this.#parent.indexPut(
      this.#target(output),
      [this.#memberNumbers(wide[0]!), ...wide],
      this.#wide(source),
      accumulate,
    );
  }

  /** For every place of an index, the number of the member it belongs to. */
  #memberNumbers(like: Operand): Operand {
    if (this.#numbers === null) {
      const numbers = BigInt64Array.from({ length: this.#size }, (_, i) => BigInt(i));
      this.#numbers = new Storage(this.#device.base, numbers.buffer, -1, numbers.byteLength);
    }
    const strides = like.sizes.map((_, d) => (d === 0 ? 1 : 0));
    return new Tensor(this.#numbers, int64, like.sizes, strides, 0, like.count, false);
  }

  nonzero(): void {
    throw hasNoValue();
  }

  sort(values: Operand, positions: Operand, input: Operand, descending: boolean): void {
    this.#parent.sort(this.#target(values), this.#target(positions), this.#wide(input), descending);
  }

  softmax(output: Operand, input: Operand, logarithm: boolean): void {
    this.#parent.softmax(this.#target(output), this.#wide(input), logarithm);
  }

  softmaxBackward(output: Operand, gradient: Operand, result: Operand, logarithm: boolean): void {
    this.#parent.softmaxBackward(
      this.#target(output),
      this.#wide(gradient),
      this.#wide(result),
      logarithm,
    );
  }
}
