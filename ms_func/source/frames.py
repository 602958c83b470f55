"""Functions that are being generated, the loops around a place in them, and names bound there."""

from __future__ import annotations

from typing import NamedTuple

from ms_func.source.resolver import Set

RETURNED, VALUE, TEST = "__ms_returned", "__ms_value", "__ms_test"
ITEM = "__ms_item"
"""Parameter for what a loop takes, or a `with` enters."""


class Loop(NamedTuple):
    """The innermost loop around a place.

    Attributes:
        stop: name of its break flag.
        skip: name of its continue flag.
        kind: "native" if it is a loop of the generated function itself, "body" if that
            function ends where a round of it ends, "outside" if it is further out.
    """

    stop: str
    skip: str
    kind: str


class Frame:
    """A function that is being generated, or the user's own.

    Attributes:
        state: names it returns; None where `return` returns from the user's function.
        loop: innermost loop around the place.
        stops: break flags of the loops between here and the user's function.
        unsure: names that must hold UNBOUND at its start.
        flags: whether flags for `return` are needed at its start.
        skips: whether the flag for `continue` is needed at its start.
    """

    def __init__(self, state: list[str] | None, loop: Loop | None, stops: tuple[str, ...]) -> None:
        self.state = state
        self.loop = loop
        self.stops = stops
        self.unsure: set[str] = set()
        self.flags = False
        self.skips = False

    def flags_of(self, completions: Set) -> list[str]:
        """Flags that these completions set."""
        found: list[str] = []
        if "R" in completions:
            found += [RETURNED, VALUE, *self.stops]
        if self.loop is not None:
            if "B" in completions:
                found.append(self.loop.stop)
            if "C" in completions:
                found.append(self.loop.skip)
        return list(dict.fromkeys(found))


def meet(a: Set | None, b: Set | None) -> Set | None:
    """Names bound where two ways come together; None is a way that is never taken."""
    if a is None or b is None:
        return b if a is None else a
    return a & b
