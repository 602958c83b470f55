"""Regions: a branch or a loop body recorded by itself, with its stores undone afterwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ms_func.ir.loc import Loc
from ms_func.ir.types import ArrayType
from ms_func.source.hooks.heap.anatomy import Overlay
from ms_func.source.hooks.heap.journal import MISSING, Contents, Frame, Handle, Location, journal
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.growing import Growing, grown
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.tracing.stage import Staged, canonical
from ms_func.tracing.tracer import Staging, Tracer


class Region:
    """One recording of a piece of user code.

    Attributes:
        trace: the recording.
        value: what the code returned.
        error: what it raised, so that nothing comes after it.
        overlay: the heap as the code left it.
        entries: locations that the code stored to.
        frame: the journal of its stores, while it is recorded.
    """

    def __init__(self, name: str, decided: frozenset[Any] = frozenset()) -> None:
        self.trace = Staging(name, decided)
        self.params: list[Tracer] = []
        self.value: Any = None
        self.error: Exception | None = None
        self.overlay = Overlay({}, self.trace)
        self.entries: dict[Any, Location] = {}

    @property
    def never(self) -> bool:
        """Whether nothing comes after it, because it raised."""
        return self.error is not None

    def parameter(self, type: ArrayType) -> Tracer:
        """A new parameter of the program."""
        made = self.trace.parameter(type)
        self.params.append(made)
        return made

    def enter(self) -> None:
        """Record what follows here, until `leave`."""
        self.frame = Frame(self.trace)
        self.trace.__enter__()
        self.frame.__enter__()

    def leave(self) -> None:
        """Keep the heap as it is now, undo the stores, and record where it was done before."""
        frame = self.frame
        self.overlay = Overlay(frame.finals(), self.trace, frame.born)
        self.entries = {key: location for key, (location, _) in frame.entries.items()}
        for location in self.entries.values():
            location.is_new = location.is_new or id(location.owner) in frame.born
        frame.undo()
        frame.__exit__()
        self.trace.__exit__()
        del self.frame  # it knows objects that nobody else does

    def run(self, f: Callable[[], Any]) -> Any:
        """Record `f()`, keep its value and the heap at its end, and undo its stores."""
        self.enter()
        try:
            self.value = f()
        except Exception as error:
            if not failures.leave(error):
                raise
            self.error = error
        finally:
            self.leave()
        return self.value

    @contextmanager
    def reopened(self) -> Iterator[None]:
        """Record further operations at the end of the region."""
        with self.overlay.reopened():
            yield

    def late(self) -> dict[Any, Location]:
        """Locations that joining stored to, at the end of the region, since this was last asked."""
        found = self.overlay.late
        self.overlay.late = {}
        self.entries.update(found)
        return found

    def let_go(self) -> None:
        """Forget the values, so that objects made here can be told from others."""
        self.value = None
        self.overlay.finals.clear()
        self.trace.links = None

    def finish(self, results: Sequence[Any], inputs: Sequence[Tracer] | None = None) -> Staged:
        """The program with the given results."""
        fn, captured = self.trace.finish(self.params if inputs is None else inputs, results)
        return Staged(canonical(fn), captured, None, {})

    def origin(self, x: Any) -> Loc | None:
        """The line that computed a value of this region."""
        if type(x) is Tracer:
            for eqn in reversed(self.trace.eqns):
                if any(v is x.variable for v in eqn.outputs):
                    return eqn.loc  # type: ignore[return-value]
        return None


def locations(regions: Sequence[Region]) -> dict[Any, Location]:
    """Locations that any of the regions stored to."""
    found: dict[Any, Location] = {}
    for region in regions:
        for key, location in region.entries.items():
            found.setdefault(key, location)
    return found


def finals(region: Region, key: Any, location: Location) -> Any:
    """What a location held at the end of a region."""
    if region.never:
        return UNDEFINED
    found = region.overlay.finals.get(key, UNDEFINED)
    if found is UNDEFINED and (location.is_new or _is_of_another(found := location.read())):
        return UNDEFINED
    return location.nothing if found is MISSING else found


def _is_of_another(held: Any) -> bool:
    """Whether an object holds this that was made in a region beside this one, and is not there."""
    waiting, seen = [held], set()
    while waiting:
        x = waiting.pop()
        if type(x) is Tracer:
            if not x.recorder.alive:
                return True
        elif id(x) not in seen:  # containers may hold themselves
            seen.add(id(x))
            waiting += _elements(x)
    return False


def _elements(x: Any) -> list[Any]:
    if type(x) is Growing:
        return [*x.rooms, x.first, x.length]
    if type(x) is Perhaps:
        return [x.is_there, x.value]
    if isinstance(x, dict):
        return [*x.values()]
    return [*x] if isinstance(x, (list, tuple, deque)) else []


def put(location: Location, value: Any) -> None:
    """Store a joined value, journalled by the enclosing region."""
    frame = journal.top
    if frame is not None and not (
        type(location) is Handle and location.owner.recorder is frame.trace
    ):
        frame.touch(location)
    location.write(MISSING if value is UNDEFINED or value is location.absent else value)
    if type(location) is Contents:
        grown(location.owner)  # notes it, if its elements have numbers
