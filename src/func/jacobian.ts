// Jacobians and Hessians of functions, nested as the outputs and the inputs are.
import { AutogradError } from "../core/errors.ts";
import { mapped } from "../core/list.ts";
import type { Tensor } from "../ops/methods.ts";
import type { TensorOrList } from "../ops/autograd.ts";
import { composite } from "../ops/define/operation.ts";
import { anything, boolean, choice, optional, type Parameter } from "../ops/define/parameters.ts";
import type { FunctionOnly, Trailing } from "../ops/define/registry.ts";
import {
  type Arguments,
  callable,
  evaluate,
  evaluateScalar,
  fresh,
  freshInputs,
  type Like,
  type Listed,
  listed,
  recorded,
  released,
  requireGraph,
  trackedInputs,
  unlisted,
} from "./evaluation.ts";
import { columnsOf, rowsAtOnce, rowsOf } from "./rows.ts";

/** Whether rows are computed from the outputs back, or columns from the inputs forward, by tangents. */
export type Strategy = "reverse-mode" | "forward-mode";
const strategy: Parameter<Strategy> = optional(
  choice("reverse-mode", "forward-mode"),
  "reverse-mode" as const,
);

interface MatrixOptions {
  /** Whether the result can be differentiated further. Default: false. */
  readonly createGraph?: boolean;
  /** Whether to refuse, rather than give zeros for, outputs that are independent of an input. Default: false. */
  readonly strict?: boolean;
  /** Whether all rows are computed at once. Default: false. */
  readonly vectorize?: boolean;
}
/** What `jacobian` takes by name. */
export interface JacobianOptions extends MatrixOptions {
  /** Default: "reverse-mode"; "forward-mode" is less work where there are more outputs than inputs. */
  readonly strategy?: Strategy;
}
/** What `hessian` takes by name. */
export interface HessianOptions extends MatrixOptions {
  /** How the gradient is differentiated. Default: "reverse-mode". */
  readonly outerJacobianStrategy?: Strategy;
}

/** How a matrix is to be computed. */
interface Manner {
  readonly createGraph: boolean;
  readonly strict: boolean;
  readonly vectorize: boolean;
  readonly strategy: Strategy;
}

function refuseTogether(operation: string, manner: Manner): void {
  const { createGraph, strict, vectorize, strategy } = manner;
  const other = createGraph ? "createGraph" : strict ? "strict" : null;
  if (strategy === "forward-mode" && other !== null)
    throw new AutogradError(
      `${operation}: ${other} and "forward-mode" are not supported together; leave ${other} out or use "reverse-mode"`,
    );
  if (strict && vectorize)
    throw new AutogradError(
      `${operation}: strict and vectorize are not supported together; leave one of them out`,
    );
}

/** The Jacobian of a function, for a caller of that name. */
function jacobianOf(
  operation: string,
  func: (...inputs: readonly Tensor[]) => unknown,
  inputs: unknown,
  manner: Manner,
): unknown {
  const { createGraph, strict, vectorize, strategy } = manner;
  const given = listed(operation, "inputs", inputs);
  refuseTogether(operation, manner);
  if (strategy === "forward-mode") {
    const points = freshInputs(operation, given, false);
    let several = false;
    const outputsAt = (...duals: readonly Tensor[]): readonly Tensor[] => {
      const outputs = evaluate(operation, func, duals, false);
      several = outputs.several;
      return outputs.list;
    };
    const matrices = columnsOf(outputsAt, points, vectorize);
    return nested({ several }, given, matrices, false);
  }
  const points = trackedInputs(operation, given, createGraph);
  const outputs = evaluate(operation, func, points, strict);
  const matrices = vectorize
    ? rowsAtOnce(operation, outputs.list, points, createGraph)
    : mapped(outputs.list, (output, i) =>
        rowsOf(operation, output, i, points, createGraph, strict),
      );
  return nested(outputs, given, matrices, createGraph);
}

/** Matrices nested as the outputs around the inputs. */
function nested(
  outputs: Pick<Listed, "several">,
  inputs: Pick<Listed, "several">,
  matrices: readonly (readonly Tensor[])[],
  createGraph: boolean,
): unknown {
  return unlisted(
    outputs,
    mapped(matrices, (row) => unlisted(inputs, released(row, createGraph))),
  );
}

