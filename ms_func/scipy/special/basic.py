"""Special functions under the names of `scipy.special`."""

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
from ms_func.numpy.floats import copysign
from ms_func.numpy.logic import logical_and, logical_or
from ms_func.numpy.promotion import (
    ArrayLike,
    common_shape,
    inexact,
    lay,
    promote_all,
    promote_inexact,
    strong,
)
from ms_func.numpy.reductions import Axis
from ms_func.numpy.rounding import floor
from ms_func.primitives import compare
from ms_func.primitives import elementwise as pe
from ms_func.primitives import incomplete as pi
from ms_func.primitives import special as ps
from ms_func.primitives.families import literal

__all__ = [
    "beta", "betainc", "betaln", "digamma", "entr", "erf", "erfc", "erfinv", "expit", "factorial",
    "gamma", "gammainc", "gammaincc", "gammaln", "gammasgn", "i0", "i0e", "i1", "i1e", "kl_div",
    "log_softmax", "logit", "logsumexp", "multigammaln", "ndtr", "ndtri", "poch",
    "polygamma", "rel_entr", "softmax", "xlog1py", "xlogy", "zeta",
]  # fmt: skip


def softmax(x: ArrayLike, axis: Axis = None) -> Array:
    """`exp(x)` divided by its sum along dimensions, all by default as in SciPy."""
    return normalization.softmax(x, axis)


def log_softmax(x: ArrayLike, axis: Axis = None) -> Array:
    """Logarithm of `softmax`, without overflow."""
    return normalization.log_softmax(x, axis)


def expit(x: ArrayLike) -> Array:
    """Elementwise `1 / (1 + exp(-x))`."""
    return pe.logistic_p.bind(inexact("expit", x))


def logit(x: ArrayLike) -> Array:
    """Elementwise `log(x / (1 - x))`, the inverse of `expit`."""
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
    """Elementwise error function."""
    return pe.erf_p.bind(inexact("erf", x))


def erfc(x: ArrayLike) -> Array:
    """Elementwise complementary error function."""
    return pe.erfc_p.bind(inexact("erfc", x))


def erfinv(x: ArrayLike) -> Array:
    """Elementwise inverse of the error function."""
    return pe.erf_inv_p.bind(inexact("erfinv", x))


def xlogy(x: ArrayLike, y: ArrayLike) -> Array:
    """Elementwise `x * log(y)`, 0 where `x` is 0 and `y` is no NaN."""
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
    """Elementwise `x * log1p(y)`, 0 where `x` is 0 and `y` is no NaN."""
    return fusion.run(_xlog1py, promote_inexact("xlog1py", x, y))


def _xlog1py(x: Any, y: Any) -> Any:
    none = logical_and(compare.eq(x, 0), _without_log(y, -1))
    safe = compare.select(none, 1, y)
    return compare.select(none, 0, ar.multiply(x, el.log1p(safe)))


def entr(x: ArrayLike) -> Array:
    """Elementwise `-x * log(x)`: 0 at 0, -inf below."""
    return fusion.run(_entr, (inexact("entr", x),))


@custom_jvp
def _entr(x: Any) -> Any:
    return compare.select(compare.lt(x, 0), -math.inf, ar.negative(_xlogy(x, x)))


@_entr.defjvp
def _entr_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    return _entr(x), ar.multiply(t, ar.subtract(-1, el.log(x)))


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
    return fusion.run(_ndtr, (strong(inexact("ndtr", x)),))


def _ndtr(x: Any) -> Any:
    """By the complementary function on either side, accurate in both tails."""
    z = ar.multiply(x, math.sqrt(0.5))
    tail = ar.multiply(0.5, pe.erfc(el.abs(z)))
    near = ar.multiply(0.5, ar.add(1, pe.erf(z)))
    far = compare.select(compare.gt(z, 0), ar.subtract(1, tail), tail)
    return compare.select(compare.lt(el.abs(z), math.sqrt(0.5)), near, far)


def ndtri(p: ArrayLike) -> Array:
    """Elementwise inverse of `ndtr`."""
    return fusion.run(_ndtri, (strong(inexact("ndtri", p)),))


def _ndtri(p: Any) -> Any:
    return ar.multiply(math.sqrt(2), pe.erf_inv(ar.subtract(ar.multiply(2, p), 1)))


# --- gamma function ---------------------------------------------------------------------------


def gammaln(x: ArrayLike) -> Array:
    """Elementwise logarithm of the magnitude of the gamma function."""
    return ps.lgamma_p.bind(inexact("gammaln", x))


def digamma(x: ArrayLike) -> Array:
    """Elementwise derivative of `gammaln`."""
    return ps.digamma_p.bind(inexact("digamma", x))


def gammasgn(x: ArrayLike) -> Array:
    """Elementwise sign of the gamma function; NaN at its poles below 0."""
    return fusion.run(_gammasgn, (inexact("gammasgn", x),))


