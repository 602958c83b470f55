"""Decompositions of matrices under NumPy's names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ms_func.errors import ArgumentValueError, SizeError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import fusion, manipulation, sorting, taking
from ms_func.numpy.promotion import ArrayLike, convert, inexact
from ms_func.primitives import decompositions, linalg, singular_values
from ms_func.primitives.matrices import adjoint


class EigResult(NamedTuple):
    """Eigenvalues and eigenvectors, the latter as columns.

    Attributes:
        eigenvalues: `[..., n]`, in no order.
        eigenvectors: `[..., n, n]`, of length 1.
    """

    eigenvalues: Any
    eigenvectors: Any


class EighResult(NamedTuple):
    """Eigenvalues in increasing order and eigenvectors, the latter as columns.

    Attributes:
        eigenvalues: `[..., n]`, real.
        eigenvectors: `[..., n, n]`, orthonormal.
    """

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """Orthonormal columns and a triangular matrix.

    Attributes:
        Q: `[..., m, k]`.
        R: `[..., k, n]`.
    """

    Q: Any
    R: Any


class SVDResult(NamedTuple):
    """Left singular vectors as columns, singular values, right singular vectors as rows.

    Attributes:
        U: `[..., m, k]` or `[..., m, m]`.
        S: `[..., k]` with k = min(m, n), real, in decreasing order.
        Vh: `[..., k, n]` or `[..., n, n]`.
    """

    U: Any
    S: Any
    Vh: Any


def matrix(name: str, a: Any) -> Any:
    """An operand that holds matrices, in a dtype that LAPACK knows.

    Raises:
        SizeError: it has fewer than two dimensions.
    """
    a = inexact(name, a)
    t = typeof(a)
    if t.ndim < 2:
        raise SizeError(
            f"Input 0 to {name} must have rank at least 2, but got shape={t.shape}: the argument "
            "must be at least 2D"
        )
    return a if t.dtype.itemsize >= 4 else convert(a, np.dtype(np.float32))


def square(name: str, a: Any) -> Any:
    """An operand that holds square matrices.

    Raises:
        ValueError: the last two dimensions differ.
    """
    a = matrix(name, a)
    if typeof(a).shape[-1] != typeof(a).shape[-2]:
        raise ArgumentValueError(
            f"Argument to {name} must have shape [..., n, n], got shape {typeof(a).shape}"
        )
    return a


@fusion.whole(1)
def cholesky(a: ArrayLike, *, upper: bool = False, symmetrize_input: bool = True) -> Array:
    """Triangular `L` with `L L^H` equal to the Hermitian matrices `a`, or `L^H` for `upper`.

    Args:
        a: matrices `[..., n, n]`; integers and short floats count as float32.
        upper: return the upper triangle.
        symmetrize_input: use `(a + a^H) / 2`, so that derivatives are Hermitian too; else the
            lower triangle alone (the upper one for `upper`) is read.

    Returns:
        `[..., n, n]`; NaN where a matrix is not positive definite.

    Raises:
        ValueError: the matrices are not square.

    Example:
        >>> np.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
        Array([[2., 0.],
               [1., 2.]], dtype=float32)
        >>> np.isnan(np.linalg.cholesky(np.array([[1.0, 2.0], [2.0, 1.0]]))).any()
        Array(True, dtype=bool)
    """
    a = square("cholesky", a)
    return fusion.run(_cholesky, (a,), bool(upper), bool(symmetrize_input))


def _cholesky(a: Any, upper: bool, symmetrize: bool) -> Any:
    if upper and not symmetrize:
        a = adjoint(a)
    out = linalg.cholesky(a, symmetrize_input=symmetrize)
    return adjoint(out) if upper else out


@fusion.whole(1)
def qr(a: ArrayLike, mode: str = "reduced") -> Any:
    """`a = Q R` with orthonormal columns of `Q` and upper triangular `R`, by Householder's method.

    Args:
        a: matrices `[..., m, n]`; integers and short floats count as float32.
        mode: "reduced" gives `Q` min(m, n) columns, "complete" m; "r" gives `R` alone; "raw" gives
            LAPACK's `(h, tau)`, `h` transposed, from which `lax.linalg.householder_product` makes
            `Q`.

    Returns:
        A `QRResult`, or what the mode says. The diagonal of `R` may have any signs.

    Raises:
        ValueError: there is no such mode, or `a` has fewer than two dimensions.

    Example:
        >>> x = np.array([[3.0, 1.0], [4.0, 2.0]])
        >>> q, r = np.linalg.qr(x)
        >>> np.allclose(q @ r, x, atol=1e-5), np.abs(r[0, 0]).round(4)
        (Array(True, dtype=bool), Array(5., dtype=float32))
        >>> np.linalg.qr(np.ones((3, 2)), "complete").Q.shape
        (3, 3)
    """
    if mode == "raw":
        packed, scales = decompositions.geqrf_p.bind(matrix("qr", a))
        return manipulation.matrix_transpose(packed), scales
    if mode not in ("reduced", "full", "complete", "r"):
        raise ArgumentValueError(f"Unsupported QR decomposition mode '{mode}'")
    full = mode in ("full", "complete")
    q, r = decompositions.qr(matrix("qr", a), full_matrices=full)
    return r if mode == "r" else QRResult(q, r)


@fusion.whole(1)
def svd(
    a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False,
    subset_by_index: tuple[int, int] | None = None,
) -> Any:  # fmt: skip
    """`a = U diag(S) Vh` with orthonormal `U` and `Vh` and decreasing `S`.

    Args:
        a: matrices `[..., m, n]`; integers and short floats count as float32.
        full_matrices: whether `U` and `Vh` are square.
        compute_uv: return all three; else `S` alone.
        hermitian: `a` is Hermitian: use its eigenvalues.
        subset_by_index: `(first, end)` of the singular values and vectors to return; `U` and
            `Vh` are not square then.

    Returns:
        An `SVDResult`, or `S`, `[..., min(m, n)]`.

    Raises:
        ValueError: the range of indices does not fit, or is asked of square `U` and `Vh`; `a` has
            fewer than two dimensions.

    Example:
        >>> x = np.array([[3.0, 0.0], [0.0, -4.0], [0.0, 0.0]])
        >>> u, s, vh = np.linalg.svd(x, full_matrices=False)
        >>> s.round(4), u.shape, vh.shape
        (Array([4., 3.], dtype=float32), (3, 2), (2, 2))
        >>> np.allclose(u * s @ vh, x, atol=1e-5)
        Array(True, dtype=bool)
    """
    a = matrix("svd", a)
    if subset_by_index is not None and full_matrices and compute_uv:
        full_matrices = _no_more_than_thin(typeof(a).shape, subset_by_index)
    if hermitian:
        out = _svd_of_hermitian(square("svd", a), compute_uv)
    else:
        out = singular_values.svd(a, full_matrices=full_matrices, compute_uv=compute_uv)
    if subset_by_index is not None:
        out = _subset(out, typeof(a).shape, subset_by_index, compute_uv)
    return SVDResult(*out) if compute_uv else out


def _no_more_than_thin(shape: tuple[int, ...], subset: tuple[int, int]) -> bool:
    """False; a proper subset of the vectors of a full decomposition is a mistake."""
    if subset != (0, min(shape[-2:])):
        raise ArgumentValueError("svd: full_matrices and subset_by_index cannot both be set")
    return True


def _subset(out: Any, shape: tuple[int, ...], subset: tuple[int, int], vectors: bool) -> Any:
    first, end = subset
    if not 0 <= first < end <= min(shape[-2:]):
        raise ArgumentValueError(
            f"svd: subset_by_index {subset} does not fit matrices {shape[-2:]}"
        )
    if not vectors:
        return out[..., first:end]
    u, s, vh = out
    if (first, end) == (0, min(shape[-2:])):
        return u, s[..., first:end], vh
    return u[..., first:end], s[..., first:end], vh[..., first:end, :]


def _svd_of_hermitian(a: Any, compute_uv: bool) -> Any:
    """Eigenvalues, by magnitude; their signs go to the right vectors."""
    v, w = decompositions.eigh(a)
    size = el.abs(w)
    order = sorting.argsort(size, -1, descending=True)
    s = taking.take_along_axis(size, order, -1, mode="clip")
    if not compute_uv:
        return s
    columns = manipulation.expand_dims(order, -2)
    u = taking.take_along_axis(v, columns, -1, mode="clip")
    sign = taking.take_along_axis(el.sign(w), order, -1, mode="clip")
    vh = adjoint(ar.multiply(u, convert(manipulation.expand_dims(sign, -2), typeof(u).dtype)))
    return SVDResult(u, s, vh)


def svdvals(x: ArrayLike, /) -> Array:
    """Singular values in decreasing order.

    Args:
        x: matrices `[..., m, n]`; integers and short floats count as float32.

    Returns:
        `[..., min(m, n)]`, real.

    Raises:
        ValueError: `x` has fewer than two dimensions.

    Example:
        >>> np.linalg.svdvals(np.array([[3.0, 0.0], [0.0, -4.0]])).round(4)
        Array([4., 3.], dtype=float32)
    """
    return svd(x, compute_uv=False)


@fusion.whole(1)
def eigh(a: ArrayLike, UPLO: str | None = None, symmetrize_input: bool = True) -> EighResult:
    """Eigenvalues and eigenvectors of Hermitian matrices.

    Args:
        a: matrices `[..., n, n]`; integers and short floats count as float32.
        UPLO: "L" or "U": the triangle that is read if not `symmetrize_input`.
        symmetrize_input: use `(a + a^H) / 2`, so that derivatives are Hermitian too.

    Returns:
        An `EighResult`. Derivatives of eigenvectors are NaN where eigenvalues are equal.

    Raises:
        ValueError: `UPLO` is neither, or the matrices are not square.

    Example:
        >>> x = np.array([[2.0, 1.0], [1.0, 2.0]])
        >>> w, v = np.linalg.eigh(x)
        >>> w.round(4), np.allclose(x @ v, v * w, atol=1e-5)
        (Array([1., 3.], dtype=float32), Array(True, dtype=bool))
    """
    if UPLO not in (None, "L", "U"):
        raise ArgumentValueError("UPLO must be one of None, 'L', or 'U'")
    v, w = decompositions.eigh(
        square("eigh", a), lower=UPLO != "U", symmetrize_input=symmetrize_input
    )
    return EighResult(w, v)


@fusion.whole(1)
def eigvalsh(a: ArrayLike, UPLO: str | None = "L", *, symmetrize_input: bool = True) -> Array:
    """Eigenvalues of Hermitian matrices, in increasing order.

    Args:
        a: matrices `[..., n, n]`; integers and short floats count as float32.
        UPLO: "L" or "U": the triangle that is read if not `symmetrize_input`.
        symmetrize_input: use `(a + a^H) / 2`, so that derivatives are Hermitian too.

    Returns:
        `[..., n]`, real.

    Raises:
        ValueError: `UPLO` is neither, or the matrices are not square.

    Example:
        >>> np.linalg.eigvalsh(np.array([[2, 1], [1, 2]])).round(4)
        Array([1., 3.], dtype=float32)
    """
    return eigh(a, UPLO, symmetrize_input).eigenvalues


@fusion.whole(1)
def eig(a: ArrayLike) -> EigResult:
    """Eigenvalues and eigenvectors of square matrices, complex; only the former differentiable.

    Args:
        a: matrices `[..., n, n]`; integers and short floats count as float32.

    Returns:
        An `EigResult`, complex64 or complex128.

    Raises:
        ValueError: the matrices are not square.
        UnsupportedError: the device has no such routine; CPUs have one.

    Example:
        >>> w, v = np.linalg.eig(np.array([[2.0, 0.0], [1.0, 3.0]]))
        >>> np.sort(w.real).round(4)
        Array([2., 3.], dtype=float32)
    """
    return EigResult(*decompositions.eig(square("eig", a)))


@fusion.whole(1)
def eigvals(a: ArrayLike) -> Array:
    """Eigenvalues of square matrices, complex, in no order.

    Args:
        a: matrices `[..., n, n]`; integers and short floats count as float32.

    Returns:
        `[..., n]`, complex64 or complex128.

    Raises:
        ValueError: the matrices are not square.
        UnsupportedError: the device has no such routine; CPUs have one.

    Example:
        >>> np.sort(np.linalg.eigvals(np.array([[0.0, 1.0], [-1.0, 0.0]])).imag).round(4)
        Array([-1.,  1.], dtype=float32)
    """
    return decompositions.eig(square("eigvals", a), compute_eigenvectors=False)
