// The WebAssembly backend: the same kernels as the native one, for browsers and where no compiler was found.
import type { Operand, ReductionKind } from "../../core/backend.ts";
import type { DType } from "../../core/dtype.ts";
import { DeviceError } from "../../core/errors.ts";
import type { TypedProgram } from "../../core/program.ts";
import { elementCount, type Sizes } from "../../core/shape.ts";
import type { Storage } from "../../core/storage.ts";
import { FrameBackend } from "../frame/backend.ts";
import { nodeModule, packageFile } from "../node.ts";
import { WasmCall } from "./call.ts";
import { chooseBuild, type Exports, KernelInstance, type Unavailable } from "./instance.ts";
import { Piece, WasmMemory } from "./memory.ts";

/** Kernels with 128-bit SIMD on one thread; tensors are ArrayBuffers that the engine collects, copied in and out of each call. */
export class WasmBackend extends FrameBackend {
  override readonly name = "wasm";
  readonly #memory = new WasmMemory();

  constructor(instance: KernelInstance) {
    super(new WasmCall(instance));
  }

  allocate(byteLength: number): Storage {
    return this.#memory.allocate(byteLength);
  }

  read(storage: Storage, dtype: DType, index: number): number | bigint | boolean {
    const { codec, itemsize } = dtype;
    const { memory } = storage;
    const element =
      memory instanceof Piece
        ? new codec.array(memory.slab.bytes.buffer, memory.offset + index * itemsize, 1)
        : new codec.array(storage.host(), index * itemsize, 1);
    return codec.decode(element[0]!);
  }

  override reduce(
    kind: ReductionKind,
    program: TypedProgram,
    output: Operand,
    inputs: readonly Operand[],
    scalars: readonly number[],
    sizes: Sizes,
    divisor: number,
  ): void {
    // Broadcast operands span more elements than memory could hold, and the kernels count in 32 bits.
    if (elementCount(sizes) >= 2 ** 31)
      throw new DeviceError(
        `a reduction over ${elementCount(sizes)} elements; the WebAssembly backend takes less than ${2 ** 31}`,
      );
    super.reduce(kind, program, output, inputs, scalars, sizes, divisor);
  }
}

function start(instance: WebAssembly.Instance): WasmBackend | Unavailable {
  const kernels = new KernelInstance(instance.exports as unknown as Exports);
  return kernels.matches
    ? new WasmBackend(kernels)
    : { reason: "the WebAssembly kernels were built from another version; run `npm run build`" };
}

/**
 * The WebAssembly backend in Node, where modules compile at once; or why there is none. In a browser they compile asynchronously: use
 * `loadWasmBackend`.
 */
export function createWasmBackend(): WasmBackend | Unavailable {
  const build = chooseBuild();
  if (typeof build !== "string") return build;
  const files = nodeModule("node:fs") as typeof import("node:fs") | undefined;
  if (files === undefined)
    return { reason: "it compiles asynchronously here: await backend.load()", loadable: true };
  try {
    const bytes = files.readFileSync(packageFile(import.meta.url, `dist/${build}`));
    return start(new WebAssembly.Instance(new WebAssembly.Module(bytes)));
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The contents of a .wasm file. */
export type Bytes = ArrayBuffer | Uint8Array<ArrayBuffer>;

/**
 * Compiles the WebAssembly backend asynchronously: from the files beside the built library, from another address, or from bytes. Throws
 * DeviceError where it cannot run.
 */
export async function loadWasmBackend(source?: string | Bytes): Promise<WasmBackend> {
  const build = chooseBuild();
  if (typeof build !== "string") throw new DeviceError(`wasm: ${build.reason}`);
  let bytes: Bytes;
  if (source === undefined || typeof source === "string") {
    // Beside the built library. Bundlers copy what they find in this form.
    const url =
      source ??
      (build === "relaxed.wasm"
        ? new URL("./relaxed.wasm", import.meta.url)
        : new URL("./simd.wasm", import.meta.url));
    const response = await fetch(url);
    if (!response.ok) throw new DeviceError(`wasm: ${String(url)} gave status ${response.status}`);
    bytes = await response.arrayBuffer();
  } else bytes = source;
  const { instance } = await WebAssembly.instantiate(bytes);
  const backend = start(instance);
  if ("reason" in backend) throw new DeviceError(`wasm: ${backend.reason}`);
  return backend;
}
