// A custom function inside vmap, with a batching rule of its own: the rule sees whole batches and says where they are in its results.
import { type Axis, mapping, type Randomness } from "../core/device.ts";
import { AutogradError, ShapeError } from "../core/errors.ts";
import { formatSizes } from "../core/shape.ts";
import { flatten } from "../core/tree.ts";
import { leaveBatch } from "../ops/define/batch.ts";
import { describe } from "../ops/define/parameters.ts";
import { isTensor } from "../ops/access.ts";
import { type Dims, spread, wrapped } from "./vmap.ts";

/** What a batching rule is told of the batch. */
export interface MapInfo {
  readonly batchSize: number;
  readonly randomness: Randomness;
}

/** The batching rule of a custom function. */
export interface MapRule {
  readonly name: string;
  readonly vmap?: (
    info: MapInfo,
    inDims: readonly Dims[],
    ...args: never[]
  ) => readonly [result: unknown, outDims: Dims];
}

/** The innermost axis among the tensors of arguments; null where they have none. */
function innermostAxis(args: readonly unknown[]): Axis | null {
  let found: Axis | null = null;
  for (const tensor of flatten(args, isTensor).leaves)
    for (const axis of tensor.device.axes)
      if (found === null || axis.number > found.number) found = axis;
  return found;
}

/** The result by the function's batching rule; null where it has none or nothing is mapped. */
export function mappedByRule(
  rules: MapRule,
  args: readonly unknown[],
): { readonly result: unknown } | null {
  const rule = rules.vmap;
  const axis = rule === undefined ? null : innermostAxis(args);
  if (rule === undefined || axis === null) return null;
  const { name } = rules;
  const given = flatten(args, isTensor);
  const mapped = given.leaves.map((tensor) => tensor.device.axes.includes(axis));
  const whole = given.rebuild(
    given.leaves.map((tensor, i) => (mapped[i]! ? leaveBatch(tensor, axis, 0) : tensor)),
  ) as never[];
  const dims = (given.rebuild(mapped.map((own) => (own ? 0 : null))) as unknown[]).map((dim, i) =>
    flatten(args[i], isTensor).leaves.length === 0 ? null : dim,
  ) as Dims[];
  const before = mapping.active;
  mapping.active = before.filter((other) => other !== axis);
  try {
    const info: MapInfo = { batchSize: axis.size, randomness: axis.randomness };
    const answer: unknown = rule.call(rules, info, dims, ...whole);
    if (!Array.isArray(answer) || answer.length !== 2)
      throw new AutogradError(
        `${name}: vmap must return [result, outDims], got ${describe(answer)}`,
      );
    const [result, outDims] = answer as [unknown, unknown];
    const found = flatten(result, isTensor);
    const { leaves, rebuild } = found;
    const places = spread("outDims", outDims, result);
    return {
      result: rebuild(
        leaves.map((tensor, i) => {
          const dim = places[i]!;
          if (dim === null) return tensor;
          const at = wrapped(
            () => `${name}: the entry of outDims for the result${found.paths[i]}`,
            dim,
            tensor.sizes.length,
          );
          if (tensor.sizes[at] !== axis.size)
            throw new ShapeError(
              `${name}: vmap says that dimension ${dim} of the result${found.paths[i]} is the mapped one, which should have size ${axis.size}, but the shape is ${formatSizes(tensor.sizes)}`,
            );
          return axis.enter(tensor, at);
        }),
      ),
    };
  } finally {
    mapping.active = before;
  }
}
