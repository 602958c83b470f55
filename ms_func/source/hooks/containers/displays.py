"""Sets and dictionaries as they are written: `{a, b}`, `{k: v}`, comprehensions, operators."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from ms_func.source.hooks import above
from ms_func.source.hooks.containers import keyed, uneven_dicts
from ms_func.source.hooks.containers.uneven import is_uneven, pairs
from ms_func.source.hooks.values.growing import is_keyed, is_stretched

_SETS = (set, frozenset)


def set_of(items: Any) -> set[Any]:
    """`{a, b}`, of a list of its elements."""
    return keyed.set_of(items)


def dict_of(given: Iterable[Any]) -> dict[Any, Any]:
    """The dictionary of a list of keys and values, as a comprehension makes it."""
    if not is_stretched(given):
        given = given if is_uneven(given) else list(given)
        if not any(keyed.takes({}, key) for _, (key, _) in pairs(given)):
            return uneven_dicts.dict_of(given)
    found: dict[Any, Any] = {}
    keyed.update(found, given)
    return found


def merged(*parts: Any) -> dict[Any, Any]:
    """`{**a, k: v}`, of dictionaries and of pairs of keys and values."""
    found: dict[Any, Any] = {}
    for part in parts:
        if isinstance(part, tuple):
            _enter(found, *part)
        else:
            _unite(found, part)
    return found


def is_mapping(x: Any) -> bool:
    """Whether an object of a class in Python has keys with values, as dictionaries do."""
    return type(getattr(type(x), "items", None)) is FunctionType


def as_dict(x: Any) -> Any:
    """The dictionary of what such an object holds; other things as they are."""
    return above.call(dict, x) if is_mapping(x) else x


def _enter(found: dict[Any, Any], key: Any, value: Any) -> None:
    if keyed.takes(found, key):
        keyed.put(found, key, value)
    else:
        found[key] = value


def _unite(found: dict[Any, Any], part: Any) -> None:
    part = as_dict(part)
    if is_keyed(part) or is_keyed(found):
        keyed.update(found, part)
    elif is_uneven(part):
        uneven_dicts.update(found, part)
    else:
        found.update({**part})


def _operator(plain: Callable[[Any, Any], Any], name: str) -> Callable[[Any, Any], Any]:
    """The hook of an operator, which may be one of sets."""

    def hook(a: Any, b: Any) -> Any:
        if isinstance(a, _SETS) and isinstance(b, _SETS) and (is_keyed(a) or is_keyed(b)):
            return keyed.OPERATORS[name](a, b)
        return plain(a, b)

    hook.__name__ = hook.__qualname__ = f"bit{name}"
    hook.__doc__ = f"`operator.{plain.__name__}`."
    return hook


def _or(a: Any, b: Any) -> Any:
    if isinstance(a, dict) and isinstance(b, dict) and any(map(_decided, (a, b))):
        found = a.copy()
        _unite(found, b)
        return found
    return a | b


def _decided(x: Any) -> bool:
    """Whether data decide about the keys of a dictionary."""
    return is_keyed(x) or is_uneven(x)


bitor, bitand = _operator(_or, "or"), _operator(operator.and_, "and")
bitsub, bitxor = _operator(operator.sub, "sub"), _operator(operator.xor, "xor")
