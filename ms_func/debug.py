"""Looking into programs while they run: printing, callbacks."""

from ms_func.primitives.effects import debug_callback as callback
from ms_func.primitives.effects import debug_print as print

__all__ = ["callback", "print"]
