// The Mersenne Twister (mt19937): the stream of 32-bit words below every random number of the
// library.

export const stateWords: number = 624;
const offset = 397;

function twist(upper: number, lower: number): number {
  const mixed = (upper & 0x80000000) | (lower & 0x7fffffff);
  return (mixed >>> 1) ^ (-(lower & 1) & 0x9908b0df);
}

/**
 * Matsumoto and Nishimura's generator of period 2^19937 - 1 (ACM TOMACS 8, 1998), seeded with 32
 * bits as in their 2002 revision. Words are tempered a whole block of 624 at a time.
 *
 * @example
 * ```ts
 * const engine = new Mersenne(5489);
 * engine.word(); // 3499211612
 * ```
 */
export class Mersenne {
  /** The untempered words. */
  readonly state: Uint32Array = new Uint32Array(stateWords);
  /**
   * How many words of the current block have been given out; 624 when the next call makes a new
   * block.
   */
  position: number = stateWords;
  /** Whether no block was made since seeding. */
  fresh: boolean = true;
  readonly #block: Uint32Array = new Uint32Array(stateWords);

  constructor(seed: number) {
    this.seed(seed);
  }

  /** Restarts the stream from the lowest 32 bits of `seed`. */
  seed(seed: number): void {
    const state = this.state;
    let previous = seed >>> 0;
    state[0] = previous;
    for (let index = 1; index < stateWords; index++) {
      previous = Math.imul(1812433253, previous ^ (previous >>> 30)) + index;
      state[index] = previous;
    }
    this.position = stateWords;
    this.fresh = true;
  }

  /** The next 32-bit word, as a whole number from 0 to 2^32 - 1. */
  word(): number {
    if (this.position === stateWords) this.#advance();
    return this.#block[this.position++]!;
  }

  /** Continues at `position` of the block whose untempered words are `state`. */
  restore(state: Uint32Array, position: number, fresh: boolean): void {
    this.state.set(state);
    this.position = position;
    this.fresh = fresh;
    this.#temper();
  }

  #advance(): void {
    const state = this.state;
    const split = stateWords - offset;
    let index = 0;
    for (; index < split; index++)
      state[index] = state[index + offset]! ^ twist(state[index]!, state[index + 1]!);
    for (; index < stateWords - 1; index++)
      state[index] = state[index - split]! ^ twist(state[index]!, state[index + 1]!);
    state[index] = state[index - split]! ^ twist(state[index]!, state[0]!);
    this.position = 0;
    this.fresh = false;
    this.#temper();
  }

  #temper(): void {
    const state = this.state;
    const block = this.#block;
    for (let index = 0; index < stateWords; index++) {
      let word = state[index]!;
      word ^= word >>> 11;
      word ^= (word << 7) & 0x9d2c5680;
      word ^= (word << 15) & 0xefc60000;
      block[index] = word ^ (word >>> 18);
    }
  }
}
