"""`jax.cloud_tpu_init`: no public names, as in JAX."""

__all__: list[str] = []
