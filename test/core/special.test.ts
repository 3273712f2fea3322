// Special functions against PyTorch in float64 and against correctly rounded values.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { digamma, erf, erfc, erfinv, lgamma, polygamma1 } from "../../src/core/special.ts";

const special = { erf, erfc, erfinv, lgamma, digamma, polygamma1 };
type Name = keyof typeof special;
const golden = JSON.parse(
  readFileSync(new URL("../golden/special.json", import.meta.url), "utf8"),
) as Record<Name, [x: string, torch: string, exact: string | null][]>;
const number = (text: string): number =>
  text === "nan" ? Number.NaN : Number(text.replace("inf", "Infinity"));
const distance = (a: number, b: number, floor: number): number =>
  Object.is(a, b) || a === b ? 0 : Math.abs(a - b) / Math.max(Math.abs(b), floor);

// Where a function crosses zero its error is judged against 1, or where the value itself is below what doubles resolve.
const floors: Record<Name, number> = {
  erf: 1e-300,
  erfc: 1e-290,
  erfinv: 1e-300,
  lgamma: 0.1,
  digamma: 0.1,
  polygamma1: 1e-300,
};
// PyTorch ends the asymptotic series of trigamma after four terms, at arguments as small as 6.5.
const torchTolerance: Record<Name, number> = {
  erf: 1e-14,
  erfc: 2e-14,
  erfinv: 1e-14,
  lgamma: 1e-14,
  digamma: 1e-13,
  polygamma1: 1e-9,
};

for (const name of Object.keys(golden) as Name[])
  describe(name, () => {
    const rows = golden[name].map(([x, torch, exact]) => ({
      x: number(x),
      torch: number(torch),
      exact: exact === null ? null : number(exact),
    }));

    it("is what PyTorch gives", () => {
      for (const { x, torch } of rows) {
        const value = special[name](x);
        // PyTorch's sine of an integer times pi is not zero, so that its trigamma is finite at negative integers, about 6.6e32.
        if (name === "polygamma1" && x < 0 && Number.isInteger(x))
          expect(value).toBe(Number.POSITIVE_INFINITY);
        else if (!Number.isFinite(torch) || torch === 0) expect([x, value]).toEqual([x, torch]);
        else
          expect(
            distance(value, torch, floors[name]),
            `${name}(${x}) = ${value}, PyTorch ${torch}`,
          ).toBeLessThan(torchTolerance[name]);
      }
    });

    it("is within 1e-14 of the exact value", () => {
      for (const { x, exact } of rows)
        if (exact !== null && Number.isFinite(exact))
          expect(
            distance(special[name](x), exact, floors[name]),
            `${name}(${x}) = ${special[name](x)}, exact ${exact}`,
          ).toBeLessThan(1e-14);
    });
  });
