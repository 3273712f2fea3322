"""Writes layouts.json: operands by their sizes and strides, the strides that PyTorch gives to what is computed from them, and what it
draws into memory that is not row-major. Where a size is 1 the stride means nothing and is null.

python test/golden/layouts.py > test/golden/layouts.json
"""

import sys

# The neighbour random.py would hide the standard library's module.
sys.path.pop(0)

import json  # noqa: E402
import random  # noqa: E402

import torch  # noqa: E402

random.seed(11)


def operand(sizes):
    """A tensor of these sizes whose memory is permuted, has gaps, or is shared by its elements."""
    order = list(range(len(sizes)))
    if random.random() < 0.7:
        random.shuffle(order)
    room = [sizes[d] * random.choice([1, 1, 1, 2]) for d in order]
    x = torch.ones(room).permute([order.index(d) for d in range(len(sizes))])
    for d, size in enumerate(sizes):
        step = 2 if x.shape[d] > size and random.random() < 0.5 else 1
        x = x[(slice(None),) * d + (slice(0, size * step, step),)]
    if random.random() < 0.2 and sizes:
        d = random.randrange(len(sizes))
        x = x.narrow(d, 0, min(1, sizes[d])).expand(sizes)
    assert list(x.shape) == sizes
    return x


def other(sizes):
    """Sizes that broadcast with the given ones."""
    return [1 if random.random() < 0.25 else size for size in sizes[random.choice([0, 0, 0, 1]) :]]


def layout(x):
    return [list(x.shape), list(x.stride())]


def strides(x):
    return [None if size == 1 else stride for size, stride in zip(x.shape, x.stride())]


def gradient(x, factor, create_graph):
    leaf = x.detach().requires_grad_()
    (leaf * factor).sum().backward(create_graph=create_graph)
    return leaf.grad


cases = []
for _ in range(250):
    sizes = [random.choice([1, 2, 2, 3, 3, 4]) for _ in range(random.randint(1, 4))]
    a, b, c = operand(sizes), operand(other(sizes)), operand(other(sizes))
    if random.random() < 0.3:
        b = a.clone()
    results = {
        "clone": a.clone(),
        "to": a.to(torch.float64),
        "emptyLike": torch.empty_like(a),
        "neg": a.neg(),
        "gt": a.gt(0),
        "mul": a * b,
        "mixed": a.double() + b,
        "where": torch.where(a > 0, b, c),
        "contiguous": a.contiguous(),
        "gradient": gradient(a, b, False),
        "recordedGradient": gradient(a, b.exp(), True),
    }
    cases.append(
        {
            "operands": [layout(x) for x in (a, b, c)],
            "results": {name: strides(result) for name, result in results.items()},
        }
    )
x = torch.empty(5, 4).t()
draws = {
    "randLike": lambda: torch.rand_like(x),
    "randnLike": lambda: torch.randn_like(x),
    "randintLike": lambda: torch.randint_like(x, 100),
    "dropout": lambda: torch.nn.functional.dropout(torch.ones_like(x), 0.5),
}
drawn = {}
for name, draw in draws.items():
    torch.manual_seed(0)
    drawn[name] = draw().flatten().tolist()
print(json.dumps({"cases": cases, "draws": drawn}, separators=(",", ":")))
