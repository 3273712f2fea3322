// Tangents of every pointwise operation of the registry: against gradients, differences, and in place.
import * as torch from "flambeau";
import type { Tensor } from "flambeau";
import { describe, expect, it } from "vitest";
import type { Variant } from "../../../src/ops/define/dispatch.ts";
import type { PointwiseRecord } from "../../../src/ops/define/pointwise.ts";
import { families, isOperation, type Operation } from "../../../src/ops/methods.ts";
import { expectTangents } from "./check.ts";

interface Found {
  readonly label: string;
  readonly operation: Operation;
  readonly record: PointwiseRecord;
}

function* pointwiseRecords(): Generator<Found> {
  const seen = new Set<unknown>();
  for (const family of families)
    for (const [name, value] of Object.entries(family)) {
      if (!isOperation(value)) continue;
      const { variants } = value.record as { variants?: readonly Variant[] };
      for (const [i, operation] of (variants ?? [value]).entries()) {
        const record = operation.record as unknown as PointwiseRecord;
        if (record.promotion === undefined || seen.has(operation)) continue;
        seen.add(operation);
        yield { label: variants === undefined ? name : `${name}, variant ${i}`, operation, record };
      }
    }
}

const { dualLevel, makeDual, unpackDual } = torch.autograd.forwardAd;
const generator = new torch.Generator().manualSeed(5);
const all = [...pointwiseRecords()].filter(
  ({ record }) => record.refuses?.(torch.float64) === undefined,
);
const differentiable = all.filter(
  ({ record }) => record.promotion !== "comparison" && record.derivative !== "none",
);
/** Operands whose derivative is declared not to exist. */
const constants: Readonly<Record<string, readonly string[]>> = {
  binaryCrossEntropy: ["weight"],
  zeta: ["input"],
};

function operand({ record }: Found, given: string, sizes: readonly number[]): Tensor | number {
  const name = given.replace("?", "");
  if (name !== given && record.conditions?.includes(name) === true) return 2.5;
  const [low, high] = record.domain ?? [-1.5, 1.5];
  const drawn = torch.rand([...sizes], { generator, dtype: torch.float64 });
  return record.conditions?.includes(name) === true
    ? drawn.gt(0.5)
    : drawn.mul(high - low).add(low);
}

/** The call as a function of its differentiable operands, and these. */
function sample(
  one: Found,
  sizes: readonly (readonly number[])[],
): [(...inputs: Tensor[]) => Tensor, Tensor[]] {
  generator.manualSeed(5);
  const { record, operation } = one;
  const names = record.inputs.map((name) => name.replace("?", ""));
  const operands = record.inputs.map((name, i) => operand(one, name, sizes[i % sizes.length]!));
  const moving = names.flatMap((name, i) =>
    typeof operands[i] === "object" &&
    operands[i].dtype.isFloatingPoint &&
    constants[record.name]?.includes(name) !== true
      ? [i]
      : [],
  );
  const options = Object.fromEntries(
    Object.entries(record.scalars ?? {}).map(([name, value]) => [name, value + 0.25]),
  );
  return [
    (...inputs) =>
      operation(
        ...operands.map((given, i) => (moving.includes(i) ? inputs[moving.indexOf(i)]! : given)),
        options,
      ) as Tensor,
    moving.map((i) => operands[i] as Tensor),
  ];
}

it("there are many", () => expect(differentiable.length).toBeGreaterThan(90));

describe.each(differentiable)("$label", (one) => {
  it("pushes tangents as it pulls gradients back", () => expectTangents(...sample(one, [[3]])));

  it("broadcasts them", () => expectTangents(...sample(one, [[3, 1], [4], [1, 1]])));

  it.skipIf(one.operation.inPlace === null)("changes them in place", () => {
    const [, inputs] = sample(one, [[3, 4]]);
    const { record, operation } = one;
    if (inputs.length < record.inputs.length) return;
    const tangents = inputs.map((x) =>
      torch.randn([...x.shape], { generator, dtype: torch.float64 }),
    );
    dualLevel(() => {
      const duals = inputs.map((x, i) => makeDual(x.clone(), tangents[i]!.clone()));
      const want = unpackDual(operation(...duals) as Tensor);
      const base = torch.zeros([3, 4, 2], { dtype: torch.float64 });
      const target = base.select(2, 0).copy_(duals[0]!);
      const { tangent } = unpackDual(target);
      operation.inPlace!(target, ...duals.slice(1));
      const got = unpackDual(target);
      expect(got.tangent).toBe(tangent);
      expect(got.primal.tolist()).toEqual(want.primal.tolist());
      const flat = (t: Tensor | null): number[] => t!.reshape(-1).tolist() as number[];
      flat(got.tangent).forEach((g, i) => {
        const wanted = flat(want.tangent)[i]!;
        if (!(Math.abs(g - wanted) <= 1e-12 * (1 + Math.abs(wanted))))
          expect.fail(`tangent ${i}: ${g} instead of ${wanted}`);
      });
      // The base of the view has the view's tangent, and zero elsewhere.
      const whole = unpackDual(base).tangent!;
      expect(whole.select(2, 0).tolist()).toEqual(got.tangent!.tolist());
      expect(whole.select(2, 1).abs().sum().item()).toBe(0);
    });
  });
});

it("those without a derivative say so, and comparisons have no tangent", () => {
  let refused = 0;
  for (const one of all) {
    const { record } = one;
    if (differentiable.includes(one)) continue;
    const operands = record.inputs.map((name) => operand(one, name, [3]));
    dualLevel(() => {
      const call = (): unknown =>
        one.operation(
          ...operands.map((x) =>
            typeof x === "object" && x.dtype.isFloatingPoint ? makeDual(x, x) : x,
          ),
        );
      if (record.promotion === "comparison")
        expect(unpackDual(call() as Tensor).tangent).toBeNull();
      else {
        refused++;
        expect(call).toThrow(/forward AD with .* that does not support it/);
      }
    });
  }
  expect(refused).toBeGreaterThan(1);
});
