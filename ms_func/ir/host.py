"""Python functions as parameters of equations.

A program may call Python while it runs. The equation names the function by a `HostFunction`:
one object for each key, so that programs recorded twice are equal, and kept alive by the
programs that hold it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from types import MethodType
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ms_func.errors import IRError
from ms_func.ir.text import register_param_type


class Identity:
    """A key that is equal to itself alone, and keeps what it stands for alive."""

    __slots__ = ("of",)

    def __init__(self, of: Any) -> None:
        self.of = of

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.of is other.of

    def __hash__(self) -> int:
        return id(self.of)


def identity_of(fun: Any) -> Hashable:
    """Key of a callable: its identity; a bound method is its function and its object."""
    if type(fun) is MethodType:
        return (Identity(fun.__func__), Identity(fun.__self__))
    return Identity(fun)


class HostFunction:
    """A function of NumPy arrays that programs call on the host.

    Made by `host_function`, which gives the same object for equal keys.

    Attributes:
        name: what it is called in messages.
        call: from arrays, one per operand, to a sequence of arrays, one per result.
        number: number within the process, for the text form.
    """

    __slots__ = ("__weakref__", "call", "key", "name", "number")

    def __init__(
        self, name: str, call: Callable[..., Sequence[np.ndarray]], key: Hashable, number: int
    ) -> None:
        self.name, self.call, self.key, self.number = name, call, key, number

    def __str__(self) -> str:
        return f"{self.name}#{self.number}"

    def __repr__(self) -> str:
        return f"HostFunction({self})"


_by_key: WeakValueDictionary[Hashable, HostFunction] = WeakValueDictionary()
_by_number: WeakValueDictionary[int, HostFunction] = WeakValueDictionary()
_numbers = itertools.count()
_lock = Lock()


def host_function(
    name: str, call: Callable[..., Sequence[np.ndarray]], key: Hashable
) -> HostFunction:
    """The host function of that key, made from `call` where there is none yet.

    Args:
        name: what it is called in messages.
        call: from arrays to a sequence of arrays.
        key: what tells it from other host functions.
    """
    with _lock:
        found = _by_key.get((name, key))
        if found is None:
            found = HostFunction(name, call, key, next(_numbers))
            _by_key[name, key] = _by_number[found.number] = found
    return found


def _read(text: str) -> HostFunction:
    """The host function of a text written in this process."""
    found = _by_number.get(int(text.rpartition("#")[2]))
    if found is None or str(found) != text:
        raise IRError(
            f"the Python function {text} is not of this process\n"
            "fix: texts of programs that call Python can be read only where they were written"
        )
    return found


register_param_type(HostFunction, write=str, read=_read)
