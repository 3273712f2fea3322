// Times the workloads, beside PyTorch where BENCH_PYTHON names a Python that has it, and prints a table.
//
//   npm run bench -- [--rounds 3] [--threads 2] [--json FILE] [NAME...]
//
// Machines are noisy, so the sides take turns and the median over the rounds counts. Each measurement is a process of its
// own: a workload never inherits another's garbage or compiled code. A ratio above 1 means that Flambeau is the faster.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { workloads } from "./workloads.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: "2" },
    json: { type: "string" },
  },
});
const unknown = positionals.filter((name) => !(name in workloads));
if (unknown.length > 0) {
  throw new Error(
    `no workload ${unknown.join(", ")}; there are ${Object.keys(workloads).join(", ")}`,
  );
}

const script = (name) => path.join(import.meta.dirname, name);
const python = process.env.BENCH_PYTHON;
const sides = {
  flambeau: [process.execPath, script("measure.mjs")],
  ...(python && { pytorch: [python, script("workloads.py")] }),
};

function measure([command, ...args], name) {
  const { threads } = options;
  const { stdout, stderr } = spawnSync(command, [...args, name], {
    encoding: "utf8",
    timeout: 120_000,
    env: { ...process.env, BENCH_THREADS: threads, OMP_NUM_THREADS: threads },
  });
  try {
    return JSON.parse(stdout);
  } catch {
    return { error: stderr?.trim().split("\n").at(-1) || "ended without a result" };
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** Median time of each side, and why a side has none. */
function compare(name) {
  const runs = Object.fromEntries(Object.keys(sides).map((side) => [side, []]));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [side, command] of Object.entries(sides)) {
      // A side that failed once is not asked again.
      if (!runs[side].some((run) => run.error)) runs[side].push(measure(command, name));
    }
  }
  const times = {};
  const errors = [];
  for (const [side, results] of Object.entries(runs)) {
    const failed = results.find((run) => run.error);
    if (failed) errors.push(`${side}: ${failed.error}`);
    else times[side] = median(results.map((run) => run.microseconds));
  }
  return { times, errors, ratio: times.pytorch / times.flambeau };
}

function format(microseconds) {
  if (microseconds === undefined) return "-";
  const [amount, unit] = microseconds < 1000 ? [microseconds, "us"] : [microseconds / 1000, "ms"];
  return `${amount.toFixed(amount < 10 ? 2 : amount < 100 ? 1 : 0)} ${unit}`;
}

function row(name, cells, note = "") {
  console.log(
    [name.padEnd(18), ...cells.map((cell) => cell.padStart(10)), note].join(" ").trimEnd(),
  );
}

row("workload", [...Object.keys(sides), ...(python ? ["ratio"] : [])]);
const results = {};
for (const name of positionals.length > 0 ? positionals : Object.keys(workloads)) {
  const result = compare(name);
  results[name] = result;
  const cells = Object.keys(sides).map((side) => format(result.times[side]));
  if (python) cells.push(result.ratio > 0 ? result.ratio.toFixed(2) : "-");
  row(name, cells, result.errors.join("; ").slice(0, 120));
}

const ratios = Object.values(results)
  .map((result) => result.ratio)
  .filter((ratio) => ratio > 0);
if (ratios.length > 0) {
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  const lowest = Math.min(...ratios);
  console.log(
    `against PyTorch: ${ratios.length} of ${Object.keys(results).length} workloads, ` +
      `geometric mean ${mean.toFixed(2)}, lowest ${lowest.toFixed(2)}`,
  );
}
if (options.json) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
