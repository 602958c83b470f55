"""Factorisations and Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func_ascend.emitter import F32, F64, Emitter, Unsupported
from ms_func_ascend.graph import Tensor
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.operators.dot import dot
from ms_func_ascend.operators.registry import rule

SHORT = 64
"""Fourier transforms of up to this length are products with the matrix of the transform."""
PRIME = 512
"""So are those of lengths without a factor up to `SHORT`, up to this length."""


def triangle(e: Emitter, x: Tensor, lower: bool, diagonal: bool = True) -> Tensor:
    """Where an element of the last two dimensions lies in a triangle; compact."""
    n = x.shape[-1]
    mask = np.tri(n, dtype=np.bool_) if lower else np.tri(n, dtype=np.bool_).T
    if not diagonal:
        mask = mask & ~np.eye(n, dtype=np.bool_)
    return e.const(mask.reshape((1,) * (len(x.shape) - 2) + (n, n)))


def adjoint(e: Emitter, x: Tensor, conjugate: bool = True) -> Tensor:
    """The last two dimensions exchanged, complex numbers conjugated."""
    rank = len(x.shape)
    swapped = e.transpose(x, [*range(rank - 2), rank - 1, rank - 2])
    return e.elementwise("Conj", swapped) if conjugate and x.dtype.kind == "c" else swapped


def hermitian(e: Emitter, x: Tensor, lower: bool) -> Tensor:
    """The Hermitian matrix that one triangle of `x` stands for."""
    zero = e.const(np.zeros((), x.dtype))
    held = x if lower else adjoint(e, x)
    whole = e.select(triangle(e, x, True), held, zero)
    below = e.select(triangle(e, x, True, diagonal=False), held, zero)
    return a.add(e, whole, adjoint(e, below))


def cholesky_factor(e: Emitter, x: Tensor, lower: bool) -> Tensor:
    """Factor of the matrix in one triangle of `x`; the other triangle of the factor is zero."""
    if x.dtype not in (F32, F64, np.dtype(np.complex64), np.dtype(np.complex128)):
        raise Unsupported(f"a Cholesky factor of {x.dtype.name}", "cast to float32")
    made = e.one("Cholesky", [hermitian(e, x, lower)], x.shape, x.dtype)
    made = e.select(triangle(e, x, True), made, e.const(np.zeros((), x.dtype)))
    return made if lower else adjoint(e, made)


@rule("cholesky")
def _cholesky(t: Any, op: Any, x: Tensor) -> Tensor:
    return cholesky_factor(t.e, x, bool(op.attrs.get("lower")))


def solve(
    e: Emitter, matrix: Tensor, rhs: Tensor, left: bool, lower: bool, how: str, unit: bool
) -> Tensor:
    """X with op(A) X = B, or X op(A) = B: the latter is the former of the transposes.

    Args:
        e: the emitter.
        matrix: A, of which one triangle is read.
        rhs: B.
        left: which of the two equations.
        lower: which triangle.
        how: op: `NO_TRANSPOSE`, `TRANSPOSE` or `ADJOINT`.
        unit: take the diagonal for ones.
    """
    if matrix.dtype.itemsize < 4:
        raise Unsupported(f"a triangular solve of {matrix.dtype.name}", "cast to float32")
    if unit:
        n = matrix.shape[-1]
        eye = np.eye(n, dtype=np.bool_).reshape((1,) * (len(matrix.shape) - 2) + (n, n))
        matrix = e.select(e.const(eye), e.const(np.ones((), matrix.dtype)), matrix)
    zero = e.const(np.zeros((), matrix.dtype))
    matrix = e.select(triangle(e, matrix, lower), matrix, zero)
    if not left:
        rhs = adjoint(e, rhs, conjugate=False)
        matrix, lower = adjoint(e, matrix, conjugate=False), not lower
    if how in ("TRANSPOSE", "ADJOINT"):
        matrix, lower = adjoint(e, matrix, conjugate=how == "ADJOINT"), not lower
    made = e.one("MatrixTriangularSolve", [matrix, rhs], rhs.shape, rhs.dtype, lower=lower)
    return made if left else adjoint(e, made, conjugate=False)


@rule("triangular_solve")
def _triangular_solve(t: Any, op: Any, matrix: Tensor, rhs: Tensor) -> Tensor:
    attrs = op.attrs
    return solve(t.e, matrix, rhs, attrs["left_side"], attrs["lower"], attrs["transpose_a"],
                 attrs["unit_diagonal"])  # fmt: skip


@rule("fft")
def _fft(t: Any, op: Any, x: Tensor) -> Tensor:
    """Transform along the last dimensions, one after the other; real numbers in the last one."""
    e, kind, lengths = t.e, op.attrs["fft_type"], op.attrs["fft_length"]
    axes = list(range(len(x.shape) - len(lengths), len(x.shape)))
    inverse, dtype = kind in ("IFFT", "IRFFT"), op.results[0].type.dtype
    if kind == "RFFT":
        x = _real_forward(e, x, axes.pop(), dtype)
    for axis in axes if kind != "IRFFT" else axes[:-1]:
        x = _transform(e, x, axis, inverse)
    return _real_backward(e, x, axes[-1], lengths[-1]) if kind == "IRFFT" else x


def _waves(rows: int, columns: int, n: int, inverse: bool) -> np.ndarray:
    """exp(-2 pi i j k / n) for row j and column k, or its conjugate; angles reduced exactly."""
    angle = (np.outer(np.arange(rows), np.arange(columns)) % n) * (2 * np.pi / n)
    return np.exp((1j if inverse else -1j) * angle)


def _along(e: Emitter, x: Tensor, axis: int, matrix: np.ndarray, dtype: np.dtype) -> Tensor:
    """`x` times a matrix along one axis."""
    rank = len(x.shape)
    made = dot(e, x, e.const(matrix.astype(dtype)), ([], []), ([axis], [0]), dtype)
    return e.transpose(made, [*range(axis), rank - 1, *range(axis, rank - 1)])


def _transform(e: Emitter, x: Tensor, axis: int, inverse: bool) -> Tensor:
    """Fourier transform along an axis.

    For n = a b, with j = b p + q and k = r + a s, exp(-2 pi i j k / n) is the product of waves of
    p r / a, q r / n and q s / b: transforms of length a and b with a factor between (Cooley and
    Tukey, 1965).
    """
    n = x.shape[axis]
    short = _factor(n)
    if short == n:
        return _along(e, x, axis, _waves(n, n, n, inverse) / (n if inverse else 1), x.dtype)
    if short == 1:
        return _chirped(e, x, axis, inverse)
    made = e.reshape(x, (*x.shape[:axis], short, n // short, *x.shape[axis + 1 :]))
    made = _transform(e, made, axis, inverse)
    made = _times(e, made, axis + 1, _waves(short, n // short, n, inverse))
    made = _transform(e, made, axis + 1, inverse)
    order = [*range(axis), axis + 1, axis, *range(axis + 2, len(made.shape))]
    return e.reshape(e.transpose(made, order), x.shape)


def _times(e: Emitter, x: Tensor, last: int, factors: np.ndarray) -> Tensor:
    """`x` times an array along its dimensions up to `last`."""
    held = factors.reshape(*factors.shape, *(1 for _ in x.shape[last + 1 :]))
    return a.multiply(e, x, e.const(held.astype(x.dtype)))


def _factor(n: int) -> int:
    """Length of the first transforms that one of length n is made of; n or 1 where there is none.

    Those of length n are made at once, or for 1 with a chirp.
    """
    factors = [d for d in range(SHORT, 1, -1) if n % d == 0]
    if n <= SHORT or (n <= PRIME and not factors):
        return n
    return factors[0] if factors else 1


def _chirped(e: Emitter, x: Tensor, axis: int, inverse: bool) -> Tensor:
    """Transform of a length without small factors, by one of a power of two (Bluestein, 1970).

    From 2 j k = j^2 + k^2 - (k - j)^2 it is a convolution with a chirp, between two products
    with it.
    """
    n = x.shape[axis]
    size = 1 << (2 * n - 1).bit_length()
    chirp = np.exp((1j if inverse else -1j) * np.pi / n * (np.arange(n) ** 2 % (2 * n)))
    kernel = np.zeros(size, np.complex128)
    kernel[:n] = kernel[-np.arange(n)] = chirp.conj()
    high = [size - n if d == axis else 0 for d in range(len(x.shape))]
    made = e.pad(_times(e, x, axis, chirp), e.like(0, x), [0] * len(high), high)
    made = _times(e, _transform(e, made, axis, False), axis, np.fft.fft(kernel))
    made = e.slice_axis(_transform(e, made, axis, True), axis, 0, n)
    return _times(e, made, axis, chirp / (n if inverse else 1))


def _real_forward(e: Emitter, x: Tensor, axis: int, dtype: np.dtype) -> Tensor:
    """The first half of the frequencies; the others are their conjugates."""
    n = x.shape[axis]
    if _factor(n) == n:
        return _along(e, x, axis, _waves(n, n // 2 + 1, n, False), dtype)
    return e.slice_axis(_transform(e, e.cast(x, dtype), axis, False), axis, 0, n // 2 + 1)


def _real_backward(e: Emitter, x: Tensor, axis: int, n: int) -> Tensor:
    """Inverse from half of the frequencies: the others are the conjugates, so each counts twice."""
    real, imag = e.parts(x)
    if _factor(n) != n:
        more = [e.reverse(e.slice_axis(v, axis, 1, (n + 1) // 2), [axis]) for v in (real, imag)]
        whole = e.complex(e.concat([real, more[0]], axis),
                          e.concat([imag, a.negate(e, more[1])], axis))  # fmt: skip
        return e.parts(_transform(e, whole, axis, True))[0]
    weight = np.full(n // 2 + 1, 2.0)
    weight[0] = 1
    if n % 2 == 0:
        weight[-1] = 1
    part = np.dtype(f"f{x.dtype.itemsize // 2}")
    full = _waves(n // 2 + 1, n, n, True) * weight[:, None] / n
    one, two = _along(e, real, axis, full.real, part), _along(e, imag, axis, full.imag, part)
    return a.subtract(e, one, two)
