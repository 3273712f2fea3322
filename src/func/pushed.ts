// What forward mode says a function's derivative is, for gradcheck.
import { noGrad } from "../autograd/mode.ts";
import { GradcheckError } from "../core/errors.ts";
import type { Flattened } from "../core/tree.ts";
import { stack } from "../ops/join.ts";
import { zeros, zerosLike } from "../ops/create.ts";
import type { Tensor } from "../ops/methods.ts";
import { outputsOf } from "./difference.ts";
import { dualLevel, makeDual, unpackDual } from "./forwardad.ts";
import { basis } from "./reverse.ts";

/** What these checks need to know. */
export interface ForwardSubject {
  readonly operation: string;
  readonly func: (...args: readonly unknown[]) => unknown;
  /** The arguments, taken apart. */
  readonly arguments: Flattened<Tensor>;
  /** Those that are differentiated by, with their names. */
  readonly inputs: readonly Tensor[];
  readonly inputNames: readonly string[];
}

/** The function at arguments of which some carry tangents: null for a tensor without one. None of them requires a gradient. */
function pushed(
  { func, arguments: parts }: ForwardSubject,
  tangentOf: (input: Tensor) => Tensor | null,
): readonly { readonly value: Tensor; readonly tangent: Tensor | null }[] {
  const leaves = parts.leaves.map((leaf) => {
    const tangent = tangentOf(leaf);
    return tangent === null ? leaf.detach() : makeDual(leaf.detach(), tangent);
  });
  return outputsOf(func(...(parts.rebuild(leaves) as readonly unknown[]))).map((output) => ({
    value: output,
    tangent: unpackDual(output).tangent,
  }));
}

/** The derivatives of all outputs along a direction in one input: J u. The other inputs have tangents of zeros. */
export function alongTangent(
  subject: ForwardSubject,
  input: Tensor,
  direction: Tensor,
): readonly Tensor[] {
  return dualLevel(() =>
    pushed(subject, (leaf) => {
      if (leaf === input) return direction.reshape(input.sizes);
      return subject.inputs.includes(leaf) ? zerosLike(leaf.detach()) : null;
    }).map(({ value, tangent }) =>
      noGrad(() => (tangent ?? zerosLike(value.detach())).detach().reshape(-1)),
    ),
  );
}

/** The Jacobian of every output with respect to one input, a row for each of the input's elements, in forward mode. */
export function forwardJacobian(subject: ForwardSubject, input: Tensor): readonly Tensor[] {
  const rows: (readonly Tensor[])[] = [];
  for (const direction of basis(input)) rows.push(alongTangent(subject, input, direction));
  if (rows.length === 0)
    return outputsOf(
      subject.func(...(subject.arguments.rebuild(subject.arguments.leaves) as readonly unknown[])),
    ).map((output) => zeros([0, output.count], { dtype: output.dtype }));
  return noGrad(() => rows[0]!.map((_, o) => stack(rows.map((row) => row[o]!))));
}

/** An input without a tangent must act like one whose tangent is zero. */
export function checkMissingTangents(subject: ForwardSubject, directions: readonly Tensor[]): void {
  subject.inputs.forEach((input, k) => {
    const others = (leaf: Tensor): Tensor | null => {
      const at = subject.inputs.indexOf(leaf);
      return at < 0 ? null : directions[at]!.reshape(leaf.sizes);
    };
    dualLevel(() => {
      const zero = pushed(subject, (leaf) =>
        leaf === input ? zerosLike(leaf.detach()) : others(leaf),
      );
      const missing = pushed(subject, (leaf) => (leaf === input ? null : others(leaf)));
      zero.forEach(({ tangent }, o) => {
        const other = missing[o]?.tangent ?? null;
        if (tangent === null || other === null) return;
        if (noGrad(() => tangent.detach().allclose(other.detach()))) return;
        throw new GradcheckError(
          `${subject.operation}: mismatch in tangent values for output ${o} when ${subject.inputNames[k]!} has an undefined tangent value: got ${String(other)}, but with a tangent of zeros ${String(tangent)}; a rule must take a missing tangent for zeros`,
        );
      });
    });
  });
}