/**
 * The Jacobian of a function: for each output and each input a tensor of the output's sizes followed by the input's, holding
 * d output[i] / d input[j]. Nested as outputs and inputs are: a tensor where both are single tensors, an array over the inputs within
 * an array over the outputs where both are arrays. An array of inputs is spread over the function's parameters.
 * Works inside `noGrad` and `inferenceMode` too.
 * Throws ArgumentError for inputs or outputs that are not tensors, AutogradError in strict mode for an output that is
 * independent of an input, and where strict and vectorize are combined.
 * @example
 * ```ts
 * const { jacobian } = torch.autograd.functional;
 * jacobian((x) => x.mul(x), torch.tensor([1, 2, 3]))
 * // => tensor([[2., 0., 0.],
 * //            [0., 4., 0.],
 * //            [0., 0., 6.]])
 * jacobian((x, y) => x.mul(y).sum(), [torch.tensor([1, 2]), torch.tensor([3, 4])])
 * // => tensor([3., 4.]),tensor([1., 2.])
 * ```
 */
export const jacobian: FunctionOnly<
  <const I extends TensorOrList, const O extends TensorOrList>(
    func: (...inputs: Arguments<I>) => O,
    inputs: I,
    ...args: Trailing<
      [createGraph: boolean, strict: boolean, vectorize: boolean, strategy: Strategy],
      JacobianOptions
    >
  ) => Like<O, Like<I, Tensor>>
> = composite({
  name: "autograd.functional.jacobian",
  parameters: {
    func: callable,
    inputs: anything,
    createGraph: optional(boolean, false),
    strict: optional(boolean, false),
    vectorize: optional(boolean, false),
    strategy,
  },
  compute: ({ func, inputs, ...manner }) =>
    recorded(() => jacobianOf("autograd.functional.jacobian", func, inputs, manner)),
});

/**
 * The Hessian of a function that returns one element: for each pair of inputs a tensor of their sizes one after the other, holding
 * d^2 output / (d input_i d input_j). A tensor where the input is one, an array of arrays where the inputs are an array.
 * Throws as `jacobian` does, and when the function returns several tensors or more than one element.
 * @example
 * ```ts
 * torch.autograd.functional.hessian((x) => x.pow(3).sum(), torch.tensor([1, 2]))
 * // => tensor([[ 6.,  0.],
 * //            [ 0., 12.]])
 * ```
 */
export const hessian: FunctionOnly<
  <const I extends TensorOrList>(
    func: (...inputs: Arguments<I>) => Tensor,
    inputs: I,
    ...args: Trailing<
      [createGraph: boolean, strict: boolean, vectorize: boolean, outerJacobianStrategy: Strategy],
      HessianOptions
    >
  ) => Like<I, Like<I, Tensor>>
> = composite({
  name: "autograd.functional.hessian",
  parameters: {
    func: callable,
    inputs: anything,
    createGraph: optional(boolean, false),
    strict: optional(boolean, false),
    vectorize: optional(boolean, false),
    outerJacobianStrategy: strategy,
  },
  compute: ({ func, inputs, outerJacobianStrategy, ...options }) =>
    recorded(() => {
      const name = "autograd.functional.hessian";
      const given = listed(name, "inputs", inputs);
      const gradient = (...points: readonly Tensor[]): readonly Tensor[] => {
        // In forward mode the points carry tangents, which tensors made new without a graph would lose.
        for (const point of points) point.requiresGrad_();
        const apart = fresh({ list: points, several: true }, true);
        const output = evaluateScalar(name, func, apart, options.strict);
        const found = rowsOf(
          name,
          output.dim() === 0 ? output : output.squeeze(),
          0,
          apart,
          true,
          false,
        );
        if (options.strict)
          requireGraph(
            name,
            found,
            (i) =>
              `the Jacobian of the function with respect to input ${i} is independent of the inputs, as it is for a linear function; strict mode does not allow that`,
          );
        return found;
      };
      const manner = { ...options, strategy: outerJacobianStrategy };
      const rows = jacobianOf(name, gradient, given.list, manner);
      return unlisted(
        given,
        (rows as readonly (readonly Tensor[])[]).map((row) => unlisted(given, row)),
      );
    }),
});
