"""What decides which functions are converted when converted code calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Policy:
    """The slot through which hooks reach the converter, which stands above them.

    Attributes:
        is_users: whether a file is the user's own.
        convert: from a function to its converted form, or to itself where it stays as it is.
        variant: from a function to its form for a use of its own, or None: a generator function
            turned inside out for a "loop" or a "with", or "from" which another one takes its
            values; any whose operators are those of "sets".
    """

    is_users: Callable[[str], bool] = staticmethod(lambda file: False)
    convert: Callable[[Any], Any] = staticmethod(lambda f: f)
    variant: Callable[..., Any] = staticmethod(lambda f, turn="loop": None)


policy = Policy()