def _gammasgn(x: Any) -> Any:
    whole = floor(x)
    odd = compare.ne(ar.remainder(whole, 2.0), 0.0)
    below = compare.select(odd, literal(-1, x), literal(1, x))
    pole = logical_and(compare.eq(whole, x), compare.lt(x, 0))
    below = compare.select(pole, literal(math.nan, x), below)
    at_zero = copysign(1, x)
    above = compare.select(compare.ne(x, x), x, literal(1, x))
    return compare.select(compare.lt(x, 0), below, compare.select(compare.eq(x, 0), at_zero, above))


def gamma(x: ArrayLike) -> Array:
    """Elementwise gamma function."""
    return fusion.run(_gamma, (strong(inexact("gamma", x)),))


def _gamma(x: Any) -> Any:
    return ar.multiply(_gammasgn(x), el.exp(ps.lgamma_p.bind(x)))


def factorial(n: ArrayLike, exact: bool = False) -> Array:
    """Elementwise factorial, 0 below 0.

    Raises:
        NotImplementedError: `exact` is true.
    """
    if exact:
        raise NotImplementedError("factorial with exact=True")
    n = inexact("factorial", n)
    value = el.exp(gammaln(ar.add(n, 1)))
    return compare.select(compare.lt(n, 0), literal(0, n), value)


def poch(z: ArrayLike, m: ArrayLike) -> Array:
    """Elementwise `gamma(z + m) / gamma(z)`."""
    z, m = map(strong, promote_inexact("poch", z, m))
    value = ar.divide(gamma(ar.add(z, m)), gamma(z))
    return compare.select(compare.eq(m, 0), literal(1, value), value)


def polygamma(n: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise derivative of order `n` of `digamma`."""
    return ps.polygamma(*promote_inexact("polygamma", n, x))


def zeta(x: ArrayLike, q: ArrayLike | None = None) -> Array:
    """Elementwise Hurwitz zeta function, Riemann's by default."""
    return ps.zeta(*promote_inexact("zeta", x, 1.0 if q is None else q))


def multigammaln(a: ArrayLike, d: int) -> Array:
    """Elementwise logarithm of the gamma function of `d` dimensions."""
    a = inexact("multigammaln", a)
    total: Any = d * (d - 1) / 4 * math.log(math.pi)
    for k in range(d):
        total = ar.add(total, gammaln(ar.subtract(a, k / 2)))
    return total


def betaln(a: ArrayLike, b: ArrayLike) -> Array:
    """Elementwise logarithm of the magnitude of the beta function."""
    a, b = promote_inexact("betaln", a, b)
    return ar.subtract(ar.add(gammaln(a), gammaln(b)), gammaln(ar.add(a, b)))


def beta(a: ArrayLike, b: ArrayLike) -> Array:
    """Elementwise beta function."""
    a, b = map(strong, promote_inexact("beta", a, b))
    sign = ar.multiply(ar.multiply(gammasgn(a), gammasgn(b)), gammasgn(ar.add(a, b)))
    return ar.multiply(sign, el.exp(betaln(a, b)))


def gammainc(a: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise lower incomplete gamma function, as a part of 1."""
    return pi.igamma(*_full_shape(promote_all("gammainc", (a, x), inexact=True)))


def gammaincc(a: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise upper incomplete gamma function, as a part of 1."""
    return pi.igammac(*_full_shape(promote_all("gammaincc", (a, x), inexact=True)))


def betainc(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise incomplete beta function, as a part of 1."""
    return pi.betainc(*_full_shape(promote_all("betainc", (a, b, x), inexact=True)))


def _full_shape(operands: list[Any]) -> list[Any]:
    """Operands of one shape, scalars included."""
    shape = common_shape("special function", [typeof(v).shape for v in operands])
    return [lay(v, shape, ()) if typeof(v).shape != shape else v for v in operands]


# --- Bessel functions ---------------------------------------------------------------------------


def i0e(x: ArrayLike) -> Array:
    """Elementwise modified Bessel function of order 0, times `exp(-abs(x))`."""
    return ps.bessel_i0e(inexact("i0e", x))


def i1e(x: ArrayLike) -> Array:
    """Elementwise modified Bessel function of order 1, times `exp(-abs(x))`."""
    return ps.bessel_i1e(inexact("i1e", x))


def i0(x: ArrayLike) -> Array:
    """Elementwise modified Bessel function of order 0."""
    x = inexact("i0", x)
    return ar.multiply(el.exp(el.abs(x)), ps.bessel_i0e(x))


def i1(x: ArrayLike) -> Array:
    """Elementwise modified Bessel function of order 1."""
    x = inexact("i1", x)
    return ar.multiply(el.exp(el.abs(x)), ps.bessel_i1e(x))
