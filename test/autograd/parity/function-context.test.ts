// PyTorch's tests of custom functions whose forward takes no context.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";

type Tensor = torch.Tensor;
type One = torch.autograd.FunctionContext<object, [Tensor]>;
const { Function, grad } = torch.autograd;

const close = (a: Tensor | null, b: Tensor): void => expect(torch.allclose(a!, b)).toBe(true);

describe("T12 custom Function", () => {
  test("testCustomFunctionSetupContextSimple", () => {
    class MySquare extends Function {
      static forward(x: Tensor): Tensor {
        return x.pow(2);
      }
      static setupContext(ctx: One, inputs: readonly [Tensor], output: Tensor): void {
        expect(output).toBeInstanceOf(torch.Tensor);
        ctx.saveForBackward(inputs[0]);
      }
      static backward(ctx: One, g: Tensor): Tensor {
        return g.mul(2).mul(ctx.savedTensors[0]);
      }
    }
    const x = torch.randn([], { requiresGrad: true });
    const y = MySquare.apply(x);
    close(grad(y, x)[0]!, x.mul(2));
  });

  test("testCustomFunctionSetupContextMultiOutput", () => {
    class MySquare extends Function {
      static forward(x: Tensor) {
        return [x.pow(2), x.mul(2)] as const;
      }
      static setupContext(ctx: One, inputs: readonly [Tensor], output: readonly Tensor[]): void {
        expect(output.length).toBe(2);
        ctx.saveForBackward(inputs[0]);
      }
      static backward(ctx: One, g: Tensor, h: Tensor): Tensor {
        return g.mul(2).mul(ctx.savedTensors[0]).add(h.mul(2));
      }
    }
    const x = torch.randn([], { requiresGrad: true });
    const [y, two] = MySquare.apply(x);
    close(two, x.mul(2));
    close(grad(y, x)[0]!, x.mul(2));
  });

  test("testCustomFunctionSetupContextMultiInput", () => {
    class MyReshape extends Function {
      static forward(x: Tensor, shape: number[], scaleForward: number, _scaleBackward: number) {
        return x.reshape(shape).mul(scaleForward);
      }
      static setupContext(
        ctx: torch.autograd.FunctionContext<{ shape: readonly number[]; scale: number }>,
        inputs: readonly [Tensor, number[], number, number],
      ): void {
        ctx.scale = inputs[3];
        ctx.shape = inputs[0].shape;
      }
      static backward(
        ctx: torch.autograd.FunctionContext<{ shape: readonly number[]; scale: number }>,
        g: Tensor,
      ) {
        return [g.reshape([...ctx.shape]).mul(ctx.scale), null, null, null];
      }
    }
    const x = torch.randn([4], { requiresGrad: true });
    const y = MyReshape.apply(x, [2, 2], 3, 5);
    expect(y.shape).toEqual([2, 2]);
    y.sum().backward();
    expect(x.grad!.tolist()).toEqual([5, 5, 5, 5]);
  });

  test("testSetupContextWhenForwardHasDefaultArgs", () => {
    class PowFunction extends Function {
      static forward(x: Tensor, y: number = 3): Tensor {
        return x.pow(y);
      }
      static setupContext(
        ctx: torch.autograd.FunctionContext<{ y: number }, [Tensor]>,
        inputs: readonly [Tensor, number?],
      ): void {
        ctx.saveForBackward(inputs[0]);
        ctx.y = inputs[1] ?? 3;
      }
      static backward(ctx: torch.autograd.FunctionContext<{ y: number }, [Tensor]>, g: Tensor) {
        const [x] = ctx.savedTensors;
        return [g.mul(ctx.y).mul(x.pow(ctx.y - 1)), null].slice(0, ctx.needsInputGrad.length);
      }
    }
    const x = torch.tensor(2, { requiresGrad: true });
    expect(grad(PowFunction.apply(x), x)[0]!.item()).toBe(12);
    expect(grad(PowFunction.apply(x, 2), x)[0]!.item()).toBe(4);
  });
});
