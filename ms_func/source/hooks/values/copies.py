"""Elements that a compiled loop looks up in arrays: copies of what lists hold when it begins.

They do while its body only reads them. Where it stores to one of them, keeps it, asks which object
it is, or stores to the lists that they come from, the loop has to be recorded in another way.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ms_func import tree
from ms_func.errors import StagingError
from ms_func.ir.loc import user_loc
from ms_func.source.hooks.heap.anatomy import is_number
from ms_func.source.hooks.heap.journal import journal


class Copied(StagingError):
    """A loop does with a copy what it may do with the element of the list only."""

    def __init__(self) -> None:
        super().__init__(
            "MS170 a loop that is compiled changes, keeps or compares a list that is an element "
            "of the one that it goes over\nfix: go over its positions, or store to an array",
            user_loc(2),
        )


class _Copies(threading.local):
    known: frozenset[int] = frozenset()


_copies = _Copies()
"""Identities of the copies that the bodies of loops are at work with."""


def containers(x: Any) -> list[Any]:
    """The lists, dictionaries and other things in `x` to which users may store, `x` included."""
    found: dict[int, Any] = {}
    waiting = [x]
    while waiting:
        y = waiting.pop()
        if is_number(y) or id(y) in found:
            continue
        flat = tree.registry.flatten_one_level(y)
        if flat is not None:
            if not isinstance(y, tuple):
                found[id(y)] = y
            waiting += flat[0]
    return [*found.values()]


def watched(
    sources: Sequence[Any], body: Callable[..., Any], item: Any, state: Sequence[Any]
) -> Any:  # fmt: skip
    """`body(item, *state)`, where the item is a copy of what containers hold.

    Raises:
        Copied: it would not do what it does in Python.
    """
    if not sources:
        return body(item, *state)
    made, around = containers(item), _copies.known
    before = [*map(sys.getrefcount, made)]
    _copies.known = around | {*map(id, made)}
    try:
        after = body(item, *state)
    finally:
        _copies.known = around
    stored = set() if journal.top is None else {owner for _, owner, _ in journal.top.entries}
    if before != [*map(sys.getrefcount, made)] or any(id(x) in stored for x in sources):
        raise Copied
    return after


def refuse_copies(*objects: Any) -> None:
    """Raise where it is asked which object one is that is a copy."""
    if _copies.known and not _copies.known.isdisjoint(map(id, objects)):
        raise Copied
