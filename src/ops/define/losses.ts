// What losses share: how their terms are combined, and the parameters that say so.
import { type DType, getDefaultDtype } from "../../core/dtype.ts";
import { ArgumentError, DTypeError, ShapeError } from "../../core/errors.ts";
import type { Expression } from "../../core/expression.ts";
import { resultType } from "../../core/promotion.ts";
import { f } from "../../core/scalar.ts";
import { formatSizes, sameSizes } from "../../core/shape.ts";
import type { Tensor } from "../../core/tensor.ts";
import * as p from "./parameters.ts";
import type { Parameter } from "./parameters.ts";
import type { Reduction } from "./reduction.ts";
import type { FunctionOnly } from "./registry.ts";

/** log(1 + exp(z)), which overflows for no z. */
export const softplus = (z: Expression): Expression =>
  f.add(f.maximum(z, 0), f.log1p(f.exp(f.neg(f.abs(z)))));

export type LossReduction = "mean" | "sum" | "none";

/** The options of every loss: how terms are combined, and PyTorch's older pair of flags for the same. */
export interface Reducing {
  readonly sizeAverage?: boolean | null;
  readonly reduce?: boolean | null;
  readonly reduction?: LossReduction;
}
export type Pairwise<O = object> = FunctionOnly<
  (input: Tensor, target: Tensor, options?: Reducing & O) => Tensor
>;

/** PyTorch's older pair of flags, and the name that replaced them. */
export const reductionParameters: {
  readonly sizeAverage: Parameter<boolean | null>;
  readonly reduce: Parameter<boolean | null>;
  readonly reduction: Parameter<LossReduction>;
} = {
  sizeAverage: p.optional(p.boolean, null),
  reduce: p.optional(p.boolean, null),
  reduction: p.optional(p.choice("mean", "sum", "none"), "mean"),
};

/** The reduction asked for; the older flags win where they are given. */
export function reductionKind(
  name: string,
  values: {
    readonly sizeAverage: boolean | null;
    readonly reduce: boolean | null;
    readonly reduction: LossReduction;
  },
): LossReduction {
  const { sizeAverage, reduce, reduction } = values;
  if (sizeAverage === null && reduce === null) return reduction;
  if (reduction !== "mean")
    throw new ArgumentError(
      `${name}: reduction is given beside the older sizeAverage or reduce; give reduction alone`,
    );
  if (reduce === false) return "none";
  return sizeAverage === false ? "sum" : "mean";
}

/** The common type, which must be floating. */
export function floatingType(name: string, tensors: readonly Tensor[]): DType {
  const type = resultType(tensors);
  if (type.kind !== "floating")
    throw new DTypeError(
      `${name}: takes floating-point tensors, got ${tensors.map((t) => t.dtype.name).join(" and ")}`,
    );
  return type;
}

/** The type of a loss that takes integers too: those count as the default floating type. */
export function looseType(tensors: readonly Tensor[]): DType {
  const type = resultType(tensors);
  return type.kind === "floating" ? type : getDefaultDtype();
}

/** The terms combined as asked. */
export function combine(
  terms: Reduction,
  tensors: readonly Tensor[],
  scalars: readonly number[],
  kind: LossReduction,
  type: DType = floatingType(terms.name, tensors),
): Tensor {
  if (kind === "mean") return terms.mean(tensors, scalars, type);
  return kind === "sum" ? terms.sum(tensors, scalars, type) : terms.each(tensors, scalars, type);
}

/** Refuses a target of another shape than the input's. */
export function checkSame(name: string, a: Tensor, b: Tensor): void {
  if (!sameSizes(a.sizes, b.sizes))
    throw new ShapeError(
      `${name}: the target has shape ${formatSizes(b.sizes)} and the input ${formatSizes(a.sizes)}; they must be equal`,
    );
}
