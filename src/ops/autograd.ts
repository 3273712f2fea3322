// torch.autograd: gradients of many outputs with respect to many inputs.
import { ArgumentError, AutogradError } from "../core/errors.ts";
import { formatSizes } from "../core/shape.ts";
import { Tensor } from "../core/tensor.ts";
import { flatten } from "../core/tree.ts";
import { warnOnce } from "../core/warning.ts";
import { leaveBatch, newAxis } from "./define/batch.ts";
import { GradientEdge } from "./define/edge.ts";
import { composite } from "./define/operation.ts";
import { anything, boolean, describe, nested, optional } from "./define/parameters.ts";
import {
  accumulateGradients,
  captureGradients,
  givenIn,
  inputName,
  type Places,
} from "./define/pass.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

export {
  enableGrad,
  enforceGradLayoutPolicy,
  inferenceMode,
  isGradEnabled,
  noGrad,
  setGradEnabled,
} from "../autograd/mode.ts";

/** One tensor, or several. */
export type TensorOrList = Tensor | readonly Tensor[];

/** A gradient for each output, null where 1 will do. */
type Seeds =
  | Tensor
  | null
  | Iterable<Tensor | null>
  | readonly Seeds[]
  | { readonly [name: string]: Seeds };

/** Gradients in the places of what they were asked for: those of one tensor come as an array of one. */
export type GradientsOf<I> = I extends Tensor | GradientEdge
  ? readonly [Tensor]
  : I extends readonly unknown[]
    ? Nested<I>
    : I extends Iterable<Tensor | GradientEdge>
      ? readonly Tensor[]
      : Nested<I>;
type Nested<I> = I extends Tensor | GradientEdge
  ? Tensor
  : { readonly [K in keyof I]: Nested<I[K]> };

const none = flatten([], (value): value is unknown => value !== null);

/**
 * Adds the gradients of several tensors to the `.grad` of the leaves they came from, or of `inputs` alone; contributions of all roots,
 * which may repeat and depend on each other, are summed.
 * Throws as `Tensor.backward` does, and when there are not as many gradients as tensors.
 * @example
 * ```ts
 * const x = torch.ones(2, { requiresGrad: true });
 * torch.autograd.backward([x.mul(2).sum(), x.mul(3).sum()]);
 * x.grad // => tensor([5., 5.])
 * ```
 */
export const backward: FunctionOnly<
  (
    tensors: Places,
    ...args: Trailing<
      [gradTensors: Seeds, retainGraph: boolean | null, createGraph: boolean],
      {
        readonly gradTensors?: Seeds;
        readonly retainGraph?: boolean | null;
        readonly createGraph?: boolean;
        readonly inputs?: Places | null;
      }
    >
  ) => void
> = composite({
  name: "autograd.backward",
  parameters: {
    tensors: nested,
    gradTensors: optional(anything, null),
    retainGraph: optional(boolean, null),
    createGraph: optional(boolean, false),
    inputs: optional(anything, null),
  },
  compute: ({ tensors, gradTensors, retainGraph, createGraph, inputs }) =>
    accumulateGradients(
      "autograd.backward",
      givenIn("autograd.backward", "tensors", tensors)?.leaves ?? [],
      givenIn("autograd.backward", "gradTensors", gradTensors)?.leaves ?? null,
      retainGraph ?? createGraph,
      createGraph,
      givenIn("autograd.backward", "inputs", inputs),
    ),
});

/** What `grad` takes by name. */
export interface GradOptions {
  readonly gradOutputs?: Seeds;
  readonly retainGraph?: boolean | null;
  readonly createGraph?: boolean;
  /** Has no effect, as in PyTorch, where it is deprecated: other tensors' `.grad` are never filled. */
  readonly onlyInputs?: boolean;
  /** Gives null for an input that the outputs do not depend on, instead of an error. Default: `materializeGrads`. */
  readonly allowUnused?: boolean | null;
  /** The first dimension of every `gradOutputs` counts vectors, for all of which the products are computed in one pass. */
  readonly isGradsBatched?: boolean;
  /** Gives zeros instead of null. */
  readonly materializeGrads?: boolean;
}

