// Hooks on several tensors, hooks of modules, and what hooks keep alive, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { collected } from "./collected.ts";
import { close, leaf, list } from "./compare.ts";

type T = torch.Tensor;
const { grad, graph } = torch.autograd;

describe("T10 hooks", () => {
  test("testBackwardHookRelativeOrdering", () => {
    const log: string[] = [];
    const note = (what: string) => () => void log.push(what);
    class Scale extends torch.nn.Module {
      w = new torch.nn.Parameter(torch.ones(2));
      override forward(x: T): T {
        return x.mul(this.w);
      }
    }
    const module = new Scale();
    const x = torch.ones(2, { requiresGrad: true });
    const a = x.mul(2);
    a.registerHook(note("a tensor"));
    a.gradFn!.registerPrehook(note("a before"));
    a.gradFn!.registerHook(note("a after"));
    module.registerFullBackwardHook(note("module after 1"));
    module.registerFullBackwardPreHook(note("module before 1"));
    module.registerFullBackwardHook(note("module after 2"));
    module.registerFullBackwardPreHook(note("module before 2"));
    module.registerFullBackwardHook(note("module after 0"), { prepend: true });
    module.w.registerHook(note("w tensor"));
    module.w.registerPostAccumulateGradHook(note("w accumulated"));
    module.registerForwardPreHook(note("forward before"));
    module.registerForwardHook(note("forward after"));
    const out = module(a);
    expect(out.gradFn!.name).toBe("BackwardHookFunctionBackward");
    out.registerHook(note("out tensor"));
    out.gradFn!.registerPrehook(note("out before"));
    out.gradFn!.registerHook(note("out after"));
    x.registerHook(note("x tensor"));
    out.sum().backward();
    expect(log).toEqual([
      "forward before",
      "forward after",
      "out tensor",
      "out before",
      "module before 1",
      "module before 2",
      "out after",
      "w tensor",
      "w accumulated",
      "module after 0",
      "module after 1",
      "module after 2",
      "a tensor",
      "a before",
      "a after",
      "x tensor",
    ]);
  });

  test("testMultiGradAllHooks", () => {
    const t = [1, 2, 3, 4].map((n) => torch.rand(n, { requiresGrad: true }));
    // A result of an operation, beside leaves.
    const [t1, t2, t3] = [t[0]!, t[1]!.mul(1), t[2]!];
    const unused = t[3]!;
    let seen: unknown = null;
    let calls = 0;
    const hook = (gradients: readonly (T | null)[]): void => {
      calls++;
      seen = gradients.map((g) => g?.shape[0] ?? null);
    };
    const out = (): T => t1.sum().mul(t2.sum()).mul(t3.sum());
    const handle = graph.registerMultiGradHook([t1, t2, t3, unused], hook);
    const run = (what: (loss: T) => void): unknown => {
      seen = null;
      what(out());
      return seen;
    };
    expect(run((loss) => loss.backward())).toEqual([1, 2, 3, null]);
    expect(calls).toBe(1);
    expect(run((loss) => loss.backward({ inputs: [t2, t3] }))).toEqual([null, 2, 3, null]);
    expect(calls).toBe(2);
    expect(run((loss) => void grad(loss, [t1, t3]))).toEqual([1, null, 3, null]);
    expect(run((loss) => void grad(loss, [unused], { allowUnused: true }))).toBeNull();
    handle.remove();
    handle.remove();
    expect(run((loss) => loss.backward())).toBeNull();
    expect(calls).toBe(3);
  });

  test("testMultiGradAnyHooks", () => {
    const [t1, t2, t3] = [torch.rand(2, { requiresGrad: true }), leaf(3).mul(1), torch.rand(4)];
    let calls = 0;
    let seen: unknown = null;
    const hook = (g: T): void => {
      calls++;
      seen = g.shape[0];
    };
    // Tensors that require no gradient are passed over.
    const handle = graph.registerMultiGradHook([t1, t2, t3], hook, { mode: "any" });
    const both = (): T => t1.sum().mul(t2.sum());
    both().backward();
    expect(calls).toBe(1);
    both().backward();
    expect(calls).toBe(2);
    both().backward({ inputs: [t1] });
    expect([calls, seen]).toEqual([3, 2]);
    grad(both(), t2);
    expect([calls, seen]).toEqual([4, 3]);
    handle.remove();
    both().backward();
    expect(calls).toBe(4);
  });

  test("testMultiGradHooksInvalidMode", () => {
    const x = leaf(1);
    expect(() => graph.registerMultiGradHook([x], () => {}, { mode: "foo" as never })).toThrow(
      /mode must be "all" or "any", got "foo"/,
    );
    expect(() => graph.registerMultiGradHook([x], 3 as never)).toThrow(torch.ArgumentError);
    expect(() => graph.registerMultiGradHook([3 as never], () => {})).toThrow(/element 0/);
    expect(() => graph.registerMultiGradHook([torch.ones(1)], () => {})).toThrow(
      torch.AutogradError,
    );
  });

  test("testFullBackwardHookDoubleBackward", () => {
    const x = torch.rand(1, { requiresGrad: true });
    const y = torch.randLike(x);
    const loss = new torch.nn.MSELoss();
    let calls = 0;
    loss.registerFullBackwardHook(() => void calls++);
    const out = loss(x, y);
    const [first] = grad(out, x, { createGraph: true });
    expect(calls).toBe(1);
    // The second derivative goes into the module's input without coming through its output.
    grad(first!, x);
    expect(calls).toBe(1);
  });

  test("testCreateGraphAndFullBackwardHookCycle", async () => {
    const make = (): WeakRef<object> => {
      class Test extends torch.nn.Module {
        override forward(x: T): T {
          return x.exp();
        }
      }
      const module = new Test();
      const x = torch.randn(2, { requiresGrad: true });
      const y = module(x);
      y.sum().backward({ createGraph: true });
      const hooked = new Test();
      hooked.registerFullBackwardHook((_, gradInputs) => {
        expect(gradInputs.length).toBe(1);
      });
      const z = hooked(x);
      x.grad = null;
      z.sum().backward({ createGraph: true });
      return new WeakRef(x);
    };
    const ref = make();
    expect(await collected(ref)).toBe(true);
  });

  test("testHookClosureCycle", async () => {
    for (const kind of ["registerHook", "registerPrehook"] as const) {
      const make = (): WeakRef<object> => {
        const x = torch.randn(10, { requiresGrad: true });
        const y = x.exp();
        const node = y.gradFn!;
        node[kind](() => void node.name);
        y.sum().backward();
        return new WeakRef(node);
      };
      const ref = make();
      expect(await collected(ref)).toBe(true);
    }
  });
});

