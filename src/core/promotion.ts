// Which element type an operation on several types computes in: PyTorch's promotion lattice.
import {
  type DType,
  bool,
  float32,
  float64,
  getDefaultDtype,
  int16,
  int32,
  int64,
  int8,
  uint8,
} from "./dtype.ts";

const integerRank = new Map<DType, number>([
  [int8, 1],
  [int16, 2],
  [int32, 3],
  [int64, 4],
]);

/** The smallest type that holds both: bool < integers < floats; uint8 with a signed type is at least int16. */
export function promoteTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  if (a.kind !== b.kind) {
    const order = ["boolean", "integer", "floating"];
    return order.indexOf(a.kind) > order.indexOf(b.kind) ? a : b;
  }
  if (a.kind === "floating") {
    if (a === float64 || b === float64) return float64;
    return float32; // also float16 with bfloat16: neither holds the other
  }
  if (a === uint8 || b === uint8) {
    const other = a === uint8 ? b : a;
    return other === int8 ? int16 : other;
  }
  return integerRank.get(a)! > integerRank.get(b)! ? a : b;
}

/** An operand as promotion sees it: a tensor's type and rank, or a JavaScript number or boolean. */
export type PromotionOperand =
  | { readonly dtype: DType; readonly sizes: readonly number[] }
  | number
  | bigint
  | boolean;

/**
 * The type in which operands are combined. Tensors with dimensions decide; tensors without dimensions, then plain numbers,
 * only raise the category (bool, integer, floating). A whole number counts as Python's int, any other as Python's float.
 */
export function resultType(operands: readonly PromotionOperand[]): DType {
  // Operands of one floating type, the commonest case, need no lattice.
  const first = operands[0];
  if (typeof first === "object" && first.dtype.kind === "floating") {
    let uniform = true;
    for (let i = 1; i < operands.length; i++) {
      const operand = operands[i]!;
      if (typeof operand !== "object" || operand.dtype !== first.dtype) uniform = false;
    }
    if (uniform) return first.dtype;
  }
  let dimensioned: DType | undefined;
  let scalar: DType | undefined;
  let plain: DType | undefined;
  for (const operand of operands) {
    if (typeof operand === "object") {
      if (operand.sizes.length > 0)
        dimensioned = dimensioned ? promoteTypes(dimensioned, operand.dtype) : operand.dtype;
      else scalar = scalar ? promoteTypes(scalar, operand.dtype) : operand.dtype;
    } else {
      const own =
        typeof operand === "boolean" ? bool : isWhole(operand) ? int64 : getDefaultDtype();
      plain = plain ? promoteTypes(plain, own) : own;
    }
  }
  return combine(combine(dimensioned, scalar), plain) ?? getDefaultDtype();
}

/** Whether a JavaScript number counts as Python's int. */
function isWhole(value: number | bigint): boolean {
  return typeof value === "bigint" || Number.isInteger(value);
}

function combine(higher: DType | undefined, lower: DType | undefined): DType | undefined {
  if (!higher || !lower) return higher ?? lower;
  const order = ["boolean", "integer", "floating"];
  return order.indexOf(lower.kind) > order.indexOf(higher.kind)
    ? promoteTypes(higher, lower)
    : higher;
}
