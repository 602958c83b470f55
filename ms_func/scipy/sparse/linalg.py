"""Iterative solvers of linear equations: `cg`, `bicgstab`, `gmres`.

The matrix is an array or a linear function of arrays or trees of arrays. Results are
differentiated by the equation they solve (the implicit function theorem), not through the
iteration; the derivative solves with the transposed function by the same method.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ms_func import numpy as np
from ms_func import tree
from ms_func.api.linearize import linear_transpose
from ms_func.control_flow.linear_solve import custom_linear_solve
from ms_func.control_flow.while_loop import fori_loop, while_loop
from ms_func.dtypes import to_inexact
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.flatten_util import ravel_pytree
from ms_func.ir.types import typeof
from ms_func.numpy.linalg import lstsq, norm

__all__ = ["bicgstab", "cg", "gmres"]
__dir__ = __all__.copy

Operator = Callable[[Any], Any]


def cg(
    A: Any, b: Any, x0: Any = None, *, tol: float = 1e-5, atol: float = 0.0,
    maxiter: int | None = None, M: Any = None,
) -> tuple[Any, None]:  # fmt: skip
    """Solve `A x = b` by conjugate gradients; `A` is Hermitian and positive definite.

    M. R. Hestenes and E. Stiefel, Journal of Research of the NBS 49 (1952), with a
    preconditioner.

    Args:
        A: array `[n, n]`, or linear function of a tree like `b` giving one like it.
        b: right side: array or tree of arrays.
        x0: where to start; zeros by default.
        tol: stop where `norm(residual) <= max(tol * norm(b), atol)`.
        atol: see `tol`.
        maxiter: largest number of steps; ten times the number of unknowns by default.
        M: array or function near the inverse of `A`, Hermitian and positive definite.

    Returns:
        The solution, and None.

    Raises:
        TypeError: `A` or `M` is neither a function nor a square matrix.
        ValueError: `x0` is no tree like `b`.

    Example:
        >>> x, _ = cg(np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([3.0, 5.0]))
        >>> np.allclose(x, np.array([0.8, 1.4]))
        Array(True, dtype=bool)
    """
    return _solve(_cg, A, b, x0, tol, atol, maxiter, M, symmetric=True)


def bicgstab(
    A: Any, b: Any, x0: Any = None, *, tol: float = 1e-5, atol: float = 0.0,
    maxiter: int | None = None, M: Any = None,
) -> tuple[Any, None]:  # fmt: skip
    """Solve `A x = b` by stabilised biconjugate gradients; `A` is any invertible function.

    Args:
        A: array `[n, n]`, or linear function of a tree like `b` giving one like it.
        b: right side: array or tree of arrays.
        x0: where to start; zeros by default.
        tol: stop where `norm(residual) <= max(tol * norm(b), atol)`.
        atol: see `tol`.
        maxiter: largest number of steps; ten times the number of unknowns by default.
        M: array or function near the inverse of `A`.

    Returns:
        The solution, and None. Derivatives solve systems of the same kind.

    Raises:
        TypeError: `A` or `M` is neither a function nor a square matrix.
        ValueError: `x0` is no tree like `b`.

    Reference:
        van der Vorst, SIAM Journal on Scientific and Statistical Computing 13 (1992), with a
        preconditioner.

    Example:
        >>> x, _ = bicgstab(np.array([[2.0, 1.0], [0.0, 4.0]]), np.array([4.0, 4.0]))
        >>> np.allclose(x, np.array([1.5, 1.0]))
        Array(True, dtype=bool)
    """
    return _solve(_bicgstab, A, b, x0, tol, atol, maxiter, M, symmetric=False)


def gmres(
    A: Any, b: Any, x0: Any = None, *, tol: float = 1e-5, atol: float = 0.0, restart: int = 20,
    maxiter: int | None = None, M: Any = None, solve_method: str = "batched",
) -> tuple[Any, Any]:  # fmt: skip
    """Solve `A x = b` by generalised minimal residuals; `A` is any invertible function.

    Y. Saad and M. H. Schultz, SIAM Journal on Scientific and Statistical Computing 7 (1986),
    with a preconditioner from the left, and every vector made orthogonal twice.

    Args:
        A: as for `cg`.
        b: as for `cg`.
        x0: as for `cg`.
        tol: stop where `norm(M(b - A x)) <= max(tol * norm(M(b)), atol)`.
        atol: see `tol`.
        restart: vectors to keep between restarts.
        maxiter: largest number of restarts; ten times the number of unknowns by default.
        M: array or function near the inverse of `A`.
        solve_method: "batched" or "incremental"; both solve the small problem of a round at its
            end.

    Returns:
        The solution, and -1 where it is NaN, else 0.

    Raises:
        ValueError: there is no such `solve_method`; or as for `cg`.
        TypeError: as for `cg`.

    Example:
        >>> x, _ = gmres(np.array([[2.0, 1.0], [0.0, 4.0]]), np.array([4.0, 4.0]))
        >>> np.allclose(x, np.array([1.5, 1.0]))
        Array(True, dtype=bool)
    """
    if solve_method not in ("batched", "incremental"):
        raise ArgumentValueError(
            f"invalid solve_method {solve_method}, must be either 'incremental' or 'batched'"
        )

    def run(*args: Any) -> Any:
        return _gmres(restart, *args)

    x, _ = _solve(run, A, b, x0, tol, atol, maxiter, M, symmetric=False)
    return x, np.where(np.isnan(norm(ravel_pytree(x)[0])), -1, 0)


def _solve(
    method: Callable[..., Any], A: Any, b: Any, x0: Any, tol: Any, atol: Any,
    maxiter: int | None, M: Any, *, symmetric: bool,
) -> tuple[Any, None]:  # fmt: skip
    """Check the arguments, run a method on flat vectors, and say how to differentiate."""
    b = tree.map(lambda v: np.asarray(v, to_inexact(typeof(v).dtype)), b)
    x0 = tree.map(np.zeros_like, b) if x0 is None else x0
    _check_start(x0, b)
    matvec, near = _operator("A", A), None if M is None else _operator("M", M)
    size = sum(v.size for v in tree.leaves(b))
    limit = 10 * size if maxiter is None else maxiter
    flat_start, back = ravel_pytree(tree.map(lambda s, v: np.asarray(s, v.dtype), x0, b))

    def on_flat(f: Operator | None) -> Operator:
        if f is None:
            return lambda v: v
        return lambda v: ravel_pytree(f(back(v)))[0]

    def solver(start: Any, near: Operator | None) -> Callable[[Operator, Any], Any]:
        def solve(f: Operator, right: Any) -> Any:
            flat = ravel_pytree(right)[0]
            return back(method(on_flat(f), flat, start, tol, atol, limit, on_flat(near)))

        return solve

    turned = None if near is None else lambda v: linear_transpose(near, b)(v)[0]
    back_solve = solver(np.zeros_like(flat_start), turned)
    real = all(typeof(v).dtype.kind != "c" for v in tree.leaves(b))
    x = custom_linear_solve(
        matvec, b, solver(flat_start, near), back_solve, symmetric=symmetric and real
    )
    return x, None


def _check_start(x0: Any, b: Any) -> None:
    """Raise ValueError where the start has another form than the right hand side."""
    if tree.structure(x0) != tree.structure(b):
        raise ArgumentValueError(
            f"x0 and b must have matching tree structure: {tree.structure(x0)} vs "
            f"{tree.structure(b)}"
        )
    shapes = [[np.shape(v) for v in tree.leaves(t)] for t in (x0, b)]
    if shapes[0] != shapes[1]:
        raise ArgumentValueError(f"arrays in x0 and b must have matching shapes: {shapes}")


def _operator(name: str, A: Any) -> Operator:
    """A linear function as it is; an array as its product with a vector."""
    if callable(A):
        return A
    if not hasattr(A, "shape"):
        raise ArgumentTypeError(
            f"linear operator {name} must be either a function or ndarray: {A!r}"
        )
    if len(A.shape) != 2 or A.shape[0] != A.shape[1]:
        raise ArgumentValueError(f"linear operator {name} must be a square matrix, got {A.shape}")
    return lambda v: np.matmul(A, v)


def _goal(b: Any, tol: Any, atol: Any) -> Any:
    """Square of the norm of the residual to reach."""
    bound = np.maximum(tol * norm(b), atol).astype(b.real.dtype)
    return bound * bound


def _square(v: Any) -> Any:
    return np.vdot(v, v).real


def _cg(matvec: Operator, b: Any, x: Any, tol: Any, atol: Any, limit: int, near: Operator) -> Any:
    goal = _goal(b, tol, atol)
    r = b - matvec(x)
    z = near(r)

    def more(state: Any) -> Any:
        _, r, _, _, k = state
        return (_square(r) > goal) & (k < limit)

    def step(state: Any) -> Any:
        x, r, p, gamma, k = state
        ap = matvec(p)
        alpha = gamma / np.vdot(p, ap).real
        x, r = x + alpha * p, r - alpha * ap
        z = near(r)
        new = np.vdot(r, z).real
        return x, r, z + (new / gamma) * p, new, k + 1

    return while_loop(more, step, (x, r, z, np.vdot(r, z).real, 0))[0]


def _bicgstab(
    matvec: Operator, b: Any, x: Any, tol: Any, atol: Any, limit: int, near: Operator
) -> Any:
    goal = _goal(b, tol, atol)
    r = b - matvec(x)
    shadow, one = r, np.ones((), b.dtype)

    def more(state: Any) -> Any:
        _, r, _, _, _, _, _, k = state
        return (_square(r) > goal) & (k >= 0) & (k < limit)

    def step(state: Any) -> Any:
        x, r, p, q, alpha, omega, rho, k = state
        new = np.vdot(shadow, r)
        p = r + (new / rho) * (alpha / omega) * (p - omega * q)
        hat = near(p)
        q = matvec(hat)
        alpha = new / np.vdot(shadow, q)
        s = r - alpha * q
        done = _square(s) <= goal
        s_hat = near(s)
        t = matvec(s_hat)
        omega = np.where(done, one, np.vdot(t, s) / np.where(done, one, np.vdot(t, t)))
        x = x + alpha * hat + np.where(done, 0 * s_hat, omega * s_hat)
        r = np.where(done, s, s - omega * t)
        broken = (omega == 0) | (alpha == 0)
        return x, r, p, q, alpha, omega, new, np.where(broken, -1, k + 1)

    zero = np.zeros_like(r)
    return while_loop(more, step, (x, r, zero, zero, one, one, one, np.asarray(0)))[0]


def _gmres(
    restart: int, matvec: Operator, b: Any, x: Any, tol: Any, atol: Any, limit: int,
    near: Operator,
) -> Any:  # fmt: skip
    size = b.shape[0]
    count = min(restart, size)
    goal = _goal(near(b), tol, atol)

    def more(state: Any) -> Any:
        _, r, k = state
        return (_square(r) > goal) & (k < limit)

    def round_of(state: Any) -> Any:
        x, r, k = state
        x = x + _krylov(matvec, near, r, count)
        return x, near(b - matvec(x)), k + 1

    return while_loop(more, round_of, (x, near(b - matvec(x)), 0))[0]


def _krylov(matvec: Operator, near: Operator, r: Any, count: int) -> Any:
    """Change of the solution that makes the residual `r` smallest over a Krylov space."""
    size, tiny = r.shape[0], float(np.finfo(r.dtype).eps)
    length = norm(r)
    basis = np.zeros((count + 1, size), r.dtype).at[0].set(r / length)
    small = np.zeros((count + 1, count), r.dtype)

    def grow(k: Any, state: Any) -> Any:
        basis, small = state
        w = near(matvec(basis[k]))
        before = norm(w)
        h = np.matmul(basis.conj(), w)
        w = w - np.matmul(h, basis)
        again = np.matmul(basis.conj(), w)
        w = w - np.matmul(again, basis)
        rest = norm(w)
        full = rest <= tiny * math.sqrt(size) * before  # the space is exhausted
        w = np.where(full, np.zeros_like(w), w / np.where(full, 1, rest))
        column = (h + again).at[k + 1].set(np.where(full, 0, rest).astype(r.dtype))
        return basis.at[k + 1].set(w), small.at[:, k].set(column)

    basis, small = fori_loop(0, count, grow, (basis, small))
    target = np.zeros(count + 1, r.dtype).at[0].set(length.astype(r.dtype))
    weights = lstsq(small, target)[0]
    return np.matmul(weights, basis[:count])
