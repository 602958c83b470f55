"""Matrices given by few numbers, under the names of `scipy.linalg`.

Vectors may have leading dimensions; there is one matrix for each of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.dtypes import canonicalize_dtype
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike


def _vector(x: ArrayLike) -> Array:
    return np.atleast_1d(np.asarray(x))


def _diagonals(values: Array, rows: int, columns: int) -> Array:
    """Matrix with `values[i]` on the i-th diagonal, counted from the lower left corner."""
    places = onp.arange(rows)[::-1][:, None] + onp.arange(columns)[None, :]
    return values[..., places.astype(onp.int32)]


def toeplitz(c: ArrayLike, r: ArrayLike | None = None) -> Array:
    """Matrix with constant diagonals: first column `c`, first row `r` (`conj(c)` by default).

    Args:
        c: `[..., m]`; a number counts as one of length 1.
        r: `[..., n]`; its first element is not used. Leading dimensions broadcast.

    Returns:
        Array `[..., m, n]` of the dtype that both promote to.

    Raises:
        ValueError: the leading dimensions do not broadcast.

    Example:
        >>> print(toeplitz(np.array([1, 2, 3]), np.array([1, 8, 9])))
        [[1 8 9]
         [2 1 8]
         [3 2 1]]
    """
    column = _vector(c)
    row = column.conj() if r is None else _vector(r)
    lead = np.broadcast_shapes(column.shape[:-1], row.shape[:-1])
    column = np.broadcast_to(column, (*lead, column.shape[-1]))
    row = np.broadcast_to(row, (*lead, row.shape[-1]))
    values = np.concatenate([np.flip(column, -1), row[..., 1:]], axis=-1)
    return _diagonals(values, column.shape[-1], row.shape[-1])


def hankel(c: ArrayLike, r: ArrayLike | None = None) -> Array:
    """Matrix with constant anti-diagonals: first column `c`, last row `r` (zeros by default).

    Args:
        c: `[..., m]`.
        r: `[..., n]`; its first element is not used: the corner is the last of `c`.

    Returns:
        Array `[..., m, n]`; square by default.

    Raises:
        ValueError: the leading dimensions do not broadcast.

    Example:
        >>> print(hankel(np.array([1, 2, 3])))
        [[1 2 3]
         [2 3 0]
         [3 0 0]]
    """
    column = _vector(c)
    row = np.zeros_like(column) if r is None else _vector(r)
    lead = np.broadcast_shapes(column.shape[:-1], row.shape[:-1])
    column = np.broadcast_to(column, (*lead, column.shape[-1]))
    row = np.broadcast_to(row, (*lead, row.shape[-1]))
    values = np.concatenate([column, row[..., 1:]], axis=-1)
    return np.flip(_diagonals(values, column.shape[-1], row.shape[-1]), -2)


def circulant(c: ArrayLike) -> Array:
    """Matrix whose columns are `c` rotated further and further down.

    Its product with a vector is the circular convolution of both.

    Args:
        c: first column `[..., n]`.

    Returns:
        Array `[..., n, n]` of the dtype of `c`.

    Example:
        >>> print(circulant(np.array([1, 2, 3])))
        [[1 3 2]
         [2 1 3]
         [3 2 1]]
    """
    column = _vector(c)
    n = column.shape[-1]
    places = (onp.arange(n)[:, None] - onp.arange(n)[None, :]) % max(n, 1)
    return column[..., places.astype(onp.int32)]


def companion(a: ArrayLike) -> Array:
    """Companion matrix of the polynomial with coefficients `a`, the highest first.

    Its eigenvalues are the roots of the polynomial.

    Args:
        a: `[..., n]`; integers become floats. The first is not 0.

    Returns:
        Array `[..., n - 1, n - 1]`.

    Raises:
        ValueError: there are fewer than two coefficients.

    Example:
        >>> print(companion(np.array([1.0, -3.0, 2.0])))  # roots 1 and 2
        [[ 3. -2.]
         [ 1.  0.]]
    """
    a = _vector(a)
    n = a.shape[-1]
    if n < 2:
        raise ArgumentValueError("The length of `a` along the last axis must be at least 2.")
    first = -a[..., 1:] / a[..., :1]
    below = np.broadcast_to(np.eye(n - 2, n - 1, dtype=first.dtype), (*a.shape[:-1], n - 2, n - 1))
    return np.concatenate([first[..., None, :], below], axis=-2)


def convolution_matrix(a: ArrayLike, n: int, mode: str = "full") -> Array:
    """Matrix `A` with `A @ v == convolve(a, v, mode)` for vectors `v` of length `n`.

    Args:
        a: `[..., m]`, not empty.
        n: length of the vectors.
        mode: "full", "valid" or "same", as of `numpy.convolve`.

    Returns:
        Array `[..., k, n]`, where k is m + n - 1, |m - n| + 1 or max(m, n).

    Raises:
        ValueError: `n` is not positive, `a` is empty, or there is no such mode.

    Example:
        >>> print(convolution_matrix(np.array([1, -1]), 3))
        [[ 1  0  0]
         [-1  1  0]
         [ 0 -1  1]
         [ 0  0 -1]]
    """
    if n <= 0:
        raise ArgumentValueError("n must be a positive integer.")
    a = _vector(a)
    if a.shape[-1] == 0:
        raise ArgumentValueError("len(a) must be at least 1.")
    if mode not in ("full", "valid", "same"):
        raise ArgumentValueError("'mode' argument must be one of ('full', 'valid', 'same')")
    m = a.shape[-1]
    zeros = np.zeros((*a.shape[:-1], n - 1), a.dtype)
    full = toeplitz(np.concatenate([a, zeros], -1), np.concatenate([a[..., :1], zeros], -1))
    if mode == "full":
        return full
    size = max(m, n) if mode == "same" else abs(m - n) + 1
    start = (m + n - 1 - size) // 2 if mode == "same" else min(m, n) - 1
    return full[..., start : start + size, :]


def dft(n: int, scale: str | None = None, dtype: Any = None) -> Array:
    """Matrix of the discrete Fourier transform: `dft(n) @ x == fft(x)`.

    Args:
        n: size.
        scale: None, "sqrtn" to divide by the root of `n`, which makes it unitary, or "n".
        dtype: complex; complex64 by default.

    Returns:
        Array `[n, n]` with elements `exp(-2 pi i j k / n)`.

    Raises:
        ValueError: there is no such scale, or the dtype is not complex.

    Example:
        >>> print(dft(2).real)
        [[ 1.  1.]
         [ 1. -1.]]
    """
    if scale not in (None, "sqrtn", "n"):
        raise ArgumentValueError(f"scale must be None, 'sqrtn', or 'n'; got {scale!r}")
    kind = canonicalize_dtype(complex if dtype is None else dtype)
    if kind.kind != "c":
        raise ArgumentValueError(f"dtype must be a complex floating-point type; got {kind.name}.")
    turns = onp.outer(onp.arange(n), onp.arange(n)) % max(n, 1)
    matrix = onp.exp(-2j * math.pi * turns / max(n, 1))
    factor = {None: 1.0, "sqrtn": 1 / math.sqrt(max(n, 1)), "n": 1 / max(n, 1)}[scale]
    return np.asarray((matrix * factor).astype(kind))


def fiedler(a: ArrayLike) -> Array:
    """Symmetric matrix of the magnitudes of all differences.

    Args:
        a: `[..., n]`.

    Returns:
        Array `[..., n, n]` of the dtype of `a`.

    Example:
        >>> print(fiedler(np.array([1, 4, 9])))
        [[0 3 8]
         [3 0 5]
         [8 5 0]]
    """
    a = _vector(a)
    return np.abs(a[..., :, None] - a[..., None, :])


def fiedler_companion(a: ArrayLike) -> Array:
    """Pentadiagonal companion matrix of the polynomial with coefficients `a`, the highest first.

    Args:
        a: `[..., n]`; the first is not 0.

    Returns:
        Array `[..., n - 1, n - 1]` whose eigenvalues are the roots; `[..., 0, 0]` for less than two
        coefficients.

    Reference:
        Fiedler, "A note on companion matrices", Linear Algebra and its Applications, 2003.

    Example:
        >>> print(fiedler_companion(np.array([1.0, -3.0, 2.0])))
        [[ 3. -2.]
         [ 1.  0.]]
    """
    a = _vector(a)
    n = a.shape[-1]
    if n < 2:
        return np.zeros((*a.shape[:-1], 0, 0), a.dtype)
    monic = a / a[..., :1]
    m = n - 1
    ones = onp.zeros((m, m))
    ones[range(0, m - 2, 2), range(2, m, 2)] = 1
    ones[range(3, m, 2), range(1, m - 2, 2)] = 1
    ones[1:2, :1] = 1
    out = np.broadcast_to(np.asarray(ones, monic.dtype), (*a.shape[:-1], m, m))
    out = out.at[..., 0, 0].set(-monic[..., 1])
    right, left = onp.arange(0, m - 1, 2), onp.arange(2, m, 2)
    out = out.at[..., right, right + 1].set(-monic[..., right + 2])
    return out.at[..., left, left - 1].set(-monic[..., left + 1])


def hadamard(n: int, dtype: Any = int) -> Array:
    """Hadamard matrix by Sylvester's construction: signs, with orthogonal rows.

    Args:
        n: size, a power of 2.
        dtype: of the result; int32 by default.

    Raises:
        ValueError: `n` is no power of 2.

    Example:
        >>> print(hadamard(2))
        [[ 1  1]
         [ 1 -1]]
    """
    if n < 1 or n & (n - 1):
        raise ArgumentValueError("n must be an positive integer, and n must be a power of 2")
    out = onp.ones((1, 1), onp.int64)
    while len(out) < n:
        out = onp.block([[out, out], [out, -out]])
    return np.asarray(out, dtype=dtype)


def helmert(n: int, full: bool = False) -> Array:
    """Helmert matrix of order `n`: orthonormal rows that sum to 0.

    Args:
        n: number of columns.
        full: whether the constant row `1 / sqrt(n)` comes first; the matrix is orthogonal then.

    Returns:
        Array `[n - 1, n]`, or `[n, n]`, of the default float dtype.

    Raises:
        ValueError: `n` is not positive.

    Example:
        >>> print(np.array_str(helmert(3), precision=3))
        [[ 0.707 -0.707  0.   ]
         [ 0.408  0.408 -0.816]]
    """
    if n < 1:
        raise ArgumentValueError(f"n must be a positive integer, got {n}")
    lower = onp.tril(onp.ones((n, n)), -1) - onp.diag(onp.arange(n))
    lower[0] += 1
    size = onp.arange(n) * (onp.arange(n) + 1.0)
    size[0] = n
    matrix = lower / onp.sqrt(size)[:, None]
    return np.asarray(matrix if full else matrix[1:], dtype=float)


def hilbert(n: int) -> Array:
    """Hilbert matrix, with elements `1 / (i + j + 1)`.

    Args:
        n: size.

    Returns:
        Array `[n, n]` of the default float dtype. Its condition number grows as 33**n: it is
        singular in single precision from 7 on.

    Example:
        >>> print(np.array_str(hilbert(2), precision=3))
        [[1.    0.5  ]
         [0.5   0.333]]
    """
    i = onp.arange(n)
    return np.asarray(1.0 / (i[:, None] + i[None, :] + 1), dtype=float)


def invhilbert(n: int) -> Array:
    """Inverse of the Hilbert matrix, from exact integers.

    Args:
        n: size.

    Returns:
        Array `[n, n]` of the default float dtype: integers, rounded where they have more digits.

    Example:
        >>> print(invhilbert(2))
        [[ 4. -6.]
         [-6. 12.]]
    """
    rows = [
        [
            (-1) ** (i + j) * (i + j + 1) * math.comb(n + i, n - j - 1)
            * math.comb(n + j, n - i - 1) * math.comb(i + j, i) ** 2
            for j in range(n)
        ]
        for i in range(n)
    ]  # fmt: skip
    return np.asarray(onp.array(rows, dtype=float).reshape(n, n), dtype=float)


def leslie(f: ArrayLike, s: ArrayLike) -> Array:
    """Leslie matrix of fecundities `f` and survival rates `s`, one fewer.

    Its product with the numbers of each age gives those of the next year.

    Args:
        f: `[..., n]`, the first row.
        s: `[..., n - 1]`, below the diagonal. Leading dimensions broadcast.

    Returns:
        Array `[..., n, n]`.

    Raises:
        ValueError: the lengths do not fit.

    Example:
        >>> print(leslie(np.array([0.0, 2.0, 1.0]), np.array([0.5, 0.25])))
        [[0.   2.   1.  ]
         [0.5  0.   0.  ]
         [0.   0.25 0.  ]]
    """
    f, s = _vector(f), _vector(s)
    n = f.shape[-1]
    if s.shape[-1] != n - 1:
        raise ArgumentValueError(
            "Incorrect lengths for f and s. Length of s must be one less than f."
        )
    lead = np.broadcast_shapes(f.shape[:-1], s.shape[:-1])
    i = onp.arange(n - 1)
    out = np.zeros((*lead, n, n), np.result_type(f, s))
    return out.at[..., 0, :].set(f).at[..., i + 1, i].set(s)


def _pascal(n: int, kind: str | None) -> list[list[int]]:
    if kind not in (None, "symmetric", "lower", "upper"):
        raise ArgumentValueError("kind must be 'symmetric', 'lower', or 'upper'")
    low = [[math.comb(i, j) for j in range(n)] for i in range(n)]
    if kind == "lower":
        return low
    if kind == "upper":
        return [list(row) for row in zip(*low, strict=True)]
    return [[math.comb(i + j, i) for j in range(n)] for i in range(n)]


def pascal(n: int, kind: str | None = None) -> Array:
    """Pascal matrix of binomial coefficients.

    Args:
        n: size.
        kind: "symmetric" (default) with `comb(i + j, i)`, "lower" with `comb(i, j)`, or "upper".

    Returns:
        Array `[n, n]` of the default float dtype, of exact integers rounded to it.

    Raises:
        ValueError: there is no such kind.

    Example:
        >>> print(pascal(3))
        [[1. 1. 1.]
         [1. 2. 3.]
         [1. 3. 6.]]
    """
    rows = onp.array(_pascal(n, kind), dtype=float).reshape(n, n)
    return np.asarray(rows, dtype=float)


def invpascal(n: int, kind: str | None = None) -> Array:
    """Inverse of the Pascal matrix, from exact integers.

    Args:
        n: size.
        kind: "symmetric" (default), "lower" or "upper".

    Returns:
        Array `[n, n]` of the default float dtype.

    Raises:
        ValueError: there is no such kind.

    Example:
        >>> print(invpascal(3, "lower"))
        [[ 1.  0.  0.]
         [-1.  1.  0.]
         [ 1. -2.  1.]]
    """
    low = _pascal(n, "lower")
    signed = [[(-1) ** (i + j) * low[i][j] for j in range(n)] for i in range(n)]
    _pascal(0, kind)
    if kind in (None, "symmetric"):
        rows = [
            [sum(signed[k][i] * signed[k][j] for k in range(n)) for j in range(n)] for i in range(n)
        ]
    else:
        rows = signed if kind == "lower" else [list(r) for r in zip(*signed, strict=True)]
    return np.asarray(onp.array(rows, dtype=float).reshape(n, n), dtype=float)
