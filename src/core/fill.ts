// Writes numbers made one after another into a typed array of any kind, at the same speed for each.

export type FloatArray = Float32Array | Float64Array;
type WholeArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array;
export type NumberArray = FloatArray | WholeArray;

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
const lowWord = littleEndian ? 0 : 1;
const chunkLength = 1024;

/**
 * Sets target[i] to the i-th number that `next` gives, converted as the array type does. For int64
 * the numbers should be whole; an infinity becomes -2^63, as with a conversion in C.
 */
export function fillWith(target: NumberArray, next: () => number): void {
  if (target instanceof BigInt64Array) fillWords(target, next);
  else if (target instanceof Float32Array || target instanceof Float64Array)
    fillFloats(target, next);
  else fillChunks(target, next);
}

/**
 * Sets target[i] to the i-th number that `next` gives; other arrays than int64 take it as a number.
 */
export function fillWithBigints(target: NumberArray, next: () => bigint): void {
  if (target instanceof BigInt64Array)
    for (let index = 0; index < target.length; index++) target[index] = next();
  else fillWith(target, () => Number(next()));
}

/** Sets target[i] to source[i], for indices, which are not negative. */
export function copyIndices(target: NumberArray, source: Int32Array | Uint32Array): void {
  if (target instanceof BigInt64Array) {
    const words = new Int32Array(target.buffer, target.byteOffset, 2 * target.length);
    for (const [index, value] of source.entries()) {
      words[2 * index + lowWord] = value;
      words[2 * index + 1 - lowWord] = 0;
    }
  } else {
    target.set(source);
  }
}

/** How many numbers from 0 on an array's type holds exactly without a gap. */
export function wholeRange(target: NumberArray): number {
  if (target instanceof Float32Array) return 2 ** 24 + 1;
  const width = 8 * target.BYTES_PER_ELEMENT;
  const signed =
    target instanceof Int8Array || target instanceof Int16Array || target instanceof Int32Array;
  return 2 ** (signed ? width - 1 : width);
}

function fillFloats(target: FloatArray, next: () => number): void {
  for (let index = 0; index < target.length; index++) target[index] = next();
}

// Two 32-bit halves are several times faster to write than a bigint.
function fillWords(target: BigInt64Array, next: () => number): void {
  const words = new Int32Array(target.buffer, target.byteOffset, 2 * target.length);
  for (let index = 0; index < target.length; index++) {
    const value = next();
    const finite = Number.isFinite(value);
    words[2 * index + lowWord] = finite ? value : 0;
    words[2 * index + 1 - lowWord] = finite ? Math.floor(value / 2 ** 32) : -(2 ** 31);
  }
}

// A loop that writes to six types of array would run slowly for all of them; one copy through
// doubles does not.
function fillChunks(
  target: Exclude<NumberArray, FloatArray | BigInt64Array>,
  next: () => number,
): void {
  const chunk = new Float64Array(Math.min(chunkLength, target.length));
  for (let start = 0; start < target.length; start += chunkLength) {
    const size = Math.min(chunkLength, target.length - start);
    for (let index = 0; index < size; index++) chunk[index] = next();
    target.set(size === chunk.length ? chunk : chunk.subarray(0, size), start);
  }
}
