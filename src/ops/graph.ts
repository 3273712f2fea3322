// What a tensor offers of the graph: whether it requires a gradient, its node, hooks, detaching.
import { gradMode } from "../autograd/mode.ts";
import { type HookHandle, register } from "../autograd/hooks.ts";
import { latestSequence, Node } from "../autograd/node.ts";
import { userCode } from "../autograd/usercode.ts";
import { DType } from "../core/dtype.ts";
import { AutogradError, DTypeError, ShapeError } from "../core/errors.ts";
import { formatSizes, sameSizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { warnOnce } from "../core/warning.ts";
import { AccumulateGrad } from "./define/accumulate.ts";
import {
  gradientFunction,
  gradientNode,
  isInferenceTensor,
  isRetained,
  requiresGradient,
  viewOf,
} from "./define/history.ts";
import { gradientType, hooksOf } from "./define/hooks.ts";
import { alias } from "./define/memory.ts";
import { composite } from "./define/operation.ts";
import { accumulateGradients, givenIn, type Places } from "./define/pass.ts";
import { anything, boolean, optional, tensor } from "./define/parameters.ts";
import type { Method, Trailing } from "./define/registry.ts";
import type { SavedProperties } from "./define/saved.ts";
import { dropTangents } from "./define/tangent.ts";

/** Properties of Tensor that speak of the graph. */
export interface GraphProperties {
  /** The accumulated gradient; null before the first backward pass, and for tensors that are not leaves unless `retainGrad` was called. */
  grad: Tensor | null;
  /** Whether operations on the tensor are recorded. */
  requiresGrad: boolean;
  /** Whether nothing recorded made this tensor: its gradient ends here. */
  readonly isLeaf: boolean;
  /** The node that made the tensor; null for leaves. */
  readonly gradFn: (Node<Tensor> & SavedProperties) | null;
  /** Which output of `gradFn` the tensor is. */
  readonly outputNr: number;
  /**
   * The type in which gradients are accumulated: the tensor's own unless set; null for any. Only leaves have it. Setting it throws a
   * DTypeError while there is a `grad` of another type.
   */
  gradDtype: DType | null;
  /** Whether `retainGrad` was called. */
  readonly retainsGrad: boolean;
}

function setRequiresGrad(self: Tensor, value: boolean): void {
  if (typeof value !== "boolean")
    throw new AutogradError(`requiresGrad: expected true or false, got ${String(value)}`);
  if (value && !self.dtype.isFloatingPoint)
    throw new AutogradError(
      `requiresGrad: only floating-point tensors can require gradients, not ${self.dtype.name}; convert it first, as in x.to(torch.float32)`,
    );
  if (value && isInferenceTensor(self) && !gradMode.inference)
    throw new AutogradError(
      "requiresGrad: the tensor was made in inferenceMode and cannot require a gradient outside of it; clone() it for a normal tensor",
    );
  if (gradientFunction(self) !== null) {
    if (!value)
      throw new AutogradError(
        `requiresGrad: only leaves can be changed, and this tensor was made by ${gradientFunction(self)!.name}; use detach() for a tensor outside the graph`,
      );
    return;
  }
  self.tracked = value;
}

function setGrad(self: Tensor, value: Tensor | null | undefined): void {
  if (value === null || value === undefined) {
    (self.hooks?.retained ?? self).gradient = null;
    return;
  }
  if (!(value instanceof Tensor))
    throw new AutogradError(`grad: expected a tensor or null, got ${typeof value}`);
  if (value === self) throw new AutogradError("grad: a tensor cannot be its own gradient");
  if (!sameSizes(value.sizes, self.sizes))
    throw new ShapeError(
      `grad: a gradient of shape ${formatSizes(value.sizes)} does not fit a tensor of shape ${formatSizes(self.sizes)}`,
    );
  const dtype = gradientType(self);
  if (dtype !== null && value.dtype !== dtype)
    throw new DTypeError(
      `grad: a gradient of type ${value.dtype.name} does not fit a tensor whose gradients are ${dtype.name}; its gradDtype says of which type they are`,
    );
  if (value.storage.device !== self.storage.device)
    throw new AutogradError(
      `grad: a gradient on ${String(value.storage.device)} does not fit a tensor on ${String(self.storage.device)}`,
    );
  value.storage.kept = true;
  (self.hooks?.retained ?? self).gradient = value;
}

function leafForType(self: Tensor): void {
  if (gradientFunction(self) !== null)
    throw new AutogradError(
      "gradDtype: only leaves accumulate gradients and so have a type for them; this tensor was made by an operation",
    );
}

function setGradDtype(self: Tensor, value: DType | null): void {
  leafForType(self);
  if (value !== null && !(value instanceof DType))
    throw new DTypeError(`gradDtype: expected a dtype or null, got ${String(value)}`);
  if (self.gradient !== null && value !== null && self.gradient.dtype !== value)
    throw new DTypeError(
      `gradDtype: there is a gradient of type ${self.gradient.dtype.name} already; set grad to null before gradients become ${value.name}`,
    );
  hooksOf(self).gradDtype = value;
}

/** Told where somebody looks for a gradient that no pass will leave there. */
function warnOfNonLeaf(self: Tensor): void {
  const node = gradientFunction(self);
  if (node === null || isRetained(self)) return;
  warnOnce(
    "grad of a tensor that is not a leaf",
    `grad: this tensor is not a leaf but the result of an operation (${node.name}), so backward() will not fill its .grad; ` +
      "call retainGrad() on it before backward(), or read .grad of the leaf that it was computed from. " +
      "A leaf that was meant to be one: use requiresGrad_() after the last operation on it, as in torch.rand(3).mul(0.1).requiresGrad_()",
  );
}

Object.defineProperties(Tensor.prototype, {
  grad: {
    configurable: true,
    get(this: Tensor): Tensor | null {
      const { gradient } = this.hooks?.retained ?? this;
      if (gradient === null && this.node !== null) warnOfNonLeaf(this);
      return gradient;
    },
    set(this: Tensor, value: Tensor | null | undefined) {
      setGrad(this, value);
    },
  },
  requiresGrad: {
    configurable: true,
    get(this: Tensor): boolean {
      return requiresGradient(this);
    },
    set(this: Tensor, value: boolean) {
      setRequiresGrad(this, value);
    },
  },
  isLeaf: {
    configurable: true,
    get(this: Tensor): boolean {
      return gradientFunction(this) === null;
    },
  },
  gradFn: {
    configurable: true,
    get(this: Tensor): Node<Tensor> | null {
      const node = gradientFunction(this);
      node?.noteResult(this.outputIndex, this);
      return node;
    },
  },
  outputNr: {
    configurable: true,
    get(this: Tensor): number {
      return this.outputIndex;
    },
  },
  gradDtype: {
    configurable: true,
    get(this: Tensor): DType | null {
      leafForType(this);
      return gradientType(this);
    },
    set(this: Tensor, value: DType | null) {
      setGradDtype(this, value);
    },
  },
  retainsGrad: {
    configurable: true,
    get(this: Tensor): boolean {
      return isRetained(this);
    },
  },
});

/**
 * Sets whether operations on this leaf are recorded; returns the tensor.
 * Throws AutogradError for a type that is not floating, and for `false` on a tensor that is not a leaf.
 * @example
 * ```ts
 * torch.ones(2).requiresGrad_().requiresGrad // => true
 * ```
 */
export const requiresGrad_: Method<[requiresGrad?: boolean]> = composite({
  name: "requiresGrad_",
  parameters: { self: tensor, requiresGrad: optional(boolean, true) },
  compute: ({ self, requiresGrad }) => {
    setRequiresGrad(self, requiresGrad);
    return self;
  },
});

/** What `backward` takes besides the gradient. */
export interface BackwardOptions {
  /** The gradient of something with respect to this tensor; needed unless it has one element. */
  readonly gradient?: Tensor | null;
  /** Keeps what was saved, so that the graph can be gone through again. Default: `createGraph`. */
  readonly retainGraph?: boolean | null;
  /** Records the pass itself, for higher derivatives. */
  readonly createGraph?: boolean;
  /** Accumulates into these alone: tensors, or edges of leaves, in any nesting. */
  readonly inputs?: Places | null;
}

/**
 * Computes the gradients of this tensor with respect to the leaves it came from, and adds them to their `.grad`:
 * for a gradient v and a leaf x, v^T (d self / d x). Throws AutogradError without a graph, for a tensor of several elements
 * without a gradient, and for a graph whose saved values are gone; ShapeError for a gradient of another shape.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * x.mul(x).sum().backward();
 * x.grad // => tensor([2., 4.])
 * ```
 */
export const backward: Method<
  Trailing<
    [gradient: Tensor | null, retainGraph: boolean | null, createGraph: boolean],
    BackwardOptions
  >,
  void
> = composite({
  name: "backward",
  parameters: {
    self: tensor,
    gradient: optional(anything, null),
    retainGraph: optional(boolean, null),
    createGraph: optional(boolean, false),
    inputs: optional(anything, null),
  },
  commonest: {
    fits: (self, gradient) => self instanceof Tensor && gradient === undefined,
    compute: (self) => accumulateGradients("backward", [self], null, false, false, null),
  },
  compute: ({ self, gradient, retainGraph, createGraph, inputs }) =>
    accumulateGradients(
      "backward",
      [self],
      [gradient],
      retainGraph ?? createGraph,
      createGraph,
      givenIn("backward", "inputs", inputs),
    ),
});

/**
 * Lets `.grad` be filled for a tensor that is not a leaf. Nothing for leaves.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * const y = x.mul(2);
 * y.retainGrad();
 * y.sum().backward();
 * y.grad // => tensor([1., 1.])
 * ```
 */
export const retainGrad: Method<[], void> = composite({
  name: "retainGrad",
  parameters: { self: tensor },
  compute: ({ self }) => {
    if (!requiresGradient(self))
      throw new AutogradError(
        "retainGrad: the tensor does not require grad, so it has none to retain",
      );
    const node = gradientFunction(self);
    if (node === null) return;
    const hooks = hooksOf(self);
    if (hooks.retained !== null) return;
    const retained = { gradient: self.gradient };
    hooks.retained = retained;
    self.gradient = null;
    node.retain(self.outputIndex, (gradient) => {
      retained.gradient = retained.gradient?.add(gradient) ?? gradient.clone();
    });
  },
});

/**
 * Calls a function with the gradient of this tensor whenever it is computed; what it returns, if anything, takes the gradient's place.
 * Throws AutogradError where the tensor requires no gradient, and when the replacement has another shape or type.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * x.registerHook((g) => g.mul(10));
 * x.sum().backward();
 * x.grad // => tensor([10., 10.])
 * ```
 */
export const registerHook: Method<
  [hook: (gradient: Tensor) => Tensor | null | undefined | void],
  HookHandle
> = composite({
  name: "registerHook",
  parameters: { self: tensor, hook: anything },
  compute: ({ self, hook }) => {
    const node = gradientNode(self);
    if (node === null)
      throw new AutogradError(
        "registerHook: the tensor does not require grad, so no gradient will reach a hook on it",
      );
    if (typeof hook !== "function")
      throw new AutogradError(`registerHook: expected a function, got ${typeof hook}`);
    return node.addTensorHook(self.outputIndex, (gradient) => {
      const replaced: unknown = hook(gradient);
      if (replaced === undefined || replaced === null) return null;
      if (!(replaced instanceof Tensor))
        throw new AutogradError(
          `a hook on a tensor must return a tensor or nothing, not ${typeof replaced}`,
        );
      if (!sameSizes(replaced.sizes, gradient.sizes))
        throw new ShapeError(
          `a hook changed the gradient's shape from ${formatSizes(gradient.sizes)} to ${formatSizes(replaced.sizes)}; it must keep it`,
        );
      if (replaced.dtype !== gradient.dtype)
        throw new DTypeError(
          `a hook changed the gradient's type from ${gradient.dtype.name} to ${replaced.dtype.name}; it must keep it`,
        );
      return replaced;
    });
  },
});

/**
 * Calls a function with this leaf after its `.grad` has been updated, several in the order of their registration. The pass fails with an
 * AutogradError where one returns something.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * x.registerPostAccumulateGradHook((leaf) => void (leaf.grad = null));
 * x.sum().backward();
 * x.grad // => null
 * ```
 */
export const registerPostAccumulateGradHook: Method<[hook: (leaf: Tensor) => void], HookHandle> =
  composite({
    name: "registerPostAccumulateGradHook",
    parameters: { self: tensor, hook: anything },
    compute: ({ self, hook }): HookHandle => {
      const node = gradientNode(self);
      if (!(node instanceof AccumulateGrad))
        throw new AutogradError(
          "registerPostAccumulateGradHook: only a leaf that requires grad accumulates; retainGrad() and registerHook() work on other tensors",
        );
      if (typeof hook !== "function")
        throw new AutogradError(
          `registerPostAccumulateGradHook: expected a function, got ${typeof hook}`,
        );
      userCode.possible = true;
      return register((node.postAccumulate ??= new Set()), hook as (leaf: Tensor) => unknown);
    },
  });

/**
 * The same elements outside the graph: memory and version counter are shared, so changing one is seen, and checked, by the other.
 * @example
 * ```ts
 * torch.ones(2, { requiresGrad: true }).mul(2).detach() // => tensor([2., 2.])
 * ```
 */
export const detach: Method = composite({
  name: "detach",
  parameters: { self: tensor },
  compute: ({ self }) => alias(self),
});

/**
 * Takes the tensor itself out of the graph. Throws AutogradError for views, which would still belong to their base.
 * @example
 * ```ts
 * torch.ones(2, { requiresGrad: true }).mul(2).detach_().isLeaf // => true
 * ```
 */
export const detach_: Method = composite({
  name: "detach_",
  parameters: { self: tensor },
  compute: ({ self }) => {
    if (viewOf(self) !== null)
      throw new AutogradError(
        "detach_: the tensor is a view, and detaching it in place would leave its base attached; use detach()",
      );
    if (self.node !== null) {
      const hooks = hooksOf(self);
      self.gradient = hooks.retained?.gradient ?? self.gradient;
      hooks.retained = null;
      hooks.detachedAt = latestSequence() + 1;
    }
    self.node = null;
    self.outputIndex = 0;
    self.tracked = false;
    dropTangents(self);
    return self;
  },
});
