import * as torch from "flambeau";
import { beforeEach, describe, expect, test } from "vitest";

const { vmap } = torch;
const { functionalCall, grad, gradAndValue, hessian, jacfwd, jacrev, jvp, stackModuleState, vjp } =
  torch.func;
type Tensor = torch.Tensor;

function close(actual: Tensor, expected: Tensor): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.sub(expected).abs().max().item()).toBeLessThan(1e-9);
}

const double = { dtype: torch.float64 };
let x: Tensor;
let w: Tensor;
let rows: Tensor;
const curved = (z: Tensor): Tensor => z.tanh().pow(3).sum().mul(z.sum());
const wide = (z: Tensor): Tensor => z.matmul(w).tanh();

beforeEach(() => {
  torch.manualSeed(0);
  x = torch.randn(4, double);
  w = torch.randn(4, 3, double);
  rows = torch.randn(5, 4, double);
});

describe("gradients", () => {
  test("of records, by position, with values and more", () => {
    const loss = (p: { w: Tensor; b: Tensor[] }, input: Tensor): Tensor =>
      input.matmul(p.w).add(p.b[0]!).pow(2).sum();
    const state = { w, b: [torch.zeros(3, double)] };
    const first = grad(loss)(state, x);
    const expected = x.matmul(w).mul(2);
    close(first.b[0]!, expected);
    close(first.w, x.outer(expected));
    const [both, second] = grad(loss, { argnums: [0, 1] })(state, x);
    close(both.w, first.w);
    close(second, w.matmul(expected));
    const [slope, value] = gradAndValue(curved)(x);
    close(slope, grad(curved)(x));
    close(value, curved(x));
    const [, aux] = grad((z: Tensor) => [z.sum(), z.mul(2)] as const, { hasAux: true })(x);
    close(aux, x.mul(2));
    expect([slope, value, aux].some((t) => t.requiresGrad)).toBe(false);
  });

  test("vjp gives a function that may be called again", () => {
    const [out, product] = vjp((z: Tensor) => ({ a: z.sin(), b: [z.sum()] }), x);
    close(out.a, x.sin());
    for (let i = 0; i < 2; i++)
      close(product({ a: torch.ones(4, double), b: [torch.tensor(2, double)] })[0], x.cos().add(2));
  });

  test("an outer noGrad changes nothing, an inner one cuts", () => {
    close(
      torch.noGrad(() => grad(curved)(x)),
      grad(curved)(x),
    );
    const cut = grad((z: Tensor) => z.sum().add(torch.noGrad(() => z.mul(5).sum())))(x);
    close(cut, torch.ones(4, double));
  });

  test("lead on to captured leaves, in every nesting with vmap", () => {
    const leaf = torch.randn(4, { ...double, requiresGrad: true });
    const slope = (z: Tensor): Tensor => grad((u: Tensor) => u.mul(leaf).sum().pow(2))(z);
    const expected = (z: Tensor): Tensor => z.matmul(leaf).mul(2).unsqueeze(-1).mul(leaf);
    for (const [got, want] of [
      [slope(x), expected(x)],
      [vmap(slope)(rows), expected(rows)],
    ] as const) {
      close(got.detach(), want.detach());
      close(torch.autograd.grad(got.sum(), leaf)[0], torch.autograd.grad(want.sum(), leaf)[0]);
    }
    const outer = grad((v: Tensor) =>
      vmap((z: Tensor) => grad((u: Tensor) => u.mul(v).sum().pow(2))(z))(rows).sum(),
    )(leaf.detach());
    close(outer, torch.autograd.grad(expected(rows).sum(), leaf)[0]);
    expect(outer.requiresGrad).toBe(false);
  });

  test("of every sample", () => {
    const loss = (p: { w: Tensor; b: Tensor }, input: Tensor): Tensor =>
      input.matmul(p.w).add(p.b).tanh().pow(2).mean();
    const state = { w, b: torch.randn(3, double) };
    const each = vmap(grad(loss), { inDims: [null, 0] })(state, rows);
    const looped = rows.unbind(0).map((row) => grad(loss)(state, row));
    close(each.w, torch.stack(looped.map((g) => g.w)));
    close(each.b, torch.stack(looped.map((g) => g.b)));
  });

  test("for many vectors in one pass", () => {
    const leaf = x.clone().requiresGrad_();
    const seeds = torch.randn(6, 3, double);
    const [all] = torch.autograd.grad(wide(leaf), leaf, {
      gradOutputs: seeds,
      isGradsBatched: true,
    });
    close(
      all,
      torch.stack(
        seeds
          .unbind(0)
          .map((seed) => torch.autograd.grad(wide(leaf), leaf, { gradOutputs: seed })[0]),
      ),
    );
  });
});

