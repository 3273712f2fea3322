// Custom functions that say themselves how they are mapped: their `vmap` works on whole batches.
import { mapping, type Randomness } from "../core/device.ts";
import { ArgumentError } from "../core/errors.ts";
import { flatten } from "../core/tree.ts";
import { leaveBatch } from "../ops/define/batch.ts";
import { describe } from "../ops/define/parameters.ts";
import { Tensor } from "../ops/methods.ts";

/** What a `vmap` rule is told of the mapping. */
export interface VmapInfo {
  readonly batchSize: number;
  readonly randomness: Randomness;
}

/** The class of a custom function, as mapping sees it. */
export interface MappingRules {
  readonly name: string;
  readonly vmap?: (info: VmapInfo, inDims: readonly unknown[], ...args: never[]) => unknown;
}

function isTensor(value: unknown): value is Tensor {
  return value instanceof Tensor;
}

function isDim(value: unknown): value is number | null {
  return value === null || value === undefined || typeof value === "number";
}

/**
 * Calls a function's own rule where an argument belongs to a mapped function: with whole tensors, and which of their dimensions is mapped.
 * Null where there is no rule, or nothing mapped.
 */
export function mappedByRule(
  rules: MappingRules,
  args: readonly unknown[],
): { readonly value: unknown } | null {
  const { vmap, name } = rules;
  if (vmap === undefined || !mapping.used) return null;
  const { leaves, rebuild } = flatten(args, isTensor);
  const outer = mapping.active;
  const axis = outer.findLast((own) => leaves.some((t) => t.storage.device.axes.includes(own)));
  if (axis === undefined) return null;
  const mapped = leaves.map((tensor) => tensor.storage.device.axes.includes(axis));
  const whole = leaves.map((tensor, i) => (mapped[i]! ? leaveBatch(tensor, axis, 0) : tensor));
  const dims = rebuild(mapped.map((is) => (is ? 0 : null))) as readonly unknown[];
  const inDims = dims.map((dim, i) =>
    flatten(args[i], isTensor).leaves.length === 0 ? null : dim,
  );
  const info = { batchSize: axis.size, randomness: axis.randomness };
  mapping.active = outer.filter((own) => own !== axis);
  let returned: unknown;
  try {
    returned = vmap.call(rules, info, inDims, ...(rebuild(whole) as never[]));
  } finally {
    mapping.active = outer;
  }
  if (!Array.isArray(returned) || returned.length !== 2)
    throw new ArgumentError(
      `${name}: vmap must return [output, outDims], the result and the mapped dimension of each tensor in it, got ${describe(returned)}`,
    );
  const output = flatten(returned[0] as unknown, isTensor);
  const given = flatten(returned[1] as unknown, isDim).leaves;
  const outDims = isDim(returned[1]) ? output.leaves.map(() => given[0]!) : given;
  if (outDims.length !== output.leaves.length)
    throw new ArgumentError(
      `${name}: vmap returned ${outDims.length} dimensions for ${output.leaves.length} tensors; give one for each, null where a tensor is not mapped`,
    );
  return {
    value: output.rebuild(
      output.leaves.map((tensor, i) => {
        const dim = outDims[i] ?? null;
        if (dim === null) return tensor;
        const rank = tensor.sizes.length;
        const at = dim < 0 ? dim + rank : dim;
        if (tensor.sizes[at] !== axis.size)
          throw new ArgumentError(
            `${name}: vmap says that dimension ${dim} of result ${i} is mapped, which should have size ${axis.size}, but its shape is [${tensor.sizes.join(", ")}]`,
          );
        return axis.enter(tensor, at);
      }),
    ),
  };
}
