import { expect, test } from "vitest";
import { flatten } from "../../src/core/tree.ts";

const isNumber = (value: unknown): value is number => typeof value === "number";

test("leaves come in the order of the entries, with their paths", () => {
  const { leaves, paths } = flatten({ a: [1, { b: 2 }], c: 3, d: "kept" }, isNumber);
  expect(leaves).toEqual([1, 2, 3]);
  expect(paths).toEqual([".a[0]", ".a[1].b", ".c"]);
});

test("rebuild puts other leaves into the same nesting and keeps what is no leaf", () => {
  const { rebuild } = flatten({ a: [1, { b: 2 }], c: null, d: "kept" }, isNumber);
  expect(rebuild(["x", "y"])).toEqual({ a: ["x", { b: "y" }], c: null, d: "kept" });
});

test("a leaf by itself is a nesting of one", () => {
  const { leaves, rebuild } = flatten(7, isNumber);
  expect(leaves).toEqual([7]);
  expect(rebuild([8])).toBe(8);
});

test("a container inside itself is refused, one that is there twice is not", () => {
  const own: unknown[] = [1];
  expect(flatten([own, { again: own }], isNumber).leaves).toEqual([1, 1]);
  own.push({ inner: own });
  expect(() => flatten(own, isNumber)).toThrow(
    "must not contain itself, but one, 2 levels deep, does",
  );
});
