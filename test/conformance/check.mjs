// Runs the conformance vectors over the built library and compares what passes with the floor: less is a failure, and
// more asks for a higher floor. `node test/conformance/check.mjs RUNNER`, where RUNNER is the conformance run.mjs.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";

const [runner] = process.argv.slice(2);
if (!runner) throw new Error("name the conformance runner: check.mjs path/to/run.mjs");
const root = path.resolve(import.meta.dirname, "../..");
const floor = JSON.parse(readFileSync(path.join(import.meta.dirname, "floor.json"), "utf8"));

const { status, stdout } = spawnSync(process.execPath, [runner, "--lib", root], {
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
  maxBuffer: 1 << 28,
});
const patterns = {
  whole: /operators (\d+)\/\d+ whole/,
  forward: /forward (\d+)\//,
  gradients: /[^d] gradients (\d+)\//,
  refusals: /bad inputs refused (\d+)\//,
};
const last = stdout.trim().split("\n").at(-1) ?? "";
if (status !== 0) throw new Error(`the conformance run ended with ${status}: ${last}`);
console.log(last);

for (const [kind, pattern] of Object.entries(patterns)) {
  const found = pattern.exec(last)?.[1];
  if (found === undefined) throw new Error(`the runner did not say how many ${kind} pass: ${last}`);
  const passed = Number(found);
  if (!(passed >= floor[kind])) {
    console.error(`${kind}: ${passed}, below the floor of ${floor[kind]}`);
    process.exitCode = 1;
  } else if (passed > floor[kind]) {
    console.log(
      `${kind}: ${passed}, above the floor of ${floor[kind]}: raise it in test/conformance/floor.json`,
    );
  }
}
