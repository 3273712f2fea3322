// Gradients and vector-Jacobian products as functions of functions: torch.func.grad, gradAndValue, vjp.
import { withRecording } from "../autograd/mode.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { mapped } from "../core/list.ts";
import { formatSizes, sameSizes } from "../core/shape.ts";
import { flatten, type Flattened, isPlainObject } from "../core/tree.ts";
import { requiresGradient } from "../ops/define/history.ts";
import { anything, boolean, describe, optional, Signature } from "../ops/define/parameters.ts";
import { captureGradients } from "../ops/define/pass.ts";
import { Tensor } from "../ops/methods.ts";
import { isTensor } from "../ops/access.ts";
import { Inputs, resultsOf, untracked, withAux } from "./level.ts";

/** Which arguments to differentiate by: one position, or several. Negative ones count from the end. */
export type Argnums = number | readonly number[];
/** The arguments at those positions. */
export type Chosen<A extends readonly unknown[], N extends Argnums> = N extends number
  ? A[N]
  : { -readonly [K in keyof N]: N[K] extends number ? A[N[K]] : never };
export interface GradientOptions<N extends Argnums> {
  readonly argnums?: N;
  /** The function returns `[result, aux]`; aux is passed through. */
  readonly hasAux?: boolean;
}

/** The positions as an array of whole numbers from 0. */
function positions(name: string, argnums: unknown, count: number): readonly number[] {
  const list: readonly unknown[] = Array.isArray(argnums) ? argnums : [argnums];
  if (list.length === 0)
    throw new ArgumentError(`${name}: argnums is empty; give the position of an argument`);
  return mapped(list, (given) => {
    if (typeof given !== "number" || !Number.isInteger(given))
      throw new ArgumentError(`${name}: argnums must be whole numbers, got ${describe(given)}`);
    const at = given < 0 ? given + count : given;
    if (at < 0 || at >= count)
      throw new ArgumentError(
        `${name}: argnums is ${given}, but the function was called with ${count} arguments`,
      );
    return at;
  });
}

/** The arguments at the chosen positions, and how to give one value for each of their tensors back in the same form. */
export function chosenArguments(
  name: string,
  argnums: unknown,
  args: readonly unknown[],
): {
  readonly at: readonly number[];
  readonly chosen: Flattened<Tensor>;
  readonly form: (values: readonly unknown[]) => unknown;
} {
  const at = positions(name, argnums, args.length);
  const chosen = flatten(
    mapped(at, (i) => args[i]),
    isTensor,
  );
  if (chosen.leaves.length === 0)
    throw new ArgumentError(
      `${name}: argument ${at.join(", ")} holds no tensor to differentiate by, got ${describe(args[at[0]!])}`,
    );
  const form = (values: readonly unknown[]): unknown => {
    const nested = chosen.rebuild(values) as unknown[];
    return Array.isArray(argnums) ? nested : nested[0];
  };
  return { at, chosen, form };
}

/** The same with fresh inputs in the place of the chosen arguments. */
export function chosenInputs(
  name: string,
  argnums: unknown,
  given: readonly unknown[],
): {
  readonly inputs: Inputs;
  readonly args: readonly unknown[];
  readonly form: (values: readonly unknown[]) => unknown;
} {
  const { at, chosen, form } = chosenArguments(name, argnums, given);
  const inputs = new Inputs(name, chosen);
  const args = [...given];
  at.forEach((i, k) => (args[i] = inputs.values[k]));
  return { inputs, args, form };
}

const signature = new Signature("func.grad", {
  argnums: optional(anything, 0),
  hasAux: optional(boolean, false),
});

interface Derived {
  readonly gradient: unknown;
  readonly value: Tensor;
  readonly aux: unknown;
}

