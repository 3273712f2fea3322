// Argument types that many operations share.
import type { DType } from "../core/dtype.ts";
import type { Device } from "../core/device.ts";
import type { Generator } from "../core/generator.ts";
import type { Tensor } from "../core/tensor.ts";
import type { FunctionOnly, Method, MethodWithInPlace } from "./define/registry.ts";

/** One dimension, or several. */
export type Dimensions = number | readonly number[];
/** Sizes spread over the arguments, or as an array. */
export type SizeArguments = readonly number[] | readonly [readonly number[]];

/** What every function that makes a tensor takes by name. */
export interface CreationOptions {
  readonly dtype?: DType | null | undefined;
  readonly device?: Device | string | null | undefined;
  readonly requiresGrad?: boolean | undefined;
}

/** What every function that draws random numbers takes by name. */
export interface RandomOptions extends CreationOptions {
  readonly generator?: Generator | null | undefined;
}
export type SizesThenRandom = readonly (number | readonly number[] | RandomOptions)[];

/** Sizes spread or as an array, then the options. */
export type SizesThenOptions = readonly (number | readonly number[] | CreationOptions)[];
export type FromSizes = FunctionOnly<(...args: SizesThenOptions) => Tensor>;

export type Unary = MethodWithInPlace;
/** A unary operation whose result is not of its operand's kind, so that it cannot be written in place. */
export type Predicate = Method;
export type Binary = MethodWithInPlace<[other: Tensor | number | boolean]>;
export type BinaryWithAlpha = MethodWithInPlace<
  [other: Tensor | number | boolean, options?: { readonly alpha?: number }]
>;
export type Comparison = Method<[other: Tensor | number | boolean]>;
