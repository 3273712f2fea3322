// Argument types that many operations share.
import type { DType } from "../core/dtype.ts";
import type { Device } from "../core/device.ts";
import type { Tensor } from "../core/tensor.ts";
import type { Method, MethodWithInPlace } from "./define/registry.ts";

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

export type Unary = MethodWithInPlace;
/** A unary operation whose result is not of its operand's kind, so that it cannot be written in place. */
export type Predicate = Method;
export type Binary = MethodWithInPlace<[other: Tensor | number]>;
export type BinaryWithAlpha = MethodWithInPlace<
  [other: Tensor | number, options?: { readonly alpha?: number }]
>;
export type Comparison = Method<[other: Tensor | number]>;