function differentiated(
  name: string,
  fn: (...args: never[]) => unknown,
  rest: readonly unknown[],
): { readonly hasAux: boolean; readonly run: (...args: readonly unknown[]) => Derived } {
  if (typeof fn !== "function")
    throw new ArgumentError(`${name}: expected a function to differentiate, got ${describe(fn)}`);
  const { argnums, hasAux } = signature.read(rest);
  const run = (...given: readonly unknown[]): Derived => {
    const { inputs, args, form } = chosenInputs(name, argnums, given);
    const [value, aux] = withAux(
      name,
      withRecording(true, () => fn(...(args as never[]))),
      hasAux,
    );
    if (!(value instanceof Tensor))
      throw new ArgumentError(`${name}: the function must return a tensor, got ${describe(value)}`);
    if (value.sizes.length > 0)
      throw new ShapeError(
        `${name}: the function must return a tensor without dimensions, got shape ${formatSizes(value.sizes)}; reduce it, as with sum(), or use vjp or jacrev`,
      );
    const keeps = inputs.continues([value]);
    const found = vectorProducts(name, [value], inputs.tensors, null, keeps, keeps);
    return keeps
      ? { gradient: form(found), value, aux }
      : { gradient: form(untracked(found)), value: untracked(value), aux: untracked(aux) };
  };
  return { hasAux, run };
}

/** The products of cotangents with the Jacobians of results by tensors; zeros where a result does not depend on one. */
export function vectorProducts(
  name: string,
  results: readonly Tensor[],
  tensors: readonly Tensor[],
  cotangents: readonly Tensor[] | null,
  retainGraph: boolean,
  createGraph: boolean,
): readonly Tensor[] {
  const at = [...results.keys()].filter((i) => requiresGradient(results[i]!));
  if (at.length === 0) return mapped(tensors, (tensor) => tensor.zerosLike());
  const reached = mapped(at, (i) => results[i]!);
  const seeds = cotangents === null ? null : mapped(at, (i) => cotangents[i]!);
  const found = captureGradients(name, reached, tensors, seeds, retainGraph, createGraph);
  return mapped(found, (gradient, i) => gradient ?? tensors[i]!.zerosLike());
}

/**
 * A function that computes the gradient of `fn`, a function with a scalar tensor as result, by the argument at `argnums` (the first). An
 * argument may be a nested record of tensors; so is its gradient. Nests, and maps with `vmap`: `vmap(grad(loss), ...)` gives the
 * gradients of every sample. Throws ShapeError where `fn` does not return a tensor without dimensions.
 * @example
 * ```ts
 * const slope = torch.func.grad((x: torch.Tensor) => x.sin());
 * slope(torch.tensor(0)) // => tensor(1.)
 * torch.func.grad(slope)(torch.tensor(0)) // => tensor(-0.)
 * ```
 */
export function grad<A extends readonly unknown[], const N extends Argnums = 0>(
  fn: (...args: A) => Tensor,
  options?: GradientOptions<N> & { readonly hasAux?: false },
): (...args: A) => Chosen<A, N>;
export function grad<A extends readonly unknown[], X, const N extends Argnums = 0>(
  fn: (...args: A) => readonly [Tensor, X],
  options: GradientOptions<N> & { readonly hasAux: true },
): (...args: A) => [gradient: Chosen<A, N>, aux: X];
export function grad(
  fn: (...args: never[]) => unknown,
  ...rest: readonly unknown[]
): (...args: readonly unknown[]) => unknown {
  const { hasAux, run } = differentiated("func.grad", fn, rest);
  return (...args) => {
    const { gradient, aux } = run(...args);
    return hasAux ? [gradient, aux] : gradient;
  };
}

/**
 * As `grad`, and gives the value as well: `[gradient, value]`, or `[gradient, [value, aux]]` with `hasAux`.
 * @example
 * ```ts
 * const [slope, value] = torch.func.gradAndValue((x: torch.Tensor) => x.mul(x))(torch.tensor(3));
 * slope // => tensor(6.)
 * value // => tensor(9.)
 * ```
 */
