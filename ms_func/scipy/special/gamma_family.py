"""The gamma function, its derivatives, quotients and integrals, and the zeta function."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.control_flow.identities import stop_gradient
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion
from ms_func.numpy.floats import copysign
from ms_func.numpy.logic import logical_and
from ms_func.numpy.promotion import (
    ArrayLike,
    common_shape,
    inexact,
    lay,
    promote_all,
    promote_inexact,
    strong,
)
from ms_func.numpy.rounding import floor
from ms_func.numpy.trigonometry import sin
from ms_func.primitives import compare, powers
from ms_func.primitives import incomplete as pi
from ms_func.primitives import special as ps
from ms_func.primitives.families import literal

__all__ = [
    "beta", "betainc", "betaln", "digamma", "factorial", "gamma", "gammainc", "gammaincc",
    "gammaln", "gammasgn", "loggamma", "multigammaln", "poch", "polygamma", "zeta",
]  # fmt: skip


def gammaln(x: ArrayLike) -> Array:
    """Elementwise logarithm of the magnitude of the gamma function.

    Args:
        x: real array; integers become floats. inf at 0 and at negative integers. Within 30 ulp
            (float64: 14) for positive arguments. Complex ones: `loggamma`.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 5.2.1, 5.11.1.

    Example:
        >>> print(f"{gammaln(1001.0):.2f}")  # of 1000!, which overflows
        5912.13
        >>> gammaln(-2.0)
        Array(inf, dtype=float32, weak_type=True)
    """
    return ps.lgamma_p.bind(inexact("gammaln", x))


def digamma(x: ArrayLike) -> Array:
    """Elementwise derivative of `gammaln`.

    Args:
        x: real array; integers become floats. At 0 infinite, by the sign of the zero; NaN at
            negative integers. Within 11 ulp for positive arguments.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 5.2.2.

    Example:
        >>> print(f"{digamma(1.0):.4f}", f"{digamma(2.0):.4f}")  # -Euler's constant, and 1 more
        -0.5772 0.4228
    """
    return ps.digamma_p.bind(inexact("digamma", x))


def gammasgn(x: ArrayLike) -> Array:
    """Elementwise sign of the gamma function; NaN at its poles below 0.

    Args:
        x: real array; integers become floats. At the pole 0 the sign is that of the zero.

    Raises:
        TypeError: `x` is complex, or no array.

    Example:
        >>> print(gammasgn(np.array([2.0, -0.5, -1.5, -1.0, -0.0])))
        [ 1. -1.  1. nan -1.]
    """
    return fusion.run(_gammasgn, (inexact("gammasgn", x),))


def _gammasgn(x: Any) -> Any:
    x = stop_gradient(x)  # the sign has no derivative: one of 0 would meet infinities
    whole = floor(x)
    odd = compare.ne(ar.remainder(whole, 2.0), 0.0)
    below = compare.select(odd, literal(-1, x), literal(1, x))
    pole = logical_and(compare.eq(whole, x), compare.lt(x, 0))
    below = compare.select(pole, literal(math.nan, x), below)
    at_zero = copysign(1, x)
    above = compare.select(compare.ne(x, x), x, literal(1, x))
    return compare.select(compare.lt(x, 0), below, compare.select(compare.eq(x, 0), at_zero, above))


def gamma(x: ArrayLike) -> Array:
    """Elementwise gamma function: the integral of `t**(x - 1) * exp(-t)` over positive `t`.

    Args:
        x: real or complex array; integers become floats. inf with the sign of the zero at 0 (NaN
            at a complex one), NaN at negative integers, inf from 36 on (float64: 172). Within 400
            ulp.

    Raises:
        TypeError: `x` is no array.

    Reference:
        DLMF 5.2.1.

    Example:
        >>> print(f"{gamma(5.0):.3f}", f"{gamma(0.5) ** 2:.4f}")
        24.000 3.1416
    """
    x = strong(inexact("gamma", x))
    return np.exp(loggamma(x)) if typeof(x).dtype.kind == "c" else fusion.run(_gamma, (x,))


def _gamma(x: Any) -> Any:
    return ar.multiply(_gammasgn(x), el.exp(ps.lgamma_p.bind(x)))


def loggamma(x: ArrayLike) -> Array:
    """Elementwise logarithm of the gamma function, on the branch that is real above 0.

    Complex arguments give the analytic continuation (not the logarithm of `gamma`), NaN at the
    poles; real ones NaN below 0. Stirling's series after ten steps of the recurrence (DLMF 5.11.1,
    5.5.1), reflection (5.5.3) for real parts below 1/2.

    Args:
        x: real or complex array; integers become floats.

    Raises:
        TypeError: `x` is no array.

    Example:
        >>> print(f"{loggamma(5.0):.4f}", f"{loggamma(1j):.4f}")
        3.1781 -0.6509-1.8724j
    """
    x = np.asarray(inexact("loggamma", x))
    if x.dtype.kind != "c":
        return np.where(x < 0, math.nan, gammaln(x))
    pole = (x.imag == 0) & (x.real <= 0) & (x.real == np.round(x.real))
    return np.where(pole, math.nan, _loggamma(np.where(pole, 1, x)))


_STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156]


def _loggamma(z: Array) -> Array:
    left = z.real < 0.5
    right = _loggamma_right(np.where(left, 1 - z, z))
    reflected = math.log(math.pi) - _log_sine(np.where(left, z, 0.25)) - right
    return np.where(left, reflected, right)


def _log_sine(z: Array) -> Array:
    """`log(sin(pi z))`, continued from (0, 1) into both half planes.

    In the upper one sin(pi z) is exp(-i pi (z - 1/2)) (1 - exp(2i pi z)) / 2, where the real part
    of the second factor is positive; the lower one is its mirror.
    """
    i = np.copysign(1, z.imag) * np.asarray(1j, z.dtype)
    within = z - np.round(z.real)
    return np.log(-np.expm1(2 * math.pi * i * within)) - math.pi * i * (z - 0.5) - math.log(2)


def _loggamma_right(z: Array) -> Array:
    total = np.zeros_like(z)
    for k in range(10):
        total = total + np.log(z + k)
    z = z + 10
    inverse, power = 1 / z, 1 / z
    series = np.zeros_like(z)
    for c in _STIRLING:
        series, power = series + c * power, power * inverse * inverse
    return (z - 0.5) * np.log(z) - z + 0.5 * math.log(2 * math.pi) + series - total


def factorial(n: ArrayLike, exact: bool = False) -> Array:
    """Elementwise factorial `gamma(n + 1)`, 0 below 0.

    Args:
        n: real array; integers become floats, which may be between integers too. inf from 35 on
            (float64: 171). Within 400 ulp.
        exact: False only: integers of Python are not computed.

    Raises:
        NotImplementedError: `exact` is true.
        TypeError: `n` is complex, or no array.

    Reference:
        DLMF 5.4.1.

    Example:
        >>> print(np.array_str(factorial(np.array([-1, 0, 5])), precision=3))
        [  0.   1. 120.]
    """
    if exact:
        raise NotImplementedError("factorial with exact=True")
    n = inexact("factorial", n)
    below = compare.lt(n, 0)
    value = el.exp(gammaln(ar.add(compare.select(below, literal(0, n), n), 1)))
    return compare.select(below, literal(0, n), value)


def poch(z: ArrayLike, m: ArrayLike) -> Array:
    """Elementwise `gamma(z + m) / gamma(z)`: `z * (z + 1) * ...` with `m` factors.

    Args:
        z: real array; integers become floats, which may be 0 and below.
        m: array that broadcasts with `z`, not only integers; 1 where it is 0. Within 300 ulp up
            to 10.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 5.2.5.

    Example:
        >>> print(f"{poch(3.0, 4.0):.2f}")  # 3 * 4 * 5 * 6
        360.00
    """
    return fusion.run(_poch, list(map(strong, promote_inexact("poch", z, m))))


def _poch(z: Any, m: Any) -> Any:
    """At two poles the reflected quotient (DLMF 5.5.3), at one the limit."""
    end, one = ar.add(z, m), literal(1, z)
    starts, ends = (logical_and(compare.le(v, 0), compare.eq(v, floor(v))) for v in (z, end))
    both = logical_and(starts, ends)
    start = compare.select(both, ar.subtract(1, end), compare.select(starts, one, z))
    value = _quotient(start, compare.select(both, ar.subtract(1, z), end), m)
    value = compare.select(logical_and(both, _odd(m)), ar.negative(value), value)
    alone = compare.gt(starts, ends)
    value = compare.select(alone, crossing(compare.select(alone, z, literal(0, z)), value), value)
    return compare.select(compare.gt(ends, starts), literal(math.inf, value), value)


def _odd(m: Any) -> Any:
    return compare.ne(ar.remainder(m, 2.0), 0.0)


def crossing(z: Any, factor: Any) -> Any:
    """`factor / gamma(z)` at a pole of gamma: 0, and its slope (DLMF 5.5.3)."""
    turn = sin(ar.multiply(ar.subtract(z, stop_gradient(z)), math.pi))
    inverse = ar.multiply(ar.divide(turn, math.pi), el.exp(gammaln(ar.subtract(1, z))))
    inverse = compare.select(_odd(z), ar.negative(inverse), inverse)
    largest = float(np.finfo(typeof(z).dtype).max)
    return ar.multiply(inverse, ar.minimum(factor, largest))


def _quotient(z: Any, end: Any, m: Any) -> Any:
    """`gamma(end) / gamma(z)`; where the parts overflow, by the logarithms.

    Those of large numbers would leave no digit of their difference: Stirling's formula, whose large
    terms are cancelled by hand (DLMF 5.11.1).
    """
    one, ten = literal(1, z), literal(10, z)
    far = logical_and(compare.ge(z, ten), compare.ge(end, ten))
    large, last, m = (compare.select(far, v, ten) for v in (z, end, m))
    size = ar.multiply(ar.subtract(large, 0.5), el.log1p(ar.divide(m, large)))
    size = ar.add(size, ar.multiply(m, ar.subtract(el.log(last), 1)))
    rest = ar.subtract(ps.stirling_rest(last), ps.stirling_rest(large))
    stirling = el.exp(ar.add(size, rest))
    stirling = compare.select(compare.eq(z, math.inf), powers.pow(large, m), stirling)
    finite = logical_and(*(compare.lt(el.abs(_gamma(v)), math.inf) for v in (end, z)))
    above, below = (_gamma(compare.select(finite, v, one)) for v in (end, z))
    end, z = (compare.select(finite, one, v) for v in (end, z))
    rest = el.exp(ar.subtract(ps.lgamma_p.bind(end), ps.lgamma_p.bind(z)))
    signed = ar.multiply(ar.multiply(_gammasgn(end), _gammasgn(z)), rest)
    return compare.select(far, stirling, compare.select(finite, ar.divide(above, below), signed))


def polygamma(n: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise derivative of order `n` of `digamma`.

    Args:
        n: orders, whole numbers of at least 0; others give NaN. No derivative by them.
        x: positive array that broadcasts with `n`. Within 4 ulp for the order 1.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 5.15.

    Example:
        >>> print(f"{polygamma(1, 1.0):.4f}", f"{np.pi**2 / 6:.4f}")
        1.6449 1.6449
    """
    return ps.polygamma(*promote_inexact("polygamma", n, x))


