"""`jax.experimental.compilation_cache.compilation_cache`: older names of settings."""

from __future__ import annotations

from ms_func.compat.flags import config

__all__ = ["reset_cache", "set_cache_dir"]


def set_cache_dir(path: str) -> None:
    """As `jax.config.update("jax_compilation_cache_dir", path)`."""
    config.update("jax_compilation_cache_dir", path)


def reset_cache() -> None:
    """Nothing: a directory that was set is not kept open."""
