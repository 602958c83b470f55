"""Functions defined by integrals: exponential, sine, Fresnel, Dawson, Faddeeva, Owen, Spence.

Each value is computed in pieces, every piece where it keeps the precision of the dtype; all
derivatives are closed forms, so they are as accurate as the values, at every order.
Formulas: "NIST Digital Library of Mathematical Functions" (DLMF), chapters 6, 7 and 25.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.control_flow.while_loop import fori_loop
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import fusion
from ms_func.numpy.promotion import ArrayLike, inexact, strong
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.special import basic

_ROOT_PI = math.sqrt(math.pi)


def _smooth(value: Callable[..., Any], *partials: Callable[..., Any]) -> Callable[..., Any]:
    """`value` with the given partial derivatives, functions of the same operands."""
    rule = custom_jvp(value)
    rule.defjvps(*(_rule(p) for p in partials))
    return rule


def _rule(partial: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t, out, *operands: t * partial(*operands)


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Value of the polynomial with the given coefficients, that of 1 first."""
    total: Any = 0.0
    for c in reversed(coefficients):
        total = total * x + c
    return total


def _fraction(first: Any, step: Callable[[int], tuple[Any, Any]], terms: int) -> Any:
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
    near = -onp.euler_gamma - np.log(small) - _polynomial(small, _E1_SERIES)
    large = np.where(x > 2, x, 3)
    far = np.exp(-large) / _fraction(large + 1, lambda k: (-(k * k), large + 2 * k + 1), 48)
    value = np.where(x <= 2, near, np.where(x == math.inf, 0, far))
    return np.where((x < 0) | np.isnan(x), math.nan, np.where(x == 0, math.inf, value))


_e1 = _smooth(_e1_value, lambda x: -np.exp(-x) / x)


@of_numbers
def exp1(x: Any) -> Any:
    """Elementwise exponential integral E1(x): of exp(-t) / t from x to infinity.

    inf at 0, NaN below.

    Example:
        >>> print(f"{exp1(1.0):.6f}")
        0.219384
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
    far = np.exp(large) / large * _polynomial(1 / large, scale)
    far = np.where(x == math.inf, math.inf, far)
    below = -_e1_value(np.where(x < 0, -x, 1))
    value = np.where(x < 0, below, np.where(x < _EI_FAR, near, far))
    return np.where(x == 0, -math.inf, np.where(np.isnan(x), x, value))


_ei = _smooth(_ei_value, lambda x: np.exp(x) / x)


@of_numbers
def expi(x: Any) -> Any:
    """Elementwise exponential integral Ei(x), the principal value of exp(t) / t up to x.

    Example:
        >>> print(f"{expi(1.0):.6f}")
        1.895118
    """
    return _ei(strong(x))


def expn(n: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise exponential integral En(x): of exp(-x t) / t^n from 1 to infinity.

    Args:
        n: orders, integers of at least 0; there is no derivative in the order.
        x: points; NaN below 0.

    Raises:
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{expn(2, 1.0):.4f}")
        0.1485
    """
    return _en_of_numbers(n, x)


def _en_value(n: Any, x: Any) -> Any:
    """Upward recurrence from E1 near 0, continued fraction elsewhere (DLMF 8.19.12, 8.19.17)."""
    small = np.where((x > 0) & (x <= 2), x, 1)
    near = _en_series(n, small)
    large = np.where(x > 2, x, 3)
    bottom = _fraction(large + n, lambda k: (-k * (n + k - 1), large + n + 2 * k), 64)
    value = np.where(x <= 2, near, np.where(x == math.inf, 0, np.exp(-large) / bottom))
    value = np.where(n == 0, np.exp(-x) / x, value)
    value = np.where(x == 0, np.where(n > 1, 1 / np.where(n > 1, n - 1, 1), math.inf), value)
    return np.where((x < 0) | (n < 0), math.nan, value)


def _en_series(n: Any, x: Any) -> Any:
    """(-x)^(n-1) (digamma(n) - log x) / (n-1)! less the terms k != n-1 (DLMF 8.19.8)."""
    m = np.where(n >= 1, n, 1)
    special = (-1.0) ** (m - 1) * np.exp((m - 1) * np.log(x) - basic.gammaln(m))
    total = special * (basic.digamma(m) - np.log(x))
    term: Any = 1.0
    for k in range(30):
        gap = k - m + 1
        total = total - np.where(gap == 0, 0, term / np.where(gap == 0, 1, gap))
        term = term * (-x) / (k + 1)
    return total


