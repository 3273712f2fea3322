"""Writes random.json: sequences of draws from PyTorch's CPU generator. Run with PyTorch 2.13: python random.py"""

import base64
import hashlib
import json
import os
import sys

# This file has the name of a standard module, which must not be found here.
sys.path = [entry for entry in sys.path if os.path.abspath(entry or ".") != os.path.dirname(os.path.abspath(__file__))]

import torch  # noqa: E402

sequences = []
kinds = {
    "float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16, "int64": torch.int64,
    "int32": torch.int32, "int16": torch.int16, "int8": torch.int8, "uint8": torch.uint8, "bool": torch.bool,
}
floats = ["float32", "float64", "float16", "bfloat16"]


def data_of(tensor):
    flat = tensor.contiguous().reshape(-1)
    return base64.b64encode(bytes(flat.view(torch.uint8).tolist())).decode() if flat.numel() else ""


def run(step):
    name, arguments, size = step["name"], step.get("arguments", []), step["size"]
    target = torch.empty(size, dtype=kinds[step["dtype"]])
    if name == "uniform":
        target.uniform_(*arguments)
    elif name == "normal":
        target.normal_(*arguments)
    elif name == "normalSerial":
        target = torch.empty(2 * size, dtype=target.dtype)[::2].normal_(*arguments)
    elif name == "logNormal":
        target.log_normal_(*arguments)
    elif name == "cauchy":
        target.cauchy_(*arguments)
    elif name == "exponential":
        target.exponential_(*arguments)
    elif name == "geometric":
        target.geometric_(*arguments)
    elif name == "bernoulli":
        target.bernoulli_(*arguments)
    elif name == "bernoulliEach":
        target.bernoulli_((torch.arange(size) % 11).to(kinds[step["of"]]) / 10)
    elif name == "integers":
        low, high = (int(bound) for bound in arguments)
        target.random_(low, high)
    elif name == "random":
        target.random_()
    elif name == "fullRange":
        target.random_(-(2**63), None)
    elif name == "permutation":
        target = torch.randperm(size, dtype=target.dtype)
    elif name == "multinomial":
        weights = torch.tensor(step["weights"], dtype=kinds[step["of"]])
        target = torch.multinomial(weights, size // (weights.shape[0] if weights.dim() == 2 else 1), replacement=step["replacement"])
    return {**step, "data": data_of(target)}


def sequence(seed, steps):
    torch.manual_seed(seed)
    done = [run(step) for step in steps]
    state = hashlib.sha256(bytes(torch.get_rng_state().tolist())).hexdigest()
    sequences.append({"seed": str(seed), "steps": done, "state": state})


def step(name, size, dtype="float32", *arguments, **others):
    return {"name": name, "size": size, "dtype": dtype, **({"arguments": list(arguments)} if arguments else {}), **others}


# Every length, one stream a dtype.
for dtype in floats:
    sequence(1, [step("uniform", size, dtype) for size in range(71)])
    sequence(2, [step("normal", size, dtype) for size in range(71)])
    sequence(3, [step("uniform", 40, dtype, -0.3, 1.7), step("uniform", 5, dtype, 2.0, 2.0), step("uniform", 9, dtype, -100.0, 0.1)])
    sequence(4, [step("normal", size, dtype, 0.3, 1.7) for size in (3, 40, 1, 48, 15)] + [step("normal", 20, dtype, 5.0, 0.0)])
    sequence(5, [step("normalSerial", 21, dtype, 0.3, 1.7), step("normal", 16, dtype), step("normalSerial", 2, dtype)])
    for name, settings in (
        ("logNormal", ([], [0.2, 0.5])), ("cauchy", ([], [0.5, 3.0])), ("exponential", ([], [2.5], [0.01])), ("geometric", ([0.3], [0.01], [0.9])),
        ("bernoulli", ([], [0.0], [1.0], [0.3])),
    ):
        sequence(6, [step(name, size, dtype, *arguments) for arguments in settings for size in (1, 17, 2)])
    for of in floats:
        sequence(7, [step("bernoulliEach", size, dtype, of=of) for size in (1, 30, 7)])
    sequence(8, [step("random", 40, dtype), step("integers", 30, dtype, "0", "10"), step("integers", 5, dtype, "-7", "200")])
    for replacement in (True, False):
        one = [0.1, 0.2, 0.3, 0.4]
        two = [[1.0, 2.0, 3.0, 4.0, 5.0], [5.0, 0.5, 0.25, 7.0, 0.125]]
        sequence(9, [
            step("multinomial", 1, "int64", of=dtype, weights=one, replacement=replacement),
            step("multinomial", 4, "int64", of=dtype, weights=one, replacement=replacement),
            step("multinomial", 2, "int64", of=dtype, weights=two, replacement=replacement),
            step("multinomial", 8, "int64", of=dtype, weights=two, replacement=replacement),
        ])
        # Narrow dtypes have ties, whose order without replacement is left open.
        if replacement or dtype in ("float32", "float64"):
            many = [(i * 7 % 23) / 8 + 0.125 for i in range(60)]
            sequence(9, [step("multinomial", size, "int64", of=dtype, weights=many, replacement=replacement) for size in (20, 2, 60)])

for dtype in ("int64", "int32", "int16", "int8", "uint8", "bool"):
    sequence(10, [step("random", 40, dtype), step("bernoulli", 20, dtype, 0.4), step("bernoulliEach", 12, dtype, of="float32"), step("random", 3, dtype)])
    if dtype != "bool":
        sequence(11, [step("integers", 40, dtype, "-7" if dtype != "uint8" else "7", "100"), step("geometric", 20, dtype, 0.3), step("permutation", 30, dtype)])
for dtype in ("int64", "float64", "float32", "bfloat16"):
    sequence(12, [step("fullRange", 20, dtype)])
for low, high in (
    (0, 1), (0, 2**28 - 1), (0, 2**28), (0, 2**28 + 1), (-5, 2**31), (0, 2**32), (-(2**35), 2**35 + 3), (0, 2**37), (0, 2**37 + 1), (0, 2**40), (-(2**53), 2**53),
    (2**60, 2**60 + 10), (2**60, 2**60 + 2**40), (-(2**63), 2**63 - 1), (-(2**63), 0), (-(2**63), -(2**63) + 3), (2**53 - 3, 2**53 - 1),
):
    sequence(13, [step("integers", 12, "int64", str(low), str(high))])
for size in (0, 1, 2, 10, 100, 1000):
    sequence(14, [step("permutation", size, "int64"), step("permutation", size, "int32"), step("uniform", 1)])

# Seeds.
for seed in (0, 1, 42, 107, 2**31, 2**32 - 1, 2**32, 2**32 + 5, 2**53, 67280421310721, 2**63, 2**64 - 1, -1, -(2**63)):
    sequence(seed, [step("uniform", 3), step("normal", 3), step("normal", 17)])

# Streams long enough for several blocks, and mixtures that carry a spare normal number along.
sequence(15, [step("normal", 1), step("uniform", 1300, "float16"), step("normal", 1), step("uniform", 1, "float64")])
sequence(107, [step("normal", 3), step("uniform", 2), step("normal", 17), step("integers", 6, "int64", "0", "10"), step("permutation", 9, "int64")])
sequence(16, [
    step("normal", 5, "float64"), step("logNormal", 2), step("normal", 16), step("normal", 2, "bfloat16"), step("cauchy", 3), step("random", 2, "int64"),
    step("normal", 1, "float16"), step("exponential", 4), step("normal", 20, "float64"), step("normal", 1), step("bernoulli", 5, "float32", 0.6),
    step("multinomial", 3, "int64", of="float32", weights=[1.0, 2.0, 3.0], replacement=True), step("normal", 1, "float64"),
])

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "random.json"), "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(one) for one in sequences) + "\n]\n")
print(len(sequences), sum(len(one["steps"]) for one in sequences))
