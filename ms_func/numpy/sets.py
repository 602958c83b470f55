"""Sets: different elements, membership, unions and intersections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.dtypes import DEFAULTS, is_inexact
from ms_func.errors import ArgumentValueError
from ms_func.execution.array import Array
from ms_func.ir.types import typeof
from ms_func.numpy import fusion, logic, reductions, running
from ms_func.numpy.axes import axis_index
from ms_func.numpy.creation import asarray
from ms_func.numpy.filled import full, zeros
from ms_func.numpy.joining import concatenate
from ms_func.numpy.manipulation import moveaxis, ravel, reshape
from ms_func.numpy.promotion import ArrayLike, convert, operand, promote, promote_dtype
from ms_func.numpy.searching import concrete, nonzero, where
from ms_func.numpy.sorting import argsort, searchsorted, sort, stable_sort
from ms_func.numpy.taking import take
from ms_func.primitives import arithmetic as pa
from ms_func.primitives import bits, compare, pieces
from ms_func.primitives import shape as sh
from ms_func.primitives.cast import convert_p


def unique(
    ar: ArrayLike, return_index: bool = False, return_inverse: bool = False,
    return_counts: bool = False, axis: int | None = None, *, equal_nan: bool = True,
    size: int | None = None, fill_value: ArrayLike | None = None, sorted: bool = True,
) -> Any:  # fmt: skip
    """The different elements in increasing order.

    Args:
        ar: array.
        return_index: also the first place of each, in the flat array.
        return_inverse: also which of them stands at each place.
        return_counts: also how often each occurs.
        axis: compare whole slices along this dimension instead of elements.
        equal_nan: whether NaN counts once.
        size: number of results, needed where the array is known only at run time: more are
            cut off, fewer are padded.
        fill_value: pads; the first element where None.
        sorted: accepted; the result is sorted.

    Returns:
        The elements, and for each of the three that is asked for an int32 array, in that order;
        the inverse has the shape of `ar`, or is a vector where there is an `axis`. Counts of
        elements that pad are 0.

    Raises:
        ConcretizationTypeError: the array is known only at run time and there is no `size`.
        ValueError: there is no such dimension, or nothing to pad with.

    Example:
        >>> np.unique(np.array([3, 1, 3]), return_inverse=True, return_counts=True)
        (Array([1, 3], dtype=int32), Array([1, 0, 1], dtype=int32), Array([1, 2], dtype=int32))
        >>> np.unique(np.array([[1, 2], [0, 9], [1, 2]]), axis=0)
        Array([[0, 9],
               [1, 2]], dtype=int32)
        >>> ms.jit(lambda x: np.unique(x, size=4, fill_value=-1))(np.array([3, 1, 3]))
        Array([ 1,  3, -1, -1], dtype=int32)
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
    if not n:
        return _unique_of_nothing(rows, size, fill_value)
    if not typeof(rows).size:  # rows without elements are equal
        one, *places = _unique(zeros((n,)), equal_nan, size, fill_value)
        return zeros((len(one), *typeof(rows).shape[1:]), typeof(rows).dtype), *places
    rows = _one_nan(rows)
    order, first = fusion.run(_runs, (rows,), bool(equal_nan))
    rank = pa.sub(running.cumsum(first, 0, np.int32), 1)
    (starts,) = nonzero(first, size=None if size is None else size + 1, fill_value=n)
    starts, ends = (starts, _next(starts, n)) if size is None else (starts[:-1], starts[1:])
    count = starts.shape[0]
    index = take(order, starts, 0, mode="clip")
    values = take(rows, index, 0, mode="clip")
    inverse = zeros((n,), DEFAULTS[int]).at[order].set(convert(rank, DEFAULTS[int]))
    counts = pa.sub_p.bind(*promote("unique", ends, starts))
    if size is not None and count:
        real = logic.less(starts, n)
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
    *_, order = stable_sort((*keys, sh.iota(np.int32, n)), 0, num_keys=len(keys))
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
    """Result of `unique_all`.

    Attributes:
        values: the different elements in increasing order.
        indices: first place of each in the flat array.
        inverse_indices: which of them stands at each place.
        counts: how often each occurs.
    """

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """Result of `unique_counts`.

    Attributes:
        values: the different elements in increasing order.
        counts: how often each occurs.
    """

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """Result of `unique_inverse`.

    Attributes:
        values: the different elements in increasing order.
        inverse_indices: which of them stands at each place.
    """

    values: Any
    inverse_indices: Any


