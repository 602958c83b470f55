"""Hypergeometric functions 1F1 and 2F1 of real arguments.

Formulas: "NIST Digital Library of Mathematical Functions" (DLMF), chapters 13 and 15. The
series stop when they no longer change, so derivatives in every argument are those of the
series, by differentiating the loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ms_func import numpy as np
from ms_func.control_flow.while_loop import fori_loop, while_loop
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike
from ms_func.scipy.operands import of_numbers
from ms_func.scipy.special.gamma_family import crossing, gammaln, gammasgn

_TERMS = 100_000
_LEAST = 16  # near 0 the derivative of order n is in the term of order n, however small


def _series(ratio: Callable[[Any], Any], like: Any) -> Any:
    """1 + t1 + t2 + ... with t(k+1) / t(k) = ratio(k), until no term counts any more.

    NaN where too many terms would be needed.
    """
    eps = np.finfo(like.dtype).eps

    def counts(term: Any, total: Any) -> Any:
        return np.abs(term) > 0.25 * eps * np.abs(total)

    def unfinished(state: Any) -> Any:
        k, term, total = state
        return (k < _LEAST) | ((k < _TERMS) & np.any(counts(term, total)))

    def add(state: Any) -> Any:
        k, term, total = state
        term = term * ratio(k.astype(like.dtype))
        return k + 1, term, total + term

    one = np.ones_like(like)
    _, term, total = while_loop(unfinished, add, (np.asarray(0), one, one))
    return np.where(counts(term, total), math.nan, total)


def _gamma_quotient(above: Sequence[Any], below: Sequence[Any]) -> Any:
    """Product of gamma functions over a product of others; 0 at the poles of the others."""
    value: Any = 1.0
    logarithm: Any = 0.0
    for v, side in (*((v, 1) for v in above), *((v, -1) for v in below)):
        v = np.where(_pole(v), 1, v)
        value, logarithm = value * gammasgn(v), logarithm + side * gammaln(v)
    value = value * np.exp(logarithm)
    for v in above:
        value = np.where(_pole(v), math.inf, value)
    for v in below:
        value = np.where(_pole(v), crossing(np.where(_pole(v), v, 0), value), value)
    return value


def _pole(v: Any) -> Any:
    return (v <= 0) & (v == np.floor(v))


# --- 1F1 --------------------------------------------------------------------------------------

_FAR = 50.0


def _hyp1f1(a: Any, b: Any, x: Any) -> Any:
    """Series near 0, after Kummer's transformation below (DLMF 13.2.39); asymptotic far out.

    How far is far grows with the parameters: the terms of the asymptotic series begin to grow
    where their number is about `x`, and must be small by then. Polynomials stay as they are.
    """
    negative = (x < 0) & ~_pole(a)
    a, size = np.where(negative, b - a, a), np.abs(x)
    widest = np.maximum(np.abs(b - a), np.abs(1 - a))
    top = math.log(np.finfo(x.dtype).max)  # where the sum overflows
    near = (size <= np.clip(4 * widest * widest, _FAR, top)) | _pole(a)
    size = np.where(_pole(a) & ~negative, x, size)
    inner = np.where(near, size, 0)
    # where b + k is 0 the polynomial has ended, at the latest with this factor
    inside = _series(lambda k: (a + k) / np.where(b + k == 0, 1, b + k) * inner / (k + 1), x)
    far = np.where(near, _FAR, size)
    growth = _gamma_quotient([b], [a]) * np.exp(np.where(negative, 0, far) + (a - b) * np.log(far))
    outside = growth * _asymptotic(b - a, 1 - a, 1 / far)
    factor = np.where(negative, np.exp(np.where(near, x, 0)), 1)
    value = np.where(near, factor * inside, outside)
    return np.where(_pole(b), np.where(_pole(a) & (a >= b), value, math.inf), value)


def _asymptotic(p: Any, q: Any, y: Any) -> Any:
    """2F0(p, q; y) up to its least term (DLMF 13.7.2)."""

    def add(k: Any, state: Any) -> Any:
        term, total = state
        k = k.astype(y.dtype)
        following = term * (p + k) * (q + k) * y / (k + 1)
        term = np.where(np.abs(following) < np.abs(term), following, 0)
        return term, total + term

    one = np.ones_like(y)
    return fori_loop(0, 40, add, (one, one))[1]


_hyp1f1_of_numbers = of_numbers(lambda a, b, x: _hyp1f1(*_full(a, b, x)))


def hyp1f1(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise confluent hypergeometric function 1F1(a; b; x) of real arguments.

    The sum of `(a)_k / (b)_k * x**k / k!`, with Pochhammer's symbol; differentiable by all three.

    Args:
        a: real array; an integer of at most 0 ends the series.
        b: real array; inf where it is an integer of at most 0, unless `a` ends the series before.
        x: real array. The three broadcast. Within 4000 ulp (float64: 30) from -5 to 20.

    Raises:
        TypeError: an argument is no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 13.2.2.

    Example:
        >>> print(f"{hyp1f1(1.0, 2.0, 1.0):.6f}")
        1.718282
    """
    return _hyp1f1_of_numbers(a, b, x)


