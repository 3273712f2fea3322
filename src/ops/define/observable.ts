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
