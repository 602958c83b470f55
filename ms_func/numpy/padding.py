"""Padding: `pad` and its modes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, means, promotion, reductions, rounding
from ms_func.numpy.arithmetic import add, divide, floor_divide, multiply, subtract
from ms_func.numpy.creation import asarray
from ms_func.numpy.intervals import arange
from ms_func.numpy.joining import concatenate, part
from ms_func.numpy.logic import logical_and, logical_or
from ms_func.numpy.manipulation import broadcast_to, moveaxis, reshape
from ms_func.numpy.promotion import ArrayLike, as_handle, convert, operand
from ms_func.numpy.reordering import flip
from ms_func.numpy.repeating import tile
from ms_func.primitives import pieces
from ms_func.primitives.sort import sort as sort_operands


@fusion.whole(1, fixed=("stat_length", "reflect_type"))
def pad(array: ArrayLike, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Array:
    """`array` with elements added at both ends of its dimensions.

    Args:
        array: array.
        pad_width: a number, a pair (before, after), a pair for each dimension, or a dictionary
            of those by dimension.
        mode: what is added:
            "constant": `constant_values`, 0 by default; "empty": zeros;
            "edge": the element at the end;
            "linear_ramp": numbers that go evenly from there to `end_values`, 0 by default;
            "maximum", "mean", "median", "minimum": that of the first or last `stat_length`
            elements, of all by default, rounded for integers;
            "reflect": the mirror image about the element at the end;
            "symmetric": the mirror image about the end itself, that element included;
            "wrap": what stands at the other end;
            or a function as NumPy takes it, of a padded vector, its widths, the axis and `kwargs`.
        **kwargs: the names above; `reflect_type` "odd" for the mirrors: twice the element at the
            end less the image. Others are passed to a function.

    Raises:
        NotImplementedError: there is no such mode.
        ValueError: a width is negative, the mode does not take an argument, or takes elements
            from a dimension that has none.
        TypeError: the widths are no integers.

    Example:
        >>> x = np.array([1, 2, 3])
        >>> np.pad(x, (1, 2), constant_values=9)
        Array([9, 1, 2, 3, 9, 9], dtype=int32)
        >>> np.pad(x, 2, "reflect"), np.pad(x, 2, "symmetric")
        (Array([3, 2, 1, 2, 3, 2, 1], dtype=int32), Array([2, 1, 1, 2, 3, 3, 2], dtype=int32))
        >>> np.pad(np.ones((1, 2), int), {-1: 1})
        Array([[0, 1, 1, 0]], dtype=int32)
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
            _check_extendable(typeof(array).shape, axis, mode)
            array = _PADDERS[mode](array, axis, before, after, kwargs)
    return as_handle(array)


def _check_extendable(shape: tuple[int, ...], axis: int, mode: str) -> None:
    """Refuse to continue a dimension that has no elements."""
    if not shape[axis] and mode not in ("constant", "empty"):
        raise ArgumentValueError(
            f"pad: axis {axis} is empty, and mode {mode!r} takes what it adds from its elements\n"
            "fix: use mode 'constant'"
        )


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
    if value.ndim > 2 or value.shape[-1] not in (1, 2):
        raise ArgumentValueError(
            f"jnp.pad: constant_values or end_values has unsupported shape {value.shape}. If the "
            "shape is 1D or 2D, the last dimension must be of size 1 or 2."
        )
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
    if dtype == np.bool_:  # floats between the two count as True
        return logical_or(start, logical_and(step > 0, edge))
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
