// Checks the TypeScript sources and writes their declarations to dist/, then the library as one module, which loads in a third of the
// time that one for each source file takes, then the kernels as WebAssembly.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { build } from "rolldown";

const root = path.dirname(import.meta.dirname);
const typescript = path.dirname(createRequire(import.meta.url).resolve("typescript/package.json"));

function step(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

// What an earlier build left would be published.
rmSync(path.join(root, "dist"), { recursive: true, force: true });
step(path.join(typescript, "bin/tsc"), "-b", "src");
const library = path.join(root, "src/index.ts");
/** Writes one module, which takes what `paths` names from the place that it gives. */
function bundle(input, file, paths) {
  return build({
    cwd: root,
    input,
    tsconfig: "src/tsconfig.json",
    external: ["@viz-js/viz", ...Object.keys(paths)],
    platform: "neutral",
    // Texts name classes.
    output: {
      file,
      paths,
      codeSplitting: false,
      sourcemap: true,
      comments: false,
      keepNames: true,
    },
    logLevel: "warn",
  });
}
await bundle(library, "dist/flambeau.js", {});
await bundle("src/browser.ts", "dist/flambeau.browser.js", { [library]: "./flambeau.js" });
if (existsSync(path.join(root, "scripts/build-wasm.mjs"))) step("scripts/build-wasm.mjs");
