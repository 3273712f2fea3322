// Activation functions, softmax and dropout as modules: each is its functional form with the settings fixed.
import {
  celu,
  elu,
  gelu,
  glu,
  logsigmoid,
  mish,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanhshrink,
} from "../ops/activation.ts";
import * as p from "../ops/define/parameters.ts";
import type { Trailing } from "../ops/define/registry.ts";
import { dropout } from "../ops/dropout.ts";
import type { Tensor } from "../ops/methods.ts";
import {
  hardshrink,
  hardsigmoid,
  hardswish,
  hardtanh,
  leakyRelu,
  prelu,
  relu,
  relu6,
  softshrink,
  threshold,
} from "../ops/rectifier.ts";
import { logSoftmax, softmax, softmin } from "../ops/softmax.ts";
import { tanh } from "../ops/trigonometric.ts";
import { FunctionModule, type OperationLike, type SettingsOf } from "./function.ts";
import { constant_ } from "./init.ts";
import { Module } from "./module.ts";
import { blank, type Parameter, type Placement, placement } from "./parameter.ts";
import { floatText, pythonText } from "./text.ts";

/** A module of one input whose text shows its settings. */
abstract class Activation<
  F extends OperationLike,
  A extends readonly unknown[] = SettingsOf<F, 1>,
> extends FunctionModule<F, 1, A> {
  /** Settings that PyTorch writes without their names. */
  protected static readonly bare: boolean = false;
  /** Whether numbers among the settings are whole. */
  protected static readonly whole: boolean = false;

  override extraRepr(): string {
    const { bare, whole } = this.constructor as typeof Activation;
    return Object.entries(this.settings)
      .filter(([name, value]) => name !== "inplace" || value === true)
      .map(([name, value]) => {
        const text = typeof value === "number" && !whole ? floatText(value) : pythonText(value);
        const shown = name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
        return bare ? text : `${shown}=${text}`;
      })
      .join(", ");
  }
}

type InPlace = Trailing<[inplace: boolean], { readonly inplace?: boolean }>;

/**
 * max(x, 0).
 * @example
 * ```ts
 * new torch.nn.ReLU()(torch.tensor([-1, 2])) // => tensor([0., 2.])
 * ```
 */
export class ReLU extends Activation<typeof relu, InPlace> {
  static override readonly operation: OperationLike = relu;
}

/** min(max(x, 0), 6). */
export class ReLU6 extends Activation<typeof relu6, InPlace> {
  static override readonly operation: OperationLike = relu6;
}

/** x above 0, negativeSlope x below. */
export class LeakyReLU extends Activation<typeof leakyRelu> {
  static override readonly operation: OperationLike = leakyRelu;
}

/** x above 0, alpha (exp(x) - 1) below. */
export class ELU extends Activation<typeof elu> {
  static override readonly operation: OperationLike = elu;
}

/** A scaled ELU whose outputs keep mean 0 and variance 1. */
export class SELU extends Activation<typeof selu> {
  static override readonly operation: OperationLike = selu;
}

/** max(0, x) + min(0, alpha (exp(x / alpha) - 1)). */
export class CELU extends Activation<typeof celu> {
  static override readonly operation: OperationLike = celu;
}

/** x times the share of a standard normal distribution below x, or its approximation with tanh. */
export class GELU extends Activation<typeof gelu> {
  static override readonly operation: OperationLike = gelu;
}

/** x sigmoid(x). */
export class SiLU extends Activation<typeof silu> {
  static override readonly operation: OperationLike = silu;
}

/** x tanh(softplus(x)). */
export class Mish extends Activation<typeof mish> {
  static override readonly operation: OperationLike = mish;
}

/** x within [minVal, maxVal], and these beyond. */
export class Hardtanh extends Activation<typeof hardtanh> {
  static override readonly operation: OperationLike = hardtanh;
}

/** x / 6 + 1/2, within [0, 1]. */
export class Hardsigmoid extends Activation<typeof hardsigmoid> {
  static override readonly operation: OperationLike = hardsigmoid;

  override extraRepr(): string {
    return "";
  }
}

/** x hardsigmoid(x). */
export class Hardswish extends Activation<typeof hardswish> {
  static override readonly operation: OperationLike = hardswish;

  override extraRepr(): string {
    return "";
  }
}

