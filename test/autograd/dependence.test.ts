// What may be overwritten between an operation and its backward pass: all that PyTorch lets be, for operations keep no more than it.
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
}

const file = new URL("../golden/overwritten.json", import.meta.url);
const rows = JSON.parse(readFileSync(file, "utf8")) as readonly Row[];

function operation(name: string): Operation {
  const own = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const spaces = [torch, torch.nn.functional, torch.special] as readonly unknown[];
  for (const space of spaces as readonly Record<string, Operation>[])
    if (space[own] !== undefined) return space[own];
  throw new Error(`there is no ${own}`);
}

/** Runs the call, overwrites one of its tensors with what it holds, and goes backward: whether that is refused. */
function refused({ name, shapes, args, tracked }: Row, place: number): boolean {
  const nested = Array.isArray(shapes[0]![0]);
  const sizes = (nested ? shapes[0] : shapes) as readonly number[][];
  const operands = sizes.map((size, i) => {
    const x = torch.rand(size, { dtype: torch.float64 }).mul(0.5).add(0.25);
    return tracked.includes(i) ? x.requiresGrad_().clone() : x;
  });
  const out = operation(name)(...(nested ? [operands] : operands), ...args);
  const outs = out instanceof torch.Tensor ? [out] : [...out];
  const total = outs
    .filter((result) => result.requiresGrad)
    .map((result) => result.sum())
    .reduce((sum, term) => sum.add(term));
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

// One operation here, which keeps its operand; in PyTorch a difference, which keeps the hyperbolic tangent of it.
const unlike = new Set(["tanhshrink"]);

describe("nothing is refused that PyTorch allows", () => {
  const title = ({ name, args, tracked }: Row): string =>
    `${name}(${args.join(", ")}), gradients of ${tracked.join(", ")}`;
  const compared = rows.filter(({ name }) => !unlike.has(name));
  test.each(compared.map((row) => [title(row), row] as const))("%s", (_, row) => {
    const operands = Array.isArray(row.shapes[0]![0]) ? row.shapes[0]!.length : row.shapes.length;
    const own = Array.from({ length: operands + row.outputs }, (__, place) => place).filter(
      (place) => refused(row, place),
    );
    expect(own.filter((place) => !row.refused.includes(place))).toEqual([]);
  });
});
