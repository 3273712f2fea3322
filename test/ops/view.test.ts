// Views: layouts, gradients, changes through them, and what is refused.
import { beforeEach, describe, expect, test } from "vitest";
import * as torch from "flambeau";
import { drawn, expectGradients } from "./differences.ts";

beforeEach(() => void torch.manualSeed(0));

type Compute = (x: torch.Tensor) => torch.Tensor | readonly torch.Tensor[];

const views: Record<string, Compute> = {
  view: (x) => x.view(3, -1),
  reshape: (x) => x.transpose(0, 1).reshape(-1),
  flatten: (x) => x.flatten(1),
  unflatten: (x) => x.unflatten(1, [3, 1]),
  expand: (x) => x.unsqueeze(0).expand(2, -1, -1, -1),
  permute: (x) => x.permute(2, 0, -2),
  movedim: (x) => x.movedim([0, 1], [-1, 0]),
  T: (x) => x.select(0, 0).T,
  mT: (x) => x.mT,
  squeeze: (x) => x.unsqueeze(1).squeeze(1),
  slice: (x) => x.slice(2, 1, null, 2),
  narrow: (x) => x.narrow(1, 1, 2),
  select: (x) => x.select(2, -1),
  diagonal: (x) => x.diagonal(1, 1, 2),
  unfold: (x) => x.unfold(2, 3, 1),
  split: (x) => x.split(3, 2),
  "split by lengths": (x) => x.split([1, 3], 2),
  chunk: (x) => x.chunk(2, 1),
  unbind: (x) => x.unbind(1),
  tensorSplit: (x) => x.tensorSplit([1, 2], 1),
  "asStrided, overlapping": (x) => x.asStrided([3, 3], [2, 1], 1),
  "asStrided, stride 0": (x) => x.asStrided([2, 3], [0, 2]),
  "asStrided of an expanded tensor": (x) =>
    x.select(0, 0).select(0, 0).expand(3, 4).asStrided([2, 2], [1, 1]),
  "asStrided of a transposed tensor": (x) => x.select(0, 0).t().asStrided([2, 2], [3, 1], 2),
  selectScatter: (x) => x.selectScatter(x.select(0, 1).sin(), 0, 0),
  sliceScatter: (x) => x.sliceScatter(x.slice(2, 0, 2).sin(), 2, 1, 3),
  diagonalScatter: (x) => x.diagonalScatter(x.diagonal().sin()),
  flip: (x) => x.flip(0, 2),
  roll: (x) => x.roll([1, -2], [0, 2]),
  rot90: (x) => x.rot90(3, [1, 2]),
  repeat: (x) => x.repeat(2, 1, 1, 2),
  tile: (x) => x.tile(2),
  repeatInterleave: (x) => x.repeatInterleave(torch.tensor([2n, 0n, 1n]), 1),
  tril: (x) => x.tril(-1),
  triu: (x) => x.triu(),
  diagEmbed: (x) => x.diagEmbed(1),
  cat: (x) => torch.cat([x, x.narrow(1, 0, 1).sin(), torch.zeros(0, { dtype: torch.float64 })], 1),
  stack: (x) => torch.stack([x, x.sin()], -1),
  blockDiag: (x) => torch.blockDiag(x.select(0, 0), x.select(0, 1)),
  indexSelect: (x) => x.indexSelect(1, torch.tensor([2n, 0n, 2n])),
  indexAdd: (x) => x.indexAdd(1, torch.tensor([2n, 2n]), x.narrow(1, 0, 2).sin(), { alpha: 3 }),
  indexCopy: (x) => x.indexCopy(1, torch.tensor([2n]), x.narrow(1, 0, 1).sin()),
  indexFill: (x) => x.indexFill(1, torch.tensor([-1n]), 5),
  take: (x) => x.take(torch.tensor([0n, 5n, 5n, -1n])),
  put: (x) => x.put(torch.tensor([0n, 1n]), x.select(0, 0).select(0, 0).narrow(0, 0, 2).sin()),
  gather: (x) => x.gather(2, torch.tensor([[[0n, 0n, 3n]]])),
  scatter: (x) => x.scatter(2, torch.tensor([[[1n, 2n]]]), x.sin()),
  scatterAdd: (x) => x.scatterAdd(2, torch.tensor([[[1n, 1n]]]), x.sin()),
  maskedSelect: (x) => x.maskedSelect(x.gt(0)),
  maskedScatter: (x) => x.maskedScatter(x.gt(0), x.sin()),
};
for (const reduce of ["sum", "prod", "mean", "amax", "amin"] as const)
  for (const includeSelf of [true, false])
    views[`scatterReduce ${reduce} ${includeSelf}`] = (x) =>
      x.scatterReduce(2, torch.tensor([[[1n, 1n, 0n]]]), x.sin(), reduce, { includeSelf });
