"""Decompositions of matrices with all the options they are called with elsewhere."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from ms_func.errors import ArgumentTypeError, ArgumentValueError, UnsupportedError
from ms_func.ir.types import typeof
from ms_func.primitives import decompositions, singular_values
from ms_func.primitives.axis_slices import slice_in_dim


class SvdAlgorithm(enum.Enum):
    """Algorithms of `svd`; here LAPACK's divide and conquer serves for all.

    Example:
        >>> s = lax.linalg.svd(np.eye(2), compute_uv=False, algorithm=lax.linalg.SvdAlgorithm.QR)
        >>> s.round().tolist()
        [1.0, 1.0]
    """

    DEFAULT = "default"
    QR = "QR"
    JACOBI = "Jacobi"
    POLAR = "polar"
    DIVIDE_AND_CONQUER = "divide_and_conquer"


class EighImplementation(enum.Enum):
    """Algorithms of `eigh`; here LAPACK's serves for all.

    Example:
        >>> qr = lax.linalg.EighImplementation.QR
        >>> lax.linalg.eigh(np.array([[2.0, 0.0], [0.0, 1.0]]), implementation=qr)[1].tolist()
        [1.0, 2.0]
    """

    QR = "qr"
    JACOBI = "jacobi"
    QDWH = "qdwh"


class EigImplementation(enum.Enum):
    """Libraries that `eig` may use; here it is LAPACK.

    Example:
        >>> lax.linalg.EigImplementation("lapack").name
        'LAPACK'
    """

    CUSOLVER = "cusolver"
    MAGMA = "magma"
    LAPACK = "lapack"


def svd(
    x: Any, *, full_matrices: bool = True, compute_uv: bool = True,
    subset_by_index: tuple[int, int] | None = None, algorithm: SvdAlgorithm | None = None,
) -> Any:  # fmt: skip
    """Singular values in decreasing order, with `x = U diag(s) V^H`.

    Args:
        x: matrices `[..., m, n]`, float32, float64, complex64 or complex128.
        full_matrices: whether `U` and `V` are square.
        compute_uv: return `(U, s, V^H)`; else `s` alone.
        subset_by_index: `(first, end)` of the values and vectors to return; not with
            `full_matrices`.
        algorithm: None or a `SvdAlgorithm`.

    Returns:
        `U` `[..., m, k]`, `s` `[..., min(m, n)]`, `V^H` `[..., l, n]`; `k` and `l` are `m` and `n`,
        or
        `min(m, n)` where not `full_matrices`. `s` is real.

    Raises:
        TypeError: `x` holds no matrices, has another dtype, or there is no such algorithm.
        ValueError: the range does not fit.

    Reference:
        LAPACK `gesdd`.

    Example:
        >>> u, s, vh = lax.linalg.svd(np.array([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]))
        >>> u.shape, s.round().tolist(), vh.shape
        ((3, 3), [2.0, 1.0], (2, 2))
    """
    _known("svd", algorithm, SvdAlgorithm)
    if subset_by_index is None:
        return singular_values.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
    count = min(typeof(x).shape[-2:])
    take = _taker("svd", subset_by_index, count)
    if full_matrices and compute_uv and tuple(subset_by_index) != (0, count):
        raise ArgumentValueError("full_matrices and subset_by_index cannot both be set")
    out = singular_values.svd(x, full_matrices=full_matrices, compute_uv=compute_uv)
    if not compute_uv:
        return take(out, -1)
    u, s, vh = out
    return (u, s, vh) if full_matrices else (take(u, -1), take(s, -1), take(vh, -2))


def eigh(
    x: Any, *, lower: bool = True, symmetrize_input: bool = True, sort_eigenvalues: bool = True,
    subset_by_index: tuple[int, int] | None = None,
    implementation: EighImplementation | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """Eigenvectors (as columns) and eigenvalues in increasing order of Hermitian matrices.

    Args:
        x: matrices `[..., n, n]`, float32, float64, complex64 or complex128.
        lower: which triangle is read.
        symmetrize_input: use `(x + x^H) / 2`.
        sort_eigenvalues: accepted for compatibility: they are sorted either way.
        subset_by_index: `(first, end)` of the values and vectors to return.
        implementation: None or an `EighImplementation`.

    Returns:
        `(v, w)`, in the other order than `ms_func.numpy.linalg.eigh`: vectors `[..., n, n]` and
        real
        values `[..., n]`.

    Raises:
        TypeError: the matrices are not square, or there is no such implementation.
        ValueError: the range does not fit.

    Reference:
        LAPACK `syevd`, `heevd`.

    Example:
        >>> x = np.array([[2.0, 1.0], [1.0, 2.0]])
        >>> v, w = lax.linalg.eigh(x)
        >>> w.round().tolist(), np.allclose(x @ v, v * w, atol=1e-5).item()
        ([1.0, 3.0], True)
    """
    _known("eigh", implementation, EighImplementation)
    v, w = decompositions.eigh(x, lower=lower, symmetrize_input=symmetrize_input)
    if subset_by_index is None:
        return v, w
    take = _taker("eigh", subset_by_index, typeof(x).shape[-1])
    return take(v, -1), take(w, -1)


def eig(
    x: Any, *, compute_left_eigenvectors: bool = True, compute_right_eigenvectors: bool = True,
    enable_eigvec_derivs: bool = False, implementation: EigImplementation | None = None,
    use_magma: bool | None = None,
) -> list[Any]:  # fmt: skip
    """Eigenvalues of square matrices, then left and right eigenvectors, all complex.

    Args:
        x: matrices `[..., n, n]`, float32, float64, complex64 or complex128; on CPU.
        compute_left_eigenvectors: return `u` with `u^H x = w u^H`, as columns.
        compute_right_eigenvectors: return `v` with `x v = v w`, as columns.
        enable_eigvec_derivs: not supported: eigenvectors have no derivative here.
        implementation: None or an `EigImplementation`.
        use_magma: accepted for compatibility.

    Returns:
        List of `w` `[..., n]`, then `u` and `v` `[..., n, n]` where asked for.

    Raises:
        TypeError: the matrices are not square, or there is no such implementation.
        NotImplementedError: `enable_eigvec_derivs` is true.

    Reference:
        LAPACK `geev`.

    Example:
        >>> x = np.array([[0.0, 1.0], [-1.0, 0.0]])
        >>> w, v = lax.linalg.eig(x, compute_left_eigenvectors=False)
        >>> sorted(w.imag.round().tolist()), np.allclose(x @ v, v * w, atol=1e-5).item()
        ([-1.0, 1.0], True)
    """
    if enable_eigvec_derivs:
        raise UnsupportedError(
            "eig: eigenvectors have no derivative here: their length and phase are arbitrary\n"
            "fix: leave enable_eigvec_derivs out, and differentiate the eigenvalues"
        )
    _known("eig", implementation, EigImplementation)
    wanted = {"left": bool(compute_left_eigenvectors), "vectors": bool(compute_right_eigenvectors)}
    return list(decompositions.eig_p.bind(x, **wanted))


def _known(name: str, value: Any, kind: type[enum.Enum]) -> None:
    if value is not None and not isinstance(value, kind):
        raise ArgumentTypeError(f"{name} takes None or a {kind.__name__}, got {value!r}")


def _taker(name: str, subset: tuple[int, int], count: int) -> Callable[[Any, int], Any]:
    """Function that takes the range of indices along a dimension."""
    first, end = subset
    if not 0 <= first <= end <= count:
        raise ArgumentValueError(f"{name}: subset_by_index {subset} is no range of {count} indices")
    return lambda x, axis: slice_in_dim(x, first, end, axis=axis)
