// Which tensors are parameters of modules: a mark beside the tensor, so that every tensor keeps one hidden class.
import type { Tensor } from "../../core/tensor.ts";

const marked = new WeakSet<Tensor>();

/** Marks a tensor as a parameter. */
export function markParameter(tensor: Tensor): void {
  marked.add(tensor);
}

/** Whether the tensor is a parameter. */
export function isParameter(tensor: Tensor): boolean {
  return marked.has(tensor);
}
