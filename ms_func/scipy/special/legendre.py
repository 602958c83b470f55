"""Associated Legendre functions and spherical harmonics."""

from __future__ import annotations

import math
from typing import Any

from ms_func import numpy as np
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike, inexact


def lpmn(m: int, n: int, z: ArrayLike) -> tuple[Array, Array]:
    """Associated Legendre functions of the first kind up to a degree, and their derivatives.

    They have the Condon-Shortley phase. The slopes of those of the first order are infinite at -1
    and 1.

    Args:
        m: greatest order, equal to `n`.
        n: greatest degree.
        z: points in [-1, 1], `[points]`, float32 or float64.

    Returns:
        Values and derivatives, each `[m + 1, n + 1, points]`: orders, then degrees.

    Raises:
        NotImplementedError: `m` is not `n`.
        TypeError: `z` has another dtype.
        ValueError: `z` is no vector, or `m` is negative.

    Reference:
        DLMF 14.10.3 and 14.10.5.

    Example:
        >>> values, slopes = lpmn(2, 2, np.array([0.5]))
        >>> values[0, :, 0].tolist(), slopes[0, :, 0].tolist()
        ([1.0, 0.5, -0.125], [0.0, 1.0, 1.5])
    """
    z = _points(m, n, z)
    values = _legendre(n, z)
    order, degree = np.arange(n + 1)[:, None, None], np.arange(n + 1)[:, None]
    below = np.concatenate([np.zeros_like(values[:, :1]), values[:, :-1]], axis=1)
    ends = np.abs(z) == 1
    inside = ((order + degree) * below - degree * z * values) / np.where(ends, 1, 1 - z * z)
    return values, np.where(ends, _slopes_at_the_ends(order, degree, z), inside)


def _slopes_at_the_ends(order: Any, degree: Any, z: Any) -> Any:
    """Derivatives at 1 and -1, which are infinite for the first order alone."""
    sign = np.where((z < 0) & (degree % 2 == 0), -1, 1)
    whole = degree * (degree + 1)
    second = -whole * (whole - 2) / 4
    there = np.where(order == 0, sign * whole / 2, np.where(order == 2, sign * second, 0))
    first = (order == 1) & (degree > 0)
    return np.where(first, np.where((z < 0) & (degree % 2 == 1), -np.inf, np.inf), there)


def lpmn_values(m: int, n: int, z: ArrayLike, is_normalized: bool) -> Array:
    """Associated Legendre functions of the first kind up to a degree.

    Args:
        m: greatest order, equal to `n`.
        n: greatest degree.
        z: points in [-1, 1], `[points]`, float32 or float64.
        is_normalized: whether they are scaled to be the polar parts of spherical harmonics, which
            are orthonormal; unscaled ones overflow at high orders.

    Returns:
        Values `[m + 1, n + 1, points]`: orders, then degrees.

    Raises:
        NotImplementedError: `m` is not `n`.
        TypeError: `z` has another dtype.
        ValueError: `z` is no vector, or `m` is negative.

    Example:
        >>> lpmn_values(1, 1, np.array([0.6]), False)[:, :, 0].round(4).tolist()[0]
        [1.0, 0.6000000238418579]
    """
    z = _points(m, n, z)
    if not is_normalized:
        return _legendre(n, z)
    order, degree = np.arange(n + 1)[:, None, None], np.arange(n + 1)[:, None]
    return _normalised_legendre(degree, order, z, _sine(z), n)


def _points(m: Any, n: Any, z: Any) -> Array:
    z = np.asarray(z)
    if z.dtype not in (np.float32, np.float64):
        raise ArgumentTypeError(
            f"z.dtype={z.dtype} is not supported, see docstring for supported types."
        )
    if z.ndim != 1:
        raise ArgumentValueError("z must be a 1D array.")
    if m != n:
        raise NotImplementedError(
            "Computations for m!=n are not yet supported.\nfix: pass the greater one as both"
        )
    if m < 0:
        raise ArgumentValueError(f"the greatest order must be at least 0, got {m}")
    return z


