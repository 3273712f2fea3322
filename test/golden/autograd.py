# Writes autograd.json: gradients that PyTorch computes for the graphs of test/autograd/golden.test.ts. Run with `python -P`.
import json
import pathlib

import torch

torch.set_default_dtype(torch.float64)
cases = {}


def case(function):
    """Runs with leaves x [2, 3] and w [3]; records value, gradients, and gradients of the gradients."""
    x = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], requires_grad=True)
    w = torch.tensor([2.0, -3.0, 0.5], requires_grad=True)
    out = function(x, w)
    weights = torch.arange(1, out.numel() + 1, dtype=out.dtype).reshape(out.shape)
    first = torch.autograd.grad((out * weights).sum(), [x, w], create_graph=True, allow_unused=True)
    total = sum((g * g).sum() for g in first if g is not None)
    second = [None, None]
    if isinstance(total, torch.Tensor) and total.requires_grad:
        second = torch.autograd.grad(total, [x, w], allow_unused=True)
    plain = lambda t: None if t is None else t.detach().tolist()
    cases[function.__name__] = {
        "value": plain(out),
        "first": [plain(g) for g in first],
        "second": [plain(g) for g in second],
    }


@case
def row(x, w):
    b = x * 2
    b[0].mul_(w)
    return b * b


@case
def chainOfViews(x, w):
    b = x * x
    b.narrow(1, 1, 2).select(0, 1).mul_(w[:2]).exp_()
    return b


@case
def transposed(x, w):
    b = x * 3
    b.t()[1].mul_(w[0]).pow_(2)
    return b * x


@case
def diagonal(x, w):
    b = x * x
    b.diagonal().mul_(w[:2])
    return b


@case
def viewReadAfterBase(x, w):
    b = x * x
    v = b[1]
    b.mul_(w)
    return v * v


@case
def siblingView(x, w):
    b = x * x
    v, u = b.view(6), b[0]
    u.mul_(w)
    return v * 2


@case
def twiceThroughViews(x, w):
    b = x * 1
    b[:, 0].mul_(w[0])
    b[0].pow_(2)
    b[1, 1:].copy_(w[1:])
    return b * b


@case
def baseGainsGradient(x, w):
    b = torch.ones(2, 3)
    v = b[0]
    v.mul_(w).add_(x[1])
    return b * b


@case
def viewOfNonContiguous(x, w):
    b = (x * x).t().clone().t() * 1
    c = b.t()
    c[0:2].mul_(w[2])
    return c * c


@case
def inPlacePowers(x, w):
    b = x * 1
    b.pow_(3).mul_(w).add_(x)
    return b


@case
def itself(x, w):
    b = x * w
    c = b.clone()
    c.mul_(c.clone())
    return c


@case
def assigned(x, w):
    b = torch.zeros(2, 3)
    b[0] = w * w
    b[1, ::2] = x[0, :2]
    b[:, 1] = 4
    return b * x


@case
def filled(x, w):
    b = x * 2
    b[0].fill_(0)
    b[1].zero_().add_(w)
    return b * b


@case
def copied(x, w):
    b = x * 2
    b.copy_(w * x)
    return b * b


@case
def clamped(x, w):
    b = x * w
    b.clamp_(-1.5, 1)
    return b * b


@case
def outputsSaved(x, w):
    b = (x * w).tanh_() * w
    return (b.sigmoid_() * 1).exp_()


@case
def maskedFill(x, w):
    b = x * w
    b.masked_fill_(b > 0.5, 3.0)
    return b * x


@case
def cumulative(x, w):
    b = x * w
    b.cumsum_(1)
    return b * b


@case
def indexAdd(x, w):
    b = x * x
    b.index_add_(0, torch.tensor([1, 1]), x * w)
    return b * b


@case
def addcmulInPlace(x, w):
    b = x * x
    b.addcmul_(b.clone(), w, value=0.5)
    return b


@case
def reshapedThenChanged(x, w):
    b = x * 1
    b.reshape(3, 2)[1].mul_(w[1])
    return b * b


@case
def squeezed(x, w):
    b = x * 1
    b.unsqueeze(0).squeeze(0)[1].mul_(w).mul_(w)
    return b


@case
def viewOfViewReadLate(x, w):
    b = x * x
    v = b[0]
    u = v[1:]
    u.mul_(w[1:])
    v.mul_(2)
    return torch.cat([u, v])


path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({"torch": torch.__version__, "cases": cases}, indent=1) + "\n")
