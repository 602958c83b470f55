"""`jax.extend.source_info_util`."""

from typing import Any

from ms_func.ir.loc import hide_frames_of as register_exclusion

__all__ = ["register_exclusion", "summarize"]


def summarize(source_info: Any, num_frames: int = 1) -> str:
    """Where an equation came from: file, line, column and function."""
    line, _, column, _ = source_info.span
    return f"{source_info.file}:{line}:{column + 1} ({source_info.function})"
