// A profile while it is being taken: events open and close as operations, nodes and named ranges do.
import { observe } from "../autograd/observer.ts";
import { callerFrames } from "../core/callsite.ts";
import type { Backend } from "../core/backend.ts";
import { cpu } from "../core/device.ts";
import { Tensor } from "../ops/methods.ts";
import {
  type AverageOptions,
  averagesOf,
  EventList,
  FunctionEvent,
  FunctionEventAvg,
  type InputShape,
  populateCpuChildren,
} from "./profileevent.ts";
import type { TableOptions } from "./profiletable.ts";

/** What a profile records besides names and times. */
export interface ProfileOptions {
  /** Whether anything is recorded at all. Default: true. */
  readonly enabled?: boolean;
  /** Whether events keep the sizes of their arguments. Default: false. */
  readonly recordShapes?: boolean;
  /** Whether events keep the lines of the program that led to them. Default: false. */
  readonly withStack?: boolean;
  /** Whether events count the bytes that they allocate. Memory is freed later, by the garbage collector, and not seen. Default: false. */
  readonly profileMemory?: boolean;
}

interface Host {
  readonly performance?: { now(): number };
}

const host = globalThis as Host;
let latest = 0;

/** Microseconds, never the same twice, so that which event contains which is always plain. */
function clock(): number {
  const now = (host.performance?.now() ?? Date.now()) * 1000;
  latest = now > latest ? now : latest + 0.001;
  return latest;
}

