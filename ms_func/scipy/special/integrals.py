"""Functions defined by integrals: exponential, sine and cosine, Spence.

Each value is computed in pieces, every piece where it keeps the precision of the dtype; all
derivatives are closed forms, so they are as accurate as the values, at every order.
Formulas: "NIST Digital Library of Mathematical Functions" (DLMF), chapters 6, 8 and 25.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.control_flow.while_loop import fori_loop
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike, strong
from ms_func.scipy.operands import of_reals
from ms_func.scipy.special.gamma_family import digamma, gammaln

_ROOT_PI = math.sqrt(math.pi)


def smooth(value: Callable[..., Any], *partials: Callable[..., Any]) -> Callable[..., Any]:
    """`value` with the given partial derivatives, functions of the same operands."""
    rule = custom_jvp(value)
    rule.defjvps(*(_rule(p) for p in partials))
    return rule


def _rule(partial: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t, out, *operands: t * partial(*operands)


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Value of the polynomial with the given coefficients, that of 1 first."""
    total: Any = 0.0
    for c in reversed(coefficients):
        total = total * x + c
    return total


def fraction(first: Any, step: Callable[[int], tuple[Any, Any]], terms: int) -> Any:
    """Continued fraction first + a1 / (b1 + a2 / (b2 + ...)) with `terms` terms, from the end."""
    tail: Any = 0.0
    for k in range(terms, 0, -1):
        a, b = step(k)
        tail = a / (b + tail)
    return first + tail


# --- exponential integrals ------------------------------------------------------------------

_E1_SERIES = [0.0, *((-1) ** k / (k * math.factorial(k)) for k in range(1, 26))]


def _e1_value(x: Any) -> Any:
    """Series up to 2, continued fraction above (DLMF 6.6.2 and 6.9.1)."""
    small = np.where((x > 0) & (x <= 2), x, 1)
    near = -onp.euler_gamma - np.log(small) - polynomial(small, _E1_SERIES)
    large = np.where(x > 2, x, 3)
    far = np.exp(-large) / fraction(large + 1, lambda k: (-(k * k), large + 2 * k + 1), 48)
    value = np.where(x <= 2, near, np.where(x == math.inf, 0, far))
    return np.where((x < 0) | np.isnan(x), math.nan, np.where(x == 0, math.inf, value))


_e1 = smooth(_e1_value, lambda x: -np.exp(-x) / x)


@of_reals
def exp1(x: Any) -> Any:
    """Elementwise exponential integral E1(x): of exp(-t) / t from x to infinity.

    Args:
        x: real array; integers become floats. inf at 0, NaN below. Within 50 ulp up to 40.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 6.2.1.

    Example:
        >>> print(f"{exp1(1.0):.6f}", exp1(0.0), exp1(-1.0))
        0.219384 inf nan
    """
    return _e1(strong(x))


_EI_TERMS = 120
_EI_FAR = 40.0
"""Where the asymptotic series (DLMF 6.12.2) reaches double precision."""


def _ei_value(x: Any) -> Any:
    """All terms of the series are positive above 0, so that nothing cancels (DLMF 6.6.1)."""
    middle = np.where((x > 0) & (x < _EI_FAR), x, 1)

    def add(k: Any, state: Any) -> Any:
        term, total = state
        term = term * middle / k
        return term, total + term / k

    one = np.ones_like(middle)
    _, series = fori_loop(1, _EI_TERMS, add, (one, 0 * one))
    near = onp.euler_gamma + np.log(middle) + series
    large = np.where(x >= _EI_FAR, x, _EI_FAR)
    scale = [float(math.factorial(k)) for k in range(24)]
    half = np.exp(0.5 * large)  # the whole overflows before the quotient
    far = half * (half / large * polynomial(1 / large, scale))
    far = np.where(x == math.inf, math.inf, far)
    below = -_e1_value(np.where(x < 0, -x, 1))
    value = np.where(x < 0, below, np.where(x < _EI_FAR, near, far))
    return np.where(x == 0, -math.inf, np.where(np.isnan(x), x, value))


_ei = smooth(_ei_value, lambda x: np.exp(x) / x)


