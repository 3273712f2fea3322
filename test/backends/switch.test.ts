// Tensors of one backend in the hands of another: every pair of backends that are there, small and large tensors.
import { afterAll, describe, expect, it } from "vitest";
import { backend, type BackendName, DeviceError, full, type Tensor } from "../../src/index.ts";

const usual = backend.name as BackendName;
const available = (backend.names as readonly BackendName[]).filter((name) => {
  try {
    backend.use(name);
    return true;
  } catch (error) {
    if (error instanceof DeviceError) return false;
    throw error;
  }
});
backend.use(usual);
afterAll(() => backend.use(usual));

describe("switching backends", () => {
  for (const first of available)
    for (const second of available)
      it(`computes on ${second} with tensors of ${first}`, () => {
        for (const count of [1, 3, 5000]) {
          backend.use(first);
          const made: Tensor = full([count], 2).add(1);
          backend.use(second);
          const more = made.mul(made);
          made.add_(more);
          backend.use(first);
          expect([made.sum().item(), more.sum().item()]).toEqual([12 * count, 9 * count]);
        }
      });
});
