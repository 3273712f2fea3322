// Memory of a batch seen as that of one member: what tensors inside a mapped function lie in.
import type { Device } from "../../core/device.ts";
import { AutogradError } from "../../core/errors.ts";
import type { Block, Storage } from "../../core/storage.ts";

/** The storage that holds all members, and how many bytes lie between two of them; 0 where all members are the same. */
export class Members implements Block {
  readonly inner: Storage;
  readonly step: number;

  constructor(inner: Storage, step: number) {
    this.inner = inner;
    this.step = step;
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
 * A member's view of memory that holds `size` of them, `step` bytes apart. Writes are counted by the memory itself, whatever shows it;
 * a class apart, because Storage has fields where accessors are needed.
 */
class MemberStorage implements Storage {
  readonly device: Device;
  readonly memory: Members;
  readonly position: number = -1;
  readonly byteLength: number;

  constructor(device: Device, memory: Members, size: number) {
    this.device = device;
    this.memory = memory;
    this.byteLength = memory.inner.byteLength - Math.max(0, size - 1) * memory.step;
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

  host(): never {
    throw hasNoValue();
  }
}

/** Memory in `inner` as a storage of the device, on which each member sees its own. */
export function memberStorage(device: Device, inner: Storage, step: number, size: number): Storage {
  return new MemberStorage(device, new Members(inner, step), size);
}
