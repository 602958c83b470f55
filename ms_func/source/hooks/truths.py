"""Truth values of traced arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ms_func.primitives.compare import ne
from ms_func.primitives.shape import reshape
from ms_func.tracing.tracer import Tracer


def truth(x: Tracer) -> Any:
    """The truth value of a traced array: a scalar boolean, or a bool where it is at hand.

    Raises:
        ValueError: the array has not exactly one element.
    """
    t = x.type
    if t.size != 1:
        raise ValueError(
            "The truth value of an array with more than one element is ambiguous. "
            "Use a.any() or a.all()"
        )
    y = ne(x, np.zeros((), t.dtype)[()]) if t.dtype != np.bool_ else x
    return y if t.shape == () else reshape(y, ())


def at_hand(x: Any) -> Any:
    """A bool for a traced value whose value is at hand, else the value itself."""
    if type(x) is Tracer and x.type.size == 1:
        known = x.recorder.value_of(x.variable)
        if known is not None:
            return bool(known)
    return x
