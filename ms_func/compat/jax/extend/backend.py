"""`jax.extend.backend`."""

from __future__ import annotations

from typing import Any

import ms_func
from ms_func.api.compile import clear_caches
from ms_func.execution.buffers import default_backend

__all__ = ["backends", "clear_in_memory_compilation_cache", "get_backend", "get_default_device"]

clear_in_memory_compilation_cache = clear_caches


def get_backend(platform: str | None = None) -> Any:
    """The runtime's client of a platform."""
    return ms_func.devices(platform)[0].client


def get_default_device() -> Any:
    """Device that arrays go to."""
    return default_backend().default_device


def backends() -> dict[str, Any]:
    """Clients by platform."""
    return {ms_func.default_backend(): get_backend()}
