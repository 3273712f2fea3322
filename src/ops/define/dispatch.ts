// Operations that are one name for several: an argument decides which of their variants computes.
import { ArgumentError } from "../../core/errors.ts";
import { Tensor } from "../../core/tensor.ts";
import { type Parameters, Signature, type Values } from "./parameters.ts";
import type { Attached } from "./registry.ts";

/** An operation that others are made of, without a public signature. */
export type Variant = Attached & ((...args: readonly unknown[]) => Tensor);

export interface DispatchRecord<P extends Parameters> {
  readonly name: string;
  readonly parameters: P;
  /** All of them, for the generic tests. */
  readonly variants: readonly Variant[];
  /** The variant and its arguments. Throws for arguments that have none. */
  readonly choose: (values: Values<P>, inPlace: boolean) => readonly [Variant, ...unknown[]];
  /** The variant for a tensor and one more tensor or number, with nothing else given: such calls need no reading of arguments. */
  readonly direct?: (other: Tensor | number) => Variant | undefined;
}

/** Makes the callable of an operation with variants. In place it does what the chosen variant does in place. */
export function dispatch<const P extends Parameters, F>(record: DispatchRecord<P>): F {
  const { name, parameters, choose, direct } = record;
  const signature = new Signature(name, parameters);
  const signatureInPlace = new Signature(`${name}_`, parameters);
  const invoke = (...args: readonly unknown[]): Tensor => {
    const [a, b, c] = args;
    if (
      direct !== undefined &&
      c === undefined &&
      a instanceof Tensor &&
      (b instanceof Tensor || typeof b === "number")
    ) {
      const variant = direct(b);
      if (variant !== undefined) return variant(a, b);
    }
    const [variant, ...rest] = choose(signature.read(args), false);
    return variant(...rest);
  };
  const inPlace = (...args: readonly unknown[]): unknown => {
    const [variant, ...rest] = choose(signatureInPlace.read(args), true);
    if (variant.inPlace === null)
      throw new ArgumentError(
        `${name}_: these arguments have no in-place form; use the out-of-place form`,
      );
    return variant.inPlace(...rest);
  };
  const attached: Attached = {
    record,
    inPlace: record.variants.some((variant) => variant.inPlace !== null) ? inPlace : null,
  };
  return Object.assign(invoke, attached) as F;
}
