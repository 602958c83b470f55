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
from ms_func.source.hooks.containers.growing import Growing, is_growing, is_keyed
from ms_func.source.hooks.flow.branch import and_, ifexp, not_
from ms_func.source.hooks.heap.aliases import any_links
from ms_func.source.hooks.joining.choice import Choice
from ms_func.source.hooks.joining.perhaps import Perhaps
from ms_func.source.hooks.joining.truths import truth
from ms_func.tracing.tracer import Staging, Tracer

_SEQUENCES = (tuple, list, deque)
_CONTAINERS = (*_SEQUENCES, dict, set, frozenset)
_TRACED = frozenset((Tracer, Choice, Perhaps, Growing))


def holds_traced(x: Any) -> bool:
    """Whether a value is traced, or a container with a traced value in it."""
    if type(x) in _TRACED:
        return True
    if isinstance(x, _SEQUENCES):
        return any(map(holds_traced, x))
    return is_keyed(x) or (isinstance(x, dict) and any(map(holds_traced, x.values())))


def _comparison(plain: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The hook for a comparison; `plain` is Python's."""

    def hook(a: Any, b: Any) -> Any:
        if (
            isinstance(a, _CONTAINERS)
            and isinstance(b, _CONTAINERS)
            and type(current.interpreter) is Staging
            and (holds_traced(a) or holds_traced(b) or any_links())
        ):
            return _compared(plain, a, b)
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


def _compared(plain: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """Two containers, element by element."""
    if is_keyed(a) or is_keyed(b):
        from ms_func.source.hooks.containers.keyed import compared

        return compared(plain, a, b)
    kinds: Any = next((k for k in (tuple, list, deque, dict) if isinstance(a, k)), None)
    if kinds is None or not isinstance(b, kinds) or (kinds is dict and plain not in _EQUALITY):
        return plain(a, b)
    if plain is operator.ne:
        return not_(_compared(operator.eq, a, b))
    if plain is operator.eq:
        if is_growing(a) or is_growing(b):
            from ms_func.source.hooks.containers.growing_methods import alike

            return alike(a, b)
        if kinds is not dict and any(type(x) is Perhaps for x in (*a, *b)):
            from ms_func.source.hooks.containers.uneven import alike

            return alike(a, b)
        if kinds is dict:
            return _same_items(a, b)
        return len(a) == len(b) and _all_equal(a, b)
    return _in_order(plain, list(a), list(b))


_EQUALITY = (operator.eq, operator.ne)


def _all_equal(a: Any, b: Any) -> Any:
    found: Any = True
    for x, y in zip(a, b, strict=True):
        found = and_(found, lambda x=x, y=y: same_or_equal(x, y))
        if found is False:
            return False
    return found


def _same_items(a: Any, b: Any) -> Any:
    if any(type(x) is Perhaps for x in (*a.values(), *b.values())):
        from ms_func.source.hooks.containers.uneven_dicts import alike

        return alike(a, b)
    return a.keys() == b.keys() and _all_equal([*a.values()], [b[k] for k in a])


def _in_order(plain: Callable[[Any, Any], Any], a: list[Any], b: list[Any]) -> Any:
    """An ordering of two sequences: that of the first elements that differ, or of the lengths."""
    if any(type(x) in (Perhaps, Growing) for x in (*a, *b)):
        raise Perhaps.complaint()
    if not a or not b:
        return plain(len(a), len(b))
    equal, rest = same_or_equal(a[0], b[0]), lambda: _in_order(plain, a[1:], b[1:])
    return ifexp(equal, rest, lambda: _truth(_HOOKS[plain](a[0], b[0])))


_HOOKS = {operator.lt: lt_, operator.le: le_, operator.gt: gt_, operator.ge: ge_}


def _truth(x: Any) -> Any:
    return truth(x) if type(x) is Tracer else x


def same_or_equal(a: Any, b: Any) -> Any:
    """Whether two elements of containers are the same or equal."""
    from ms_func.source.hooks.containers.membership import is_

    one = is_(a, b)
    if one is not False:
        return one
    return _truth(eq_(a, b))


def order(keys: Sequence[Any], reverse: bool) -> Any:
    """Positions of the sorted elements by comparing each with each; equal ones keep their order."""
    n = len(keys)
    rank: list[Any] = [0] * n
    for i in range(n):
        for j in range(i + 1, n):
            first, second = (i, j) if reverse else (j, i)
            swapped = _truth(lt_(keys[first], keys[second])) * 1
            rank[i] += swapped
            rank[j] += 1 - swapped
    return xp.argsort(xp.stack([xp.asarray(r, "int32") for r in rank]))