@of_reals
def expi(x: Any) -> Any:
    """Elementwise exponential integral Ei(x), the principal value of exp(t) / t up to x.

    Args:
        x: real array; integers become floats. -inf at 0; for negative ones `-exp1(-x)`. Within 30
            ulp of the larger of the value and 1.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 6.2.5.

    Example:
        >>> print(f"{expi(1.0):.6f}", f"{expi(-1.0):.6f}")
        1.895118 -0.219384
    """
    return _ei(strong(x))


def expn(n: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise exponential integral En(x): of exp(-x t) / t^n from 1 to infinity.

    Args:
        n: orders, integers of at least 0; there is no derivative in the order.
        x: points that broadcast with `n`; NaN below 0. Within 200 ulp.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 8.19.3.

    Example:
        >>> print(f"{expn(2, 1.0):.4f}", expn(2, 0.0), expn(1, 0.0))
        0.1485 1.0 inf
    """
    return _expn(n, x)


def _en_value(n: Any, x: Any) -> Any:
    """Upward recurrence from E1 near 0, continued fraction elsewhere (DLMF 8.19.12, 8.19.17)."""
    small = np.where((x > 0) & (x <= 2), x, 1)
    near = _en_series(n, small)
    large = np.where(x > 2, x, 3)
    bottom = fraction(large + n, lambda k: (-k * (n + k - 1), large + n + 2 * k), 64)
    value = np.where(x <= 2, near, np.where(x == math.inf, 0, np.exp(-large) / bottom))
    value = np.where(n == 0, np.exp(-x) / x, value)
    value = np.where(x == 0, np.where(n > 1, 1 / np.where(n > 1, n - 1, 1), math.inf), value)
    return np.where((x < 0) | (n < 0), math.nan, value)


def _en_series(n: Any, x: Any) -> Any:
    """(-x)^(n-1) (digamma(n) - log x) / (n-1)! less the terms k != n-1 (DLMF 8.19.8)."""
    m = np.where(n >= 1, n, 1)
    special = (-1.0) ** (m - 1) * np.exp((m - 1) * np.log(x) - gammaln(m))
    total = special * (digamma(m) - np.log(x))
    term: Any = 1.0
    for k in range(30):
        gap = k - m + 1
        total = total - np.where(gap == 0, 0, term / np.where(gap == 0, 1, gap))
        term = term * (-x) / (k + 1)
    return total


def _en_slope(n: Any, x: Any) -> Any:
    lower = _en(np.where(n >= 1, n - 1, 0), x)
    return np.where(n >= 1, -lower, -np.exp(-x) * (1 / x + 1 / (x * x)))


_en = smooth(_en_value, lambda n, x: np.zeros_like(x), _en_slope)


@of_reals
def _expn(n: Any, x: Any) -> Any:
    return _en(n + 0 * x, x + 0 * n)


# --- sine and cosine integrals ------------------------------------------------------------------

_SI = [(-1) ** k / ((2 * k + 1) * math.factorial(2 * k + 1)) for k in range(20)]
_CI = [0.0, *((-1) ** k / (2 * k * math.factorial(2 * k)) for k in range(1, 20))]


def _sici_value(x: Any) -> Any:
    """Series up to 4 (DLMF 6.6.5, 6.6.6), E1 of an imaginary argument beyond (6.5.5, 6.9.1)."""
    size = np.abs(x)
    small = np.where(size < 4, size, 1)
    square = small * small
    si, ci = small * polynomial(square, _SI), polynomial(square, _CI)
    ci = ci + onp.euler_gamma + np.log(np.where(small > 0, small, 1))
    far_si, far_ci = _sici_far(np.where(size < 4, 4, np.where(size == math.inf, 4, size)))
    far_si = np.where(size == math.inf, math.pi / 2, far_si)
    far_ci = np.where(size == math.inf, 0, far_ci)
    si = np.sign(x) * np.where(size < 4, si, far_si)
    ci = np.where(size < 4, np.where(size == 0, -math.inf, ci), far_ci)
    return si, np.where(x == -math.inf, math.nan, ci)


def _sici_far(x: Any) -> tuple[Any, Any]:
    z = x * np.asarray(1j, np.result_type(x, np.complex64))
    tail = np.exp(-z) / fraction(z + 1, lambda k: (-(k * k), z + 2 * k + 1), 64)
    return math.pi / 2 + tail.imag, -tail.real


@custom_jvp
def _sici(x: Any) -> Any:
    first, second = _sici_value(x)
    return first.astype(x.dtype), second.astype(x.dtype)


@_sici.defjvp
def _sici_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    return _sici(x), (
        t * np.where(x == 0, 1, np.sin(x) / np.where(x == 0, 1, x)),
        t * np.cos(x) / x,
    )


_sici_of_reals = of_reals(_sici)


def sici(x: ArrayLike) -> tuple[Array, Array]:
    """Elementwise sine integral, of sin(t) / t from 0 to x, and cosine integral of `x`.

    Args:
        x: real array; integers become floats. Relative error 1e-13 in double precision.

    Returns:
        Pair of arrays. The cosine integral is -inf at 0; below it is the real part, that of `-x`.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 6.2.9, 6.2.11.

    Example:
        >>> si, ci = sici(1.0)
        >>> print(f"{si:.6f} {ci:.6f}")
        0.946083 0.337404
    """
    first, second = _sici_of_reals(x)  # type: ignore[misc]
    return first, second


# --- Spence's function --------------------------------------------------------------------------


def _bernoulli_numbers(n: int) -> list[float]:
    """B0 ... Bn, exactly computed (DLMF 24.2.4 with B1 = -1/2)."""
    from fractions import Fraction

    found = [Fraction(1)]
    for m in range(1, n + 1):
        total = sum((math.comb(m + 1, k) * b for k, b in enumerate(found)), Fraction(0))
        found.append(-total / (m + 1))
    return [float(b) for b in found]


_DILOG = [b / math.factorial(k + 1) for k, b in enumerate(_bernoulli_numbers(22))]


def _dilog(u: Any) -> Any:
    """Li2(1 - exp(-u)) for small u, by Debye's series in u (DLMF 25.12.4 and 24.2.1)."""
    return u * polynomial(u, _DILOG)


def _spence_value(x: Any) -> Any:
    """Li2(1 - x), the argument brought to where |u| <= log 2 (DLMF 25.12.4, 25.12.6)."""
    low, high = x < 0.5, x > 2
    safe = np.where(low | high | ~(x > 0), 1, x)
    middle = _dilog(-np.log(safe))
    tiny = np.where(low & (x > 0), x, 0.25)
    below = math.pi**2 / 6 - np.log(tiny) * np.log1p(-tiny) - _dilog(-np.log1p(-tiny))
    large = np.where(high, x, 4)
    inverse = 1 / (1 - large)
    above = -(math.pi**2) / 6 - 0.5 * np.log(large - 1) ** 2 - _dilog(-np.log1p(-inverse))
    value = np.where(low, below, np.where(high, above, middle))
    value = np.where(x == 0, math.pi**2 / 6, np.where(x == math.inf, -math.inf, value))
    return np.where(x < 0, math.nan, np.where(np.isnan(x), x, value))


def _spence_slope(x: Any) -> Any:
    off = x - 1
    near = np.abs(off) < 1e-3  # there by a series, which has derivatives at 1
    away = np.where(near, 2, x)
    series = polynomial(np.where(near, off, 0), [(-1) ** (k + 1) / (k + 1) for k in range(7)])
    return np.where(near, series, np.log(away) / (1 - away))


_spence = smooth(_spence_value, _spence_slope)


@of_reals
def spence(x: Any) -> Any:
    """Elementwise Spence function, the dilogarithm Li2(1 - x): of log(t) / (1 - t) from 1 to x.

    Args:
        x: real array; integers become floats. NaN below 0. Within 4 ulp of the larger of the
            value and 1.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 25.12.1.

    Example:
        >>> print(f"{spence(0.0):.4f}", spence(1.0).item() == 0, f"{np.pi**2 / 6:.4f}")
        1.6449 True 1.6449
    """
    return _spence(strong(x))
