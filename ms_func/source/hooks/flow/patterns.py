"""Run time of `match`: patterns described by nested tuples.

Structure (sequences, mappings, classes) is known while tracing; only comparisons with values may
be traced, and then whether the pattern fits is a traced boolean.

Reference:
    Brandt Bucher, Guido van Rossum, PEP 634, Structural Pattern Matching: Specification.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from ms_func.source.hooks import above
from ms_func.source.hooks.containers import keyed
from ms_func.source.hooks.containers.comparisons import eq_
from ms_func.source.hooks.containers.membership import is_, isinstance_
from ms_func.source.hooks.containers.stores import doubt
from ms_func.source.hooks.containers.unpacking import divided, has_own_length
from ms_func.source.hooks.heap.undefined import UNDEFINED
from ms_func.source.hooks.joining.branch import and_, ifexp, not_, or_
from ms_func.source.hooks.values.binding import is_known
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.growing import ROWS, is_keyed
from ms_func.source.hooks.values.perhaps import Perhaps

_SELF = (bool, bytearray, bytes, dict, float, frozenset, int, list, set, str, tuple)
_TEXTS = (str, bytes, bytearray)
_MISSING = object()


def match_(subject: Any, pattern: tuple[Any, ...], count: int) -> tuple[Any, tuple[Any, ...]]:
    """Whether `subject` fits `pattern`, and the values of its `count` names.

    Args:
        subject: any value.
        pattern: `(kind, ...)`, where kind names a function below.
        count: number of names that the pattern binds.
    """
    found: list[Any] = [UNDEFINED] * count
    return _fits(subject, pattern, found), tuple(found)


def _fits(x: Any, pattern: tuple[Any, ...], found: list[Any]) -> Any:
    if type(x) is Choice and pattern[0] in ("sequence", "mapping", "class"):
        return _chosen(x, pattern, found)
    return _KINDS[pattern[0]](x, found, *pattern[1:])


def _chosen(x: Any, pattern: tuple[Any, ...], found: list[Any]) -> Any:
    """Whether the one of several objects that data chose fits."""

    def of(a: Any) -> tuple[Any, list[Any]]:
        own = list(found)
        return _fits(a, pattern, own), own

    each = {k: of(a) for k, a in x.left().items()}
    fitting = [own for fits, own in each.values() if fits is not False]
    if fitting:
        found[:] = fitting[0] if len(fitting) == 1 else x.each(lambda a: of(a)[1])
    return x.holds({k: fits for k, (fits, _) in each.items()})


def _all(parts: Sequence[tuple[Any, Any]], found: list[Any]) -> Any:
    """Whether all values fit their patterns; stops at the first that certainly does not.

    A value that data decide about fits only where it is there.
    """
    result: Any = True
    for x, pattern in parts:
        there, value = (x.is_there, x.value) if type(x) is Perhaps else (True, x)
        fits = _fits(value, pattern, found)
        result = and_(and_(result, lambda there=there: there), lambda fits=fits: fits)
        if result is False:
            return False
    return result


def _value(x: Any, found: list[Any], value: Any) -> Any:
    return eq_(x, value)


def _is(x: Any, found: list[Any], value: Any) -> Any:
    return is_(x, value)


def _as(x: Any, found: list[Any], pattern: Any, index: int) -> Any:
    fits = True if pattern is None else _fits(x, pattern, found)
    if fits is not False and index >= 0:
        found[index] = x
    return fits


def _or(x: Any, found: list[Any], *patterns: Any) -> Any:
    result: Any = False
    for p in patterns:
        before = list(found)
        fits = _fits(x, p, found)
        if fits is False:
            found[:] = before
            continue
        if result is not False:
            found[:] = map(functools.partial(_first, result), before, found)
        result = or_(result, lambda fits=fits: fits)
        if result is True:
            break
    return result


def _first(fits: Any, before: Any, after: Any) -> Any:
    """What a name stands for that two patterns bind, the first where that fits."""
    if before is after:
        return after
    return ifexp(fits, lambda: before, lambda: after)


def _sequence(x: Any, found: list[Any], patterns: Sequence[Any], star: int, index: int) -> Any:
    if not isinstance(x, Sequence) or isinstance(x, _TEXTS):
        return False
    if has_own_length(x):
        return _uneven(x, found, patterns, star, index)
    n, items = len(patterns), len(x)
    if items < n if star >= 0 else items != n:
        return False
    if star < 0:
        return _all([(x[i], p) for i, p in enumerate(patterns)], found)
    after = n - star
    parts = [(x[i], p) for i, p in enumerate(patterns[:star])]
    parts += [(x[items - after + i], p) for i, p in enumerate(patterns[star:])]
    if index >= 0:
        found[index] = [x[i] for i in range(star, items - after)]
    return _all(parts, found)


def _uneven(x: Any, found: list[Any], patterns: Sequence[Any], star: int, index: int) -> Any:
    """A sequence whose length the data decide."""
    n = len(patterns)
    fits, front, middle, back = divided(x, n if star < 0 else star, n)
    if fits is False:
        return False
    if star < 0:
        fits = and_(fits, lambda: not_(middle))
    elif index >= 0:
        found[index] = middle
    parts = _all(list(zip([*front, *back], patterns, strict=True)), found)
    return and_(fits, lambda: parts)


def _mapping(x: Any, found: list[Any], keys: Sequence[Any], patterns: Any, index: int) -> Any:
    if not isinstance(x, Mapping):
        return False
    values = [_entry(x, k) for k in keys]
    if any(v is _MISSING for v in values):
        return False
    fits = _all(list(zip(values, patterns, strict=True)), found)
    if fits is not False and index >= 0:
        found[index] = _without(x, keys)
    return fits


def _entry(x: Any, key: Any) -> Any:
    """The value of a key, perhaps."""
    if not is_keyed(x):
        return x.get(key, _MISSING)
    there, at = keyed.find(x[ROWS].part(0), key)
    return Perhaps(there, x[ROWS].part(1).at(at), 0, 1)


def _without(x: Any, keys: Sequence[Any]) -> dict[Any, Any]:
    """What a mapping holds beside some keys."""
    if not is_keyed(x):
        return {k: v for k, v in x.items() if k not in keys}
    rest = above.call(dict, x)
    for k in keys:
        above.call(rest.pop, k, None)
    return rest


def _class(
    x: Any, found: list[Any], cls: Any, patterns: Sequence[Any], names: Sequence[str]
) -> Any:
    if not isinstance(cls, type):
        raise TypeError("called match pattern must be a class")
    if not isinstance_(x, cls):
        return False
    given = len(patterns) - len(names)
    if cls in _SELF or (given and not hasattr(cls, "__match_args__") and issubclass(cls, _SELF)):
        if given > 1:
            raise TypeError(f"{cls.__name__}() accepts 1 positional sub-pattern ({given} given)")
        parts = [(x, p) for p in patterns[:given]]
    else:
        args = getattr(cls, "__match_args__", ())
        if given > len(args):
            s = "" if len(args) == 1 else "s"
            raise TypeError(
                f"{cls.__name__}() accepts {len(args)} positional sub-pattern{s} ({given} given)"
            )
        parts = [(_attribute(x, a), p) for a, p in zip(args, patterns[:given])]  # noqa: B905
    parts += [(_attribute(x, a), p) for a, p in zip(names, patterns[given:], strict=True)]
    if any(v is _MISSING for v, _ in parts):
        return False
    return _all(parts, found)


def _attribute(x: Any, name: str) -> Any:
    """An attribute, perhaps."""
    doubtful = doubt(x, name)
    if doubtful is not None:
        return Perhaps(is_known(doubtful), doubtful.value, 0, 1)
    return above.call(getattr, x, name, _MISSING)


_KINDS = {
    "value": _value, "is": _is, "as": _as, "or": _or, "sequence": _sequence, "mapping": _mapping,
    "class": _class,
}  # fmt: skip
