"""`in`, and places where Python itself has to know a truth value."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np

import ms_func.numpy as xp
from ms_func.execution.array import Array
from ms_func.ir.primitive import current
from ms_func.source.hooks import complaints
from ms_func.source.hooks.anatomy import is_number
from ms_func.source.hooks.branch import and_, ifexp, or_
from ms_func.source.hooks.choice import Choice
from ms_func.source.hooks.elements import Elements
from ms_func.source.hooks.failures import raise_
from ms_func.source.hooks.truths import at_hand
from ms_func.source.hooks.truths import truth as truth_of
from ms_func.tracing.tracer import Staging, Tracer


def contains(item: Any, container: Any) -> Any:
    """`item in container`."""
    if type(container) is Tracer or (type(item) is Tracer and _is_array(container)):
        return xp.any(xp.equal(container, item))
    if type(item) is Tracer:
        if isinstance(container, range):
            return _in_range(item, container)
    elif type(current.interpreter) is not Staging:
        return item in container
    own = getattr(type(container), "__contains__", None)
    if type(own) is FunctionType and type(current.interpreter) is Staging:
        found = Choice.call(own, container, item)
        return truth_of(found) if type(found) is Tracer else bool(found)
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


def is_(a: Any, b: Any) -> Any:
    """`a is b`, either of which may be a function that data chose."""
    if type(a) is not Choice and type(b) is not Choice:
        return a is b
    if type(a) is not Choice:
        a, b = b, a
    found: Any = a is b
    for i, f in enumerate(a.alternatives if found is False else ()):
        same = is_(b, f) if type(b) is Choice else f is b
        if same is not False:
            here = xp.equal(a.index, i)
            found = or_(found, lambda here=here, same=same: and_(here, lambda: same))
    return found


def equal(a: Any, b: Any) -> Any:
    """Whether the elements `a` and `b` of containers are the same or equal."""
    if a is b:
        return True
    if is_number(a) and is_number(b):
        return xp.all(xp.equal(a, b)) if type(a) is Tracer or type(b) is Tracer else a == b
    return bool(a == b)


def index_of(items: Sequence[Any], item: Any, start: int, missing: str) -> Any:
    """Position of the first of `items` that equals `item`, counted from `start`.

    Raises:
        ValueError: there is none; at run time where it takes that to know.
    """
    for i, x in enumerate(items):
        found = equal(x, item)
        if type(found) is Tracer:
            at, rest = start + i, items[i + 1 :]
            other = functools.partial(index_of, rest, item, at + 1, missing)
            return ifexp(found, lambda at=at: at, other)
        if found:
            return start + i
    raise raise_(ValueError(missing))


def count_of(items: Sequence[Any], item: Any) -> Any:
    """How many of `items` equal `item`."""
    return sum(equal(x, item) * 1 for x in items)


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
