// A call in linear memory: the operands' bytes are copied in behind the programs, the kernel runs, and what it wrote is copied back.
import type { Operand } from "../../core/backend.ts";
import { DeviceError } from "../../core/errors.ts";
import type { Storage } from "../../core/storage.ts";
import { Call, type Kernels, reads, type Role, writes } from "../frame/call.ts";
import { maximumOperands, slot } from "../frame/slot.ts";
import type { KernelInstance } from "./instance.ts";
import { Piece } from "./memory.ts";

const kernelNames: readonly (keyof Kernels)[] = [
  "map",
  "map_strided",
  "reduce",
  "scan",
  "matmul",
  "gather",
  "scatter",
  "index",
  "index_put",
  "nonzero",
  "sort",
  "softmax",
  "softmax_backward",
];
/** Up to so many words a loop is faster than making views for `set`. */
const fewWords = 64;
/** What kernels may want beside their operands without growing memory themselves. */
const spare = 1 << 20;
const longest = 2 ** 31;

/** A range of bytes of one storage that lies in linear memory during a call. */
class Region {
  memory: Storage["memory"];
  begin = 0;
  end = 0;
  address = 0;
  copyIn = false;
  copyOut = false;

  constructor() {
    this.memory = nothing;
  }
}

const nothing = new ArrayBuffer(0);

