"""Two containers compared element by element, whatever of them data decide."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from typing import Any

from ms_func.source.hooks import above
from ms_func.source.hooks.containers import growing_methods, keyed, uneven, uneven_dicts
from ms_func.source.hooks.containers.comparisons import as_truth, ge_, gt_, le_, lt_, same_or_equal
from ms_func.source.hooks.joining.branch import and_, ifexp, not_
from ms_func.source.hooks.values.growing import Growing, is_growing, is_keyed
from ms_func.source.hooks.values.perhaps import Perhaps

_EQUALITY = (operator.eq, operator.ne)
_HOOKS = {operator.lt: lt_, operator.le: le_, operator.gt: gt_, operator.ge: ge_}


@above.enter
def compared(plain: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    """Two containers, element by element."""
    if is_keyed(a) or is_keyed(b):
        return keyed.compared(plain, a, b)
    kinds: Any = next((k for k in (tuple, list, deque, dict) if isinstance(a, k)), None)
    if kinds is None or not isinstance(b, kinds) or (kinds is dict and plain not in _EQUALITY):
        return plain(a, b)
    if plain is operator.ne:
        return not_(compared(operator.eq, a, b))
    if plain is operator.eq:
        if is_growing(a) or is_growing(b):
            return growing_methods.alike(a, b)
        if kinds is not dict and any(type(x) is Perhaps for x in (*a, *b)):
            return uneven.alike(a, b)
        if kinds is dict:
            return _same_items(a, b)
        return len(a) == len(b) and _all_equal(a, b)
    return _in_order(plain, list(a), list(b))


def _all_equal(a: Any, b: Any) -> Any:
    found: Any = True
    for x, y in zip(a, b, strict=True):
        found = and_(found, lambda x=x, y=y: same_or_equal(x, y))
        if found is False:
            return False
    return found


def _same_items(a: Any, b: Any) -> Any:
    if any(type(x) is Perhaps for x in (*a.values(), *b.values())):
        return uneven_dicts.alike(a, b)
    return a.keys() == b.keys() and _all_equal([*a.values()], [b[k] for k in a])


def _in_order(plain: Callable[[Any, Any], Any], a: list[Any], b: list[Any]) -> Any:
    """An ordering of two sequences: that of the first elements that differ, or of the lengths."""
    if any(type(x) in (Perhaps, Growing) for x in (*a, *b)):
        raise Perhaps.complaint()
    if not a or not b:
        return plain(len(a), len(b))
    equal, rest = same_or_equal(a[0], b[0]), lambda: _in_order(plain, a[1:], b[1:])
    return ifexp(equal, rest, lambda: as_truth(_HOOKS[plain](a[0], b[0])))
