// The one suite that every backend runs: each kernel kind over types, layouts and sizes, and what it must refuse.
import { describe, expect, it } from "vitest";
import type { Backend } from "../../src/core/backend.ts";
import { float32 } from "../../src/core/dtype.ts";
import { createReferenceBackend } from "../../src/backends/reference/backend.ts";
import { type Case, close } from "./cases.ts";
import { gatherCases } from "./gather.cases.ts";
import { inPlaceCases } from "./inplace.cases.ts";
import { mapCases } from "./map.cases.ts";
import { matmulCases } from "./matmul.cases.ts";
import { reduceCases } from "./reduce.cases.ts";
import { refusals } from "./refusals.ts";
import { scalarCases } from "./scalar.cases.ts";
import { scanCases } from "./scan.cases.ts";
import { sortCases } from "./sort.cases.ts";
import { softmaxCases } from "./softmax.cases.ts";
import { type Value, Workbench } from "./workbench.ts";

/** Cases that a backend leaves out, by the beginning of their names, and why. */
export interface Skip {
  readonly reason: string;
  readonly cases: readonly string[];
}

function compare(actual: Value[][], expected: Value[][], rules: Case): void {
  expect(actual.map((list) => list.length)).toEqual(expected.map((list) => list.length));
  expected.forEach((list, output) => {
    const wrong = list.flatMap((value, i) => (close(actual[output]![i]!, value, rules) ? [] : [i]));
    const text = (value: Value | undefined): string =>
      Object.is(value, -0) ? "-0" : String(value);
    const shown = wrong
      .slice(0, 5)
      .map((i) => `[${i}] ${text(actual[output]![i])} instead of ${text(list[i])}`);
    expect(
      wrong.length,
      `output ${output}: ${wrong.length} of ${list.length} are wrong: ${shown.join("; ")}`,
    ).toBe(0);
  });
}

/** Runs the suite. The reference backend is held to plain definitions, every other one to the reference backend. */
export function describeBackend(
  name: string,
  makeBackend: () => Backend,
  skip: readonly Skip[] = [],
): void {
  const cases = [
    ...mapCases(),
    ...inPlaceCases(),
    ...scalarCases(),
    ...reduceCases(),
    ...scanCases(),
    ...matmulCases(),
    ...gatherCases(),
    ...sortCases(),
    ...softmaxCases(),
  ];
  describe(`${name} backend`, () => {
    const backend = makeBackend();
    const reference = createReferenceBackend();
    const left = (title: string): Skip | undefined =>
      skip.find((s) => s.cases.some((start) => title.startsWith(start)));

    for (const one of cases) {
      const skipped = left(one.name);
      if (skipped !== undefined) it.skip(`${one.name}: ${skipped.reason}`);
      else if (!backend.supports(one.kind, one.compute))
        it.skip(`${one.name}: not supported in ${one.compute.name}`);
      else
        it(one.name, () => {
          const defined = one.absoluteTruth || backend.name === reference.name;
          compare(
            one.run(new Workbench(backend)),
            defined ? one.naive() : one.run(new Workbench(reference)),
            one,
          );
        });
    }
    for (const { name: title, kind, check } of refusals) {
      const skipped = left(title);
      if (skipped !== undefined) it.skip(`${title}: ${skipped.reason}`);
      else if (kind !== null && !backend.supports(kind, float32))
        it.skip(`${title}: not supported`);
      else it(title, () => check(new Workbench(backend)));
    }
  });
}
