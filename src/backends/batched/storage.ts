// Memory of many members seen as that of one: what tensors inside a mapped function lie in.
import type { Operand } from "../../core/backend.ts";
import { cpu, type Device } from "../../core/device.ts";
import { type DType, float32 } from "../../core/dtype.ts";
import { AutogradError } from "../../core/errors.ts";
import { mappedNumbers } from "../../core/list.ts";
import { noSizes, type Sizes } from "../../core/shape.ts";
import { type Block, Storage } from "../../core/storage.ts";
import { Tensor } from "../../core/tensor.ts";

/** A layout of one member, and the operand of all members in that layout. */
export interface WideOperand {
  readonly dtype: DType;
  readonly sizes: Sizes;
  readonly strides: Sizes;
  readonly offset: number;
  readonly all: Operand;
}

/** The storage that holds all members, and for each axis of the device how many bytes lie between two; 0 where they are the same. */
export class Members implements Block {
  readonly inner: Storage;
  readonly steps: readonly number[];
  /** The operand of all members that was laid out last, and what for: a tensor is often used several times. */
  wide: WideOperand | null;
  private itemsize: number;
  private elementSteps: readonly number[];

  constructor(inner: Storage, steps: readonly number[]) {
    this.inner = inner;
    this.steps = steps;
    this.wide = null;
    this.itemsize = 1;
    this.elementSteps = steps;
  }

  /** The steps counted in elements of a size. */
  stepsOf(itemsize: number): readonly number[] {
    if (this.itemsize !== itemsize) {
      this.itemsize = itemsize;
      this.elementSteps = mappedNumbers(this.steps, (step) => step / itemsize);
    }
    return this.elementSteps;
  }

  copyOut(): never {
    throw hasNoValue();
  }
}

/** The error of reading a value where there is one for each member of a batch. */
export function hasNoValue(): AutogradError {
  return new AutogradError(
    "vmap: a tensor inside the mapped function stands for all members of the batch and has no value to read: item(), tolist(), conditions on it " +
      "and operations whose result's shape depends on values do not work there; use torch.where instead of if, or move the reading out of vmap",
  );
}

/**
 * What one member sees of the memory. Writes are counted by the memory itself, whatever shows it; a class apart, because Storage has fields
 * where accessors are needed.
 */
class MemberStorage implements Storage {
  readonly device: Device;
  readonly memory: Members;
  readonly position: number = -1;
  readonly byteLength: number;

  constructor(device: Device, memory: Members) {
    this.device = device;
    this.memory = memory;
    let reach = memory.inner.byteLength;
    for (let i = 0; i < device.axes.length; i++)
      reach -= (device.axes[i]!.size - 1) * memory.steps[i]!;
    this.byteLength = reach;
  }

  get version(): number {
    return this.memory.inner.version;
  }
  set version(version: number) {
    this.memory.inner.version = version;
  }
  get writer(): string {
    return this.memory.inner.writer;
  }
  set writer(writer: string) {
    this.memory.inner.writer = writer;
  }
  get kept(): boolean {
    return this.memory.inner.kept;
  }
  set kept(kept: boolean) {
    this.memory.inner.kept = kept;
  }

  written(operation: string): void {
    this.memory.inner.written(operation);
  }
  get writtenAt(): string | undefined {
    return this.memory.inner.writtenAt;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#only().bytes();
  }

  host(): ArrayBuffer {
    return this.#only().host();
  }

  /** The memory, where all members are the same. */
  #only(): Storage {
    if (this.memory.steps.some((step) => step !== 0)) throw hasNoValue();
    return this.memory.inner;
  }
}

/** Memory in `inner` as a storage of the device: `steps` has one entry for each of its axes. */
export function memberStorage(device: Device, inner: Storage, steps: readonly number[]): Storage {
  return new MemberStorage(device, new Members(inner, steps));
}

// V8 compiles for what it has seen in a field. Had it not seen that tensors may lie in such a storage, the first mapped function would throw
// away most of what was compiled before it.
const nowhere = new Storage(cpu, new ArrayBuffer(0), -1, 0);
void new Tensor(memberStorage(cpu, nowhere, []), float32, noSizes, noSizes, 0, 0, true);

/** The storage that holds all members, and the bytes between them by axis; the storage itself where there are no axes. */
export function membersOf(storage: Storage): { inner: Storage; steps: readonly number[] } {
  return storage.device.axes.length === 0
    ? { inner: storage, steps: [] }
    : (storage.memory as Members);
}