def _sine(z: Any) -> Any:
    """The sine of the angle whose cosine is `z`; its slope counts as zero where that is 1 or -1."""
    square = (1 - z) * (1 + z)
    return np.where(square == 0, 0, np.sqrt(np.where(square == 0, 1, square)))


def _legendre(top: int, z: Any) -> Any:
    """All orders and degrees up to `top`, by the upward recurrence in the degree."""
    rows = [np.concatenate([np.ones((1, z.size), z.dtype), np.zeros((top, z.size), z.dtype)])]
    order = np.arange(top + 1, dtype=z.dtype)[:, None]
    before, s = np.zeros_like(rows[0]), _sine(z)
    for n in range(1, top + 1):
        here = rows[-1]
        step = ((2 * n - 1) * z * here - (n + order - 1) * before) / np.where(
            order < n, n - order, 1
        )
        diagonal = -(2 * n - 1) * s * here[n - 1]
        before = here
        rows.append(np.where(order < n, step, np.where(order == n, diagonal, 0)))
    return np.stack(rows, axis=1)


def sph_harm_y(
    n: ArrayLike, m: ArrayLike, theta: ArrayLike, phi: ArrayLike, diff_n: int | None = None,
    n_max: int | None = None,
) -> Array:  # fmt: skip
    """Spherical harmonic of degree `n` and order `m`, with the Condon-Shortley phase.

    Args:
        n: degrees, of at least 0.
        m: orders, at most `n` in magnitude.
        theta: polar angles, in [0, pi].
        phi: azimuthal angles, in [0, 2 pi].
        diff_n: not supported.
        n_max: greatest degree; needed where `n` is traced.

    Returns:
        Complex array of the shape that the arguments broadcast to.

    Raises:
        NotImplementedError: `diff_n` is given.

    Example:
        >>> print(f"{sph_harm_y(0, 0, 0.0, 0.0).real:.6f}")
        0.282095
    """
    if diff_n is not None and diff_n != 0:
        raise NotImplementedError("sph_harm_y with diff_n\nfix: differentiate with jacfwd")
    n, m = np.asarray(n), np.asarray(m)
    top = int(np.max(n)) if n_max is None else int(n_max)
    theta, phi = (np.asarray(inexact("sph_harm_y", v)) for v in (theta, phi))
    size = np.abs(m)
    legendre = _normalised_legendre(n, size, np.cos(theta), np.sin(theta), top)
    angle = size * phi
    wave = np.cos(angle) + np.asarray(1j, np.result_type(phi, np.complex64)) * np.sin(angle)
    sign = np.where(size % 2 == 1, -1, 1)
    value = legendre * wave
    return np.where(m < 0, sign * np.conj(value), value)


def _normalised_legendre(n: Any, m: Any, x: Any, s: Any, top: int) -> Any:
    """Normalised associated Legendre function by the stable upward recurrence in the degree.

    Source: Holmes, Featherstone, "A unified approach to the Clenshaw summation", 2002.
    """
    shape = np.broadcast_shapes(n.shape, m.shape, x.shape)
    n, m = np.broadcast_to(n, shape), np.broadcast_to(m, shape)
    here = np.full(shape, math.sqrt(0.25 / math.pi), x.dtype)
    for k in range(1, top + 1):  # the sectoral function of order m
        here = np.where(k <= m, -math.sqrt((2 * k + 1) / (2 * k)) * s * here, here)
    below, value = np.zeros(shape, x.dtype), here
    for k in range(1, top + 1):
        square, lower = (m * m).astype(x.dtype), (k - 1) ** 2
        a = np.sqrt((4 * k * k - 1) / np.where(k > m, k * k - square, 1))
        b = np.sqrt(np.where(k > m + 1, (lower - square) / (4 * lower - 1), 0))
        above = a * (x * value - b * below)
        step = (k > m) & (k <= n)
        below, value = np.where(step, value, below), np.where(step, above, value)
    return np.where(m > n, 0, value)
