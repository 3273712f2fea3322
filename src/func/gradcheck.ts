// Whether gradients are right: the backward pass against finite differences.
import { noGrad } from "../autograd/mode.ts";
import { ArgumentError, GradcheckError } from "../core/errors.ts";
import { Generator } from "../core/generator.ts";
import { type Flattened, flatten } from "../core/tree.ts";
import { warn } from "../core/warning.ts";
import { float64 } from "../core/dtype.ts";
import { composite } from "../ops/define/operation.ts";
import * as p from "../ops/define/parameters.ts";
import type { FunctionOnly } from "../ops/define/registry.ts";
import { Tensor } from "../ops/methods.ts";
import { rand } from "../ops/random.ts";
import { alongDirection, differenceJacobian, isTensor, outputsOf } from "./difference.ts";
import { reverseJacobian, reverseProjection } from "./reverse.ts";
import { checkScaling, checkUndefined } from "./seeds.ts";

/** What the gradients are compared by, and which further properties are tried. */
export interface GradcheckOptions {
  /** The step of the finite differences. Default: 1e-6. */
  readonly eps?: number;
  /** The absolute difference that is allowed. Default: 1e-5. */
  readonly atol?: number;
  /** The difference that is allowed in relation to the value. Default: 1e-3. */
  readonly rtol?: number;
  /** Whether wrong gradients are an error; if not, the result is false. Default: true. */
  readonly raiseException?: boolean;
  /** How far two runs of the same backward pass may differ. Default: 0. */
  readonly nondetTol?: number;
  /** Whether missing gradients of outputs must act as zeros. Default: true. */
  readonly checkUndefinedGrad?: boolean;
  /** Whether each gradient must have its input's type. Default: false. */
  readonly checkGradDtypes?: boolean;
  /** Whether the backward pass must give the same under `vmap`. Default: false. */
  readonly checkBatchedGrad?: boolean;
  /** Whether forward-mode derivatives must give the same under `vmap`. Default: false. */
  readonly checkBatchedForwardGrad?: boolean;
  /** Whether forward-mode derivatives are compared. Default: false. */
  readonly checkForwardAd?: boolean;
  /** Whether the backward pass is compared. Default: true. */
  readonly checkBackwardAd?: boolean;
  /** Compares v^T J u for random u and v, one evaluation for each input, where the default compares all elements. */
  readonly fastMode?: boolean;
}

/** Everything that a check goes by. */
export interface Check extends Required<GradcheckOptions> {
  /** What is called, for messages. */
  readonly operation: string;
  readonly call: () => unknown;
  /** The arguments, taken apart. */
  readonly arguments: Flattened<Tensor>;
  readonly func: (...args: readonly unknown[]) => unknown;
  /** The inputs that require a gradient, with their names. */
  readonly inputs: readonly Tensor[];
  readonly inputNames: readonly string[];
}

/** `input 0`, `input 1.weight`: a leaf as messages name it. */
export function named(kind: string, path: string): string {
  return `${kind} ${path === "" ? "0" : path.replace(/^\[(\d+)\]/, "$1")}`;
}

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

interface Pair {
  readonly analytical: Tensor;
  readonly numerical: Tensor;
}

function close({ analytical, numerical }: Pair, atol: number, rtol: number): boolean {
  return noGrad(() => analytical.double().allclose(numerical.double(), rtol, atol));
}

function mismatch(
  check: Check,
  output: string,
  input: string,
  { analytical, numerical }: Pair,
  more: string = "",
): GradcheckError {
  const where = noGrad(() => {
    const apart = analytical.double().sub(numerical.double()).abs();
    if (apart.dim() !== 2) return "";
    const at = Number(apart.argmax().item());
    const columns = apart.sizes[1]!;
    return `; the largest difference, ${apart.max().item()}, is at element ${Math.floor(at / columns)} of the input and element ${at % columns} of the output`;
  });
  return new GradcheckError(
    `${check.operation}: Jacobian mismatch for ${output} with respect to ${input}${where}\nnumerical: ${String(numerical)}\nanalytical: ${String(analytical)}${more}`,
  );
}

/** The outputs of a call that can be differentiated, with their names and their places among all outputs. */
function differentiable(
  result: unknown,
): readonly { readonly output: Tensor; readonly name: string; readonly at: number }[] {
  const { leaves, paths } = flatten(result, isTensor);
  return leaves.flatMap((output, at) =>
    output.requiresGrad ? [{ output, name: named("output", paths[at]!), at }] : [],
  );
}

