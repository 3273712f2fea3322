// Parameters of operations: how each is read from JavaScript arguments, by position in PyTorch's order or by name in a trailing object.
import { ArgumentError, DTypeError } from "../../core/errors.ts";
import { DType } from "../../core/dtype.ts";
import { Device, deviceOf } from "../../core/device.ts";
import type { Sizes } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";
import { isPlainObject } from "../../core/tree.ts";

/** One parameter: how a value is checked and converted, and what stands in when it is not given. */
export interface Parameter<T> {
  readonly convert: (value: unknown, operation: string, name: string) => T;
  /** Undefined where the parameter must be given. */
  readonly fallback: { readonly value: T } | undefined;
  /** Takes all further positional arguments when the first of them is a number: `x.view(2, 3)`. */
  readonly variadic: boolean;
  /** Whether it holds tensors that may need gradients. */
  readonly tensors: boolean;
  /** Present and true where the value may be a plain object itself, which in its position is not read as named parameters. */
  readonly record?: boolean;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;
export type Values<P extends Parameters> = {
  readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never;
};

/** A short description of a value for error messages. */
export function describe(value: unknown): string {
  return describeWithin(value, 3);
}

// Arrays may contain themselves, so there is a depth beyond which nothing is spelled out.
function describeWithin(value: unknown, depth: number): string {
  if (value instanceof Tensor)
    return `a tensor of shape [${value.sizes.join(", ")}] and type ${value.dtype.name}`;
  if (Array.isArray(value))
    return value.length > 6 || depth === 0
      ? `an array of ${value.length}`
      : `[${value.map((item) => describeWithin(item, depth - 1)).join(", ")}]`;
  if (typeof value === "string")
    return value.length > 60 ? `a string of ${value.length} characters` : `"${value}"`;
  if (typeof value === "function") return "a function";
  if (value === null || typeof value !== "object") return String(value);
  return value instanceof DType || value instanceof Device ? value.toString() : "an object";
}

/** A parameter that takes what `accept` gives something for, and calls that `expected` in errors. */
export function required<T>(
  expected: string,
  accept: (value: unknown) => T | undefined,
  more?: Partial<Parameter<T>>,
): Parameter<T> {
  return {
    fallback: undefined,
    variadic: false,
    tensors: false,
    convert: (value, operation, name) => {
      const found = accept(value);
      if (found === undefined)
        throw new ArgumentError(
          `${operation}: ${name} must be ${expected}, got ${describe(value)}`,
        );
      return found;
    },
    ...more,
  };
}

/** The same parameter, standing for `value` where it is not given or null. */
export function optional<T, D>(parameter: Parameter<T>, value: D): Parameter<T | D> {
  return {
    ...parameter,
    fallback: { value },
    convert: (given, operation, name) =>
      given === null || given === undefined ? value : parameter.convert(given, operation, name),
  };
}

/** A parameter that may be left out, and for which null means something of its own. */
export function orNull<T, D>(parameter: Parameter<T>, value: D): Parameter<T | D | null> {
  return {
    ...parameter,
    fallback: { value },
    convert: (given, operation, name) =>
      given === null ? null : parameter.convert(given, operation, name),
  };
}

const wholeNumber = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isInteger(value)
    ? value
    : typeof value === "bigint" &&
        value >= BigInt(Number.MIN_SAFE_INTEGER) &&
        value <= BigInt(Number.MAX_SAFE_INTEGER)
      ? Number(value)
      : value instanceof Tensor && value.count === 1 && value.dtype.kind === "integer"
        ? Number(value.storage.device.backend.read(value.storage, value.dtype, value.offset))
        : undefined;

const plain = (value: unknown): number | undefined =>
  typeof value === "number"
    ? value
    : typeof value === "bigint"
      ? Number(value)
      : typeof value === "boolean"
        ? Number(value)
        : undefined;

const wholes = (value: unknown): Sizes | undefined => {
  if (value instanceof Tensor) return undefined;
  const list = Array.isArray(value) ? value : isIterable(value) ? [...value] : undefined;
  if (list === undefined) return undefined;
  const out: number[] = [];
  for (let i = 0; i < list.length; i++) {
    const item = wholeNumber(list[i]);
    if (item === undefined) return undefined;
    out.push(item);
  }
  return out;
};

function isIterable(value: unknown): value is Iterable<unknown> {
  return value !== null && typeof value === "object" && Symbol.iterator in value;
}

/** Whether both of two arguments are tensors. */
export const areTensors = (a: unknown, b: unknown): boolean =>
  a instanceof Tensor && b instanceof Tensor;

export const tensor: Parameter<Tensor> = required(
  "a tensor",
  (v) => (v instanceof Tensor ? v : undefined),
  { tensors: true },
);
/** A tensor of positions: int64, or another integer type, which is widened where it is used. */
export const indexTensor: Parameter<Tensor> = {
  ...tensor,
  tensors: false,
  convert: (value, operation, name) => {
    const found = tensor.convert(value, operation, name);
    if (found.dtype.kind !== "integer")
      throw new DTypeError(
        `${operation}: ${name} holds positions and must be of an integer type, got ${found.dtype.name}; convert it with .to(torch.int64)`,
      );
    return found;
  },
};
export const tensors: Parameter<readonly Tensor[]> = required(
  "an array of tensors",
  (v) => {
    if (v instanceof Tensor || !isIterable(v)) return undefined;
    // Spread even where it is an array: every() does not see the holes of a sparse one.
    const list: readonly unknown[] = [...v];
    return list.every((t) => t instanceof Tensor) ? (list as readonly Tensor[]) : undefined;
  },
  { tensors: true },
);
export const tensorOrNumber: Parameter<Tensor | number> = required(
  "a tensor or a number",
  (v) => (v instanceof Tensor ? v : plain(v)),
  { tensors: true },
);
/** The same, but a boolean stays one: it makes no integers of booleans. */
export const tensorOrScalar: Parameter<Tensor | number | boolean> = required(
  "a tensor or a number",
  (v) => (v instanceof Tensor || typeof v === "boolean" ? v : plain(v)),
  { tensors: true },
);
/** A number; a tensor of one element that needs no gradient will do. */
export const number: Parameter<number> = required("a number", (v) =>
  v instanceof Tensor && v.count === 1
    ? Number(v.storage.device.backend.read(v.storage, v.dtype, v.offset))
    : plain(v),
);
export const integer: Parameter<number> = required("a whole number", wholeNumber);
export const boolean: Parameter<boolean> = required("true or false", (v) =>
  typeof v === "boolean" ? v : v === 0 || v === 1 ? v === 1 : undefined,
);
export const text: Parameter<string> = required("a string", (v) =>
  typeof v === "string" ? v : undefined,
);
export const dtype: Parameter<DType> = required("a dtype such as torch.float32", (v) =>
  v instanceof DType ? v : undefined,
);
export const device: Parameter<Device> = required('a device such as "cpu"', (v) =>
  v instanceof Device || typeof v === "string" ? deviceOf(v) : undefined,
);
export const integers: Parameter<Sizes> = required("an array of whole numbers", wholes);
/** One dimension or several. */
export const dimensions: Parameter<Sizes> = required("a whole number or an array of them", (v) => {
  const one = wholeNumber(v);
  return one === undefined ? wholes(v) : [one];
});
/** Sizes, as an array or spread over the arguments. */
export const sizes: Parameter<Sizes> = required("whole numbers, spread or as an array", wholes, {
  variadic: true,
});
/** A whole number, exact beyond 2^53 as a bigint. */
export const whole: Parameter<number | bigint> = required("a whole number", (v) =>
  typeof v === "bigint" ? v : wholeNumber(v),
);
/** An object of a class. */
export function instance<T>(
  expected: string,
  type: abstract new (...args: never[]) => T,
): Parameter<T> {
  return required(expected, (v) => (v instanceof type ? v : undefined));
}
/** Anything: the operation looks for itself. */
export const anything: Parameter<unknown> = {
  convert: (v) => v,
  fallback: undefined,
  variadic: false,
  tensors: false,
};

/** Tensors one by one or in nested arrays and records. */
export const nested: Parameter<unknown> = { ...anything, record: true };

/** One of the given strings. */
export function choice<const C extends readonly string[]>(...choices: C): Parameter<C[number]> {
  return required(`one of ${choices.map((c) => `"${c}"`).join(", ")}`, (v) =>
    typeof v === "string" && choices.includes(v) ? (v as C[number]) : undefined,
  );
}

/** The parameters of one operation, prepared for reading calls. */
export class Signature<P extends Parameters> {
  private readonly operation: string;
  private readonly names: readonly string[];
  private readonly list: readonly Parameter<unknown>[];
  /** A value for every name, so that all results of `read` have one shape. */
  private readonly template: Readonly<Record<string, unknown>>;
  private readonly requiredCount: number;

