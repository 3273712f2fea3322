// Whether derivatives are the same under vmap, for gradcheck.
import { noGrad } from "../autograd/mode.ts";
import { GradcheckError } from "../core/errors.ts";
import { stack } from "../ops/join.ts";
import { zerosLike } from "../ops/create.ts";
import { randnLike } from "../ops/random.ts";
import type { Tensor } from "../ops/methods.ts";
import { alongTangent, type ForwardSubject } from "./pushed.ts";
import { pullback } from "./reverse.ts";
import { vmap } from "./vmap.ts";

/** Compares a derivative in two directions, one after the other and as a batch. */
function compare(
  operation: string,
  what: string,
  option: string,
  like: Tensor,
  derivative: (direction: Tensor) => readonly Tensor[],
  name: (result: number) => string,
): void {
  const directions = noGrad(() => [0, 1].map(() => randnLike(like.detach())));
  const apart = directions.map(derivative);
  const expected = noGrad(() =>
    apart[0]!.map((_, i) => stack(apart.map((results) => results[i]!))),
  );
  let found: readonly Tensor[];
  try {
    found = vmap(derivative)(noGrad(() => stack(directions)));
  } catch (error) {
    throw new GradcheckError(
      `${operation}: while computing ${what} as a batch, by vmap, got: ${String(error)}\n${option} asks for this check; leave it out where derivatives are not taken under vmap`,
      { cause: error },
    );
  }
  expected.forEach((values, i) => {
    if (noGrad(() => found[i]!.detach().allclose(values))) return;
    throw new GradcheckError(
      `${operation}: ${what} computed as a batch, by vmap, differs for ${name(i)}:\nbatched: ${String(found[i])}\none by one: ${String(values)}`,
    );
  });
}

/** The gradients of one output. */
export function checkBatchedBackward(
  operation: string,
  output: Tensor,
  outputName: string,
  inputs: readonly Tensor[],
  inputNames: readonly string[],
): void {
  const back = pullback(output, inputs);
  compare(
    operation,
    `the gradient of ${outputName}`,
    "checkBatchedGrad",
    output,
    (seed) => back(seed).map((gradient, k) => gradient ?? zerosLike(inputs[k]!.detach())),
    (k) => inputNames[k]!,
  );
}

/** The forward-mode derivatives along each input. */
export function checkBatchedForward(subject: ForwardSubject): void {
  subject.inputs.forEach((input, k) =>
    compare(
      subject.operation,
      `the tangent along ${subject.inputNames[k]!}`,
      "checkBatchedForwardGrad",
      input,
      (direction) => alongTangent(subject, input, direction),
      (o) => `output ${o}`,
    ),
  );
}
