// Reads PyTorch's values for tests of training, and compares numbers with them.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import type { Tensor } from "flambeau";

/** What training.py wrote. */
export const training: Golden = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "training.json"), "utf8"),
) as Golden;

interface Golden {
  readonly init: Readonly<Record<string, readonly (readonly number[])[]>>;
  readonly gains: readonly number[];
  readonly optimizers: readonly {
    readonly kind: "SGD" | "Adam" | "AdamW" | "RMSprop" | "Adagrad";
    readonly options: Readonly<Record<string, unknown>>;
    readonly steps: readonly (readonly number[])[];
    readonly groupKeys: readonly string[];
    readonly stateKeys: Readonly<Record<string, readonly string[]>>;
  }[];
  readonly schedules: Readonly<Record<"step" | "cosine" | "lambda", readonly number[]>>;
  readonly loaders: Readonly<Record<string, unknown>>;
  readonly texts: Readonly<Record<string, string>>;
  readonly inputs: Readonly<Record<"x" | "t" | "y", number[][]>>;
  readonly activations: Readonly<Record<string, readonly number[]>>;
  readonly losses: Readonly<Record<string, readonly number[]>>;
  readonly bufferKeys: readonly string[];
  readonly clip: readonly (readonly number[])[];
  readonly curves: Readonly<Record<"SGD" | "Adam", readonly number[]>>;
}

/** The elements of a tensor in order. */
export function flat(tensor: Tensor): number[] {
  return tensor.detach().reshape(-1).tolist() as number[];
}

/** Expects numbers within `tolerance`, relative beyond 1 and absolute below. */
export function expectClose(
  actual: readonly number[],
  expected: readonly number[],
  tolerance: number,
): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    const bound = tolerance * Math.max(1, Math.abs(value));
    expect(
      Math.abs(actual[i]! - value),
      `element ${i}: ${actual[i]} for ${value}`,
    ).toBeLessThanOrEqual(bound);
  });
}
