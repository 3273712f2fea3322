// The engine with functions of the user's own: reentrant ones, deep ones, ones that give no gradient, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { close, leaf, list, random } from "./compare.ts";

type T = torch.Tensor;
const { Function: CustomFunction, grad, gradcheck, graph } = torch.autograd;
type Context = torch.autograd.FunctionContext;

describe("T1 backward() and grad()", () => {
  test("testTooManyGrads", () => {
    class Pass extends CustomFunction {
      static forward(_: Context, x: T): T {
        return x.clone();
      }
      static backward(_: Context, g: T): (T | null)[] {
        return [g, null, null];
      }
    }
    const x = leaf(5, 5);
    Pass.apply(x).sum().backward();
    close(x.grad, torch.ones(5, 5));
  });

  test("testUnrelatedInputs", () => {
    // The second input does not reach the result.
    const [x, y] = [leaf(4), leaf(4)];
    expect(gradcheck((...[a]: T[]) => a!.mul(a!), [x, y])).toBe(true);
    expect(grad(x.mul(x).sum(), [x, y], { allowUnused: true })[1]).toBeNull();
  });

  test("testGradBatchedGrad", () => {
    const x = leaf(2, 2);
    const out = x.clone();
    const seeds = random(3, 2, 2);
    const [batched] = grad(out, x, seeds, { isGradsBatched: true, retainGraph: true });
    close(batched, seeds);
    // Without a batch dimension to spare, the seed is no batch.
    const whole = out.sum();
    expect(() => grad(whole, x, torch.tensor(1), { isGradsBatched: true })).toThrow(
      torch.TorchError,
    );
    // A batch of one-hot seeds gives the rows of the Jacobian.
    const flat = x.reshape(-1).pow(2);
    const [rows] = grad(flat, x, torch.eye(4, { dtype: torch.float64 }), { isGradsBatched: true });
    close(rows!.reshape(4, 4), torch.diag(x.mul(2).reshape(-1).detach()));
  });
});

describe("T3 graph structure", () => {
  test("testSaveOutputNr", () => {
    const x = leaf(10);
    class Halves extends CustomFunction {
      static forward(_: Context, a: T): T[] {
        return [a.narrow(0, 0, 5).clone(), a.narrow(0, 5, 5).clone()];
      }
      static backward(_: Context, ...gs: T[]): T {
        return torch.cat(gs);
      }
    }
    const [, b] = Halves.apply(x) as T[];
    expect(b!.outputNr).toBe(1);
    let seen = -1;
    class Test extends CustomFunction {
      static forward(ctx: Context, a: T): T {
        ctx.saveForBackward(a);
        return a.clone();
      }
      static backward(ctx: Context, g: T): T {
        seen = ctx.savedTensors[0]!.outputNr;
        return g;
      }
    }
    Test.apply(b!).sum().backward();
    expect(seen).toBe(1);
    expect(list(x.grad)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  });

  test("testFreeDeepGraphPyfunction", () => {
    class Add extends CustomFunction {
      static forward(_: Context, a: T, b: T): T {
        return a.add(b);
      }
      static backward(_: Context, g: T): T[] {
        return [g, g];
      }
    }
    let x: T = torch.randn(1, { requiresGrad: true });
    const first = x;
    for (let i = 0; i < 5000; i++) x = Add.apply(x, x).mul(0.5);
    x.backward();
    close(first.grad, torch.ones(1));
  });
});

describe("T4 .grad", () => {
  test("testRetainsGradInplaceMultipleOutputs", () => {
    class Twice extends CustomFunction {
      static forward(_: Context, x: T): T[] {
        return [x.mul(2), x.mul(3)];
      }
      static backward(_: Context, a: T, b: T): T {
        return a.mul(2).add(b.mul(3));
      }
    }
    const x = torch.rand(3, { requiresGrad: true });
    const [a, b] = Twice.apply(x.clone()) as T[];
    b!.retainGrad();
    a!.retainGrad();
    a!.mul_(2);
    const seen: string[] = [];
    b!.registerHook(() => void seen.push("b"));
    a!.add(b!.mul(5)).sum().backward();
    // Both retain, though they are results of one node and only one was changed.
    close(a!.grad, torch.ones(3));
    close(b!.grad, torch.full([3], 5));
    close(x.grad, torch.full([3], 2 * 2 + 3 * 5));
    expect(seen).toEqual(["b"]);
  });
});

describe("T10 hooks", () => {
  test("testNodePostHookRegisteredDuringUnpackHook", () => {
    // A hook for after a node's run that is added while it runs is run as well.
    const a = torch.rand(3, 3, { requiresGrad: true });
    const run = (): void => a.exp().sum().backward();
    run();
    const plain = a.grad!.clone();
    a.grad = null;
    let added = 0;
    graph.savedTensorsHooks(
      (t: T) => t,
      (t: T) => {
        const node = graph.currentAutogradNode()!;
        expect(node.name).toBe("ExpBackward0");
        node.registerHook((gradients) => gradients.map((g) => g?.div(2) ?? null));
        added++;
        return t;
      },
      run,
    );
    expect(added).toBe(1);
    close(a.grad, plain.div(2));
  });
});

describe("T14 reentrant backward, order, callbacks", () => {
  class Reentrant extends CustomFunction {
    static order: string[] = [];
    static forward(ctx: torch.autograd.FunctionContext<{ x: T }>, x: T): T {
      ctx.x = torch.enableGrad(() => x.detach().requiresGrad_().sub(1));
      return ctx.x.detach().clone();
    }
    static backward(ctx: torch.autograd.FunctionContext<{ x: T }>, g: T): T {
      Reentrant.order.push("reentrant");
      if (Number(ctx.x.item()) >= 0)
        torch.enableGrad(() => Reentrant.apply(ctx.x).sum().backward());
      return g;
    }
  }

  test("testReentrantPriority", () => {
    class Plain extends CustomFunction {
      static forward(_: Context, x: T): T {
        return x.clone();
      }
      static backward(_: Context, g: T): T {
        Reentrant.order.push("plain");
        return g;
      }
    }
    Reentrant.order = [];
    const a = Plain.apply(torch.tensor(6, { requiresGrad: true }));
    const b = Reentrant.apply(torch.tensor(9, { requiresGrad: true }));
    a.mul(b).backward();
    expect(Reentrant.order.length).toBe(11);
    expect(Reentrant.order.filter((what) => what === "reentrant").length).toBe(10);
    expect(Reentrant.order.at(-1)).toBe("plain");
  });

  test("testDeepReentrant", () => {
    // Each pass within a pass takes its part of the stack; what is too deep fails with advice, and everything can be used afterwards.
    Reentrant.order = [];
    Reentrant.apply(torch.tensor(200, { requiresGrad: true }))
      .sum()
      .backward();
    expect(Reentrant.order.length).toBe(201);
    const deep = Reentrant.apply(torch.tensor(100_000, { requiresGrad: true })).sum();
    expect(() => deep.backward()).toThrow(/passes within passes.*--stack-size/);
    expect([graph.currentGraphTaskId(), torch.isGradEnabled()]).toEqual([-1, true]);
    Reentrant.apply(torch.tensor(50, { requiresGrad: true }))
      .sum()
      .backward();
  });
});
