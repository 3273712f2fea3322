// PyTorch's tests of the hooks through which tensors are saved.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

type Tensor = torch.Tensor;
type SavedTensor = torch.autograd.graph.SavedTensor;
const { Function, grad, graph } = torch.autograd;
const { savedTensorsHooks } = graph;

const same = <T>(x: T): T => x;
const leaf = (...sizes: number[]): Tensor => torch.randn(sizes).requiresGrad_();
const close = (a: unknown, b: Tensor): void => expect(torch.allclose(a as Tensor, b)).toBe(true);
const raw = (t: Tensor, name: "Self" | "Other" | "Result"): SavedTensor =>
  t.gradFn![`rawSaved${name}`]!;

describe("T11 saved tensors", () => {
  type Ctx = torch.autograd.FunctionContext<object, Tensor[]>;

  test("testSettingDefaultSavedVariableHooksTwiceShouldNotFail", () => {
    expect(savedTensorsHooks(same, same, () => savedTensorsHooks(same, same, () => 1))).toBe(1);
  });

  test("testSettingDefaultSavedVariableHooksTwiceShouldUseInner", () => {
    const b = leaf(5);
    const a = leaf(5);
    const [x, y] = savedTensorsHooks(
      (t) => t.mul(3),
      same,
      () => {
        const inner = savedTensorsHooks(
          (t) => t.mul(5),
          same,
          () => a.mul(a),
        );
        return [b.mul(b), inner] as const;
      },
    );
    x.sum().backward();
    close(b.grad, b.mul(6));
    y.sum().backward();
    close(a.grad, a.mul(10));
  });

  test("testDisablingSavedTensorHooks", () => {
    graph.disableSavedTensorsHooks("error message", () => {
      expect(() => savedTensorsHooks(same, same, () => 1)).toThrow("error message");
      expect(() => graph.saveOnCpu(() => 1)).toThrow("error message");
    });
    expect(savedTensorsHooks(same, same, () => 1)).toBe(1);
    savedTensorsHooks(same, same, () =>
      expect(() => graph.disableSavedTensorsHooks("in use", () => 1)).toThrow("in use"),
    );
  });

  test("testDisablingSavedTensorHooksNested", () => {
    const refused = (message: string): void =>
      expect(() => savedTensorsHooks(same, same, () => 1)).toThrow(message);
    graph.disableSavedTensorsHooks("outer", () => {
      graph.disableSavedTensorsHooks("inner", () => refused("inner"));
      refused("outer");
    });
    expect(savedTensorsHooks(same, same, () => 1)).toBe(1);
  });

  test("testSavedTensorHooksCustomErrorPropagation", () => {
    class CustomError extends Error {}
    const fail = (): Tensor => {
      throw new CustomError("mine");
    };
    const a = leaf(5);
    expect(() => savedTensorsHooks(fail, same<Tensor>, () => a.mul(a))).toThrow(CustomError);
    const y = savedTensorsHooks(same<Tensor>, fail, () => a.mul(a));
    expect(() => y.sum().backward()).toThrow(CustomError);
    expect(savedTensorsHooks(same, same, () => a.mul(a)).requiresGrad).toBe(true);
  });

  test("testSavedTensorHooksCustomFunctionIntermediates", () => {
    class Func extends Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        const intermediate = x.exp();
        ctx.saveForBackward(intermediate.clone().detach_().requiresGrad_(true));
        return x.exp();
      }
      static backward(ctx: Ctx, g: Tensor): Tensor {
        return g.mul(ctx.savedTensors[0]!);
      }
    }
    const a = leaf(5);
    const y = savedTensorsHooks(same, same, () => Func.apply(a));
    y.sum().backward();
    close(a.grad, a.exp());
  });

  test("testUnpackHooksExecCount", () => {
    let packs = 0;
    let unpacks = 0;
    const counting = <T>(body: () => T): T =>
      savedTensorsHooks(
        (t) => (packs++, t),
        (t) => (unpacks++, t),
        body,
      );
    for (const through of ["grad", "backward"]) {
      packs = unpacks = 0;
      const x = torch.ones(5, { requiresGrad: true });
      const y = torch.ones(5, { requiresGrad: true });
      const w = counting(() => x.mul(y).sum());
      expect([packs, unpacks]).toEqual([2, 0]);
      if (through === "grad") grad(w, x);
      else w.backward();
      expect([packs, unpacks]).toEqual([2, 2]);
    }
    packs = unpacks = 0;
    const x = torch.ones(5, { requiresGrad: true });
    const constant = torch.ones(5);
    const w = counting(() => x.mul(constant));
    expect(packs).toBe(1);
    w.sum().backward();
    expect(unpacks).toBe(1);
  });

  test("testSavedTensorsHookVersionCounterNotShared", () => {
    class Test extends Function {
      static forward(ctx: Ctx, x: Tensor): Tensor {
        ctx.saveForBackward(x);
        return x.sin();
      }
      static backward(ctx: Ctx, g: Tensor): Tensor {
        const before = a.version;
        ctx.savedTensors[0]!.add_(1);
        expect(a.version).toBe(before);
        return g;
      }
    }
    const a = torch.tensor(1, { requiresGrad: true });
    savedTensorsHooks(
      (t) => t.detach().clone(),
      same,
      () => Test.apply(a),
    ).backward();
  });

  test("testPackHookWithInplaceModificationShouldFail", () => {
    const a = leaf(5);
    const change = (t: Tensor): Tensor => t.mul_(2);
    const modifying = "modifying its input in place";
    expect(() => savedTensorsHooks(change, same, () => a.exp())).toThrow(modifying);
    const y = a.exp();
    expect(() => raw(y, "Result").registerHooks(change, same)).toThrow(modifying);
  });

  test("testSavingVariableToDisk", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "saved-"));
    let files = 0;
    const pack = (t: Tensor): string => {
      const file = path.join(folder, `${files++}.json`);
      writeFileSync(file, JSON.stringify(t.tolist()));
      return file;
    };
    const unpack = (file: string): Tensor =>
      torch.tensor(JSON.parse(readFileSync(file, "utf8")) as number[]);
    try {
      const x = torch.tensor([1, 2, 3], { requiresGrad: true });
      savedTensorsHooks(pack, unpack, () => x.mul(x))
        .sum()
        .backward();
      expect(readdirSync(folder).length).toBe(2);
      expect(x.grad!.tolist()).toEqual([2, 4, 6]);
      const z = torch.tensor([1, 2], { requiresGrad: true });
      const cube = z.pow(3);
      raw(cube, "Self").registerHooks(pack, unpack);
      cube.sum().backward();
      expect(z.grad!.tolist()).toEqual([3, 12]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("testDefaultSavedTensorsHooksDoubleBackward", () => {
    const cube = (unpack: (t: Tensor) => Tensor, expected: number): void => {
      const a = leaf(5);
      savedTensorsHooks(
        (t) => t.mul(2),
        unpack,
        () => {
          const y = a.pow(3);
          const [g] = grad(y.sum(), a, { createGraph: true });
          g!.sum().backward();
        },
      );
      close(a.grad, a.mul(expected));
    };
    cube((t) => t.div(2), 6);
    const a = leaf(5);
    const y = savedTensorsHooks(same, same, () => a.pow(3));
    const [g] = grad(y.sum(), a, { createGraph: true });
    g!.sum().backward();
    close(a.grad, a.mul(6));
    // Only what is saved by the second pass is doubled: 6 a b where b is the doubled one.
    const b = leaf(5);
    const z = b.mul(b);
    const s = z.sum();
    const [h] = grad(s, b, { createGraph: true });
    const twice = savedTensorsHooks(
      (t) => t.mul(2),
      same,
      () => h!.mul(b),
    );
    twice.sum().backward();
    close(b.grad, b.mul(2 * 2 + 2 * 2));
  });

  test("testWrappedNumberSavedTensorsHooks", () => {
    const fail = (): never => {
      throw new Error("no tensor but a number is saved here");
    };
    const a = leaf(5);
    savedTensorsHooks(fail, fail, () => a.mul(3))
      .sum()
      .backward();
    expect(a.grad!.tolist()).toEqual([3, 3, 3, 3, 3]);
  });

  test("testGraphSaveOnCpu", () => {
    for (const dtype of [torch.float32, torch.float64, torch.float16]) {
      const a = torch.ones([5], { dtype, requiresGrad: true });
      const y = graph.saveOnCpu(() => a.mul(a));
      const saved = y.gradFn!["savedSelf"] as Tensor;
      expect([saved.dtype, saved.device.type]).toEqual([dtype, "cpu"]);
      close(saved, a);
      y.sum().backward();
      close(a.grad, a.mul(2));
    }
    const wide = torch.randn([3, 2]).t().requiresGrad_();
    const y = graph.saveOnCpu(() => wide.mul(wide));
    expect((y.gradFn!["savedSelf"] as Tensor).stride()).toEqual(wide.stride());
  });

  test("testSaveOnCpuAndCheckpoint", () => {
    const a = leaf(2, 2);
    const chain = (x: Tensor): Tensor => x.pow(2).pow(2).pow(2).pow(2);
    chain(a).sum().backward();
    const plain = a.grad!.clone();
    const { checkpoint } = torch.utils;
    const variants: (() => Tensor)[] = [
      () => graph.saveOnCpu(() => checkpoint((x: Tensor) => x.pow(2).pow(2), a.pow(2)).pow(2)),
      () => checkpoint((x: Tensor) => graph.saveOnCpu(() => x.pow(2).pow(2)), a.pow(2)).pow(2),
      () => graph.saveOnCpu(() => checkpoint(chain, a)),
    ];
    for (const run of variants) {
      a.grad = null;
      run().sum().backward();
      close(a.grad, plain);
    }
  });

  test("testSavedTensorHooksExtraExitDuringBwNoCrash", () => {
    const guard = savedTensorsHooks(same, same);
    const a = leaf(5);
    const y = a.mul(a);
    y.registerHook(() => guard[Symbol.dispose]());
    y.sum().backward();
    close(a.grad, a.mul(2));
    guard[Symbol.dispose]();
    expect(a.mul(a).gradFn!["savedSelf"]).toBe(a);
  });

  test("testSavedTensorHooksExtraEnterDuringBwNoLeak", () => {
    const a = leaf(5);
    const y = a.mul(a);
    y.registerHook(
      () =>
        void savedTensorsHooks(() => {
          throw new Error("hooks leaked out of the backward pass");
        }, same),
    );
    y.sum().backward();
    expect(a.mul(a).gradFn!["savedSelf"]).toBe(a);
  });

  test("testAccessSavedTensorTwiceWithoutRecomputationWorks", () => {
    let count = 0;
    const foo = (x: Tensor): Tensor => {
      count++;
      return x.mul(x).mul(x).add(0).mul(0).add(x).exp();
    };
    const d = torch.utils.checkpoint(foo, leaf(5));
    expect(count).toBe(1);
    close(d.gradFn!["savedResult"], d);
    expect(count).toBe(2);
    close(d.gradFn!["savedResult"], d);
    expect(count).toBe(3);
    d.sum().backward();
    expect(count).toBe(4);
    expect(() => d.gradFn!["savedResult"]).toThrow("after they have already been freed");
    expect(count).toBe(4);
  });
});

