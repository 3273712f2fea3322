// The memory behind one or more tensors: who owns it, where it lies, and how often it was written.
import { DeviceError } from "./errors.ts";
import type { Device } from "./device.ts";

/** Memory that a backend owns outside JavaScript's sight, and how to bring a piece of it into sight. */
export interface Block {
  /** Copies the storage's bytes into an ArrayBuffer of their own. */
  copyOut(storage: Storage): ArrayBuffer;
  /** The storage's bytes where they lie, if JavaScript can see them there. */
  seen?(storage: Storage): Uint8Array<ArrayBuffer> | null;
}

/** What is in force for all storages. A mutable record rather than variables, so that hot paths read it without a call. */
export const storageMode: {
  /** Whether new storages count their in-place writes; those made in inference mode do not. */
  counted: boolean;
  /** Says at which place of the program a write happens, while someone wants it noted, as anomaly detection does; else null. */
  place: (() => string) | null;
} = { counted: true, place: null };

/** Where a storage was written last, and the version which that gave it. */
const places = new WeakMap<Storage, { readonly place: string; readonly version: number }>();

/** The version of storages that count none: inference tensors lie on them. */
export const uncounted = -1;

/**
 * Bytes shared by a tensor, its views and its detached aliases, with their common version counter.
 * A negative position means that `memory` is an ArrayBuffer, which may have been handed to user code and so may be detached at any time,
 * or a block that only `host()` can reach.
 */
export class Storage {
  readonly device: Device;
  memory: ArrayBuffer | Block;
  /** Where in its block the storage begins, in bytes. Never an address: one that large would cost an allocation of its own. */
  position: number;
  readonly byteLength: number;
  /** Counts in-place writes, so that a saved value can tell whether it is still what was saved; `uncounted` for inference tensors. */
  version: number;
  /** The operation that wrote last: named by the error when a saved value turns out changed. */
  writer: string;
  /** Whether a `.grad`, or the caller's own seed, keeps this memory, so that nothing else may take it over. */
  kept: boolean;

  constructor(device: Device, memory: ArrayBuffer | Block, position: number, byteLength: number) {
    this.device = device;
    this.memory = memory;
    this.position = position;
    this.byteLength = byteLength;
    // Assigned here rather than where they are declared: initialisers cost a call for each storage.
    this.version = storageMode.counted ? 0 : uncounted;
    this.writer = "";
    this.kept = false;
  }

  /** Notes that an operation wrote into the memory. */
  written(operation: string): void {
    if (this.version !== uncounted) this.version++;
    this.writer = operation;
    if (storageMode.place !== null)
      places.set(this, { place: storageMode.place(), version: this.version });
  }

  /** Where the last write happened, if it was noted. */
  get writtenAt(): string | undefined {
    const noted = places.get(this);
    return noted?.version === this.version ? noted.place : undefined;
  }

  /** The bytes, for reading and writing at once: whoever keeps them takes `host()`. */
  bytes(): Uint8Array<ArrayBuffer> {
    const { memory } = this;
    const seen = memory instanceof ArrayBuffer ? null : (memory.seen?.(this) ?? null);
    return seen ?? new Uint8Array(this.host(), 0, this.byteLength);
  }

  /** The bytes as an ArrayBuffer that starts with this storage; moves them there if a backend holds them elsewhere. */
  host(): ArrayBuffer {
    if (!(this.memory instanceof ArrayBuffer)) {
      this.memory = this.memory.copyOut(this);
      this.position = -1;
    }
    if (this.memory.byteLength < this.byteLength)
      throw new DeviceError(
        `the memory of this tensor is gone: its ArrayBuffer holds ${this.memory.byteLength} of ${this.byteLength} bytes, because it was transferred or resized; clone() the tensor before handing its buffer away`,
      );
    return this.memory;
  }
}
