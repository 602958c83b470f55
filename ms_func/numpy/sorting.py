"""Sorting, and searching in sorted arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import DEFAULTS, canonicalize_dtype, is_inexact, issubdtype, join
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, logic, reductions
from ms_func.numpy.axes import axis_index
from ms_func.numpy.creation import asarray
from ms_func.numpy.filled import zeros
from ms_func.numpy.manipulation import ravel
from ms_func.numpy.promotion import ArrayLike, convert, inexact, lay, operand, promote_dtype
from ms_func.numpy.reordering import flip
from ms_func.numpy.searching import where
from ms_func.numpy.taking import take
from ms_func.primitives import arithmetic as pa
from ms_func.primitives import bits, compare
from ms_func.primitives import shape as sh
from ms_func.primitives.sort import sort as sort_operands

_INT32 = np.dtype(np.int32)


def stable_sort(operands: Any, axis: int, num_keys: int = 1) -> Any:
    """Operands sorted together along a dimension by the first `num_keys` of them."""
    return sort_operands(operands, dimension=axis, is_stable=True, num_keys=num_keys)


def _axis(name: str, a: Any, axis: int | None) -> tuple[Any, int]:
    a = operand(name, a)
    if axis is None:
        return ravel(a), 0
    return a, axis_index(axis, typeof(a).ndim)


def _check_kind(name: str, kind: Any, order: Any) -> None:
    if order is not None:
        raise ArgumentTypeError(f"'order' argument to {name} is not supported.")
    if kind is not None and jax_rules():
        raise ArgumentTypeError(
            f"'kind' argument to {name} is not supported. Use stable=True or stable=False to "
            "specify sort stability."
        )


@fusion.whole(1)
def sort(
    a: ArrayLike, axis: int | None = -1, *, kind: None = None, order: None = None,
    stable: bool = True, descending: bool = False,
) -> Array:  # fmt: skip
    """Elements in increasing order along a dimension; NaN comes last.

    Complex numbers are ordered by real, then by imaginary part; -0.0 and 0.0 are equal.

    Args:
        a: array.
        axis: dimension; None sorts the flat array.
        kind: accepted for NumPy's sake.
        order: not supported.
        stable: accepted; the sort is stable.
        descending: decreasing order instead; NaN comes first.

    Raises:
        ValueError: there is no such dimension.
        TypeError: `order` is given, or under `as_jax` `kind`.

    Example:
        >>> np.sort(np.array([[3, 1, 2], [0, 9, 5]]))
        Array([[1, 2, 3],
               [0, 5, 9]], dtype=int32)
        >>> np.sort(np.array([2.0, np.nan, 1.0]), descending=True)
        Array([nan,  2.,  1.], dtype=float32)
    """
    _check_kind("sort", kind, order)
    a, axis = _axis("sort", a, axis)
    return fusion.run(_sorted, (a,), axis, bool(descending))


def _sorted(a: Any, axis: int, descending: bool) -> Any:
    out = stable_sort(a, axis)
    return flip(out, axis) if descending else out


@fusion.whole(1)
def argsort(
    a: ArrayLike, axis: int | None = -1, *, kind: None = None, order: None = None,
    stable: bool = True, descending: bool = False, dtype: Any = None,
) -> Array:  # fmt: skip
    """Indices that sort `a` along a dimension; equal elements keep their order.

    Args:
        a: array.
        axis: dimension; None sorts the elements in one row.
        kind: accepted for NumPy's sake.
        order: not supported.
        stable: accepted for compatibility; the order of equal elements is always kept.
        descending: from the largest element to the smallest.
        dtype: integer dtype of the indices, int32 by default.

    Raises:
        ValueError: there is no such dimension.
        TypeError: `dtype` is none of integers.

    Example:
        >>> x = np.array([20, 10, 20, 10])
        >>> np.argsort(x), np.argsort(x, descending=True)
        (Array([1, 3, 0, 2], dtype=int32), Array([0, 2, 1, 3], dtype=int32))
        >>> x[np.argsort(x)]
        Array([10, 10, 20, 20], dtype=int32)
    """
    _check_kind("argsort", kind, order)
    a, axis = _axis("argsort", a, axis)
    out = fusion.run(_argsorted, (a,), axis, bool(descending))
    return convert(out, DEFAULTS[int] if dtype is None else _index_dtype("argsort", dtype))


def _argsorted(a: Any, axis: int, descending: bool) -> Any:
    shape = typeof(a).shape
    places = sh.broadcasted_iota(_INT32, shape, axis)
    if descending:  # reverse, sort, reverse: equal elements keep their order
        a, places = flip(a, axis), flip(places, axis)
    out = stable_sort((a, places), axis)[1]
    return flip(out, axis) if descending else out


def _index_dtype(name: str, dtype: Any) -> np.dtype:
    """A dtype for indices."""
    found = canonicalize_dtype(dtype)
    if not issubdtype(found, np.integer):
        raise ArgumentTypeError(
            f"{name}: dtype of indices must be an integer type, got {found.name}"
        )
    return found


def sort_complex(a: ArrayLike) -> Array:
    """Elements along the last dimension as complex numbers, by real, then by imaginary part.

    Args:
        a: array.

    Returns:
        complex64, or complex128 for 64-bit elements.

    Raises:
        ValueError: `a` has no dimension.

    Example:
        >>> np.sort_complex(np.array([2 + 1j, 1, 2 - 1j]))
        Array([1.+0.j, 2.-1.j, 2.+1.j], dtype=complex64)
    """
    out = sort(inexact("sort_complex", a))
    kind = join(out.dtype, False, np.dtype(np.complex64), True)[0]
    return convert(out, kind)


@fusion.whole(1)
def lexsort(keys: Any, axis: int = -1) -> Array:
    """Indices that sort by the last key, among its ties by the one before, and so on.

    Args:
        keys: arrays of one shape, or an array that has them along its first dimension.
        axis: dimension of the keys along which they are sorted.

    Returns:
        int32 of the shape of a key.

    Raises:
        TypeError: there is no key.
        ValueError: the keys have different shapes, or there is no such dimension.

    Example:
        >>> second, first = np.array([9, 8, 7]), np.array([2, 1, 2])
        >>> np.lexsort((second, first))
        Array([1, 2, 0], dtype=int32)
    """
    rows = [operand("lexsort", k) for k in keys]
    if not rows:
        raise ArgumentTypeError("need sequence of keys with len > 0 in lexsort")
    if len({typeof(k).shape for k in rows}) > 1:
        raise ArgumentValueError("all keys need to be the same shape")
    if not typeof(rows[0]).ndim:
        return zeros((), DEFAULTS[int])
    axis = axis_index(axis, typeof(rows[0]).ndim)
    return convert(fusion.run(_lexsorted, rows[::-1], axis), DEFAULTS[int])


def _lexsorted(*args: Any) -> Any:
    *keys, axis = args
    places = sh.broadcasted_iota(_INT32, typeof(keys[0]).shape, axis)
    return stable_sort((*keys, places), axis, num_keys=len(keys))[-1]


@fusion.whole(1)
def partition(a: ArrayLike, kth: int, axis: int = -1) -> Array:
    """`a` such that element `kth` stands where it would if sorted: here, sorted altogether.

    Args:
        a: array.
        kth: place along the dimension; negative ones count from the end.
        axis: dimension.

    Raises:
        ValueError: there is no such place or dimension.

    Example:
        >>> np.partition(np.array([5, 3, 9, 1]), 2)[2]
        Array(5, dtype=int32)
    """
    a, axis = _axis("partition", a, axis)
    axis_index(kth, typeof(a).shape[axis])
    return sort(a, axis)


@fusion.whole(1)
def argpartition(a: ArrayLike, kth: int, axis: int = -1) -> Array:
    """Indices of `partition`.

    Args:
        a: array.
        kth: place along the dimension; negative ones count from the end.
        axis: dimension.

    Raises:
        ValueError: there is no such place or dimension.

    Example:
        >>> x = np.array([5, 3, 9, 1])
        >>> x[np.argpartition(x, 1)[:2]]
        Array([1, 3], dtype=int32)
    """
    a, axis = _axis("argpartition", a, axis)
    axis_index(kth, typeof(a).shape[axis])
    return argsort(a, axis, dtype=np.int32)


# --- sorted arrays --------------------------------------------------------------------------


def _before(x: Any, y: Any, strict: bool) -> Any:
    """`x < y` (or `x <= y`) in the order of `sort`, where NaN is the largest."""
    less = (logic.less if strict else logic.less_equal)(x, y)
    if not is_inexact(typeof(x).dtype):
        return less
    if strict:
        return bits.or_p.bind(
            less, bits.and_p.bind(logic.isnan(y), bits.not_p.bind(logic.isnan(x)))
        )
    return bits.or_p.bind(less, logic.isnan(y))


@fusion.whole(2, "sorter")
def searchsorted(
    a: ArrayLike, v: ArrayLike, side: str = "left", sorter: ArrayLike | None = None, *,
    method: str = "scan",
) -> Array:  # fmt: skip
    """Places where elements of `v` would have to be put into the sorted vector `a`.

    Args:
        a: sorted vector `[n]`, in the order of `sort`: NaN is the largest.
        v: array or number.
        side: "left" puts a value before its equals, "right" after them.
        sorter: indices that sort `a`.
        method: accepted for compatibility: short vectors are compared with at once, long
            ones by bisection.

    Returns:
        int32 from 0 to n, of the shape of `v`.

    Raises:
        ValueError: `side` or `method` is none of those, or `a` is no vector.

    Example:
        >>> x = np.array([10, 20, 20, 30])
        >>> np.searchsorted(x, np.array([5, 20, 99])), np.searchsorted(x, 20, side="right")
        (Array([0, 1, 4], dtype=int32), Array(3, dtype=int32))
    """
    if side not in ("left", "right"):
        raise ArgumentValueError(f"invalid argument {side=}, expected 'left' or 'right'.")
    if method not in ("scan", "scan_unrolled", "sort", "compare_all", "default"):
        raise ArgumentValueError(
            f"{method!r} is an invalid value for keyword 'method'. Expected one of "
            "['sort', 'scan', 'scan_unrolled', 'compare_all']."
        )
    a, v = promote_dtype("searchsorted", a, v)
    if typeof(a).ndim != 1:
        raise ArgumentValueError("a should be 1-dimensional")
    if sorter is not None:
        a = take(a, sorter, 0, mode="clip")
    return fusion.run(_search, (a, v), side)


_SHORT = 16
"""Vectors up to this length are compared with at once."""


def _search(a: Any, v: Any, side: str) -> Any:
    """By steps of powers of two: everything below `place` stands before `v`."""
    (n,), strict = typeof(a).shape, side == "left"
    if n <= _SHORT:
        return _counted(a, v, strict)
    place = zeros(typeof(v).shape, np.int32)
    for step in reversed(range(n.bit_length())):
        further = pa.add(place, 1 << step)
        last = take(a, pa.sub(further, 1), 0, mode="clip")
        goes = bits.and_p.bind(compare.le(further, n), _before(last, v, strict))
        place = compare.select(goes, further, place)
    return place


def _counted(a: Any, v: Any, strict: bool) -> Any:
    """Places by comparison with every element: how many are not above, NaN set apart."""
    (n,), shape = typeof(a).shape, typeof(v).shape
    row = lay(a, (*shape, n), (len(shape),))
    wide = lay(v, (*shape, n), tuple(range(len(shape))))
    if typeof(a).dtype.kind == "c":
        return reductions.sum(_before(row, wide, strict), -1, np.int32)
    above = (logic.greater_equal if strict else logic.greater)(row, wide)
    found = pa.sub(n, reductions.sum(above, -1, np.int32))
    if not is_inexact(typeof(a).dtype):
        return found
    nans = reductions.sum(logic.isnan(a), -1, np.int32)
    return pa.sub(found, nans if strict else where(logic.isnan(v), 0, nans))


@fusion.whole(2)
def digitize(
    x: ArrayLike, bins: ArrayLike, right: bool = False, *, method: str | None = None
) -> Array:
    """Index of the bin that each element falls into: i where `bins[i-1] <= x < bins[i]`.

    Args:
        x: array or number.
        bins: vector `[n]` of edges that rise, or fall: then `bins[i-1] > x >= bins[i]`.
        right: the equality belongs to the other edge.
        method: accepted for compatibility.

    Returns:
        int32 from 0 to n, of the shape of `x`; n for what lies beyond the last edge, NaN too.

    Raises:
        ValueError: `bins` is no vector.

    Example:
        >>> edges = np.array([0.0, 1.0, 2.0])
        >>> np.digitize(np.array([-5.0, 1.0, 1.5, 9.0]), edges)
        Array([0, 2, 2, 3], dtype=int32)
        >>> np.digitize(np.array([-5.0, 1.0, 1.5, 9.0]), edges, right=True)
        Array([0, 1, 2, 3], dtype=int32)
    """
    x, bins = operand("digitize", x), asarray(operand("digitize", bins))
    if bins.ndim != 1:
        raise ArgumentValueError(
            f"digitize: bins must be a 1-dimensional array; got shape {bins.shape}"
        )
    if bins.shape[0] == 0:
        return zeros(typeof(x).shape, np.int32)
    side = "right" if not right else "left"
    rising = searchsorted(bins, x, side)
    falling = pa.sub(bins.shape[0], searchsorted(flip(bins), x, side))
    return where(logic.greater_equal(bins[-1], bins[0]), rising, falling)