def zeta(x: ArrayLike, q: ArrayLike | None = None) -> Array:
    """Elementwise Hurwitz zeta function, the sum of `(k + q) ** -x` over k = 0, 1, ...

    Args:
        x: real array; inf at 1, NaN below. Differentiable by `q` only.
        q: array that broadcasts with `x`; 1 by default, for Riemann's zeta function.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 25.11.1, 25.2.1.

    Example:
        >>> print(f"{zeta(2.0):.4f}", f"{zeta(2.0, 3.0):.4f}")  # the second without 1 and 1/4
        1.6449 0.3949
    """
    return ps.zeta(*promote_inexact("zeta", x, 1.0 if q is None else q))


def multigammaln(a: ArrayLike, d: int) -> Array:
    """Elementwise logarithm of the gamma function of `d` dimensions.

    `d * (d - 1) / 4 * log(pi)` plus the sum of `gammaln(a - k / 2)` over k < `d`, as it stands in
    the density of Wishart's distribution.

    Args:
        a: real array, above `(d - 1) / 2`; that is not checked.
        d: number of dimensions, a Python integer.

    Raises:
        TypeError: `a` is complex, or no array.

    Reference:
        DLMF 35.3.

    Example:
        >>> print(f"{multigammaln(3.0, 1):.3f}", f"{multigammaln(3.0, 2):.3f}")
        0.693 1.550
    """
    a = inexact("multigammaln", a)
    total: Any = d * (d - 1) / 4 * math.log(math.pi)
    for k in range(d):
        total = ar.add(total, gammaln(ar.subtract(a, k / 2)))
    return total


