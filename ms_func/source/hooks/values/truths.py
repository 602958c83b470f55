"""Truth values of traced arrays."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np

from ms_func.ir.primitive import current
from ms_func.primitives.compare import ne
from ms_func.primitives.shape import reshape
from ms_func.source.hooks import above
from ms_func.source.hooks.values.choice import Choice
from ms_func.tracing.complaints import ambiguous
from ms_func.tracing.tracer import Staging, Tracer


def truth(x: Tracer) -> Any:
    """The truth value of a traced array: a scalar boolean, or a bool where it is at hand.

    Raises:
        ValueError: the array has not exactly one element.
    """
    t = x.type
    if t.size != 1:
        raise ambiguous(t.size)
    y = ne(x, np.zeros((), t.dtype)[()]) if t.dtype != np.bool_ else x
    return y if t.shape == () else reshape(y, ())


RULES: dict[type, Any] = {}
"""How the truth of values of some types is found."""
PLAIN = frozenset((bool, int, float, complex, str, bytes, type(None), np.bool_))
"""Types whose truth Python knows."""


def asked(x: Any) -> Any:
    """A bool or a traced one for an object whose class has a `__bool__` or `__len__` in Python.

    Anything else is given back: its truth is Python's business.
    """
    if type(x) in PLAIN or type(x) is Tracer or type(current.interpreter) is not Staging:
        return x
    if type(x) is Choice:
        return x.are_functions or x.truth()
    rule = RULES.get(type(x))
    if rule is not None:
        return rule(x)
    own = getattr(type(x), "__bool__", None)
    if own is None:
        own = getattr(type(x), "__len__", None)
    if not isinstance(own, FunctionType):
        return x
    found = above.call(getattr(own, "__wrapped__", own), x)
    return truth(found) if type(found) is Tracer else bool(found)


def at_hand(x: Any) -> Any:
    """A bool for a traced value whose value is at hand, else the value itself."""
    if type(x) is Tracer and x.type.size == 1:
        known = x.recorder.value_of(x.variable)
        if known is not None:
            return bool(known)
    return x
