"""Writes text.json: tensors and what PyTorch prints for them. Run with PyTorch 2.13: python text.py"""

import base64
import json
import math
import os

import torch

cases = []
nan, inf = math.nan, math.inf


def data_of(tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    if flat.numel() == 0:
        return ""
    return base64.b64encode(bytes(flat.view(torch.uint8).tolist())).decode()


def add(tensor, data=None, suffixes=(), **settings):
    torch.set_printoptions(profile="default")
    if settings:
        torch.set_printoptions(**settings)
    case = {"shape": list(tensor.shape), "dtype": str(tensor.dtype)[6:], "text": str(tensor)}
    case["data"] = data if data is not None else data_of(tensor)
    if suffixes:
        case["suffixes"] = list(suffixes)
    if settings:
        case["settings"] = settings
    cases.append(case)
    torch.set_printoptions(profile="default")


torch.manual_seed(7)
floats = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
whole = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]

# The fixtures that every binding is measured by.
add(torch.ones(5))
add(torch.eye(4, 5))
add(torch.ones(2, requires_grad=True), suffixes=["requires_grad=True"])
add(torch.ones(2, requires_grad=True) * 2, suffixes=["grad_fn=<MulBackward0>"])
add(torch.tensor([1.5, -200.25, 3e-5]))
add(torch.tensor([1e-8, 1.0, 1e6]))
add(torch.arange(12).reshape(3, 4))
add(torch.tensor([True, False]))
add(torch.arange(2000.0), data="arange")
add(torch.arange(40000.0).reshape(200, 200), data="arange")
add(torch.tensor([nan, inf, -1.0]))
add(torch.tensor([1.5], dtype=torch.float64))
add(torch.empty(0, 3))
add(torch.tensor(2.5))
add(torch.randn(2, 2, 3))
add(torch.tensor([-1.0, 2.0, -3.0]))
add(torch.tensor([1.0, 2.0, 1000.0]))
add(torch.tensor([1, 2], dtype=torch.int32))
add(torch.ones(2).half())

# Shapes and magnitudes.
shapes = [(), (1,), (7,), (23,), (1, 1), (3, 4), (2, 17), (2, 3, 4), (1, 2, 1, 3), (2, 1, 2, 1, 2)]
for dtype in floats:
    for shape in shapes:
        add(torch.randn(shape).to(dtype))
        add((torch.randn(shape) * 1000).to(dtype))
        add(torch.randn(shape).mul(30).round().to(dtype))
for dtype in whole:
    for shape in shapes:
        add(torch.randint(0, 100, shape, dtype=dtype))
for shape in shapes:
    add(torch.rand(shape) > 0.5)
    add(torch.randint(-(2**62), 2**62, shape))

# Where plain digits end and scientific notation begins.
edges = [0.0, -0.0, 1.0, -1.0, nan, inf, -inf, 1e-4, 0.99e-4, 1e-5, 1e8, 1.0001e8, 1e9, 1000.5, 1001.0, 0.5, 2.5, 3.5, 1e-30, 1e30, 0.09999]
for first in edges:
    add(torch.tensor(first))
    add(torch.tensor([first, 1.0]), )
    add(torch.tensor([first, 0.0, nan], dtype=torch.float64))
    add(torch.tensor([first, -0.0, inf, 0.25], dtype=torch.float64))
for values in ([0.0] * 30, [-0.0] * 3, [nan] * 30, [inf, -inf] * 20, [0.0, nan], [1.0, 1001.0], [1.0, 1000.0], [1.5, 1500.0], [1.5, 1501.0]):
    add(torch.tensor(values))
    add(torch.tensor(values).half())
for value in (5e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 123456789.0, 99999999.0, 100000001.5):
    add(torch.tensor([value, -value], dtype=torch.float64))

# Exact ties, which C rounds to even.
ties = [0.00005 * 0, 0.03125, 0.09375, -0.03125, 0.15625, 1.03125, 1.09375, 0.84375, 9.96875, 0.5, 1.5, 2.5, 0.125, 0.375, 1.125, 999.96875]
for precision in (0, 1, 2, 3, 4, 8, 17, 30):
    for sci_mode in (None, True, False):
        add(torch.tensor(ties, dtype=torch.float64), precision=precision, sci_mode=sci_mode)
        add(torch.tensor([1.03125e5, 2.5, 1.5, 3.5, 12.5, 13.5, 1250.0, 1350.0], dtype=torch.float64), precision=precision, sci_mode=sci_mode)
        add(torch.tensor([1e22, 1.5e25, 3.0], dtype=torch.float64), precision=precision, sci_mode=sci_mode)
        add(torch.tensor([1e22, 1e25, 3.0], dtype=torch.float64), precision=precision, sci_mode=sci_mode)
        add(torch.tensor([1e-7, 2.0]), precision=precision, sci_mode=sci_mode)

# Empty tensors.
for shape in ((0,), (0, 3), (3, 0), (2, 0, 2)):
    for dtype in (torch.float32, torch.float64, torch.int64, torch.bool, torch.int8):
        add(torch.empty(shape, dtype=dtype))

# Summaries and print settings.
for shape in ((1001,), (1000,), (7, 143), (6, 167), (2, 501), (501, 2), (11, 10, 10), (2, 3, 4, 5, 10), (1, 1, 1001), (8, 1, 8, 1, 16)):
    count = math.prod(shape)
    add(torch.arange(count).reshape(shape), data="arange")
    add(torch.arange(float(count)).reshape(shape), data="arange")
    add(torch.arange(count, dtype=torch.float64).reshape(shape), data="arange")
    add(torch.arange(count).reshape(shape), data="arange", threshold=5, edgeitems=1)
    add(torch.arange(count).reshape(shape), data="arange", profile="short")
    add(torch.arange(count).reshape(shape), data="arange", edgeitems=0, threshold=7)
for settings in (
    {"precision": 2}, {"precision": 10}, {"threshold": 5}, {"threshold": 0}, {"edgeitems": 2, "threshold": 10}, {"edgeitems": 0}, {"edgeitems": 0, "threshold": 3},
    {"linewidth": 40}, {"linewidth": 120}, {"linewidth": 1}, {"profile": "short"}, {"profile": "full"}, {"profile": "full", "precision": 1},
    {"sci_mode": True}, {"sci_mode": False},
):
    for shape in ((), (5,), (30,), (5, 9), (3, 4, 7), (0, 2)):
        add(torch.randn(shape), **settings)
        add(torch.randint(0, 50, shape, dtype=torch.int32), **settings)

# Suffixes near the end of the line.
for count in range(1, 40):
    leaf = torch.arange(float(count), requires_grad=True)
    add(leaf, suffixes=["requires_grad=True"])
    add(leaf.double() * 2, suffixes=["grad_fn=<MulBackward0>"])
matrix = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
add(matrix, suffixes=["requires_grad=True"])
add(matrix.log_softmax(1), suffixes=["grad_fn=<LogSoftmaxBackward0>"])
add(matrix.sum(), suffixes=["grad_fn=<SumBackward0>"])
add(torch.empty(0, 2, dtype=torch.float64, requires_grad=True), suffixes=["requires_grad=True"])

# Without data.
for shape in ((), (3,), (2, 3), (0,)):
    for dtype in (torch.float32, torch.float64, torch.int64, torch.bool, torch.bfloat16):
        add(torch.empty(shape, dtype=dtype, device="meta"), data="meta")
add(torch.empty(2, 3, device="meta", requires_grad=True), data="meta", suffixes=["requires_grad=True"])

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "text.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
print(len(cases))
