"""dot_general as matrix products: [batch, m, k] by [batch, k, n] with transposition flags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func_ascend.emitter import BOOL, F32, I32, MAX_RANK, Emitter
from ms_func_ascend.graph import Tensor
from ms_func_ascend.legalize import accumulator
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.operators.registry import rule
from ms_func_ascend.prototypes import accepts

PRODUCT_LIMIT = 1 << 24
"""Products of 64-bit numbers have no kernel; they are formed elementwise, so many at a time."""


@rule("dot_general")
def _dot_general(t: Any, op: Any, lhs: Tensor, rhs: Tensor) -> Tensor:
    dims = op.attrs["dot_dimension_numbers"]
    batch = (dims.get("lhs_batching_dimensions", []), dims.get("rhs_batching_dimensions", []))
    contract = (dims.get("lhs_contracting_dimensions", []),
                dims.get("rhs_contracting_dimensions", []))  # fmt: skip
    shape, dtype = op.results[0].type
    return t.e.reshape(dot(t.e, lhs, rhs, batch, contract, dtype), shape)


@rule("dot")
def _dot(t: Any, op: Any, lhs: Tensor, rhs: Tensor) -> Tensor:
    contract = ([len(lhs.shape) - 1], [0])
    return dot(t.e, lhs, rhs, ([], []), contract, op.results[0].type.dtype)


def dot(
    e: Emitter,
    lhs: Tensor,
    rhs: Tensor,
    batch: tuple[Sequence[int], Sequence[int]],
    contract: tuple[Sequence[int], Sequence[int]],
    dtype: np.dtype,
) -> Tensor:
    """Product summed over the contracting dimensions; shape [batch, lhs rest, rhs rest]."""
    free = _rest(lhs, batch[0], contract[0]), _rest(rhs, batch[1], contract[1])
    shape = [lhs.shape[d] for d in (*batch[0], *free[0])] + [rhs.shape[d] for d in free[1]]
    if 0 in lhs.shape or 0 in rhs.shape:
        return e.broadcast_to(e.const(np.array(0).astype(dtype)), shape)
    if "c" in (lhs.dtype.kind, rhs.dtype.kind):
        return _complex(e, lhs, rhs, batch, contract, dtype)
    lhs, rhs, wide = _operand_types(e, lhs, rhs, dtype)
    if wide is None:
        return _elementwise(e, lhs, rhs, batch, contract, free, dtype)
    order = _contraction_order(lhs, rhs, batch, contract, free)
    left, adj1 = _matrix(e, lhs, batch[0], free[0], [contract[0][k] for k in order], False)
    right, adj2 = _matrix(e, rhs, batch[1], free[1], [contract[1][k] for k in order], True)
    made = _product(e, left, right, adj1, adj2, wide)
    return _result(e, e.reshape(made, shape), dtype)


def _rest(x: Tensor, batch: Sequence[int], contract: Sequence[int]) -> list[int]:
    return [d for d in range(len(x.shape)) if d not in batch and d not in contract]


def _operand_types(
    e: Emitter, lhs: Tensor, rhs: Tensor, dtype: np.dtype
) -> tuple[Tensor, Tensor, np.dtype | None]:
    """Operands in a dtype the matrix unit takes, and the dtype of its result; None without one."""
    types = {lhs.dtype, rhs.dtype}
    if dtype.kind in "fV" and dtype.itemsize <= 4:
        same = types == {dtype} and accepts("MatMulV2", "x1", dtype)
        held = dtype if same else F32
        return e.cast(lhs, held), e.cast(rhs, held), held
    if types == {np.dtype(np.int8)} and dtype == I32:
        return lhs, rhs, I32
    if dtype.kind in "iub" and dtype.itemsize <= 4:
        return _as_i32(e, lhs), _as_i32(e, rhs), I32
    return a.convert(e, lhs, dtype), a.convert(e, rhs, dtype), None


def _as_i32(e: Emitter, x: Tensor) -> Tensor:
    return e.cast(x, I32) if x.dtype == BOOL else a.to_integer(e, x, I32)


def _result(e: Emitter, x: Tensor, dtype: np.dtype) -> Tensor:
    if dtype == BOOL:
        return a.compare(e, "NE", x, e.like(0, x))
    return a.to_integer(e, x, dtype) if dtype.kind in "iu" else e.cast(x, dtype)


def _source(x: Tensor) -> tuple[Tensor, list[int]]:
    """What a transposed tensor was made from, and where each dimension lies in it."""
    order = x.node.permutation()
    if order is not None:
        (source, *_) = x.node.inputs
        assert source is not None
        return source, order
    return x, list(range(len(x.shape)))


def _contraction_order(
    lhs: Tensor,
    rhs: Tensor,
    batch: tuple[Sequence[int], Sequence[int]],
    contract: tuple[Sequence[int], Sequence[int]],
    free: tuple[Sequence[int], Sequence[int]],
) -> list[int]:
    """Order of the contracting pairs for which the fewest operands have to be transposed."""
    pairs = range(len(contract[0]))
    orders = [sorted(pairs, key=lambda k: side[k]) for side in contract] + [list(pairs)]

    def cost(order: list[int]) -> int:
        total = 0
        for x, b, c, f in zip((lhs, rhs), batch, contract, free, strict=True):
            total += math.prod(x.shape) * (_flag(x, b, f, [c[k] for k in order], False) is None)
        return total

    return min(orders, key=cost)


def _flag(
    x: Tensor, batch: Sequence[int], free: Sequence[int], contract: Sequence[int], right: bool
) -> tuple[Tensor, bool] | None:
    """A tensor that already is [batch, row, column], and whether it is the transposed one."""
    first, second = (contract, free) if right else (free, contract)
    source, place = _source(x)
    candidates = [(source, place)] + ([(x, list(range(len(x.shape))))] if source is not x else [])
    for held, where in candidates:
        plain = [where[d] for d in (*batch, *first, *second)]
        swapped = [where[d] for d in (*batch, *second, *first)]
        for perm, flag in ((plain, False), (swapped, True)):
            if _in_order(perm, held.shape):
                return held, flag
    return None


def _last(x: Tensor) -> int:
    """The last dimension of a tensor in memory that is not 1."""
    return max((d for d, n in enumerate(x.shape) if n != 1), default=-1)


def _in_order(perm: Sequence[int], shape: Sequence[int]) -> bool:
    real = [p for p in perm if shape[p] != 1]
    return real == sorted(real)


def _matrix(
    e: Emitter, x: Tensor, batch: Sequence[int], free: Sequence[int], contract: Sequence[int],
    right: bool,
) -> tuple[Tensor, bool]:  # fmt: skip
    """`x` as [*batch, rows, columns] and its transposition flag."""
    found = _flag(x, batch, free, contract, right)
    rows, columns = (contract, free) if right else (free, contract)
    size = [math.prod(x.shape[d] for d in group) for group in (rows, columns)]
    lead = [x.shape[d] for d in batch]
    if len(lead) + 2 > MAX_RANK:
        lead = [math.prod(lead)]
    if found is None:  # what lies last stays last: such a transpose moves whole runs
        flag = _last(x) in rows and _last(x) not in columns
        order = [*columns, *rows] if flag else [*rows, *columns]
        held = e.transpose(x, [*batch, *order])
    else:
        held, flag = found
    return e.reshape(held, [*lead, *(reversed(size) if flag else size)]), flag


def _product(
    e: Emitter, left: Tensor, right: Tensor, adj1: bool, adj2: bool, dtype: np.dtype
) -> Tensor:
    m = left.shape[-1 if adj1 else -2]
    n = right.shape[-2 if adj2 else -1]
    if len(left.shape) == 2:
        return e.one("MatMulV2", [left, right], (m, n), dtype, transpose_x1=adj1, transpose_x2=adj2)
    shape = (*left.shape[:-2], m, n)
    return e.one("BatchMatMulV2", [left, right], shape, dtype, adj_x1=adj1, adj_x2=adj2)


def _complex(
    e: Emitter, lhs: Tensor, rhs: Tensor, batch: tuple[Sequence[int], Sequence[int]],
    contract: tuple[Sequence[int], Sequence[int]], dtype: np.dtype,
) -> Tensor:  # fmt: skip
    """Product of complex tensors from four real ones."""
    part = np.dtype(f"f{dtype.itemsize // 2}")

    def pair(x: Tensor) -> tuple[Tensor, Tensor | None]:
        return e.parts(x) if x.dtype.kind == "c" else (e.cast(x, part), None)

    def times(x: Tensor | None, y: Tensor | None) -> Tensor | None:
        return None if x is None or y is None else dot(e, x, y, batch, contract, part)

    (a_re, a_im), (b_re, b_im) = pair(lhs), pair(rhs)
    real, minus = times(a_re, b_re), times(a_im, b_im)
    one, two = times(a_re, b_im), times(a_im, b_re)
    assert real is not None
    real = real if minus is None else a.subtract(e, real, minus)
    imag = a.add(e, one, two) if one is not None and two is not None else one or two
    return e.complex(real, e.like(0, real) if imag is None else imag)


def _elementwise(
    e: Emitter, lhs: Tensor, rhs: Tensor, batch: tuple[Sequence[int], Sequence[int]],
    contract: tuple[Sequence[int], Sequence[int]],
    free: tuple[Sequence[int], Sequence[int]], dtype: np.dtype,
) -> Tensor:  # fmt: skip
    """Product without a matrix kernel: multiply everything with everything, then sum."""
    left = e.transpose(lhs, [*batch[0], *free[0], *contract[0]])
    right = e.transpose(rhs, [*batch[1], *free[1], *contract[1]])
    nb, nl, nr = len(batch[0]), len(free[0]), len(free[1])
    rest, steps = left.shape[: nb + nl], math.prod(left.shape[nb + nl :])
    left = e.reshape(left, (*rest, *(1,) * nr, steps))
    right = e.reshape(right, (*right.shape[:nb], *(1,) * nl, *right.shape[nb : nb + nr], steps))
    return e.cast(_summed(e, left, right, accumulator(dtype)), dtype)


def _summed(e: Emitter, x: Tensor, y: Tensor, wide: np.dtype) -> Tensor:
    """Sum over the last dimension of a product that broadcasts, a part at a time if it is large."""
    last, steps = len(x.shape) - 1, x.shape[-1]
    shape = np.broadcast_shapes(x.shape, y.shape)
    if steps > 1 and math.prod(shape) > PRODUCT_LIMIT:
        half = steps // 2
        low, high = (
            _summed(e, e.slice_axis(x, last, *cut), e.slice_axis(y, last, *cut), wide)
            for cut in ((0, half), (half, steps))
        )
        return a.add(e, low, high)
    product = e.cast(a.multiply(e, x, y), wide)
    return e.one("ReduceSum", [product, e.ints([last])], shape[:-1], wide)
