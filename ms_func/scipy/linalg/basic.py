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
from ms_func.numpy import creation, fusion, manipulation, reductions
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
    """Upper (or lower) triangular factor of Hermitian matrices."""
    return fa.cholesky(a, upper=not lower)


def cho_factor(
    a: ArrayLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, bool]:
    """Factor for `cho_solve`, and whether it is the lower one."""
    return cholesky(a, lower), lower


def cho_solve(
    c_and_lower: tuple[ArrayLike, bool], b: ArrayLike, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:  # fmt: skip
    """`x` with `a x = b` from the factor of `a` that `cho_factor` gave."""
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
        a: matrices `[..., n, n]`.
        b: right sides `[n]`, `[..., n, k]`.
        trans: 0 or "N", 1 or "T" (transposed), 2 or "C" (conjugate transposed).
        lower: which triangle is read.
        unit_diagonal: take the diagonal for ones.
        overwrite_b: accepted, arrays are values.
        debug: accepted.
        check_finite: accepted; NaN gives NaN.

    Raises:
        ValueError: there is no such `trans`.
    """
    kinds = {0: 0, "N": 0, 1: 1, "T": 1, 2: 2, "C": 2}
    if trans not in kinds:
        raise ArgumentValueError(f"Invalid 'trans' value {trans}")
    a, b = promote_dtype("solve_triangular", fa.square("solve_triangular", a), b)
    a, b = fa.square("solve_triangular", a), inexact("solve_triangular", b)
    b = convert(b, typeof(a).dtype)
    vector = typeof(b).ndim == typeof(a).ndim - 1
    b = manipulation.expand_dims(b, -1) if vector else b
    out = linalg.solve_triangular(
        a, b, left_side=True, lower=lower, transpose_a=kinds[trans] > 0,
        conjugate_a=kinds[trans] == 2, unit_diagonal=unit_diagonal,
    )  # fmt: skip
    return manipulation.squeeze(out, -1) if vector else out


@fusion.whole(1)
def lu_factor(
    a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, Array]:
    """Both triangular factors in one matrix, and the row exchanged with each."""
    factors, pivots, _ = linalg.lu(fa.matrix("lu_factor", a))
    return factors, pivots


@fusion.whole(1, "b")
def lu_solve(
    lu_and_piv: tuple[ArrayLike, ArrayLike], b: ArrayLike, trans: int = 0,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Array:  # fmt: skip
    """`x` with `op(a) x = b` from what `lu_factor` gave.

    Raises:
        ValueError: `trans` is none of 0, 1 (transposed), 2 (conjugate transposed).
    """
    if trans not in (0, 1, 2):
        raise ArgumentValueError(f"'trans' value must be 0, 1, or 2, got {trans}")
    factors, pivots = (creation.asarray(v) for v in lu_and_piv)
    b = convert(inexact("lu_solve", b), factors.dtype)
    order = _order(pivots, factors.shape[-2])
    vector = typeof(b).ndim == factors.ndim - 1
    b = manipulation.expand_dims(b, -1) if vector else b
    conjugate = trans == 2 and factors.dtype.kind == "c"
    b = el.conjugate(b) if conjugate else b
    out = sy.lu_solved(factors, order, b, transposed=trans > 0)
    out = out.conj() if conjugate else out
    return manipulation.squeeze(out, -1) if vector else out


def _order(pivots: Any, n: int) -> Any:
    """Order of the rows after the exchanges, in a loop over them."""
    lead = pivots.shape[:-1]
    start = manipulation.broadcast_to(creation.arange(n), (*lead, n))
    place = creation.arange(n)

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
        a: matrices `[..., m, n]`.
        permute_l: return `P L` and `U`.
        overwrite_a: accepted, arrays are values.
        check_finite: accepted.
    """
    a = fa.matrix("lu", a)
    factors, _, order = linalg.lu(a)
    m, n = typeof(a).shape[-2:]
    k = min(m, n)
    low = tril(factors, -1)[..., :k] + eye(m, k, dtype=factors.dtype)
    up = triu(factors)[..., :k, :]
    rows = order[..., None, :] == creation.arange(m)[:, None]
    p = convert(rows, factors.dtype)
    return (mm(p, low), up) if permute_l else (p, low, up)


# --- other functions --------------------------------------------------------------------------


def det(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """Determinant of square matrices."""
    return nl.det(a)


def inv(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """Inverse of square matrices."""
    return nl.inv(a)


def solve(
    a: ArrayLike, b: ArrayLike, lower: bool = False, overwrite_a: bool = False,
    overwrite_b: bool = False, debug: bool = False, check_finite: bool = True,
    assume_a: str = "gen",
) -> Array:  # fmt: skip
    """`x` with `a x = b`.

    Args:
        a: square matrices.
        b: right sides.
        lower: which triangle of Hermitian matrices is read.
        overwrite_a: accepted, arrays are values.
        overwrite_b: accepted.
        debug: accepted.
        check_finite: accepted.
        assume_a: "gen", "sym", "her", or "pos" for positive definite matrices.

    Raises:
        ValueError: there is no such assumption.
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
    """`a = Q R`; `mode` is "full", "economic" or "r".

    With `pivoting` it is `a[..., p] = Q R` with the diagonal of `R` decreasing in size, and `p`
    is returned too.

    Raises:
        ValueError: there is no such mode.
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
    """Singular value decomposition, as `numpy.linalg.svd`."""
    out = nl.svd(a, full_matrices, compute_uv)
    return tuple(out) if compute_uv else out


def eigh(
    a: ArrayLike, b: ArrayLike | None = None, lower: bool = True, eigvals_only: bool = False,
    overwrite_a: bool = False, overwrite_b: bool = False, turbo: bool = True, eigvals: Any = None,
    type: int = 1, check_finite: bool = True,
) -> Any:  # fmt: skip
    """Eigenvalues and eigenvectors of Hermitian matrices.

    Raises:
        NotImplementedError: a generalised problem or a choice of eigenvalues is asked for.
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
    """Exponential of square matrices; NaN where it needs more than `max_squarings`.

    Reference:
        Higham, "The scaling and squaring method for the matrix exponential revisited", SIAM J.
        Matrix Analysis and Applications 26(4), 2005, algorithm 2.3.
    """
    return fusion.run(_expm, (fa.square("expm", A),), int(max_squarings))


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
    """Matrix with the given matrices along its diagonal, zero elsewhere."""
    rows = [manipulation.atleast_2d(a) for a in arrs] or [creation.zeros((1, 0))]
    rows = promote_dtype("block_diag", *rows)
    if any(typeof(r).ndim > 2 for r in rows):
        raise ArgumentValueError("arguments to block_diag must have at most 2 dimensions")
    height, width = (sum(typeof(r).shape[i] for r in rows) for i in (0, 1))
    out = creation.zeros((height, width), typeof(rows[0]).dtype)
    i = j = 0
    for r in rows:
        m, n = typeof(r).shape
        out = out.at[i : i + m, j : j + n].set(r)
        i, j = i + m, j + n
    return out
