// Packs the library, installs the tarball in empty folders with and without its native addon, and trains one step there.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");
const typescript = path.dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
const temporary = mkdtempSync(path.join(os.tmpdir(), "flambeau-consumer-"));

function run(command, args, cwd, env = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
    shell: process.platform === "win32",
  });
  if (status === 0) return stdout + stderr;
  throw new Error(`${command} ${args.join(" ")} failed:\n${error ?? ""}${stdout}${stderr}`);
}

function check(condition, message) {
  if (!condition) throw new Error(message);
}

function pack() {
  run("npm", ["pack", "--ignore-scripts", "--pack-destination", temporary], root);
  const { name, version } = createRequire(import.meta.url)("../../package.json");
  return path.join(temporary, `${name}-${version}.tgz`);
}

/** Installs the tarball in a folder of its own, checks the types, and returns the losses before and after the step. */
function train(tarball, name, env) {
  const folder = path.join(temporary, name);
  mkdirSync(folder);
  cpSync(path.join(import.meta.dirname, "consumer.ts"), path.join(folder, "consumer.ts"));
  writeFileSync(
    path.join(folder, "package.json"),
    JSON.stringify({ name: "consumer", private: true, type: "module" }),
  );
  const compilerOptions = {
    target: "es2023",
    lib: ["es2023", "dom"],
    types: [],
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
  };
  writeFileSync(
    path.join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions, files: ["consumer.ts"] }),
  );
  const printed = run(
    "npm",
    ["install", tarball, "--offline", "--foreground-scripts", "--no-audit", "--no-fund"],
    folder,
    env,
  );
  const addon = path.join(folder, "node_modules/flambeau/build/Release/flambeau.node");
  run(process.execPath, [path.join(typescript, "bin/tsc"), "-p", "."], folder);
  const losses = run(process.execPath, ["consumer.js"], folder).trim();
  // A backend may say on the way that it is the slower one.
  const line = losses.split("\n").find((text) => /^[\d.]+ [\d.]+$/.test(text)) ?? "";
  const [before, after] = line.split(" ").map(Number);
  check(after < before, `${name}: the loss did not fall (${losses})`);
  console.log(`${name}: loss ${before} -> ${after}, native addon: ${existsSync(addon)}`);
  return { printed, before, after, native: existsSync(addon) };
}

try {
  const tarball = pack();
  const usual = train(tarball, "usual", {});
  check(
    usual.native || /native addon (could not be built|is skipped)/.test(usual.printed),
    `the addon was neither built nor explained:\n${usual.printed}`,
  );
  const without = train(tarball, "without-native", { FLAMBEAU_SKIP_NATIVE: "1" });
  check(!without.native, "FLAMBEAU_SKIP_NATIVE=1 built the addon all the same");
  check(/native addon is skipped/.test(without.printed), "the skipped addon was not mentioned");
  for (const key of ["before", "after"]) {
    check(
      Math.abs(usual[key] - without[key]) < 1e-5,
      `the backends disagree ${key} the step: ${usual[key]} and ${without[key]}`,
    );
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
