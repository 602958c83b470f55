"""Objects whose state is kept in C: random generators, text buffers.

Branches put it back, like any other store; where they leave different states, the object may not
be used any more. A loop that is recorded once cannot change it: each step would see the same.
"""

from __future__ import annotations

import io
import pickle
import random
from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np

from ms_func.ir.primitive import current
from ms_func.source.hooks.heap import complaints
from ms_func.source.hooks.heap.journal import Location, journal


def _set_bits(x: Any, state: Any) -> None:
    x.bit_generator.state = state


def _set_text(x: Any, state: Any) -> None:
    text, place = state
    x.seek(0)
    x.truncate()
    x.write(text)
    x.seek(place)


_Ways = tuple[Callable[[Any], Any], Callable[[Any, Any], None]]
_TEXT: _Ways = (lambda x: (x.getvalue(), x.tell()), _set_text)
KINDS: dict[type, _Ways] = {
    random.Random: (random.Random.getstate, random.Random.setstate),
    np.random.Generator: (lambda x: x.bit_generator.state, _set_bits),
    np.random.RandomState: (lambda x: x.get_state(), lambda x, state: x.set_state(state)),
    io.StringIO: _TEXT,
    io.BytesIO: _TEXT,
}
"""How the state of an object of a class is read and written."""
_spoiled: dict[int, tuple[Any, Any, Any]] = {}
"""Objects, by identity, whose state data decide: with the recording in which they do, and it."""


class State(Location):
    """The state of such an object, as bytes, so that equal ones are the same constant."""

    __slots__ = ()

    def read(self) -> Any:
        """What the place holds; a choice where data decide it."""
        found = _decided(self.owner)
        return pickle.dumps(KINDS[type(self.owner)][0](self.owner)) if found is None else found

    def write(self, value: Any) -> None:
        """Put a state there."""
        if type(value) is bytes:
            _spoiled.pop(id(self.owner), None)
            KINDS[type(self.owner)][1](self.owner, pickle.loads(value))
        else:
            _spoiled[id(self.owner)] = self.owner, ref(current.interpreter), value

    def describe(self) -> str:
        """The place in words."""
        return f"the state of a {type(self.owner).__name__}"


def _decided(x: Any) -> Any:
    """What stands for the state of an object that data decide; None for others."""
    owner, trace, value = _spoiled.get(id(x), (None, None, None))
    recording = trace and trace()
    return value if owner is x and recording is not None and recording.alive else None


def change(x: Any) -> None:
    """An object of one of these classes is about to be used.

    Raises:
        StagingError: MS170, data decide its state, or this would happen once for all steps of a
            loop.
    """
    if _decided(x) is not None:
        raise complaints.state_decided(x)
    frame = journal.top
    while frame is not None and id(x) not in frame.born:
        if frame.trace is not None and frame.trace.name != "branch":
            raise complaints.state_in_loop(x)
        frame = frame.outer
    if journal.top is not None:
        journal.top.touch(State(x))
