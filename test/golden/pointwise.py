"""Writes pointwise.json: pointwise operations on grids with special values, their gradients and node names, as PyTorch gives them.

Run with a Python that has torch, without this folder on its path: python -P test/golden/pointwise.py
"""

import json
import math
import pathlib
import re
import warnings

import torch
import torch.nn.functional as F

warnings.filterwarnings("ignore")
inf, nan = math.inf, math.nan

LINE = [-inf, -1e3, -20.5, -6.0, -3.0, -2.0, -1.5, -1.0, -0.75, -0.5, -0.3, -1e-9, -0.0, 0.0, 1e-9, 0.1, 0.25, 0.5, 0.75, 0.9]
LINE += [1.0, 1.5, 2.0, 2.5, 3.0, 6.0, 20.5, 1e3, inf, nan]
# Without those beside 0, where some of PyTorch's derivatives are differences of equals.
APART = [x for x in LINE if abs(x) != 1e-9]
# Their squares are 0 and infinite.
EXTREME = [-1e200, -1e-200, 1e-200, 1e200]
SHORT = [-inf, -3.0, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, 2.5, inf, nan]
FEW = [-2.0, -0.5, 0.0, 0.5, 1.0, 3.0, nan]
WHOLE = [-7, -3, -2, -1, 0, 1, 2, 3, 8]
NATURAL = [1, 2, 3, 8]

UNARY = """abs acos acosh angle asin asinh atan atanh ceil cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor frac frexp
i0 isfinite isinf isnan isneginf isposinf isreal lgamma log log10 log1p log2 logical_not logit nan_to_num neg positive rad2deg
reciprocal relu round rsqrt sgn sigmoid sign signbit sin sinc sinh sqrt square tan tanh trunc hardshrink""".split()
FUNCTIONAL = """relu6 leaky_relu elu celu selu gelu silu mish softplus hardtanh hardsigmoid hardswish softshrink tanhshrink softsign
logsigmoid""".split()
SPECIAL = "entr erfcx i0e i1 i1e log_ndtr ndtr ndtri".split()
BINARY = """add sub mul div true_divide floor_divide remainder fmod pow float_power atan2 hypot logaddexp logaddexp2 xlogy ldexp
copysign nextafter heaviside maximum minimum fmax fmin eq ne lt le gt ge logical_and logical_or logical_xor isclose rsub clamp_min
clamp_max""".split()
INTEGERS = """add sub mul div floor_divide remainder fmod atan2 maximum minimum fmax fmin eq ne lt le gt ge logical_and logical_or
logical_xor gcd lcm bitwise_and bitwise_or bitwise_xor rsub clamp_min clamp_max float_power heaviside copysign xlogy isclose""".split()


def camel(name):
    return re.sub(r"_+([a-z0-9])", lambda m: m[1].upper(), name)


def number(x):
    return x if isinstance(x, (bool, int)) else repr(float(x))


def encode(value):
    if isinstance(value, torch.Tensor):
        return {"dtype": str(value.dtype)[6:], "shape": list(value.shape), "values": [number(x) for x in value.detach().flatten().tolist()]}
    return {"number": number(value)} if value is None or not isinstance(value, str) else {"text": value}


def case(path, function, *arguments, **options):
    """One call, the gradients of its sum, and those of their sum. PyTorch has none for the exponent of zeta."""
    leaves = [isinstance(a, torch.Tensor) and a.is_floating_point() and not (path == "special.zeta" and i == 0) for i, a in enumerate(arguments)]
    arguments = [a.clone().requires_grad_() if leaf else a for a, leaf in zip(arguments, leaves)]
    out = function(*arguments, **options)
    outs = [out] if isinstance(out, torch.Tensor) else list(out)
    entry = {
        "call": ".".join(camel(part) for part in path.split(".")),
        "arguments": [encode(a) | ({"leaf": True} if leaf else {}) for a, leaf in zip(arguments, leaves)],
        "options": {camel(k): v for k, v in options.items()},
        "outputs": [encode(o) for o in outs],
    }
    wanted = [a for a in arguments if isinstance(a, torch.Tensor) and a.requires_grad]
    if wanted and outs[0].requires_grad and outs[0].grad_fn is not None:
        entry["node"] = outs[0].grad_fn.name()
        try:
            ones = torch.ones_like(outs[0])
            grads = torch.autograd.grad(outs[0], wanted, ones, allow_unused=True, retain_graph=True)
            entry["gradients"] = [None if g is None else encode(g + 0) for g in grads]
            # Some rules are others where they are to be differentiated again.
            grads = torch.autograd.grad(outs[0], wanted, ones, allow_unused=True, create_graph=True)
            entry["seconds"] = seconds(grads, wanted)
        except RuntimeError as error:
            assert "not implemented" in str(error), error
            entry["gradients"] = "refused"
    return entry


