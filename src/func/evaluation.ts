// What torch.autograd.functional shares: inputs made ready and checked, the function called, gradients with their gaps filled.
import { inferenceMode } from "../autograd/mode.ts";
import { ArgumentError, AutogradError, DTypeError, ShapeError } from "../core/errors.ts";
import { mapped } from "../core/list.ts";
import { formatSizes, sameSizes } from "../core/shape.ts";
import { Tensor } from "../ops/methods.ts";
import type { TensorOrList } from "../ops/autograd.ts";
import { describe, type Parameter } from "../ops/define/parameters.ts";
import { captureGradients } from "../ops/define/pass.ts";

/** What the function is called with: the tensor, or the tensors of the array. */
export type Arguments<I extends TensorOrList> = I extends readonly Tensor[]
  ? readonly [...I]
  : readonly [input: Tensor];
/** `Leaf` where there was one tensor, and an array of as many where there were several. */
export type Like<S extends TensorOrList, Leaf> = S extends readonly Tensor[]
  ? { readonly [K in keyof S]: Leaf }
  : Leaf;

/** A tensor, or several, remembered to be given back the same way. */
export interface Listed {
  readonly list: readonly Tensor[];
  readonly several: boolean;
}

type AnyFunction = (...inputs: readonly Tensor[]) => unknown;

/** The function to differentiate. */
export const callable: Parameter<AnyFunction> = {
  convert: (value, operation, name) => {
    if (typeof value !== "function")
      throw new ArgumentError(`${operation}: ${name} must be a function, got ${describe(value)}`);
    return value as AnyFunction;
  },
  fallback: undefined,
  variadic: false,
  tensors: false,
};

/** Runs what differentiates, recording in whatever mode the caller is. */
export function recorded<T>(callback: () => T): T {
  return inferenceMode(false, callback);
}

/** Reads one tensor or an array of them. */
export function listed(operation: string, what: string, value: unknown): Listed {
  const several = Array.isArray(value);
  const list: readonly unknown[] = several ? [...(value as readonly unknown[])] : [value];
  if (list.length === 0)
    throw new ArgumentError(`${operation}: ${what} must be tensors, got an empty array`);
  list.forEach((item, i) => {
    if (!(item instanceof Tensor))
      throw new ArgumentError(
        `${operation}: ${what} must be a tensor or an array of tensors, but ${several ? `the value at index ${i}` : "what was given"} is ${describe(item)}`,
      );
  });
  return { list: list as readonly Tensor[], several };
}

/** The same nesting around other values: the first alone where there was one tensor. */
export function unlisted<T>(
  { several }: Pick<Listed, "several">,
  values: readonly T[],
): T | readonly T[] {
  return several ? values : (values[0] as T);
}

/** Refuses inputs that have no derivatives. */
function checkFloating(operation: string, { list }: Listed): void {
  list.forEach(({ dtype }, i) => {
    if (!dtype.isFloatingPoint)
      throw new DTypeError(
        `${operation}: input ${i} has type ${dtype.name}, which has no derivatives; convert it to a floating-point type`,
      );
  });
}

/**
 * New tensors in the place of those given, so that what the function is called with differs from the same tensors where it
 * captured them. They lead back to the given ones where a graph is wanted, and are leaves otherwise.
 */
export function fresh({ list }: Listed, createGraph: boolean): readonly Tensor[] {
  return mapped(list, (tensor) => {
    // An inference tensor cannot be part of a graph.
    const given = tensor.isInference() ? tensor.clone() : tensor;
    return createGraph && given.requiresGrad ? given.viewAs(given) : given.detach();
  });
}

/** Inputs made new, and checked. */
export function freshInputs(
  operation: string,
  given: Listed,
  createGraph: boolean,
): readonly Tensor[] {
  checkFloating(operation, given);
  return fresh(given, createGraph);
}

/** Inputs made new from which a backward pass can be asked for gradients. */
export function trackedInputs(
  operation: string,
  given: Listed,
  createGraph: boolean,
): readonly Tensor[] {
  return freshInputs(operation, given, createGraph).map((input) => input.requiresGrad_());
}

/** The outputs of the function for these inputs. */
export function evaluate(
  operation: string,
  func: AnyFunction,
  inputs: readonly Tensor[],
  strict: boolean,
): Listed {
  const outputs = listed(operation, "the outputs of the function", func(...inputs));
  if (strict)
    requireGraph(
      operation,
      outputs.list,
      (i) =>
        `output ${i} of the function does not require gradients; in strict mode it must be computed from the inputs by differentiable operations`,
    );
  return outputs;
}

/** The one output, of one element, that a function with a Hessian must have. */
export function evaluateScalar(
  operation: string,
  func: AnyFunction,
  inputs: readonly Tensor[],
  strict: boolean,
): Tensor {
  const { list, several } = evaluate(operation, func, inputs, strict);
  if (several)
    throw new AutogradError(
      `${operation}: the function must return a single tensor, got an array of ${list.length}`,
    );
  const output = list[0]!;
  if (output.count !== 1)
    throw new ShapeError(
      `${operation}: the tensor that the function returns must contain a single element, got shape ${formatSizes(output.sizes)}`,
    );
  return output;
}

