// Calls of operations as observers see them.
import { observation } from "../../autograd/observer.ts";

/** A call while somebody observes. Apart from the callable: a closure there would cost every call an allocation. */
export function observed(
  name: string,
  args: readonly unknown[],
  call: (args: readonly unknown[]) => unknown,
): unknown {
  return observation.call === null ? call(args) : observation.call(name, args, () => call(args));
}

/** The callable of an operation, which observers see, if there are any. */
export function observable(
  name: string,
  call: (args: readonly unknown[]) => unknown,
): (...args: readonly unknown[]) => unknown {
  return (...args) => (observation.call === null ? call(args) : observed(name, args, call));
}

/** The commonest call of an operation, with one or two arguments: which it is, and what it computes. */
export interface Commonest {
  readonly fits: (first: unknown, second: unknown) => boolean;
  readonly compute: (first: unknown, second: unknown) => unknown;
}

/** The same callable with a shorter way for the commonest call: reading arguments costs more than a small kernel. */
export function withCommonest(
  { fits, compute }: Commonest,
  general: (...args: readonly unknown[]) => unknown,
): (...args: readonly unknown[]) => unknown {
  return (a, b, c, d, e, ...more) =>
    observation.call === null &&
    c === undefined &&
    d === undefined &&
    e === undefined &&
    more.length === 0 &&
    fits(a, b)
      ? compute(a, b)
      : general(a, b, c, d, e, ...more);
}
