// One or two calls of every differentiable operation that is not pointwise.
import * as torch from "flambeau";
import type { Tensor } from "flambeau";
import type { Compute, Exceptions } from "./check.ts";

export interface Sample extends Exceptions {
  readonly compute: Compute;
  /** The sizes of the tensors that it takes. */
  readonly sizes: readonly (readonly number[])[];
  /** Where the values are drawn from; normal by default. */
  readonly from?: "positive" | "unit" | "distinct";
  /** It looks at values on the host, which members of a batch do not have. */
  readonly readsValues?: boolean;
}

const F = torch.nn.functional;
const int = (values: number | readonly unknown[]): Tensor =>
  torch.tensor(values as number[], { dtype: torch.int64 });
const mask = torch.tensor([
  [true, false, true],
  [false, true, true],
]);
const weights = torch.tensor([0.5, 1, 2], { dtype: torch.float64 });
const classes = int([2, 0]);

const V = [[3]] as const;
const M = [[2, 3]] as const;
const S = [[3, 3]] as const;
const T = [[2, 3, 4]] as const;

const of = (
  sizes: readonly (readonly number[])[],
  compute: Compute,
  more: Partial<Sample> = {},
): Sample => ({ sizes, compute, ...more });
const positive = { from: "positive" } as const;
const distinct = { from: "distinct" } as const;
const unit = { from: "unit" } as const;
const rough = { rough: true } as const;

const products: readonly Sample[] = [
  of(
    [
      [2, 3],
      [3, 4],
    ],
    (a, b) => a!.mm(b!),
  ),
  of(
    [
      [2, 2, 3],
      [2, 3, 2],
    ],
    (a, b) => a!.bmm(b!),
  ),
  of([[2, 3], [3]], (a, b) => a!.mv(b!)),
  of([[3], [3]], (a, b) => a!.dot(b!)),
  of([[3], [3, 2]], (a, b) => a!.matmul(b!)),
  of(
    [
      [2, 1, 2, 3],
      [3, 3, 2],
    ],
    (a, b) => a!.matmul(b!),
  ),
  of([[3], [2, 3, 2]], (a, b) => a!.matmul(b!)),
  of(S, (a) => a!.mm(a!)),
  of([[2], [2, 3], [3, 2]], (a, b, c) => torch.addmm(a!, b!, c!, { beta: 2, alpha: 3 })),
  of(
    [
      [2, 2],
      [2, 3],
      [3, 2],
    ],
    (a, b, c) => a!.clone().addmm_(b!, c!),
  ),
  of(
    [
      [2, 2],
      [2, 2, 3],
      [2, 3, 2],
    ],
    (a, b, c) => torch.addbmm(a!, b!, c!),
  ),
  of(
    [
      [2, 2, 2],
      [2, 2, 3],
      [2, 3, 2],
    ],
    (a, b, c) => torch.baddbmm(a!, b!, c!, { beta: 0.5 }),
  ),
  of([[2], [2, 3], [3]], (a, b, c) => torch.addmv(a!, b!, c!)),
  of([[2, 3], [2], [3]], (a, b, c) => torch.addr(a!, b!, c!)),
  of([[2, 3], [4, 3], [4]], (x, w, b) => F.linear(x!, w!, b!)),
  of(
    [
      [2, 2, 3],
      [4, 3],
    ],
    (x, w) => F.linear(x!, w!),
  ),
  of([[2, 3], [2, 4], [5, 3, 4], [5]], (a, b, w, c) => F.bilinear(a!, b!, w!, c!)),
  of(
    [
      [2, 3],
      [3, 4],
    ],
    (a, b) => torch.einsum("ij,jk->ki", a!, b!),
  ),
  of(
    [
      [2, 3, 4],
      [3, 4, 2],
    ],
    (a, b) => torch.tensordot(a!, b!, 2),
  ),
  of(S, (a) => a!.matrixPower(3)),
  of(
    [
      [2, 3],
      [3, 2],
      [2, 3],
    ],
    (a, b, c) => torch.chainMatmul(a!, b!, c!),
  ),
  of([[2], [3]], (a, b) => a!.outer(b!)),
];

