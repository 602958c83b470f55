"""The journal of stores to objects, so that a branch can be recorded and then undone.

While a branch or a loop body is recorded, its stores happen to the real objects, and the
journal keeps what was there before. When the branch is left its finals are read, the old
values are put back, and the next branch starts from the same heap. The values joined over
all branches are then stored like any others, which an enclosing region journals in turn.

A store names a *location*: an attribute, the contents of a container, a cell, a global, the
value that an array handle stands for. Containers are kept whole: a copy at the first store.
"""

from __future__ import annotations

import itertools
import operator
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any, ClassVar

import numpy as np

from ms_func.source.hooks.heap.undefined import UNBOUND, UNDEFINED, Doubted, Unsure
from ms_func.tracing.tracer import Tracer

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING", "__slots__": ()})()
"""What a location holds where there is nothing: an attribute that does not exist."""


class Location:
    """A place of the heap that can be read and written.

    Attributes:
        owner: the object that is changed.
        name: attribute or key, None for an object that is kept whole.
        is_part: whether it is a part of the object.
        absent: what is joined with others where the place holds nothing.
        is_new: whether the object was made in the region that stored to it.
    """

    __slots__ = ("is_new", "name", "owner")
    what = "object"
    is_part = True
    absent: Any = UNDEFINED

    def __init__(self, owner: Any, name: Any = None) -> None:
        self.owner = owner
        self.name = name
        self.is_new = False

    @property
    def nothing(self) -> Any:
        """What is joined with others here where the place holds nothing."""
        return UNDEFINED if self.is_new else self.absent

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for the same place."""
        return (type(self), id(self.owner), self.name)

    def read(self) -> Any:
        """What the place holds, as a value that later stores do not change."""
        raise NotImplementedError

    def write(self, value: Any) -> None:
        """Put `value` there."""
        raise NotImplementedError

    def describe(self) -> str:
        """The place in words, for messages."""
        return f"the {self.what} {self.name!r}" if self.name is not None else f"a {self.what}"


class Attribute(Location):
    """An attribute kept in the object itself (in its dictionary or a slot)."""

    __slots__ = ()
    absent = UNBOUND

    def read(self) -> Any:
        """What the place holds."""
        guard = Doubted.of(self.owner, self.name)
        try:
            if guard is not None:
                return guard.raw(self.owner)
            return object.__getattribute__(self.owner, self.name)
        except AttributeError:
            return MISSING

    def write(self, value: Any) -> None:
        """Put a value there."""
        if value is not MISSING:
            if type(value) is Unsure:
                Doubted.guard(type(self.owner), self.name)
            object.__setattr__(self.owner, self.name, value)
        elif self.read() is not MISSING:
            guard = Doubted.of(self.owner, self.name)
            if guard is None:
                object.__delattr__(self.owner, self.name)
            else:
                guard.drop(self.owner)

    def describe(self) -> str:
        """The place in words."""
        return f"`{type(self.owner).__name__}.{self.name}`"


class OwnAttribute(Attribute):
    """An attribute of a class, a module or what else `object.__setattr__` may not take."""

    __slots__ = ()

    @property
    def absent(self) -> Any:  # type: ignore[override]
        """Classes and modules are read in too many ways: there nothing stands for any value."""
        return UNDEFINED if isinstance(self.owner, (type, ModuleType)) else UNBOUND

    def read(self) -> Any:
        """What the place holds."""
        return vars(self.owner).get(self.name, MISSING)

    def write(self, value: Any) -> None:
        """Put a value there."""
        if value is MISSING:
            if self.read() is not MISSING:
                delattr(self.owner, self.name)
        else:
            Doubted.exist = Doubted.exist or type(value) is Unsure
            setattr(self.owner, self.name, value)

    def describe(self) -> str:
        """The place in words."""
        return f"`{getattr(self.owner, '__name__', self.owner)}.{self.name}`"


class Cached(Attribute):
    """What a cached property keeps, which is forgotten with the region that computed it."""

    __slots__ = ()
    absent = UNDEFINED

    def read(self) -> Any:
        """Nothing."""
        return MISSING

    def write(self, value: Any) -> None:
        """Forget what the place holds."""
        vars(self.owner).pop(self.name, None)


class Position(Attribute):
    """Where an iterator stands."""

    __slots__ = ()
    absent = UNDEFINED


class Cell(Location):
    """A variable that inner functions share."""

    __slots__ = ()
    absent = UNBOUND

    def read(self) -> Any:
        """What the place holds."""
        try:
            return self.owner.cell_contents
        except ValueError:
            return MISSING

    def write(self, value: Any) -> None:
        """Put a value there."""
        if value is MISSING:
            del self.owner.cell_contents
        else:
            self.owner.cell_contents = value

    def describe(self) -> str:
        """The place in words."""
        return f"`{self.name}`"

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for the same place."""
        return (Cell, id(self.owner), None)


class Global(Location):
    """A global variable: an entry of the dictionary of a module."""

    __slots__ = ()

    def read(self) -> Any:
        """What the place holds."""
        return self.owner.get(self.name, MISSING)

    def write(self, value: Any) -> None:
        """Put a value there."""
        if value is MISSING:
            self.owner.pop(self.name, None)
        else:
            self.owner[self.name] = value

    def describe(self) -> str:
        """The place in words."""
        return f"the global `{self.name}`"


