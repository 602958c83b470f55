"""Systems of equations with tridiagonal matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import ShapeError
from ms_func.ir.primitive import Cost, Primitive, UndefinedPrimal, Zero, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering import kernels
from ms_func.lowering.context import int_array
from ms_func.primitives.arithmetic import add, mul, neg
from ms_func.primitives.basis import broadcast_in_dim, letters
from ms_func.primitives.batching import to_front
from ms_func.primitives.families import literal
from ms_func.primitives.matrices import FLOATS, driver, leading, need
from ms_func.primitives.pieces import pad


def _abstract(dl: ArrayType, d: ArrayType, du: ArrayType, b: ArrayType) -> ArrayType:
    if not dl.shape == d.shape == du.shape:
        why = "requires that all diagonal arguments have the same shape"
    elif not d.ndim or b.ndim < 2:
        why = "diagonals must have rank at least 1, and Input 3 must have rank at least 2"
    elif b.shape[:-1] != d.shape:
        why = (
            "requires that the leading ndim-1 dimensions of b equal the dimensions of the diagonal "
            "arguments"
        )
    elif len({t.dtype for t in (dl, d, du, b)}) > 1 or d.dtype.type not in FLOATS:
        why = (
            f"does not accept dtype {d.face.name} beside the others. Accepted dtypes are subtypes "
            "of floating, complexfloating, of 32 bits or more, one for all"
        )
    else:
        return ArrayType(b.shape, b.dtype)
    raise ShapeError(f"tridiagonal_solve {why}, got {dl}, {d}, {du} and {b}")


def _ref(dl: np.ndarray, d: np.ndarray, du: np.ndarray, b: np.ndarray) -> np.ndarray:
    n = d.shape[-1]
    a = np.zeros((*d.shape, n), d.dtype)
    i = np.arange(n)
    a[..., i, i] = d
    a[..., i[1:], i[:-1]] = dl[..., 1:]
    a[..., i[:-1], i[1:]] = du[..., :-1]
    return np.linalg.solve(a, b)


def _lower(b: Any, eqn: Any, dl: Any, d: Any, du: Any, rhs: Any) -> Any:
    need(b, eqn, "gtsv")
    types = [v.type for v in eqn.inputs]
    if not types[3].size:
        return rhs
    if kernels.kind(b) == "cuda":
        return _lower_on_cuda(b, types, [dl, d, du, rhs])
    vectors = (0, 1, 2, -1, -2, -3)
    found = driver(b, "gtsv", [dl, d, du, rhs], types, types, vectors=vectors, alias=(3, 3))
    return found[3]


def _lower_on_cuda(b: Any, types: Sequence[ArrayType], operands: Sequence[Any]) -> Any:
    """By a kernel for three equations or more; smaller systems get equations x_i = 0."""
    n, out = types[1].shape[-1], types[3]
    more = max(0, 3 - n)
    if more:
        axes = [t.ndim - 1 for t in types[:3]] + [out.ndim - 2]
        pairs = zip(operands, types, axes, (0, 1, 0, 0), strict=True)
        grown = [_grown(b, x, t, axis, more, value) for x, t, axis, value in pairs]
        operands, types = [x for x, _ in grown], [t for _, t in grown]
    (x,) = driver(b, "gtsv", operands, types, types[3:], vectors=(-1, -2, -3), info=False,
                  alias=(0, 3))  # fmt: skip
    if not more:
        return x
    return leading(b, x, out)


def _grown(b: Any, x: Any, t: ArrayType, axis: int, more: int, value: int) -> tuple[Any, ArrayType]:
    """`x` with `more` elements of a value behind its own along `axis`."""
    high = tuple([more if d == axis else 0 for d in range(t.ndim)])
    made = ArrayType(tuple(n + k for n, k in zip(t.shape, high, strict=True)), t.dtype)
    none = int_array((0,) * t.ndim)
    attributes = {"edge_padding_low": none, "edge_padding_high": int_array(high),
                  "interior_padding": none}  # fmt: skip
    fill = b.constant(value, ArrayType((), t.dtype))
    return b.op("stablehlo.pad", [made], [x, fill], attributes), made


def _jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Linear in the right side; by the matrix, dx solves with -dA x on the right."""
    *diagonals, b = primals
    *changes, tb = tangents
    x = tridiagonal_solve_p.bind(*diagonals, b)
    moved = [neg(p) for p in _products(changes, x)]
    right = [*moved, *([] if type(tb) is Zero else [tb])]
    if not right:
        return x, Zero(typeof(x).tangent)
    total = right[0]
    for part in right[1:]:
        total = add(total, part)
    return x, tridiagonal_solve_p.bind(*diagonals, total)


