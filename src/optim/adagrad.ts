// Adagrad: steps scaled by the sum of all squared gradients so far.
import { type Expression, input, scalar } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { FusedUpdate } from "../ops/define/fused.ts";
import * as p from "../ops/define/parameters.ts";
import type { Trailing } from "../ops/define/registry.ts";
import type { Tensor } from "../ops/methods.ts";
import { nonNegative, Optimizer, type ParametersInput, zerosLike } from "./optimizer.ts";

/** The options of Adagrad. */
export interface AdagradOptions {
  lr: number;
  lrDecay: number;
  weightDecay: number;
  initialAccumulatorValue: number;
  eps: number;
  maximize: boolean;
}

const options = {
  lr: p.optional(nonNegative, 1e-2),
  lrDecay: p.optional(nonNegative, 0),
  weightDecay: p.optional(nonNegative, 0),
  initialAccumulatorValue: p.optional(nonNegative, 0),
  eps: p.optional(nonNegative, 1e-10),
  maximize: p.optional(p.boolean, false),
};

const kernels = new Map<string, FusedUpdate>();

function kernel(o: AdagradOptions): FusedUpdate {
  const key = [o.maximize, o.weightDecay !== 0].join();
  let found = kernels.get(key);
  if (found === undefined) kernels.set(key, (found = build(o)));
  return found;
}

function build(o: AdagradOptions): FusedUpdate {
  const [parameter, gradient, sum] = [input(0), input(1), input(2)];
  const [rate, eps, decay] = [scalar(0), scalar(1), scalar(2)];
  let g: Expression = o.maximize ? f.neg(gradient) : gradient;
  if (o.weightDecay !== 0) g = f.add(g, f.mul(parameter, decay));
  const newSum = f.add(sum, f.mul(g, g));
  const updated = f.add(parameter, f.div(f.mul(rate, g), f.add(f.sqrt(newSum), eps)));
  return new FusedUpdate("Adagrad.step", [updated, newSum], 3, 3);
}

/**
 * s = s + g^2, parameter = parameter - lr / (1 + (step - 1) lrDecay) g / (sqrt(s) + eps).
 * Source: Duchi, Hazan and Singer, Adaptive subgradient methods, 2011.
 */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(
    params: ParametersInput<AdagradOptions>,
    ...args: Trailing<
      [
        lr: number,
        lrDecay: number,
        weightDecay: number,
        initialAccumulatorValue: number,
        eps: number,
      ],
      Partial<AdagradOptions>
    >
  ) {
    super("optim.Adagrad", options, params, args);
  }

  protected override update(parameter: Tensor, gradient: Tensor, o: AdagradOptions): void {
    const slots = this.slots(parameter, () => ({
      step: 0,
      sum: zerosLike(parameter).fill_(o.initialAccumulatorValue),
    }));
    const step = (slots["step"] as number) + 1;
    slots["step"] = step;
    const sum = slots["sum"] as Tensor;
    const rate = -o.lr / (1 + (step - 1) * o.lrDecay);
    kernel(o).run([parameter, sum], [parameter, gradient, sum], [rate, o.eps, o.weightDecay]);
  }
}
