"""Error functions, entropies, odds and sums of exponentials."""

from __future__ import annotations

import math
from typing import Any

from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.nn import normalization
from ms_func.nn.normalization import logsumexp
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion
from ms_func.numpy.logic import logical_and, logical_or
from ms_func.numpy.promotion import (
    ArrayLike,
    inexact,
    promote_inexact,
    strong,
)
from ms_func.numpy.reductions import Axis
from ms_func.primitives import compare, hyperbolic
from ms_func.primitives import elementwise as pe
from ms_func.primitives.families import literal

__all__ = [
    "entr", "erf", "erfc", "erfinv", "expit", "kl_div", "log_softmax", "logit", "logsumexp", "ndtr",
    "rel_entr", "softmax", "xlog1py", "xlogy",
]  # fmt: skip


def softmax(x: ArrayLike, axis: Axis = None) -> Array:
    """`exp(x)` divided by its sum along dimensions, all by default as in SciPy.

    Args:
        x: real or complex array; integers become floats.
        axis: dimensions that sum to 1; a tuple for several, None for all.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> print(softmax(np.zeros((2, 2))))  # `nn.softmax` takes the last dimension by default
        [[0.25 0.25]
         [0.25 0.25]]
    """
    return normalization.softmax(x, axis)


def log_softmax(x: ArrayLike, axis: Axis = None) -> Array:
    """Logarithm of `softmax`, without overflow.

    Args:
        x: real or complex array; integers become floats.
        axis: dimensions whose exponentials sum to 1; a tuple for several, None for all.

    Raises:
        ValueError: there is no such dimension.

    Example:
        >>> print(log_softmax(np.array([0.0, 1000.0])))
        [-1000.     0.]
    """
    return normalization.log_softmax(x, axis)


def expit(x: ArrayLike) -> Array:
    """Elementwise `1 / (1 + exp(-x))`, without overflow: the inverse of `logit`.

    Args:
        x: real or complex array; integers become floats. Within 3 ulp.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(expit(np.array([-np.inf, 0.0, np.inf])))
        [0.  0.5 1. ]
    """
    return hyperbolic.logistic_p.bind(inexact("expit", x))


def logit(x: ArrayLike) -> Array:
    """Elementwise `log(x / (1 - x))`, the inverse of `expit`.

    Args:
        x: real or complex array; integers become floats. -inf at 0, inf at 1, NaN outside of
            [0, 1]; the derivative is infinite at both ends. Within 2 ulp.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(logit(np.array([0.0, 0.5, 1.0, 2.0])))
        [-inf   0.  inf  nan]
    """
    return fusion.run(_logit, (inexact("logit", x),))


def _logit(x: Any) -> Any:
    return _log_odds(x)


@custom_jvp
def _log_odds(x: Any) -> Any:
    return el.log(ar.divide(x, ar.subtract(1, x)))


@_log_odds.defjvp
def _log_odds_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    return _log_odds(x), ar.divide(t, ar.multiply(x, ar.subtract(1, x)))  # infinite at the ends


def erf(x: ArrayLike) -> Array:
    """Elementwise error function, `2 / sqrt(pi)` times the integral of `exp(-t**2)` from 0 to `x`.

    Args:
        x: real array; integers become floats. Within 6 ulp (float64: 1).

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 7.2.1.

    Example:
        >>> print(f"{erf(0.5):.4f}", erf(np.inf))
        0.5205 1.0
    """
    return pe.erf_p.bind(inexact("erf", x))


def erfc(x: ArrayLike) -> Array:
    """Elementwise complementary error function `1 - erf(x)`, accurate where that is small.

    Args:
        x: real array; integers become floats. Within 50 ulp up to 8; it underflows to 0 above 10
            (float64: 27), where `erfcx` does not.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 7.2.2.

    Example:
        >>> print(f"{erfc(5.0):.4g}", f"{1 - erf(5.0):.4g}")
        1.537e-12 0
    """
    return pe.erfc_p.bind(inexact("erfc", x))


def erfinv(x: ArrayLike) -> Array:
    """Elementwise inverse of the error function.

    Args:
        x: real array; integers become floats. -inf at -1, inf at 1, NaN beyond. Within 8 ulp
            (float64: 13).

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 7.17.

    Example:
        >>> print(f"{erfinv(0.5):.4f}", erfinv(1.0), erfinv(2.0))
        0.4769 inf nan
    """
    return pe.erf_inv_p.bind(inexact("erfinv", x))


def xlogy(x: ArrayLike, y: ArrayLike) -> Array:
    """Elementwise `x * log(y)`, 0 where `x` is 0 and `y` is no NaN.

    Args:
        x: real or complex array; integers become floats.
        y: array that broadcasts with `x`.

    Raises:
        TypeError: an argument is no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(xlogy(0.0, np.array([0.0, 2.0, np.nan])))
        [ 0.  0. nan]
        >>> print(ms.grad(xlogy, 1)(0.0, 0.0))  # of the constant 0, by `y`
        0.0
    """
    return fusion.run(_xlogy, promote_inexact("xlogy", x, y))


def _xlogy(x: Any, y: Any) -> Any:
    none = logical_and(compare.eq(x, 0), _without_log(y, 0))
    safe = compare.select(none, 1, y)  # no infinite derivative in the case not chosen
    return compare.select(none, 0, ar.multiply(x, el.log(safe)))


