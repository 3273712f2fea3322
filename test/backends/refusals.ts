// Conformance: what a backend must refuse, and leave memory outside its bounds alone while doing so.
import { expect } from "vitest";
import type { KernelKind, Operand } from "../../src/core/backend.ts";
import { bool, float32, int64, int8 } from "../../src/core/dtype.ts";
import { DeviceError, IndexError } from "../../src/core/errors.ts";
import { identity, type Workbench } from "./workbench.ts";

interface Refusal {
  readonly name: string;
  /** The kernel that must be there, if any. */
  readonly kind: KernelKind | null;
  readonly check: (bench: Workbench) => void;
}

function thrown(action: () => void): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

type Act = (bench: Workbench, index: Operand, matrix: Operand) => void;

/** The same bad value in every index of five, in a 4 x 3 matrix along dimension 0. */
function indexRefusals(kind: KernelKind, detail: string, lowest: number, act: Act): Refusal[] {
  const bad = [4n, 5n, BigInt(lowest) - 1n, 2n ** 40n, 2n ** 63n - 1n, -(2n ** 63n)];
  return bad.flatMap((value) =>
    [0, 4].map((place) => ({
      name: `${kind}: ${detail}refuses index ${value} at ${place}`,
      kind,
      check(bench: Workbench): void {
        const index = bench.of(
          int64,
          [5, 3],
          Array.from({ length: 15 }, (_, i) => (Math.floor(i / 3) === place ? value : 1n)),
        );
        const matrix = bench.of(
          float32,
          [4, 3],
          Array.from({ length: 12 }, (_, i) => i),
          "offset",
        );
        const error = thrown(() => act(bench, index, matrix));
        expect(error).toBeInstanceOf(IndexError);
        expect(error.message).toContain(String(value));
        expect(error.message).toMatch(/\b3\b/);
      },
    })),
  );
}

const source = (bench: Workbench): Operand =>
  bench.of(
    float32,
    [5, 3],
    Array.from({ length: 15 }, () => 9),
  );
const first = (index: Operand): Operand => ({
  ...index,
  sizes: [5],
  strides: [3],
  count: 5,
  dense: false,
});

const reading: Refusal[] = [
  {
    name: "read: values of every kind",
    kind: null,
    check(bench) {
      expect(bench.backend.read(bench.of(int64, [2], [1n, 2n ** 60n + 1n]).storage, int64, 1)).toBe(
        2n ** 60n + 1n,
      );
      expect(bench.backend.read(bench.of(float32, [2], [1, 0.5]).storage, float32, 1)).toBe(0.5);
      expect(bench.backend.read(bench.of(bool, [2], [0, 1]).storage, bool, 1)).toBe(true);
      expect(bench.backend.read(bench.of(int8, [2], [0, -3]).storage, int8, 1)).toBe(-3);
    },
  },
  {
    name: "allocate: nothing, and more than there is",
    kind: null,
    check(bench) {
      expect(bench.backend.allocate(0).byteLength).toBe(0);
      const error = thrown(() => bench.backend.allocate(2 ** 50));
      expect(error).toBeInstanceOf(DeviceError);
      expect(error.message).toContain(String(2 ** 50));
    },
  },
  {
    name: "map: refuses memory that was transferred",
    kind: "map",
    check(bench) {
      const operand = bench.of(
        float32,
        [300],
        Array.from({ length: 300 }, () => 1),
      );
      structuredClone(0, { transfer: [operand.storage.host()] });
      const out = bench.room(float32, [300]);
      expect(thrown(() => bench.backend.map(identity(float32), out, [operand], []))).toBeInstanceOf(
        DeviceError,
      );
      expect(thrown(() => bench.backend.map(identity(float32), operand, [out], []))).toBeInstanceOf(
        DeviceError,
      );
      expect(thrown(() => bench.backend.read(operand.storage, float32, 0))).toBeInstanceOf(
        DeviceError,
      );
    },
  },
];

export const refusals: readonly Refusal[] = [
  ...indexRefusals("gather", "", 0, (bench, index, matrix) =>
    bench.backend.gather(bench.room(float32, [5, 3]), matrix, 0, index),
  ),
  ...indexRefusals("scatter", "", 0, (bench, index, matrix) =>
    bench.backend.scatter("set", matrix, 0, index, source(bench)),
  ),
  ...indexRefusals("scatter", "sum ", 0, (bench, index, matrix) =>
    bench.backend.scatter("sum", matrix, 0, index, source(bench)),
  ),
  ...indexRefusals("index", "", -4, (bench, index, matrix) =>
    bench.backend.index(bench.room(float32, [5, 3]), matrix, [first(index)]),
  ),
  ...indexRefusals("indexPut", "", -4, (bench, index, matrix) =>
    bench.backend.indexPut(matrix, [first(index)], source(bench), false),
  ),
  ...indexRefusals("indexPut", "sum ", -4, (bench, index, matrix) =>
    bench.backend.indexPut(matrix, [first(index)], source(bench), true),
  ),
  ...reading,
];