views["ravel"] = (x) => x.transpose(0, 1).ravel();

describe("gradients are those of finite differences", () => {
  for (const [name, compute] of Object.entries(views))
    test(name, () => expectGradients(compute, [drawn(2, 3, 4)]));
});

test("node names are PyTorch's", () => {
  const x = torch.ones(2, 3, { requiresGrad: true });
  const names: readonly (readonly [torch.Tensor, string])[] = [
    [x.view(6), "ViewBackward0"],
    [x.t(), "TBackward0"],
    [x.T, "PermuteBackward0"],
    [x.transpose(0, 1), "TransposeBackward0"],
    [x.t().reshape(6), "UnsafeViewBackward0"],
    [x.select(0, 0), "SelectBackward0"],
    [x.at("1:"), "SliceBackward0"],
    [x.unsqueeze(0), "UnsqueezeBackward0"],
    [x.squeeze(), "SqueezeBackward0"],
    [x.squeeze(0), "SqueezeBackward1"],
    [x.squeeze([0, 1]), "SqueezeBackward2"],
    [x.expand(1, 2, 3), "ExpandBackward0"],
    [x.diagonal(), "DiagonalBackward0"],
    [x.unbind()[0]!, "UnbindBackward0"],
    [x.split(1)[0]!, "SplitBackward0"],
    [x.split([1, 1])[0]!, "SplitWithSizesBackward0"],
    [torch.cat([x, x]), "CatBackward0"],
    [x.at([0, 1]), "IndexBackward0"],
    [x.asStrided([2], [1]), "AsStridedBackward0"],
    [x.repeat(2, 2), "RepeatBackward0"],
  ];
  for (const [tensor, name] of names) expect(tensor.gradFn?.name).toBe(name);
});

test("changes through chains of views reach the base's gradient", () => {
  const x = torch.arange(6, { dtype: torch.float64 }).requiresGrad_();
  const y = x.mul(1);
  const other = y.view(3, 2);
  y.view(2, 3).t().narrow(0, 1, 2).select(1, 0).mul_(3);
  expect(other.tolist()).toEqual([
    [0, 3],
    [6, 3],
    [4, 5],
  ]);
  other.pow(2).sum().backward();
  expect(x.grad!.tolist()).toEqual([0, 18, 36, 6, 8, 10]);
});

test("one of several views cannot be changed in place; an unsafe part can", () => {
  const x = torch.ones(4, { requiresGrad: true }).mul(1);
  for (const parts of [x.split(2), x.chunk(2), x.unbind()])
    expect(() => parts[0]!.mul_(2)).toThrow(/several views/);
  expect(x.unsafeChunk(2)[0]!.mul_(2).tolist()).toEqual([2, 2]);
});

