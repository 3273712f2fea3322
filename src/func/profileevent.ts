// What a profile consists of: events in time, their nesting, and averages over events of one name.
import type { Sizes } from "../core/shape.ts";
import { formatTable, type TableOptions } from "./profiletable.ts";

/** Sizes of a tensor, or of each tensor in a list; empty for what is not a tensor. */
export type InputShape = Sizes | readonly Sizes[];

/** What is known of an event from the start. Times are in microseconds. */
export interface EventFields {
  readonly id: number;
  readonly name: string;
  readonly thread?: number;
  readonly startUs: number;
  readonly endUs: number;
  /** What opened it: an operation, a node of a backward pass, or `recordFunction`. */
  readonly scope?: "operation" | "backward" | "user";
  readonly inputShapes?: readonly InputShape[];
  readonly stack?: readonly string[];
  readonly sequenceNr?: number;
  readonly cpuMemoryUsage?: number;
}

/** Anything that a table shows: one event, or the average over several. */
export interface Row {
  readonly key: string;
  readonly count: number;
  readonly inputShapes: readonly InputShape[];
  readonly cpuTime: number;
  readonly cpuTimeTotal: number;
  readonly selfCpuTimeTotal: number;
  readonly cpuMemoryUsage: number;
  readonly selfCpuMemoryUsage: number;
  readonly isTopLevel: boolean;
}

/** One thing that ran, from when to when. */
export class FunctionEvent implements Row {
  readonly id: number;
  readonly name: string;
  readonly thread: number;
  /** The thread of the forward call that a node belongs to. */
  readonly fwdThread: number;
  readonly startUs: number;
  endUs: number;
  readonly scope: "operation" | "backward" | "user";
  readonly inputShapes: readonly InputShape[];
  /** The calls that led here, innermost first, with `withStack`. */
  readonly stack: readonly string[];
  /** The number of the node that an operation recorded, or that runs; -1 where there is none. Links a call to its backward. */
  sequenceNr: number;
  /** Bytes allocated meanwhile, with `profileMemory`. */
  cpuMemoryUsage: number;
  cpuChildren: FunctionEvent[] = [];
  cpuParent: FunctionEvent | null = null;
  readonly count = 1;

  constructor(fields: EventFields) {
    this.id = fields.id;
    this.name = fields.name;
    this.thread = fields.thread ?? 0;
    this.fwdThread = this.thread;
    this.startUs = fields.startUs;
    this.endUs = fields.endUs;
    this.scope = fields.scope ?? "operation";
    this.inputShapes = fields.inputShapes ?? [];
    this.stack = fields.stack ?? [];
    this.sequenceNr = fields.sequenceNr ?? -1;
    this.cpuMemoryUsage = fields.cpuMemoryUsage ?? 0;
  }

  get key(): string {
    return this.name;
  }
  get isTopLevel(): boolean {
    return this.cpuParent === null;
  }
  get cpuTimeTotal(): number {
    return this.endUs - this.startUs;
  }
  get cpuTime(): number {
    return this.cpuTimeTotal;
  }
  /** The time that no event inside this one accounts for. */
  get selfCpuTimeTotal(): number {
    return this.cpuChildren.reduce((rest, child) => rest - child.cpuTimeTotal, this.cpuTimeTotal);
  }
  get selfCpuMemoryUsage(): number {
    return this.cpuChildren.reduce(
      (rest, child) => rest - child.cpuMemoryUsage,
      this.cpuMemoryUsage,
    );
  }
  toString(): string {
    return `<FunctionEvent id=${this.id} name=${this.name} cpuTime=${this.cpuTime.toFixed(3)}us thread=${this.thread} inputShapes=${JSON.stringify(this.inputShapes)}>`;
  }
}

/** Sums and averages over events. */
export class FunctionEventAvg implements Row {
  key: string = "";
  count: number = 0;
  inputShapes: readonly InputShape[] = [];
  stack: readonly string[] = [];
  scope: FunctionEvent["scope"] = "operation";
  cpuTimeTotal: number = 0;
  selfCpuTimeTotal: number = 0;
  cpuMemoryUsage: number = 0;
  selfCpuMemoryUsage: number = 0;
  isTopLevel: boolean = false;

  /** Takes one more event in, or another average. */
  add(other: FunctionEvent | FunctionEventAvg): this {
    if (this.key === "") {
      this.key = other.key;
      this.inputShapes = other.inputShapes;
      this.stack = other.stack;
      this.scope = other.scope;
    }
    this.isTopLevel ||= other.isTopLevel;
    this.cpuTimeTotal += other.cpuTimeTotal;
    this.selfCpuTimeTotal += other.selfCpuTimeTotal;
    this.cpuMemoryUsage += other.cpuMemoryUsage;
    this.selfCpuMemoryUsage += other.selfCpuMemoryUsage;
    this.count += other.count;
    return this;
  }

  /** The mean time. */
  get cpuTime(): number {
    return this.count === 0 ? 0 : this.cpuTimeTotal / this.count;
  }
}

/** What `keyAverages` takes by name. */
export interface AverageOptions {
  /** Whether calls with other input shapes are averaged apart; shapes are there with `recordShapes`. Default: false. */
  readonly groupByInputShape?: boolean;
}

/** Events, or averages, as an array that can be printed as a table. */
export class EventList<T extends Row = FunctionEvent> extends Array<T> {
  // What `map` and `filter` make are plain arrays.
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** The events as text, sorted by one of the figures, largest first. */
  table(options: TableOptions = {}): string {
    return formatTable(this, options);
  }

  override toString(): string {
    return this.table();
  }
}

/**
 * Finds out which event contains which, thread by thread, from their times. Of events that overlap without one containing the other,
 * the later takes the earlier's place as a possible parent.
 */
export function populateCpuChildren(events: readonly FunctionEvent[]): void {
  const open = new Map<number, FunctionEvent[]>();
  const sorted = [...events].sort(
    (a, b) => a.startUs - b.startUs || b.endUs - a.endUs || a.id - b.id,
  );
  for (const event of events) {
    event.cpuChildren = [];
    event.cpuParent = null;
  }
  for (const event of sorted) {
    let stack = open.get(event.thread);
    if (stack === undefined) open.set(event.thread, (stack = []));
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (event.startUs < top.endUs && event.endUs <= top.endUs) {
        top.cpuChildren.push(event);
        event.cpuParent = top;
        break;
      }
      stack.pop();
    }
    stack.push(event);
  }
}

/** Averages over events of one name, in the order of their first. */
export function averagesOf(
  events: readonly FunctionEvent[],
  { groupByInputShape = false }: AverageOptions = {},
): EventList<FunctionEventAvg> {
  const found = new Map<string, FunctionEventAvg>();
  for (const event of events) {
    const key = groupByInputShape
      ? `${event.name} ${JSON.stringify(event.inputShapes)}`
      : event.name;
    let average = found.get(key);
    if (average === undefined) found.set(key, (average = new FunctionEventAvg()));
    average.add(event);
  }
  const list = new EventList<FunctionEventAvg>();
  for (const average of found.values()) {
    // Without the grouping the shapes would be those of whichever call came first.
    if (!groupByInputShape) average.inputShapes = [];
    list.push(average);
  }
  return list;
}