const views: readonly Sample[] = [
  of(M, (x) => x!.view(3, 2)),
  of(M, (x) => x!.t().reshape(-1)),
  of([[1, 3]], (x) => x!.expand(2, 3)),
  of([[1, 3, 1]], (x) => [x!.squeeze(), x!.squeeze(0), x!.squeeze([0, 2]), x!.unsqueeze(1)]),
  of(T, (x) => [x!.alias(), x!.transpose(0, 2), x!.permute(2, 0, 1), x!.movedim(0, 2)]),
  of(T, (x) => [x!.select(1, -1), x!.narrow(2, 1, 2), x!.at(":", "1:", "::2")]),
  of(T, (x) => [x!.unfold(2, 2, 1), x!.diagonal(0, 0, 1)]),
  of(T, (x) => [...x!.split(2, 2), ...x!.chunk(3, 1), ...x!.unbind(0)]),
  of(T, (x) => [...x!.splitWithSizes([1, 3], 2), ...x!.tensorSplit(3, 2)]),
  of(T, (x) => [
    ...x!.unsafeSplit(2, 2),
    ...x!.unsafeChunk(3, 1),
    ...x!.unsafeSplitWithSizes([1, 3], 2),
  ]),
  of(M, (x) => x!.asStrided([2, 2], [1, 2], 1)),
  of(M, (x) => x!.asStrided([3, 2], [1, 1], 0)),
  of(M, (x) => [torch.viewCopy(x!, [3, 2]), torch.tCopy(x!), torch.selectCopy(x!, 0, 1)]),
];

const moving: readonly Sample[] = [
  of(T, (x) => [x!.flip([0, 2]), x!.roll([1, 2], [0, 2]), x!.repeat(2, 1, 1, 2), x!.tile([2])]),
  of(M, (x) => [x!.rot90(1, [0, 1]), x!.repeatInterleave(2, 1), x!.fliplr()]),
  of(M, (x) => x!.clone()),
  of(M, (x) => x!.to(torch.float32), { rough: true, tolerance: 1e-5 }),
  of([[2, 3], [3]], (x, y) => [torch.copy(x!, y!), x!.clone().copy_(y!)]),
  of([[2, 3], []], (x, y) => [
    torch.fill(x!, y!),
    x!.clone().fill_(2).mul(x!),
    torch.zero(x!).add(y!),
  ]),
  of(
    [
      [2, 3],
      [1, 3],
    ],
    (x, y) => torch.cat([x!, y!, x!]),
  ),
  of([[3], [3]], (x, y) => [
    torch.stack([x!, y!], 1),
    torch.hstack([x!, y!]),
    torch.blockDiag(x!, y!),
  ]),
  of(S, (x) => [x!.tril(1), x!.triu(-1), x!.trace(), x!.diag(), x!.clone().tril_()]),
  of(V, (x) => [x!.diagEmbed(1), torch.diagflat(x!), torch.vander(x!, 3)]),
  of([[3, 3], [3]], (x, y) => [x!.diagonalScatter(y!), x!.selectScatter(y!, 0, 1)]),
  of(
    [
      [3, 3],
      [2, 3],
    ],
    (x, y) => x!.sliceScatter(y!, 0, 1),
  ),
  of([[3], [2]], (x, y) => torch.cartesianProd(x!, y!)),
  of(V, (x) => [torch.combinations(x!, 2), ...torch.meshgrid(x!, x!, { indexing: "ij" })]),
];

