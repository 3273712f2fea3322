// Modules: what belongs to them, calling, states, modes, hooks.
import { describe, expect, it } from "vitest";
import * as torch from "flambeau";
import { expectClose, flat, training } from "../golden/read.ts";

const { nn } = torch;

class Net extends nn.Module {
  // Fields that a function has by nature.
  override name = "net";
  override length = 3;
  stack: torch.nn.Sequential = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU());
  scale: torch.nn.Parameter = new nn.Parameter(torch.ones(8));
  head: torch.nn.Linear = new nn.Linear(8, 2);

  constructor() {
    super();
    this.registerBuffer("offset", torch.zeros(8));
    this.registerBuffer("scratch", torch.zeros(1), false);
  }

  override forward(x: torch.Tensor, times: number = 1): torch.Tensor {
    const hidden = this.stack(x).mul(this.scale).mul(times);
    return this.head(hidden);
  }
}

describe("a module", () => {
  it("is called like a function, with the types of forward", () => {
    const net = new Net();
    const out: torch.Tensor = net(torch.ones(5, 4), 2);
    expect(out.shape).toEqual([5, 2]);
    expect(typeof net).toBe("function");
    expect(net).toBeInstanceOf(Net);
    expect(net).toBeInstanceOf(nn.Module);
    expect([net.name, net.length]).toEqual(["net", 3]);
    // @ts-expect-error forward takes a tensor
    expect(() => net("text")).toThrow(torch.TorchError);
  });

  it("finds its parts in the order of definition, with PyTorch's keys", () => {
    const net = new Net();
    const names = ["scale", "stack.0.weight", "stack.0.bias", "head.weight", "head.bias"];
    expect([...net.namedParameters()].map(([name]) => name)).toEqual(names);
    expect([...net.namedModules()].map(([name]) => name)).toEqual([
      "",
      "stack",
      "stack.0",
      "stack.1",
      "head",
    ]);
    expect([...net.namedChildren()].map(([name]) => name)).toEqual(["stack", "head"]);
    expect([...net.namedBuffers()].map(([name]) => name)).toEqual(["offset", "scratch"]);
    expect(Object.keys(net.stateDict())).toEqual(["scale", "offset", ...names.slice(1)]);
  });

  it("gives a shared part once, and its state under both names", () => {
    const shared = new nn.Linear(2, 2);
    const both = new nn.Sequential(shared, shared);
    expect([...both.parameters()]).toHaveLength(2);
    expect(Object.keys(both.stateDict())).toHaveLength(4);
    expect([...both.modules()]).toHaveLength(2);
  });

  it("loads a state, and refuses one that does not fit without changing anything", () => {
    const [a, b] = [new Net(), new Net()];
    expect(b.loadStateDict(a.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    const x = torch.randn(3, 4);
    expect(flat(b(x))).toEqual(flat(a(x)));
    const before = flat(b.head.weight);
    const { "head.bias": bias, ...rest } = a.stateDict();
    const wrong = { ...rest, "head.bais": bias!, scale: torch.ones(3) };
    expect(() => b.loadStateDict(wrong)).toThrow(torch.SerializationError);
    expect(() => b.loadStateDict(wrong)).toThrow(
      /scale has shape \[3\].*\[8\].*missing: head\.bias.*head\.bais \(is it "head\.bias"\?\)/,
    );
    expect(flat(b.head.weight)).toEqual(before);
    const { scale: _scale, ...others } = wrong;
    expect(b.loadStateDict(others, false)).toEqual({
      missingKeys: ["scale", "head.bias"],
      unexpectedKeys: ["head.bais"],
    });
    expect(() => b.loadStateDict(null as never)).toThrow(torch.SerializationError);
  });

  it("switches modes, freezes, and forgets gradients", () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Dropout(0.5));
    expect(net.eval().at(1).training).toBe(false);
    expect(net.train().at(1).training).toBe(true);
    net(torch.ones(1, 2)).sum().backward();
    const [weight] = net.parameters();
    const { grad } = weight!;
    net.zeroGrad({ setToNone: false });
    expect(weight!.grad).not.toBeNull();
    expect(flat(grad!)).toEqual([0, 0, 0, 0]);
    net.zeroGrad();
    expect(weight!.grad).toBeNull();
    net.requiresGrad_(false);
    expect(net(torch.ones(1, 2)).requiresGrad).toBe(false);
  });

  it("changes the type of its tensors in place, so that optimizers keep them", () => {
    const net = new nn.Linear(2, 1);
    const optimizer = new torch.optim.SGD(net.parameters(), { lr: 1 });
    const { weight } = net;
    net.to(torch.float64);
    expect(net.weight).toBe(weight);
    expect(weight.dtype).toBe(torch.float64);
    const before = flat(weight);
    net(torch.ones(1, 2, { dtype: torch.float64 }))
      .sum()
      .backward();
    optimizer.step();
    expectClose(
      flat(weight),
      before.map((v) => v - 1),
      1e-12,
    );
    expect(() => net.to(torch.int64)).toThrow(torch.DTypeError);
  });

  it("moves its tensors in place, is laid out without memory, and gets memory without values", () => {
    const net = new nn.Linear(2, 3);
    const { weight } = net;
    expect(net.to("meta", torch.float64).weight).toBe(weight);
    expect([weight.device.type, weight.dtype]).toEqual(["meta", torch.float64]);
    expect(net(torch.ones(4, 2, { device: "meta", dtype: torch.float64 })).shape).toEqual([4, 3]);
    expect(() => net.to("cpu")).toThrow(/a meta tensor has no values to take to cpu.*toEmpty/);
    expect(() => net.toEmpty({} as never)).toThrow(/Linear.toEmpty.*device/);
    net.toEmpty({ device: "cpu" });
    net.requiresGrad_(false).weight.fill_(1);
    expect(net.weight.sum().item()).toBe(6);
    const laidOut = [
      new nn.Linear(2, 3, { device: "meta" }),
      new nn.Bilinear(2, 3, 4, { device: "meta" }),
      new nn.Embedding(2, 3, { device: "meta" }),
      new nn.PReLU({ device: "meta" }),
    ];
    for (const { weight: own } of laidOut) expect(own.device.type).toBe("meta");
  });

  it("runs hooks before and after forward, which may replace what passes", () => {
    const net = new nn.Identity();
    const seen: unknown[] = [];
    const pre = net.registerForwardPreHook((_m, args) => void seen.push(args.length));
    const double = net.registerForwardHook((_m, _args, output) => (output as torch.Tensor).mul(2));
    expect(flat(net(torch.ones(1)))).toEqual([2]);
    pre.remove();
    double.remove();
    expect(flat(net(torch.ones(1)))).toEqual([1]);
    expect(seen).toEqual([1]);
    expect(() => net.registerForwardHook(3 as never)).toThrow(torch.ArgumentError);
  });

  it("applies a function from the leaves up", () => {
    const order: string[] = [];
    new nn.Sequential(new nn.ReLU(), new nn.Tanh()).apply((m) => order.push(m.constructor.name));
    expect(order).toEqual(["ReLU", "Tanh", "Sequential"]);
  });

  it("refuses misuse", () => {
    const net = new nn.Module();
    expect(() => (net as unknown as () => void)()).toThrow(/forward/);
    expect(() => net.registerBuffer("a.b", torch.ones(1))).toThrow(torch.ArgumentError);
    expect(() => net.registerBuffer("train", torch.ones(1))).toThrow(torch.ArgumentError);
    expect(() => net.registerBuffer("x", 1 as never)).toThrow(torch.ArgumentError);
    expect(() => net.registerParameter("x", torch.ones(1) as never)).toThrow(torch.ArgumentError);
    expect(() => new nn.Linear(-1, 2)).toThrow(torch.ArgumentError);
    expect(() => new nn.Linear(2, 2, { bais: false } as never)).toThrow(/did you mean "bias"/);
    expect(() => new nn.Linear(2.5, 2)).toThrow(torch.ArgumentError);
    expect(() => new nn.Parameter(3 as never)).toThrow(torch.ArgumentError);
    expect(() => new nn.Parameter(torch.ones(2, { dtype: torch.int64 }))).toThrow(
      torch.AutogradError,
    );
    expect(() => new nn.Sequential(3 as never)).toThrow(torch.ArgumentError);
    expect(() => new nn.Linear(3, 2)(torch.ones(2, 4))).toThrow(torch.ShapeError);
  });
});

