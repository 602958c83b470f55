"""The kinds of effect an application can have, and how their order is kept.

An application with an effect stays where it is, once: passes neither drop it, nor merge two,
nor move one out of a loop. What happens on the host happens in program order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True, slots=True)
class Effect:
    """One kind of effect.

    Attributes:
        rank: place in lists of effects.
        name: name in the text form.
        host: whether it is a call of a Python function while the program runs; these are kept in
            program order by a token that each takes and gives.
    """

    rank: int
    name: str
    host: bool = True

    def __str__(self) -> str:
        return self.name


PRINT = Effect(0, "print")
"""Lines written by the program."""
CALLBACK = Effect(1, "callback")
"""A call of a Python function for what it does."""
CHECK = Effect(2, "check")
"""A condition whose failure raises an exception when the program has run."""

FOREIGN = Effect(3, "foreign", host=False)
"""A call of compiled code for what it does."""
DRAW = Effect(4, "draw", host=False)
"""Numbers from a generator that the backend keeps: each application draws others."""
INSPECT = Effect(5, "inspect", host=False)
"""A question about the program, answered when it is compiled; it runs nothing."""
EFFECTS = {e.name: e for e in (PRINT, CALLBACK, CHECK, FOREIGN, DRAW, INSPECT)}
"""The kinds by name, as parameters of equations name them."""


def calls_host(fn: Any) -> bool:
    """Whether a program calls Python while it runs, for an effect or for a value."""
    found = fn.memo.get("calls_host")
    if found is None:
        found = fn.memo["calls_host"] = any(
            e.primitive.host or (e.params and any(map(calls_host, e.functions()))) for e in fn.eqns
        )
    return found
