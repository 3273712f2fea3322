// Forward mode against reverse mode: two ways to every first and second derivative, which share little code.
import * as torch from "flambeau";
import type { Tensor } from "flambeau";
import { expect } from "vitest";

/** A function of tensors; it draws the same random numbers whenever it is called. */
export type Compute = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

const { grad } = torch.autograd;
const { dualLevel, makeDual, unpackDual } = torch.autograd.forwardAd;
const generator = new torch.Generator().manualSeed(11);
const like = (t: Tensor): Tensor =>
  torch.randn([...t.shape], { generator, dtype: torch.float64 }).to(t.dtype);

function results(compute: Compute, inputs: Tensor[]): readonly Tensor[] {
  torch.manualSeed(3);
  const out = compute(...inputs);
  return (out instanceof torch.Tensor ? [out] : out).filter((t) => t.dtype.isFloatingPoint);
}

/** The sum of the inner products of pairs; what is missing counts as zero. */
function inner(a: readonly (Tensor | null)[], b: readonly Tensor[]): Tensor {
  return a.reduce<Tensor>(
    (sum, t, i) => (t === null ? sum : sum.add(t.mul(b[i]!).sum().to(torch.float64))),
    torch.zeros([], { dtype: torch.float64 }),
  );
}

function gradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  seeds: readonly Tensor[],
  createGraph: boolean,
): (Tensor | null)[] {
  const live = outputs.flatMap((t, i) => (t.requiresGrad ? [i] : []));
  if (live.length === 0) return inputs.map(() => null);
  return [
    ...grad(
      live.map((i) => outputs[i]!),
      inputs,
      { gradOutputs: live.map((i) => seeds[i]!), createGraph, allowUnused: true },
    ),
  ];
}

const leaves = (inputs: readonly Tensor[]): Tensor[] =>
  inputs.map((t) => t.detach().clone().requiresGrad_());

function expectNear(got: number, want: number, tolerance: number, what: string): void {
  if (!(Math.abs(got - want) <= tolerance * (1 + Math.abs(want))))
    expect.fail(`${what}: ${got} instead of ${want}`);
}

/** What to leave out, where there is a reason. */
export interface Exceptions {
  /** Values say nothing of derivatives: rounded ones, and random ones, which count as constants. */
  readonly rough?: boolean;
  readonly tolerance?: number;
}

/**
 * Expects <v, J t> = <J^T v, t>, the same second derivative from all four orders of the modes, and J t to be what differences give.
 */
export function expectTangents(
  compute: Compute,
  inputs: readonly Tensor[],
  { rough = false, tolerance = 1e-7 }: Exceptions = {},
): void {
  const t = inputs.map(like);
  const w = inputs.map(like);
  const values = results(
    compute,
    inputs.map((x) => x.detach()),
  );
  const v = values.map(like);
  const push = (points: readonly Tensor[], directions: readonly Tensor[]): (Tensor | null)[] =>
    results(
      compute,
      points.map((x, i) => makeDual(x, directions[i]!)),
    ).map((y, i) => {
      const { primal, tangent } = unpackDual(y);
      expect([...primal.shape]).toEqual([...values[i]!.shape]);
      if (tangent === null) return null;
      expect([...tangent.shape]).toEqual([...primal.shape]);
      expect(tangent.dtype).toBe(primal.dtype);
      if (primal.numel() > 1) expect(tangent.stride()).toEqual(primal.stride());
      return tangent;
    });

  const plain = inputs.map((x) => x.detach());
  const forward = torch.noGrad(() => dualLevel(() => inner(push(plain, t), v).detach()));
  const step = 1e-6;
  const moved = (by: number): Tensor =>
    inner(
      results(
        compute,
        plain.map((x, i) => x.add(t[i]!, { alpha: by })),
      ),
      v,
    );
  const slope = moved(step)
    .sub(moved(-step))
    .div(2 * step);
  if (!rough) expectNear(forward.item(), slope.item(), 1e-5, "J t against differences");

  const points = leaves(inputs);
  const first = gradients(results(compute, points), points, v, true);
  expectNear(forward.item(), inner(first, t).item(), tolerance, "<v, J t> against <J^T v, t>");

  const along = inner(first, t);
  const reverse = along.requiresGrad
    ? inner(grad(along, points, { allowUnused: true }), w).item()
    : 0;
  const overReverse = dualLevel(() => {
    const fresh = leaves(inputs);
    const duals = fresh.map((x, i) => makeDual(x, w[i]!));
    const found = gradients(results(compute, duals), duals, v, false);
    return inner(
      found.map((g) => (g === null ? null : unpackDual(g).tangent)),
      t,
    ).item();
  });
  expectNear(overReverse, reverse, tolerance, "forward over reverse");
  const fresh = leaves(inputs);
  const recorded = dualLevel(() => inner(push(fresh, t), v));
  const overForward = recorded.requiresGrad
    ? inner(grad(recorded, fresh, { allowUnused: true }), w).item()
    : 0;
  expectNear(overForward, reverse, tolerance, "reverse over forward");
  const [, twice] = torch.func.jvp(
    (...outer: readonly Tensor[]) =>
      inner(
        torch.func.jvp(
          (...given: readonly Tensor[]) => [...results(compute, [...given])],
          [...outer],
          [...t],
        )[1],
        v,
      ),
    [...plain],
    [...w],
  );
  expectNear(twice.item(), reverse, tolerance, "forward over forward");
}
