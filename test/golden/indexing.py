"""Writes indexing.json: index expressions, and what PyTorch gives for reading and assigning with each.

python test/golden/indexing.py > test/golden/indexing.json
An index is written as the library reads it: numbers, "start:stop:step", "...", null, booleans, {"mask": nested} and {"positions": nested}.
"""

import sys

# The neighbour random.py would hide the standard library's module.
sys.path.pop(0)

import json  # noqa: E402
import random  # noqa: E402

import torch  # noqa: E402

random.seed(3)


def range_text(size):
    start = random.choice(["", random.randint(-size - 2, size + 2)])
    stop = random.choice(["", random.randint(-size - 2, size + 2)])
    step = random.choice(["", "", 1, 2, 3])
    return f"{start}:{stop}" + ("" if step == "" else f":{step}")


def to_slice(text):
    return slice(*(int(part) if part else None for part in text.split(":")))


def positions(size, sizes):
    return torch.randint(-size, size, sizes)


def expression(shape):
    """Random indices for the shape, each as the pair of what is written and what PyTorch takes."""
    out = []
    left = list(shape)
    batch = random.choice([[2], [3], [2, 1], [1], [2, 3], []])
    ellipsis_used = False
    while left and random.random() < 0.85:
        kind = random.choice(["number", "range", "range", "positions", "mask", "null", "all", "ellipsis", "bool"])
        size = left[0]
        if kind == "number":
            value = random.randint(-size, size - 1)
            out.append((value, value))
            left.pop(0)
        elif kind == "range":
            text = range_text(size)
            out.append((text, to_slice(text)))
            left.pop(0)
        elif kind == "all":
            out.append((":", slice(None)))
            left.pop(0)
        elif kind == "positions":
            index = positions(size, random.choice([batch, [1] * len(batch)]))
            out.append(({"positions": index.tolist()}, index))
            left.pop(0)
        elif kind == "mask":
            dims = random.choice([1, 1, 2]) if len(left) > 1 else 1
            mask = torch.rand(left[:dims]) < 0.5
            out.append(({"mask": mask.tolist()}, mask))
            del left[:dims]
        elif kind == "null":
            out.append((None, None))
        elif kind == "bool":
            value = random.random() < 0.7
            out.append((value, value))
        elif not ellipsis_used:
            ellipsis_used = True
            out.append(("...", Ellipsis))
            if random.random() < 0.5:
                left = left[-1:]
    return out


def main():
    torch.manual_seed(5)
    cases = []
    while len(cases) < 400:
        shape = random.choice([[5], [3, 4], [2, 3, 4], [2, 3, 2, 3]])
        x = torch.arange(torch.Size(shape).numel()).reshape(shape)
        items = expression(shape)
        index = tuple(item for _, item in items)
        case = {"shape": shape, "index": [written for written, _ in items]}
        try:
            got = x[index]
        except (IndexError, RuntimeError):
            case["refused"] = True
            cases.append(case)
            continue
        case["result"] = {"shape": list(got.shape), "values": got.flatten().tolist()}
        changed = x.clone()
        changed[index] = -1
        case["assigned"] = changed.flatten().tolist()
        leaf = x.to(torch.float64).requires_grad_()
        picked = leaf[index]
        if picked.requires_grad and picked.numel() > 0:
            picked.backward(torch.arange(1.0, picked.numel() + 1, dtype=torch.float64).reshape(picked.shape))
            case["gradient"] = leaf.grad.flatten().tolist()
        cases.append(case)
    print(json.dumps(cases))


main()