/** What requires no gradient must have none. */
function checkConstant(check: Check): void {
  check.inputs.forEach((input, k) => {
    for (const [o, jacobian] of differenceJacobian(check.call, input, check.eps).entries())
      if (!noGrad(() => jacobian.double().allclose(jacobian.double().mul(0), 0, check.atol)))
        throw new GradcheckError(
          `${check.operation}: the numerical gradient of output ${o} with respect to ${check.inputNames[k]!} was expected to be zero, because no output requires a gradient, but it is\n${String(jacobian)}`,
        );
  });
}

function checkSlowly(check: Check, result: unknown): void {
  const outputs = differentiable(result);
  const numerical = check.inputs.map((input) => differenceJacobian(check.call, input, check.eps));
  for (const { output, name, at } of outputs) {
    const analytical = reverseJacobian(output, check.inputs, check.inputNames, check);
    analytical.forEach((jacobian, k) => {
      const pair = { analytical: jacobian, numerical: numerical[k]![at]! };
      if (!close(pair, check.atol, check.rtol))
        throw mismatch(check, name, check.inputNames[k]!, pair);
    });
  }
}

/** A random direction of length 1 with elements above 0, the same in every run. */
function direction(of: Tensor, generator: Generator): Tensor {
  return noGrad(() => {
    const drawn = rand([of.count], { dtype: of.dtype, generator }).to({ device: of.device });
    return of.count === 0 ? drawn : drawn.div(drawn.square().sum().sqrt());
  });
}

/** Compares v^T J u: for differences within atol + rtol |J| in each element the two cannot be further apart than allowed here. */
function checkFast(check: Check, result: unknown): void {
  const outputs = differentiable(result);
  const generator = new Generator().manualSeed(2147483647);
  const v = outputs.map(({ output }) => direction(output, generator));
  const u = check.inputs.map((input) => direction(input, generator));
  const forward = check.inputs.map((input, k) =>
    alongDirection(check.call, input, u[k]!, check.eps),
  );
  outputs.forEach(({ output, name, at }, o) => {
    const seed = v[o]!.reshape(output.sizes);
    const analytical = reverseProjection(output, seed, check.inputs, u, check.inputNames, check);
    analytical.forEach((value, k) => {
      const pair = noGrad(() => ({
        analytical: value,
        numerical: forward[k]![at]!.reshape(-1).mul(v[o]!).sum(),
      }));
      const atol = noGrad(() => check.atol * Number(u[k]!.sum().mul(v[o]!.sum()).item()));
      if (close(pair, atol, check.rtol)) return;
      throw mismatch(check, name, check.inputNames[k]!, pair, explain(check, output, at, k));
    });
  });
}

/** Both Jacobians whole, after the fast check failed on their projections. */
function explain(check: Check, output: Tensor, at: number, k: number): string {
  const numerical = differenceJacobian(check.call, check.inputs[k]!, check.eps)[at]!;
  const analytical = reverseJacobian(output, check.inputs, check.inputNames, check)[k]!;
  const alike = close({ analytical, numerical }, check.atol, check.rtol)
    ? "\nEach of their elements is within the tolerances, so that the check would pass without fastMode."
    : "";
  return `\nThese are v^T J u for random u and v (fastMode). The Jacobians themselves:\nnumerical: ${String(numerical)}\nanalytical: ${String(analytical)}${alike}`;
}

/** Throws GradcheckError where a gradient is wrong. */
export function run(check: Check): void {
  const result = check.call();
  if (differentiable(result).length === 0) {
    checkConstant(check);
    return;
  }
  if (check.checkForwardAd || check.checkBatchedGrad || check.checkBatchedForwardGrad)
    throw new ArgumentError(
      `${check.operation}: checkForwardAd, checkBatchedGrad and checkBatchedForwardGrad need forward-mode derivatives and vmap, which are not there yet; leave them out`,
    );
  if (check.fastMode) checkFast(check, result);
  else checkSlowly(check, result);
  checkScaling(check, outputsOf(result));
  if (check.checkUndefinedGrad) checkUndefined(check);
}

/**
 * Checks the gradients of a function against central differences, (f(x + eps) - f(x - eps)) / (2 eps) in every element of every input
 * that requires one: the two Jacobians must agree, |analytical - numerical| <= atol + rtol |numerical|. Checked as well: that the
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
