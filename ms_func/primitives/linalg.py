"""Triangular factors of matrices and the systems they solve.

Derivatives follow Giles, "An extended collection of matrix derivative results for forward and
reverse mode algorithmic differentiation", 2008, and Murray, "Differentiation of the Cholesky
decomposition", 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import SizeError
from ms_func.ir.primitive import NONLINEAR, Primitive, Recurrence, UndefinedPrimal, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import kernels
from ms_func.lowering.context import boolean, int_array, integer, parsed
from ms_func.primitives.arithmetic import add, mul, neg, sub
from ms_func.primitives.basis import broadcast_in_dim
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.cast import conj
from ms_func.primitives.compare import eq, ge, select
from ms_func.primitives.families import literal
from ms_func.primitives.matrices import (
    batch_rule,
    check_matrix,
    cubic_cost,
    driver,
    hermitian,
    lower_part,
    matrices,
    mm,
    need,
    on_diagonal,
    shard_leading,
    swap,
    symmetrized,
    triangle,
    upper_part,
)
from ms_func.primitives.pieces import pad, slice
from ms_func.primitives.shape import broadcasted_iota, squeeze
from ms_func.primitives.sort import take_along

# --- cholesky -------------------------------------------------------------------------------


def _cholesky_abstract(a: ArrayType) -> ArrayType:
    check_matrix("cholesky", a, square=True)
    return ArrayType(a.shape, a.dtype)


def _cholesky_ref(a: np.ndarray) -> np.ndarray:
    low = np.tril(a)
    full = low + np.conj(np.swapaxes(np.tril(a, -1), -1, -2))
    try:
        return np.linalg.cholesky(full)
    except np.linalg.LinAlgError:
        return np.full_like(a, np.nan)


def _cholesky_lower(b: Any, eqn: Any, a: Any) -> Any:
    t = eqn.outputs[0].type
    if kernels.has(b, "potrf"):
        (out,) = driver(b, "potrf", [a], [t], [t], {"uplo": "L"})
    else:
        out = b.op("stablehlo.cholesky", [t], [a], {"lower": boolean(True)})
    return triangle(b, out, t, lower=True)


def _cholesky_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """DL = L phi(L^-1 dA L^-H), where phi takes the lower triangle and half the diagonal."""
    (a,), (t,) = primals, tangents
    factor = cholesky_p.bind(a)
    if type(t) is Zero:
        return factor, Zero(typeof(factor).tangent)
    t = hermitian(t)
    inner = solve_triangular(factor, t, left_side=True, lower=True)
    inner = solve_triangular(factor, inner, left_side=False, lower=True, transpose_a=True,
                             conjugate_a=True)  # fmt: skip
    half = on_diagonal(lower_part(inner), mul(inner, literal(0.5, inner)))
    return factor, mm(factor, half)


cholesky_p = register(
    Primitive(
        "cholesky",
        abstract=_cholesky_abstract,
        ref=_cholesky_ref,
        lower=_cholesky_lower,
        jvp=_cholesky_jvp,
        transpose=NONLINEAR,
        batch=batch_rule(lambda: cholesky_p),
        shard=shard_leading,
        cost=cubic_cost(1 / 3),
    )
)


def cholesky(x: Any, *, symmetrize_input: bool = True) -> Any:
    """Lower triangular `L` with `L L^H` equal to `x`.

    Args:
        x: Hermitian matrices `[..., n, n]`.
        symmetrize_input: use `(x + x^H) / 2`; else the lower triangle alone.

    Returns:
        Matrices `[..., n, n]`; NaN where `x` is not positive definite.

    Raises:
        TypeError: the matrices are not square.

    Reference:
        LAPACK `potrf`.

    Example:
        >>> lax.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 10.0]])).tolist()
        [[2.0, 0.0], [1.0, 3.0]]
    """
    if symmetrize_input:
        x = symmetrized("cholesky", x)
    return cholesky_p.bind(x)


# --- triangular_solve -----------------------------------------------------------------------


def _triangular_abstract(a: ArrayType, b: ArrayType, *, left_side: bool, **params: Any) -> Any:
    lead = check_matrix("triangular_solve", a, square=True)
    rows = b.shape[-2] if left_side and b.ndim > 1 else b.shape[-1]
    if b.dtype != a.dtype:
        raise SizeError(
            "triangular_solve requires arguments to have the same dtypes, got "
            f"{a.face.name}, {b.face.name}\nfix: convert one with .astype"
        )
    if b.ndim != a.ndim or b.shape[:-2] != lead or rows != a.shape[-1]:
        raise SizeError(
            f"Incompatible shapes for arguments to triangular_solve: {a.shape} and {b.shape}"
            f"{'' if left_side else ' (left_side=False)'}"
        )
    return ArrayType(b.shape, b.dtype)


def _triangular_ref(
    a: np.ndarray, b: np.ndarray, *, left_side: bool, lower: bool, transpose_a: bool,
    conjugate_a: bool, unit_diagonal: bool,
) -> np.ndarray:  # fmt: skip
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        a = a * (1 - np.eye(a.shape[-1], dtype=a.dtype)) + np.eye(a.shape[-1], dtype=a.dtype)
    a = np.swapaxes(a, -1, -2) if transpose_a else a
    a = np.conj(a) if conjugate_a else a
    if left_side:
        return np.linalg.solve(a, b)
    return np.swapaxes(np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)


def _triangular_lower(b: Any, eqn: Any, a: Any, rhs: Any) -> Any:
    p, (ta, tb) = eqn.params, (v.type for v in eqn.inputs)
    kind = "N"
    if p["transpose_a"]:
        kind = "C" if p["conjugate_a"] else "T"
    if kernels.has(b, "trsm") and (p["transpose_a"] or not p["conjugate_a"]) and tb.size:
        options = {
            "diag": "U" if p["unit_diagonal"] else "N", "side": "L" if p["left_side"] else "R",
            "trans_x": kind, "uplo": "L" if p["lower"] else "U",
        }  # fmt: skip
        return kernels.call(b, "trsm", [a, rhs], [ta, tb], [tb], options, alias=(0, 1))[0]
    word = {"N": "NO_TRANSPOSE", "T": "TRANSPOSE", "C": "ADJOINT"}[kind]
    if p["conjugate_a"] and not p["transpose_a"]:
        a = b.op("chlo.conj", [ta], [a])
    attributes = {
        "left_side": boolean(p["left_side"]), "lower": boolean(p["lower"]),
        "unit_diagonal": boolean(p["unit_diagonal"]),
        "transpose_a": parsed(f"#stablehlo<transpose {word}>"),
    }  # fmt: skip
    return b.op("stablehlo.triangular_solve", [tb], [a, rhs], attributes)


def _triangular_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> Any:
    """Linear in the right side; by the matrix, dx solves with -dA x on the right."""
    (a, b), (ta, tb) = primals, tangents
    x = triangular_solve_p.bind(a, b, **params)
    parts = []
    if type(tb) is not Zero:
        parts.append(triangular_solve_p.bind(a, tb, **params))
    if type(ta) is not Zero:
        moved = _triangular_product(ta, x, **params)
        parts.append(triangular_solve_p.bind(a, neg(moved), **params))
    if not parts:
        return x, Zero(typeof(x).tangent)
    return x, parts[0] if len(parts) == 1 else add(*parts)


def _triangular_term(n: int, operands: Sequence[Any], out: Any, **params: Any) -> Any:
    """From A x = b: x_n solves with b_n less the sum of A_k x_{n-k} over k = 1..n."""
    a, b = operands
    right = b[n]
    for k in range(1, n + 1):
        if type(a[k]) is not Zero and type(out[n - k]) is not Zero:
            moved = _triangular_product(a[k], out[n - k], **params)
            right = neg(moved) if type(right) is Zero else sub(right, moved)
    return right if type(right) is Zero else triangular_solve_p.bind(a[0], right, **params)


def _triangular_product(ta: Any, x: Any, **params: Any) -> Any:
    """The change of a triangular matrix applied to `x`; a unit diagonal does not change."""
    k = -1 if params["unit_diagonal"] else 0
    ta = lower_part(ta, k) if params["lower"] else upper_part(ta, -k)
    ta = swap(ta) if params["transpose_a"] else ta
    ta = conj(ta) if params["conjugate_a"] and typeof(ta).dtype.kind == "c" else ta
    return mm(ta, x) if params["left_side"] else mm(x, ta)


def _triangular_transpose(ct: Any, a: Any, b: Any, **params: Any) -> list[Any]:
    if type(a) is UndefinedPrimal:
        raise AssertionError("triangular_solve is not linear in the matrix")
    flipped = {**params, "transpose_a": not params["transpose_a"]}
    return [None, triangular_solve_p.bind(a, ct, **flipped)]


triangular_solve_p = register(
    Primitive(
        "triangular_solve",
        abstract=_triangular_abstract,
        ref=_triangular_ref,
        lower=_triangular_lower,
        jvp=_triangular_jvp,
        transpose=_triangular_transpose,
        jet=Recurrence(_triangular_term),
        batch=batch_rule(lambda: triangular_solve_p),
        shard=shard_leading,
        cost=cubic_cost(1.0),
    )
)


def solve_triangular(
    a: Any, b: Any, *, left_side: bool = False, lower: bool = False, transpose_a: bool = False,
    conjugate_a: bool = False, unit_diagonal: bool = False,
) -> Any:  # fmt: skip
    """`triangular_solve` of operands of equal leading dimensions."""
    return triangular_solve_p.bind(
        a, b, left_side=bool(left_side), lower=bool(lower), transpose_a=bool(transpose_a),
        conjugate_a=bool(conjugate_a) and typeof(a).dtype.kind == "c",
        unit_diagonal=bool(unit_diagonal),
    )  # fmt: skip


def triangular_solve(
    a: Any, b: Any, *, left_side: bool = False, lower: bool = False, transpose_a: bool = False,
    conjugate_a: bool = False, unit_diagonal: bool = False,
) -> Any:  # fmt: skip
    """`x` with `op(a) x = b`, or `x op(a) = b` where `left_side` is false.

    Args:
        a: triangular matrices `[..., n, n]`; the other triangle is not read.
        b: right sides of the same dtype: `[..., n, k]` (left) or `[..., k, n]`, or a vector less.
        left_side: which of the two equations.
        lower: which triangle holds the matrix.
        transpose_a: whether `op` transposes.
        conjugate_a: whether `op` conjugates.
        unit_diagonal: take the diagonal of `a` for ones.

    Returns:
        Array of the shape and dtype of `b`; infinite or NaN where `a` is singular.

    Raises:
        TypeError: the shapes or dtypes do not fit.

    Reference:
        StableHLO `triangular_solve`; BLAS `trsm`.

    Example:
        >>> a = np.array([[2.0, 0.0], [1.0, 1.0]])
        >>> lax.linalg.triangular_solve(a, np.array([4.0, 5.0]), left_side=True, lower=True)
        Array([2., 3.], dtype=float32)
    """
    vector = typeof(b).ndim == typeof(a).ndim - 1
    if vector:
        shape = typeof(b).shape
        full = (*shape, 1) if left_side else (*shape[:-1], 1, shape[-1])
        dims = tuple(d for d in range(len(full)) if d != (len(full) - (1 if left_side else 2)))
        b = broadcast_in_dim(b, full, dims)
    out = solve_triangular(a, b, left_side=left_side, lower=lower, transpose_a=transpose_a,
                           conjugate_a=conjugate_a, unit_diagonal=unit_diagonal)  # fmt: skip
    if not vector:
        return out
    return squeeze(out, (-1 if left_side else -2,))


# --- lu -----------------------------------------------------------------------------------------


def _lu_abstract(a: ArrayType) -> list[ArrayType]:
    lead = check_matrix("lu", a)
    m, n = a.shape[-2:]
    return [
        ArrayType(a.shape, a.dtype), ArrayType((*lead, min(m, n)), np.int32),
        ArrayType((*lead, m), np.int32),
    ]  # fmt: skip


def _lu_single(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gaussian elimination with partial pivoting."""
    lu = np.array(a)
    m, n = lu.shape
    order, pivots = np.arange(m, dtype=np.int32), np.zeros(min(m, n), np.int32)
    for k in range(min(m, n)):
        size = abs(np.real(lu[k:, k])) + abs(np.imag(lu[k:, k]))
        p = k + int(np.argmax(size))
        pivots[k] = p
        lu[[k, p]], order[[k, p]] = lu[[p, k]], order[[p, k]]
        if lu[k, k] != 0:
            lu[k + 1 :, k] /= lu[k, k]
        lu[k + 1 :, k + 1 :] -= np.outer(lu[k + 1 :, k], lu[k, k + 1 :])
    return lu, pivots, order