describe("hooks on saved tensors", () => {
  test("what unpack gives must have the packed tensor's shape and type", () => {
    const a = leaf(5);
    const back = (unpack: (t: Tensor) => Tensor) => {
      const y = savedTensorsHooks(same, unpack, () => a.exp());
      return () => y.sum().backward();
    };
    expect(back((t) => t.at("0:2"))).toThrow(torch.ShapeError);
    expect(back((t) => t.double())).toThrow(torch.DTypeError);
  });

  test("reach every kind of node: pointwise, reductions, others, lists, in place", () => {
    const w = leaf(3, 3);
    const cases: ((x: Tensor) => Tensor)[] = [
      (x) => x.sigmoid().mul(x).tanh(),
      (x) => torch.nn.functional.mseLoss(x, w),
      (x) => x.mm(w).softmax(1),
      (x) => torch.stack([x, w]).prod(0).cumsum(0),
      (x) => x.clone().mul_(x).sin_().exp_(),
      (x) => {
        const whole = x.clone();
        whole.at(0).exp_();
        return whole;
      },
      (x) => x.sort(1).values.max(1).values,
    ];
    for (const fn of cases) {
      const x = leaf(3, 3);
      const second = (y: Tensor): Tensor => {
        const [g] = grad(y.pow(2).sum(), x, { createGraph: true });
        return grad(g!.pow(2).sum(), x)[0]!;
      };
      const plain = second(fn(x));
      const packed: unknown[] = [];
      const hooked = savedTensorsHooks(
        (t) => {
          const copy = t.detach().clone();
          packed.push(copy);
          return copy;
        },
        (t) => t.clone(),
        () => fn(x),
      );
      close(second(hooked), plain);
      expect(packed.length).toBeGreaterThan(0);
    }
  });

  test("changes of what is saved are allowed inside allowMutationOnSavedTensors", () => {
    const x = leaf(4);
    const g = graph.allowMutationOnSavedTensors(() => {
      const y = x.clone();
      const view = y.at("0:2");
      const z = y.sin().mul(y);
      view.zero_();
      y.add_(1);
      expect(() => graph.allowMutationOnSavedTensors(() => 1)).toThrow("nested");
      return grad(z.sum(), x)[0]!;
    });
    close(g, x.cos().mul(x).add(x.sin()));
    const late = graph.allowMutationOnSavedTensors(() => x.mul(x).sum());
    expect(() => late.backward()).toThrow("outside of the allowMutationOnSavedTensors");
  });
});
