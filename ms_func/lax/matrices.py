"""Functions of `lax.linalg` that are made of other operations."""

from __future__ import annotations

from typing import Any

import numpy as onp

from ms_func import numpy as np
from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.linear_solve import custom_linear_solve
from ms_func.control_flow.scan import scan
from ms_func.control_flow.while_loop import fori_loop, while_loop
from ms_func.errors import ShapeError, SizeError
from ms_func.execution.array import Array
from ms_func.numpy.promotion import ArrayLike
from ms_func.primitives.linalg import solve_triangular
from ms_func.primitives.matrices import adjoint, lower_part, mm, on_diagonal, upper_part


def _reflections(a: Array, taus: Array) -> tuple[Array, Array]:
    """Vectors `V` and factor `T` with I - V T V^H the product of the reflections.

    Source: Schreiber, Van Loan, "A storage-efficient WY representation for products of
    Householder transformations", SIAM J. Sci. Stat. Comput. 10, 1989.
    """
    m, k = a.shape[-2], taus.shape[-1]
    if a.ndim < 2 or k > min(m, a.shape[-1]) or taus.shape[:-1] != a.shape[:-2]:
        raise SizeError(
            "the second argument, the scales [..., k], must not have more rows than the minimum of "
            f"the first argument's rows and columns: got {a.shape} and {taus.shape}"
        )
    v = on_diagonal(lower_part(a[..., :k], -1), np.ones((), a.dtype))
    strict = upper_part(mm(adjoint(v), v), 1)
    unit = on_diagonal(strict * taus[..., None, :], np.ones((), a.dtype))
    eye = np.broadcast_to(np.eye(k, dtype=a.dtype), unit.shape)
    inverse = solve_triangular(unit, eye, left_side=True, lower=False, unit_diagonal=True)
    return v, taus[..., :, None] * inverse


def householder_product(a: ArrayLike, taus: ArrayLike) -> Array:
    """First columns of the product of reflections I - tau v v^H.

    Args:
        a: `[..., m, n]`, n <= m: the vectors v below the diagonal of each column, the 1 on it
            left out, as `hessenberg`, `tridiagonal` and LAPACK's QR give them.
        taus: scales `[..., k]`, k <= n.

    Returns:
        Matrices `[..., m, n]` with orthonormal columns.

    Raises:
        TypeError: the shapes do not fit.

    Example:
        >>> packed, taus = np.array([[0.0], [1.0]]), np.array([1.0])  # v = (1, 1)
        >>> lax.linalg.householder_product(packed, taus).tolist()
        [[0.0], [-1.0]]
    """
    a, taus = np.asarray(a), np.asarray(taus)
    if a.shape[-1] > a.shape[-2]:
        raise SizeError(
            "The first argument to householder_product must have at least as many rows as columns, "
            f"got shape {a.shape}"
        )
    v, t = _reflections(a, taus)
    eye = np.broadcast_to(np.eye(*a.shape[-2:], dtype=a.dtype), a.shape)
    return eye - mm(v, mm(t, mm(adjoint(v), eye)))


def ormqr(
    a: ArrayLike, taus: ArrayLike, c: ArrayLike, *, left: bool = True, transpose: bool = False
) -> Array:
    """`c` multiplied by the product `Q` of reflections, without forming `Q`.

    Args:
        a: vectors of the reflections, as `householder_product` takes them.
        taus: their scales.
        c: matrices `[..., m, n]`.
        left: `Q c` or `c Q`.
        transpose: take the conjugate transposed `Q`.

    Raises:
        TypeError: the shapes do not fit.

    Returns:
        Matrices of the shape of `c`.

    Example:
        >>> packed, taus = np.array([[0.0], [1.0]]), np.array([1.0])
        >>> lax.linalg.ormqr(packed, taus, np.eye(2)).tolist()
        [[0.0, -1.0], [-1.0, 0.0]]
    """
    a, taus, c = np.asarray(a), np.asarray(taus), np.asarray(c)
    v, t = _reflections(a, taus)
    t = adjoint(t) if transpose else t
    if left:
        return c - mm(v, mm(t, mm(adjoint(v), c)))
    return c - mm(mm(mm(c, v), t), adjoint(v))


