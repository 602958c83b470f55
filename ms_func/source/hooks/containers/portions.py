"""Parts of arrays of a size that data decide: `x[x > 0]`, `x[:n]`.

No program can hold such an array. It is kept as all elements that may be there, with what tells
along each axis which ones are: a mask, or how many of the first ones. What uses the part up - a
sum, a product with another part, a store - asks for that; operators and functions of elements hand
it on. Where an element is not there, one that is stands in, so that nothing is computed that
could not be, such as a logarithm of zero, which would spoil derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

import ms_func.numpy as xp
from ms_func import tree
from ms_func.control_flow.identities import stop_gradient
from ms_func.dtypes import is_inexact
from ms_func.errors import StagingBoolError
from ms_func.execution.array import Array
from ms_func.ir.loc import user_loc
from ms_func.numpy.promotion import as_handle
from ms_func.source.hooks.containers import windows
from ms_func.source.hooks.heap.anatomy import Parts, handles
from ms_func.source.hooks.values import failures
from ms_func.tracing.tracer import Tracer


class Some(NamedTuple):
    """Which positions of an axis are there.

    Attributes:
        mask: a boolean for each.
        count: how many are there, where these are the first ones; else None.
    """

    mask: Any
    count: Any = None

    @property
    def size(self) -> Any:
        """How many are there."""
        return xp.sum(self.mask.astype(np.int32)) if self.count is None else self.count

    def is_same(self, other: Some) -> bool:
        """Whether the same positions are there, as far as formulas tell."""
        if self.mask.shape != other.mask.shape:
            return False
        if self.count is not None and other.count is not None:
            return windows.distance(self.count, other.count) == 0
        return self.mask.variable is other.mask.variable


def first(count: Any, n: int) -> Some:
    """The first `count` of `n` positions."""
    return Some(xp.less(xp.arange(n), count), count)


class Portion:
    """A part of an array of a size that data decide.

    Attributes:
        array: all elements that may be there; where one is not, some that is.
        axes: for each axis which ones are there, None where all are.
        exist: whether there ever was any; arguments need not be searched for them before.
    """

    __slots__ = ("array", "axes")
    __array_ufunc__ = None
    exist: ClassVar[bool] = False

    def __init__(self, array: Any, axes: Sequence[Some | None]) -> None:
        self.array, self.axes = array, tuple(axes)
        Portion.exist = True

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def dtype(self) -> Any:
        """Type of the elements."""
        return self.array.dtype

    @property
    def shape(self) -> tuple[Any, ...]:
        """Length of each axis, traced where data decide it."""
        return tuple(
            n if a is None else a.size for n, a in zip(self.array.shape, self.axes, strict=True)
        )

    @property
    def size(self) -> Any:
        """Number of elements, traced."""
        found: Any = 1
        for n in self.shape:
            found = found * n
        return found

    def mask(self, axes: Sequence[int] | None = None) -> Any:
        """Which elements are there, as far as these axes tell, in a shape that fits the array's."""
        found: Any = None
        for k in range(self.ndim) if axes is None else axes:
            some = self.axes[k]
            if some is not None:
                one = along(some.mask, k, self.ndim)
                found = one if found is None else xp.logical_and(found, one)
        return found

    def filled(self, value: Any, axes: Sequence[int] | None = None) -> Any:
        """The array with `value` where no element is there."""
        mask = self.mask(axes)
        fill = xp.asarray(value, self.array.dtype)
        return self.array if mask is None else xp.where(mask, self.array, fill)

    def gathered(self, axis: int) -> Portion:
        """The same part with the elements of an axis moved to its start."""
        some = self.axes[axis]
        if some is None or some.count is not None:
            return self
        order = xp.argsort(xp.logical_not(some.mask), stable=True)
        moved = first(some.size, some.mask.shape[0])
        return self.replaced(xp.take(self.array, order, axis), axis, moved)

    def replaced(self, array: Any, axis: int, some: Some | None) -> Portion:
        """Another array, of which other positions of an axis are there."""
        axes = list(self.axes)
        axes[axis] = some
        return Portion(array, axes)

    def cut(self, axis: int, n: int) -> Portion:
        """The part with at most `n` elements along an axis, all at its start."""
        made, now = self.gathered(axis), self.array.shape[axis]
        if now == n:
            return made
        some = made.axes[axis]
        pad = [(0, max(n - now, 0) if k == axis else 0) for k in range(self.ndim)]
        array = xp.pad(made.array, pad, mode="edge") if n > now else made.array
        array = xp.take(array, np.arange(n), axis)
        return made.replaced(array, axis, None if some is None else first(some.count, n))

    @staticmethod
    def complaint(what: str = "this") -> Exception:
        """The error where a size has to be known."""
        return StagingBoolError(
            f"MS170 an array has a length that data decide, and {what} needs to know it\n"
            "fix: use it in sums, means, extrema, products, comparisons, stores and `for` loops, "
            "or keep the array whole and use np.where with the mask",
            user_loc(2),
        )

    def complain(self, *args: Any, **kwargs: Any) -> Any:
        """Raise the error.

        Raises:
            StagingBoolError: MS170.
        """
        raise self.complaint()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self.complaint(f"`{name}`")

    def __repr__(self) -> str:
        return f"Portion({self.array!r})"


