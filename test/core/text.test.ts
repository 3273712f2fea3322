// Printed tensors against what PyTorch prints (golden/text.py writes the truth).

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { formatFixed, formatScientific } from "../../src/core/digits.ts";
import { getPrintoptions, printOptions, setPrintoptions } from "../../src/core/printoptions.ts";
import type { PrintProfile, PrintSettings } from "../../src/core/printoptions.ts";
import { formatTensor } from "../../src/core/text.ts";
import type { Printable } from "../../src/core/text.ts";
import { readElement } from "./bytes.ts";

interface Case {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly text: string;
  /** The elements' bytes in base64, or "arange", or "meta". */
  readonly data: string;
  readonly suffixes?: readonly string[];
  readonly settings?: Readonly<Record<string, unknown>>;
}

const cases = JSON.parse(
  readFileSync(new URL("../golden/text.json", import.meta.url), "utf8"),
) as readonly Case[];

function kindOf(dtype: string): Printable["kind"] {
  return dtype.includes("float") ? "float" : dtype === "bool" ? "boolean" : "integer";
}

function printableOf({ shape, dtype, data }: Case): Printable {
  const bytes =
    data === "arange" || data === "meta" ? undefined : new Uint8Array(Buffer.from(data, "base64"));
  const read = (index: number): number | bigint | boolean =>
    bytes === undefined ? index : readElement(bytes, dtype, index);
  return { shape, dtypeName: dtype, kind: kindOf(dtype), read };
}

function settingsOf({ settings = {} }: Case): PrintSettings {
  const { sci_mode: sciMode, ...others } = settings as {
    sci_mode?: boolean | null;
    profile?: PrintProfile;
  };
  return { ...others, ...(sciMode === undefined ? {} : { sciMode }) };
}

afterEach(() => setPrintoptions({ profile: "default" }));

describe("formatTensor", () => {
  test.each(cases.map((one, index) => [index, one.dtype, one.shape.join("x"), one] as const))(
    "case %i: %s of %s",
    (_index, _dtype, _shape, one) => {
      setPrintoptions(settingsOf(one));
      const context = one.data === "meta" ? { device: "meta", elided: true } : {};
      expect(formatTensor(printableOf(one), one.suffixes ?? [], printOptions, context)).toBe(
        one.text,
      );
    },
  );

  test("reads only the elements of a summary", () => {
    const read = new Set<number>();
    const value: Printable = {
      shape: [1000, 1000],
      dtypeName: "int64",
      kind: "integer",
      read: (index) => read.add(index).size,
    };
    formatTensor(value, [], printOptions);
    expect(read.size).toBe(36);
  });

  test("leaves out the default dtype it is told of", () => {
    const value: Printable = { shape: [], dtypeName: "float64", kind: "float", read: () => 1 };
    expect(formatTensor(value, [], printOptions, { defaultDtypeName: "float64" })).toBe(
      "tensor(1.)",
    );
  });
});

describe("print settings", () => {
  test("are refused whole when one is out of range", () => {
    const before = getPrintoptions();
    expect(() => setPrintoptions({ linewidth: 50, precision: -1 })).toThrow(RangeError);
    expect(() => setPrintoptions({ edgeitems: 1.5 })).toThrow("edgeitems is 1.5");
    expect(() => setPrintoptions({ threshold: NaN })).toThrow(RangeError);
    expect(() => setPrintoptions({ profile: "long" as PrintProfile })).toThrow(
      "default, short, full",
    );
    expect(getPrintoptions()).toEqual(before);
  });
});

describe("digits", () => {
  test("round ties to even", () => {
    expect([0.5, 1.5, 2.5, -0.5, 0].map((value) => formatFixed(value, 0))).toEqual([
      "0",
      "2",
      "2",
      "-0",
      "0",
    ]);
    expect([2.5, 3.5, 9.5, 25, 35].map((value) => formatScientific(value, 0))).toEqual([
      "2e+00",
      "4e+00",
      "1e+01",
      "2e+01",
      "4e+01",
    ]);
  });
});
