"""One object that stands for several, one of which the data chose: what stores do to the others.

After `b = a if x > 0 else c` for lists `a` and `c`, the name `b` holds a list of its own, joined
element by element. In Python it is `a` or `c`, so that a store through any of the three names may
be seen through others. A `Link` keeps them together: a store to one of them is repeated on the
others, where the data say that they are the same object. Where that cannot be written (the
store changed the length of a list), the other object is *spoiled*: it raises an error as soon as
somebody uses it, which nobody does in most programs. What a loop makes of objects has numbers
instead, see `identity`: how many steps there are, and so which object is left, only data know.
"""

from __future__ import annotations

import functools
import sys
from collections import deque
from collections.abc import Callable, Sequence
from types import CellType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ms_func.errors import StagingError
from ms_func.ir.loc import user_loc
from ms_func.ir.primitive import current
from ms_func.primitives.bits import bitwise_and
from ms_func.primitives.compare import eq, select
from ms_func.source.hooks import above
from ms_func.source.hooks.heap.anatomy import own_names
from ms_func.source.hooks.heap.journal import (
    MISSING,
    Cell,
    Contents,
    Handle,
    attribute,
    journal,
)
from ms_func.source.hooks.heap.undefined import Unusable
from ms_func.tracing.tracer import Staging, Tracer


class Link:
    """An object that stands for one of several.

    Attributes:
        made: the object.
        origins: what it may be; None for what never changes.
        index: which of them it is, an integer.
    """

    __slots__ = ("index", "made", "origins")

    def __init__(self, made: Any, origins: Sequence[Any], index: Any) -> None:
        self.made = made
        self.origins = tuple(origins)
        self.index = index


class Links:
    """What one recording knows of objects that are, or may be, one.

    Attributes:
        order: the links, in order.
        table: the same by the objects they hold together.
        numbers: the numbers of objects in growing lists; see `identity`.
        holders: containers of such objects.
        stale: stretches whose elements were changed in another list.
    """

    __slots__ = ("holders", "numbers", "order", "stale", "table")
    spread: ClassVar[Callable[[Any, str | None, bool], None]]
    """Repeats a store to an object by its number; `sharing` supplies it."""
    crowded: ClassVar[Callable[[Any], None]]
    """Called where a store has to be repeated on very many objects; `pools` supplies it."""

    def __init__(self) -> None:
        self.order: list[Link] = []
        self.table: dict[int, list[Link]] = {}
        self.numbers: dict[int, Any] = {}
        self.holders: dict[int, Any] = {}
        self.stale: dict[int, Any] = {}

    def add(self, link: Link) -> None:
        """Enter a link."""
        self.order.append(link)
        for x in (link.made, *link.origins):
            if x is not None:
                self.table.setdefault(id(x), []).append(link)

    def cut(self, mark: int) -> list[Link]:
        """Take out all links but the first `mark`."""
        gone = self.order[mark:]
        del self.order[mark:]
        for link in gone:
            for x in (link.made, *link.origins):
                if x is not None:
                    self.table[id(x)].remove(link)
        return gone


def link(made: Any, origins: Sequence[Any], index: Any) -> None:
    """Note that `made` stands for one of `origins`."""
    trace = current.interpreter
    if type(trace) is Staging:
        if trace.links is None:
            trace.links = Links()
        trace.links.add(Link(made, origins, index))


def linked(x: Any) -> list[Link]:
    """Links of an object in the recordings around this line."""
    return _linked(id(x))


def _linked(identity: int) -> list[Link]:
    found: list[Link] = []
    trace = current.interpreter
    while type(trace) is Staging:
        if trace.links is not None:
            found += trace.links.table.get(identity, ())
        trace = trace.outer
    return found


def any_links() -> bool:
    """Whether there are links in the recordings around this line."""
    trace = current.interpreter
    while type(trace) is Staging:
        if trace.links is not None and trace.links.order:
            return True
        trace = trace.outer
    return False


def choice_of(x: Any, links: Links | None) -> Link | None:
    """The link that made an object, among those of a recording."""
    for found in () if links is None else links.table.get(id(x), ()):
        if found.made is x:
            return found
    return None


# --- stores -------------------------------------------------------------------------------------


def changed(x: Any, name: str | None = None) -> None:
    """Repeat a store that just happened to `x`, or an attribute, on what may be the same object."""
    trace, lacks_number = current.interpreter, False
    while type(trace) is Staging:
        if trace.links is not None and id(x) in trace.links.table:
            lacks_number = follow(x, name)
            break
        trace = trace.outer
    if lacks_number or is_numbered(x):
        Links.spread(x, name, lacks_number)