for _name in ("bool", "int", "float", "index", "len", "iter", "contains", "array", "setitem",
              "jax_array"):  # fmt: skip
    setattr(Portion, f"__{_name}__", Portion.complain)


def along(x: Any, axis: int, ndim: int) -> Any:
    """A vector as an array that lies along one axis."""
    return xp.reshape(x, [-1 if k == axis else 1 for k in range(ndim)])


def _stand_in(array: Any, some: Some, axis: int) -> Any:
    """The array with an element that is there in place of those that are not."""
    if not is_inexact(array.dtype) or not array.shape[axis]:
        return array
    at = xp.argmax(some.mask)
    one = stop_gradient(xp.expand_dims(xp.take(array, at, axis), axis))
    one = xp.where(xp.any(some.mask), one, xp.ones_like(one))
    return xp.where(along(some.mask, axis, array.ndim), array, one)


# --- indices ------------------------------------------------------------------------------------


class Taken(NamedTuple):
    """An index that takes a part out of an array.

    Attributes:
        key: the index with a full slice for each entry that data decide.
        entries: those entries, by the axis of what `key` gives.
        merged: how many axes of the array one mask of several axes covers, or 0.
    """

    key: tuple[Any, ...]
    entries: dict[int, Any]
    merged: int = 0


def is_mask(x: Any) -> bool:
    """Whether an index is a mask known only at run time."""
    return type(x) is Tracer and x.dtype == np.bool_ and x.ndim > 0 and _is_unknown(x)


def _is_unknown(x: Any) -> bool:
    return type(x) is Tracer and x.recorder.asked(x.variable) is None


def _is_moving(s: Any) -> bool:
    return type(s) is slice and (_is_unknown(s.start) or _is_unknown(s.stop))


def parsed(obj: Any, index: Any) -> Taken | None:
    """The index of a part of a size that data decide; None for any other index."""
    entries = index if type(index) is tuple else (index,)
    if not any(is_mask(e) or _is_moving(e) or type(e) is Portion for e in entries):
        return None
    if len(entries) == 1 and is_mask(entries[0]) and entries[0].ndim > 1:
        mask = entries[0]
        fits = mask.shape == tuple(obj.shape[: mask.ndim])
        return Taken((slice(None),), {0: xp.ravel(mask)}, mask.ndim) if fits else None
    key: list[Any] = []
    found: dict[int, Any] = {}
    missing = len(obj.shape) - sum(e is not None and e is not ... for e in entries)
    axis = 0
    for e in entries:
        if e is ...:
            key.extend([slice(None)] * missing)
            axis += missing
            continue
        moving = is_mask(e) or type(e) is Portion or _is_moving(e)
        if is_mask(e) and e.ndim > 1:
            return None
        if not moving and not (e is None or type(e) is slice or _rank(e) == 0):
            raise Portion.complaint("an index array beside it")
        if moving:
            found[axis] = e
        key.append(slice(None) if moving else e)
        axis += moving or e is None or type(e) is slice
    return Taken(tuple(key), found)


