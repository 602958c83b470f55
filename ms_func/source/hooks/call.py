"""Calls of converted code: built-in functions of traced values, containers, user functions."""

from __future__ import annotations

import functools
from collections import deque
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from ms_func.ir.primitive import current
from ms_func.source.hooks import builtins, complaints, recursion, stores
from ms_func.source.hooks.aliases import changed
from ms_func.source.hooks.choice import Choice
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
        return recursion.enter(f, policy.convert(f), args, kwargs)
    if kind is MethodType and type(f.__func__) is FunctionType:
        inner = f.__func__
        return recursion.enter(inner, policy.convert(inner), (f.__self__, *args), kwargs)
    if kind is BuiltinFunctionType:
        return _builtin(f, args, kwargs)
    if kind is functools.partial:
        return call(f.func, *f.args, *args, **{**f.keywords, **kwargs})
    return policy.convert(f)(*args, **kwargs)


def _builtin(f: Any, args: Any, kwargs: Any) -> Any:
    """A method of a container, whose changes are journalled; any other C function."""
    if f.__name__ in _MUTATING:
        owner = f.__self__
        if stores.is_journalled(owner) or type(owner).__module__ == "numpy":
            stores.note(owner)
            found = _method(f, args, kwargs)
            changed(owner)
            return found
    return _method(f, args, kwargs)


def _method(f: Any, args: Any, kwargs: Any) -> Any:
    """A C function; looking for a traced value is a search at run time."""
    if f.__name__ in _LOOKING_UP and args and type(args[0]) is Tracer:
        owner = f.__self__
        if isinstance(owner, (list, dict, tuple, deque)):
            raise complaints.run_time_index(owner)
    if f.__name__ in ("index", "count") and len(args) == 1 and not kwargs:
        owner = f.__self__
        if isinstance(owner, (list, tuple, deque)) and any(
            type(x) is Tracer for x in (*args, *owner)
        ):
            if f.__name__ == "count":
                return count_of(owner, args[0])
            missing = f"the value is not in the {type(owner).__name__}"
            return index_of(tuple(owner), args[0], 0, missing)
    return f(*args, **kwargs)


Choice.call = staticmethod(call)