describe("Jacobians", () => {
  test("by rows and by columns are the same", () => {
    const expected = torch.autograd.functional.jacobian(wide, x) as Tensor;
    close(jacrev(wide)(x), expected);
    close(jacrev(wide, { chunkSize: 2 })(x), expected);
    close(jacfwd(wide)(x), expected);
  });

  test("of Jacobians, in every order of modes, are the Hessian", () => {
    const expected = torch.autograd.functional.hessian(curved, x) as Tensor;
    for (const second of [
      hessian(curved),
      jacrev(jacrev(curved)),
      jacrev(jacfwd(curved)),
      jacfwd(jacfwd(curved)),
      jacfwd(grad(curved)),
      jacrev(grad(curved)),
    ])
      close(second(x), expected);
    close(
      vmap(hessian(curved))(rows),
      torch.stack(rows.unbind(0).map((row) => hessian(curved)(row))),
    );
  });

  test("of maps, and maps of them", () => {
    const each = torch.stack(rows.unbind(0).map((row) => jacfwd(wide)(row)));
    close(vmap(jacfwd(wide))(rows), each);
    close(vmap(jacrev(wide))(rows), each);
    const mapped = (z: Tensor): Tensor => vmap((u: Tensor) => u.mul(z.sum()))(z);
    const direct = (z: Tensor): Tensor => z.mul(z.sum());
    close(jacrev(mapped)(x), jacrev(direct)(x));
    close(jacfwd(mapped)(x), jacfwd(direct)(x));
    close(jvp(mapped, [x], [torch.ones(4, double)])[1], jacfwd(direct)(x).sum(1));
  });

  test("of records are nested as result and argument", () => {
    const blocks = jacrev((p: { a: Tensor; b: Tensor }) => ({ y: p.a.mul(p.b.sum()), z: p.b }))({
      a: torch.ones(2),
      b: torch.ones(3),
    });
    expect(blocks.y.a.shape).toEqual([2, 2]);
    expect(blocks.y.b.shape).toEqual([2, 3]);
    expect(blocks.z.a.shape).toEqual([3, 2]);
    close(blocks.z.b, torch.eye(3));
  });
});

describe("modules as functions of their state", () => {
  test("differentiate by a record of parameters", () => {
    const model = new torch.nn.Linear(4, 2).to(torch.float64);
    const state = Object.fromEntries(
      [...model.namedParameters()].map(([name, value]) => [name, value.detach()]),
    );
    const slopes = grad((p: Record<string, Tensor>) => functionalCall(model, p, rows).pow(2).sum())(
      state,
    );
    const parameters = [...model.parameters()];
    const expected = torch.autograd.grad(model(rows).pow(2).sum(), parameters);
    close(slopes["weight"]!, expected[0]!);
    close(slopes["bias"]!, expected[1]!);
    expect([...model.parameters()].every((own, i) => own === parameters[i])).toBe(true);
  });

  test("run as an ensemble", () => {
    const models = [1, 2, 3].map(() => new torch.nn.Linear(4, 2).to(torch.float64));
    const [parameters] = stackModuleState(models);
    const out = vmap((p: Record<string, Tensor>) => functionalCall(models[0]!, p, rows))(
      parameters,
    );
    close(out.detach(), torch.stack(models.map((model) => model(rows))).detach());
    out.sum().backward();
    expect(parameters["weight"]!.grad!.shape).toEqual([3, 2, 4]);
  });

  test("replace tied weights together, and put everything back after an error", () => {
    class Tied extends torch.nn.Module {
      a = new torch.nn.Linear(2, 2, { bias: false });
      b = this.a;
      override forward(input: Tensor): Tensor {
        return this.b(this.a(input));
      }
    }
    const model = new Tied();
    const before = model.a.weight;
    close(
      functionalCall(model, { "a.weight": torch.eye(2).mul(3) }, torch.ones(2)),
      torch.full([2], 9),
    );
    expect(() => functionalCall(model, { "a.weight": torch.ones(3, 3) }, torch.ones(2))).toThrow();
    expect(model.a.weight).toBe(before);
    expect(() => functionalCall(model, { "c.weight": before }, torch.ones(2))).toThrow(/c\.weight/);
    expect(() => functionalCall(model, {}, torch.ones(2), { strict: true })).toThrow(/a\.weight/);
  });
});

describe("refusals", () => {
  const refused: [string, () => unknown, RegExp][] = [
    ["a result with dimensions", () => grad((z: Tensor) => z)(x), /shape \[4\]/],
    [
      "a result that is no tensor",
      () => grad((() => 1) as never)(x as never),
      /must return a tensor/,
    ],
    ["an integer argument", () => grad(curved)(torch.tensor([1], { dtype: torch.int64 })), /int64/],
    ["a position without argument", () => grad(curved, { argnums: 2 as never })(x), /argnums is 2/],
    [
      "an argument without tensors",
      () => grad(((n: number) => n) as never)(3 as never),
      /no tensor/,
    ],
    ["a cotangent of another shape", () => vjp(wide, x)[1](x), /cotangent 0 has shape \[4\]/],
    [
      "seeds of several counts",
      () => torch.autograd.grad(wide(x.requiresGrad_()), x, { isGradsBatched: true }),
      /first dimension/,
    ],
  ];
  for (const [name, run, message] of refused) test(name, () => expect(run).toThrow(message));
});
