"""Arrays of known elements that a function makes, and then stores to.

`y = np.zeros(3)` is NumPy's while the program is recorded, so that Python may look at its elements;
`array([0, 1])` of this library is an array of constants. Where something traced is stored to the
one, or anything to the other, the recording starts anew, and this time what is made at that line is
a traced array from the start. Its elements are still known for as long as they are.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np

from ms_func.errors import ArgumentTypeError
from ms_func.execution.array import Array
from ms_func.ir.loc import user_frame
from ms_func.ir.primitive import current
from ms_func.ir.types import typeof
from ms_func.numpy import updates
from ms_func.numpy.promotion import fill
from ms_func.source.hooks.heap import complaints, views
from ms_func.source.hooks.heap.journal import Buffer
from ms_func.source.hooks.heap.trials import Again
from ms_func.tracing.tracer import Staging, Tracer

Site = tuple[Any, int]
"""A line of the user's: its code, and the instruction."""


class _Made(threading.local):
    """Where arrays were made that are still alive, by identity, and where those that are not."""

    def __init__(self) -> None:
        self.sites: dict[int, tuple[Any, Site]] = {}
        self.left: set[Site] = set()

    def forget(self, key: int) -> None:
        """An array is gone; what operators made of it may be there still."""
        self.left.add(self.sites.pop(key)[1])


_made = _Made()
_traced: set[Site] = set()
"""Lines that must trace."""


def is_known(x: Any) -> bool:
    """Whether an array holds known elements, so that nothing traced can be stored to it."""
    return type(x) is Array or isinstance(x, np.ndarray)


def traced_sites() -> int:
    """How many lines make traced arrays."""
    return len(_traced)


def forget() -> None:
    """Nothing is recorded any more."""
    _made.left.clear()


def noted(x: Any) -> Any:
    """An array that converted code was given: itself, or a traced one in its place."""
    if type(x) not in (np.ndarray, Array) or type(current.interpreter) is not Staging:
        return x
    frame = user_frame()
    if frame is None or (type(x) is np.ndarray and x.dtype.kind not in "biufc"):
        return x
    site = frame.f_code, frame.f_lasti
    if site in _traced:
        return handle(x)
    key = id(x)
    _made.sites[key] = (weakref.ref(x, lambda _: _made.forget(key)), site)
    return x


def handle(x: Any) -> Tracer:
    """A traced array that holds the elements of one of NumPy, or of an array of constants."""
    trace = current.interpreter
    if type(x) is Array:
        return Tracer(trace, trace.capture(x))
    first = x.flat[0] if x.size else x.dtype.type(0)
    if not x.size or (x == first).all():
        return views.made_by_numpy(fill(first, typeof(x)))
    return views.made_by_numpy(Tracer(trace, trace.capture(x)))


def stored_to(x: Any) -> BaseException:
    """What is raised where something is stored to an array of known elements."""
    whole = x
    if type(x) is Array:
        if (found := _made.sites.get(id(x))) is not None:
            _traced.add(found[1])
        return Again(complaint=ArgumentTypeError(updates.OUTSIDE))
    while type(whole.base) is np.ndarray:
        whole = whole.base
    found = _made.sites.get(id(whole))
    if found is not None:
        _traced.add(found[1])
    elif whole is x:  # made by an operator, perhaps, of arrays that such lines made
        known = len(_traced)
        _traced.update(site for _, site in _made.sites.values())
        if len(_traced) == known:
            _traced.update(_made.left)
    return Again(complaint=complaints.numpy_store(x))


Buffer.refused = staticmethod(stored_to)
