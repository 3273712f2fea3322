"""Writes rearrange.json: patterns with the sizes of a tensor and what PyTorch's torch.func.rearrange makes of it, and patterns that it
refuses.

python test/golden/rearrange.py > test/golden/rearrange.json
"""

import sys

# The neighbour random.py would hide the standard library's module.
sys.path.pop(0)

import json  # noqa: E402
import random  # noqa: E402

import torch  # noqa: E402
from torch.func import rearrange  # noqa: E402

random.seed(5)
NAMES = ["b", "h", "w", "c", "h1", "w_2", "time"]


def group(names):
    """Dimensions that share out the names, some written as 1."""
    sides = []
    for name in names:
        if name != "..." and sides and isinstance(sides[-1], list) and random.random() < 0.4:
            sides[-1].append(name)
        else:
            sides.append([name] if name != "..." else "...")
        # Both together it miscounts without noticing.
        if "..." not in names and random.random() < 0.1:
            sides.append([])
    return sides


def text(sides):
    def one(names):
        if names == "...":
            return random.choice(["...", " ... "])
        if len(names) == 1 and random.random() < 0.9:
            return names[0]
        return "1" if not names and random.random() < 0.7 else f"({' '.join(names)})"

    return " ".join(map(one, sides))


cases = []
while len(cases) < 120:
    names = random.sample(NAMES, random.randint(1, 5))
    lengths = {name: random.randint(1, 3) for name in names}
    if random.random() < 0.3:
        names.insert(random.randint(0, len(names)), "...")
    left = group(names)
    right = group(random.sample(names, len(names)))
    sizes, given = [], {}
    for dim in left:
        if dim == "...":
            sizes += [random.randint(1, 3) for _ in range(random.randint(0, 2))]
            continue
        size = 1
        for name in dim:
            size *= lengths[name]
        sizes.append(size)
        for name in dim[1:]:
            given[name] = lengths[name]
        if dim and random.random() < 0.2:
            given[dim[0]] = lengths[dim[0]]
    count = torch.Size(sizes).numel()
    pattern = f"{text(left)} -> {text(right)}"
    if random.random() < 0.2 and "..." in names:
        pattern = pattern.replace("-> ... ", "-> ( ... ) ")
    try:
        result = rearrange(torch.arange(count).reshape(sizes), pattern, **given)
    except (ValueError, AssertionError):
        # PyTorch miscounts some patterns (a tensor of one dimension that is split, an ellipsis beside dimensions that are) and refuses
        # tensors that fit.
        continue
    cases.append(
        {
            "pattern": pattern,
            "sizes": sizes,
            "lengths": given,
            "shape": list(result.shape),
            "elements": result.flatten().tolist(),
        }
    )

refused = []
for pattern, sizes, given in [
    ("b h", [2, 3], {}),
    ("b -> h -> b", [2], {}),
    ("b h -> b", [2, 3], {}),
    ("b -> b h", [2], {}),
    ("b b -> b", [2, 2], {}),
    ("b h -> (b h", [2, 3], {}),
    ("b h -> b h)", [2, 3], {}),
    ("((b h)) -> b h", [6], {"b": 2}),
    ("b 2 -> b 2", [3, 2], {}),
    ("_b -> _b", [3], {}),
    ("b_ -> b_", [3], {}),
    ("2b -> 2b", [3], {}),
    ("b.c -> b.c", [3], {}),
    ("b .. -> b ..", [3], {}),
    ("... b ... -> ... b", [3], {}),
    ("(... b) -> ... b", [6], {"b": 2}),
    ("b -> b ...", [3], {}),
    ("b c -> c b", [3], {}),
    ("b ... c -> c b ...", [3], {}),
    ("(b c) -> c b", [6], {}),
    ("(b c) -> c b", [6], {"b": 4}),
    ("(b c) -> c b", [6], {"b": 4, "c": 2}),
    ("b c -> c b", [3, 2], {"b": 4}),
    ("b c -> c b", [3, 2], {"d": 4}),
    ("b + c -> c b", [3, 2], {}),
]:
    try:
        rearrange(torch.zeros(sizes), pattern, **given)
    except Exception:
        refused.append({"pattern": pattern, "sizes": sizes, "lengths": given})
    else:
        raise AssertionError(f"PyTorch takes {pattern}")
print(json.dumps({"cases": cases, "refused": refused}, separators=(",", ":")))
