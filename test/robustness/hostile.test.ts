// No input crashes the process, hangs it, or fails with an error that is not the library's.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "rolldown";
import { beforeAll, describe, expect, it } from "vitest";

// Within the package, so that it finds the addon.
const script = path.resolve(import.meta.dirname, "../../out/hostile.mjs");

interface Outcome {
  readonly lines: readonly string[];
  /** How the child ended, with the call it was in; empty where it came to its end. */
  readonly failure: string;
}

function run(share: string): Promise<Outcome> {
  const folder = mkdtempSync(path.join(tmpdir(), "flambeau-"));
  const progress = path.join(folder, "progress");
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [script, progress, share],
      { timeout: 280_000, maxBuffer: 2 ** 26 },
      (error, stdout) => {
        const last = readFileSync(progress, "utf8").trimEnd().split("\n").at(-1) ?? "";
        rmSync(folder, { recursive: true });
        resolve({
          lines: stdout.trimEnd().split("\n"),
          failure: error === null ? "" : `${error.signal ?? error.code} in ${last}`,
        });
      },
    );
  });
}

beforeAll(() =>
  build({
    input: path.join(import.meta.dirname, "hostile.mjs"),
    external: ["@viz-js/viz"],
    platform: "node",
    output: { file: script, codeSplitting: false },
    logLevel: "warn",
  }),
);

describe("every operation answers hostile arguments with a result or an error of the library", () => {
  it.each(["1/4", "2/4", "3/4", "4/4"])(
    "share %s of the operations",
    async (share) => {
      const { lines, failure } = await run(share);
      expect(failure).toBe("");
      expect(lines.slice(0, -1)).toEqual([]);
      expect((JSON.parse(lines.at(-1)!) as { calls: number }).calls).toBeGreaterThan(10_000);
    },
    300_000,
  );
});
