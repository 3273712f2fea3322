// torch.autograd: gradients of many outputs with respect to many inputs.
import { AutogradError } from "../core/errors.ts";
import { Tensor } from "../core/tensor.ts";
import { composite } from "./define/operation.ts";
import { anything, boolean, optional } from "./define/parameters.ts";
import { accumulateGradients, captureGradients, listOf } from "./define/pass.ts";
import type { FunctionOnly, Trailing } from "./define/registry.ts";

export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  noGrad,
  setGradEnabled,
} from "../autograd/mode.ts";

/** One tensor, or several. */
export type TensorOrList = Tensor | readonly Tensor[];
type Seeds = Tensor | readonly (Tensor | null)[] | null;

/**
 * Adds the gradients of several tensors to the `.grad` of the leaves they came from; contributions of all roots are summed.
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
    tensors: TensorOrList,
    ...args: Trailing<
      [gradTensors: Seeds, retainGraph: boolean | null, createGraph: boolean],
      {
        readonly gradTensors?: Seeds;
        readonly retainGraph?: boolean | null;
        readonly createGraph?: boolean;
        readonly inputs?: TensorOrList | null;
      }
    >
  ) => void
> = composite({
  name: "autograd.backward",
  parameters: {
    tensors: anything,
    gradTensors: optional(anything, null),
    retainGraph: optional(boolean, null),
    createGraph: optional(boolean, false),
    inputs: optional(anything, null),
  },
  compute: ({ tensors, gradTensors, retainGraph, createGraph, inputs }) =>
    accumulateGradients(
      "autograd.backward",
      listOf("autograd.backward", "tensors", tensors) ?? [],
      listOf("autograd.backward", "gradTensors", gradTensors),
      retainGraph ?? createGraph,
      createGraph,
      listOf("autograd.backward", "inputs", inputs),
    ),
});

/** What `grad` takes by name. */
export interface GradOptions {
  readonly gradOutputs?: Seeds;
  readonly retainGraph?: boolean | null;
  readonly createGraph?: boolean;
  /** Gives null for an input that the outputs do not depend on, instead of an error. Default: `materializeGrads`. */
  readonly allowUnused?: boolean | null;
  /** Gives zeros instead of null. */
  readonly materializeGrads?: boolean;
}

/**
 * The gradients of the outputs with respect to the inputs, v^T J for each input, without touching any `.grad`.
 * Throws AutogradError for an input that the outputs do not depend on, unless `allowUnused` or `materializeGrads` is set.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2], { requiresGrad: true });
 * const [g] = torch.autograd.grad(x.mul(x).sum(), x);
 * g // => tensor([2., 4.])
 * ```
 */
export const grad: FunctionOnly<
  (
    outputs: TensorOrList,
    inputs: TensorOrList,
    ...args: Trailing<
      [gradOutputs: Seeds, retainGraph: boolean | null, createGraph: boolean],
      GradOptions
    >
  ) => readonly Tensor[]
> = composite({
  name: "autograd.grad",
  parameters: {
    outputs: anything,
    inputs: anything,
    gradOutputs: optional(anything, null),
    retainGraph: optional(boolean, null),
    createGraph: optional(boolean, false),
    allowUnused: optional(boolean, null),
    materializeGrads: optional(boolean, false),
  },
  compute: ({
    outputs,
    inputs,
    gradOutputs,
    retainGraph,
    createGraph,
    allowUnused,
    materializeGrads,
  }) => {
    if (materializeGrads && allowUnused === false)
      throw new AutogradError(
        "autograd.grad: materializeGrads gives zeros for unused inputs, so allowUnused cannot be false; leave it out",
      );
    const wanted = listOf("autograd.grad", "inputs", inputs) ?? [];
    const found = captureGradients(
      "autograd.grad",
      listOf("autograd.grad", "outputs", outputs) ?? [],
      wanted,
      listOf("autograd.grad", "gradOutputs", gradOutputs),
      retainGraph ?? createGraph,
      createGraph,
    );
    return found.map((gradient, i) => {
      if (gradient !== null) return gradient;
      const input = wanted[i] as Tensor;
      if (materializeGrads) return input.newZeros(input.shape);
      if (allowUnused !== true)
        throw new AutogradError(
          `autograd.grad: input ${i} appears to not have been used in the graph of the outputs; set allowUnused: true for null there, or materializeGrads: true for zeros`,
        );
      return gradient;
    });
  },
});
