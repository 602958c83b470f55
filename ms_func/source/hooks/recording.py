"""Running a user's function while it is recorded, and what it gives."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func import config, tree
from ms_func.errors import StagingError
from ms_func.execution.array import Array
from ms_func.ir.loc import user_loc
from ms_func.source.hooks import failures, native_arrays
from ms_func.source.hooks.choice import Choice
from ms_func.source.hooks.growing import Growing, grown, is_growing
from ms_func.source.hooks.loops import Trial
from ms_func.source.hooks.perhaps import Perhaps
from ms_func.source.hooks.uneven import is_uneven, laid, pairs
from ms_func.source.hooks.uneven_dicts import dict_of, entry
from ms_func.tracing.tracer import Tracer


class _Depth(threading.local):
    value = 0


_depth = _Depth()
"""How many functions are being recorded in this thread, one inside the other."""


def recorded(call: Callable[[Any], Any], given: Any) -> Any:
    """`call(given)`, in a form that can leave the program.

    Where the recording fails, what it stored to lists, dictionaries, objects, globals and other
    variables is put back: nobody could use what stands for the arrays of a program that never was.
    An exception that the function itself raises is no failure: Python keeps what it stored before.
    Where something traced is stored to an array of NumPy, it is recorded anew.
    """
    trial = Trial()
    while True:
        before = native_arrays.traced_sites()
        _depth.value += 1
        try:
            return _attempt(trial, call, given)
        except native_arrays.Again as again:
            trial.rewind()
            trial.frame.entries.clear()
            if native_arrays.traced_sites() > before:
                continue
            if _depth.value > 1:
                raise
            raise again.complaint from None
        finally:
            _depth.value -= 1
            trial.frame.commit()


def _attempt(trial: Trial, call: Callable[[Any], Any], given: Any) -> Any:
    frame = trial.frame
    try:
        with frame:
            return leaving(call(given))
    except Exception as error:
        if not failures.is_raised(error):
            frame.undo()
            frame.entries.clear()
        raise


class Sifted:
    """A list of such a length on its way out of a compiled program; or such a dictionary.

    Attributes:
        conditions: a bool or a traced one for each element.
        values: the elements; anything where the condition does not hold.
        kind: what it is: a list, tuple or deque; of a dictionary its class, what it is made of, and
            its keys.
    """

    __slots__ = ("conditions", "kind", "values")

    def __init__(self, given: Sequence[tuple[Any, Any]], kind: Any) -> None:
        self.conditions, self.values = [c for c, _ in given], [leaving(v) for _, v in given]
        self.kind = kind


class Stretch:
    """A growing list on its way out of a compiled program.

    Attributes:
        rooms: an element with rooms in place of its parts.
        first: row of the first element.
        length: how many there are.
        kind: list, tuple or deque.
    """

    __slots__ = ("first", "kind", "length", "rooms")

    def __init__(self, x: Growing, kind: type) -> None:
        rows = config.list_capacity.value
        own = set(map(id, x.rooms))
        self.rooms = tree.map(
            lambda v: v if id(v) in own else np.broadcast_to(v, (rows, *np.shape(v))),
            x.made_of(x.rooms),
        )
        self.first, self.length, self.kind = x.first, x.length, kind


class _Element:
    """What an element is made of, as a tree."""

    __slots__ = ("structure",)

    def __init__(self, structure: Any) -> None:
        self.structure = structure

    def build(self, outs: Sequence[Any], made: dict[int, Any]) -> Any:
        """The element."""
        return tree.unflatten(self.structure, outs)


def _arrived(kind: type, parts: Any) -> Any:
    """The list; a growing one where its length is not known yet."""
    rooms, first, length = parts
    leaves, structure = tree.flatten(rooms)
    if type(length) is Tracer or not isinstance(length, (Array, np.ndarray, np.generic, int)):
        return kind([Growing(_Element(structure), leaves, first, length, False)])
    if np.ndim(length):
        raise _lanes_differ()
    rows = (int(first) + np.arange(int(length))) % config.list_capacity.value
    columns = [[xp.asarray(row) for row in np.asarray(x)[rows]] for x in leaves]
    return kind([tree.unflatten(structure, [c[k] for c in columns]) for k in range(int(length))])


def leaving(x: Any) -> Any:
    """A result with the lists of such a length in it in a form that can leave the program."""
    if not Perhaps.exist:
        return x
    return tree.map(_left, x, is_leaf=_is_whole)


def _is_whole(x: Any) -> bool:
    return type(x) in (Perhaps, Choice) or is_uneven(x) or is_growing(x)


def _left(x: Any) -> Any:
    if type(x) is Perhaps:
        raise Perhaps.complaint()
    if (found := grown(x)) is not None:
        return Stretch(found, type(x))
    if not is_uneven(x):
        return x
    if isinstance(x, dict):
        made_of = (x.default_factory,) if isinstance(x, defaultdict) else ()
        return Sifted([entry(x, k) for k in x], (type(x), made_of, tuple(x)))
    return Sifted(pairs(x), type(x))


def _unflatten(kind: Any, kids: Any) -> Any:
    conditions, values = kids
    cls, made_of, keys = kind if isinstance(kind, tuple) else (kind, (), ())
    if keys:
        values = list(zip(keys, values, strict=True))
    given = list(zip(conditions, values, strict=True))
    if any(isinstance(c, Tracer) or not hasattr(c, "__bool__") for c in conditions):
        found = laid(given)
    elif any(np.ndim(c) for c in conditions):
        raise _lanes_differ()
    else:
        found = [v for c, v in given if c]
    if not keys:
        return cls(found)
    made = cls(*made_of)
    made.update(dict_of(found))
    return made


def _lanes_differ() -> Exception:
    return StagingError(
        "MS102 branches disagree: lanes give lists of different lengths, or dictionaries of "
        "different keys\nfix: return arrays of one shape",
        user_loc(3),
    )


tree.register_node(Sifted, lambda x: ((x.conditions, x.values), x.kind), _unflatten)
tree.register_node(Stretch, lambda x: ((x.rooms, x.first, x.length), x.kind), _arrived)
