// What every operation carries, and the types by which operations become methods of Tensor.
import type { Tensor } from "../../core/tensor.ts";
import type { Parameters } from "./parameters.ts";

/** The record of an operation as shared code sees it. */
export interface PublicRecord {
  readonly name: string;
  readonly parameters: Parameters;
  readonly backward?: object;
}

/** What an operation's function carries besides being callable. */
export interface Attached {
  readonly record: PublicRecord;
  /** The in-place form, where there is one. */
  readonly inPlace: ((...args: readonly unknown[]) => unknown) | null;
}

/** An operation that is a function of the torch namespace only. */
export type FunctionOnly<F> = F & { readonly record: PublicRecord };
/** An operation that is also a method of Tensor; `A` are the arguments after the tensor itself. */
export type Method<A extends readonly unknown[] = [], O = Tensor> = ((
  self: Tensor,
  ...args: A
) => O) & {
  readonly record: PublicRecord;
  readonly method: (...args: A) => O;
};
/** An operation that is also a method, and has an in-place form `name_`. */
export type MethodWithInPlace<A extends readonly unknown[] = [], O = Tensor> = Method<A, O> & {
  readonly mutator: (...args: A) => Tensor;
};

/** The methods that a module of operations gives to Tensor. */
export type MethodsOf<M> = {
  [K in keyof M as M[K] extends { readonly method: unknown } ? K : never]: M[K] extends {
    readonly method: infer F;
  }
    ? F
    : never;
} & {
  [
    K in keyof M as M[K] extends { readonly mutator: unknown } ? `${K & string}_` : never
  ]: M[K] extends { readonly mutator: infer F } ? F : never;
};

/** Arguments by position, any of which may be left out from the end, with the named ones in a trailing object. */
export type Trailing<P extends readonly unknown[], O> = P extends readonly [...infer I, unknown]
  ? readonly [...P, O?] | Trailing<I, O>
  : readonly [O?];
