"""Dictionaries some of whose keys are there if the data say so.

`if x > 0: d["a"] = x` leaves such a dictionary: the key stands in it with a `Perhaps` as its value,
and what uses the dictionary asks for the condition. A key that was put in under a condition keeps
its place in the order of the keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ms_func.source.hooks import above
from ms_func.source.hooks.containers import lookup
from ms_func.source.hooks.containers.comparisons import same_or_equal
from ms_func.source.hooks.containers.uneven import (
    Pairs,
    both,
    either,
    is_uneven,
    laid,
    length_of,
    opposite,
    pairs,
)
from ms_func.source.hooks.heap.journal import MISSING, Contents, touch
from ms_func.source.hooks.joining.branch import ifexp
from ms_func.source.hooks.values import conditions, failures
from ms_func.source.hooks.values.choice import Choice
from ms_func.source.hooks.values.perhaps import Perhaps
from ms_func.tracing.tracer import Tracer


def entry(x: dict[Any, Any], key: Any) -> tuple[Any, Any]:
    """Whether a key that is written down is there, and its value."""
    found = x.get(key, MISSING)
    if type(found) is Perhaps:
        return found.is_there, found.value
    return (False, None) if found is MISSING else (True, found)


def is_key(x: dict[Any, Any], key: Any) -> Any:
    """`key in x`."""
    return lookup.is_key(x, key) if type(key) is Tracer else entry(x, key)[0]


def value(x: dict[Any, Any], key: Any) -> Any:
    """`x[key]`; a KeyError at run time where it is not there."""
    if type(key) is Tracer:
        return lookup.element(x, key)
    is_there, found = entry(x, key)
    known = conditions.known(is_there)
    if known is True:
        return found
    factory = getattr(x, "default_factory", None)
    if factory is not None:
        return _put(x, key, ifexp(known, lambda: found, factory))
    missing: Any = getattr(type(x), "__missing__", None)
    if missing is not None:
        return ifexp(known, lambda: found, lambda: above.call(missing, x, key))
    if known is False:
        raise failures.raise_(KeyError(key))
    failures.assert_raising(is_there, KeyError(key))
    return found


def chosen(x: Any, key: Choice) -> Any:
    """`x[key]` of a `defaultdict`, which makes what is not there yet."""
    left = key.left()
    for k, one in left.items():
        is_there, found = entry(x, one)
        if is_there is not True:
            here = key.holds({j: j == k for j in left})
            made = ifexp(is_there, lambda found=found: found, x.default_factory)
            _put(x, one, Perhaps(either(is_there, here), made, 0, 1))
    return key.each(lambda one: entry(x, one)[1])


def _put(x: Any, key: Any, found: Any) -> Any:
    touch(Contents, x)
    Contents(x).write({**x, key: found})
    return found


def _get(x: Any, key: Any, default: Any = None) -> Any:
    if type(key) is Tracer:
        return lookup.get(x, key, default)
    is_there, found = entry(x, key)
    return ifexp(conditions.known(is_there), lambda: found, lambda: default)


def _setdefault(x: Any, key: Any, default: Any = None) -> Any:
    return _put(x, key, _get(x, key, default))


def _pop(x: Any, key: Any, *default: Any) -> Any:
    found = _get(x, key, *default) if default else value(x, key)
    remove(x, key, checked=True)
    return found


def remove(x: Any, key: Any, checked: bool = False) -> None:
    """`del x[key]`; `checked` where it is known to be there, or need not be."""
    if type(key) is Tracer:
        raise Perhaps.complaint()
    if not checked:
        value(x, key)
    Contents(x).write({k: v for k, v in x.items() if k != key})


def update(x: Any, *others: Any, **more: Any) -> None:
    """`x.update(*others, **more)`."""
    contents = dict(x)
    for other in (*others, more):
        given = other.items() if isinstance(other, dict) else other
        for key, new in given:
            if type(new) is Perhaps:
                new = _one_or_other(new, entry(contents, key))
            contents[key] = new
    Contents(x).write(contents)


def _one_or_other(new: Perhaps, old: tuple[Any, Any]) -> Any:
    """What a key holds after `new` was perhaps put there."""
    was_there, before = old
    if was_there is False:
        return new
    found = ifexp(new.is_there, lambda: new.value, lambda: before)
    here = either(new.is_there, was_there)
    return found if here is True else Perhaps(here, found, 0, 1)


def dict_of(given: Iterable[Any]) -> dict[Any, Any]:
    """The dictionary of a list of keys and values, as a comprehension makes it."""
    if not is_uneven(given):
        return dict(given)
    found: dict[Any, Any] = {}
    for c, (key, new) in pairs(given):
        new = new if c is True else Perhaps(c, new, 0, 1)
        found[key] = _one_or_other(new, entry(found, key)) if type(new) is Perhaps else new
    return found


def each(x: dict[Any, Any], part: Callable[[Any, Any], Any]) -> list[Any]:
    """A part of each entry, in a list of as many as there are."""
    found: Pairs = []
    for key in x:
        is_there, held = entry(x, key)
        found.append((is_there, part(key, held)))
    return laid(found)


def alike(a: dict[Any, Any], b: dict[Any, Any]) -> Any:
    """`a == b`."""
    found: Any = True
    for key in {**a, **b}:
        (one, v), (other, w) = entry(a, key), entry(b, key)
        same = either(both(one, other), both(opposite(one), opposite(other)))
        inside = both(one, other)
        equal = ifexp(inside, lambda v=v, w=w: same_or_equal(v, w), lambda: True)
        found = both(found, both(same, equal))
    return found


METHODS: dict[str, Callable[..., Any]] = {
    "keys": lambda x: each(x, lambda key, held: key),
    "values": lambda x: each(x, lambda key, held: held),
    "items": lambda x: each(x, lambda key, held: (key, held)),
    "get": _get,
    "setdefault": _setdefault,
    "pop": _pop,
    "update": update,
    "clear": lambda x: Contents(x).write({}),
    "copy": lambda x: x.copy(),
    "__contains__": is_key,
    "__len__": lambda x: length_of(pairs(x)),
    "__getitem__": value,
}
"""Methods of such dictionaries."""
