"""Writes reductions.json: what PyTorch computes for reductions, products and losses, with gradients and second gradients.

Run with a Python that has torch 2.13: python -P test/golden/reductions.py
"""

import json
import pathlib

import torch

torch.manual_seed(7)
NAN = float("nan")


def T(*shape, low=-2.0, high=2.0):
    return (torch.rand(*shape, dtype=torch.float64) * (high - low) + low).requires_grad_()


def encode(value):
    if isinstance(value, torch.Tensor):
        # Some second gradients of zero carry no memory.
        flat = [0.0] * value.numel() if value._is_zerotensor() else value.detach().reshape(-1).tolist()
        return {
            "data": [str(x) if isinstance(x, float) and (x != x or abs(x) == float("inf")) else x for x in flat],
            "shape": list(value.shape),
            "dtype": str(value.dtype).removeprefix("torch."),
            "grad": value.requires_grad,
        }
    if isinstance(value, (list, tuple)):
        return [encode(x) for x in value]
    if isinstance(value, dict):
        return {k: encode(v) for k, v in value.items()}
    return value


def outputs(value):
    return [value] if isinstance(value, torch.Tensor) else list(value)


def case(call, *args, **options):
    target = torch
    for part in call.split("."):
        target = getattr(target, part)
    out = outputs(target(*args, **options))
    record = {"call": call, "args": encode(args), "options": encode(options), "out": [encode(o.detach()) for o in out]}
    leaves = [a for a in [*args, *options.values()] if isinstance(a, torch.Tensor) and a.requires_grad]
    differentiable = [o for o in out if o.requires_grad]
    if leaves and differentiable:
        seeds = [torch.linspace(0.5, 1.5, o.numel(), dtype=o.dtype).reshape(o.shape) for o in differentiable]
        grads = torch.autograd.grad(differentiable, leaves, seeds, create_graph=True, allow_unused=True)
        record["grads"] = [None if g is None else encode(g.detach()) for g in grads]
        again = [g for g in grads if g is not None and g.requires_grad]
        if again:
            seeds = [torch.linspace(-1, 1, g.numel(), dtype=g.dtype).reshape(g.shape) for g in again]
            try:
                second = torch.autograd.grad(again, leaves, seeds, allow_unused=True)
            except RuntimeError as error:
                if "not implemented" not in str(error):
                    raise
            else:
                record["grads2"] = [None if g is None else encode(g) for g in second]
    return record


