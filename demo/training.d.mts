import type { nn, Tensor, utils } from "flambeau";

type Digits = utils.data.Dataset<Tensor[]>;

export function loadDigits(
  folder: string | undefined,
  options?: { readonly drawn?: number },
): { readonly training: Digits; readonly test: Digits };

export class DigitClassifier extends nn.Module {
  constructor(hidden?: number);
  override forward(x: Tensor): Tensor;
}

export function accuracy(model: nn.Layer, dataset: Digits): number;

export interface History {
  readonly batches: readonly number[];
  readonly loss: readonly number[];
  readonly accuracy: readonly number[];
}

export function train(
  model: nn.Layer,
  training: Digits,
  test: Digits,
  options: {
    readonly epochs: number;
    readonly batchSize?: number;
    readonly lr?: number;
    readonly onBatch?: (seen: number, loss: number, epoch: number) => void;
    readonly onEpoch?: (epoch: number, loss: number, accuracy: number) => void;
  },
): History;
