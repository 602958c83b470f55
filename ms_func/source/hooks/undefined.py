"""What stands for a local name that is not bound yet."""

from __future__ import annotations

from typing import Any

from ms_func.source.hooks.journal import MISSING


class Undefined:
    """The one value `UNDEFINED`: a name of the state that no statement has bound yet."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED = Undefined()


def bound(value: Any, name: str) -> Any:
    """`value`, which a name holds.

    Raises:
        UnboundLocalError: nothing was assigned to the name on any way to this line.
    """
    if value is UNDEFINED or value is MISSING:
        raise UnboundLocalError(
            f"cannot access local variable '{name}' where it is not associated with a value"
        )
    return value
