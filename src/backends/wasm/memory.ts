// Memory of the WebAssembly backend's tensors: ordinary ArrayBuffers, small tensors several to one.
import { cpu } from "../../core/device.ts";
import { DeviceError } from "../../core/errors.ts";
import { type Block, Storage } from "../../core/storage.ts";

/** Up to here a tensor lies in a slab: an ArrayBuffer of its own would cost more than the work on it. */
const small = 4096;
const slabLength = 65536;

interface Slab {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array<ArrayBuffer>;
}

/** A piece of a slab, of whole words. */
export class Piece implements Block {
  readonly slab: Slab;
  readonly offset: number;

  constructor(slab: Slab, offset: number) {
    this.slab = slab;
    this.offset = offset;
  }

  copyOut(storage: Storage): ArrayBuffer {
    return this.slab.bytes.buffer.slice(this.offset, this.offset + storage.byteLength);
  }
}

function buffer(byteLength: number): ArrayBuffer {
  try {
    return new ArrayBuffer(byteLength);
  } catch {
    throw new DeviceError(`no memory for ${byteLength} bytes`);
  }
}

/** Hands out storages, which V8 collects with the tensors that use them. */
export class WasmMemory {
  #slab: Slab | null = null;
  #used = slabLength;

  allocate(byteLength: number): Storage {
    if (byteLength > small) return new Storage(cpu, buffer(byteLength), -1, byteLength);
    let slab = this.#slab;
    if (slab === null || this.#used + byteLength > slabLength) {
      const memory = buffer(slabLength);
      this.#slab = slab = { bytes: new Uint8Array(memory), words: new Int32Array(memory) };
      this.#used = 0;
    }
    const piece = new Piece(slab, this.#used);
    this.#used += (byteLength + 15) & ~15;
    return new Storage(cpu, piece, -1, byteLength);
  }
}
