"""`queue` in a recorded program, which is of one thread.

Nobody else puts or takes while a method waits, so that there are no locks, and where one would
wait for ever, it raises as if it had been told not to wait.
"""

from __future__ import annotations

import functools
import queue
from collections.abc import Callable
from typing import Any

from ms_func.source.hooks import above
from ms_func.source.hooks.calls.call import call
from ms_func.source.hooks.handlers import is_staging, stands_for


def _in_one_thread(plain: Any) -> Callable[[Callable[..., Any]], None]:
    """Let a function be converted and stand for a method of `queue.Queue`."""

    def enter(f: Callable[..., Any]) -> None:
        learn = functools.cache(lambda: above.learn(f))

        def handler(*args: Any, **kwargs: Any) -> Any:
            if not is_staging():
                return plain(*args, **kwargs)
            learn()
            return call(f, *args, **kwargs)

        stands_for(plain)(handler)

    return enter


@_in_one_thread(queue.Queue.put)
def _put(self: Any, item: Any, block: bool = True, timeout: Any = None) -> None:
    if 0 < self.maxsize <= self._qsize():
        raise queue.Full
    self._put(item)
    self.unfinished_tasks += 1


@_in_one_thread(queue.Queue.get)
def _get(self: Any, block: bool = True, timeout: Any = None) -> Any:
    if not self._qsize():
        raise queue.Empty
    return self._get()


@_in_one_thread(queue.Queue.qsize)
def _qsize(self: Any) -> int:
    return self._qsize()


@_in_one_thread(queue.Queue.empty)
def _empty(self: Any) -> bool:
    return not self._qsize()


@_in_one_thread(queue.Queue.full)
def _full(self: Any) -> bool:
    return 0 < self.maxsize <= self._qsize()


@_in_one_thread(queue.Queue.task_done)
def _task_done(self: Any) -> None:
    if self.unfinished_tasks <= 0:
        raise ValueError("task_done() called too many times")
    self.unfinished_tasks -= 1


@_in_one_thread(queue.Queue.join)
def _join(self: Any) -> None:
    assert self.unfinished_tasks == 0, "this program waits for ever: some tasks are not done"
