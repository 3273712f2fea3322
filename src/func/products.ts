// Products of a vector with the Jacobian or the Hessian of a function, without forming the matrix.
import { mapped } from "../core/list.ts";
import type { Tensor } from "../ops/methods.ts";
import type { TensorOrList } from "../ops/autograd.ts";
import { composite } from "../ops/define/operation.ts";
import { anything, boolean, optional } from "../ops/define/parameters.ts";
import type { FunctionOnly, Trailing } from "../ops/define/registry.ts";
import {
  type Arguments,
  callable,
  evaluate,
  evaluateScalar,
  filled,
  gradients,
  type Like,
  listed,
  recorded,
  released,
  requireGraph,
  stages,
  trackedInputs,
  unlisted,
  vector,
} from "./evaluation.ts";

/** What the products take by name. */
export interface ProductOptions {
  readonly v?: TensorOrList | null;
  /** Whether the output and the product can be differentiated further. Default: false. */
  readonly createGraph?: boolean;
  /** Whether to refuse, rather than give zeros for, outputs that are independent of an input. Default: false. */
  readonly strict?: boolean;
}

/** A product with a Jacobian: the outputs of the function, and the product. */
type Product<Of extends "inputs" | "outputs"> = FunctionOnly<
  <const I extends TensorOrList, const O extends TensorOrList>(
    func: (...inputs: Arguments<I>) => O,
    inputs: I,
    ...args: Trailing<
      [v: TensorOrList | null, createGraph: boolean, strict: boolean],
      ProductOptions
    >
  ) => readonly [output: Like<O, Tensor>, product: Like<Of extends "inputs" ? I : O, Tensor>]
>;
/** A product with a Hessian: the value of the function, and the product. */
type HessianProduct = FunctionOnly<
  <const I extends TensorOrList>(
    func: (...inputs: Arguments<I>) => Tensor,
    inputs: I,
    ...args: Trailing<
      [v: TensorOrList | null, createGraph: boolean, strict: boolean],
      ProductOptions
    >
  ) => readonly [output: Tensor, product: Like<I, Tensor>]
>;

const parameters = {
  func: callable,
  inputs: anything,
  v: optional(anything, null),
  createGraph: optional(boolean, false),
  strict: optional(boolean, false),
};
const zerosLike = (tensor: Tensor): Tensor => tensor.newZeros(tensor.shape).requiresGrad_();

/**
 * The outputs of a function and the vector-Jacobian product v^T J, for v of the outputs' shapes; the product has the inputs' shapes.
 * An array of inputs is spread over the function's parameters, and gives an array of products. `v` may be left out where the output is
 * one element; it stands for 1. Works inside `noGrad` and `inferenceMode` too.
 * Throws ArgumentError for inputs or outputs that are not tensors, ShapeError for a `v` that does not match, AutogradError in
 * strict mode for outputs that are independent of an input.
 * @example
 * ```ts
 * const x = torch.tensor([[1, 2], [3, 4]]);
 * const [output, product] = torch.autograd.functional.vjp((t) => t.mul(t).sum(1), x, torch.tensor([1, 10]));
 * output // => tensor([ 5., 25.])
 * product
 * // => tensor([[ 2.,  4.],
 * //            [60., 80.]])
 * ```
 */
export const vjp: Product<"inputs"> = composite({
  name: "autograd.functional.vjp",
  parameters,
  compute: ({ func, inputs, v, createGraph, strict }) =>
    recorded(() => {
      const name = "autograd.functional.vjp";
      const given = listed(name, "inputs", inputs);
      const points = trackedInputs(name, given, createGraph);
      const outputs = evaluate(name, func, points, strict);
      const seeds = vector(name, v, outputs, "output", createGraph);
      const found = gradients(name, outputs.list, points, seeds, createGraph);
      const product = filled(name, found, points, stages.vjp, strict, createGraph);
      return [
        unlisted(outputs, released(outputs.list, createGraph)),
        unlisted(given, released(product, createGraph)),
      ];
    }),
});

