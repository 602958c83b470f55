"""`if`, conditional expressions, `and`, `or`, `not`, and calls of choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.control_flow import bodies
from ms_func.control_flow.cond import cond_p
from ms_func.ir.function import Function
from ms_func.ir.primitive import current
from ms_func.ir.types import typeof
from ms_func.primitives.bits import bitwise_and, bitwise_not, bitwise_or
from ms_func.primitives.cast import convert_element_type
from ms_func.primitives.compare import select
from ms_func.source.hooks import complaints, conditions, failures
from ms_func.source.hooks.anatomy import SCALARS, Mismatch
from ms_func.source.hooks.choice import Choice
from ms_func.source.hooks.forgotten import forget
from ms_func.source.hooks.join import Plan, converted, materialized
from ms_func.source.hooks.join_nodes import Slot
from ms_func.source.hooks.journal import Cell, Contents, Location
from ms_func.source.hooks.region import Region, finals, locations, put
from ms_func.source.hooks.truths import PLAIN, asked, at_hand, truth
from ms_func.source.hooks.undefined import UNDEFINED
from ms_func.tracing.tracer import Tracer

State = tuple[Any, ...]


class Bottom(BaseException):
    """A region that calls a recursive function whose result is not known yet.

    Attributes:
        number: which function, the outer ones first.
    """

    def __init__(self, number: int) -> None:
        self.number = number


# --- if ---------------------------------------------------------------------------------------


def if_(
    pred: Any,
    then: Callable[..., State],
    orelse: Callable[..., State] | None,
    state: State,
    names: Sequence[str] = (),
) -> State:
    """`if pred: then else: orelse`, for the values `state` of the local variables `names`."""
    if pred is True:
        return then(*state)
    if type(pred) in PLAIN or type(pred := asked(pred)) is not Tracer:
        if pred:
            return then(*state)
        return state if orelse is None else orelse(*state)
    known = at_hand(pred)
    if known is not pred:
        return if_(known, then, orelse, state, names)
    other = (lambda: state) if orelse is None else (lambda: orelse(*state))
    outer = (*state, *cells(then), *cells(orelse))
    return _switch(truth(pred), [other, lambda: then(*state)], names, outer)


def ifexp(pred: Any, then: Callable[[], Any], orelse: Callable[[], Any]) -> Any:
    """`then() if pred else orelse()`."""
    if type(pred) in PLAIN or type(pred := asked(pred)) is not Tracer:
        return then() if pred else orelse()
    known = at_hand(pred)
    if known is not pred:
        return then() if known else orelse()
    outer = (*cells(then), *cells(orelse))
    return _switch(truth(pred), [lambda: (orelse(),), lambda: (then(),)], _VALUE, outer)[0]


def cells(f: Any) -> tuple[Any, ...]:
    """Variables around a function that it shares with the code outside of it, and their values."""
    found = getattr(f, "__closure__", None) or ()
    held = [Cell(c).read() for c in found]
    return (*found, *held)


_VALUE = ("this value",)


def switch(index: Any, functions: Sequence[Callable[[], Any]]) -> Any:
    """Value of the function that a traced integer names."""
    if type(index) is not Tracer:
        return functions[int(index)]()
    index = convert_element_type(index, np.int32)
    return _switch(index, [lambda f=f: (f(),) for f in functions], _VALUE)[0]


Choice.switch = staticmethod(switch)


def _settled(x: Any, inside: bool = False) -> Any:
    """A value as it is under the conditions around this line; `inside`, also its elements."""
    if type(x) is Choice:
        return x.settled()
    if inside and type(x) is list:
        return [_settled(y) for y in x]
    return {k: _settled(y) for k, y in x.items()} if inside and type(x) is dict else x


def _switch(
    index: Any, functions: Sequence[Callable[[], State]], names: Sequence[str], outer: State = ()
) -> State:
    """Record all branches, join what they leave, and apply the one that `index` names."""
    regions: list[Region] = []
    bottoms: list[Bottom] = []
    for i, f in enumerate(functions):
        region = Region("branch", _axes(index))
        try:
            with conditions.holding(index, i):
                region.run(f)
                if not region.never:
                    region.value = tuple(map(_settled, region.value))
        except Bottom as bottom:
            bottoms.append(bottom)
            continue
        regions.append(region)
    if not regions:
        raise min(bottoms, key=lambda bottom: bottom.number)
    if bottoms:  # only types matter now: any branch will do
        regions, index = [regions[0]], 0 if len(regions) == 1 else index
    return _joined(index, regions, names, outer)


def _joined(index: Any, regions: Sequence[Region], names: Sequence[str], outer: State) -> State:
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
    forget(regions, places, nodes, stores, between=True)
    for node in stores.values():
        if isinstance(node, Exception):
            raise node
    slots = plan.keep([*nodes, *stores.values()])
    for s in slots:
        s.type = s.type.varying(s.type.vma | _axes(index))
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
                    found.append(_settled(finals(r, key, place), type(place) is Contents))
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


def _axes(x: Any) -> frozenset[Any]:
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
    if _axes(index):
        bodies.same_on_all_devices(fns, _axes(index), "if", "condition")
    if len(fns) == 1:
        return bodies.values(current.interpreter.apply(fns[0], captured))
    outs = cond_p.bind(index, *captured, branches=fns)
    return bodies.values(outs)


# --- and, or, not -----------------------------------------------------------------------------

_CHEAP = 16
"""Equations up to which the right side of `and` and `or` is computed in any case."""


def and_(left: Any, right: Callable[[], Any]) -> Any:
    """`left and right()`."""
    if type(left) in PLAIN:
        return left and right()
    if type(test := asked(left)) is not Tracer:
        return right() if test else left
    return _logical(left, test, right, True)


def or_(left: Any, right: Callable[[], Any]) -> Any:
    """`left or right()`."""
    if type(left) in PLAIN:
        return left or right()
    if type(test := asked(left)) is not Tracer:
        return left if test else right()
    return _logical(left, test, right, False)


def not_(x: Any) -> Any:
    """`not x`."""
    if type(x) in PLAIN or type(x := asked(x)) is not Tracer:
        return not x
    return bitwise_not(truth(x))


def _logical(left: Any, test: Any, right: Callable[[], Any], conjunction: bool) -> Any:
    """`and` or `or` with a left side whose truth `test` is traced.

    A right side that is a boolean, cheap and without effects is computed in any case; any
    other in a branch. What is computed in vain is a boolean and has no derivative, so it
    cannot put a NaN into one.
    """
    known = at_hand(test)
    if known is not test:
        return right() if known == conjunction else left
    test = truth(test)
    region = Region("operand")
    with conditions.holding(test, conjunction):
        value = region.run(right)
    if not region.never and not region.entries and _is_boolean(left) and _is_boolean(value):
        if not isinstance(value, Tracer):
            if bool(value) == conjunction:
                return left
            return value
        made = region.finish([converted(value, value.type)])
        if _is_cheap(made.fn):
            (out,) = current.interpreter.apply(made.fn, made.captured)
            if out.type.shape == ():
                return (bitwise_and if conjunction else bitwise_or)(test, out)
    arms = [lambda: (left,), lambda: (right(),)]
    return _switch(test, arms if conjunction else arms[::-1], _VALUE)[0]


def _is_boolean(x: Any) -> bool:
    if isinstance(x, (bool, np.bool_)):
        return True
    return type(x) is Tracer and x.dtype == np.bool_ and x.type.size == 1


def _is_cheap(fn: Function) -> bool:
    """Whether a program is a few operations on little data, without loops and effects."""
    return (
        len(fn.eqns) <= _CHEAP
        and not fn.effects
        and all(not any(e.functions()) for e in fn.eqns)
        and sum(v.type.size for e in fn.eqns for v in e.outputs) <= 4096
    )
