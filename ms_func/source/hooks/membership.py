"""`in`, and places where Python itself has to know a truth value."""

from __future__ import annotations

from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func.execution.array import Array
from ms_func.source.hooks import complaints
from ms_func.source.hooks.anatomy import is_number
from ms_func.source.hooks.branch import or_
from ms_func.source.hooks.elements import Elements
from ms_func.source.hooks.truths import at_hand
from ms_func.tracing.tracer import Tracer


def contains(item: Any, container: Any) -> Any:
    """`item in container`."""
    if type(container) is Tracer or (type(item) is Tracer and _is_array(container)):
        return xp.any(xp.equal(container, item))
    if isinstance(container, range) and type(item) is Tracer:
        return _in_range(item, container)
    if type(item) is not Tracer and not _holds_traced(container):
        return item in container
    if isinstance(container, Elements):
        container = list(container)
    found: Any = False
    for x in container:
        if x is item:
            return True
        if is_number(x) and is_number(item):
            found = or_(found, lambda x=x: xp.all(xp.equal(x, item)))
        elif x == item:
            return True
    return found


def _is_array(x: Any) -> bool:
    return isinstance(x, (Array, np.ndarray))


def _holds_traced(container: Any) -> bool:
    return isinstance(container, (list, tuple)) and any(type(x) is Tracer for x in container)


def _in_range(item: Tracer, r: range) -> Any:
    if not len(r):
        return False
    low, high = min(r[0], r[-1]), max(r[0], r[-1])
    inside = (item >= low) & (item <= high)  # pyright: ignore[reportOperatorIssue]
    return inside if abs(r.step) == 1 else inside & ((item - low) % abs(r.step) == 0)  # pyright: ignore[reportOperatorIssue]


def truth(value: Any, what: str) -> Any:
    """`value`, where Python has to know whether it is true.

    Raises:
        StagingError: MS180 for `yield` under it, MS170 elsewhere: it is known only at run time.
    """
    if type(value) is not Tracer:
        return value
    known = at_hand(value)
    if known is not value:
        return known
    raise complaints.yielded() if what == "yield" else complaints.needs_truth(what)
