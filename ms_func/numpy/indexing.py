"""`x[index]` with NumPy's meaning: slices, integers, arrays of integers, masks, new axes.

Indices known beforehand become slice, rev and reshape; one place known only at run time
becomes dynamic_slice; arrays of places become one gather.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func.dtypes import issubdtype
from ms_func.errors import NonConcreteBooleanIndexError
from ms_func.execution.array import Array
from ms_func.execution.dispatch import bottom
from ms_func.ir.function import Literal
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import current
from ms_func.ir.types import ArrayType, typeof
from ms_func.numpy import fusion
from ms_func.numpy.promotion import HANDLES, as_handle, broadcast, common_shape, convert
from ms_func.primitives import arithmetic as ar
from ms_func.primitives import basis, compare, pieces
from ms_func.primitives import shape as sh
from ms_func.primitives.gather import GatherDimensionNumbers, gather
from ms_func.primitives.slicing import dynamic_slice_p
from ms_func.tracing.tracer import Tracer

_INT32 = np.dtype(np.int32)


class Part(NamedTuple):
    """One entry of an index after normalisation.

    Attributes:
        kind: "new" (an axis of size 1), "slice", "int" or "array".
        dim: dimension of the operand it indexes; -1 for "new".
        value: (start, size, step) of a slice, a Python int, or an array of integers.
    """

    kind: str
    dim: int
    value: Any


# --- reading an index -------------------------------------------------------------------


def parse(shape: tuple[int, ...], index: Any, strict: bool = True) -> list[Part]:
    """Entries of an index, one for each dimension of `shape` and each new axis.

    Args:
        shape: of the indexed array.
        index: what stands between the brackets.
        strict: whether a Python int out of bounds is an error.

    Raises:
        IndexError: too many indices, two ellipses, an integer or a mask that does not fit.
        TypeError: an entry that is no index.
        NonConcreteBooleanIndexError: a mask known only at run time.
    """
    entries = _expand(shape, index if type(index) is tuple else (index,))
    parts: list[Part] = []
    dim = 0
    for entry in entries:
        if entry is None:
            parts.append(Part("new", -1, None))
            continue
        if type(entry) is slice:
            parts.append(Part("slice", dim, _bounds(entry, shape[dim])))
        elif type(entry) is int:
            parts.append(Part("int", dim, _checked(entry, shape[dim], dim, strict)))
        else:
            parts.append(Part("array", dim, entry))
        dim += 1
    return parts


def _expand(shape: tuple[int, ...], index: tuple[Any, ...]) -> list[Any]:
    """Entries with masks and the ellipsis replaced; each is None or takes one dimension."""
    listed: list[Any] = []
    taken, place = 0, None
    for entry in index:
        if entry is Ellipsis:
            if place is not None:
                raise IndexError("an index can only have a single ellipsis ('...')")
            place = len(listed)
            continue
        found = _entry(entry, shape, taken, place)
        taken += sum(v is not None for v in found)
        listed.extend(found)
    if taken > len(shape):
        raise IndexError(
            f"Too many indices: array is {len(shape)}-dimensional, but {taken} were indexed"
        )
    rest = [slice(None)] * (len(shape) - taken)
    place = len(listed) if place is None else place
    return listed[:place] + rest + listed[place:]


def _entry(entry: Any, shape: tuple[int, ...], taken: int, ellipsis: int | None) -> list[Any]:
    """One entry as it was written, as a list of normalised ones."""
    if entry is None or type(entry) is slice:
        return [entry]
    if type(entry) is int:
        return [entry]
    if isinstance(entry, (bool, np.bool_)):
        return [_Flag(bool(entry))]
    if isinstance(entry, (list, tuple)):
        raise TypeError(
            "Using a non-tuple sequence for multidimensional indexing is not allowed; "
            f"use `arr[array(seq)]` instead of `arr[seq]`, got {entry!r}"
        )
    if isinstance(entry, str):
        raise TypeError(f"string indexing is not supported; got idx={entry!r}")
    if not hasattr(entry, "dtype"):
        try:
            return [operator.index(entry)]
        except TypeError:
            kind = np.dtype(type(entry)) if isinstance(entry, (float, complex)) else type(entry)
            raise TypeError(
                "Indexer must have integer or boolean type, got indexer with type "
                f"{kind}: {entry!r}"
            ) from None
    if entry.dtype == np.bool_:
        return _mask(entry, shape, taken, ellipsis)
    if not issubdtype(entry.dtype, np.integer):
        raise TypeError(
            f"Indexer must have integer or boolean type, got indexer with type {entry.dtype}"
        )
    if isinstance(entry, np.integer) or (isinstance(entry, np.ndarray) and entry.ndim == 0):
        return [int(entry)]
    return [entry]


class _Flag:
    """A Python bool as index: a new axis of size 1 or 0, and NumPy's advanced indexing."""

    def __init__(self, value: bool) -> None:
        self.value = value