def _en_slope(n: Any, x: Any) -> Any:
    lower = _en(np.where(n >= 1, n - 1, 0), x)
    return np.where(n >= 1, -lower, -np.exp(-x) * (1 / x + 1 / (x * x)))


_en = _smooth(_en_value, lambda n, x: np.zeros_like(x), _en_slope)
_en_of_numbers = of_numbers(lambda n, x: _en(n + 0 * x, x + 0 * n))


# --- sine and cosine integrals ------------------------------------------------------------------

_SI = [(-1) ** k / ((2 * k + 1) * math.factorial(2 * k + 1)) for k in range(20)]
_CI = [0.0, *((-1) ** k / (2 * k * math.factorial(2 * k)) for k in range(1, 20))]


def _sici_value(x: Any) -> Any:
    """Series up to 4 (DLMF 6.6.5, 6.6.6), E1 of an imaginary argument beyond (6.5.5, 6.9.1)."""
    size = np.abs(x)
    small = np.where(size < 4, size, 1)
    square = small * small
    si, ci = small * _polynomial(square, _SI), _polynomial(square, _CI)
    ci = ci + onp.euler_gamma + np.log(np.where(small > 0, small, 1))
    far_si, far_ci = _sici_far(np.where(size < 4, 4, np.where(size == math.inf, 4, size)))
    far_si = np.where(size == math.inf, math.pi / 2, far_si)
    far_ci = np.where(size == math.inf, 0, far_ci)
    si = np.sign(x) * np.where(size < 4, si, far_si)
    ci = np.where(size < 4, np.where(size == 0, -math.inf, ci), far_ci)
    return si, np.where(x < 0, math.nan, ci)


def _sici_far(x: Any) -> tuple[Any, Any]:
    z = x * np.asarray(1j, np.result_type(x, np.complex64))
    tail = np.exp(-z) / _fraction(z + 1, lambda k: (-(k * k), z + 2 * k + 1), 64)
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


_sici_of_numbers = of_numbers(_sici)


def sici(x: ArrayLike) -> tuple[Array, Array]:
    """Elementwise sine integral, of sin(t) / t from 0 to x, and cosine integral of `x`.

    The cosine integral is -inf at 0 and NaN below.

    Example:
        >>> si, ci = sici(1.0)
        >>> print(f"{si:.6f} {ci:.6f}")
        0.946083 0.337404
    """
    first, second = _sici_of_numbers(x)  # type: ignore[misc]
    return first, second


# --- error functions off the real axis ---------------------------------------------------------


def _weideman(n: int) -> tuple[float, list[float]]:
    """Width and coefficients of the rational series for w(z).

    Weideman, "Computation of the complex error function", SIAM J. Numer. Anal. 31, 1994.
    """
    m = 2 * n
    width = math.sqrt(n / math.sqrt(2))
    k = onp.arange(-m + 1, m)
    t = width * onp.tan(k * math.pi / (2 * m))
    f = onp.concatenate([[0.0], onp.exp(-t * t) * (width**2 + t * t)])
    series = onp.real(onp.fft.fft(onp.fft.fftshift(f)))[1 : n + 1] / (2 * m)
    return width, series.tolist()


_WIDTH, _SERIES = _weideman(64)


def _w_upper(z: Any) -> Any:
    """Faddeeva function for Im z >= 0: a series of 64 terms, the fraction (DLMF 7.9.3) far out."""
    far = np.abs(z) > 12
    near_z, far_z = np.where(far, 1j, z), np.where(far, z, 12j)
    i = np.asarray(1j, z.dtype)
    bottom = _WIDTH - i * near_z
    ratio = (_WIDTH + i * near_z) / bottom
    near = 2 * _polynomial(ratio, _SERIES) / bottom**2 + (1 / _ROOT_PI) / bottom
    fraction = _fraction(far_z, lambda k: (-k / 2, far_z), 24)
    return np.where(far, i / _ROOT_PI / fraction, near)


def _w_value(z: Any) -> Any:
    flip = z.imag < 0
    upper = _w_upper(np.where(flip, -z, z))
    return np.where(flip, 2 * np.exp(-z * z) - upper, upper)


_w = _smooth(_w_value, lambda z: -2 * z * _w(z) + np.asarray(2j / _ROOT_PI, z.dtype))


def wofz(z: ArrayLike) -> Array:
    """Elementwise Faddeeva function w(z) = exp(-z^2) erfc(-i z), complex.

    Example:
        >>> print(f"{wofz(1j).real:.6f}")
        0.427584
    """
    z = np.asarray(inexact("wofz", z))
    return _w(z.astype(np.result_type(z, np.complex64)))


