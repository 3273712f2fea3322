// Layers, activations, losses and initialisation against PyTorch's values.
import { describe, expect, it } from "vitest";
import * as torch from "flambeau";
import { expectClose, flat, training } from "../golden/read.ts";

const { nn } = torch;
const { init } = nn;
const { x: xs, t: ts, y: ys } = training.inputs;
const x = torch.tensor(xs);
const t = torch.tensor(ts);
const y = torch.tensor(ys as unknown as number[], { dtype: torch.int64 });
const weight = torch.tensor([0.5, 1, 2, 0.25]);

describe("from a seed the numbers are PyTorch's", () => {
  const blank = (...sizes: number[]): torch.Tensor => torch.empty(sizes);
  const made: Record<string, () => Iterable<torch.Tensor>> = {
    linear: () => new nn.Linear(5, 3).parameters(),
    bilinear: () => new nn.Bilinear(3, 2, 4).parameters(),
    embedding: () => new nn.Embedding(4, 5, { paddingIdx: 1 }).parameters(),
    kaimingUniform: () => [init.kaimingUniform_(blank(4, 6), { nonlinearity: "relu" })],
    kaimingNormal: () => [init.kaimingNormal_(blank(4, 6, 2), { mode: "fanOut" })],
    xavierUniform: () => [init.xavierUniform_(blank(4, 6), 2)],
    xavierNormal: () => [init.xavierNormal_(blank(4, 6))],
    truncNormal: () => [init.truncNormal_(blank(8, 6), 1, 2, -1, 3)],
    eye: () => [init.eye_(blank(3, 4))],
    dropout: () => [nn.functional.dropout(torch.ones(12), 0.4)],
    large: () => {
      const layer = new nn.Linear(784, 512);
      const [first, last] = [layer.weight.select(0, 0), layer.weight.select(0, 511)];
      return [first.narrow(0, 0, 8), last.narrow(0, 776, 8), layer.bias!.narrow(0, 0, 8)];
    },
  };
  it.each(Object.entries(training.init))("%s", (name, expected) => {
    torch.manualSeed(0);
    expect([...made[name]!()].map(flat)).toEqual(expected);
  });

  it("with a generator of their own", () => {
    const generator = (): torch.Generator => new torch.Generator().manualSeed(0);
    expect(flat(init.normal_(blank(4), { generator: generator() }))).toEqual(
      flat(init.normal_(blank(4), 0, 1, generator())),
    );
  });
});

describe("initialisation", () => {
  it("knows the gains", () => {
    const names = ["linear", "conv2d", "sigmoid", "tanh", "relu", "leakyRelu", "selu"];
    expect([
      ...names.map((name) => init.calculateGain(name)),
      init.calculateGain("leakyRelu", 0.2),
    ]).toEqual(training.gains);
    expect(init.calculateGain("leaky_relu", 0.2)).toBe(training.gains.at(-1));
  });

  it("refuses what makes no sense", () => {
    expect(() => init.calculateGain("rellu")).toThrow(/did you mean "relu"/);
    expect(() => init.kaimingUniform_(torch.empty(3))).toThrow(torch.ShapeError);
    expect(() => init.kaimingUniform_(torch.empty(3, 2), { mode: "fan" as never })).toThrow(
      torch.ArgumentError,
    );
    expect(() => init.eye_(torch.empty(3))).toThrow(torch.ShapeError);
    expect(() => init.truncNormal_(torch.empty(3), 0, 1, 5, 6)).toThrow(torch.ArgumentError);
  });

  it("fills parameters without recording", () => {
    const parameter = new nn.Parameter(torch.empty(2, 2));
    init.constant_(parameter, 3);
    expect([flat(parameter), parameter.isLeaf]).toEqual([[3, 3, 3, 3], true]);
    expect(flat(init.ones_(parameter))).toEqual([1, 1, 1, 1]);
    expect(flat(init.zeros_(parameter))).toEqual([0, 0, 0, 0]);
  });
});

describe("activations", () => {
  it.each(Object.entries(training.activations))("%s", (name, expected) => {
    const make = (nn as unknown as Record<string, new () => torch.nn.Layer>)[name]!;
    expectClose(flat(new make()(x)), expected, 1e-6);
  });

  it("work in place where asked to", () => {
    const own = torch.tensor([-1, 2]);
    expect(new nn.ReLU({ inplace: true })(own)).toBe(own);
    expect(flat(own)).toEqual([0, 2]);
  });

  it("drop only while training", () => {
    const layer = new nn.Dropout(0.9);
    expect(flat(layer(torch.ones(100))).filter((v) => v === 0).length).toBeGreaterThan(50);
    expect(flat(layer.eval()(torch.ones(3)))).toEqual([1, 1, 1]);
    expect(() => new nn.Dropout(1.5)(torch.ones(1))).toThrow(torch.ArgumentError);
  });
});

