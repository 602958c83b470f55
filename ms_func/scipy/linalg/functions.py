"""Forms and functions of square matrices that rest on the Schur form.

Sources: Bartels, Stewart, "Solution of the matrix equation AX + XB = C", 1972; Bjorck, Hammarling,
"A Schur method for the square root of a matrix", 1983; Parlett, "A recurrence among the
elements of functions of triangular matrices", 1976; Higham, "Functions of Matrices", 2008.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ms_func import numpy as np
from ms_func.api.linearize import jvp
from ms_func.control_flow.custom_jvp import custom_jvp
from ms_func.control_flow.identities import stop_gradient
from ms_func.control_flow.linear_solve import custom_linear_solve
from ms_func.control_flow.scan import scan
from ms_func.control_flow.while_loop import fori_loop
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.lax.matrices import householder_product, polar_factors
from ms_func.lax.matrices import qdwh as _qdwh
from ms_func.numpy import factors as fa
from ms_func.numpy.promotion import ArrayLike
from ms_func.numpy.ufunc import vectorize
from ms_func.primitives import similarity
from ms_func.primitives.matrices import adjoint, mm
from ms_func.scipy.linalg.basic import expm, qr


def _complex(a: Array) -> Array:
    return a.astype(np.result_type(a, np.complex64))


# --- forms ------------------------------------------------------------------------------------


def schur(a: ArrayLike, output: str = "real") -> tuple[Array, Array]:
    """Schur form `T` and unitary `Z` with `a = Z T Z^H`.

    Args:
        a: square matrices `[..., n, n]`; on CPU.
        output: "real", or "complex" for a triangular `T` of real matrices too. The "real" form has
            blocks of two rows for pairs of complex eigenvalues.

    Returns:
        `T` and `Z`, of the shape of `a`. Derivatives need distinct eigenvalues.

    Raises:
        ValueError: there is no such output.

    Reference:
        Golub, Van Loan, "Matrix Computations", 7.1.3, 7.4.1.

    Example:
        >>> t, z = schur(np.array([[0.0, 4.0], [-1.0, 0.0]]), output="complex")
        >>> print(np.array_str(abs(np.diagonal(t)), precision=3))  # eigenvalues 2i and -2i
        [2. 2.]
    """
    if output not in ("real", "complex"):
        raise ArgumentValueError(
            f"Expected 'output' to be either 'real' or 'complex', got {output=}."
        )
    a = fa.square("schur", a)
    return similarity.schur(_complex(np.asarray(a)) if output == "complex" else a)


def hessenberg(
    a: ArrayLike, calc_q: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """Upper Hessenberg form `H`, and with `calc_q` the unitary `Q`, with `a = Q H Q^H`.

    Args:
        a: square matrices `[..., n, n]`; on CPU.
        calc_q: whether to return `Q`.
        overwrite_a: accepted, arrays are values.
        check_finite: accepted.

    Returns:
        `H`, zero below the first subdiagonal; or `H` and `Q`.

    Raises:
        ValueError: the matrices are not square.

    Example:
        >>> a = np.arange(9.0).reshape(3, 3)
        >>> h, q = hessenberg(a, calc_q=True)
        >>> h[2, 0].item(), np.allclose(q @ h @ q.T, a, atol=1e-4).item()
        (0.0, True)
    """
    packed, taus = similarity.hessenberg(fa.square("hessenberg", a))
    packed = np.asarray(packed)
    h = np.triu(packed, -1)
    if not calc_q:
        return h
    n = packed.shape[-1]
    eye = np.broadcast_to(np.eye(n, dtype=packed.dtype), packed.shape)
    if n < 2:
        return h, eye
    inner = householder_product(packed[..., 1:, :-1], taus)
    return h, eye.at[..., 1:, 1:].set(inner)


def rsf2csf(T: ArrayLike, Z: ArrayLike, check_finite: bool = True) -> tuple[Array, Array]:
    """Complex Schur form from a real one, by a plane rotation for each block of two rows.

    Args:
        T: real Schur form `[..., n, n]`.
        Z: its unitary factor `[..., n, n]`.
        check_finite: accepted.

    Returns:
        Complex `T`, upper triangular, and `Z`, with the same product `Z T Z^H`.

    Example:
        >>> t, z = rsf2csf(np.array([[0.0, 4.0], [-1.0, 0.0]]), np.eye(2))
        >>> print(np.array_str(abs(np.diagonal(t)), precision=3), t[1, 0])
        [2. 2.] 0j
    """
    t, z = _complex(np.asarray(T)), _complex(np.asarray(Z))
    return vectorize(_triangular_form, signature="(n,n),(n,n)->(n,n),(n,n)")(t, z)


def _triangular_form(t: Array, z: Array) -> tuple[Array, Array]:
    """`rsf2csf` of one matrix."""
    n = t.shape[0]

    def rotate(step: Any, state: Any) -> Any:
        t, z = state
        m = n - 1 - step
        pair = np.asarray([m - 1, m])
        g = _rotation(t[pair[:, None], pair[None, :]])
        t = t.at[pair, :].set(mm(g, t[pair, :]))
        t = t.at[:, pair].set(mm(t[:, pair], adjoint(g)))
        z = z.at[:, pair].set(mm(z[:, pair], adjoint(g)))
        return t.at[m, m - 1].set(0), z

    return fori_loop(0, n - 1, rotate, (t, z)) if n > 1 else (t, z)


def _rotation(block: Array) -> Array:
    """Unitary matrix that makes the block of two rows triangular."""
    (a, b), (c, d) = block
    half = (a + d) / 2
    root = np.sqrt(half * half - (a * d - b * c))
    shift = np.where(np.abs(half + root - d) < np.abs(half - root - d), half + root, half - root)
    x, y = shift - d, c
    size = np.sqrt(np.abs(x) ** 2 + np.abs(y) ** 2)
    flat = (y == 0) | (size == 0)
    safe = np.where(flat, 1, size)
    cosine, sine = np.where(flat, 1, x / safe), np.where(flat, 0, y / safe)
    return np.stack([np.stack([cosine.conj(), sine.conj()]), np.stack([-sine, cosine])])


def eigh_tridiagonal(
    d: ArrayLike, e: ArrayLike, eigvals_only: bool = False, select: str = "a",
    select_range: tuple[float, float] | None = None, tol: float | None = None, key: Any = None,
) -> Any:  # fmt: skip
    """Eigenvalues, and eigenvectors, of a symmetric tridiagonal matrix.

    Args:
        d: diagonal `[n]`.
        e: off-diagonal `[n - 1]`; where complex, the upper one is its conjugate.
        eigvals_only: whether to leave the eigenvectors out.
        select: "a" for all, "i" for those with indices in `select_range`, "v" for those in the
            half-open interval `select_range`, which needs values that are not traced.
        select_range: pair of bounds; both indices are included.
        tol: accepted; the precision is that of the dtype.
        key: accepted.

    Returns:
        Ascending eigenvalues, and eigenvectors as columns.

    Raises:
        ValueError: the shapes or the selection make no sense.

    Example:
        >>> w = eigh_tridiagonal(np.array([2.0, 2.0, 2.0]), np.array([1.0, 1.0]), eigvals_only=True)
        >>> print(np.array_str(w, precision=3))
        [0.586 2.    3.414]
    """
    d, e = np.asarray(d), np.asarray(e)
    if d.ndim != 1 or e.shape != (max(d.shape[0] - 1, 0),):
        raise ArgumentValueError(
            f"expected d of shape [n] and e of shape [n - 1], got {d.shape}, {e.shape}"
        )
    if select not in ("a", "i", "v"):
        raise ArgumentValueError(f"'select' must be 'a', 'i', or 'v', got {select!r}")
    if select != "a" and select_range is None:
        raise ArgumentValueError(f"for select={select!r}, select_range must be given")
    matrix = np.diag(d.astype(np.result_type(d, e))) + np.diag(e, -1)
    w, v = fa.eigh(matrix, "L", symmetrize_input=False)
    if select == "i":
        low, high = select_range  # type: ignore[misc]
        w, v = w[int(low) : int(high) + 1], v[:, int(low) : int(high) + 1]
    elif select == "v":
        low, high = select_range  # type: ignore[misc]
        inside = (w > low) & (w <= high)
        w, v = w[inside], v[:, inside]
    return w if eigvals_only else (w, v)


def polar(
    a: ArrayLike, side: str = "right", *, method: str = "qdwh", eps: float | None = None,
    max_iterations: int | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Polar factors: `a = u p` ("right") or `a = p u` ("left"), `p` positive semidefinite.

    Args:
        a: `[..., m, n]`.
        side: on which side `p` stands.
        method: "qdwh", for m >= n on the right and m <= n on the left, or "svd".
        eps: precision of "qdwh".
        max_iterations: bound on the iterations of "qdwh".

    Returns:
        `(u, p)`.

    Raises:
        ValueError: there is no such side or method, or `a` is no matrix.
        NotImplementedError: "qdwh" does not apply to the shape.

    Reference:
        Nakatsukasa, Bai, Gygi, "Optimizing Halley's iteration for computing the matrix polar
        decomposition", SIAM J. Matrix Analysis and Applications 31(5), 2010.

    Example:
        >>> u, p = polar(np.array([[0.0, -2.0], [3.0, 0.0]]), method="svd")
        >>> print(np.array_str(abs(p), precision=2))
        [[3. 0.]
         [0. 2.]]
    """
    if side not in ("right", "left"):
        raise ArgumentValueError(
            f"The argument `side` must be either 'right' or 'left', got {side!r}"
        )
    if method not in ("qdwh", "svd"):
        raise ArgumentValueError(f"Unknown polar decomposition method {method}.")
    a = np.asarray(fa.matrix("polar", a))
    if side == "left":
        u, p = polar(adjoint(a), "right", method=method, eps=eps, max_iterations=max_iterations)
        return adjoint(u), p
    if method == "qdwh":
        if a.shape[-2] < a.shape[-1]:
            raise NotImplementedError(
                "method='qdwh' only supports m >= n where m, n = a.shape on the right, and m <= n "
                "on the left\nfix: use method='svd'"
            )
        factors = partial(_qdwh, max_iterations=max_iterations, eps=eps)
        return vectorize(lambda a: factors(a)[:2], signature="(m,n)->(m,n),(n,n)")(a)
    tall = a.shape[-2] >= a.shape[-1]  # else the factor on the right is singular
    left, s, right = np.linalg.svd(stop_gradient(a) if tall else a, full_matrices=False)
    u, p = mm(left, right), mm(adjoint(right) * s[..., None, :].astype(a.dtype), right)
    return polar_factors(a, u, p) if tall else (u, p)


