"""Slices whose place is data: `dynamic_slice`, `dynamic_update_slice`.

A start that would let the slice hang over an edge is moved so that it fits. `slice` itself
stands in `pieces.py`.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentValueError, ShapeError
from ms_func.ir.explicit import alike
from ms_func.ir.function import Literal
from ms_func.ir.primitive import LANES, Cost, Linear, Primitive, register
from ms_func.ir.types import ArrayType, typeof
from ms_func.lowering.context import int_array
from ms_func.primitives.arithmetic import add
from ms_func.primitives.basis import broadcast_in_dim_p, full_of, int_tuple, letters
from ms_func.primitives.batching import to_front
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import lt, select
from ms_func.primitives.families import is_linear, literal
from ms_func.primitives.gather import gather_p
from ms_func.primitives.pieces import concatenate_p, slice, slice_p
from ms_func.primitives.scatter import scatter_p
from ms_func.primitives.shape import reshape

__all__ = [
    "dynamic_slice", "dynamic_slice_p", "dynamic_update_slice", "dynamic_update_slice_p", "slice",
    "slice_p",
]  # fmt: skip

_range = builtins.slice
_INDEX = np.dtype(np.int32)


def _check_starts(name: str, x: ArrayType, starts: Sequence[ArrayType]) -> None:
    if len(starts) != x.ndim:
        raise ArgumentValueError(f"{name} of {x} needs {x.ndim} start indices, got {len(starts)}")
    if any(t.shape for t in starts):
        raise ShapeError(
            f"start_indices arguments to {name} must be scalars, got indices "
            f"({', '.join(map(str, starts))})"
        )
    for t in starts:
        if not issubdtype(t.dtype, np.integer) or t.dtype != starts[0].dtype:
            got = ", ".join(t.str_short() for t in starts)
            raise ShapeError(
                f"index arguments to {name} must be integers of the same type, got: {got}"
            )


def _place(shape: Sequence[int], sizes: Sequence[int], starts: Sequence[Any]) -> Any:
    """Reference: where a slice lies after it has been moved inside."""
    spans = []
    for n, size, start in zip(shape, sizes, starts, strict=True):
        lo = min(max(int(start), 0), n - size)
        spans.append(_range(lo, lo + size))
    return tuple(spans)


# --- dynamic_slice --------------------------------------------------------------------------


def _dynamic_slice_abstract(
    x: ArrayType, *starts: ArrayType, slice_sizes: tuple[int, ...]
) -> ArrayType:
    _check_starts("dynamic_slice", x, starts)
    if len(slice_sizes) != x.ndim or any(
        not 0 <= n <= m for n, m in zip(slice_sizes, x.shape, strict=False)
    ):
        raise ShapeError(
            "slice slice_sizes must be less than or equal to operand shape, and "
            f"must be greater than or equal to zero, got slice_sizes {slice_sizes} for operand "
            f"shape {x.shape} of dynamic_slice"
        )
    return ArrayType(slice_sizes, x.dtype, x.weak_type)


def _dynamic_slice_ref(x: np.ndarray, *starts: Any, slice_sizes: tuple[int, ...]) -> np.ndarray:
    return x[_place(x.shape, slice_sizes, starts)]


def _dynamic_slice_lower(b: Any, eqn: Any, *values: Any) -> Any:
    attributes = {"slice_sizes": int_array(eqn.params["slice_sizes"])}
    return b.op("stablehlo.dynamic_slice", [eqn.outputs[0].type], values, attributes)


def _dynamic_slice_transpose(ct: Any, x: Any, *starts: Any, slice_sizes: Any) -> list[Any]:
    zeros = full_of(0, ArrayType(x.type.shape, typeof(ct).dtype))
    return [dynamic_update_slice_p.bind(zeros, ct, *starts), *[None] * len(starts)]


def _with_zero(starts: Sequence[Any], at: int) -> list[Any]:
    """Starts with a zero for the lanes, which are taken whole."""
    zero = literal(0, starts[0]) if starts else Literal(0, ArrayType((), _INDEX))
    return [*starts[:at], zero, *starts[at:]]


def _dynamic_slice_batch(size: int, args: Any, dims: Any, *, slice_sizes: tuple[int, ...]) -> Any:
    """Lanes that start at different places make a gather of one window each."""
    (x, *starts), (at, *start_dims) = args, dims
    if all(d is None for d in start_dims):
        sizes = (*slice_sizes[:at], size, *slice_sizes[at:])
        return dynamic_slice_p.bind(x, *_with_zero(starts, at), slice_sizes=sizes), at
    lane = 0 if at is None else 1
    x = x if at is None else to_front(x, at, size)
    moving, indices = _window_starts(typeof(x).shape[lane:], slice_sizes, starts, start_dims, size)
    if not moving:
        return x, at if at is None else 0
    ndim = len(slice_sizes)
    out = gather_p.bind(
        x,
        indices,
        offset_dims=tuple(range(1, ndim + 1)),
        collapsed_slice_dims=(),
        start_index_map=tuple([d + lane for d in moving]),
        operand_batching_dims=(0,) * lane,
        start_indices_batching_dims=(0,) * lane,
        slice_sizes=(min(size, 1), *slice_sizes) if lane else slice_sizes,
        indices_are_sorted=bool(lane),
        unique_indices=bool(lane),
        mode="clip",
        fill_value=None,
    )
    return out, 0


def _window_starts(
    shape: Sequence[int], sizes: Sequence[int], starts: Any, dims: Any, lanes: int
) -> tuple[list[int], Any]:
    """Dimensions in which a window can move, and its start in each, one row for each lane."""
    moving = [d for d, (n, m) in enumerate(zip(sizes, shape, strict=True)) if n != m]
    columns = [
        broadcast_in_dim_p.bind(
            starts[d], shape=(lanes, 1), broadcast_dimensions=() if dims[d] is None else (0,)
        )
        for d in moving
    ]
    if len(columns) < 2:
        return moving, columns[0] if columns else None
    return moving, concatenate_p.bind(*columns, dimension=1)


def _dynamic_slice_shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> str:
    names = letters(ins[0].ndim)
    sizes = zip(names, ins[0].shape, outs[0].shape, strict=True)
    term = " ".join([name if n == m else "." for name, n, m in sizes])
    return f"{', '.join([term] + [''] * ins[0].ndim)} -> {term}"


def _dynamic_slice_cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType], **params: Any) -> Cost:
    """Only the slice is read and written."""
    return Cost(0.0, 0.0, 2.0 * outs[0].nbytes)


def _dynamic_slice_simplify(
    producer: Any, x: Any, *starts: Any, slice_sizes: tuple[int, ...]
) -> Any:
    """All of the operand, or a slice whose place is known."""
    if slice_sizes == x.type.shape:
        return x
    if any(type(s) is not Literal for s in starts):
        return None
    rows = zip(starts, x.type.shape, slice_sizes, strict=True)
    start = [min(max(int(s.value), 0), n - m) for s, n, m in rows]
    return slice(x, start, [i + m for i, m in zip(start, slice_sizes, strict=True)])


dynamic_slice_p = register(
    Primitive(
        "dynamic_slice",
        abstract=_dynamic_slice_abstract,
        ref=_dynamic_slice_ref,
        lower=_dynamic_slice_lower,
        jvp=Linear(0),
        transpose=_dynamic_slice_transpose,
        batch=_dynamic_slice_batch,
        shard=_dynamic_slice_shard,
        cost=_dynamic_slice_cost,
        simplify=_dynamic_slice_simplify,
        words=LANES,
    )
)


def _starts(shape: Sequence[int], starts: Any, allow_negative: bool | Sequence[bool]) -> list[Any]:
    """Start indices as integer scalars of one dtype, negative ones counted from the end."""
    listed = _scalars(starts)
    if len(listed) != len(shape):
        raise ArgumentValueError(
            "Length of slice indices must match number of operand dimensions "
            f"({len(listed)} vs {tuple(shape)})"
        )
    dtype = _INDEX
    for start in listed:
        if type(start) is not int and (found := typeof(start).dtype).itemsize >= 4:
            dtype = found
            break
    allowed = allow_negative
    found = []
    for k, (start, n) in enumerate(zip(listed, shape, strict=True)):
        wrap = allowed if isinstance(allowed, bool) else allowed[k]
        if type(start) is int:
            start = start + n if wrap and start < 0 else start
            found.append(Literal(_limited(start, dtype), ArrayType((), dtype)))
        else:
            found.append(_traced_start(start, n, dtype, wrap))
    return found


def _traced_start(start: Any, n: int, dtype: np.dtype, wrap: bool) -> Any:
    """A start known at run time, with `n` added where it is negative."""
    own = typeof(start).dtype
    wrap = wrap and own.kind == "i"
    if own.kind in "iu" and own.itemsize < 4:
        start = convert_element_type(start, dtype)  # the size may exceed a narrow dtype
    return select(lt(start, 0), add(start, n), start) if wrap else start


def _limited(value: int, dtype: np.dtype) -> int:
    """`value` moved into the range of an integer dtype: slices are moved inside anyway."""
    if 0 <= value <= 0x7FFFFFFF or dtype.kind not in "iu":
        return value
    info = np.iinfo(dtype)
    return min(max(value, int(info.min)), int(info.max))


def _scalars(starts: Any) -> list[Any]:
    """One scalar per dimension; those that NumPy or Python know as Python ints."""
    if hasattr(starts, "shape") and not isinstance(starts, np.ndarray):
        if len(starts.shape) != 1:
            raise ArgumentValueError(
                f"start indices must have one dimension, got shape {starts.shape}"
            )
        n = starts.shape[0]
        starts = [reshape(slice(starts, (k,), (k + 1,)), ()) for k in range(n)]
    elif isinstance(starts, np.ndarray) and starts.ndim != 1:
        raise ArgumentValueError(f"start indices must have one dimension, got shape {starts.shape}")
    return [_as_int(s) for s in starts]


def _as_int(x: Any) -> Any:
    known = isinstance(x, (int, np.integer)) or (
        isinstance(x, np.ndarray) and x.ndim == 0 and x.dtype.kind in "iu"
    )
    return int(x) if known else x


def dynamic_slice(
    operand: Any,
    start_indices: Any,
    slice_sizes: Sequence[int],
    *,
    allow_negative_indices: bool | Sequence[bool] = True,
) -> Any:
    """The slice of `operand` of the given sizes that begins at `start_indices`.

    Args:
        operand: array.
        start_indices: an integer for each dimension, known only at run time or not. Negative
            ones count from the end. They are moved so that the slice lies inside.
        slice_sizes: size of each dimension of the result.
        allow_negative_indices: whether negative indices count from the end, for all or for
            each dimension.

    Raises:
        TypeError: the sizes do not fit, or indices are not integers of one dtype.
        ValueError: there is not one index for each dimension.

    Example:
        >>> dynamic_slice(np.arange(5), (3,), (3,))
        Array([2, 3, 4], dtype=int32)
    """
    starts = _starts(typeof(operand).shape, start_indices, allow_negative_indices)
    return dynamic_slice_p.bind(operand, *starts, slice_sizes=int_tuple(slice_sizes, "slice_sizes"))


# --- dynamic_update_slice -------------------------------------------------------------------


def _update_abstract(x: ArrayType, update: ArrayType, *starts: ArrayType) -> ArrayType:
    _check_starts("dynamic_update_slice", x, starts)
    if x.dtype != update.dtype:
        raise ShapeError(
            "lax.dynamic_update_slice requires arguments to have the same dtypes, got "
            f"{x.face.name}, {update.face.name}\n"
            "fix: convert one with .astype"
        )
    if update.ndim != x.ndim or any(n > m for n, m in zip(update.shape, x.shape, strict=True)):
        what = "must have the same rank as operand"
        if update.ndim == x.ndim:
            what = "shape must be smaller than operand shape"
        raise ShapeError(
            f"dynamic_update_slice update {what}, got update shape {update.shape} for operand "
            f"shape {x.shape}"
        )
    return ArrayType(x.shape, x.dtype, x.weak_type and update.weak_type)


def _update_ref(x: np.ndarray, update: np.ndarray, *starts: Any) -> np.ndarray:
    out = np.array(x)
    out[_place(x.shape, update.shape, starts)] = update
    return out


def _update_lower(b: Any, eqn: Any, *values: Any) -> Any:
    return b.op("stablehlo.dynamic_update_slice", [eqn.outputs[0].type], values)


def _update_transpose(ct: Any, x: Any, update: Any, *starts: Any) -> list[Any]:
    kind = typeof(update)
    ct_x = ct_update = None
    if is_linear(x):
        zeros = full_of(0, ArrayType(kind.shape, typeof(ct).dtype))
        ct_x = dynamic_update_slice_p.bind(ct, zeros, *starts)
    if is_linear(update):
        ct_update = dynamic_slice_p.bind(ct, *starts, slice_sizes=kind.shape)
    return [ct_x, ct_update, *[None] * len(starts)]


def _update_batch(size: int, args: Any, dims: Any) -> Any:
    (x, update, *starts), (at, at_update, *start_dims) = args, dims
    x, update = to_front(x, at, size), to_front(update, at_update, size)
    if all(d is None for d in start_dims):
        return dynamic_update_slice_p.bind(x, update, *_with_zero(starts, 0)), 0
    shape, window = typeof(x).shape[1:], typeof(update).shape[1:]
    moving, indices = _window_starts(shape, window, starts, start_dims, size)
    if not moving:
        return update, 0
    out = scatter_p.bind(
        x,
        indices,
        update,
        update_window_dims=tuple(range(1, len(shape) + 1)),
        inserted_window_dims=(),
        scatter_dims_to_operand_dims=tuple([d + 1 for d in moving]),
        operand_batching_dims=(0,),
        scatter_indices_batching_dims=(0,),
        indices_are_sorted=True,
        unique_indices=True,
        mode="clip",
    )
    return out, 0


def _update_shard(ins: Sequence[ArrayType], outs: Sequence[ArrayType]) -> str:
    names = letters(ins[0].ndim)
    sizes = zip(names, ins[0].shape, ins[1].shape, strict=True)
    term = " ".join([name if n == m else "." for name, n, m in sizes])
    return f"{', '.join([term, term] + [''] * ins[0].ndim)} -> {term}"


def _update_cost(ins: Sequence[ArrayType], outs: Sequence[ArrayType]) -> Cost:
    return Cost(0.0, 0.0, float(ins[0].nbytes + outs[0].nbytes + ins[1].nbytes))


dynamic_update_slice_p = register(
    Primitive(
        "dynamic_update_slice",
        abstract=_update_abstract,
        ref=_update_ref,
        lower=_update_lower,
        jvp=Linear(0, 1),
        transpose=_update_transpose,
        batch=_update_batch,
        shard=_update_shard,
        cost=_update_cost,
        simplify=lambda producer, x, update, *starts: update if update.type is x.type else None,
        words=LANES,
        layout=alike(
            (0, 2, "dynamic_update_slice operand sharding must be equal to update sharding")
        ),
    )
)


def dynamic_update_slice(
    operand: Any,
    update: Any,
    start_indices: Any,
    *,
    allow_negative_indices: bool | Sequence[bool] = True,
) -> Any:
    """`operand` with the slice that begins at `start_indices` replaced by `update`.

    Args:
        operand: array of any dtype; it is not changed, the result is a new array.
        update: array of the rank and dtype of `operand`, nowhere larger.
        start_indices: an integer for each dimension, known only at run time or not. Negative
            ones count from the end. They are moved so that the update lies inside.
        allow_negative_indices: whether negative indices count from the end, for all or for
            each dimension.

    Returns:
        Array of the shape and dtype of `operand`.

    Raises:
        TypeError: shapes or dtypes do not fit, or indices are not integers of one dtype.
        ValueError: there is not one index for each dimension.

    Reference:
        StableHLO `dynamic_update_slice`.

    Example:
        >>> lax.dynamic_update_slice(np.arange(5), np.array([7, 8]), (1,))
        Array([0, 7, 8, 3, 4], dtype=int32)
        >>> lax.dynamic_update_slice(np.arange(5), np.array([7, 8]), (9,))  # moved inside
        Array([0, 1, 2, 7, 8], dtype=int32)
    """
    starts = _starts(typeof(operand).shape, start_indices, allow_negative_indices)
    return dynamic_update_slice_p.bind(operand, update, *starts)
