// Optimizers and schedules against PyTorch's steps; saving and loading; refusals.
import { describe, expect, it } from "vitest";
import * as torch from "flambeau";
import { expectClose, flat, training } from "../golden/read.ts";

const { optim } = torch;

type Setup = { w: torch.Tensor; b: torch.Tensor; optimizer: torch.optim.SGD; advance: () => void };

function setup(kind: (typeof training.optimizers)[number]["kind"], options: object): Setup {
  torch.manualSeed(1);
  const w = torch.randn(3, 4, { requiresGrad: true });
  const b = torch.randn(4, { requiresGrad: true });
  const make = optim[kind] as unknown as new (
    params: torch.Tensor[],
    options: object,
  ) => torch.optim.SGD;
  const optimizer = new make([w, b], options);
  const advance = (): void => {
    w.grad = torch.randn(3, 4);
    b.grad = torch.randn(4);
    optimizer.step();
  };
  return { w, b, optimizer, advance };
}

describe("twenty steps", () => {
  it.each(training.optimizers.map((c) => [`${c.kind} ${JSON.stringify(c.options)}`, c] as const))(
    "%s",
    (_name, golden) => {
      const { w, b, advance, optimizer } = setup(golden.kind, golden.options);
      for (const expected of golden.steps) {
        advance();
        expectClose([...flat(w), ...flat(b)], expected, 5e-7);
      }
      const saved = optimizer.stateDict();
      const keys = Object.fromEntries(
        [...(saved.state as Map<number, object>)].map(([k, v]) => [
          String(k),
          Object.keys(v).sort(),
        ]),
      );
      expect(keys).toEqual(
        Object.fromEntries(
          Object.entries(golden.stateKeys)
            // PyTorch's SGD lists a buffer that is None.
            .map(
              ([k, v]) =>
                [
                  k,
                  v
                    .filter(
                      (name) =>
                        name !== "momentum_buffer" || golden.options["momentum"] !== undefined,
                    )
                    .sort(),
                ] as const,
            )
            .filter(([, names]) => names.length > 0),
        ),
      );
      expect(golden.groupKeys).toEqual(expect.arrayContaining(Object.keys(saved.param_groups[0]!)));
    },
  );
});