def _without_log(y: Any, edge: int) -> Any:
    """Where `y - edge` is a number whose logarithm is none, or is infinite."""
    if typeof(y).dtype.kind == "c":
        return compare.eq(y, edge)
    return logical_or(compare.le(y, edge), compare.eq(y, math.inf))


def xlog1py(x: ArrayLike, y: ArrayLike) -> Array:
    """Elementwise `x * log1p(y)`, 0 where `x` is 0 and `y` is no NaN.

    Args:
        x: real or complex array; integers become floats.
        y: array that broadcasts with `x`; -1 and below as 0 and below for `xlogy`.

    Raises:
        TypeError: an argument is no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(xlog1py(0.0, -1.0), xlog1py(1.0, -1.0))
        0.0 -inf
    """
    return fusion.run(_xlog1py, promote_inexact("xlog1py", x, y))


def _xlog1py(x: Any, y: Any) -> Any:
    none = logical_and(compare.eq(x, 0), _without_log(y, -1))
    safe = compare.select(none, 1, y)
    return compare.select(none, 0, ar.multiply(x, el.log1p(safe)))


def entr(x: ArrayLike) -> Array:
    """Elementwise `-x * log(x)`: 0 at 0, -inf below.

    Args:
        x: real array; integers become floats. The derivative at 0 is inf, below it is
            0. Within 3 ulp.

    Raises:
        TypeError: `x` is complex, or no array.

    Example:
        >>> p = np.array([0.5, 0.25, 0.25, 0.0])
        >>> print(f"{entr(p).sum() / np.log(2.0):.4f}")  # entropy in bits
        1.5000
    """
    return fusion.run(_entr, (inexact("entr", x),))


@custom_jvp
def _entr(x: Any) -> Any:
    return compare.select(compare.lt(x, 0), -math.inf, ar.negative(_xlogy(x, x)))


@_entr.defjvp
def _entr_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    slope = compare.select(compare.lt(x, 0), 0, ar.subtract(-1, el.log(x)))
    return _entr(x), ar.multiply(t, slope)


def rel_entr(p: ArrayLike, q: ArrayLike) -> Array:
    """Elementwise `p * log(p / q)`: 0 where `p` is 0, inf outside of the domain.

    Args:
        p: real array; integers become floats.
        q: array that broadcasts with `p`.

    Returns:
        Array; inf where `p` is negative, or positive with `q <= 0`; NaN where one is.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(rel_entr(np.array([0.0, 2.0, 1.0]), np.array([0.0, 2.0, 0.0])))
        [ 0.  0. inf]
    """
    return fusion.run(_rel_entr, promote_inexact("rel_entr", p, q))


def _rel_entr(p: Any, q: Any) -> Any:
    inside = logical_and(compare.gt(p, 0), compare.gt(q, 0))
    edge = logical_and(compare.eq(p, 0), compare.ge(q, 0))
    safe_p, safe_q = (compare.select(inside, v, 1) for v in (p, q))
    value = ar.multiply(safe_p, ar.subtract(el.log(safe_p), el.log(safe_q)))
    zero = literal(0, p)
    outside = compare.select(edge, zero, literal(math.inf, p))
    unknown = logical_or(compare.ne(p, p), compare.ne(q, q))
    return compare.select(inside, value, compare.select(unknown, ar.add(p, q), outside))


def kl_div(p: ArrayLike, q: ArrayLike) -> Array:
    """Elementwise `p * log(p / q) - p + q`, which is convex and not negative.

    Sums over distributions are those of `rel_entr`: Kullback and Leibler's divergence.

    Args:
        p: real array; integers become floats.
        q: array that broadcasts with `p`.

    Returns:
        Array; inf where `p` is negative, or positive with `q <= 0`; NaN where one is.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        Kullback, Leibler, "On information and sufficiency", 1951.

    Example:
        >>> print(kl_div(np.array([0.0, 2.0, 1.0]), np.array([3.0, 2.0, 0.0])))
        [ 3.  0. inf]
    """
    return fusion.run(_kl_div, promote_inexact("kl_div", p, q))


def _kl_div(p: Any, q: Any) -> Any:
    entropy = _rel_entr(p, q)
    total = ar.add(ar.subtract(entropy, p), q)
    outside = logical_or(compare.lt(p, math.inf), compare.le(q, 0))
    limit = logical_and(compare.eq(entropy, math.inf), outside)
    return compare.select(limit, entropy, total)


def ndtr(x: ArrayLike) -> Array:
    """Elementwise normal distribution function, `erfc(-x / sqrt(2)) / 2`.

    Args:
        x: real array; integers become floats. Within 140 ulp from -10 to 6; it underflows to 0
            below -13 (float64: -37), where `log_ndtr` does not.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 7.2(i).

    Example:
        >>> print(f"{ndtr(1.96):.4f}", ndtr(0.0))
        0.9750 0.5
    """
    return fusion.run(_ndtr, (strong(inexact("ndtr", x)),))


def _ndtr(x: Any) -> Any:
    """By the complementary function on either side, accurate in both tails."""
    z = ar.multiply(x, math.sqrt(0.5))
    tail = ar.multiply(0.5, pe.erfc(el.abs(z)))
    near = ar.multiply(0.5, ar.add(1, pe.erf(z)))
    far = compare.select(compare.gt(z, 0), ar.subtract(1, tail), tail)
    return compare.select(compare.lt(el.abs(z), math.sqrt(0.5)), near, far)