  constructor(operation: string, parameters: P) {
    this.operation = operation;
    this.names = Object.keys(parameters);
    this.list = Object.values(parameters);
    this.template = Object.fromEntries(
      this.names.map((name, i) => [name, this.list[i]!.fallback?.value]),
    );
    this.requiredCount =
      this.list.findLastIndex((p) => p.fallback === undefined && !p.variadic) + 1;
  }

  /** Reads arguments into named values. Throws ArgumentError for a missing, surplus, doubled or unknown parameter, naming it. */
  read(args: readonly unknown[]): Values<P> {
    const { operation, names, list } = this;
    let count = args.length;
    while (count > 0 && args[count - 1] === undefined) count--;
    const last = count > 0 ? args[count - 1] : undefined;
    const options = isPlainObject(last) && !this.isOwnRecord(last, count - 1) ? last : undefined;
    if (options !== undefined) count--;
    const out: Record<string, unknown> = { ...this.template };
    let at = 0;
    let filled = 0;
    for (; filled < names.length && at < count; filled++) {
      const name = names[filled]!;
      const parameter = list[filled]!;
      const value = args[at];
      if (parameter.variadic && (typeof value === "number" || value instanceof Tensor)) {
        // Sizes, or tensors, spread over the arguments end where their kind ends.
        let end = at;
        while (end < count && typeof args[end] === typeof value) end++;
        out[name] = parameter.convert(args.slice(at, end), operation, name);
        at = end;
      } else {
        out[name] = parameter.convert(value, operation, name);
        at++;
      }
    }
    if (at < count)
      throw new ArgumentError(
        `${operation}: takes at most ${names.length} arguments (${names.join(", ")}), got ${count}`,
      );
    if (options !== undefined) this.readOptions(options, out, filled);
    else if (filled < this.requiredCount) throw this.missing(filled);
    if (filled < names.length) this.fillVariadic(out, filled);
    return out as Values<P>;
  }