def _lu_lower(b: Any, eqn: Any, a: Any) -> list[Any]:
    need(b, eqn, "getrf")
    t, pivots, order = (v.type for v in eqn.outputs)
    lead = t.shape[:-2]
    info = ArrayType(lead, np.int32)
    lu, rows, _ = kernels.call(b, "getrf", [a], [t], [t, pivots, info], {}, (1, 2))
    rows = b.op("stablehlo.subtract", [pivots], [rows, b.constant(1, pivots)])
    return [lu, rows, _permutation(b, rows, pivots, order)]


def _permutation(b: Any, rows: Any, pivots: ArrayType, order: ArrayType) -> Any:
    """Order of the rows after the exchanges, one after the other: by a kernel or in a loop."""
    place = b.op("stablehlo.iota", [order], [], {"iota_dimension": integer(order.ndim - 1)})
    if not pivots.shape[-1]:
        return place
    if kernels.kind(b) == "cuda":
        return kernels.call(b, "pivots", [rows], [pivots], [order], {}, (0, -1), None)[0]
    index = ArrayType((), np.int32)
    state = [index, order, pivots, order]
    loop = b.operation("stablehlo.while", state, [b.constant(0, index), place, rows, place],
                       regions=2)  # fmt: skip

    def more(r: Any, k: Any, *_: Any) -> list[Any]:
        attributes = {"comparison_direction": parsed("#stablehlo<comparison_direction LT>")}
        limit = r.constant(pivots.shape[-1], index)
        return [r.op("stablehlo.compare", [ArrayType((), np.bool_)], [k, limit], attributes)]

    def step(r: Any, k: Any, found: Any, rows: Any, place: Any) -> list[Any]:
        new = _exchanged(r, k, found, rows, place, pivots, order)
        after = r.op("stablehlo.add", [index], [k, r.constant(1, index)])
        return [after, new, rows, place]

    b.region(loop, 0, state, more)
    b.region(loop, 1, state, step)
    return loop.results[1]


