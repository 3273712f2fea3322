// PyTorch's tests of saved tensors on nodes, and of hooks on them.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { doesNotApply } from "./parity.ts";

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
  test("testGetDataAndHooksFromRawSavedVariable", () => {
    const pack = (t: Tensor) => ({ t });
    const unpack = (p: { t: Tensor }): Tensor => p.t;
    const a = torch.tensor(1, { requiresGrad: true });
    const packed = savedTensorsHooks(pack, unpack, () => a.exp());
    expect(raw(packed, "Result").data).toHaveProperty("t");
    expect(raw(packed, "Result").unpackHook).toBe(unpack);
    const plain = a.exp();
    close(raw(plain, "Result").data, plain);
    expect(raw(plain, "Result").unpackHook).toBe(null);
    raw(plain, "Result").registerHooks(pack, unpack);
    expect(raw(plain, "Result").data).toHaveProperty("t");
    expect(raw(plain, "Result").unpackHook).toBe(unpack);
  });

  const constructor = "a SavedTensor is made by a node only, there is no constructor for users";
  doesNotApply("testSavedTensorConstructorWithHooks", constructor);
  doesNotApply("testSavedTensorConstructorForbiddenWithoutFlag", constructor);

  type Ctx = torch.autograd.FunctionContext<object, Tensor[]>;
  const identity = (clear: boolean) =>
    class Identity extends Function {
      static override readonly clearSavedTensorsOnAccess = clear;
      static forward(ctx: Ctx, x: Tensor): Tensor {
        ctx.saveForBackward(x, x);
        return x.clone();
      }
      static backward(ctx: Ctx, g: Tensor): Tensor {
        return ctx.savedTensors.reduce((sum, t) => sum.add(t.mul(0)), g);
      }
    };
  interface CustomNode {
    readonly savedTensors: readonly Tensor[];
    readonly rawSavedTensors: readonly SavedTensor[];
  }
  const nodeOf = (t: Tensor): CustomNode => t.gradFn as unknown as CustomNode;

  test("testCustomFunctionSavedTensors", () => {
    const x = leaf(5);
    const y = identity(false).apply(x);
    const node = nodeOf(y);
    expect(node.savedTensors.every((t) => t === x)).toBe(true);
    expect(node.savedTensors.length).toBe(2);
    const raws = node.rawSavedTensors;
    raws[0]!.registerHooks(
      (t) => t.mul(2),
      (t) => t.mul(2),
    );
    close(node.savedTensors[0], x.mul(4));
    close(node.savedTensors[1], x);
    expect(() => raws[0]!.registerHooks(same, same)).toThrow("already been set");
    y.sum().backward();
    expect(() => node.savedTensors).toThrow("a second time");
    expect(() => node.rawSavedTensors).toThrow("a second time");
    expect(() => raws[1]!.registerHooks(same, same)).toThrow("already been freed");
  });

  test("testClearSavedTensorsOnAccess", () => {
    const x = leaf(5);
    const y = identity(true).apply(x);
    y.sum().backward();
    expect(x.grad!.tolist()).toEqual([1, 1, 1, 1, 1]);
    expect(() => nodeOf(y).savedTensors).toThrow("clearSavedTensorsOnAccess");
  });

  test("testClearSavedTensorsOnAccessDoubleAccessError", () => {
    class Twice extends Function {
      static override readonly clearSavedTensorsOnAccess = true;
      static forward(ctx: Ctx, x: Tensor): Tensor {
        ctx.saveForBackward(x);
        return x.clone();
      }
      static backward(ctx: Ctx, g: Tensor): Tensor {
        expect(ctx.savedTensors.length).toBe(1);
        return g.mul(ctx.savedTensors[0]!);
      }
    }
    expect(() => Twice.apply(leaf(2)).sum().backward()).toThrow("clearSavedTensorsOnAccess");
  });

  test("testNoUnnecessaryUnwrapping", () => {
    const a = leaf(5);
    const before = a.detach().clone();
    const b = a.mul(a);
    const c = a.mul(b);
    const d = a.exp();
    expect(b.gradFn!["savedSelf"]).toBe(a);
    expect(b.gradFn!["savedOther"]).toBe(a);
    expect(c.gradFn!["savedSelf"]).toBe(a);
    expect(c.gradFn!["savedOther"]).toBe(b);
    // Python needs a copy here that does not hold its own graph; a garbage collector does not.
    expect(d.gradFn!["savedResult"]).toBe(d);
    c.sum().backward();
    expect(() => c.gradFn!["savedSelf"]).toThrow("after they have already been freed");
    expect(torch.equal(a, before)).toBe(true);
  });

  test("testSavedVariablePackingUnpackingSavedOriginalWithHooks", () => {
    for (const [isLeaf, make] of [
      [true, () => leaf(5)],
      [false, () => leaf(5).add(1)],
    ] as const) {
      const check = (unpack: (t: Tensor) => Tensor, factor: number, gradient: number): void => {
        const a = make();
        const node = a.gradFn;
        const y = a.mul(a);
        raw(y, "Self").registerHooks((t) => t.mul(2), unpack);
        close(y.gradFn!["savedSelf"], a.mul(factor));
        if (!isLeaf) expect((y.gradFn!["savedSelf"] as Tensor).gradFn).toBe(node);
        y.sum().backward();
        if (isLeaf) close(a.grad, a.mul(gradient));
      };
      check((t) => t.div(2), 1, 2);
      check(same, 2, 3);
      const a = make();
      const y = a.pow(3);
      raw(y, "Self").registerHooks(same, same);
      const [g] = grad(y.sum(), a, { createGraph: true });
      if (!isLeaf) expect((y.gradFn!["savedSelf"] as Tensor).gradFn).toBe(a.gradFn);
      g!.sum().backward();
      if (isLeaf) close(a.grad, a.mul(6));
      const wrong = a.mul(a);
      raw(wrong, "Self").registerHooks(same<Tensor>, () => 1 as never);
      expect(() => wrong.gradFn!["savedSelf"]).toThrow("expected to be a Tensor");
      const bad = a.mul(a);
      expect(() => raw(bad, "Self").registerHooks(1 as never, same<Tensor>)).toThrow(
        "two functions",
      );
      expect(() => raw(bad, "Self").registerHooks((t) => t.mul_(2), same)).toThrow(
        "modifying its input in place",
      );
    }
  });

  test("testSavedVariablePackingUnpackingDidNotSaveOriginalWithHooks", () => {
    const a = leaf(5);
    const y = a.exp();
    raw(y, "Result").registerHooks(same, same);
    close(y.gradFn!["savedResult"], y);
    expect((y.gradFn!["savedResult"] as Tensor).gradFn).toBe(y.gradFn);
    y.sum().backward();
    close(a.grad, y);
  });

  test("testSavedVariablePackingUnpackingSavedOriginalWithDefaultHooks", () => {
    let packs = 0;
    const a = leaf(5);
    savedTensorsHooks(
      (t) => (packs++, t),
      same,
      () => a.mul(a),
    );
    expect(packs).toBe(2);
    for (const [unpack, gradient] of [
      [(t: Tensor) => t.div(2), 2],
      [same<Tensor>, 4],
    ] as const) {
      a.grad = null;
      const y = savedTensorsHooks(
        (t) => t.mul(2),
        unpack,
        () => a.mul(a),
      );
      close(y.gradFn!["savedSelf"], a.mul(gradient / 2));
      close(y.gradFn!["savedOther"], a.mul(gradient / 2));
      y.sum().backward();
      close(a.grad, a.mul(gradient));
    }
    const left = a.mul(a);
    expect(left.gradFn!["savedSelf"]).toBe(a);
    // A name for each tensor, under which it is found again.
    const kept: Tensor[] = [];
    a.grad = null;
    const y = savedTensorsHooks(
      (t) => kept.push(t) - 1,
      (at: number) => kept[at]!,
      () => a.mul(a),
    );
    expect([raw(y, "Self").data, raw(y, "Other").data]).toEqual([0, 1]);
    y.sum().backward();
    close(a.grad, a.mul(2));
  });

  test("testSavedVariablePackingUnpackingDidNotSaveOriginalWithDefaultHooks", () => {
    const a = leaf(5);
    const y = savedTensorsHooks(same, same, () => a.exp());
    close(y.gradFn!["savedResult"], y);
    expect((y.gradFn!["savedResult"] as Tensor).gradFn).toBe(y.gradFn);
    y.sum().backward();
    close(a.grad, y);
  });
});
