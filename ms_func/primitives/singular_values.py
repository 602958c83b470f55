"""Singular values and vectors.

Derivatives follow Townsend, "Differentiating the singular value decomposition", 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import UnsupportedError
from ms_func.ir.primitive import NONLINEAR, Primitive, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import kernels
from ms_func.lowering.context import int_array
from ms_func.primitives.arithmetic import add, div, mul, sub
from ms_func.primitives.basis import real_of
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.decompositions import real_diagonal, scipy_linalg, spread
from ms_func.primitives.families import literal
from ms_func.primitives.matrices import (
    adjoint,
    batch_rule,
    check_matrix,
    cubic_cost,
    driver,
    leading,
    matrices,
    mm,
    need,
    on_diagonal,
    shard_leading,
)


def _svd_abstract(a: ArrayType, *, full_matrices: bool, compute_uv: bool) -> list[ArrayType]:
    lead = check_matrix("svd", a)
    m, n = a.shape[-2:]
    k = min(m, n)
    s = ArrayType((*lead, k), real_of(a.dtype))
    if not compute_uv:
        return [s]
    u = ArrayType((*lead, m, m if full_matrices else k), a.dtype)
    return [s, u, ArrayType((*lead, n if full_matrices else k, n), a.dtype)]


def _svd_single(a: np.ndarray, *, full_matrices: bool, compute_uv: bool) -> tuple[Any, ...]:
    if not compute_uv:
        return (scipy_linalg().svd(a, compute_uv=False),)
    u, s, vt = scipy_linalg().svd(a, full_matrices)
    return s, u, vt


def _unit(b: Any, kind: ArrayType) -> Any:
    """Result of svd for matrices without elements: no singular values, unit matrices."""
    if not kind.size:
        return b.constant(0, kind)
    return b.array_constant(np.broadcast_to(np.eye(kind.shape[-1], dtype=kind.dtype), kind.shape))


def _svd_lower(b: Any, eqn: Any, a: Any) -> list[Any]:
    need(b, eqn, "gesvd")
    t, outs = eqn.inputs[0].type, [v.type for v in eqn.outputs]
    lead, (m, n) = t.shape[:-2], t.shape[-2:]
    if not t.size and min(m, n) == 0:
        return [_unit(b, o) for o in outs]
    if kernels.kind(b) == "cuda":
        return _svd_on_cuda(b, eqn, a, t, outs)
    mode = "A" if eqn.params["full_matrices"] else "S"
    if len(outs) == 1:
        mode, k = "N", min(m, n)
        outs += [ArrayType((*lead, m, k), t.dtype), ArrayType((*lead, k, n), t.dtype)]
    found = driver(b, "gesdd", [a], [t], [t, *outs], {"mode": mode}, vectors=(1,))
    return found[1 : 1 + len(eqn.outputs)]


_JACOBI = 1024
"""Largest size at which Jacobi's method is the faster one on CUDA."""
_BATCHED = 32
"""Largest size at which its kernel takes many matrices at once, and gives square factors."""


def _svd_on_cuda(b: Any, eqn: Any, a: Any, t: ArrayType, outs: Sequence[ArrayType]) -> list[Any]:
    """By a kernel for matrices with at least as many rows as columns; others are read by rows.

    Read so they are transposed, and U and V^H change places.
    """
    m, n = t.shape[-2:]
    if max(m, n) <= _JACOBI:
        return _svd_by_jacobi(b, eqn, a, t, outs)
    wide, vectors = m < n, len(outs) > 1
    options = {"full_matrices": eqn.params["full_matrices"], "compute_uv": vectors,
               "transposed": wide}  # fmt: skip
    s, *factors = outs if vectors else (outs[0], *[ArrayType((), t.dtype)] * 2)
    made = [t, s, *(factors[::-1] if wide else factors)]
    by_rows = (-1, *range(4)) if wide else (1,)
    _, s, *factors = driver(b, "gesvd", [a], [t], made, options, vectors=by_rows)
    return [s, *(factors[::-1] if wide else factors)][: len(outs)]