const picking: readonly Sample[] = [
  of(T, (x) => [
    x!.at(int([1, 0, 1])),
    x!.at(":", int([2, 0]), int([1, 3])),
    x!.at(torch.ones(2, 3).gt(0)),
  ]),
  of([[2, 3], [2]], (x, y) => [
    x!.indexPut([int([1, 0]), int([2, 0])], y!),
    x!.indexPut([int([1, 1]), int([2, 2])], y!, { accumulate: true }),
  ]),
  of([[2, 3], [3]], (x, y) => {
    const z = x!.mul(2);
    z.setAt_([0], y!);
    return z;
  }),
  of(M, (x) => [
    x!.gather(
      1,
      int([
        [0, 2],
        [1, 1],
      ]),
    ),
    x!.takeAlongDim(int([[0], [2]]), 1),
  ]),
  of(
    [
      [2, 3],
      [2, 2],
    ],
    (x, y) => [
      x!.scatter(
        1,
        int([
          [0, 2],
          [1, 0],
        ]),
        y!,
      ),
      x!.scatterAdd(
        1,
        int([
          [0, 2],
          [1, 1],
        ]),
        y!,
      ),
      x!.scatter(
        1,
        int([
          [0, 2],
          [1, 0],
        ]),
        7,
      ),
    ],
  ),
  ...(["sum", "prod", "mean", "amax", "amin"] as const).map((reduce) =>
    of(
      [
        [2, 3],
        [2, 2],
      ],
      (x, y) =>
        x!.scatterReduce(
          1,
          int([
            [0, 2],
            [1, 1],
          ]),
          y!,
          reduce,
        ),
      distinct,
    ),
  ),
  of(
    [
      [3, 2],
      [2, 2],
    ],
    (x, y) => [
      x!.indexAdd(0, int([2, 0]), y!, { alpha: 3 }),
      x!.indexCopy(0, int([2, 0]), y!),
      x!.indexSelect(0, int([2, 0, 2])),
    ],
  ),
  of([[3, 2], []], (x, y) => [x!.indexFill(0, int([1]), y!), x!.indexFill(0, int([1]), 7)]),
  of(
    [
      [3, 2],
      [2, 2],
    ],
    (x, y) => x!.indexReduce(0, int([2, 0]), y!, "prod"),
    positive,
  ),
  of([[2, 3], [2]], (x, y) => [
    x!.take(int([5, 0])),
    x!.put(int([5, 0]), y!),
    x!.put(int([5, 5]), y!, true),
  ]),
  of([[2, 3], [4]], (x, y) => [x!.maskedSelect(mask), x!.maskedScatter(mask, y!)]),
  of([[2, 3], []], (x, y) => [x!.maskedFill(mask, 2), torch.where(mask, x!, y!)]),
  of([[4, 3]], (w) =>
    F.embedding(
      int([
        [1, 3],
        [3, 0],
      ]),
      w!,
    ),
  ),
];

const reductions: readonly Sample[] = [
  of(T, (x) => [
    x!.sum(),
    x!.sum(1),
    x!.sum([0, 2], true),
    x!.mean(),
    x!.mean(0),
    x!.nansum(2),
    x!.nanmean(1),
  ]),
  of(M, (x) => [x!.prod(), x!.prod(1), x!.mul(torch.tensor([0, 1, 1])).prod(1)]),
  of(T, (x) => [x!.var(), x!.var([0, 1]), x!.std(2), x!.stdMean(1)[0]!, ...torch.varMean(x!, 0)]),
  of(
    M,
    (x) => [x!.norm(), x!.norm(1), x!.norm(3, 1), x!.norm(Infinity), torch.dist(x!, x!.mul(x!), 2)],
    distinct,
  ),
  of(M, (x) => [x!.logsumexp(1), x!.softmax(0), x!.logSoftmax(1), F.softmin(x!, 1)]),
  of(
    M,
    (x) => [x!.amax(1), x!.amin(), ...x!.aminmax(), x!.max(), x!.min(1).values, x!.max(0).values],
    distinct,
  ),
  of(M, (x) => [x!.median(), x!.median(1).values, x!.nanmedian(0).values], distinct),
  of(M, (x) => x!.mode(1).values, { ...distinct, readsValues: true }),
  of(
    M,
    (x) => [x!.kthvalue(2, 1).values, x!.topk(2, 1).values, x!.sort(0).values, x!.msort()],
    distinct,
  ),
  of(M, (x) => [x!.quantile(0.3, 1), x!.nanquantile(0.6)], distinct),
  of(T, (x) => [x!.cumsum(1), x!.cumprod(2), x!.logcumsumexp(0)]),
  of(M, (x) => [x!.cummax(1).values, x!.cummin(0).values], distinct),
  of(M, (x) => [x!.cov(), x!.corrcoef(), x!.renorm(2, 0, 1)]),
  of(M, (x) => [
    torch.diff(x!),
    torch.trapezoid(x!),
    torch.cumulativeTrapezoid(x!),
    ...torch.gradient(x!),
  ]),
  of([[3], [3]], (y, x) => torch.trapezoid(y!, x!)),
];

