// Stochastic gradient descent, with momentum and Nesterov's variant.
import { ArgumentError } from "../core/errors.ts";
import { type Expression, input, scalar } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { FusedUpdate } from "../ops/define/fused.ts";
import * as p from "../ops/define/parameters.ts";
import type { Trailing } from "../ops/define/registry.ts";
import type { Tensor } from "../ops/methods.ts";
import { nonNegative, Optimizer, type ParametersInput, zerosLike } from "./optimizer.ts";

/** The options of SGD. */
export interface SGDOptions {
  lr: number;
  momentum: number;
  dampening: number;
  weightDecay: number;
  nesterov: boolean;
  maximize: boolean;
}

const options = {
  lr: p.optional(nonNegative, 1e-3),
  momentum: p.optional(nonNegative, 0),
  dampening: p.optional(p.number, 0),
  weightDecay: p.optional(nonNegative, 0),
  nesterov: p.optional(p.boolean, false),
  maximize: p.optional(p.boolean, false),
};

// One kernel for each choice of what takes part; a first step with momentum only fills the buffer.
const kernels = new Map<number, FusedUpdate>();

function kernel(o: SGDOptions, first: boolean): FusedUpdate {
  const key =
    Number(o.maximize) |
    (Number(o.weightDecay !== 0) << 1) |
    (Number(o.momentum !== 0) << 2) |
    (Number(first) << 3) |
    (Number(o.nesterov) << 4);
  let found = kernels.get(key);
  if (found === undefined) kernels.set(key, (found = build(o, first)));
  return found;
}

function build(o: SGDOptions, first: boolean): FusedUpdate {
  const [parameter, gradient, buffer] = [input(0), input(1), input(2)];
  const [rate, decay, momentum, fresh] = [scalar(0), scalar(1), scalar(2), scalar(3)];
  let step: Expression = o.maximize ? f.neg(gradient) : gradient;
  if (o.weightDecay !== 0) step = f.add(step, f.mul(parameter, decay));
  const outputs: Expression[] = [];
  if (o.momentum !== 0) {
    const updated = first ? step : f.add(f.mul(buffer, momentum), f.mul(step, fresh));
    outputs.push(updated);
    step = o.nesterov ? f.add(step, f.mul(updated, momentum)) : updated;
  }
  return new FusedUpdate("SGD.step", [f.add(parameter, f.mul(step, rate)), ...outputs], 3, 4);
}

/**
 * b = momentum b + (1 - dampening) g, parameter = parameter - lr b, where g is the gradient plus weightDecay times the parameter and b
 * starts as g; with nesterov the step is g + momentum b. Throws ArgumentError for negative options, and for nesterov without momentum.
 * @example
 * ```ts
 * const w = torch.ones(2, { requiresGrad: true });
 * const optimizer = new torch.optim.SGD([w], { lr: 0.25 });
 * w.mul(2).sum().backward();
 * optimizer.step();
 * w // => tensor([0.5000, 0.5000], requires_grad=True)
 * ```
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(
    params: ParametersInput<SGDOptions>,
    ...args: Trailing<
      [lr: number, momentum: number, dampening: number, weightDecay: number, nesterov: boolean],
      Partial<SGDOptions>
    >
  ) {
    super("optim.SGD", options, params, args);
  }

  protected override check({ nesterov, momentum, dampening }: SGDOptions): void {
    if (nesterov && (momentum === 0 || dampening !== 0))
      throw new ArgumentError(
        `optim.SGD: nesterov needs a momentum and no dampening, got momentum ${momentum} and dampening ${dampening}`,
      );
  }

  protected override update(parameter: Tensor, gradient: Tensor, o: SGDOptions): void {
    const scalars = [-o.lr, o.weightDecay, o.momentum, 1 - o.dampening];
    if (o.momentum === 0) {
      kernel(o, false).run([parameter], [parameter, gradient, gradient], scalars);
      return;
    }
    const slots = this.slots(parameter, () => ({}));
    const first = slots["momentumBuffer"] === undefined;
    const buffer = (slots["momentumBuffer"] ??= zerosLike(parameter)) as Tensor;
    kernel(o, first).run([parameter, buffer], [parameter, gradient, buffer], scalars);
  }
}
