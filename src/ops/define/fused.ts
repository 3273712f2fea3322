// Several tensors updated by one kernel, outside the graph: what an optimizer's step is made of.
import type { Expression } from "../../core/expression.ts";
import { mapped } from "../../core/list.ts";
import { Program } from "../../core/program.ts";
import type { Tensor } from "../../core/tensor.ts";
import { computeType } from "./formula.ts";
import { bumpVersion, checkInPlace } from "./history.ts";
import { advise } from "./stale.ts";

/** Computes several expressions over the same elements and writes each into a tensor; outputs may be inputs too. */
export class FusedUpdate {
  readonly #name: string;
  readonly #program: Program;

  /** `name` is what an error says when the graph still needs a value that was overwritten. */
  constructor(name: string, outputs: readonly Expression[], inputs: number, scalars: number) {
    this.#name = name;
    advise(
      name,
      "the optimizer updated a parameter that the graph still needs: call backward() before step(), or compute the loss again from the updated parameters",
    );
    this.#program = new Program(outputs, inputs, scalars);
  }

  /** All tensors have the sizes of the first output. Throws AutogradError for an output whose elements share memory. */
  run(outputs: readonly Tensor[], inputs: readonly Tensor[], scalars: readonly number[]): void {
    for (const output of outputs) checkInPlace(this.#name, output, false);
    const read = mapped(inputs, (input) =>
      outputs.some((output) => output.storage === input.storage && output !== input)
        ? input.detach().clone()
        : input,
    );
    const typed = this.#program.typed(
      computeType(outputs[0]!.dtype),
      mapped(read, (tensor) => tensor.dtype),
      mapped(outputs, (tensor) => tensor.dtype),
    );
    const { backend } = outputs[0]!.device;
    if (outputs.length === 1) backend.map(typed, outputs[0]!, read, scalars);
    else backend.mapMany(typed, outputs, read, scalars);
    for (const output of outputs) bumpVersion(this.#name, output);
  }
}
