"""Writes scalar.json: every scalar function as PyTorch computes it, in float64, float32 and int64, over values that tend to go wrong.

Arrays are base64 of little-endian elements. Binary functions run over all pairs of values. Run with PyTorch: python test/golden/scalar.py
"""

import base64
import json
import math
import pathlib
import warnings

import torch

warnings.simplefilter("ignore")
torch.set_num_threads(1)

UNARY = [
    0.0, -0.0, math.nan, math.inf, -math.inf, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3.5, 0.1, -0.1, 0.3, -0.7, 0.999, -0.999, 2.0,
    3.0, -3.0, 10.0, -10.0, 20.0, -20.0, 50.0, -50.0, 88.5, -88.0, -103.0, 100.0, -100.0, 700.0, -700.0, 1e-5, -1e-5, 1e-8, -1e-8, 1e-20,
    1e-40, -1e-40, 5e-324, 1e5, 1e6 + 0.5, -1e6, 2.0**23 + 1, 2.0**31, 1e10, -1e10, 1e20, 1e30, -1e30, 3e38, 1e300, 4.7, -3.3, math.pi,
    math.pi / 2, -math.pi / 2, 1.17, 7.3, 0.25, 0.75, 1.25, -0.25, 9.75, 1.0000001, 0.9999999,
]
BINARY = [0.0, -0.0, math.nan, math.inf, -math.inf, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-40, 1e30, -7.3]
INTEGERS = [0, 1, -1, 2, -2, 3, -3, 7, -8, 63, 64, -100, 2**53 + 1, 2**63 - 1, -(2**63)]

unary = {
    "neg": torch.neg, "abs": torch.abs, "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil, "round": torch.round,
    "trunc": torch.trunc, "reciprocal": torch.reciprocal, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "exp": torch.exp, "exp2": torch.exp2,
    "expm1": torch.expm1, "log": torch.log, "log2": torch.log2, "log10": torch.log10, "log1p": torch.log1p, "sin": torch.sin,
    "cos": torch.cos, "tan": torch.tan, "asin": torch.asin, "acos": torch.acos, "atan": torch.atan, "sinh": torch.sinh, "cosh": torch.cosh,
    "tanh": torch.tanh, "asinh": torch.asinh, "acosh": torch.acosh, "atanh": torch.atanh, "sigmoid": torch.sigmoid, "erf": torch.erf,
    "erfc": torch.erfc, "erfinv": torch.erfinv, "lgamma": torch.lgamma, "digamma": torch.digamma,
    "trigamma": lambda x: torch.special.polygamma(1, x), "signbit": torch.signbit, "not": torch.logical_not,
}
binary = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "fmod": torch.fmod, "remainder": torch.remainder,
    "floorDivide": torch.floor_divide, "atan2": torch.atan2, "hypot": torch.hypot, "pow": torch.pow, "minimum": torch.minimum,
    "maximum": torch.maximum, "fmin": torch.fmin, "fmax": torch.fmax, "copysign": torch.copysign, "nextafter": torch.nextafter,
    "eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge, "and": torch.logical_and,
    "or": torch.logical_or,
}
integer_unary = {name: unary[name] for name in ["neg", "abs", "sign", "floor", "ceil", "round", "trunc", "signbit", "not"]}
integer_unary["bitNot"] = torch.bitwise_not
integer_binary = {name: binary[name] for name in binary if name not in {"div", "atan2", "hypot", "copysign", "nextafter"}}
integer_binary |= {
    "div": lambda a, b: torch.div(a, b, rounding_mode="trunc"), "bitAnd": torch.bitwise_and, "bitOr": torch.bitwise_or,
    "bitXor": torch.bitwise_xor, "shiftLeft": torch.bitwise_left_shift, "shiftRight": torch.bitwise_right_shift, "gcd": torch.gcd,
}
DIVIDING = {"div", "fmod", "remainder", "floorDivide"}


def encode(tensor):
    return base64.b64encode(bytes(tensor.contiguous().view(torch.uint8).tolist())).decode()


def pairs(values, dtype):
    a = torch.tensor([x for x in values for _ in values], dtype=dtype)
    b = torch.tensor([y for _ in values for y in values], dtype=dtype)
    return a, b


def group(functions, operands, dtype):
    """Functions that run over the same operands."""
    values = {name: encode(function(*operands).to(dtype)) for name, function in functions.items()}
    return {"operands": [encode(x) for x in operands], "values": values}


def select(values, dtype):
    c, a = pairs(values, dtype)
    return group({"select": lambda c, a, b: torch.where(c != 0, a, b)}, [c, a, c.flip(0)], dtype)


def main():
    table = {}
    for dtype, name in ((torch.float64, "float64"), (torch.float32, "float32")):
        table[name] = [
            group(unary, [torch.tensor(UNARY, dtype=dtype)], dtype),
            group(binary, pairs(BINARY, dtype), dtype),
            select(BINARY, dtype),
        ]
    a, b = pairs(INTEGERS, torch.int64)
    least = -(2**63)
    # PyTorch refuses to divide by 0, and the smallest integer over -1 overflows.
    divides = (b != 0) & ~((b == -1) & (a == least))
    positive = (a != least) & (b != least)
    table["int64"] = [
        group(integer_unary, [torch.tensor(INTEGERS)], torch.int64),
        group({f: g for f, g in integer_binary.items() if f not in DIVIDING | {"gcd"}}, [a, b], torch.int64),
        group({f: integer_binary[f] for f in sorted(DIVIDING)}, [a[divides], b[divides]], torch.int64),
        group({"gcd": torch.gcd}, [a[positive], b[positive]], torch.int64),
        select(INTEGERS, torch.int64),
    ]
    lines = [f'"{dtype}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for dtype, rows in table.items()]
    pathlib.Path(__file__).with_suffix(".json").write_text("{" + ",\n".join(lines) + "}\n")


main()