def unique_all(x: ArrayLike, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAll:
    """Different elements, first places, inverse and counts; each NaN counts as different.

    Args:
        x: array.
        size: number of results where the array is known only at run time, as for `unique`.
        fill_value: pads.

    Returns:
        A `UniqueAll`.

    Raises:
        ConcretizationTypeError: the array is known only at run time and there is no `size`.

    Example:
        >>> found = np.unique_all(np.array([3, 1, 3]))
        >>> found.values, found.indices, found.counts
        (Array([1, 3], dtype=int32), Array([1, 0], dtype=int32), Array([1, 2], dtype=int32))
    """
    return UniqueAll(
        *unique(x, True, True, True, equal_nan=False, size=size, fill_value=fill_value)
    )


def unique_counts(
    x: ArrayLike, /, *, size: int | None = None, fill_value: Any = None
) -> UniqueCounts:
    """Different elements and how often each occurs; each NaN counts as different.

    Args:
        x: array.
        size: number of results where the array is known only at run time, as for `unique`.
        fill_value: pads.

    Returns:
        A `UniqueCounts`.

    Raises:
        ConcretizationTypeError: the array is known only at run time and there is no `size`.

    Example:
        >>> values, counts = np.unique_counts(np.array([3, 1, 3]))
        >>> values, counts
        (Array([1, 3], dtype=int32), Array([1, 2], dtype=int32))
    """
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False, size=size,
                                fill_value=fill_value))  # fmt: skip


def unique_inverse(
    x: ArrayLike, /, *, size: int | None = None, fill_value: Any = None
) -> UniqueInverse:
    """Different elements and which of them stands at each place; each NaN counts as different.

    Args:
        x: array.
        size: number of results where the array is known only at run time, as for `unique`.
        fill_value: pads.

    Returns:
        A `UniqueInverse`.

    Raises:
        ConcretizationTypeError: the array is known only at run time and there is no `size`.

    Example:
        >>> values, inverse = np.unique_inverse(np.array([3, 1, 3]))
        >>> values[inverse]
        Array([3, 1, 3], dtype=int32)
    """
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False, size=size,
                                 fill_value=fill_value))  # fmt: skip


def unique_values(x: ArrayLike, /, *, size: int | None = None, fill_value: Any = None) -> Array:
    """Different elements in increasing order; each NaN counts as different.

    Args:
        x: array.
        size: number of results where the array is known only at run time, as for `unique`.
        fill_value: pads.

    Raises:
        ConcretizationTypeError: the array is known only at run time and there is no `size`.

    Example:
        >>> np.unique_values(np.array([3, np.nan, 3, np.nan]))
        Array([ 3., nan, nan], dtype=float32)
    """
    return unique(x, equal_nan=False, size=size, fill_value=fill_value)