  /** Whether a plain object is the value of the required parameter at its position, rather than named parameters with that one among them. */
  private isOwnRecord(value: Readonly<Record<string, unknown>>, position: number): boolean {
    const name = this.names[position];
    return (
      name !== undefined &&
      position < this.requiredCount &&
      this.list[position]!.record === true &&
      !(name in value)
    );
  }

  private missing(index: number): ArgumentError {
    return new ArgumentError(
      `${this.operation}: ${this.names[index]!} is missing; it takes (${this.names.join(", ")})`,
    );
  }

  private fillVariadic(out: Record<string, unknown>, from: number): void {
    for (let i = from; i < this.names.length; i++) {
      const { variadic, fallback, convert } = this.list[i]!;
      const name = this.names[i]!;
      if (variadic && fallback === undefined && out[name] === undefined)
        out[name] = convert([], this.operation, name);
    }
  }

  private readOptions(
    options: Readonly<Record<string, unknown>>,
    out: Record<string, unknown>,
    positional: number,
  ): void {
    const { operation, names, list } = this;
    let given = 0;
    for (const name in options) {
      const value = options[name];
      if (value === undefined) continue;
      const at = names.indexOf(name);
      if (at < 0) {
        const near = nearest(name, names);
        throw new ArgumentError(
          `${operation}: there is no parameter "${name}"${near === undefined ? "" : `; did you mean "${near}"?`} It takes (${names.join(", ")})`,
        );
      }
      if (at < positional)
        throw new ArgumentError(`${operation}: ${name} is given twice, by position and by name`);
      if (at < this.requiredCount) given++;
      out[name] = list[at]!.convert(value, operation, name);
    }
    if (positional + given >= this.requiredCount) return;
    const absent = names.findIndex(
      (name, i) =>
        i >= positional &&
        options[name] === undefined &&
        list[i]!.fallback === undefined &&
        !list[i]!.variadic,
    );
    if (absent >= 0) throw this.missing(absent);
  }
}

/** Reads one call whose signature is not worth keeping. */
export function readArguments<P extends Parameters>(
  operation: string,
  parameters: P,
  args: readonly unknown[],
): Values<P> {
  return new Signature(operation, parameters).read(args);
}

/** The known name that needs the fewest single-letter edits, if it is near enough to be a slip. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, name.length / 3) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [least, best] = [distance, candidate];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const below = [i];
    for (let j = 1; j <= b.length; j++)
      below[j] = Math.min(
        row[j]! + 1,
        below[j - 1]! + 1,
        row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = below;
  }
  return row[b.length]!;
}
