"""Names and attributes that data may have bound or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ms_func.ir.primitive import current
from ms_func.source.hooks.heap.anatomy import Parts, handles
from ms_func.source.hooks.heap.journal import MISSING
from ms_func.source.hooks.heap.undefined import IS_BOUND, Absent, Unsure
from ms_func.source.hooks.values import conditions, failures
from ms_func.source.hooks.values.truths import at_hand

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
        return _checked(value, lambda: unbound(name))
    if type(value) is Absent or value is MISSING:
        raise unbound(name)
    return value


def bound_free(value: Any, name: str) -> Any:
    """`value`, which a variable of a function around this one holds."""
    if type(value) is not Unsure:
        return value
    return _checked(
        value,
        lambda: NameError(
            f"cannot access free variable '{name}' where it is not associated with a value in "
            "enclosing scope"
        ),
    )


def attribute(obj: Any, name: str, value: Unsure) -> Any:
    """What an attribute of an object holds of which data decide whether it is there."""
    text = f"{type(obj).__name__!r} object has no attribute {name!r}"
    return _checked(value, lambda: AttributeError(text))


def _checked(value: Unsure, error: Callable[[], Exception]) -> Any:
    """The value, where a check at run time finds that it is bound."""
    is_bound = is_known(value)
    if is_bound is not True and not was_checked(value):
        failures.assert_raising(is_bound, error())
        note(value)
    return value.value


def is_known(value: Unsure) -> Any:
    """Whether something is bound: a condition, a bool where that is decided here."""
    return conditions.known(at_hand(value.is_bound))


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
