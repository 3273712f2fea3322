"""The workloads of workloads.mjs in PyTorch: `python workloads.py NAME` prints the median time of a step as JSON."""

import json
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional

WARM_UP = 1.0
BUDGET = 1.0


def median_time(step):
    """Median microseconds of a call, over batches long enough for the clock and together about BUDGET seconds."""
    calls = 0
    warm = time.perf_counter() + WARM_UP
    while calls < 3 or time.perf_counter() < warm:
        step()
        calls += 1
    batch = max(1, calls // 6)
    times = []
    end = time.perf_counter() + BUDGET
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(batch):
            step()
        times.append((time.perf_counter() - start) / batch * 1e6)
    return sorted(times)[len(times) // 2]


def training(optimizer, loss):
    def step():
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def digits(*layers):
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    images, labels = torch.randn(64, 1, 28, 28), torch.randint(0, 10, (64,))
    return training(optimizer, lambda: functional.cross_entropy(model(images), labels))


def differentiation(value, scalar):
    def step():
        value.grad = None
        scalar(value).backward()

    return step


def seed():
    x, y = torch.ones(5), torch.zeros(3)
    w, b = torch.randn(5, 3, requires_grad=True), torch.randn(3, requires_grad=True)

    def step():
        w.grad = b.grad = None
        functional.binary_cross_entropy_with_logits(torch.matmul(x, w) + b, y).backward()

    return step


def scalar_chain():
    value = torch.ones((), requires_grad=True)
    for _ in range(1000):
        value = value * 0.999 + 0.001
    value.backward()


def mlp():
    hidden = [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU()]
    return digits(nn.Flatten(), *hidden, nn.Linear(512, 10))


def cnn():
    features = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU()]
    classifier = [nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10)]
    return digits(*features, nn.MaxPool2d(2), nn.Flatten(), *classifier)


SYMBOLS, CONTEXT, WIDTH, HEADS, DEPTH = 65, 64, 128, 4, 4


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH)
        self.mix = nn.Linear(WIDTH, WIDTH)
        self.mlp_norm = nn.LayerNorm(WIDTH)
        self.widen = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)

    def attention(self, x):
        batch, length, _ = x.shape
        query, key, value = (
            part.view(batch, length, HEADS, WIDTH // HEADS).transpose(1, 2)
            for part in self.query_key_value(x).split(WIDTH, 2)
        )
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.mix(attended.transpose(1, 2).reshape(batch, length, WIDTH))

    def forward(self, x):
        y = x + self.attention(self.attention_norm(x))
        return y + self.narrow(functional.gelu(self.widen(self.mlp_norm(y))))


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.symbol = nn.Embedding(SYMBOLS, WIDTH)
        self.position = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, SYMBOLS, bias=False)

    def forward(self, text):
        embedded = self.symbol(text) + self.position(torch.arange(text.shape[1]))
        return self.head(self.norm(self.blocks(embedded)))


def gpt():
    model = LanguageModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    text, following = (torch.randint(0, SYMBOLS, (12, CONTEXT)) for _ in range(2))
    return training(
        optimizer,
        lambda: functional.cross_entropy(model(text).reshape(-1, SYMBOLS), following.reshape(-1)),
    )


def addition(size):
    a, b = torch.randn(size), torch.randn(size)
    return lambda: a + b


def pointwise(operation, size):
    value = torch.rand(size) + 0.1
    return lambda: operation(value)


def swish():
    value = torch.randn(2**20, requires_grad=True)
    return differentiation(value, lambda x: (x * torch.sigmoid(x * 1.702)).sum())


def column_sums():
    value = torch.randn(1024, 1024)
    return lambda: value.sum(0)


def cross_entropy():
    labels = torch.randint(0, 1000, (4096,))
    scores = torch.randn(4096, 1000, requires_grad=True)
    return differentiation(scores, lambda x: functional.cross_entropy(x, labels))


def layer_norm():
    norm = nn.LayerNorm(512)
    return differentiation(torch.randn(4096, 512, requires_grad=True), lambda x: norm(x).sum())


def product(size, left=False, right=False):
    a, b = torch.randn(size, size), torch.randn(size, size)
    x, y = a.t() if left else a, b.t() if right else b
    return lambda: x @ y


def batched_product():
    a, b = torch.randn(48, 64, 32), torch.randn(48, 32, 64)
    return lambda: a @ b


def hessian():
    at = torch.randn(100)
    return lambda: torch.autograd.functional.hessian(lambda x: (x.tanh() ** 3).sum() * x.sum(), at)


def two_layers():
    parameters = {
        "w1": torch.randn(128, 64) * 0.1,
        "b1": torch.zeros(128),
        "w2": torch.randn(10, 128) * 0.1,
        "b2": torch.zeros(10),
    }

    def loss(p, x, y):
        hidden = functional.linear(x, p["w1"], p["b1"]).tanh()
        return functional.cross_entropy(functional.linear(hidden, p["w2"], p["b2"]), y)

    return parameters, loss, torch.randn(64, 64), torch.randint(0, 10, (64,))


def gradient():
    parameters, loss, samples, labels = two_layers()
    leaves = [tensor.requires_grad_() for tensor in parameters.values()]

    def step():
        for leaf in leaves:
            leaf.grad = None
        loss(parameters, samples, labels).backward()

    return step


def sample_gradients():
    parameters, loss, samples, labels = two_layers()
    gradients = torch.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    return lambda: gradients(parameters, samples, labels)


def adamw():
    parameters = [nn.Parameter(torch.randn(2**18)) for _ in range(4)]
    for parameter in parameters:
        parameter.grad = torch.randn(2**18)
    return torch.optim.AdamW(parameters).step


WORKLOADS = {
    "seed": seed,
    "scalar-chain": lambda: scalar_chain,
    "mlp": mlp,
    "cnn": cnn,
    "gpt": gpt,
    "add-8": lambda: addition(8),
    "add-1k": lambda: addition(1024),
    "add-64k": lambda: addition(2**16),
    "add-1m": lambda: addition(2**20),
    "exp-64k": lambda: pointwise(torch.exp, 2**16),
    "tanh-1m": lambda: pointwise(torch.tanh, 2**20),
    "swish-1m": swish,
    "sum-1k-1k": column_sums,
    "xent-4k-1k": cross_entropy,
    "layernorm-4k-512": layer_norm,
    "matmul-64": lambda: product(64),
    "matmul-256": lambda: product(256),
    "matmul-1k": lambda: product(1024),
    "matmul-512-ta": lambda: product(512, left=True),
    "matmul-512-tb": lambda: product(512, right=True),
    "bmm-48": batched_product,
    "hessian-100": hessian,
    "pass-64": gradient,
    "per-sample-64": sample_gradients,
    "adamw-1m": adamw,
}

if __name__ == "__main__":
    torch.set_num_threads(int(os.environ["BENCH_THREADS"]))
    torch.manual_seed(0)
    print(json.dumps({"microseconds": median_time(WORKLOADS[sys.argv[1]]())}))
