"""What stands where there is no value."""

from __future__ import annotations

from typing import Any


class Absent:
    """A value that says that there is none; see `UNDEFINED` and `UNBOUND`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


UNDEFINED = Absent("UNDEFINED")
"""Nobody can ask for what stands here: the code before it raises, or an element is not there."""
UNBOUND = Absent("UNBOUND")
"""A local name of the user's that no statement has bound yet."""
IS_BOUND = " (whether it is bound)"


class Unsure:
    """What a local name holds that data decide whether it is bound.

    Attributes:
        is_bound: whether it is, a traced condition.
        value: its value where it is bound.
        check: the recording in which it was last checked, the check and its place there.
    """

    __slots__ = ("check", "is_bound", "value")

    def __init__(self, is_bound: Any, value: Any) -> None:
        self.is_bound, self.value = is_bound, value
        self.check: tuple[Any, Any, int] | None = None

    @classmethod
    def of(cls, parts: Any) -> Any:
        """Such a value where it is needed."""
        is_bound, value = parts
        if is_bound is True:
            return value
        return UNBOUND if is_bound is False else cls(is_bound, value)