/** `logSoftmax` as `aten::log_softmax`, by which PyTorch's tables know it. */
function eventName(operation: string): string {
  // The classes of custom functions keep their names.
  return /\.|^[A-Z]/.test(operation)
    ? operation
    : `aten::${operation.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
}

function shapeOf(value: unknown): InputShape {
  if (value instanceof Tensor) return value.shape;
  if (Array.isArray(value) && value.length > 0 && value.every((item) => item instanceof Tensor))
    return value.map((item) => item.shape);
  return [];
}

function shapesOf(args: readonly unknown[]): readonly InputShape[] {
  const given = args.findLastIndex((arg) => arg !== undefined) + 1;
  return args.slice(0, given).map(shapeOf);
}

/** Profiles that are being taken, the innermost last. */
const active: Profile[] = [];

/** Opens a named range in every profile that is being taken; returns how to close it, at any time. */
export function openRange(name: string): () => void {
  const closing = active.map((profile) => profile.open(name, "user"));
  return () => closing.forEach((close) => close());
}

/** Whether a profile is being taken. */
export function profilerEnabled(): boolean {
  return active.length > 0;
}

/** What ran while it was taken: when, for how long, and what ran inside what. */
export class Profile<T = unknown> {
  /** What the profiled callback returned. */
  value: T | undefined = undefined;
  readonly #options: ProfileOptions;
  readonly #events: FunctionEvent[] = [];
  /** Operations and nodes that are open, the innermost last. */
  readonly #open: FunctionEvent[] = [];
  #allocated = 0;
  #leave: (() => void) | null = null;
  #nested = true;

  constructor(options: ProfileOptions) {
    this.#options = options;
    if (options.enabled === false) return;
    const memory = options.profileMemory === true ? this.#countMemory() : null;
    const stop = observe({
      call: (operation, args, proceed) => {
        const name = eventName(operation);
        // An operation may be one name for several variants: that is one call.
        return this.#open.at(-1)?.name === name
          ? proceed()
          : this.#within(name, "operation", -1, args, proceed);
      },
      visit: (node, proceed) =>
        this.#within(
          `autograd::engine::evaluate_function: ${node.name}`,
          "backward",
          node.sequence,
          [],
          proceed,
        ),
      run: (node, proceed) => this.#within(node.name, "backward", node.sequence, [], proceed),
      created: (node) => {
        // The sink of a leaf is made on the way to the node that uses it, which then takes its place here.
        const event = this.#open.at(-1);
        if (event?.scope === "operation") event.sequenceNr = node.sequence;
      },
    });
    active.push(this as Profile);
    this.#leave = () => {
      stop();
      memory?.();
      active.splice(active.indexOf(this as Profile), 1);
    };
  }

  /** Opens an event; returns how to close it. */
  open(
    name: string,
    scope: FunctionEvent["scope"],
    sequenceNr: number = -1,
    args: readonly unknown[] = [],
  ): () => void {
    const { recordShapes, withStack } = this.#options;
    const before = this.#allocated;
    const event = new FunctionEvent({
      id: this.#events.length,
      name,
      scope,
      sequenceNr,
      inputShapes: recordShapes === true ? shapesOf(args) : [],
      stack: withStack === true ? callerFrames() : [],
      startUs: clock(),
      endUs: Number.POSITIVE_INFINITY,
    });
    this.#events.push(event);
    if (scope !== "user") this.#open.push(event);
    return () => {
      if (event.endUs !== Number.POSITIVE_INFINITY) return;
      event.endUs = clock();
      event.cpuMemoryUsage = this.#allocated - before;
      if (scope !== "user") this.#open.pop();
    };
  }

  #within<R>(
    name: string,
    scope: FunctionEvent["scope"],
    sequenceNr: number,
    args: readonly unknown[],
    proceed: () => R,
  ): R {
    const close = this.open(name, scope, sequenceNr, args);
    try {
      return proceed();
    } finally {
      close();
    }
  }

  #countMemory(): () => void {
    const { backend } = cpu;
    const allocate: Backend["allocate"] = (byteLength) => {
      this.#allocated += byteLength;
      return backend.allocate(byteLength);
    };
    cpu.backend = new Proxy(backend, {
      get: (target, key) => {
        if (key === "allocate") return allocate;
        const found: unknown = Reflect.get(target, key, target);
        return typeof found === "function" ? (found.bind(target) as unknown) : found;
      },
    });
    return () => void (cpu.backend = backend);
  }

  /** Ends the profile. Safe to call twice. */
  stop(): void {
    if (this.#leave === null) return;
    this.#leave();
    this.#leave = null;
    for (const event of this.#events)
      if (event.endUs === Number.POSITIVE_INFINITY) event.endUs = clock();
    this.#nested = false;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  /** The events so far, in the order in which they began. */
  get functionEvents(): EventList {
    if (!this.#nested) {
      populateCpuChildren(this.#events);
      this.#nested = true;
    }
    const list = new EventList();
    for (const event of this.#events) list.push(event);
    return list;
  }

  /** The same; the name that `torch.profiler` has. */
  events(): EventList {
    return this.functionEvents;
  }

  /** Averages over the events of one name, or of one name and one choice of input shapes. */
  keyAverages(options: AverageOptions = {}): EventList<FunctionEventAvg> {
    return averagesOf(this.functionEvents, options);
  }

  /** The sum over all events. */
  totalAverage(): FunctionEventAvg {
    const total = new FunctionEventAvg();
    for (const event of this.functionEvents) total.add(event);
    total.key = "Total";
    return total;
  }

  /** The time that all events together took, in microseconds. */
  get selfCpuTimeTotal(): number {
    return this.functionEvents.reduce((sum, event) => sum + event.selfCpuTimeTotal, 0);
  }

  /** The events as text; `keyAverages().table()` is the shorter one. */
  table(options: TableOptions = {}): string {
    return this.functionEvents.table(options);
  }

  toString(): string {
    return this.table();
  }

  /**
   * The profile as JSON text in the format of Chrome's tracing, which chrome://tracing and Perfetto show, with arrows from operations to
   * the nodes that they recorded. In Node: `fs.writeFileSync("trace.json", prof.exportChromeTrace())`.
   */
  exportChromeTrace(): string {
    const events = this.functionEvents;
    const started = new Map<number, FunctionEvent>();
    const records: object[] = [];
    for (const event of events) {
      const { name, scope, thread, startUs, endUs, sequenceNr, inputShapes, stack } = event;
      records.push({
        ph: "X",
        name,
        cat: scope === "operation" ? "cpu_op" : scope === "user" ? "user_annotation" : "backward",
        ts: startUs,
        dur: endUs - startUs,
        pid: 0,
        tid: thread,
        args: {
          ...(sequenceNr < 0 ? {} : { "Sequence number": sequenceNr }),
          ...(inputShapes.length === 0 ? {} : { "Input Dims": inputShapes }),
          ...(stack.length === 0 ? {} : { "Call stack": stack.join(";") }),
        },
      });
      if (sequenceNr < 0) continue;
      const forward = started.get(sequenceNr);
      if (scope === "operation") started.set(sequenceNr, event);
      else if (forward !== undefined) {
        const link = { name: "fwdbwd", cat: "fwdbwd", id: sequenceNr, pid: 0 };
        records.push({ ...link, ph: "s", ts: forward.startUs, tid: forward.thread });
        records.push({ ...link, ph: "f", bp: "e", ts: startUs, tid: thread });
        started.delete(sequenceNr);
      }
    }
    return JSON.stringify({ displayTimeUnit: "ms", traceEvents: records });
  }
}
