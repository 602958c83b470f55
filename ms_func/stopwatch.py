"""Time of the stages that a program goes through, while somebody asks for it.

`timed` marks the functions that make up a stage. It costs one look at a thread-local where
nobody asks. A stage inside another stops the clock of the outer one, so that the seconds of
all stages add up to the whole.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Stopwatch:
    """Seconds spent in each stage, the stages within it apart."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    def _lap(self) -> None:
        now = time.perf_counter()
        if self._running:
            name = self._running[-1]
            self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the block for a stage."""
        self._lap()
        self._running.append(name)
        try:
            yield
        finally:
            self._lap()
            self._running.pop()


class _Active(threading.local):
    watch: Stopwatch | None = None


_active = _Active()


def watched() -> bool:
    """Whether this thread is being timed, so that nothing may be answered from a cache."""
    return _active.watch is not None


@contextmanager
def watching() -> Iterator[Stopwatch]:
    """Time the stages that this thread goes through in the block."""
    outer, watch = _active.watch, Stopwatch()
    _active.watch = watch
    try:
        yield watch
    finally:
        _active.watch = outer


def timed(stage: str) -> Callable[[F], F]:
    """Decorator: calls of the function belong to a stage."""

    def mark(fun: F) -> F:
        @wraps(fun)
        def measured(*args: Any, **kwargs: Any) -> Any:
            watch = _active.watch
            if watch is None:
                return fun(*args, **kwargs)
            with watch.stage(stage):
                return fun(*args, **kwargs)

        return measured  # type: ignore[return-value]

    return mark
