// Loads the native addon, and checks that it speaks of the same element types and scalar functions as the core.
import { dtypes } from "../../core/dtype.ts";
import { functionNames } from "../../core/scalar.ts";
import type { Kernels } from "../frame/call.ts";
import { nodeModule, packageFile } from "../node.ts";

/** What the addon exports. Functions without arguments read the frame and write results there. */
export interface Addon extends Kernels {
  readonly frame: Float64Array;
  readonly instructionSet: string;
  readonly functions: readonly string[];
  readonly dtypes: readonly string[];
  /** Takes a chunk of frame[0] bytes. Gives the object that owns it, with frame[0] its address (0 where there is no memory). */
  take(): object | undefined;
  outstanding(): void;
  trim(): void;
  /** Lends a buffer, to be kept for good, as memory for chunks of frame[0] bytes. */
  lend(buffer: ArrayBuffer): void;
  addressOf(buffer: ArrayBuffer): number;
  /** Fills the buffer from the address in frame[0]. */
  copyOut(buffer: ArrayBuffer): void;
  register(words: Int32Array, constants: Float64Array): number;
  /** Lets frame[0] threads work, where it is not 0. Gives in frame[0] how many may, 0 where nobody said so in this process. */
  threads(): void;
}

/** Why there is no native backend. */
export interface Unavailable {
  readonly reason: string;
}

/** The addon, or why it cannot be used. */
export function loadAddon(): Addon | Unavailable {
  const modules = nodeModule("node:module") as typeof import("node:module") | undefined;
  const os = nodeModule("node:os") as typeof import("node:os") | undefined;
  if (modules === undefined || os === undefined) return { reason: "addons run in Node only" };
  let addon: Addon;
  try {
    // V8 looks its functions up by hashing until they stand in an object of JavaScript's making.
    const file = packageFile(import.meta.url, "build/Release/flambeau.node");
    addon = { ...(modules.createRequire(file)(file) as Addon) };
  } catch (error) {
    // Node adds the modules that asked for it, line by line.
    return { reason: (error instanceof Error ? error.message : String(error)).split("\n")[0]! };
  }
  const same = (a: readonly string[], b: readonly string[]): boolean =>
    a.length === b.length && a.every((name, i) => name === b[i]);
  if (
    !same(addon.functions, functionNames) ||
    !same(
      addon.dtypes,
      dtypes.map((dtype) => dtype.name),
    )
  )
    return {
      reason:
        "the native addon was built from another version; rebuild it with `npx node-gyp rebuild`",
    };
  // Threads belong to the process: a worker that loads the addon too leaves their number alone.
  addon.frame[0] = 0;
  addon.threads();
  if (addon.frame[0] === 0) {
    addon.frame[0] = os.availableParallelism();
    addon.threads();
  }
  return addon;
}
