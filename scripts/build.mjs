// Compiles the TypeScript sources to dist/, then the kernels to WebAssembly.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const root = path.dirname(import.meta.dirname);
const typescript = path.dirname(createRequire(import.meta.url).resolve("typescript/package.json"));

function step(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

step(path.join(typescript, "bin/tsc"), "-b", "src");
if (existsSync(path.join(root, "scripts/build-wasm.mjs"))) step("scripts/build-wasm.mjs");
