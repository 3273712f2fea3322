// Lists of sizes must have one hidden class wherever they come from: V8 throws away what it compiled for another.
import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import { expect, it } from "vitest";
import { mapped, mappedNumbers } from "../../src/core/list.ts";

setFlagsFromString("--allow-natives-syntax");
// Not V8's public interface, but the only one that tells.
const classOf = runInThisContext(
  '(list) => (%HasHoleyElements(list) ? "holey " : "packed ") + (%HasSmiElements(list) ? "small integers" : "objects")',
) as (list: readonly unknown[]) => string;

it("gives lists the class of literals, compiled or not", () => {
  const seen = new Set<string>();
  for (let i = 0; i < 200_000; i++) {
    const numbers = mappedNumbers([64, i, 3], (size, at) => (at === 1 ? 1 : size));
    const objects = mapped(["a", "b"], (name) => ({ name }));
    mapped([1, 2], () => null);
    if (i % 1000 === 0) seen.add(classOf(numbers)).add(classOf(objects));
  }
  expect([...seen]).toEqual([classOf([1, 2]), classOf(["a"])]);
});
