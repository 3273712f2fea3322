"""Writes special.json: special functions as PyTorch computes them in float64, and as mpmath computes them to 40 digits.

Run with a Python that has torch and mpmath: python test/golden/special.py
"""

import json
import math
import pathlib

import mpmath
import torch

mpmath.mp.dps = 40

SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, -1.0, -2.0, -10.0, 1.0, 2.0]
TINY = [5e-324, 1e-310, 1e-300, 1e-30, 1e-17, 1e-9, 1e-5, 0.001]
GENERAL = [0.1 * k for k in range(1, 40)] + [0.46875, 0.46876, 4.0, 4.0001, 5.5, 7.999, 8.0, 8.001, 9.99, 10.0, 12.3, 20.7, 26.5, 27.2]
LARGE = [100.5, 171.6, 1e3, 1e5, 1e10, 1e17, 1e30, 1e300]


def both(values):
    return [v for x in values for v in (x, -x)]


POINTS = {
    "erf": SPECIAL + both(TINY + GENERAL + LARGE),
    "erfc": SPECIAL + both(TINY + GENERAL + LARGE),
    "erfinv": SPECIAL + both(TINY + [0.05 * k for k in range(1, 20)] + [0.99, 0.999, 1 - 1e-6, 1 - 1e-12, 1 - 2**-53, 1.5]),
    "lgamma": SPECIAL + TINY + GENERAL + LARGE + [-x for x in TINY] + [-0.05 - 0.13 * k for k in range(60)] + [1 + 1e-9, 2 - 1e-9],
    "digamma": SPECIAL + TINY[2:] + GENERAL + LARGE + [-x for x in TINY[2:]] + [-0.05 - 0.13 * k for k in range(60)],
    "polygamma1": SPECIAL + TINY[3:] + GENERAL + LARGE[:-2] + [-x for x in TINY[3:]] + [-0.05 - 0.13 * k for k in range(60)],
}
TORCH = {
    "erf": torch.erf,
    "erfc": torch.erfc,
    "erfinv": torch.erfinv,
    "lgamma": torch.lgamma,
    "digamma": torch.digamma,
    "polygamma1": lambda x: torch.special.polygamma(1, x),
}
EXACT = {
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "erfinv": mpmath.erfinv,
    "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))) if abs(x) < 1e5 else mpmath.loggamma(x),
    "digamma": mpmath.digamma,
    "polygamma1": lambda x: mpmath.polygamma(1, x),
}


def text(value):
    return repr(float(value))


def exact(name, x):
    """The correctly rounded value, or None where there is no finite one."""
    try:
        value = EXACT[name](mpmath.mpf(x))
        return text(value) if mpmath.isfinite(value) and not isinstance(value, mpmath.mpc) else None
    except (ValueError, ZeroDivisionError, OverflowError, mpmath.libmp.NoConvergence):
        return None


def main():
    table = {}
    for name, points in POINTS.items():
        values = TORCH[name](torch.tensor(points, dtype=torch.float64)).tolist()
        table[name] = [[text(x), text(y), exact(name, x)] for x, y in zip(points, values)]
    lines = [f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for name, rows in table.items()]
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text("{" + ",\n".join(lines) + "}\n")


main()
