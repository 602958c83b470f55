"""`jax.experimental.key_reuse`: no public names, as in JAX; see `jax.debug_key_reuse`."""

__all__: list[str] = []
