"""What PyTorch makes of numbers beside integers that their type cannot hold.

Writes numbers.json: for each type, operation and number the result, or null where PyTorch refuses.

python test/golden/numbers.py > test/golden/numbers.json
"""

import sys

# The neighbour random.py would hide the standard library's module.
sys.path.pop(0)

import json  # noqa: E402

import torch  # noqa: E402

F = torch.nn.functional
ARITHMETIC = """add sub mul div eq ne lt le gt ge floor_divide remainder fmod bitwise_and bitwise_or bitwise_xor""".split()
MASK = torch.tensor([True, False, True])
INDEX = torch.tensor([1])

CALLS = {
    **{name: (lambda x, v, name=name: getattr(torch, name)(x, v)) for name in ARITHMETIC},
    "pow": lambda x, v: x.pow(v),
    "clamp_min": lambda x, v: x.clamp(min=v),
    "clamp_max": lambda x, v: x.clamp(max=v),
    "hardtanh": lambda x, v: F.hardtanh(x, 0, v),
    "threshold": lambda x, v: F.threshold(x, 1, v),
    "where": lambda x, v: torch.where(MASK, x, v),
    "masked_fill": lambda x, v: x.masked_fill(MASK, v),
    "index_fill": lambda x, v: x.index_fill(0, INDEX, v),
    "scatter": lambda x, v: x.scatter(0, INDEX, v),
    "fill": lambda x, v: torch.fill(x, v),
    "fill_": lambda x, v: x.clone().fill_(v),
    "new_full": lambda x, v: x.new_full([2], v),
    "tensor": lambda x, v: torch.tensor([v], dtype=x.dtype),
}


def main():
    rows = []
    for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
        info = torch.iinfo(dtype)
        size = 2**info.bits
        numbers = [-size - 1, -size, 1 - size, info.min - 1, -1, 0, 2, info.max, info.max + 1, size, size + 3, 3 * size // 2]
        values = [int(v) for v in torch.tensor([info.max, 1, 200], dtype=torch.int64).to(dtype)]
        if info.bits == 64:
            # JavaScript's numbers are exact to 2^53.
            numbers = [-2 * size, -size, -1, 0, 2, 2**20, size, 2 * size]
            values[0] = 2**20
        for name, call in CALLS.items():
            for number in numbers:
                # Not what this is about: negative exponents are refused for reasons of their own, JSON has no infinity, and a
                # number of JavaScript's that is beyond int64 is a float to divide by.
                if name == "pow" and not 0 <= number <= info.max + 1 or name == "div" and not 0 < abs(number) < 2**63:
                    continue
                try:
                    result = call(torch.tensor(values, dtype=dtype), number).tolist()
                except (RuntimeError, TypeError, ValueError, OverflowError):
                    result = None
                rows.append([str(dtype)[6:], values, name, number, result])
    print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")


main()
