import { describe, expect, it } from "vitest";
import { Pace } from "../../src/backends/native/pace.ts";

const mebibyte = 2 ** 20;

/** Takes chunks of so many bytes; each collection that falls due leaves what `left` says. Returns how many there were. */
function collections(pace: Pace, chunks: number, size: number, left: (chunk: number) => number) {
  let count = 0;
  for (let chunk = 0; chunk < chunks; chunk++) {
    pace.take(size, true);
    if (!pace.isDue) continue;
    pace.collected(left(chunk));
    count++;
  }
  return count;
}

describe("the pace of collections", () => {
  it("is one every six mebibytes of small chunks, and twelve of large ones", () => {
    expect(collections(new Pace(0), 1000, mebibyte / 16, () => 0)).toBe(10);
    expect(collections(new Pace(0), 120, 2 * mebibyte, () => 0)).toBe(17);
    expect(collections(new Pace(0), 20, 25 * mebibyte, () => 0)).toBe(20);
  });
  it("counts only what is to count", () => {
    const pace = new Pace(0);
    for (let chunk = 0; chunk < 1000; chunk++) pace.take(mebibyte / 32, false);
    expect(pace.isDue).toBe(false);
  });
  it("slows down where collections meet steps at different places, and recovers", () => {
    const pace = new Pace(0);
    // A step keeps twenty chunks and then drops them.
    const step = (chunk: number) => (chunk % 20) * mebibyte;
    collections(pace, 400, mebibyte, step);
    expect(collections(pace, 400, mebibyte, step)).toBeLessThanOrEqual(7);
    collections(pace, 4000, mebibyte, () => 0);
    expect(collections(pace, 450, mebibyte, () => 0)).toBe(50);
  });
  it("stays where one collection differs from many alike", () => {
    const pace = new Pace(0);
    const size = 13 * mebibyte;
    collections(pace, 20, size, () => 0);
    for (const left of [40, 0, 90]) {
      expect(collections(pace, 20, size, () => left * mebibyte)).toBe(20);
    }
  });
});