def qr_multiply(
    a: ArrayLike, c: ArrayLike, mode: str = "right", pivoting: bool = False,
    conjugate: bool = False, overwrite_a: bool = False, overwrite_c: bool = False,
) -> tuple[Array, ...]:  # fmt: skip
    """Product of `c` with the unitary factor of `a`, and the triangular factor.

    Args:
        a: `[m, n]`.
        c: vector or matrix.
        mode: "left" for `Q c`, "right" for `c Q`.
        pivoting: order the columns of `a`, and return the order too.
        conjugate: take the conjugate of `Q`.
        overwrite_a: accepted, arrays are values.
        overwrite_c: accepted.

    Returns:
        The product, `R` of the economic decomposition, and with `pivoting` the order.

    Raises:
        ValueError: there is no such mode, or the shapes do not fit.

    Example:
        >>> product, r = qr_multiply(np.array([[3.0], [4.0]]), np.array([3.0, 4.0]))
        >>> print(np.array_str(abs(product), precision=2), np.array_str(abs(r), precision=2))
        [5.] [[5.]]
    """
    if mode not in ("left", "right"):
        raise ArgumentValueError(f"Mode argument should be 'left' or 'right', got {mode!r}")
    q, *rest = qr(a, mode="economic", pivoting=pivoting)
    q = q.conj() if conjugate else q
    c = np.asarray(c)
    fits = c.shape[:1] == q.shape[1:] if mode == "left" else c.shape[-1:] == q.shape[:1]
    if not fits:
        raise ArgumentValueError(f"qr_multiply: {q.shape} and {c.shape} do not fit on the {mode}")
    return (np.matmul(q, c) if mode == "left" else np.matmul(c, q)), *rest