def _svd_by_jacobi(b: Any, eqn: Any, a: Any, t: ArrayType, outs: Sequence[ArrayType]) -> list[Any]:
    """By a kernel that gives V, not V^H, and wants room for the vectors even if nobody does."""
    lead, (m, n) = t.shape[:-2], t.shape[-2:]
    k = min(m, n)
    square = eqn.params["full_matrices"] or k <= _BATCHED
    u, v, vh = (ArrayType((*lead, *sizes), t.dtype) for sizes in (
        (m, m if square else k), (n, n if square else k), (n if square else k, n)))  # fmt: skip
    options = {"full_matrices": square, "compute_uv": len(outs) > 1}
    made = driver(b, "gesvdj", [a], [t], [t, outs[0], u, v], options, vectors=(1,))
    if len(outs) == 1:
        return [made[1]]
    order = int_array((*range(len(lead)), len(lead) + 1, len(lead)))
    right = b.op("stablehlo.transpose", [vh], [made[3]], {"permutation": order})
    if t.dtype.kind == "c":
        part = ArrayType(vh.shape, real_of(t.dtype))
        parts = [b.op(f"stablehlo.{name}", [part], [right]) for name in ("real", "imag")]
        parts[1] = b.op("stablehlo.negate", [part], [parts[1]])
        right = b.op("stablehlo.complex", [vh], parts)
    factors = zip((made[2], right), (u, vh), outs[1:], strict=True)
    return [made[1], *[x if t == out else leading(b, x, out) for x, t, out in factors]]


def _svd_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, full_matrices: bool, compute_uv: bool
) -> Any:
    (a,), (t,) = primals, tangents
    m, n = typeof(a).shape[-2:]
    if type(t) is Zero:
        out = svd_p.bind(a, full_matrices=full_matrices, compute_uv=compute_uv)
        return out, [Zero(typeof(x).tangent) for x in out]
    if full_matrices and compute_uv and m != n:
        raise UnsupportedError(
            "the derivative of svd is only there for full_matrices=False\nfix: use the thin form"
        )
    s, u, vt = svd_p.bind(a, full_matrices=full_matrices and compute_uv, compute_uv=True)
    inner = mm(adjoint(u), mm(t, adjoint(vt)))
    ds = real_diagonal(inner)
    if not compute_uv:
        return [s], [ds]
    du, dvt = _svd_vectors(s, u, vt, t, inner)
    return [s, u, vt], [ds, du, dvt]


def _svd_vectors(s: Any, u: Any, vt: Any, t: Any, inner: Any) -> tuple[Any, Any]:
    """Tangents of both sets of vectors from U^H dA V, and what lies outside of their spans."""
    s = convert_element_type(s, typeof(u).dtype)
    column, row = spread(s, inner, row=False), spread(s, inner, row=True)
    gaps = mul(add(column, row), sub(column, row))
    gaps = on_diagonal(gaps, literal(1, gaps))
    factor = on_diagonal(div(mul(gaps, literal(0, gaps)), gaps), literal(0, gaps))
    factor = on_diagonal(div(add(factor, literal(1, factor)), gaps), literal(0, gaps))
    left, right = mul(inner, column), mul(row, inner)
    turn_u = mul(factor, add(left, adjoint(left)))
    turn_v = mul(factor, add(right, adjoint(right)))
    if typeof(u).dtype.kind == "c":  # the phase goes to the left vectors
        phase = div(sub(inner, adjoint(inner)), mul(row, literal(2, row)))
        turn_u = add(turn_u, on_diagonal(mul(phase, literal(0, phase)), phase))
    du, dv = mm(u, turn_u), mm(adjoint(vt), turn_v)
    m, n = typeof(t).shape[-2:]
    if m > n:
        outside = mm(t, adjoint(vt))
        outside = sub(outside, mm(u, mm(adjoint(u), outside)))
        du = add(du, div(outside, spread(s, outside, row=False)))
    if n > m:
        outside = mm(adjoint(t), u)
        outside = sub(outside, mm(adjoint(vt), mm(vt, outside)))
        dv = add(dv, div(outside, spread(s, outside, row=False)))
    return du, adjoint(dv)


svd_p = register(
    Primitive(
        "svd",
        abstract=_svd_abstract,
        ref=matrices(_svd_single),
        lower=_svd_lower,
        jvp=_svd_jvp,
        transpose=NONLINEAR,
        batch=batch_rule(lambda: svd_p),
        shard=shard_leading,
        cost=cubic_cost(20.0),
        multiple_results=True,
    )
)


def svd(x: Any, *, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Singular values in decreasing order, with `x = U diag(s) V^H`.

    Shapes: `[..., m, n]` to `U` `[..., m, k]`, `s` `[..., min(m, n)]`, `V^H` `[..., l, n]`; `k`
        and `l` are `m` and `n`, or `min(m, n)` if not `full_matrices`.

    Args:
        x: matrices.
        full_matrices: whether `U` and `V` are square.
        compute_uv: return `(U, s, V^H)`; else `s` alone.

    Raises:
        TypeError: `x` holds no matrices.
    """
    out = svd_p.bind(x, full_matrices=bool(full_matrices), compute_uv=bool(compute_uv))
    if not compute_uv:
        return out[0]
    s, u, vt = out
    return u, s, vt
