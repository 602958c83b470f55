"""The folder of compiled programs, which JAX keeps; none is written here."""

from ms_func.compat.flags import config

__all__ = ["reset_cache", "set_cache_dir"]


def set_cache_dir(path: str) -> None:
    """`jax.config.update("jax_compilation_cache_dir", path)`, which has no effect here."""
    config.update("jax_compilation_cache_dir", str(path))


def reset_cache() -> None:
    """Nothing: there is no folder to forget."""