def _rank(e: Any) -> int:
    return np.ndim(e)


def take(obj: Any, taken: Taken) -> Any:
    """`obj[index]`, for an index that was parsed."""
    array: Any = obj if type(obj) is Portion else as_handle(obj)
    if taken.merged:
        array = xp.reshape(array, (-1, *array.shape[taken.merged :]))
    elif type(obj) is not Portion:
        array = array[taken.key]
    made = array if type(array) is Portion else Portion(array, (None,) * array.ndim)
    for axis, e in taken.entries.items():
        made = _sliced(made, axis, e) if type(e) is slice else _chosen(made, axis, e)
    return made


def _chosen(x: Portion, axis: int, mask: Any) -> Portion:
    """The elements for which a mask holds."""
    some = x.axes[axis]
    if type(mask) is Portion:
        x, mask = _matched(x, axis, mask)
        some = x.axes[axis]
    if mask.shape[0] != x.array.shape[axis]:
        raise IndexError(
            f"boolean index did not match indexed array along axis {axis}; size of axis is "
            f"{x.array.shape[axis]} but size of corresponding boolean axis is {mask.shape[0]}"
        )
    both = Some(mask if some is None else xp.logical_and(some.mask, mask))
    return x.replaced(_stand_in(x.array, both, axis), axis, both)


def _matched(x: Portion, axis: int, mask: Portion) -> tuple[Portion, Any]:
    """A part and a mask that is one, with positions that correspond."""
    own, other = x.axes[axis], mask.axes[0]
    if own is not None and other is not None and own.is_same(other):
        return x, mask.array
    n = min(x.array.shape[axis], mask.array.shape[0])
    x, mask = x.cut(axis, n), mask.cut(0, n)
    same_size(x.axes[axis], mask.axes[0], n)
    return x, mask.filled(False)


def _sliced(x: Portion, axis: int, s: slice) -> Portion:
    """The elements of a slice."""
    x = x.gathered(axis)
    n, some = x.array.shape[axis], x.axes[axis]
    start, count, step = span(s, n if some is None else some.count)
    if start is not None or step != 1:
        at = xp.arange(n) * step + (0 if start is None else start)
        x = Portion(xp.take(x.array, xp.clip(at, 0, n - 1), axis), x.axes)
    there = first(count, n)
    return x.replaced(_stand_in(x.array, there, axis), axis, there)


def span(s: slice, n: Any) -> tuple[Any, Any, int]:
    """Start, number of elements and step of a slice of `n` elements; no start is the first."""
    step = 1 if s.step is None else s.step
    if type(step) is Tracer:
        raise Portion.complaint("a step known only at run time")
    low, high = (0, n) if step > 0 else (-1, n - 1)
    start = _bound(s.start, low if step > 0 else high, low, high, n)
    stop = _bound(s.stop, high if step > 0 else low, low, high, n)
    if step == 1 and s.start is None:
        return None, stop, 1
    steps = (stop - start + (step - 1 if step > 0 else step + 1)) // step
    return start, xp.maximum(steps, 0), step


def _bound(x: Any, default: Any, low: Any, high: Any, n: Any) -> Any:
    """A bound of a slice, counted from the front and kept within the axis."""
    if x is None:
        return default
    x = xp.asarray(x)
    return xp.clip(xp.where(x < 0, x + n, x), low, high)


def same_size(a: Some | None, b: Some | None, n: int) -> None:
    """Check that two axes have as many elements, which the program knows when it runs."""
    sizes = [n if x is None else x.count for x in (a, b)]
    if windows.distance(*sizes) != 0:
        error = ValueError("operands could not be broadcast together: parts of different sizes")
        failures.assert_raising(xp.equal(*sizes), error)


# --- stores -------------------------------------------------------------------------------------


