// Jacobians and Hessians as functions of functions: torch.func.jacrev, jacfwd and hessian.
import { withRecording } from "../autograd/mode.ts";
import type { Randomness } from "../core/device.ts";
import { ArgumentError } from "../core/errors.ts";
import { mapped } from "../core/list.ts";
import {
  anything,
  boolean,
  choice,
  describe,
  integer,
  optional,
  Signature,
} from "../ops/define/parameters.ts";
import type { Tensor } from "../ops/methods.ts";
import { jvp } from "./forward.ts";
import {
  type Argnums,
  type Chosen,
  chosenArguments,
  chosenInputs,
  vectorProducts,
} from "./gradient.ts";
import { resultsOf, untracked, withAux } from "./level.ts";
import { allUnitVectors, pieces } from "./rows.ts";
import { vmap } from "./vmap.ts";

/** A tensor for every pair of a tensor of the result and a tensor of the argument, nested as the result and then as the argument. */
export type JacobianOf<R, X> = R extends Tensor
  ? X
  : { readonly [K in keyof R]: JacobianOf<R[K], X> };

/** What `jacrev` takes by name. */
export interface JacrevOptions<N extends Argnums> {
  readonly argnums?: N;
  readonly hasAux?: boolean;
  /** How many rows to compute at once; by default all. */
  readonly chunkSize?: number | null;
}
/** What `jacfwd` takes by name. */
export interface JacfwdOptions<N extends Argnums> {
  readonly argnums?: N;
  readonly hasAux?: boolean;
  /** What random operations inside the function do, as for `vmap`. */
  readonly randomness?: Randomness;
}

function checkFunction(name: string, fn: unknown): void {
  if (typeof fn !== "function")
    throw new ArgumentError(`${name}: expected a function to differentiate, got ${describe(fn)}`);
}

const reverse = new Signature("func.jacrev", {
  argnums: optional(anything, 0),
  hasAux: optional(boolean, false),
  chunkSize: optional(integer, null),
});

/**
 * A function that computes the Jacobian of `fn` by the argument at `argnums`, row by row in reverse mode and all rows in one mapped pass:
 * for few results and many inputs. Each block has the result's sizes followed by the argument's; results and arguments may be nested.
 * With `hasAux` it gives `[jacobian, aux]`. Throws ArgumentError where `fn` does not return tensors.
 * @example
 * ```ts
 * torch.func.jacrev((x: torch.Tensor) => x.mul(x))(torch.tensor([1, 2])) // => tensor([[2., 0.],\n        [0., 4.]])
 * ```
 */
export function jacrev<A extends readonly unknown[], R, const N extends Argnums = 0>(
  fn: (...args: A) => R,
  options?: JacrevOptions<N> & { readonly hasAux?: false },
): (...args: A) => JacobianOf<R, Chosen<A, N>>;
export function jacrev<A extends readonly unknown[], R, X, const N extends Argnums = 0>(
  fn: (...args: A) => readonly [R, X],
  options: JacrevOptions<N> & { readonly hasAux: true },
): (...args: A) => [jacobian: JacobianOf<R, Chosen<A, N>>, aux: X];
export function jacrev(
  fn: (...args: never[]) => unknown,
  ...rest: readonly unknown[]
): (...args: readonly unknown[]) => unknown {
  const name = "func.jacrev";
  checkFunction(name, fn);
  const { argnums, hasAux, chunkSize } = reverse.read(rest);
  return (...given) => {
    const { inputs, args, form } = chosenInputs(name, argnums, given);
    const [result, aux] = withAux(
      name,
      withRecording(true, () => fn(...(args as never[]))),
      hasAux,
    );
    const { leaves, rebuild } = resultsOf(name, result);
    const keeps = inputs.continues(leaves);
    const rows = vmap(
      (...seeds: readonly Tensor[]) =>
        vectorProducts(name, leaves, inputs.tensors, seeds, true, keeps),
      { chunkSize },
    )(...allUnitVectors(leaves));
    const columns = (keeps ? rows : untracked(rows)).map((joined, i) =>
      pieces(joined, 0, leaves, inputs.tensors[i]!),
    );
    const jacobian = rebuild(mapped(leaves, (_, k) => form(mapped(columns, (list) => list[k]!))));
    return hasAux ? [jacobian, keeps ? aux : untracked(aux)] : jacobian;
  };
}

