"""Systems of linear equations, inverses, determinants under NumPy's names."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.linear_solve import custom_linear_solve
from ms_func.dtypes import DEFAULTS
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import arithmetic as ar
from ms_func.numpy import elementwise as el
from ms_func.numpy import (
    fusion,
    joining,
    logic,
    manipulation,
    reductions,
    searching,
    sorting,
    taking,
)
from ms_func.numpy.diagonals import diagonal, eye
from ms_func.numpy.factors import matrix, qr, square, svd
from ms_func.numpy.filled import full_like
from ms_func.numpy.promotion import ArrayLike, convert, fill, inexact, promote_dtype
from ms_func.primitives.cumulative import cummin
from ms_func.primitives.linalg import lu, solve_triangular
from ms_func.primitives.matrices import adjoint, mm

# --- solve ------------------------------------------------------------------------------------


def lu_solved(factors: Any, order: Any, b: Any, transposed: bool = False) -> Any:
    """`x` with `a x = b`, or `a^T x = b`, from the triangular factors of `a[order]`."""
    unit = {"left_side": True, "lower": True, "unit_diagonal": True}
    if not transposed:
        b = rows_at(b, order)
        b = solve_triangular(factors, b, **unit)
        return solve_triangular(factors, b, left_side=True, lower=False)
    b = solve_triangular(factors, b, left_side=True, lower=False, transpose_a=True)
    b = solve_triangular(factors, b, transpose_a=True, **unit)
    return rows_at(b, sorting.argsort(order, -1))


def rows_at(x: Any, order: Any) -> Any:
    """Rows of matrices in another order."""
    index = manipulation.expand_dims(order, -1)
    return taking.take_along_axis(x, index, -2, mode="promise_in_bounds")


@fusion.whole(2)
def solve(a: ArrayLike, b: ArrayLike) -> Array:
    """`x` with `a x = b`, by elimination with partial pivoting.

    Shapes: `a` is `[..., n, n]`, `b` a vector `[n]` or `[..., n, k]`; leading dimensions
        broadcast.

    Args:
        a: matrices; integers and short floats count as float32.
        b: right sides: a vector, or matrices each of whose columns is one.

    Returns:
        `x` with the shape of `b`, leading dimensions broadcast; NaN or infinite where a matrix is
        singular.

    Raises:
        ValueError: the matrices are not square, or the sizes do not fit.

    Example:
        >>> np.linalg.solve(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([4.0, 10.0]))
        Array([2., 2.], dtype=float32)
    """
    a, b = promote_dtype("solve", square("solve", a), inexact("solve", b))
    a, b = square("solve", a), convert(b, typeof(square("solve", a)).dtype)
    vector = typeof(b).ndim == 1
    x = fusion.run(_solve, sides("solve", a, b, vector))
    return manipulation.squeeze(x, -1) if vector else x


def sides(name: str, a: Any, b: Any, vector: bool) -> tuple[Any, Any]:
    """Matrices and right sides of the same leading dimensions; vectors become columns.

    Raises:
        ValueError: the sizes do not fit.
    """
    b = manipulation.expand_dims(b, -1) if vector else b
    s, t = typeof(a).shape, typeof(b).shape
    if t[-2:-1] != s[-1:]:
        raise ArgumentValueError(
            f"Invalid shapes for {name}: matrices {typeof(a)} and right sides {typeof(b)} do not "
            "fit"
        )
    lead = manipulation.broadcast_shapes(s[:-2], t[:-2])
    broadcast = manipulation.broadcast_to
    return broadcast(a, (*lead, *s[-2:])), broadcast(b, (*lead, *t[-2:]))


def _solve(a: Any, b: Any) -> Any:
    factors, _, order = lu(stop_gradient(a))
    return custom_linear_solve(
        lambda x: mm(a, x), b,
        solve=lambda _, v: lu_solved(factors, order, v),
        transpose_solve=lambda _, v: lu_solved(factors, order, v, transposed=True),
    )  # fmt: skip


@fusion.whole(1)
def inv(a: ArrayLike) -> Array:
    """Inverse of square matrices, by `solve`.

    Args:
        a: matrices `[..., n, n]`; integers and short floats count as float32.

    Returns:
        `[..., n, n]`; NaN or infinite where a matrix is singular.

    Raises:
        ValueError: the matrices are not square.

    Example:
        >>> np.linalg.inv(np.array([[2, 0], [0, 4]]))
        Array([[0.5 , 0.  ],
               [0.  , 0.25]], dtype=float32)
    """
    a = square("inv", a)
    t = typeof(a)
    return solve(a, manipulation.broadcast_to(eye(t.shape[-1], dtype=t.dtype), t.shape))


def tensorinv(a: ArrayLike, ind: int = 2) -> Array:
    """Inverse of `a` as a map from its last dimensions to its first `ind`.

    Args:
        a: array; the products of the first `ind` sizes and of the others are equal.
        ind: number of dimensions of the image.

    Returns:
        Array of the other dimensions, then the first, with `tensordot(out, a, ind)` the identity.

    Raises:
        ValueError: `ind` is not positive, or the products differ.

    Example:
        >>> x = 2 * np.eye(4).reshape(4, 2, 2)
        >>> y = np.linalg.tensorinv(x, ind=1)
        >>> y.shape, y[1, 0]
        ((2, 2, 4), Array([0. , 0. , 0.5, 0. ], dtype=float32))
    """
    a = inexact("tensorinv", a)
    if ind <= 0:
        raise ArgumentValueError(f"ind must be a positive integer; got ind={ind}")
    shape = typeof(a).shape
    n = math.prod(shape[ind:])
    flat = inv(manipulation.reshape(a, (math.prod(shape[:ind]), n)))
    return manipulation.reshape(flat, (*shape[ind:], *shape[:ind]))


def tensorsolve(a: ArrayLike, b: ArrayLike, axes: tuple[int, ...] | None = None) -> Array:
    """`x` with `tensordot(a, x, x.ndim) = b`.

    Args:
        a: array `[*b.shape, *x.shape]`; the products of the two groups of sizes are equal.
        b: array.
        axes: dimensions of `a` to put last first of all.

    Raises:
        ValueError: the products differ.

    Example:
        >>> a = 2 * np.eye(4).reshape(2, 2, 4)
        >>> np.linalg.tensorsolve(a, np.array([[2.0, 4.0], [6.0, 8.0]]))
        Array([1., 2., 3., 4.], dtype=float32)
    """
    a, b = inexact("tensorsolve", a), inexact("tensorsolve", b)
    if axes is not None:
        a = manipulation.moveaxis(a, axes, tuple(range(typeof(a).ndim - len(axes), typeof(a).ndim)))
    out = typeof(a).shape[typeof(b).ndim :]
    flat = manipulation.reshape(a, (-1, math.prod(out)))
    return manipulation.reshape(solve(flat, manipulation.ravel(b)), out)


# --- determinants -----------------------------------------------------------------------------


class SlogdetResult(NamedTuple):
    """Sign (or phase) of determinants, and the logarithm of their magnitude.

    Attributes:
        sign: -1, 0 or 1, or a complex number of magnitude 1.
        logabsdet: real; minus infinity where the determinant is 0.
    """

    sign: Any
    logabsdet: Any


def _parity(pivots: Any) -> Any:
    """1 or -1 by the number of exchanged rows."""
    n = typeof(pivots).shape[-1]
    moved = reductions.sum(logic.not_equal(pivots, np.arange(n, dtype=np.int32)), -1, np.int32)
    return ar.subtract(1, ar.multiply(2, ar.remainder(moved, 2)))


def slogdet(a: ArrayLike, *, method: str | None = None) -> SlogdetResult:
    """Sign and logarithm of the magnitude of determinants, which do not overflow.

    Args:
        a: square matrices `[..., n, n]`; integers and short floats count as float32.
        method: by which factors, "lu" (None) or "qr".

    Returns:
        A `SlogdetResult` of arrays `[...]`.

    Raises:
        ValueError: the matrices are not square, or there is no such method.

    Example:
        >>> sign, logabsdet = np.linalg.slogdet(np.array([[0.0, 1e30], [1e30, 0.0]]))
        >>> sign, logabsdet.round(2)
        (Array(-1., dtype=float32), Array(138.16, dtype=float32))
    """
    if method not in (None, "lu", "qr"):
        raise ArgumentValueError(
            f"Unknown slogdet method '{method}'. Supported methods are 'lu' (`None`), and 'qr'."
        )
    by = _slogdet_by_qr if method == "qr" else _slogdet
    return SlogdetResult(*fusion.run(by, (square("slogdet", a),)))


@custom_jvp
def _slogdet(a: Any) -> tuple[Any, Any]:
    return _of_factors(*lu(a)[:2])


def _of_factors(factors: Any, pivots: Any) -> tuple[Any, Any]:
    d = diagonal(factors, 0, -2, -1)
    sign = ar.multiply(reductions.prod(el.sign(d), -1), _parity(pivots))
    return sign, reductions.sum(el.log(el.abs(d)), -1)


@_slogdet.defjvp
def _slogdet_jvp(primals: Any, tangents: Any) -> Any:
    """Jacobi's formula: the logarithm of a determinant changes by the trace of `inv(a) @ da`."""
    factors, pivots, order = lu(*primals)
    sign, size = _of_factors(factors, pivots)
    change = reductions.sum(diagonal(lu_solved(factors, order, *tangents), 0, -2, -1), -1)
    if typeof(change).dtype.kind != "c":
        return (sign, size), (full_like(sign, 0), change)
    turn = ar.multiply(sign, ar.multiply(1j, el.imag(change)))
    return (sign, size), (turn, el.real(change))


