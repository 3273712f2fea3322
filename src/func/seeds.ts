// What gradcheck asks of a backward pass besides its values: that it scales with the gradient it is given, and bears there being none.
import { noGrad } from "../autograd/mode.ts";
import { Node, type Sender } from "../autograd/node.ts";
import { GradcheckError } from "../core/errors.ts";
import { alias } from "../ops/define/memory.ts";
import { gradientNode } from "../ops/define/history.ts";
import { captureGradients } from "../ops/define/pass.ts";
import { zerosLike } from "../ops/create.ts";
import type { Tensor } from "../ops/methods.ts";
import { outputsOf } from "./difference.ts";

/** What these checks need to know. */
interface Subject {
  readonly operation: string;
  readonly call: () => unknown;
  readonly inputs: readonly Tensor[];
  readonly inputNames: readonly string[];
}

/** Sends on that there is no gradient, whatever arrives. */
class UndefinedGrad extends Node<Tensor> {
  get name(): string {
    return "UndefinedGrad";
  }

  run(task: Sender<Tensor>): void {
    task.send(this, 0, null);
  }
}

function withoutGradient(output: Tensor): Tensor {
  const out = alias(output);
  out.node = new UndefinedGrad([gradientNode(output)], [output.outputIndex]);
  out.tracked = true;
  return out;
}

function gradients(
  { operation, inputs }: Subject,
  outputs: readonly Tensor[],
): readonly (Tensor | null)[] {
  const seeds = noGrad(() => outputs.map((output) => zerosLike(output)));
  return captureGradients(operation, outputs, inputs, seeds, true, false);
}

const isZero = (gradient: Tensor | null): boolean =>
  gradient === null || noGrad(() => Boolean(gradient.eq(0).all().item()));

/** A gradient of zeros must give zeros. */
export function checkScaling(subject: Subject, all: readonly Tensor[]): void {
  const outputs = all.filter((output) => output.requiresGrad);
  gradients(subject, outputs).forEach((gradient, k) => {
    if (!isZero(gradient))
      throw new GradcheckError(
        `${subject.operation}: backward not multiplied by grad_output: a gradient of zeros for the outputs gave ${String(gradient)} for ${subject.inputNames[k]!}`,
      );
  });
}

/** No gradient at all, for one output or for all, must act like zeros. */
export function checkUndefined(subject: Subject): void {
  const fresh = (): readonly Tensor[] =>
    outputsOf(subject.call()).filter((output) => output.requiresGrad);
  const count = fresh().length;
  const each = Array.from({ length: count }, (_, i) => i);
  for (const missing of count > 1 ? [each, ...each.map((i) => [i])] : [each]) {
    const outputs = fresh().map((output, i) =>
      missing.includes(i) ? withoutGradient(output) : output,
    );
    let found: readonly (Tensor | null)[];
    try {
      found = gradients(subject, outputs);
    } catch (error) {
      throw new GradcheckError(
        `${subject.operation}: expected backward function to handle undefined output grads, but it failed: ${String(error)}; a rule must take a missing gradient for zeros`,
        { cause: error },
      );
    }
    if (!found.every(isZero))
      throw new GradcheckError(
        `${subject.operation}: expected all input gradients to be null or zero when all output gradients are null or zero`,
      );
  }
}
