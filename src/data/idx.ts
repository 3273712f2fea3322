// Reads IDX files, plain or gzipped: the format of MNIST's images and labels.
import { type DType, float32, float64, int16, int32, int8, uint8 } from "../core/dtype.ts";
import { SerializationError } from "../core/errors.ts";
import { overBuffer } from "../ops/define/memory.ts";
import type { Tensor } from "../ops/methods.ts";

const types: Readonly<Record<number, DType>> = {
  0x08: uint8,
  0x09: int8,
  0x0b: int16,
  0x0c: int32,
  0x0d: float32,
  0x0e: float64,
};

function node<K extends "node:fs" | "node:zlib">(
  name: K,
): K extends "node:fs" ? typeof import("node:fs") : typeof import("node:zlib") {
  // Not an import, so that the library loads where there is no Node.
  if (typeof process === "undefined" || typeof process.getBuiltinModule !== "function")
    throw new SerializationError(
      "readIdx: files can be opened and unpacked in Node only; give the unpacked bytes",
    );
  return process.getBuiltinModule(name) as never;
}

/**
 * The tensor in an IDX file, given by its path or its bytes, gzipped or not. Throws SerializationError for a file that is not IDX, that is
 * cut short, or that goes on beyond its last element.
 * @example
 * ```ts
 * // Two bytes of zero, the type (8: uint8), the number of dimensions, their sizes, the elements.
 * torch.utils.data.readIdx(new Uint8Array([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])) // => tensor([7, 9], dtype=torch.uint8)
 * ```
 */
export function readIdx(source: string | Uint8Array): Tensor {
  const name = typeof source === "string" ? source : "the given bytes";
  const fail = (what: string): never => {
    throw new SerializationError(`readIdx: ${name}: ${what}`);
  };
  let bytes: Uint8Array = typeof source === "string" ? opened(source, fail) : source;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = unpacked(bytes, fail);
  const dtype = types[bytes[2] ?? 0];
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || dtype === undefined)
    return fail("this is no IDX file: it does not start with two zero bytes and a type");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rank = bytes[3]!;
  const start = 4 + 4 * rank;
  if (bytes.length < start)
    fail(
      `cut short: the sizes of ${rank} dimensions take ${start} bytes, there are ${bytes.length}`,
    );
  const sizes = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const wanted = start + sizes.reduce((product, size) => product * size, dtype.itemsize);
  if (bytes.length !== wanted)
    fail(
      `${bytes.length < wanted ? "cut short" : "too long"}: ${dtype.name} elements of shape [${sizes.join(", ")}] take ${wanted} bytes, there are ${bytes.length}`,
    );
  // A copy with a buffer of its own; slice() of Node's Buffer would be none.
  const elements = new Uint8Array(bytes.subarray(start));
  // IDX stores the most significant byte first.
  if (dtype.itemsize > 1)
    for (let at = 0; at < elements.length; at += dtype.itemsize)
      elements.subarray(at, at + dtype.itemsize).reverse();
  return overBuffer(elements.buffer, dtype, sizes);
}

function opened(path: string, fail: (what: string) => never): Uint8Array {
  try {
    return node("node:fs").readFileSync(path);
  } catch (error) {
    if (error instanceof SerializationError) throw error;
    return fail(`cannot be opened: ${(error as Error).message}`);
  }
}

function unpacked(bytes: Uint8Array, fail: (what: string) => never): Uint8Array {
  try {
    return node("node:zlib").gunzipSync(bytes);
  } catch (error) {
    if (error instanceof SerializationError) throw error;
    return fail(`the gzip file is damaged or cut short: ${(error as Error).message}`);
  }
}