def _slogdet_by_qr(a: Any) -> tuple[Any, Any]:
    q, r = qr(a)
    d = diagonal(r, 0, -2, -1)
    sign = ar.multiply(_slogdet(q)[0], reductions.prod(el.sign(d), -1))
    return sign, reductions.sum(el.log(el.abs(d)), -1)


@fusion.whole(1)
def det(a: ArrayLike) -> Array:
    """Determinant of square matrices.

    Up to three rows it is the polynomial in the elements, with its derivative also where the
    matrix is singular; above, the product of pivots.

    Args:
        a: matrices `[..., n, n]`; integers and short floats count as float32.

    Returns:
        `[...]`; 1 for empty matrices.

    Raises:
        ValueError: the matrices are not square.

    Example:
        >>> np.linalg.det(np.array([[1, 2], [3, 4]]))
        Array(-2., dtype=float32)
        >>> ms.grad(np.linalg.det)(np.array([[1.0, 2.0], [2.0, 4.0]]))
        Array([[ 4., -2.],
               [-2.,  1.]], dtype=float32)
    """
    return fusion.run(_det, (square("det", a),))


def _det(a: Any) -> Any:
    n = typeof(a).shape[-1]
    return _polynomial(a, n) if n <= 3 else _by_pivots(a)


@custom_jvp
def _by_pivots(a: Any) -> Any:
    factors, pivots, _ = lu(a)
    d = reductions.prod(diagonal(factors, 0, -2, -1), -1)
    return ar.multiply(d, _parity(pivots))