def known(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def ints(*values):
    return torch.tensor(values)


def forward_case(call, *args, **options):
    """The derivative along 1, 2, 3, ... in forward mode, of the function and of the gradient of its sum."""
    target = torch
    for part in call.split("."):
        target = getattr(target, part)
    point, *others = args
    function = lambda x: target(x, *others, **options)
    gradient = torch.func.grad(lambda x: function(x).sum())
    direction = torch.arange(1, point.numel() + 1, dtype=point.dtype).reshape(point.shape)
    pushed = [torch.func.jvp(each, (point.detach(),), (direction,))[1] for each in (function, gradient)]
    return {"call": call, "args": encode(args), "options": encode(options), "out": encode(pushed)}


F = "nn.functional."
# Where square roots have no slope.
singular = [
    forward_case("norm", known(0.0, 0.0, 0.0)),
    forward_case("norm", known(0.0, 0.0, 0.0), 3),
    forward_case("std", known(2.0, 2.0, 2.0), dim=0),
    forward_case("dist", known(1.0, 2.0), known(1.0, 2.0).detach()),
    forward_case("renorm", torch.zeros(1, 3, dtype=torch.float64), 2, 0, 1.0),
    forward_case(F + "normalize", known(0.0, 0.0, 0.0), dim=0),
    forward_case("cosine_similarity", known(0.0, 0.0, 0.0), known(1.0, 1.0, 1.0).detach(), dim=0),
]
reduce = [
    case("sum", T(2, 3)),
    case("sum", T(2, 3, 2), dim=(0, -1), keepdim=True),
    case("sum", T(0, 3), dim=0),
    case("sum", ints(1, 2, 3)),
    case("mean", T(2, 3)),
    case("mean", T(2, 3), dim=1),
    case("mean", T(0)),
    case("nansum", known(1.0, NAN, 2.0)),
    case("nanmean", known(1.0, NAN, 2.0)),
    case("prod", T(2, 3)),
    case("prod", known(2.0, 0.0, 3.0)),
    case("prod", known(0.0, 0.0, 3.0)),
    case("prod", T(2, 3), dim=0),
    case("amax", known(1.0, 3.0, 3.0)),
    case("amin", T(2, 3), dim=1, keepdim=True),
    case("max", known(1.0, 3.0, 3.0)),
    case("max", known(1.0, NAN, NAN)),
    case("max", T(2, 3), dim=1),
    case("min", T(3, 2), dim=0, keepdim=True),
    case("argmax", T(2, 3)),
    case("argmin", T(2, 3), dim=-1),
    case("median", T(5)),
    case("median", known(2.0, 2.0, 2.0)),
    case("median", T(3, 4), dim=1),
    case("nanmedian", known(1.0, NAN, 2.0)),
    case("kthvalue", T(2, 5), 2),
    case("mode", known(2.0, 1.0, 2.0)),
    case("logsumexp", T(2, 3), dim=1),
    case("logsumexp", known(1000.0, 1000.0), dim=0),
    case("logsumexp", known(-float("inf"), -float("inf")), dim=0),
    case("trace", T(2, 3)),
    case("var", T(2, 4), dim=1),
    case("var", known(1e8, 1e8 + 1, 1e8 + 2)),
    case("var", T(1)),
    case("std", T(2, 4), dim=0, correction=0),
    case("std", known(2.0, 2.0, 2.0)),
    case("norm", T(2, 3)),
    # PyTorch's own second gradient is NaN here, and 0 where it goes forward over the first; Flambeau's is 0 both ways.
    {k: v for k, v in case("norm", known(0.0, 0.0)).items() if k != "grads2"},
    case("norm", T(2, 3), p=3, dim=1),
    case("norm", known(0.0, 2.0), p=1),
    case("cov", T(2, 4)),
    case("corrcoef", T(2, 4)),
    case("cumsum", T(2, 3), 1),
    case("cumprod", T(2, 3), 1),
    case("cumprod", known(2.0, 0.0, 3.0, 0.0), 0),
    case("cumprod", torch.tensor([[float("inf"), 2.0], [0.0, 3.0]], dtype=torch.float64, requires_grad=True), 1),
    case("cummax", known(1.0, 3.0, 3.0, 2.0), 0),
    case("logcumsumexp", T(4), 0),
    case("diff", T(2, 5), n=2),
    case("trapezoid", T(4), T(4)),
    case("gradient", T(5), spacing=0.5, edge_order=2),
    case("sort", T(2, 4), dim=0, descending=True),
    case("topk", T(2, 4), 2),
    case("quantile", T(5), 0.3),
    case(F + "normalize", T(2, 3)),
    case("cosine_similarity", T(2, 3), T(2, 3)),
    case("softmax", T(2, 3), dim=0),
    case("log_softmax", T(2, 3, 2), dim=1),
    case("softmax", known(1000.0, 0.0), dim=0),
]
matmul = [
    case("mm", T(2, 3), T(3, 4)),
    case("mm", T(2, 0), T(0, 3)),
    case("bmm", T(2, 2, 3), T(2, 3, 2)),
    case("mv", T(2, 3), T(3)),
    case("dot", T(3), T(3)),
    case("outer", T(2), T(3)),
    case("inner", T(2, 3), T(4, 3)),
    *[
        case("matmul", T(*a), T(*b))
        for a, b in [
            ((3,), (3,)),
            ((3,), (3, 2)),
            ((2, 3), (3,)),
            ((2, 3), (3, 2)),
            ((2, 2, 3), (3, 2)),
            ((2, 2, 3), (3,)),
            ((3,), (2, 3, 2)),
            ((2, 3), (4, 3, 2)),
            ((2, 1, 2, 3), (4, 3, 2)),
        ]
    ],
    case("addmm", T(4), T(2, 3), T(3, 4), beta=0.5, alpha=2.0),
    case("addmm", known(NAN), T(2, 3), T(3, 4), beta=0),
    case("addmv", T(2), T(2, 3), T(3), alpha=2.0),
    case("addr", T(2, 3), T(2), T(3)),
    case("baddbmm", T(2, 2), T(2, 2, 3), T(2, 3, 2), alpha=0.5),
    case("addbmm", T(2, 2), T(3, 2, 3), T(3, 3, 2)),
    case("matrix_power", T(2, 2), 3),
    case("tensordot", T(2, 3, 4), T(4, 3, 2), dims=([1, 2], [1, 0])),
    *[
        case("einsum", equation, *[T(*s) for s in shapes])
        for equation, *shapes in [
            ("ij,jk->ik", (2, 3), (3, 4)),
            ("ij,jk", (2, 3), (3, 4)),
            ("ii->i", (3, 3)),
            ("ii", (3, 3)),
            ("b...i,ij->...bj", (2, 2, 3), (3, 4)),
            ("bij,bjk,bk->bi", (2, 2, 3), (2, 3, 2), (2, 2)),
            ("i,j->ji", (2,), (3,)),
            ("...i,...i", (2, 3), (3,)),
        ]
    ],
    case(F + "linear", T(2, 3), T(4, 3), T(4)),
    case(F + "linear", T(2, 2, 3), T(4, 3), T(4)),
    case(F + "linear", T(3), T(4, 3)),
    case(F + "bilinear", T(2, 3), T(2, 4), T(5, 3, 4), T(5)),
    case(F + "embedding", ints(2, 0, 2, 1), T(3, 2), padding_idx=0),
    case(F + "one_hot", ints(2, 0), 4),
]
probabilities = T(4, low=0.1, high=0.9)
signs = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
classes = ints(2, 0, 1)
weight = T(3, low=0.5, high=2.0).detach()
loss = []
for reduction in ["mean", "sum", "none"]:
    r = {"reduction": reduction}
    loss += [
        case(F + "mse_loss", T(2, 3), T(2, 3), **r),
        case(F + "l1_loss", T(2, 3), T(2, 3), **r),
        case(F + "smooth_l1_loss", T(4), T(4), beta=0.7, **r),
        case(F + "huber_loss", T(4), T(4), delta=0.7, **r),
        case(F + "binary_cross_entropy_with_logits", T(4), probabilities, **r),
        case(F + "binary_cross_entropy_with_logits", T(4), probabilities, weight=probabilities.detach(), pos_weight=probabilities.detach(), **r),
        case(F + "binary_cross_entropy", probabilities, T(4, low=0.0, high=1.0), **r),
        case(F + "kl_div", T(2, 3), T(2, 3, low=0.1, high=1.0), **r),
        case(F + "kl_div", T(2, 3), T(2, 3), log_target=True, **r),
        case(F + "poisson_nll_loss", T(4), T(4, low=0.0, high=3.0), full=True, **r),
        case(F + "gaussian_nll_loss", T(4), T(4), T(4, low=0.2, high=1.0), full=True, **r),
        case(F + "hinge_embedding_loss", T(4), signs, **r),
        case(F + "soft_margin_loss", T(4), signs, **r),
        case(F + "margin_ranking_loss", T(4), T(4), signs, margin=0.3, **r),
        case(F + "cosine_embedding_loss", T(4, 3), T(4, 3), signs, margin=0.1, **r),
        case(F + "multilabel_soft_margin_loss", T(2, 3), torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]], dtype=torch.float64), **r),
        case(F + "multi_margin_loss", T(3, 3), classes, weight=weight, **r),
        case(F + "multilabel_margin_loss", T(2, 3), ints([2, -1, 0], [1, 0, -1]), **r),
        case(F + "triplet_margin_loss", T(2, 3), T(2, 3), T(2, 3), swap=True, **r),
        case(F + "nll_loss", T(3, 3), classes, weight=weight, ignore_index=1, **r),
        case(F + "cross_entropy", T(3, 3), classes, **r),
        case(F + "cross_entropy", T(3, 3), classes, weight=weight, label_smoothing=0.2, ignore_index=0, **r),
        case(F + "cross_entropy", T(2, 3, 2), ints([0, 1], [2, 2]), **r),
        case(F + "cross_entropy", T(2, 3), T(2, 3, low=0.0, high=1.0), weight=weight, label_smoothing=0.1, **r),
    ]