const forward = new Signature("func.jacfwd", {
  argnums: optional(anything, 0),
  hasAux: optional(boolean, false),
  randomness: optional(choice("error", "same", "different"), "error"),
});

/**
 * The same as `jacrev`, column by column in forward mode and all columns in one mapped evaluation: for few inputs and many results.
 * @example
 * ```ts
 * torch.func.jacfwd((x: torch.Tensor) => x.mul(x))(torch.tensor([1, 2])) // => tensor([[2., 0.],\n        [0., 4.]])
 * ```
 */
export function jacfwd<A extends readonly unknown[], R, const N extends Argnums = 0>(
  fn: (...args: A) => R,
  options?: JacfwdOptions<N> & { readonly hasAux?: false },
): (...args: A) => JacobianOf<R, Chosen<A, N>>;
export function jacfwd<A extends readonly unknown[], R, X, const N extends Argnums = 0>(
  fn: (...args: A) => readonly [R, X],
  options: JacfwdOptions<N> & { readonly hasAux: true },
): (...args: A) => [jacobian: JacobianOf<R, Chosen<A, N>>, aux: X];
export function jacfwd(
  fn: (...args: never[]) => unknown,
  ...rest: readonly unknown[]
): (...args: readonly unknown[]) => unknown {
  const name = "func.jacfwd";
  checkFunction(name, fn);
  const { argnums, hasAux, randomness } = forward.read(rest);
  return (...given) => {
    const { at, chosen, form } = chosenArguments(name, argnums, given);
    const { leaves: tensors, rebuild } = chosen;
    const primals = rebuild(tensors) as readonly unknown[];
    let aux: unknown;
    const pushed = vmap(
      (...tangents: readonly Tensor[]) => {
        const run = (...own: readonly unknown[]): unknown => {
          const args = [...given];
          at.forEach((i, k) => (args[i] = own[k]));
          const [result, more] = withAux(name, fn(...(args as never[])), hasAux);
          aux = more;
          return result;
        };
        return jvp(run, primals, rebuild(tangents) as readonly unknown[])[1];
      },
      { outDims: -1, randomness: randomness as Randomness },
    )(...allUnitVectors(tensors));
    const { leaves, rebuild: nested } = resultsOf(name, pushed);
    const rows = mapped(leaves, (joined) =>
      pieces(joined, -1, tensors, { shape: joined.shape.slice(0, -1) }),
    );
    const jacobian = nested(mapped(rows, form));
    return hasAux ? [jacobian, aux] : jacobian;
  };
}

/**
 * A function that computes the Hessian of `fn`, a function with a scalar tensor as result: the Jacobian in forward mode of the Jacobian
 * in reverse mode. Each block has the sizes of one tensor of the argument followed by those of another.
 * @example
 * ```ts
 * torch.func.hessian((x: torch.Tensor) => x.pow(3).sum())(torch.tensor([1, 2])) // => tensor([[ 6.,  0.],\n        [ 0., 12.]])
 * ```
 */
export function hessian<A extends readonly unknown[], const N extends Argnums = 0>(
  fn: (...args: A) => Tensor,
  options?: { readonly argnums?: N },
): (...args: A) => JacobianOf<Chosen<A, N>, Chosen<A, N>>;
export function hessian(
  fn: (...args: never[]) => unknown,
  ...rest: readonly unknown[]
): (...args: readonly unknown[]) => unknown {
  const { argnums } = new Signature("func.hessian", { argnums: optional(anything, 0) }).read(rest);
  const options = { argnums: argnums as Argnums };
  return jacfwd(jacrev(fn as (...args: readonly unknown[]) => Tensor, options), options);
}
