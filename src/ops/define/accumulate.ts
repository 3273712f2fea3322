// The end of every path through the graph: a leaf's gradient arrives and is added to `.grad`.
import { forwardMode } from "../../autograd/forward.ts";
import type { HookSet } from "../../autograd/hooks.ts";
import { Node, type ResultMetadata, type Sender } from "../../autograd/node.ts";
import { gradMode, layoutPolicy } from "../../autograd/mode.ts";
import { AutogradError } from "../../core/errors.ts";
import { sameSizes } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import { gradientType } from "./hooks.ts";
import { alias, coversStorage, empty, emptyLike, hasNoGaps } from "./memory.ts";
import { copyTangents } from "./tangent.ts";
import { transfer } from "./transfer.ts";

/** Sink of a leaf. Runs as soon as its gradient is complete. */
export class AccumulateGrad extends Node<Tensor> {
  readonly variable: Tensor;
  /** Called with the leaf after its gradient has been updated. */
  postAccumulate: HookSet<(leaf: Tensor) => unknown> | null = null;
  /** Whether the leaf was the input of a function whose derivative has been taken: nobody will ask for its gradient again. */
  ended = false;

  constructor(variable: Tensor) {
    super([], []);
    this.variable = variable;
  }

  get name(): string {
    return "AccumulateGrad";
  }

  override get inputMetadata(): readonly [ResultMetadata] {
    const { shape, dtype, device } = this.variable;
    return [{ shape, dtype, device }];
  }

  run(_task: Sender<Tensor>): void {
    const { variable } = this;
    const gradient = this.incoming!;
    accumulateInto(variable, variable.hooks === null ? gradient : inOwnType(variable, gradient));
    if (this.postAccumulate !== null) runPostAccumulate(this.postAccumulate, variable);
  }
}

/** A leaf may have its gradients in another type than its own. */
function inOwnType(variable: Tensor, gradient: Tensor): Tensor {
  const dtype = gradientType(variable);
  return dtype === null || dtype === gradient.dtype ? gradient : gradient.to(dtype);
}

function runPostAccumulate(hooks: HookSet<(leaf: Tensor) => unknown>, leaf: Tensor): void {
  for (const { hook } of Array.from(hooks)) {
    const result = hook(leaf);
    if (result !== undefined && result !== null)
      throw new AutogradError(
        `a hook after accumulation must return nothing, not ${typeof result}: the gradient has been accumulated already; it may change leaf.grad instead`,
      );
  }
}

/** Whether a gradient lies in memory as its leaf does where that has no gaps, else in row-major order: PyTorch's contract. */
function keepsContract(variable: Tensor, gradient: Tensor): boolean {
  return variable.dense || !hasNoGaps(variable)
    ? gradient.dense
    : sameSizes(gradient.strides, variable.strides);
}

/** A copy, outside the graph unless the pass is recorded, that keeps to the contract. */
function copyFor(variable: Tensor, gradient: Tensor): Tensor {
  if (gradMode.enabled && keepsContract(variable, gradient)) return gradient.clone();
  const copy = hasNoGaps(variable)
    ? emptyLike(variable, gradient.dtype)
    : empty(variable.sizes, gradient.dtype, variable.storage.device);
  if (gradMode.enabled) return copy.copy_(gradient);
  transfer(gradient, copy);
  copy.storage.kept = true;
  return copy;
}

/**
 * Adds a gradient to `.grad` by PyTorch's rules of identity: the first one is taken over where nothing else holds its memory, else
 * copied; later ones are added in place, or out of place while the pass itself is being recorded.
 */
function accumulateInto(variable: Tensor, gradient: Tensor): void {
  const before = variable.gradient;
  if (before !== null) {
    if (gradMode.enabled) variable.gradient = before.add(gradient);
    else before.add_(gradient);
  } else if (
    !gradMode.enabled &&
    !gradient.storage.kept &&
    coversStorage(gradient) &&
    (!layoutPolicy.enforced || keepsContract(variable, gradient))
  ) {
    gradient.storage.kept = true;
    variable.gradient =
      gradient.viewOf === null && gradient.node === null ? gradient : alias(gradient);
  } else variable.gradient = copyFor(variable, gradient);
  const { gradient: after } = variable;
  if (forwardMode.active && before === null && after !== null && after !== gradient)
    copyTangents(gradient, after);
}
