"""What lists do whose length is known only at run time; see `growing`."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func import config
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.compare import gt
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import pools
from ms_func.source.hooks.containers.comparisons import same_or_equal
from ms_func.source.hooks.containers.running import Running
from ms_func.source.hooks.heap.anatomy import PRESENT, is_number
from ms_func.source.hooks.heap.journal import Contents
from ms_func.source.hooks.joining.branch import ifexp, not_, or_
from ms_func.source.hooks.joining.packing import agree, stored, stretch
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.growing import Growing, as_index, grown, note
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.tracing.tracer import Tracer


def put(x: Any, found: Growing) -> None:
    """Make the elements of a list those of a stretch."""
    Contents(x).write([found])


def _whole(x: Any) -> Growing:
    found = grown(x)
    return stretch(list(x)) if found is None else found


# --- places ---------------------------------------------------------------------------------------


def has_elements(x: Any) -> Any:
    """Whether there are elements."""
    return gt(as_index(_whole(x).length), as_index(0))


def _place(x: Growing, place: Any, message: str) -> Any:
    """A position counted from the start, which is checked at run time."""
    if not isinstance(place, (int, np.integer)) and type(place) is not Tracer:
        raise TypeError(f"list indices must be integers or slices, not {type(place).__name__}")
    if isinstance(place, (int, np.integer)):
        needed = place + 1 if place >= 0 else -place
        failures.assert_raising(xp.greater_equal(x.length, needed), IndexError(message))
        return place if place >= 0 else x.length + int(place)
    at = xp.where(xp.less(place, 0), place + x.length, place)
    inside = bitwise_and(xp.greater_equal(at, 0), xp.less(at, x.length))
    failures.assert_raising(inside, IndexError(message))
    return at


def element(x: Any, place: Any) -> Any:
    """`x[place]`."""
    found = _whole(x)
    if isinstance(place, slice):
        return _noted((tuple if isinstance(x, tuple) else list)([_cut(found, place)]))
    return found.at(_place(found, place, f"{type(x).__name__} index out of range"))


def _noted(x: Any) -> Any:
    """A new container of the same elements."""
    note(x)
    return x


def rearranged(x: Growing, places: Any, length: Any) -> Growing:
    """The elements at some positions, one for each row of a room."""
    rows = xp.clip(x.row(places), 0, config.list_capacity.value - 1)
    return x.with_rooms([r[rows] for r in x.rooms], 0, length)


def _cut(x: Growing, part: slice) -> Growing:
    """The elements of a slice."""
    if part.step not in (None, 1):
        return _stepped(x, part)
    n = x.length
    first, last = (
        default if end is None else xp.clip(_from_start(end, n), 0, n)
        for end, default in ((part.start, 0), (part.stop, n))
    )
    return x.with_rooms(x.rooms, x.row(first), xp.maximum(last - first, 0))


def _from_start(place: Any, n: Any) -> Any:
    if type(place) is Tracer:
        return xp.where(xp.less(place, 0), place + n, place)
    return place + n if place < 0 else place


def _stepped(x: Growing, part: slice) -> Growing:
    """The elements of a slice with a step, as `slice.indices` has them."""
    step, n = part.step, x.length
    if not isinstance(step, int) or step == 0:
        raise Perhaps.complaint()
    low, high = (0, n) if step > 0 else (-1, n - 1)
    ends = [
        default if end is None else xp.clip(_from_start(end, n), low, high)
        for end, default in zip((part.start, part.stop), (low, high)[::(1 if step > 0 else -1)],
                                strict=True)
    ]  # fmt: skip
    first, last = ends
    count = xp.maximum((last - first + step - (1 if step > 0 else -1)) // step, 0)
    return rearranged(x, first + step * positions(), count)


def positions() -> Any:
    """Numbers of the rows."""
    return xp.arange(config.list_capacity.value, dtype=np.int32)


# --- changes --------------------------------------------------------------------------------------


def set_element(x: Any, place: Any, value: Any) -> None:
    """`x[place] = value`."""
    found = _whole(x)
    at = _place(found, place, "list assignment index out of range")
    put(x, with_element(found, found.row(at), value))


def with_element(
    x: Growing, row: Any, value: Any, there: Any = True, own: dict[int, Any] | None = None
) -> Growing:
    """The stretch with another element in a row, where a condition holds; see `agree`."""
    node, (old, new), numbered = agree([[x], [value]], [PRESENT] * 2, own=own)
    pairs = zip(old.made()[0], new.row(0), strict=True)
    rooms = [stored(r, row, v, there) for r, v in pairs]
    return Growing(node, rooms, x.first, x.length, numbered)


def append(x: Any, value: Any) -> None:
    """`x.append(value)`."""
    put(x, _bounded(x, stretch([*x, value])))


def append_left(x: Any, value: Any) -> None:
    """`x.appendleft(value)`."""
    put(x, _bounded(x, _inserted(_whole(x), 0, value), at_front=True))


def _bounded(x: Any, found: Growing, at_front: bool = False) -> Growing:
    """What is left of the elements in a deque of bounded length, where some were put in."""
    most = x.maxlen if isinstance(x, deque) else None
    if most is None:
        return found
    first = found.first if at_front else found.row(xp.maximum(found.length - most, 0))
    return found.with_rooms(found.rooms, first, xp.minimum(found.length, most))


def insert(x: Any, place: Any, value: Any) -> None:
    """`x.insert(place, value)`."""
    found = _inserted(_whole(x), place, value)
    if isinstance(x, deque) and x.maxlen is not None:
        error = IndexError("deque already at its maximum size")
        failures.assert_raising(xp.less_equal(found.length, x.maxlen), error)
    put(x, found)


def _inserted(x: Growing, place: Any, value: Any) -> Growing:
    i, at = positions(), xp.clip(_from_start(place, x.length), 0, x.length)
    longer = stretch([x, value])
    i = xp.where(i < at, i, xp.where(i == at, x.length, i - 1))
    return rearranged(longer, i, longer.length)


def extend(x: Any, values: Any) -> None:
    """`x.extend(values)`."""
    put(x, _bounded(x, stretch([*x, *_in_list(values)])))


def extend_left(x: Any, values: Any) -> None:
    """`x.extendleft(values)`."""
    turned = _stepped(stretch([*_in_list(values)]), slice(None, None, -1))
    put(x, _bounded(x, stretch([turned, *x]), at_front=True))


def _in_list(values: Any) -> Any:
    """Values, which may be as many as data say, in a list or the like."""
    if isinstance(values, (list, tuple, deque)):
        return values
    return gathered(values) if isinstance(values, Running) else collected(values, lambda v: v, None)


def each_of(items: Any, f: Callable[[Any], Any]) -> None:
    """Call `f` for each of some items, whose number may be traced."""

    def step(item: Any) -> tuple[()]:
        f(item)
        return ()

    above.for_(items, step, ())


def pop(x: Any, place: Any = -1) -> Any:
    """`x.pop(place)`."""
    found = _whole(x)
    at = _place(found, place, nothing_to_pop(x))
    value = found.at(at, taken=True)
    put(x, _without(found, place, at))
    return value


def nothing_to_pop(x: Any) -> str:
    """What Python says of an empty list, or deque."""
    return (
        f"pop from an empty {type(x).__name__}" if isinstance(x, deque) else "pop from empty list"
    )


def _without(x: Growing, place: Any, at: Any) -> Growing:
    less = x.length - 1
    if isinstance(place, int) and place == -1:
        return x.with_rooms(x.rooms, x.first, less)
    if isinstance(place, int) and place == 0:
        return x.with_rooms(x.rooms, x.row(1), less)
    i = positions()
    return rearranged(x, i + (i >= at), less)


def remove(x: Any, item: Any) -> None:
    """`x.remove(item)`."""
    found = _whole(x)
    at = index(x, item)
    put(x, _without(found, at, at))


def reverse(x: Any) -> None:
    """`x.reverse()`."""
    put(x, _stepped(_whole(x), slice(None, None, -1)))


def rotate(x: Any, n: Any = 1) -> None:
    """`x.rotate(n)`."""
    found = _whole(x)
    size = xp.maximum(found.length, 1)
    i = positions()
    put(x, rearranged(found, xp.where(i < size, (i - n) % size, i), found.length))


# --- what looks through a list --------------------------------------------------------------------


def equal_rows(x: Growing, item: Any) -> Any:
    """Which elements, in their order, equal an item; None where a loop has to find out."""
    found = _equal(x.made_of(x.ordered()), item)
    return None if found is None else xp.logical_and(xp.less(positions(), x.length), found)


def _equal(elements: Any, item: Any) -> Any:
    """The same of elements whose parts stand in rows, or are the same in all of them."""
    if isinstance(elements, tuple):
        if not isinstance(item, tuple) or len(elements) != len(item):
            return False
        parts = [_equal(a, b) for a, b in zip(elements, item, strict=True)]
        if any(part is None for part in parts):
            return None
        return functools.reduce(xp.logical_and, parts, True)
    if type(elements) is Choice:
        found = [_equal(one, item) for one in elements.alternatives]
        if any(one is None for one in found):
            return None
        pairs = [xp.logical_and(xp.equal(elements.index, k), one) for k, one in enumerate(found)]
        return functools.reduce(xp.logical_or, pairs)
    if type(elements) is pools.Ref:
        return pools.same(elements, item) if elements.is_told_by_identity() else None
    if is_number(elements) and np.ndim(elements) < 2:
        if is_number(item):
            return xp.equal(elements, item) if np.ndim(item) == 0 else None
        return False if isinstance(item, (str, bytes, tuple, type(None))) else None
    return bool(elements == item) if isinstance(elements, (str, bytes, type(None))) else None


def holds(x: Any, item: Any) -> Any:
    """`item in x`."""
    found = _whole(x)
    rows = equal_rows(found, item)
    if rows is not None:
        return xp.any(rows)
    return fold(found, lambda there, v: or_(there, lambda: same_or_equal(v, item)), False)


def index(x: Any, item: Any) -> Any:
    """`x.index(item)`."""
    found = _whole(x)
    rows = equal_rows(found, item)
    if rows is None:
        at = fold(
            found,
            lambda s, v: (s[0] + 1, ifexp(
                s[1] < 0, lambda: ifexp(same_or_equal(v, item), lambda: s[0], lambda: -1),
                lambda: s[1],
            )),
            (0, -1),
        )[1]  # fmt: skip
        rows = xp.greater_equal(at, 0)
    else:
        at = xp.argmax(rows)
        rows = xp.any(rows)
    missing = ValueError(f"the value is not in the {type(x).__name__}")
    failures.assert_raising(rows, missing)
    return as_index(at)


def count(x: Any, item: Any) -> Any:
    """`x.count(item)`."""
    found = _whole(x)
    rows = equal_rows(found, item)
    if rows is not None:
        return as_index(xp.sum(rows))
    return fold(found, lambda n, v: ifexp(same_or_equal(v, item), lambda: n + 1, lambda: n), 0)


def fold(x: Growing, step: Callable[[Any, Any], Any], out: Any) -> Any:
    """`step(out, element)` for each element, in a compiled loop."""
    return above.for_(x, lambda v, out: (step(out, v),), (out,), ("the result",))[0]


def alike(a: Any, b: Any) -> Any:
    """`a == b`, of two such lists."""
    one, other = _whole(a), _whole(b)
    same = xp.equal(one.length, other.length)

    def step(s: Any, v: Any) -> Any:
        i, found = s
        return i + 1, ifexp(found, lambda: same_or_equal(v, other.at(i)), lambda: False)

    return fold(one, step, (0, same))[1]


def in_order(x: Any, key: Any, reverse: bool) -> list[Any]:
    """`sorted(x, key=key, reverse=reverse)`, by keys that are numbers or tuples of these."""
    found = _whole(x)
    keys = found if key is None else _whole(collected(found, key, None))
    i, columns = positions(), _columns(keys.made_of(keys.ordered()))
    if reverse:
        columns = [~c if c.dtype.kind in "iub" else -c for c in columns]
    order = xp.lexsort([*columns[::-1], xp.greater_equal(i, found.length)])
    return _noted([rearranged(found, as_index(order), found.length)])


def _columns(keys: Any) -> list[Any]:
    """The numbers that keys are compared by, the first one first."""
    if isinstance(keys, tuple):
        return [c for part in keys for c in _columns(part)]
    if not is_number(keys) or np.ndim(keys) > 1:
        raise Perhaps.complaint()
    return [keys] if np.ndim(keys) else []


def sort(x: Any, *, key: Any = None, reverse: bool = False) -> None:
    """`x.sort(key=key, reverse=reverse)`."""
    asks = None if key is None else lambda v: above.call(key, v)
    Contents(x).write(in_order(x, asks, reverse))


def each(
    x: Any, body: Callable[..., Any], state: Any, names: Sequence[str], stop: int | None
) -> Any:
    """A `for` loop over the elements, also over those that its steps append."""

    def test(i: Any, *state: Any) -> Any:
        more = xp.less(i, _whole(x).length)
        return more if stop is None else bitwise_and(more, not_(state[stop]))

    def step(i: Any, *state: Any) -> Any:
        given = list(state)
        if stop is not None:
            given[stop] = False
        return (i + 1, *body(_whole(x).at(i), *given))

    return above.while_(test, step, (as_index(0), *state), ("the position", *names))[1:]


def collected(iterable: Any, element: Callable[[Any], Any], condition: Any) -> list[Any]:
    """`[element(v) for v in iterable if condition(v)]`."""
    return gathered(Running(iterable, element, condition or (lambda v: True)))


def gathered(items: Running) -> list[Any]:
    """The list of the elements of a generator expression."""
    found: list[Any] = []

    def add(count: int, v: Any) -> int:
        above.call(found.append, v)
        return count

    items.fold(add, 0)
    return found


METHODS: dict[str, Callable[..., Any]] = {
    "append": append, "appendleft": append_left, "extend": extend, "extendleft": extend_left,
    "insert": insert, "pop": pop,
    "popleft": lambda x: pop(x, 0), "clear": lambda x: Contents(x).write([]), "reverse": reverse,
    "rotate": rotate, "sort": sort, "copy": lambda x: _noted(x.copy()), "remove": remove,
    "index": index, "count": count, "__contains__": holds, "__getitem__": element,
    "__setitem__": set_element, "__len__": lambda x: _whole(x).length,
}  # fmt: skip
"""Methods of lists and deques of such a length."""
