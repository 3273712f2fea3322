// Grad modes: what noGrad, enableGrad and setGradEnabled do to what runs inside, as PyTorch's tests have it.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

const { enableGrad, isGradEnabled, noGrad, setGradEnabled } = torch;
type T = torch.Tensor;
const leaf = (...size: number[]): T => torch.randn(size, { requiresGrad: true });

class Recoverable extends Error {}
class Unrecoverable extends Error {}

/** A generator whose steps note the mode that they run in; a Recoverable thrown into it does not end it. */
function* noting(steps: number, modes: boolean[]): Generator<number, string, unknown> {
  try {
    for (let i = 0; i < steps; i++)
      try {
        modes.push(isGradEnabled());
        yield i;
        modes.push(isGradEnabled());
      } catch (error) {
        modes.push(isGradEnabled());
        if (!(error instanceof Recoverable)) throw error;
      }
    return "end";
  } finally {
    modes.push(isGradEnabled());
  }
}

const kinds = [
  { wrap: noGrad.wrap, inside: false },
  { wrap: enableGrad.wrap, inside: true },
] as const;

/** Calls with each kind of generator while the opposite mode is in force around it, and checks the modes that its body saw. */
function opposed(use: (coroutine: Generator<number, string, unknown>) => void): void {
  for (const { wrap, inside } of kinds) {
    const modes: boolean[] = [];
    setGradEnabled(!inside, () => {
      use(wrap(noting)(5, modes));
      expect(isGradEnabled()).toBe(!inside);
    });
    expect(modes.length).toBeGreaterThan(0);
    expect(modes.every((mode) => mode === inside)).toBe(true);
  }
}