def is_numbered(x: Any, surely: bool = False) -> bool:
    """Whether an object has a number; `surely`, whatever the data are."""
    trace = current.interpreter
    while type(trace) is Staging:
        if trace.links is not None and id(x) in trace.links.numbers:
            return not surely or trace.links.numbers[id(x)].tag.sure
        trace = trace.outer
    return False


class _Way(NamedTuple):
    """How links lead from an object to another, none of which it holds itself.

    Attributes:
        link: the last link.
        k: the position of the origin at one of its ends.
        to_made: whether it leads to what the link made, or to the origin.
        known: traced indices on the way here and what they are, by variable.
    """

    link: Link
    k: int
    to_made: bool
    known: dict[Any, tuple[Any, int]]

    def end(self) -> Any:
        """The object where it leads."""
        return self.link.made if self.to_made else self.link.origins[self.k]


def follow(x: Any, name: str | None) -> bool:
    """Repeat a store to `x` on all objects still in use that links lead to.

    Objects that have numbers for sure are told apart by these; see `identity`.

    Returns:
        Whether one of these has a number for sure, and `x` has none.
    """
    numbered, ways = is_numbered(x, surely=True), _ways(x)
    for w in ways:
        if _is_used(w) and not (numbered and is_numbered(w.end(), surely=True)):
            _repeat(x, w.end(), w.known, name)
    lacks = not numbered and type(x) is not Tracer
    return lacks and any(is_numbered(w.end(), surely=True) for w in ways)


def ends(x: Any) -> list[Any]:
    """Objects still in use that links lead to from `x`."""
    return [w.end() for w in _ways(x) if _is_used(w)]


def _ways(x: Any) -> list[_Way]:
    """All ways over links that start at `x` and that their indices do not rule out."""
    found: list[_Way] = []
    done: set[Any] = set()
    _from(id(x), {}, found, done)
    for w in found:  # which grows
        _from(id(w.end()), w.known, found, done)
        if len(found) > _MANY:
            Links.crowded(x)
    return found


_MANY = 128


def _from(x: int, known: dict[Any, Any], found: list[_Way], done: set[Any]) -> None:
    """Add the ways over the links of the object with this identity.

    Two ways may end with one link: where the data chose among the same objects twice, both
    choices may be the first of them, or both the second.
    """
    for one in _linked(x):
        made = id(one.made) == x
        for k, y in enumerate(one.origins):
            now = _with(known, one.index, k)
            if y is not None and (made or id(y) == x) and now is not None:
                step = id(one), k, frozenset((variable, at) for variable, (_, at) in now.items())
                if step not in done:
                    done.add(step)
                    found.append(_Way(one, k, not made, now))


def _with(known: dict[Any, Any], index: Any, k: int) -> dict[Any, Any] | None:
    """What is known of indices where one of them is `k`; None, if it cannot be."""
    if type(index) is not Tracer:
        return known if int(index) == k else None
    fits = index.variable not in known or known[index.variable][1] == k
    return {**known, index.variable: (index, k)} if fits else None


def _is_used(w: _Way) -> bool:
    """Whether anybody but links and the journal knows the object where a step leads."""
    identity = id(w.end())
    held, frame = len(_linked(identity)), journal.top
    while frame is not None:
        for kind in (Contents, Handle):
            held += (kind, identity, None) in frame.entries
        frame = frame.outer
    return sys.getrefcount(w.end()) > held + 1


def _repeat(source: Any, target: Any, known: dict[Any, tuple[Any, int]], name: str | None) -> None:
    """Make `target` what `source` is, where the data say that they are one."""
    repeat(source, target, _all_hold(known), name, known)


def repeat(
    source: Any, target: Any, here: Any, name: str | None,
    known: dict[Any, tuple[Any, int]] | None = None,
) -> None:  # fmt: skip
    """Make `target`, or an attribute of it, what `source` is, where a condition holds.

    `known` are indices that the condition tells.
    """
    if type(target) is Tracer:
        _rebind(target, source, here)
        return
    try:
        above.ifexp(here, lambda: _take(source, target, name, known or {}), lambda: None)
    except StagingError as error:
        error.__traceback__ = None  # its frames would keep objects that nobody else knows
        spoil(target)


def _rebind(target: Tracer, source: Tracer, here: Any) -> None:
    from ms_func.control_flow.bodies import as_type

    new = select(here, as_type(source, target.type), target)
    top = journal.top
    if top is not None and target.recorder is not top.trace:
        top.touch(Handle(target))
    target.recorder, target.variable, target.type = new.recorder, new.variable, new.type