/**
 * The outputs of a function and the Jacobian-vector product J v, for v of the inputs' shapes; the product has the outputs' shapes.
 * Computed by differentiating v^T J, which is linear in v, once more. `v` may be left out where the input is one element.
 * Throws as `vjp` does.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2, 3]);
 * const [, product] = torch.autograd.functional.jvp((t) => t.mul(t), x, torch.tensor([1, 0, 10]));
 * product // => tensor([ 2.,  0., 60.])
 * ```
 */
export const jvp: Product<"outputs"> = composite({
  name: "autograd.functional.jvp",
  parameters,
  compute: ({ func, inputs, v, createGraph, strict }) =>
    recorded(() => {
      const name = "autograd.functional.jvp";
      const given = listed(name, "inputs", inputs);
      const points = trackedInputs(name, given, createGraph);
      const tangents = vector(name, v, given, "input", createGraph);
      const outputs = evaluate(name, func, points, strict);
      // v^T J is linear in v: its values do not matter, only the graph that leads from them.
      const cotangents = mapped(outputs.list, zerosLike);
      const rows = gradients(name, outputs.list, points, cotangents, true);
      if (strict)
        requireGraph(
          name,
          rows,
          (i) =>
            `the gradient with respect to input ${i} does not depend on anything, which strict mode does not allow`,
        );
      const found = gradients(name, rows, cotangents, tangents, createGraph);
      const product = filled(name, found, outputs.list, stages.jvp, strict, createGraph);
      return [
        unlisted(outputs, released(outputs.list, createGraph)),
        unlisted(outputs, released(product, createGraph)),
      ];
    }),
});

const constantGradient = (i: number): string =>
  `the Jacobian of the function with respect to input ${i} is independent of the inputs, as it is for a linear function; strict mode does not allow that`;

/**
 * The value of a function of one element and the vector-Hessian product v^T H, for v of the inputs' shapes.
 * Throws as `vjp` does, and when the function returns several tensors or more than one element.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2]);
 * const [value, product] = torch.autograd.functional.vhp((t) => t.pow(3).sum(), x, torch.tensor([1, 10]));
 * value // => tensor(9.)
 * product // => tensor([  6., 120.])
 * ```
 */
export const vhp: HessianProduct = composite({
  name: "autograd.functional.vhp",
  parameters,
  compute: ({ func, inputs, v, createGraph, strict }) =>
    recorded(() => {
      const name = "autograd.functional.vhp";
      const given = listed(name, "inputs", inputs);
      const points = trackedInputs(name, given, createGraph);
      const directions = vector(name, v, given, "input", createGraph);
      const output = evaluateScalar(name, func, points, strict);
      const jacobian = gradients(name, [output], points, null, true);
      if (strict) requireGraph(name, jacobian, constantGradient);
      const found = gradients(name, jacobian, points, directions, createGraph);
      const product = filled(name, found, points, stages.vhp, strict, createGraph);
      return [released([output], createGraph)[0], unlisted(given, released(product, createGraph))];
    }),
});

/**
 * The value of a function of one element and the Hessian-vector product H v, for v of the inputs' shapes. A Hessian that is
 * continuous is symmetric, and `vhp` then gives the same at less cost.
 * Throws as `vhp` does.
 * @example
 * ```ts
 * const x = torch.tensor([1, 2]);
 * const [, product] = torch.autograd.functional.hvp((t) => t.pow(3).sum(), x, torch.tensor([1, 10]));
 * product // => tensor([  6., 120.])
 * ```
 */
export const hvp: HessianProduct = composite({
  name: "autograd.functional.hvp",
  parameters,
  compute: ({ func, inputs, v, createGraph, strict }) =>
    recorded(() => {
      const name = "autograd.functional.hvp";
      const given = listed(name, "inputs", inputs);
      const points = trackedInputs(name, given, createGraph);
      const directions = vector(name, v, given, "input", createGraph);
      const output = evaluateScalar(name, func, points, strict);
      const jacobian = gradients(name, [output], points, null, true);
      if (strict) requireGraph(name, jacobian, constantGradient);
      const cotangents = mapped(points, zerosLike);
      const rows = gradients(name, jacobian, points, cotangents, true);
      const found = gradients(name, rows, cotangents, directions, createGraph);
      const product = filled(name, found, points, stages.hvp, strict, createGraph);
      return [released([output], createGraph)[0], unlisted(given, released(product, createGraph))];
    }),
});