def symmetric_product(
    a_matrix: ArrayLike, c_matrix: ArrayLike, *, alpha: float = 1.0, beta: float = 0.0,
    symmetrize_output: bool = False,
) -> Array:  # fmt: skip
    """`alpha a a^T + beta c`, of which the lower triangle is meant.

    Args:
        a_matrix: `[..., n, k]`.
        c_matrix: `[..., n, n]`, of which the lower triangle is meant.
        alpha: factor of the product.
        beta: factor of the other term.
        symmetrize_output: give the lower triangle on both sides; without it the upper one holds
            what `c` adds there.

    Raises:
        TypeError: the shapes do not fit.

    Returns:
        Matrices `[..., n, n]`.

    Example:
        >>> a = np.array([[1.0, 2.0], [0.0, 1.0]])
        >>> lax.linalg.symmetric_product(a, np.eye(2), beta=10.0, symmetrize_output=True).tolist()
        [[15.0, 2.0], [2.0, 11.0]]
    """
    a, c = np.asarray(a_matrix), np.asarray(c_matrix)
    if c.shape != (*a.shape[:-1], a.shape[-2]):
        raise SizeError(
            "symmetric_product expects a matrix of shape (m, n) and a square matrix of shape "
            f"(m, m). Got shapes {a.shape} and {c.shape}"
        )
    out = alpha * mm(a, np.swapaxes(a, -1, -2)) + beta * c
    return np.tril(out) + np.swapaxes(np.tril(out, -1), -1, -2) if symmetrize_output else out


def cholesky_update(r_matrix: ArrayLike, w_vector: ArrayLike) -> Array:
    """Upper triangular factor of `R^T R + w w^T`, by plane rotations.

    Source: Golub, Van Loan, "Matrix Computations", 4th ed., section 6.5.4.

    Args:
        r_matrix: upper triangular `[n, n]`, real.
        w_vector: `[n]`.

    Raises:
        TypeError: the shapes do not fit.

    Returns:
        Upper triangular `[n, n]`.

    Example:
        >>> lax.linalg.cholesky_update(np.array([[3.0]]), np.array([4.0])).round().tolist()
        [[5.0]]
    """
    r, w = np.asarray(r_matrix), np.asarray(w_vector)
    if r.ndim != 2 or r.shape[0] != r.shape[1] or w.shape != r.shape[:1]:
        raise SizeError(
            "Rank-1 update to Cholesky decomposition takes a square matrix and a vector of the "
            f"same size as input. Got shapes {r.shape} and {w.shape} instead"
        )

    def rotate(w: Array, row_and_k: Any) -> Any:
        row, k = row_and_k
        size = np.hypot(row[k], w[k])
        cosine, sine = row[k] / size, w[k] / size
        return cosine * w - sine * row, cosine * row + sine * w

    _, rows = scan(rotate, w, (r, np.arange(len(w))))
    return np.triu(rows)


def lu_pivots_to_permutation(pivots: ArrayLike, permutation_size: int) -> Array:
    """Order of rows that the exchanges of `lu` lead to.

    Args:
        pivots: `[..., k]`: row k was exchanged with row `pivots[k]`.
        permutation_size: number of rows, at least k.

    Returns:
        Integers `[..., permutation_size]`.

    Raises:
        TypeError: there are more exchanges than rows.

    Example:
        >>> lu_pivots_to_permutation(np.array([2, 2]), 3).tolist()
        [2, 0, 1]
    """
    pivots = np.asarray(pivots)
    if not pivots.ndim:
        raise ShapeError(
            "Input 0 to lu_pivots_to_permutation must have rank at least 1, but got shape=()"
        )
    k = pivots.shape[-1]
    if k > permutation_size:
        raise SizeError(
            f"Output permutation size {permutation_size} has to exceed the trailing dimension of "
            f"the pivots. Got pivots size {k}"
        )
    order = np.broadcast_to(
        np.arange(permutation_size, dtype=pivots.dtype), (*pivots.shape[:-1], permutation_size)
    )

    def exchange(i: Any, order: Array) -> Array:
        j = pivots[..., i]
        x, y = order[..., i], np.take_along_axis(order, j[..., None], axis=-1)
        order = np.put_along_axis(order, j[..., None], x[..., None], axis=-1, inplace=False)
        return order.at[..., i].set(y[..., 0])

    return fori_loop(0, k, exchange, order) if k else order


