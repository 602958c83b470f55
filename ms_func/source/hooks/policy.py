"""What decides which functions are converted when converted code calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Policy:
    """The slot through which hooks reach the converter, which stands above them.

    Attributes:
        convert: from a function to its converted form, or to itself where it stays as it is.
        pushing: from a generator function to the function that it is turned inside out, or None;
            "with" for one under `contextmanager`.
    """

    convert: Callable[[Any], Any] = staticmethod(lambda f: f)
    pushing: Callable[..., Any] = staticmethod(lambda f, turn="loop": None)


policy = Policy()