test("layouts change in place, and the graph follows", () => {
  const x = torch.arange(6, { dtype: torch.float64 }).requiresGrad_();
  const y = x.mul(2).view(1, 2, 3).mul(1);
  y.squeeze_(0).t_().unsqueeze_(0);
  expect([...y.shape]).toEqual([1, 3, 2]);
  y.mul(torch.arange(6, { dtype: torch.float64 }).view(1, 3, 2))
    .sum()
    .backward();
  expect(x.grad!.tolist()).toEqual([0, 4, 8, 2, 6, 10]);
  expect(() => torch.ones(2, 2, { requiresGrad: true }).t_()).toThrow(torch.AutogradError);
  // Elements that share a place are not written to.
  expect(
    torch
      .tensor([[1], [2]])
      .expand(2, 3)
      .t_()
      .tolist(),
  ).toEqual([
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
});

test("impossible layouts are refused in words", () => {
  const x = torch.arange(6).view(2, 3);
  const bad: readonly (readonly [() => unknown, RegExp])[] = [
    [() => x.view(4), /do not fill/],
    [() => x.t().view(6), /reshape/],
    [() => x.view(-1, -1), /two sizes of -1/],
    [() => x.view(2, 1.5), /whole/],
    [() => x.reshape(-1, 4), /do not fill/],
    [() => x.expand(4, 3), /does not expand/],
    [() => x.expand(-1, 2, 3), /-1|negative/],
    [() => x.permute(0, 0), /more than once/],
    [() => x.permute(0), /each once/],
    [() => x.transpose(0, 2), /out of range/],
    [() => x.view(1, 2, 3).t(), /at most two/],
    [() => x.select(0, 2), /out of bounds/],
    [() => x.narrow(0, 1, 2), /beyond/],
    [() => x.slice(0, 0, 2, 0), /positive/],
    [() => x.split([1, 2]), /add up/],
    [() => x.split(0), /positive/],
    [() => x.chunk(0), /at least one/],
    [() => x.diagonal(0, 1, 1), /same/],
    [() => x.unfold(1, 4, 1), /fit/],
    [() => x.unfold(1, 2, 0), /positive/],
    [() => x.asStrided([10], [1]), /memory/],
    [() => x.asStrided([2], [-1]), /memory/],
    [() => x.asStrided([-2], [1]), /negative/],
    [() => x.unflatten(1, [2, 2]), /do not fill/],
    [() => x.flatten(1, 0), /order/],
    [() => x.resize_(100), /memory/],
    [() => torch.cat([]), /at least one/],
    [() => torch.cat([x, torch.zeros(2, 2)]), /does not join/],
    [() => torch.stack([x, x.t()]), /equal/],
    [() => x.repeat(2), /at least one for each/],
    [() => x.gather(0, torch.tensor([[5n]])), /out of range/],
    [() => x.scatter(0, torch.tensor([[5n]]), 1), /out of range/],
    [() => x.indexSelect(0, torch.tensor([-1n])), /negative/],
    [() => x.view(...new Array<number>(100).fill(1)), /dimensions/],
    [() => x.reshape(new Array<number>(1_000_000).fill(1)), /dimensions/],
    [() => x.expand(new Array<number>(1_000_000).fill(1)), /dimensions/],
    [() => x.repeat(1e9, 1e9), /counted|memory/],
  ];
  for (const [call, words] of bad) {
    expect(call, String(words)).toThrow(words);
    expect(call, String(words)).toThrow(torch.TorchError);
  }
});

describe("set_", () => {
  test("shares memory and counts versions apart", () => {
    const source = torch.arange(6, { dtype: torch.float32 });
    const t = torch.zeros(4);
    t.set_(source, 1, [2, 2], [2, 1]);
    expect(t.tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect([t.version, source.version]).toEqual([1, 0]);
    t.mul_(2);
    expect(source.tolist()).toEqual([0, 2, 4, 6, 8, 5]);
    expect([t.version, source.version]).toEqual([2, 0]);
    source.add_(1);
    expect(t.at(0).tolist()).toEqual([3, 5]);
    expect(t.set_().shape).toEqual([0]);
  });
  test("sets a view apart from its base", () => {
    const base = torch.zeros(4);
    const view = base.at("1:");
    view.set_(torch.ones(2));
    base.add_(3);
    expect(view.tolist()).toEqual([1, 1]);
  });
  test("is found out by a graph that saved the tensor", () => {
    const x = torch.ones(3, { requiresGrad: true });
    const y = x.mul(x);
    torch.noGrad(() => x.set_(torch.full([3], 5)));
    expect(() => y.sum().backward()).toThrow(/modified by an inplace operation: set_/);
    x.mul(2).sum().backward();
    expect(x.grad!.tolist()).toEqual([2, 2, 2]);
  });
  test("refuses what loses gradients, types and layouts", () => {
    const x = torch.ones(3, { requiresGrad: true });
    expect(() => x.set_(torch.ones(3))).toThrow(/noGrad/);
    expect(() => torch.noGrad(() => x.mul(2)).set_(torch.ones(2, { dtype: torch.int64 }))).toThrow(
      torch.DTypeError,
    );
    expect(() => x.mul(2).set_(torch.ones(3))).toThrow(/detach/);
    expect(() => torch.zeros(2).set_(torch.ones(3), 2, [2])).toThrow(torch.ShapeError);
    expect(() => torch.zeros(2).set_(torch.ones(3), 0, [-2])).toThrow(/negative/);
    expect(() => torch.vmap((v: torch.Tensor) => v.set_(v.mul(2)))(torch.ones(2, 2))).toThrow(
      /vmap/,
    );
  });
});
