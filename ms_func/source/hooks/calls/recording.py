"""Running a user's function while it is recorded, and what it gives."""

from __future__ import annotations

import functools
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func import config, tree
from ms_func.errors import StagingError, UnexpectedTracerError
from ms_func.execution.array import Array
from ms_func.ir.loc import user_loc
from ms_func.source.hooks import above, depth
from ms_func.source.hooks.containers import pools
from ms_func.source.hooks.containers.keyed import entries
from ms_func.source.hooks.containers.text import is_late
from ms_func.source.hooks.containers.uneven import is_uneven, laid, pairs
from ms_func.source.hooks.containers.uneven_dicts import dict_of, entry
from ms_func.source.hooks.heap import identity, native_arrays
from ms_func.source.hooks.heap.trials import Again, Trial
from ms_func.source.hooks.joining import attempts
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.choice import Choice, Unreachable
from ms_func.source.hooks.values.growing import ROWS, Growing, grown, is_keyed, is_stretched
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.tracing.tracer import Tracer

_FAILURES = (StagingError, UnexpectedTracerError, AttributeError, Unreachable, RecursionError)
"""What ends a recording that pools may save."""


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
    with identity.supply, depth.room:
        if _depth.value:
            return _within(trial, call, given)
        pools.start()
        try:
            return _recorded(trial, call, given)
        except pools.Wanted:
            trial.rewind()
            trial.frame.entries.clear()
        except _FAILURES as error:
            if not pools.may_help():
                return _raising(trial, call, given, error)
            trial.rewind()
            return _in_pools(call, given, error)
        try:
            return _in_pools(call, given, None)
        except pools.Unfit:
            pools.decline()
            return _recorded(Trial(), call, given)


def _within(trial: Trial, call: Callable[[Any], Any], given: Any) -> Any:
    """The recording inside of another one."""
    try:
        return _recorded(trial, call, given)
    except Unreachable as error:
        return _raising(trial, call, given, error)


def _raising(trial: Trial, call: Callable[[Any], Any], given: Any, error: Exception) -> Any:
    """The recording anew, of a function that raises one of several exceptions in any case.

    Raises:
        Exception: `error`, where it is another one or a `try` around the transform waits for it.
    """
    if type(error) is not Unreachable or failures.is_awaited() or config.jax_rules():
        raise error
    trial.rewind()
    return _recorded(Trial(), functools.partial(_caught, call), given)


def _in_pools(call: Callable[[Any], Any], given: Any, error: Exception | None) -> Any:
    """The recording anew, with the objects that it makes in pools.

    Raises:
        Exception: `error`, where that does not help either.
        Unfit: there is no such error.
    """
    trial = Trial()
    with pools.pooled():
        try:
            return _recorded(trial, call, given)
        except (Exception, pools.Unfit):
            trial.rewind()
            raise error or pools.Unfit from None


def _recorded(trial: Trial, call: Callable[[Any], Any], given: Any) -> Any:
    while True:
        before = native_arrays.traced_sites()
        _depth.value += 1
        try:
            if _depth.value == 1:
                pools.fill()
            return _attempt(trial, call, given)
        except Again as again:
            if again.root is not None:
                raise
            trial.rewind()
            trial.frame.entries.clear()
            outermost = _depth.value == 1
            if again.complaint is None:
                if not outermost:
                    raise
            elif native_arrays.traced_sites() == before:
                raise (again.complaint if outermost else again) from None
        finally:
            _depth.value -= 1
            trial.frame.commit()
            if not _depth.value:
                native_arrays.forget()


def _attempt(trial: Trial, call: Callable[[Any], Any], given: Any) -> Any:
    frame = trial.frame
    try:
        with frame, failures.border:
            try:
                return leaving(call(given))
            except Exception as error:
                if not _tells_data(error):
                    raise
                failures.fail(error)
                return xp.zeros(())  # nobody gets it
    except Exception as error:
        if not failures.is_raised(error):
            frame.undo()
            frame.entries.clear()
        raise


