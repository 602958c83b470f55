"""What a process has one of, however many threads ask for it first."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from threading import RLock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[P, T]) -> Callable[P, T]:
    """Decorator of a function whose result is made once for each choice of arguments.

    `functools.cache` lets threads that come at the same time make one each.

    Args:
        make: function of hashable arguments.

    Example:
        >>> made = once(lambda name: [name])
        >>> made("a") is made("a")
        True
    """
    found: dict[Hashable, T] = {}
    lock = RLock()

    @wraps(make)
    def get(*args: P.args, **kwargs: P.kwargs) -> T:
        key = (args, *kwargs.items())
        if key not in found:
            with lock:
                if key not in found:
                    found[key] = make(*args, **kwargs)
        return found[key]

    return get
