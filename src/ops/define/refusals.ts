// Reasons why an operation refuses operands, shared by the records that do.
import type { DType } from "../../core/dtype.ts";
import { DTypeError, ShapeError } from "../../core/errors.ts";
import { formatSizes, sameSizes, type Sizes } from "../../core/shape.ts";
import { Tensor } from "../../core/tensor.ts";

type Refusal = (dtype: DType) => string | undefined;
type Check = (operands: readonly (Tensor | number)[], common: DType) => string | undefined;

/** Refuses bool; `instead` says what to use. */
export function noBool(instead: string): Refusal {
  return (dtype) => (dtype.kind === "boolean" ? `bool is not supported; ${instead}` : undefined);
}

/** Refuses everything but floating-point types. */
export const onlyFloating: Refusal = (dtype) =>
  dtype.kind === "floating"
    ? undefined
    : `${dtype.name} is not supported; convert to a floating-point type first`;

/** Refuses everything but integers. */
export const onlyIntegers: Refusal = (dtype) =>
  dtype.kind === "integer" ? undefined : `${dtype.name} is not supported; integers are`;

/** Refuses floating-point types. */
export const noFloating: Refusal = (dtype) =>
  dtype.kind === "floating" ? `${dtype.name} is not supported; integers and bool are` : undefined;

/** Refuses tensors of different types. */
export const sameTypes: Check = (operands) => {
  const types = operands.flatMap((o) => (o instanceof Tensor ? [o.dtype] : []));
  const other = types.find((dtype) => dtype !== types[0]);
  return other === undefined
    ? undefined
    : `the operands must have one type, got ${types[0]!.name} and ${other.name}; convert one with .to(dtype)`;
};

/** Refuses a zero in the second operand when integers are divided: there is no integer for it. */
export const noZeroDivisor: Check = ([, divisor], common) => {
  if (common.kind === "floating") return undefined;
  const found =
    divisor instanceof Tensor
      ? divisor.count > 0 &&
        divisor.device.backend.valueless !== true &&
        divisor.eq(0).sum().item() !== 0
      : divisor === 0;
  return found
    ? "an integer is divided by zero, for which there is no integer; convert to a floating-point type for infinities"
    : undefined;
};

/** Refuses a bool tensor among the operands, whatever it would be promoted to. */
export const noBools: Check = (operands) =>
  operands.some((o) => o instanceof Tensor && o.dtype.kind === "boolean")
    ? "bool is not supported; use bitwiseXor or logicalXor, or convert to an integer type"
    : undefined;

/** Refuses a condition or mask, the operand at that place, that is not bool. */
export function boolAt(place: number, name: string): Check {
  return (operands) => {
    const { dtype } = operands[place] as Tensor;
    return dtype.kind === "boolean"
      ? undefined
      : `${name} must be a bool tensor, got ${dtype.name}; compare with ne(0) first`;
  };
}

const kinds: readonly DType["kind"][] = ["boolean", "integer", "floating"];

/** Refuses a result that an in-place operation cannot write into its tensor: of a wider kind, or of other sizes. */
export function checkFits(name: string, self: Tensor, sizes: Sizes, dtype: DType): void {
  if (kinds.indexOf(dtype.kind) > kinds.indexOf(self.dtype.kind))
    throw new DTypeError(
      `${name}: the result is ${dtype.name} and cannot be written into a tensor of type ${self.dtype.name}; use the out-of-place form`,
    );
  if (!sameSizes(sizes, self.sizes))
    throw new ShapeError(
      `${name}: the result has shape ${formatSizes(sizes)} and cannot be written into ${formatSizes(self.sizes)}; only the other operand may broadcast`,
    );
}
