"""Looking into programs while they run: printing, callbacks, breakpoints, where arrays lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ms_func.api.visualize import (
    inspect_array_sharding,
    visualize_array_sharding,
    visualize_sharding,
)
from ms_func.primitives.effects import debug_callback as callback
from ms_func.primitives.effects import debug_log as log
from ms_func.primitives.effects import debug_print as print

if TYPE_CHECKING:
    from ms_func.primitives.breakpoint import breakpoint

__all__ = [
    "breakpoint", "callback", "inspect_array_sharding", "log", "print", "visualize_array_sharding",
    "visualize_sharding",
]  # fmt: skip
__dir__ = __all__.copy


def __getattr__(name: str) -> Any:
    if name != "breakpoint":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ms_func.primitives.breakpoint import breakpoint  # it brings a debugger, seldom wanted

    globals()[name] = breakpoint
    return breakpoint
