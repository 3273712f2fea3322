// The bytes of a generator's state, laid out as PyTorch's get_rng_state gives them on a 64-bit
// little-endian machine.

import { stateWords } from "./mersenne.ts";
import type { Mersenne } from "./mersenne.ts";

const stateBytes = 5056;
// Byte offsets: the words of the state take eight bytes each, of which the upper four are zero.
const leftAt = 8;
const seededAt = 12;
const nextAt = 16;
const wordsAt = 24;
const spareAt = 5024;
const spareKnownAt = 5040;

/**
 * What goes with the engine: the seed it started from, and the spare normal number if there is one.
 */
export interface GeneratorExtras {
  readonly seed: bigint;
  readonly spare: number | undefined;
}

/** The state of `engine` and what goes with it, as bytes. */
export function encodeState(engine: Mersenne, { seed, spare }: GeneratorExtras): Uint8Array {
  const bytes = new Uint8Array(stateBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, seed, true);
  view.setInt32(leftAt, engine.fresh ? 1 : stateWords + 1 - engine.position, true);
  view.setInt32(seededAt, 1, true);
  view.setUint32(nextAt, engine.fresh ? 0 : engine.position, true);
  for (const [index, word] of engine.state.entries())
    view.setUint32(wordsAt + 8 * index, word, true);
  if (spare !== undefined) {
    view.setFloat64(spareAt, spare, true);
    view.setInt32(spareKnownAt, 1, true);
  }
  return bytes;
}

/**
 * Sets `engine` to the state in `bytes` and gives what goes with it. Throws a RangeError, changing
 * nothing, when the bytes are no state.
 */
export function decodeState(engine: Mersenne, bytes: Uint8Array): GeneratorExtras {
  if (bytes.length !== stateBytes) {
    throw new RangeError(
      `setState: the state has ${bytes.length} bytes; it should have ${stateBytes}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, stateBytes);
  const left = view.getInt32(leftAt, true);
  const next = view.getUint32(nextAt, true);
  const fresh = left === 1 && next === 0;
  if (
    view.getInt32(seededAt, true) !== 1 ||
    (!fresh && (next < 1 || next + left !== stateWords + 1))
  ) {
    throw new RangeError(
      "setState: the bytes are no state of a generator; they should come from getState()",
    );
  }
  const state = Uint32Array.from({ length: stateWords }, (_, index) =>
    view.getUint32(wordsAt + 8 * index, true),
  );
  engine.restore(state, fresh ? stateWords : next, fresh);
  return {
    seed: view.getBigUint64(0, true),
    spare: view.getInt32(spareKnownAt, true) === 0 ? undefined : view.getFloat64(spareAt, true),
  };
}
