// The settings of tensor printing, with PyTorch's names, defaults and profiles.

export interface PrintOptions {
  /** Digits after the point. */
  precision: number;
  /** Tensors of more elements than this are summarised. */
  threshold: number;
  /** How many elements of a dimension a summary shows at each end. */
  edgeitems: number;
  /** Characters a line. */
  linewidth: number;
  /** Scientific notation always (true), never (false) or where the values ask for it (null). */
  sciMode: boolean | null;
}

export type PrintProfile = "default" | "short" | "full";

/** What `setPrintoptions` takes: a profile, and single settings that go before it. */
export interface PrintSettings {
  profile?: PrintProfile;
  precision?: number;
  threshold?: number;
  edgeitems?: number;
  linewidth?: number;
  sciMode?: boolean | null;
}

type Numbers = Omit<PrintOptions, "sciMode">;

const profiles: Readonly<Record<PrintProfile, Numbers>> = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 },
  full: { precision: 4, threshold: Infinity, edgeitems: 3, linewidth: 80 },
};

/** The settings in force; `setPrintoptions` changes them. */
export const printOptions: PrintOptions = { ...profiles.default, sciMode: null };

function checkWhole(name: string, value: number | undefined, highest: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= highest)) return;
  throw new RangeError(
    `setPrintoptions: ${name} is ${value}; it should be a whole number from 0 to ${highest}`,
  );
}

function checkNumber(name: string, value: number | undefined): void {
  if (value !== undefined && !(value >= 0))
    throw new RangeError(`setPrintoptions: ${name} is ${value}; it should be a number, at least 0`);
}

/**
 * Changes how tensors are printed. What is left out stays, but `sciMode`, which returns to null as
 * in PyTorch. Throws a RangeError for a setting out of range, and then changes nothing.
 *
 * @example
 * ```ts
 * setPrintoptions({ precision: 2 });
 * setPrintoptions({ profile: "default" });
 * ```
 */
export function setPrintoptions(settings: PrintSettings): void {
  const { profile, precision, threshold, edgeitems, linewidth, sciMode } = settings;
  if (profile !== undefined && !Object.hasOwn(profiles, profile)) {
    throw new RangeError(
      `setPrintoptions: the profile is "${profile}"; it should be one of ${Object.keys(profiles).join(", ")}`,
    );
  }
  checkWhole("precision", precision, 99);
  checkWhole("edgeitems", edgeitems, Number.MAX_SAFE_INTEGER);
  checkNumber("threshold", threshold);
  checkNumber("linewidth", linewidth);
  if (profile !== undefined) Object.assign(printOptions, profiles[profile]);
  if (precision !== undefined) printOptions.precision = precision;
  if (threshold !== undefined) printOptions.threshold = threshold;
  if (edgeitems !== undefined) printOptions.edgeitems = edgeitems;
  if (linewidth !== undefined) printOptions.linewidth = linewidth;
  printOptions.sciMode = sciMode ?? null;
}

/** A copy of the settings in force, which `setPrintoptions` takes back. */
export function getPrintoptions(): PrintOptions {
  return { ...printOptions };
}
