// Derivatives of scalar expressions, again as expressions.
import {
  call,
  constant,
  type Expression,
  gradient,
  input,
  postorder,
  result,
  substitute,
} from "./expression.ts";
import { type Derivative, functionOf } from "./scalar.ts";

const zero = constant(0);

/**
 * What a rule makes of an adjoint. A gradient of nothing stays one: multiplied by an infinite slope it would become NaN. So does one that
 * a condition makes nothing: as rules are linear in the gradient, the condition is asked last.
 */
function propagate(
  rule: Derivative,
  adjoint: Expression,
  operands: readonly Expression[],
  value: Expression,
): readonly (Expression | null)[] {
  if (adjoint === zero) return operands.map(() => zero);
  if (adjoint.kind === "call" && adjoint.name === "select") {
    const [condition, given, otherwise] = adjoint.operands as [Expression, Expression, Expression];
    const last = (part: Expression): Expression =>
      given === zero
        ? call("select", condition, zero, part)
        : call("select", condition, part, zero);
    if (given === zero || otherwise === zero)
      return propagate(rule, given === zero ? otherwise : given, operands, value).map((part) =>
        part === null || part === zero ? part : last(part),
      );
  }
  return rule(adjoint, operands, value);
}

/**
 * The gradient with respect to each tensor operand, in terms of the operands, `result` and `gradient`: reverse accumulation over
 * the expression. Null where the result does not depend on the operand.
 */
export function differentiate(root: Expression, inputCount: number): (Expression | null)[] {
  const adjoints = new Map<Expression, Expression>([[root, gradient]]);
  for (const e of postorder([root]).reverse()) {
    const adjoint = adjoints.get(e);
    if (adjoint === undefined || e.kind !== "call") continue;
    // A rule may speak of its own value; at the root that value is the saved result.
    const value = e === root ? result : e;
    propagate(functionOf(e.name).derivative, adjoint, e.operands, value).forEach((part, i) => {
      if (part === null) return;
      const operand = e.operands[i]!;
      if (operand.kind === "constant" || operand.kind === "scalar") return;
      const before = adjoints.get(operand);
      adjoints.set(
        operand,
        before === undefined || before === zero
          ? part
          : part === zero
            ? before
            : call("add", before, part),
      );
    });
  }
  return Array.from({ length: inputCount }, (_, i) => {
    const found = adjoints.get(input(i));
    return found === undefined ? null : substitute(found, (e) => (e === root ? result : undefined));
  });
}