describe("a parameter", () => {
  it("is a leaf that shares memory, and known by instanceof", () => {
    const data = torch.zeros(2);
    const parameter = new nn.Parameter(data);
    expect(parameter).toBeInstanceOf(nn.Parameter);
    expect(parameter).toBeInstanceOf(torch.Tensor);
    expect(data instanceof nn.Parameter).toBe(false);
    expect([parameter.isLeaf, parameter.requiresGrad]).toEqual([true, true]);
    data.add_(1);
    expect(flat(parameter)).toEqual([1, 1]);
    expect(new nn.Parameter(data, false).requiresGrad).toBe(false);
  });
});

describe("containers", () => {
  it("hold modules and parameters that belong to their owner", () => {
    class Owner extends nn.Module {
      list: torch.nn.ModuleList = new nn.ModuleList([new nn.Linear(2, 2), new nn.Linear(2, 2)]);
      named: torch.nn.ModuleDict = new nn.ModuleDict({ last: new nn.Linear(2, 1) });
      extra: torch.nn.ParameterList = new nn.ParameterList([torch.ones(1), torch.ones(2)]);
    }
    const owner = new Owner();
    expect(Object.keys(owner.stateDict())).toEqual([
      "list.0.weight",
      "list.0.bias",
      "list.1.weight",
      "list.1.bias",
      "named.last.weight",
      "named.last.bias",
      "extra.0",
      "extra.1",
    ]);
    expect(owner.list.at(-1)).toBe([...owner.list][1]);
    expect(owner.named.get("last")(torch.ones(1, 2)).shape).toEqual([1, 1]);
    expect(() => owner.list.at(2)).toThrow(torch.IndexError);
    expect(() => owner.named.get("first")).toThrow(torch.IndexError);
    const branch = new nn.Sequential({ first: new nn.Linear(2, 3), second: new nn.ReLU() });
    expect(Object.keys(branch.stateDict())).toEqual(["first.weight", "first.bias"]);
  });

  it("give parts of themselves, of the same modules", () => {
    const all = new nn.Sequential(new nn.Linear(1, 2), new nn.ReLU(), new nn.Linear(2, 1));
    const rest = all.slice(1);
    expect(Object.keys(rest.stateDict())).toEqual(["2.weight", "2.bias"]);
    expect(rest.at(0)).toBe(all.at(1));
    const x = torch.ones(3, 1);
    expect(rest(all.at(0)(x)).equal(all(x))).toBe(true);
    expect([all.slice(0, -1).size, all.slice(5).size, all.slice().size]).toEqual([2, 0, 3]);
    const list = new nn.ModuleList([new nn.Linear(1, 1), new nn.Linear(2, 2)]);
    expect(Object.keys(list.slice(1).stateDict())).toEqual(["0.weight", "0.bias"]);
    const parameters = new nn.ParameterList([torch.ones(1), torch.ones(2)]);
    expect(parameters.slice(-1).at(0)).toBe(parameters.at(1));
  });
});

