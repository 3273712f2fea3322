// What the tests named after PyTorch's share.
import { test } from "vitest";

/** Notes a test of PyTorch's about something that JavaScript or this library does not have, with the reason. */
export function doesNotApply(name: string, reason: string): void {
  test.skip(`${name}: does not apply: ${reason}`, () => {});
}
