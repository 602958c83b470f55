"""Repeating, padding, grids: results larger than their operands."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, means, promotion, reductions, rounding, running
from ms_func.numpy.arithmetic import add, divide, floor_divide, multiply, remainder, subtract
from ms_func.numpy.creation import arange, asarray, zeros
from ms_func.numpy.joining import concatenate
from ms_func.numpy.manipulation import (
    atleast_1d,
    axes_tuple,
    axis_index,
    broadcast_to,
    flip,
    moveaxis,
    part,
    ravel,
    reshape,
)
from ms_func.numpy.promotion import ArrayLike, as_handle, convert, operand
from ms_func.numpy.searching import concrete, not_in_place, take, where
from ms_func.numpy.updates import update
from ms_func.primitives import basis, pieces
from ms_func.primitives.sharding import laid_out
from ms_func.primitives.sort import sort as sort_operands
from ms_func.tracing.tracer import Tracer


@fusion.whole(1)
def tile(A: ArrayLike, reps: Any) -> Array:
    """`A` repeated `reps[i]` times along dimension i.

    Args:
        A: array.
        reps: numbers of repetitions, counted from the last dimension; more of them than dimensions
            add leading ones.

    Example:
        >>> tile(np.array([1, 2]), (2, 2)).tolist()
        [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    A = operand("tile", A)
    try:
        counts = (operator.index(reps),)
    except TypeError:
        counts = tuple(operator.index(r) for r in reps)
    shape = typeof(A).shape
    ndim = max(len(shape), len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - len(shape)) + shape
    spread = [v for r, n in zip(counts, shape, strict=True) for v in (r, n)]
    rows = reshape(A, [v for n in shape for v in (1, n)])
    return reshape(broadcast_to(rows, spread), [r * n for r, n in zip(counts, shape, strict=True)])


@fusion.whole(1)
def resize(a: ArrayLike, new_shape: Any) -> Array:
    """`a` with a new shape, its elements repeated as often as needed."""
    sizes = (new_shape,) if isinstance(new_shape, (int, np.integer)) else tuple(new_shape)
    if any(n < 0 for n in sizes):
        raise ArgumentValueError("all elements of `new_shape` must be non-negative")
    flat = ravel(a)
    wanted = math.prod(sizes)
    if not flat.size or not wanted:
        return promotion.fill(0, typeof(flat).update(shape=tuple(sizes)))
    repeated = tile(flat, -(-wanted // flat.size))
    return reshape(part(repeated, 0, 0, wanted), sizes)


def meshgrid(
    *xi: ArrayLike, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> list[Array]:
    """Coordinate grids from coordinate vectors.

    Raises:
        ValueError: `indexing` is neither "xy" nor "ij", or a vector has more dimensions.
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentValueError(f"Valid values for indexing are 'xy' and 'ij', got {indexing}")
    vectors = [atleast_1d(operand("meshgrid", x)) for x in xi]
    if any(v.ndim != 1 for v in vectors):
        shapes = [v.shape for v in vectors]
        raise ArgumentValueError(f"Arguments to meshgrid must be 1D, got shapes {shapes}")
    order = list(range(len(vectors)))
    if indexing == "xy" and len(vectors) >= 2:
        order[:2] = [1, 0]
    sizes = [0] * len(vectors)
    for v, d in zip(vectors, order, strict=True):
        sizes[d] = v.shape[0]
    grids = []
    for v, d in zip(vectors, order, strict=True):
        if sparse:
            grids.append(reshape(v, [v.shape[0] if i == d else 1 for i in range(len(sizes))]))
        else:
            grids.append(basis.broadcast_in_dim(v, sizes, (d,)))
    return grids


@fusion.whole(1)
def repeat(
    a: ArrayLike, repeats: ArrayLike, axis: int | None = None, *,
    total_repeat_length: int | None = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Each element of `a` repeated along a dimension, of the flat array by default.

    Args:
        a: array.
        repeats: one count for all, or one for each element along the dimension.
        axis: dimension.
        total_repeat_length: length of the result, needed where `repeats` is known only at
            run time: more is cut off, the last element fills up what is missing.
        out_sharding: sharding of the result.

    Raises:
        ConcretizationTypeError: `repeats` is known only at run time and no length is given.
        ValueError: the counts do not fit the dimension.
    """
    given = (operand("repeat", a), repeats, axis, total_repeat_length)
    return _repeated(*given) if out_sharding is None else laid_out(out_sharding, _repeated, *given)


def _repeated(a: Any, repeats: Any, axis: int | None, total_repeat_length: int | None) -> Any:
    if axis is None:
        a, axis = ravel(a), 0
    if not typeof(a).ndim:
        a = reshape(a, (1,))
    axis = axis_index(axis, typeof(a).ndim)
    n = typeof(a).shape[axis]
    if total_repeat_length is not None:
        return _repeat_to(a, operand("repeat", repeats), axis, operator.index(total_repeat_length))
    counts = concrete("repeat", operand_or_list(repeats), "give total_repeat_length")
    if counts.ndim == 0 or counts.size == 1:
        return _repeat_all(a, int(counts.reshape(())), axis)
    if counts.shape != (n,):
        raise ArgumentValueError(
            f"repeat: {counts.shape} counts do not fit a dimension of size {n}"
        )
    places = np.repeat(np.arange(n, dtype=np.int32), counts)
    return take(a, places, axis, mode="clip")


def operand_or_list(x: Any) -> Any:
    """An operand; lists of integers count as arrays."""
    return np.asarray(x) if isinstance(x, (list, tuple)) else operand("repeat", x)


def _repeat_all(a: Any, count: int, axis: int) -> Any:
    """Every element `count` times: one more dimension, repeated and joined."""
    shape = typeof(a).shape
    if count < 0:
        raise ArgumentValueError("repeats may not contain negative values.")
    spread = (*shape[: axis + 1], count, *shape[axis + 1 :])
    dims = (*range(axis + 1), *range(axis + 2, len(spread)))
    a = basis.broadcast_in_dim_p.bind(a, shape=spread, broadcast_dimensions=dims)
    return reshape(a, (*shape[:axis], shape[axis] * count, *shape[axis + 1 :]))


def _repeat_to(a: Any, repeats: Any, axis: int, length: int) -> Any:
    """Repetition to a static length: element i stands where i counts have been used up."""
    n = typeof(a).shape[axis]
    repeats = broadcast_to(repeats, (n,)) if typeof(repeats).size != n or not typeof(
        repeats).ndim else reshape(repeats, (n,))  # fmt: skip
    if not length or not n:
        return take(a, zeros((length if n else 0,), np.int32), axis, mode="clip")
    ends = running.cumsum(convert(repeats, np.dtype(np.int32)), 0)
    marks = update(zeros((length,), np.int32), ends, 1, "add", mode="drop")
    return take(a, running.cumsum(marks, 0), axis, mode="clip")


def delete(
    arr: ArrayLike, obj: Any, axis: int | None = None, *, assume_unique_indices: bool = False
) -> Array:
    """`arr` without the slices that `obj` (an integer, a slice, integers, a mask) names.

    Raises:
        ConcretizationTypeError: the places are known only at run time.
        IndexError: a place is out of bounds.
    """
    arr = operand("delete", arr)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = axis_index(axis, typeof(arr).ndim)
    n = typeof(arr).shape[axis]
    if assume_unique_indices and type(obj) is Tracer and obj.dtype != np.bool_:
        return _delete_places(arr, ravel(obj), axis, n)
    if isinstance(obj, slice):
        gone = np.arange(n)[obj]
    else:
        gone = concrete("delete", operand_or_list(obj), "use a static obj, or a mask with where")
    if gone.dtype != np.bool_ and gone.size and ((gone < -n) | (gone >= n)).any():
        raise IndexError(f"index {gone} is out of bounds for axis {axis} with size {n}")
    kept = np.delete(np.arange(n, dtype=np.int32), gone)
    return take(arr, kept, axis, mode="clip")


def _delete_places(arr: Any, places: Any, axis: int, n: int) -> Any:
    """`arr` without distinct places that are known only at run time."""
    places = sort_operands(where(places < 0, places + n, places), 0)
    shifted = subtract(places, arange(typeof(places).size))
    kept = arange(n - typeof(places).size)
    before = reductions.sum(reshape(kept, (-1, 1)) >= reshape(shifted, (1, -1)), 1)
    return take(arr, add(kept, before), axis, mode="clip")


def insert(arr: ArrayLike, obj: Any, values: ArrayLike, axis: int | None = None) -> Array:
    """`values` put into `arr` before the places `obj`.

    Raises:
        ConcretizationTypeError: the places are known only at run time.
        IndexError: a place is out of bounds.
    """
    arr = operand("insert", arr)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = axis_index(axis, typeof(arr).ndim)
    arr, values = moveaxis(arr, axis, 0), asarray(operand("insert", values))
    n = typeof(arr).shape[0]
    places = np.arange(n)[obj] if isinstance(obj, slice) else concrete(
        "insert", operand_or_list(obj), "use a static obj")  # fmt: skip
    if places.size and ((places < -n) | (places > n)).any():
        raise IndexError(f"index {places} is out of bounds for axis {axis} with size {n}")
    places = np.where(places < 0, places + n, places)
    values = convert(values, typeof(arr).dtype)
    if places.ndim == 0:
        rows = moveaxis(atleast_1d(values), min(axis, atleast_1d(values).ndim - 1), 0) if (
            values.ndim == typeof(arr).ndim) else reshape(values, (1, *values.shape))  # fmt: skip
        places = np.full(rows.shape[0], places)
    else:
        rows = moveaxis(values, axis, 0) if values.ndim == typeof(arr).ndim else values
    order = np.argsort(places, kind="stable")
    slots = np.empty(len(places), np.int32)
    slots[order] = places[order] + np.arange(len(places))
    total = n + len(places)
    old = np.setdiff1d(np.arange(total, dtype=np.int32), slots)
    out = zeros((total, *typeof(arr).shape[1:]), typeof(arr).dtype)
    out = update(update(out, old, arr, "set"), slots, rows, "set")
    return moveaxis(out, 0, axis)


def put(
    a: ArrayLike, ind: ArrayLike, v: ArrayLike, mode: str | None = None, *, inplace: bool = True
) -> Array:
    """New array with `v`, repeated as needed, at the places `ind` of the flat array."""
    not_in_place("put", inplace)
    a, ind, v = asarray(operand("put", a)), ravel(operand("put", ind)), ravel(operand("put", v))
    if not ind.size or not v.size:
        return as_handle(a)
    if mode == "wrap":
        ind = remainder(ind, a.size)
    elif mode not in ("clip", None, "drop"):
        raise ArgumentValueError(f"mode should be one of 'wrap' or 'clip'; got {mode=}")
    own = "drop" if mode == "drop" else "clip"
    return reshape(update(ravel(a), ind, resize(v, ind.shape), "set", mode=own), a.shape)


def place(arr: ArrayLike, mask: ArrayLike, vals: ArrayLike, *, inplace: bool = True) -> Array:
    """New array with `vals`, repeated as needed, where `mask` holds; `inplace` must be False.

    Raises:
        ValueError: `inplace` is true, the shapes differ, or there are no values.
    """
    not_in_place("place", inplace)
    arr, mask = asarray(operand("place", arr)), asarray(operand("place", mask))
    vals = ravel(operand("place", vals))
    if arr.size != mask.size:
        raise ArgumentValueError("place: arr and mask must be the same size")
    if not vals.size:
        raise ArgumentValueError("Cannot place values from an empty array")
    chosen = ravel(mask) != 0
    rank = running.cumsum(chosen, 0) - 1
    values = take(vals, remainder(rank, vals.size), 0, mode="clip")
    return reshape(where(chosen, convert(values, arr.dtype), ravel(arr)), arr.shape)


def trim_zeros(filt: ArrayLike, trim: str = "fb", axis: int | Sequence[int] | None = None) -> Array:
    """`filt` without the leading ("f") and trailing ("b") slices that hold zeros only.

    Args:
        filt: array whose value is known.
        trim: which ends.
        axis: dimensions to shorten, all by default.
    """
    value = concrete("trim_zeros", operand("trim_zeros", filt), "trim outside of the function")
    places = np.nonzero(value)
    index = [slice(None)] * value.ndim
    for d in axes_tuple(axis, value.ndim):
        found = places[d]
        lo = found.min() if "f" in trim.lower() and found.size else 0
        hi = found.max() + 1 if "b" in trim.lower() and found.size else value.shape[d]
        index[d] = slice(lo, hi) if found.size else slice(0, 0)
    return asarray(value[tuple(index)])


# --- padding --------------------------------------------------------------------------------


@fusion.whole(1, fixed=("stat_length", "reflect_type"))
def pad(array: ArrayLike, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Array:
    """`array` with elements added at both ends of its dimensions.

    Args:
        array: array.
        pad_width: a number, a pair (before, after), or a pair for each dimension.
        mode: "constant", "edge", "empty", "linear_ramp", "maximum", "mean", "minimum",
            "reflect", "symmetric", "wrap", or a function as NumPy takes it.
        **kwargs: `constant_values`, `end_values`, `stat_length`, `reflect_type` where the
            mode has them; others are passed to a function.

    Raises:
        NotImplementedError: there is no such mode, or it does not take an argument.
    """
    array = operand("pad", array)
    widths = _pairs(pad_width, typeof(array).ndim, "pad_width")
    if any(n < 0 for row in widths for n in row):
        raise ArgumentValueError("index can't contain negative values")
    if callable(mode):
        return _pad_by(array, widths, mode, kwargs)
    allowed = {
        "constant": ["constant_values"], "edge": [], "empty": [], "linear_ramp": ["end_values"],
        "maximum": ["stat_length"], "mean": ["stat_length"], "minimum": ["stat_length"],
        "median": ["stat_length"], "reflect": ["reflect_type"], "symmetric": ["reflect_type"],
        "wrap": [],
    }  # fmt: skip
    if mode not in allowed:
        raise NotImplementedError(f"Unimplemented padding mode {mode!r} for np.pad.")
    wrong = set(kwargs) - set(allowed[mode])
    if wrong:
        raise ArgumentValueError(f"unsupported keyword arguments for mode {mode!r}: {wrong}")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            array = _PADDERS[mode](array, axis, before, after, kwargs)
    return as_handle(array)


def _pairs(value: Any, ndim: int, name: str) -> list[tuple[int, int]]:
    """(before, after) for each dimension, from NumPy's abbreviations."""
    if isinstance(value, dict):
        rows = [(0, 0)] * ndim
        for axis, row in value.items():
            rows[axis] = (row, row) if isinstance(row, int) else tuple(row)
        return rows
    found = np.asarray(value)
    if found.dtype.kind not in "iu":
        raise ArgumentTypeError(f"`{name}` must be of integral type.")
    return [tuple(row) for row in np.broadcast_to(found, (ndim, 2)).tolist()]


def _values(value: Any, axis: int, ndim: int) -> tuple[Any, Any]:
    """(before, after) of an array argument for one dimension."""
    value = asarray(value)
    if value.ndim == 0:
        return value, value
    if value.ndim == 1 and value.shape[0] == 1:
        return value[0], value[0]
    if value.ndim == 1:
        return value[0], value[1]
    row = value[0 if value.shape[0] == 1 else axis]
    return row[0], row[-1]


def _pad_constant(x: Any, axis: int, before: int, after: int, options: dict[str, Any]) -> Any:
    constant = options.get("constant_values", 0)
    edge = [(0, 0, 0)] * typeof(x).ndim
    dtype = typeof(x).dtype
    if isinstance(constant, (bool, int, float, complex)):
        edge[axis] = (before, after, 0)
        return pieces.pad(x, promotion.convert(constant, dtype) if dtype.kind != "b" or isinstance(
            constant, bool) else promotion.convert(bool(constant), dtype), edge)  # fmt: skip
    low, high = (convert(v, dtype) for v in _values(constant, axis, typeof(x).ndim))
    edge[axis] = (before, 0, 0)
    x = pieces.pad(x, low, edge)
    edge[axis] = (0, after, 0)
    return pieces.pad(x, high, edge)


def _ends(x: Any, axis: int) -> tuple[Any, Any]:
    n = typeof(x).shape[axis]
    return part(x, axis, 0, 1), part(x, axis, n - 1, n)


def _around(x: Any, axis: int, low: Any, high: Any) -> Any:
    rows = [v for v in (low, x, high) if v is not None and typeof(v).shape[axis]]
    return concatenate([convert(v, typeof(x).dtype) for v in rows], axis)


def _extended(v: Any, axis: int, count: int) -> Any:
    shape = list(typeof(v).shape)
    shape[axis] = count
    return broadcast_to(v, shape)


def _pad_edge(x: Any, axis: int, before: int, after: int, options: dict[str, Any]) -> Any:
    low, high = _ends(x, axis)
    return _around(x, axis, _extended(low, axis, before), _extended(high, axis, after))


def _pad_ramp(x: Any, axis: int, before: int, after: int, options: dict[str, Any]) -> Any:
    targets = _values(options.get("end_values", 0), axis, typeof(x).ndim)
    low, high = _ends(x, axis)
    first = _ramp(low, targets[0], axis, before)
    return _around(x, axis, first, flip(_ramp(high, targets[1], axis, after), axis))


def _ramp(edge: Any, target: Any, axis: int, count: int) -> Any:
    """From `target` to just before `edge` in `count` even steps."""
    dtype = typeof(edge).dtype
    sizes = [count if i == axis else 1 for i in range(typeof(edge).ndim)]
    start, step = convert(target, dtype), reshape(arange(count), sizes)
    if issubdtype(dtype, np.integer):
        way = multiply(subtract(edge, start), convert(step, dtype))
        return add(start, floor_divide(way, max(count, 1)))
    t = convert(divide(step, max(count, 1)), dtype)
    return add(start, multiply(subtract(edge, start), t))


def _pad_statistic(reduction: Callable[..., Any]) -> Callable[..., Any]:
    def padder(x: Any, axis: int, before: int, after: int, options: dict[str, Any]) -> Any:
        n = typeof(x).shape[axis]
        length = options.get("stat_length")
        rows = [(n, n)] * typeof(x).ndim if length is None else _pairs(
            length, typeof(x).ndim, "stat_length")  # fmt: skip
        first, last = (min(v, n) for v in rows[axis])
        low = reduction(part(x, axis, 0, first), axis=axis, keepdims=True)
        high = reduction(part(x, axis, n - last, n), axis=axis, keepdims=True)
        if issubdtype(typeof(x).dtype, np.integer) and not issubdtype(
            typeof(low).dtype, np.integer
        ):
            low, high = rounding.round(low), rounding.round(high)
        return _around(x, axis, _extended(low, axis, before), _extended(high, axis, after))

    return padder


def _pad_mirror(skip: int) -> Callable[..., Any]:
    """Reflection, about the edge element (skip 1) or about the edge itself (skip 0)."""

    def padder(x: Any, axis: int, before: int, after: int, options: dict[str, Any]) -> Any:
        odd = options.get("reflect_type", "even") == "odd"
        if typeof(x).shape[axis] == 1 and skip:
            low, high = _ends(x, axis)
            return _around(x, axis, _extended(low, axis, before), _extended(high, axis, after))
        while before or after:
            n = typeof(x).shape[axis]
            step_low, step_high = min(before, n - skip), min(after, n - skip)
            low, high = _ends(x, axis)
            first = flip(part(x, axis, skip, skip + step_low), axis)
            last = flip(part(x, axis, n - skip - step_high, n - skip), axis)
            if odd:
                first = subtract(multiply(low, 2), first)
                last = subtract(multiply(high, 2), last)
            x = _around(x, axis, first, last)
            before, after = before - step_low, after - step_high
        return x

    return padder


def _pad_wrap(x: Any, axis: int, before: int, after: int, options: dict[str, Any]) -> Any:
    n = typeof(x).shape[axis]
    turns = [n if d == axis else 1 for d in range(typeof(x).ndim)]
    turns[axis] = before // n + 1 + after // n
    first, last = part(x, axis, n - before % n, n), part(x, axis, 0, after % n)
    return _around(x if turns[axis] == 1 else tile(x, turns), axis, first, last)


def _median(x: Any, axis: int, keepdims: bool) -> Any:
    """Mean of the two elements in the middle of each line."""
    n = typeof(x).shape[axis]
    ordered = sort_operands(x, axis)
    return means.mean(part(ordered, axis, (n - 1) // 2, n // 2 + 1), axis, keepdims=keepdims)


_PADDERS: dict[str, Callable[..., Any]] = {
    "constant": _pad_constant,
    "empty": _pad_constant,
    "edge": _pad_edge,
    "linear_ramp": _pad_ramp,
    "maximum": _pad_statistic(reductions.max),
    "minimum": _pad_statistic(reductions.min),
    "mean": _pad_statistic(means.mean),
    "median": _pad_statistic(_median),
    "reflect": _pad_mirror(1),
    "symmetric": _pad_mirror(0),
    "wrap": _pad_wrap,
}


def _pad_by(x: Any, widths: Sequence[tuple[int, int]], function: Any, options: Any) -> Any:
    """Padding by a function of each padded vector, its widths, the axis and the options."""
    edge = [(a, b, 0) for a, b in widths]
    x = pieces.pad(x, promotion.convert(0, typeof(x).dtype), edge)
    for axis, width in enumerate(widths):
        rows = moveaxis(x, axis, -1)
        sizes = typeof(rows).shape
        flat = reshape(rows, (-1, sizes[-1]))
        made = []
        for i in range(typeof(flat).shape[0]):
            vector = flat[i]
            changed = function(vector, width, axis, options)
            made.append(reshape(vector if changed is None else changed, (1, -1)))
        x = moveaxis(reshape(concatenate(made, 0), sizes), -1, axis)
    return x
