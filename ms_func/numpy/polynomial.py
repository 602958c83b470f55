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
from ms_func.numpy.promotion import ArrayLike, convert, inexact, operand, promote_dtype
from ms_func.numpy.repeating import trim_zeros
from ms_func.numpy.searching import concrete
from ms_func.numpy.systems import inv, lstsq


@fusion.whole(2)
def polyval(p: ArrayLike, x: ArrayLike, *, unroll: int = 16) -> Array:
    """Value of a polynomial at `x`, by Horner's rule."""
    p, x = promote_dtype("polyval", p, x)
    p = asarray(p)
    out: Any = ar.multiply(x, 0)
    for i in range(p.shape[0]):
        out = ar.add(ar.multiply(out, x), p[i])
    return out


@fusion.whole(2)
def polyadd(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Sum of two polynomials."""
    a, b = (asarray(v) for v in promote_dtype("polyadd", a1, a2))
    n = max(a.shape[0], b.shape[0])
    a, b = (pad(v, ((n - v.shape[0], 0), *[(0, 0)] * (v.ndim - 1))) for v in (a, b))
    return ar.add(a, b)


@fusion.whole(2)
def polysub(a1: ArrayLike, a2: ArrayLike) -> Array:
    """Difference of two polynomials."""
    return polyadd(a1, ar.negative(a2))


def polymul(a1: ArrayLike, a2: ArrayLike, *, trim_leading_zeros: bool = False) -> Array:
    """Product of two polynomials; zeros in front are kept unless asked otherwise."""
    if trim_leading_zeros and (np.size(a1) > 1 or np.size(a2) > 1):
        a1, a2 = trim_zeros(a1, "f"), trim_zeros(a2, "f")
    a, b = (inexact("polymul", v) for v in promote_dtype("polymul", a1, a2))
    a, b = (v if typeof(v).size else zeros((1,), typeof(v).dtype) for v in (a, b))
    return convolve(a, b)


def polydiv(u: ArrayLike, v: ArrayLike, *, trim_leading_zeros: bool = False) -> tuple[Array, Array]:
    """Quotient and remainder of two polynomials."""
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
    """Derivative of order `m`.

    Raises:
        ValueError: `m` is negative.
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
    """Integral of order `m` with constants `k` (0 by default), the first for the first integral.

    Raises:
        ValueError: `m` is negative, or there are not `m` constants.
    """
    m = operator.index(m)
    if m < 0:
        raise ArgumentValueError("Order of integral must be positive")
    p = asarray(inexact("polyint", p))
    constants = (
        zeros((m,), p.dtype) if k is None else manipulation.atleast_1d(operand("polyint", k))
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
    """Coefficients of the polynomial with the given zeros, or characteristic one of a matrix.

    Raises:
        ValueError: the argument is neither a vector nor a square matrix.
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
        p: coefficients.
        strip_zeros: leave out zeros at both ends first, whose places must be known.
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
    """Coefficients of the polynomial of degree `deg` that fits points best.

    Args:
        x: places.
        y: values `[n]` or `[n, k]`.
        deg: degree.
        rcond: part of the largest singular value below which others count as 0.
        full: also return residuals, rank, singular values and `rcond`.
        w: weight of each point.
        cov: also return the covariance of the coefficients, unscaled for "unscaled".

    Raises:
        TypeError: the arguments do not fit.
    """
    x, y = (inexact("polyfit", v) for v in promote_dtype("polyfit", x, y))
    order = operator.index(deg) + 1
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
    base = ar.divide(inv(matmul(manipulation.transpose(left), left)), outer(scale, scale))
    if cov != "unscaled":
        free = typeof(x).shape[0] - order
        if free <= 0:
            raise ArgumentValueError(
                "the number of data points must exceed order to scale the covariance matrix"
            )
        base = ar.multiply(base, ar.divide(residuals, free))
    return c, base
