"""Writes draws.json: random tensors as PyTorch's functions give them. Run with PyTorch 2.13: python draws.py > draws.json"""

import os
import sys

# A neighbour has the name of a standard module, which must not be found here.
sys.path = [e for e in sys.path if os.path.abspath(e or ".") != os.path.dirname(os.path.abspath(__file__))]

import json  # noqa: E402

import torch  # noqa: E402

draws = {
    "rand": lambda: torch.rand(5, 3),
    "randn": lambda: torch.randn(40),
    "randnShort": lambda: torch.randn(7, dtype=torch.float64),
    "randint": lambda: torch.randint(-3, 10, (6,)),
    "randperm": lambda: torch.randperm(9),
    "bernoulli": lambda: torch.bernoulli(torch.full((20,), 0.3)),
    "normal": lambda: torch.normal(torch.arange(4.0), 0.5),
    "normal_": lambda: torch.empty(4, 4).normal_(1, 2),
    "normalTransposed": lambda: torch.empty(4, 5).t().normal_(),
    "uniform_": lambda: torch.empty(4, 4).uniform_(-1, 3),
    "uniformTransposed": lambda: torch.empty(3, 2).t().uniform_(),
    "exponential_": lambda: torch.empty(5).exponential_(),
    "random_": lambda: torch.empty(5, dtype=torch.int32).random_(),
    "multinomial": lambda: torch.multinomial(torch.tensor([0.1, 0.2, 0.3, 0.4]), 8, replacement=True),
}
out = {}
for name, draw in draws.items():
    torch.manual_seed(11)
    out[name] = draw().double().flatten().tolist()
print(json.dumps(out))