# --- equations --------------------------------------------------------------------------------


def solve_sylvester(
    A: ArrayLike, B: ArrayLike, C: ArrayLike, *, method: str = "schur", tol: float = 1e-8
) -> Array:
    """`X` with `A X + X B = C`; NaN where `A` and `-B` have a common eigenvalue.

    Args:
        A: `[..., m, m]`.
        B: `[..., n, n]`.
        C: `[..., m, n]`; leading dimensions broadcast.
        method: "schur", or "eigen" for diagonalisable matrices.
        tol: how near to 0 the sum of two eigenvalues counts as 0.

    Returns:
        Array `[..., m, n]`, complex where an argument is; differentiable by all three, by systems
        of the same kind.

    Raises:
        ValueError: the shapes do not fit, or there is no such method.

    Reference:
        Bartels, Stewart, "Solution of the matrix equation AX + XB = C", CACM 15(9), 1972.

    Example:
        >>> x = solve_sylvester(np.eye(2), 3.0 * np.eye(2), np.full((2, 2), 8.0))
        >>> print(np.array_str(x, precision=3))
        [[2. 2.]
         [2. 2.]]
    """
    a, b, c = np.asarray(A), np.asarray(B), np.asarray(C)
    if method not in ("schur", "eigen"):
        raise ArgumentValueError(
            'Unrecognized method. The two valid methods are either "schur" or "eigen".'
        )
    dtype = np.result_type(a, b, c, np.float32)
    a, b, c = (v.astype(dtype) for v in (a, b, c))
    solve = vectorize(
        partial(_sylvester, method=method, tol=tol), signature="(m,m),(n,n),(m,n)->(m,n)"
    )
    x = solve(*map(_complex, (a, b, c)))
    return x if dtype.kind == "c" else x.real


