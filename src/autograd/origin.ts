// Where in the user's program nodes were made and memory was written: kept only while a debugging mode asks for it.
import { callerFrames, notePlaces } from "../core/callsite.ts";
import { Tensor } from "../core/tensor.ts";
import { Node } from "./node.ts";
import { observe, type ObservedNode } from "./observer.ts";

/** How a node came to be. */
export interface Origin {
  /** The calls outside the library that led to it, innermost first, as the engine writes them; empty where it cannot tell them apart. */
  readonly frames: readonly string[];
  /** The node whose backward made it; null for what the forward pass made. */
  readonly parent: ObservedNode | null;
  /** The operation that was called; empty for what no operation made. */
  readonly operation: string;
}

const known = new WeakMap<ObservedNode, Origin>();
let running: ObservedNode | null = null;
/** The operations that are being called, the innermost last. */
const calls: string[] = [];
let users = 0;
let stop: (() => void) | null = null;

/** What is known of a node; null where origins were not kept when it was made. */
export function originOf(node: ObservedNode): Origin | null {
  return known.get(node) ?? null;
}

/** Keeps origins from now on, for one more user; returns how to end that. */
export function recordOrigins(): () => void {
  users++;
  stop ??= watch();
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    if (--users > 0) return;
    stop?.();
    stop = null;
  };
}

/** Tells nodes what their results look like. */
function noteResults(result: unknown): void {
  if (result instanceof Tensor) {
    if (result.node instanceof Node) result.node.noteResult(result.outputIndex, result);
  } else if (typeof result === "object" && result !== null && Symbol.iterator in result)
    for (const item of result as Iterable<unknown>) if (item instanceof Tensor) noteResults(item);
}

function watch(): () => void {
  const forget = notePlaces();
  const leave = observe({
    created: (node) =>
      void known.set(node, {
        frames: callerFrames(),
        parent: running,
        operation: calls.at(-1) ?? "",
      }),
    call: (name, _args, proceed) => {
      calls.push(name);
      try {
        const result = proceed();
        noteResults(result);
        return result;
      } finally {
        calls.pop();
      }
    },
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
  return () => {
    leave();
    forget();
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
