// Times one workload of the built library: `node bench/measure.mjs NAME` prints the median time of a step as JSON.
import { workloads } from "./workloads.mjs";

// As long as V8 takes to compile the functions of the largest step.
const warmUp = 1000;
const budget = 1000;

/** Median microseconds of a call, over batches long enough for the clock and together about `budget` milliseconds. */
function medianTime(step) {
  let calls = 0;
  const warm = performance.now() + warmUp;
  while (calls < 3 || performance.now() < warm) {
    step();
    calls++;
  }
  const batch = Math.max(1, Math.floor(calls / 6));
  const times = [];
  const end = performance.now() + budget;
  while (times.length < 3 || performance.now() < end) {
    const start = performance.now();
    for (let call = 0; call < batch; call++) step();
    times.push(((performance.now() - start) / batch) * 1000);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1];
}

const torch = await import("flambeau");
const [name] = process.argv.slice(2);
torch.manualSeed(0);
torch.setNumThreads(Number(process.env.BENCH_THREADS));
try {
  console.log(JSON.stringify({ microseconds: medianTime(workloads[name](torch)) }));
} catch (error) {
  console.log(JSON.stringify({ error: String(error?.message ?? error).split("\n")[0] }));
}
