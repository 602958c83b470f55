"""Parts of arrays that have a name: what is stored to one is stored to the other, as in NumPy.

`row = a[0]` gives a handle of its own. A store to `row` updates `a`, and a store to `a` gives its
parts that somebody still holds their new values.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ms_func import config
from ms_func.primitives.shape import reshape
from ms_func.source.hooks.heap.journal import Handle, journal
from ms_func.tracing.tracer import Tracer


class _View:
    """A part of an array.

    Attributes:
        base: handle of the array.
        part: handle of the part, held weakly.
        read: the part of a value of the array.
        write: from a value of the array and one of the part to that of the array.
        needs: traced values that these two use.
    """

    __slots__ = ("base", "needs", "part", "read", "write")

    def __init__(self, base: Any, part: Any, read: Any, write: Any, needs: Any) -> None:
        self.base = base
        self.part = weakref.ref(part, _gone(id(part)))
        self.read = read
        self.write = write
        self.needs = needs

    def store(self, new: Any) -> None:
        """Update the array where the part is `new`."""
        assign(self.base, self.write(self.base, new))

    @property
    def is_alive(self) -> bool:
        """Whether what it uses belongs to recordings that go on."""
        found = (self.base, self.part(), *self.needs)
        return all(type(x) is np.ndarray or (x is not None and x.recorder.alive) for x in found)


class _Views(threading.local):
    """All parts in this thread by identity, those of each array, and arrays made by NumPy."""

    def __init__(self) -> None:
        self.views: dict[int, _View] = {}
        self.of: dict[int, list[_View]] = {}
        self.numpys: dict[int, Any] = {}


_all = _Views()


def _gone(key: int) -> Callable[[Any], None]:
    """What happens when the last one forgets a part."""

    def forget(_: Any) -> None:
        view = _all.views.pop(key, None)
        if view is not None:
            rest = [v for v in _all.of.pop(id(view.base), ()) if v is not view]
            if rest:
                _all.of[id(view.base)] = rest

    return forget


def made_by_numpy(x: Any) -> Any:
    """`x`, a handle of an array that NumPy made for the function that is recorded."""
    if type(x) is Tracer and x.type.shape:
        key = id(x)
        _all.numpys[key] = weakref.ref(x, lambda _: _all.numpys.pop(key, None))
    return x


def is_shared(x: Any) -> bool:
    """Whether an array that NumPy made is a part of another one, or has parts."""
    return (id(x) in _all.views or id(x) in _all.of) and id(x) in _all.numpys


def part(
    base: Any, found: Any, read: Callable[[Any], Any], write: Callable[[Any, Any], Any],
    needs: tuple[Any, ...] = (),
) -> Any:  # fmt: skip
    """`found`, which is `read(base)`, as a part of `base`."""
    if type(found) is not Tracer or found is base or not found.type.shape or config.jax_rules():
        return found
    view = _View(base, found, read, write, needs)
    _all.views[id(found)] = view
    _all.of.setdefault(id(base), []).append(view)
    return made_by_numpy(found) if type(base) is np.ndarray or id(base) in _all.numpys else found


def is_basic(key: Any) -> bool:
    """Whether an index gives a part, and not a copy."""
    return all(map(_is_basic, key if type(key) is tuple else (key,)))


def _is_basic(x: Any) -> bool:
    if type(x) is Tracer:
        return x.type.shape == () and x.type.dtype.kind in "iu"
    return type(x) in (int, slice, type(None), type(...)) or isinstance(x, np.integer)


def needed(key: Any) -> tuple[Any, ...]:
    """Traced values in an index."""
    found: list[Any] = []
    for x in key if type(key) is tuple else (key,):
        found += (x.start, x.stop, x.step) if type(x) is slice else (x,)
    return tuple(x for x in found if type(x) is Tracer)


def stored(x: Tracer) -> None:
    """Something was stored to `x`: the array that it is a part of, and its parts, follow."""
    if id(x) in _all.views or id(x) in _all.of:
        _follow(x, None)


def _follow(x: Tracer, source: _View | None) -> None:
    own = _all.views.get(id(x))
    if own is not None and own is not source and own.is_alive:
        own.store(x)
        _follow(own.base, own)
    for view in list(_all.of.get(id(x), ())):
        found = view.part()
        if view is not source and found is not None and view.is_alive:
            assign(found, view.read(x))
            _follow(found, view)


def assign(x: Tracer, new: Any) -> None:
    """Make the handle `x` stand for the value of `new`, journalled."""
    top = journal.top
    if top is not None and x.recorder is not top.trace:
        top.touch(Handle(x))
    x.recorder, x.variable, x.type = new.recorder, new.variable, new.type


def reshaped(x: Any, found: Any) -> Any:
    """`found`, which is `x` in another shape."""
    shape = np.shape(found)
    return part(x, found, lambda v: reshape(v, shape), lambda v, new: reshape(new, v.shape))
