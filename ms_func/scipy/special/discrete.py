"""Numbers of combinatorics, Box-Cox transforms and Bessel functions of whole orders."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.scan import scan
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike, inexact
from ms_func.scipy.operands import of_numbers, of_reals
from ms_func.scipy.special import basic
from ms_func.scipy.special.gamma_family import betaln
from ms_func.scipy.special.integrals import _bernoulli_numbers


def bernoulli(n: int) -> Array:
    """Bernoulli numbers B0 to Bn, with B1 = -1/2, exactly computed and then rounded.

    Args:
        n: last index, a Python integer.

    Returns:
        Array `[n + 1]` of the default float dtype; infinite where that does not reach, from B62 on.

    Raises:
        ValueError: `n` is no number of at least 0.

    Reference:
        DLMF 24.2.1.

    Example:
        >>> bernoulli(2).round(4).tolist() == np.array([1, -0.5, 1 / 6]).round(4).tolist()
        True
    """
    if not isinstance(n, int) or n < 0:
        raise ArgumentValueError("n must be a non-negative integer.")
    with_overflow = [b if abs(b) < 3e38 else math.copysign(math.inf, b)
                     for b in _bernoulli_numbers(n)]  # fmt: skip
    return np.array(with_overflow, np.result_type(float))


def comb(N: ArrayLike, k: ArrayLike, repetition: bool = False) -> Array:
    """Elementwise number of ways to choose `k` of `N` things.

    Args:
        N: number of things; integers become floats.
        k: number chosen; 0 ways where it is negative or above `N`.
        repetition: whether a thing may be chosen again.

    Returns:
        Floating array. Of whole numbers a whole number, by logarithms of gamma functions: exact
        while it has few digits (some 5 in single precision).

    Raises:
        TypeError: an argument is complex, or no array.
        ValueError: the shapes do not broadcast.

    Reference:
        DLMF 1.2.1.

    Example:
        >>> print(comb(5, np.array([0, 2, 6])))
        [ 1. 10.  0.]
        >>> print(comb(3, 2, repetition=True))
        6.0
    """
    return _comb(np.add(N, k) - 1, k) if repetition else _comb(N, k)


@of_reals
def _comb(n: Any, k: Any) -> Any:
    inside = (k >= 0) & (k <= n)
    n, k = np.where(inside, n, 0), np.where(inside, k, 0)
    logarithm = -np.log1p(n) - betaln(n - k + 1, k + 1)
    value = np.exp(logarithm)
    whole = (n == np.floor(n)) & (k == np.floor(k))
    off = stop_gradient(np.where(whole & (value < math.inf), np.round(value) - value, 0))
    return np.where(inside, value + off, 0)


def _boxcox_near_none(logarithm: Any, lmbda: Any) -> Any:
    """Value and first two derivatives by `lmbda` at 0, from (exp(lmbda l) - 1) / lmbda."""
    known = np.where(np.isfinite(logarithm), logarithm, 0)
    return logarithm + lmbda * known**2 / 2 + lmbda**2 * known**3 / 6


@of_numbers
def boxcox(x: Any, lmbda: Any) -> Any:
    """Elementwise Box-Cox transform: `(x**lmbda - 1) / lmbda`, `log(x)` where `lmbda` is 0.

    Args:
        x: real array, not negative; integers become floats.
        lmbda: array that broadcasts with `x`; near 0 the formula loses no digits.

    Raises:
        TypeError: an argument is no array.
        ValueError: the shapes do not broadcast.

    Reference:
        Box, Cox, "An analysis of transformations", 1964.

    Example:
        >>> print(np.array_str(boxcox(3.0, np.array([1.0, 2.0, 0.0])), precision=3))
        [2.    4.    1.099]
    """
    none = lmbda == 0
    safe = np.where(none, 1, lmbda)
    near = _boxcox_near_none(np.log(np.where(none, x, 1)), np.where(none, lmbda, 0))
    return np.where(none, near, np.expm1(basic.xlogy(safe, x)) / safe)


@of_numbers
def boxcox1p(x: Any, lmbda: Any) -> Any:
    """Elementwise Box-Cox transform of `1 + x`, accurate near 0.

    Args:
        x: real array, at least -1; integers become floats.
        lmbda: array that broadcasts with `x`.

    Raises:
        TypeError: an argument is no array.
        ValueError: the shapes do not broadcast.

    Example:
        >>> print(f"{boxcox1p(1e-10, 0.5):.3g}", f"{boxcox(1 + 1e-10, 0.5):.3g}")
        1e-10 0
    """
    none = lmbda == 0
    safe = np.where(none, 1, lmbda)
    near = _boxcox_near_none(np.log1p(np.where(none, x, 0)), np.where(none, lmbda, 0))
    return np.where(none, near, np.expm1(basic.xlog1py(safe, x)) / safe)


def bessel_jn(z: ArrayLike, *, v: int, n_iter: int = 50) -> Array:
    """Bessel functions of the first kind of the orders 0 to `v`.

    Miller's backward recurrence from order `n_iter`, which must lie well above `v` and `abs(z)`,
    normalised by J0 + 2 (J2 + J4 + ...) = 1 (DLMF 10.12.4, 10.74(iv)).

    Args:
        z: real points, of any shape.
        v: highest order.
        n_iter: order at which the recurrence starts.

    Returns:
        Array `[v + 1, *z.shape]`.

    Raises:
        ValueError: `v` or `n_iter` is no number of at least 0, or `z` is complex.

    Example:
        >>> print(f"{bessel_jn(1.0, v=1)[0]:.6f}")
        0.765198
    """
    if not isinstance(v, int) or v < 0:
        raise ArgumentValueError(f"Argument v must be a non-negative integer; got {v!r}.")
    if not isinstance(n_iter, int) or n_iter < 0:
        raise ArgumentValueError(f"Argument n_iter must be a non-negative integer; got {n_iter!r}.")
    z = np.asarray(inexact("bessel_jn", z))
    if z.dtype.kind == "c":
        raise ArgumentValueError("complex input not supported.")
    return _miller(z, v, max(n_iter, v + 2))


def _miller(z: Array, v: int, start: int) -> Array:
    nonzero = np.where(z == 0, 1, z)
    tiny = np.full_like(z, 1e-30)

    def down(state: Any, n: Any) -> Any:
        above, here, total = state
        below = 2 * n / nonzero * here - above
        total = total + np.where(n % 2 == 1, np.where(n == 1, below, 2 * below), 0)
        big = np.abs(below) > 1e20  # keeps the unnormalised values from overflowing
        scale = np.where(big, 1e-20, 1.0).astype(z.dtype)
        return (here * scale, below * scale, total * scale), (below * scale, scale)

    orders = np.arange(start, 0, -1).astype(z.dtype)
    (_, _, total), (values, scales) = scan(down, (0 * tiny, tiny, 0 * tiny), orders)
    after = np.cumprod(scales[::-1], axis=0) / scales[::-1]
    found = values[::-1][: v + 1] * after[: v + 1] / total
    at_zero = (np.arange(v + 1) == 0).astype(z.dtype).reshape(-1, *(1,) * z.ndim)
    return np.where(z == 0, at_zero, found)
