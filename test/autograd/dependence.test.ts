// What the backward pass of an operation depends on: it keeps no more than PyTorch's, so that all it lets be may be overwritten, and its
// gradients carry a graph where PyTorch's do.
import { readFileSync } from "node:fs";
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

type T = torch.Tensor;
type Results = T | (Iterable<T> & object);
type Operation = (...args: readonly unknown[]) => Results;

interface Row {
  readonly name: string;
  readonly shapes: readonly number[][] | readonly [readonly number[][]];
  readonly args: readonly number[];
  readonly tracked: readonly number[];
  readonly outputs: number;
  /** Places among the operands and then the results. */
  readonly refused: readonly number[];
  /** For each tracked operand whether its gradient requires one; null without a gradient. */
  readonly graphs: readonly (boolean | null)[];
}

const file = new URL("../golden/dependence.json", import.meta.url);
const rows = JSON.parse(readFileSync(file, "utf8")) as readonly Row[];

function operation(name: string): Operation {
  const own = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const spaces = [torch, torch.nn.functional, torch.special] as readonly unknown[];
  for (const space of spaces as readonly Record<string, Operation>[])
    if (space[own] !== undefined) return space[own];
  throw new Error(`there is no ${own}`);
}

interface Call {
  readonly leaves: readonly T[];
  readonly operands: readonly T[];
  readonly outs: readonly T[];
  /** The sum of all that requires a gradient. */
  readonly total: T;
}

function call({ name, shapes, args, tracked }: Row): Call {
  const nested = Array.isArray(shapes[0]![0]);
  const sizes = (nested ? shapes[0] : shapes) as readonly number[][];
  const leaves = sizes.map((size, i) =>
    torch
      .rand(size, { dtype: torch.float64 })
      .mul(0.5)
      .add(0.25)
      .requiresGrad_(tracked.includes(i)),
  );
  const operands = leaves.map((leaf) => (leaf.requiresGrad ? leaf.clone() : leaf));
  const out = operation(name)(...(nested ? [operands] : operands), ...args);
  const outs = out instanceof torch.Tensor ? [out] : [...out];
  const total = outs
    .filter((result) => result.requiresGrad)
    .map((result) => result.sum())
    .reduce((sum, term) => sum.add(term));
  return { leaves, operands, outs, total };
}

/** Runs the call, overwrites one of its tensors with what it holds, and goes backward: whether that is refused. */
function refused(row: Row, place: number): boolean {
  const { operands, outs, total } = call(row);
  const target = [...operands, ...outs][place]!;
  torch.noGrad(() => target.mul_(1));
  try {
    total.backward();
  } catch (error) {
    expect(String(error)).toMatch(/modified by an inplace operation/);
    return true;
  }
  return false;
}

// One operation here, which keeps its operands; in PyTorch several, which keep what lies between them.
const unlike = new Set([
  "tanhshrink",
  "l1_loss",
  "hinge_embedding_loss",
  "poisson_nll_loss",
  "margin_ranking_loss",
  "gaussian_nll_loss",
]);

const title = ({ name, args, shapes, tracked }: Row): string =>
  `${name}(${[...shapes.map((size) => `[${size.join(", ")}]`), ...args].join(", ")}), gradients of ${tracked.join(", ")}`;

describe("nothing is refused that PyTorch allows", () => {
  const compared = rows.filter(({ name }) => !unlike.has(name));
  test.each(compared.map((row) => [title(row), row] as const))("%s", (_, row) => {
    const operands = Array.isArray(row.shapes[0]![0]) ? row.shapes[0]!.length : row.shapes.length;
    const own = Array.from({ length: operands + row.outputs }, (__, place) => place).filter(
      (place) => refused(row, place),
    );
    expect(own.filter((place) => !row.refused.includes(place))).toEqual([]);
  });
});

describe("a gradient carries a graph where PyTorch's does", () => {
  test.each(rows.map((row) => [title(row), row] as const))("%s", (_, row) => {
    const { leaves, total } = call(row);
    const wanted = row.tracked.map((index) => leaves[index]!);
    const gradients = torch.autograd.grad(total, wanted, { createGraph: true, allowUnused: true });
    expect(gradients.map((gradient) => gradient?.requiresGrad ?? null)).toEqual(row.graphs);
  });
});

test("a tangent carries a graph where PyTorch's does", () => {
  const { dualLevel, makeDual, unpackDual } = torch.autograd.forwardAd;
  const carries = (f: (x: T) => T): boolean =>
    dualLevel(() => {
      const x = torch.tensor([0.5, -1, 2], { requiresGrad: true });
      return unpackDual(f(makeDual(x, torch.ones(3)))).tangent!.requiresGrad;
    });
  expect(
    [
      (x: T) => x.clamp(0, 1),
      (x: T) => x.maximum(torch.ones(3)),
      (x: T) => x.nansum(),
      (x: T) => x.relu(),
      (x: T) => x.abs(),
    ].map(carries),
  ).toEqual([false, false, false, true, true]);
});
