// Each misuse is refused with one of the library's errors, which names the operation, the values and the way out.
import * as torch from "flambeau";
import { describe, expect, it, vi } from "vitest";

const leaf = (...size: number[]): torch.Tensor => torch.ones(size, { requiresGrad: true });
const { AutogradError, DTypeError, IndexError, ShapeError, TorchError } = torch;

const refused: [string, () => unknown, new (m?: string) => Error, RegExp][] = [
  ["leaf in place", () => leaf(2).add_(1), AutogradError, /add_.*leaf.*noGrad.*clone/],
  ["leaf assigned", () => leaf(2).setAt_(0, 1), AutogradError, /leaf.*noGrad/],
  ["view of a leaf", () => leaf(2, 2).at(0).mul_(2), AutogradError, /view of a leaf/],
  [
    "leaf that is a view",
    () => torch.zeros(4).narrow(0, 0, 2).requiresGrad_().add_(1),
    AutogradError,
    /leaf/,
  ],
  ["expanded", () => torch.ones(2).expand(3, 2).add_(1), AutogradError, /expand\(\).*clone/],
  [
    "unbind",
    () => leaf(2, 2).mul(1).unbind(0)[0]!.add_(1),
    AutogradError,
    /several views.*unbind.*clone/,
  ],
  ["chunk", () => leaf(2, 2).mul(1).chunk(2)[0]!.add_(1), AutogradError, /several views/],
  ["split", () => leaf(2, 2).mul(1).split(1)[0]!.add_(1), AutogradError, /several views/],
  [
    "view of unbind",
    () => leaf(2, 2).mul(1).unbind(0)[0]!.view(2).add_(1),
    AutogradError,
    /several views/,
  ],
  [
    "view from noGrad",
    () => {
      const b = leaf(2, 2).mul(1);
      return torch.noGrad(() => b.view(4)).add_(1);
    },
    AutogradError,
    /view.*noGrad.*both/,
  ],
  [
    "stale view from noGrad",
    () => {
      const b = torch.zeros(4);
      const v = torch.noGrad(() => b.narrow(0, 0, 2));
      b.mul_(leaf(1));
      return v.mul(2);
    },
    AutogradError,
    /noGrad.*clone/,
  ],
  [
    "stale part",
    () => {
      const b = torch.zeros(2, 2);
      const [v] = b.unbind(0);
      b.mul_(leaf(1));
      return v!.mul(2);
    },
    AutogradError,
    /unbind.*several views/,
  ],
  [
    "int += float",
    () => torch.ones(2, { dtype: torch.int64 }).add_(0.5),
    DTypeError,
    /float32.*int64|int64.*whole/,
  ],
  [
    "int div_",
    () => torch.ones(2, { dtype: torch.int64 }).div_(2),
    DTypeError,
    /div_.*float32.*int64/,
  ],
  ["in place broadcast", () => torch.ones(2).add_(torch.ones(3, 2)), ShapeError, /\[3, 2\].*\[2\]/],
  ["mm", () => torch.ones(2, 3).mm(torch.ones(2, 3)), ShapeError, /mm.*\[2, 3\].*\[2, 3\]/],
  ["matmul of a scalar", () => torch.tensor(1).matmul(torch.ones(2)), ShapeError, /matmul/],
  ["bmm", () => torch.ones(2, 3, 4).bmm(torch.ones(3, 4, 5)), ShapeError, /bmm/],
  [
    "add",
    () => torch.ones(3).add(torch.ones(4)),
    ShapeError,
    /add.*\[3\].*\[4\].*equal, or one of them 1/,
  ],
  ["view", () => torch.ones(6).view(4), ShapeError, /view.*6 elements.*\[4\]/],
  ["view across strides", () => torch.ones(2, 3).t().view(6), ShapeError, /reshape/],
  ["reshape with two -1", () => torch.ones(6).reshape(-1, -1), ShapeError, /only one/],
  ["cat of nothing", () => torch.cat([]), TorchError, /cat/],
  ["cat", () => torch.cat([torch.ones(2, 3), torch.ones(2, 2)]), ShapeError, /cat.*3.*2|cat.*2.*3/],
  ["stack", () => torch.stack([torch.ones(2), torch.ones(3)]), ShapeError, /stack.*\[3\].*\[2\]/],
  ["dimension", () => torch.ones(2).sum(3), IndexError, /sum.*dimension 3.*-1 to 0/],
  ["index", () => torch.ones(2).at(5), IndexError, /5.*2/],
  ["too many indices", () => torch.ones(2).at(0, 0), IndexError, /dimension/],
  ["float index", () => torch.ones(2).at(torch.ones(1)), TorchError, /float32|integer/],
  ["mask", () => torch.ones(2).at(torch.ones(3).gt(0)), TorchError, /\[3\]|3/],
  [
    "mm of two types",
    () => torch.ones(2, 2).mm(torch.ones(2, 2, { dtype: torch.float64 })),
    DTypeError,
    /float32.*float64/,
  ],
  [
    "mean of integers",
    () => torch.ones(2, { dtype: torch.int64 }).mean(),
    DTypeError,
    /mean.*int64/,
  ],
  ["bool minus", () => torch.ones(2).gt(0).sub(torch.ones(2).gt(0)), DTypeError, /sub.*bool/],
  ["neg of bool", () => torch.ones(2).gt(0).neg(), DTypeError, /neg.*bool/],
  [
    "int pow -1",
    () => torch.tensor([2], { dtype: torch.int64 }).pow(-1),
    TorchError,
    /pow.*negative/,
  ],
  ["item", () => torch.ones(2).item(), TorchError, /item.*2/],
  ["devices", () => torch.ones(2).add(torch.ones(2, { device: "meta" })), TorchError, /meta/],
  ["expand", () => torch.ones(2, 3).expand(4, 3), ShapeError, /\[2, 3\].*\[4, 3\]/],
  ["dot", () => torch.ones(2).dot(torch.ones(3)), ShapeError, /dot.*2.*3/],
];

