// Custom functions where they go beyond PyTorch's, and what they refuse.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

type Tensor = torch.Tensor;
type Ctx = torch.autograd.FunctionContext<object, (Tensor | null)[]>;
const { Function, grad, gradcheck, gradgradcheck } = torch.autograd;

const leaf = (...sizes: number[]): Tensor =>
  torch.randn(sizes, { dtype: torch.float64 }).requiresGrad_();
const close = (a: Tensor | null | undefined, b: Tensor): void =>
  expect(torch.allclose(a!, b)).toBe(true);

describe("custom functions beyond PyTorch's", () => {
  class SavesIntermediate extends Function {
    static forward(ctx: Ctx, x: Tensor): Tensor {
      const inner = x.exp();
      ctx.saveForBackward(inner);
      return inner.mul(inner);
    }
    static backward(ctx: Ctx, g: Tensor): Tensor {
      const [inner] = ctx.savedTensors;
      return g.mul(2).mul(inner!).mul(inner!);
    }
  }

  test("a saved intermediate has a gradient, and none of second order", () => {
    const x = leaf(3);
    close(grad(SavesIntermediate.apply(x).sum(), x)[0], x.mul(2).exp().mul(2));
    const first = (): Tensor =>
      grad(SavesIntermediate.apply(x).sum(), x, { createGraph: true })[0]!;
    expect(() => grad(first().sum(), x)).toThrow("neither an argument nor a result");
    expect(() => first().sum().backward()).toThrow("neither an argument nor a result");
  });

  test("apply may be taken from its class, of which it stays", () => {
    class Twice extends Function {
      static forward(_ctx: Ctx, x: Tensor): Tensor {
        return x.mul(2);
      }
      static backward(_ctx: Ctx, g: Tensor): Tensor {
        return g.mul(2);
      }
    }
    class Thrice extends Twice {
      static override forward(_ctx: Ctx, x: Tensor): Tensor {
        return x.mul(3);
      }
      static override backward(_ctx: Ctx, g: Tensor): Tensor {
        return g.mul(3);
      }
    }
    const [twice, thrice] = [Twice.apply, Thrice.apply];
    expect([twice, thrice]).toEqual([Twice.apply, Thrice.apply]);
    const x = leaf(2);
    close(twice(x), x.mul(2));
    close(grad(thrice(x).sum(), x)[0], torch.full([2], 3, { dtype: torch.float64 }));
    expect(gradcheck(thrice, [x])).toBe(true);
    close(
      torch.func.jacrev(Twice.apply)(x) as Tensor,
      torch.eye(2, { dtype: torch.float64 }).mul(2),
    );
    close(torch.vmap(Thrice.apply)(x) as Tensor, x.mul(3));
  });

  test("nested arguments and results have gradients in their nesting", () => {
    class Mix extends Function {
      static forward(ctx: Ctx, { a, list }: { a: Tensor; list: readonly Tensor[] }) {
        ctx.saveForBackward(a, list[0]!);
        return { product: a.mul(list[0]!), sum: a.add(list[0]!) };
      }
      static backward(ctx: Ctx, product: Tensor, sum: Tensor) {
        const [a, b] = ctx.savedTensors;
        return { a: product.mul(b!).add(sum), list: [product.mul(a!).add(sum)] };
      }
    }
    const fn = (a: Tensor, b: Tensor): Tensor => {
      const { product, sum } = Mix.apply({ a, list: [b] });
      return product.sin().mul(sum);
    };
    expect(gradcheck(fn, [leaf(3), leaf(3)])).toBe(true);
    expect(gradgradcheck(fn, [leaf(3), leaf(3)])).toBe(true);
  });

  test("gradients in the wrong number or of a wrong kind are refused", () => {
    const returning = (value: unknown) => {
      class Returns extends Function {
        static forward(_ctx: Ctx, x: Tensor, _number: number): Tensor {
          return x.clone();
        }
        static backward(): unknown {
          return value;
        }
      }
      return () => Returns.apply(leaf(2), 1).sum().backward();
    };
    const g = torch.ones([2], { dtype: torch.float64 });
    expect(returning([g])).toThrow("expected 2, one for each argument of forward, got 1");
    expect(returning([g, null, g])).toThrow("got 3");
    expect(returning([g, null, null, null])).not.toThrow();
    expect(returning([3, null])).toThrow("must return a tensor or null");
    expect(returning([g, g])).toThrow("was not a tensor");
    expect(returning([torch.ones(7), null])).toThrow(torch.ShapeError);
    expect(returning([torch.ones([4, 2]), null])).not.toThrow();
  });

  test("what setupContext cannot tell apart is refused", () => {
    class Passes extends Function {
      static forward(x: Tensor): Tensor {
        return x;
      }
      static setupContext(ctx: Ctx, inputs: readonly [Tensor]): void {
        ctx.saveForBackward(inputs[0]);
      }
      static backward(_ctx: Ctx, g: Tensor): Tensor {
        return g;
      }
    }
    expect(() => Passes.apply(leaf(2))).toThrow("viewAs");
  });

  test("maps under vmap, and differentiates under func.grad, without a rule", () => {
    class Cube extends Function {
      static forward(ctx: Ctx, x: Tensor, w: Tensor): Tensor {
        ctx.saveForBackward(x, w);
        return x.pow(3).mul(w);
      }
      static backward(ctx: Ctx, g: Tensor): Tensor[] {
        const [x, w] = ctx.savedTensors as Tensor[];
        return [g.mul(3).mul(x!.pow(2)).mul(w!), g.mul(x!.pow(3))];
      }
    }
    const [x, w] = [leaf(4, 3), leaf(3)];
    const plain = x.pow(3).mul(w);
    const mapped = torch.vmap((row: Tensor) => Cube.apply(row, w))(x);
    close(mapped, plain);
    const [gx, gw] = grad(mapped.sum(), [x, w]);
    const [px, pw] = grad(plain.sum(), [x, w]);
    close(gx, px!);
    close(gw, pw!);
  });

  test("a rule of its own maps a function that reads values", () => {
    class Scaled extends Function {
      static forward(ctx: Ctx, x: Tensor, factor: number): Tensor {
        const norm = x.detach().abs().sum().item() as number;
        ctx.saveForBackward(torch.tensor(norm, { dtype: torch.float64 }));
        return x.mul(norm * factor);
      }
      static backward(): never {
        throw new Error("not asked for");
      }
      static vmap(
        info: { readonly batchSize: number },
        inDims: readonly unknown[],
        x: Tensor,
        factor: number,
      ) {
        expect([info.batchSize, inDims]).toEqual([4, [0, null]]);
        return [x.mul(x.abs().sum(1, true)).mul(factor), 0] as const;
      }
    }
    const x = torch.randn([4, 3], { dtype: torch.float64 });
    const mapped = torch.vmap((row: Tensor) => Scaled.apply(row, 2))(x);
    const rows = x.unbind().map((row) => Scaled.apply(row, 2));
    close(mapped, torch.stack(rows));
    class Wrong extends Scaled {
      static override vmap(): never {
        return x as never;
      }
    }
    expect(() => torch.vmap((row: Tensor) => Wrong.apply(row, 2))(x)).toThrow("[result, outDims]");
  });
});
