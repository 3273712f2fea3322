// When to ask for a minor collection: V8 does not see native memory and would collect too late.

const mebibyte = 2 ** 20;
// Short enough that recycled memory is still in cache, if collecting finds some.
const shortestInterval = 6 * mebibyte;
const longestInterval = 64 * mebibyte;
// For large chunks, beside which a collection takes long: so much of what comes back is still in the last cache, which others use too.
const largeInterval = 12 * mebibyte;
// So many collections in a row must leave the same behind before they come more often, or before one that differs is an exception.
const patience = 8;

/**
 * The pace of minor collections: one every six mebibytes of chunks taken (some 70 us, where reporting all memory to V8 makes it run a full
 * one of 1.5 ms every 64 MiB), or every eight of the largest chunks up to twelve mebibytes. What lives through two collections grows old, so
 * the interval must not be shorter than a step: where collections differ in what they leave behind, they meet steps at different places, and
 * the interval doubles; it shrinks where they leave the same. A single one that differs is a program that turns to something else, or V8
 * that found what had grown old: several large chunks would take turns in cache where one did.
 */
export class Pace {
  #interval = shortestInterval;
  /** The bytes taken since the last collection. */
  #taken = 0;
  /** The bytes that the last collection left, and how many in a row left about the same. */
  #left: number;
  #steady = 0;
  /** The largest chunk taken, halved with every collection: small ones that come between large ones must not set the pace. */
  #widest = 0;

  constructor(left: number) {
    this.#left = left;
  }

  get widest(): number {
    return this.#widest;
  }

  /** A chunk is taken, which `counts` unless V8's own collections come often enough for its like. */
  take(byteLength: number, counts: boolean): void {
    if (counts) this.#taken += byteLength;
    this.#widest = Math.max(this.#widest, Math.min(byteLength, longestInterval));
  }

  get isDue(): boolean {
    return this.#taken > this.#pause;
  }

  /** How many bytes may be taken between two collections. */
  get #pause(): number {
    return Math.max(this.#interval, Math.min(8 * this.#widest, largeInterval));
  }

  /** A minor collection left so many bytes. */
  collected(left: number): void {
    const change = Math.abs(left - this.#left);
    if (change > this.#taken / 4 && this.#steady < patience)
      this.#interval = Math.min(this.#pause * 2, longestInterval);
    if (change > this.#taken / 8) this.#steady = 0;
    else if (++this.#steady % patience === 0)
      this.#interval = Math.max(this.#interval / 2, shortestInterval);
    this.#left = left;
    this.#taken = 0;
    this.#widest >>>= 1;
  }

  /** Everything was collected, and so many bytes are left. */
  restart(left: number): void {
    this.#left = left;
    this.#taken = 0;
  }
}
