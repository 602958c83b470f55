"""Relatives of the error function: of Faddeeva, Dawson, Fresnel, Owen; scaled and as logarithms.

Computed as the functions of `integrals` are. Formulas: DLMF, chapter 7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy import fusion
from ms_func.numpy.promotion import ArrayLike, inexact, strong
from ms_func.scipy.operands import of_numbers, of_reals, real
from ms_func.scipy.special import basic
from ms_func.scipy.special.integrals import fraction, polynomial, smooth

_ROOT_PI = math.sqrt(math.pi)


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
    near = 2 * polynomial(ratio, _SERIES) / bottom**2 + (1 / _ROOT_PI) / bottom
    bottom = fraction(far_z, lambda k: (-k / 2, far_z), 24)
    return np.where(far, i / _ROOT_PI / bottom, near)


def _w_value(z: Any) -> Any:
    flip = z.imag < 0
    upper = _w_upper(np.where(flip, -z, z))
    return np.where(flip, 2 * np.exp(-z * z) - upper, upper)


_w = smooth(_w_value, lambda z: -2 * z * _w(z) + np.asarray(2j / _ROOT_PI, z.dtype))


def wofz(z: ArrayLike) -> Array:
    """Elementwise Faddeeva function w(z) = exp(-z^2) erfc(-i z), complex.

    Args:
        z: complex array; reals become complex. Relative error 1e-13 in double precision.

    Returns:
        Complex array; its real part along the real axis, convolved, is Voigt's profile.

    Raises:
        TypeError: `z` is no array.

    Reference:
        DLMF 7.2.3.

    Example:
        >>> print(f"{wofz(1j).real:.6f}", f"{wofz(2.0):.4f}")
        0.427584 0.0183+0.3400j
    """
    z = np.asarray(inexact("wofz", z))
    return _w(z.astype(np.result_type(z, np.complex64)))


# Quotients of polynomials in x up to 4, and in 1 / x^2 beyond, lowest powers first: Cody, "Rational
# Chebyshev approximations for the error function", Math. Comp. 23, 1969.
_UP_TO_4 = (
    (1.23033935479799725272e3, 2.05107837782607146532e3, 1.71204761263407058314e3,
     8.81952221241769090411e2, 2.98635138197400131132e2, 6.61191906371416294775e1,
     8.88314979438837594118, 5.64188496988670089180e-1, 2.15311535474403846343e-8),
    (1.23033935480374942043e3, 3.43936767414372163696e3, 4.36261909014324715820e3,
     3.29079923573345962678e3, 1.62138957456669018874e3, 5.37181101862009857509e2,
     1.17693950891312499305e2, 1.57449261107098347253e1, 1.0),
)  # fmt: skip
_BEYOND_4 = (
    (6.58749161529837803157e-4, 1.60837851487422766278e-2, 1.25781726111229246204e-1,
     3.60344899949804439429e-1, 3.05326634961232344035e-1, 1.63153871373020978498e-2),
    (2.33520497626869185443e-3, 6.05183413124413191178e-2, 5.27905102951428412248e-1,
     1.87295284992346725209, 2.56852019228982242072, 1.0),
)  # fmt: skip


def _scaled_tail(x: Any) -> Any:
    """exp(x^2) erfc(x) from 0.46875 on."""
    far = np.where(x > 4, x, 4)
    square = 1 / (far * far)
    beyond = (1 / _ROOT_PI - square * _quotient(_BEYOND_4, square)) / far
    return np.where(x > 4, beyond, _quotient(_UP_TO_4, np.where(x > 4, 4, x)))


def _erfcx_value(x: Any) -> Any:
    """The product where exp(x^2) is exact enough, the quotients beyond."""
    near = x < 0.46875
    held = np.where(near, x, 0)
    return np.where(
        near, np.exp(held * held) * basic.erfc(held), _scaled_tail(np.where(near, 1, x))
    )


_erfcx = smooth(_erfcx_value, lambda x: 2 * x * _erfcx(x) - 2 / _ROOT_PI)


@of_numbers
def erfcx(x: Any) -> Any:
    """Elementwise scaled complementary error function exp(x^2) erfc(x).

    Args:
        x: array; integers become floats. Where `erfc` underflows this is about
            `1 / (x sqrt(pi))`. Within 12 ulp (float64: 6) from -4 to 40. That of complex numbers is
            `wofz(1j * x)`.

    Raises:
        TypeError: `x` is no array.

    Reference:
        DLMF 7.2(i), 7.9.1.

    Example:
        >>> print(f"{erfcx(30.0):.6f}")
        0.018796
    """
    if x.dtype.kind == "c":
        return _w(x * np.asarray(1j, x.dtype))
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
    lower = np.where(low, x, -1)
    far = np.log(0.5 * _erfcx(lower * -math.sqrt(0.5))) - 0.5 * lower * lower
    near = np.where(low, 0, x)
    tail = basic.ndtr(np.where(high, -near, near))  # not -abs, whose slope at 0 is -1
    return np.where(low, far, np.where(high, np.log1p(-tail), np.log(tail)))


# --- quantiles of the normal distribution ---------------------------------------------------------

# Quotients of polynomials in 0.425^2 - (p - 1/2)^2 in the middle, and in r - 1.6 and r - 5 with
# r = sqrt(-log of the smaller tail): Wichura, "Algorithm AS 241", Applied Statistics 37, 1988.
_MIDDLE = (
    (3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
     45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727),
    (1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
     21213.794301586595867, 39307.895800092710610, 28729.085735721942674, 5226.4952788528545610),
)  # fmt: skip
_OUTSIDE = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
     3.64784832476320460504, 1.27045825245236838258, 0.241780725177450611770,
     2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 0.689767334985100004550,
     0.148103976427480074590, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)  # fmt: skip
_FAR_OUTSIDE = (
    (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
     0.296560571828504891230, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
     2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 0.599832206555887937690, 0.136929880922735805310, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
     2.04426310338993978564e-15),
)  # fmt: skip


def _ndtri_value(p: Any) -> Any:
    centre = p - 0.5
    middle = np.abs(centre) <= 0.425
    tail = np.where(centre < 0, p, 1 - p)
    inside = np.where(middle | (tail <= 0), 0.25, tail)
    r = np.sqrt(-np.log(inside))
    far = r > 5
    near = centre * _quotient(_MIDDLE, 0.180625 - np.where(middle, centre, 0) ** 2)
    out = _quotient(_OUTSIDE, np.where(far, 1, r) - 1.6)
    out = np.where(far, _quotient(_FAR_OUTSIDE, np.where(far, r, 5) - 5), out)
    out = np.where(tail > 0, out, np.where(tail == 0, math.inf, math.nan))
    return np.where(middle, near, np.where(centre < 0, -out, out))


def _quotient(coefficients: tuple[Sequence[float], Sequence[float]], x: Any) -> Any:
    above, below = coefficients
    return polynomial(x, above) / polynomial(x, below)


_ndtri = smooth(_ndtri_value, lambda p: math.sqrt(2 * math.pi) * np.exp(0.5 * np.square(_ndtri(p))))


def ndtri(p: ArrayLike) -> Array:
    """Elementwise inverse of `ndtr`: quantiles of the normal distribution.

    Args:
        p: real array; integers become floats. -inf at 0, inf at 1, NaN outside of [0, 1]. Within
            30 ulp (float64: 9) of the larger of the value and 1, down to the least numbers.

    Raises:
        TypeError: `p` is complex, or no array.

    Example:
        >>> print(f"{ndtri(0.975):.4f}", f"{ndtri(1e-30):.3f}", ndtri(0.0))
        1.9600 -11.464 -inf
    """
    return fusion.run(_ndtri, (strong(real("ndtri", inexact("ndtri", p))),))


# --- Dawson's integral and Fresnel's --------------------------------------------------------------

_STEP = 0.2
"""Step of Rybicki's sum; its error is exp(-(pi / (2 step))^2), below double precision."""
_DAWSON = [(-2.0) ** k / math.prod(range(1, 2 * k + 2, 2)) for k in range(14)]