describe("losses", () => {
  const computed: Record<string, () => torch.Tensor> = {
    L1Loss: () => new nn.L1Loss()(x, t),
    MSELoss: () => new nn.MSELoss({ reduction: "sum" })(x, t),
    SmoothL1Loss: () => new nn.SmoothL1Loss({ beta: 0.5 })(x, t),
    HuberLoss: () => new nn.HuberLoss({ delta: 0.5 })(x, t),
    BCELoss: () => new nn.BCELoss()(x.sigmoid(), t),
    BCEWithLogitsLoss: () => new nn.BCEWithLogitsLoss({ posWeight: weight })(x, t),
    KLDivLoss: () => new nn.KLDivLoss({ reduction: "batchmean" })(x.logSoftmax(1), t),
    PoissonNLLLoss: () => new nn.PoissonNLLLoss()(x, t),
    SoftMarginLoss: () => new nn.SoftMarginLoss()(x, t),
    HingeEmbeddingLoss: () => new nn.HingeEmbeddingLoss()(x, x.sign()),
    CrossEntropyLoss: () => new nn.CrossEntropyLoss({ weight, labelSmoothing: 0.1 })(x, y),
    NLLLoss: () => new nn.NLLLoss({ ignoreIndex: 3 })(x.logSoftmax(1), y),
    MarginRankingLoss: () => new nn.MarginRankingLoss(0.3)(x, t, x.sign()),
    GaussianNLLLoss: () => new nn.GaussianNLLLoss()(x, t, t.add(0.1)),
  };
  it.each(Object.entries(training.losses))("%s", (name, expected) => {
    expectClose(flat(computed[name]!()), expected, 1e-6);
  });

  it("keep weights as buffers under PyTorch's names", () => {
    expect(Object.keys(new nn.BCEWithLogitsLoss({ posWeight: weight }).stateDict())).toEqual(
      training.bufferKeys,
    );
    expect(() => new nn.CrossEntropyLoss({ reductoin: "sum" } as never)).toThrow(
      /did you mean "reduction"/,
    );
    expect(() => new nn.MSELoss({ reduction: "median" as never })).toThrow(torch.ArgumentError);
  });
});

describe("utilities", () => {
  const parameters = (): torch.Tensor[] => {
    const made = [new nn.Parameter(torch.zeros(3)), new nn.Parameter(torch.zeros(2))];
    made[0]!.grad = torch.tensor([3, -4, 1]);
    made[1]!.grad = torch.tensor([12, 0.5]);
    return made;
  };

  it("limit gradients by norm and by value", () => {
    [2, 1, Infinity].forEach((type, i) => {
      const made = parameters();
      const total = nn.utils.clipGradNorm_(made, 2, type);
      expectClose([total.item(), ...made.flatMap((p) => flat(p.grad!))], training.clip[i]!, 1e-6);
    });
    const made = parameters();
    nn.utils.clipGradValue_(made, 2);
    expect(made.flatMap((p) => flat(p.grad!))).toEqual([2, -2, 1, 2, 0.5]);
    expect(nn.utils.clipGradNorm_([], 1).item()).toBe(0);
  });

  it("turn parameters into a vector and back", () => {
    const made = [...new nn.Linear(2, 3).parameters()];
    const vector = nn.utils.parametersToVector(made);
    expect(vector.shape).toEqual([9]);
    nn.utils.vectorToParameters(vector.detach().mul(2), made);
    expectClose(
      made.flatMap(flat),
      flat(vector).map((v) => 2 * v),
      0,
    );
    expect(() => nn.utils.vectorToParameters(torch.ones(4), made)).toThrow(torch.ShapeError);
  });

  it("reshape", () => {
    expect(new nn.Flatten()(torch.ones(2, 3, 4)).shape).toEqual([2, 12]);
    expect(new nn.Unflatten(1, [3, -1])(torch.ones(2, 12)).shape).toEqual([2, 3, 4]);
    expect(new nn.Embedding(4, 5)(torch.tensor([1n, 3n])).shape).toEqual([2, 5]);
  });
});

describe("a linear layer over more dimensions", () => {
  it("has a result that may be changed in place", () => {
    const input = torch.ones(2, 3, 4, { requiresGrad: true });
    const layer = torch.ones(5, 4, { requiresGrad: true });
    const out = nn.functional.linear(input, layer);
    out.relu_();
    out.sum().backward();
    expect(input.grad!.tolist()).toEqual(torch.full([2, 3, 4], 5).tolist());
    expect(layer.grad!.tolist()).toEqual(torch.full([5, 4], 6).tolist());
  });
});
