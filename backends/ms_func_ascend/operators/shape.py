"""Operations that move or repeat elements: reshape, transpose, broadcast, slice, pad, join."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func_ascend.emitter import I32, I64, Emitter
from ms_func_ascend.graph import Tensor
from ms_func_ascend.operators import arithmetic as a
from ms_func_ascend.operators.registry import rule


@rule("reshape", compact=True)
def _reshape(t: Any, op: Any, x: Tensor) -> Tensor:
    if x.shape == ():
        return x  # one value, whatever the shape
    return t.e.reshape(t.e.broadcast_to(x, op.operands[0].type.shape), op.results[0].type.shape)


@rule("broadcast_in_dim", compact=True)
def _broadcast(t: Any, op: Any, x: Tensor) -> Tensor:
    """Only a reshape: length 1 where the operand has no dimension. See `emitter`."""
    source, shape = op.operands[0].type.shape, op.results[0].type.shape
    if x.shape == () or not source:
        return x
    out = [1] * len(shape)
    for k, d in enumerate(op.attrs["broadcast_dimensions"]):
        out[d] = x.shape[k]
    perm = np.argsort(op.attrs["broadcast_dimensions"], kind="stable")
    return t.e.reshape(t.e.transpose(x, [int(p) for p in perm]), out)


@rule("broadcast", compact=True)
def _broadcast_leading(t: Any, op: Any, x: Tensor) -> Tensor:
    if x.shape == ():
        return x
    extra = len(op.results[0].type.shape) - len(op.operands[0].type.shape)
    return t.e.reshape(x, (1,) * extra + x.shape)


@rule("transpose", compact=True)
def _transpose(t: Any, op: Any, x: Tensor) -> Tensor:
    return x if x.shape == () else t.e.transpose(x, op.attrs["permutation"])


@rule("slice", compact=True)
def _slice(t: Any, op: Any, x: Tensor) -> Tensor:
    """What the program has broadcast stays of length 1."""
    bounds = zip(*(op.attrs[n] for n in ("start_indices", "limit_indices", "strides")), x.shape,
                 op.operands[0].type.shape, strict=False)  # fmt: skip
    rows = [(0, 1, 1) if n != whole else (a, b, s) for a, b, s, n, whole in bounds]
    return t.e.slice(x, *(list(column) for column in zip(*rows, strict=True))) if rows else x


@rule("concatenate")
def _concatenate(t: Any, op: Any, *xs: Tensor) -> Tensor:
    return t.e.concat(xs, op.attrs["dimension"])


@rule("pad")
def _pad(t: Any, op: Any, x: Tensor, value: Tensor) -> Tensor:
    attrs = op.attrs
    low, high = attrs["edge_padding_low"], attrs["edge_padding_high"]
    interior = list(attrs["interior_padding"])
    if 0 in x.shape:
        return t.e.broadcast_to(value, op.results[0].type.shape)
    interior = [0 if n == 1 else i for n, i in zip(x.shape, interior, strict=True)]
    return t.e.pad(x, value, low, high, interior)


@rule("reverse")
def _reverse(t: Any, op: Any, x: Tensor) -> Tensor:
    return t.e.reverse(x, op.attrs["dimensions"])


def clamped(e: Emitter, x: Tensor, high: int | np.ndarray) -> Tensor:
    """Indices brought between 0 and `high`, as int32 (int64 where `high` needs it)."""
    high = np.asarray(high)
    wide = I32 if high.size == 0 or high.max() < 2**31 else I64
    value = x.value
    if value is not None:
        exact = np.maximum(np.asarray(value, object), 0)
        return e.const(np.asarray(np.minimum(exact, np.asarray(high, object))).astype(wide))
    if x.dtype.itemsize < 4:
        x = e.cast(x, I32)
    if x.dtype.kind == "u" or x.dtype.itemsize > wide.itemsize:
        # compared in its own dtype: what is too large may not fit the narrower one
        top = np.minimum(high, min(np.iinfo(x.dtype).max, np.iinfo(np.int64).max)).astype(x.dtype)
        x = a.minimum(e, x, e.const(top))
        if x.dtype.kind == "i":
            x = a.maximum(e, x, e.like(0, x))
        return e.cast(x, wide)
    return a.clamp(e, e.const(np.array(0, wide)), e.cast(x, wide), e.const(high.astype(wide)))


@rule("dynamic_slice", compact=True)
def _dynamic_slice(t: Any, op: Any, x: Tensor, *starts: Tensor) -> Tensor:
    """`Slice` with computed offsets; StableHLO moves a window that sticks out back inside."""
    e = t.e
    sizes = [min(k, n) for k, n in zip(op.attrs["slice_sizes"], x.shape, strict=False)]
    offsets = [
        clamped(e, s, n - k) if n > k else e.const(np.int32(0))
        for s, n, k in zip(starts, x.shape, sizes, strict=False)
    ]
    values = [s.value for s in offsets]
    if all(v is not None for v in values):
        fixed = [int(v) for v in values]  # type: ignore[arg-type]
        return e.slice(x, fixed, [s + k for s, k in zip(fixed, sizes, strict=True)])
    moving = [d for d, v in enumerate(values) if v is None]
    row = [1 if d in moving else n for d, n in enumerate(x.shape)]
    if len(moving) == 1 and sizes == row and e.has("GatherV2"):
        return e.reshape(e.rows(x, offsets[moving[0]], moving[0]), sizes)
    return _cut(e, x, offsets, sizes)


def _cut(e: Emitter, x: Tensor, offsets: list[Tensor], sizes: list[int]) -> Tensor:
    wide = I64 if any(s.dtype == I64 for s in offsets) else I32
    packed = stack(e, [e.cast(s, wide) for s in offsets])
    moved, dtype = e.moved("Slice", "x", x)
    cut = e.one("Slice", [moved, packed, e.ints(sizes, wide)], sizes, moved.dtype)
    return e.back(cut, dtype)


def stack(e: Emitter, scalars: list[Tensor]) -> Tensor:
    """Vector of scalars."""
    n = len(scalars)
    return e.one("Pack", [scalars], (n,), scalars[0].dtype, N=n)


@rule("get_dimension_size", compact=True)
def _dimension_size(t: Any, op: Any, x: Tensor) -> Tensor:
    return t.e.const(np.int32(op.operands[0].type.shape[op.attrs["dimension"]]))