def stored(obj: Any, taken: Taken, value: Any) -> Any:
    """The array after `obj[index] = value`, for an index that was parsed."""
    whole = xp.reshape(obj, (-1, *obj.shape[taken.merged :])) if taken.merged else obj
    base = whole[taken.key]
    there, value = True, value if type(value) is Portion else xp.asarray(value)
    for axis, e in taken.entries.items():
        n = base.shape[axis]
        if type(e) is Portion:
            e = e.cut(0, n).filled(False)
        mask, rank, count = _places(e, n) if type(e) is slice else (e, None, None)
        value = _spread(value, axis, base.ndim, Some(mask, count), rank)
        there = xp.logical_and(along(mask, axis, base.ndim), there)
    array = value.array if type(value) is Portion else value
    new = xp.where(there, array.astype(base.dtype), base)
    if taken.merged:
        return xp.reshape(new, obj.shape)
    return as_handle(obj).at[taken.key].set(new)


def _places(s: slice, n: int) -> tuple[Any, Any, Any]:
    """Which positions of an axis a slice covers, the place of each in it, and how many they are."""
    start, count, step = span(s, n)
    ahead = xp.arange(n) - (0 if start is None else start)
    rank = ahead if step == 1 else ahead // step
    inside = xp.logical_and(rank >= 0, rank < count)
    if abs(step) != 1:
        inside = xp.logical_and(inside, ahead % step == 0)
    return inside, rank, count


def _spread(value: Any, axis: int, ndim: int, to: Some, rank: Any) -> Any:
    """The values that are stored, each at the position of the axis where it goes."""
    own = axis - ndim + (value.array if type(value) is Portion else value).ndim
    if own < 0 or (type(value) is not Portion and value.shape[own] == 1):
        return value
    made = value if type(value) is Portion else Portion(value, (None,) * value.ndim)
    some = made.axes[own]
    if rank is None and some is not None and some.is_same(to):
        return value
    made = made.gathered(own)
    if rank is None:
        rank = xp.cumsum(to.mask.astype(np.int32)) - 1
    m, some = made.array.shape[own], made.axes[own]
    given = m if some is None else some.count
    if to.count is None or windows.distance(to.count, given) != 0:
        _check_fits(to.size, given)
    array = xp.take(made.array, xp.clip(rank, 0, m - 1), own)
    return made.replaced(array, own, Some(to.mask))


def _check_fits(wanted: Any, given: Any) -> None:
    error = ValueError("could not broadcast input array: the part stored to has another size")
    failures.assert_raising(xp.equal(wanted, given), error)


# --- where they are joined, and carried by loops ------------------------------------------------


def _flat(x: Portion) -> tuple[list[Any], tuple[Any, ...]]:
    kids, kinds = [x.array], []
    for some in x.axes:
        kinds.append(None if some is None else some.count is not None)
        if some is not None:
            kids += [some.mask] if some.count is None else [some.mask, some.count]
    return kids, tuple(kinds)


def _made(kinds: tuple[Any, ...], kids: Sequence[Any]) -> Portion:
    array, *rest = kids
    given = iter(rest)
    axes = [None if k is None else Some(next(given), next(given) if k else None) for k in kinds]
    return Portion(array, axes)


def _apart(x: Portion, overlay: Any) -> Parts:
    kids, kinds = _flat(x)
    names = [" (elements)", *(" (which are there)" for _ in kids[1:])]
    return Parts((Portion, kinds), kids, names, lambda new: _made(kinds, new))


def _outside(kinds: tuple[Any, ...], kids: Any) -> Any:
    """A part made of its parts again; outside of the program, the array that it is."""
    array, made = kids[0], _made(kinds, list(kids))
    if hasattr(array, "shape") and len(array.shape) < len(kinds):
        raise made.complaint("a transform or a loop over its rows")
    masks = [some.mask for some in made.axes if some is not None]
    if isinstance(array, Tracer) or not all(isinstance(m, (Array, np.ndarray)) for m in masks):
        return made
    if any(np.ndim(m) != 1 for m in masks):
        raise StagingBoolError(
            "MS102 branches disagree: lanes give arrays of different lengths\n"
            "fix: return arrays of one shape, with a mask",
            user_loc(2),
        )
    for axis, some in enumerate(made.axes):
        if some is not None:
            array = xp.compress(np.asarray(some.mask), array, axis)
    return array


handles(Portion, _apart)
tree.register_node(Portion, _flat, _outside)
