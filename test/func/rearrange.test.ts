// torch.func.rearrange gives PyTorch's numbers, refuses what PyTorch refuses, and can be differentiated and mapped.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import * as torch from "flambeau";

interface Call {
  readonly pattern: string;
  readonly sizes: readonly number[];
  readonly lengths: Readonly<Record<string, number>>;
}
interface Case extends Call {
  readonly shape: readonly number[];
  readonly elements: readonly number[];
}

const { cases, refused } = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "../golden/rearrange.json"), "utf8"),
) as { readonly cases: readonly Case[]; readonly refused: readonly Call[] };
const { rearrange } = torch.func;

describe("rearrange", () => {
  it.each(cases)("$pattern of $sizes with $lengths", (one) => {
    const { pattern, sizes, lengths, shape, elements } = one;
    const count = sizes.reduce((product, size) => product * size, 1);
    const result = rearrange(torch.arange(count).reshape(sizes), pattern, lengths);
    expect(result.shape).toEqual(shape);
    expect(result.reshape(-1).tolist()).toEqual(elements);
  });

  it.each(refused)("refuses $pattern of $sizes with $lengths", ({ pattern, sizes, lengths }) => {
    const call = (): torch.Tensor => rearrange(torch.zeros(sizes), pattern, lengths);
    expect(call).toThrow(torch.TorchError);
    expect(call).toThrow(pattern);
  });

  it("takes tensors that PyTorch miscounts", () => {
    expect(rearrange(torch.arange(6), "(h w) -> w h", { h: 2 }).shape).toEqual([3, 2]);
    expect(rearrange(torch.zeros(6, 2), "(a b) ... -> b a ... 1", { a: 3 }).shape).toEqual([
      2, 3, 2, 1,
    ]);
  });

  it("stacks an array of tensors", () => {
    const parts = [torch.zeros(2, 3), torch.ones(2, 3)];
    const row = [0, 0, 0, 1, 1, 1];
    expect(rearrange(parts, "n h w -> h (n w)").tolist()).toEqual([row, row]);
  });

  it("shares memory where strides can express the result", () => {
    const x = torch.zeros(2, 6);
    rearrange(x, "a (b c) -> c a b", { b: 2 }).fill_(1);
    expect(x.sum().item()).toBe(12);
  });

  it("is differentiated and mapped like what it is made of", () => {
    const x = torch.randn(2, 6, { dtype: torch.float64, requiresGrad: true });
    const apart = (t: torch.Tensor): torch.Tensor =>
      rearrange(t.pow(2), "a (b c) -> (c a) b", { b: 2 });
    expect(torch.autograd.gradcheck(apart, [x])).toBe(true);
    const each = torch.vmap((t: torch.Tensor) => rearrange(t, "(b c) -> c b", { b: 2 }))(x);
    expect(torch.equal(each, rearrange(x, "a (b c) -> a c b", { b: 2 }))).toBe(true);
  });

  it.each([
    [[undefined, "a -> a"], /tensor/],
    [[[], "a -> a"], /got \[\]/],
    [[torch.zeros(2), 7], /a pattern, got 7/],
    [[torch.zeros(2), "a -> a", null], /lengths by name/],
    [[torch.zeros(2), "a -> a", { a: 1.5 }], /"a" is 1.5/],
    [[torch.zeros(0), "(a b) -> a b", { a: 0 }], /does not split/],
  ] as const)("refuses %j", (args, message) => {
    const call = (): unknown => (rearrange as (...all: readonly unknown[]) => unknown)(...args);
    expect(call).toThrow(torch.TorchError);
    expect(call).toThrow(message);
  });
});
