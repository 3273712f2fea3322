// Inference mode: tensors without versions and views, and how they mix with others, as PyTorch's tests have it.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

const { inferenceMode, isInference, isInferenceModeEnabled } = torch;
const { AutogradError } = torch;
type T = torch.Tensor;

const ones = (requiresGrad: boolean): T => torch.ones(1, 2, 3, { requiresGrad });
const square = (x: T): T => x.mul(x);
const both = [true, false] as const;

/** Whether a tensor is an inference tensor, requires a gradient, and is a view. */
const traits = (x: T): boolean[] => [x.isInference(), x.requiresGrad, x.isView()];
const normal = [false, false, false];

const changes: readonly ((x: T) => T)[] = [(x) => x.add_(2), (x) => x.transpose_(0, 1)];
const madeElsewhere = /view was made by view inside inferenceMode and is changed in place/;

describe("T6 inference mode", () => {
  test("testInferenceModeContextManager", () => {
    expect(isInferenceModeEnabled()).toBe(false);
    inferenceMode(() => {
      expect(isInferenceModeEnabled()).toBe(true);
      inferenceMode(false, () => {
        expect(isInferenceModeEnabled()).toBe(false);
        expect(torch.isGradEnabled()).toBe(true);
      });
      expect(isInferenceModeEnabled()).toBe(true);
      expect(torch.isGradEnabled()).toBe(false);
    });
    expect(isInferenceModeEnabled()).toBe(false);
    const guard = inferenceMode();
    expect(isInferenceModeEnabled()).toBe(true);
    guard[Symbol.dispose]();
    expect(isInferenceModeEnabled()).toBe(false);
    expect(() => inferenceMode(() => Promise.resolve(1))).toThrow(/promise.*leak/);
  });

  test("testInferenceModeDecorator", () => {
    const watched =
      (mode: boolean) =>
      (x: T): T => {
        expect(isInferenceModeEnabled()).toBe(mode);
        return square(x);
      };
    for (const mode of both) {
      const forms = [inferenceMode.wrap(mode, watched(mode))];
      if (mode) forms.push(inferenceMode.wrap(watched(mode)));
      for (const form of forms)
        for (const requiresGrad of both) {
          const d = form(ones(requiresGrad));
          expect([isInference(d), d.requiresGrad]).toEqual([mode, requiresGrad && !mode]);
        }
    }
  });

  test("testInferenceModeTensorCreation", () => {
    inferenceMode(() => {
      expect(traits(torch.ones(1, 2, 3))).toEqual([true, false, false]);
      expect(traits(ones(true))).toEqual([true, true, false]);
      expect(traits(ones(false).requiresGrad_(false))).toEqual([true, false, false]);
      for (const made of [torch.tensor([1]), torch.eye(2), torch.rand(2), torch.arange(3)])
        expect(isInference(made)).toBe(true);
      expect(() => torch.ones(2).version).toThrow(/inference tensors do not count versions/);
    });
  });

  test("testInferenceModeExistingAutogradSession", () => {
    const a = ones(true).clone();
    const out = a.mul(a);
    inferenceMode(() => a.add_(2));
    expect(isInference(a)).toBe(false);
    expect(() => out.backward(torch.onesLike(out))).toThrow(/modified by an inplace operation/);
  });

  test("testInferenceModeInfTensorInInfModeFunctionalOp", () => {
    inferenceMode(() => {
      for (const requiresGrad of both)
        expect(traits(square(ones(requiresGrad)))).toEqual([true, false, false]);
    });
  });

  test("testInferenceModeInfTensorInInfModeInplaceOp", () => {
    const more: readonly ((x: T) => T)[] = [
      ...changes,
      (x) => x.resize_(1, 2),
      (x) => x.resizeAs_(torch.ones(1, 2)),
      (x) => x.copy_(torch.ones(1, 2, 3)),
    ];
    inferenceMode(() => {
      for (const change of more)
        for (const requiresGrad of both) {
          const c = ones(requiresGrad);
          change(c);
          expect(traits(c)).toEqual([true, requiresGrad, false]);
        }
    });
  });

  test("testInferenceModeInfTensorInInfModeViewOp", () => {
    inferenceMode(() => {
      for (const requiresGrad of both)
        expect(traits(ones(requiresGrad).view(-1))).toEqual([true, false, false]);
    });
  });

  test("testInferenceModeInfTensorInNormalModeFunctionalOp", () => {
    for (const requiresGrad of both) {
      const c = inferenceMode(() => ones(requiresGrad));
      const out = square(c);
      expect(traits(out)).toEqual(normal);
      expect(out.isLeaf).toBe(true);
    }
  });

  test("testInferenceModeInfTensorInNormalModeInplaceOp", () => {
    const more = [...changes, (x: T): T => x.resize_(1, 2), (x: T): T => x.setAt_(0, 1)];
    for (const change of more) {
      const c = inferenceMode(() => ones(false));
      expect(() => change(c)).toThrow(/made in inferenceMode.*clone\(\)/);
      expect(() => torch.noGrad(() => change(c))).toThrow(AutogradError);
      expect(() => c.requiresGrad_()).toThrow(/made in inferenceMode.*clone\(\)/);
      expect(traits(change(c.clone()))).toEqual(normal);
    }
  });

  test("testInferenceModeInfTensorInNormalModeViewOp", () => {
    for (const requiresGrad of both) {
      const c = inferenceMode(() => ones(requiresGrad));
      const out = c.view(-1);
      expect(traits(out)).toEqual([true, false, false]);
      expect(out.isLeaf).toBe(true);
    }
  });

  test("testNormalTensorInplaceOutputInInferenceMode", () => {
    for (const change of changes)
      for (const requiresGrad of both) {
        const a = ones(requiresGrad).clone();
        inferenceMode(() => {
          change(a);
          expect(traits(a)).toEqual([false, requiresGrad, false]);
          change(a);
          expect(traits(a)).toEqual([false, requiresGrad, false]);
          expect(traits(a.view(-1))).toEqual([false, requiresGrad, true]);
          expect(a.version).toBe(2);
        });
      }
  });

  test("testNormalTensorInplaceOutputInNormalMode", () => {
    for (const change of changes)
      for (const requiresGrad of both) {
        const a = ones(requiresGrad).clone();
        inferenceMode(() => change(a));
        expect(traits(a)).toEqual([false, requiresGrad, false]);
        for (let i = 0; i < 2; i++) {
          change(a);
          expect(traits(a)).toEqual([false, requiresGrad, false]);
        }
        expect(traits(a.view(-1))).toEqual([false, requiresGrad, true]);
      }
  });

  test("testNormalTensorViewOutputInInferenceMode", () => {
    for (const requiresGrad of both) {
      const a = ones(requiresGrad).clone();
      inferenceMode(() => {
        const out = a.view(-1);
        expect(traits(out)).toEqual([false, requiresGrad, true]);
        const again = out.view(-1);
        expect(traits(again)).toEqual([false, requiresGrad, true]);
        expect(again.isLeaf).toBe(true);
        again.add_(2);
        expect([again.isInference(), again.requiresGrad]).toEqual([false, requiresGrad]);
        expect(a.version).toBe(again.version);
      });
    }
  });

  test("testNormalTensorViewOutputInNormalMode", () => {
    for (const requiresGrad of both) {
      const a = ones(requiresGrad).clone();
      const out = inferenceMode(() => a.view(-1));
      expect(traits(out)).toEqual([false, requiresGrad, true]);
      expect(out.isLeaf).toBe(true);
      const product = square(out);
      expect([product.isInference(), product.requiresGrad]).toEqual([false, requiresGrad]);
      if (requiresGrad) expect(() => out.add_(2)).toThrow(madeElsewhere);
      else out.add_(2);
      expect(traits(out.view(2, 3))).toEqual([false, requiresGrad, true]);
    }
  });

  test("testMixInferenceAndNormalTensorFunctionalOp", () => {
    for (const requiresGrad of both) {
      const s = ones(requiresGrad);
      const c = inferenceMode(() => ones(requiresGrad));
      // A sum keeps nothing for its gradient.
      const out = c.add(s);
      expect([out.isInference(), out.requiresGrad]).toEqual([false, requiresGrad]);
      if (!requiresGrad) continue;
      out.backward(torch.onesLike(out));
      expect(c.grad!.tolist()).toEqual(torch.onesLike(c).tolist());
      expect(() => c.mul(s)).toThrow(/inference tensors cannot be saved for backward.*clone\(\)/);
      expect(() => s.view(6).dot(c.view(6))).toThrow(/cannot be saved for backward/);
      expect(() => s.view(2, 3).mm(c.view(3, 2))).toThrow(/cannot be saved for backward/);
      // What a gradient that nobody asks for would read is not kept.
      expect(c.view(2, 3).detach().mm(s.detach().view(3, 2)).requiresGrad).toBe(false);
    }
  });

  test("testMixInferenceAndNormalTensorInplaceOp", () => {
    for (const requiresGrad of both) {
      const s = ones(requiresGrad);
      const a = s.clone();
      const c = inferenceMode(() => torch.ones(1, 2, 3));
      if (requiresGrad) expect(() => a.mul_(c)).toThrow(/cannot be saved for backward/);
      else expect(isInference(a.mul_(c))).toBe(false);
      expect(() => c.mul_(s)).toThrow(/made in inferenceMode/);
      expect(() => inferenceMode(() => c.mul_(s))).not.toThrow();
      expect(c.requiresGrad).toBe(false);
    }
  });

  test("testMixInferenceAndNormalTensorViewOp", () => {
    const s = ones(true);
    const c = inferenceMode(() => torch.ones(1, 2, 3));
    // The sizes of the other tensor are all that is read of it.
    expect(traits(c.viewAs(s))).toEqual([true, false, false]);
    expect(traits(s.viewAs(c))).toEqual([false, true, true]);
  });

  test("testInferenceModeHandleDirectViewOnRebase", () => {
    for (const change of changes)
      for (const requiresGrad of both) {
        const a = ones(requiresGrad).clone();
        const view = inferenceMode(() => a.viewAs(a));
        if (requiresGrad) expect(() => change(view)).toThrow(madeElsewhere);
        else change(view);
      }
  });

  test("testInferenceModeHandleIndirectViewOnRebase", () => {
    for (const requiresGrad of both) {
      const a = ones(requiresGrad).clone();
      const view = inferenceMode(() => a.view(-1));
      a.add_(2);
      if (requiresGrad) expect(() => view.gradFn).toThrow(/inside inferenceMode.*changed in place/);
      else expect(view.gradFn).toBe(null);
    }
  });
});
