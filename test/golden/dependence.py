"""What the backward pass of PyTorch's operations depends on.

Writes dependence.json: for each call the tensors that took part, those whose change in place makes backward() fail, and whether the gradient
of each requires a gradient itself when it is made with create_graph.

python test/golden/dependence.py > test/golden/dependence.json
"""

import sys

# The neighbour random.py would hide the standard library's module.
sys.path.pop(0)

import json  # noqa: E402

import torch  # noqa: E402

SQUARE = [3, 3]
POINTWISE = """abs acos acosh asin asinh atan atanh ceil cos cosh deg2rad digamma erf erfc exp exp2 expm1 floor frac i0
lgamma log log10 log1p log2 logit neg nan_to_num rad2deg reciprocal relu round rsqrt sigmoid sign sin sinc sinh sqrt square
tan tanh trunc""".split()
ACTIVATIONS = """relu6 elu selu celu gelu silu mish softplus softsign tanhshrink hardtanh hardsigmoid hardswish hardshrink
softshrink leaky_relu logsigmoid""".split()
PAIRS = """add sub mul div pow atan2 hypot fmod remainder maximum minimum fmax fmin xlogy logaddexp logaddexp2 copysign
mm matmul""".split()
WHOLE = "sum mean prod std var norm logsumexp amax amin max min median clone trace triu tril diagonal t flatten".split()
LOSSES = """mse_loss l1_loss smooth_l1_loss huber_loss hinge_embedding_loss soft_margin_loss binary_cross_entropy
binary_cross_entropy_with_logits kl_div poisson_nll_loss""".split()
ALONG = """sum mean prod std var softmax log_softmax logsumexp cumsum cumprod logcumsumexp cummax cummin amax amin max min
median mode sort argsort flip unbind squeeze unsqueeze""".split()

CALLS = [
    *[(name, [SQUARE], []) for name in POINTWISE + ACTIVATIONS + WHOLE if name not in ("logsumexp",)],
    *[(name, [SQUARE], [0]) for name in ALONG if name not in ("flip", "argsort")],
    *[(name, [SQUARE, SQUARE], []) for name in PAIRS],
    ("mv", [SQUARE, [3]], []),
    ("dot", [[3], [3]], []),
    ("outer", [[3], [3]], []),
    ("bmm", [[2, 3, 3], [2, 3, 3]], []),
    ("addmm", [SQUARE, SQUARE, SQUARE], []),
    ("baddbmm", [[2, 3, 3]] * 3, []),
    ("addcmul", [SQUARE] * 3, []),
    ("addcdiv", [SQUARE] * 3, []),
    ("lerp", [SQUARE] * 2, [0.5]),
    ("mul", [SQUARE], [2]),
    ("div", [SQUARE], [2]),
    ("add", [SQUARE], [1]),
    ("pow", [SQUARE], [2]),
    ("pow", [SQUARE], [0.5]),
    ("pow", [SQUARE], [0]),
    ("pow", [SQUARE], [1]),
    ("clamp", [SQUARE], [0.3, 0.6]),
    ("clamp", [SQUARE] * 3, []),
    ("clamp_min", [SQUARE], [0.5]),
    ("clamp_max", [SQUARE] * 2, []),
    ("nansum", [SQUARE], []),
    ("nanmean", [SQUARE], []),
    ("dist", [SQUARE] * 2, [1]),
    *[(name, [SQUARE] * 2, []) for name in LOSSES],
    *[(name, [[3]] * 3, []) for name in ("triplet_margin_loss", "margin_ranking_loss", "gaussian_nll_loss")],
    ("topk", [SQUARE], [2]),
    ("kthvalue", [SQUARE], [2]),
    ("transpose", [SQUARE], [0, 1]),
    ("select", [SQUARE], [0, 1]),
    ("narrow", [SQUARE], [0, 1, 1]),
    ("roll", [SQUARE], [1, 0]),
    ("cat", [[SQUARE, SQUARE]], []),
    ("stack", [[SQUARE, SQUARE]], []),
]


def function(name):
    first = torch.nn.functional if name.endswith("_loss") else torch
    return getattr(first, name, None) or getattr(torch.nn.functional, name)


def tensors_of(call):
    _, shapes, args = call
    torch.manual_seed(0)

    def leaf(shape):
        return (torch.rand(shape, dtype=torch.float64) * 0.5 + 0.25).requires_grad_()

    nested = bool(shapes) and isinstance(shapes[0][0], list)
    leaves = [leaf(s) for s in (shapes[0] if nested else shapes)]
    return leaves, nested, args


def outcome(call, tracked, overwritten):
    """Runs the call with gradients for the given operands, overwrites one tensor, and goes backward: whether that is refused."""
    leaves, nested, args = tensors_of(call)
    operands = [x.clone() if i in tracked else x.detach().clone() for i, x in enumerate(leaves)]
    out = function(call[0])(*([operands] if nested else operands), *args)
    outs = [out] if isinstance(out, torch.Tensor) else list(out)
    roots = [o for o in outs if o.requires_grad]
    total = sum(o.sum() for o in roots)
    target = operands[overwritten] if overwritten < len(operands) else outs[overwritten - len(operands)]
    try:
        with torch.no_grad():
            target.add_(0) if target.dtype.is_floating_point else target.mul_(1)
        total.backward()
    except RuntimeError as error:
        if "modified by an inplace" not in str(error):
            raise
        return True
    return False


def graphs(call, tracked):
    """Whether the gradient of each tracked operand carries a graph; None where there is no gradient."""
    leaves, nested, args = tensors_of(call)
    operands = [x if i in tracked else x.detach() for i, x in enumerate(leaves)]
    out = function(call[0])(*([operands] if nested else operands), *args)
    roots = [o for o in ([out] if isinstance(out, torch.Tensor) else out) if o.requires_grad]
    total = sum(o.sum() for o in roots)
    gradients = torch.autograd.grad(total, [operands[i] for i in tracked], create_graph=True, allow_unused=True)
    return [None if g is None else g.requires_grad for g in gradients]


def main():
    table = []
    for call in CALLS:
        name, shapes, args = call
        leaves, nested, _ = tensors_of(call)
        values = [x.detach() for x in leaves]
        out = function(name)(*([values] if nested else values), *args)
        outs = [out] if isinstance(out, torch.Tensor) else list(out)
        count = len(leaves)
        choices = [list(range(count))] + ([[i] for i in range(count)] if count > 1 else [])
        if name in LOSSES:  # Most have no gradient for a target.
            choices = [[0]]
        for tracked in choices:
            refused = [k for k in range(count + len(outs)) if outcome(call, tracked, k)]
            row = {"name": name, "shapes": shapes, "args": args, "tracked": tracked, "outputs": len(outs)}
            table.append({**row, "refused": refused, "graphs": graphs(call, tracked)})
    print("[\n" + ",\n".join(json.dumps(row) for row in table) + "\n]")


main()
