// What few tensors have beside their fields: whether their gradient is retained, when they were detached, their tangents.
import type { ForwardLevel } from "../../autograd/forward.ts";
import type { DType } from "../../core/dtype.ts";
import type { Tensor, TensorHooks } from "../../core/tensor.ts";

/** A tensor's tangent at one level; null where it is known to have none, whatever its base has. */
export class Tangent {
  readonly level: ForwardLevel;
  value: Tensor | null;
  next: Tangent | null;

  constructor(level: ForwardLevel, value: Tensor | null, next: Tangent | null) {
    this.level = level;
    this.value = value;
    this.next = next;
  }
}

export class Hooks implements TensorHooks {
  /** Shared with the node that fills it, which outlives a tensor that nobody holds any more and must not keep it. */
  retained: { gradient: Tensor | null } | null;
  detachedAt: number;
  tangents: Tangent | null;
  /** The type that gradients are accumulated in; null for any, undefined for the tensor's own. */
  gradDtype: DType | null | undefined;

  constructor() {
    // Assigned here rather than where they are declared: initialisers cost a call, and every result of forward mode has such a record.
    this.retained = null;
    this.detachedAt = 0;
    this.tangents = null;
    this.gradDtype = undefined;
  }
}

/** The record of a tensor, made when it is first needed. */
export function hooksOf(self: Tensor): Hooks {
  const hooks = (self.hooks ?? new Hooks()) as Hooks;
  self.hooks = hooks;
  return hooks;
}

/** The type that a leaf's gradients are accumulated in; null where any will do. */
export function gradientType(leaf: Tensor): DType | null {
  const chosen = (leaf.hooks as Hooks | null)?.gradDtype;
  return chosen === undefined ? leaf.dtype : chosen;
}
