"""Polynomials as vectors of coefficients, highest power first."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, joining, manipulation, reductions
from ms_func.numpy.creation import asarray
from ms_func.numpy.diagonals import eye, vander
from ms_func.numpy.factors import eigvals
from ms_func.numpy.filled import ones, zeros
from ms_func.numpy.intervals import arange
from ms_func.numpy.padding import pad
from ms_func.numpy.products import convolve, matmul, outer
from ms_func.numpy.promotion import ArrayLike, convert, fill, inexact, promote_dtype
from ms_func.numpy.repeating import trim_zeros
from ms_func.numpy.searching import concrete
from ms_func.numpy.systems import inv, lstsq


@fusion.whole(2)
def polyval(p: ArrayLike, x: ArrayLike, *, unroll: int = 16) -> Array:
    """Value of a polynomial, by Horner's rule.

    Args:
        p: coefficients, highest power first; `[n]`, or `[n, ...]` for a polynomial in each place.
        x: where, of any shape.
        unroll: accepted for compatibility; the rule is always written out.

    Returns:
        Array of the shape of `x`, in the dtype that the two promote to. 0 without coefficients.

    Raises:
        TypeError: an operand is a list or holds no numbers.

    Example:
        >>> np.polyval(np.array([2, 0, 1]), np.array([0, 1, 3]))
        Array([ 1,  3, 19], dtype=int32)
    """
    p, x = promote_dtype("polyval", p, x)
    p = asarray(p)
    out: Any = fill(0, typeof(x))
    for i in range(p.shape[0]):
        out = ar.add(ar.multiply(out, x), p[i])
    return out


@fusion.whole(2)
def polyadd(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Sum of two polynomials.

    Args:
        a1: coefficients, highest power first.
        a2: coefficients; the two promote to one dtype, the shorter one gets zeros in front.

    Returns:
        Coefficients, as many as the longer one has.

    Raises:
        TypeError: an operand is a list or holds no numbers.

    Example:
        >>> np.polyadd(np.array([1, 2]), np.array([3, 0, 5]))
        Array([3, 1, 7], dtype=int32)
    """
    return ar.add(*_aligned("polyadd", a1, a2))


def _aligned(name: str, *coefficients: Any) -> list[Any]:
    """Coefficients in one dtype and number, zeros in front of the shorter ones.

    Raises:
        TypeError: a number stands for a polynomial.
    """
    vectors = [asarray(v) for v in promote_dtype(name, *coefficients)]
    if any(not v.ndim for v in vectors):
        raise ArgumentTypeError(f"{name} takes vectors of coefficients, got a number")
    n = max(v.shape[0] for v in vectors)
    return [pad(v, ((n - v.shape[0], 0), *[(0, 0)] * (v.ndim - 1))) for v in vectors]


