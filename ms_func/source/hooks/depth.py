"""How deep calls may be inside of calls while a program is recorded."""

from __future__ import annotations

import sys
import threading

FRAMES = 10
"""About how many calls in Python a hook makes of one call of the user's."""


class _Room:
    """Raises Python's limit in proportion, so that users' functions may recur as deep as ever.

    Attributes:
        limit: the limit as the user knows it; None where nothing is recorded.
    """

    def __init__(self) -> None:
        self.limit: int | None = None
        self._inside = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:  # the limit is one for all threads
            if not self._inside:
                self.limit = sys.getrecursionlimit()
                sys.setrecursionlimit(self.limit * FRAMES)
            self._inside += 1

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self.limit is not None:
                if sys.getrecursionlimit() == self.limit * FRAMES:  # nobody else has set it
                    sys.setrecursionlimit(self.limit)
                self.limit = None


room = _Room()
