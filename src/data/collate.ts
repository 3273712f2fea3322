// Puts samples together as a batch: tensors are stacked, numbers become a tensor, arrays and objects are gone into.
import { isRecord, mappedRecord } from "../core/tree.ts";
import { bool, getDefaultDtype, int64 } from "../core/dtype.ts";
import { ArgumentError } from "../core/errors.ts";
import { describe } from "../ops/define/parameters.ts";
import { stack } from "../ops/join.ts";
import { tensor } from "../ops/values.ts";
import { Tensor } from "../ops/methods.ts";

/**
 * The batch of samples: tensors are stacked along a new first dimension; numbers become int64 where all are whole, else the default type;
 * booleans become bool; strings stay an array; arrays and objects are put together item by item. Throws ArgumentError where samples differ
 * in kind or length.
 */
export function defaultCollate(samples: readonly unknown[]): unknown {
  const [first] = samples;
  const every = (test: (sample: unknown) => boolean): boolean => samples.every(test);
  if (first instanceof Tensor && every((s) => s instanceof Tensor))
    return stack(samples as Tensor[]);
  if (typeof first === "number" && every((s) => typeof s === "number"))
    return tensor(samples as number[], {
      dtype: every(Number.isInteger) ? int64 : getDefaultDtype(),
    });
  if (typeof first === "bigint" && every((s) => typeof s === "bigint"))
    return tensor(samples as bigint[], { dtype: int64 });
  if (typeof first === "boolean" && every((s) => typeof s === "boolean"))
    return tensor(samples as boolean[], { dtype: bool });
  if (typeof first === "string" && every((s) => typeof s === "string")) return [...samples];
  if (Array.isArray(first) && every((s) => Array.isArray(s) && s.length === first.length))
    return first.map((_, i) => defaultCollate(samples.map((s) => (s as readonly unknown[])[i])));
  if (isRecord(first) && every(isRecord))
    return mappedRecord(first, (name) =>
      defaultCollate(samples.map((s) => (s as Readonly<Record<string, unknown>>)[name])),
    );
  throw new ArgumentError(
    `DataLoader: samples cannot be put together as a batch: the first is ${describe(first)}, and the others differ from it in kind or length, or this kind is not known; give a collateFn`,
  );
}
