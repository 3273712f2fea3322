// In-place changes, through views above all: values, gradients and their gradients as PyTorch computes them.
// The expected numbers come from test/golden/autograd.py, whose cases have the same names.
import { readFileSync } from "node:fs";
import * as torch from "flambeau";
import { describe, expect, it } from "vitest";

type Tensor = torch.Tensor;
type Nested = number | readonly Nested[];
interface Expected {
  readonly value: Nested;
  readonly first: readonly (Nested | null)[];
  readonly second: readonly (Nested | null)[];
}

const golden = JSON.parse(
  readFileSync(new URL("../golden/autograd.json", import.meta.url), "utf8"),
) as { readonly cases: Readonly<Record<string, Expected>> };

const f64 = { dtype: torch.float64 };

const cases: Readonly<Record<string, (x: Tensor, w: Tensor) => Tensor>> = {
  row(x, w) {
    const b = x.mul(2);
    b.at(0).mul_(w);
    return b.mul(b);
  },
  chainOfViews(x, w) {
    const b = x.mul(x);
    b.narrow(1, 1, 2)
      .select(0, 1)
      .mul_(w.narrow(0, 0, 2))
      .exp_();
    return b;
  },
  transposed(x, w) {
    const b = x.mul(3);
    b.t().at(1).mul_(w.at(0)).pow_(2);
    return b.mul(x);
  },
  diagonal(x, w) {
    const b = x.mul(x);
    b.diagonal().mul_(w.narrow(0, 0, 2));
    return b;
  },
  viewReadAfterBase(x, w) {
    const b = x.mul(x);
    const v = b.at(1);
    b.mul_(w);
    return v.mul(v);
  },
  siblingView(x, w) {
    const b = x.mul(x);
    const v = b.view(6);
    b.at(0).mul_(w);
    return v.mul(2);
  },
  twiceThroughViews(x, w) {
    const b = x.mul(1);
    b.select(1, 0).mul_(w.at(0));
    b.at(0).pow_(2);
    b.at(1)
      .narrow(0, 1, 2)
      .copy_(w.narrow(0, 1, 2));
    return b.mul(b);
  },
  baseGainsGradient(x, w) {
    const b = torch.ones(2, 3, f64);
    b.at(0).mul_(w).add_(x.at(1));
    return b.mul(b);
  },
  viewOfNonContiguous(x, w) {
    const b = x.mul(x).t().clone().t().mul(1);
    const c = b.t();
    c.narrow(0, 0, 2).mul_(w.at(2));
    return c.mul(c);
  },
  inPlacePowers(x, w) {
    const b = x.mul(1);
    b.pow_(3).mul_(w).add_(x);
    return b;
  },
  itself(x, w) {
    // In PyTorch the clone has to be written out; here a tensor that is about to be overwritten is kept.
    const c = x.mul(w).clone();
    c.mul_(c);
    return c;
  },
  assigned(x, w) {
    const b = torch.zeros(2, 3, f64);
    b.setAt_([0], w.mul(w));
    b.setAt_([1, "::2"], x.at(0).narrow(0, 0, 2));
    b.setAt_([":", 1], 4);
    return b.mul(x);
  },
  filled(x, w) {
    const b = x.mul(2);
    b.at(0).fill_(0);
    b.at(1).zero_().add_(w);
    return b.mul(b);
  },
  copied(x, w) {
    const b = x.mul(2);
    b.copy_(w.mul(x));
    return b.mul(b);
  },
  clamped(x, w) {
    const b = x.mul(w);
    b.clamp_(-1.5, 1);
    return b.mul(b);
  },
  outputsSaved: (x, w) => x.mul(w).tanh_().mul(w).sigmoid_().mul(1).exp_(),
  maskedFill(x, w) {
    const b = x.mul(w);
    b.maskedFill_(b.gt(0.5), 3);
    return b.mul(x);
  },
  cumulative(x, w) {
    const b = x.mul(w);
    b.cumsum_(1);
    return b.mul(b);
  },
  indexAdd(x, w) {
    const b = x.mul(x);
    b.indexAdd_(0, torch.tensor([1, 1], { dtype: torch.int64 }), x.mul(w));
    return b.mul(b);
  },
  addcmulInPlace(x, w) {
    const b = x.mul(x);
    b.addcmul_(b, w, { value: 0.5 });
    return b;
  },
  reshapedThenChanged(x, w) {
    const b = x.mul(1);
    b.reshape(3, 2).at(1).mul_(w.at(1));
    return b.mul(b);
  },
  squeezed(x, w) {
    const b = x.mul(1);
    b.unsqueeze(0).squeeze(0).at(1).mul_(w).mul_(w);
    return b;
  },
  viewOfViewReadLate(x, w) {
    const b = x.mul(x);
    const v = b.at(0);
    const u = v.narrow(0, 1, 2);
    u.mul_(w.narrow(0, 1, 2));
    v.mul_(2);
    return torch.cat([u, v]);
  },
};

function close(actual: Tensor | null, expected: Nested | null): void {
  if (expected === null || actual === null) expect(actual).toBe(expected);
  else {
    const target = torch.tensor(expected as number[], f64);
    expect(actual.shape).toEqual(target.shape);
    expect(actual.sub(target).abs().max().item()).toBeLessThan(1e-12);
  }
}

describe("as in PyTorch", () => {
  it("has every case", () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(golden.cases).sort());
  });

  it.each(Object.entries(cases))("%s", (name, compute) => {
    const { value, first, second } = golden.cases[name]!;
    const leaf = (values: number[] | number[][]): Tensor =>
      torch.tensor(values, { dtype: torch.float64, requiresGrad: true });
    const x = leaf([
      [0.5, -1, 2],
      [1.5, 0.25, -0.75],
    ]);
    const w = leaf([2, -3, 0.5]);
    const out = compute(x, w);
    close(out, value);
    const weights = torch.arange(1, out.numel() + 1, f64).reshape(out.shape);
    const gradients: readonly (Tensor | null)[] = torch.autograd.grad(
      out.mul(weights).sum(),
      [x, w],
      { createGraph: true, allowUnused: true },
    );
    gradients.forEach((g, i) => close(g, first[i]!));
    let total = torch.zeros(1, f64).sum();
    for (const g of gradients) if (g !== null) total = total.add(g.mul(g).sum());
    const again: readonly (Tensor | null)[] = total.requiresGrad
      ? torch.autograd.grad(total, [x, w], { allowUnused: true })
      : [null, null];
    again.forEach((g, i) => close(g, second[i]!));
  });
});