def _caught(call: Callable[[Any], Any], given: Any) -> Any:
    """`call(given)`, of which nothing is known but that it raises one of several exceptions."""
    with failures.Catcher(lambda: Exception):
        raised, values = attempts.attempt(lambda: (call(given),))
    return attempts.proceed(raised, values)[0]


def _tells_data(error: Exception) -> bool:
    """Whether what the user's function raises is known only when the program runs."""
    if not failures.is_users(error) or failures.is_awaited() or config.jax_rules():
        return False
    return type(error) is failures.Chosen or any(map(is_late, error.args))


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
        rooms: a room for each leaf of an element.
        structure: the tree that an element is.
        first: row of the first element.
        length: how many there are.
        kind: class of the container; of sets and dictionaries also what one is made of.
    """

    __slots__ = ("first", "kind", "length", "rooms", "structure")

    def __init__(self, x: Growing, kind: tuple[type, Any]) -> None:
        rows = config.list_capacity.value
        leaves, self.structure = tree.flatten(x.made_of(x.rooms))
        own = set(map(id, x.rooms))
        self.rooms = [
            v if id(v) in own else xp.broadcast_to(v, (rows, *np.shape(v))) for v in leaves
        ]
        self.first, self.length, self.kind = x.first, x.length, kind


class _Element:
    """What an element is made of, as a tree."""

    __slots__ = ("structure",)

    def __init__(self, structure: Any) -> None:
        self.structure = structure

    def build(self, outs: Sequence[Any], made: dict[int, Any]) -> Any:
        """The element."""
        return tree.unflatten(self.structure, outs)


def _arrived(told: tuple[tuple[type, Any], Any], parts: Any) -> Any:
    """The container; one that holds a stretch where its length is not known yet."""
    (leaves, first, length), ((cls, made_of), structure) = parts, told
    if type(length) is Tracer or not isinstance(length, (Array, np.ndarray, np.generic, int)):
        found = Growing(_Element(structure), leaves, first, length, None)
        if made_of is None:
            return cls([found])
        return _filled(cls(*made_of), {ROWS: found} if issubclass(cls, dict) else {found})
    if np.ndim(length):
        raise _lanes_differ()
    rows = (int(first) + np.arange(int(length))) % config.list_capacity.value
    columns = [[xp.asarray(row) for row in np.asarray(x)[rows]] for x in leaves]
    found = [tree.unflatten(structure, [c[k] for c in columns]) for k in range(int(length))]
    if made_of is None:
        return cls(found)
    if issubclass(cls, dict):
        return _filled(cls(*made_of), {tree.map(_plain, k): v for k, v in found})
    return _filled(cls(), {tree.map(_plain, k) for k in found})


def _filled(made: Any, held: Any) -> Any:
    made.update(held)
    return made


def _plain(x: Any) -> Any:
    """An array as a number of Python, which has a hash."""
    return x if isinstance(x, str) else x.item()


@above.enter
def leaving(x: Any) -> Any:
    """A result with the lists of such a length in it in a form that can leave the program."""
    if not Perhaps.exist:
        return x
    return tree.map(_left, x, is_leaf=_is_whole)


def _is_whole(x: Any) -> bool:
    return type(x) in (Perhaps, Choice) or is_uneven(x) or is_stretched(x)


def _left(x: Any) -> Any:
    if type(x) is Perhaps:
        raise Perhaps.complaint()
    if is_keyed(x) and (found := entries(x)) is not None:
        made_of = (x.default_factory,) if isinstance(x, defaultdict) else ()
        return Stretch(found, (type(x), made_of))
    if (found := grown(x)) is not None:
        return Stretch(found, (type(x), None))
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
tree.register_node(
    Stretch, lambda x: ((x.rooms, x.first, x.length), (x.kind, x.structure)), _arrived
)
