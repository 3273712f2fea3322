// Random tensors against PyTorch's (golden/draws.py writes the truth).
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as torch from "flambeau";

const golden = JSON.parse(
  readFileSync(new URL("../golden/draws.json", import.meta.url), "utf8"),
) as Readonly<Record<string, readonly number[]>>;

const draws: Readonly<Record<string, () => torch.Tensor>> = {
  rand: () => torch.rand(5, 3),
  randn: () => torch.randn(40),
  randnShort: () => torch.randn(7, { dtype: torch.float64 }),
  randint: () => torch.randint(-3, 10, [6]),
  randperm: () => torch.randperm(9),
  bernoulli: () => torch.bernoulli(torch.full([20], 0.3)),
  normal: () => torch.normal(torch.arange(4, { dtype: torch.float32 }), 0.5),
  normal_: () => torch.empty(4, 4).normal_(1, 2),
  normalTransposed: () => torch.empty(4, 5).t().normal_(),
  uniform_: () => torch.empty(4, 4).uniform_(-1, 3),
  uniformTransposed: () => torch.empty(3, 2).t().uniform_(),
  exponential_: () => torch.empty(5).exponential_(),
  random_: () => torch.empty(5, { dtype: torch.int32 }).random_(),
  multinomial: () => torch.multinomial(torch.tensor([0.1, 0.2, 0.3, 0.4]), 8, true),
};

for (const [name, draw] of Object.entries(draws))
  test(name, () => {
    torch.manualSeed(11);
    const got = draw().reshape(-1).tolist() as number[];
    expect(got.length).toBe(golden[name]!.length);
    got.forEach((value, i) => expect(value).toBeCloseTo(golden[name]![i]!, 6));
  });

test("a generator of one's own leaves the default one alone", () => {
  const own = new torch.Generator().manualSeed(11);
  const state = torch.getRngState();
  expect(torch.rand(15, { generator: own }).at(3).item()).toBeCloseTo(golden["rand"]![3]!, 6);
  expect(torch.getRngState().tolist()).toEqual(state.tolist());
});

test("impossible draws are refused in words", () => {
  const bad: readonly (readonly [() => unknown, RegExp])[] = [
    [() => torch.randint(3, 3, [1]), /less than/],
    [() => torch.randint(0, 300, [1], { dtype: torch.uint8 }), /uint8/],
    [() => torch.randperm(-1), /at least 0/],
    [() => torch.empty(2).normal_(0, -1), /deviation/],
    [() => torch.empty(2, { dtype: torch.int64 }).normal_(), /int64/],
    [() => torch.empty(2).bernoulli_(2), /0 to 1/],
    [() => torch.tensor([-1, 1]).multinomial(1), /at least 0/],
    [() => torch.tensor([1, 1]).multinomial(3), /replacement/],
    [() => torch.rand(2, { dtype: torch.int64 }), /int64/],
    [() => torch.rand(1e10, 1e10), /counted/],
    [() => torch.manualSeed(1.5), /whole/],
    [() => torch.ones(2, { requiresGrad: true }).normal_(), /leaf/],
  ];
  for (const [call, words] of bad) {
    expect(call, String(words)).toThrow(words);
    expect(call, String(words)).toThrow(torch.TorchError);
  }
});
