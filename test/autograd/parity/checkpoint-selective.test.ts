// PyTorch's tests of checkpoints that keep the results of some operations.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { collected } from "./collected.ts";

type Tensor = torch.Tensor;
const { checkpoint } = torch.utils;
const { CheckpointPolicy, createSelectiveCheckpointContexts } = checkpoint;
const { grad } = torch.autograd;

const leaf = (...sizes: number[]): Tensor => torch.randn(sizes).requiresGrad_();
const close = (a: Tensor, b: Tensor): void => expect(torch.allclose(a, b)).toBe(true);
type Policy = Parameters<typeof createSelectiveCheckpointContexts>[0];
const keeping = (policy: Policy, allowCacheEntryMutation = false) => ({
  contextFn: () => createSelectiveCheckpointContexts(policy, { allowCacheEntryMutation }),
});

describe("T18 checkpoint", () => {
  test("testOutputAlreadyHasAutogradMeta", () => {
    const x = torch.tensor([1, 2, 3], { dtype: torch.int64 });
    const y = leaf(3);
    const fn = (a: Tensor, b: Tensor): readonly [Tensor, Tensor] => [a.view(-1), b.sin().cos()];
    const out = checkpoint(
      fn,
      x,
      y,
      keeping((_ctx, op) => op === "view"),
    );
    expect(out[0].tolist()).toEqual([1, 2, 3]);
    close(grad(out[1].sum(), y)[0]!, grad(fn(x, y)[1].sum(), y)[0]!);
  });

  test("testBadInputs", () => {
    expect(() => createSelectiveCheckpointContexts([2] as never)).toThrow(
      "expected every item of the array to be an operation",
    );
    expect(() => createSelectiveCheckpointContexts(2 as never)).toThrow(
      "either a function or an array of operations",
    );
    expect(() =>
      checkpoint((x: Tensor) => x.sin(), leaf(2), keeping((() => "save") as never)),
    ).toThrow("must return a CheckpointPolicy");
  });

  test("testPolicyWithState", () => {
    const counts: number[] = [];
    const policy = (): Policy => {
      let count = 0;
      return () => {
        counts.push(++count);
        return CheckpointPolicy.PREFER_RECOMPUTE;
      };
    };
    const x = leaf(3);
    checkpoint((t: Tensor) => t.sin().sin().sin(), x, keeping(policy()))
      .sum()
      .backward();
    // As in PyTorch since 2.13, the policy is asked in the first run only.
    expect(counts).toEqual([1, 2, 3]);
  });

  test("testStorageLifetime", async () => {
    const references: WeakRef<Tensor>[] = [];
    const fn = (t: Tensor): Tensor => {
      const kept = t.sin();
      references.push(new WeakRef(kept));
      return kept.cos().exp();
    };
    const scope = (): Tensor => checkpoint(fn, leaf(3), keeping([torch.sin]));
    const out = scope();
    out.sum().backward();
    for (const reference of references) expect(await collected(reference)).toBe(true);
    expect(out.shape).toEqual([3]);
  });

  test("testVersionCounter", () => {
    const x = leaf(3);
    const fn = (t: Tensor): Tensor => t.sin().mul_(2).cos().exp();
    const policy: Policy = (_ctx, op) =>
      op === "sin" ? CheckpointPolicy.PREFER_SAVE : CheckpointPolicy.PREFER_RECOMPUTE;
    const refused = checkpoint(fn, x, keeping(policy));
    expect(() => refused.sum().backward()).toThrow("has been mutated");
    x.grad = null;
    checkpoint(fn, x, keeping(policy, true)).sum().backward();
    expect(x.grad).not.toBe(null);
    expect(() =>
      checkpoint(
        fn,
        x,
        keeping(() => true),
      ),
    ).toThrow("in place");
  });

  test("testFunctionWithMoreThanOneOutput", () => {
    let count = 0;
    const policy: Policy = (_ctx, op) => {
      if (op !== "sort") return CheckpointPolicy.PREFER_RECOMPUTE;
      count++;
      return CheckpointPolicy.MUST_SAVE;
    };
    const fn = (t: Tensor): Tensor => {
      const [values, indices] = t.sin().sort(0);
      return values!.mul(indices!).exp();
    };
    const x = leaf(5);
    close(grad(checkpoint(fn, x, keeping(policy)).sum(), x)[0]!, grad(fn(x).sum(), x)[0]!);
    expect(count).toBe(1);
  });

  test("testFunctionWithNonTensorOutput", () => {
    let reads = 0;
    const fn = (t: Tensor): Tensor => {
      const first = t.detach().at(0).item() as number;
      reads++;
      return t.sin().mul(first).exp();
    };
    const policy: Policy = (_ctx, op) => op === "item";
    const x = leaf(3);
    close(grad(checkpoint(fn, x, keeping(policy)).sum(), x)[0]!, grad(fn(x).sum(), x)[0]!);
    expect(reads).toBe(3);
  });

  test("testCanOnlyTriggerRecomputeOnce", () => {
    const x = leaf(3);
    const out = checkpoint((t: Tensor) => t.sin().cos().exp(), x, keeping([torch.sin]));
    out.sum().backward({ retainGraph: true });
    expect(() => out.sum().backward({ retainGraph: true })).toThrow("backward an extra time");
  });

  test("kept random numbers are not drawn again", () => {
    const x = leaf(3);
    const fn = (t: Tensor): Tensor => t.mul(torch.rand(3)).exp();
    for (const kept of [true, false]) {
      const out = checkpoint(fn, x, {
        preserveRngState: false,
        ...keeping(kept ? [torch.rand] : []),
      });
      const [found] = grad(out.sum(), x);
      const numbers = out.log().div(x);
      expect(torch.allclose(found!, out.mul(numbers), { rtol: 1e-3, atol: 1e-4 })).toBe(kept);
    }
  });

  test("a kept operation does not run again, whatever it is made of", () => {
    const w = leaf(4, 4);
    const fn = (t: Tensor): Tensor =>
      torch.nn.functional.linear(t, w).relu().matmul(w).softmax(1).log();
    for (const operations of [["linear"], ["matmul"], ["softmax", "relu"], ["log"]]) {
      const x = leaf(2, 4);
      const policy: Policy = (_ctx, op) => operations.includes(op);
      const found = grad(checkpoint(fn, x, keeping(policy)).pow(2).sum(), [x, w]);
      grad(fn(x).pow(2).sum(), [x, w]).forEach((plain, i) => close(found[i]!, plain));
    }
  });
});