export class WasmCall extends Call {
  readonly #instance: KernelInstance;
  readonly #operands: (Operand | null)[] = new Array<null>(maximumOperands).fill(null);
  readonly #roles = new Uint8Array(maximumOperands);
  readonly #regionOf = new Uint8Array(maximumOperands);
  readonly #regions: readonly Region[] = Array.from(
    { length: maximumOperands },
    () => new Region(),
  );
  #placed = 0;
  #used = 0;
  // The bytes that the operand measured last reaches.
  #begin = 0;
  #end = 0;

  constructor(instance: KernelInstance) {
    const run: Partial<Record<keyof Kernels, () => void>> = {};
    super(run as Kernels, instance.frame);
    this.#instance = instance;
    for (const name of kernelNames) {
      const kernel = instance.exports[name];
      run[name] = () => this.#run(kernel);
    }
  }

  place(k: number, operand: Operand, role: Role): void {
    this.#operands[k] = operand;
    this.#roles[k] = role;
    this.#placed = k + 1;
  }

  protected store(words: Int32Array, constants: Float64Array): number {
    const handle = this.#instance.register(words, constants);
    this.frame = this.#instance.frame;
    return handle;
  }

  #run(kernel: (free: number) => void): void {
    const instance = this.#instance;
    const placed = this.#placed;
    this.#used = 0;
    for (let k = 0; k < placed; k++) if (this.#roles[k] !== reads) this.#written(k);
    for (let k = 0; k < placed; k++) if (this.#roles[k] === reads) this.#read(k);
    const regions = this.#regions;
    const used = this.#used;
    let free = instance.base;
    for (let r = 0; r < used; r++) {
      const region = regions[r]!;
      region.address = free;
      free = alignedBehind(free + region.end - region.begin);
    }
    if (!instance.reaches(free + spare)) {
      this.#forget();
      throw new DeviceError(
        `no memory for ${free - instance.base} bytes of operands: WebAssembly holds at most 4 GiB`,
      );
    }
    const frame = (this.frame = instance.frame);
    for (let r = 0; r < used; r++) if (regions[r]!.copyIn) this.#copyIn(regions[r]!);
    for (let k = 0; k < placed; k++) {
      const { offset, dtype } = this.#operands[k]!;
      const region = regions[this.#regionOf[k]!]!;
      frame[slot.address + k] = region.address + offset * dtype.itemsize - region.begin;
    }
    kernel(free);
    if (instance.bytes.length === 0) {
      // The kernel took more memory, which leaves views without any.
      instance.renewViews();
      this.frame = instance.frame;
    }
    for (let r = 0; r < used; r++) if (regions[r]!.copyOut) this.#copyOut(regions[r]!);
    this.#forget();
  }

  /** Keeps nothing alive between calls. */
  #forget(): void {
    for (let k = 0; k < this.#placed; k++) this.#operands[k] = null;
    for (let r = 0; r < this.#used; r++) this.#regions[r]!.memory = nothing;
    this.#placed = 0;
  }

  /** Outputs on one storage share a region, so that copying one back does not undo another. */
  #written(k: number): void {
    const operand = this.#operands[k]!;
    const memory = this.#measure(operand);
    const covered =
      this.#roles[k] === writes &&
      this.#end - this.#begin === operand.count * operand.dtype.itemsize;
    for (let r = 0; r < this.#used; r++) {
      const region = this.#regions[r]!;
      if (region.memory !== memory) continue;
      region.copyIn = true;
      if (this.#begin < region.begin) region.begin = this.#begin;
      if (this.#end > region.end) region.end = this.#end;
      this.#regionOf[k] = r;
      return;
    }
    this.#add(k, memory, !covered, true);
  }

  #read(k: number): void {
    const memory = this.#measure(this.#operands[k]!);
    for (let r = 0; r < this.#used; r++) {
      const region = this.#regions[r]!;
      if (region.memory !== memory || region.begin > this.#begin || region.end < this.#end)
        continue;
      region.copyIn = true;
      this.#regionOf[k] = r;
      return;
    }
    this.#add(k, memory, true, false);
  }

  #add(k: number, memory: Storage["memory"], copyIn: boolean, copyOut: boolean): void {
    const region = this.#regions[this.#used]!;
    region.memory = memory;
    region.begin = this.#begin;
    region.end = this.#end;
    region.copyIn = copyIn;
    region.copyOut = copyOut;
    this.#regionOf[k] = this.#used++;
  }

  /** Finds the bytes that an operand reaches, and gives the memory that holds them. */
  #measure({ storage, dtype, sizes, strides, offset, count, dense }: Operand): Storage["memory"] {
    const { itemsize } = dtype;
    let first = offset;
    let last = offset + count;
    if (!dense) {
      last = first + (count === 0 ? 0 : 1);
      if (count > 0)
        for (let d = 0; d < sizes.length; d++) {
          const reach = (sizes[d]! - 1) * strides[d]!;
          if (reach < 0) first += reach;
          else last += reach;
        }
    }
    this.#begin = first * itemsize;
    this.#end = last * itemsize;
    if (this.#end - this.#begin >= longest)
      throw new DeviceError(
        `an operand spans ${this.#end - this.#begin} bytes; the WebAssembly backend takes less than ${longest}`,
      );
    return storage.memory instanceof Piece ? storage.memory : storage.host();
  }

  #copyIn({ memory, begin, end, address }: Region): void {
    const { words, bytes } = this.#instance;
    if (memory instanceof Piece) {
      const { slab, offset } = memory;
      const from = offset + begin;
      const length = end - begin;
      if ((from | length) % 4 === 0 && length <= fewWords * 4) {
        const source = slab.words;
        for (let i = from >> 2, to = address / 4, stop = (from + length) >> 2; i < stop; i++)
          words[to++] = source[i]!;
        return;
      }
      bytes.set(slab.bytes.subarray(from, from + length), address);
      return;
    }
    bytes.set(new Uint8Array(memory as ArrayBuffer, begin, end - begin), address);
  }

  #copyOut({ memory, begin, end, address }: Region): void {
    const { words, bytes } = this.#instance;
    const length = end - begin;
    if (memory instanceof Piece) {
      const { slab, offset } = memory;
      const to = offset + begin;
      if ((to | length) % 4 === 0 && length <= fewWords * 4) {
        const target = slab.words;
        for (let i = to >> 2, from = address / 4, stop = (to + length) >> 2; i < stop; i++)
          target[i] = words[from++]!;
        return;
      }
      slab.bytes.set(bytes.subarray(address, address + length), to);
      return;
    }
    new Uint8Array(memory as ArrayBuffer, begin, length).set(
      bytes.subarray(address, address + length),
    );
  }
}

/** A cache line's start behind the address, which may lie beyond 31 bits. */
function alignedBehind(address: number): number {
  return Math.ceil(address / 64) * 64;
}
