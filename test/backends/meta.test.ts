// The meta backend: shapes without values.
import { expect, it } from "vitest";
import { createMetaBackend } from "../../src/backends/meta/backend.ts";
import type { Operand } from "../../src/core/backend.ts";
import { meta } from "../../src/core/device.ts";
import { float32 } from "../../src/core/dtype.ts";
import { DeviceError } from "../../src/core/errors.ts";
import { identity } from "./workbench.ts";

it("allocates without memory and computes nothing", () => {
  const backend = createMetaBackend();
  const storage = backend.allocate(2 ** 50);
  const operand: Operand = {
    storage,
    dtype: float32,
    sizes: [2 ** 48],
    strides: [1],
    offset: 0,
    count: 2 ** 48,
    dense: true,
  };
  backend.map(identity(float32), operand, [operand], []);
  backend.matmul(operand, operand, operand, 1, 0, null);
  expect(storage.device).toBe(meta);
  expect(storage.byteLength).toBe(2 ** 50);
  expect(backend.supports("sort", float32)).toBe(true);
});

it("says that there are no values to read", () => {
  const backend = createMetaBackend();
  const storage = backend.allocate(4);
  expect(() => backend.read(storage, float32, 0)).toThrow(DeviceError);
  expect(() => storage.host()).toThrow(/no values/);
});
