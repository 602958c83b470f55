"""Which clients of the runtime there are already."""

from __future__ import annotations

from typing import Any

import ms_func
from ms_func.execution.buffers import default_backend

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    if name != "_backends":
        raise AttributeError(name)
    return {ms_func.default_backend(): ms_func.devices()[0].client} if _started() else {}


def _started() -> bool:
    return bool(getattr(default_backend(), "started", False))
