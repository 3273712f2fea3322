// Custom functions inside vmap: mapped as they are, or by a rule of their own.
import * as torch from "flambeau";
import type { Tensor } from "flambeau";
import { describe, expect, test } from "vitest";

const { vmap } = torch;
const { Function } = torch.autograd;
type Ctx = torch.autograd.FunctionContext;

const rows = torch.arange(6, { dtype: torch.float64 }).view(3, 2).add(1);

class Square extends Function {
  static forward(ctx: Ctx, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x);
  }
  static backward(ctx: Ctx, g: Tensor): Tensor {
    return ctx.savedTensors[0]!.mul(g).mul(2);
  }
}

describe("without a rule", () => {
  test("the operations of forward and backward are mapped", () => {
    expect(vmap((x: Tensor) => Square.apply(x).sum())(rows).tolist()).toEqual([5, 25, 61]);
    const slopes = vmap(torch.func.grad((x: Tensor) => Square.apply(x).sum()))(rows);
    expect(slopes.tolist()).toEqual(rows.mul(2).tolist());
  });
});

describe("with a rule", () => {
  const calls: unknown[] = [];
  class Scale extends Function {
    static forward(ctx: Ctx, x: Tensor, by: number): Tensor {
      ctx.saveForBackward(x);
      return x.mul(by);
    }
    static backward(_ctx: Ctx, g: Tensor): [Tensor, null] {
      return [g.mul(10), null];
    }
    static vmap(info: unknown, inDims: unknown, x: Tensor, by: number): [Tensor, number] {
      calls.push([info, inDims, x.shape, by]);
      return [x.mul(by).transpose(0, 1).mul(100), 1];
    }
  }

  test("it is given whole batches and says where they are", () => {
    const out = vmap((x: Tensor) => Scale.apply(x, 3))(rows);
    expect(out.tolist()).toEqual(rows.mul(300).tolist());
    expect(calls.pop()).toEqual([{ batchSize: 3, randomness: "error" }, [0, null], [3, 2], 3]);
  });

  test("it stands for the innermost map, and gradients go through it", () => {
    calls.length = 0;
    const nested = vmap((x: Tensor) => vmap((y: Tensor) => Scale.apply(y.view(1), 3))(x))(rows);
    expect(nested.flatten().tolist()).toEqual(rows.mul(300).flatten().tolist());
    expect(calls.length).toBe(1);
    const leaf = rows.clone().requiresGrad_();
    vmap((x: Tensor) => Scale.apply(x, 3))(leaf)
      .sum()
      .backward();
    expect(leaf.grad!.select(0, 0).tolist()).toEqual([300, 300]);
  });

  test("it maps what forward mode pushes through, of first and second order", () => {
    class Cube extends Function {
      static forward(x: Tensor): Tensor {
        return x.pow(3);
      }
      static setupContext(ctx: Ctx, [x]: [Tensor]): void {
        ctx.saveForBackward(x);
        ctx.saveForForward(x);
      }
      static backward(ctx: Ctx, g: Tensor): Tensor {
        return g.mul(ctx.savedTensors[0]!.pow(2).mul(3));
      }
      static jvp(ctx: Ctx, tangent: Tensor): Tensor {
        return tangent.mul(ctx.savedTensors[0]!.pow(2).mul(3));
      }
      static vmap(_info: unknown, inDims: [number], x: Tensor): [Tensor, number] {
        return [Cube.apply(x), inDims[0]];
      }
    }
    const x = torch.tensor([1, 2], { dtype: torch.float64 });
    const { hessian, jacfwd } = torch.func;
    expect(jacfwd((t: Tensor) => Cube.apply(t))(x).tolist()).toEqual([
      [3, 0],
      [0, 12],
    ]);
    expect(hessian((t: Tensor) => Cube.apply(t).sum())(x).tolist()).toEqual([
      [6, 0],
      [0, 12],
    ]);
  });

  test("other answers are refused", () => {
    class Wrong extends Function {
      static forward(_ctx: Ctx, x: Tensor): Tensor {
        return x.clone();
      }
      static vmap(_info: unknown, _inDims: unknown, x: Tensor): Tensor {
        return x;
      }
    }
    expect(() => vmap((x: Tensor) => Wrong.apply(x))(rows)).toThrow(/Wrong: vmap must return/);
  });
});
