// Prints a tensor with the characters that PyTorch's str() gives.

import { formatFixed, formatScientific } from "./digits.ts";
import type { PrintOptions } from "./printoptions.ts";

/**
 * What printing needs of a tensor. `read` takes a row-major index and is called only for elements
 * that appear.
 */
export interface Printable {
  readonly shape: readonly number[];
  /** For example "float32". */
  readonly dtypeName: string;
  readonly kind: "float" | "integer" | "boolean";
  read(flatIndex: number): number | bigint | boolean;
}

/** What may go beside the elements. */
export interface PrintContext {
  /** Shown when given: the caller knows whether it is the default device. */
  readonly device?: string;
  /** Whether the tensor has no data to show, as on the meta device. */
  readonly elided?: boolean;
  /** The floating dtype that is not shown; float32 when left out. */
  readonly defaultDtypeName?: string;
}

type Value = number | bigint | boolean;

/**
 * How one element is written, and the width that lines are planned with (elements may be wider:
 * PyTorch does not measure zeros, nan and inf).
 */
interface Style {
  readonly width: number;
  write(value: Value): string;
}

/** One printing in progress. */
interface Page {
  readonly value: Printable;
  readonly options: PrintOptions;
  readonly summarised: boolean;
  readonly style: Style;
}

const prefix = "tensor(";

/**
 * The text of a tensor: `tensor(`, the elements (a summary of them beyond `options.threshold`),
 * then device, size, dtype where they are not evident, then `suffixes`.
 *
 * @example
 * ```ts
 * const ones: Printable = { shape: [2], dtypeName: "float32", kind: "float", read: () => 1 };
 * formatTensor(ones, ["requires_grad=True"], torch.getPrintoptions()); // => tensor([1., 1.], requires_grad=True)
 * ```
 */
export function formatTensor(
  value: Printable,
  suffixes: readonly string[],
  options: PrintOptions,
  context: PrintContext = {},
): string {
  const { device, elided = false, defaultDtypeName = "float32" } = context;
  const size = elementCount(value.shape);
  const marks: string[] = [];
  if (device !== undefined) marks.push(`device='${device}'`);
  if (elided || (size === 0 ? value.shape.length !== 1 : options.edgeitems === 0))
    marks.push(`size=${tuple(value.shape)}`);
  // Without elements the dtype cannot be guessed from them, so only the default one is left out.
  const evident = elided || size === 0 ? [defaultDtypeName] : [defaultDtypeName, "int64", "bool"];
  if (!evident.includes(value.dtypeName)) marks.push(`dtype=torch.${value.dtypeName}`);
  const contents = elided ? "..." : size === 0 ? "[]" : elements(value, size, options);
  return appendSuffixes(prefix + contents, [...marks, ...suffixes], options.linewidth);
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, length) => count * length, 1);
}

function tuple(shape: readonly number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
}

function elements(value: Printable, size: number, options: PrintOptions): string {
  const summarised = size > options.threshold;
  const shown: Value[] = [];
  visit(value, summarised ? options.edgeitems : Infinity, 0, 0, size, shown);
  const style = value.kind === "float" ? floatStyle(shown as number[], options) : plainStyle(shown);
  return block({ value, options, summarised, style }, 0, 0, size, prefix.length);
}

/** The indices shown of a dimension, -1 standing for the gap between them. */
function shownIndices(length: number, edge: number): number[] {
  if (length <= 2 * edge) return Array.from({ length }, (_, index) => index);
  const ends = Array.from({ length: edge }, (_, index) => index);
  return [...ends, -1, ...ends.map((index) => length - edge + index)];
}

/**
 * Collects the elements that are shown of the part with `size` elements from flat index `start`.
 */
function visit(
  value: Printable,
  edge: number,
  depth: number,
  start: number,
  size: number,
  shown: Value[],
): void {
  const length = value.shape[depth];
  if (length === undefined) {
    shown.push(value.read(start));
    return;
  }
  const part = size / length;
  for (const index of shownIndices(length, edge)) {
    if (index >= 0) visit(value, edge, depth + 1, start + index * part, part, shown);
  }
}

function block(page: Page, depth: number, start: number, size: number, indent: number): string {
  const { value, options, summarised, style } = page;
  const length = value.shape[depth];
  if (length === undefined) return style.write(value.read(start));
  const below = value.shape.length - depth;
  const part = size / length;
  const indices = shownIndices(length, summarised ? options.edgeitems : Infinity);
  if (below === 1) {
    const gap = options.edgeitems === 0 ? "..." : " ...";
    return lines(
      indices.map((index) => (index < 0 ? gap : style.write(value.read(start + index)))),
      style.width,
      indent,
      options.linewidth,
    );
  }
  const blocks = indices.map((index) =>
    index < 0 ? "..." : block(page, depth + 1, start + index * part, part, indent + 1),
  );
  return `[${blocks.join(`,${"\n".repeat(below - 1)}${" ".repeat(indent + 1)}`)}]`;
}

/** A vector, broken into as many elements a line as the planned width allows. */
function lines(words: readonly string[], width: number, indent: number, linewidth: number): string {
  const perLine = Math.max(1, Math.floor((linewidth - indent) / (width + 2)));
  const rows: string[] = [];
  for (let start = 0; start < words.length; start += perLine)
    rows.push(words.slice(start, start + perLine).join(", "));
  return `[${rows.join(`,\n${" ".repeat(indent + 1)}`)}]`;
}

function plainWord(value: Value): string {
  return typeof value === "boolean" ? (value ? "True" : "False") : String(value);
}

function widest(words: Iterable<string>): number {
  let width = 1;
  for (const word of words) width = Math.max(width, word.length);
  return width;
}

function plainStyle(shown: readonly Value[]): Style {
  const width = widest(shown.map(plainWord));
  return { width, write: (value) => plainWord(value).padStart(width) };
}

function wholeWord(value: number): string {
  return Number.isFinite(value) ? `${formatFixed(value, 0)}.` : formatFixed(value, 0);
}

function floatStyle(shown: readonly number[], options: PrintOptions): Style {
  const { precision } = options;
  const measured = shown.filter((value) => Number.isFinite(value) && value !== 0);
  const scientific = measured.length > 0 && (options.sciMode ?? asksForScience(measured));
  let word = wholeWord;
  if (scientific) word = (value) => formatScientific(value, precision);
  else if (!measured.every(Number.isInteger)) word = (value) => formatFixed(value, precision);
  const width = widest(measured.map(word));
  return { width, write: (value) => word(value as number).padStart(width) };
}

/**
 * Whether the sizes of finite nonzero values differ too much, or are too large or small, for plain
 * digits.
 */
function asksForScience(values: readonly number[]): boolean {
  let least = Infinity;
  let most = 0;
  for (const value of values) {
    const size = Math.abs(value);
    if (size < least) least = size;
    if (size > most) most = size;
  }
  return most / least > 1000 || most > 1e8 || least < 1e-4;
}

/**
 * Adds the suffixes and the closing bracket; a suffix that would pass the end of the line starts a
 * new one.
 */
function appendSuffixes(text: string, suffixes: readonly string[], linewidth: number): string {
  let result = text;
  // PyTorch counts two characters more than the last line has.
  let lineLength = text.length - text.lastIndexOf("\n") + 1;
  for (const suffix of suffixes) {
    if (lineLength + suffix.length + 2 > linewidth) {
      result += `,\n${" ".repeat(prefix.length)}${suffix}`;
      lineLength = prefix.length + suffix.length;
    } else {
      result += `, ${suffix}`;
      lineLength += suffix.length + 2;
    }
  }
  return `${result})`;
}
