"""`jax.interpreters.pxla`: older code imports it for names that JAX has removed since."""

__all__: list[str] = []