def _exchanged(
    b: Any, k: Any, found: Any, rows: Any, place: Any, pivots: ArrayType, order: ArrayType
) -> Any:
    """`found` with its elements `k` and `rows[k]` exchanged, in every lane."""
    here = b.broadcast(k, order, ())
    there = _element(b, rows, k, pivots, order)
    mine, other = _element(b, found, k, order, order), _at(b, found, there, place, order)
    found = b.op("stablehlo.select", [order], [_equal(b, place, there, order), mine, found])
    return b.op("stablehlo.select", [order], [_equal(b, place, here, order), other, found])


def _element(b: Any, x: Any, k: Any, t: ArrayType, out: ArrayType) -> Any:
    """Element `k` of the last dimension, repeated over that of `out`."""
    zero = b.constant(0, ArrayType((), np.int32))
    one = ArrayType((*t.shape[:-1], 1), t.dtype)
    attributes = {"slice_sizes": int_array(one.shape)}
    found = b.op("stablehlo.dynamic_slice", [one], [x, *[zero] * (t.ndim - 1), k], attributes)
    return b.broadcast(found, out, tuple(range(out.ndim)))


def _at(b: Any, x: Any, there: Any, place: Any, t: ArrayType) -> Any:
    """The element of `x` at place `there`, repeated: a sum over one place."""
    masked = b.op("stablehlo.select", [t], [_equal(b, place, there, t), x, b.constant(0, t)])
    flat, scalar = ArrayType(t.shape[:-1], t.dtype), ArrayType((), t.dtype)
    operation = b.operation("stablehlo.reduce", [flat], [masked, b.constant(0, scalar)],
                            {"dimensions": int_array((t.ndim - 1,))})  # fmt: skip
    b.reducer(operation, "stablehlo.add", t.dtype)
    return b.broadcast(operation.results[0], t, tuple(range(t.ndim - 1)))