def _sylvester_value(a: Array, b: Array, c: Array, method: str, tol: float) -> Array:
    if method == "eigen":
        (v, p), (w, q) = np.linalg.eig(a), np.linalg.eig(b)
        inner = np.linalg.solve(p, mm(c, q)) / _apart(v[:, None] + w[None, :], tol)
        return mm(p, np.linalg.solve(q.T, inner.T).T)
    t, u = similarity.schur(a)
    s, v = similarity.schur(b)
    f = mm(mm(adjoint(u), c), v)
    eye = np.eye(len(t), dtype=t.dtype)

    def column(y: Array, k: Array) -> Any:
        right = f[:, k] - mm(y, s[:, k][:, None])[:, 0]
        shifted = t + s[k, k] * eye
        near = np.abs(np.diagonal(shifted)) < tol
        found = np.where(np.any(near), np.nan, np.linalg.solve(shifted, right))
        return y.at[:, k].set(found), None

    y, _ = scan(column, np.zeros_like(f), np.arange(f.shape[1]))
    return mm(mm(u, y), adjoint(v))


def _apart(sums: Array, tol: float) -> Array:
    return np.where(np.any(np.abs(sums) < tol), np.nan, sums)


def _sylvester(a: Array, b: Array, c: Array, method: str, tol: float) -> Array:
    """As the solution of a linear system, so that derivatives solve systems of the same kind."""
    return custom_linear_solve(
        lambda x: mm(a, x) + mm(x, b),
        c,
        lambda _, right: _sylvester_value(a, b, right, method, tol),
        lambda _, right: _sylvester_value(a.T, b.T, right, method, tol),
    )


# --- functions of matrices -----------------------------------------------------------------------


@custom_jvp
def _sqrtm(a: Array) -> Array:
    t, z = similarity.schur(a)
    n = len(t)
    eye, root = np.eye(n, dtype=t.dtype), np.sqrt(np.diagonal(t))

    def column(r: Array, j: Array) -> Any:
        above = np.arange(n) < j
        shifted = np.where(above[:, None] & above[None, :], r + root[j] * eye, eye)
        found = np.linalg.solve(shifted, np.where(above, t[:, j], 0))
        return r.at[:, j].set(np.where(above, found, np.where(np.arange(n) == j, root[j], 0))), None

    r, _ = scan(column, np.zeros_like(t), np.arange(n))
    return mm(mm(z, r), adjoint(z))


@_sqrtm.defjvp
def _sqrtm_jvp(primals: Any, tangents: Any) -> Any:
    """S dS + dS S = dA."""
    (a,), (da,) = primals, tangents
    s = _sqrtm(a)
    return s, _sylvester(s, s, da, "schur", 0.0)


