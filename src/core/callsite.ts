// Where in the caller's program something happens, read from a stack trace.
import { storageMode } from "./storage.ts";

interface StackTraces {
  stackTraceLimit?: number;
}

// This file, or the built library: one folder below the library's own, or in it.
const ownFile = /(?:core\/callsite\.ts|flambeau\.js):\d+:\d+\)?$/;

/** `file:///a/b.js` as `/a/b.js`; other addresses as they are. */
const plain = (text: string): string => text.replaceAll("file://", "").replaceAll("\\", "/");

/** The place that a line of a stack trace names, as `/a/b.ts:3:5`. */
function placeOf(frame: string): string {
  return /^(?:at |[^(]*@)?(?:.*\()?(.*?:\d+:\d+)\)?$/.exec(frame)?.[1] ?? frame;
}

/**
 * The calls on the stack now that are not the library's own, innermost first, at most ten, as the engine writes them. All calls where
 * the library has been bundled with the program, for then they cannot be told apart.
 */
export function callerFrames(): readonly string[] {
  const traces = Error as StackTraces;
  const before = traces.stackTraceLimit;
  // Many calls of the library's own may lie on top.
  if (before !== undefined) traces.stackTraceLimit = 200;
  const stack = new Error("where").stack ?? "";
  if (before !== undefined) traces.stackTraceLimit = before;
  const frames = plain(stack)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /:\d+:\d+\)?$/.test(line) && !line.includes("node:internal"));
  // The first one is here.
  const here = frames[0] !== undefined && ownFile.test(frames[0]) ? placeOf(frames[0]) : null;
  const own = here?.slice(0, here.search(ownFile));
  return frames
    .filter((frame) => own === undefined || !placeOf(frame).startsWith(own))
    .slice(0, 10);
}

/** The innermost line of the stack that lies outside of the library, as `file:line:column`; empty where the engine tells none. */
function callSite(): string {
  const [frame] = callerFrames();
  return frame === undefined ? "" : placeOf(frame);
}

/** From now on notes for every in-place write where in the program it happened, for the error of a gradient that needs the old value. */
export function notePlaces(): () => void {
  const before = storageMode.place;
  storageMode.place = callSite;
  return () => void (storageMode.place = before);
}
