"""Which objects the elements of growing lists are.

The elements of a list that grows in a compiled loop are kept in rooms, see `growing`; one that is
looked at is an object made anew. In Python it is the one that was put in, so that a store to it is
seen in the list, and through all other names for it. Every object in such a list therefore has a
*number*, which the rooms hold beside its parts, and what is made of a row has the number of the
object for which it stands. `sharing` repeats a store to one of these on the others.

Numbers are data: which object `stack[-1]` is, a program finds out when it runs. They are kept like
what objects hold, so that branches and loops join them: see `journal`.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ms_func.ir.primitive import current
from ms_func.primitives.arithmetic import add
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.compare import eq, gt
from ms_func.source.hooks.aliases import Links
from ms_func.source.hooks.journal import MISSING, Attribute, Location, journal, store
from ms_func.tracing.tracer import Staging, Tracer

NONE = np.int32(0)
"""Number of an object that is in no such list."""
FROZEN = np.int32(-1)
"""Number of an object in a list where stores to it cannot be repeated. Told by identity."""


class Entry:
    """An object that has a number.

    Attributes:
        object: the object.
        number: its number, concrete or traced.
        is_new: whether it was given a number of its own here, and is no copy.
        time: when it got the number, in the order of the recording.
    """

    __slots__ = ("is_new", "number", "object", "time")

    def __init__(self, x: Any, number: Any) -> None:
        self.object, self.number = x, number
        self.is_new = False
        self.time = next(_times)


_times = itertools.count()


def _links() -> Links:
    trace = current.interpreter
    if trace.links is None:
        trace.links = Links()
    return trace.links


def _tables() -> Iterator[Links]:
    """The tables of the recordings around this line, the innermost one first."""
    trace = current.interpreter
    while type(trace) is Staging:
        if trace.links is not None:
            yield trace.links
        trace = trace.outer


def entry_of(x: Any) -> Entry | None:
    """What is known of the number of an object."""
    return next((t.numbers[id(x)] for t in _tables() if id(x) in t.numbers), None)


class Number(Location):
    """Which object an object is: the place that holds its number."""

    __slots__ = ()

    def read(self) -> Any:
        """The number."""
        found = entry_of(self.owner)
        return MISSING if found is None else found.number

    def write(self, value: Any) -> None:
        """Give the object a number, or none."""
        numbers = _links().numbers
        if value is MISSING:
            numbers.pop(id(self.owner), None)
        else:
            numbers[id(self.owner)] = Entry(self.owner, value)


class Stale(Location):
    """Whether the elements of a stretch were changed since, where other lists may hold it."""

    __slots__ = ()

    def read(self) -> Any:
        """True, or nothing."""
        return True if is_stale(self.owner) else MISSING

    def write(self, value: Any) -> None:
        """Note it."""
        stale = _links().stale
        if value is MISSING:
            stale.pop(id(self.owner), None)
        else:
            stale[id(self.owner)] = self.owner


def is_stale(stretch: Any) -> bool:
    """Whether elements of a stretch were changed in another list."""
    return any(id(stretch) in t.stale for t in _tables())


# --- numbers --------------------------------------------------------------------------------------


class _Census:
    """The supply of numbers of one function that is recorded."""

    def __init__(self, first: int) -> None:
        self.next: Any = np.int32(first)


class _Supplies(threading.local):
    depth = 0
    census = _Census(1)


_supplies = _Supplies()
_APART = 1 << 24
"""How many numbers a function has before those of a function that is recorded inside of it."""


@contextmanager
def supply() -> Iterator[None]:
    """A supply of numbers for a function that is recorded."""
    outer = _supplies.census
    _supplies.depth += 1
    _supplies.census = _Census(1 + (_supplies.depth - 1) % 64 * _APART)
    try:
        yield
    finally:
        _supplies.depth -= 1
        _supplies.census = outer


def _supply() -> Attribute:
    return Attribute(_supplies.census, "next")


def _plus(number: Any, count: int) -> Any:
    one = np.int32(count)
    return add(number, one) if type(number) is Tracer else np.int32(number + one)


def block(count: int) -> Any:
    """The first of several new numbers."""
    place = _supply()
    first = place.read()
    store(place, _plus(first, count))
    return first


def enter(x: Any, number: Any) -> None:
    """Note the number of an object that was made of a row, or joined."""
    store(Number(x), number)


def number_of(x: Any, overlay: Any) -> Any:
    """The number of an object in the heap as a recording left it; a new one where it has none."""
    found = known_number(x, overlay)
    if found is not None:
        return found
    if overlay.reopened is not None:
        return _late(x, overlay)
    found = block(1)
    enter(x, found)
    _links().numbers[id(x)].is_new = True
    return found


def known_number(x: Any, overlay: Any) -> Any:
    """The number of an object in the heap as a recording left it, or None."""
    found = overlay.finals.get(Number(x).key, MISSING) if overlay.finals else MISSING
    if found is not MISSING:
        return found
    entry = entry_of(x)
    return None if entry is None else entry.number


def _late(x: Any, overlay: Any) -> Any:
    """A number that an object gets at the end of a recording."""
    place, own = _supply(), Number(x)
    found = overlay.finals.get(place.key, place.read())
    with overlay.reopened():
        overlay.finals[place.key] = _plus(found, 1)
    overlay.finals[own.key] = found
    overlay.late.update({place.key: place, own.key: own})
    return found


def freeze(x: Any, overlay: Any) -> None:
    """Note that stores to an object are refused from here on."""
    if overlay.reopened is not None:
        own = Number(x)
        overlay.finals[own.key] = FROZEN
        overlay.late[own.key] = own
    else:
        enter(x, FROZEN)


def late(overlays: Sequence[Any]) -> dict[Any, Location]:
    """The places that joining the outcomes of recordings has stored to."""
    return {key: place for o in overlays for key, place in o.late.items()}


# --- which objects are one ------------------------------------------------------------------------


def equal(a: Entry, b: Entry) -> Any:
    """Whether two objects are one: False, or a condition."""
    m, n = a.number, b.number
    if m is FROZEN or n is FROZEN:
        return False
    if (a.is_new and (b.is_new or b.time < a.time)) or (b.is_new and a.time < b.time):
        return False
    if type(m) is not Tracer and type(n) is not Tracer:
        return bool(m == n)
    return bitwise_and(eq(m, n), gt(n, NONE))


def same(a: Any, b: Any) -> Any:
    """Whether two objects are one, where both have numbers: False, or a condition."""
    one, other = entry_of(a), entry_of(b)
    if one is None or other is None or type(a) is not type(b):
        return False
    return equal(one, other)


# --- who holds what -------------------------------------------------------------------------------


def hold(x: Any) -> None:
    """Note a container whose elements have numbers."""
    if all(id(x) not in t.holders for t in _tables()):
        _links().holders[id(x)] = x


def entries() -> list[Entry]:
    """All objects with numbers, as the innermost recording knows them."""
    found: dict[int, Entry] = {}
    for t in _tables():
        found = t.numbers | found
    return list(found.values())


def holders() -> list[Any]:
    """Containers whose elements have numbers, each in a list of its own."""
    found: dict[int, Any] = {}
    for t in _tables():
        found |= t.holders
    return [[x] for x in found.values()]


def is_used(where: Any, name: Any) -> bool:
    """Whether anybody but these tables and the journal knows the object at a place."""
    x = where[name] if name == 0 else getattr(where, name)
    identity = id(x)
    held = sum((identity in t.numbers) + (identity in t.holders) for t in _tables())
    held += sum(len(t.table.get(identity, ())) for t in _tables())
    frame = journal.top
    while frame is not None:
        held += sum(place.owner is x for place, _ in frame.entries.values())
        frame = frame.outer
    return sys.getrefcount(x) > held + (3 if name == 0 else 2)


def forget(entry: Entry) -> None:
    """Take out an object that nobody knows any more."""
    trace = current.interpreter
    if trace.links is not None:
        trace.links.numbers.pop(id(entry.object), None)
