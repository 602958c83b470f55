"""Operators and properties of the user's classes, which Python calls without asking us.

`a + b` calls `type(a).__add__`, so that a hook around the addition would have to stand around every
addition there is. Instead such methods of a class get a double when the class is first seen: while
nothing is recorded it calls the method as it is, while something is, the converted one.
"""

from __future__ import annotations

import functools
import sys
from collections import ChainMap, UserDict, UserList
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any
from weakref import WeakSet

from ms_func import config
from ms_func.ir.primitive import current
from ms_func.source import hooks
from ms_func.source.build import HOOKS
from ms_func.source.hooks import above
from ms_func.source.policy import CONTAINERS, is_users, may_decide
from ms_func.tracing.tracer import Staging

_OPERATIONS = (
    "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow", "lshift",
    "rshift", "and", "xor", "or",
)  # fmt: skip
_OTHERS = (
    "neg", "pos", "abs", "invert", "round", "trunc", "floor", "ceil", "int", "float", "complex",
    "index", "lt", "le", "eq", "ne", "gt", "ge", "len", "getitem", "setitem", "delitem",
    "contains", "missing", "iter", "next", "reversed", "enter", "exit", "getattr", "getattribute",
    "setattr", "delattr", "get", "set", "delete", "init", "post_init",
)  # fmt: skip
SPECIAL = frozenset(
    f"__{before}{name}__" for name in _OPERATIONS for before in ("", "r", "i")
) | frozenset(f"__{name}__" for name in _OTHERS)
"""Methods that Python calls by itself; `__bool__` is asked for by the hooks."""
_COMPARISONS = ("__eq__", "__lt__", "__le__", "__gt__", "__ge__")
_seen: WeakSet[type] = WeakSet()


def prepare_module(namespace: dict[str, Any]) -> None:
    """Prepare the user's classes among the globals of a module, those that are new."""
    for value in list(namespace.values()):
        if isinstance(value, type):
            prepare(value)


def prepare(cls: type) -> None:
    """Give the special methods and properties of a class of the user's their doubles."""
    if cls in _seen:
        return
    for owner in cls.__mro__:
        if owner not in _seen:
            _seen.add(owner)
            if _is_users(owner):
                for name, value in list(vars(owner).items()):
                    changed = _double(owner, name, value)
                    if changed is not value:
                        type.__setattr__(owner, name, changed)
                for name, value in _inherited(owner):
                    type.__setattr__(owner, name, _method(owner, name, value))
                if "__eq__" in vars(owner) and "__ne__" not in vars(owner):
                    type.__setattr__(owner, "__ne__", _unequal(owner))


def _inherited(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Special methods that a class of the user's has from a container of the standard library."""
    for owner in cls.__mro__[1:]:
        if owner.__module__ in CONTAINERS:
            for name in SPECIAL & vars(owner).keys() - vars(cls).keys():
                value = vars(owner)[name]
                if type(value) is FunctionType and getattr(cls, name) is value:
                    yield name, value


_OF_PARTS = (UserDict, UserList, ChainMap)
"""Classes of the standard library around a container that is their users'."""


def _is_users(cls: type) -> bool:
    if cls in _OF_PARTS:
        return True
    if not cls.__flags__ & (1 << 9):  # not made by a class statement
        return False
    module = sys.modules.get(cls.__module__)
    if module is None or getattr(module, "__ms_convert__", None) is False:
        return False
    file = getattr(module, "__file__", None)
    return file is None or is_users(file)


def _double(owner: type, name: str, value: Any) -> Any:
    """A class attribute, or what takes its place."""
    if type(value) is FunctionType:
        return _method(owner, name, value) if name in SPECIAL else value
    if type(value) is property:
        parts = [value.fget, value.fset, value.fdel]
        changed = [_method(owner, "", f) if type(f) is FunctionType else f for f in parts]
        return value if changed == parts else property(*changed, doc=value.__doc__)
    if type(value) is functools.cached_property:
        value.func = _kept(_method(owner, "", value.func), name)
    return value


def _kept(f: Any, name: str) -> Any:
    """The function of a cached property, whose result Python stores by itself."""

    @functools.wraps(f)
    def method(self: Any) -> Any:
        found = f(self)
        hooks.about_to_store(self, name)
        return found

    return method


def _method(owner: type, name: str, f: Any) -> Any:
    """A method that is converted while something is recorded."""
    code = f.__code__
    if HOOKS in code.co_freevars or not may_decide(code):
        return f
    traced = f
    if name in _COMPARISONS and code.co_filename == "<string>" and _has_fields(owner):
        traced = _of_fields(name)
    elif f.__module__ == "functools":  # made by total_ordering
        above.learn(f)

    @functools.wraps(f)
    def method(*args: Any, **kwargs: Any) -> Any:
        if type(current.interpreter) is not Staging or config.convert.value is False:
            return f(*args, **kwargs)
        found = hooks.call(traced, *args, **kwargs)
        return hooks.iterator(found) if name == "__iter__" and type(found) is list else found

    return method


def _unequal(owner: type) -> Callable[[Any, Any], Any]:
    """`!=` of a class that has only `==`: Python would ask for the truth of the latter."""

    def __ne__(self: Any, other: Any) -> Any:
        if type(current.interpreter) is not Staging:
            return super(owner, self).__ne__(other)
        found = self.__eq__(other)
        return found if found is NotImplemented else hooks.not_(found)

    return __ne__


def _has_fields(cls: type) -> bool:
    return "__dataclass_fields__" in vars(cls)


def _of_fields(name: str) -> Callable[[Any, Any], Any]:
    """The comparison that a dataclass makes for itself: that of the tuples of its fields."""

    def compare(self: Any, other: Any) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        fields = [f.name for f in self.__dataclass_fields__.values() if f.compare]
        mine, others = (tuple([getattr(x, n) for n in fields]) for x in (self, other))
        return getattr(hooks, name.strip("_") + "_")(mine, others)

    return compare
