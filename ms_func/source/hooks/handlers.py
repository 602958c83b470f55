"""The table of what stands for functions that are not converted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ms_func.ir.primitive import current
from ms_func.tracing.tracer import Staging, Tracer

HANDLERS: dict[int, Callable[..., Any]] = {}
"""What stands for a function, by its identity; it takes the same arguments."""


def stands_for(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a function into the table."""

    def enter(handler: Callable[..., Any]) -> Callable[..., Any]:
        for f in functions:
            HANDLERS[id(f)] = handler
        return handler

    return enter


def is_traced(*args: Any) -> bool:
    """Whether one of the arguments is traced."""
    return any(type(a) is Tracer for a in args)


def is_staging() -> bool:
    """Whether a program is being recorded."""
    return type(current.interpreter) is Staging