def sqrtm(A: ArrayLike, blocksize: int = 1) -> Array:
    """Principal square root of square matrices, complex.

    Args:
        A: matrices `[..., n, n]`, without eigenvalues on the negative real axis or at 0 (else a
            root that is not principal, or infinities); on CPU.
        blocksize: only 1.

    Returns:
        Complex array of the shape of `A`, whose product with itself is `A`. The derivative solves
        `S dS + dS S = dA`.

    Raises:
        NotImplementedError: another block size.
        ValueError: the matrices are not square.

    Reference:
        Bjorck, Hammarling, "A Schur method for the square root of a matrix", 1983.

    Example:
        >>> print(np.array_str(sqrtm(np.array([[4.0, 0.0], [0.0, 9.0]])).real, precision=3))
        [[2. 0.]
         [0. 3.]]
    """
    if blocksize > 1:
        raise NotImplementedError("Blocked version is not implemented yet.")
    a = np.asarray(fa.square("sqrtm", A))
    if not a.size:
        return _complex(a)
    return vectorize(_sqrtm, signature="(n,n)->(n,n)")(_complex(a))


def funm(A: ArrayLike, func: Callable[[Any], Any], disp: bool = True) -> Any:
    """Function of a matrix with distinct eigenvalues, by Parlett's recurrence.

    Args:
        A: `[n, n]`; equal eigenvalues give wrong results, near ones few digits.
        func: the function, of arrays of complex numbers.
        disp: return the result alone; else with an estimate of its error.

    Returns:
        Array `[n, n]`, of whose imaginary part nothing is kept for real `A`; or a pair.

    Raises:
        ValueError: `A` is no square matrix.

    Reference:
        Golub, Van Loan, "Matrix Computations", algorithm 9.1.1.

    Example:
        >>> a = np.array([[1.0, 1.0], [0.0, 4.0]])
        >>> print(np.array_str(funm(a, np.sqrt), precision=3))
        [[1.    0.333]
         [0.    2.   ]]
    """
    a = np.asarray(fa.square("funm", A))
    t, z = similarity.schur(_complex(a))
    n = len(t)
    f, closest = np.diag(func(np.diagonal(t))), np.inf
    for p in range(1, n):  # one superdiagonal after the other
        i = np.arange(n - p)
        j = i + p
        inner = np.stack([np.sum(t[k, k + 1 : k + p] * f[k + 1 : k + p, k + p]
                                 - f[k, k + 1 : k + p] * t[k + 1 : k + p, k + p])
                          for k in range(n - p)])  # fmt: skip
        gap = t[j, j] - t[i, i]
        value = (t[i, j] * (f[j, j] - f[i, i]) + inner) / np.where(gap == 0, 1, gap)
        f, closest = f.at[i, j].set(value), np.minimum(closest, np.min(np.abs(gap)))
    out = mm(mm(z, f), adjoint(z))
    if np.isrealobj(a):
        out = out.real
    if disp:
        return out
    eps = np.finfo(a.dtype).eps
    size = np.linalg.norm(np.triu(t, 1), 1)
    return out, np.minimum(1, np.maximum(eps, (eps / closest) * size))


def expm_frechet(
    A: ArrayLike, E: ArrayLike, *, method: str | None = None, compute_expm: bool = True
) -> Any:
    """Exponential of `A`, and its derivative in the direction `E`.

    Args:
        A: square matrices `[..., n, n]`.
        E: directions, of the same shape.
        method: accepted: the derivative is that of the program of `expm`.
        compute_expm: whether to return the exponential too.

    Returns:
        `(expm(A), derivative)`, or the derivative alone.

    Raises:
        ValueError: the shapes differ or are not square.

    Example:
        >>> change = expm_frechet(np.zeros((2, 2)), np.eye(2), compute_expm=False)
        >>> print(np.array_str(change, precision=3))  # at 0 it is the direction itself
        [[1. 0.]
         [0. 1.]]
    """
    a, e = np.asarray(A), np.asarray(E)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ArgumentValueError("expected A to be a square matrix")
    if a.shape != e.shape:
        raise ArgumentValueError("expected A and E to be the same shape")
    dtype = np.result_type(a, e, np.float32)
    value, change = jvp(expm, (a.astype(dtype),), (e.astype(dtype),))
    return (value, change) if compute_expm else change
