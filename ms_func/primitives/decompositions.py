"""Decompositions of matrices: QR and eigenvalues.

Derivatives follow Walter, Lehmann, "On evaluating higher-order derivatives of the QR
decomposition of tall matrices", 2010, and Giles, "An extended collection of matrix derivative
results", 2008.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import UnsupportedError
from ms_func.ir.primitive import NONLINEAR, ZERO, NotSupported, Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import int_array
from ms_func.primitives.arithmetic import add, div, mul, neg, sub
from ms_func.primitives.axis_slices import slice_in_dim
from ms_func.primitives.basis import broadcast_in_dim, real_of, reduce_sum
from ms_func.primitives.cast import complex as make_complex
from ms_func.primitives.cast import convert_element_type, imag, real
from ms_func.primitives.families import literal
from ms_func.primitives.linalg import lu, solve_triangular
from ms_func.primitives.matrices import (
    adjoint,
    batch_rule,
    check_matrix,
    cubic_cost,
    driver,
    hermitian,
    leading,
    lower_part,
    matrices,
    mm,
    need,
    on_diagonal,
    shard_leading,
    symmetrized,
    triangle,
)
from ms_func.primitives.pieces import concatenate
from ms_func.primitives.shape import broadcasted_iota
from ms_func.primitives.sort import take_along


def scipy_linalg() -> Any:
    """`scipy.linalg`: the LAPACK that compiled programs call, imported for references only."""
    return importlib.import_module("scipy.linalg")


# --- qr -------------------------------------------------------------------------------


def _qr_abstract(a: ArrayType, *, full_matrices: bool) -> list[ArrayType]:
    lead = check_matrix("qr", a)
    m, n = a.shape[-2:]
    k = m if full_matrices else min(m, n)
    return [ArrayType((*lead, m, k), a.dtype), ArrayType((*lead, k, n), a.dtype)]


def _qr_single(a: np.ndarray, *, full_matrices: bool) -> tuple[np.ndarray, np.ndarray]:
    q, r = scipy_linalg().qr(a, mode="full" if full_matrices else "economic")
    return q, r


def _geqrf_abstract(a: ArrayType) -> list[ArrayType]:
    check_matrix("qr", a)
    return [a, ArrayType((*a.shape[:-2], min(a.shape[-2:])), a.dtype)]


def _geqrf_single(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return scipy_linalg().qr(a, mode="raw")[0]


def _geqrf_lower(b: Any, eqn: Any, a: Any) -> list[Any]:
    need(b, eqn, "geqrf")
    outs = [v.type for v in eqn.outputs]
    return driver(b, "geqrf", [a], [eqn.inputs[0].type], outs, vectors=(1,), info=False)


geqrf_p = register(
    Primitive(
        "geqrf",
        abstract=_geqrf_abstract,
        ref=matrices(_geqrf_single),
        lower=_geqrf_lower,
        jvp=NotSupported("only that of the factors Q and R is known; use the reduced mode of qr"),
        transpose=NONLINEAR,
        batch=batch_rule(lambda: geqrf_p),
        shard=shard_leading,
        cost=cubic_cost(4.0),
        multiple_results=True,
    )
)


def _qr_lower(b: Any, eqn: Any, a: Any) -> list[Any]:
    """Householder vectors, then the product of the first of them."""
    need(b, eqn, "geqrf")
    t, (q_type, r_type) = eqn.inputs[0].type, (v.type for v in eqn.outputs)
    lead, (m, n) = t.shape[:-2], t.shape[-2:]
    count = ArrayType((*lead, min(m, n)), t.dtype)
    packed, scales = driver(b, "geqrf", [a], [t], [t, count], vectors=(1,), info=False)
    k = q_type.shape[-1]
    wide = _columns(b, packed, t, q_type, k)
    name = "ungqr" if t.dtype.kind == "c" else "orgqr"
    (q,) = driver(b, name, [wide, scales], [q_type, count], [q_type], vectors=(-2,), info=False)
    rows = leading(b, packed, ArrayType((*lead, k, n), t.dtype))
    return [q, triangle(b, rows, r_type, lower=False)]


def _columns(b: Any, x: Any, t: ArrayType, out: ArrayType, k: int) -> Any:
    """The first `k` columns, filled up with zeros where there are fewer."""
    n = t.shape[-1]
    if k <= n:
        return leading(b, x, out)
    high = (0,) * (t.ndim - 1) + (k - n,)
    none = int_array((0,) * t.ndim)
    attributes = {"edge_padding_low": none, "edge_padding_high": int_array(high),
                  "interior_padding": none}  # fmt: skip
    return b.op("stablehlo.pad", [out], [x, b.constant(0, ArrayType((), t.dtype))], attributes)


def _qr_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, full_matrices: bool) -> Any:
    """The first min(m, n) columns by `_qr_square`; the others follow from them.

    Columns of R beyond: d(Q^H A). Columns of Q beyond, of which A determines only the space
    they span: Q stays orthonormal and they do not turn among themselves.
    """
    (a,), (t,) = primals, tangents
    q, r = qr_p.bind(a, full_matrices=full_matrices)
    if type(t) is Zero:
        return [q, r], [Zero(typeof(v).tangent) for v in (q, r)]
    k, n = min(typeof(a).shape[-2:]), typeof(a).shape[-1]
    first = slice_in_dim(q, 0, k, axis=-1)
    square = slice_in_dim(slice_in_dim(r, 0, k, axis=-2), 0, k, axis=-1)
    dq, dr = _qr_square(first, square, slice_in_dim(t, 0, k, axis=-1))
    if n > k:
        beyond = sub(slice_in_dim(t, k, n, axis=-1), mm(dq, slice_in_dim(r, k, n, axis=-1)))
        dr = concatenate([dr, mm(adjoint(q), beyond)], typeof(r).ndim - 1)
    size = typeof(q).shape[-1]
    if size > k:
        rest = slice_in_dim(q, k, size, axis=-1)
        dq = concatenate([dq, neg(mm(first, mm(adjoint(dq), rest)))], typeof(q).ndim - 1)
        below = mul(slice_in_dim(r, k, size, axis=-2), literal(0, r))
        dr = concatenate([dr, below], typeof(r).ndim - 2)
    return [q, r], [dq, dr]


def _qr_square(q: Any, r: Any, t: Any) -> tuple[Any, Any]:
    """DR = (Q^H dA R^-1 - W) R and dQ = dA R^-1 - Q (Q^H dA R^-1 - W), W skew-Hermitian."""
    scaled = solve_triangular(r, t, left_side=False, lower=False)
    inner = mm(adjoint(q), scaled)
    low = lower_part(inner, -1)
    skew = sub(low, adjoint(low))
    skew = add(skew, _imaginary_diagonal(inner))
    rest = sub(inner, skew)
    return add(mm(q, sub(skew, inner)), scaled), mm(rest, r)


def _imaginary_diagonal(x: Any) -> Any:
    """The imaginary part of the diagonal, as a diagonal matrix; zero for real matrices."""
    zero = mul(x, literal(0, x))
    if typeof(x).dtype.kind != "c":
        return zero
    part = make_complex(mul(real(x), literal(0, real(x))), imag(x))
    return on_diagonal(zero, part)


qr_p = register(
    Primitive(
        "qr",
        abstract=_qr_abstract,
        ref=matrices(_qr_single),
        lower=_qr_lower,
        jvp=_qr_jvp,
        transpose=NONLINEAR,
        batch=batch_rule(lambda: qr_p),
        shard=shard_leading,
        cost=cubic_cost(4.0),
        multiple_results=True,
    )
)


def _pivots_lower(b: Any, eqn: Any, a: Any) -> Any:
    need(b, eqn, "geqp3")
    t, (order,) = eqn.inputs[0].type, (v.type for v in eqn.outputs)
    scales = ArrayType((*t.shape[:-2], min(t.shape[-2:])), t.dtype)
    free = b.constant(0, order)
    _, places, _ = driver(b, "geqp3", [a, free], [t, order], [t, order, scales],
                          vectors=(1, 2, -2), info=False)  # fmt: skip
    return b.op("stablehlo.subtract", [order], [places, b.constant(1, order)])


qr_pivots_p = register(
    Primitive(
        "qr_pivots",
        abstract=lambda a: ArrayType((*check_matrix("qr_pivots", a), a.shape[-1]), np.int32),
        ref=lambda a: matrices(_pivots_single)(a)[0],
        lower=_pivots_lower,
        jvp=ZERO,
        transpose=NONLINEAR,
        batch=batch_rule(lambda: qr_pivots_p),
        shard=shard_leading,
        cost=cubic_cost(4.0),
    )
)
"""Order of columns in which each adds as much as possible to the space of those before it."""


def _pivots_single(a: np.ndarray) -> tuple[np.ndarray]:
    return (np.asarray(scipy_linalg().qr(a, mode="r", pivoting=True)[-1], np.int32),)


def qr(
    x: Any, *, pivoting: bool = False, full_matrices: bool = True, use_magma: bool | None = None
) -> tuple[Any, ...]:
    """`x = Q R` with orthonormal columns of `Q` and upper triangular `R`.

    Args:
        x: matrices `[..., m, n]`, float32, float64, complex64 or complex128.
        pivoting: order the columns so that the diagonal of `R` does not increase in size, and
            return `(Q, R, p)` with `x[..., p] = Q R`.
        full_matrices: whether `Q` is square.
        use_magma: accepted for compatibility.

    Returns:
        `Q` `[..., m, k]` and `R` `[..., k, n]`; `k` is `m`, or `min(m, n)` where not
        `full_matrices`.

    Raises:
        TypeError: `x` holds no matrices, or has another dtype.

    Reference:
        LAPACK `geqrf`, `orgqr`, `geqp3`.

    Example:
        >>> x = np.array([[3.0, 5.0], [4.0, 10.0], [0.0, 0.0]])
        >>> q, r = lax.linalg.qr(x, full_matrices=False)
        >>> q.shape, abs(r).round().tolist()
        ((3, 2), [[5.0, 11.0], [0.0, 2.0]])
    """
    if not pivoting:
        return tuple(qr_p.bind(x, full_matrices=bool(full_matrices)))
    t = typeof(x)
    if t.size:
        order = qr_pivots_p.bind(x)
    else:  # no column adds anything, and LAPACK takes no matrix without elements
        order = broadcasted_iota(np.dtype(np.int32), (*t.shape[:-2], t.shape[-1]), t.ndim - 2)
    places = broadcast_in_dim(order, t.shape, (*range(t.ndim - 2), t.ndim - 1))
    q, r = qr_p.bind(take_along(x, places, t.ndim - 1), full_matrices=bool(full_matrices))
    return q, r, order


# --- eigh -----------------------------------------------------------------------------


def _eigh_abstract(a: ArrayType, *, lower: bool) -> list[ArrayType]:
    check_matrix("eigh", a, square=True)
    return [ArrayType(a.shape, a.dtype), ArrayType(a.shape[:-1], real_of(a.dtype))]


def _eigh_single(a: np.ndarray, *, lower: bool) -> tuple[np.ndarray, np.ndarray]:
    w, v = scipy_linalg().eigh(a, lower=lower, driver="evd")
    return v, w


def _eigh_lower(b: Any, eqn: Any, a: Any) -> list[Any]:
    need(b, eqn, "syevd")
    v, w = (o.type for o in eqn.outputs)
    name = "heevd" if v.dtype.kind == "c" else "syevd"
    options = {"mode": "V", "uplo": "L" if eqn.params["lower"] else "U"}
    return driver(b, name, [a], [v], [v, w], options, vectors=(1,))


def spread(w: Any, like: Any, row: bool) -> Any:
    """A vector over the rows (`w_i`) or columns (`w_j`) of matrices."""
    n = typeof(like).ndim
    dims = (*range(n - 2), n - 2 if row else n - 1)
    return broadcast_in_dim(w, typeof(like).shape, dims)


def _eigh_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, lower: bool) -> Any:
    """Dw = diag(V^H dA V), dV = V (F * (V^H dA V)), F_ij = 1 / (w_j - w_i) off the diagonal."""
    (a,), (t,) = primals, tangents
    v, w = eigh_p.bind(a, lower=lower)
    if type(t) is Zero:
        return [v, w], [Zero(typeof(x).tangent) for x in (v, w)]
    t = hermitian(t) if lower else adjoint(hermitian(adjoint(t)))
    inner = mm(adjoint(v), mm(t, v))
    w_in = convert_element_type(w, typeof(v).dtype)
    gaps = sub(spread(w_in, inner, row=False), spread(w_in, inner, row=True))
    gaps = on_diagonal(gaps, literal(1, gaps))
    ratio = on_diagonal(div(inner, gaps), literal(0, inner))
    return [v, w], [mm(v, ratio), real_diagonal(inner)]


def real_diagonal(x: Any) -> Any:
    """Real parts of the diagonal, as a vector: sums of rows with the rest left out."""
    x = real(x) if typeof(x).dtype.kind == "c" else x
    only = sub(x, on_diagonal(x, literal(0, x)))
    return reduce_sum(only, (typeof(x).ndim - 1,))


eigh_p = register(
    Primitive(
        "eigh",
        abstract=_eigh_abstract,
        ref=matrices(_eigh_single),
        lower=_eigh_lower,
        jvp=_eigh_jvp,
        transpose=NONLINEAR,
        batch=batch_rule(lambda: eigh_p),
        shard=shard_leading,
        cost=cubic_cost(9.0),
        multiple_results=True,
    )
)


def eigh(x: Any, *, lower: bool = True, symmetrize_input: bool = True) -> tuple[Any, Any]:
    """Eigenvectors (as columns) and eigenvalues in increasing order of Hermitian matrices.

    Shapes: `[..., n, n]` to `[..., n, n]` and `[..., n]`.

    Args:
        x: matrices.
        lower: which triangle is read.
        symmetrize_input: use `(x + x^H) / 2`.

    Raises:
        TypeError: the matrices are not square.
    """
    if symmetrize_input:
        x = symmetrized("eigh", x)
    v, w = eigh_p.bind(x, lower=bool(lower))
    return v, w


# --- eig ------------------------------------------------------------------------------


def _eig_abstract(a: ArrayType, *, vectors: bool, left: bool) -> list[ArrayType]:
    check_matrix("eig", a, square=True)
    kind = a.dtype if a.dtype.kind == "c" else np.dtype(f"c{a.dtype.itemsize * 2}")
    w, v = ArrayType(a.shape[:-1], kind), ArrayType(a.shape, kind)
    return [w, *[v] * (left + vectors)]


def _eig_single(a: np.ndarray, *, vectors: bool, left: bool) -> tuple[np.ndarray, ...]:
    w, vl, vr = scipy_linalg().eig(a, left=True, right=True)
    kind = np.result_type(a.dtype, np.complex64)
    found = [w, *([vl] if left else []), *([vr] if vectors else [])]
    return tuple([x.astype(kind) for x in found])


def _eig_lower(b: Any, eqn: Any, a: Any) -> list[Any]:
    need(b, eqn, "geev")
    t, w = eqn.inputs[0].type, eqn.outputs[0].type
    v = ArrayType(t.shape, w.dtype)
    left, right = eqn.params["left"], eqn.params["vectors"]
    options = {"compute_left": "V" if left else "N", "compute_right": "V" if right else "N"}
    parts = [w] if t.dtype.kind == "c" else [ArrayType(w.shape, real_of(w.dtype))] * 2
    found = driver(b, "geev", [a], [t], [*parts, v, v], options, range(len(parts)), alias=None)
    values = found[0] if len(parts) == 1 else b.op("stablehlo.complex", [w], found[:2])
    return [values, *([found[-2]] if left else []), *([found[-1]] if right else [])]


def _eig_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, vectors: bool, left: bool) -> Any:
    """Dw = diag(V^-1 dA V); eigenvectors, whose length and phase are free, have no derivative."""
    (a,), (t,) = primals, tangents
    if type(t) is Zero:
        out = eig_p.bind(a, vectors=vectors, left=left)
        return out, [Zero(typeof(x).tangent) for x in out]
    if vectors or left:
        raise UnsupportedError(
            "eigenvectors of matrices that are not Hermitian have no derivative: their length and "
            "phase are arbitrary\nfix: use eigvals, or eigh for Hermitian matrices"
        )
    w, v = eig_p.bind(a, vectors=True, left=False)
    moved = mm(convert_element_type(t, typeof(v).dtype), v)
    inner = _solved(v, moved)
    only = sub(inner, on_diagonal(inner, literal(0, inner)))
    return [w], [reduce_sum(only, (typeof(inner).ndim - 1,))]


def _solved(a: Any, b: Any) -> Any:
    """`a^-1 b` through triangular factors."""
    factors, _, order = lu(a)
    places = broadcast_in_dim(order, typeof(b).shape, tuple(range(typeof(order).ndim)))
    moved = take_along(b, places, typeof(b).ndim - 2)
    low = solve_triangular(factors, moved, left_side=True, lower=True, unit_diagonal=True)
    return solve_triangular(factors, low, left_side=True, lower=False)


eig_p = register(
    Primitive(
        "eig",
        abstract=_eig_abstract,
        ref=matrices(_eig_single),
        lower=_eig_lower,
        jvp=_eig_jvp,
        transpose=NONLINEAR,
        batch=batch_rule(lambda: eig_p),
        shard=shard_leading,
        cost=cubic_cost(25.0),
        multiple_results=True,
    )
)


def eig(x: Any, *, compute_eigenvectors: bool = True) -> Any:
    """Eigenvalues, and eigenvectors as columns, of square matrices; both complex.

    Raises:
        TypeError: the matrices are not square.
    """
    out = eig_p.bind(x, vectors=bool(compute_eigenvectors), left=False)
    return tuple(out) if compute_eigenvectors else out[0]
