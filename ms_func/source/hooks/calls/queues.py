"""`queue` in a recorded program, which is of one thread.

Nobody else puts or takes while a method waits, so that there are no locks, and where one would
wait for ever, it raises as if it had been told not to wait.
"""

from __future__ import annotations

import queue
from typing import Any

from ms_func.source.hooks.calls.written import written


@written(queue.Queue.put)
def _put(self: Any, item: Any, block: bool = True, timeout: Any = None) -> None:
    if 0 < self.maxsize <= self._qsize():
        raise queue.Full
    self._put(item)
    self.unfinished_tasks += 1


@written(queue.Queue.get)
def _get(self: Any, block: bool = True, timeout: Any = None) -> Any:
    if not self._qsize():
        raise queue.Empty
    return self._get()


@written(queue.Queue.qsize)
def _qsize(self: Any) -> int:
    return self._qsize()


@written(queue.Queue.empty)
def _empty(self: Any) -> bool:
    return not self._qsize()


@written(queue.Queue.full)
def _full(self: Any) -> bool:
    return 0 < self.maxsize <= self._qsize()


@written(queue.Queue.task_done)
def _task_done(self: Any) -> None:
    if self.unfinished_tasks <= 0:
        raise ValueError("task_done() called too many times")
    self.unfinished_tasks -= 1


@written(queue.Queue.join)
def _join(self: Any) -> None:
    assert self.unfinished_tasks == 0, "this program waits for ever: some tasks are not done"