@_by_pivots.defjvp
def _by_pivots_jvp(primals: Any, tangents: Any) -> Any:
    """Jacobi's formula, `tr(adj(a) t)`, which holds where the matrix is singular, too."""
    (a,), (t,) = primals, tangents
    factors, pivots, order = lu(a)
    d = diagonal(factors, 0, -2, -1)
    parity = _parity(pivots)
    t = solve_triangular(factors, rows_at(t, order), left_side=True, lower=True, unit_diagonal=True)
    change = ar.multiply(_adjugate(factors, d), manipulation.swapaxes(t, -1, -2))
    return (ar.multiply(reductions.prod(d, -1), parity),
            ar.multiply(reductions.sum(change, (-2, -1)), parity))  # fmt: skip


def _adjugate(upper: Any, d: Any) -> Any:
    """`adj(u)` of the upper triangle `u` of a matrix, whose diagonal is `d`.

    `u` is `w - e e^T`, where `w` has 1 in place of each pivot that is 0 and the columns of `e`
    are the unit vectors of their places. With `inv(w)` at hand, the lemma on determinants of such
    a difference leaves the product of two vectors: `_between_gaps`.
    """
    gone = logic.equal(d, 0)
    safe = searching.where(gone, 1, d)
    one = eye(typeof(d).shape[-1], dtype=typeof(d).dtype)
    w = ar.add(upper, ar.multiply(one, manipulation.expand_dims(ar.subtract(safe, d), -1)))
    one = manipulation.broadcast_to(one, typeof(upper).shape)
    inverse = solve_triangular(w, one, left_side=True, lower=False)
    singular = manipulation.expand_dims(reductions.any(gone, -1), (-2, -1))
    found = searching.where(singular, _between_gaps(inverse, gone), inverse)
    return ar.multiply(found, manipulation.expand_dims(reductions.prod(safe, -1), (-2, -1)))