# --- 2F1 --------------------------------------------------------------------------------------


def _hyp2f1(a: Any, b: Any, c: Any, x: Any) -> Any:
    """Series for 0 <= x <= 0.9, brought there by Pfaff's (DLMF 15.8.1) and 1 - x (15.8.4)."""
    ends = _pole(a) | _pole(b)
    flip = (x < 0) & ~ends
    p, y = np.where(flip, c - b, b), np.where(flip, x / np.where(flip, x - 1, 1), x)
    d = c - a - p
    turn = (y > 0.9) & (y < 1) & (d != np.floor(d)) & ~ends
    inside = np.where(turn | (y >= 1), np.where(ends, y, 0), y)
    # where c + k is 0 the polynomial has ended, at the latest with this factor
    ratio = lambda k: (a + k) * (p + k) / np.where(c + k == 0, 1, c + k)  # noqa: E731
    value = _series(lambda k: ratio(k) * inside / (k + 1), inside)
    masked = (np.where(turn, v, other) for v, other in ((a, 0.5), (p, 0.5), (c, 1.5), (1 - y, 0.1)))
    value = np.where(turn, _turned(*masked), value)
    value = np.where(flip, np.exp(-a * np.log1p(-np.where(flip, x, 0))) * value, value)
    at_one = np.where(d > 0, _gamma_quotient([c, c - a - b], [c - a, c - b]), math.inf)
    value = np.where((x == 1) & ~ends, at_one, np.where((x > 1) & ~ends, math.nan, value))
    early = (_pole(a) & (a > c)) | (_pole(b) & (b > c))
    return np.where(_pole(c) & ~early, math.inf, value)


def _turned(a: Any, b: Any, c: Any, z: Any) -> Any:
    """2F1(a, b; c; 1 - z) by two series in z."""
    d = c - a - b
    one = _series(lambda k: (a + k) * (b + k) / (1 - d + k) * z / (k + 1), z)
    two = _series(lambda k: (c - a + k) * (c - b + k) / (1 + d + k) * z / (k + 1), z)
    first = _gamma_quotient([c, d], [c - a, c - b])
    second = _gamma_quotient([c, -d], [a, b])
    return first * one + second * np.exp(d * np.log(z)) * two


_hyp2f1_of_numbers = of_numbers(lambda a, b, c, x: _hyp2f1(*_full(a, b, c, x)))


def hyp2f1(a: ArrayLike, b: ArrayLike, c: ArrayLike, x: ArrayLike) -> Array:
    """Elementwise Gauss hypergeometric function 2F1(a, b; c; x) of real arguments.

    The sum of `(a)_k * (b)_k / (c)_k * x**k / k!` for |x| < 1, and its continuation below;
    differentiable by all four.

    Args:
        a: real array.
        b: real array.
        c: real array; inf where it is an integer of at most 0, unless the series ends before.
        x: real array. The four broadcast. NaN for x > 1 unless the series ends; slow to converge
            for x just below 1 where c - a - b is an integer, NaN where 100,000 terms do not do.
            Within 20 ulp from -2 to 0.9.

    Raises:
        TypeError: an argument is no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 15.2.1.

    Example:
        >>> print(f"{hyp2f1(1.0, 1.0, 2.0, 0.5):.4f}")
        1.3863
    """
    return _hyp2f1_of_numbers(a, b, c, x)


def _full(*operands: Any) -> tuple[Any, ...]:
    return tuple(np.broadcast_arrays(*operands))