def betaln(a: ArrayLike, b: ArrayLike) -> Array:
    """Elementwise logarithm of the magnitude of the beta function.

    Args:
        a: real array; integers become floats.
        b: array that broadcasts with `a`. Within 100 ulp for positive arguments up to 20; NaN where
            infinities cancel, as at poles.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 5.12.

    Example:
        >>> print(f"{betaln(100.0, 100.0):.2f}")
        -139.67
    """
    return fusion.run(ps.log_beta, _full_shape(list(promote_inexact("betaln", a, b))))


def beta(a: ArrayLike, b: ArrayLike) -> Array:
    """Elementwise beta function `gamma(a) * gamma(b) / gamma(a + b)`.

    For positive arguments it is the integral of `t**(a - 1) * (1 - t)**(b - 1)` from 0 to 1.

    Args:
        a: real array; integers become floats. Infinite at 0, NaN at negative integers.
        b: array that broadcasts with `a`. Within 600 ulp for positive arguments up to 20.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 5.12.1.

    Example:
        >>> print(f"{1 / beta(2.0, 3.0):.3f}")
        12.000
    """
    return fusion.run(_beta, _full_shape(list(map(strong, promote_inexact("beta", a, b)))))


def _beta(a: Any, b: Any) -> Any:
    sign = ar.multiply(ar.multiply(_gammasgn(a), _gammasgn(b)), _gammasgn(ar.add(a, b)))
    return ar.multiply(sign, el.exp(ps.log_beta(a, b)))