loss += [
    case(F + "cross_entropy", T(3), ints(1)[0]),
    case(F + "cross_entropy", T(2, 3), ints(-100, -100)),
    case(F + "mse_loss", T(0), T(0)),
    case(F + "kl_div", T(2, 3), T(2, 3, low=0.1, high=1.0), reduction="batchmean"),
    case(F + "binary_cross_entropy_with_logits", known(0.0, 800.0, -800.0), known(1.0, 1.0, 0.0)),
]
# Broadcast along the vectors, and beside them.
reduce += [
    case("cosine_similarity", T(2, 1), T(2, 3)),
    case("cosine_similarity", T(3), T(2, 3), dim=-1),
    case("cosine_similarity", T(3), T(2, 3), dim=0),
]
# What an ignored target points at is not looked at; infinite logits and NaN come through.
INF = float("inf")
masked = torch.tensor([[-INF, 2.0, -1.0], [0.5, 0.25, -1.0]], dtype=torch.float64, requires_grad=True)
for reduction in ["mean", "sum", "none"]:
    loss += [
        case(F + "cross_entropy", masked, ints(-100, 1), reduction=reduction),
        case(F + "cross_entropy", masked, ints(-100, 1), reduction=reduction, weight=weight),
        case(F + "binary_cross_entropy_with_logits", known(INF, -INF, 2.0, INF), torch.tensor([0.0, 1.0, 0.5, 0.5], dtype=torch.float64), reduction=reduction),
        case(F + "hinge_embedding_loss", known(NAN, 0.5, 1.0), torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64), reduction=reduction),
    ]