describe("texts", () => {
  const linear = (): torch.nn.Linear => new nn.Linear(2, 3);
  const made: Record<string, unknown> = {
    Linear: new nn.Linear(3, 4, { bias: false }),
    Bilinear: new nn.Bilinear(1, 2, 3),
    Embedding: new nn.Embedding(3, 4, -1),
    Unflatten: new nn.Unflatten(1, [2, 3]),
    "ReLU inplace": new nn.ReLU(true),
    LeakyReLU: new nn.LeakyReLU(0.2),
    Threshold: new nn.Threshold(0.1, 20),
    Softmax: new nn.Softmax(1),
    LogSoftmax: new nn.LogSoftmax({ dim: -1 }),
    Softmin: new nn.Softmin(0),
    Sequential: new nn.Sequential(linear(), new nn.Sequential(new nn.ReLU(), new nn.Dropout(0.25))),
    empty: new nn.Sequential(),
    ModuleList: new nn.ModuleList<torch.nn.Layer>([linear(), linear(), new nn.ReLU()]),
    ModuleDict: new nn.ModuleDict({ a: new nn.Linear(1, 2) }),
    ParameterList: new nn.ParameterList([torch.ones(2, 3), torch.ones(4)]),
    Parameter: new nn.Parameter(torch.tensor([1.5, 2])),
  };
  it.each(Object.entries(training.texts))("%s", (name, text) => {
    const make = (nn as unknown as Record<string, new () => unknown>)[name]!;
    expect(String(made[name] ?? new make())).toBe(text);
  });
});
