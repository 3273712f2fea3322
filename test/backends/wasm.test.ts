// The conformance suite on the WebAssembly backend, in each of its builds that this engine runs.
import { existsSync, readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { describe, expect, it } from "vitest";
import type { Operand } from "../../src/core/backend.ts";
import { type DType, float32, int64 } from "../../src/core/dtype.ts";
import { DeviceError } from "../../src/core/errors.ts";
import { scalar } from "../../src/core/expression.ts";
import { createWasmBackend, loadWasmBackend } from "../../src/backends/wasm/backend.ts";
import { describeBackend } from "./conformance.ts";
import { applied, identity, programOf, Workbench } from "./workbench.ts";

// The types of Node leave it out.
const engine = (
  globalThis as unknown as { readonly WebAssembly: { validate(bytes: Uint8Array): boolean } }
).WebAssembly;

// Node 20 has relaxed SIMD behind this flag; later ones know no such flag and need none.
setFlagsFromString("--experimental-wasm-relaxed-simd");

for (const build of ["simd", "relaxed"]) {
  const file = new URL(`../../dist/${build}.wasm`, import.meta.url);
  const bytes = existsSync(file) ? new Uint8Array(readFileSync(file)) : null;
  const reason =
    bytes === null
      ? "it is not built: npm run build:wasm"
      : engine.validate(bytes)
        ? null
        : "this engine does not run it";
  if (bytes === null || reason !== null)
    describe(`wasm backend, ${build}`, () => {
      it.skip(`left out: ${reason}`, () => {});
    });
  else {
    const backend = await loadWasmBackend(bytes);
    describeBackend(`wasm, ${build}`, () => backend);
  }
}

const made = createWasmBackend();
describe.skipIf("reason" in made)("wasm memory", () => {
  const backend = made as Exclude<typeof made, { readonly reason: string }>;
  /** A dense operand of equal values that the host has not touched. */
  const filled = (dtype: DType, count: number, value: number): Operand => {
    const operand = new Workbench(backend).room(dtype, [count]);
    backend.map(programOf(scalar(0), 0, 1, dtype, [], [dtype]), operand, [], [value]);
    return operand;
  };
  const at = ({ storage, dtype }: Operand, index: number): unknown =>
    backend.read(storage, dtype, index);

  it("goes on after linear memory has grown for operands and within a kernel", () => {
    const add = applied("add", float32, 2);
    for (const count of [3, 3_000_000, 5, 5_000_000, 7]) {
      const a = filled(float32, count, 2);
      const out = filled(float32, count, 0);
      backend.map(add, out, [a, a], []);
      expect([at(out, 0), at(out, count - 1)]).toEqual([4, 4]);
      const [values, positions] = [filled(float32, count, 0), filled(int64, count, 0)];
      backend.sort(values, positions, out, false);
      expect([at(values, count - 1), at(positions, count - 1)]).toEqual([4, BigInt(count - 1)]);
    }
  });

  it("keeps what lies between the elements of outputs that share a storage", () => {
    const whole = filled(float32, 9, -1);
    const every = (offset: number): Operand => ({
      ...whole,
      sizes: [3],
      strides: [3],
      offset,
      count: 3,
      dense: false,
    });
    const program = programOf([scalar(0), scalar(1)], 0, 2, float32, [], [float32, float32]);
    backend.mapMany(program, [every(0), every(1)], [], [5, 6]);
    expect(Array.from({ length: 9 }, (_, i) => at(whole, i))).toEqual([
      5, 6, -1, 5, 6, -1, 5, 6, -1,
    ]);
  });

  it("refuses what 32 bits cannot count", () => {
    const one = filled(float32, 1, 1);
    const sizes = [2 ** 17, 2 ** 16];
    const spread: Operand = { ...one, sizes, strides: [0, 0], count: 2 ** 33, dense: false };
    const out: Operand = { ...filled(float32, 1, 0), sizes: [1, 1], strides: [1, 1] };
    expect(() => backend.reduce("sum", identity(float32), out, [spread], [], sizes, 1)).toThrow(
      DeviceError,
    );
  });
});