describe("T5 grad modes", () => {
  test("testNoGrad", () => {
    const x = torch.ones(5, 5, { requiresGrad: true });
    const y = torch.ones(5, 5).mul(4);
    const w = noGrad(() => x.add(y));
    const adder = noGrad.wrap((a: T, b: T) => a.add(b));
    const z = adder(x, y);
    for (const result of [w, z]) {
      expect(result.requiresGrad).toBe(false);
      expect(() => result.backward(torch.ones(5, 5))).toThrow(torch.AutogradError);
      expect(result.gradFn).toBe(null);
    }
    noGrad(() => {
      expect(isGradEnabled()).toBe(false);
      expect(adder(x, y).requiresGrad).toBe(false);
      expect(isGradEnabled()).toBe(false);
    });
    expect(isGradEnabled()).toBe(true);
  });

  test("testEnableGradDecoratorNoParen", () => {
    const doubler = enableGrad.wrap((x: T) => x.mul(2));
    expect(noGrad(() => doubler(leaf(1))).requiresGrad).toBe(true);
  });

  test("testSetGradEnabled", () => {
    const x = leaf(1);
    expect(setGradEnabled(false, () => x.mul(2)).requiresGrad).toBe(false);
    expect(setGradEnabled(true, () => x.mul(2)).requiresGrad).toBe(true);
    const y = setGradEnabled(false, () => {
      setGradEnabled(true);
      return x.mul(2);
    });
    expect(y.requiresGrad).toBe(true);
    expect(isGradEnabled()).toBe(true);
    // At once, until it is set again.
    setGradEnabled(false);
    expect(x.mul(2).requiresGrad).toBe(false);
    setGradEnabled(true);
    expect(x.mul(2).requiresGrad).toBe(true);
  });

  test("testSetGradEnabledWraps", () => {
    const inner = setGradEnabled.wrap(false, (x: T) => x.sin());
    expect(isGradEnabled()).toBe(true);
    expect(inner(leaf(1)).requiresGrad).toBe(false);
    expect(isGradEnabled()).toBe(true);
    expect(setGradEnabled.wrap(true, (x: T) => x.sin())(leaf(1)).requiresGrad).toBe(true);
  });

  test("testGradModeClassDecoration", () => {
    class Plain {
      on = isGradEnabled();
    }
    // PyTorch warns that this is deprecated; here it never was.
    expect(() => noGrad.wrap(Plain as never)).toThrow(/class Plain; wrap the methods/);
    expect(noGrad(() => new Plain()).on).toBe(false);
    class WithMethod {
      readonly factor = 2;
      readonly twice = noGrad.wrap((x: T): T => {
        expect(isGradEnabled()).toBe(false);
        return x.mul(this.factor);
      });
      plain(): boolean {
        return isGradEnabled();
      }
    }
    const made = new WithMethod();
    const x = leaf(2);
    expect(made.twice(x).requiresGrad).toBe(false);
    expect(made.twice(x).eq(x.mul(2)).all().item()).toBe(true);
    expect(made.plain()).toBe(true);
  });

  test("testSetGradGeneratorFunctions", () => {
    opposed((steps) => {
      const outside = isGradEnabled();
      for (const _ of steps) expect(isGradEnabled()).toBe(outside);
    });
    // The same for a generator that a callback returns.
    const modes: boolean[] = [];
    expect([...noGrad(() => noting(3, modes))]).toEqual([0, 1, 2]);
    expect(modes.includes(true)).toBe(false);
  });

  test("testSetGradGeneratorFunctionsRecursive", () => {
    const wrappedOn = enableGrad.wrap((depth: number): void => {
      expect(isGradEnabled()).toBe(true);
      if (depth === 0) return;
      wrappedOff(depth - 1);
      expect(isGradEnabled()).toBe(true);
    });
    const wrappedOff = noGrad.wrap((depth: number): void => {
      expect(isGradEnabled()).toBe(false);
      if (depth === 0) return;
      wrappedOn(depth - 1);
      expect(isGradEnabled()).toBe(false);
    });
    const nested = (depth: number, on: boolean): void =>
      setGradEnabled(on, () => {
        expect(isGradEnabled()).toBe(on);
        if (depth === 0) return;
        nested(depth - 1, !on);
        expect(isGradEnabled()).toBe(on);
      });
    for (const around of [true, false])
      setGradEnabled(around, () => {
        wrappedOn(10);
        expect(isGradEnabled()).toBe(around);
        nested(10, true);
        expect(isGradEnabled()).toBe(around);
      });
  });

  test("testSetGradCoroutines", () => {
    const doubled = function* (modes: boolean[]): Generator<number, string, number> {
      let value = 0;
      for (let i = 0; i < 5; i++) {
        modes.push(isGradEnabled());
        value = 2 * (yield value);
      }
      return "end";
    };
    for (const { wrap, inside } of kinds) {
      const modes: boolean[] = [];
      setGradEnabled(!inside, () => {
        const coroutine = wrap(doubled)(modes);
        expect(coroutine.next(0)).toEqual({ value: 0, done: false });
        for (const sent of [3, 5, 7, 9]) {
          expect(coroutine.next(sent)).toEqual({ value: 2 * sent, done: false });
          expect(isGradEnabled()).toBe(!inside);
        }
        expect(coroutine.next(1)).toEqual({ value: "end", done: true });
      });
      expect(modes).toEqual(new Array<boolean>(5).fill(inside));
    }
  });

  test("testSetGradCoroutinesBenignExceptions", () => {
    opposed((coroutine) => {
      const outside = isGradEnabled();
      coroutine.next();
      for (let i = 1; i < 5; i++) {
        expect(coroutine.throw(new Recoverable())).toEqual({ value: i, done: false });
        expect(isGradEnabled()).toBe(outside);
      }
      expect(coroutine.throw(new Recoverable())).toEqual({ value: "end", done: true });
    });
  });

  test("testSetGradCoroutinesCriticalExceptions", () => {
    opposed((coroutine) => {
      coroutine.next();
      expect(() => coroutine.throw(new Unrecoverable("over"))).toThrow(Unrecoverable);
      expect(coroutine.next().done).toBe(true);
    });
  });

  test("testSetGradCoroutinesExit", () => {
    opposed((coroutine) => {
      coroutine.next();
      coroutine.next();
      expect(coroutine.return("early")).toEqual({ value: "early", done: true });
      expect(coroutine.next().done).toBe(true);
    });
  });

  test("testNoGradAssignment", () => {
    const x = leaf(5, 5);
    const y = torch.randn(5);
    noGrad(() => x.setAt_(0, y));
    expect(x.requiresGrad).toBe(true);
    expect(x.gradFn).toBe(null);
    expect(x.at(0).eq(y).all().item()).toBe(true);
  });

  test("testNoGradModifiesVersion", () => {
    const x = leaf(5);
    const z = x.mul(leaf(5)).sum();
    noGrad(() => x.mul_(2));
    expect(x.version).toBe(1);
    expect(() => z.backward()).toThrow(/modified by an inplace operation/);
  });

  test("testFirstGradFnAccessInNoGradMode", () => {
    const a = leaf(1).clone();
    const v = a.view(1);
    a.add_(1);
    expect(noGrad(() => v.gradFn)?.name).toBe("AsStridedBackward0");
    const [gradient] = torch.autograd.grad(v, a);
    expect(gradient!.tolist()).toEqual([1]);
  });

  test("testNoGradPythonFunction", () => {
    class Product extends torch.autograd.Function {
      static forward(_ctx: unknown, x: T, y: T): T {
        return x.mul(y);
      }
      static backward(_ctx: unknown, g: T): T[] {
        return [g, g];
      }
    }
    const [x, y] = [leaf(5, 5), leaf(5, 5)];
    const result = noGrad(() => Product.apply(x, y));
    expect(result.requiresGrad).toBe(false);
    expect(result.gradFn).toBe(null);
    expect(() => result.backward(torch.ones(5, 5))).toThrow(torch.AutogradError);
  });

  test("testNoGradInput", () => {
    class Same extends torch.autograd.Function {
      static forward(_ctx: unknown, x: T): T {
        return x;
      }
      static backward(_ctx: unknown, g: T): T {
        return g;
      }
    }
    const x = leaf(5);
    const y = noGrad(() => Same.apply(x));
    expect(x.requiresGrad).toBe(true);
    expect(y.gradFn).toBe(null);
  });

  test("testGradModeRestoredReentrant", () => {
    let runs = 0;
    class Cubed extends torch.autograd.Function {
      static forward(_ctx: unknown, x: T): T {
        return x.clone();
      }
      static backward(_ctx: unknown, g: T): T {
        runs++;
        const before = isGradEnabled();
        const gradient = enableGrad(() => {
          expect(isGradEnabled()).toBe(true);
          const inner = torch.rand(g.shape, { requiresGrad: true });
          const [found] = torch.autograd.grad(inner.pow(3), inner, g);
          expect(isGradEnabled()).toBe(true);
          return found!;
        });
        expect(isGradEnabled()).toBe(before);
        return gradient;
      }
    }
    const x = torch.rand(3, { requiresGrad: true });
    Cubed.apply(x).sum().backward();
    Cubed.apply(x).sum().backward({ createGraph: true });
    expect(runs).toBe(2);
    expect(isGradEnabled()).toBe(true);
  });
});
