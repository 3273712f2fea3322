// The conformance suite on the WebAssembly backend, in each build that this engine runs.
import { describe, it } from "vitest";
import { createWasmBackend } from "../../src/backends/wasm/backend.ts";
import { describeBackend } from "./conformance.ts";

const made = createWasmBackend();
if ("reason" in made)
  describe("wasm backend", () => {
    it.skip(`left out: ${made.reason}`, () => {});
  });
else describeBackend("wasm", () => made);
