"""Linear algebra under the names of `scipy.linalg`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ms_func.control_flow.while_loop import fori_loop
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import creation, filled, fusion, intervals, manipulation, reductions
from ms_func.numpy import elementwise as el
from ms_func.numpy import factors as fa
from ms_func.numpy import linalg as nl
from ms_func.numpy import systems as sy
from ms_func.numpy.diagonals import eye, tril, triu
from ms_func.numpy.promotion import ArrayLike, convert, inexact, promote_dtype
from ms_func.numpy.rounding import ceil
from ms_func.numpy.searching import where
from ms_func.primitives import decompositions, linalg
from ms_func.primitives.matrices import mm

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "det", "eigh", "expm", "inv", "lu",
    "lu_factor", "lu_solve", "qr", "solve", "solve_triangular", "svd",
]  # fmt: skip

# --- triangular factors ---------------------------------------------------------------------


@fusion.whole(1)
def cholesky(
    a: ArrayLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Array:
    """Upper (or lower) triangular factor of Hermitian positive definite matrices.

    Args:
        a: matrices `[..., n, n]`; integers become floats. Only the triangle of the factor is
            read, the real part of the diagonal.
        lower: return `L` with `a = L L^H`, instead of `U` with `a = U^H U`.
        overwrite_a: accepted, arrays are values.
        check_finite: accepted.

    Returns:
        Array `[..., n, n]`, zero in the other triangle; NaN where the matrix is not positive
        definite: SciPy raises there.

    Raises:
        ValueError: the matrices are not square.

    Reference:
        Golub, Van Loan, "Matrix Computations", 4.2; derivatives: Murray, arXiv:1602.07527.

    Example:
        >>> a = np.array([[4.0, 2.0], [2.0, 5.0]])
        >>> print(cholesky(a))  # `numpy.linalg.cholesky` returns the lower one
        [[2. 1.]
         [0. 2.]]
    """
    return fa.cholesky(a, upper=not lower, symmetrize_input=False)


def cho_factor(
    a: ArrayLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, bool]:
    """Factor for `cho_solve`, and whether it is the lower one.

    Args:
        a: Hermitian positive definite matrices `[..., n, n]`.
        lower: which factor.
        overwrite_a: accepted, arrays are values.
        check_finite: accepted.

    Returns:
        The factor as of `cholesky` (the other triangle is zero, in SciPy it holds anything), and
        `lower`.

    Raises:
        ValueError: the matrices are not square.

    Example:
        >>> factor = cho_factor(np.array([[4.0, 2.0], [2.0, 5.0]]))
        >>> print(np.array_str(cho_solve(factor, np.array([6.0, 7.0])), precision=2))
        [1. 1.]
    """
    return cholesky(a, lower), lower


def cho_solve(
    c_and_lower: tuple[ArrayLike, bool], b: ArrayLike, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:  # fmt: skip
    """`x` with `a x = b` from the factor of `a` that `cho_factor` gave.

    Args:
        c_and_lower: what `cho_factor` returned, for matrices `[..., n, n]`.
        b: right sides `[n]` or `[..., n, k]`.
        overwrite_b: accepted, arrays are values.
        check_finite: accepted.

    Returns:
        Array of the shape of `b`, broadcast with the matrices.

    Raises:
        ValueError: the shapes do not fit.

    Example:
        >>> factor = cho_factor(np.array([[4.0, 0.0], [0.0, 16.0]]), lower=True)
        >>> print(cho_solve(factor, np.array([4.0, 32.0])))
        [1. 2.]
    """
    c, lower = c_and_lower
    return _cho_solve(c, b, bool(lower))


@fusion.whole(2)
def _cho_solve(c: Any, b: Any, lower: bool) -> Array:
    first = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(c, first, trans=2 if lower else 0, lower=lower)


@fusion.whole(2)
def solve_triangular(
    a: ArrayLike, b: ArrayLike, trans: int | str = 0, lower: bool = False,
    unit_diagonal: bool = False, overwrite_b: bool = False, debug: Any = None,
    check_finite: bool = True,
) -> Array:  # fmt: skip
    """`x` with `op(a) x = b` for triangular `a`.

    Args:
        a: matrices `[..., n, n]`; the other triangle is not read.
        b: right sides `[n]`, `[..., n]` or `[..., n, k]`; leading dimensions broadcast.
        trans: 0 or "N", 1 or "T" (transposed), 2 or "C" (conjugate transposed).
        lower: which triangle is read.
        unit_diagonal: take the diagonal for ones.
        overwrite_b: accepted, arrays are values.
        debug: accepted.
        check_finite: accepted; NaN gives NaN.

    Returns:
        Array of the shape of `b`, broadcast with the matrices; infinite or NaN where the diagonal
        has a zero.

    Raises:
        ValueError: there is no such `trans`, or the shapes do not fit.

    Example:
        >>> a, b = np.array([[2.0, 1.0], [0.0, 4.0]]), np.array([4.0, 8.0])
        >>> print(solve_triangular(a, b), solve_triangular(a, b, "T"))
        [1. 2.] [2.  1.5]
    """
    kinds = {0: 0, "N": 0, 1: 1, "T": 1, 2: 2, "C": 2}
    if trans not in kinds:
        raise ArgumentValueError(f"Invalid 'trans' value {trans}")
    a, b = promote_dtype("solve_triangular", fa.square("solve_triangular", a), b)
    a, b = fa.square("solve_triangular", a), inexact("solve_triangular", b)
    b = convert(b, typeof(a).dtype)
    vector = _vectors(a, b)
    a, b = sy.sides("solve_triangular", a, b, vector)
    out = linalg.solve_triangular(
        a, b, left_side=True, lower=lower, transpose_a=kinds[trans] > 0,
        conjugate_a=kinds[trans] == 2, unit_diagonal=unit_diagonal,
    )  # fmt: skip
    return manipulation.squeeze(out, -1) if vector else out


def _vectors(a: Any, b: Any) -> bool:
    """Whether `b` holds vectors: one, or one for each matrix of `a`."""
    s, t = typeof(a).shape, typeof(b).shape
    return len(t) == 1 or (len(t) == len(s) - 1 and t[-1] == s[-1])


@fusion.whole(1)
def lu_factor(
    a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, Array]:
    """Both triangular factors in one matrix, and the row exchanged with each.

    Args:
        a: matrices `[..., m, n]`; integers become floats.
        overwrite_a: accepted, arrays are values.
        check_finite: accepted.

    Returns:
        Array `[..., m, n]` that holds `U`, and below its diagonal `L`, whose diagonal of ones is
        left out; int32 array `[..., min(m, n)]`: row `i` was exchanged with row `pivots[i]`.

    Raises:
        TypeError: `a` has less than two dimensions.

    Example:
        >>> factors, pivots = lu_factor(np.array([[1.0, 2.0], [4.0, 4.0]]))
        >>> print(factors, pivots)
        [[4.   4.  ]
         [0.25 1.  ]] [1 1]
    """
    factors, pivots, _ = linalg.lu(fa.matrix("lu_factor", a))
    return factors, pivots


@fusion.whole(1, "b")
def lu_solve(
    lu_and_piv: tuple[ArrayLike, ArrayLike], b: ArrayLike, trans: int = 0,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Array:  # fmt: skip
    """`x` with `op(a) x = b` from what `lu_factor` gave.

    Args:
        lu_and_piv: factors `[..., n, n]` and pivots `[..., n]`.
        b: right sides `[n]`, `[..., n]` or `[..., n, k]`; leading dimensions broadcast.
        trans: 0, 1 for the transposed matrices, 2 for the conjugate transposed.
        overwrite_b: accepted, arrays are values.
        check_finite: accepted.

    Returns:
        Array of the shape of `b`, broadcast with the matrices.

    Raises:
        ValueError: `trans` is none of 0, 1 (transposed), 2 (conjugate transposed).

    Example:
        >>> factored = lu_factor(np.array([[1.0, 2.0], [4.0, 4.0]]))
        >>> print(lu_solve(factored, np.array([3.0, 8.0])))
        [1. 1.]
    """
    if trans not in (0, 1, 2):
        raise ArgumentValueError(f"'trans' value must be 0, 1, or 2, got {trans}")
    factors, pivots = (creation.asarray(v) for v in lu_and_piv)
    factors, b = promote_dtype("lu_solve", factors, inexact("lu_solve", b))
    vector = _vectors(factors, b)
    factors, b = sy.sides("lu_solve", factors, b, vector)
    n = typeof(factors).shape[-1]
    order = _order(manipulation.broadcast_to(pivots, (*typeof(b).shape[:-2], n)), n)
    conjugate = trans == 2 and factors.dtype.kind == "c"
    b = el.conjugate(b) if conjugate else b
    out = sy.lu_solved(factors, order, b, transposed=trans > 0)
    out = out.conj() if conjugate else out
    return manipulation.squeeze(out, -1) if vector else out


def _order(pivots: Any, n: int) -> Any:
    """Order of the rows after the exchanges, in a loop over them."""
    lead = pivots.shape[:-1]
    start = manipulation.broadcast_to(intervals.arange(n), (*lead, n))
    place = intervals.arange(n)

    if not n:
        return start

    def exchange(k: Any, order: Any) -> Any:
        there = pivots[..., k][..., None]
        mine = order[..., k][..., None]
        other = reductions.sum(where(place == there, order, 0), -1, keepdims=True)
        order = where(place == there, mine, order)
        return where(place == k, other, order)

    return fori_loop(0, pivots.shape[-1], exchange, start)


@fusion.whole(1)
def lu(
    a: ArrayLike, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """`a = P L U`: permutation, lower triangle with ones on the diagonal, upper triangle.

    Args:
        a: matrices `[..., m, n]`; integers become floats.
        permute_l: return `P L` and `U`.
        overwrite_a: accepted, arrays are values.
        check_finite: accepted.

    Returns:
        `P` `[..., m, m]`, `L` `[..., m, k]` and `U` `[..., k, n]`, k = min(m, n); `P` is
        real, the others of the dtype of `a`.
        Pivots are the entries of the greatest magnitude. `L` and `U` have derivatives, at regular
        leading blocks.

    Raises:
        TypeError: `a` has less than two dimensions.

    Example:
        >>> p, l, u = lu(np.array([[1.0, 2.0], [4.0, 4.0]]))
        >>> print(p @ l)
        [[0.25 1.  ]
         [1.   0.  ]]
    """
    a = fa.matrix("lu", a)
    factors, _, order = linalg.lu(a)
    m, n = typeof(a).shape[-2:]
    k = min(m, n)
    low = tril(factors, -1)[..., :k] + eye(m, k, dtype=factors.dtype)
    up = triu(factors)[..., :k, :]
    rows = order[..., None, :] == intervals.arange(m)[:, None]
    p = convert(rows, el.real(factors).dtype)
    return (mm(convert(p, factors.dtype), low), up) if permute_l else (p, low, up)


# --- other functions --------------------------------------------------------------------------


def det(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """Determinant of square matrices.

    Args:
        a: matrices `[..., n, n]`; integers become floats.
        overwrite_a: accepted, arrays are values.
        check_finite: accepted.

    Returns:
        Array `[...]`; 1 for matrices without rows. Derivatives hold at singular matrices too.

    Raises:
        ValueError: the matrices are not square.

    Example:
        >>> print(det(np.array([[2.0, 0.0], [0.0, 3.0]])))
        6.0
    """
    return nl.det(a)


def inv(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """Inverse of square matrices.

    Args:
        a: matrices `[..., n, n]`; integers become floats.
        overwrite_a: accepted, arrays are values.
        check_finite: accepted.

    Returns:
        Array of the shape of `a`; infinite or NaN for singular matrices, where SciPy raises.

    Raises:
        ValueError: the matrices are not square.

    Example:
        >>> print(inv(np.array([[2.0, 0.0], [0.0, 4.0]])))
        [[0.5  0.  ]
         [0.   0.25]]
    """
    return nl.inv(a)


def solve(
    a: ArrayLike, b: ArrayLike, lower: bool = False, overwrite_a: bool = False,
    overwrite_b: bool = False, debug: bool = False, check_finite: bool = True,
    assume_a: str = "gen",
) -> Array:  # fmt: skip
    """`x` with `a x = b`.

    Args:
        a: square matrices `[..., n, n]`.
        b: right sides `[n]` or `[..., n, k]`.
        lower: which triangle of Hermitian matrices is read.
        overwrite_a: accepted, arrays are values.
        overwrite_b: accepted.
        debug: accepted.
        check_finite: accepted.
        assume_a: "gen", "sym", "her", or "pos" for positive definite matrices, which are solved by
            Cholesky's factors; the others are solved by `lu`.

    Returns:
        Array of the shape of `b`; infinite or NaN for singular matrices, where SciPy raises.

    Raises:
        ValueError: there is no such assumption, or the shapes do not fit.

    Example:
        >>> print(solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 8.0])))
        [1. 2.]
    """
    if assume_a not in ("gen", "sym", "her", "pos"):
        raise ArgumentValueError(
            f"Expected assume_a to be one of gen, sym, her, pos; got {assume_a!r}"
        )
    if assume_a != "pos":
        return nl.solve(a, b)
    return cho_solve(cho_factor(a, lower), b)


def qr(
    a: ArrayLike, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
    pivoting: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """`a = Q R`: unitary and upper triangular.

    Args:
        a: matrices `[..., m, n]`; integers become floats.
        overwrite_a: accepted, arrays are values.
        lwork: accepted.
        mode: "full" for `Q` `[..., m, m]` and `R` `[..., m, n]`; "economic" for `[..., m, k]` and
            `[..., k, n]`, k = min(m, n); "r" for the `R` of "full" alone, in a tuple.
        pivoting: make it `a[..., p] = Q R` with the diagonal of `R` decreasing in size, and return
            `p` `[..., n]` too.
        check_finite: accepted.

    Returns:
        Tuple of arrays. The signs of the diagonal of `R` are LAPACK's. Derivatives need columns
        that are independent (the first k of them).

    Raises:
        ValueError: there is no such mode.
        TypeError: `a` has less than two dimensions.

    Example:
        >>> q, r, p = qr(np.array([[1.0, 2.0], [0.0, 0.0]]), pivoting=True)
        >>> print(p, abs(r))  # the longest column first
        [1 0] [[2. 1.]
         [0. 0.]]
    """
    if mode not in ("full", "economic", "r"):
        raise ArgumentValueError(f"Unsupported QR decomposition mode '{mode}'")
    full = mode in ("full", "r")
    out = decompositions.qr(inexact("qr", a), pivoting=bool(pivoting), full_matrices=full)
    return out[1:] if mode == "r" else out


@fusion.whole(1)
def svd(
    a: ArrayLike, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
    check_finite: bool = True, lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """Singular value decomposition `a = U diag(s) V^H`.

    Args:
        a: matrices `[..., m, n]`; integers become floats.
        full_matrices: `U` `[..., m, m]` and `V^H` `[..., n, n]`; else `[..., m, k]`, `[..., k, n]`
            with k = min(m, n).
        compute_uv: False returns `s` alone.
        overwrite_a: accepted, arrays are values.
        check_finite: accepted.
        lapack_driver: accepted.

    Returns:
        `U`, `s` `[..., k]` in decreasing order and real, `V^H`. Derivatives of `U` and `V^H` need
        distinct singular values, and `full_matrices=False`.

    Raises:
        TypeError: `a` has less than two dimensions.

    Reference:
        Derivatives: Giles, "Collected matrix derivative results", 2008.

    Example:
        >>> print(svd(np.array([[0.0, 3.0], [2.0, 0.0]]), compute_uv=False))
        [3. 2.]
    """
    out = nl.svd(a, full_matrices, compute_uv)
    return tuple(out) if compute_uv else out


def eigh(
    a: ArrayLike, b: ArrayLike | None = None, lower: bool = True, eigvals_only: bool = False,
    overwrite_a: bool = False, overwrite_b: bool = False, turbo: bool = True, eigvals: Any = None,
    type: int = 1, check_finite: bool = True,
) -> Any:  # fmt: skip
    """Eigenvalues and eigenvectors of Hermitian matrices: `a V = V diag(w)`.

    Args:
        a: matrices `[..., n, n]`; integers become floats. One triangle is read.
        b: None only: no generalised problems.
        lower: which triangle is read.
        eigvals_only: whether to leave the eigenvectors out.
        overwrite_a: accepted, arrays are values.
        overwrite_b: accepted.
        turbo: accepted.
        eigvals: None only: all are computed.
        type: 1 only.
        check_finite: accepted.

    Returns:
        `w` `[..., n]`, real and ascending, and orthonormal columns `V` `[..., n, n]`, each up to a
        sign (or a phase). Derivatives of `V` need distinct eigenvalues.

    Raises:
        NotImplementedError: a generalised problem or a choice of eigenvalues is asked for.
        ValueError: the matrices are not square.

    Example:
        >>> x = eigh(np.array([[2.0, 1.0], [1.0, 2.0]]), eigvals_only=True)
        >>> print(np.array_str(x, precision=4))
        [1. 3.]
    """
    if b is not None or type != 1 or eigvals is not None:
        raise NotImplementedError("eigh: only b=None, type=1, eigvals=None is implemented")
    w, v = nl.eigh(a, "L" if lower else "U", symmetrize_input=False)
    return w if eigvals_only else (w, v)


_PADE = (64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
         129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0,
         40840800.0, 960960.0, 16380.0, 182.0, 1.0)  # fmt: skip
"""Coefficients of the Pade approximant of order 13 (Higham 2005, table 2.3)."""
_THETA = {4: 3.92572478313866, 8: 5.371920351148152}
"""Norm up to which it is accurate, for float32 and float64 (Higham 2005, table 2.1)."""


@fusion.whole(1)
def expm(A: ArrayLike, *, upper_triangular: bool = False, max_squarings: int = 16) -> Array:
    """Exponential of square matrices: the sum of `A**k / k!`.

    Args:
        A: matrices `[..., n, n]`; integers become floats.
        upper_triangular: accepted; nothing is gained by it.
        max_squarings: bound on the squarings, which is enough up to norms of 2**16 times about 4.

    Returns:
        Array of the shape of `A`; NaN where it needs more squarings. For the derivative in
        one direction see `expm_frechet`.

    Raises:
        ValueError: the matrices are not square.

    Reference:
        Higham, "The scaling and squaring method for the matrix exponential revisited", SIAM J.
        Matrix Analysis and Applications 26(4), 2005, algorithm 2.3.

    Example:
        >>> print(expm(np.array([[0.0, 1.0], [0.0, 0.0]])))  # nilpotent: 1 + A
        [[1. 1.]
         [0. 1.]]
    """
    a = fa.square("expm", A)
    return fusion.run(_expm, (a,), int(max_squarings)) if a.size else a


def _expm(a: Any, most: int) -> Any:
    t = typeof(a)
    size = reductions.max(reductions.sum(abs(a), -2), -1)
    theta = _THETA[t.dtype.itemsize // (2 if t.dtype.kind == "c" else 1)]
    times = reductions.max(_halvings(size / theta), initial=0.0)
    times = where(times > 0, times, 0.0)
    a = a * convert(2.0**-times, t.dtype)
    powers = [manipulation.broadcast_to(eye(t.shape[-1], dtype=t.dtype), t.shape), mm(a, a)]
    powers += [mm(powers[1], powers[1])]
    powers += [mm(powers[2], powers[1])]
    b = [np.asarray(v, t.dtype)[()] for v in _PADE]
    one, a2, a4, a6 = powers
    odd = mm(a, mm(a6, a6 * b[13] + a4 * b[11] + a2 * b[9])
             + a6 * b[7] + a4 * b[5] + a2 * b[3] + one * b[1])  # fmt: skip
    even = mm(a6, a6 * b[12] + a4 * b[10] + a2 * b[8])
    even = even + a6 * b[6] + a4 * b[4] + a2 * b[2] + one * b[0]
    out = nl.solve(even - odd, even + odd)
    for k in range(most):
        out = where(times > k, mm(out, out), out)
    return where(times > most, math.nan, out)


def _halvings(x: Any) -> Any:
    """Number of halvings that bring `x` to 1 or below."""
    return ceil(el.log2(ar.maximum(x, 1.0)))


@fusion.whole(0)
def block_diag(*arrs: ArrayLike) -> Array:
    """Matrix with the given matrices along its diagonal, zero elsewhere.

    Args:
        *arrs: matrices of any shapes; vectors count as rows, numbers as 1 by 1. They are promoted
            to one dtype.

    Returns:
        Matrix of the sums of the heights and of the widths; `[1, 0]` without arguments.

    Raises:
        ValueError: one has more than two dimensions.

    Example:
        >>> print(block_diag(np.array([[1, 2]]), 3))
        [[1 2 0]
         [0 0 3]]
    """
    rows = [manipulation.atleast_2d(a) for a in arrs] or [filled.zeros((1, 0))]
    rows = promote_dtype("block_diag", *rows)
    for i, r in enumerate(rows):
        if typeof(r).ndim > 2:
            raise ArgumentValueError(
                f"Arguments to scipy.linalg.block_diag must have at most 2 dimensions, got "
                f"{typeof(r)} at argument {i}."
            )
    height, width = (sum(typeof(r).shape[i] for r in rows) for i in (0, 1))
    out = filled.zeros((height, width), typeof(rows[0]).dtype)
    i = j = 0
    for r in rows:
        m, n = typeof(r).shape
        out = out.at[i : i + m, j : j + n].set(r)
        i, j = i + m, j + n
    return out
