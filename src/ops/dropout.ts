// Dropout: zeroes elements at random while training.
import { ArgumentError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import { composite } from "./define/operation.ts";
import * as p from "./define/parameters.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

/**
 * Zeroes each element with probability `p` and divides the others by 1 - p, so that the expected value stays; the identity unless
 * `training`. Throws ArgumentError unless 0 <= p <= 1.
 * @example
 * ```ts
 * torch.nn.functional.dropout(torch.ones(3), 0.5, false) // => tensor([1., 1., 1.])
 * ```
 */
export const dropout: FunctionOnly<
  (
    input: Tensor,
    ...args: Trailing<
      [p: number, training: boolean, inplace: boolean],
      { readonly p?: number; readonly training?: boolean; readonly inplace?: boolean }
    >
  ) => Tensor
> = composite({
  name: "dropout",
  parameters: {
    input: p.tensor,
    p: p.optional(p.number, 0.5),
    training: p.optional(p.boolean, true),
    inplace: p.optional(p.boolean, false),
  },
  compute: ({ input, p: probability, training, inplace }) => {
    if (!(probability >= 0 && probability <= 1))
      throw new ArgumentError(`dropout: p must be from 0 to 1, got ${probability}`);
    if (probability === 0 || !training || input.count === 0) return input;
    const mask =
      probability === 1
        ? input.detach().zerosLike()
        : input
            .detach()
            .emptyLike()
            .bernoulli_(1 - probability)
            .div_(1 - probability);
    return inplace ? input.mul_(mask) : input.mul(mask);
  },
});
