"""Which objects the elements of growing lists are, and the objects that a loop hands on.

The elements of a list that grows in a compiled loop are kept in rooms, see `growing`; one that is
looked at is an object made anew. In Python it is the one that was put in, so that a store to it is
seen in the list, and through all other names for it. Every object in such a list therefore has a
*number*, which the rooms hold beside its parts, and what is made of a row has the number of the
object for which it stands. `sharing` repeats a store to one of these on the others. So it is with
what a name holds that a loop binds to one object after another.

Numbers are data: which object `stack[-1]` is, a program finds out when it runs. They are kept like
what objects hold, so that branches and loops join them: see `journal`.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Any, NamedTuple

import numpy as np

from ms_func.ir.primitive import current
from ms_func.primitives.arithmetic import add
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import eq, gt, select
from ms_func.source.hooks.heap.aliases import Link, Links, choice_of, linked
from ms_func.source.hooks.heap.anatomy import PRESENT
from ms_func.source.hooks.heap.journal import MISSING, Attribute, Location, journal, store
from ms_func.tracing.tracer import Staging, Tracer


class Family:
    """Objects that stand in one place of the elements of a list, so that they may be one."""

    __slots__ = ("_in",)

    def __init__(self) -> None:
        self._in: Family | None = None

    def whole(self) -> Family:
        """The family of which this one is a part by now."""
        found = self
        while found._in is not None:
            found = found._in
        return found

    def join(self, other: Family) -> Family:
        """Make two families one."""
        a, b = self.whole(), other.whole()
        if a is not b:
            a._in = b
        return b


class Tag(NamedTuple):
    """What tells which object an object is.

    Attributes:
        number: its number, concrete or traced; 0 for an object that is in no growing list.
        family: objects of other families are others, whatever their numbers are.
        sure: whether the object has a number whatever the data are.
    """

    number: Any
    family: Family
    sure: bool = True


NONE = np.int32(0)
FROZEN = Tag(np.int32(-1), Family())
"""Tag of an object in a list where stores to it cannot be repeated."""


def united(tags: Iterable[Tag | None]) -> tuple[Family, bool]:
    """The one family of objects with these tags, and whether all of them have numbers."""
    found, sure = Family(), True
    for t in tags:
        sure = sure and t is not None and t.sure
        found = found if t is None else found.join(t.family)
    return found, sure


class Entry:
    """An object that has a number.

    Attributes:
        object: the object.
        tag: its number and family.
        is_new: whether it was given a number of its own here, and is no copy.
        time: when it got the number, in the order of the recording.
    """

    __slots__ = ("is_new", "object", "tag", "time")

    def __init__(self, x: Any, tag: Tag) -> None:
        self.object, self.tag = x, tag
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
    """Which object an object is: the place that holds its tag."""

    __slots__ = ()
    is_part = False

    def read(self) -> Any:
        """The tag."""
        found = entry_of(self.owner)
        return MISSING if found is None else found.tag

    def write(self, value: Any) -> None:
        """Give the object a tag, or none."""
        numbers = _links().numbers
        if value is MISSING:
            numbers.pop(id(self.owner), None)
        else:
            numbers[id(self.owner)] = Entry(self.owner, value)


class Stale(Location):
    """Whether the elements of a stretch were changed since, where other lists may hold it."""

    __slots__ = ()
    is_part = False

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


_APART = 1 << 24
"""How many numbers a function has before those of a function that is recorded inside of it."""


class _Supply(threading.local):
    """Gives a function that is recorded inside of it numbers of its own.

    Attributes:
        census: what counts those of the innermost function.
    """

    census = _Census(1)

    def __init__(self) -> None:
        self._around: list[_Census] = []

    def __enter__(self) -> None:
        around = len(self._around)
        self._around.append(self.census)
        self.census = _Census(1 + around % 64 * _APART)

    def __exit__(self, *exc: object) -> None:
        self.census = self._around.pop()


supply = _Supply()


def _counter() -> Attribute:
    return Attribute(supply.census, "next")


def _plus(number: Any, count: int) -> Any:
    one = np.int32(count)
    return add(number, one) if type(number) is Tracer else np.int32(number + one)


def block(count: int) -> Any:
    """The first of several new numbers."""
    place = _counter()
    first = place.read()
    store(place, _plus(first, count))
    return first


def enter(x: Any, tag: Tag) -> None:
    """Note the tag of an object that was made of a row, or joined."""
    store(Number(x), tag)


def tag_of(x: Any, overlay: Any) -> Tag:
    """The tag of an object in the heap as a recording left it; with a new number if it has none."""
    found = known_tag(x, overlay)
    if found is not None and found.sure:
        return found
    if overlay.wanted is not None:
        overlay.wanted.append(x)
        return Tag(NONE, Family(), False)
    link = _link_of(x, overlay)
    if link is not None:
        return _chosen(x, found, link, overlay)
    if found is not None:
        return _numbered(x, found, overlay)
    if overlay.trace is not None:
        return _late(x, overlay)
    found = Tag(block(1), Family())
    enter(x, found)
    _links().numbers[id(x)].is_new = True
    return found


def _numbered(x: Any, tag: Tag, overlay: Any) -> Tag:
    """A tag that is sure, with a new number where the object has none."""
    place, key = _counter(), Number(x).key
    is_late = overlay.trace is not None
    with overlay.reopened():
        fresh = overlay.finals.get(place.key, place.read()) if is_late else place.read()
        none = eq(tag.number, NONE)
        found = Tag(select(none, fresh, tag.number), tag.family)
        after = add(fresh, convert_element_type(none, np.int32))
    if is_late:
        overlay.finals.update({place.key: after, key: found})
        overlay.late.update({place.key: place, key: Number(x)})
    else:
        store(place, after)
        enter(x, found)
    return found


def _link_of(x: Any, overlay: Any) -> Link | None:
    """The link that made an object, in a recording that has ended or in those around this line."""
    found = None if overlay.trace is None else choice_of(x, overlay.trace.links)
    return found or next((one for one in linked(x) if one.made is x), None)


def _chosen(x: Any, tag: Tag | None, link: Link, overlay: Any) -> Tag:
    """The tag of an object that is one of several others, which data chose."""
    tags = [tag if y is None else tag_of(y, overlay) for y in link.origins]
    if any(t is FROZEN for t in tags):
        found = FROZEN
    else:
        with overlay.reopened():
            *others, number = [NONE if t is None else t.number for t in tags]
            for k, n in enumerate(others):
                number = select(eq(link.index, np.int32(k)), n, number)
            if tag is not None:  # which counts even where the other's was forgotten with a region
                number = select(eq(tag.number, NONE), number, tag.number)
        found = Tag(number, *united(tags))
    _note(x, found, overlay)
    return found if found.sure else _numbered(x, found, overlay)


def known_tag(x: Any, overlay: Any) -> Tag | None:
    """The tag of an object in the heap as a recording left it."""
    found = overlay.finals.get(Number(x).key, MISSING) if overlay.finals else MISSING
    if found is not MISSING:
        return found
    entry = entry_of(x)
    return None if entry is None else entry.tag


def is_frozen(x: Any, overlay: Any) -> bool:
    """Whether stores to an object are refused in the heap as a recording left it."""
    return known_tag(x, overlay) is FROZEN


def _late(x: Any, overlay: Any) -> Tag:
    """A tag that an object gets at the end of a recording."""
    place, own = _counter(), Number(x)
    found = overlay.finals.get(place.key, place.read())
    with overlay.reopened():
        overlay.finals[place.key] = _plus(found, 1)
    overlay.finals[own.key] = Tag(found, Family())
    overlay.late.update({place.key: place, own.key: own})
    return overlay.finals[own.key]


def freeze(x: Any, overlay: Any) -> None:
    """Note that stores to an object are refused from here on."""
    _note(x, FROZEN, overlay)


def _note(x: Any, tag: Tag, overlay: Any) -> None:
    """Note the tag of an object in the heap as a recording left it."""
    if overlay.trace is not None:
        own = Number(x)
        overlay.finals[own.key] = tag
        overlay.late[own.key] = own
    else:
        enter(x, tag)


# --- which objects are one ------------------------------------------------------------------------


def equal(a: Entry, b: Entry) -> Any:
    """Whether two objects are one: False, or a condition."""
    if a.tag.family.whole() is not b.tag.family.whole():
        return False
    m, n = a.tag.number, b.tag.number
    if (a.is_new and (b.is_new or b.time < a.time)) or (b.is_new and a.time < b.time):
        return False
    if type(m) is not Tracer and type(n) is not Tracer:
        return bool(m == n)
    return bitwise_and(eq(m, n), gt(n, NONE))


def same(a: Any, b: Any) -> Any:
    """Whether two objects are one, where both have numbers: False, or a condition.

    What stands for one of several objects is given the number of that one.
    """
    for x, y in ((a, b), (b, a)):
        lacks = (known := entry_of(x)) is None or not known.tag.sure
        if lacks and entry_of(y) is not None and _link_of(x, PRESENT) is not None:
            tag_of(x, PRESENT)
    one, other = entry_of(a), entry_of(b)
    return False if one is None or other is None else equal(one, other)


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


def holders() -> list[int]:
    """Identities of the containers whose elements have numbers."""
    return list(dict.fromkeys(i for t in _tables() for i in t.holders))


def holder(i: int) -> Any:
    """The container of an identity."""
    return next(t.holders[i] for t in _tables() if i in t.holders)


def held(x: Any, counted: Set[int] = frozenset()) -> int:
    """How often the tables and the journal hold an object that has a number.

    `counted` are identities of the places that are not to be counted.
    """
    identity = id(x)
    found = sum((identity in t.numbers) + (identity in t.holders) for t in _tables())
    if found:
        places: set[int] = set()  # frames may share one
        frame = journal.top
        while frame is not None:
            places |= {id(place) for place, _ in frame.entries.values() if place.owner is x}
            frame = frame.outer
        found += len(places - counted)
    return found


def is_used(take: Callable[[], Any]) -> bool:
    """Whether anybody but the tables, links and the journal knows the object that `take` gives."""
    x = take()
    known = held(x) + sum(len(t.table.get(id(x), ())) for t in _tables())
    return sys.getrefcount(x) > known + OF_LOCAL


def _of_local() -> int:
    x = object()
    return sys.getrefcount(x)


OF_LOCAL = _of_local()
"""References to what one local variable holds: from Python 3.14 calls borrow it, and add none."""


def forget(entry: Entry) -> None:
    """Take out an object that nobody knows any more."""
    trace = current.interpreter
    if trace.links is not None:
        trace.links.numbers.pop(id(entry.object), None)
