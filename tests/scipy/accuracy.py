"""Errors of special functions in units of the last place (ulp), for random arguments.

    python -m tests.scipy.accuracy        # the rows of docs/special_functions.md, measured

Single precision is compared with SciPy in double precision, double precision with mpmath. Where
a function has zeros, errors are counted in ulps of the larger of its value and 1.
"""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import numpy as np
import scipy.special as ss

from ms_func.scipy import special


class Entry(NamedTuple):
    """Ranges of the arguments, and whether the function has zeros among them."""

    ranges: tuple[tuple[float, float], ...]
    zeros: bool = False


ENTRIES = {
    "gammaln": Entry(((0.05, 80),), True), "gamma": Entry(((0.05, 30),)),
    "digamma": Entry(((0.05, 80),), True), "factorial": Entry(((0.05, 30),)),
    "beta": Entry(((0.1, 20), (0.1, 20))), "betaln": Entry(((0.1, 20), (0.1, 20)), True),
    "gammainc": Entry(((0.1, 20), (0.1, 20))), "gammaincc": Entry(((0.1, 20), (0.1, 20))),
    "betainc": Entry(((0.2, 15), (0.2, 15), (0.01, 0.99))),
    "zeta": Entry(((1.1, 20), (0.5, 10))), "polygamma": Entry(((1, 1), (0.2, 50))),
    "poch": Entry(((0.2, 10), (0.2, 10))),
    "erf": Entry(((-5, 5),)), "erfc": Entry(((-4, 8),)), "erfinv": Entry(((-0.999, 0.999),)),
    "erfcx": Entry(((-4, 40),)), "dawsn": Entry(((-20, 20),)),
    "ndtr": Entry(((-10, 6),)), "ndtri": Entry(((0.001, 0.999),), True),
    "log_ndtr": Entry(((-30, 4),)), "owens_t": Entry(((-4, 4), (-4, 4))),
    "expit": Entry(((-60, 60),)), "logit": Entry(((0.01, 0.99),), True),
    "entr": Entry(((0.01, 10),), True), "xlogy": Entry(((0.1, 10), (0.1, 10)), True),
    "xlog1py": Entry(((0.1, 10), (-0.9, 10)), True), "spence": Entry(((0.01, 50),), True),
    "rel_entr": Entry(((0.1, 10), (0.1, 10)), True), "kl_div": Entry(((0.1, 10), (0.1, 10)), True),
    "i0": Entry(((-40, 40),)), "i0e": Entry(((-40, 40),)),
    "i1": Entry(((0.01, 40),)), "i1e": Entry(((0.01, 40),)),
    "exp1": Entry(((0.01, 40),)), "expi": Entry(((0.01, 40),), True),
    "expn": Entry(((3, 3), (0.01, 40))),
    "hyp1f1": Entry(((0.5, 4), (0.5, 4), (-5, 20))),
    "hyp2f1": Entry(((0.2, 2), (0.2, 2), (2.5, 4), (-2, 0.9))),
}  # fmt: skip


def sample(entry: Entry, count: int, dtype: Any) -> list[Any]:
    """Random arguments; a range of one number gives that number alone."""
    rng = np.random.default_rng(11)
    return [
        int(low) if low == high else rng.uniform(low, high, count).astype(dtype)
        for low, high in entry.ranges
    ]


def ulps(name: str, got: Any, want: Any) -> float:
    """The largest error."""
    floor = 1.0 if ENTRIES[name].zeros else 0.0
    size = np.maximum(np.abs(want), floor).astype(got.dtype)
    unit = np.spacing(np.maximum(size, np.finfo(got.dtype).tiny)).astype(np.float64)
    return float(np.max(np.abs(got.astype(np.float64) - want) / unit))