describe("an optimizer", () => {
  it("goes on from a saved state as if never interrupted", () => {
    const options = { lr: 0.05, amsgrad: true };
    const [one, two] = [setup("Adam", options), setup("Adam", { lr: 9 })];
    for (let i = 0; i < 3; i++) one.advance();
    torch.noGrad(() => [two.w.copy_(one.w), two.b.copy_(one.b)]);
    two.optimizer.loadStateDict(one.optimizer.stateDict());
    for (let i = 0; i < 3; i++)
      for (const { advance } of [one, two]) {
        torch.manualSeed(i);
        advance();
      }
    expect(flat(two.w)).toEqual(flat(one.w));
    expect(two.optimizer.paramGroups[0]!.lr).toBe(0.05);
  });

  it("refuses a state that does not fit", () => {
    const { optimizer } = setup("SGD", { momentum: 0.9 });
    const other = new optim.SGD([torch.ones(1, { requiresGrad: true })]);
    expect(() => optimizer.loadStateDict(other.stateDict())).toThrow(torch.SerializationError);
    expect(() => optimizer.loadStateDict(null as never)).toThrow(torch.SerializationError);
    expect(() => optimizer.loadStateDict({ state: {}, param_groups: [] })).toThrow(/0 groups/);
    const wrong = {
      state: { 0: { momentum_buffer: torch.ones(7) } },
      param_groups: optimizer.stateDict().param_groups,
    };
    expect(() => optimizer.loadStateDict(wrong)).toThrow(
      /momentum_buffer of parameter 0 has shape \[7\]/,
    );
  });

  it("keeps options for each group", () => {
    const [a, b] = [torch.ones(1, { requiresGrad: true }), torch.ones(1, { requiresGrad: true })];
    const optimizer = new optim.SGD([{ params: [a] }, { params: b, lr: 0.5 }], { lr: 0.25 });
    a.add(b).sum().backward();
    expect(optimizer.step(() => 7)).toBe(7);
    expect([a.item(), b.item()]).toEqual([0.75, 0.5]);
    optimizer.zeroGrad();
    expect(a.grad).toBeNull();
    const named = new optim.SGD(new torch.nn.Linear(1, 1).namedParameters(), { lr: 0.1 });
    expect(named.paramGroups[0]!.names).toEqual(["weight", "bias"]);
  });

  it("leaves parameters without a gradient alone, and computes the closure's gradients", () => {
    const [a, idle] = [
      torch.ones(1, { requiresGrad: true }),
      torch.ones(1, { requiresGrad: true }),
    ];
    const optimizer = new optim.Adam([a, idle], { lr: 0.5 });
    const loss = torch.noGrad(() =>
      optimizer.step(() => {
        const value = a.mul(2).sum();
        value.backward();
        return value;
      }),
    );
    expect(loss.item()).toBe(2);
    expect([a.item() < 1, idle.item()]).toEqual([true, 1]);
  });

  it("is named by the error when the graph still needs what it overwrote", () => {
    const w = torch.ones(2, { requiresGrad: true });
    const optimizer = new optim.SGD([w], { lr: 0.1 });
    const loss = w.mul(w).sum();
    w.grad = torch.ones(2);
    optimizer.step();
    expect(() => loss.backward()).toThrow(/SGD\.step changed it/);
  });

  it("refuses misuse", () => {
    const w = torch.ones(2, { requiresGrad: true });
    const refused: [() => unknown, RegExp][] = [
      [() => new optim.SGD([]), /empty/],
      [() => new optim.SGD(w as never), /goes into an array/],
      [() => new optim.SGD([w.mul(2)]), /MulBackward0/],
      [() => new optim.SGD([3 as never]), /must be tensors/],
      [() => new optim.SGD([w, w]), /twice/],
      [() => new optim.SGD([w], { lr: -1 }), /lr must be at least 0/],
      [() => new optim.SGD([w], { lr: Number.NaN }), /lr must be at least 0/],
      [() => new optim.SGD([w], { momentm: 0.9 } as never), /did you mean "momentum"/],
      [() => new optim.SGD([w], { nesterov: true }), /nesterov needs a momentum/],
      [() => new optim.Adam([w], { betas: [0.9, 1] }), /betas/],
      [() => new optim.Adam([w], { betas: 0.9 as never }), /betas/],
      [() => new optim.Adagrad([w], { eps: -1 }), /eps/],
      [() => new optim.RMSprop([{ params: [w], alpha: -1 }]), /alpha/],
    ];
    for (const [misuse, words] of refused) {
      expect(misuse).toThrow(torch.TorchError);
      expect(misuse).toThrow(words);
    }
  });
});

describe("schedules", () => {
  const { lrScheduler } = optim;
  const made: Record<keyof typeof training.schedules, (o: torch.optim.SGD) => { step(): void }> = {
    step: (o) => new lrScheduler.StepLR(o, 3, 0.5),
    cosine: (o) => new lrScheduler.CosineAnnealingLR(o, 5, 0.01),
    lambda: (o) => new lrScheduler.LambdaLR(o, (epoch) => 0.9 ** epoch),
  };
  it.each(["step", "cosine", "lambda"] as const)("%s", (name) => {
    const optimizer = new optim.SGD([torch.zeros(1, { requiresGrad: true })], { lr: 0.5 });
    const schedule = made[name](optimizer);
    const rates = training.schedules[name].map(() => {
      const { lr } = optimizer.paramGroups[0]!;
      schedule.step();
      return lr;
    });
    expectClose(rates, training.schedules[name], 1e-12);
  });

  it("refuses misuse", () => {
    const optimizer = new optim.SGD([torch.zeros(1, { requiresGrad: true })]);
    expect(() => new lrScheduler.StepLR(optimizer, 0)).toThrow(torch.ArgumentError);
    expect(() => new lrScheduler.CosineAnnealingLR(optimizer, -1)).toThrow(torch.ArgumentError);
    expect(() => new lrScheduler.LambdaLR(optimizer, [])).toThrow(torch.ArgumentError);
  });
});
