// RMSprop: steps scaled by a running mean of the gradient's square.
import { type Expression, input, scalar } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { FusedUpdate } from "../ops/define/fused.ts";
import * as p from "../ops/define/parameters.ts";
import type { Trailing } from "../ops/define/registry.ts";
import type { Tensor } from "../ops/methods.ts";
import { nonNegative, Optimizer, type ParametersInput, zerosLike } from "./optimizer.ts";

/** The options of RMSprop. */
export interface RMSpropOptions {
  lr: number;
  alpha: number;
  eps: number;
  weightDecay: number;
  momentum: number;
  centered: boolean;
  maximize: boolean;
}

const options = {
  lr: p.optional(nonNegative, 1e-2),
  alpha: p.optional(nonNegative, 0.99),
  eps: p.optional(nonNegative, 1e-8),
  weightDecay: p.optional(nonNegative, 0),
  momentum: p.optional(nonNegative, 0),
  centered: p.optional(p.boolean, false),
  maximize: p.optional(p.boolean, false),
};

const kernels = new Map<string, FusedUpdate>();

function kernel(o: RMSpropOptions): FusedUpdate {
  const key = [o.maximize, o.weightDecay !== 0, o.centered, o.momentum > 0, o.alpha > 0.5].join();
  let found = kernels.get(key);
  if (found === undefined) kernels.set(key, (found = build(o)));
  return found;
}

function build(o: RMSpropOptions): FusedUpdate {
  const [parameter, gradient, square] = [input(0), input(1), input(2)];
  const [mean, buffer] = [input(3), input(o.centered ? 4 : 3)];
  const [rate, alpha, fresh, eps, decay, momentum] = [0, 1, 2, 3, 4, 5].map(scalar) as Six;
  let g: Expression = o.maximize ? f.neg(gradient) : gradient;
  if (o.weightDecay !== 0) g = f.add(g, f.mul(parameter, decay));
  const newSquare = f.add(f.mul(square, alpha), f.mul(f.mul(fresh, g), g));
  const state: Expression[] = [newSquare];
  let variance: Expression = newSquare;
  if (o.centered) {
    const newMean =
      o.alpha > 0.5
        ? f.add(mean, f.mul(fresh, f.sub(g, mean)))
        : f.sub(g, f.mul(f.sub(g, mean), f.sub(1, fresh)));
    state.push(newMean);
    variance = f.sub(newSquare, f.mul(newMean, newMean));
  }
  const deviation = f.add(f.sqrt(variance), eps);
  let updated: Expression;
  if (o.momentum > 0) {
    const newBuffer = f.add(f.mul(buffer, momentum), f.div(g, deviation));
    state.push(newBuffer);
    updated = f.add(parameter, f.mul(newBuffer, rate));
  } else updated = f.add(parameter, f.div(f.mul(rate, g), deviation));
  return new FusedUpdate("RMSprop.step", [updated, ...state], 2 + state.length, 6);
}

type E = Expression;
type Six = [E, E, E, E, E, E];

/**
 * v = alpha v + (1 - alpha) g^2, parameter = parameter - lr g / (sqrt(v) + eps), with momentum on the quotient where asked for; `centered`
 * takes the square of the gradient's own running mean off v. Source: Hinton, lecture 6e of Neural networks for machine learning, 2012.
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(
    params: ParametersInput<RMSpropOptions>,
    ...args: Trailing<
      [
        lr: number,
        alpha: number,
        eps: number,
        weightDecay: number,
        momentum: number,
        centered: boolean,
      ],
      Partial<RMSpropOptions>
    >
  ) {
    super("optim.RMSprop", options, params, args);
  }

  protected override update(parameter: Tensor, gradient: Tensor, o: RMSpropOptions): void {
    const slots = this.slots(parameter, () => ({ step: 0, squareAvg: zerosLike(parameter) }));
    slots["step"] = (slots["step"] as number) + 1;
    const state = [slots["squareAvg"] as Tensor];
    if (o.centered) state.push((slots["gradAvg"] ??= zerosLike(parameter)) as Tensor);
    if (o.momentum > 0) state.push((slots["momentumBuffer"] ??= zerosLike(parameter)) as Tensor);
    const scalars = [-o.lr, o.alpha, 1 - o.alpha, o.eps, o.weightDecay, o.momentum];
    kernel(o).run([parameter, ...state], [parameter, gradient, ...state], scalars);
  }
}
