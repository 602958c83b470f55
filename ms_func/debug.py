"""Looking into programs while they run: printing, callbacks, breakpoints."""

from ms_func.primitives.breakpoint import breakpoint
from ms_func.primitives.effects import debug_callback as callback
from ms_func.primitives.effects import debug_print as print

__all__ = ["breakpoint", "callback", "print"]
