"""Iterators: where they stand is a variable of the program like any other.

`zip`, `enumerate`, `reversed` and `iter` of converted code give a `Once`: elements with a position,
which branches and loops undo, join and carry. A generator cannot go back; where it would have to,
because it is advanced in a loop that is recorded once, or is used on after data decided whether to
advance it, there is an error.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import GEN_CREATED, getgeneratorstate
from types import FunctionType, GeneratorType
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

import ms_func.numpy as xp
from ms_func.execution.array import Array
from ms_func.ir.primitive import current
from ms_func.source.hooks import above
from ms_func.source.hooks.containers import uneven
from ms_func.source.hooks.containers.uneven import truth_of
from ms_func.source.hooks.handlers import HANDLERS
from ms_func.source.hooks.heap import complaints
from ms_func.source.hooks.heap.journal import journal
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining.branch import and_, if_, ifexp
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.elements import Elements, Listed, Once, Rows
from ms_func.source.hooks.values.growing import grown
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.source.hooks.values.truths import asked, at_hand, truth
from ms_func.tracing.tracer import Staging, Tracer


def iterator(x: Any) -> Any:
    """`iter(x)`."""
    if type(current.interpreter) is not Staging:
        return iter(x)
    x = begun(x)
    if isinstance(x, (list, tuple, range)):
        return Once(Listed(x))
    if uneven.is_folded(x) and isinstance(x, (set, frozenset)):
        return Once(Listed([grown(x)]))
    if type(x) in _LISTABLE:
        return Once(Listed(tuple(x)))
    rows = isinstance(x, (Tracer, Array, np.ndarray)) and np.ndim(x) > 0
    return Once(Rows(x)) if rows else iter(x)  # pyright: ignore[reportArgumentType, reportCallIssue]


_LISTABLE = (str, bytes, dict, type({}.keys()), type({}.values()), type({}.items()))


class Indexed(Elements):
    """The elements of an object that has a length and gives them by position."""

    def __init__(self, of: Any) -> None:
        self.of = of
        self.length = above.call(len, of)

    def at(self, i: Any) -> Any:
        """The element at a position."""
        return above.getitem(self.of, i)

    known = at


class Ranked(Elements):
    """The elements of a list of which data decide which are there."""

    def __init__(self, values: Any) -> None:
        self.values = values

    @property
    def length(self) -> Any:  # type: ignore[override]
        """How many there are."""
        return uneven.length(self.values)

    def at(self, i: Any) -> Any:
        """The element with so many others before it."""
        found = grown(self.values)
        return uneven.ranked(uneven.pairs(self.values), i) if found is None else found.at(i)

    known = at


def _undecided(x: Once) -> Any:
    """The list that an iterator at its start goes over, if data decide about it; else None."""
    part = x.part
    if type(part) is Listed and type(x.position) is int and not x.position:
        return part.values if uneven.is_folded(part.values) else None
    return None


def _by_position(x: Once) -> None:
    """Let elements of such an iterator be taken one by one."""
    values = _undecided(x)
    if values is not None:
        x.part = Ranked(values)


class Cycle(Listed):
    """The elements of a list again and again."""

    length = None  # type: ignore[assignment]

    def at(self, i: Any) -> Any:
        """The element at a traced position."""
        return super().at(xp.remainder(i, len(self.values)))

    def known(self, i: int) -> Any:
        """The element at a known position."""
        return self.values[i % len(self.values)]


def begun(x: Any) -> Any:
    """What is gone through in place of an object; most things as they are.

    What the method `__iter__` gives, if it is in Python, and the keys of a dictionary: a list where
    data decide how many there are.
    """
    if isinstance(x, dict) and uneven.is_folded(x):
        found = grown(x)
        return uneven.listed(x) if found is None else [found]
    own = getattr(type(x), "__iter__", None)
    if type(own) is not FunctionType or type(current.interpreter) is not Staging:
        return x
    if own.__module__.startswith("ms_func."):
        return x
    found = above.call(getattr(own, "__wrapped__", own), x)
    values = _undecided(found) if type(found) is Once else None
    return found if values is None else values


HANDLERS[id(Sequence.__iter__)] = lambda x: Once(Indexed(x))


def items(x: Any) -> Any:
    """`x`, of which Python itself takes the elements.

    Raises:
        StagingError: MS170, data decide how many these are.
    """
    x = begun(x)
    if isinstance(x, dict) and (found := grown(x)) is not None:
        return [found]
    return uneven.items(x)


def whole(x: Any) -> Any:
    """What is left of an iterator, which is used up; other things as they are."""
    x = begun(x)
    if type(x) is not Once:
        return x
    values = _undecided(x)
    found = x.rest() if values is None else values
    x.finish()
    return found


def following(x: Once, default: tuple[Any, ...]) -> Any:
    """`next(x, *default)`."""
    _by_position(x)
    length, position = x.part.length, x.place()
    inside: Any
    if type(position) is not Tracer and type(length) is not Tracer:
        return next(x, *default)
    inside = True if length is None else xp.less(position, length)
    if default:
        found = ifexp(inside, lambda: x.part.at(position), lambda: default[0])
    else:
        failures.assert_raising(inside, StopIteration())
        found = x.part.at(position)
    x.move(xp.add(position, inside * 1))
    return found


def over(x: Once, loop: Any, body: Any, state: Any, names: Any, stop: int | None) -> Any:
    """A `for` loop over what is left of an iterator; it stays where the loop left it."""
    if sys.getrefcount(x) <= _UNSEEN:
        return loop(whole(x), body, state, names, stop)
    _by_position(x)
    if stop is None:
        items = (v for v in x) if x.is_known() else whole(x)  # the body may take some, too
        return loop(items, body, state, names, stop)
    rest, start = x.rest(), x.place()
    x.move(None)

    def step(item: Any, *inner: Any) -> Any:
        return (*body(item, *inner[:-1]), inner[-1] + 1)

    *out, position = loop(rest, step, (*state, start), (*names, "<position>"), stop)
    x.move(position)
    return tuple(out)


# What no variable of the user's holds need not be kept at the right place. How many references the
# hooks themselves have is counted here in the same ways as there, for it differs between Pythons.


def _of_loop(iterable: Any) -> int:
    return _counted(iterable) or (lambda: iterable)()  # an inner function knows the variable


def _counted(x: Any) -> int:
    return sys.getrefcount(x)


def _of_call(f: Any, /, *args: Any, **kwargs: Any) -> int:
    return f(*args, **kwargs)


def _handed(*iterables: Any) -> int:
    return most_references(iterables)


def most_references(given: tuple[Any, ...]) -> int:
    """References to the iterator among some arguments that has most of them."""
    return max([sys.getrefcount(x) for x in given if type(x) in (Once, object)], default=0)


def _unseen(own: int, held: int) -> int:
    """References to what no variable holds; fewer than any where that cannot be told."""
    return own if own < held else 0


_held = object()
_UNSEEN = _unseen(_of_loop(object()), _of_loop(_held))
UNSEEN_ARGUMENT = _unseen(_of_call(_handed, object()), _of_call(_handed, _held))


# --- generators ---------------------------------------------------------------------------------


class _Birth:
    """Where a generator was made, by which call, and the branch that has advanced it, if one has.

    It is busy while a loop that turned it inside out takes its values.
    """

    __slots__ = ("branch", "busy", "call", "number", "trace")

    def __init__(self, trace: Any, call: Any) -> None:
        self.trace = trace
        self.branch: Callable[[], Any] | None = None
        self.busy = False
        self.call = call
        self.number = next(_numbers)


class Moves(threading.local):
    """Which generators were advanced in a part of the recording that may be taken back.

    Attributes:
        first: number of the oldest of them; `_NONE` if there is none.
    """

    first = _NONE = 1 << 62

    def older(self, run: Callable[[], Any]) -> bool:
        """Run a function; whether it advanced a generator that is older than the run."""
        start, before, self.first = next(_numbers), self.first, self._NONE
        try:
            run()
        finally:
            found, self.first = self.first < start, min(before, self.first)
        return found


moves = Moves()
_numbers = itertools.count()
_births: WeakKeyDictionary[Any, _Birth] = WeakKeyDictionary()


def generator(x: Any, call: Any = None) -> Any:
    """`x`, a new generator.

    `call` says what it does: `(function, args, kwargs)` that made it, or a function of what takes
    its values; see `pushing`.
    """
    if type(current.interpreter) is Staging and type(x) is GeneratorType:
        inner = next(_traces(), None)
        _births[x] = _Birth(None if inner is None else ref(inner), call)
    return x


def call_of(x: Any) -> Any:
    """What a generator does which has not started yet, see `generator`; None if unknown."""
    birth = _births.get(x) if type(x) is GeneratorType else None
    if birth is None or birth.busy or getgeneratorstate(x) != GEN_CREATED:
        return None
    return birth.call


@contextmanager
def held(x: Any) -> Iterator[None]:
    """A generator that nobody else may advance now."""
    birth = _births[x]
    birth.busy = True
    try:
        yield
    finally:
        birth.busy = False


def left_on_data(x: Any) -> None:
    """Data decide where a generator stands from here on."""
    _births[x].branch = _nowhere


def _nowhere() -> None:
    """A branch that has ended."""


def _traces() -> Any:
    """The regions that are being recorded, from the innermost outwards."""
    frame = journal.top
    while frame is not None:
        if frame.trace is not None:
            yield frame.trace
        frame = frame.outer


def given(condition: Any, value: Any) -> Any:
    """`if condition: yield value()`, as what there is to be yielded."""
    here = at_hand(asked(condition))
    if type(here) is Tracer:
        yield Perhaps(truth(here), ifexp(here, value, lambda: UNDEFINED), 0, 1)
    elif here:
        yield value()


def each(items: Any, f: Any) -> Any:
    """`f` of each of some items, those that may not be there included."""
    for x in items:  # not asked for before the first is wanted: their number may be traced
        yield _of(x, f)


def _of(x: Any, f: Any) -> Any:
    if type(x) is not Perhaps:
        return f(x)
    return Perhaps(x.is_there, ifexp(x.is_there, lambda: f(x.value), lambda: UNDEFINED), 0, 1)


def kept(items: Any, asks: Any) -> Any:
    """Those of some items for which a condition holds."""
    for x in items:
        c, value = (x.is_there, x.value) if type(x) is Perhaps else (True, x)
        here = at_hand(and_(c, lambda value=value: truth_of(asks(value))))
        if here is True:
            yield value
        elif here is not False:
            yield Perhaps(here, value, 0, 1)


def numbered(items: Any, start: Any) -> Any:
    """`enumerate` of items that may not be there."""
    for x in items:
        if type(x) is Perhaps:
            yield Perhaps(x.is_there, (start, x.value), 0, 1)
            start = start + x.is_there * 1
        else:
            yield start, x
            start = start + 1


def guarded(body: Any, names: Any) -> Any:
    """The body of a loop over items that may not be there."""

    def step(item: Any, *state: Any) -> Any:
        if type(item) is not Perhaps:
            return body(item, *state)
        return if_(item.is_there, lambda *s: body(item.value, *s), None, state, names)

    return step


def advance_all(args: tuple[Any, ...]) -> None:
    """What a function written in C is given is about to be advanced."""
    for x in args:
        if type(x) is GeneratorType:
            advance(x)


def advance(x: Any) -> None:
    """A generator is about to be advanced.

    Raises:
        StagingError: MS180, it could not be taken back, or where it stands depends on data.
    """
    birth = _births.get(x)
    if birth is None:
        return
    home = birth.trace and birth.trace()
    between = list(itertools.takewhile(lambda trace: trace is not home, _traces()))
    staged = any(trace.name != "branch" for trace in between)
    elsewhere = birth.branch is not None and birth.branch() not in between
    if birth.busy or staged or elsewhere:
        raise complaints.advanced()
    moves.first = min(moves.first, birth.number)
    if between:
        birth.branch = ref(between[0])