def seconds(grads, wanted):
    """The gradients of the sum of all gradients; None where there are none."""
    carrying = [g for g in grads if g is not None and g.requires_grad]
    if not carrying:
        return None
    try:
        found = torch.autograd.grad(carrying, wanted, [torch.ones_like(g) for g in carrying], allow_unused=True)
    except RuntimeError as error:
        assert "not implemented" in str(error), error
        return None
    return [None if g is None else encode(g + 0) for g in found]


def line(values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


def pairs(values, dtype=torch.float64, others=None):
    grid = [(a, b) for a in values for b in (others or values)]
    return line([a for a, _ in grid], dtype), line([b for _, b in grid], dtype)


def cases():
    for name in UNARY:
        # At the poles PyTorch's trigamma has large numbers.
        poles = name in ("digamma", "lgamma")
        points = LINE if name != "sinc" else APART
        yield case(name, getattr(torch, name), line([x for x in points if not poles or x > 0 or x % 1 != 0]))
        if not poles:
            yield case(name, getattr(torch, name), line(EXTREME))
    for name in FUNCTIONAL:
        yield case("nn.functional." + name, getattr(F, name), line(LINE))
        yield case("nn.functional." + name, getattr(F, name), line(EXTREME))
    for name in SPECIAL:
        # At -infinity PyTorch misses the limit of log_ndtr's gradient.
        yield case("special." + name, getattr(torch.special, name), line((APART if name in ("i1", "i1e") else LINE)[1:]))
    for name in BINARY:
        yield case(name, getattr(torch, name), *pairs(SHORT))
    for name in INTEGERS:
        positive = name in ("floor_divide", "remainder", "fmod")
        yield case(name, getattr(torch, name), *pairs(WHOLE, torch.int64, NATURAL if positive else None))
        yield case(name, getattr(torch, name), *pairs(WHOLE[3:], torch.int32, NATURAL))
    yield case("pow", torch.pow, *pairs(WHOLE, torch.int64, [0, 1, 2, 5]))
    for exponent in [0, 1, 2, 3, 0.5, -0.5, -1, -2, 2.5, -1.5]:
        # Of -infinity PyTorch's roots are NaN, and other broken powers not.
        yield case("pow", torch.pow, line(LINE), exponent) | ({"seconds": None} if exponent == 0.5 else {})
    for base in [0, 1, 2, -1, 0.5, 3.5]:
        # The logarithm of 0 leaves second derivatives to chance.
        yield case("pow", torch.pow, base, line(LINE)) | ({"seconds": None} if base == 0 else {})
    for other in [2, -3, 0.5, 0, inf]:
        for name in ["add", "sub", "mul", "div", "floor_divide", "remainder", "fmod", "xlogy", "copysign", "eq", "lt", "clamp_min", "rsub"]:
            yield case(name, getattr(torch, name), line(LINE), other)
    for mode in ["trunc", "floor"]:
        yield case("div", torch.div, *pairs(SHORT), rounding_mode=mode)
        yield case("div", torch.div, *pairs(WHOLE, torch.int64, NATURAL + [-2]), rounding_mode=mode)
    for name in ["bitwise_left_shift", "bitwise_right_shift"]:
        yield case(name, getattr(torch, name), *pairs(WHOLE, torch.int64, [0, 1, 3, 40]))
    yield case("bitwise_not", torch.bitwise_not, line(WHOLE, torch.int64))
    yield case("bitwise_not", torch.bitwise_not, torch.tensor([True, False]))
    for name in ["abs", "sign", "neg", "floor", "ceil", "round", "trunc", "square", "exp", "sqrt", "relu", "nan_to_num", "isinf", "isnan", "isfinite", "isreal", "sigmoid", "reciprocal", "erf"]:
        yield case(name, getattr(torch, name), line(WHOLE, torch.int64))
    yield case("special.xlog1py", torch.special.xlog1py, *pairs(SHORT))
    yield case("special.zeta", torch.special.zeta, *[t.detach() for t in pairs([1.0, 2.0, 2.5, 7.0], others=[-1.5, -1.0, 0.25, 1.0, 3.5, 40.0, inf])])
    for n in range(5):
        yield case("polygamma", lambda x, n=n: torch.polygamma(n, x), line([-1.3, 0.1, 0.5, 1.0, 4.5, 30.0, inf])) | {"trailing": [n]}
    for p in [1, 2, 4]:
        yield case("mvlgamma", lambda x, p=p: torch.mvlgamma(x, p), line([2.1, 3.0, 7.5])) | {"trailing": [p]}
    yield case("nn.functional.gelu", F.gelu, line(LINE[1:-2]), approximate="tanh")
    yield case("nn.functional.elu", F.elu, line(LINE), alpha=0.7)
    yield case("nn.functional.celu", F.celu, line(LINE), alpha=0.7)
    yield case("nn.functional.leaky_relu", F.leaky_relu, line(LINE), negative_slope=0.2)
    yield case("nn.functional.softplus", F.softplus, line(LINE), beta=2.0, threshold=3.0)
    yield case("nn.functional.hardtanh", F.hardtanh, line(LINE), min_val=-0.5, max_val=2.0)
    yield case("nn.functional.softshrink", F.softshrink, line(LINE), lambd=1.0)
    yield case("nn.functional.hardshrink", F.hardshrink, line(LINE), lambd=1.0)
    yield case("nn.functional.threshold", F.threshold, line(LINE), 0.5, 9.0)
    yield case("nn.functional.glu", F.glu, line(FEW[:-1]))
    yield case("prelu", torch.prelu, line(LINE), line([0.25]))
    yield case("logit", torch.logit, line(LINE), eps=0.2)
    yield case("nan_to_num", torch.nan_to_num, line(LINE), nan=1.0, posinf=2.0, neginf=-3.0)
    for decimals in [2, -1]:
        yield case("round", torch.round, line(LINE + [12.345, 15.0, 25.0]), decimals=decimals)
    few = [line([a for a in FEW for _ in FEW]), line([b for _ in FEW for b in FEW]), line([0.3] * 49)]
    for weight in [0.25, 0.75, -1.0, 2.0]:
        yield case("lerp", torch.lerp, few[0], few[1], weight)
    yield case("lerp", torch.lerp, *few)
    yield case("addcmul", torch.addcmul, *few, value=2.5)
    yield case("addcdiv", torch.addcdiv, few[2], few[0], few[1], value=2.5)
    yield case("add", torch.add, few[0], few[1], alpha=2.5)
    yield case("sub", torch.sub, few[0], few[1], alpha=2.5)
    yield case("rsub", torch.rsub, few[0], few[1], alpha=2.5)
    condition = few[0] > 0
    yield case("where", torch.where, condition, few[0], few[1])
    yield case("where", torch.where, condition, few[0], 2.5)
    yield case("masked_fill", torch.masked_fill, few[0], condition, 2.5)
    yield case("masked_fill", torch.masked_fill, few[0], condition, torch.tensor(2.5, dtype=torch.float64))
    yield case("clamp", torch.clamp, line(LINE), -1.0, 2.0)
    yield case("clamp", torch.clamp, line(LINE), 2.0, -1.0)
    yield case("clamp", torch.clamp, few[0], few[1], few[2])
    yield case("clamp", torch.clamp, line(LINE), max=0.5)
    for values in [(few[0], few[1]), tuple(t.to(torch.int64) for t in pairs([1, 2, 1000]))]:
        yield case("isclose", torch.isclose, *values, equal_nan=True)


entries = list(cases())
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text("[\n" + ",\n".join(json.dumps(e, separators=(",", ":")) for e in entries) + "\n]\n")
print(f"{len(entries)} calls, torch {torch.__version__}, {path.stat().st_size} bytes")
