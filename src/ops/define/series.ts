// Power series as expressions, for where a formula is a difference of equals.
import { constant, type Expression } from "../../core/expression.ts";
import { f } from "../../core/scalar.ts";

/** The sum of `coefficients[k] * x ** k`, by Horner's rule. */
export function powerSeries(x: Expression, coefficients: readonly number[]): Expression {
  return coefficients.reduceRight<Expression>(
    (sum, coefficient) => f.add(f.mul(x, sum), coefficient),
    constant(0),
  );
}
