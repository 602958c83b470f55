"""Factorisations and Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func_ascend.emitter import F32, F64, Emitter, Unsupported
from ms_func_ascend.graph import Tensor
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.operators.dot import dot
from ms_func_ascend.operators.registry import rule

FOURIER_LIMIT = 4096
"""Longest transform that is written as a product with the matrix of the transform."""


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
    """Transform along the last dimensions, each a product with the matrix of the transform."""
    e, kind, lengths = t.e, op.attrs["fft_type"], op.attrs["fft_length"]
    if max(lengths, default=1) > FOURIER_LIMIT:
        raise Unsupported(f"a Fourier transform of length {max(lengths)}", "split it")
    rank = len(x.shape)
    axes = list(range(rank - len(lengths), rank))
    dtype = op.results[0].type.dtype
    if kind == "RFFT":
        return _real_forward(e, x, axes, lengths, dtype)
    if kind == "IRFFT":
        return _real_backward(e, x, axes, lengths)
    made = x
    for axis, n in zip(axes, lengths, strict=True):
        made = _transform(e, made, axis, _matrix(n, kind == "IFFT", x.dtype))
    return made


def _matrix(n: int, inverse: bool, dtype: np.dtype) -> np.ndarray:
    """exp(-2 pi i j k / n), the conjugate over n for the inverse; angles reduced exactly."""
    angle = (np.outer(np.arange(n), np.arange(n)) % n) * (2 * np.pi / n)
    turned = np.exp(1j * angle) / n if inverse else np.exp(-1j * angle)
    return turned.astype(dtype)


def _transform(e: Emitter, x: Tensor, axis: int, matrix: np.ndarray) -> Tensor:
    """`x` times a matrix along one axis."""
    rank = len(x.shape)
    made = dot(e, x, e.const(matrix), ([], []), ([axis], [0]), matrix.dtype)
    return e.transpose(made, [*range(axis), rank - 1, *range(axis, rank - 1)])


def _real_forward(
    e: Emitter, x: Tensor, axes: list[int], lengths: list[int], dtype: np.dtype
) -> Tensor:
    half = _matrix(lengths[-1], False, dtype)[:, : lengths[-1] // 2 + 1]
    made = _transform(e, x, axes[-1], half)
    for axis, n in zip(axes[:-1], lengths[:-1], strict=True):
        made = _transform(e, made, axis, _matrix(n, False, dtype))
    return made


def _real_backward(e: Emitter, x: Tensor, axes: list[int], lengths: list[int]) -> Tensor:
    """Inverse from half of the frequencies: the others are the conjugates, so each counts twice."""
    made = x
    for axis, n in zip(axes[:-1], lengths[:-1], strict=True):
        made = _transform(e, made, axis, _matrix(n, True, x.dtype))
    n = lengths[-1]
    weight = np.full(n // 2 + 1, 2.0)
    weight[0] = 1
    if n % 2 == 0:
        weight[-1] = 1
    part = np.dtype(f"f{x.dtype.itemsize // 2}")
    full = _matrix(n, True, np.dtype(np.complex128))[: n // 2 + 1] * weight[:, None]
    real, imag = e.parts(made)
    one = dot(e, real, e.const(np.real(full).astype(part)), ([], []), ([axes[-1]], [0]), part)
    two = dot(e, imag, e.const(np.imag(full).astype(part)), ([], []), ([axes[-1]], [0]), part)
    return a.subtract(e, one, two)
