// The backend of a device with hidden axes: each kernel runs once on the device below them, for all members together.
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
import { joined, mapped, mappedNumbers, zeros } from "../../core/list.ts";
import type { TypedProgram } from "../../core/program.ts";
import { contiguousStrides, elementCount, isContiguous, type Sizes } from "../../core/shape.ts";
import { Storage } from "../../core/storage.ts";
import { Tensor } from "../../core/tensor.ts";
import { hasNoValue, type Members, membersOf, memberStorage } from "./storage.ts";

function laidOut(operand: Operand, storage: Storage, sizes: Sizes, strides: Sizes): Operand {
  const { dtype, offset } = operand;
  let count = 1;
  for (const size of sizes) count *= size;
  return new Tensor(storage, dtype, sizes, strides, offset, count, isContiguous(sizes, strides));
}

/** A matrix behind axes, transposed. */
function turned(operand: Operand): Operand {
  const last = operand.sizes.length - 1;
  const swapped = (of: Sizes): number[] => {
    const all = of.slice();
    all[last - 1] = of[last]!;
    all[last] = of[last - 1]!;
    return all;
  };
  return laidOut(operand, operand.storage, swapped(operand.sizes), swapped(operand.strides));
}

/** A result without dimensions as one of `rank` dimensions of size 1. */
function singleElement({ storage, dtype, offset }: Operand, rank: number): Operand {
  const ones = mappedNumbers(zeros(rank), () => 1);
  return new Tensor(storage, dtype, ones, ones, offset, 1, true);
}

export class BatchedBackend implements Backend {
  readonly name: string = "batched";
  /** Checks that look at values are left out: there is one value for each member. */
  readonly valueless: boolean = true;
  readonly #device: Device;
  readonly #sizes: readonly number[];
  readonly #count: number;
  readonly #shared: readonly number[];
  // How many members lie between neighbours along each axis.
  readonly #places: readonly number[];
  #numbers: readonly Storage[] | null = null;

  constructor(device: Device) {
    this.#device = device;
    const sizes: number[] = [];
    for (const { size } of device.axes) sizes.push(size);
    this.#sizes = sizes;
    this.#count = elementCount(sizes);
    this.#shared = mappedNumbers(sizes, () => 0);
    this.#places = contiguousStrides(sizes);
  }

