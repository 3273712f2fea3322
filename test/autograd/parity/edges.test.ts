// Edges of the graph in the place of tensors, as PyTorch's tests have them.
import * as torch from "flambeau";
import { describe, expect, test } from "vitest";
import { close, leaf, list } from "./compare.ts";

type T = torch.Tensor;
const { grad, graph } = torch.autograd;
const edge = graph.getGradientEdge;

/** Gradients with respect to tensors and to their edges are the same. */
function expectSame(out: T, inputs: readonly T[]): void {
  const tensors = grad(out, inputs, { retainGraph: true });
  const edges = grad(out, inputs.map(edge), { retainGraph: true });
  tensors.forEach((g, i) => close(edges[i], g));
}

describe("T2 GradientEdge", () => {
  test("testGradToNodeSet", () => {
    const x = leaf(2);
    const before = edge(x);
    const out = x.clone();
    torch.noGrad(() => x.set_(torch.rand(2, { dtype: torch.float64 })));
    expect(() => grad(out.sum(), [x], { retainGraph: true })).toThrow(
      /to not have been used in the graph/,
    );
    close(grad(out.sum(), [before])[0], torch.ones(2, { dtype: torch.float64 }));
  });

  test("testGradToNode", () => {
    const x = leaf(2);
    expectSame(x.clone().sum(), [x]);
    const y = x.clone();
    expectSame(y.sum(), [y]);
    const [a] = x.split(2);
    expectSame(a!.mul(a!).sum(), [a!]);
    const [g] = grad(x.clone().sum(), [edge(x)]);
    close(g, torch.ones(2));
  });

  test("testGradToNodeInplace", () => {
    const x = leaf(2);
    const y = x.clone();
    const old = edge(y);
    y.mul_(2);
    const now = edge(y);
    const [before, after] = grad(y.sum(), [old, now], { retainGraph: true });
    close(before, torch.full([2], 2));
    close(after, torch.ones(2));
    const [tensor] = grad(y.sum(), [y]);
    close(tensor, torch.ones(2));
  });

  test("testGradToNodeMulti", () => {
    const [x, y] = [leaf(2), leaf(2)];
    const out = x.mul(3).add(y.mul(5)).sum();
    const [gx, gy] = grad(out, [edge(x), edge(y)]);
    close(gx, torch.full([2], 3));
    close(gy, torch.full([2], 5));
  });

  test("testGradToNodeMaterialize", () => {
    const [x, y] = [leaf(2), leaf(2)];
    const out = x.clone().sum();
    grad(out, [edge(x), y], { allowUnused: true, retainGraph: true });
    const [gx, gy] = grad(out, [x, y], { materializeGrads: true, retainGraph: true });
    close(gx, torch.ones(2));
    close(gy, torch.zeros(2));
    const [ge, gu] = grad(out, [edge(x), edge(y)], { allowUnused: true, retainGraph: true });
    close(ge, torch.ones(2));
    expect(gu).toBeNull();
    expect(() => grad(out, [edge(x)], { materializeGrads: true })).toThrow(
      /materializeGrads needs tensors.*input 0 is a GradientEdge/,
    );
    expect(() => grad(out, [x, edge(y)], { materializeGrads: true })).toThrow(/input 1/);
    expect(() => grad(out, [edge(y)])).toThrow(/input 0 appears to not have been used/);
  });

  test("testBackwardToNode", () => {
    const [x, y] = [leaf(2), leaf(2)];
    const inner = x.mul(2);
    const reset = (): void => void ((x.grad = null), (y.grad = null));
    const run = (inputs: readonly (T | torch.autograd.graph.GradientEdge)[]): void =>
      inner.mul(y).sum().backward({ inputs, retainGraph: true });
    run([edge(x), y]);
    close(x.grad, y.mul(2));
    close(y.grad, inner);
    reset();
    run([x, edge(y)]);
    close(x.grad, y.mul(2));
    close(y.grad, inner);
    reset();
    run([edge(y)]);
    expect(x.grad).toBeNull();
    close(y.grad, inner);
    reset();
    // The edge of what is no leaf has nowhere to put a gradient.
    run([edge(inner)]);
    expect([x.grad, y.grad, inner.retainsGrad]).toEqual([null, null, false]);
  });

  test("testGradientEdgeOutput", () => {
    const x = torch.tensor([1, 2], { requiresGrad: true });
    const pair = (): T[] => [x.mul(2), x.mul(3).sum()];
    const check = (outputs: readonly T[], seeds: readonly (T | null)[]): void => {
      const direct = grad(outputs, x, seeds, { retainGraph: true });
      const viaEdges = grad(outputs.map(edge), x, seeds, { retainGraph: true });
      expect(list(viaEdges[0])).toEqual(list(direct[0]));
      torch.autograd.backward(outputs.map(edge), seeds, { retainGraph: true });
      expect(list(x.grad)).toEqual(list(direct[0]));
      x.grad = null;
    };
    const [wide, scalar] = pair();
    check([wide!], [torch.tensor([1, 10])]);
    check([scalar!], [null]);
    check([scalar!], [torch.tensor(4)]);
    check([wide!, scalar!], [torch.ones(2), null]);
    expect(list(grad([wide!, edge(scalar!)], x, [torch.ones(2), null])[0])).toEqual([5, 5]);

    const out = x.mul(2);
    expect(() => grad(edge(out), x)).toThrow(/only for scalar outputs.*shape \[2\]/);
    expect(() => grad(edge(out), x, torch.ones(3))).toThrow(torch.ShapeError);
    expect(() => grad(edge(out), x, torch.ones([]))).toThrow(/has shape \[\].*\[2\]/);
    // A seed of another type is converted, for edges as for tensors.
    const wider = torch.ones(2, { dtype: torch.float64 });
    expect(grad(edge(out), x, wider)[0]!.dtype).toBe(torch.float32);
    // An edge made by hand knows only what its node does.
    const inner = out.exp().gradFn!.nextFunctions[0]![0]!;
    expect(() => grad(new graph.GradientEdge(inner), x)).not.toThrow(TypeError);
    expect(() => new graph.GradientEdge(inner, 1)).toThrow(/1 outputs.*no output 1/);
    expect(() => new graph.GradientEdge(3 as never)).toThrow(torch.ArgumentError);
    expect(() => edge(torch.ones(2))).toThrow(/does not require grad/);
  });

  test("testGradientEdgeGraphOwnership", () => {
    // The tensors and all local names are gone when the edge is used.
    const make = (): [torch.autograd.graph.GradientEdge, T] => {
      const x = torch.ones(2, { requiresGrad: true });
      return [edge(x.clone().mul(3).exp().sum()), x];
    };
    const [root, x] = make();
    torch.autograd.backward(root, torch.tensor(1));
    close(x.grad, torch.full([2], 3 * Math.exp(3)));
  });

  test("testGradFnInputMetadata", () => {
    const [x, y] = [torch.rand(2, { requiresGrad: true }), torch.rand(2, { requiresGrad: true })];
    const node = x.mul(y).gradFn!;
    expect(node.inputMetadata.length).toBe(1);
    expect([...node.inputMetadata[0]!.shape]).toEqual([2]);
    expect(node.inputMetadata[0]!.dtype).toBe(torch.float32);
    expect(node.inputMetadata[0]!.device).toBe(x.device);
    const { values, indices } = torch.rand(3, 4, { requiresGrad: true }).max(0);
    expect(indices.requiresGrad).toBe(false);
    const parts = torch.rand(3, 4, { requiresGrad: true }).split(2);
    expect(parts.map((part) => part.gradFn!.inputMetadata.length)).toEqual([2, 2]);
    expect(parts.map((part) => [...part.gradFn!.inputMetadata[part.outputNr]!.shape])).toEqual([
      [2, 4],
      [1, 4],
    ]);
    expect([...values.gradFn!.inputMetadata[0]!.shape]).toEqual([4]);
    const leafNode = edge(x).node;
    expect([...leafNode.inputMetadata[0]!.shape]).toEqual([2]);
  });
});

describe("nested inputs", () => {
  test("give gradients in the same nesting", () => {
    const [w, b] = [leaf(2), leaf(2)];
    const out = w.mul(3).add(b.mul(5)).sum();
    const found = grad(out, { w, layers: [{ b }] }, { retainGraph: true });
    close(found.w, torch.full([2], 3));
    close(found.layers[0]!.b, torch.full([2], 5));
    const unused = leaf(2);
    expect(() => grad(out, { w, c: { unused } }, { retainGraph: true })).toThrow(
      /inputs\.c\.unused appears to not have been used/,
    );
    expect(() => grad(out, { w, c: 3 as never }, { retainGraph: true })).toThrow(
      /inputs\.c must be/,
    );
    out.backward({ inputs: { b } });
    close(b.grad, torch.full([2], 5));
    expect(w.grad).toBeNull();
  });

  test("may be anything that iterates", () => {
    const net = new torch.nn.Linear(2, 1);
    const out = net(torch.ones(1, 2)).sum();
    expect(grad(out, net.parameters()).map((g) => [...g.shape])).toEqual([[1, 2], [1]]);
  });
});