@fusion.whole(2)
def polysub(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Difference of two polynomials.

    Args:
        a1: coefficients, highest power first.
        a2: coefficients; the two promote to one dtype, the shorter one gets zeros in front.

    Returns:
        Coefficients, as many as the longer one has.

    Raises:
        TypeError: an operand is a list or holds no numbers.

    Example:
        >>> np.polysub(np.array([1, 2]), np.array([3, 0, 5]))
        Array([-3,  1, -3], dtype=int32)
    """
    return ar.subtract(*_aligned("polysub", a1, a2))


def polymul(a1: ArrayLike, a2: ArrayLike, *, trim_leading_zeros: bool = False) -> Array:
    """Product of two polynomials.

    Args:
        a1: coefficients, highest power first; integers become floats.
        a2: coefficients; the two promote to one floating dtype.
        trim_leading_zeros: leave out zeros in front of both first; their places must be known.

    Returns:
        Coefficients, one fewer than both have together.

    Raises:
        ConcretizationTypeError: zeros of a traced polynomial are to be left out.
        TypeError: an operand is a list or holds no numbers.

    Example:
        >>> np.polymul(np.array([1, 2]), np.array([1, -2]))
        Array([ 1.,  0., -4.], dtype=float32)
    """
    if trim_leading_zeros and (np.size(a1) > 1 or np.size(a2) > 1):
        a1, a2 = trim_zeros(a1, "f"), trim_zeros(a2, "f")
    a, b = (inexact("polymul", v) for v in promote_dtype("polymul", a1, a2))
    a, b = (v if typeof(v).size else zeros((1,), typeof(v).dtype) for v in (a, b))
    return convolve(a, b)


def polydiv(u: ArrayLike, v: ArrayLike, *, trim_leading_zeros: bool = False) -> tuple[Array, Array]:
    """Quotient and remainder of two polynomials, by long division.

    Args:
        u: coefficients of what is divided, highest power first; integers become floats.
        v: coefficients of the divisor, the first of them not zero.
        trim_leading_zeros: leave out zeros in front of the remainder; their places must be known.

    Returns:
        Coefficients of the quotient, and of the remainder; as many as `u` has where nothing is left
        out.

    Raises:
        ConcretizationTypeError: zeros of a traced remainder are to be left out.

    Example:
        >>> np.polydiv(np.array([1.0, 0.0, -3.0]), np.array([1.0, 2.0]))
        (Array([ 1., -2.], dtype=float32), Array([0., 0., 1.], dtype=float32))
    """
    u, v = (asarray(inexact("polydiv", x)) for x in promote_dtype("polydiv", u, v))
    m, n = u.shape[0] - 1, v.shape[0] - 1
    scale = ar.divide(1.0, v[0])
    quotient = zeros((max(m - n + 1, 1),), u.dtype)
    for k in range(m - n + 1):
        d = ar.multiply(scale, u[k])  # pyright: ignore[reportIndexIssue]
        quotient = quotient.at[k].set(d)
        u = u.at[k : k + n + 1].add(ar.negative(ar.multiply(d, v)))  # pyright: ignore[reportAttributeAccessIssue]
    left = trim_zeros(u, "f") if trim_leading_zeros else u
    return quotient, left  # pyright: ignore[reportReturnType]


@fusion.whole(1)
def polyder(p: ArrayLike, m: int = 1) -> Array:
    """Derivative of a polynomial.

    Args:
        p: coefficients, highest power first; integers become floats.
        m: order of the derivative.

    Returns:
        Coefficients, `m` fewer; none is left beyond the degree.

    Raises:
        ValueError: `m` is negative.

    Example:
        >>> np.polyder(np.array([1, 2, 3, 4])), np.polyder(np.array([1, 2, 3, 4]), 2)
        (Array([3., 4., 3.], dtype=float32), Array([6., 4.], dtype=float32))
    """
    m = operator.index(m)
    if m < 0:
        raise ArgumentValueError("Order of derivative must be positive")
    p = asarray(inexact("polyder", p))
    for _ in range(m):
        n = p.shape[0]
        p = ar.multiply(p[: n - 1], convert(arange(n - 1, 0, -1), p.dtype))
    return p


@fusion.whole(1)
def polyint(p: ArrayLike, m: int = 1, k: Any = None) -> Array:
    """Integral of a polynomial.

    Args:
        p: coefficients, highest power first; integers become floats.
        m: order of the integral.
        k: constants, the first for the first integral: a number, or `m` of them. 0 by default.

    Returns:
        Coefficients, `m` more.

    Raises:
        ValueError: `m` is negative, or there are not `m` constants.

    Example:
        >>> np.polyint(np.array([3, 2, 1])), np.polyint(np.array([6]), 2, k=np.array([1, 5]))
        (Array([1., 1., 1., 0.], dtype=float32), Array([3., 1., 5.], dtype=float32))
    """
    m = operator.index(m)
    if m < 0:
        raise ArgumentValueError("Order of integral must be positive")
    p = asarray(inexact("polyint", p))
    constants = (
        zeros((m,), p.dtype)
        if k is None
        else manipulation.atleast_1d(promote_dtype("polyint", p, k)[1])
    )
    if m > 1 and constants.shape[0] == 1:
        constants = manipulation.broadcast_to(constants, (m,))
    if constants.shape[0] != m:
        raise ArgumentValueError("k must be a scalar or a rank-1 array of length 1 or m.")
    for i in range(m):
        n = p.shape[0]
        powers = convert(arange(n, 0, -1), p.dtype)
        p = joining.concatenate([ar.divide(p, powers), convert(constants[i : i + 1], p.dtype)])
    return p


@fusion.whole(1)
def poly(seq_of_zeros: ArrayLike) -> Array:
    """Coefficients of the polynomial with the given zeros, or the characteristic one of a matrix.

    Args:
        seq_of_zeros: zeros `[n]`, or a matrix `[n, n]`, whose eigenvalues they are; integers become
            floats.

    Returns:
        Coefficients `[n + 1]`, highest power first, the first of them 1; complex for a matrix.

    Raises:
        ValueError: the argument is neither a vector nor a square matrix.

    Example:
        >>> np.poly(np.array([1.0, -2.0]))
        Array([ 1.,  1., -2.], dtype=float32)
    """
    roots = manipulation.atleast_1d(inexact("poly", seq_of_zeros))
    if roots.ndim == 2 and roots.shape[0] == roots.shape[1]:
        roots = eigvals(roots)
    if roots.ndim != 1:
        raise ArgumentValueError("input must be 1d or non-empty square 2d array.")
    out = ones((1,), roots.dtype)
    for i in range(roots.shape[0]):
        out = convolve(out, joining.concatenate([ones((1,), roots.dtype),
                                                      ar.negative(roots[i : i + 1])]))  # fmt: skip
    return out


def roots(p: ArrayLike, *, strip_zeros: bool = True) -> Array:
    """Zeros of a polynomial, as eigenvalues of its companion matrix.

    Args:
        p: coefficients, highest power first; integers become floats.
        strip_zeros: leave out zeros at both ends first, whose places must be known. Without it the
            first coefficient must not be 0.

    Returns:
        Complex numbers, as many as the degree; their order is that of the eigenvalues.

    Raises:
        ConcretizationTypeError: `p` is traced and `strip_zeros` is set.
        ValueError: `p` is no vector.

    Example:
        >>> np.sort(np.roots(np.array([1.0, -3.0, 2.0])).real).round(4)
        Array([1., 2.], dtype=float32)
        >>> np.roots(np.array([0.0, 1.0, 0.0]))
        Array([0.+0.j], dtype=complex64)
    """
    c: Any = manipulation.atleast_1d(inexact("roots", p))
    if c.ndim != 1:
        raise ArgumentValueError("Input must be a rank-1 array.")
    trailing = 0
    if strip_zeros:
        value = concrete("roots with strip_zeros", c, "pass strip_zeros=False")
        (places,) = np.nonzero(value)
        if not places.size:
            return zeros((0,), np.result_type(value.dtype, np.complex64))
        trailing = len(value) - 1 - int(places[-1])
        c = c[int(places[0]) : int(places[-1]) + 1]
    n = c.shape[0] - 1
    kind = np.result_type(c.dtype, np.complex64)
    if n < 1:
        return zeros((trailing,), kind)
    companion = eye(n, k=-1, dtype=c.dtype).at[0].set(ar.negative(ar.divide(c[1:], c[0])))
    found = eigvals(companion)
    return joining.concatenate([found, zeros((trailing,), found.dtype)])


@fusion.whole(2, "w")
def polyfit(
    x: ArrayLike, y: ArrayLike, deg: int, rcond: float | None = None, full: bool = False,
    w: ArrayLike | None = None, cov: bool | str = False,
) -> Any:  # fmt: skip
    """Coefficients of the polynomial that fits points best, by least squares.

    Args:
        x: places `[n]`.
        y: values `[n]`, or `[n, k]` for k fits at once; the two promote to one floating dtype.
        deg: degree.
        rcond: part of the largest singular value below which others count as 0; `n` times the
            precision of the dtype by default.
        full: also return residuals, rank, singular values and `rcond`.
        w: weight `[n]` of each distance, before it is squared.
        cov: also return the covariance of the coefficients, unscaled for "unscaled".

    Returns:
        Coefficients `[deg + 1]` or `[deg + 1, k]`, highest power first; a tuple that begins with
        them if more is asked for.

    Raises:
        TypeError: the shapes do not fit.
        ValueError: there are too few points for a covariance.

    Example:
        >>> np.polyfit(np.array([0, 1, 2, 3]), np.array([1, 3, 5, 7]), 1).round(3)
        Array([2., 1.], dtype=float32)
    """
    x, y = (inexact("polyfit", v) for v in promote_dtype("polyfit", x, y))
    order = operator.index(deg) + 1
    if order < 1:
        raise ArgumentValueError(f"expected deg >= 0, got {deg}")
    if (
        typeof(x).ndim != 1
        or typeof(y).ndim not in (1, 2)
        or typeof(x).shape[0] != typeof(y).shape[0]
    ):
        raise ArgumentTypeError(
            "expected a vector x and y of one or two dimensions of the same length"
        )
    if rcond is None:
        rcond = typeof(x).shape[0] * float(np.finfo(typeof(x).dtype).eps)
    left, right = vander(x, order), asarray(y)
    if w is not None:
        weights: Any = inexact("polyfit", w)
        column = manipulation.reshape(weights, (-1, 1))
        left = ar.multiply(left, column)
        right = ar.multiply(right, weights if right.ndim == 1 else column)
    scale = el.sqrt(reductions.sum(ar.square(left), 0))
    left = ar.divide(left, scale)
    c, residuals, rank, s = lstsq(left, right, rcond)
    c = ar.divide(c, scale if c.ndim == 1 else manipulation.reshape(scale, (-1, 1)))
    if full:
        return c, residuals, rank, s, rcond
    if not cov:
        return c
    return c, _covariance(left, scale, None if cov == "unscaled" else residuals)


def _covariance(left: Any, scale: Any, residuals: Any) -> Any:
    """Covariance of the coefficients of a fit, scaled by the mean residual if it is given."""
    base = ar.divide(inv(matmul(manipulation.transpose(left), left)), outer(scale, scale))
    if residuals is None:
        return base
    points, order = left.shape
    if points <= order:
        raise ArgumentValueError(
            "the number of data points must exceed order to scale the covariance matrix"
        )
    return ar.multiply(base, ar.divide(residuals, points - order))