def _take(source: Any, target: Any, name: str | None, known: dict[Any, Any]) -> None:
    """Store to `target` what `source` holds; parts of it that are the same objects stay."""
    if name is not None:
        _take_attribute(source, target, name, known)
    elif type(source) is CellType:
        place: Any = Cell(target)
        _write(place, _own(Cell(source).read(), place.read(), known))
    elif isinstance(source, (list, deque)):
        old = list(target) if len(target) == len(source) else [MISSING] * len(source)
        _write(Contents(target), [_own(x, y, known) for x, y in zip(source, old, strict=True)])
    elif isinstance(source, dict):
        _write(Contents(target), {k: _own(x, target.get(k), known) for k, x in source.items()})
    elif isinstance(source, set):
        _write(Contents(target), source)
    else:
        for name in dict.fromkeys((*own_names(source), *own_names(target))):
            _take_attribute(source, target, name, known)


def _take_attribute(source: Any, target: Any, name: str, known: dict[Any, Any]) -> None:
    place = attribute(target, name)
    new, old = attribute(source, name).read(), place.read()
    if new is not old:
        _write(place, _own(new, old, known))


def _own(new: Any, old: Any, known: dict[Any, tuple[Any, int]]) -> Any:
    """`old` where what is known of indices says that `new` stands for it, or it for `new`."""
    for one in linked(new):
        for k, x in enumerate(one.origins):
            is_between = (one.made is new and x is old) or (one.made is old and x is new)
            now = _with(known, one.index, k) if is_between else None
            if now is not None and len(now) == len(known):
                return old
    return new


def _write(place: Any, value: Any) -> None:
    if journal.top is not None:
        journal.top.touch(place)
    place.write(value)


# --- identity -----------------------------------------------------------------------------------


def same(a: Any, b: Any) -> list[Any]:
    """Traced conditions under any of which `a` and `b`, two objects, are one."""
    found: list[Any] = []
    if a is None or b is None:
        return found
    others = _stood_for(b)
    for x, known in _stood_for(a):
        for y, also in others:
            if x is y and all(known[v][1] == also[v][1] for v in known.keys() & also.keys()):
                found.append(_all_hold(known | also))
    return found


def _stood_for(x: Any) -> list[tuple[Any, dict[Any, tuple[Any, int]]]]:
    """An object and all that it may stand for, with what indices are then."""
    found: list[tuple[Any, dict[Any, tuple[Any, int]]]] = [(x, {})]
    for y, known in found:  # which grows
        for one in linked(y):
            for k, z in enumerate(one.origins if one.made is y else ()):
                now = _with(known, one.index, k)
                if z is not None and now is not None:
                    found.append((z, now))
    return found


def _all_hold(known: dict[Any, tuple[Any, int]]) -> Any:
    """Whether indices are what is known of them."""
    conditions = [eq(index, np.int32(k)) for index, k in known.values()]
    return functools.reduce(bitwise_and, conditions, np.bool_(True))


# --- objects that nobody may use any more ------------------------------------------------------


def _complaint(what: str) -> StagingError:
    return StagingError(
        f"MS102 branches disagree: {what} depends on a choice at run time, after which one name "
        "holds one of several objects, and one of these was stored to\n"
        "fix: bind the name to a copy (`b = list(a)`), or store to it before the choice",
        user_loc(2),
    )


class Spoiled(Unusable):
    """What an object holds that may have been changed in a way that no program can hold."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return "<MS102 part of one of several objects, chosen at run time and then changed>"

    @staticmethod
    def complaint() -> Exception:
        """The error."""
        return _complaint("what this object holds")


_SPOILED = Spoiled()


def refuse_spoiled(x: Any) -> None:
    """Raise an error for a container that may have been changed, before its length is taken."""
    if isinstance(x, (list, deque, dict, set)) and len(x) and next(iter(x)) is _SPOILED:
        _SPOILED.complain()


def spoil(x: Any) -> None:
    """Make an object raise an error when it is used; journalled."""
    held = _SPOILED
    if type(x) is CellType:
        _write(Cell(x), held)
    elif isinstance(x, (list, deque)):
        _write(Contents(x), [held])
    elif isinstance(x, dict):
        _write(Contents(x), {held: held, **dict.fromkeys(x, held)})
    elif isinstance(x, set):
        _write(Contents(x), {held})
    elif not isinstance(x, Tracer):
        for name in own_names(x):
            _write(attribute(x, name), held)
