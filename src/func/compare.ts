// Jacobians by differences against those that differentiation gives: element by element, or by their projections.
import { noGrad } from "../autograd/mode.ts";
import { GradcheckError } from "../core/errors.ts";
import { Generator } from "../core/generator.ts";
import { type Flattened, flatten } from "../core/tree.ts";
import type { Tensor } from "../ops/methods.ts";
import { rand } from "../ops/random.ts";
import { alongDirection, differenceJacobian } from "./difference.ts";
import { isTensor } from "../ops/access.ts";
import { alongTangent, forwardJacobian } from "./pushed.ts";
import { reverseJacobian, reverseProjection } from "./reverse.ts";

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

interface Pair {
  readonly analytical: Tensor;
  readonly numerical: Tensor;
}

function close({ analytical, numerical }: Pair, atol: number, rtol: number): boolean {
  return noGrad(() => analytical.double().allclose(numerical.double(), rtol, atol));
}

function mismatch(
  check: Check,
  mode: string,
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
    `${check.operation}: Jacobian ${mode}mismatch for ${output} with respect to ${input}${where}\nnumerical: ${String(numerical)}\nanalytical: ${String(analytical)}${more}`,
  );
}

/** The outputs of a call that can be differentiated, with their names and their places among all outputs. */
export function differentiable(
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

/** Jacobians by inputs, and for each by outputs. */
type ByInput = readonly (readonly Tensor[])[];

function checkSlowly(check: Check, result: unknown): void {
  const { inputs, inputNames, atol, rtol } = check;
  const outputs = differentiable(result);
  const numerical: ByInput = inputs.map((input) =>
    differenceJacobian(check.call, input, check.eps),
  );
  const verify = (jacobian: Tensor, mode: string, name: string, at: number, k: number): void => {
    const pair = { analytical: jacobian, numerical: numerical[k]![at]! };
    if (!close(pair, atol, rtol)) throw mismatch(check, mode, name, inputNames[k]!, pair);
  };
  if (check.checkBackwardAd)
    for (const { output, name, at } of outputs)
      reverseJacobian(output, inputs, inputNames, check).forEach((jacobian, k) =>
        verify(jacobian, "", name, at, k),
      );
  if (check.checkForwardAd)
    inputs.forEach((input, k) => {
      const jacobians = forwardJacobian(check, input);
      for (const { name, at } of outputs) verify(jacobians[at]!, forwardMode, name, at, k);
    });
}

const forwardMode = "computed with forward mode ";

/** A generator for the directions of a check, the same in every run. */
export function checkGenerator(): Generator {
  return new Generator().manualSeed(2147483647);
}

/** A random direction of length 1 with elements above 0. */
export function direction(of: Tensor, generator: Generator): Tensor {
  return noGrad(() => {
    const drawn = rand([of.count], { dtype: of.dtype, generator }).to({ device: of.device });
    return of.count === 0 ? drawn : drawn.div(drawn.square().sum().sqrt());
  });
}

/** Compares v^T J u: for differences within atol + rtol |J| in each element the two cannot be further apart than allowed here. */
function checkFast(check: Check, result: unknown): void {
  const { inputs, inputNames } = check;
  const outputs = differentiable(result);
  const generator = checkGenerator();
  const v = outputs.map(({ output }) => direction(output, generator));
  const u = inputs.map((input) => direction(input, generator));
  const numerical: ByInput = inputs.map((input, k) =>
    alongDirection(check.call, input, u[k]!, check.eps),
  );
  const projected = (values: Tensor, o: number): Tensor => values.reshape(-1).mul(v[o]!).sum();
  const verify = (value: Tensor, mode: string, o: number, k: number): void => {
    const { output, name, at } = outputs[o]!;
    const pair = noGrad(() => ({ analytical: value, numerical: projected(numerical[k]![at]!, o) }));
    const atol = noGrad(() => check.atol * Number(u[k]!.sum().mul(v[o]!.sum()).item()));
    if (close(pair, atol, check.rtol)) return;
    throw mismatch(check, mode, name, inputNames[k]!, pair, explain(check, mode, output, at, k));
  };
  if (check.checkBackwardAd)
    outputs.forEach(({ output }, o) =>
      reverseProjection(output, v[o]!.reshape(output.sizes), inputs, u, inputNames, check).forEach(
        (value, k) => verify(value, "", o, k),
      ),
    );
  if (check.checkForwardAd)
    inputs.forEach((input, k) => {
      const tangents = alongTangent(check, input, u[k]!);
      outputs.forEach(({ at }, o) =>
        verify(
          noGrad(() => projected(tangents[at]!, o)),
          forwardMode,
          o,
          k,
        ),
      );
    });
}

/** Both Jacobians whole, after the fast check failed on their projections. */
function explain(check: Check, mode: string, output: Tensor, at: number, k: number): string {
  const input = check.inputs[k]!;
  const numerical = differenceJacobian(check.call, input, check.eps)[at]!;
  const analytical =
    mode === forwardMode
      ? forwardJacobian(check, input)[at]!
      : reverseJacobian(output, check.inputs, check.inputNames, check)[k]!;
  const alike = close({ analytical, numerical }, check.atol, check.rtol)
    ? "\nEach of their elements is within the tolerances, so that the check would pass without fastMode."
    : "";
  return `\nThese are v^T J u for random u and v (fastMode). The Jacobians themselves:\nnumerical: ${String(numerical)}\nanalytical: ${String(analytical)}${alike}`;
}

/** Throws GradcheckError where a derivative differs from the differences; a function without differentiable outputs must be constant. */
export function checkDerivatives(check: Check, result: unknown): void {
  if (differentiable(result).length === 0) checkConstant(check);
  else if (check.fastMode) checkFast(check, result);
  else checkSlowly(check, result);
}
