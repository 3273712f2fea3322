// Results with names are taken apart in every way in which PyTorch's named tuples are, and stay what they are on their way through
// functions of functions.
import { inspect } from "node:util";
import { expect, test } from "vitest";
import * as torch from "flambeau";

const x = torch.tensor([
  [1, 5, 2],
  [7, 3, 4],
]);

function expectPair(found: unknown): void {
  const pair = found as ReturnType<typeof largest>;
  const { values, indices } = pair;
  const [first, second, ...rest] = pair;
  expect(values.tolist()).toEqual([5, 7]);
  expect(indices.tolist()).toEqual([1, 0]);
  expect([first === values, second === indices, rest.length]).toEqual([true, true, 0]);
  expect([pair[0] === values, pair[1] === indices]).toEqual([true, true]);
  expect(Object.keys(pair)).toEqual(["values", "indices"]);
}

const largest = (t: torch.Tensor) => t.max(1);

test("fields by name, in order and by number", () => {
  expectPair(largest(x));
  expect((largest(x) as unknown as Record<number, unknown>)[2]).toBeUndefined();
  const { min, max } = x.aminmax({ dim: 1 });
  const pair = x.aminmax({ dim: 1 });
  expect([pair[0].tolist(), pair[1].tolist()]).toEqual([min.tolist(), max.tolist()]);
});

test("PyTorch's text", () => {
  const text = (name: string): string =>
    `torch.return_types.${name}(\nvalues=tensor([5., 7.]),\nindices=tensor([1, 0]))`;
  expect(String(largest(x))).toBe(text("max"));
  expect(inspect(largest(x))).toBe(text("max"));
  expect(String(torch.vmap((row: torch.Tensor) => row.max(0))(x))).toBe(text("max"));
  expect(String(x.kthvalue(3, 1))).toBe(text("kthvalue"));
  expect(String(x.topk(1))).toContain("return_types.topk(");
  expect(String(x.aminmax())).toBe("torch.return_types.aminmax(\nmin=tensor(1.),\nmax=tensor(7.))");
});

test("a list of tensors wherever one is taken", () => {
  expect(torch.stack(x.aminmax({ dim: 1 })).tolist()).toEqual([
    [1, 3],
    [5, 7],
  ]);
});

test("through transforms, checkpoints, functions and collation", () => {
  const { vjp, jvp } = torch.func;
  const floats = x.float();
  expectPair(torch.vmap((row: torch.Tensor) => row.max(0))(x));
  expectPair(vjp(largest, floats)[0]);
  expectPair(jvp(largest, [floats], [floats])[0]);
  expectPair(torch.utils.checkpoint(largest, floats.requiresGrad_()));
  class Largest extends torch.autograd.Function {
    static forward(_: torch.autograd.FunctionContext, t: torch.Tensor): unknown {
      return t.max(1);
    }
    static backward(): null {
      return null;
    }
  }
  expectPair(Largest.apply(floats));
  const samples = [x.select(0, 0).max(0), x.select(0, 1).max(0)];
  expectPair([...new torch.utils.data.DataLoader(samples, { batchSize: 2 })][0]);
});

test("duals as well", () => {
  const { dualLevel, makeDual, unpackDual } = torch.autograd.forwardAd;
  dualLevel(() => {
    const pair = unpackDual(makeDual(torch.ones(2), torch.zeros(2)));
    expect([pair[0] === pair.primal, pair[1] === pair.tangent]).toEqual([true, true]);
  });
});
