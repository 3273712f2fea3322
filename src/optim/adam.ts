// Adam and AdamW: steps scaled by running means of the gradient and of its square.
import { ArgumentError } from "../core/errors.ts";
import { type Expression, input, scalar } from "../core/expression.ts";
import { f } from "../core/scalar.ts";
import { FusedUpdate } from "../ops/define/fused.ts";
import * as p from "../ops/define/parameters.ts";
import type { Trailing } from "../ops/define/registry.ts";
import type { Tensor } from "../ops/methods.ts";
import {
  nonNegative,
  type OptionReaders,
  Optimizer,
  type ParametersInput,
  zerosLike,
} from "./optimizer.ts";

/** The options of Adam and AdamW. */
export interface AdamOptions {
  lr: number;
  betas: readonly [number, number];
  eps: number;
  weightDecay: number;
  amsgrad: boolean;
  maximize: boolean;
}

const betas: p.Parameter<readonly [number, number]> = {
  fallback: undefined,
  variadic: false,
  tensors: false,
  convert: (value, operation, name) => {
    const pair: readonly unknown[] = Array.isArray(value) ? value : [];
    const [first, second] = pair;
    const inside = (beta: unknown): beta is number =>
      typeof beta === "number" && beta >= 0 && beta < 1;
    if (pair.length !== 2 || !inside(first) || !inside(second))
      throw new ArgumentError(
        `${operation}: ${name} must be two numbers from 0 to below 1, got ${p.describe(value)}`,
      );
    return [first, second];
  },
};

const optionsWith = (weightDecay: number): OptionReaders<AdamOptions> => ({
  lr: p.optional(nonNegative, 1e-3),
  betas: p.optional(betas, [0.9, 0.999] as const),
  eps: p.optional(nonNegative, 1e-8),
  weightDecay: p.optional(nonNegative, weightDecay),
  amsgrad: p.optional(p.boolean, false),
  maximize: p.optional(p.boolean, false),
});

const kernels = new Map<string, FusedUpdate>();

function kernel(name: string, o: AdamOptions, decoupled: boolean): FusedUpdate {
  const key = [name, o.amsgrad, o.maximize, o.weightDecay !== 0, o.betas[0] > 0.5].join();
  let found = kernels.get(key);
  if (found === undefined) kernels.set(key, (found = build(name, o, decoupled)));
  return found;
}

function build(name: string, o: AdamOptions, decoupled: boolean): FusedUpdate {
  const [before, gradient, mean, square, largest] = [0, 1, 2, 3, 4].map(input) as Five;
  const [fresh, beta2, fresh2, correction, eps, rate, decay] = [0, 1, 2, 3, 4, 5, 6].map(
    scalar,
  ) as Seven;
  let parameter: Expression = before;
  let g: Expression = o.maximize ? f.neg(gradient) : gradient;
  if (o.weightDecay !== 0) {
    if (decoupled) parameter = f.mul(parameter, decay);
    else g = f.add(g, f.mul(parameter, decay));
  }
  // Two forms of the same interpolation; PyTorch starts from the end that is nearer.
  const newMean =
    o.betas[0] > 0.5
      ? f.multiplyAdd(fresh, f.sub(g, mean), mean)
      : f.sub(g, f.mul(f.sub(g, mean), f.sub(1, fresh)));
  const newSquare = f.multiplyAdd(f.mul(fresh2, g), g, f.mul(square, beta2));
  const newLargest = f.maximum(largest, newSquare);
  const root = f.sqrt(o.amsgrad ? newLargest : newSquare);
  const denominator = f.add(f.div(root, correction), eps);
  const updated = f.add(parameter, f.div(f.mul(rate, newMean), denominator));
  const outputs = [updated, newMean, newSquare];
  if (o.amsgrad) outputs.push(newLargest);
  return new FusedUpdate(`${name}.step`, outputs, o.amsgrad ? 5 : 4, 7);
}

type E = Expression;
type Five = [E, E, E, E, E];
type Seven = [E, E, E, E, E, E, E];
type AdamArguments = Trailing<
  [
    lr: number,
    betas: readonly [number, number],
    eps: number,
    weightDecay: number,
    amsgrad: boolean,
  ],
  Partial<AdamOptions>
>;

class AdamBase extends Optimizer<AdamOptions> {
  readonly #label: string;
  readonly #decoupled: boolean;

  constructor(
    label: string,
    decoupled: boolean,
    params: ParametersInput<AdamOptions>,
    args: readonly unknown[],
  ) {
    super(`optim.${label}`, optionsWith(decoupled ? 1e-2 : 0), params, args);
    this.#label = label;
    this.#decoupled = decoupled;
  }

  protected override update(parameter: Tensor, gradient: Tensor, o: AdamOptions): void {
    const slots = this.slots(parameter, () => ({
      step: 0,
      expAvg: zerosLike(parameter),
      expAvgSq: zerosLike(parameter),
    }));
    const state = [slots["expAvg"] as Tensor, slots["expAvgSq"] as Tensor];
    if (o.amsgrad) state.push((slots["maxExpAvgSq"] ??= zerosLike(parameter)) as Tensor);
    const step = (slots["step"] as number) + 1;
    slots["step"] = step;
    const [beta1, beta2] = o.betas;
    const stepSize = o.lr / (1 - beta1 ** step);
    const scalars = [
      1 - beta1,
      beta2,
      1 - beta2,
      Math.sqrt(1 - beta2 ** step),
      o.eps,
      -stepSize,
      this.#decoupled ? 1 - o.lr * o.weightDecay : o.weightDecay,
    ];
    kernel(this.#label, o, this.#decoupled).run(
      [parameter, ...state],
      [parameter, gradient, ...state],
      scalars,
    );
  }
}

/**
 * m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, parameter = parameter - lr m' / (sqrt(v') + eps), where m' and v' are m and
 * v divided by 1 - beta^step, and g is the gradient plus weightDecay times the parameter.
 * Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015.
 * @example
 * ```ts
 * const w = torch.ones(2, { requiresGrad: true });
 * const optimizer = new torch.optim.Adam([w], { lr: 0.25 });
 * w.mul(2).sum().backward();
 * optimizer.step();
 * w // => tensor([0.7500, 0.7500], requires_grad=True)
 * ```
 */
export class Adam extends AdamBase {
  constructor(params: ParametersInput<AdamOptions>, ...args: AdamArguments) {
    super("Adam", false, params, args);
  }
}

/**
 * Adam whose weight decay shrinks the parameter by 1 - lr weightDecay before the step, and so is not scaled by the running means.
 * Source: Loshchilov and Hutter, Decoupled weight decay regularization, 2019.
 */
export class AdamW extends AdamBase {
  constructor(params: ParametersInput<AdamOptions>, ...args: AdamArguments) {
    super("AdamW", true, params, args);
  }
}