def _dawson_value(x: Any) -> Any:
    """Series near 0; else Rybicki, "Dawson's integral and the sampling theorem", 1989."""
    size = np.abs(x)
    small = np.where(size < 0.5, x, 0)
    near = small * polynomial(small * small, _DAWSON)
    middle = np.where(size < 10, size, 10)
    start = 2 * np.round(middle / (2 * _STEP))
    total: Any = 0.0
    for k in range(-33, 34, 2):
        n = start + k
        total = total + np.exp(-((middle - n * _STEP) ** 2)) / n
    large = np.where(size < 10, 10, size)
    far = 0.5 / fraction(large, lambda k: (-k / 2, large), 24)
    beyond = np.where(size < 10, total / _ROOT_PI, far)
    return np.where(size < 0.5, near, np.sign(x) * beyond)


_dawson = smooth(_dawson_value, lambda x: 1 - 2 * x * _dawson(x))


@of_reals
def dawsn(x: Any) -> Any:
    """Elementwise Dawson integral exp(-x^2) times that of exp(t^2) from 0 to x.

    Args:
        x: real array; integers become floats. Odd; its derivative is `1 - 2 x dawsn(x)`. Within 6
            ulp.

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 7.2.5.

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
    s, c = small**3 * polynomial(quartic, _FRESNEL_S), small * polynomial(quartic, _FRESNEL_C)
    at_end = size > 1 / np.finfo(x.dtype).eps  # the rest counts no more, nor is the angle known
    large = np.where((size < 1.5) | at_end, 1.5, size)
    dtype = np.result_type(x, np.complex64)
    z = (_ROOT_PI / 2) * large * np.asarray(1 + 1j, dtype)
    turns = np.remainder(large * large, 4) * (math.pi / 2)
    wave = np.cos(turns) + np.asarray(1j, dtype) * np.sin(turns)
    far = np.asarray((1 + 1j) / 2, dtype) * (1 - wave * _w_upper(z))
    far_s, far_c = (np.where(at_end, 0.5, v) for v in (far.imag, far.real))
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


_fresnel_of_reals = of_reals(_fresnel)


def fresnel(x: ArrayLike) -> tuple[Array, Array]:
    """Elementwise Fresnel integrals of sin and of cos of pi t^2 / 2 from 0 to x.

    Args:
        x: real array; integers become floats. Odd; both tend to 1/2. Relative error 1e-13 in
            double precision.

    Returns:
        Pair of arrays: S(x) and C(x).

    Raises:
        TypeError: `x` is complex, or no array.

    Reference:
        DLMF 7.2.7, 7.2.8.

    Example:
        >>> s, c = fresnel(1.0)
        >>> print(f"{s:.6f} {c:.6f}")
        0.438259 0.779893
    """
    first, second = _fresnel_of_reals(x)  # type: ignore[misc]
    return first, second


# --- Owen's T --------------------------------------------------------------

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


_owens = smooth(_owens_value, _owens_dh, _owens_da)


@of_reals
def owens_t(h: Any, a: Any) -> Any:
    """Elementwise Owen's T function: of exp(-h^2 (1 + x^2) / 2) / (2 pi (1 + x^2)) from 0 to a.

    The probability that a standard normal X exceeds `h` while 0 < Y < a X, for another such Y.

    Args:
        h: real array; integers become floats. Even in `h`.
        a: array that broadcasts with `h`; odd in `a`. Within 30 ulp from -4 to 4.

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        Owen, "Tables for computing bivariate normal probabilities", 1956.

    Example:
        >>> print(f"{owens_t(0.0, 1.0):.6f}", f"{owens_t(1.0, np.inf):.6f}")
        0.125000 0.079328
    """
    return _owens(*np.broadcast_arrays(h, a))
