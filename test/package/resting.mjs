// How many pages are touched for the first time in a step over tensors so large that V8 sees next to no objects made, after a while of such.
import * as torch from "flambeau";

const pause = new Int32Array(new SharedArrayBuffer(4));
const x = torch.ones(2 ** 22);
const steps = 300;
let before = 0;
for (let step = 0; step < 2 * steps; step++) {
  if (step === steps) before = process.resourceUsage().minorPageFault;
  x.neg();
  Atomics.wait(pause, 0, 0, 2);
}
console.log((process.resourceUsage().minorPageFault - before) / steps);
