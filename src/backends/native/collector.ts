// V8's collector, as the library needs it: on demand, on one thread, and without what V8 would conclude from collections that come more
// often, or at other places in a program, than its own.
import { nodeModule } from "../node.ts";

const v8 = nodeModule("node:v8") as typeof import("node:v8") | undefined;

function setFlag(flag: string): void {
  try {
    v8?.setFlagsFromString(flag);
  } catch {
    // Node's modules on another engine, which has no such flags.
  }
}

const nodeProcess = nodeModule("node:process") as typeof import("node:process") | undefined;
// What Node was started with, or what V8 grows by unless told otherwise.
const usualGrowth =
  nodeProcess?.execArgv
    .find((option) => /^--semi[-_]space[-_]growth[-_]factor=\d+$/.test(option))
    ?.split("=")[1] ?? "2";

/**
 * Whether V8 may enlarge its young generation when much survives there. What a module makes at load survives, and so does half a step if a
 * collection falls into it, but neither says how fast a program makes garbage; and each collection touches all pages of the young generation:
 * 16 MiB of it where 2 do doubled its time.
 */
export function allowGrowth(allowed: boolean): void {
  setFlag(`--semi-space-growth-factor=${allowed ? usualGrowth : 1}`);
}

// This module is loaded before all others, and index.ts, which is the last, allows growth again.
allowGrowth(false);

// A program that allocates less than 1000 bytes of objects in a millisecond rests, as V8 sees it: each collection then gives half of the young
// generation back to the system and the next asks for it again, which takes three times as long as collecting, and another thread, which
// kernels want. Large tensors make few objects in that time, so more than enough bytes are allocated for nothing before a collection, but not
// for steps so long that a collection counts for nothing beside them.
const busyBytesPerMillisecond = 2000;
const longestMilliseconds = 128;
const pieceLength = 2048;
const pieceBytes = 8 * pieceLength;

/** Allocates what V8 expects of a program that has been busy for so many milliseconds, in whole pieces; returns what is left to allocate. */
function allocateFor(milliseconds: number, left: number): number {
  let bytes = left + Math.min(milliseconds, longestMilliseconds) * busyBytesPerMillisecond;
  // Filled, lest a compiler sees that nobody uses them.
  for (; bytes > pieceBytes; bytes -= pieceBytes) new Array<number>(pieceLength).fill(0);
  return bytes;
}

/** Collections on demand. */
export interface Collector {
  /** Collects the young generation. */
  minor(): void;
  /** Collects everything. */
  full(): void;
}

/**
 * V8's collector, without leaving the flag set that gives it; null where this Node does not offer it. V8 would learn from collections in
 * the midst of steps that arrays live long, and put those of every later step among old objects, where they wait for a full collection
 * together with all that they refer to: a batch of gradients took twice the time. So it is told not to. Nor do other threads help with the
 * young generation: next to nothing survives there, and waking them while kernels keep the cores busy costs a mapped function that forces a
 * collection every few calls a third of its time.
 */
export function openCollector(): Collector | null {
  const vm = nodeModule("node:vm") as typeof import("node:vm") | undefined;
  setFlag("--expose-gc");
  let collect: unknown;
  try {
    collect = vm?.runInNewContext("gc");
  } catch {
    // There is no such function.
  }
  setFlag("--no-expose-gc");
  setFlag("--no-allocation-site-pretenuring");
  setFlag("--no-parallel-scavenge");
  if (typeof collect !== "function") return null;
  const run = collect as (options?: { readonly type: "minor" }) => void;
  let last = performance.now();
  let left = 0;
  return {
    minor() {
      const now = performance.now();
      left = allocateFor(now - last, left);
      last = now;
      allowGrowth(false);
      run({ type: "minor" });
      allowGrowth(true);
    },
    full: () => run(),
  };
}