def _equal(b: Any, x: Any, y: Any, t: ArrayType) -> Any:
    attributes = {"comparison_direction": parsed("#stablehlo<comparison_direction EQ>")}
    return b.op("stablehlo.compare", [ArrayType(t.shape, np.bool_)], [x, y], attributes)


def _lu_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """DL = L tril(M, -1) and dU = triu(M) U, where M = L^-1 P dA U^-1.

    Factors that are not square are filled up with the identity.
    """
    (a,), (t,) = primals, tangents
    factors, pivots, order = lu_p.bind(a)
    none = [Zero(typeof(v).tangent) for v in (pivots, order)]
    if type(t) is Zero:
        return [factors, pivots, order], [Zero(typeof(factors).tangent), *none]
    m, n = typeof(a).shape[-2:]
    k = min(m, n)
    low = on_diagonal(_resized(lower_part(factors, -1), m, k, m), literal(1, factors))
    up = _with_identity(_resized(upper_part(factors), k, n, n), k)
    moved = take_along(
        t,
        broadcast_in_dim(order, typeof(t).shape, tuple(range(typeof(order).ndim))),
        typeof(t).ndim - 2,
    )
    inner = solve_triangular(low, moved, left_side=True, lower=True, unit_diagonal=True)
    inner = solve_triangular(up, inner, left_side=False, lower=False)
    dot = add(mm(low, lower_part(inner, -1)), mm(upper_part(inner), up))
    return [factors, pivots, order], [dot, *none]


