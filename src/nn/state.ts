// Loading a state: what fits is copied, what does not is reported by name.
import { noGrad } from "../autograd/mode.ts";
import { SerializationError } from "../core/errors.ts";
import { formatSizes, sameSizes } from "../core/shape.ts";
import { describe, nearest } from "../ops/define/parameters.ts";
import { Tensor } from "../ops/methods.ts";

/** Tensors by name: what `stateDict` gives and `loadStateDict` takes. */
export type State = Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>;

/** The names that a state lacks, and those it has too many. */
export interface LoadResult {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
}

/** Copies a state into tensors of these names; all is checked before anything is changed. */
export function loadState(
  owner: string,
  own: readonly (readonly [string, Tensor])[],
  state: State,
  strict: boolean,
): LoadResult {
  if (state === null || typeof state !== "object" || state instanceof Tensor)
    throw new SerializationError(
      `${owner}.loadStateDict: expected tensors by name, got ${describe(state)}`,
    );
  const given = new Map<string, Tensor>(
    state instanceof Map ? state : Object.entries(state as Record<string, Tensor>),
  );
  const names = own.map(([name]) => name);
  const known = new Set(names);
  const missingKeys = names.filter((name) => !given.has(name));
  const unexpectedKeys = [...given.keys()].filter((name) => !known.has(name));
  const problems: string[] = [];
  for (const [name, target] of own) {
    const value: unknown = given.get(name);
    if (value === undefined) continue;
    if (!(value instanceof Tensor)) problems.push(`${name} is ${describe(value)}, not a tensor`);
    else if (!sameSizes(value.sizes, target.sizes))
      problems.push(
        `${name} has shape ${formatSizes(value.sizes)} in the state and ${formatSizes(target.sizes)} in the module`,
      );
  }
  if (strict) {
    if (missingKeys.length > 0) problems.push(`missing: ${missingKeys.join(", ")}`);
    if (unexpectedKeys.length > 0)
      problems.push(
        `unexpected: ${unexpectedKeys.map((name) => withSuggestion(name, missingKeys)).join(", ")}`,
      );
  }
  if (problems.length > 0)
    throw new SerializationError(
      `${owner}.loadStateDict: the state does not fit, nothing was loaded: ${problems.join("; ")}`,
    );
  noGrad(() => {
    for (const [name, target] of own) {
      const value = given.get(name);
      if (value !== undefined) target.copy_(value.detach());
    }
  });
  return { missingKeys, unexpectedKeys };
}

function withSuggestion(name: string, missing: readonly string[]): string {
  const near = nearest(name, missing);
  return near === undefined ? name : `${name} (is it "${near}"?)`;
}
