// PyTorch's tests of checkpoints inside checkpoints, and of how much is computed again.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

type Tensor = torch.Tensor;
type Fn = (x: Tensor) => Tensor;
const { checkpoint } = torch.utils;
const { grad } = torch.autograd;

const c =
  (fn: Fn): Fn =>
  (x) =>
    checkpoint(fn, x);
/** The sum of a function's gradient. */
const g =
  (fn: Fn): Fn =>
  (x) =>
    grad(fn(x), x, { createGraph: true })[0]!;
const sum =
  (fn: Fn): Fn =>
  (x) =>
    fn(x).sum();
const sin: Fn = (x) => x.sin();
const exp: Fn = (x) => x.exp();
const close = (a: Tensor, b: Tensor): void => expect(torch.allclose(a, b)).toBe(true);

/** Counts how often a function runs. */
const counted = (counter: { n: number }, fn: Fn): Fn => {
  return (x) => {
    counter.n++;
    return fn(x);
  };
};

describe("T18 checkpoint", () => {
  /** A test's body with early stop and without. */
  const within = (body: () => void) => (): void => {
    for (const earlyStop of [true, false]) checkpoint.setCheckpointEarlyStop(earlyStop, body);
  };

  test(
    "testNestedCheckpoint",
    within(() => {
      const x = torch.randn([], { requiresGrad: true });
      const f: Fn = (a) => exp(sin(exp(sin(a))));
      const variants: Fn[] = [
        (a) => c((b) => exp(sin(c((d) => exp(sin(d)))(b))))(a),
        (a) => c((b) => c((d) => exp(sin(d)))(c((e) => exp(sin(e)))(b)))(a),
        (a) => c(c(c((b) => f(b))))(a),
      ];
      for (const variant of variants) {
        close(variant(x), f(x));
        close(g(variant)(x), g(f)(x));
        close(g(g(variant))(x), g(g(f))(x));
        close(g(c(g(variant)))(x), g(g(f))(x));
        close(c(g(c(g(c(variant)))))(x), g(g(f))(x));
      }
    }),
  );

  test(
    "testNestedCheckpointTwoChildren",
    within(() => {
      const a = torch.randn([], { requiresGrad: true });
      const h: Fn = (x) => exp(sin(x));
      const plain: Fn = (x) => exp(h(sin(h(x))));
      const nested: Fn = c((x) => exp(c(h)(sin(c(h)(x)))));
      close(g(nested)(a), g(plain)(a));
      close(g(c(g(nested)))(a), g(g(plain))(a));
    }),
  );

  test(
    "testNestedCheckpointNonTensorInputsAndOutputs",
    within(() => {
      const k = (x: Tensor, number: number, record: { scale: number }, text: string) => {
        const wide = x.sin().exp().mul(record.scale);
        return [wide, number, record, text] as const;
      };
      const a = torch.rand([3, 3]).requiresGrad_();
      const call = (use: boolean): Tensor => {
        const f = (x: Tensor): Tensor => {
          const made = use
            ? checkpoint(k, x.mul(1), 4, { scale: 3 }, "text")
            : k(x.mul(1), 4, { scale: 3 }, "text");
          expect(made.slice(1)).toEqual([4, { scale: 3 }, "text"]);
          return made[0].mul(made[1]);
        };
        return use ? checkpoint(f, a) : f(a);
      };
      close(grad(call(true).sum(), a)[0]!, grad(call(false).sum(), a)[0]!);
    }),
  );

  test(
    "testNestedCheckpointKwargs",
    within(() => {
      const f = (x: Tensor, { blah = null }: { blah?: Tensor | null } = {}): Tensor =>
        blah === null ? x.sin().exp() : x.sin().exp().add(blah.sin());
      const a = torch.randn([], { requiresGrad: true });
      const b = torch.randn([], { requiresGrad: true });
      const nested = (x: Tensor, y: Tensor): Tensor =>
        checkpoint(
          (s: Tensor, t: Tensor) => checkpoint(f, s, { blah: t, preserveRngState: false }),
          x,
          y,
        );
      const found = grad(nested(a, b), [a, b]);
      grad(f(a, { blah: b }), [a, b]).forEach((plain, i) => close(found[i]!, plain));
    }),
  );

  test(
    "testNestedCheckpointSameGraph",
    within(() => {
      let count = 0;
      const a = torch.randn([], { requiresGrad: true });
      const counted: Fn = (x) => {
        const out = x.sin();
        out.registerHook(() => void count++);
        return out.exp();
      };
      const out = c((x) => c(counted)(x).sin())(a);
      out.backward();
      // The graph that is gone through is the one of the first run.
      expect(count).toBe(1);
    }),
  );

  test(
    "testNestedCheckpointReentrantBackwards",
    within(() => {
      const a = torch.randn([], { requiresGrad: true });
      const inner: Fn = (x) => {
        const out = x.sin();
        out.registerHook((gradient) => {
          const y = torch.tensor(0.5, { requiresGrad: true });
          torch.enableGrad(() => c((t) => c(exp)(t).sin())(y).backward());
          expect(y.grad).not.toBe(null);
          return gradient;
        });
        return out.exp();
      };
      const [found] = grad(c((x) => c(inner)(x).sin())(a), a);
      close(found!, g((x) => x.sin().exp().sin())(a));
    }),
  );

  test("testNestedCheckpointSetEarlyStop", () => {
    const counter = { n: 0 };
    const counting: Fn = counted(counter, (x) => x.clone());
    const run = (options: torch.utils.CheckpointOptions): number => {
      counter.n = 0;
      const a = torch.tensor(1, { requiresGrad: true });
      const fn: Fn = (x) => counting(x.sin());
      checkpoint(fn, a, options).backward();
      return counter.n;
    };
    expect(run({})).toBe(1);
    expect(run({ earlyStop: false })).toBe(2);
    const { setCheckpointEarlyStop } = checkpoint;
    expect(setCheckpointEarlyStop(false, () => run({ earlyStop: true }))).toBe(2);
    expect(setCheckpointEarlyStop(true, () => run({ earlyStop: false }))).toBe(1);
    // What was in force when the function ran counts, not what is in force when it runs again.
    counter.n = 0;
    const a = torch.tensor(1, { requiresGrad: true });
    const out = setCheckpointEarlyStop(false, () => c((x) => counting(x.sin()))(a));
    setCheckpointEarlyStop(true, () => out.backward());
    expect(counter.n).toBe(2);
    expect(() => setCheckpointEarlyStop(1 as never, () => 1)).toThrow("true, false or null");
  });

  test("testNestedCheckpointSetEarlyStopNoRecomputionNeeded", () => {
    const counter = { n: 0 };
    const a = torch.tensor(1, { requiresGrad: true });
    // Nothing is saved: nothing is computed again, whatever is said.
    for (const earlyStop of [true, false]) {
      counter.n = 0;
      checkpoint(
        counted(counter, (x) => x.clone()),
        a,
        { earlyStop },
      ).backward();
      expect(counter.n).toBe(1);
    }
    // The one tensor that is saved is the argument: the function runs again to find that out.
    for (const earlyStop of [true, false]) {
      counter.n = 0;
      checkpoint(counted(counter, sin), a, { earlyStop }).backward();
      expect(counter.n).toBe(2);
    }
  });
});

describe("T12 custom Function", () => {
  test("testCustomAutogradAcEarlyStop", () => {
    let backwards = 0;
    class Identity extends torch.autograd.Function {
      static forward(ctx: torch.autograd.FunctionContext<object, [Tensor]>, x: Tensor): Tensor {
        ctx.saveForBackward(x);
        return x.viewAs(x);
      }
      static backward(
        ctx: torch.autograd.FunctionContext<object, [Tensor]>,
        gradient: Tensor,
      ): Tensor {
        backwards++;
        expect(ctx.savedTensors[0].shape).toEqual([3]);
        return gradient;
      }
    }
    const x = torch.randn([3]).requiresGrad_();
    const counter = { n: 0 };
    const out = c(counted(counter, (t) => Identity.apply(t.sin()).exp()))(x);
    const [found] = grad(sum(() => out)(x), x);
    close(found!, x.sin().exp().mul(x.cos()));
    expect([counter.n, backwards]).toEqual([2, 1]);
  });
});
