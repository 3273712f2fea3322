// The conformance suite on the native backend, where its addon has been built.
import { existsSync } from "node:fs";
import { describe, it } from "vitest";
import type { Backend } from "../../src/core/backend.ts";
import { describeBackend } from "./conformance.ts";

interface Module {
  createNativeBackend(): Backend | { readonly reason: string };
}

const source = new URL("../../src/backends/native/backend.ts", import.meta.url);
const made = existsSync(source)
  ? ((await import(/* @vite-ignore */ source.href)) as Module).createNativeBackend()
  : { reason: "there is no native backend in this checkout" };

if ("reason" in made)
  describe("native backend", () => {
    it.skip(`left out: ${made.reason}`, () => {});
  });
else describeBackend("native", () => made);
