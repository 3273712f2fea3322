// Learning rates that follow a schedule. A scheduler is stepped once an epoch, after the optimizer.
import { ArgumentError } from "../core/errors.ts";
import type { Optimizer } from "./optimizer.ts";

type WithRate = { lr: number };

/** Base class: sets the learning rate of each group from the number of the epoch. */
export abstract class LRScheduler {
  readonly optimizer: Optimizer<WithRate>;
  readonly baseLrs: readonly number[];
  lastEpoch: number = 0;

  constructor(optimizer: Optimizer<WithRate>) {
    this.optimizer = optimizer;
    this.baseLrs = optimizer.paramGroups.map((group) => group.lr);
  }

  /** The rate of group `index`, which is `lr` now, for the epoch `lastEpoch`. */
  protected abstract rate(lr: number, base: number, index: number): number;

  /** Goes on to the next epoch. */
  step(): void {
    this.lastEpoch++;
    this.apply();
  }

  protected apply(): void {
    this.optimizer.paramGroups.forEach((group, i) => {
      group.lr = this.rate(group.lr, this.baseLrs[i] ?? group.lr, i);
    });
  }

  /** The rates that are set now. */
  getLastLr(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }
}

/** Multiplies the rate by `gamma` every `stepSize` epochs. */
export class StepLR extends LRScheduler {
  readonly stepSize: number;
  readonly gamma: number;

  constructor(optimizer: Optimizer<WithRate>, stepSize: number, gamma: number = 0.1) {
    super(optimizer);
    if (!(Number.isInteger(stepSize) && stepSize > 0))
      throw new ArgumentError(`StepLR: stepSize must be a positive whole number, got ${stepSize}`);
    this.stepSize = stepSize;
    this.gamma = gamma;
  }

  protected override rate(lr: number): number {
    return this.lastEpoch % this.stepSize === 0 ? lr * this.gamma : lr;
  }
}

/** Multiplies the first rate by a function of the epoch, one for all groups or one for each. */
export class LambdaLR extends LRScheduler {
  readonly lrLambdas: readonly ((epoch: number) => number)[];

  constructor(
    optimizer: Optimizer<WithRate>,
    lrLambda: ((epoch: number) => number) | readonly ((epoch: number) => number)[],
  ) {
    super(optimizer);
    const groups = optimizer.paramGroups.length;
    this.lrLambdas =
      typeof lrLambda === "function" ? optimizer.paramGroups.map(() => lrLambda) : lrLambda;
    if (this.lrLambdas.length !== groups)
      throw new ArgumentError(
        `LambdaLR: got ${this.lrLambdas.length} functions for ${groups} groups`,
      );
    this.apply();
  }

  protected override rate(_lr: number, base: number, index: number): number {
    return base * this.lrLambdas[index]!(this.lastEpoch);
  }
}

/** Lets the rate fall to `etaMin` over `tMax` epochs along half a cosine. Source: Loshchilov and Hutter, SGDR, 2017. */
export class CosineAnnealingLR extends LRScheduler {
  readonly tMax: number;
  readonly etaMin: number;

  constructor(optimizer: Optimizer<WithRate>, tMax: number, etaMin: number = 0) {
    super(optimizer);
    if (!(Number.isInteger(tMax) && tMax > 0))
      throw new ArgumentError(
        `CosineAnnealingLR: tMax must be a positive whole number, got ${tMax}`,
      );
    this.tMax = tMax;
    this.etaMin = etaMin;
  }

  protected override rate(lr: number, base: number): number {
    const { lastEpoch, tMax, etaMin } = this;
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0)
      return lr + ((base - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2;
    return (
      ((1 + Math.cos((Math.PI * lastEpoch) / tMax)) /
        (1 + Math.cos((Math.PI * (lastEpoch - 1)) / tMax))) *
        (lr - etaMin) +
      etaMin
    );
  }
}
