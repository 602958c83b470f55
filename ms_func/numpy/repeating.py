"""Repeated, inserted and deleted elements."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, promotion, reductions, running
from ms_func.numpy.arithmetic import add, clip, remainder, subtract
from ms_func.numpy.axes import axes_tuple, axis_index
from ms_func.numpy.creation import asarray
from ms_func.numpy.filled import zeros
from ms_func.numpy.intervals import arange
from ms_func.numpy.joining import part
from ms_func.numpy.manipulation import atleast_1d, broadcast_to, moveaxis, ravel, reshape
from ms_func.numpy.promotion import ArrayLike, as_handle, convert, operand, promote_dtype
from ms_func.numpy.searching import concrete, where
from ms_func.numpy.taking import not_in_place, take
from ms_func.numpy.updates import update
from ms_func.primitives import basis
from ms_func.primitives.sharding import laid_out
from ms_func.primitives.sort import sort as sort_operands
from ms_func.tracing.tracer import Tracer


@fusion.whole(1)
def tile(A: ArrayLike, reps: Any) -> Array:
    """`A` repeated `reps[i]` times along dimension i.

    Args:
        A: array or number.
        reps: numbers of repetitions, counted from the last dimension; more of them than dimensions
            add leading ones.

    Raises:
        ValueError: a number is negative.

    Example:
        >>> np.tile(np.array([1, 2]), 2)
        Array([1, 2, 1, 2], dtype=int32)
        >>> np.tile(np.array([1, 2]), (2, 2)).tolist()
        [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    A = operand("tile", A)
    try:
        counts = (operator.index(reps),)
    except TypeError:
        counts = tuple(operator.index(r) for r in reps)
    if any(r < 0 for r in counts):
        raise ArgumentValueError(f"tile: negative repetitions in {counts}")
    shape = typeof(A).shape
    ndim = max(len(shape), len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - len(shape)) + shape
    spread = [v for r, n in zip(counts, shape, strict=True) for v in (r, n)]
    rows = reshape(A, [v for n in shape for v in (1, n)])
    return reshape(broadcast_to(rows, spread), [r * n for r, n in zip(counts, shape, strict=True)])


@fusion.whole(1)
def resize(a: ArrayLike, new_shape: Any) -> Array:
    """`a` with a new shape, its elements in row-major order cut off or repeated from the start.

    Args:
        a: array or number.
        new_shape: sizes, one or several.

    Returns:
        Zeros where `a` is empty.

    Raises:
        ValueError: a size is negative.

    Example:
        >>> np.resize(np.array([1, 2, 3]), (2, 2))
        Array([[1, 2],
               [3, 1]], dtype=int32)
    """
    sizes = (new_shape,) if isinstance(new_shape, (int, np.integer)) else tuple(new_shape)
    if any(n < 0 for n in sizes):
        raise ArgumentValueError("all elements of `new_shape` must be non-negative")
    flat = ravel(a)
    wanted = math.prod(sizes)
    if not flat.size or not wanted:
        return promotion.fill(0, typeof(flat).update(shape=tuple(sizes)))
    repeated = tile(flat, -(-wanted // flat.size))
    return reshape(part(repeated, 0, 0, wanted), sizes)


@fusion.whole(1)
def repeat(
    a: ArrayLike, repeats: ArrayLike, axis: int | None = None, *,
    total_repeat_length: int | None = None, out_sharding: Any = None,
) -> Array:  # fmt: skip
    """Each element of `a` repeated along a dimension.

    Args:
        a: array or number.
        repeats: one count for all, or one for each element along the dimension.
        axis: dimension; None takes the flat array.
        total_repeat_length: length of the result, needed where `repeats` is known only at
            run time: more is cut off, the last element fills up what is missing.
        out_sharding: sharding of the result.

    Raises:
        ConcretizationTypeError: `repeats` is known only at run time and no length is given.
        ValueError: the counts do not fit the dimension, or one is negative.

    Example:
        >>> np.repeat(np.array([[1, 2], [3, 4]]), 2, axis=1)
        Array([[1, 1, 2, 2],
               [3, 3, 4, 4]], dtype=int32)
        >>> np.repeat(np.array([1, 2]), np.array([1, 3]))
        Array([1, 2, 2, 2], dtype=int32)
        >>> np.repeat(np.array([1, 2]), np.array([1, 3]), total_repeat_length=3)
        Array([1, 2, 2], dtype=int32)
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
    if counts.size and counts.dtype.kind not in "iub":
        raise ArgumentTypeError(
            f"repeat: counts must have every element be an integer type, got {counts.dtype}"
        )
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
    """`arr` without some slices along a dimension.

    Args:
        arr: array.
        obj: the slices to leave out: an integer, several, a slice or a mask; negative integers
            count from the end.
        axis: dimension; None takes the flat array.
        assume_unique_indices: promise that no integer occurs twice, which makes them possible
            where they are known only at run time.

    Raises:
        ConcretizationTypeError: the places are known only at run time.
        IndexError: a place is out of bounds.

    Example:
        >>> np.delete(np.array([10, 20, 30]), -1)
        Array([10, 20], dtype=int32)
        >>> np.delete(np.array([[1, 2, 3], [4, 5, 6]]), np.s_[:2], axis=1)
        Array([[3],
               [6]], dtype=int32)
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
    """`arr` with `values` put in before some places along a dimension.

    Args:
        arr: array.
        obj: places in `arr`: an integer, several, or a slice; negative ones count from the end.
        values: array or number, converted to the dtype of `arr`; for several places one slice
            each, or one that goes to all of them.
        axis: dimension; None takes the flat array.

    Raises:
        ConcretizationTypeError: the places are known only at run time.
        IndexError: a place is out of bounds.

    Example:
        >>> np.insert(np.array([1, 2, 3]), 1, np.array([8, 9]))
        Array([1, 8, 9, 2, 3], dtype=int32)
        >>> np.insert(np.array([[1, 2], [3, 4]]), 1, 9, axis=1)
        Array([[1, 9, 2],
               [3, 9, 4]], dtype=int32)
    """
    arr = operand("insert", arr)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = axis_index(axis, typeof(arr).ndim)
    values = asarray(promote_dtype("insert", arr, values)[1])
    values, arr = convert(values, typeof(arr).dtype), moveaxis(arr, axis, 0)
    n = typeof(arr).shape[0]
    places = np.arange(n)[obj] if isinstance(obj, slice) else concrete(
        "insert", operand_or_list(obj), "use a static obj")  # fmt: skip
    if places.size and ((places < -n) | (places > n)).any():
        raise IndexError(f"index {places} is out of bounds for axis {axis} with size {n}")
    places = np.where(places < 0, places + n, places)
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


@fusion.whole(3)
def put(
    a: ArrayLike, ind: ArrayLike, v: ArrayLike, mode: str | None = None, *, inplace: bool = True
) -> Array:
    """New array with `v` at places of the flat array; `inplace` must be False.

    Args:
        a: array.
        ind: integers; negative ones count from the end, but not with "clip".
        v: number, or array whose elements are repeated as often as needed.
        mode: out of bounds, None and "clip" write the nearest element, "wrap" counts around.
        inplace: must be False: the arguments of a function do not change.

    Raises:
        ValueError: `inplace` is true, or there is no such mode.
        NotImplementedError: `mode` is "raise".

    Example:
        >>> np.put(np.array([[1, 2], [3, 4]]), np.array([0, -1]), 9, inplace=False)
        Array([[9, 2],
               [3, 9]], dtype=int32)
        >>> np.put(np.array([1, 2, 3]), np.array([7]), 9, mode="wrap", inplace=False)
        Array([1, 9, 3], dtype=int32)
    """
    not_in_place("put", inplace)
    a, ind, v = asarray(operand("put", a)), ravel(operand("put", ind)), ravel(operand("put", v))
    if not ind.size or not v.size:
        return as_handle(a)
    if mode == "wrap":
        ind = remainder(ind, a.size)
    elif mode == "clip":
        ind = clip(ind, 0, a.size - 1)
    elif mode == "raise":
        raise NotImplementedError("put(mode='raise') is not supported.")
    elif mode not in (None, "drop"):
        raise ArgumentValueError(f"mode should be one of 'wrap' or 'clip'; got {mode=}")
    own = "drop" if mode == "drop" else "clip"
    return reshape(update(ravel(a), ind, resize(v, ind.shape), "set", mode=own), a.shape)


@fusion.whole(3)
def place(arr: ArrayLike, mask: ArrayLike, vals: ArrayLike, *, inplace: bool = True) -> Array:
    """New array with `vals`, in turn, where `mask` holds; `inplace` must be False.

    Args:
        arr: array.
        mask: array of as many elements; nonzero ones count as True.
        vals: array or number; its elements are used one after the other, from the first again.
        inplace: must be False: the arguments of a function do not change.

    Raises:
        ValueError: `inplace` is true, the sizes differ, or there are no values.

    Example:
        >>> x = np.array([1, 2, 3, 4])
        >>> np.place(x, x != 2, np.array([8, 9]), inplace=False)
        Array([8, 2, 9, 8], dtype=int32)
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
    """`filt` without the leading and trailing slices that hold zeros only.

    Args:
        filt: array whose value is known.
        trim: which ends: "f" the front, "b" the back, "fb" both.
        axis: dimensions to shorten, all by default.

    Raises:
        ConcretizationTypeError: the value is known only at run time.

    Example:
        >>> np.trim_zeros(np.array([0, 1, 0, 2, 0]))
        Array([1, 0, 2], dtype=int32)
        >>> np.trim_zeros(np.array([0, 1, 0, 2, 0]), "b")
        Array([0, 1, 0, 2], dtype=int32)
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
