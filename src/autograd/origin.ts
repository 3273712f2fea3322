// Where in the user's program nodes were made and memory was written: kept only while a debugging mode asks for it.
import { callerFrames, notePlaces } from "../core/callsite.ts";
import { Tensor } from "../core/tensor.ts";
import { gradMode } from "./mode.ts";
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

/** How a tensor lost the graph that one of its operands was in. */
export interface Cut {
  readonly operation: string;
  readonly reason: string;
  /** The call outside the library that did it; empty where the engine cannot tell. */
  readonly frame: string;
}

const cuts = new WeakMap<Tensor, Cut>();

/** Where the graph of a tensor was cut, by its own operation or one before; null where origins were not kept then, or nothing was cut. */
export function cutOf(tensor: Tensor): Cut | null {
  return cuts.get(tensor) ?? null;
}

function tensorsIn(value: unknown): readonly Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== "object" || value === null || !(Symbol.iterator in value)) return [];
  return [...(value as Iterable<unknown>)].filter((item) => item instanceof Tensor);
}

const isTracked = (tensor: Tensor): boolean =>
  tensor.tracked || tensor.viewOf?.base.tracked === true;

/** Notes results that require no gradient though an operand did, or had before the graph was cut. */
function noteCuts(operation: string, operands: Operands, results: readonly Tensor[]): void {
  const lost = results.filter((result) => !isTracked(result));
  if (lost.length === 0 || !(operands.tracked || operands.cut !== null)) return;
  const frame = operands.tracked ? (callerFrames()[0] ?? "") : "";
  for (const result of lost)
    cuts.set(
      result,
      operands.tracked ? { operation, reason: reasonFor(result), frame } : operands.cut!,
    );
}

/** What is known of the operands before the call, which may change them. */
interface Operands {
  readonly tracked: boolean;
  readonly cut: Cut | null;
}

function operandsIn(args: readonly unknown[]): Operands {
  const tensors = args.flatMap(tensorsIn);
  const cut = tensors.find((tensor) => cuts.has(tensor));
  return { tracked: tensors.some(isTracked), cut: cut === undefined ? null : cutOf(cut) };
}

function reasonFor(result: Tensor): string {
  if (gradMode.inference) return "inside inferenceMode";
  if (!gradMode.enabled) return "inside noGrad";
  if (!result.dtype.isFloatingPoint)
    return `which gives ${result.dtype.name}, a type without gradients`;
  return "which leads no gradient on";
}

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
    created: (node) =>
      void known.set(node, {
        frames: callerFrames(),
        parent: running,
        operation: calls.at(-1) ?? "",
      }),
    call: (name, args, proceed) => {
      calls.push(name);
      try {
        const operands = calls.length === 1 ? operandsIn(args) : null;
        const result = proceed();
        const tensors = tensorsIn(result);
        for (const tensor of tensors)
          if (tensor.node instanceof Node) tensor.node.noteResult(tensor.outputIndex, tensor);
        if (operands !== null) noteCuts(name, operands, tensors);
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
