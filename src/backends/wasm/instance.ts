// The kernels as a WebAssembly instance: what it exports, which of the two builds this engine can run, and views of its memory.
import { dtypes } from "../../core/dtype.ts";
import { functionNames } from "../../core/scalar.ts";
import type { Kernels } from "../frame/call.ts";

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** Kernels get the address from which memory is free; the other functions are those of native/wasm.cc. */
export type Exports = { readonly [K in keyof Kernels]: (free: number) => void } & {
  readonly memory: Memory;
  frame(): number;
  frame_length(): number;
  operands(): number;
  register_program(words: number, constants: number): number;
  function_name(k: number): number;
  dtype_name(k: number): number;
};

/** Why there is no WebAssembly backend. */
export interface Unavailable {
  readonly reason: string;
  /** Whether it can be had by loading it. */
  readonly loadable?: boolean;
}

const header = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10];
// i32.const 0, i8x16.splat
const zero = [65, 0, 253, 15];
// Functions that give a zero vector, and one that is the relaxed multiply-add of three.
const simdProbe = new Uint8Array([...header, 8, 1, 6, 0, ...zero, 11]);
const relaxedProbe = new Uint8Array([
  ...header,
  19,
  1,
  17,
  0,
  ...zero,
  ...zero,
  ...zero,
  253,
  133,
  2,
  11,
]);

/** The name of the fastest build that this engine runs, or why it runs none. */
export function chooseBuild(): string | Unavailable {
  if (typeof WebAssembly === "undefined") return { reason: "there is no WebAssembly here" };
  if (WebAssembly.validate(relaxedProbe)) return "relaxed.wasm";
  if (WebAssembly.validate(simdProbe)) return "simd.wasm";
  return { reason: "this WebAssembly engine has no SIMD instructions" };
}

/** The kernels and their linear memory. Views of it are renewed when it grows. */
export class KernelInstance {
  readonly exports: Exports;
  readonly #memory: Memory;
  readonly #frameAddress: number;
  readonly #frameLength: number;
  bytes!: Uint8Array<ArrayBuffer>;
  words!: Int32Array<ArrayBuffer>;
  frame!: Float64Array<ArrayBuffer>;
  /** Where operands may begin: behind the registered programs. */
  base: number;

  constructor(exports: Exports) {
    this.exports = exports;
    this.#memory = exports.memory;
    this.#frameAddress = this.exports.frame();
    this.#frameLength = this.exports.frame_length();
    this.base = this.exports.operands();
    this.renewViews();
  }

  renewViews(): void {
    const { buffer } = this.#memory;
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.frame = new Float64Array(buffer, this.#frameAddress, this.#frameLength);
  }

  /** Whether memory reaches to `end`, grown if need be. */
  reaches(end: number): boolean {
    const missing = end - this.bytes.length;
    if (missing <= 0) return true;
    // A quarter more than asked for, so that growing stays rare; where that is refused, what is needed.
    const pages = Math.ceil(missing / page);
    for (const extra of [pages + Math.ceil(end / page / 4), pages]) {
      try {
        this.#memory.grow(extra);
        this.renewViews();
        return true;
      } catch {
        // Refused: the engine's limit, or no memory.
      }
    }
    return false;
  }

  /** Stores a program behind the others; 0 where there is no memory. */
  register(words: Int32Array, constants: Float64Array): number {
    // The encoded form lies far enough behind for the program to fit before it.
    const from = (this.base + words.byteLength + constants.byteLength + 256 + 7) & ~7;
    const constantsAt = from + constants.byteLength;
    if (!this.reaches(constantsAt + words.byteLength)) return 0;
    new Float64Array(this.bytes.buffer, from, constants.length).set(constants);
    this.words.set(words, constantsAt / 4);
    const handle = this.exports.register_program(constantsAt, from);
    if (this.bytes.length === 0) this.renewViews();
    this.base = this.exports.operands();
    return handle;
  }

  /** Whether the kernels know the same element types and scalar functions as the core. */
  get matches(): boolean {
    const { exports } = this;
    const same = (names: readonly string[], name: (k: number) => number): boolean =>
      name(names.length) === 0 && names.every((expected, k) => this.#text(name(k)) === expected);
    return (
      same(functionNames, (k) => exports.function_name(k)) &&
      same(
        dtypes.map((dtype) => dtype.name),
        (k) => exports.dtype_name(k),
      )
    );
  }

  #text(address: number): string {
    if (address === 0) return "";
    return String.fromCharCode(...this.bytes.subarray(address, this.bytes.indexOf(0, address)));
  }
}

const page = 65536;
