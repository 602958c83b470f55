"""Sorting, searching in sorted arrays, sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.config import jax_rules
from ms_func.dtypes import DEFAULTS, canonicalize_dtype, is_inexact, issubdtype, join
from ms_func.errors import ArgumentTypeError, ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, logic, reductions, running
from ms_func.numpy.creation import asarray, full, zeros
from ms_func.numpy.joining import concatenate
from ms_func.numpy.manipulation import axis_index, flip, moveaxis, ravel, reshape
from ms_func.numpy.promotion import (
    ArrayLike,
    convert,
    inexact,
    lay,
    operand,
    promote,
    promote_dtype,
)
from ms_func.numpy.searching import argmax, concrete, nonzero, take, where
from ms_func.primitives import arithmetic as pa
from ms_func.primitives import bits, compare, pieces
from ms_func.primitives import shape as sh
from ms_func.primitives.cast import convert_p
from ms_func.primitives.sort import sort as sort_operands

_INT32 = np.dtype(np.int32)


def _sort(operands: Any, axis: int, num_keys: int = 1) -> Any:
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

    Args:
        a: array.
        axis: dimension; None sorts the flat array.
        kind: accepted for NumPy's sake.
        order: not supported.
        stable: accepted; the sort is stable.
        descending: decreasing order instead; NaN comes first.

    Raises:
        TypeError: `order` is given, or under `as_jax` `kind`.
    """
    _check_kind("sort", kind, order)
    a, axis = _axis("sort", a, axis)
    return fusion.run(_sorted, (a,), axis, bool(descending))


def _sorted(a: Any, axis: int, descending: bool) -> Any:
    out = _sort(a, axis)
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
    out = _sort((a, places), axis)[1]
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
    """Rows along the last dimension as complex numbers, in order of real, then imaginary part."""
    out = sort(inexact("sort_complex", a))
    kind = join(out.dtype, False, np.dtype(np.complex64), True)[0]
    return convert(out, kind)


@fusion.whole(1)
def lexsort(keys: Any, axis: int = -1) -> Array:
    """Indices that sort by the last key, among its ties by the one before, and so on.

    Raises:
        TypeError: there is no key.
        ValueError: the keys have different shapes.
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
    return _sort((*keys, places), axis, num_keys=len(keys))[-1]


@fusion.whole(1)
def partition(a: ArrayLike, kth: int, axis: int = -1) -> Array:
    """`a` such that element `kth` stands where it would if sorted: here, sorted altogether."""
    a, axis = _axis("partition", a, axis)
    axis_index(kth, typeof(a).shape[axis])
    return sort(a, axis)


@fusion.whole(1)
def argpartition(a: ArrayLike, kth: int, axis: int = -1) -> Array:
    """Indices of `partition`."""
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
        a: sorted vector.
        v: values.
        side: "left" puts a value before its equals, "right" after them.
        sorter: indices that sort `a`.
        method: accepted for compatibility: short vectors are compared with at once, long
            ones by bisection.

    Raises:
        ValueError: `side` or `method` is none of those, or `a` is no vector.
    """
    if side not in ("left", "right"):
        raise ArgumentValueError(
            f"{side!r} is an invalid value for keyword 'side'. Expected one of ['left', 'right']."
        )
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


_SHORT = 64
"""Vectors up to this length are compared with at once."""


