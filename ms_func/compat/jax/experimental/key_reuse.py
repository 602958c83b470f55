"""`jax.experimental.key_reuse`: keys used twice are found with `jax.config.jax_debug_key_reuse`."""

from ms_func.errors import KeyReuseError

__all__ = ["KeyReuseError"]
