"""Calls of converted code: built-in functions of traced values, containers, user functions."""

from __future__ import annotations

import functools
import operator
from collections import deque
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from ms_func.ir.primitive import current
from ms_func.source.build import HOOKS
from ms_func.source.hooks import builtins, complaints, lookup, recursion, stores
from ms_func.source.hooks.aliases import changed
from ms_func.source.hooks.choice import Choice
from ms_func.source.hooks.comparisons import holds_traced
from ms_func.source.hooks.journal import Contents, journal, same_contents
from ms_func.source.hooks.membership import count_of, index_of
from ms_func.source.hooks.policy import policy
from ms_func.tracing.tracer import Staging, Tracer

_HANDLERS = builtins.HANDLERS
_MUTATING = frozenset(
    (
        "append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "update",
        "setdefault", "popitem", "add", "discard", "appendleft", "extendleft", "popleft", "rotate",
        "intersection_update", "difference_update", "symmetric_difference_update",
        "__setitem__", "__delitem__", "__iadd__", "__imul__", "fill", "resize", "move_to_end",
    )
)  # fmt: skip
_LOOKING_UP = frozenset(("pop", "get", "__getitem__", "setdefault", "rotate", "insert"))


def call(f: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`f(*args, **kwargs)`."""
    if type(current.interpreter) is not Staging:
        return f(*args, **kwargs)  # nothing is traced: Python as it is
    handler = _HANDLERS.get(id(f))
    if handler is not None:
        return handler(*args, **kwargs)
    kind = type(f)
    if kind is FunctionType:
        return _function(f, f, args, kwargs)
    if kind is MethodType and type(f.__func__) is FunctionType:
        return _function(f.__func__, f, (f.__self__, *args), kwargs)
    if kind is BuiltinFunctionType or kind is MethodWrapperType:
        return _builtin(f, f.__self__, args, kwargs)
    if kind is functools.partial:
        return call(f.func, *f.args, *args, **{**f.keywords, **kwargs})
    if kind is MethodDescriptorType or kind is WrapperDescriptorType:
        return _builtin(f, args[0] if args else None, args[1:], kwargs, args)
    return policy.convert(f)(*args, **kwargs)


def _function(f: FunctionType, whole: Any, args: Any, kwargs: Any) -> Any:
    """A call of a function in Python, converted or not."""
    made = policy.convert(f)
    if (made is f or type(made) is functools.partial) and HOOKS not in f.__code__.co_freevars:
        return watched(made, args, kwargs)
    return recursion.enter(f, made, args, kwargs)


def watched(f: Any, args: Any, kwargs: Any, owner: Any = None) -> Any:
    """A call of what is not converted; the containers that it changed are journalled afterwards."""
    given = (owner, *args, *kwargs.values())
    held = [(x, Contents(x), x.copy()) for x in given if stores.is_journalled(x)]
    found = f(*args, **kwargs)
    for x, place, old in held:
        if not same_contents(old, x):
            if journal.top is not None:
                journal.top.entries.setdefault(place.key, (place, old))
            changed(x)
    return found


def _builtin(f: Any, owner: Any, args: Any, kwargs: Any, given: Any = None) -> Any:
    """A method written in C, of containers for the most part; any other C function."""
    given = args if given is None else given
    if f.__name__ in ("__setattr__", "__delattr__") and args:
        return stores.set_plainly(f, owner, args[0], given)
    if f.__name__ in _MUTATING and not isinstance(owner, ModuleType):
        if stores.is_journalled(owner) or type(owner).__module__ == "numpy":
            stores.note(owner)
        if f.__name__ == "sort" and isinstance(owner, list):
            found = list.__setitem__(owner, slice(None), builtins.sorted_(owner, **kwargs))
        else:
            found = _looked_up(f, owner, args, kwargs, given)
        changed(owner)
        return found
    return _looked_up(f, owner, args, kwargs, given)


def _looked_up(f: Any, owner: Any, args: Any, kwargs: Any, given: Any) -> Any:
    """A C function; looking for a traced value is a search at run time."""
    name = f.__name__
    if name in _LOOKING_UP and args and type(args[0]) is Tracer:
        if name == "__getitem__":
            return stores.getitem(owner, *args)
        if name == "get" and isinstance(owner, dict):
            return lookup.get(owner, *args)
        if isinstance(owner, (list, dict, tuple, deque)):
            raise complaints.run_time_index(owner)
    if (
        name in ("index", "count")
        and len(args) == 1
        and isinstance(owner, (list, tuple, deque))
        and any(map(holds_traced, (*args, *owner)))
    ):
        if name == "count":
            return count_of(owner, args[0])
        missing = f"the value is not in the {type(owner).__name__}"
        return index_of(tuple(owner), args[0], 0, missing)
    return watched(f, given, kwargs)


Choice.call = staticmethod(call)
_HANDLERS[id(setattr)] = stores.setattr_
_HANDLERS[id(delattr)] = stores.delattr_
_HANDLERS[id(operator.getitem)] = stores.getitem
_HANDLERS[id(operator.setitem)] = stores.setitem
_HANDLERS[id(operator.delitem)] = stores.delitem
for _name in stores.IN_PLACE:
    _HANDLERS[id(getattr(operator, _name))] = getattr(stores, _name)
