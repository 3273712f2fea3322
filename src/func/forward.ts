// Jacobian-vector products as functions of functions: torch.func.jvp and linearize.
import { beneath, closeLevel, type ForwardLevel, openLevel } from "../autograd/forward.ts";
import { ArgumentError, AutogradError, DTypeError, ShapeError } from "../core/errors.ts";
import { mapped } from "../core/list.ts";
import { formatSizes, sameSizes } from "../core/shape.ts";
import { flatten } from "../core/tree.ts";
import { gradMode, withRecording } from "../autograd/mode.ts";
import { requiresGradient } from "../ops/define/history.ts";
import { boolean, describe, optional, Signature } from "../ops/define/parameters.ts";
import { captureGradients } from "../ops/define/pass.ts";
import { holdTangent, laidOut, markConstant, tangentOf } from "../ops/define/tangent.ts";
import { Tensor } from "../ops/methods.ts";
import { isTensor } from "../ops/access.ts";
import { Inputs, resultsOf, untracked, withAux } from "./level.ts";

/** A view of a tensor with a tangent at a level. */
export function dual(name: string, primal: Tensor, tangent: Tensor, level: ForwardLevel): Tensor {
  for (const [what, tensor] of [
    ["primal", primal],
    ["tangent", tangent],
  ] as const) {
    if (!(tensor instanceof Tensor))
      throw new ArgumentError(`${name}: the ${what} must be a tensor, got ${describe(tensor)}`);
    if (!tensor.dtype.isFloatingPoint)
      throw new DTypeError(
        `${name}: expected the ${what} to be floating point, but it is ${tensor.dtype.name}; convert it first`,
      );
    if (tangentOf(tensor, level) !== null)
      throw new AutogradError(
        `${name}: the ${what} already has a forward gradient at the same level; take it apart with unpackDual first`,
      );
  }
  if (!sameSizes(primal.sizes, tangent.sizes))
    throw new ShapeError(
      `${name}: trying to set a forward gradient of a different size than its tensor: the primal has shape ${formatSizes(primal.sizes)} and the tangent ${formatSizes(tangent.sizes)}; they must be equal`,
    );
  const out = primal.viewAs(primal);
  const own = beneath(level, () => laidOut(tangent, out));
  holdTangent(out, level, own);
  return out;
}

/** The tensors of nested arguments, refusing anything else. */
function tensorsIn(name: string, what: string, given: unknown): readonly Tensor[] {
  if (!Array.isArray(given))
    throw new ArgumentError(
      `${name}: ${what} must be an array with one entry for each argument of the function, got ${describe(given)}`,
    );
  const { leaves, paths } = flatten(given, isTensor);
  const strangers = flatten(
    given,
    (part): part is unknown => typeof part !== "object" || part === null,
  );
  if (strangers.leaves.length > 0)
    throw new ArgumentError(
      `${name}: expected ${what} to contain only tensors, but ${what}${strangers.paths[0]} is ${describe(strangers.leaves[0])}`,
    );
  if (leaves.length === 0 || paths.length === 0)
    throw new ArgumentError(`${name}: expected ${what} to contain at least one tensor`);
  return leaves;
}

function sameNesting(a: unknown, b: unknown): boolean {
  return flatten(a, isTensor).paths.join() === flatten(b, isTensor).paths.join();
}

/** What `jvp` takes by name. */
export interface JvpOptions {
  /** Refuses results that do not depend on the primals, instead of giving zeros. */
  readonly strict?: boolean;
  /** The function returns `[result, aux]`; aux is passed through. */
  readonly hasAux?: boolean;
}

const signature = new Signature("func.jvp", {
  strict: optional(boolean, false),
  hasAux: optional(boolean, false),
});

/**
 * The value of `fn` at the primals, and its derivative there in the direction of the tangents, J t: `[result, tangent]`, or
 * `[result, tangent, aux]` with `hasAux`. One evaluation in forward mode; nests in any order with the other transforms.
 * `primals` and `tangents` are arrays with one entry, a tensor or a nesting of tensors, for each argument.
 * Throws ArgumentError where they are not nested alike or hold anything but tensors, ShapeError and DTypeError for tangents that do not
 * fit, AutogradError with `strict` where a result does not depend on the primals.
 * @example
 * ```ts
 * const [y, dy] = torch.func.jvp((x: torch.Tensor) => x.mul(x), [torch.tensor([1, 2])], [torch.tensor([1, 10])]);
 * y // => tensor([1., 4.])
 * dy // => tensor([ 2., 40.])
 * ```
 */