def _products(changes: Sequence[Any], x: Any) -> list[Any]:
    """What each of the three diagonals adds to the product of a tridiagonal matrix with `x`."""
    out = []
    for t, offset in zip(changes, (-1, 0, 1), strict=True):
        if type(t) is not Zero:
            wide = broadcast_in_dim(t, typeof(x).shape, tuple(range(typeof(t).ndim)))
            out.append(mul(wide, _shifted(x, offset, -2)))
    return out


def _shifted(x: Any, offset: int, axis: int) -> Any:
    """`x` with element i + offset in place of element i, zeros from outside."""
    if offset == 0:
        return x
    config = [(0, 0, 0)] * typeof(x).ndim
    config[axis] = (-offset, offset, 0)
    return pad(x, literal(0, x), config)


def _transpose(ct: Any, dl: Any, d: Any, du: Any, b: Any) -> list[Any]:
    if UndefinedPrimal in (type(dl), type(d), type(du)):
        raise AssertionError("tridiagonal_solve is not linear in the matrix")
    below, above = _shifted(du, -1, -1), _shifted(dl, 1, -1)
    return [None, None, None, tridiagonal_solve_p.bind(below, d, above, ct)]


def _batch(size: int, args: Sequence[Any], dims: Sequence[Any]) -> Any:
    lanes = [to_front(x, d, size) for x, d in zip(args, dims, strict=True)]
    return tridiagonal_solve_p.bind(*lanes), 0


def _shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType]) -> str:
    """Only leading dimensions may be split."""
    lead = letters(ins[1].ndim - 1)
    diagonal, side = " ".join([*lead, "."]), " ".join([*lead, ".", "."])
    return f"{diagonal}, {diagonal}, {diagonal}, {side} -> {side}"


def _cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType]) -> Cost:
    return Cost(8.0 * outs[0].size, 0.0, float(sum(t.nbytes for t in (*ins, *outs))))


tridiagonal_solve_p = register(
    Primitive(
        "tridiagonal_solve",
        abstract=_abstract,
        ref=_ref,
        lower=_lower,
        jvp=_jvp,
        transpose=_transpose,
        batch=_batch,
        shard=_shard,
        cost=_cost,
    )
)


def tridiagonal_solve(dl: Any, d: Any, du: Any, b: Any, *, perturb_singular: bool = False) -> Any:
    """`x` with `A x = b` for tridiagonal `A`, by elimination with exchanges of rows.

    Args:
        dl: elements below the diagonal, `[..., n]`; the first is not read.
        d: elements of the diagonal, `[..., n]`.
        du: elements above the diagonal, `[..., n]`; the last is not read.
        b: right sides `[..., n, k]` of the same floating dtype.
        perturb_singular: not supported.

    Returns:
        Array of the shape and dtype of `b`; infinite or NaN where `A` is singular.

    Raises:
        TypeError: the shapes or dtypes do not fit.
        NotImplementedError: `perturb_singular` is true.

    Reference:
        LAPACK `gtsv`.

    Example:
        >>> below, diagonal, above = np.array([[0.0, 1.0], [2.0, 1.0], [1.0, 0.0]])
        >>> lax.linalg.tridiagonal_solve(below, diagonal, above, np.array([[4.0], [3.0]])).tolist()
        [[1.0], [2.0]]
    """
    if perturb_singular:
        raise NotImplementedError("tridiagonal_solve with perturb_singular=True")
    return tridiagonal_solve_p.bind(dl, d, du, b)