@fusion.whole(2)
def isin(
    element: ArrayLike, test_elements: ArrayLike, assume_unique: bool = False,
    invert: bool = False, *, method: str = "auto",
) -> Array:  # fmt: skip
    """Whether each element is among `test_elements`. NaN is among nothing.

    Args:
        element: array or number.
        test_elements: array or number.
        assume_unique: accepted for compatibility.
        invert: whether it is not among them.
        method: "auto", "compare_all", "binary_search" or "sort", accepted for compatibility.

    Returns:
        Booleans of the shape of `element`.

    Raises:
        TypeError: an operand is a list.
        ValueError: there is no such method.

    Example:
        >>> np.isin(np.array([3, 1, 3]), np.array([2, 1]))
        Array([False,  True, False], dtype=bool)
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


def _sized(values: Any, keep: Any, size: int | None, fill_value: Any, again: bool = False) -> Any:
    """The elements to keep, in a result of static size; `again` pads with the first of them."""
    n = values.shape[0]
    (places,) = nonzero(keep, size=size, fill_value=n)
    if size is None:
        return take(values, places, 0, mode="clip")
    pad = convert(operand("fill_value", 0 if fill_value is None else fill_value), values.dtype)
    if not n or not size:
        return full((size,), pad, values.dtype)
    real, found = logic.less(places, n), take(values, places, 0, mode="clip")
    if again and fill_value is None:
        pad = where(real[0], found[0], pad)
    return where(real, found, pad)


def union1d(
    ar1: ArrayLike, ar2: ArrayLike, *, size: int | None = None, fill_value: Any = None
) -> Array:
    """Sorted elements of either array, each once.

    Args:
        ar1: array.
        ar2: array.
        size: length of the result, needed where the arrays are known only at run time: more
            elements are cut off, fewer are padded.
        fill_value: pads; the first element where None.

    Raises:
        ConcretizationTypeError: an array is known only at run time and there is no `size`.

    Example:
        >>> np.union1d(np.array([3, 1, 3]), np.array([2, 1]))
        Array([1, 2, 3], dtype=int32)
    """
    return unique(concatenate([ravel(ar1), ravel(ar2)]), size=size, fill_value=fill_value)


def intersect1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, return_indices: bool = False, *,
    size: int | None = None, fill_value: Any = None,
) -> Any:  # fmt: skip
    """Sorted elements of both arrays, each once.

    Args:
        ar1: array.
        ar2: array.
        assume_unique: accepted for compatibility.
        return_indices: also their first places in the two arrays.
        size: length of the result, needed where the arrays are known only at run time: more
            elements are cut off, fewer are padded.
        fill_value: pads; the first element where None, 0 where there is none. Places are padded
            with the sizes of the arrays.

    Raises:
        ConcretizationTypeError: an array is known only at run time and there is no `size`.

    Example:
        >>> x, y = np.array([3, 1, 3]), np.array([2, 1])
        >>> np.intersect1d(x, y)
        Array([1], dtype=int32)
        >>> np.intersect1d(x, y, return_indices=True, size=2)
        (Array([1, 1], dtype=int32), Array([1, 3], dtype=int32), Array([1, 2], dtype=int32))
    """
    one, i = _ordered(ar1, size)
    two, j = _ordered(ar2, size)
    one, two = promote_dtype("intersect1d", one, two)
    place = searchsorted(two, one)
    same = logic.equal(take(two, place, 0, mode="clip"), one) if two.size else sh.full(
        one.shape, False, np.bool_)  # fmt: skip
    if size is not None:
        same = logic.logical_and(same, _first_of_run(one))
    values = _sized(one, same, size, fill_value, again=True)
    if not return_indices:
        return values
    (kept,) = nonzero(same, size=size, fill_value=one.shape[0])
    own = take(i, kept, 0, mode="fill", fill_value=np.size(ar1))
    place = take(place, kept, 0, mode="fill", fill_value=two.shape[0])
    return values, own, take(j, place, 0, mode="fill", fill_value=np.size(ar2))


def _ordered(x: Any, size: int | None) -> tuple[Any, Any]:
    """Sorted elements and their places: each once, or, for a static size, all of them."""
    if size is None:
        return unique(x, return_index=True)
    flat = _one_nan(ravel(x))
    order = argsort(flat)
    return take(flat, order, 0, mode="clip"), order


def _one_nan(x: Any) -> Any:
    """Complex numbers of which one part makes the whole NaN, and the last in order."""
    return where(logic.isnan(x), math.nan, x) if typeof(x).dtype.kind == "c" else x


def _first_of_run(x: Any) -> Any:
    """True at elements that differ from the one before, as a NaN does not from another."""
    if not x.shape[0]:
        return sh.full((0,), True, np.bool_)
    same = logic.logical_or(
        logic.equal(x[1:], x[:-1]), logic.logical_and(logic.isnan(x[1:]), logic.isnan(x[:-1]))
    )
    return concatenate([sh.full((1,), True, np.bool_), logic.logical_not(same)])


def setdiff1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, *, size: int | None = None,
    fill_value: Any = None,
) -> Array:  # fmt: skip
    """Sorted elements of the first array that are not in the second, each once.

    Args:
        ar1: array.
        ar2: array.
        assume_unique: elements of `ar1` are neither sorted nor made unique.
        size: length of the result, needed where the arrays are known only at run time: more
            elements are cut off, fewer are padded.
        fill_value: pads; 0 where None.

    Raises:
        ConcretizationTypeError: an array is known only at run time and there is no `size`.

    Example:
        >>> np.setdiff1d(np.array([3, 1, 3]), np.array([2, 1]))
        Array([3], dtype=int32)
        >>> np.setdiff1d(np.array([3, 1, 3]), np.array([2, 1]), assume_unique=True)
        Array([3, 3], dtype=int32)
    """
    if assume_unique:
        one = ravel(ar1)
        return _sized(one, isin(one, ar2, invert=True), size, fill_value)
    return _sized(*_without(ar1, ar2, size), size, fill_value)


def _without(ar1: Any, ar2: Any, size: int | None) -> tuple[Any, Any]:
    """Sorted elements of an array, and which of them count that are not in the other."""
    one = _ordered(ar1, size)[0]
    return one, logic.logical_and(isin(one, ar2, invert=True), _first_of_run(one))


def setxor1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, *, size: int | None = None,
    fill_value: Any = None,
) -> Array:  # fmt: skip
    """Sorted elements that are in exactly one of the arrays, each once.

    Args:
        ar1: array.
        ar2: array.
        assume_unique: accepted for compatibility.
        size: length of the result, needed where the arrays are known only at run time: more
            elements are cut off, fewer are padded.
        fill_value: pads; the first element where None, 0 where there is none.

    Raises:
        ConcretizationTypeError: an array is known only at run time and there is no `size`.

    Example:
        >>> np.setxor1d(np.array([3, 1, 3]), np.array([2, 1]))
        Array([2, 3], dtype=int32)
    """
    (one, first), (two, second) = _without(ar1, ar2, size), _without(ar2, ar1, size)
    both, keep = concatenate([one, two]), concatenate([first, second])
    order = argsort(both)
    both, keep = (take(v, order, 0, mode="clip") for v in (both, keep))
    return _sized(both, keep, size, fill_value, again=True)
