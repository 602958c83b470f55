"""Arrays of NumPy that a function makes, and then gives traced values.

`y = np.zeros(3)` is NumPy's while the program is recorded, so that Python may look at its elements.
Where something traced is stored to it, the recording starts anew, and this time what NumPy gives at
that line is a traced array from the start. Its elements are still known for as long as they are.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np

from ms_func.ir.loc import user_frame
from ms_func.ir.primitive import current
from ms_func.ir.types import typeof
from ms_func.numpy.promotion import fill
from ms_func.source.hooks import complaints, views
from ms_func.source.hooks.journal import Buffer
from ms_func.tracing.tracer import Staging, Tracer

Site = tuple[Any, int]
"""A line of the user's: its code, and the instruction."""


class _Made(threading.local):
    """Where arrays were made that are still alive, by identity; and those lines that must trace."""

    def __init__(self) -> None:
        self.sites: dict[int, tuple[Any, Site]] = {}


_made = _Made()
_traced: set[Site] = set()


class Again(BaseException):
    """A recording has to start anew, with other arrays traced.

    Attributes:
        complaint: what is wrong where that does not help.
    """

    def __init__(self, complaint: Exception) -> None:
        self.complaint = complaint


def traced_sites() -> int:
    """How many lines make traced arrays."""
    return len(_traced)


def noted(x: Any) -> Any:
    """What NumPy gave to converted code: the array, or a traced one in its place."""
    if type(x) is not np.ndarray or type(current.interpreter) is not Staging:
        return x
    frame = user_frame()
    if frame is None or x.dtype.kind not in "biufc":
        return x
    site = frame.f_code, frame.f_lasti
    if site in _traced:
        return handle(x)
    key = id(x)
    _made.sites[key] = (weakref.ref(x, lambda _: _made.sites.pop(key, None)), site)
    return x


def handle(x: np.ndarray) -> Tracer:
    """A traced array that holds the elements of one of NumPy."""
    trace = current.interpreter
    first = x.flat[0] if x.size else x.dtype.type(0)
    if not x.size or (x == first).all():
        return views.made_by_numpy(fill(first, typeof(x)))
    return views.made_by_numpy(Tracer(trace, trace.capture(x)))


def stored_to(x: Any) -> BaseException:
    """What is raised where something traced is stored to an array of NumPy."""
    whole = x
    while type(whole.base) is np.ndarray:
        whole = whole.base
    found = _made.sites.get(id(whole))
    if found is not None:
        _traced.add(found[1])
    elif whole is x:  # made by an operator, perhaps, of arrays that such lines made
        _traced.update(site for _, site in _made.sites.values())
    return Again(complaints.numpy_store(x))


Buffer.refused = staticmethod(stored_to)
