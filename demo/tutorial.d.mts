import type { Tensor } from "flambeau";

export function tutorial(print: (text: string) => void): {
  readonly loss: Tensor;
  readonly names: Readonly<Record<string, Tensor>>;
};
