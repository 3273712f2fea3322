// Prints the number of threads in this thread and in a worker that loads the built library too, before and after changes of it.
import { Worker } from "node:worker_threads";
import * as torch from "flambeau";

const usual = torch.getNumThreads();
torch.setNumThreads(usual + 2);
const worker = new Worker(
  `const { parentPort } = require("node:worker_threads");
  import("flambeau").then((torch) => {
    const found = torch.getNumThreads();
    torch.setNumThreads(1);
    parentPort.postMessage(found);
  });`,
  { eval: true },
);
const seen = await new Promise((resolve, reject) => {
  worker.once("message", resolve).once("error", reject);
});
await worker.terminate();
console.log(JSON.stringify({ usual, seen, left: torch.getNumThreads() }));
