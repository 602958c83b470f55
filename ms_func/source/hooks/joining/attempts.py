"""Code that may raise an exception on data, inside of a `try` that catches it.

Where one branch of a condition raises, the other one goes on alone. It does so without that Python
comes back: what the program does from there on, until the `try`, the branch or the step of a loop
around it ends, is recorded as the *rest*, a region that runs where nothing was raised. At that
end, what the two leave is joined like the branches of an `if`; the exception, or None, is the first
of the joined values, an object that data chose.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from ms_func.source.hooks import above
from ms_func.source.hooks.heap.journal import Contents, Handle, journal, same_contents
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining import outcomes
from ms_func.source.hooks.joining.outcomes import Bottom, State, axes
from ms_func.source.hooks.joining.region import Region
from ms_func.source.hooks.values import conditions, failures
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.truths import at_hand

Outcome = tuple[Any, State | None]
"""What was raised: None, an exception, or a choice of these; and the values, None if there are none
because something was raised for certain."""

RAISED = "<raised>"


class _Scope(threading.local):
    rests: list[_Rest] | None = None


_scope = _Scope()
"""The rests that are being recorded since the innermost `attempt` began."""


def attempt(f: Callable[[], State], outer: State = (), otherwise: State | None = None) -> Outcome:
    """What `f()` gives, or raises for a `try` around it.

    Args:
        f: gives a tuple.
        outer: objects that are known outside of it.
        otherwise: the values where it raises; they are of no interest.
    """
    before, rests = _scope.rests, []
    _scope.rests = rests
    try:
        found = _end(f, rests)
        while rests:
            found = rests.pop().close(found, outer, otherwise)
        assert type(found) is tuple
        return found
    finally:
        _scope.rests = before
        while rests:
            rests.pop().leave()


def _end(f: Callable[[], State], rests: Sequence[Any]) -> Outcome | BaseException:
    """How `f()` ends; an exception where that is of no use to who comes after it."""
    try:
        return None, f()
    except Bottom as bottom:
        if not rests:
            raise
        return bottom.with_traceback(None)  # its frames know objects
    except Exception as error:
        if failures.is_taken(error):
            failures.let_go()
            return (error.choice if type(error) is failures.Chosen else error), None
        if not rests or not failures.leave(error):
            raise
        return error


class _Rest:
    """What is done where nothing has been raised.

    Args:
        raised: what has been raised: a choice of exceptions and None.
        fine: whether it is None.
    """

    def __init__(self, raised: Any, fine: Any) -> None:
        self.raised = raised
        self.fine = fine
        self.region = Region("branch", axes(fine))
        self._holding = conditions.holding(fine, 1)
        self._holding.__enter__()
        self._open = [] if journal.top is None else [
            x for x, _ in journal.top.entries.values() if type(x) in (Contents, Handle)
        ]  # fmt: skip
        self.region.enter()
        for x in self._open:  # what is being changed while this begins
            self.region.frame.touch(x)

    def leave(self) -> None:
        """Record around it again."""
        entries = self.region.frame.entries
        for x in self._open:
            if same_contents(entries[x.key][1], x.read()):
                del entries[x.key]
        self.region.leave()
        self._holding.__exit__(None, None, None)

    def close(
        self, found: Outcome | BaseException, outer: State, otherwise: State | None
    ) -> Outcome:
        """The outcome of both: where something was raised, and where it ended as `found` says."""
        rest, regions = self.region, [Region("branch", axes(self.fine))]
        if isinstance(found, Exception):
            rest.error = found
        elif type(found) is tuple:
            rest.value = settled(*found)
        self.leave()
        with conditions.holding(self.fine, 0):
            regions[0].run(lambda: settled(certain(self.raised), otherwise))
        if isinstance(found, Bottom):  # only types matter now
            return joined(0, regions, (), outer)
        return joined(self.fine, [*regions, rest], (), outer)


def certain(raised: Choice) -> Any:
    """The exception, where something was raised for certain."""
    left = [x for x in raised.left().values() if x is not None]
    if len(left) == 1:
        return left[0]
    return Choice(raised.index, tuple([left[0] if x is None else x for x in raised.alternatives]))


def proceed(raised: Any, values: State | None) -> State:
    """Go on with the values where nothing was raised, and only there."""
    if raised is None:
        assert values is not None
        return values
    if type(raised) is not Choice:
        raise failures.again(raised)
    fine = at_hand(raised.where(lambda x: x is None))
    if values is None or fine is False:
        raise failures.again(failures.Chosen(raised))
    if fine is True:
        return values
    if failures.may_catch() and failures.is_caught(failures.Chosen(raised)):
        assert _scope.rests is not None
        _scope.rests.append(_Rest(raised, fine))
    else:
        above.unless(fine, lambda: failures.Chosen(raised))
    return values


def tried(f: Callable[[], Any]) -> tuple[Any, Any]:
    """What a function raises, or None, and its value."""
    if not failures.may_catch():
        return None, f()
    raised, values = attempt(lambda: (f(),))
    return raised, None if values is None else values[0]


def settled(raised: Any, values: State | None) -> Outcome:
    """An outcome as it is under the conditions around this line."""
    values = None if values is None else tuple(map(outcomes.settled, values))
    return outcomes.settled(raised), values


def joined(index: Any, regions: Sequence[Region], names: Sequence[str], outer: State) -> Outcome:
    """The outcomes of regions as one."""
    ends = [r for r in regions if not r.never]
    widths = [len(r.value[1]) for r in ends if r.value[1] is not None]
    if all(r.value[0] is None for r in ends):
        for r in ends:
            r.value = r.value[1]
        return None, outcomes.joined(index, regions, names, outer)
    nothing = (UNDEFINED,) * max(widths, default=0)
    for r in ends:
        raised, values = r.value
        if isinstance(raised, Exception):
            raised.__traceback__ = raised.__context__ = None  # they hold values of the recording
        r.value = (raised, *(nothing if values is None else values))
        raised = values = None
    found = outcomes.joined(index, regions, (RAISED, *names), outer)
    return found[0], found[1:] if widths else None
