// Where in the user's program nodes were made and memory was written: kept only while a debugging mode asks for it.
import { observe, type ObservedNode } from "./observer.ts";

/** How a node came to be. */
export interface Origin {
  /** The calls outside the library that led to it, innermost first, as the engine writes them; empty where it cannot tell them apart. */
  readonly frames: readonly string[];
  /** The node whose backward made it; null for what the forward pass made. */
  readonly parent: ObservedNode | null;
}

/** Whether origins are being kept. A mutable record rather than a variable, so that it is read without a call. */
export const origins: { recording: boolean } = { recording: false };

const known = new WeakMap<ObservedNode, Origin>();
let running: ObservedNode | null = null;
let users = 0;
let stop: (() => void) | null = null;

/** `file:///a/b.js` as `/a/b.js`; other addresses as they are. */
const plain = (text: string): string => text.replaceAll("file://", "");

// The folder that holds the whole library, where it lies in files of its own; bundled with the program it has none.
const here: string = plain((import.meta as { readonly url?: string }).url ?? "");
const file: RegExpExecArray | null = /autograd\/origin\.(?:js|ts)$/.exec(here);
const own: string | null = file === null ? null : here.slice(0, file.index);

interface StackTraces {
  stackTraceLimit?: number;
}

/** The calls on the stack now that are not the library's own. */
export function callerFrames(): readonly string[] {
  const traces = Error as StackTraces;
  const before = traces.stackTraceLimit;
  // Many calls of the library's own may lie on top.
  if (before !== undefined) traces.stackTraceLimit = 200;
  const stack = new Error("where").stack ?? "";
  if (before !== undefined) traces.stackTraceLimit = before;
  return plain(stack)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /:\d+:\d+\)?$/.test(line))
    .filter((line) => !(own !== null && line.includes(own)) && !line.includes("node:internal"))
    .slice(0, 10);
}

/** The place that a frame names, as `/a/b.ts:3:5`. */
export function placeOf(frame: string): string {
  return /^(?:at |.*@)?(?:.*\()?(.*?:\d+:\d+)\)?$/.exec(frame)?.[1] ?? frame;
}

/** An operation's name with the line that called it. */
export function signed(operation: string): string {
  const [frame] = callerFrames();
  return frame === undefined ? operation : `${operation} (called at ${placeOf(frame)})`;
}

/** What is known of a node; null where origins were not kept when it was made. */
export function originOf(node: ObservedNode): Origin | null {
  return known.get(node) ?? null;
}

/** Keeps origins from now on, for one more user; returns how to end that. */
export function recordOrigins(): () => void {
  users++;
  origins.recording = true;
  stop ??= observe({
    created: (node) => void known.set(node, { frames: callerFrames(), parent: running }),
    visit: (node, proceed) => {
      const before = running;
      running = node;
      try {
        proceed();
      } finally {
        running = before;
      }
    },
  });
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    if (--users > 0) return;
    origins.recording = false;
    stop?.();
    stop = null;
  };
}

/** Where a node comes from, in words, with the passes that led to it. */
export function describeOrigin(node: ObservedNode): string {
  const lines: string[] = [];
  const seen = new Set<ObservedNode>();
  for (let at: ObservedNode | null = node; at !== null && !seen.has(at);) {
    seen.add(at);
    const origin: Origin | null = originOf(at);
    const what =
      at === node
        ? `${at.name} was recorded`
        : `The backward of ${at.name} did that; it was recorded`;
    if (origin === null)
      lines.push(`${what} while no lines were kept: make the forward pass in anomaly mode too`);
    else if (origin.frames.length === 0)
      lines.push(`${what} at a place that the stack does not show`);
    else lines.push(`${what} by the call`, ...origin.frames.map((frame) => `    ${frame}`));
    at = origin?.parent ?? null;
  }
  return lines.join("\n");
}
