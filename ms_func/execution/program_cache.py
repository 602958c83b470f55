"""The compiled programs of this process, and the dispatcher's fast paths to them.

There is a bound on their number, since one takes from 0.2 MB to a dozen, and one on the memory
maps of the process: a program of the CPU holds from 3 maps to a few dozen, Linux grants a process
65,530 or more, and the compiler kills the process that asks for too many. A program that was
dropped is compiled again when it is called; those that live functions have called before are with
the dispatcher too, and go only where maps run short.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

from ms_func.runtime import extension, jax

fast_paths = extension.PjitFunctionCache(4096)
"""What the dispatcher knows of the signatures it has seen."""
jax.arrival.append(fast_paths.clear)  # it will see some otherwise

_programs: OrderedDict[Any, Any] = OrderedDict()
_lock = Lock()
_LIMIT = 1024
_MAPS_OF_A_PROGRAM = 128
"""Most that one is expected to hold."""
_LEAST = 8
"""Programs between two counts where there is no more room."""


def find(key: Any) -> Any:
    """The program of a key, or None."""
    with _lock:
        program = _programs.get(key)
        if program is not None:
            _programs.move_to_end(key)
    return program


def keep(key: Any, program: Any) -> None:
    """Remember a program that was just compiled; forget what was not asked for the longest."""
    with _lock:
        _programs[key] = program
        if len(_programs) > _LIMIT:
            _programs.popitem(last=False)
    maps.another()


def forget(count: int | None = None) -> None:
    """Drop the oldest programs, all if `count` is None, and all fast paths."""
    with _lock:
        for _ in range(len(_programs) if count is None else min(count, len(_programs))):
            _programs.popitem(last=False)
    fast_paths.clear()


class MemoryMaps:
    """Watches how many maps the process has; counting takes milliseconds, so it is seldom done.

    Attributes:
        granted: the most that the system grants; None where it sets no such limit.
        wait: programs to be compiled before the next count.
    """

    def __init__(self, folder: str = "/proc") -> None:
        self._table = Path(folder, "self", "maps")
        limit = Path(folder, "sys", "vm", "max_map_count")
        self.granted = int(limit.read_text()) if limit.exists() else None
        self.wait = self._room(0)

    def another(self) -> None:
        """A program was compiled: drop the older half of all where maps run short."""
        self.wait -= 1
        if self.granted is None or self.wait > 0:
            return
        if self._room(self._count()) == _LEAST:
            forget(len(_programs) // 2)
        self.wait = self._room(self._count())

    def _count(self) -> int:
        with self._table.open("rb") as lines:
            return sum(1 for _ in lines)

    def _room(self, count: int) -> int:
        """For how many programs there is room at least, in three quarters of the maps."""
        left = (self.granted or 0) * 3 // 4 - count
        return max(left // _MAPS_OF_A_PROGRAM, _LEAST)


maps = MemoryMaps()