def qdwh(
    x: ArrayLike, *, is_hermitian: bool = False, max_iterations: int | None = None,
    eps: float | None = None, dynamic_shape: tuple[int, int] | None = None,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Polar factors: `x = u h` with orthonormal columns in `u` and `h` positive semidefinite.

    Source: Nakatsukasa, Bai, Gygi, "Optimizing Halley's iteration for computing the matrix polar
    decomposition", SIAM J. Matrix Anal. Appl. 31, 2010; by QR factors throughout. Derivatives
    solve `h du + du h = dx`, not through the iterations.

    Args:
        x: `[m, n]`, m >= n.
        is_hermitian: accepted.
        max_iterations: bound on the iterations, 10 by default.
        eps: relative precision, that of the dtype by default.
        dynamic_shape: not supported.

    Returns:
        `(u, h, number of iterations, whether it converged)`.

    Raises:
        TypeError: `x` is no matrix with m >= n.
        NotImplementedError: `dynamic_shape` is given.

    Example:
        >>> x = np.array([[0.0, 2.0], [1.0, 0.0]])
        >>> u, h, _, converged = lax.linalg.qdwh(x)
        >>> np.allclose(u @ h, x, atol=1e-5).item(), abs(u).round().tolist(), converged.item()
        (True, [[0.0, 1.0], [1.0, 0.0]], True)
    """
    if dynamic_shape is not None:
        raise NotImplementedError("qdwh with dynamic_shape")
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[0] < x.shape[1]:
        raise SizeError(f"qdwh takes a matrix with m >= n, got {x.shape}")
    real = np.finfo(x.dtype).dtype
    limit = 10 if max_iterations is None else int(max_iterations)
    eps = float(onp.finfo(real).eps) if eps is None else eps
    alpha = np.sqrt(np.linalg.norm(x, 1) * np.linalg.norm(x, onp.inf))
    alpha = np.where(alpha == 0, 1, alpha).astype(real)
    start = (
        stop_gradient(x) / alpha,
        np.asarray(eps, real),
        np.asarray(0),
        np.asarray(onp.inf, real),
    )

    def unfinished(state: Any) -> Any:
        _, low, k, change = state
        return (k < limit) & ((change > (4 * eps) ** (1 / 3)) | (np.abs(1 - low) > 10 * eps))

    u, _, count, change = while_loop(unfinished, _halley, start)
    h = mm(adjoint(u), stop_gradient(x))
    u, h = polar_factors(x, u, (h + adjoint(h)) / 2)
    return u, h, count, change <= (4 * eps) ** (1 / 3)


@custom_jvp
def polar_factors(x: Array, u: Array, h: Array) -> tuple[Array, Array]:
    """`u` and `h`, which are found to have `x = u h`, with their derivatives by `x` alone."""
    return u, h


@polar_factors.defjvp
def _polar_jvp(primals: Any, tangents: Any) -> Any:
    """With s = u^H du, which is skew: h s + s h = u^H dx - dx^H u, and dh = u^H dx - s h."""
    (x, *found), dx = primals, tangents[0]
    u, h = polar_factors(x, *found)
    inside = mm(adjoint(u), dx)
    s = _doubled(h, inside - adjoint(inside))
    dh = inside - mm(s, h)
    du = mm(u, s)
    if x.shape[-2] > x.shape[-1]:
        du = du + adjoint(np.linalg.solve(h, adjoint(dx - mm(u, inside))))
    return (u, h), (du, (dh + adjoint(dh)) / 2)


def _doubled(h: Array, right: Array) -> Array:
    """`s` with `h s + s h = right`, of a Hermitian `h`; one system of the kind to differentiate."""
    w, v = np.linalg.eigh(stop_gradient(h))

    def solve(v: Array, right: Array) -> Array:
        inner = mm(mm(adjoint(v), right), v) / (w[..., :, None] + w[..., None, :])
        return mm(mm(v, inner), adjoint(v))

    return custom_linear_solve(
        lambda s: mm(h, s) + mm(s, h),
        right,
        lambda _, right: solve(v, right),
        lambda _, right: solve(v.conj(), right),
    )


def _halley(state: Any) -> Any:
    """One step with the weights that are best for singular values in [low, 1]."""
    u, low, k, _ = state
    square = low * low
    d = np.cbrt(4 * (1 - square) / (square * square))
    a = np.sqrt(1 + d) + 0.5 * np.sqrt(8 - 4 * d + 8 * (2 - square) / (square * np.sqrt(1 + d)))
    b = (a - 1) ** 2 / 4
    c = a + b - 1
    n = u.shape[1]
    stacked = np.concatenate([np.sqrt(c) * u, np.eye(n, dtype=u.dtype)])
    q, _ = np.linalg.qr(stacked)
    moved = (b / c) * u + (a - b / c) / np.sqrt(c) * mm(q[:-n], adjoint(q[-n:]))
    low = np.minimum(low * (a + b * square) / (1 + c * square), 1)
    return moved.astype(u.dtype), low, k + 1, np.linalg.norm(moved - u).astype(low.dtype)