describe("refused with the reason and the way out", () => {
  it.each(refused)("%s", (_, misuse, type, words) => {
    expect(misuse).toThrow(type);
    expect(misuse).toThrow(words);
  });

  it.each<
    [string, (y: torch.Tensor) => torch.Tensor, (y: torch.Tensor, z: torch.Tensor) => torch.Tensor]
  >([
    ["mul", (y) => y.mul(y), (y) => y.add_(1)],
    ["pow", (y) => y.pow(2), (y) => y.add_(1)],
    ["exp result", (y) => y.exp(), (_, z) => z.add_(1)],
    ["tanh result", (y) => y.tanh(), (_, z) => z.add_(1)],
    ["sigmoid result", (y) => y.sigmoid(), (_, z) => z.mul_(2)],
    ["sqrt result", (y) => y.sqrt(), (_, z) => z.mul_(2)],
    ["log", (y) => y.log(), (y) => y.add_(1)],
    ["softmax result", (y) => y.softmax(0), (_, z) => z.add_(1)],
    ["mm", (y) => y.mm(y), (y) => y.add_(1)],
    ["prod", (y) => y.prod(), (y) => y.add_(1)],
    ["through a view", (y) => y.mul(y), (y) => y.at(0).zero_()],
    ["through detach", (y) => y.mul(y), (y) => y.detach().zero_()],
  ])("a saved value changed afterwards: %s", (_, make, change) => {
    const y = leaf(2, 2).mul(2);
    const z = make(y);
    const total = z.sum();
    change(y, z);
    expect(() => total.backward()).toThrow(AutogradError);
    expect(() => total.backward()).toThrow(
      /modified by an inplace operation.*_ changed it.*clone\(\)/,
    );
  });
});

describe("the error of a changed saved value names who changed it", () => {
  const changed = (act: (w: torch.Tensor) => void): (() => void) => {
    const w = leaf(2);
    const loss = w.mul(w).sum();
    act(w);
    return () => loss.backward();
  };

  it("an optimizer", () => {
    const step = (w: torch.Tensor): void => {
      w.grad = torch.ones(2);
      new torch.optim.SGD([w], { lr: 1 }).step();
    };
    expect(changed(step)).toThrow(/MulBackward0.*SGD\.step changed it.*optimizer.*before step\(\)/);
  });
});

describe("a backward pass from what has no graph", () => {
  const cuts: [string, (x: torch.Tensor) => torch.Tensor, RegExp, RegExp][] = [
    [
      "detach",
      (x) => x.mul(2).detach().sum(),
      /detectAnomaly/,
      /cut by detach,.*leads no gradient/,
    ],
    ["noGrad", (x) => torch.noGrad(() => x.mul(2)).sum(), /noGrad/, /cut by mul, inside noGrad/],
    ["argmax", (x) => x.mul(2).argmax(), /type int64.*argmax/, /cut by argmax, which gives int64/],
    ["a cast", (x) => x.to(torch.int64).sum(), /type int64/, /cut by to, which gives int64/],
    [
      "a cast back",
      (x) => x.gt(0).to(torch.float32).sum(),
      /detectAnomaly/,
      /cut by gt, which gives bool/,
    ],
    ["a view", (x) => torch.noGrad(() => x.mul(1).view(-1)), /view made inside noGrad/, /cut by/],
    ["detach_", (x) => x.mul(2).detach_(), /with detach_\(\)/, /detach_/],
    [
      "inference",
      (x) => torch.inferenceMode(() => x.sum()),
      /inferenceMode/,
      /cut by sum, inside inferenceMode/,
    ],
  ];

  it.each(cuts)("says what is known: %s", (_, make, words, inMode) => {
    expect(() => make(leaf(2)).sum().backward(leaf())).toThrow(/does not require grad/);
    expect(() => make(leaf(2)).backward()).toThrow(words);
    const told = vi.spyOn(console, "warn").mockImplementation(() => {});
    try {
      torch.autograd.detectAnomaly(() => {
        const y = make(leaf(2));
        expect(() => y.backward()).toThrow(inMode);
        if (y.dtype.isFloatingPoint) expect(() => y.mul(2).add(1).backward()).toThrow(inMode);
      });
    } finally {
      told.mockRestore();
    }
  });

  it("says whether recording is off", () => {
    expect(() => torch.noGrad(() => torch.ones(1).backward())).toThrow(/switched off here/);
  });
});