def single(name: str, count: int = 2000) -> float:
    """Error in single precision, against SciPy in double precision."""
    args = sample(ENTRIES[name], count, np.float32)
    wide = [x if isinstance(x, int) else x.astype(np.float64) for x in args]
    got = np.asarray(getattr(special, name)(*args))
    assert got.dtype == np.float32
    return ulps(name, got, getattr(ss, name)(*wide))


def double(name: str, count: int = 200) -> float:
    """Error in double precision, against mpmath with 40 digits."""
    import mpmath as mp

    mp.mp.dps = 40
    args = sample(ENTRIES[name], count, np.float64)
    got = np.asarray(getattr(special, name)(*args))
    known = exact(mp)[name]
    rows = zip(*(np.broadcast_to(x, count).tolist() for x in args), strict=True)
    true = [known(*map(mp.mpf, row)) for row in rows]
    floor = mp.mpf(1) if ENTRIES[name].zeros else mp.mpf(0)
    return max(
        float(abs(mp.mpf(float(g)) - w) / mp.mpf(float(np.spacing(float(max(abs(w), floor))))))
        for g, w in zip(got, true, strict=True)
    )


def exact(mp: Any) -> dict[str, Any]:
    """The functions by their definitions."""
    return {
        "gammaln": lambda x: mp.loggamma(x), "gamma": mp.gamma, "digamma": mp.digamma,
        "factorial": mp.factorial, "beta": mp.beta, "betaln": lambda a, b: mp.log(mp.beta(a, b)),
        "gammainc": lambda a, x: mp.gammainc(a, 0, x, regularized=True),
        "gammaincc": lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True),
        "betainc": lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True),
        "zeta": mp.zeta, "polygamma": lambda n, x: mp.psi(int(n), x), "poch": mp.rf,
        "erf": mp.erf, "erfc": mp.erfc, "erfinv": mp.erfinv,
        "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
        "dawsn": lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
        "ndtr": mp.ncdf, "ndtri": lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1),
        "log_ndtr": lambda x: mp.log(mp.ncdf(x)),
        "owens_t": lambda h, a: mp.quad(
            lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a / 2, a]
        ) / (2 * mp.pi),
        "expit": lambda x: 1 / (1 + mp.exp(-x)), "logit": lambda p: mp.log(p / (1 - p)),
        "entr": lambda x: -x * mp.log(x), "xlogy": lambda x, y: x * mp.log(y),
        "xlog1py": lambda x, y: x * mp.log1p(y), "spence": lambda x: mp.polylog(2, 1 - x).real,
        "rel_entr": lambda x, y: x * mp.log(x / y),
        "kl_div": lambda x, y: x * mp.log(x / y) - x + y,
        "i0": lambda x: mp.besseli(0, x), "i0e": lambda x: mp.besseli(0, x) * mp.exp(-abs(x)),
        "i1": lambda x: mp.besseli(1, x), "i1e": lambda x: mp.besseli(1, x) * mp.exp(-abs(x)),
        "exp1": mp.e1, "expi": mp.ei, "expn": lambda n, x: mp.expint(int(n), x),
        "hyp1f1": mp.hyp1f1, "hyp2f1": mp.hyp2f1,
    }  # fmt: skip


def shown(name: str) -> str:
    """Name and arguments of an entry, as the document has them."""
    ranges = [f"{a:g}" if a == b else f"[{a:g}, {b:g}]" for a, b in ENTRIES[name].ranges]
    return f"`{name}`{' *' if ENTRIES[name].zeros else ''} | {', '.join(ranges)}"


def rounded_up(x: float) -> int:
    """A bound with room for other points and machines."""
    step = 10 ** int(math.log10(max(x, 1)))
    return max(math.ceil(1.5 * x / step) * step, 1)


def main() -> None:
    """Print the table."""
    for name in ENTRIES:
        bounds = " | ".join(str(rounded_up(f(name))) for f in (single, double))
        sys.stdout.write(f"| {shown(name)} | {bounds} |\n")


if __name__ == "__main__":
    main()
