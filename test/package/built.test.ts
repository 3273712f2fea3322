// The built library (npm run build) is the sources in one file: the same names, and no line of its own among the user's. It is also what
// workers load.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import * as torch from "flambeau";
import { describe, expect, it } from "vitest";

const library = path.resolve(import.meta.dirname, "../../dist/flambeau.js");

interface Names {
  readonly [key: string]: string | Names;
}

/** What a namespace exports; of functions and classes, what they call themselves. */
function namesIn(namespace: object): Names {
  return Object.fromEntries(
    Object.entries(namespace).map(([key, value]: [string, unknown]) => {
      if (typeof value === "function") return [key, value.name];
      const nested = value !== null && typeof value === "object" && Symbol.toStringTag in value;
      return [key, nested ? namesIn(value) : typeof value];
    }),
  );
}

/** What a script beside this file prints in a process of its own. */
function printed(script: string): string {
  const file = path.join(import.meta.dirname, script);
  return execFileSync(process.execPath, [file], { encoding: "utf8" });
}

describe.skipIf(!existsSync(library))("the built library", () => {
  it("exports what the sources do, under the same names", async () => {
    const built = (await import(pathToFileURL(library).href)) as object;
    expect(namesIn(built)).toEqual(namesIn(torch));
    expect(namesIn(built)).toMatchObject({
      nn: { Bilinear: "Bilinear" },
      ShapeError: "ShapeError",
    });
  });

  it("knows which lines are the caller's", () => {
    const text = printed("anomaly.mjs");
    expect(text).toMatch(/anomaly\.mjs:6:/);
    expect(text).not.toContain("flambeau.js");
  });

  it("shares its threads with the workers of the process", () => {
    const text = printed("threads.mjs");
    const { usual, seen, left } = JSON.parse(text) as Record<string, number>;
    expect(usual).toBe(availableParallelism());
    expect({ seen, left }).toEqual({ seen: usual! + 2, left: 1 });
  });

  it("leaves V8's young generation small, and V8 free to enlarge it", () => {
    const text = printed("young.mjs");
    const { loaded, worked, grown } = JSON.parse(text) as Record<string, number>;
    expect(loaded).toBeLessThanOrEqual(4);
    expect(worked).toBeLessThanOrEqual(4);
    expect(grown).toBeGreaterThan(worked!);
  });

  it("does not have V8 give memory back, and ask for it again, in each step over large tensors", () => {
    const text = printed("resting.mjs");
    expect(Number(text)).toBeLessThan(1);
  });

  it("does not have V8 mark everything in each step whose results outweigh its heap", () => {
    expect(Number(printed("marking.mjs"))).toBeLessThan(10);
  });
});
