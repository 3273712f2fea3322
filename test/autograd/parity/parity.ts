// What the tests named after PyTorch's share.
import { test } from "vitest";

/** Notes a test of PyTorch's about something that has no meaning here: in JavaScript, or because it is private to PyTorch or given up there. */
export function doesNotApply(name: string, reason: string): void {
  test.skip(`${name}: does not apply: ${reason}`, () => {});
}

/** Notes a test of PyTorch's about something that would have a meaning here, and that this library does not have. */
export function missing(name: string, reason: string): void {
  test.skip(`${name}: missing: ${reason}`, () => {});
}