  get #base(): Backend {
    return this.#device.base.backend;
  }

  supports(kind: KernelKind, compute: DType): boolean {
    return this.#base.supports(kind, compute);
  }

  allocate(byteLength: number): Storage {
    const inner = this.#base.allocate(byteLength * this.#count);
    return memberStorage(
      this.#device,
      inner,
      mappedNumbers(this.#places, (place) => place * byteLength),
    );
  }

  read(storage: Storage, dtype: DType, index: number): number | bigint | boolean {
    const { inner, steps } = storage.memory as Members;
    if (steps.some((step, i) => step !== 0 && this.#sizes[i]! > 1)) throw hasNoValue();
    return this.#base.read(inner, dtype, index);
  }

  /** Elements between members, by axis. An operand without an axis is the same for all its members. */
  #steps({ storage, dtype }: Operand): readonly number[] {
    const { axes } = storage.device;
    if (axes.length === 0) return this.#shared;
    if (storage.device === this.#device) return (storage.memory as Members).stepsOf(dtype.itemsize);
    const { steps } = membersOf(storage);
    if (axes.some((axis) => !this.#device.axes.includes(axis))) throw hasNoValue();
    const own: number[] = [];
    for (const axis of this.#device.axes) {
      const at = axes.indexOf(axis);
      own.push(at < 0 ? 0 : steps[at]! / dtype.itemsize);
    }
    return own;
  }

  #inner({ storage }: Operand): Storage {
    return membersOf(storage).inner;
  }

  /** All members of an operand, brought to `rank` dimensions behind the axes; size 1 where members are the same, for kernels that broadcast. */
  #all(operand: Operand, rank: number): Operand {
    const steps = this.#steps(operand);
    const { sizes, strides, dtype, offset, count, dense } = operand;
    if (steps.every((step) => step === 0))
      return new Tensor(this.#inner(operand), dtype, sizes, strides, offset, count, dense);
    const missing = rank - sizes.length;
    if (missing === 0 && !steps.includes(0)) return this.#wide(operand);
    return laidOut(
      operand,
      this.#inner(operand),
      [
        ...mappedNumbers(steps, (step, i) => (step === 0 ? 1 : this.#sizes[i]!)),
        ...mappedNumbers(zeros(missing), () => 1),
        ...sizes,
      ],
      [...steps, ...zeros(missing), ...strides],
    );
  }

  /** The same with the axes' full sizes in front. */
  #wide(operand: Operand): Operand {
    // Views for one kernel call lie in arrays that are written again; those of tensors never are.
    if (!(operand instanceof Tensor) || operand.storage.device !== this.#device)
      return this.#widened(operand);
    const { dtype, sizes, strides, offset } = operand;
    const members = operand.storage.memory as Members;
    const known = members.wide;
    if (
      known !== null &&
      known.sizes === sizes &&
      known.strides === strides &&
      known.offset === offset &&
      known.dtype === dtype
    )
      return known.all;
    const all = this.#widened(operand);
    members.wide = { dtype, sizes, strides, offset, all };
    return all;
  }

  #widened(operand: Operand): Operand {
    const { dtype, sizes, strides, offset, count } = operand;
    const steps = this.#steps(operand);
    return new Tensor(
      this.#inner(operand),
      dtype,
      joined(this.#sizes, sizes),
      joined(steps, strides),
      offset,
      count * this.#count,
      operand.dense && this.#follow(steps, count),
    );
  }

  /** Whether members that are dense themselves lie one directly after the other. */
  #follow(steps: readonly number[], count: number): boolean {
    let step = count;
    for (let axis = steps.length - 1; axis >= 0; axis--) {
      if (this.#sizes[axis] !== 1 && steps[axis] !== step) return false;
      step *= this.#sizes[axis]!;
    }
    return true;
  }

  /** All members of an operand that is about to be written. */
  #target(operand: Operand): Operand {
    const steps = this.#steps(operand);
    if (steps.some((step, i) => step === 0 && this.#sizes[i]! > 1 && operand.count > 0))
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
    this.#base.map(
      program,
      this.#target(output),
      mapped(inputs, (input) => this.#all(input, rank)),
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
    this.#base.mapMany(
      program,
      mapped(outputs, (output) => this.#target(output)),
      mapped(inputs, (input) => this.#all(input, rank)),
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
    this.#base.reduce(
      kind,
      program,
      this.#target(output.sizes.length === 0 ? singleElement(output, sizes.length) : output),
      mapped(inputs, (input) => this.#all(input, sizes.length)),
      scalars,
      joined(this.#sizes, sizes),
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
    // A tensor without dimensions is scanned as one element; behind the axes it needs a dimension of its own.
    const line = (operand: Operand): Operand =>
      operand.sizes.length > 0 ? operand : laidOut(operand, operand.storage, [1], [1]);
    this.#base.scan(
      kind,
      this.#target(line(output)),
      this.#wide(line(input)),
      dim + this.#sizes.length,
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
    const right = this.#wide(b);
    const added = addend === null ? null : this.#wide(addend);
    const rows =
      output.sizes.length === 2
        ? (this.#asRows(out, left, right, added) ?? this.#asColumns(out, left, right, added))
        : null;
    if (rows === null) this.#base.matmul(out, left, right, alpha, beta, added);
    else this.#base.matmul(rows[0]!, rows[1]!, rows[2]!, alpha, beta, rows[3] ?? null);
  }

  /** Whether there is an axis whose members share the operand of all members. */
  #hasShared({ strides }: Operand): boolean {
    return this.#sizes.some((_, axis) => strides[axis] === 0);
  }

  /** The same for a shared matrix on the left: (a b)^T = b^T a^T. */
  #asColumns(
    out: Operand,
    left: Operand,
    right: Operand,
    added: Operand | null,
  ): readonly Operand[] | null {
    if (!this.#hasShared(left)) return null;
    return this.#asRows(
      turned(out),
      turned(right),
      turned(left),
      added === null ? null : turned(added),
    );
  }

  /** Members that meet one shared matrix are rows of one larger product. Null where no axis has any, or the rows do not lie so. */
  #asRows(
    out: Operand,
    left: Operand,
    right: Operand,
    added: Operand | null,
  ): readonly Operand[] | null {
    if (!this.#hasShared(right)) return null;
    const shared = right.strides;
    const rows = this.#mergedRows(out, shared);
    const factors = rows === null ? null : this.#mergedRows(left, shared);
    const addend = factors === null || added === null ? null : this.#mergedRows(added, shared);
    if (rows === null || factors === null || (addend === null && added !== null)) return null;
    const matrix = this.#apart(
      right,
      shared,
      right.sizes[this.#sizes.length]!,
      right.strides[this.#sizes.length]!,
    );
    return addend === null ? [rows, factors, matrix] : [rows, factors, matrix, addend];
  }

  /** The rows of all members that share a matrix, as the rows of one; null where they do not lie so. */
  #mergedRows(operand: Operand, shared: Sizes): Operand | null {
    const { sizes, strides } = operand;
    const axes = this.#sizes.length;
    let size = sizes[axes]!;
    let step = strides[axes]!;
    for (let axis = axes - 1; axis >= 0; axis--) {
      if (shared[axis] !== 0) continue;
      if (size === 1) step = strides[axis]!;
      else if (sizes[axis] !== 1 && strides[axis] !== step * size) return null;
      size *= sizes[axis]!;
    }
    return this.#apart(operand, shared, size, step);
  }

  /** An operand without the axes along which a matrix is shared, and with other rows. */
  #apart(operand: Operand, shared: Sizes, rows: number, rowStep: number): Operand {
    const axes = this.#sizes.length;
    let kept = 0;
    for (let axis = 0; axis < axes; axis++) if (shared[axis] !== 0) kept++;
    const sizes = zeros(kept + 2);
    const strides = zeros(kept + 2);
    for (let axis = 0, at = 0; axis < axes; axis++) {
      if (shared[axis] === 0) continue;
      sizes[at] = operand.sizes[axis]!;
      strides[at++] = operand.strides[axis]!;
    }
    sizes[kept] = rows;
    sizes[kept + 1] = operand.sizes[axes + 1]!;
    strides[kept] = rowStep;
    strides[kept + 1] = operand.strides[axes + 1]!;
    return laidOut(operand, operand.storage, sizes, strides);
  }

  gather(output: Operand, input: Operand, dim: number, index: Operand): void {
    const at = dim + this.#sizes.length;
    this.#base.gather(this.#target(output), this.#wide(input), at, this.#wide(index));
  }

  scatter(kind: ScatterKind, output: Operand, dim: number, index: Operand, source: Operand): void {
    const at = dim + this.#sizes.length;
    this.#base.scatter(kind, this.#target(output), at, this.#wide(index), this.#wide(source));
  }

  index(output: Operand, input: Operand, indices: readonly Operand[]): void {
    const wide = mapped(indices, (index) => this.#wide(index));
    const shared = this.#steps(input).every((step) => step === 0);
    this.#base.index(
      this.#target(output),
      shared ? this.#all(input, input.sizes.length) : this.#wide(input),
      shared ? wide : [...this.#memberNumbers(wide[0]!), ...wide],
    );
  }

  indexPut(
    output: Operand,
    indices: readonly Operand[],
    source: Operand,
    accumulate: boolean,
  ): void {
    const wide = mapped(indices, (index) => this.#wide(index));
    this.#base.indexPut(
      this.#target(output),
      [...this.#memberNumbers(wide[0]!), ...wide],
      this.#wide(source),
      accumulate,
    );
  }

  /** For every place of an index, the number of the member it belongs to, axis by axis. */
  #memberNumbers(like: Operand): readonly Operand[] {
    this.#numbers ??= this.#sizes.map((size) => {
      const { buffer, byteLength } = BigInt64Array.from({ length: size }, (_, i) => BigInt(i));
      return new Storage(this.#device.base, buffer, -1, byteLength);
    });
    return this.#numbers.map((storage, axis) => {
      const strides = like.sizes.map((_, d) => (d === axis ? 1 : 0));
      return new Tensor(storage, int64, like.sizes, strides, 0, like.count, false);
    });
  }

  nonzero(output: Operand, input: Operand): void {
    if (this.#steps(input).some((step) => step !== 0)) throw hasNoValue();
    const shared = this.#all(input, input.sizes.length);
    const { storage, sizes, strides } = this.#target(output);
    const rows = sizes.slice(this.#sizes.length);
    for (let member = 0; member < this.#count; member++) {
      let offset = output.offset;
      let rest = member;
      for (let axis = this.#sizes.length - 1; axis >= 0; axis--) {
        offset += (rest % this.#sizes[axis]!) * strides[axis]!;
        rest = Math.floor(rest / this.#sizes[axis]!);
      }
      const own = { ...output, offset };
      this.#base.nonzero(laidOut(own, storage, rows, output.strides), shared);
    }
  }

  sort(values: Operand, positions: Operand, input: Operand, descending: boolean): void {
    this.#base.sort(this.#target(values), this.#target(positions), this.#wide(input), descending);
  }

  softmax(output: Operand, input: Operand, logarithm: boolean): void {
    this.#base.softmax(this.#target(output), this.#wide(input), logarithm);
  }

  softmaxBackward(output: Operand, gradient: Operand, result: Operand, logarithm: boolean): void {
    this.#base.softmaxBackward(
      this.#target(output),
      this.#wide(gradient),
      this.#wide(result),
      logarithm,
    );
  }
}
