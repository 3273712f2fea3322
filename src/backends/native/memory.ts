// Memory for the native backend: chunks owned by collected objects, slabs cut from them, and when to ask for a collection.
import type { Operand } from "../../core/backend.ts";
import { cpu } from "../../core/device.ts";
import { DeviceError } from "../../core/errors.ts";
import { type Block, Storage } from "../../core/storage.ts";
import type { Addon } from "./addon.ts";
import { type Collector, openCollector } from "./collector.ts";
import { Pace } from "./pace.ts";

const mebibyte = 2 ** 20;
// Beyond the live set, so much may wait for a full collection.
const slack = 96 * mebibyte;
const widestMargin = 256 * mebibyte;
const arenaBytes = 4 * mebibyte;

const noSingles = new Float32Array(0);
const noDoubles = new Float64Array(0);

/** Memory that JavaScript sees as well as the kernels. Tiny tensors lie in it, so that JavaScript can compute them. */
class Arena {
  readonly address: number;
  readonly singles: Float32Array<ArrayBuffer>;
  readonly doubles: Float64Array;

  constructor(buffer: ArrayBuffer, address: number) {
    this.address = address;
    this.singles = new Float32Array(buffer);
    this.doubles = new Float64Array(buffer);
  }

  holds(address: number): boolean {
    return address >= this.address && address < this.address + arenaBytes;
  }
}

/** A chunk of native memory. The chunk is freed when `owner` is collected, so whatever uses it refers to this block. */
export class NativeBlock implements Block {
  readonly addon: Addon;
  readonly owner: object;
  readonly address: number;
  /** Where in its arena it lies, in bytes; negative outside of any. */
  readonly place: number;
  /** The arena as JavaScript sees it. */
  readonly singles: Float32Array<ArrayBuffer>;
  readonly doubles: Float64Array;

  constructor(addon: Addon, owner: object, address: number, arena: Arena | null) {
    this.addon = addon;
    this.owner = owner;
    this.address = address;
    // A small integer in every block: numbers of two kinds in one property are kept in objects of their own.
    this.place = arena === null ? -1 : (address - arena.address) | 0;
    this.singles = arena === null ? noSingles : arena.singles;
    this.doubles = arena === null ? noDoubles : arena.doubles;
  }

  seen(storage: Storage): Uint8Array<ArrayBuffer> | null {
    if (this.place < 0) return null;
    return new Uint8Array(this.singles.buffer, this.place + storage.position, storage.byteLength);
  }

  copyOut(storage: Storage): ArrayBuffer {
    let buffer: ArrayBuffer;
    try {
      buffer = new ArrayBuffer(storage.byteLength);
    } catch {
      throw new DeviceError(`no memory for an ArrayBuffer of ${storage.byteLength} bytes`);
    }
    this.addon.frame[0] = this.address + storage.position;
    this.addon.copyOut(buffer);
    return buffer;
  }
}

/** Whether JavaScript sees the storage's bytes where they lie. */
export function isSeen({ position, memory }: Storage): boolean {
  return position >= 0 && (memory as NativeBlock).place >= 0;
}

/** Where an operand begins in its arena, in elements of 2^shift bytes; only for storages that JavaScript sees. */
export function placeOf({ storage, offset }: Operand, shift: number): number {
  return (((storage.memory as NativeBlock).place + storage.position) >> shift) + offset;
}

/** A block from which storages of up to `most` bytes are cut one after another. */
class Slab {
  readonly most: number;
  readonly size: number;
  readonly alignment: number;
  block: NativeBlock | null;
  used: number;

  constructor(most: number, size: number, alignment: number) {
    this.most = most;
    this.size = size;
    this.alignment = alignment;
    this.block = null;
    this.used = 0;
  }
}

/**
 * Hands out storages. Small ones are cut from slabs; each larger one has a chunk of its own, taken from the pool of those whose owner was
 * collected, by minor collections at the pace of pace.ts. V8 is told of an eighth of each chunk and of a mebibyte at most, so that chunks that
 * grew old are found in the end; where they exceed the live set by much, a full collection is forced. Without a collector at hand V8 is told
 * of everything.
 */
