// Whether the garbage collector takes something: for tests of what the graph keeps alive.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const run = runInNewContext("gc") as () => void;

/** Frees what nothing reaches any more. */
export async function collect(): Promise<void> {
  // A reference keeps its target until the present job is over.
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    run();
  }
}

/** Whether the object is gone once the collector has run. */
export async function collected(reference: WeakRef<object>): Promise<boolean> {
  for (let round = 0; round < 3 && reference.deref() !== undefined; round++) await collect();
  return reference.deref() === undefined;
}
