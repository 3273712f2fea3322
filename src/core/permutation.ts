// Drawing a random order, as PyTorch's randperm does.

import { copyIndices } from "./fill.ts";
import type { NumberArray } from "./fill.ts";
import type { Generator } from "./generator.ts";

// From this length on PyTorch draws 64 bits an element and fills as it shuffles.
const longLength = Math.floor((2 ** 32 - 1) / 20);

/**
 * Fills with a random order of 0 .. length - 1, by the shuffle of Fisher and Yates. The dtype must
 * be able to hold length - 1.
 *
 * @example
 * ```ts
 * const order = new Int32Array(4);
 * fillPermutation(new torch.Generator().manualSeed(0), order); // 0, 1, 3, 2
 * ```
 */
export function fillPermutation(generator: Generator, target: NumberArray): void {
  const order = new Uint32Array(target.length);
  if (order.length < longLength) shuffle(generator, order);
  else shuffleLong(generator, order);
  copyIndices(target, order);
}

function shuffle(generator: Generator, order: Uint32Array): void {
  const size = order.length;
  for (let index = 0; index < size; index++) order[index] = index;
  for (let index = 0; index < size - 1; index++) {
    const other = index + (generator.random() % (size - index));
    const kept = order[index]!;
    order[index] = order[other]!;
    order[other] = kept;
  }
}

function shuffleLong(generator: Generator, order: Uint32Array): void {
  for (let index = 0; index < order.length; index++) {
    const other = generator.remainder64(index + 1);
    order[index] = order[other]!;
    order[other] = index;
  }
}