describe("hooks of modules", () => {
  class Two extends torch.nn.Module {
    override forward(x: T, label: string, y: T): [T, string, T] {
      return [x.mul(3), label, y.mul(5)];
    }
  }

  test("see gradients in the places of arguments and results, and replace them", () => {
    const module = new Two();
    const seen: unknown[] = [];
    module.registerFullBackwardPreHook((m, out) => {
      seen.push(m === module, out.map(list));
      return out.map((g) => g?.mul(10) ?? null);
    });
    const handle = module.registerFullBackwardHook((_, input, output) => {
      seen.push(input.map(list), output.map(list));
      return input.map((g) => g?.add(1) ?? null);
    });
    const [x, y] = [torch.ones(1, { requiresGrad: true }), torch.ones(1, { requiresGrad: true })];
    const [a, label, b] = module(x, "label", y);
    expect(label).toBe("label");
    a.add(b.mul(2)).sum().backward();
    expect(seen).toEqual([true, [[1], null, [2]], [[30], null, [100]], [[10], null, [20]]]);
    expect([list(x.grad), list(y.grad)]).toEqual([[31], [101]]);
    handle.remove();
    // Where only some need gradients.
    const [c] = module(torch.ones(1), "label", y);
    expect(c.requiresGrad).toBe(false);
  });

  test("are called without gradients where no argument needs one, and are checked", () => {
    const layer = new torch.nn.Linear(2, 1);
    const seen: unknown[] = [];
    const handle = layer.registerFullBackwardHook(
      (_, input, output) => void seen.push(input, output.map(list)),
    );
    layer(torch.ones(1, 2)).sum().backward();
    expect(seen).toEqual([[null], [[[1]]]]);
    handle.remove();
    const x = torch.ones(1, 2, { requiresGrad: true });
    const many = layer.registerFullBackwardHook((_, [g]) => [g!, g!]);
    expect(() => layer(x).sum().backward()).toThrow(/returned 2 gradients in place of 1/);
    many.remove();
    const before = layer.registerFullBackwardPreHook(() => [] as T[]);
    expect(() => layer(x).sum().backward()).toThrow(/pre-hook returned 0 gradients in place of 1/);
    before.remove();
    layer.registerFullBackwardHook(() => {});
    expect(() => layer(x).add_(1)).toThrow(torch.AutogradError);
    expect(() => layer.registerFullBackwardHook(3 as never)).toThrow(torch.ArgumentError);
    torch.noGrad(() => expect(layer(x).requiresGrad).toBe(false));
    close(layer(x).detach(), layer.forward(x).detach());
  });
});
