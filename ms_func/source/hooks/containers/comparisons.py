"""Comparisons of containers that hold traced values, as Python compares them: element by element.

Python's own comparison of two tuples asks for the truth of the comparison of their elements. Here
the first difference is looked for by choices, so that the outcome may be traced.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import ms_func.numpy as xp
from ms_func.ir.primitive import current
from ms_func.source.hooks import above
from ms_func.source.hooks.containers.pools import Ref
from ms_func.source.hooks.heap.aliases import any_links
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.growing import Growing, is_keyed
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.source.hooks.values.truths import truth
from ms_func.tracing.tracer import Staging, Tracer

_SEQUENCES = (tuple, list, deque)
_CONTAINERS = (*_SEQUENCES, dict, set, frozenset)
_TRACED = frozenset((Tracer, Choice, Perhaps, Growing, Ref))


def holds_traced(x: Any) -> bool:
    """Whether a value is traced, or a container with a traced value in it."""
    if type(x) in _TRACED:
        return True
    if isinstance(x, _SEQUENCES):
        return any(map(holds_traced, x))
    return is_keyed(x) or (isinstance(x, dict) and any(map(holds_traced, x.values())))


def asks_data(x: Any) -> bool:
    """Whether a comparison of a value may be traced.

    It holds traced values, or objects of a class that says itself what equals them.
    """
    if isinstance(x, _SEQUENCES):
        return any(map(asks_data, x))
    if isinstance(x, dict) and any(map(asks_data, x.values())):
        return True
    return holds_traced(x) or hasattr(type(x).__eq__, "__code__")


def _comparison(plain: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The hook for a comparison; `plain` is Python's."""

    def hook(a: Any, b: Any) -> Any:
        if (
            isinstance(a, _CONTAINERS)
            and isinstance(b, _CONTAINERS)
            and type(current.interpreter) is Staging
            and (asks_data(a) or asks_data(b) or any_links())
        ):
            return above.compared(plain, a, b)
        return plain(a, b)

    hook.__name__ = hook.__qualname__ = plain.__name__ + "_"
    hook.__doc__ = f"`operator.{plain.__name__}`."
    return hook


eq_ = _comparison(operator.eq)
ne_ = _comparison(operator.ne)
lt_ = _comparison(operator.lt)
le_ = _comparison(operator.le)
gt_ = _comparison(operator.gt)
ge_ = _comparison(operator.ge)


def as_truth(x: Any) -> Any:
    """A traced truth value of what is traced, else the value itself."""
    return truth(x) if type(x) is Tracer else x


def same_or_equal(a: Any, b: Any) -> Any:
    """Whether two elements of containers are the same or equal."""
    one = above.is_(a, b)
    if one is not False:
        return one
    return as_truth(eq_(a, b))


def order(keys: Sequence[Any], reverse: bool) -> Any:
    """Positions of the sorted elements by comparing each with each; equal ones keep their order."""
    n = len(keys)
    rank: list[Any] = [0] * n
    for i in range(n):
        for j in range(i + 1, n):
            first, second = (i, j) if reverse else (j, i)
            swapped = as_truth(lt_(keys[first], keys[second])) * 1
            rank[i] += swapped
            rank[j] += 1 - swapped
    return xp.argsort(xp.stack([xp.asarray(r, "int32") for r in rank]))