def gammainc(a: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise lower incomplete gamma function, as a part of 1.

    The integral of `t**(a - 1) * exp(-t)` from 0 to `x`, over `gamma(a)`: the distribution
    function of gamma numbers.

    Args:
        a: positive array. Differentiable, as is `x`.
        x: array that broadcasts with `a`, not negative; NaN below 0. Within 3000 ulp (float64:
            1000) up to 20.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 8.2.4.

    Example:
        >>> print(f"{gammainc(1.0, 2.0):.4f}", f"{1 - np.exp(-2.0):.4f}")
        0.8647 0.8647
    """
    return pi.igamma(*_full_shape(promote_all("gammainc", (a, x), inexact=True)))


def gammaincc(a: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise upper incomplete gamma function, as a part of 1: `1 - gammainc(a, x)`.

    Args:
        a: positive array. Differentiable, as is `x`.
        x: array that broadcasts with `a`, not negative; NaN below 0. Within 100 ulp up to 20.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 8.2.4.

    Example:
        >>> print(f"{gammaincc(1.0, 30.0):.4g}")
        9.358e-14
    """
    return pi.igammac(*_full_shape(promote_all("gammaincc", (a, x), inexact=True)))


def betainc(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise incomplete beta function, as a part of 1.

    The integral of `t**(a - 1) * (1 - t)**(b - 1)` from 0 to `x`, over `beta(a, b)`: the
    distribution function of beta numbers.

    Args:
        a: positive array.
        b: positive array.
        x: array, in [0, 1]; NaN outside. The three broadcast; there are derivatives by `x` only.
            Within 400 ulp from 0.2 to 15.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 8.17.2.

    Example:
        >>> print(f"{betainc(2.0, 2.0, 0.5):.4f}", f"{betainc(1.0, 3.0, 0.5):.4f}")
        0.5000 0.8750
    """
    return pi.betainc(*_full_shape(promote_all("betainc", (a, b, x), inexact=True)))


def _full_shape(operands: list[Any]) -> list[Any]:
    """Operands of one shape, scalars included."""
    shape = common_shape("special function", [typeof(v).shape for v in operands])
    return [lay(v, shape, ()) if typeof(v).shape != shape else v for v in operands]
