// Compiles the kernels to WebAssembly, for SIMD128 and for relaxed SIMD, which has the fused multiply-add of matrix products.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { commands } from "@yowasp/clang";

const root = path.dirname(import.meta.dirname);
const from = path.join(root, "native");
const to = path.join(root, "dist");

// What binding.gyp compiles for each instruction set, and what stands in for the Node side.
const kernels = /"kernel_sources": \[([^\]]*)\]/.exec(
  readFileSync(path.join(root, "binding.gyp"), "utf8"),
)[1];
const sources = [...kernels.matchAll(/"native\/([a-z_]+\.cc)"/g)].map(([, name]) => name);
sources.push("program.cc", "wasm.cc");

// Relaxed SIMD for these alone: elsewhere little is gained, and its minimum and maximum lose NaN.
const relaxedSources = ["matmul.cc"];
const variants = ["simd", "relaxed"];
const flags = [
  "--target=wasm32-wasip1",
  "-std=c++17",
  "-O3",
  "-msimd128",
  "-ffp-contract=fast",
  "-fno-math-errno",
  "-fno-trapping-math",
  "-fwrapv",
  "-fno-exceptions",
  "-fno-rtti",
  "-fvisibility=hidden",
  "-Wall",
  "-Wno-psabi",
  "-Wno-ignored-attributes",
  "-DFLAMBEAU_ISA=wasm",
];
const linking = [
  "--target=wasm32-wasip1",
  "-nostartfiles",
  "-Wl,--no-entry",
  "-Wl,--strip-all",
  "-Wl,-z,stack-size=1048576",
  "-Wl,--stack-first",
  "-Wl,--initial-memory=4194304",
  "-Wl,--max-memory=4294967296",
];

const texts = {};
for (const name of readdirSync(from))
  if (name.endsWith(".h") || name.endsWith(".cc"))
    texts[name] = readFileSync(path.join(from, name), "utf8");

/** Whether every output is newer than every input. */
function upToDate() {
  const inputs = [...Object.keys(texts).map((name) => path.join(from, name)), import.meta.filename];
  const newest = Math.max(...inputs.map((file) => statSync(file).mtimeMs));
  return variants.every((variant) => {
    const file = statSync(path.join(to, `${variant}.wasm`), { throwIfNoEntry: false });
    return file !== undefined && file.mtimeMs > newest;
  });
}

/** Runs the compiler in a file system of `files`, and gives the one that it wrote. What it says comes out only where it fails. */
async function compile(args, files, output) {
  const said = [];
  const options = {
    fetchProgress: () => {},
    stdout: (bytes) => bytes && said.push(bytes),
    stderr: (bytes) => bytes && said.push(bytes),
  };
  try {
    return (await commands["clang++"]([...args, "-o", output], files, options))[output];
  } catch (error) {
    process.stderr.write(Buffer.concat(said));
    throw new Error(`build-wasm: ${output} could not be made (${error.message})`);
  }
}

// Objects that both variants use are compiled once.
const objects = new Map();
async function objectOf(source, options) {
  const key = [source, ...options].join(" ");
  if (!objects.has(key))
    objects.set(key, await compile([...flags, ...options, "-c", source], texts, "object.o"));
  return objects.get(key);
}

async function build(variant) {
  const linked = {};
  for (const source of sources) {
    const relaxed = variant === "relaxed" && relaxedSources.includes(source);
    linked[source.replace(".cc", ".o")] = await objectOf(source, relaxed ? ["-mrelaxed-simd"] : []);
  }
  const bytes = await compile([...linking, ...Object.keys(linked)], linked, "kernels.wasm");
  // An older engine does not take relaxed SIMD; the other build has the same imports.
  const imports = WebAssembly.validate(bytes)
    ? WebAssembly.Module.imports(new WebAssembly.Module(bytes))
    : [];
  if (imports.length > 0)
    throw new Error(
      `build-wasm: the kernels import ${imports.map(({ name }) => name).join(", ")}, which nobody provides`,
    );
  mkdirSync(to, { recursive: true });
  writeFileSync(path.join(to, `${variant}.wasm`), bytes);
  console.log(`${variant}.wasm: ${Buffer.byteLength(bytes)} bytes`);
}

if (!upToDate()) for (const variant of variants) await build(variant);
