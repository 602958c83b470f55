"""Looking into programs while they run: printing, callbacks, breakpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ms_func.primitives.effects import debug_callback as callback
from ms_func.primitives.effects import debug_log as log
from ms_func.primitives.effects import debug_print as print

if TYPE_CHECKING:
    from ms_func.primitives.breakpoint import breakpoint

__all__ = ["breakpoint", "callback", "log", "print"]


def __getattr__(name: str) -> Any:
    if name != "breakpoint":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ms_func.primitives.breakpoint import breakpoint  # it brings a debugger, seldom wanted

    globals()[name] = breakpoint
    return breakpoint