def _search(a: Any, v: Any, side: str) -> Any:
    n = typeof(a).shape[0]
    shape = typeof(v).shape
    if n <= _SHORT:
        return _counted(a, v, side == "left")
    low = zeros(shape, np.int32)
    high = pa.add(low, n)
    for _ in range(n.bit_length()):
        middle = bits.shift_right_logical(pa.add(low, high), 1)
        found = take(a, middle, 0, mode="clip")
        right = _before(found, v, side == "left")
        live = compare.lt(low, high)
        low = compare.select(bits.and_p.bind(live, right), pa.add(middle, 1), low)
        high = compare.select(bits.and_p.bind(live, bits.not_p.bind(right)), middle, high)
    return low


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
    """Index of the bin that each element falls into; the bins rise or fall.

    Raises:
        ValueError: `bins` is no vector.
    """
    x, bins = operand("digitize", x), asarray(operand("digitize", bins))
    if bins.ndim != 1:
        raise ArgumentValueError(f"digitize: bins must be a 1-dimensional array; got bins={bins}")
    if bins.shape[0] == 0:
        return zeros(typeof(x).shape, np.int32)
    side = "right" if not right else "left"
    rising = searchsorted(bins, x, side)
    falling = pa.sub(bins.shape[0], searchsorted(flip(bins), x, side))
    return where(logic.greater_equal(bins[-1], bins[0]), rising, falling)


# --- sets -----------------------------------------------------------------------------------


def unique(
    ar: ArrayLike, return_index: bool = False, return_inverse: bool = False,
    return_counts: bool = False, axis: int | None = None, *, equal_nan: bool = True,
    size: int | None = None, fill_value: ArrayLike | None = None, sorted: bool = True,
) -> Any:  # fmt: skip
    """The different elements in increasing order.

    Args:
        ar: array.
        return_index: also the first place of each.
        return_inverse: also which of them stands at each place.
        return_counts: also how often each occurs.
        axis: compare whole slices along this dimension instead of elements.
        equal_nan: whether NaN counts once.
        size: number of results, needed where the array is known only at run time: more are
            cut off, fewer are padded.
        fill_value: pads; the first element where None.
        sorted: accepted; the result is sorted.

    Raises:
        ConcretizationTypeError: the array is known only at run time and there is no `size`.
    """
    a = operand("unique", ar)
    flat = ravel(a) if axis is None else a
    axis_ = 0 if axis is None else axis_index(axis, typeof(a).ndim)
    rows = moveaxis(flat, axis_, 0)
    outs = _unique(rows, equal_nan, size, fill_value)
    values, index, inverse, counts = outs
    values = moveaxis(values, 0, axis_)
    if axis is None:
        inverse = reshape(inverse, typeof(a).shape)
    extras = [v for v, wanted in ((index, return_index), (inverse, return_inverse),
                                  (counts, return_counts)) if wanted]  # fmt: skip
    return (values, *extras) if extras else values


def _unique(rows: Any, equal_nan: bool, size: int | None, fill_value: Any) -> tuple[Any, ...]:
    """Different rows along the first dimension, first places, inverse, counts."""
    if size is None:
        weak = typeof(rows).weak_type
        rows = asarray(concrete("unique without a size", rows, "give the argument size"))
        rows = convert_p.bind(rows, new_dtype=rows.dtype, weak_type=weak) if weak else rows
    n = typeof(rows).shape[0]
    if not n or not typeof(rows).size:
        return _unique_of_nothing(rows, size, fill_value)
    order, first = fusion.run(_runs, (rows,), bool(equal_nan))
    rank = pa.sub(running.cumsum(first, 0, np.int32), 1)
    (starts,) = nonzero(first, size=size, fill_value=n)
    count = starts.shape[0]
    index = take(order, starts, 0, mode="clip")
    values = take(rows, index, 0, mode="clip")
    inverse = zeros((n,), DEFAULTS[int]).at[order].set(convert(rank, DEFAULTS[int]))
    ends = concatenate([starts[1:], asarray(n, np.int32).reshape(1)]) if count else starts
    counts = pa.sub_p.bind(*promote("unique", ends, starts))
    if size is not None and count:
        real = logic.less(starts, n)
        counts = where(real, pa.sub_p.bind(*promote("unique", _next(starts, n), starts)), 0)
        pad = values[:1] if fill_value is None else convert(operand("unique", fill_value),
                                                            values.dtype)  # fmt: skip
        values = where(reshape(real, (-1, *[1] * (values.ndim - 1))), values, pad)
        index = where(real, index, index[:1])
    return values, convert(index, DEFAULTS[int]), inverse, counts


