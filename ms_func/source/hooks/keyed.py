"""Keys of dictionaries that are known only at run time.

Python cannot hash such a key. `counts[v] = n` puts the entry into the dictionary under a `Token`,
and its value is a `Keyed`: the key and what stands under it. Whoever looks a key up compares it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from ms_func import tree
from ms_func.source.hooks.anatomy import Parts, handles
from ms_func.source.hooks.perhaps import Perhaps
from ms_func.tracing.tracer import Tracer

_numbers = itertools.count()


class Token:
    """What stands for a key that is known only at run time.

    Attributes:
        covers: a key (its variable) that is in the dictionary for certain, since this one was made
            for the case that it was not.
    """

    __slots__ = ("covers", "number")

    def __init__(self, covers: Any = None) -> None:
        self.number, self.covers = next(_numbers), covers
        Perhaps.exist = True

    def __repr__(self) -> str:
        return f"Token({self.number:09})"


class Keyed:
    """An entry of a dictionary whose key is known only at run time."""

    __slots__ = ("key", "value")

    def __init__(self, key: Any, value: Any) -> None:
        self.key, self.value = key, value


def is_traced(key: Any) -> bool:
    """Whether a key is known only at run time: a number, or a tuple that holds one."""
    return type(key) is Tracer or (type(key) is tuple and any(map(is_traced, key)))


def entries(x: dict[Any, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Whether each entry is there, its key and its value."""
    for k, v in x.items():
        there, held = (v.is_there, v.value) if type(v) is Perhaps else (True, v)
        yield (there, held.key, held.value) if type(held) is Keyed else (there, k, held)


def with_value(held: Any, value: Any, there: Any = None) -> Any:
    """What stands in a dictionary in place of `held`, with another value or condition."""
    was, inner = (held.is_there, held.value) if type(held) is Perhaps else (True, held)
    made = Keyed(inner.key, value) if type(inner) is Keyed else value
    there = was if there is None else there
    return made if there is True else Perhaps(there, made, 0, 1)


handles(
    Keyed,
    lambda x, overlay: Parts(
        (Keyed,), (x.key, x.value), (" (a key)", ""), lambda new: Keyed(new[0], new[1])
    ),
)
tree.register_node(Keyed, lambda x: ((x.key, x.value), None), lambda _, kids: Keyed(*kids))
