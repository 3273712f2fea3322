// Builds the native addon when the package is installed. Without a compiler the library runs on its WebAssembly backend,
// so a failure here never fails the installation.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);
const log = path.join(root, "build", "install.log");

if (process.env.FLAMBEAU_SKIP_NATIVE === "1") {
  console.log(
    "flambeau: the native addon is skipped (FLAMBEAU_SKIP_NATIVE=1); the WebAssembly backend is used.",
  );
} else if (existsSync(path.join(root, "binding.gyp"))) {
  // npm names the copy of node-gyp that it carries; elsewhere the one on the PATH serves.
  const bundled = process.env.npm_config_node_gyp;
  const [command, ...args] = bundled ? [process.execPath, bundled] : ["node-gyp"];
  const run = spawnSync(command, [...args, "rebuild"], {
    cwd: root,
    encoding: "utf8",
    shell: !bundled && process.platform === "win32",
  });
  if (run.status !== 0) {
    mkdirSync(path.dirname(log), { recursive: true });
    writeFileSync(log, `${run.error ?? ""}\n${run.stdout ?? ""}\n${run.stderr ?? ""}`);
    console.warn(
      `flambeau: the native addon could not be built (is a C++ compiler installed? details: ${log}); ` +
        "the slower WebAssembly backend is used.",
    );
  }
}