export function jvp<const A extends readonly unknown[], R>(
  fn: (...primals: A) => R,
  primals: A,
  tangents: A,
  options?: JvpOptions & { readonly hasAux?: false },
): [result: R, tangent: R];
export function jvp<const A extends readonly unknown[], R, X>(
  fn: (...primals: A) => readonly [R, X],
  primals: A,
  tangents: A,
  options: JvpOptions & { readonly hasAux: true },
): [result: R, tangent: R, aux: X];
export function jvp(
  fn: (...args: never[]) => unknown,
  primals: unknown,
  tangents: unknown,
  ...rest: readonly unknown[]
): readonly unknown[] {
  const name = "func.jvp";
  if (typeof fn !== "function")
    throw new ArgumentError(`${name}: expected a function to differentiate, got ${describe(fn)}`);
  const { strict, hasAux } = signature.read(rest);
  const points = tensorsIn(name, "primals", primals);
  const directions = tensorsIn(name, "tangents", tangents);
  if (!sameNesting(primals, tangents))
    throw new ArgumentError(`${name}: expected primals and tangents to be nested alike`);
  const level = openLevel();
  try {
    const duals = mapped(points, (point, i) => dual(name, point, directions[i]!, level));
    const args = flatten(primals, isTensor).rebuild(duals) as never[];
    const [result, aux] = withAux(name, fn(...args), hasAux);
    const { leaves, rebuild } = resultsOf(name, result);
    const pushed = mapped(leaves, (leaf) => {
      const tangent = tangentOf(leaf, level);
      if (tangent === null && strict)
        throw new AutogradError(
          `${name}: with strict, the output of the function must not be independent of the inputs; without it the tangent is zeros`,
        );
      return tangent ?? beneath(level, () => leaf.zerosLike());
    });
    // What leaves the level needs its tangent no longer.
    for (const leaf of leaves) markConstant(leaf, level);
    return hasAux ? [result, rebuild(pushed), aux] : [result, rebuild(pushed)];
  } finally {
    closeLevel(level);
  }
}

/**
 * The value of `fn` at the primals, and its derivative there as a linear function of tangents: `[result, jvpFunction]`. The function
 * is evaluated once, with the gradient's own graph; each J t then is one pass over that graph.
 * `jvpFunction` takes one tangent for each primal, nested alike, and throws ArgumentError, ShapeError or DTypeError otherwise.
 * @example
 * ```ts
 * const [y, slope] = torch.func.linearize((x: torch.Tensor) => x.mul(x), torch.tensor([1, 2]));
 * y // => tensor([1., 4.])
 * slope(torch.tensor([1, 1])) // => tensor([2., 4.])
 * ```
 */
export function linearize<A extends readonly unknown[], R>(
  fn: (...primals: A) => R,
  ...primals: A
): [result: R, jvpFunction: (...tangents: A) => R];
export function linearize(
  fn: (...args: never[]) => unknown,
  ...primals: readonly unknown[]
): readonly unknown[] {
  const name = "func.linearize";
  if (typeof fn !== "function")
    throw new ArgumentError(`${name}: expected a function to differentiate, got ${describe(fn)}`);
  const points = tensorsIn(name, "primals", primals);
  const inputs = new Inputs(name, flatten(primals, isTensor));
  const result = withRecording(true, () => fn(...(inputs.values as never[])));
  const { leaves, rebuild } = resultsOf(name, result);
  const follows = inputs.continues(leaves);
  // J^T v is linear in v, whatever v is, and J t is its derivative by v with t as the cotangent.
  const cotangents = mapped(leaves, (leaf) =>
    leaf.detach().zerosLike().requiresGrad_(leaf.dtype.isFloatingPoint),
  );
  const reached = leaves.flatMap((leaf, i) => (requiresGradient(leaf) ? [i] : []));
  const products =
    reached.length === 0
      ? []
      : withRecording(true, () =>
          captureGradients(
            name,
            mapped(reached, (i) => leaves[i]),
            inputs.tensors,
            mapped(reached, (i) => cotangents[i]),
            true,
            true,
          ),
        );
  const push = (...tangents: readonly unknown[]): unknown => {
    const directions = tangentsFor(name, primals, points, tangents);
    const used = products.flatMap((product, i) =>
      product !== null && requiresGradient(product) ? [[product, directions[i]!] as const] : [],
    );
    const creates = gradMode.enabled && (follows || directions.some(requiresGradient));
    const found =
      used.length === 0
        ? []
        : captureGradients(
            name,
            mapped(used, ([product]) => product),
            mapped(reached, (i) => cotangents[i]),
            mapped(used, ([, direction]) => direction),
            true,
            creates,
          );
    const pushed = mapped(
      leaves,
      (leaf, i) => found[reached.indexOf(i)] ?? leaf.detach().zerosLike(),
    );
    return rebuild(creates ? pushed : untracked(pushed));
  };
  return [follows ? result : untracked(result), push];
}

function tangentsFor(
  name: string,
  primals: readonly unknown[],
  points: readonly Tensor[],
  tangents: readonly unknown[],
): readonly Tensor[] {
  if (!sameNesting(primals, tangents))
    throw new ArgumentError(`${name}: the tangents must be nested as the primals are`);
  const directions = tensorsIn(name, "tangents", tangents);
  directions.forEach((tangent, i) => {
    const { sizes, dtype } = points[i]!;
    if (!sameSizes(tangent.sizes, sizes))
      throw new ShapeError(
        `${name}: tangent ${i} has shape ${formatSizes(tangent.sizes)}, but its primal has ${formatSizes(sizes)}; they must be equal`,
      );
    if (tangent.dtype !== dtype)
      throw new DTypeError(
        `${name}: tangent ${i} is ${tangent.dtype.name}, but its primal is ${dtype.name}; they must be equal`,
      );
  });
  return directions;
}