export function gradAndValue<A extends readonly unknown[], const N extends Argnums = 0>(
  fn: (...args: A) => Tensor,
  options?: GradientOptions<N> & { readonly hasAux?: false },
): (...args: A) => [gradient: Chosen<A, N>, value: Tensor];
export function gradAndValue<A extends readonly unknown[], X, const N extends Argnums = 0>(
  fn: (...args: A) => readonly [Tensor, X],
  options: GradientOptions<N> & { readonly hasAux: true },
): (...args: A) => [gradient: Chosen<A, N>, result: [value: Tensor, aux: X]];
export function gradAndValue(
  fn: (...args: never[]) => unknown,
  ...rest: readonly unknown[]
): (...args: readonly unknown[]) => unknown {
  const { hasAux, run } = differentiated("func.gradAndValue", fn, rest);
  return (...args) => {
    const { gradient, value, aux } = run(...args);
    return [gradient, hasAux ? [value, aux] : value];
  };
}

/** Gives v^T J for a cotangent v nested as the result: one value for each primal. */
export type VjpFunction<A extends readonly unknown[], R> = (
  cotangents: R,
  options?: { readonly retainGraph?: boolean; readonly createGraph?: boolean },
) => { -readonly [K in keyof A]: A[K] };

/** Refuses cotangents that do not fit the results. */
function cotangentsFor(
  name: string,
  given: unknown,
  results: readonly Tensor[],
): readonly Tensor[] {
  const { leaves } = flatten(given, isTensor);
  if (leaves.length !== results.length)
    throw new ArgumentError(
      `${name}: ${leaves.length} cotangents were given for ${results.length} results; nest them as the function's result is`,
    );
  leaves.forEach((cotangent, i) => {
    if (!sameSizes(cotangent.sizes, results[i]!.sizes))
      throw new ShapeError(
        `${name}: cotangent ${i} has shape ${formatSizes(cotangent.sizes)}, but the result has ${formatSizes(results[i]!.sizes)}; they must be equal`,
      );
  });
  return leaves;
}

/**
 * The value of `fn` at the primals, and a function that multiplies a cotangent with its Jacobian there: `[result, vjpFunction]`, or
 * `[result, vjpFunction, aux]` with a trailing `{ hasAux: true }`. The function may be called any number of times.
 * @example
 * ```ts
 * const [y, product] = torch.func.vjp((x: torch.Tensor) => x.sin(), torch.zeros(2));
 * product(torch.tensor([1, 2]))[0] // => tensor([1., 2.])
 * ```
 */
export function vjp<A extends readonly unknown[], R>(
  fn: (...primals: A) => R,
  ...primals: A
): [result: R, vjpFunction: VjpFunction<A, R>];
export function vjp<A extends readonly unknown[], R, X>(
  fn: (...primals: A) => readonly [R, X],
  ...primals: readonly [...A, { readonly hasAux: true }]
): [result: R, vjpFunction: VjpFunction<A, R>, aux: X];
export function vjp(
  fn: (...args: never[]) => unknown,
  ...given: readonly unknown[]
): readonly unknown[] {
  const name = "func.vjp";
  if (typeof fn !== "function")
    throw new ArgumentError(`${name}: expected a function to differentiate, got ${describe(fn)}`);
  const last = given.at(-1);
  const hasAux =
    isPlainObject(last) && Object.keys(last).join() === "hasAux" && last["hasAux"] === true;
  const inputs = new Inputs(name, flatten(hasAux ? given.slice(0, -1) : given, isTensor));
  const [result, aux] = withAux(
    name,
    withRecording(true, () => fn(...(inputs.values as never[]))),
    hasAux,
  );
  const { leaves } = resultsOf(name, result);
  const keeps = inputs.continues(leaves);
  const product = (
    cotangents: unknown,
    { retainGraph = true, createGraph = keeps } = {},
  ): readonly unknown[] => {
    const seeds = cotangentsFor(name, cotangents, leaves);
    const follows = createGraph || seeds.some(requiresGradient);
    const found = vectorProducts(name, leaves, inputs.tensors, seeds, retainGraph, follows);
    return inputs.nested(follows ? found : untracked(found));
  };
  const shown = keeps ? result : untracked(result);
  return hasAux ? [shown, product, keeps ? aux : untracked(aux)] : [shown, product];
}
