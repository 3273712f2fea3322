// Whether the garbage collector takes something: for tests of what the graph keeps alive.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
/** V8's collector: everything, or the young generation alone. */
export const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void;

/** Whether the object is gone once the collector has run. */
export async function collected(reference: WeakRef<object>): Promise<boolean> {
  // A reference keeps its target until the present job is over.
  for (let round = 0; round < 10 && reference.deref() !== undefined; round++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    collect();
  }
  return reference.deref() === undefined;
}