/** x where |x| > lambd, else 0. */
export class Hardshrink extends Activation<typeof hardshrink> {
  static override readonly operation: OperationLike = hardshrink;
  protected static override readonly bare: boolean = true;
}

/** x moved towards 0 by lambd, 0 where |x| <= lambd. */
export class Softshrink extends Activation<typeof softshrink> {
  static override readonly operation: OperationLike = softshrink;
  protected static override readonly bare: boolean = true;
}

/** x - tanh(x). */
export class Tanhshrink extends Activation<typeof tanhshrink> {
  static override readonly operation: OperationLike = tanhshrink;
}

/** x / (1 + |x|). */
export class Softsign extends Activation<typeof softsign> {
  static override readonly operation: OperationLike = softsign;
}

/** log(1 + exp(beta x)) / beta, and x where beta x is above the threshold. */
export class Softplus extends Activation<typeof softplus> {
  static override readonly operation: OperationLike = softplus;
}

/** log(sigmoid(x)). */
export class LogSigmoid extends Activation<typeof logsigmoid> {
  static override readonly operation: OperationLike = logsigmoid;
}

/** 1 / (1 + exp(-x)). */
export class Sigmoid extends Activation<typeof sigmoid> {
  static override readonly operation: OperationLike = sigmoid;
}

/** The hyperbolic tangent. */
export class Tanh extends Activation<typeof tanh> {
  static override readonly operation: OperationLike = tanh;
}

/** x above the threshold, else `value`. */
export class Threshold extends Activation<typeof threshold> {
  static override readonly operation: OperationLike = threshold;
  protected static override readonly whole: boolean = true;
}

/** The first half of the input along `dim`, times the sigmoid of the second. */
export class GLU extends Activation<typeof glu> {
  static override readonly operation: OperationLike = glu;
  protected static override readonly whole: boolean = true;
}

type Dim = Trailing<[dim: number | null], { readonly dim?: number | null }>;

/**
 * exp(x) / sum(exp(x)) along `dim`.
 * @example
 * ```ts
 * new torch.nn.Softmax(1)(torch.zeros(1, 2)) // => tensor([[0.5000, 0.5000]])
 * ```
 */
export class Softmax extends Activation<typeof softmax, Dim> {
  static override readonly operation: OperationLike = softmax;
  protected static override readonly whole: boolean = true;
}

/** The logarithm of softmax along `dim`. */
export class LogSoftmax extends Activation<typeof logSoftmax, Dim> {
  static override readonly operation: OperationLike = logSoftmax;
  protected static override readonly whole: boolean = true;
}

/** Softmax of -x along `dim`. */
export class Softmin extends Activation<typeof softmin, Dim> {
  static override readonly operation: OperationLike = softmin;
  protected static override readonly whole: boolean = true;
}

/**
 * Zeroes elements with probability `p` while training, and divides the others by 1 - p; the identity after `eval()`.
 * @example
 * ```ts
 * new torch.nn.Dropout(0.5).eval()(torch.ones(3)) // => tensor([1., 1., 1.])
 * ```
 */
export class Dropout extends Activation<
  typeof dropout,
  Trailing<[p: number, inplace: boolean], { readonly p?: number; readonly inplace?: boolean }>
> {
  static override readonly operation: OperationLike = dropout;
  static override readonly state: readonly string[] = ["training"];

  protected override options(): Record<string, unknown> {
    return { ...this.settings, training: this.training };
  }

  override extraRepr(): string {
    const { p: probability, inplace } = this.settings;
    return `p=${String(probability)}, inplace=${pythonText(inplace)}`;
  }
}

/** x above 0, and below it x times a learned slope: one for all, or one for each channel (dimension 1). */
export class PReLU extends Module {
  readonly numParameters: number;
  weight: Parameter;

  constructor(
    ...args: Trailing<
      [numParameters: number, init: number],
      { readonly numParameters?: number; readonly init?: number } & Placement
    >
  ) {
    super();
    const { numParameters, init, ...given } = p.readArguments(
      "nn.PReLU",
      {
        numParameters: p.optional(p.integer, 1),
        init: p.optional(p.number, 0.25),
        ...placement,
      },
      args,
    );
    this.numParameters = numParameters;
    this.weight = blank([numParameters], given);
    constant_(this.weight, init);
  }

  override forward(input: Tensor): Tensor {
    return prelu(input, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}
