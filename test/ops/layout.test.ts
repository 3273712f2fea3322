// How results lie in memory: as PyTorch's do.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import * as torch from "flambeau";
import { expectClose, flat } from "../golden/read.ts";

type Layout = readonly [sizes: number[], strides: number[]];

interface Golden {
  readonly cases: readonly {
    readonly operands: readonly [Layout, Layout, Layout];
    readonly results: Readonly<Record<string, readonly (number | null)[]>>;
  }[];
  readonly draws: Readonly<Record<string, readonly number[]>>;
}

const { cases, draws } = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "../golden/layouts.json"), "utf8"),
) as Golden;

function operand([sizes, strides]: Layout): torch.Tensor {
  const last = sizes.reduce((at, size, i) => at + (size - 1) * strides[i]!, 0);
  return torch.ones(last + 1).asStrided(sizes, strides);
}

/** Strides, and null where there is one element only. */
const stridesOf = (x: torch.Tensor): (number | null)[] =>
  x.stride().map((stride, i) => (x.shape[i] === 1 ? null : stride));

function gradient(x: torch.Tensor, factor: torch.Tensor, createGraph: boolean): torch.Tensor {
  const leaf = x.detach().requiresGrad_();
  leaf.mul(factor).sum().backward({ createGraph });
  return leaf.grad!;
}

test.each(cases.map((one) => [JSON.stringify(one.operands), one] as const))(
  "strides of results from %s",
  (_, { operands, results }) => {
    const [a, b, c] = operands.map(operand) as [torch.Tensor, torch.Tensor, torch.Tensor];
    const own: Record<string, torch.Tensor> = {
      clone: a.clone(),
      to: a.to(torch.float64),
      emptyLike: torch.emptyLike(a),
      neg: a.neg(),
      gt: a.gt(0),
      mul: a.mul(b),
      mixed: a.double().add(b),
      where: torch.where(a.gt(0), b, c),
      contiguous: a.contiguous(),
      gradient: gradient(a, b, false),
      recordedGradient: gradient(a, b.exp(), true),
    };
    const strides = Object.entries(own).map(([name, result]) => [name, stridesOf(result)]);
    expect(Object.fromEntries(strides)).toEqual(results);
  },
);

const x = torch.empty(5, 4).t();
test.each([
  ["randLike", () => torch.randLike(x)],
  ["randnLike", () => torch.randnLike(x)],
  ["randintLike", () => torch.randintLike(x, 100)],
  ["dropout", () => torch.nn.functional.dropout(torch.onesLike(x), 0.5)],
])("%s draws in the order of memory", (name, draw) => {
  torch.manualSeed(0);
  const found = draw();
  expect(found.stride()).toEqual([1, 4]);
  expectClose(flat(found), draws[name]!, 1e-6);
});
