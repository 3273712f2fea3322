// Whether gradients are right: the backward pass and forward mode against finite differences.
import { ArgumentError, GradcheckError } from "../core/errors.ts";
import { flatten } from "../core/tree.ts";
import { warn } from "../core/warning.ts";
import { float64 } from "../core/dtype.ts";
import { composite } from "../ops/define/operation.ts";
import * as p from "../ops/define/parameters.ts";
import type { FunctionOnly } from "../ops/define/registry.ts";
import { Tensor } from "../ops/methods.ts";
import { checkBatchedBackward, checkBatchedForward } from "./batchedcheck.ts";
import {
  type Check,
  checkDerivatives,
  checkGenerator,
  differentiable,
  direction,
  type GradcheckOptions,
  named,
} from "./compare.ts";
import { outputsOf } from "./difference.ts";
import { isTensor } from "../ops/access.ts";
import { checkMissingTangents } from "./pushed.ts";
import { checkScaling, checkUndefined } from "./seeds.ts";

export type { GradcheckOptions } from "./compare.ts";

/** The options of both checks as an operation reads them. */
export const checkParameters: {
  readonly [K in keyof Required<GradcheckOptions>]: p.Parameter<Required<GradcheckOptions>[K]>;
} = {
  eps: p.optional(p.number, 1e-6),
  atol: p.optional(p.number, 1e-5),
  rtol: p.optional(p.number, 1e-3),
  raiseException: p.optional(p.boolean, true),
  nondetTol: p.optional(p.number, 0),
  checkUndefinedGrad: p.optional(p.boolean, true),
  checkGradDtypes: p.optional(p.boolean, false),
  checkBatchedGrad: p.optional(p.boolean, false),
  checkBatchedForwardGrad: p.optional(p.boolean, false),
  checkForwardAd: p.optional(p.boolean, false),
  checkBackwardAd: p.optional(p.boolean, true),
  fastMode: p.optional(p.boolean, false),
};

/** Refuses what cannot be checked. */
export function prepare(
  operation: string,
  func: unknown,
  inputs: unknown,
  options: Required<GradcheckOptions>,
): Check {
  if (typeof func !== "function")
    throw new ArgumentError(`${operation}: expected a function to check, got ${p.describe(func)}`);
  if (!Array.isArray(inputs) && !(inputs instanceof Tensor))
    throw new ArgumentError(
      `${operation}: inputs must be a tensor or an array of the function's arguments, got ${p.describe(inputs)}`,
    );
  if (!(options.eps > 0))
    throw new ArgumentError(`${operation}: eps must be above 0, got ${options.eps}`);
  if (!options.checkForwardAd && !options.checkBackwardAd)
    throw new ArgumentError(
      `${operation}: at least one of checkForwardAd and checkBackwardAd must be true`,
    );
  if (options.checkBatchedGrad && !options.checkBackwardAd)
    throw new ArgumentError(
      `${operation}: checkBatchedGrad checks the backward pass, so checkBackwardAd must be true`,
    );
  if (options.checkBatchedForwardGrad && !options.checkForwardAd)
    throw new ArgumentError(
      `${operation}: checkBatchedForwardGrad checks forward-mode derivatives, so checkForwardAd must be true`,
    );
  const parts = flatten(Array.isArray(inputs) ? inputs : [inputs], isTensor);
  const wanted = parts.leaves.flatMap((leaf, i) => (leaf.requiresGrad ? [i] : []));
  if (wanted.length === 0)
    throw new ArgumentError(
      `${operation}: at least one input tensor must require gradient, and none does; set requiresGrad on what is to be checked`,
    );
  const run = func as (...args: readonly unknown[]) => unknown;
  const check: Check = {
    ...options,
    operation,
    func: run,
    call: () => run(...(parts.rebuild(parts.leaves) as readonly unknown[])),
    arguments: parts,
    inputs: wanted.map((i) => parts.leaves[i]!),
    inputNames: wanted.map((i) => named("input", parts.paths[i]!)),
  };
  check.inputs.forEach((input, i) => checkInput(operation, input, check.inputNames[i]!));
  return check;
}

function checkInput(operation: string, input: Tensor, name: string): void {
  if (input.dtype !== float64)
    warn(
      `${operation}: ${name} requires gradient and is not of double precision but ${input.dtype.name}; finite differences are too coarse there, so the check will likely fail`,
    );
  if (input.strides.some((stride, dim) => stride === 0 && input.sizes[dim]! > 1))
    throw new ArgumentError(
      `${operation}: ${name} has a dimension with stride 0: several of its elements share one place in memory, and cannot be varied one by one; give it as contiguous()`,
    );
}

/** Runs a check; wrong gradients are an error, or false. */
export function verdict(raise: boolean, check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (raise || !(error instanceof GradcheckError)) throw error;
    return false;
  }
}

/** Throws GradcheckError where a gradient is wrong. */
export function run(check: Check): void {
  const result = check.call();
  checkDerivatives(check, result);
  const outputs = differentiable(result);
  if (outputs.length === 0) return;
  if (check.checkForwardAd && check.checkUndefinedGrad) {
    const generator = checkGenerator();
    checkMissingTangents(
      check,
      check.inputs.map((input) => direction(input, generator)),
    );
  }
  if (check.checkBatchedForwardGrad) checkBatchedForward(check);
  if (!check.checkBackwardAd) return;
  if (check.checkBatchedGrad)
    for (const { output, name } of outputs)
      checkBatchedBackward(check.operation, output, name, check.inputs, check.inputNames);
  checkScaling(check, outputsOf(result));
  if (check.checkUndefinedGrad) checkUndefined(check);
}

/**
 * Checks the gradients of a function against central differences, (f(x + eps) - f(x - eps)) / (2 eps) in every element of every input
 * that requires one: the Jacobians must agree, |analytical - numerical| <= atol + rtol |numerical|. Checked as well: that the
 * backward pass gives the same twice, that it is multiplied by the gradient it is given, and that it takes missing gradients of
 * outputs for zeros. Inputs should be float64; the function's arguments and results may be nested arrays and records.
 * Returns true; throws GradcheckError with both Jacobians where they differ, or returns false with `raiseException: false`. Throws
 * ArgumentError where nothing can be checked.
 * @example
 * ```ts
 * const x = torch.tensor([0.5, 2], { dtype: torch.float64, requiresGrad: true });
 * torch.autograd.gradcheck((x) => x.sin(), [x]) // => true
 * ```
 */
export const gradcheck: FunctionOnly<{
  <const A extends readonly unknown[]>(
    func: (...args: { readonly [K in keyof A]: A[K] }) => unknown,
    inputs: A,
    options?: GradcheckOptions,
  ): boolean;
  (func: (input: Tensor) => unknown, inputs: Tensor, options?: GradcheckOptions): boolean;
}> = composite({
  name: "gradcheck",
  parameters: { func: p.anything, inputs: p.anything, ...checkParameters },
  compute: ({ func, inputs, ...options }) => {
    const check = prepare("gradcheck", func, inputs, options);
    return verdict(check.raiseException, () => run(check));
  },
});