/** Runs a pass for all seeds along the first dimension at once. */
function mapSeeds(
  operation: string,
  seeds: readonly unknown[] | null,
  pass: (seeds: readonly unknown[]) => (Tensor | null)[],
): (Tensor | null)[] {
  const given = seeds?.filter((seed) => seed !== null) ?? [];
  const sizes = given.map((seed) => (seed instanceof Tensor ? seed.sizes[0] : undefined));
  const [size] = sizes;
  if (size === undefined || sizes.some((other) => other !== size))
    throw new ArgumentError(
      `${operation}: with isGradsBatched every gradOutputs must be a tensor whose first dimension counts the vectors, of one size; got ${given.map((seed) => (seed instanceof Tensor ? formatSizes(seed.sizes) : describe(seed))).join(", ") || "none"}`,
    );
  const axis = newAxis(size, "error");
  const inside = seeds!.map((seed) => (seed === null ? null : axis.enter(seed as Tensor, 0)));
  return pass(inside).map((found) => (found === null ? null : leaveBatch(found, axis, 0)));
}

/**
 * The gradients of the outputs with respect to the inputs, v^T J for each input, without touching any `.grad`. Inputs in nested arrays and
 * records give gradients in the same nesting, one tensor an array of one; `GradientEdge`s may stand for tensors.
 * Throws AutogradError for an input that the outputs do not depend on, unless `allowUnused` or `materializeGrads` is set.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * const [g] = torch.autograd.grad(x.mul(x).sum(), x);
 * g // => tensor([2., 4.])
 * torch.autograd.grad(x.mul(3).sum(), { x }).x // => tensor([3., 3.])
 * ```
 */
export const grad: FunctionOnly<
  <I extends Places>(
    outputs: Places,
    inputs: I,
    ...args: Trailing<
      [gradOutputs: Seeds, retainGraph: boolean | null, createGraph: boolean],
      GradOptions
    >
  ) => GradientsOf<I>
> = composite({
  name: "autograd.grad",
  parameters: {
    outputs: nested,
    inputs: nested,
    gradOutputs: optional(anything, null),
    retainGraph: optional(boolean, null),
    createGraph: optional(boolean, false),
    onlyInputs: optional(boolean, true),
    allowUnused: optional(boolean, null),
    isGradsBatched: optional(boolean, false),
    materializeGrads: optional(boolean, false),
  },
  compute: ({
    outputs,
    inputs,
    gradOutputs,
    retainGraph,
    createGraph,
    onlyInputs,
    allowUnused,
    isGradsBatched,
    materializeGrads,
  }) => {
    if (!onlyInputs)
      warnOnce(
        "grad.onlyInputs",
        "autograd.grad: onlyInputs: false has no effect; autograd.backward() fills the .grad of all leaves",
      );
    if (materializeGrads && allowUnused === false)
      throw new AutogradError(
        "autograd.grad: materializeGrads gives zeros for unused inputs, so allowUnused cannot be false; leave it out",
      );
    const wanted = givenIn("autograd.grad", "inputs", inputs) ?? none;
    const edge = wanted.leaves.findIndex((input) => input instanceof GradientEdge);
    if (materializeGrads && edge >= 0)
      throw new AutogradError(
        `autograd.grad: materializeGrads needs tensors, whose shapes the zeros take, and ${inputName(wanted, edge)} is a GradientEdge`,
      );
    const capture = (seeds: readonly unknown[] | null): (Tensor | null)[] =>
      captureGradients(
        "autograd.grad",
        givenIn("autograd.grad", "outputs", outputs)?.leaves ?? [],
        wanted.leaves,
        seeds,
        retainGraph ?? createGraph,
        createGraph,
        (position) => inputName(wanted, position),
      );
    const seeds = givenIn("autograd.grad", "gradOutputs", gradOutputs)?.leaves ?? null;
    const found = isGradsBatched ? mapSeeds("autograd.grad", seeds, capture) : capture(seeds);
    const gradients = found.map((gradient, i) => {
      if (gradient !== null) return gradient;
      const input = wanted.leaves[i] as Tensor;
      if (materializeGrads)
        return isGradsBatched
          ? input.newZeros([(seeds![0] as Tensor).shape[0]!, ...input.shape])
          : input.newZeros(input.shape);
      if (allowUnused !== true)
        throw new AutogradError(
          `autograd.grad: ${inputName(wanted, i)} appears to not have been used in the graph of the outputs; set allowUnused: true for null there, or materializeGrads: true for zeros`,
        );
      return gradient;
    });
    return wanted.rebuild(gradients);
  },
});