def _resized(x: Any, rows: int, columns: int, full: int) -> Any:
    """The first rows and columns, filled up with zeros to a square."""
    shape = typeof(x).shape
    lead = len(shape) - 2
    x = slice(x, [0] * len(shape), [*shape[:-2], rows, columns])
    edge = [(0, 0, 0)] * lead + [(0, full - rows, 0), (0, full - columns, 0)]
    return pad(x, literal(0, x), edge)


def _with_identity(x: Any, k: int) -> Any:
    """`x` with ones on its diagonal from row `k` on."""
    shape = typeof(x).shape
    n = len(shape)
    row = broadcasted_iota(np.int32, shape, n - 2)
    late = bitwise_and(eq(row, broadcasted_iota(np.int32, shape, n - 1)), ge(row, k))
    return select(late, literal(1, x), x)


lu_p = register(
    Primitive(
        "lu",
        abstract=_lu_abstract,
        ref=matrices(_lu_single),
        lower=_lu_lower,
        jvp=_lu_jvp,
        transpose=NONLINEAR,
        batch=batch_rule(lambda: lu_p),
        shard=shard_leading,
        cost=cubic_cost(2 / 3),
        multiple_results=True,
    )
)


def lu(x: Any) -> list[Any]:
    """Triangular factors with exchanged rows: `x[permutation] = L U`.

    Args:
        x: matrices `[..., m, n]`, float32, float64, complex64 or complex128.

    Returns:
        List of the factors in one `[..., m, n]` (the ones on the diagonal of `L` are left out), the
        row exchanged with each `[..., min(m, n)]`, and the resulting order of rows `[..., m]`.

    Raises:
        TypeError: `x` holds no matrices, or has another dtype.

    Reference:
        LAPACK `getrf`.

    Example:
        >>> factors, pivots, permutation = lax.linalg.lu(np.array([[1.0, 3.0], [2.0, 4.0]]))
        >>> factors.tolist(), pivots.tolist(), permutation.tolist()
        ([[2.0, 4.0], [0.5, 1.0]], [1, 1], [1, 0])
    """
    return lu_p.bind(x)
