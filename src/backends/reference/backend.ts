// The reference backend: every kernel as plain loops over host memory. It says what each kernel means, and runs where nothing faster does.
import type {
  Backend,
  KernelKind,
  Operand,
  ReductionKind,
  ScanKind,
  ScatterKind,
} from "../../core/backend.ts";
import { cpu } from "../../core/device.ts";
import type { DType } from "../../core/dtype.ts";
import { DeviceError } from "../../core/errors.ts";
import type { TypedProgram } from "../../core/program.ts";
import type { Sizes } from "../../core/shape.ts";
import { Storage } from "../../core/storage.ts";
import { gather, index, indexPut, scatter } from "./gather.ts";
import { map } from "./map.ts";
import { matmul } from "./matmul.ts";
import { elementsIn } from "./memory.ts";
import { reduce } from "./reduce.ts";
import { scan } from "./scan.ts";
import { softmax, softmaxBackward } from "./softmax.ts";
import { nonzero, sort } from "./sort.ts";

/** Kernels in TypeScript over ArrayBuffers; see `Backend` for what each computes. */
class ReferenceBackend implements Backend {
  readonly name: string = "reference";

  supports(kind: KernelKind, compute: DType): boolean {
    return !kind.startsWith("softmax") || compute.kind === "floating";
  }

  allocate(byteLength: number): Storage {
    try {
      return new Storage(cpu, new ArrayBuffer(byteLength), 0, byteLength);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new DeviceError(`no memory for ${byteLength} bytes: ${error.message}`);
    }
  }

  read(storage: Storage, dtype: DType, position: number): number | bigint | boolean {
    return dtype.codec.decode(elementsIn(storage, dtype)[position]!);
  }

  map(
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void {
    map(program, [output], inputs, scalars);
  }

  mapMany(
    program: TypedProgram,
    outputs: readonly Operand[],
    inputs: readonly Operand[],
    scalars: readonly number[],
  ): void {
    map(program, outputs, inputs, scalars);
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
    reduce(kind, program, output, inputs, scalars, sizes, divisor);
  }

  scan(
    kind: ScanKind,
    output: Operand,
    input: Operand,
    dim: number,
    positions: Operand | null,
  ): void {
    scan(kind, output, input, dim, positions);
  }

  matmul(
    output: Operand,
    a: Operand,
    b: Operand,
    alpha: number,
    beta: number,
    addend: Operand | null,
  ): void {
    matmul(output, a, b, alpha, beta, addend);
  }

  gather(output: Operand, input: Operand, dim: number, indices: Operand): void {
    gather(output, input, dim, indices);
  }

  scatter(
    kind: ScatterKind,
    output: Operand,
    dim: number,
    indices: Operand,
    source: Operand,
  ): void {
    scatter(kind, output, dim, indices, source);
  }

  index(output: Operand, input: Operand, indices: readonly Operand[]): void {
    index(output, input, indices);
  }

  indexPut(
    output: Operand,
    indices: readonly Operand[],
    source: Operand,
    accumulate: boolean,
  ): void {
    indexPut(output, indices, source, accumulate);
  }

  nonzero(output: Operand, input: Operand): void {
    nonzero(output, input);
  }

  sort(values: Operand, positions: Operand, input: Operand, descending: boolean): void {
    sort(values, positions, input, descending);
  }

  softmax(output: Operand, input: Operand, logarithm: boolean): void {
    softmax(output, input, logarithm);
  }

  softmaxBackward(output: Operand, gradient: Operand, result: Operand, logarithm: boolean): void {
    softmaxBackward(output, gradient, result, logarithm);
  }
}

export function createReferenceBackend(): Backend {
  return new ReferenceBackend();
}
