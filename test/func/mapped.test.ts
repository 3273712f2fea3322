// Every operation inside vmap: values, gradients of each member, and gradients for many vectors at once, against loops.
import * as torch from "flambeau";
import type { Tensor } from "flambeau";
import { describe, expect, it } from "vitest";
import { drawn, source } from "../autograd/forward/draw.ts";
import { samples } from "../autograd/forward/samples.ts";

const members = 3;

function expectClose(actual: Tensor, expected: Tensor, what: string): void {
  expect(actual.shape, what).toEqual(expected.shape);
  expect(torch.allclose(actual, expected, { rtol: 1e-9, atol: 1e-9, equalNan: true }), what).toBe(
    true,
  );
}

const listed = (out: Tensor | readonly Tensor[]): readonly Tensor[] =>
  out instanceof torch.Tensor ? [out] : out;

describe.each(samples.map((sample) => ({ label: source(sample), sample })))(
  "$label",
  ({ sample }) => {
    const first = drawn(sample);
    const batch = first.map((x) =>
      torch.stack(Array.from({ length: members }, (_, i) => x.mul(1 + i / 16))),
    );
    const floating = (out: Tensor | readonly Tensor[]): readonly Tensor[] =>
      listed(out).filter((y) => y.dtype.isFloatingPoint);
    const compute = (...inputs: readonly Tensor[]): readonly Tensor[] => {
      torch.manualSeed(3);
      return floating(sample.compute(...inputs));
    };
    const member = (i: number): Tensor[] => batch.map((x) => x.select(0, i).clone());
    const gradients = (...inputs: readonly Tensor[]): Tensor[] => {
      const total = (...own: readonly Tensor[]): Tensor =>
        compute(...own)
          .map((y) => y.mul(y).sum())
          .reduce((a, b) => a.add(b));
      return torch.func.grad(total as never, { argnums: inputs.map((_, i) => i) })(
        ...(inputs as never[]),
      ) as unknown as Tensor[];
    };
    const looped = (fn: (...inputs: readonly Tensor[]) => readonly Tensor[]): Tensor[] => {
      const each = Array.from({ length: members }, (_, i) => fn(...member(i)));
      return each[0]!.map((_, k) => torch.stack(each.map((list) => list[k]!)));
    };

    if (sample.readsValues === true) {
      it("is refused", () =>
        expect(() => torch.vmap(compute, { randomness: "same" })(...batch)).toThrow(
          /no value to read/,
        ));
      return;
    }

    it("maps", () => {
      const expected = looped(compute);
      torch
        .vmap(compute, { randomness: "same" })(...batch)
        .forEach((y, k) => expectClose(y, expected[k]!, `result ${k}`));
    });

    it("has gradients for each member", () => {
      const expected = looped(gradients);
      torch
        .vmap(gradients, { randomness: "same" })(...batch)
        .forEach((g, k) => expectClose(g, expected[k]!, `gradient ${k}`));
    });

    it("has gradients for many vectors at once", () => {
      const inputs = first.map((x) => x.clone().requiresGrad_());
      const outputs = compute(...inputs).filter((y) => y.requiresGrad);
      const seeds = outputs.map((y) =>
        torch
          .arange(members * y.numel(), { dtype: torch.float64 })
          .sin()
          .view(members, ...y.shape),
      );
      const options = { retainGraph: true, materializeGrads: true } as const;
      const batched = torch.autograd.grad(outputs, inputs, {
        ...options,
        gradOutputs: seeds,
        isGradsBatched: true,
      });
      const each = Array.from({ length: members }, (_, i) =>
        torch.autograd.grad(outputs, inputs, {
          ...options,
          gradOutputs: seeds.map((seed) => seed.select(0, i)),
        }),
      );
      batched.forEach((g, k) =>
        expectClose(g, torch.stack(each.map((list) => list[k]!)), `gradient ${k}`),
      );
    });
  },
);
