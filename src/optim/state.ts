// The saved form of an optimizer, which is PyTorch's: names in snake_case, parameters by number.
import { SerializationError } from "../core/errors.ts";
import { float32 } from "../core/dtype.ts";
import { formatSizes, sameSizes } from "../core/shape.ts";
import { empty } from "../ops/define/memory.ts";
import { describe, type Parameters } from "../ops/define/parameters.ts";
import { Tensor } from "../ops/methods.ts";

type Entries = Readonly<Record<string, unknown>>;

/** What `Optimizer.stateDict` gives. */
export interface OptimizerState {
  /** What is kept for each parameter, by its number over all groups. */
  readonly state: ReadonlyMap<number, Entries> | Entries;
  /** The options of each group, and the numbers of its parameters. */
  readonly param_groups: readonly Entries[];
}

interface Group {
  readonly params: Tensor[];
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
const camel = (name: string): string =>
  name.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase());

/** The saved form of groups and state. */
export function writeState(
  groups: readonly Group[],
  state: ReadonlyMap<Tensor, Readonly<Record<string, Tensor | number>>>,
  optionNames: readonly string[],
): OptimizerState {
  const numbers = new Map<Tensor, number>();
  const written = groups.map((group) => {
    const out: Record<string, unknown> = {};
    for (const name of optionNames) out[snake(name)] = (group as unknown as Entries)[name];
    out["params"] = group.params.map((parameter) => {
      numbers.set(parameter, numbers.size);
      return numbers.size - 1;
    });
    return out;
  });
  const entries = new Map<number, Entries>();
  for (const [parameter, number] of numbers) {
    const slots = state.get(parameter);
    if (slots === undefined) continue;
    entries.set(
      number,
      Object.fromEntries(
        Object.entries(slots).map(([name, value]) => [
          snake(name),
          typeof value === "number" ? empty([], float32).fill_(value) : value,
        ]),
      ),
    );
  }
  return { state: entries, param_groups: written };
}

function entriesOf(value: unknown): [string, unknown][] {
  if (value instanceof Map) return [...value].map(([key, item]) => [String(key), item]);
  return value !== null && typeof value === "object" ? Object.entries(value) : [];
}

/** Takes a saved form over into groups and state. All is checked before anything is changed. */
export function readState(
  name: string,
  saved: OptimizerState,
  groups: readonly Group[],
  state: Map<Tensor, Record<string, Tensor | number>>,
  readers: Parameters,
): void {
  const fail = (what: string): never => {
    throw new SerializationError(`${name}.loadStateDict: ${what}`);
  };
  const savedGroups: unknown = entriesOf(saved).find(([key]) => key === "param_groups")?.[1];
  if (!Array.isArray(savedGroups))
    return fail(`expected an object with "state" and "param_groups", got ${describe(saved)}`);
  if (savedGroups.length !== groups.length)
    fail(`the state has ${savedGroups.length} groups and the optimizer ${groups.length}`);
  const byNumber = new Map<string, Tensor>();
  const options = savedGroups.map((entry: unknown, i) => {
    const values = new Map(entriesOf(entry));
    const numbers = values.get("params");
    const { params } = groups[i]!;
    if (!Array.isArray(numbers) || numbers.length !== params.length)
      return fail(
        `group ${i} has ${Array.isArray(numbers) ? numbers.length : "no"} parameters in the state and ${params.length} in the optimizer`,
      );
    numbers.forEach((number, k) => byNumber.set(String(number), params[k]!));
    const out: Record<string, unknown> = {};
    for (const [key, value] of values) {
      const reader = readers[camel(key)];
      if (reader !== undefined) out[camel(key)] = reader.convert(value, name, camel(key));
    }
    return out;
  });
  const fresh = new Map<Tensor, Record<string, Tensor | number>>();
  for (const [number, slots] of entriesOf(new Map(entriesOf(saved)).get("state"))) {
    const parameter =
      byNumber.get(number) ?? fail(`the state speaks of parameter ${number}, which no group has`);
    const own: Record<string, Tensor | number> = {};
    for (const [key, value] of entriesOf(slots)) {
      if (key === "step") own[key] = value instanceof Tensor ? value.item() : Number(value);
      else if (value instanceof Tensor) {
        if (!sameSizes(value.sizes, parameter.sizes))
          fail(
            `${key} of parameter ${number} has shape ${formatSizes(value.sizes)}, the parameter ${formatSizes(parameter.sizes)}`,
          );
        own[camel(key)] = value.detach().to(parameter.dtype).clone();
      }
    }
    fresh.set(parameter, own);
  }
  options.forEach((values, i) => Object.assign(groups[i]!, values));
  state.clear();
  for (const [parameter, slots] of fresh) state.set(parameter, slots);
}
