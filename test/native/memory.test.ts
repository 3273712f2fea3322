import { describe, expect, it } from "vitest";
import { float32, float64, uint8 } from "../../src/core/dtype.ts";
import type { NativeBlock } from "../../src/backends/native/memory.ts";
import { DeviceError } from "../../src/core/errors.ts";
import type { Storage } from "../../src/core/storage.ts";
import { backend, empty, same, tensor, values } from "./support.ts";

const addressOf = ({ memory, position }: Storage): number =>
  (memory as NativeBlock).address + position;

describe("memory", () => {
  it("stays bounded in a loop that never yields", () => {
    const before = process.memoryUsage().rss;
    let kept = empty([262144]);
    for (let i = 0; i < 20_000; i++) {
      kept = empty([262144]);
      if (i % 100 === 0) backend.map(same(float32), kept, [tensor([i], [1])], []);
    }
    expect(values(kept).length).toBe(262144);
    expect(process.memoryUsage().rss - before).toBeLessThan(800 * 2 ** 20);
  }, 60_000);
  it("of live tensors is never handed out twice", () => {
    const live = Array.from({ length: 3000 }, (_, i) =>
      tensor(
        [i],
        [(i % 7) + 1].map(() => 1),
      ),
    );
    const large = Array.from({ length: 40 }, (_, i) =>
      tensor(
        Array.from({ length: 20_000 }, () => i),
        [20_000],
      ),
    );
    for (let i = 0; i < 2000; i++) empty([20_000 + i]);
    live.forEach((t, i) => expect(values(t)[0]).toBe(i));
    large.forEach((t, i) => expect(values(t).every((x) => x === i)).toBe(true));
  });
  it("is refused with an error where there is none", () => {
    for (const size of [2 ** 45, 2 ** 47, 2 ** 53, Number.POSITIVE_INFINITY])
      expect(() => backend.allocate(size)).toThrow(DeviceError);
  });
  it("is aligned, and no slab is too small for what it gives", () => {
    for (let size = 1; size < 40_000; size += 97) {
      const storage = backend.allocate(size);
      expect(addressOf(storage) % 32).toBe(0);
      expect(storage.byteLength).toBe(size);
    }
    expect(addressOf(backend.allocate(1e6)) % 64).toBe(0);
  });
  it("moves to an ArrayBuffer when asked, and reads the same", () => {
    const t = tensor([1.5, 2.5], [2], float64);
    expect([...new Float64Array(t.storage.host())]).toEqual([1.5, 2.5]);
    expect(t.storage.position).toBe(-1);
    expect(values(t)).toEqual([1.5, 2.5]);
    expect(backend.read(tensor([200], [1], uint8).storage, uint8, 0)).toBe(200);
  });
});
