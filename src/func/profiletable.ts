// A profile as a table of text.
import { ArgumentError } from "../core/errors.ts";
import { nearest } from "../ops/define/parameters.ts";
import type { Row } from "./profileevent.ts";

/** The figures that a table can be sorted by. */
export type SortKey =
  | "count"
  | "cpuTime"
  | "cpuTimeTotal"
  | "selfCpuTimeTotal"
  | "cpuMemoryUsage"
  | "selfCpuMemoryUsage";

const sortKeys: readonly SortKey[] = [
  "count",
  "cpuTime",
  "cpuTimeTotal",
  "selfCpuTimeTotal",
  "cpuMemoryUsage",
  "selfCpuMemoryUsage",
];

/** How a table looks. */
export interface TableOptions {
  /** Largest first. Default: the order of the events. */
  readonly sortBy?: SortKey | null;
  /** How many rows at most; -1 for all. Default: 100. */
  readonly rowLimit?: number;
  /** A line above the table. */
  readonly header?: string | null;
  /** Leaves out what ran only inside other events. Default: false. */
  readonly topLevelEventsOnly?: boolean;
  /** The longest name that is shown whole. Default: 55. */
  readonly maxNameColumnWidth?: number;
  /** The longest list of shapes that is shown whole. Default: 80. */
  readonly maxShapesColumnWidth?: number;
}

/** A time in the unit that suits it. */
function formatTime(us: number): string {
  if (us >= 1e6) return `${(us / 1e6).toFixed(3)}s`;
  if (us >= 1e3) return `${(us / 1e3).toFixed(3)}ms`;
  return `${us.toFixed(3)}us`;
}

function formatMemory(bytes: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let amount = bytes;
  let unit = 0;
  while (Math.abs(amount) >= 1024 && unit < units.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(2)} ${units[unit]}`;
}

const share = (part: number, whole: number): string =>
  whole === 0 ? "NaN" : `${((100 * part) / whole).toFixed(2)}%`;
const shortened = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(0, width - 3))}...` : text;

interface Column {
  readonly title: string;
  readonly left: boolean;
  readonly cell: (row: Row) => string;
}

function columnsFor(rows: readonly Row[], total: number, options: TableOptions): Column[] {
  const { maxNameColumnWidth = 55, maxShapesColumnWidth = 80 } = options;
  const column = (title: string, cell: Column["cell"], left = false): Column => ({
    title,
    left,
    cell,
  });
  const columns = [
    column("Name", (row) => shortened(row.key, maxNameColumnWidth), true),
    column("Self CPU %", (row) => share(row.selfCpuTimeTotal, total)),
    column("Self CPU", (row) => formatTime(row.selfCpuTimeTotal)),
    column("CPU total %", (row) => share(row.cpuTimeTotal, total)),
    column("CPU total", (row) => formatTime(row.cpuTimeTotal)),
    column("CPU time avg", (row) => formatTime(row.cpuTime)),
  ];
  if (rows.some((row) => row.cpuMemoryUsage !== 0))
    columns.push(
      column("CPU Mem", (row) => formatMemory(row.cpuMemoryUsage)),
      column("Self CPU Mem", (row) => formatMemory(row.selfCpuMemoryUsage)),
    );
  columns.push(column("# of Calls", (row) => String(row.count)));
  if (rows.some((row) => row.inputShapes.length > 0))
    columns.push(
      column(
        "Input Shapes",
        (row) => shortened(JSON.stringify(row.inputShapes), maxShapesColumnWidth),
        true,
      ),
    );
  return columns;
}

/** The rows as text. Shares are of the time that all rows spent by themselves. */
export function formatTable(all: readonly Row[], options: TableOptions): string {
  const { sortBy = null, rowLimit = 100, header = null, topLevelEventsOnly = false } = options;
  if (sortBy !== null && !sortKeys.includes(sortBy))
    throw new ArgumentError(
      `table: sortBy is one of ${sortKeys.join(", ")}, not ${String(sortBy)}${nearest(String(sortBy), sortKeys) === undefined ? "" : `; did you mean "${nearest(String(sortBy), sortKeys)}"?`}`,
    );
  const total = all.reduce((sum, row) => sum + row.selfCpuTimeTotal, 0);
  let rows = Array.from(all);
  if (sortBy !== null) rows.sort((a, b) => b[sortBy] - a[sortBy]);
  if (topLevelEventsOnly) rows = rows.filter((row) => row.isTopLevel);
  if (rowLimit >= 0) rows = rows.slice(0, rowLimit);
  const columns = columnsFor(rows, total, options);
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ cell }) => cell(row))),
  ];
  const widths = columns.map((_, c) => Math.max(...cells.map((line) => line[c]!.length)));
  const text = cells.map((line) =>
    line
      .map((cell, c) => (columns[c]!.left ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join("  ")
      .trimEnd(),
  );
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  const [titles = "", ...lines] = text;
  return [
    ...(header === null ? [] : [header]),
    rule,
    titles,
    rule,
    ...lines,
    rule,
    `Self CPU time total: ${formatTime(total)}`,
    "",
  ].join("\n");
}