export class NativeMemory {
  readonly #addon: Addon;
  readonly #frame: Float64Array;
  readonly #collector: Collector | null;
  readonly #pace: Pace;
  #outstanding = 0;
  #limit: number;
  readonly #tiny = new Slab(256, 32768, 32);
  readonly #arenas: Arena[] = [];
  readonly #small = new Slab(32768, 262144, 64);
  // Owning a block costs more than a kernel on some tens of thousands of elements, so a few such tensors share one: a huge page.
  readonly #medium = new Slab(262144, 2097152, 64);
  readonly #slabs = [this.#tiny, this.#small, this.#medium];

  constructor(addon: Addon) {
    this.#addon = addon;
    this.#frame = addon.frame;
    this.#collector = openCollector();
    this.#limit = this.#nextLimit();
    this.#pace = new Pace(this.#outstanding);
  }

  /** One arena more; false where there is no memory for it. Takes up memory only where it is used. */
  #addArena(): boolean {
    let buffer: ArrayBuffer;
    try {
      buffer = new ArrayBuffer(arenaBytes);
    } catch {
      return false;
    }
    this.#frame[0] = this.#tiny.size;
    this.#addon.lend(buffer);
    this.#arenas.push(new Arena(buffer, this.#addon.addressOf(buffer)));
    return true;
  }

  allocate(byteLength: number): Storage {
    if (byteLength <= this.#tiny.most) return this.#cut(this.#tiny, byteLength);
    if (byteLength <= this.#small.most) return this.#cut(this.#small, byteLength);
    if (byteLength <= this.#medium.most) return this.#cut(this.#medium, byteLength);
    return new Storage(cpu, this.#take(byteLength), 0, byteLength);
  }

  #cut(slab: Slab, byteLength: number): Storage {
    let block = slab.block;
    if (block === null || slab.used + byteLength > slab.size) {
      block = this.#take(slab.size);
      // Whether JavaScript computes a tiny tensor must not depend on when others are collected: its last bit may.
      if (slab === this.#tiny && block.place < 0 && this.#addArena()) block = this.#take(slab.size);
      slab.block = block;
      slab.used = 0;
    }
    const position = slab.used;
    // Alignments are powers of two.
    slab.used += (byteLength + slab.alignment - 1) & -slab.alignment;
    return new Storage(cpu, block, position, byteLength);
  }

  #take(byteLength: number): NativeBlock {
    // Tiny tensors do not count: their objects fill V8's own young generation long before their slabs matter. A collection in the midst
    // of a step makes what is alive then old, so that steps over large tensors get a longer interval.
    this.#pace.take(byteLength, byteLength > this.#tiny.size);
    if (this.#pace.isDue) this.#collectMinor();
    // Large blocks come with a wider margin, as their collections come further apart.
    if (this.#outstanding > this.#limit + Math.min(16 * this.#pace.widest, widestMargin))
      this.#collectFully();
    let owner = this.#request(byteLength);
    if (owner === undefined) {
      // Perhaps dead tensors hold what is missing.
      this.#collectFully();
      owner = this.#request(byteLength);
    }
    if (owner === undefined) throw new DeviceError(`no memory for ${byteLength} bytes`);
    const frame = this.#frame;
    this.#outstanding = frame[2]!;
    const address = frame[0]!;
    const arena = this.#arenas.find((one) => one.holds(address)) ?? null;
    return new NativeBlock(this.#addon, owner, address, arena);
  }

  #request(byteLength: number): object | undefined {
    const frame = this.#frame;
    frame[0] = byteLength;
    frame[1] = Number(this.#collector === null);
    return this.#addon.take();
  }

  #measure(): number {
    this.#addon.outstanding();
    return (this.#outstanding = this.#frame[2]!);
  }

  /** The next full collection comes when as much again has been added, so that a large live set does not cause one after another. */
  #nextLimit(): number {
    const live = this.#measure();
    return live + Math.max(slack, live / 2);
  }

  #collectMinor(): void {
    // A slab in use would live through two collections and grow old, so that a full one would have to find it.
    for (const slab of this.#slabs) slab.block = null;
    this.#collector?.minor();
    this.#pace.collected(this.#measure());
  }

  #collectFully(): void {
    this.#collector?.full();
    this.#limit = this.#nextLimit();
    this.#pace.restart(this.#outstanding);
  }
}
