"""Stores to lists whose length the data decide, and their methods; see `uneven`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import ms_func.numpy as xp
from ms_func.primitives.bits import bitwise_and
from ms_func.source.hooks.containers import growing_methods
from ms_func.source.hooks.containers.comparisons import same_or_equal
from ms_func.source.hooks.containers.uneven import (
    Pairs,
    both,
    checked,
    either,
    element,
    fold,
    from_start,
    holds,
    in_order,
    known,
    laid,
    length,
    length_of,
    opposite,
    pairs,
    truth_of,
)
from ms_func.source.hooks.heap.journal import Contents
from ms_func.source.hooks.joining.branch import ifexp
from ms_func.source.hooks.values import failures
from ms_func.tracing.tracer import Tracer


def stored(x: Any, place: Any, value: Any) -> list[Any]:
    """What a list holds after `x[place] = value`."""
    given = pairs(x)
    n, seen = length_of(given), 0
    at = from_start(place, n)
    inside = bitwise_and(xp.greater_equal(at, 0), xp.less(at, n))
    failures.assert_raising(inside, IndexError("list assignment index out of range"))
    found: Pairs = []
    for c, v in given:
        here = both(c, known(xp.equal(seen, at)))
        found.append((c, ifexp(here, lambda: value, lambda v=v: v)))
        seen = seen + c * 1
    return laid(found)


def _pop(x: Any, place: Any = -1) -> Any:
    given = pairs(x)
    if type(place) is not Tracer and place in (0, -1) and given[place][0] is True:
        _, value = given.pop(place)
    else:
        value = checked(given, place, growing_methods.nothing_to_pop(x))
        given = _without(given, place)
    _put(x, given)
    return value


def _without(given: Pairs, place: Any) -> Pairs:
    """All elements but one."""
    if type(place) is not Tracer and place in (0, -1):
        return _shorter(given) if place else _shorter(given[::-1])[::-1]
    n, seen = length_of(given), 0
    at = from_start(place, n)
    found: Pairs = []
    for c, v in given:
        found.append((both(c, known(xp.not_equal(seen, at))), v))
        seen = seen + c * 1
    return found


def _without_first(given: Pairs, item: Any) -> Pairs:
    """All elements but the first that equals an item; a ValueError if there is none."""
    found: Pairs = []
    done: Any = False
    for c, v in given:
        equal = ifexp(c, lambda v=v: truth_of(same_or_equal(v, item)), lambda: False)
        here = both(equal, opposite(done))
        found.append((both(c, opposite(here)), v))
        done = either(done, here)
    if done is not True:
        failures.assert_raising(done, ValueError("list.remove(x): x not in list"))
    return found


def _shorter(given: Pairs) -> Pairs:
    """All elements but the last."""
    found: Pairs = []
    later: Any = False
    for c, v in given[::-1]:
        found.append((both(c, later), v))
        later = either(later, c)
    return found[:0:-1]


def _put(x: Any, given: Pairs) -> None:
    Contents(x).write(laid(given))


def _add(x: Any, value: Any, at_front: bool = False) -> None:
    if _is_bounded(x):
        (growing_methods.append_left if at_front else growing_methods.append)(x, value)
        return
    given = pairs(x)
    _put(x, [(True, value), *given] if at_front else [*given, (True, value)])


def _is_bounded(x: Any) -> bool:
    """Whether a deque drops elements, so that its length is looked after at run time."""
    return isinstance(x, deque) and x.maxlen is not None


def _extend(x: Any, values: Any) -> None:
    if _is_bounded(x):
        growing_methods.extend(x, values)
    else:
        _put(x, [*pairs(x), *pairs(values)])


def _insert(x: Any, place: Any, value: Any) -> None:
    if _is_bounded(x):
        growing_methods.insert(x, place, value)
        return
    given = pairs(x)
    n, seen = length_of(given), 0
    at = xp.clip(from_start(place, n), 0, n)
    found: Pairs = []
    passed: Any = False
    for k in range(len(given) + 1):
        here = known(xp.greater_equal(seen, at))
        old = given[k] if k < len(given) else (False, value)
        new = _either(passed, given[k - 1], (True, value)) if k else (True, value)
        found.append(_either(here, new, old))
        passed, seen = here, seen + old[0] * 1
    _put(x, found)


def _either(condition: Any, a: tuple[Any, Any], b: tuple[Any, Any]) -> tuple[Any, Any]:
    """One of two elements with their conditions."""
    there = either(both(condition, a[0]), both(opposite(condition), b[0]))
    return there, ifexp(condition, lambda: a[1], lambda: b[1])


def _sort(x: Any, *, key: Any = None, reverse: bool = False) -> None:
    Contents(x).write(in_order(x, key, reverse))


METHODS: dict[str, Callable[..., Any]] = {
    "append": _add,
    "appendleft": lambda x, value: _add(x, value, True),
    "extend": _extend,
    "insert": _insert,
    "pop": _pop,
    "popleft": lambda x: _pop(x, 0),
    "clear": lambda x: _put(x, []),
    "reverse": lambda x: _put(x, pairs(x)[::-1]),
    "sort": _sort,
    "copy": lambda x: type(x)(x),
    "remove": lambda x, item: _put(x, _without_first(pairs(x), item)),
    "count": lambda x, item: fold(x, lambda n, v: n + truth_of(same_or_equal(v, item)) * 1, 0),
    "__contains__": holds,
    "__len__": length,
    "__getitem__": element,
}
"""Methods of lists and deques of such a length."""