def _between_gaps(inverse: Any, gone: Any) -> Any:
    """Column of the first gap times row of the last, and the elements from each to the next."""
    n = typeof(gone).shape[-1]
    place = np.arange(n, dtype=np.int32)
    later = cummin(searching.where(gone, place, n), typeof(gone).ndim - 1, reverse=True)
    after = joining.append(later[..., 1:], full_like(later[..., :1], n), -1)
    steps = taking.take_along_axis(inverse, after[..., None], -1, mode="clip")[..., 0]
    between = logic.logical_and(gone, logic.less(after, n))
    way = reductions.prod(searching.where(between, steps, 1), -1)
    last = reductions.max(searching.where(gone, place, 0), -1, keepdims=True)
    column = taking.take_along_axis(inverse, later[..., None, :1], -1, mode="clip")
    row = taking.take_along_axis(inverse, last[..., None], -2, mode="clip")
    return ar.multiply(mm(column, row), manipulation.expand_dims(way, (-2, -1)))


def _polynomial(a: Any, n: int) -> Any:
    """Leibniz's formula, by the first row."""
    if n == 0:
        return fill(1, ArrayType(typeof(a).shape[:-2], typeof(a).dtype))
    rows = [joining.unstack(r, axis=-1) for r in joining.unstack(a, axis=-2)]
    if n == 1:
        return rows[0][0]

    def minor(i: int, j: int) -> Any:
        return ar.subtract(ar.multiply(rows[-2][i], rows[-1][j]),
                           ar.multiply(rows[-2][j], rows[-1][i]))  # fmt: skip

    if n == 2:
        return minor(0, 1)
    x, y, z = rows[0]
    total = ar.subtract(ar.multiply(x, minor(1, 2)), ar.multiply(y, minor(0, 2)))
    return ar.add(total, ar.multiply(z, minor(0, 1)))


# --- least squares ------------------------------------------------------------------------------


