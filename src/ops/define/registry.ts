// What every operation carries, and the types by which operations become methods of Tensor.
import type { Tensor } from "../../core/tensor.ts";
import type { Parameters } from "./parameters.ts";

/** A call for the generic tests: builds its arguments from a source of random tensors. */
export type Example = (random: ExampleSource) => readonly unknown[];

/** Makes inputs for examples, of the type under test. */
export interface ExampleSource {
  /** Normal values, or values between the bounds. Requires a gradient where the test asks for one. */
  tensor(sizes: readonly number[], low?: number, high?: number): Tensor;
  /** Whole numbers in low..high-1, int64. */
  positions(sizes: readonly number[], low: number, high: number): Tensor;
  /** Booleans. */
  mask(sizes: readonly number[]): Tensor;
}

/** The record of an operation as shared code sees it. */
export interface PublicRecord {
  readonly name: string;
  readonly parameters: Parameters;
  readonly examples?: readonly Example[];
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
/** An operation that is also a method of Tensor. */
export type Method<F> = F & { readonly record: PublicRecord; readonly method: true };
/** An operation that is also a method, and has an in-place form `name_`. */
export type MethodWithInPlace<F> = F & { readonly record: PublicRecord; readonly method: true; readonly mutates: true };

type Bound<F> = F extends (self: Tensor, ...rest: infer R) => infer O ? (...rest: R) => O : never;
type BoundInPlace<F> = F extends (self: Tensor, ...rest: infer R) => unknown ? (...rest: R) => Tensor : never;

/** The methods that a module of operations gives to Tensor. */
export type MethodsOf<M> = {
  [K in keyof M as M[K] extends { readonly method: true } ? K : never]: Bound<M[K]>;
} & {
  [K in keyof M as M[K] extends { readonly mutates: true } ? `${K & string}_` : never]: BoundInPlace<M[K]>;
};

/** Arguments by position, any of which may be left out from the end, with the named ones in a trailing object. */
export type Trailing<P extends readonly unknown[], O> = P extends readonly [...infer I, unknown]
  ? readonly [...P, O?] | Trailing<I, O>
  : readonly [O?];
