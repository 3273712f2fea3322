// What a tensor inside a mapped function stands for, to look at while debugging.
import { membersTogether } from "../ops/define/batch.ts";
import { boolean, optional, Signature, tensor } from "../ops/define/parameters.ts";
import type { Tensor } from "../ops/methods.ts";

const signature = new Signature("func.debugUnwrap", {
  tensor,
  recurse: optional(boolean, true),
});

/**
 * The values of all members of the batch that a tensor inside `vmap` stands for, along new first dimensions, outer batches first; with
 * `recurse: false` only those of the innermost batch, for a look at what an outer `vmap` maps. Any other tensor is given as it is.
 * To look at while debugging: the values are outside the graph, and using them inside the mapped function mixes its members.
 * @example
 * ```ts
 * torch.vmap((x: torch.Tensor) => {
 *   console.log(torch.func.debugUnwrap(x).shape); // [3, 2]
 *   return x.sum();
 * })(torch.ones(3, 2)) // => tensor([2., 2., 2.])
 * ```
 */
export function debugUnwrap(given: Tensor, options?: { readonly recurse?: boolean }): Tensor {
  const { tensor: inside, recurse } = signature.read([given, options]);
  return membersTogether(inside as Tensor, recurse ? Infinity : 1);
}