def _next(starts: Any, n: int) -> Any:
    return concatenate([starts[1:], asarray(n, np.int32).reshape(1)])


def _unique_of_nothing(rows: Any, size: int | None, fill_value: Any) -> tuple[Any, ...]:
    count = size or 0
    rest = typeof(rows).shape[1:]
    if count and fill_value is None:
        raise ArgumentValueError("unique of an empty array with a size needs a fill_value")
    values = full((count, *rest), fill_value or 0, typeof(rows).dtype)
    nothing = zeros((count,), DEFAULTS[int])
    return values, nothing, zeros((typeof(rows).shape[0],), DEFAULTS[int]), nothing


def _runs(rows: Any, equal_nan: bool) -> tuple[Any, Any]:
    """The order that sorts the rows, and where a new value begins in it."""
    n = typeof(rows).shape[0]
    columns = reshape(rows, (n, -1))
    width = typeof(columns).shape[1]
    keys = [reshape(k, (n,)) for k in _columns(columns, width)]
    *_, order = _sort((*keys, sh.iota(_INT32, n)), 0, num_keys=len(keys))
    ordered = take(columns, order, 0, mode="clip")
    here, before = ordered[1:], ordered[:-1]
    differ = compare.ne_p.bind(here, before)
    if equal_nan and is_inexact(typeof(here).dtype):
        both = bits.and_p.bind(logic.isnan(here), logic.isnan(before))
        differ = bits.and_p.bind(differ, bits.not_p.bind(both))
    new = reductions.any(differ, 1)
    first = sh.full((1,), True, np.bool_)
    return order, concatenate([first, new])


def _columns(x: Any, width: int) -> Sequence[Any]:
    return pieces.split(x, (1,) * width, 1) if width > 1 else [x]


class UniqueAll(NamedTuple):
    """Result of `unique_all`."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """Result of `unique_counts`."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """Result of `unique_inverse`."""

    values: Any
    inverse_indices: Any


def unique_all(x: ArrayLike, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAll:
    """Different values, first places, inverse and counts; NaN counts as different from NaN."""
    return UniqueAll(
        *unique(x, True, True, True, equal_nan=False, size=size, fill_value=fill_value)
    )


def unique_counts(
    x: ArrayLike, /, *, size: int | None = None, fill_value: Any = None
) -> UniqueCounts:
    """Different values and counts; NaN counts as different from NaN."""
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False, size=size,
                                fill_value=fill_value))  # fmt: skip


def unique_inverse(
    x: ArrayLike, /, *, size: int | None = None, fill_value: Any = None
) -> UniqueInverse:
    """Different values and inverse; NaN counts as different from NaN."""
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False, size=size,
                                 fill_value=fill_value))  # fmt: skip


def unique_values(x: ArrayLike, /, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Different values; NaN counts as different from NaN."""
    return unique(x, equal_nan=False, size=size, fill_value=fill_value)


@fusion.whole(2)
def isin(
    element: ArrayLike, test_elements: ArrayLike, assume_unique: bool = False,
    invert: bool = False, *, method: str = "auto",
) -> Array:  # fmt: skip
    """Whether each element is among `test_elements`.

    Raises:
        ValueError: `method` is none of "auto", "compare_all", "binary_search" and "sort", which
            are accepted for compatibility.
    """
    if method not in ("auto", "compare_all", "binary_search", "sort"):
        raise ArgumentValueError(
            f"{method=} is not implemented; options are 'compare_all', 'binary_search', 'sort', "
            "and 'auto'"
        )
    element, tests = promote_dtype("isin", element, test_elements)
    shape = typeof(element).shape
    values = sort(ravel(tests))
    n = values.shape[0]
    if not n:
        found = sh.full(shape, False, np.bool_)
    else:
        place = searchsorted(values, element)
        found = logic.equal(take(values, place, 0, mode="clip"), element)
    return logic.logical_not(found) if invert else found


