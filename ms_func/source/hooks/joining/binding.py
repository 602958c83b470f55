"""Local names that data may have bound or not."""

from __future__ import annotations

from typing import Any

from ms_func.ir.primitive import current
from ms_func.source.hooks.heap.journal import MISSING
from ms_func.source.hooks.joining import conditions
from ms_func.source.hooks.joining.anatomy import Parts, handles
from ms_func.source.hooks.joining.truths import at_hand
from ms_func.source.hooks.joining.undefined import IS_BOUND, UNBOUND, UNDEFINED, Unsure
from ms_func.source.hooks.raising import failures

handles(
    Unsure,
    lambda x, overlay: Parts((Unsure,), (x.is_bound, x.value), (IS_BOUND, ""), Unsure.of),
)


def bound(value: Any, name: str) -> Any:
    """`value`, which a name holds; checked at run time where data decide whether it is bound.

    Raises:
        UnboundLocalError: nothing was assigned to the name on any way to this line.
    """
    if type(value) is Unsure:
        is_bound = conditions.known(at_hand(value.is_bound))
        if is_bound is not True and not was_checked(value):
            failures.assert_raising(is_bound, unbound(name))
            note(value)
        return value.value
    if value is UNBOUND or value is UNDEFINED or value is MISSING:
        raise unbound(name)
    return value


def held(value: Any) -> Any:
    """What a name holds that is bound on every way to this line."""
    return value.value if type(value) is Unsure else value


def unbound(name: str) -> UnboundLocalError:
    """What Python raises."""
    return UnboundLocalError(
        f"cannot access local variable '{name}' where it is not associated with a value"
    )


def note(x: Any) -> None:
    """The last thing recorded is a check of `x`."""
    trace = current.interpreter
    if trace.eqns and trace.eqns[-1].primitive.name == "check":
        x.check = (trace, trace.eqns[-1], len(trace.eqns) - 1)


def was_checked(x: Any) -> bool:
    """Whether a line before this one, in the same recording, has checked `x`."""
    if x.check is None:
        return False
    trace, eqn, place = x.check
    return trace is current.interpreter and trace.eqns[place : place + 1] == [eqn]
