"""Frames of libraries that are left out where an error names the user's line."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType
from typing import Any

from ms_func.ir.loc import hide_frames_of as register_exclusion
from ms_func.ir.loc import is_internal

__all__ = ["api_boundary", "include_frame", "register_exclusion"]


def include_frame(f: FrameType) -> bool:
    """Whether a frame belongs to the user."""
    return not is_internal(f.f_code.co_filename)


def api_boundary(fun: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """`fun`: tracebacks are not rewritten here."""
    return fun