def _erfcx_value(x: Any) -> Any:
    """The product where exp(x^2) is exact enough, the continued fraction (DLMF 7.9.1) beyond."""
    near = np.exp(np.where(x < 3, x * x, 0)) * basic.erfc(np.where(x < 3, x, 1))
    large = np.where(x >= 3, x, 3)
    far = 1 / _ROOT_PI / _fraction(large, lambda k: (k / 2, large), 40)
    return np.where(x < 3, near, np.where(np.isnan(x), x, far))


_erfcx = _smooth(_erfcx_value, lambda x: 2 * x * _erfcx(x) - 2 / _ROOT_PI)


@of_numbers
def erfcx(x: Any) -> Any:
    """Elementwise scaled complementary error function exp(x^2) erfc(x).

    Example:
        >>> print(f"{erfcx(30.0):.6f}")
        0.018796
    """
    return _erfcx(strong(x))


def log_ndtr(x: ArrayLike, series_order: int = 5) -> Array:
    """Elementwise logarithm of the normal distribution function, accurate in both tails.

    Args:
        x: real numbers.
        series_order: from 0 to 30, taken for compatibility: the scaled complementary error
            function takes the place of a series.

    Raises:
        TypeError: `series_order` is no integer.
        ValueError: it is out of range.

    Example:
        >>> print(f"{log_ndtr(-40.0):.2f}")
        -804.61
    """
    if not isinstance(series_order, int):
        raise ArgumentTypeError(f"log_ndtr: series_order must be an integer, got {series_order!r}")
    if not 0 <= series_order <= 30:
        raise ArgumentValueError(f"log_ndtr: series_order must be from 0 to 30, got {series_order}")
    return fusion.run(_log_ndtr, (strong(inexact("log_ndtr", x)),))


def _log_ndtr(x: Any) -> Any:
    """log(erfcx(-x / sqrt 2) / 2) - x^2 / 2 below -1; above 0 by the other tail."""
    x = np.asarray(x)
    low, high = x < -1, x > 0
    lower, upper = np.where(low, x, -1), np.where(high, x, 1)
    far = np.log(0.5 * _erfcx(lower * -math.sqrt(0.5))) - 0.5 * lower * lower
    near = np.log(basic.ndtr(np.where(low | high, 0, x)))
    return np.where(low, far, np.where(high, np.log1p(-basic.ndtr(-upper)), near))


_STEP = 0.2
"""Step of Rybicki's sum; its error is exp(-(pi / (2 step))^2), below double precision."""
_DAWSON = [(-2.0) ** k / math.prod(range(1, 2 * k + 2, 2)) for k in range(14)]


def _dawson_value(x: Any) -> Any:
    """Series near 0; else Rybicki, "Dawson's integral and the sampling theorem", 1989."""
    size = np.abs(x)
    small = np.where(size < 0.5, x, 0)
    near = small * _polynomial(small * small, _DAWSON)
    middle = np.where(size < 10, size, 10)
    start = 2 * np.round(middle / (2 * _STEP))
    total: Any = 0.0
    for k in range(-33, 34, 2):
        n = start + k
        total = total + np.exp(-((middle - n * _STEP) ** 2)) / n
    large = np.where(size < 10, 10, size)
    far = 0.5 / _fraction(large, lambda k: (-k / 2, large), 24)
    beyond = np.where(size < 10, total / _ROOT_PI, far)
    return np.where(size < 0.5, near, np.sign(x) * beyond)


_dawson = _smooth(_dawson_value, lambda x: 1 - 2 * x * _dawson(x))


@of_numbers
def dawsn(x: Any) -> Any:
    """Elementwise Dawson integral exp(-x^2) times that of exp(t^2) from 0 to x.

    Example:
        >>> print(f"{dawsn(1.0):.6f}")
        0.538080
    """
    return _dawson(strong(x))


_FRESNEL_S = [
    (-1) ** k * (math.pi / 2) ** (2 * k + 1) / (math.factorial(2 * k + 1) * (4 * k + 3))
    for k in range(18)
]
_FRESNEL_C = [
    (-1) ** k * (math.pi / 2) ** (2 * k) / (math.factorial(2 * k) * (4 * k + 1)) for k in range(18)
]