class Contents(Location):
    """Everything in a list, deque, dict or set."""

    __slots__ = ()

    def read(self) -> Any:
        """What the place holds."""
        return self.owner.copy()

    def write(self, value: Any) -> None:
        """Put a value there."""
        owner = self.owner
        if isinstance(owner, list):
            list.__setitem__(owner, slice(None), value)
        elif isinstance(owner, dict):
            kind: Any = OrderedDict if isinstance(owner, OrderedDict) else dict
            kind.clear(owner)
            kind.update(owner, value)
        elif isinstance(owner, set):
            set.clear(owner)
            set.update(owner, value)
        else:
            deque.clear(owner)
            deque.extend(owner, value)

    def describe(self) -> str:
        """The place in words."""
        return f"a {type(self.owner).__name__}"


class Buffer(Location):
    """The elements of a NumPy array."""

    __slots__ = ()
    refused: ClassVar[Callable[[Any], BaseException]]
    """What is raised where a traced value is stored; `native_arrays` supplies it."""

    def read(self) -> Any:
        """What the place holds."""
        return self.owner.copy()

    def write(self, value: Any) -> None:
        """Put a value there."""
        if isinstance(value, Tracer):
            raise Buffer.refused(self.owner)
        np.copyto(self.owner, value)

    def describe(self) -> str:
        """The place in words."""
        return "a NumPy array"


class Handle(Location):
    """The value that an array handle stands for."""

    __slots__ = ()

    def read(self) -> Any:
        """What the place holds."""
        x = self.owner
        return frozen_handle(x)

    def write(self, value: Any) -> None:
        """Put a value there."""
        x = self.owner
        x.recorder, x.variable, x.type = value.recorder, value.variable, value.type

    def describe(self) -> str:
        """The place in words."""
        return f"an array {self.owner.type}"


def frozen_handle(x: Tracer) -> Tracer:
    """A handle of the value that `x` stands for now."""
    made = Tracer(x.recorder, x.variable)
    made.type = x.type
    return made


_PLAIN = (object.__setattr__, BaseException.__setattr__)


def attribute(obj: Any, name: str) -> Attribute:
    """The location of an attribute, which joining writes past a `__setattr__` of the user's."""
    setter = type(obj).__setattr__
    plain = setter in _PLAIN or type(setter) is FunctionType
    return Attribute(obj, name) if plain and not isinstance(obj, type) else OwnAttribute(obj, name)


_numbers = itertools.count(1)


class Frame:
    """The stores of one region, each location with what it held at the start.

    Attributes:
        trace: recording of the region; None for a trial, which shares that of its parent.
        entries: location and old value by key, in the order of first stores.
        born: objects of classes that were made in it, by identity; older ones have others.
        number: which one it is.
    """

    __slots__ = ("born", "entries", "number", "outer", "trace")

    def __init__(self, trace: Any) -> None:
        self.trace = trace
        self.entries: dict[Any, tuple[Location, Any]] = {}
        self.born: set[int] = set()
        self.number = next(_numbers)
        self.outer: Frame | None = None

    def __enter__(self) -> Frame:
        self.outer = journal.top
        journal.top = self
        return self

    def __exit__(self, *exc: object) -> None:
        journal.top = self.outer
        if self.outer is not None:
            self.outer.born |= self.born

    def touch(self, location: Location) -> None:
        """Remember what `location` holds before its first store."""
        key = location.key
        if key not in self.entries:
            self.entries[key] = (location, location.read())

    def undo(self) -> None:
        """Put back what all locations held at the start."""
        for location, old in reversed(self.entries.values()):
            location.write(old)

    def finals(self) -> dict[Any, Any]:
        """What the locations hold now."""
        return {key: location.read() for key, (location, _) in self.entries.items()}

    def commit(self) -> None:
        """Make the stores of a trial those of the enclosing region."""
        if self.outer is not None:
            for key, entry in self.entries.items():
                if type(entry[0]) is not Position or entry[0].owner.born != self.outer.number:
                    self.outer.entries.setdefault(key, entry)


class _Journal(threading.local):
    top: Frame | None = None
    undefined: int = 0
    stand_ins: int = 0


journal = _Journal()
"""The frame in force in this thread, how many values were joined with an unbound name, and how many
functions are recorded in which traced values stand for Python numbers, see `recursion`."""


def is_inside() -> bool:
    """Whether a branch or a loop body is being recorded."""
    frame = journal.top
    while frame is not None and frame.trace is None:
        frame = frame.outer
    return frame is not None


def born(obj: Any) -> Any:
    """`obj`, an object that was just made."""
    if journal.top is not None:
        journal.top.born.add(id(obj))
    return obj


def store(location: Location, value: Any) -> None:
    """Write `value` to `location`, journalled."""
    if journal.top is not None:
        journal.top.touch(location)
    location.write(value)


def touch(make: Callable[..., Location], *args: Any) -> None:
    """Journal a location that is about to be changed."""
    if journal.top is not None:
        journal.top.touch(make(*args))


def same_contents(a: Any, b: Any) -> bool:
    """Whether two readings of a location are the same."""
    if a is b:
        return True
    if isinstance(a, Tracer):
        return isinstance(b, Tracer) and a.variable is b.variable
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(map(operator.is_, a.values(), b.values()))
    if isinstance(a, np.ndarray):
        return a.tobytes() == b.tobytes()
    return type(a) is type(b) and len(a) == len(b) and all(map(operator.is_, a, b))


MUTABLE = (list, dict, set, deque)