const losses: readonly Sample[] = [
  of(
    [
      [2, 3],
      [2, 3],
    ],
    (x, y) => [
      F.mseLoss(x!, y!),
      F.l1Loss(x!, y!, { reduction: "sum" }),
      F.smoothL1Loss(x!, y!),
      F.huberLoss(x!, y!, { reduction: "none" }),
      F.binaryCrossEntropyWithLogits(x!, y!, { posWeight: weights }),
      F.klDiv(x!, y!.exp()),
    ],
  ),
  of(
    [
      [2, 3],
      [2, 3],
    ],
    (x, y) => F.binaryCrossEntropy(x!, y!, { weight: weights }),
    unit,
  ),
  of(
    [
      [2, 3],
      [2, 3],
      [2, 3],
    ],
    (x, y, v) => [F.gaussianNllLoss(x!, y!, v!), F.poissonNllLoss(x!, y!)],
    positive,
  ),
  of(M, (x) => [
    F.crossEntropy(x!, classes, { weight: weights, labelSmoothing: 0.1 }),
    F.nllLoss(x!, classes, { weight: weights, reduction: "sum" }),
    F.nllLoss(x!, classes, { reduction: "none" }),
    F.multiMarginLoss(x!, classes),
    F.multilabelMarginLoss(
      x!,
      int([
        [0, 2, -1],
        [1, -1, 0],
      ]),
    ),
    F.multilabelSoftMarginLoss(x!, mask.to(torch.float64)),
    F.softMarginLoss(x!, mask.to(torch.float64).mul(2).sub(1)),
    F.hingeEmbeddingLoss(x!, mask.to(torch.float64).mul(2).sub(1)),
  ]),
  of(
    [
      [2, 3],
      [2, 3],
    ],
    (x, y) => F.crossEntropy(x!, y!.softmax(1)),
  ),
  of(
    [
      [2, 3],
      [2, 3],
      [2, 3],
    ],
    (a, b, c) => [
      F.tripletMarginLoss(a!, b!, c!),
      F.cosineEmbeddingLoss(a!, b!, int([1, -1])),
      F.marginRankingLoss(a!, b!, int([[1]]), { margin: 1 }),
      F.cosineSimilarity(a!, b!),
      F.pairwiseDistance(a!, c!),
      F.normalize(a!),
    ],
  ),
];

const others: readonly Sample[] = [
  of(M, (x) => [torch.frexp(x!).mantissa, F.dropout(x!, 0.4), F.glu(torch.cat([x!, x!], 1))]),
  of([[2, 3], [3]], (x, w) => F.prelu(x!, w!)),
  of(M, (x) => [torch.normal(x!, x!.abs()).add(x!), torch.bernoulli(x!.sigmoid()).mul(x!)], {
    ...rough,
    readsValues: true,
  }),
  of(M, (x) => [x!.clone().normal_().mul(x!), x!.clone().uniform_().add(x!)], rough),
  of(M, (x) =>
    [
      x!.clone().exponential_(),
      x!.clone().bernoulli_(),
      x!.clone().random_(5),
      x!.clone().geometric_(0.5),
    ].map((y) => y.add(x!)),
  ),
  // In place through views, and in layouts that are not row-major.
  of([[2, 3], [2]], (x, y) => {
    const base = x!.mul(1);
    base.t().select(0, 1).mul_(y!);
    base.diagonal().copy_(y!);
    base.unsqueeze_(0).squeeze_(0);
    return base.exp();
  }),
  of([[3, 2]], (x) => {
    const z = x!.t().contiguous().t().mul(2);
    return [z.cumsum(0), z.softmax(1), z.view(3, 1, 2)];
  }),
];

export const samples: readonly Sample[] = [
  ...products,
  ...views,
  ...moving,
  ...picking,
  ...reductions,
  ...losses,
  ...others,
];
