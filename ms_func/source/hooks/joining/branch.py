"""`if`, conditional expressions, `and`, `or`, `not`, and calls of choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ms_func.ir.function import Function
from ms_func.ir.primitive import current
from ms_func.primitives.bits import bitwise_and, bitwise_not, bitwise_or
from ms_func.primitives.cast import convert_element_type
from ms_func.source.hooks import above
from ms_func.source.hooks.heap.journal import Cell
from ms_func.source.hooks.joining import attempts
from ms_func.source.hooks.joining.outcomes import Bottom, State, axes
from ms_func.source.hooks.joining.region import Region
from ms_func.source.hooks.values import conditions, failures
from ms_func.source.hooks.values.truths import PLAIN, asked, at_hand, truth
from ms_func.source.hooks.values.types import converted
from ms_func.tracing.tracer import Tracer

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


@above.enter
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


@above.enter
def switch(index: Any, functions: Sequence[Callable[[], Any]]) -> Any:
    """Value of the function that a traced integer names."""
    if type(index) is not Tracer:
        return functions[int(index)]()
    index = convert_element_type(index, np.int32)
    return _switch(index, [lambda f=f: (f(),) for f in functions], _VALUE)[0]


def _switch(
    index: Any, functions: Sequence[Callable[[], State]], names: Sequence[str], outer: State = ()
) -> State:
    """Record all branches, join what they leave, and apply the one that `index` names."""
    if failures.may_catch():
        tried = [lambda f=f: attempts.attempt(f, outer) for f in functions]
        return attempts.proceed(*_recorded(index, tried, names, outer))
    kept = [lambda f=f: (None, f()) for f in functions]
    return attempts.proceed(*_recorded(index, kept, names, outer))


def _recorded(
    index: Any, functions: Sequence[Callable[[], attempts.Outcome]], names: Sequence[str],
    outer: State,
) -> attempts.Outcome:  # fmt: skip
    """The branches joined: what they raise, and the values that they leave."""
    regions: list[Region] = []
    bottoms: list[Bottom] = []
    for i, f in enumerate(functions):
        region = Region("branch", axes(index))
        try:
            with conditions.holding(index, i):
                region.run(f)
                if not region.never:
                    region.value = attempts.settled(*region.value)
        except Bottom as bottom:
            bottoms.append(bottom.with_traceback(None))  # its frames know objects
            continue
        regions.append(region)
    if not regions:
        raise min(bottoms, key=lambda bottom: bottom.number)
    if bottoms:  # only types matter now: any branch will do
        regions, index = [regions[0]], 0 if len(regions) == 1 else index
    return attempts.joined(index, regions, names, outer)


@above.enter
def unless(holds: Any, error: Callable[[], Exception]) -> None:
    """Raise where a traced condition does not hold."""

    def fails() -> State:
        raise failures.raise_(error())

    _switch(holds, [fails, lambda: ()], ())


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
        error, value = region.run(lambda: attempts.tried(right)) or (None, None)
    plain = error is None and not region.never and not region.entries
    if plain and _is_boolean(left) and _is_boolean(value):
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
