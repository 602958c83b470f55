"""What regions of code leave, joined: the values and the heap of whichever of them ran."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ms_func.control_flow import bodies
from ms_func.control_flow.cond import cond_p
from ms_func.ir.primitive import current
from ms_func.ir.types import typeof
from ms_func.primitives.bits import bitwise_and, bitwise_not, bitwise_or
from ms_func.primitives.compare import select
from ms_func.source.hooks.heap import complaints
from ms_func.source.hooks.heap.anatomy import SCALARS, Mismatch
from ms_func.source.hooks.heap.journal import Contents, Location
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining.forgotten import forget
from ms_func.source.hooks.joining.join import Plan
from ms_func.source.hooks.joining.region import Region, finals, locations, put
from ms_func.source.hooks.values import conditions, failures
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.nodes import Slot
from ms_func.source.hooks.values.types import converted, materialized
from ms_func.tracing.tracer import Tracer

State = tuple[Any, ...]


class Bottom(BaseException):
    """A region that calls a recursive function whose result is not known yet.

    Attributes:
        number: which function, the outer ones first.
    """

    def __init__(self, number: int) -> None:
        self.number = number


def settled(x: Any, inside: bool = False) -> Any:
    """A value as it is under the conditions around this line; `inside`, also its elements."""
    if type(x) is Choice:
        return x.settled()
    if inside and type(x) is list:
        return [settled(y) for y in x]
    return {k: settled(y) for k, y in x.items()} if inside and type(x) is dict else x


def joined(index: Any, regions: Sequence[Region], names: Sequence[str], outer: State) -> State:
    """The values that regions leave, one of which `index` names; the heap is written to match."""
    if all(r.never for r in regions):
        _apply(index, regions, [])
        raise failures.unreachable([r.error for r in regions if r.error is not None])
    places = locations(regions)
    refused: set[int] = set()
    while True:
        plan, nodes, stores = _plan(index, regions, names, outer, places, refused)
        fresh = {id(places[k].owner) for k, n in stores.items() if isinstance(n, Exception)}
        if fresh <= refused:
            break
        refused |= fresh
    plan.release()
    forget(regions, places, nodes, stores)
    for node in stores.values():
        if isinstance(node, Exception):
            raise node
    slots = plan.keep([*nodes, *stores.values()])
    for s in slots:
        s.type = s.type.varying(s.type.vma | axes(index))
    outs = _values(index, regions, slots)
    made: dict[int, Any] = {}
    for key, node in stores.items():
        put(places[key], node.build(outs, made))
    return tuple([n.build(outs, made) for n in nodes])


def _plan(
    index: Any, regions: Sequence[Region], names: Sequence[str], outer: State,
    places: dict[Any, Location], refused: set[int],
) -> tuple[Plan, list[Any], dict[Any, Any]]:  # fmt: skip
    """Nodes of the local variables, and of the locations or why these cannot be joined.

    A location that cannot be joined may belong to an object of one region alone, which is then
    made anew from its parts.
    """
    plan = Plan([r.overlay for r in regions], outer, stored=True)
    plan.refused = refused
    plan.links = [r.trace.links for r in regions]
    stores: dict[Any, Any] = {}
    for key, place in places.items():
        try:
            found = []
            for i, r in enumerate(regions):
                with conditions.holding(index, i):
                    found.append(settled(finals(r, key, place), type(place) is Contents))
            stores[key] = plan.of_place(found, place)
        except Mismatch as error:
            stores[key] = complaints.branches_disagree(error, names, regions)
    try:
        nodes = [plan.join(column, (i,)) for i, column in enumerate(_columns(regions))]
    except Mismatch as error:
        raise complaints.branches_disagree(error, names, regions) from None
    for key, place in (entry for r in regions for entry in r.late().items()):
        places[key] = place
        stores[key] = plan.of_place([finals(r, key, place) for r in regions], place)
    return plan, nodes, stores


def axes(x: Any) -> frozenset[Any]:
    """Axes of a region of manual computation along which a condition may differ."""
    return x.type.vma if type(x) is Tracer else frozenset()


def _columns(regions: Sequence[Region]) -> list[tuple[Any, ...]]:
    """What each local variable is after each region; a region that raises leaves nothing."""
    width = next(len(r.value) for r in regions if not r.never)
    nothing = (UNDEFINED,) * width
    return list(zip(*(nothing if r.never else r.value for r in regions), strict=True))


def _values(index: Any, regions: Sequence[Region], slots: Sequence[Slot]) -> list[Any]:
    """Value of each slot: constants by a selection, what the branches compute by a `cond`."""
    outs = [_selected(index, s) if len(regions) == 2 else None for s in slots]
    rest = [s for s, x in zip(slots, outs, strict=True) if x is None]
    computed = iter(_apply(index, regions, rest))
    return [next(computed) if x is None else x for x in outs]


def _selected(index: Any, slot: Slot) -> Any:
    """A scalar both of whose columns are known outside of the branches; None for others.

    The flags that `break`, `continue` and `return` set are such.
    """
    if slot.type.shape != () or typeof(index).dtype != np.bool_:
        return None
    no, yes = slot.columns
    known = isinstance(no, SCALARS), isinstance(yes, SCALARS)
    if slot.type.dtype == np.bool_ and any(known):
        return _flag(index, no, yes)
    if all(known):
        return select(index, converted(yes, slot.type), converted(no, slot.type))
    return None


def _flag(index: Any, no: Any, yes: Any) -> Any:
    """`yes if index else no`, one of which is a bool."""
    for x in (no, yes):
        if x is UNDEFINED or (type(x) is Tracer and not x.recorder.alive):
            return None
    if isinstance(yes, bool):
        if isinstance(no, bool):
            return index if yes else bitwise_not(index)
        return bitwise_or(index, no) if yes else bitwise_and(bitwise_not(index), no)
    return bitwise_or(bitwise_not(index), yes) if no else bitwise_and(index, yes)


def _apply(index: Any, regions: Sequence[Region], slots: Sequence[Any]) -> list[Any]:
    """Results of the branch that `index` names."""
    staged = []
    for i, region in enumerate(regions):
        with region.reopened():
            results = [materialized(s.columns[i], s.type) for s in slots]
        staged.append(region.finish(results))
    if not slots and not any(s.fn.effects for s in staged):
        return []
    fns, captured = bodies.share_captured(staged)
    if axes(index):
        bodies.same_on_all_devices(fns, axes(index), "if", "condition")
    if len(fns) == 1:
        return bodies.values(current.interpreter.apply(fns[0], captured))
    outs = cond_p.bind(index, *captured, branches=fns)
    return bodies.values(outs)
