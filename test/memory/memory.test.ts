// Memory stays where it is while training runs without a pause and nothing is freed by hand. Uses the built library (npm run build).
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const script = fileURLToPath(new URL("workloads.mjs", import.meta.url));

interface Report {
  readonly first: number;
  readonly last: number;
  readonly peak: number;
}

async function train(name: string, steps: number): Promise<Report> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, name, String(steps)]);
  return JSON.parse(stdout) as Report;
}

describe("resident memory stays within 150 MB of where it stood after a tenth", () => {
  it.each([
    ["seedExample", 100_000],
    ["perceptron", 2_000],
  ] as const)(
    "%s, %i steps",
    async (name, steps) => {
      const { first, last, peak } = await train(name, steps);
      expect(first).toBeGreaterThan(0);
      expect(Math.max(last, peak)).toBeLessThan(first + 150);
    },
    600_000,
  );
});