# Where a target is 0, the divergence has a value but no slope.
spread = [known(-1.0, -2.0, -0.5), known(0.0, 0.5, 1.0)]
loss += [case(F + "kl_div", *spread, reduction=reduction) for reduction in ["mean", "sum", "none"]]
bends = [known(1.0, 2.0, -1.0, 0.5, NAN), torch.zeros(5, dtype=torch.float64)]
loss += [case(F + "huber_loss", *bends), case(F + "smooth_l1_loss", *bends)]
loss += [
    case(F + "multilabel_soft_margin_loss", known(0.0, 1000.0, -1000.0), torch.tensor([1.0, 0.5, 1.0], dtype=torch.float64)),
    case(F + "multi_margin_loss", known(0.0, 1.0, 0.5), torch.tensor(1)),
    case(F + "multi_margin_loss", known(NAN, 1.0, 0.5), torch.tensor(0)),
    case(F + "multi_margin_loss", known(0.0, INF, 0.5), torch.tensor(1), p=2),
    case(F + "multilabel_margin_loss", known(0.0, 1.0, 0.5), ints(1, -1, 0)),
]
reduce += [
    # The square of the divisor is 0.
    case("div", known(0.0, 1.0), known(1e-310, 1e-200)),
    case("trapezoid", torch.zeros(2, 0, dtype=torch.float64)),
    case("cumulative_trapezoid", torch.zeros(2, 0, dtype=torch.float64)),
    case("vander", torch.tensor([True, False])),
    case("logcumsumexp", T(2, 0), 1),
]

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({"reduce": reduce, "singular": singular, "matmul": matmul, "loss": loss}) + "\n")