def _sized(values: Any, keep: Any, size: int | None, fill_value: Any) -> Any:
    """The elements to keep, in a result of static size."""
    n = values.shape[0]
    (places,) = nonzero(keep, size=size, fill_value=n)
    if size is None:
        return take(values, places, 0, mode="clip")
    pad = convert(operand("fill_value", 0 if fill_value is None else fill_value), values.dtype)
    if not n:
        return full((size,), pad, values.dtype)
    return where(logic.less(places, n), take(values, places, 0, mode="clip"), pad)


def union1d(
    ar1: ArrayLike, ar2: ArrayLike, *, size: int | None = None, fill_value: Any = None
) -> Array:
    """Sorted elements of either array."""
    return unique(concatenate([ravel(ar1), ravel(ar2)]), size=size, fill_value=fill_value)


def intersect1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, return_indices: bool = False, *,
    size: int | None = None, fill_value: Any = None,
) -> Any:  # fmt: skip
    """Sorted elements of both arrays, with their first places if asked for.

    Where `size` asks for more than there are, values are `fill_value`, by default the first one,
    and places are the sizes of the arrays.
    """
    one, i = _ordered(ar1, size)
    two, j = _ordered(ar2, size)
    one, two = promote_dtype("intersect1d", one, two)
    place = searchsorted(two, one)
    same = logic.equal(take(two, place, 0, mode="clip"), one) if two.size else sh.full(
        one.shape, False, np.bool_)  # fmt: skip
    if size is not None:
        same = logic.logical_and(same, _first_of_run(one))
    if size is not None and fill_value is None and one.size:
        fill_value = take(one, argmax(same), 0, mode="clip")
    values = _sized(one, same, size, fill_value)
    if not return_indices:
        return values
    (kept,) = nonzero(same, size=size, fill_value=one.shape[0])
    own = take(i, kept, 0, mode="fill", fill_value=np.size(ar1))
    matched = take(place, kept, 0, mode="fill", fill_value=two.shape[0])
    return values, own, take(j, matched, 0, mode="fill", fill_value=np.size(ar2))


def _ordered(x: Any, size: int | None) -> tuple[Any, Any]:
    """Sorted elements and their places: each once, or, for a static size, all of them."""
    if size is None:
        return unique(x, return_index=True)
    flat = ravel(x)
    order = argsort(flat)
    return take(flat, order, 0, mode="clip"), order


def _first_of_run(x: Any) -> Any:
    """True at elements that differ from the one before."""
    if not x.shape[0]:
        return sh.full((0,), True, np.bool_)
    return concatenate([sh.full((1,), True, np.bool_), logic.not_equal(x[1:], x[:-1])])


def setdiff1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, *, size: int | None = None,
    fill_value: Any = None,
) -> Array:  # fmt: skip
    """Sorted elements of the first array that are not in the second."""
    one = ravel(ar1) if assume_unique else _ordered(ar1, size)[0]
    keep = isin(one, ar2, invert=True)
    if size is not None and not assume_unique:
        keep = logic.logical_and(keep, _first_of_run(one))
    return _sized(one, keep, size, fill_value)


def setxor1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, *, size: int | None = None,
    fill_value: Any = None,
) -> Array:  # fmt: skip
    """Sorted elements that are in exactly one of the arrays."""
    one = setdiff1d(ar1, ar2, size=size, fill_value=fill_value)
    two = setdiff1d(ar2, ar1, size=size, fill_value=fill_value)
    if size is None:
        return sort(concatenate([one, two]))
    a, b = ravel(ar1), ravel(ar2)
    both = sort(concatenate([a, b]))
    keep = logic.logical_xor(isin(both, a), isin(both, b))
    return _sized(both, logic.logical_and(keep, _first_of_run(both)), size, fill_value)