@fusion.whole(1)
def pinv(
    a: ArrayLike, rtol: ArrayLike | None = None, hermitian: bool = False, *,
    rcond: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Pseudo-inverse of matrices, by singular values.

    Args:
        a: matrices `[..., m, n]`; integers and short floats count as float32.
        rtol: singular values below this part of the largest one count as 0; by default ten
            times the precision times the larger size.
        hermitian: the matrices are Hermitian.
        rcond: another name of `rtol`.

    Returns:
        `[..., n, m]`.

    Raises:
        ValueError: `a` has fewer than two dimensions.

    Example:
        >>> np.linalg.pinv(np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])).round(4)
        Array([[0.5, 0. ],
               [0. , 0. ],
               [0. , 0. ]], dtype=float32)

    Reference:
        Golub, Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares
        problems whose variables separate", SIAM J. Numerical Analysis 10(2), 1973.
    """
    a = matrix("pinv", a)
    rtol = rcond if rtol is None else rtol
    if rtol is None:
        rtol = 10.0 * max(typeof(a).shape[-2:]) * float(np.finfo(typeof(a).dtype).eps)
    return _pinv(a, inexact("pinv", rtol), hermitian)


def _pinv(a: Any, rtol: Any, hermitian: bool) -> Any:
    @custom_jvp
    def pseudo_inverse(a: Any) -> Any:
        u, s, vh = svd(a, full_matrices=False, hermitian=hermitian)
        limit = ar.multiply(manipulation.expand_dims(rtol, -1), s[..., :1])
        used = logic.greater(s, limit)
        inverse = searching.where(used, ar.divide(1, searching.where(used, s, 1)), 0)
        scaled = ar.multiply(adjoint(vh), convert(manipulation.expand_dims(inverse, -2),
                                                  typeof(u).dtype))  # fmt: skip
        return mm(scaled, adjoint(u))

    @pseudo_inverse.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        (a,), (t,) = primals, tangents
        p = pseudo_inverse(a)
        th, ph = adjoint(t), adjoint(p)
        wide = ar.subtract(mm(p, mm(ph, th)), mm(mm(mm(p, mm(ph, th)), a), p))
        tall = ar.subtract(mm(th, mm(ph, p)), mm(p, mm(a, mm(th, mm(ph, p)))))
        return p, ar.subtract(ar.add(wide, tall), mm(p, mm(t, p)))

    return pseudo_inverse(a)


@fusion.whole(1)
def matrix_rank(
    M: ArrayLike, rtol: ArrayLike | None = None, *, hermitian: bool = False,
    tol: ArrayLike | None = None,
) -> Array:  # fmt: skip
    """Number of singular values that are not negligible.

    Args:
        M: matrices `[..., m, n]`; a vector has rank 1 unless all of it is 0.
        rtol: part of the largest singular value below which others do not count; by default the
            precision times the larger size.
        hermitian: the matrices are Hermitian: use their eigenvalues.
        tol: absolute bound instead.

    Returns:
        int32 `[...]`.

    Example:
        >>> np.linalg.matrix_rank(np.array([[1.0, 2.0], [2.0, 4.0]]))
        Array(1, dtype=int32)
        >>> np.linalg.matrix_rank(np.array([[1.0, 0.0], [0.0, 0.001]]), rtol=0.01)
        Array(1, dtype=int32)
    """
    M = inexact("matrix_rank", M)
    if typeof(M).ndim < 2:
        return convert(reductions.any(logic.not_equal(M, 0)), DEFAULTS[int])
    s = svd(M, compute_uv=False, hermitian=hermitian)
    if hermitian:
        s = sorting.sort(s, descending=True)
    if tol is not None:
        limit = tol
    else:
        rtol = max(typeof(M).shape[-2:]) * float(np.finfo(s.dtype).eps) if rtol is None else rtol
        limit = ar.multiply(s[..., :1], manipulation.expand_dims(inexact("rank", rtol), -1))
    return reductions.sum(logic.greater(s, limit), -1, DEFAULTS[int])


def lstsq(
    a: ArrayLike, b: ArrayLike, rcond: float | None = None, *, numpy_resid: bool = False
) -> tuple[Array, Array, Array, Array]:
    """`x` of least norm that minimises `norm(a x - b)`.

    Args:
        a: matrix `[m, n]`; integers and short floats count as float32.
        b: right sides `[m]` or `[m, k]`.
        rcond: part of the largest singular value below which others count as 0; by default the
            precision times the larger size.
        numpy_resid: give no residuals where the rank is not full, as NumPy does.

    Returns:
        `x` `[n]` or `[n, k]`, squared residuals of each column, rank, singular values.

    Raises:
        ValueError: the sizes do not fit, or `a` has fewer than two dimensions.
        TypeError: `a` has more.

    Example:
        >>> a = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
        >>> x, residuals, rank, s = np.linalg.lstsq(a, np.array([1.0, 3.0, 5.0]))
        >>> x.round(4), rank
        (Array([2., 1.], dtype=float32), Array(2, dtype=int32))
    """
    a, b = promote_dtype("lstsq", matrix("lstsq", a), inexact("lstsq", b))
    if typeof(a).ndim > 2:
        raise ArgumentTypeError(
            f"{typeof(a).ndim}-dimensional array given to lstsq. Array must be "
            "two-dimensional\nfix: map it over the others by vmap"
        )
    m, n = typeof(a).shape
    if typeof(b).shape[0] != m:
        raise ArgumentValueError("Leading dimensions of input arrays must match")
    vector = typeof(b).ndim == 1
    b = manipulation.reshape(b, (m, 1)) if vector else b
    if rcond is None:
        rcond = float(np.finfo(typeof(a).dtype).eps) * max(m, n)
    run = fusion.run if type(rcond) is float else _at_once
    x, residuals, rank, s = run(_lstsq, (a, b), rcond)
    if numpy_resid and (m <= n or int(rank) < n):
        residuals = residuals[:0]
    return (manipulation.squeeze(x, -1) if vector else x), residuals, rank, s


def _at_once(body: Any, arrays: Any, *static: Any) -> Any:
    return body(*arrays, *static)


def _lstsq(a: Any, b: Any, rcond: Any) -> tuple[Any, ...]:
    u, s, vh = svd(a, full_matrices=False)
    used = logic.greater(s, ar.multiply(rcond, s[:1]))
    safe = searching.where(used, s, 1)
    scaled = ar.divide(
        mm(adjoint(u), b), convert(manipulation.reshape(safe, (-1, 1)), typeof(b).dtype)
    )
    scaled = searching.where(manipulation.reshape(used, (-1, 1)), scaled, 0)
    x = mm(adjoint(vh), scaled)
    rank = reductions.sum(used, dtype=DEFAULTS[int])
    off = ar.subtract(b, mm(a, x))
    return x, reductions.sum(el.real(ar.multiply(off, el.conjugate(off))), 0), rank, s
