// Where in the user's program nodes were made and memory was written: kept only while a debugging mode asks for it.
import { callerFrames, notePlaces } from "../core/callsite.ts";
import { observe, type ObservedNode } from "./observer.ts";

/** How a node came to be. */
export interface Origin {
  /** The calls outside the library that led to it, innermost first, as the engine writes them; empty where it cannot tell them apart. */
  readonly frames: readonly string[];
  /** The node whose backward made it; null for what the forward pass made. */
  readonly parent: ObservedNode | null;
}

const known = new WeakMap<ObservedNode, Origin>();
let running: ObservedNode | null = null;
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

function watch(): () => void {
  const forget = notePlaces();
  const leave = observe({
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