def _mask(mask: Any, shape: tuple[int, ...], taken: int, ellipsis: int | None) -> list[Any]:
    """A boolean mask as the positions of its true elements, one array per dimension."""
    if type(mask) is Tracer:
        value = mask.trace.value_of(mask.var)
        if value is None:
            raise NonConcreteBooleanIndexError(
                f"a boolean mask known only at run time ({mask.type}) was used as an index, so the "
                "shape of the result is not known\n"
                "fix: use np.where(mask, x, other), or nonzero with a size",
                user_loc(),
            )
        mask = value
    mask = np.asarray(mask)
    if mask.ndim == 0:
        return [_Flag(bool(mask))]
    if ellipsis is None:
        covered = shape[taken : taken + mask.ndim]
        for i, (n, m) in enumerate(zip(mask.shape, covered, strict=False)):
            if n != m:
                raise IndexError(
                    "boolean index did not match shape of indexed array in index "
                    f"{taken + i}: got {mask.shape}, expected {list(covered)}"
                )
    return [positions.astype(np.int32) for positions in np.nonzero(mask)]


def _bounds(s: slice, n: int) -> tuple[int, int, int]:
    """Start, number of elements and step of a slice over `n` elements."""
    start, stop, step = s.start, s.stop, s.step
    if start is None and stop is None and step is None:
        return 0, n, 1
    try:
        listed = slice(*(v if v is None else operator.index(v) for v in (start, stop, step)))
    except TypeError as error:
        raise type(error)(
            f"a slice needs bounds known while tracing, got {s}\n"
            "fix: use lax.dynamic_slice with a static size, or mark the bounds static"
        ) from error
    lo, hi, by = listed.indices(n)
    return lo, len(range(lo, hi, by)), by


def _checked(i: int, n: int, dim: int, strict: bool) -> int:
    """An integer index counted from the front."""
    if strict and not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for axis {dim} with size {n}")
    return i + n if i < 0 else i


# --- x[index] -----------------------------------------------------------------------------


def getitem(x: Any, index: Any) -> Any:
    """`x[index]`.

    Integers known while tracing must be in bounds; out of bounds at run time reads the
    nearest element.
    """
    shape = x.type.shape
    if type(index) is int and shape:
        i = _checked(index, shape[0], 0, True)
        return _place(x, (i, *[0] * (len(shape) - 1)), (1, *shape[1:]), shape[1:])
    return take_parts(x, *_flags(x, index, True), "promise_in_bounds", None)


def _flags(x: Any, index: Any, strict: bool) -> tuple[Any, list[Part]]:
    """The array and the index, with each Python bool as an axis and an array index."""
    entries = index if type(index) is tuple else (index,)
    if not any(isinstance(e, (bool, np.bool_)) or _is_flag(e) for e in entries):
        return x, parse(x.type.shape, index, strict)
    kept: list[Any] = []
    shape, taken = x.type.shape, 0
    before = _count(entries, shape)
    for e in entries:
        if isinstance(e, (bool, np.bool_)) or _is_flag(e):
            shape = (*shape[:taken], 1, *shape[taken:])
            kept.append(np.zeros(1 if bool(e) else 0, np.int32))
            taken += 1
        else:
            kept.append(e)
            taken += before if e is Ellipsis else _dims(e)
    return sh.reshape_p.bind(x, new_sizes=shape), parse(shape, tuple(kept), strict)


def _is_flag(e: Any) -> bool:
    return getattr(e, "dtype", None) == np.bool_ and getattr(e, "ndim", 1) == 0


def _dims(e: Any) -> int:
    """Number of dimensions that an entry indexes."""
    if e is None or isinstance(e, (bool, np.bool_)) or _is_flag(e):
        return 0
    return e.ndim if getattr(e, "dtype", None) == np.bool_ else 1


def _count(entries: Sequence[Any], shape: tuple[int, ...]) -> int:
    """Number of dimensions that an ellipsis stands for."""
    return len(shape) - sum(_dims(e) for e in entries if e is not Ellipsis)


def take_parts(x: Any, parts: Sequence[Part], mode: Any, fill: Any, **promises: bool) -> Any:
    """Read the elements that a parsed index names."""
    pass
