"""Programs of calls that were recorded already, for further calls of the same form.

A recursion over a structure of known depth, such as a list that gets shorter, comes to one call on
each side of a branch. Each form of the arguments is recorded once; otherwise there would be twice
as many recordings at each level. A program is good for another call where all that its function
looked at is the same: what differs are numbers and arrays, which are its parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ms_func import config
from ms_func.control_flow.call import call
from ms_func.control_flow.recur import recurs
from ms_func.ir.axes import environment
from ms_func.ir.function import Function
from ms_func.source.hooks.heap.anatomy import SCALARS, take_apart
from ms_func.source.hooks.heap.journal import (
    MUTABLE,
    Frame,
    Position,
    journal,
    same_contents,
)
from ms_func.source.hooks.recursion.reaching import is_same
from ms_func.source.hooks.values import failures
from ms_func.source.hooks.values.nodes import Itself, Same, Slot, Tree, walk
from ms_func.tracing.tracer import Tracer


class Program(NamedTuple):
    """A recorded call.

    Attributes:
        root: the call.
        fn: the program: captured values and arguments to results.
        captured: values from around the call.
        marks: recordings that these belong to, with their last equations at that time.
        heap: what had been stored to around the call.
    """

    root: Any
    fn: Function
    captured: Sequence[Any]
    marks: Sequence[tuple[Any, int, Any]]
    heap: dict[Any, Any]

    def is_valid(self, heap: dict[Any, Any]) -> bool:
        """Whether what it captured is still there, and the heap is as it was."""
        return _is_same_heap(self.heap, heap) and all(
            trace.alive and len(trace.eqns) >= n and (not n or trace.eqns[n - 1] is last)
            for trace, n, last in self.marks
        )

    def run(self, args: Sequence[Any]) -> list[Any]:
        """Its results."""
        return call(self.fn, *self.captured, *args, name=self.fn.name, inline=True)


class _One:
    """An object, equal to itself alone."""

    __slots__ = ("object",)

    def __init__(self, x: Any) -> None:
        self.object = x

    def __eq__(self, other: object) -> bool:
        return type(other) is _One and self.object is other.object

    def __hash__(self) -> int:
        return id(self.object)


class _Unshareable(Exception):
    """A form that tells too little."""


def _form(root: Any) -> Any:
    """Equal for calls of one function that are recorded alike; None where that cannot be told."""
    known = _Known()
    try:
        shape = tuple([known.of_node(n) for n in root.nodes])
        hash(shape)
    except (_Unshareable, TypeError):
        return None
    types = tuple([s.type for s in root.slots])
    state = environment(), config.recording(), bool(journal.stand_ins), failures.around()
    return root.made.__code__, type(root.made), root.scalars, root.arrays, types, shape, state


class _Known:
    """What is known of the arguments of a call, containers by what is in them."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[int, Any]] = {}

    def of_node(self, node: Any) -> Any:
        if type(node) is Slot:
            return "slot", node.index
        if type(node) is Itself:
            return _One(node.value)
        if type(node) is Same:
            return self.of_value(node.value)
        if type(node) is not Tree or node.kind is None or node.tag is not None:
            raise _Unshareable
        return self._once(node) or (node.kind, *map(self.of_node, node.children))

    def of_value(self, x: Any) -> Any:
        if isinstance(x, (*SCALARS, str, bytes)):
            return type(x), repr(x)
        if type(x) is Tracer:
            return _One(x.variable)
        apart = take_apart(x)
        if apart is None:
            if isinstance(x, np.ndarray) or (hasattr(x, "__next__") and not callable(x)):
                raise _Unshareable
            return _One(x)
        return self._once(x) or (apart.kind, *map(self.of_value, apart.children))

    def _once(self, x: Any) -> Any:
        """Which of those seen before it is, else None."""
        if id(x) in self.seen:
            return "seen", self.seen[id(x)][0]
        self.seen[id(x)] = len(self.seen), x
        return None


def find(root: Any, around: Sequence[Any]) -> Program | None:
    """A program for a call of this form among those recorded in the calls around it."""
    key = _form(root) if around else None
    for outer in reversed(around if key is not None else ()):
        program = outer.programs.get(key)
        if program is not None and is_same(program.root.f, root.f):
            return program if program.is_valid(_heap_around(around[0].frame)) else None
    return None


def kept(root: Any, fn: Function, captured: Sequence[Any], around: Sequence[Any]) -> Program | None:
    """The program of a call, kept for others of its form if it stands by itself.

    It does not where the function stores to objects or gives one back that it was given, and
    where the program has calls of those around it.
    """
    if root.places or root.left or not _is_new([root.result]):
        return None
    key = _form(root) if around else None
    if key is None or any(recurs(fn, r.number) for r in around):
        return None
    traces = {id(x.recorder): x.recorder for x in captured if type(x) is Tracer}.values()
    marks = [(t, len(t.eqns), t.eqns[-1] if t.eqns else None) for t in traces]
    made = Program(root, fn, captured, marks, _heap_around(around[0].frame))
    around[-1].programs[key] = made
    return made


def _is_new(nodes: Sequence[Any]) -> bool:
    """Whether a value is made of results alone, and of what nobody stores to."""
    held = [c for n in walk(nodes) if type(n) is Tree for c in n.children]
    return not any(isinstance(n, Same) and _is_mutable(n.value) for n in (*nodes, *held))


def _is_mutable(x: Any) -> bool:
    apart = take_apart(x)
    if apart is None:
        return not (isinstance(x, (*SCALARS, str, bytes, type)) or x is None or callable(x))
    return apart.mutable or any(map(_is_mutable, apart.children))


def _heap_around(last: Frame) -> dict[Any, Any]:
    """What was stored to in the regions around this line, up to that of a frame.

    Where iterators that were made in them stand is left out.
    """
    found: dict[Any, Any] = {}
    frame = journal.top
    while frame is not None:
        for key, (location, _) in frame.entries.items():
            is_new = type(location) is Position and location.owner.born >= last.number
            if not is_new and key not in found:
                found[key] = location.read()
        frame = None if frame is last else frame.outer
    return found


def _is_same_heap(a: dict[Any, Any], b: dict[Any, Any]) -> bool:
    return a.keys() == b.keys() and all(_is_same(x, b[key]) for key, x in a.items())


def _is_same(x: Any, y: Any) -> bool:
    return x is y or (isinstance(x, (*MUTABLE, np.ndarray, Tracer)) and same_contents(x, y))
