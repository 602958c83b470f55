"""What files of hooks use of files above them, and of the converter.

Operations of a language need each other: two lists are compared by comparing their elements, which
may be lists again. Files import downwards; what one needs of a file above it, that file enters
here, and it is looked up when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

call: Callable[..., Any]
"""Calls a function as converted code does."""
switch: Callable[..., Any]
"""Runs one of several functions by an index."""
ifexp: Callable[..., Any]
"""A conditional expression."""
unless: Callable[..., Any]
"""Raises under a traced condition."""
for_: Callable[..., Any]
"""A `for` loop."""
while_: Callable[..., Any]
"""A `while` loop."""
getitem: Callable[..., Any]
"""An element, as converted code gets it."""
listed: Callable[..., Any]
"""The elements of a new generator, or the first few, as a list; anything else as it is."""
is_: Callable[..., Any]
"""Whether two things are one object."""
raise_: Callable[..., Any]
"""The exception that a `raise` statement raises."""
assert_raising: Callable[..., None]
"""Raises at run time where a condition does not hold."""
agree: Callable[..., Any]
"""Lists whose elements are made of the same slots."""
leaving: Callable[[Any], Any]
"""A value in a form that can leave the program."""
compared: Callable[..., Any]
"""Whether a comparison of two containers holds."""

convert: Callable[[Any], Any]
"""From a function to its converted form, or to itself where it stays as it is."""
variant: Callable[..., Any]
"""From a function to its form for a use of its own, or None: a generator function turned inside
out for a "loop" or a "with", or "from" which another one takes its values; any whose operators are
those of "sets"."""
learn: Callable[[Any], None]
"""Converts a function of a library, for it became a method of the user's."""


def enter(function: F) -> F:
    """Supply a function under its name."""
    globals()[function.__name__] = function
    return function
