"""Special functions under the names of `scipy.special`."""

from __future__ import annotations

import math
from typing import Any

from ms_func.execution.array import Array
from ms_func.nn.normalization import log_softmax, logsumexp, softmax
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion
from ms_func.numpy.logic import logical_and
from ms_func.numpy.promotion import ArrayLike, inexact, promote_inexact
from ms_func.primitives import compare
from ms_func.primitives import elementwise as pe
from ms_func.primitives.families import literal

__all__ = [
    "entr", "erf", "erfc", "erfinv", "expit", "kl_div", "log_softmax", "logit", "logsumexp",
    "ndtr", "ndtri", "rel_entr", "softmax", "xlog1py", "xlogy",
]  # fmt: skip


def expit(x: ArrayLike) -> Array:
    """Elementwise `1 / (1 + exp(-x))`."""
    return pe.logistic_p.bind(inexact("expit", x))


def logit(x: ArrayLike) -> Array:
    """Elementwise `log(x / (1 - x))`, the inverse of `expit`."""
    return fusion.run(_logit, (inexact("logit", x),))


def _logit(x: Any) -> Any:
    return el.log(ar.divide(x, ar.subtract(1, x)))


def erf(x: ArrayLike) -> Array:
    """Elementwise error function."""
    return pe.erf_p.bind(inexact("erf", x))


def erfc(x: ArrayLike) -> Array:
    """Elementwise complementary error function."""
    return pe.erfc_p.bind(inexact("erfc", x))


def erfinv(x: ArrayLike) -> Array:
    """Elementwise inverse of the error function."""
    return pe.erf_inv_p.bind(inexact("erfinv", x))


def xlogy(x: ArrayLike, y: ArrayLike) -> Array:
    """Elementwise `x * log(y)`, 0 where `x` is 0, whatever `y` is."""
    return fusion.run(_xlogy, promote_inexact("xlogy", x, y))


def _xlogy(x: Any, y: Any) -> Any:
    none = compare.eq(x, 0)
    safe = compare.select(none, 1, y)  # no infinite derivative in the case not chosen
    return compare.select(none, 0, ar.multiply(x, el.log(safe)))


def xlog1py(x: ArrayLike, y: ArrayLike) -> Array:
    """Elementwise `x * log1p(y)`, 0 where `x` is 0, whatever `y` is."""
    return fusion.run(_xlog1py, promote_inexact("xlog1py", x, y))


def _xlog1py(x: Any, y: Any) -> Any:
    none = compare.eq(x, 0)
    safe = compare.select(none, 1, y)
    return compare.select(none, 0, ar.multiply(x, el.log1p(safe)))


def entr(x: ArrayLike) -> Array:
    """Elementwise `-x * log(x)`: 0 at 0, -inf below."""
    return fusion.run(_entr, (inexact("entr", x),))


def _entr(x: Any) -> Any:
    return compare.select(compare.lt(x, 0), -math.inf, ar.negative(_xlogy(x, x)))


def rel_entr(p: ArrayLike, q: ArrayLike) -> Array:
    """Elementwise `p * log(p / q)`: 0 where `p` is 0, inf outside of the domain."""
    return fusion.run(_rel_entr, promote_inexact("rel_entr", p, q))


def _rel_entr(p: Any, q: Any) -> Any:
    inside = logical_and(compare.gt(p, 0), compare.gt(q, 0))
    edge = logical_and(compare.eq(p, 0), compare.ge(q, 0))
    safe_p, safe_q = (compare.select(inside, v, 1) for v in (p, q))
    value = ar.multiply(safe_p, ar.subtract(el.log(safe_p), el.log(safe_q)))
    zero = literal(0, p)
    return compare.select(inside, value, compare.select(edge, zero, literal(math.inf, p)))


def kl_div(p: ArrayLike, q: ArrayLike) -> Array:
    """Elementwise `p * log(p / q) - p + q`."""
    p, q = promote_inexact("kl_div", p, q)
    return ar.add(ar.subtract(rel_entr(p, q), p), q)


def ndtr(x: ArrayLike) -> Array:
    """Elementwise normal distribution function."""
    return fusion.run(_ndtr, (inexact("ndtr", x),))


def _ndtr(x: Any) -> Any:
    """By the complementary function on either side, accurate in both tails."""
    z = ar.multiply(x, math.sqrt(0.5))
    tail = ar.multiply(0.5, pe.erfc(el.abs(z)))
    near = ar.multiply(0.5, ar.add(1, pe.erf(z)))
    far = compare.select(compare.gt(z, 0), ar.subtract(1, tail), tail)
    return compare.select(compare.lt(el.abs(z), math.sqrt(0.5)), near, far)


def ndtri(p: ArrayLike) -> Array:
    """Elementwise inverse of `ndtr`."""
    return fusion.run(_ndtri, (inexact("ndtri", p),))


def _ndtri(p: Any) -> Any:
    return ar.multiply(math.sqrt(2), pe.erf_inv(ar.subtract(ar.multiply(2, p), 1)))