def _fresnel_value(x: Any) -> Any:
    """Series up to 1.5 (DLMF 7.6.4, 7.6.6), the Faddeeva function beyond (7.5.8)."""
    size = np.abs(x)
    small = np.where(size < 1.5, size, 0)
    quartic = small**4
    s, c = small**3 * _polynomial(quartic, _FRESNEL_S), small * _polynomial(quartic, _FRESNEL_C)
    large = np.where((size < 1.5) | (size == math.inf), 1.5, size)
    dtype = np.result_type(x, np.complex64)
    z = (_ROOT_PI / 2) * large * np.asarray(1 + 1j, dtype)
    turns = np.remainder(large * large, 4) * (math.pi / 2)
    wave = np.cos(turns) + np.asarray(1j, dtype) * np.sin(turns)
    far = np.asarray((1 + 1j) / 2, dtype) * (1 - wave * _w_upper(z))
    far_s, far_c = (np.where(size == math.inf, 0.5, v) for v in (far.imag, far.real))
    sign = np.sign(x)
    return sign * np.where(size < 1.5, s, far_s), sign * np.where(size < 1.5, c, far_c)


@custom_jvp
def _fresnel(x: Any) -> Any:
    first, second = _fresnel_value(x)
    return first.astype(x.dtype), second.astype(x.dtype)


@_fresnel.defjvp
def _fresnel_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (t,) = primals, tangents
    angle = math.pi / 2 * x * x
    return _fresnel(x), (t * np.sin(angle), t * np.cos(angle))


_fresnel_of_numbers = of_numbers(_fresnel)


def fresnel(x: ArrayLike) -> tuple[Array, Array]:
    """Elementwise Fresnel integrals of sin and of cos of pi t^2 / 2 from 0 to x.

    Example:
        >>> s, c = fresnel(1.0)
        >>> print(f"{s:.6f} {c:.6f}")
        0.438259 0.779893
    """
    first, second = _fresnel_of_numbers(x)  # type: ignore[misc]
    return first, second


# --- Owen's T, Spence's function --------------------------------------------------------------

_NODES, _WEIGHTS = onp.polynomial.legendre.leggauss(40)


def _owens_inside(h: Any, a: Any) -> Any:
    """For 0 <= a <= 1, by Gauss's rule on [0, a]; the integrand is entire and even there."""
    total: Any = 0.0
    for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
        square = (a * (node + 1) / 2) ** 2
        total = total + weight * np.exp(-0.5 * h * h * (1 + square)) / (1 + square)
    return total * a / (4 * math.pi)


def _owens_value(h: Any, a: Any) -> Any:
    """Above a = 1 by T(h, a) + T(a h, 1/a) = Q(h)/2 + Q(a h)/2 - Q(h) Q(a h), h >= 0."""
    h, size = np.abs(h), np.abs(a)
    big = size > 1
    inverse = 1 / np.where(big, size, 1)
    inside = _owens_inside(
        np.where(big, h * np.where(big, size, 1), h), np.where(big, inverse, size)
    )
    q, r = basic.ndtr(-h), basic.ndtr(-np.where(big, h * np.where(big, size, 1), 0))
    value = np.where(big, 0.5 * (q + r) - q * r - inside, inside)
    value = np.where(size == math.inf, 0.5 * q, value)
    return np.sign(a) * value


def _owens_dh(h: Any, a: Any) -> Any:
    half = -0.5 * h * h
    return -np.exp(half) / math.sqrt(8 * math.pi) * basic.erf(a * h / math.sqrt(2))


def _owens_da(h: Any, a: Any) -> Any:
    square = 1 + a * a
    return np.exp(-0.5 * h * h * square) / (2 * math.pi * square)


_owens = _smooth(_owens_value, _owens_dh, _owens_da)


@of_numbers
def owens_t(h: Any, a: Any) -> Any:
    """Elementwise Owen's T function: of exp(-h^2 (1 + x^2) / 2) / (2 pi (1 + x^2)) from 0 to a.

    Source: Owen, "Tables for computing bivariate normal probabilities", 1956.

    Example:
        >>> print(f"{owens_t(0.0, 1.0):.6f}")
        0.125000
    """
    return _owens(h + 0 * a, a + 0 * h)


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
    return u * _polynomial(u, _DILOG)


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
    at_one = x == 1
    away = np.where(at_one, 2, x)
    return np.where(at_one, -1, np.log(away) / (1 - away))


_spence = _smooth(_spence_value, _spence_slope)


@of_numbers
def spence(x: Any) -> Any:
    """Elementwise Spence function, the dilogarithm Li2(1 - x); NaN below 0.

    Example:
        >>> print(f"{spence(0.0):.6f}")
        1.644934
    """
    return _spence(strong(x))
