// How many threads compute is the user's to say, and changes no result.
import { availableParallelism } from "node:os";
import { readdirSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import {
  allclose,
  ArgumentError,
  backend,
  type BackendName,
  getNumThreads,
  manualSeed,
  randn,
  setNumThreads,
  type Tensor,
} from "../../src/index.ts";

const usual = backend.name as BackendName;
const tasks = "/proc/self/task";

afterAll(() => {
  backend.use(usual);
  if (usual === "native") setNumThreads(availableParallelism());
});

describe("threads", () => {
  it.skipIf(usual !== "native")("are as many as there are processors, until set", () => {
    setNumThreads(availableParallelism() + 1);
    expect(getNumThreads()).toBe(availableParallelism() + 1);
    setNumThreads(1);
    expect(getNumThreads()).toBe(1);
  });

  it.skipIf(usual !== "native" || process.platform !== "linux")("exist once they are set", () => {
    setNumThreads(1);
    const before = readdirSync(tasks).length;
    setNumThreads(availableParallelism() + 4);
    expect(readdirSync(tasks).length).toBeGreaterThan(before);
  });

  it.skipIf(usual !== "native")("compute the same, however many", () => {
    manualSeed(0);
    const [a, b] = [randn(300, 400), randn(400, 500)];
    const order = b.argsort(1);
    const [columns, rows, column] = [randn(64, 128, 1), randn(64, 1, 64), randn(900, 1)];
    // Each is large enough to be cut, in its own way.
    const results = (): Tensor[] => [
      a.matmul(b),
      a.select(0, 0).matmul(b),
      column.matmul(b.select(0, 0).view(1, 500)),
      columns.matmul(rows),
      a.matmul(b.narrow(1, 0, 2)),
      b.exp(),
      b.t().exp().contiguous(),
      b.t().add(b.select(0, 0).view(500, 1)),
      b.sum(),
      b.sum([0]),
      b.sum([1]),
      b.softmax(1),
      b.cumsum(0),
      b.cumsum(1),
      b.gather(1, order),
      b.indexSelect(0, order.select(1, 0).remainder(400)),
      b.sort(0).values,
    ];
    setNumThreads(1);
    const alone = results();
    for (const count of [2, 3, 7]) {
      setNumThreads(count);
      for (const [k, result] of results().entries())
        expect(allclose(result, alone[k]!, { rtol: 1e-5, atol: 1e-5 })).toBe(true);
    }
  });

  it("are one where the backend has none", () => {
    backend.use("reference");
    setNumThreads(3);
    expect(getNumThreads()).toBe(1);
    backend.use(usual);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "2", null, undefined])(
    "are not %s",
    (count) => {
      expect(() => setNumThreads(count as number)).toThrow(ArgumentError);
      expect(() => setNumThreads(count as number)).toThrow(/positive integer, not /);
    },
  );
});