/** Refuses, in strict mode, values that are missing or lead nowhere. */
export function requireGraph(
  operation: string,
  values: readonly (Tensor | null)[],
  message: (position: number) => string,
): void {
  values.forEach((value, i) => {
    if (value === null)
      throw new AutogradError(
        `${operation}: the output of the function is independent of input ${i}, which strict mode does not allow`,
      );
    if (!value.requiresGrad) throw new AutogradError(`${operation}: ${message(i)}`);
  });
}

/** The vector of a product, made ready; it must match `like`, and may be left out where that is a single element. */
export function vector(
  operation: string,
  v: unknown,
  like: Listed,
  what: "input" | "output",
  createGraph: boolean,
): readonly Tensor[] | null {
  const { list, several } = like;
  if (v === null) {
    if (list.length === 1 && list[0]!.count === 1) return null;
    throw new AutogradError(
      `${operation}: v may be left out only where the ${what} of the function is a single tensor of one element; give a v of the ${what}'s shape`,
    );
  }
  const given = listed(operation, "v", v);
  if (given.list.length !== list.length)
    throw new AutogradError(
      several
        ? `${operation}: v has ${given.list.length} tensors for ${list.length} ${what}s; give one for each`
        : `${operation}: v should contain a single tensor, as the ${what} of the function does, got ${given.list.length}`,
    );
  given.list.forEach((tensor, i) => {
    const expected = list[i]!;
    if (!sameSizes(tensor.sizes, expected.sizes))
      throw new ShapeError(
        `${operation}: ${several ? `entry ${i} of v` : "v"} has shape ${formatSizes(tensor.sizes)}, but the ${what} of the function has ${formatSizes(expected.sizes)}; they must be equal`,
      );
  });
  return fresh(given, createGraph);
}

/** The gradients of those outputs that lead anywhere; null for inputs that they do not depend on. */
export function gradients(
  operation: string,
  outputs: readonly (Tensor | null)[],
  inputs: readonly Tensor[],
  seeds: readonly (Tensor | null)[] | null,
  createGraph: boolean,
  keepGraph: boolean = createGraph,
): readonly (Tensor | null)[] {
  const used = outputs.flatMap((output, i) => (output?.requiresGrad === true ? [i] : []));
  if (used.length === 0) return mapped(inputs, () => null);
  return captureGradients(
    operation,
    mapped(used, (i) => outputs[i]),
    inputs,
    seeds === null ? null : mapped(used, (i) => seeds[i]),
    keepGraph,
    createGraph,
  );
}

/** What strict mode says of a gradient that is missing, and of one that depends on nothing. */
export interface Stage {
  readonly missing: (position: number) => string;
  readonly constant: (position: number) => string;
}
const inStrictMode = "which strict mode does not allow";
const constantJacobian = (i: number): string =>
  `the Jacobian of the function is independent of input ${i}, ${inStrictMode} with createGraph`;
const constantHessian = (i: number): string =>
  `the Hessian of the function is independent of input ${i}, ${inStrictMode} with createGraph`;
export const stages: Readonly<Record<"vjp" | "jvp" | "vhp" | "hvp", Stage>> = {
  vjp: {
    missing: (i) => `the output of the function is independent of input ${i}, ${inStrictMode}`,
    constant: constantJacobian,
  },
  jvp: {
    missing: (i) =>
      `the gradients of the function do not depend on the cotangent of output ${i}, ${inStrictMode}`,
    constant: constantJacobian,
  },
  vhp: {
    missing: (i) => `the Jacobian of the function is independent of input ${i}, ${inStrictMode}`,
    constant: constantHessian,
  },
  hvp: {
    missing: (i) =>
      `the Hessian of the function does not depend on entry ${i} of the vector, ${inStrictMode}`,
    constant: constantHessian,
  },
};

/** The gradients with zeros like `references` where one is missing; strict mode refuses those, and constant ones. */
export function filled(
  operation: string,
  found: readonly (Tensor | null)[],
  references: readonly Tensor[],
  stage: Stage,
  strict: boolean,
  createGraph: boolean,
): readonly Tensor[] {
  return mapped(found, (gradient, i) => {
    if (strict && gradient === null) throw new AutogradError(`${operation}: ${stage.missing(i)}`);
    if (strict && createGraph && !gradient!.requiresGrad)
      throw new AutogradError(`${operation}: ${stage.constant(i)}`);
    return gradient ?? references[i]!.newZeros(references[i]!.shape);
  });
}

/** Results as they are handed out: without a graph unless one was asked for. */
export function released(values: readonly Tensor[], createGraph: boolean): readonly Tensor[] {
  return createGraph ? values : mapped(values, (value) => value.detach());
}
